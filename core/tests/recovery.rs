//! What the taking site does with a group: F5 and F6. Each test names the rule that it checks.

mod support;

use farshore_core::error::Rejected;
use farshore_core::event::Alert;
use farshore_core::ids::{GroupKey, LunKey, VmKey};
use farshore_core::inventory::Readiness;
use farshore_core::operation::{Goal, Op, Point, Target};
use farshore_core::plan::OnFailure;
use farshore_core::record::{Latch, TakePhase, Work};
use farshore_core::spec::{Datastore, Deployment, Lun, Replica, Span, Vm};
use farshore_core::{Command, Fact};
use support::{ALDER, BIRCH, Fault, Pair, groups, lun, vm};

fn key() -> GroupKey {
    GroupKey::of("shop")
}

/// `shop` with these VMs.
fn shop(vms: Vec<Vm>) -> Deployment {
    Deployment { vms, ..groups(&["shop"]) }
}

fn tiered(name: &str, tier: u8) -> Vm {
    Vm { tier, ..Vm::of(name, &["shop"]) }
}

fn heartbeat(vm: Vm) -> Vm {
    Vm { ready: Readiness::Heartbeat, ..vm }
}

/// VMs that birch has asked to start, in order.
fn started(pair: &Pair) -> Vec<String> {
    let name = |op: &Op| match (op.id.target, op.goal) {
        (Target::Vm(key), Goal::Running { .. }) => {
            Some(pair.nodes[BIRCH].site.inventory.vms.by_key(key).unwrap().1.name.clone())
        }
        _ => None,
    };
    pair.nodes[BIRCH].ops().iter().filter_map(name).collect()
}

fn beat(pair: &mut Pair, name: &str) {
    pair.fact(BIRCH, Fact::Heartbeat(VmKey::of(name)));
    pair.settle();
}

fn lose(deployment: &Deployment) -> Pair {
    let mut pair = Pair::protected(deployment);
    pair.lose(ALDER, "shop");
    pair.conclude();
    pair
}

/// An asynchronous set of two LUNs, one asynchronous LUN alone, and one that is synchronous.
fn sets() -> Deployment {
    let mut deployment = shop(vec![]);
    let rpo = Span::secs(60);
    let names = ["shop", "log", "alone", "sync"];
    deployment.luns = (1..)
        .zip(names)
        .map(|(unit, name)| {
            let sync = Replica::synchronous("birch-san", unit);
            let replica = if name == "sync" { sync } else { Replica::asynchronous("birch-san", unit, rpo) };
            Lun::of(name, "alder-san", unit).replicated(replica)
        })
        .collect();
    deployment.datastores = names.map(|n| Datastore::of(n, &[n])).to_vec();
    deployment.groups[0].datastores = names.map(Into::into).to_vec();
    deployment.vms = vec![Vm::of("both", &["shop", "log"]), Vm::of("alone", &["alone"]), Vm::of("sync", &["sync"])];
    deployment
}

/// F5: frames of older epochs are refused at every LUN, then each is rolled back, then made writable, then hosts mount,
/// then VMs start.
#[test]
fn f5_the_order_of_promotion() {
    let mut pair = Pair::protected(&sets());
    for name in ["shop", "log", "alone"] {
        pair.nodes[BIRCH].objects.replication(LunKey::of(name), |r| r.point = Some(Point(7)));
    }
    pair.clear_logs();
    pair.lose_until("shop", |p| p.recovered(&["both", "alone", "sync"]));
    let rank = |op: &Op| match op.goal {
        Goal::Cut => 1,
        Goal::RolledBack { .. } => 2,
        Goal::ReadWrite => 3,
        Goal::Mounted => 4,
        Goal::Running { .. } => 5,
        _ => 0,
    };
    let ranks: Vec<i32> = pair.nodes[BIRCH].ops().iter().map(rank).collect();
    assert_eq!(ranks, [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 5]);
}

/// F5: where a LUN of a consistency set could not be drained, all of the set go back to their last common point; other
/// LUNs keep all that was drained, and a synchronous one every write.
#[test]
fn f5_a_consistency_set_goes_back_to_its_common_point() {
    let mut pair = Pair::protected(&sets());
    for (name, point) in [("shop", 7), ("log", 9), ("alone", 5), ("sync", 3)] {
        pair.nodes[BIRCH].objects.replication(LunKey::of(name), |r| r.point = Some(Point(point)));
    }
    pair.clear_logs();
    pair.lose_until("shop", |p| p.recovered(&["both", "alone", "sync"]));
    let back = |name| {
        let ops = pair.nodes[BIRCH].ops_on(lun(name));
        ops.iter().find_map(|op| if let Goal::RolledBack { to } = op.goal { Some(to) } else { None }).unwrap()
    };
    let common = Some(Point(7));
    assert_eq!(["shop", "log", "alone", "sync"].map(back), [common, common, None, None]);
}

/// F5: a copy that never was complete is not promoted: an operator is told.
#[test]
fn f5_a_copy_without_a_complete_point_is_not_promoted() {
    let mut pair = Pair::protected(&sets());
    pair.nodes[BIRCH].objects.replication(LunKey::of("log"), |r| r.point = None);
    pair.nodes[BIRCH].objects.replication(LunKey::of("shop"), |r| r.point = Some(Point(7)));
    pair.lose(ALDER, "shop");
    pair.pass(600_000);
    let birch = &pair.nodes[BIRCH];
    assert_eq!((birch.taking("shop"), birch.record("shop").latch), (Some(TakePhase::Cutting), Some(Latch::Evidence)));
    assert!(["shop", "log", "alone", "sync"].iter().all(|l| !birch.writable(l)));
    assert!(birch.alerts().contains(&Alert::Loss { lun: LunKey::of("log"), lag: None }));
}

/// F6: a tier starts when every VM of the tier before is ready, after the plan's delay.
#[test]
fn f6_tiers_start_one_after_another() {
    let mut deployment = shop(vec![tiered("c-1", 1), heartbeat(tiered("b-2", 2)), tiered("a-5", 5)]);
    deployment.plans[0].tier_delay = Span::secs(10);
    let mut pair = lose(&deployment);
    assert_eq!(started(&pair), ["c-1"]);
    pair.pass(9_999);
    assert_eq!(started(&pair), ["c-1"]);
    pair.pass(1);
    assert_eq!(started(&pair), ["c-1", "b-2"]);
    pair.pass(60_000);
    assert_eq!(started(&pair), ["c-1", "b-2"], "powered on is not ready");
    beat(&mut pair, "b-2");
    pair.pass(9_999);
    assert_eq!(started(&pair), ["c-1", "b-2"]);
    pair.pass(1);
    assert_eq!(started(&pair), ["c-1", "b-2", "a-5"]);
}

/// F6: a VM starts when what it depends on is ready, not merely powered on; others of its tier do not wait.
#[test]
fn f6_dependencies_are_ready_first() {
    let web = Vm { depends_on: vec!["db".into()], ..tiered("a-web", 3) };
    let mut pair = lose(&shop(vec![web, heartbeat(tiered("db", 3)), tiered("other", 3)]));
    assert_eq!(support::set(started(&pair)), support::set(["db".into(), "other".into()]));
    assert!(pair.nodes[BIRCH].runs("db"));
    beat(&mut pair, "a-web");
    assert!(!pair.nodes[BIRCH].runs("a-web"), "a heartbeat of a VM that was not started counts for nothing");
    beat(&mut pair, "db");
    assert!(pair.nodes[BIRCH].runs("a-web"));
}

/// F6: no more than `max_concurrent_starts` are under way on a host, whatever the group; the next follows as one ends.
#[test]
fn f6_concurrent_starts_are_bounded_per_host() {
    let mut deployment = groups(&["one", "two"]);
    let names = ["one-1", "one-2", "one-3", "two-1", "two-2", "two-3"];
    deployment.vms = names.map(|n| Vm::of(n, &[&n[..3]])).to_vec();
    deployment.sites[1].hosts.truncate(1);
    deployment.sites[1].hosts[0].max_concurrent_starts = 2;
    let mut pair = Pair::protected(&deployment);
    for name in names {
        pair.nodes[BIRCH].objects.faults.insert(vm(name), Fault::Deaf);
    }
    for name in ["one", "two"] {
        pair.lose(ALDER, name);
    }
    pair.conclude();
    for expected in 2..=6 {
        assert_eq!(started(&pair).len(), expected, "{:?}", started(&pair));
        let ops = pair.nodes[BIRCH].ops();
        let op = *ops.iter().rfind(|op| matches!(op.goal, Goal::Running { .. })).unwrap();
        pair.nodes[BIRCH].objects.faults.clear();
        let done = pair.nodes[BIRCH].objects.apply(&op).unwrap();
        for name in names {
            pair.nodes[BIRCH].objects.faults.insert(vm(name), Fault::Deaf);
        }
        pair.fact(BIRCH, done);
        pair.settle();
    }
}

/// A database that fails to start, what depends on it, and one of the next tier.
fn failing(on_failure: OnFailure) -> Pair {
    let web = Vm { depends_on: vec!["db".into()], ..tiered("web", 3) };
    let mut deployment = shop(vec![tiered("db", 3), web, tiered("later", 4)]);
    deployment.plans[0].on_failure = on_failure;
    let mut pair = Pair::protected(&deployment);
    pair.nodes[BIRCH].objects.faults.insert(vm("db"), Fault::Fails);
    pair.lose(ALDER, "shop");
    pair.pass(120_000);
    let tries = started(&pair).iter().filter(|name| *name == "db").count();
    assert_eq!(tries, 3, "the first and two more");
    assert!(pair.nodes[BIRCH].alerts().contains(&Alert::VmDown { vm: VmKey::of("db") }));
    pair
}

/// F6: a step is tried a bounded number of times; `skip` then counts the VM as failed and goes on.
#[test]
fn f6_a_failed_step_is_skipped() {
    let pair = failing(OnFailure::Skip);
    assert!(pair.recovered(&["web", "later"]));
    assert_eq!(pair.nodes[BIRCH].record("shop").work, Work::Idle);
}

/// F6: `abort` after F3 stops where it is; nothing is undone, and an operator may try again.
#[test]
fn f6_a_failed_step_stops_the_run() {
    let mut pair = failing(OnFailure::Abort);
    let birch = &pair.nodes[BIRCH];
    assert!(!birch.runs("web") && !birch.runs("later") && birch.active("shop") && birch.writable("shop"));
    assert!(birch.alerts().contains(&Alert::NeedsOperator { group: key(), why: Latch::StepFailed }));
    pair.nodes[BIRCH].objects.faults.clear();
    pair.command(BIRCH, Command::Retry(key())).unwrap();
    pair.until(|p| p.recovered(&["db", "web", "later"]));
}

/// F6: `ask` holds what needs the VM and waits for an operator: skip it, or try it again.
#[test]
fn f6_a_failed_step_asks() {
    for skip in [true, false] {
        let mut pair = failing(OnFailure::Ask);
        assert!(!pair.nodes[BIRCH].runs("web") && !pair.nodes[BIRCH].runs("later"));
        pair.nodes[BIRCH].objects.faults.clear();
        let db = VmKey::of("db");
        pair.link = false;
        pair.restart(BIRCH);
        let early = [Command::SkipVm(db), Command::RetryVm(db)].map(|c| pair.command(BIRCH, c));
        let unverified = Err(Rejected::Unverified { name: "shop".into() });
        assert_eq!(early, [unverified.clone(), unverified], "J5");
        pair.link = true;
        pair.settle();
        pair.command(BIRCH, if skip { Command::SkipVm(db) } else { Command::RetryVm(db) }).unwrap();
        pair.until(|p| p.recovered(&["web", "later"]));
        assert_eq!(pair.nodes[BIRCH].runs("db"), !skip);
    }
}

/// F6: a started VM that sends no heartbeat in time counts as failed, and not before.
#[test]
fn f6_a_vm_that_does_not_become_ready_has_failed() {
    let mut pair = lose(&shop(vec![heartbeat(tiered("db", 3)), tiered("later", 4)]));
    pair.pass(119_999);
    assert_eq!(started(&pair), ["db"]);
    pair.pass(1);
    assert_eq!(started(&pair), ["db", "later"]);
    assert!(pair.nodes[BIRCH].alerts().contains(&Alert::VmDown { vm: VmKey::of("db") }));
}

/// F7: what ran at the old owner is registered there, powered off, and its LUNs and hosts are fenced at the new epoch.
#[test]
fn f7_the_old_owner_cleans_up() {
    let mut pair = lose(&shop(vec![tiered("db", 3)]));
    pair.pass(60_000);
    let alder = &pair.nodes[ALDER];
    let placeholder = alder.ops_on(vm("db")).into_iter().rfind(|op| op.goal == Goal::Placeholder).unwrap();
    assert_eq!(placeholder.id.token.epoch, pair.nodes[BIRCH].record("shop").authority.epoch());
    assert!(!alder.runs("db") && alder.record("shop").work == Work::Idle);
    let fences = alder.ops().into_iter().filter(|op| op.goal == Goal::Fenced && op.id.token.epoch.0 == 2);
    assert_eq!(fences.count(), 2);
}
