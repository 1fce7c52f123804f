//! P3: a group is unprotected. P1 and P2 are undone, and nothing that the owner runs notices.

mod support;

use farshore_core::error::Rejected;
use farshore_core::event::Alert;
use farshore_core::ids::GroupKey;
use farshore_core::message::Body;
use farshore_core::operation::{Goal, Seen};
use farshore_core::record::{Latch, Protection, Work};
use farshore_core::{Command, Fact};
use support::{ALDER, BIRCH, Fault, Pair, lun, shop, vm};

const VMS: [&str; 2] = ["shop-db", "shop-web"];

fn key() -> GroupKey {
    GroupKey::of("shop")
}

fn unprotecting() -> Pair {
    let mut pair = Pair::protected(&shop());
    pair.order(ALDER, Command::Unprotect(key())).unwrap();
    pair
}

/// What P3 promises.
fn is_unprotected(pair: &Pair) {
    let [alder, birch] = &pair.nodes;
    for node in [alder, birch] {
        assert_eq!((node.record("shop").protection, &node.record("shop").work), (Protection::Unprotected, &Work::Idle));
    }
    assert!(alder.active("shop") && alder.writable("shop") && VMS.iter().all(|vm| alder.runs(vm)));
    assert!(!birch.writable("shop"));
    let registered = |vm: &str| matches!(birch.objects.seen("shop", support::vm(vm)), Seen::Vm(v) if v.registered);
    assert!(!VMS.iter().any(|vm| registered(vm)), "a placeholder is left");
    assert!(matches!(alder.objects.seen("shop", lun("shop")), Seen::Lun(l) if !l.replication.running));
    assert!(alder.ops().iter().all(|op| op.goal == Goal::ReplicationStopped), "{:?}", alder.ops());
}

#[test]
fn p3_replication_ends_and_placeholders_go_and_vms_run_on() {
    let mut pair = unprotecting();
    pair.pass(10_000);
    is_unprotected(&pair);
    let again = pair.command(ALDER, Command::Unprotect(key()));
    assert_eq!(again, Err(Rejected::NotProtected { name: "shop".into() }));
    pair.lose(ALDER, "shop");
    pair.pass(60_000);
    assert_eq!(pair.nodes[ALDER].record("shop").latch, Some(Latch::NotProtected), "nothing fails over");
}

#[test]
fn p3_it_is_refused_with_the_reason() {
    let mut pair = Pair::protected(&shop());
    let name = || "shop".into();
    assert_eq!(pair.command(BIRCH, Command::Unprotect(key())), Err(Rejected::NotOwner { name: name() }));
    let nobody = GroupKey::of("till");
    assert_eq!(pair.command(ALDER, Command::Unprotect(nobody)), Err(Rejected::UnknownGroup(nobody)));
    pair.order(ALDER, Command::Migrate(key())).unwrap();
    assert_eq!(pair.order(ALDER, Command::Unprotect(key())), Err(Rejected::Busy { name: name() }));
    let mut bare = Pair::new(&shop());
    assert_eq!(bare.command(ALDER, Command::Unprotect(key())), Err(Rejected::NotProtected { name: name() }));
}

/// J1, J5: at every step of it, either manager may start again.
#[test]
fn p3_it_survives_restarts() {
    let steps: [fn(&Pair) -> bool; 3] = [
        |p| p.nodes[ALDER].record("shop").work == Work::Unprotect,
        |p| p.mail[BIRCH].iter().any(|m| matches!(m.body, Body::Unshield { .. })),
        |p| matches!(p.nodes[BIRCH].record("shop").work, Work::Unshield { .. }),
    ];
    for step in steps {
        for who in [ALDER, BIRCH] {
            let mut pair = unprotecting();
            pair.until(step);
            pair.restart(who);
            pair.pass(60_000);
            is_unprotected(&pair);
        }
    }
}

/// The peer is told until it has heard; nothing is protected meanwhile.
#[test]
fn p3_a_silent_peer_is_told_until_it_hears() {
    let mut pair = unprotecting();
    pair.link = false;
    pair.mail[BIRCH].clear();
    pair.pass(60_000);
    let alder = &pair.nodes[ALDER];
    assert!(alder.alerts().contains(&Alert::PeerSilent { group: key() }));
    assert_eq!(alder.record("shop").protection, Protection::Ending);
    assert_eq!(pair.nodes[BIRCH].record("shop").protection, Protection::Protected, "it can't know");
    pair.mail.iter_mut().for_each(std::collections::VecDeque::clear);
    pair.link = true;
    pair.pass(60_000);
    is_unprotected(&pair);
    assert!(pair.nodes[ALDER].alerts().is_empty());
}

/// J4: what comes again, late, undoes nothing that came after.
#[test]
fn p3_an_old_word_does_not_undo_a_new_protection() {
    let mut pair = unprotecting();
    pair.until(|p| p.mail[BIRCH].iter().any(|m| matches!(m.body, Body::Unshield { .. })));
    let old = pair.mail[BIRCH].iter().find(|m| matches!(m.body, Body::Unshield { .. })).unwrap().clone();
    pair.fact(BIRCH, Fact::Message(old.clone()));
    pair.pass(10_000);
    is_unprotected(&pair);
    pair.fact(BIRCH, Fact::Message(old.clone()));
    pair.pass(10_000);
    is_unprotected(&pair);
    pair.command(ALDER, Command::Protect(vec![key()])).unwrap();
    pair.fact(BIRCH, Fact::Message(old));
    pair.pass(10_000);
    let protection = pair.nodes.each_ref().map(|node| node.record("shop").protection);
    assert_eq!(protection, [Protection::Protected; 2]);
    let placeholder = pair.nodes[BIRCH].objects.seen("shop", vm("shop-db"));
    assert!(matches!(placeholder, Seen::Vm(v) if v.registered));
}

/// An array that does not do as told is told of, and does not keep the peer from being told.
#[test]
fn p3_an_array_that_fails_is_told_of() {
    let mut pair = Pair::protected(&shop());
    pair.nodes[ALDER].objects.faults.insert(lun("shop"), Fault::Fails);
    pair.command(ALDER, Command::Unprotect(key())).unwrap();
    pair.pass(600_000);
    let alder = &pair.nodes[ALDER];
    assert!(alder.alerts().iter().any(|a| matches!(a, Alert::OpFailed { .. })), "{:?}", alder.alerts());
    assert_eq!((alder.record("shop").protection, alder.writable("shop")), (Protection::Unprotected, true));
    assert_eq!(pair.nodes[BIRCH].record("shop").protection, Protection::Unprotected);
}
