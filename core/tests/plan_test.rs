//! Tests of plans on copies (F8, I17). Each test names the rule that it checks.

mod support;

use std::collections::BTreeMap;

use farshore_core::error::Rejected;
use farshore_core::event::{Alert, Event};
use farshore_core::ids::{GroupKey, LunKey, StepKey, VmKey};
use farshore_core::operation::{Goal, Op, Point, Seen, Target, VmSeen};
use farshore_core::record::TestPhase;
use farshore_core::spec::{Datastore, Deployment, Edge, Lun, Plan, PlanStep, Replica, Span, Vm};
use farshore_core::{Command, Effect};
use support::{ALDER, BIRCH, Fault, Pair, groups};

fn key() -> GroupKey {
    GroupKey::of("shop")
}

fn step(name: &str, in_test: bool) -> PlanStep {
    let command = vec!["true".into()];
    PlanStep { name: name.into(), command, when: Some(Edge::First), in_test, ..PlanStep::default() }
}

/// `shop` on two asynchronous LUNs of one consistency set, with two tiers and two commands.
fn shop() -> Deployment {
    let rpo = Span::secs(60);
    let lun = |(unit, name): (u16, &str)| {
        Lun::of(name, "alder-san", unit).replicated(Replica::asynchronous("birch-san", unit, rpo))
    };
    let vm = |name: &str, tier| Vm { tier, ..Vm::of(name, &["shop", "log"]) };
    let mut deployment = groups(&["shop"]);
    deployment.luns = (1..).zip(["shop", "log"]).map(lun).collect();
    deployment.datastores = ["shop", "log"].map(|n| Datastore::of(n, &[n])).to_vec();
    deployment.groups[0].datastores = vec!["shop".into(), "log".into()];
    deployment.vms = vec![vm("db", 1), vm("web", 2)];
    deployment.plans =
        vec![Plan { steps: vec![step("dns", false), step("smoke", true)], ..Plan::of("all", &["shop"]) }];
    deployment
}

fn test(pair: &Pair) -> Option<TestPhase> {
    pair.nodes[BIRCH].record("shop").test.as_ref().map(|test| test.phase)
}

fn runs(pair: &Pair, name: &str) -> bool {
    let seen = pair.nodes[BIRCH].objects.look(key(), Target::TestVm(VmKey::of(name)));
    matches!(seen, Some(farshore_core::Fact::Observed { seen: Some(Seen::Vm(VmSeen { running_on: Some(_), .. })), .. }))
}

fn begun(pair: &mut Pair) {
    pair.command(BIRCH, Command::Test(key())).unwrap();
}

/// Commands of birch on what is not of the test.
fn real(pair: &Pair) -> Vec<Op> {
    pair.nodes[BIRCH].ops().into_iter().filter(|op| !op.id.target.is_of_test()).collect()
}

/// F8: the plan runs on copies, and nothing but copies is touched at either site; clean-up leaves nothing.
#[test]
fn f8_a_test_touches_copies_and_leaves_nothing() {
    let mut pair = Pair::protected(&shop());
    begun(&mut pair);
    assert_eq!(test(&pair), Some(TestPhase::Running));
    assert!(runs(&pair, "db") && runs(&pair, "web"));
    let steps: Vec<_> =
        pair.nodes[BIRCH].ops().iter().filter(|op| op.goal == Goal::Ran).map(|op| op.id.target).collect();
    assert_eq!(steps, [Target::TestStep(StepKey::of("all/smoke"))]);
    assert!(pair.nodes[BIRCH].alerts().contains(&Alert::Testing { group: key() }));
    pair.command(BIRCH, Command::EndTest(key())).unwrap();
    assert_eq!(test(&pair), None);
    assert!(!runs(&pair, "db") && !runs(&pair, "web"));
    assert!(pair.nodes[BIRCH].record("shop").placement.is_empty(), "the room is free again");
    assert!(real(&pair).is_empty(), "I17");
    assert!(pair.nodes[ALDER].log.iter().all(|e| !matches!(e, Effect::Do(_) | Effect::Send(_))), "I17");
}

/// F5, F8: the copies of one consistency set are at one common point.
#[test]
fn f8_copies_of_a_set_are_one_cut() {
    let mut pair = Pair::protected(&shop());
    for (name, point) in [("shop", 7), ("log", 6)] {
        pair.nodes[BIRCH].objects.newest.insert(Target::TestLun(LunKey::of(name)), Point(point));
    }
    begun(&mut pair);
    assert_eq!(test(&pair), Some(TestPhase::Running));
    let at: BTreeMap<_, _> = ["shop", "log"]
        .map(|name| (name, pair.nodes[BIRCH].objects.seen("shop", Target::TestLun(LunKey::of(name)))))
        .into();
    for (name, seen) in at {
        assert!(matches!(seen, Seen::Copy(copy) if copy.point == Some(Point(6))), "{name}: {seen:?}");
    }
}

/// I17: a real failover ends the test, and does not wait for its clean-up.
#[test]
fn i17_a_test_blocks_no_rescue() {
    let mut pair = Pair::protected(&shop());
    for name in ["shop", "log"] {
        pair.nodes[BIRCH].objects.replication(LunKey::of(name), |r| r.point = Some(Point(3)));
    }
    begun(&mut pair);
    pair.nodes[BIRCH].objects.faults.insert(Target::TestVm(VmKey::of("db")), Fault::Dead);
    pair.lose(ALDER, "shop");
    pair.until(|p| p.nodes[BIRCH].runs("web"));
    assert_eq!(test(&pair), Some(TestPhase::Clearing));
    pair.until(|p| p.nodes[BIRCH].alerts().contains(&Alert::TestLeft { group: key() }));
    pair.nodes[BIRCH].objects.faults.clear();
    pair.until(|p| test(p).is_none());
    assert!(!runs(&pair, "db") && pair.nodes[BIRCH].runs("db"));
    assert!(!pair.nodes[BIRCH].alerts().contains(&Alert::TestLeft { group: key() }));
    assert!(!pair.nodes[BIRCH].record("shop").placement.is_empty(), "the recovery keeps its room");
}

/// F8: a crash anywhere in a test loses nothing of what has to be taken away.
#[test]
fn f8_a_crash_leaves_nothing() {
    let mut steps = 0;
    loop {
        let mut pair = Pair::protected(&shop());
        pair.order(BIRCH, Command::Test(key())).unwrap();
        if !(0..steps).all(|_| pair.step()) {
            break;
        }
        steps += 1;
        pair.restart(BIRCH);
        pair.pass(120_000);
        if test(&pair).is_some() {
            assert_eq!(test(&pair), Some(TestPhase::Running));
            pair.command(BIRCH, Command::EndTest(key())).unwrap();
            pair.pass(120_000);
        }
        assert_eq!(test(&pair), None);
        assert!(!runs(&pair, "db") && !runs(&pair, "web"));
        for name in ["shop", "log"] {
            let seen = pair.nodes[BIRCH].objects.look(key(), Target::TestLun(LunKey::of(name)));
            let gone =
                matches!(&seen, Some(farshore_core::Fact::Observed { seen: Some(Seen::Copy(c)), .. }) if !c.exists);
            assert!(gone, "after {steps} steps: {seen:?}");
        }
        assert!(real(&pair).is_empty());
    }
    assert!(steps >= 8, "the test has more steps than {steps}");
}

/// F8: a VM that does not start is told, and the rest is tested all the same.
#[test]
fn f8_a_test_tells_what_failed() {
    let mut pair = Pair::protected(&shop());
    pair.nodes[BIRCH].objects.faults.insert(Target::TestVm(VmKey::of("db")), Fault::Fails);
    begun(&mut pair);
    pair.pass(120_000);
    assert_eq!(test(&pair), Some(TestPhase::Running));
    assert!(runs(&pair, "web"));
    assert!(pair.nodes[BIRCH].alerts().contains(&Alert::TestFailed { group: key() }));
    assert!(pair.nodes[BIRCH].events().contains(&Event::TestVmFailed { vm: VmKey::of("db") }));
    assert_eq!(pair.nodes[BIRCH].record("shop").latch, None);
}

/// F8: where a test makes no sense it is refused, and nothing changes.
#[test]
fn f8_a_test_is_refused_where_it_makes_no_sense() {
    let mut pair = Pair::new(&shop());
    assert!(matches!(pair.command(ALDER, Command::Test(key())), Err(Rejected::IsOwner { .. })));
    assert!(matches!(pair.command(BIRCH, Command::Test(key())), Err(Rejected::NotProtected { .. })));
    let mut pair = Pair::protected(&shop());
    begun(&mut pair);
    assert!(matches!(pair.command(BIRCH, Command::Test(key())), Err(Rejected::Busy { .. })));
    assert!(matches!(pair.command(ALDER, Command::EndTest(key())), Err(Rejected::NothingToDo { .. })));
    let mut small = shop();
    small.sites[1].hosts.truncate(1);
    small.sites[1].hosts[0].memory = farshore_core::spec::Memory::gib(1);
    let mut pair = Pair::protected(&small);
    assert!(matches!(pair.command(BIRCH, Command::Test(key())), Err(Rejected::NoRoom { .. })));
}

/// F6, F8: a test that ends asks nothing any more, also where its prompt would wait for ever.
#[test]
fn f8_a_test_that_ends_asks_no_more() {
    let mut deployment = shop();
    let prompt = Some("Go on?".into());
    deployment.plans[0].steps = vec![PlanStep { command: Vec::new(), prompt, ..step("ready", true) }];
    let mut pair = Pair::protected(&deployment);
    begun(&mut pair);
    let asks = |pair: &Pair| pair.nodes[BIRCH].alerts().iter().any(|a| matches!(a, Alert::Prompt { .. }));
    assert!(asks(&pair) && test(&pair) == Some(TestPhase::Starting));
    pair.command(BIRCH, Command::EndTest(key())).unwrap();
    assert!(!asks(&pair) && test(&pair).is_none());
}
