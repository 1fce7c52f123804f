//! The gate: what a recovery type lets through (M3), and what limits automation (M5). Each test names the rule that it
//! checks.

mod support;

use farshore_core::error::Rejected;
use farshore_core::event::Alert;
use farshore_core::ids::GroupKey;
use farshore_core::inventory::{ConfigError, Site};
use farshore_core::message::{Body, Refusal, Scope, Stage};
use farshore_core::policy::{RecoveryKind, Remainder};
use farshore_core::record::{GivePhase, Hold, Latch, TakePhase, Work};
use farshore_core::spec::{Deployment, Recovery, SitePolicy, Vm};
use farshore_core::{Command, Effect};
use support::{ALDER, BIRCH, Pair, groups};

const HELD_COUNT: Option<GivePhase> = Some(GivePhase::Held(Hold::Count));
const HELD_ON_REQUEST: Option<GivePhase> = Some(GivePhase::Held(Hold::OnRequest));

fn critical_first(remainder: Remainder) -> Recovery {
    Recovery { kind: RecoveryKind::CriticalFirst, remainder: Some(remainder), vms: None }
}

/// `till` has a critical VM, what that depends on, and one that is neither; `back` has nothing critical.
fn tills(recovery: Recovery) -> Deployment {
    let mut deployment = groups(&["back", "till"]);
    deployment.vms = vec![
        Vm::of("back", &["back"]),
        Vm::of("a-report", &["till"]),
        Vm::of("till-db", &["till"]),
        Vm { critical: true, depends_on: vec!["till-db".into()], ..Vm::of("till", &["till"]) },
    ];
    deployment.policy.recovery = recovery;
    deployment
}

/// `x` has two VMs and `y` one.
fn three(vms: u32) -> Deployment {
    let mut deployment = groups(&["x", "y"]);
    deployment.vms = vec![Vm::of("x1", &["x"]), Vm::of("x2", &["x"]), Vm::of("y1", &["y"])];
    at_least(deployment, vms)
}

/// That many at alder; birch has none of its own.
fn at_least(mut deployment: Deployment, vms: u32) -> Deployment {
    let recovery = Some(Recovery { kind: RecoveryKind::AtLeast, remainder: None, vms: Some(vms) });
    deployment.policy.sites.insert("alder".into(), SitePolicy { recovery, backoff: None });
    deployment
}

fn alert(group: &str, why: Latch) -> Alert {
    Alert::NeedsOperator { group: GroupKey::of(group), why }
}

fn lose_both(pair: &mut Pair, names: [&str; 2]) {
    names.iter().for_each(|name| pair.lose(ALDER, name));
    pair.conclude();
}

fn prepares(pair: &Pair, group: &str) -> usize {
    let key = GroupKey::of(group);
    let is = |m: &farshore_core::message::Message| m.group == key && matches!(m.body, Body::Prepare { .. });
    pair.nodes[ALDER].sent().iter().filter(|m| is(m)).count()
}

/// M3: with `Everything` each marked group moves at once, critical or not.
#[test]
fn m3_everything_moves_at_once() {
    let mut pair = Pair::protected(&tills(Recovery::EVERYTHING));
    pair.link = false;
    lose_both(&mut pair, ["back", "till"]);
    assert_eq!(["back", "till"].map(|g| pair.nodes[ALDER].giving(g)), [Some(GivePhase::Preparing); 2]);
    pair.link = true;
    pair.until(|p| p.recovered(&["back", "a-report", "till-db", "till"]));
}

/// M3: with `Subsequently` the critical VM and what it depends on come up first, then the rest of its group; a group
/// without one is held until then.
#[test]
fn m3_the_remainder_follows_the_critical() {
    let mut pair = Pair::protected(&tills(critical_first(Remainder::Subsequently)));
    pair.link = false;
    lose_both(&mut pair, ["back", "till"]);
    pair.pass(20_000);
    assert_eq!(pair.nodes[ALDER].giving("till"), Some(GivePhase::Preparing));
    assert_eq!(pair.nodes[ALDER].giving("back"), Some(GivePhase::Held(Hold::AfterCritical)));
    pair.link = true;
    pair.until(|p| p.recovered(&["back"]));
    pair.settle();
    assert_eq!(pair.nodes[BIRCH].came_up(), ["till-db", "till", "a-report", "back"]);
}

/// M3: with `OnRequest` a critical VM takes its whole group's data along; the others of the group are stopped and
/// registered, and start when an operator says so, as does a group without a critical VM.
#[test]
fn m3_the_remainder_waits_for_a_request() {
    let mut pair = Pair::protected(&tills(critical_first(Remainder::OnRequest)));
    lose_both(&mut pair, ["back", "till"]);
    pair.pass(600_000);
    let birch = &pair.nodes[BIRCH];
    assert_eq!(birch.came_up(), ["till-db", "till"], "what a critical VM depends on is critical");
    assert_eq!((birch.taking("till"), birch.record("till").latch), (Some(TakePhase::Waiting), None));
    assert!(birch.active("till") && !pair.nodes[ALDER].runs("a-report"), "stopped with its group");
    assert_eq!(pair.nodes[ALDER].giving("back"), HELD_ON_REQUEST);
    assert!(pair.nodes[ALDER].alerts().contains(&Alert::Held { group: GroupKey::of("back"), hold: Hold::OnRequest }));
    pair.command(BIRCH, Command::StartRemainder(GroupKey::of("till"))).unwrap();
    assert!(pair.nodes[BIRCH].runs("a-report") && !pair.nodes[BIRCH].runs("back"));
    pair.command(ALDER, Command::Release(GroupKey::of("back"))).unwrap();
    pair.until(|p| p.recovered(&["back"]));
}

/// M3: with `Never` the rest stays down, and an alert says so at each site; an operator can still say otherwise.
#[test]
fn m3_a_remainder_that_never_starts_is_an_alert() {
    let mut pair = Pair::protected(&tills(critical_first(Remainder::Never)));
    lose_both(&mut pair, ["back", "till"]);
    pair.pass(600_000);
    assert_eq!(pair.nodes[BIRCH].came_up(), ["till-db", "till"]);
    assert!(pair.nodes[BIRCH].alerts().contains(&alert("till", Latch::RemainderNever)));
    assert!(pair.nodes[ALDER].alerts().contains(&alert("back", Latch::RemainderNever)));
    assert_eq!(pair.nodes[ALDER].giving("back"), HELD_ON_REQUEST);
    pair.command(BIRCH, Command::StartRemainder(GroupKey::of("till"))).unwrap();
    pair.command(ALDER, Command::Release(GroupKey::of("back"))).unwrap();
    pair.until(|p| p.recovered(&["a-report", "back"]));
    assert_eq!(pair.nodes.each_ref().map(|n| n.alerts().iter().filter(|a| a.rule() == "M5").count()), [0, 0]);
}

/// M3: with `AtLeast` nothing moves until so many VMs are affected, over all held incidents; then all of them do.
#[test]
fn m3_at_least_counts_over_held_incidents_and_releases_them_together() {
    let mut pair = Pair::protected(&three(3));
    pair.lose(ALDER, "x");
    pair.pass(60_000);
    assert_eq!((pair.nodes[ALDER].giving("x"), prepares(&pair, "x")), (HELD_COUNT, 0));
    pair.lose(ALDER, "y");
    pair.until(|p| p.recovered(&["x1", "x2", "y1"]));
}

/// M3: the VMs that are counted are distinct: a second LUN of the same group adds nothing.
#[test]
fn m3_at_least_counts_each_vm_once() {
    let mut deployment = three(3);
    deployment.luns.push({
        let lun = farshore_core::spec::Lun::of("x-log", "alder-san", 9);
        lun.replicated(farshore_core::spec::Replica::synchronous("birch-san", 9))
    });
    deployment.datastores[0].luns.push("x-log".into());
    let mut pair = Pair::protected(&deployment);
    for name in ["x", "x-log"] {
        pair.lose(ALDER, name);
        pair.pass(60_000);
        assert_eq!(pair.nodes[ALDER].giving("x"), HELD_COUNT, "two VMs, not four");
    }
    assert_eq!(pair.nodes[ALDER].record("x").marks.len(), 2);
}

/// M3: a held incident is visible at once, alerts after `hold_alert`, and can be released by an operator. What an
/// operator has released is not counted any more.
#[test]
fn m3_a_held_incident_alerts_and_can_be_released() {
    let mut pair = Pair::protected(&three(3));
    pair.lose(ALDER, "x");
    pair.conclude();
    let held = Alert::Held { group: GroupKey::of("x"), hold: Hold::Count };
    pair.pass(299_999);
    assert_eq!((pair.nodes[ALDER].giving("x"), pair.nodes[ALDER].alerts().contains(&held)), (HELD_COUNT, false));
    pair.pass(1);
    assert!(pair.nodes[ALDER].alerts().contains(&held));
    pair.command(ALDER, Command::Release(GroupKey::of("x"))).unwrap();
    assert!(!pair.nodes[ALDER].alerts().contains(&held), "and the alert is over");
    pair.until(|p| p.recovered(&["x1", "x2"]));
    pair.lose(ALDER, "y");
    pair.pass(60_000);
    assert_eq!(pair.nodes[ALDER].giving("y"), HELD_COUNT, "one VM is held, not three");
}

/// M3: more than the inventory holds is an error of the configuration, and so is none at all.
#[test]
fn m3_at_least_more_than_there_are_is_refused() {
    assert!(Site::new(&three(3), "alder").is_ok());
    for vms in [0, 4] {
        let refused = ConfigError::AtLeast { site: "alder".into(), vms, protected: 3 };
        assert_eq!(Site::new(&three(vms), "alder"), Err(refused));
    }
}

/// M5: an automatic failover starts the cooldown, counted from F3, at both sites; an aborted try does not.
#[test]
fn m5_the_cooldown_counts_from_the_release() {
    let mut pair = Pair::protected(&three(1));
    pair.lose_until("x", |p| p.nodes[ALDER].giving("x") == Some(GivePhase::Quiescing));
    assert!(!pair.nodes[ALDER].record("x").cooling);
    pair.until(|p| p.nodes[ALDER].giving("x") == Some(GivePhase::Released));
    let since = pair.now;
    assert!(pair.nodes[ALDER].record("x").cooling);
    pair.until(|p| p.recovered(&["x1"]));
    pair.pass(3_599_999 - (pair.now - since));
    assert!(pair.nodes.iter().all(|n| n.record("x").cooling));
    pair.pass(1_000);
    assert!(pair.nodes.iter().all(|n| !n.record("x").cooling));
}

/// M5: a group that fails again within the cooldown is left to an operator, who may retry. After a restart the cooldown
/// runs again in full.
#[test]
fn m5_no_second_failover_within_the_cooldown() {
    for (waited, moves) in [(3_500_000, false), (3_600_000, true)] {
        let mut pair = Pair::protected(&three(1));
        pair.nodes[ALDER].disk.groups[0].cooling = true; // It came back a moment ago; failing back is not built yet.
        pair.nodes[ALDER].disk.groups[1].cooling = true;
        pair.pass(1_000_000);
        pair.restart(ALDER);
        pair.pass(waited);
        pair.lose(ALDER, "x");
        pair.pass(60_000);
        assert_eq!(pair.recovered(&["x1", "x2"]), moves, "after {waited} ms");
        if !moves {
            assert_eq!(pair.nodes[ALDER].record("x").work, Work::Idle);
            assert!(pair.nodes[ALDER].alerts().contains(&alert("x", Latch::Cooldown)));
            pair.command(ALDER, Command::Retry(GroupKey::of("x"))).unwrap();
            pair.until(|p| p.recovered(&["x1", "x2"]));
        }
    }
}

/// M5, M6: refused tries are repeated after pauses that grow, `max_tries` times; then an operator is needed, and
/// nothing more is asked.
#[test]
fn m5_refused_tries_are_bounded_and_end_at_an_operator() {
    let mut pair = Pair::protected(&three(1));
    pair.command(BIRCH, Command::Maintenance(true)).unwrap();
    pair.lose(ALDER, "x");
    pair.conclude();
    let start = pair.now;
    let mut tries = Vec::new();
    for _ in 0..600 {
        if prepares(&pair, "x") > tries.len() {
            tries.push(pair.now - start);
        }
        pair.pass(100);
    }
    assert_eq!(tries, [0, 5_000, 15_000]);
    let record = pair.nodes[ALDER].record("x");
    assert_eq!((record.tries, record.latch), (3, Some(Latch::Refused)));
    assert!(pair.nodes[ALDER].alerts().contains(&alert("x", Latch::Refused)));
    assert!(
        pair.nodes[ALDER]
            .events()
            .iter()
            .any(|e| { matches!(e, farshore_core::event::Event::Refused { reason: Refusal::Maintenance, .. }) })
    );
    pair.command(BIRCH, Command::Maintenance(false)).unwrap();
    pair.pass(600_000);
    assert!(!pair.recovered(&["x1"]), "latched");
    pair.command(ALDER, Command::Retry(GroupKey::of("x"))).unwrap();
    pair.until(|p| p.recovered(&["x1", "x2"]));
}

/// M6: the pauses differ by site, so that the two do not refuse each other in step.
#[test]
fn m6_the_sites_back_off_differently() {
    let [one, two] = Site::pair(&three(1)).unwrap().map(|s| s.policy.limits.backoff[s.here.at()]);
    assert_ne!(one, two);
}

/// M5: in maintenance mode every recovery type's failover is a proposal: visible, and nothing is stopped or asked.
/// Approved, it runs.
#[test]
fn m5_maintenance_makes_everything_a_proposal() {
    let everything = Recovery::EVERYTHING;
    let subsequently = tills(critical_first(Remainder::Subsequently));
    for deployment in [tills(everything.clone()), subsequently, at_least(tills(everything), 1)] {
        let mut pair = Pair::protected(&deployment);
        pair.command(ALDER, Command::Maintenance(true)).unwrap();
        pair.clear_logs();
        lose_both(&mut pair, ["back", "till"]);
        pair.pass(600_000);
        let alder = &pair.nodes[ALDER];
        assert_eq!(["back", "till"].map(|g| alder.giving(g)), [Some(GivePhase::Held(Hold::Proposal)); 2]);
        assert!(!alder.log.iter().any(|e| matches!(e, Effect::Do(_) | Effect::Send(_))));
        assert!(alder.alerts().contains(&Alert::Held { group: GroupKey::of("till"), hold: Hold::Proposal }));
        for group in ["till", "back"] {
            pair.command(ALDER, Command::Release(GroupKey::of(group))).unwrap();
        }
        pair.until(|p| p.recovered(&["till", "back"]));
    }
}

/// M5: a proposal that is cancelled moves nothing, then or later, until an operator retries.
#[test]
fn m5_a_cancelled_proposal_moves_nothing() {
    let mut pair = Pair::protected(&three(1));
    pair.command(ALDER, Command::Maintenance(true)).unwrap();
    pair.lose(ALDER, "x");
    pair.conclude();
    pair.command(ALDER, Command::Cancel(GroupKey::of("x"))).unwrap();
    pair.command(ALDER, Command::Maintenance(false)).unwrap();
    pair.pass(600_000);
    let record = pair.nodes[ALDER].record("x");
    assert_eq!((&record.work, record.latch, prepares(&pair, "x")), (&Work::Idle, Some(Latch::Cancelled), 0));
    let again = pair.command(ALDER, Command::Release(GroupKey::of("x")));
    assert_eq!(again, Err(Rejected::NothingToDo { name: "x".into() }));
    pair.command(ALDER, Command::Retry(GroupKey::of("x"))).unwrap();
    pair.until(|p| p.recovered(&["x1", "x2"]));
}

/// M5, I9: the same reports again move nothing a second time.
#[test]
fn i9_one_incident_moves_a_group_once() {
    let mut pair = Pair::protected(&three(1));
    pair.lose_until("x", |p| p.recovered(&["x1", "x2"]));
    pair.pass(10_000);
    pair.clear_logs();
    pair.restart(ALDER);
    pair.pass(60_000);
    assert_eq!(prepares(&pair, "x"), 0);
    let stages = pair.nodes[ALDER].sent().into_iter().filter(|m| matches!(m.body, Body::Handover { .. }));
    assert_eq!(stages.count(), 0);
    assert_eq!(pair.nodes[ALDER].record("x").work, Work::Idle);
}

/// M3: the scope that the gate decides is what the peer is asked for.
#[test]
fn m3_the_scope_is_part_of_the_offer() {
    let mut pair = Pair::protected(&tills(critical_first(Remainder::Never)));
    pair.link = false;
    pair.lose(ALDER, "till");
    pair.conclude();
    let asked = pair.intercept(BIRCH, |b| matches!(b, Body::Prepare { stage: Stage::Prepare, .. }));
    let Body::Prepare { offer, .. } = asked.body else { unreachable!() };
    assert_eq!(offer.scope, Scope::Critical(Remainder::Never));
}
