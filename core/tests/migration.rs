//! F8: an operator moves a group, and nothing has failed. Any error before the release puts everything back; a LUN that is
//! lost meanwhile makes a failover of it.

mod support;

use farshore_core::error::Rejected;
use farshore_core::event::Alert;
use farshore_core::ids::{Epoch, GroupKey, HostKey};
use farshore_core::message::{Body, Refusal, Standing};
use farshore_core::operation::{Goal, Target};
use farshore_core::record::{GivePhase, Latch, Protection, Work};
use farshore_core::spec::{Datastore, Deployment, Lun, Replica, Vm};
use farshore_core::{Command, Effect};
use support::{ALDER, BIRCH, Fault, Pair, lun, shop};

fn key() -> GroupKey {
    GroupKey::of("shop")
}

/// `shop` on two LUNs; one VM is on `logs`.
fn two_luns() -> Deployment {
    let mut deployment = shop();
    let replica = Replica::synchronous("birch-san", 2);
    deployment.luns.push(Lun::of("logs", "alder-san", 2).replicated(replica));
    deployment.datastores.push(Datastore::of("logs", &["logs"]));
    deployment.groups[0].datastores.push("logs".into());
    deployment.vms.push(Vm::of("log-db", &["logs"]));
    deployment
}

const VMS: [&str; 3] = ["shop-db", "shop-web", "log-db"];

fn migrating(holds: impl Fn(&Pair) -> bool) -> Pair {
    let mut pair = Pair::protected(&two_luns());
    pair.order(ALDER, Command::Migrate(key())).unwrap();
    pair.until(holds);
    pair
}

fn phase(pair: &Pair) -> Option<GivePhase> {
    pair.nodes[ALDER].giving("shop")
}

/// What F8 promises of a migration that came to nothing.
fn is_put_back(pair: &Pair) {
    let [alder, birch] = &pair.nodes;
    let authority = alder.record("shop").authority;
    assert!(authority.is_active() && authority.epoch() == Epoch(1) && authority.turn().0 > 0, "{authority:?}");
    assert!(VMS.iter().all(|vm| alder.runs(vm) && !birch.runs(vm)));
    assert!(["shop", "logs"].iter().all(|lun| alder.writable(lun) && !birch.writable(lun)));
    assert_eq!(alder.record("shop").latch, None, "nothing is wrong with the group");
    // Of a VM that could not be told to start, people are told.
    assert!(alder.alerts().iter().all(|a| matches!(a, Alert::VmDown { .. })), "{:?}", alder.alerts());
    assert_eq!((&birch.record("shop").work, birch.record("shop").placement.len()), (&Work::Idle, 0));
}

#[test]
fn f8_a_group_is_moved_without_a_failure() {
    let mut pair = migrating(|p| p.recovered(&VMS));
    let [alder, birch] = &pair.nodes;
    assert!(birch.active("shop") && alder.record("shop").authority.standing() == Standing::Standby);
    assert!(VMS.iter().all(|vm| !alder.runs(vm)) && !alder.writable("shop") && !alder.writable("logs"));
    let cooling = [alder, birch].map(|node| node.record("shop").cooling);
    assert_eq!(cooling, [false; 2], "M5: the cooldown is of failovers");
    assert_eq!(birch.record("shop").overrides, 0);
    pair.pass(60_000);
    let needs = |at: usize| pair.nodes[at].alerts().iter().any(|a| matches!(a, Alert::NeedsOperator { .. }));
    assert!(!needs(ALDER) && !needs(BIRCH));
}

#[test]
fn f8_reprotected_it_can_be_moved_back() {
    let mut pair = migrating(|p| p.recovered(&VMS) && p.nodes[BIRCH].record("shop").work == Work::Idle);
    let refused = pair.command(BIRCH, Command::Migrate(key()));
    assert_eq!(refused, Err(Rejected::NotProtected { name: "shop".into() }));
    pair.command(BIRCH, Command::Protect(vec![key()])).unwrap();
    pair.pass(60_000);
    pair.command(BIRCH, Command::Migrate(key())).unwrap();
    pair.until(|p| VMS.iter().all(|vm| p.nodes[ALDER].runs(vm)));
    let [alder, birch] = &pair.nodes;
    assert_eq!((alder.active("shop"), alder.record("shop").authority.epoch()), (true, Epoch(3)));
    assert!(VMS.iter().all(|vm| !birch.runs(vm)) && !birch.writable("shop"));
}

#[test]
fn f8_it_is_refused_with_the_reason() {
    let mut pair = Pair::protected(&two_luns());
    let name = || "shop".into();
    assert_eq!(pair.command(BIRCH, Command::Migrate(key())), Err(Rejected::NotOwner { name: name() }));
    pair.order(ALDER, Command::Migrate(key())).unwrap();
    assert_eq!(pair.order(ALDER, Command::Migrate(key())), Err(Rejected::Busy { name: name() }));
    let mut bare = Pair::new(&two_luns());
    assert_eq!(bare.command(ALDER, Command::Migrate(key())), Err(Rejected::NotProtected { name: name() }));
}

/// Whatever does not do what it is told, at whatever step: everything is put back, once it does what it is told again.
#[test]
fn f8_any_error_before_the_release_puts_everything_back() {
    let objects = [lun("shop"), lun("logs"), Target::Host(HostKey::of("alder-1")), support::vm("log-db")];
    for object in objects {
        for fault in [Fault::Fails, Fault::Dead, Fault::Deaf] {
            // Draining may be slow: that it has not ended is no error. An operator is told, and may cancel.
            let slow = fault == Fault::Deaf && matches!(object, Target::Lun(_));
            let mut pair = Pair::protected(&two_luns());
            pair.nodes[ALDER].objects.faults.insert(object, fault);
            pair.command(ALDER, Command::Migrate(key())).unwrap();
            pair.pass(3_600_000);
            assert!(pair.nodes[ALDER].active("shop"), "{object:?} {fault:?}: released without proof");
            if slow {
                pair.command(ALDER, Command::Cancel(key())).unwrap();
            }
            pair.nodes[ALDER].objects.faults.clear();
            if pair.nodes[ALDER].record("shop").latch == Some(Latch::NotProtected) {
                pair.command(ALDER, Command::Protect(vec![key()])).unwrap();
            }
            pair.pass(600_000);
            is_put_back(&pair);
        }
    }
}

#[test]
fn f8_a_peer_that_falls_silent_does_not_hold_the_group() {
    for at in [GivePhase::Preparing, GivePhase::Quiescing, GivePhase::Confirming] {
        let mut pair = migrating(|p| phase(p) == Some(at));
        pair.link = false;
        pair.pass(600_000);
        assert_eq!(phase(&pair), None, "{at:?}");
        pair.link = true;
        pair.pass(60_000);
        is_put_back(&pair);
    }
}

#[test]
fn f8_a_refusal_ends_it() {
    let mut pair = Pair::protected(&two_luns());
    pair.command(BIRCH, Command::Maintenance(true)).unwrap();
    pair.command(ALDER, Command::Migrate(key())).unwrap();
    pair.pass(60_000);
    is_put_back(&pair);
}

#[test]
fn f8_an_operator_can_cancel_it_until_the_release() {
    for at in [GivePhase::Preparing, GivePhase::Quiescing, GivePhase::Confirming] {
        let mut pair = migrating(|p| phase(p) == Some(at));
        pair.command(ALDER, Command::Cancel(key())).unwrap();
        pair.pass(60_000);
        is_put_back(&pair);
    }
}

/// What was a migration becomes a failover: it goes on past errors, as a failover does.
#[test]
fn f8_a_lun_lost_meanwhile_makes_a_failover_of_it() {
    let mut pair = migrating(|p| phase(p) == Some(GivePhase::Quiescing));
    pair.link = false;
    pair.lose(ALDER, "shop");
    pair.link = true;
    pair.pass(600_000);
    assert!(pair.recovered(&VMS), "{:?}", pair.nodes[ALDER].alerts());
    assert!(!pair.nodes[ALDER].runs("shop-db"));
}

/// J1: it goes on where it was after a restart of either manager.
#[test]
fn f8_it_survives_restarts() {
    for at in [GivePhase::Preparing, GivePhase::Quiescing, GivePhase::Confirming, GivePhase::Released] {
        for who in [ALDER, BIRCH] {
            let mut pair = migrating(|p| phase(p) == Some(at));
            pair.restart(who);
            pair.until(|p| p.recovered(&VMS));
        }
    }
}

/// Moved to birch, and protected the other way round.
fn reprotecting(fault: impl Fn(&mut Pair)) -> Pair {
    let mut pair = migrating(|p| p.recovered(&VMS) && p.nodes[BIRCH].record("shop").work == Work::Idle);
    pair.pass(60_000);
    fault(&mut pair);
    pair.clear_logs();
    pair.command(BIRCH, Command::Protect(vec![key()])).unwrap();
    pair
}

fn tails(pair: &Pair) -> Vec<Target> {
    let kept = pair.nodes[ALDER].ops().into_iter().filter(|op| op.goal == Goal::TailKept);
    let mut kept: Vec<Target> = kept.map(|op| op.id.target).collect();
    kept.sort();
    kept.dedup();
    kept
}

#[test]
fn f8_a_reprotect_keeps_the_tail_of_each_lun_before_it_answers() {
    let mut pair = Pair::protected(&two_luns());
    assert!(pair.nodes.iter().all(|n| n.ops().iter().all(|op| op.goal != Goal::TailKept)), "nothing to keep at first");
    pair = reprotecting(|_| {});
    let mut both = vec![lun("shop"), lun("logs")];
    both.sort();
    assert_eq!(tails(&pair), both);
    let log = &pair.nodes[ALDER].log;
    let last_tail = log.iter().rposition(|e| matches!(e, Effect::Do(op) if op.goal == Goal::TailKept));
    let shielded = log.iter().position(|e| matches!(e, Effect::Send(m) if matches!(m.body, Body::Shielded { .. })));
    assert!(last_tail.unwrap() < shielded.unwrap());
    assert_eq!(pair.nodes[BIRCH].record("shop").protection, Protection::Protected);
}

#[test]
fn f8_a_tail_that_cannot_be_kept_refuses_the_shield() {
    let mut pair = reprotecting(|p| p.nodes[ALDER].objects.no_room = true);
    pair.pass(600_000);
    let [alder, birch] = &pair.nodes;
    let refused =
        alder.sent().into_iter().any(|m| matches!(m.body, Body::Refused { reason: Refusal::TailNotKept, .. }));
    assert!(refused, "{:?}", alder.sent());
    assert_eq!(birch.record("shop").latch, Some(Latch::NotProtected));
    assert!(birch.ops().iter().all(|op| op.goal != Goal::Replicating), "nothing is overwritten");
    pair.nodes[ALDER].objects.no_room = false;
    pair.command(BIRCH, Command::Protect(vec![key()])).unwrap();
    pair.pass(60_000);
    assert_eq!(pair.nodes[BIRCH].record("shop").protection, Protection::Protected);
}

/// J1, J5: it is looked at again after a restart, and not taken for done.
#[test]
fn f8_keeping_a_tail_survives_a_restart() {
    let mut pair = reprotecting(|p| {
        p.nodes[ALDER].objects.faults.insert(lun("logs"), Fault::Deaf);
    });
    pair.restart(ALDER);
    pair.pass(1_000);
    assert!(matches!(pair.nodes[ALDER].record("shop").work, Work::Shield { .. }));
    pair.nodes[ALDER].objects.faults.clear();
    pair.pass(300_000);
    assert_eq!(tails(&pair).len(), 2);
    assert_eq!(pair.nodes[BIRCH].record("shop").protection, Protection::Protected);
}
