//! Marking, choosing a plan, and the order in which groups move (M1, M2, M4, F9, I8). Each test names the rule that it
//! checks.

mod support;

use farshore_core::choosing::choose;
use farshore_core::effect::Effect;
use farshore_core::event::{Alert, Event};
use farshore_core::ids::{DatastoreKey, GroupKey, LunKey, PlanKey};
use farshore_core::inventory::{ConfigError, Site};
use farshore_core::message::Body;
use farshore_core::policy::{ErrorKind, RecoveryKind};
use farshore_core::record::{GivePhase, Work};
use farshore_core::spec::{Datastore, Deployment, Lun, Plan, PlanGroup, Replica, Rule, Vm};
use farshore_core::{Command, Fact};
use proptest::prelude::*;
use support::{ALDER, BIRCH, Pair, groups, lost, set};

/// Four groups of one VM each.
fn four() -> Deployment {
    let names = ["a", "b", "c", "d"];
    let mut deployment = groups(&names);
    deployment.vms = names.iter().map(|name| Vm::of(&format!("vm-{name}"), &[name])).collect();
    deployment
}

/// The same with three plans, and rules that choose between them.
fn ruled() -> Deployment {
    let mut deployment = four();
    let all = ["a", "b", "c", "d"];
    deployment.plans = ["first", "second", "last"].map(|plan| Plan::of(plan, &all)).to_vec();
    let rule = |groups: &[&str], errors: &[ErrorKind], recovery: &[RecoveryKind], plan: &str| Rule {
        groups: groups.iter().map(|&g| g.into()).collect(),
        errors: errors.to_vec(),
        recovery: recovery.to_vec(),
        plan: plan.into(),
    };
    deployment.policy.rules = vec![
        rule(&["a"], &[ErrorKind::DeviceLost], &[RecoveryKind::Everything], "first"),
        rule(&["a", "b"], &[], &[], "second"),
        rule(&[], &[ErrorKind::DeviceLost], &[], "first"),
        rule(&[], &[], &[], "last"),
    ];
    deployment
}

/// Four groups, the first of two LUNs.
fn two_luns() -> Deployment {
    let mut deployment = four();
    let replica = Replica::synchronous("birch-san", 9);
    deployment.luns.push(Lun::of("a-log", "alder-san", 9).replicated(replica));
    deployment.datastores[0].luns.push("a-log".into());
    deployment
}

/// What a chosen plan was, by group.
fn chosen(pair: &Pair) -> Vec<(GroupKey, PlanKey, u32, ErrorKind)> {
    let plan = |e: Event| match e {
        Event::PlanChosen { group, plan, rule, kind, .. } => Some((group, plan, rule, kind)),
        _ => None,
    };
    pair.nodes[ALDER].events().into_iter().filter_map(plan).collect()
}

/// M4: every combination of group, error and recovery type goes to the first rule that matches all three.
#[test]
fn m4_the_first_rule_that_matches_wins() {
    let site = Site::new(&ruled(), "alder").unwrap();
    let errors = [ErrorKind::LunLost, ErrorKind::DeviceLost, ErrorKind::SiteLost];
    for (group, error, recovery, wanted) in ["a", "b", "c"].iter().flat_map(|&group| {
        errors.iter().flat_map(move |&error| {
            [RecoveryKind::Everything, RecoveryKind::AtLeast].map(|recovery| {
                let device = error == ErrorKind::DeviceLost;
                let wanted = match (group, recovery) {
                    ("a", RecoveryKind::Everything) if device => ("first", 0),
                    ("a" | "b", _) => ("second", 1),
                    _ if device => ("first", 2),
                    _ => ("last", 3),
                };
                (group, error, recovery, wanted)
            })
        })
    }) {
        let g = site.inventory.groups.find(GroupKey::of(group)).unwrap();
        let (plan, rule) = choose(&site.policy, g, error, recovery).unwrap();
        assert_eq!((&*site.inventory.plans[plan].name, rule), wanted, "{group} {error:?} {recovery:?}");
    }
}

/// M4: a table without a last rule that matches everything is refused, so there always is a plan.
#[test]
fn m4_a_default_is_required() {
    let mut deployment = ruled();
    assert!(Site::new(&deployment, "alder").is_ok());
    deployment.policy.rules.pop();
    assert_eq!(Site::new(&deployment, "alder"), Err(ConfigError::LastRule { rule: 3 }));
}

/// M4, D5: each marked group is matched by itself; what failed is a LUN, or a device once all of its LUNs are lost.
#[test]
fn m4_each_group_is_matched_by_itself() {
    let mut pair = Pair::protected(&ruled());
    pair.link = false;
    for name in ["a", "c"] {
        pair.lose(ALDER, name);
    }
    pair.conclude();
    let (second, last) = (PlanKey::of("second"), PlanKey::of("last"));
    let lun = ErrorKind::LunLost;
    assert_eq!(chosen(&pair), [(GroupKey::of("a"), second, 1, lun), (GroupKey::of("c"), last, 3, lun)]);
    let mut pair = Pair::protected(&ruled());
    pair.link = false;
    for name in ["a", "b", "c", "d"] {
        pair.lose(ALDER, name);
    }
    pair.conclude();
    assert!(chosen(&pair).iter().all(|&(.., kind)| kind == ErrorKind::DeviceLost));
    assert_eq!(chosen(&pair).iter().map(|&(_, _, rule, _)| rule).collect::<Vec<_>>(), [0, 1, 2, 2]);
}

/// M4: the plan moves the groups that are marked and leaves its others alone.
#[test]
fn m4_a_plan_moves_only_its_marked_groups() {
    let mut pair = Pair::protected(&four());
    for name in ["b", "d"] {
        pair.lose(ALDER, name);
    }
    pair.pass(600_000);
    assert_eq!(["a", "b", "c", "d"].map(|g| pair.nodes[BIRCH].active(g)), [false, true, false, true]);
    let moved = pair.nodes.iter().flat_map(support::Node::ops).map(|op| op.id.group);
    assert_eq!(set(moved), set([GroupKey::of("b"), GroupKey::of("d")]));
}

/// F9, M4: in one plan a later priority starts once the earlier is recovered; the same priority does not wait.
#[test]
fn f9_groups_move_in_the_plans_order() {
    let mut deployment = four();
    let place = |group: &str, priority| PlanGroup { priority, ..PlanGroup::named(group) };
    deployment.plans[0].groups = vec![place("a", 3), place("b", 1), place("c", 1), place("d", 2)];
    let mut pair = Pair::protected(&deployment);
    pair.link = false;
    for name in ["a", "b", "c", "d"] {
        pair.lose(ALDER, name);
    }
    pair.conclude();
    let (going, waiting) = (Some(GivePhase::Preparing), Some(GivePhase::Queued));
    assert_eq!(["a", "b", "c", "d"].map(|g| pair.nodes[ALDER].giving(g)), [waiting, going, going, waiting]);
    pair.link = true;
    pair.until(|p| p.recovered(&["vm-a"]));
    pair.settle();
    let asked = |m: &farshore_core::message::Message| matches!(m.body, Body::Handover { .. }).then_some(m.group);
    let handed: Vec<GroupKey> = pair.nodes[ALDER].sent().iter().filter_map(asked).collect();
    assert_eq!(handed[2..], [GroupKey::of("d"), GroupKey::of("a")]);
    assert_eq!(pair.nodes[BIRCH].came_up()[2..], ["vm-d", "vm-a"]);
}

/// F9: a group that an operator is needed for does not hold up those behind it, nor does one of another plan.
#[test]
fn f9_a_failed_priority_and_another_plan_hold_nobody_up() {
    let mut deployment = four();
    let place = |group: &str, priority| PlanGroup { priority, ..PlanGroup::named(group) };
    deployment.plans = vec![Plan::of("one", &["a", "b"]), Plan::of("other", &["c", "d"])];
    deployment.plans[0].groups = vec![place("a", 1), place("b", 2)];
    let mut pair = Pair::protected(&deployment);
    // The evidence for `a` is missing: it is held for an operator (F2a).
    pair.nodes[ALDER].objects.replication(LunKey::of("a"), |r| r.in_sync = Some(false));
    for name in ["a", "b", "c"] {
        pair.lose(ALDER, name);
    }
    pair.until(|p| p.recovered(&["vm-b", "vm-c"]));
    assert!(pair.nodes[ALDER].record("a").latch.is_some() && !pair.nodes[BIRCH].active("a"));
}

/// M1: a mark carries the epoch; a lost recovery LUN marks nothing and is an alert.
#[test]
fn m1_only_the_owner_marks() {
    let mut pair = Pair::protected(&four());
    pair.lose(BIRCH, "a");
    pair.pass(60_000);
    let [alder, birch] = &pair.nodes;
    assert!(birch.record("a").marks.is_empty() && birch.record("a").work == Work::Idle);
    assert!(birch.alerts().contains(&Alert::RecoveryLunLost { lun: LunKey::of("a") }));
    assert!(alder.record("a").marks.is_empty());
    pair.lose(ALDER, "a");
    pair.conclude();
    let record = pair.nodes[ALDER].record("a");
    assert_eq!(record.marks.get(&LunKey::of("a")), Some(&record.authority.epoch()));
}

/// M1: a mark goes when the epoch rises, and the same report is then only acknowledged.
#[test]
fn m1_a_mark_goes_when_the_epoch_rises() {
    let mut pair = Pair::protected(&four());
    pair.lose_until("a", |p| p.recovered(&["vm-a"]));
    pair.pass(10_000);
    assert!(pair.nodes[ALDER].record("a").marks.is_empty());
    pair.clear_logs();
    pair.restart(ALDER);
    pair.pass(60_000);
    let alder = &pair.nodes[ALDER];
    assert!(alder.record("a").marks.is_empty() && !alder.events().iter().any(|e| matches!(e, Event::Marked { .. })));
    assert!(alder.log.contains(&Effect::Acknowledge { lun: LunKey::of("a") }));
}

/// M1: before F3 a further LUN joins the open workflow, and changes what is drained; it starts no other.
#[test]
fn m1_a_further_lun_joins_the_open_workflow() {
    let mut pair = Pair::protected(&two_luns());
    pair.link = false;
    pair.lose(ALDER, "a");
    pair.conclude();
    let turn = pair.nodes[ALDER].record("a").authority.turn();
    pair.lose(ALDER, "a-log");
    pair.conclude();
    let record = pair.nodes[ALDER].record("a");
    assert_eq!((record.marks.len(), record.authority.turn(), chosen(&pair).len()), (2, turn, 1));
    pair.link = true;
    pair.until(|p| p.recovered(&["vm-a"]));
    assert!(!pair.nodes[ALDER].ops().iter().any(|op| op.goal == farshore_core::operation::Goal::Drained));
}

/// M1: from F3 on a further LUN is only recorded: what is handed over stays as it is.
#[test]
fn m1_a_further_lun_after_the_release_is_only_recorded() {
    let mut pair = Pair::protected(&two_luns());
    pair.lose_until("a", |p| p.nodes[ALDER].giving("a") == Some(GivePhase::Released));
    pair.link = false;
    let before = pair.nodes[ALDER].record("a").work.clone();
    pair.lose(ALDER, "a-log");
    pair.pass(20_000);
    assert_eq!(pair.nodes[ALDER].record("a").work, before);
    assert!(pair.nodes[ALDER].alerts().contains(&Alert::RecoveryLunLost { lun: LunKey::of("a-log") }));
    pair.link = true;
    pair.until(|p| p.recovered(&["vm-a"]));
}

/// M2: VMs that no group protects are never stopped, and an alert names their datastore.
#[test]
fn m2_vms_that_nobody_protects_are_an_alert() {
    let mut deployment = four();
    deployment.luns.push(Lun::of("scratch", "alder-san", 9));
    deployment.datastores.push(Datastore::of("scratch", &["scratch"]));
    deployment.vms.push(Vm::of("forgotten", &["scratch"]));
    let mut pair = Pair::protected(&deployment);
    pair.lose(ALDER, "scratch");
    pair.pass(60_000);
    let alder = &pair.nodes[ALDER];
    assert!(alder.alerts().contains(&Alert::Unprotected { datastore: DatastoreKey::of("scratch") }));
    assert_eq!(alder.ops(), []);
    assert!(alder.log.contains(&Effect::Acknowledge { lun: LunKey::of("scratch") }));
}

/// M2: a group that was never protected is not touched either: an operator is told.
#[test]
fn m2_a_group_that_is_not_protected_is_an_alert() {
    let mut pair = Pair::new(&four());
    pair.lose(ALDER, "a");
    pair.pass(60_000);
    let why = farshore_core::record::Latch::NotProtected;
    assert!(pair.nodes[ALDER].alerts().contains(&Alert::NeedsOperator { group: GroupKey::of("a"), why }));
    assert_eq!(pair.nodes[ALDER].ops(), []);
}

/// What a run of reports leaves: marks, alerts, chosen plans; each in its own order.
fn outcome(reports: &[(u8, u8)]) -> impl PartialEq + std::fmt::Debug + use<> {
    let mut pair = Pair::protected(&four());
    pair.command(ALDER, Command::Maintenance(true)).unwrap();
    pair.clear_logs();
    for &(host, lun) in reports {
        let site = &pair.nodes[ALDER].site;
        let host = ["alder-1", "alder-2"].map(farshore_core::ids::HostKey::of)[usize::from(host)];
        let key = site.inventory.luns.iter().nth(usize::from(lun)).unwrap().1.key;
        pair.nodes[ALDER].objects.lose(key);
        pair.fact(ALDER, Fact::Path { host, lun: key, path: 0, probe: None, answer: lost() });
        pair.settle();
    }
    pair.pass(20_000);
    let alder = &pair.nodes[ALDER];
    let marks = ["a", "b", "c", "d"].map(|g| alder.record(g).marks.clone());
    let marked = alder.events().into_iter().filter(|e| matches!(e, Event::Marked { .. })).collect::<Vec<_>>();
    let once = marked.len() == set(marked.iter()).len();
    (marks, set(chosen(&pair)), set(alder.alerts()), once)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(48) })]

    /// M1, I8: whatever the order in which hosts report, and however often, the same groups are marked, once each, and
    /// the same plans chosen.
    #[test]
    fn i8_marking_is_idempotent_and_free_of_order(
        (reports, other) in prop::collection::vec((0_u8..2, 0_u8..4), 1..6).prop_flat_map(|reports| {
            let doubled = [&reports[..], &reports[..1]].concat();
            (Just(reports), Just(doubled).prop_shuffle())
        }),
    ) {
        prop_assert_eq!(outcome(&reports), outcome(&other));
    }
}
