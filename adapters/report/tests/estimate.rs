//! Estimates, to the millisecond, against sums that a person can follow.

use std::collections::BTreeMap;

use farshore_core::Site;
use farshore_core::ids::{GroupIx, GroupKey, HostKey, LunIx, LunKey, Side};
use farshore_core::inventory::Readiness;
use farshore_core::message::Scope;
use farshore_core::policy::Remainder;
use farshore_core::record::Hold;
use farshore_core::spec::{
    Datastore, Deployment, Edge, Group, Host, Lun, Plan, PlanGroup, PlanStep, Replica, Span, Vm,
};
use farshore_core::time::Millis;
use farshore_report::estimate::{AssumeError, Assumptions, Cause, Estimate, Going, GroupEstimate, Step, estimate};

/// What each step takes in these tests: powers of ten, so that a sum shows what is in it.
fn takes(step: Step) -> Millis {
    Millis(match step {
        Step::Report | Step::Message | Step::Save | Step::Fence | Step::Cut | Step::RollBack | Step::ReadWrite => 0,
        Step::Mount | Step::StopReplication | Step::ReadOnly => 0,
        Step::PowerOff => 10,
        Step::Drain => 100,
        Step::Stop => 1000,
        Step::Start => 10_000,
        Step::Boot => 100_000,
        Step::Command => 3,
        Step::Answer => 7,
    })
}

/// Groups `first` (priority 1: a in tier 1, b in tier 2) and `second` (priority 2: c, d, e in one tier), one slot at birch.
fn site(change: impl Fn(&mut Deployment)) -> Site {
    let mut birch = farshore_core::spec::Site::of("birch", "birch-san", &[]);
    birch.hosts = vec![Host { max_concurrent_starts: 1, ..Host::named("birch-1") }];
    let names = ["first", "second"];
    let vm = |name: &str, ds, tier| Vm { tier, ..Vm::of(name, &[ds]) };
    let priority = |group: &str, priority| PlanGroup { priority, ..PlanGroup::named(group) };
    let lun = |(unit, name): (u16, &&str)| {
        Lun::of(name, "alder-san", unit).replicated(Replica::synchronous("birch-san", unit))
    };
    let mut deployment = Deployment {
        sites: vec![farshore_core::spec::Site::of("alder", "alder-san", &["alder-1"]), birch],
        luns: (1..).zip(&names).map(lun).collect(),
        datastores: names.iter().map(|n| Datastore::of(n, &[n])).collect(),
        vms: vec![
            vm("a", "first", 1),
            vm("b", "first", 2),
            vm("c", "second", 1),
            vm("d", "second", 1),
            vm("e", "second", 1),
        ],
        groups: names.iter().map(|n| Group::of(n, &[n])).collect(),
        plans: vec![Plan { groups: vec![priority("first", 1), priority("second", 2)], ..Plan::of("move", &[]) }],
        ..Deployment::default()
    };
    change(&mut deployment);
    let [site, _] = Site::pair(&deployment).expect("it is valid");
    site
}

fn group(site: &Site, name: &str) -> GroupIx {
    site.inventory.groups.find(GroupKey::of(name)).expect("there")
}

fn lun(site: &Site, name: &str) -> LunIx {
    site.inventory.luns.find(LunKey::of(name)).expect("there")
}

/// A group that is lost with its LUN, all of it on birch's one host.
fn going(site: &Site, name: &str) -> Going {
    let ix = group(site, name);
    let host = site.inventory.hosts.find(HostKey::of("birch-1")).expect("there");
    let placement: BTreeMap<_, _> = site.inventory.groups[ix].vms.iter().map(|&v| (v, host)).collect();
    let (plan, lost) = (farshore_core::ids::PlanIx(0), vec![lun(site, name)]);
    let (cause, scope) = (Cause::Lost, Scope::All);
    Going { group: ix, from: Side::One, cause, plan, scope, hold: None, lost, placement }
}

fn of<'a>(estimate: &'a Estimate, name: &str) -> &'a GroupEstimate {
    estimate.groups.iter().find(|g| g.group == name).expect("there")
}

fn ready(estimate: &Estimate, name: &str) -> Vec<(String, u64, u64)> {
    of(estimate, name).vms.iter().map(|v| (v.vm.clone(), v.start, v.ready)).collect()
}

/// The window of G4, and a power-off.
const LEAD: u64 = 2000 + 10;

#[test]
fn f6_tiers_and_slots_are_taken_in_start_order() {
    let site = site(|d| d.plans[0].tier_delay = Span::millis(500));
    let estimate = estimate(&site, &Assumptions::new(takes), &[going(&site, "first"), going(&site, "second")]);
    let first = [("a".into(), LEAD, LEAD + 10_000), ("b".into(), LEAD + 10_500, LEAD + 20_500)];
    assert_eq!(ready(&estimate, "first"), first);
    // F9: the second group goes when the first is recovered, and its VMs share one slot.
    let from = LEAD + 20_500 + 10;
    let second = ["c", "d", "e"].map(String::from);
    let at = |n: u64| (from + n * 10_000, from + (n + 1) * 10_000);
    let wanted: Vec<_> = second.into_iter().zip(0..).map(|(vm, n)| (vm, at(n).0, at(n).1)).collect();
    assert_eq!(ready(&estimate, "second"), wanted);
    assert_eq!(of(&estimate, "second").waits_for, ["first"]);
    let slots: Vec<u64> = of(&estimate, "second").vms.iter().map(|v| v.waits_for_slot).collect();
    assert_eq!(slots, [0, 10_000, 20_000]);
    assert_eq!(estimate.end, Some(from + 30_000));
}

#[test]
fn f9_phases_follow_each_other_without_a_gap() {
    let site = site(|_| ());
    let estimate = estimate(&site, &Assumptions::new(takes), &[going(&site, "first"), going(&site, "second")]);
    for group in &estimate.groups {
        assert_eq!(group.phases.first().map(|p| p.start), Some(0));
        for pair in group.phases.windows(2) {
            assert_eq!(pair[0].end, pair[1].start, "{}: {pair:?}", group.group);
        }
        assert_eq!(group.phases.last().map(|p| p.end), group.end, "{}", group.group);
    }
    let waits: Vec<&str> = of(&estimate, "second").phases.iter().map(|p| p.rule.as_str()).collect();
    assert!(waits.contains(&"F9"), "{waits:?}");
}

#[test]
fn f2_what_works_is_shut_down_tier_by_tier_and_drained() {
    let site = site(|_| ());
    let planned = |site: &Site| Going { cause: Cause::Planned, lost: Vec::new(), ..going(site, "first") };
    let all = [planned(&site)];
    // Tier 2 stops, then tier 1; then the LUN drains. Nothing is detected.
    assert_eq!(ready(&estimate(&site, &Assumptions::new(takes), &all), "first")[0].1, 2 * 1000 + 100);
    // A guest that takes too long is powered off at the grace.
    let mut slow = Assumptions::new(takes);
    slow.set("stop.b=5m").expect("valid");
    assert_eq!(ready(&estimate(&site, &slow, &all), "first")[0].1, 60_000 + 10 + 1000 + 100);
}

#[test]
fn f6_readiness_is_the_heartbeat_where_the_vm_says_so() {
    let site = site(|d| d.vms.iter_mut().for_each(|v| v.ready = Readiness::Heartbeat));
    let estimate = estimate(&site, &Assumptions::new(takes), &[going(&site, "second")]);
    // A slot is free once a VM is powered on, not once it is ready.
    let wanted =
        [("c", 0u64), ("d", 10_000), ("e", 20_000)].map(|(vm, n)| (vm.to_string(), LEAD + n, LEAD + n + 110_000));
    assert_eq!(ready(&estimate, "second"), wanted);
}

#[test]
fn m3_what_is_not_critical_comes_later_or_not_at_all() {
    let site = site(|d| d.vms[3].critical = true);
    let with = |remainder| Going { scope: Scope::Critical(remainder), ..going(&site, "second") };
    let later = estimate(&site, &Assumptions::new(takes), &[with(Remainder::Subsequently)]);
    let order: Vec<_> = ready(&later, "second").into_iter().map(|(vm, start, _)| (vm, start - LEAD)).collect();
    assert_eq!(order, [("c".into(), 10_000), ("d".into(), 0), ("e".into(), 20_000)]);
    let never = estimate(&site, &Assumptions::new(takes), &[with(Remainder::Never)]);
    assert_eq!(ready(&never, "second"), [("d".to_string(), LEAD, LEAD + 10_000)]);
    // A group without critical VMs waits for one that has some, whatever their priorities are.
    let held = Going { hold: Some(Hold::AfterCritical), ..going(&site, "first") };
    let both = estimate(&site, &Assumptions::new(takes), &[held, with(Remainder::Never)]);
    assert_eq!(of(&both, "first").waits_for, ["second"]);
    assert_eq!(ready(&both, "first")[0].1, LEAD + 10_000 + 10);
}

#[test]
fn f6_steps_come_between_the_vms_and_one_after_another() {
    let step = |name: &str| PlanStep { name: name.into(), ..PlanStep::default() };
    let command = || vec!["true".to_string()];
    let site = site(|d| {
        d.plans[0].steps = vec![
            PlanStep { when: Some(Edge::First), prompt: Some("Go?".into()), ..step("ask") },
            PlanStep { when: Some(Edge::First), command: command(), group: Some("second".into()), ..step("other") },
            PlanStep { after_vm: Some("a".into()), command: command(), ..step("check") },
            PlanStep { before_tier: Some(2), delay: Some(Span::millis(500)), ..step("settle") },
            PlanStep { before_tier: Some(2), command: command(), timeout: Some(Span::millis(2)), ..step("short") },
            PlanStep { when: Some(Edge::Last), command: command(), ..step("name") },
        ];
    });
    let estimate = estimate(&site, &Assumptions::new(takes), &[going(&site, "first")]);
    let first = of(&estimate, "first");
    let a = LEAD + 7;
    let b = a + 10_000 + 3 + 500 + 2;
    assert_eq!(ready(&estimate, "first"), [("a".into(), a, a + 10_000), ("b".into(), b, b + 10_000)]);
    let steps: Vec<(&str, u64, u64)> = first.steps.iter().map(|s| (s.phase.as_str(), s.start, s.end)).collect();
    let wanted = [
        ("ask", LEAD, a),
        ("check", a + 10_000, a + 10_003),
        ("settle", a + 10_003, a + 10_503),
        ("short", a + 10_503, b),
        ("name", b + 10_000, b + 10_003),
    ];
    assert_eq!(steps, wanted);
    assert_eq!(first.end, Some(b + 10_003));
}

#[test]
fn o11_a_silent_site_is_waited_out() {
    let site =
        site(|d| d.policy.arbiter = Some(farshore_core::spec::Arbiter { lease: Span::secs(90), ..Default::default() }));
    let gone = Going { cause: Cause::SiteLost, ..going(&site, "first") };
    let given = site.policy.arbiter.expect("there").leases.given().0;
    assert!(given > 90_000, "longer than the lease: {given}");
    assert_eq!(ready(&estimate(&site, &Assumptions::new(takes), &[gone]), "first")[0].1, given);
}

#[test]
fn an_estimate_is_the_same_each_time() {
    let site = site(|_| ());
    let all = [going(&site, "first"), going(&site, "second")];
    let assume = Assumptions::new(takes);
    assert_eq!(estimate(&site, &assume, &all), estimate(&site, &assume, &all));
}

#[test]
fn assumptions_are_read_and_mistakes_are_named() {
    let mut assume = Assumptions::new(takes);
    assume.set("boot=90s").expect("valid");
    assume.set("boot.a=3m").expect("valid");
    assert_eq!((assume.takes(Step::Boot), assume.of(Step::Boot, "a")), (Millis(90_000), Millis(180_000)));
    assert_eq!(assume.of(Step::Boot, "b"), Millis(90_000));
    assert_eq!(assume.unknown(|name| name == "b").collect::<Vec<_>>(), ["a"]);
    assert!(matches!(assume.set("boot"), Err(AssumeError::Form(_))));
    let why = assume.set("boots=1s").expect_err("no such step").to_string();
    assert!(why.contains("`boots`") && why.contains("power-off"), "{why}");
    assert!(matches!(assume.set("boot=soon"), Err(AssumeError::Time(_))));
}
