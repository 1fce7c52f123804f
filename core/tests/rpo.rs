//! F2a, before anything is lost: the owner looks how far its peer's copies are behind, and tells.

mod support;

use farshore_core::Effect;
use farshore_core::event::Alert;
use farshore_core::ids::LunKey;
use farshore_core::operation::{ReplicationSeen, Target};
use farshore_core::spec::{Deployment, Replica, Span};
use farshore_core::{Fact, Millis};
use support::{ALDER, BIRCH, Fault, Pair, lun, shop};

const RPO: u64 = 60_000;

fn watched(asynchronous: bool) -> Pair {
    let mut deployment: Deployment = shop();
    deployment.policy.rpo_check = Span::secs(60);
    if asynchronous {
        let replica = Replica::asynchronous("birch-san", 1, Span::millis(RPO));
        deployment.luns[0].replica = Some(replica);
    }
    Pair::protected(&deployment)
}

fn key() -> LunKey {
    LunKey::of("shop")
}

fn looks(pair: &Pair, at: usize) -> usize {
    let look = |e: &&Effect| matches!(e, Effect::Observe { target, .. } if *target == lun("shop"));
    pair.nodes[at].log.iter().filter(look).count()
}

fn alerts(pair: &Pair) -> Vec<Alert> {
    pair.nodes[ALDER].alerts()
}

fn behind(pair: &mut Pair, change: impl Fn(&mut ReplicationSeen)) {
    pair.nodes[ALDER].objects.replication(key(), change);
    pair.pass(60_000);
}

#[test]
fn f2a_a_warning_at_twice_the_rpo_and_an_alarm_at_three_times() {
    let mut pair = watched(true);
    let lag = |pair: &mut Pair, ms: u64| behind(pair, |r| r.lag = Some(Millis(ms)));
    let told = |times| vec![Alert::RpoBehind { lun: key(), times }];
    lag(&mut pair, 2 * RPO);
    assert_eq!(alerts(&pair), []);
    lag(&mut pair, 2 * RPO + 1);
    assert_eq!(alerts(&pair), told(2));
    lag(&mut pair, 3 * RPO + 1);
    assert_eq!(alerts(&pair), told(3));
    lag(&mut pair, RPO + 1);
    assert_eq!(alerts(&pair), told(3), "it is over when the copy is within its RPO");
    pair.restart(ALDER);
    pair.settle();
    assert_eq!(alerts(&pair), told(3), "L6");
    behind(&mut pair, |r| r.lag = None);
    assert_eq!(alerts(&pair), told(3), "what is unknown says nothing");
    lag(&mut pair, RPO);
    assert_eq!(alerts(&pair), []);
}

#[test]
fn f2a_a_broken_mirror_is_told_until_it_is_whole() {
    let mut pair = watched(false);
    behind(&mut pair, |r| r.in_sync = Some(false));
    assert_eq!(alerts(&pair), [Alert::OutOfSync { lun: key() }]);
    behind(&mut pair, |r| r.in_sync = Some(true));
    assert_eq!(alerts(&pair), []);
}

/// One question per LUN at a time, at the owner, while the group rests.
#[test]
fn f2a_it_looks_once_each_time_and_only_at_what_rests_here() {
    let mut pair = watched(false);
    pair.pass(10 * 60_000);
    assert_eq!([looks(&pair, ALDER), looks(&pair, BIRCH)], [10, 0]);
    pair.nodes[ALDER].objects.faults.insert(lun("shop"), Fault::Dead);
    pair.clear_logs();
    pair.pass(10 * 60_000);
    assert_eq!(looks(&pair, ALDER), 10, "unanswered, it is asked again when it is time, and not before");
    pair.nodes[ALDER].objects.faults.clear();
    pair.pass(60_000);
    pair.nodes[ALDER].objects.replication(key(), |r| r.in_sync = Some(false));
    let seen = pair.nodes[ALDER].objects.seen("shop", lun("shop"));
    let group = farshore_core::ids::GroupKey::of("shop");
    pair.fact(ALDER, Fact::Observed { group, target: Target::Lun(key()), seen: Some(seen) });
    assert_eq!(alerts(&pair), [], "J4: it was not asked for");
}

/// What was behind is of no concern once the peer owns the group.
#[test]
fn f2a_it_is_over_when_the_group_has_moved() {
    let mut pair = watched(false);
    behind(&mut pair, |r| r.in_sync = Some(false));
    pair.command(ALDER, farshore_core::Command::Migrate(farshore_core::ids::GroupKey::of("shop"))).unwrap();
    pair.until(|p| p.recovered(&["shop-db", "shop-web"]));
    pair.pass(120_000);
    assert_eq!(alerts(&pair), []);
}
