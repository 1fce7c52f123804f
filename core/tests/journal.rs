//! What is durable before what, and what a restart changes: J1 to J5, J7. Each test names the rule that it checks.

mod support;

use std::collections::BTreeSet;

use farshore_core::error::Rejected;
use farshore_core::event::{Alert, Event};
use farshore_core::ids::{GroupKey, HostKey, LunKey, Turn};
use farshore_core::input::PathAnswer;
use farshore_core::message::{Body, Message, Standing};
use farshore_core::operation::{Goal, Op, OpId, Target};
use farshore_core::record::{GivePhase, Latch, TakePhase, Work};
use farshore_core::waiver::{Operator, Override, Waiver};
use farshore_core::{Command, Effect, Fact};
use support::{ALDER, BIRCH, Fault, Node, Pair, set, shop, vm};

fn key() -> GroupKey {
    GroupKey::of("shop")
}

fn host() -> Target {
    Target::Host(HostKey::of("alder-2"))
}

/// What may only follow from something durable.
fn binding(effect: &Effect, known: &BTreeSet<OpId>) -> bool {
    match effect {
        Effect::Do(op) => !known.contains(&op.id),
        Effect::Send(m) => !matches!(m.body, Body::Ask | Body::Refused { .. }),
        Effect::Acknowledge { .. } => true,
        _ => false,
    }
}

/// The log of a site from its last save on.
fn since_save(node: &Node) -> &[Effect] {
    let from = node.log.iter().rposition(|e| matches!(e, Effect::Save { .. })).unwrap();
    &node.log[from..]
}

/// J1, I10: all through a failover, at both sites, nothing is begun, answered or acknowledged while a save is
/// outstanding, however long it takes.
#[test]
fn j1_effects_wait_until_their_intent_is_durable() {
    let mut pair = Pair::protected(&shop());
    pair.nodes.iter_mut().for_each(|node| node.durable = false);
    pair.lose(ALDER, "shop");
    let mut waits = 0;
    while !pair.recovered(&["shop-db", "shop-web"]) {
        pair.pass(100);
        for at in 0..2 {
            if pair.nodes[at].saving.is_none() {
                continue;
            }
            waits += 1;
            let known = pair.nodes[at].ops().iter().map(|op| op.id).collect();
            pair.pass(5_000);
            let begun: Vec<&Effect> = since_save(&pair.nodes[at]).iter().filter(|e| binding(e, &known)).collect();
            assert_eq!(begun, Vec::<&Effect>::new());
            let saved = pair.nodes[at].save().unwrap();
            pair.fact(at, saved);
        }
        assert!(waits < 100);
    }
    assert!(waits > 8, "{waits}");
}

/// J1: an acknowledgement of another boot's save makes nothing durable.
#[test]
fn j1_a_late_saved_acknowledges_nothing() {
    let mut pair = Pair::protected(&shop());
    pair.nodes[ALDER].durable = false;
    pair.lose(ALDER, "shop");
    pair.conclude();
    let (id, _) = pair.nodes[ALDER].saving.clone().unwrap();
    let old = farshore_core::effect::SaveId { boot: id.boot - 1, ..id };
    for wrong in [old, farshore_core::effect::SaveId { bit: !id.bit, ..id }] {
        let before = pair.nodes[ALDER].machine.clone();
        pair.fact(ALDER, Fact::Saved(wrong));
        assert_eq!(pair.nodes[ALDER].machine, before);
    }
}

/// J7: a failed save stops the machine for good.
#[test]
fn j7_a_failed_save_stops_the_machine() {
    let mut pair = Pair::protected(&shop());
    pair.nodes[ALDER].durable = false;
    pair.lose(ALDER, "shop");
    pair.conclude();
    let (id, _) = pair.nodes[ALDER].saving.take().unwrap();
    pair.fact(ALDER, Fact::SaveFailed(id));
    pair.clear_logs();
    pair.fact(ALDER, Fact::Saved(id));
    pair.pass(60_000);
    let alder = &pair.nodes[ALDER];
    assert!(alder.log.is_empty() && alder.machine.status(&alder.site).halted);
    assert_eq!(alder.machine.next_deadline(), None);
    assert_eq!(pair.command(ALDER, Command::Retry(key())), Err(Rejected::Halted));
}

/// A failover that stands still with one host at the old owner deaf.
fn quiescing() -> (Pair, Op) {
    let mut pair = Pair::protected(&shop());
    pair.nodes[ALDER].objects.faults.insert(host(), Fault::Deaf);
    pair.lose_until("shop", |p| !p.nodes[ALDER].ops_on(host()).is_empty());
    pair.settle();
    let op = pair.nodes[ALDER].ops_on(host())[0];
    (pair, op)
}

/// J2, J5: after a restart an open workflow is observed first, and what is not there yet is asked for under the same
/// identity, as another attempt.
#[test]
fn j2_identities_survive_a_restart() {
    let (mut pair, op) = quiescing();
    let before = set(pair.nodes[ALDER].ops().iter().map(|op| (op.id, op.goal)));
    pair.clear_logs();
    pair.restart(ALDER);
    pair.settle();
    let observe = Effect::Observe { group: key(), target: host() };
    let log = &pair.nodes[ALDER].log;
    let at = |e: &Effect| log.iter().position(|x| x == e);
    let again = pair.nodes[ALDER].ops_on(host())[0];
    assert!(at(&observe).unwrap() < at(&Effect::Do(again)).unwrap());
    assert_eq!((again.id, again.goal), (op.id, op.goal));
    assert_ne!(again.attempt, op.attempt);
    let after = set(pair.nodes[ALDER].ops().iter().map(|op| (op.id, op.goal)));
    assert!(after.is_subset(&before), "{:#?}", after.difference(&before));
    let turn = pair.nodes[ALDER].record("shop").authority.turn();
    assert_eq!(turn, op.id.token.turn, "the same try goes on");
}

/// J2: a new try is a new turn, and so another identity.
#[test]
fn j2_a_new_try_has_other_identities() {
    let (mut pair, op) = quiescing();
    pair.command(ALDER, Command::Cancel(key())).unwrap();
    pair.nodes[ALDER].objects.faults.clear();
    pair.pass(60_000);
    pair.command(ALDER, Command::Retry(key())).unwrap();
    pair.until(|p| p.recovered(&["shop-db", "shop-web"]));
    let later = pair.nodes[ALDER].ops_on(host()).into_iter().find(|o| o.goal == Goal::Fenced && o.id != op.id);
    assert!(later.unwrap().id.token > op.id.token);
}

/// J3: silence is a doubt: it is observed, then the same operation is asked for again, and nothing else on that object.
#[test]
fn j3_a_timeout_is_a_doubt() {
    let (mut pair, op) = quiescing();
    pair.clear_logs();
    pair.pass(29_999);
    assert_eq!(pair.nodes[ALDER].ops_on(host()), []);
    pair.pass(1_000);
    let alder = &pair.nodes[ALDER];
    assert!(alder.events().contains(&Event::Doubt(op)));
    assert!(alder.log.contains(&Effect::Observe { group: key(), target: host() }));
    assert_eq!(alder.ops_on(host()), [Op { attempt: op.attempt + 1, ..op }]);
    assert_eq!(alder.giving("shop"), Some(GivePhase::Quiescing));
    pair.nodes[ALDER].objects.faults.clear();
    pair.until(|p| p.recovered(&["shop-db", "shop-web"]));
}

/// J3: an operation that was carried out and not answered is found by observing, and not done again.
#[test]
fn j3_an_observation_settles_a_doubt() {
    let mut pair = Pair::protected(&shop());
    pair.nodes[ALDER].objects.faults.insert(host(), Fault::Mute);
    pair.lose_until("shop", |p| p.nodes[ALDER].giving("shop") == Some(GivePhase::Released));
    assert_eq!(pair.nodes[ALDER].ops_on(host()).iter().filter(|op| op.id.token.epoch.0 == 1).count(), 1);
}

/// J3, L3: a doubt that no observation resolves is escalated, and only asked about; it ends when something is seen.
#[test]
fn j3_an_unresolved_doubt_is_an_alert() {
    let (mut pair, _) = quiescing();
    pair.nodes[ALDER].objects.faults.insert(host(), Fault::Dead);
    pair.clear_logs();
    pair.pass(600_000);
    let alert = Alert::InDoubt { group: key(), target: host() };
    assert!(pair.nodes[ALDER].alerts().contains(&alert));
    assert_eq!(pair.nodes[ALDER].ops_on(host()), [], "nothing is done while it is unknown what was");
    pair.nodes[ALDER].objects.faults.clear();
    pair.until(|p| p.recovered(&["shop-db", "shop-web"]));
    assert!(!pair.nodes[ALDER].alerts().contains(&alert));
}

/// J4: late, doubled and unknown answers change nothing, and are reported.
#[test]
fn j4_a_late_answer_changes_nothing() {
    let (mut pair, op) = quiescing();
    pair.pass(30_000);
    let done = pair.nodes[ALDER].ops_on(vm("shop-db"))[0];
    let seen = pair.nodes[ALDER].objects.seen("shop", vm("shop-db"));
    let quiet = pair.nodes[ALDER].objects.seen("shop", Target::Host(HostKey::of("alder-1")));
    let mut older = op.id;
    older.token.turn = Turn(op.id.token.turn.0 - 1);
    let late = [
        Fact::Answer { id: op.id, attempt: op.attempt, outcome: Ok(quiet) },
        Fact::Answer { id: older, attempt: op.attempt + 1, outcome: Ok(quiet) },
        Fact::Answer { id: done.id, attempt: done.attempt, outcome: Ok(seen) },
        Fact::Answer {
            id: done.id,
            attempt: done.attempt + 1,
            outcome: Err(farshore_core::operation::Failure::Failed),
        },
        Fact::Answer { id: OpId { target: vm("nobody"), ..op.id }, attempt: 0, outcome: Ok(seen) },
    ];
    for fact in late {
        let before = pair.nodes[ALDER].machine.clone();
        let effects = pair.fact(ALDER, fact.clone());
        assert!(matches!(effects[..], [Effect::Event(Event::LateAnswer { .. })]), "{fact:?}: {effects:?}");
        assert_eq!(pair.nodes[ALDER].machine, before, "{fact:?}");
    }
    let before = pair.nodes[ALDER].machine.clone();
    let foreign = OpId { group: GroupKey::of("nobody's"), ..op.id };
    pair.fact(ALDER, Fact::Answer { id: foreign, attempt: 0, outcome: Ok(seen) });
    pair.fact(ALDER, Fact::Observed { group: key(), target: vm("nobody"), seen: None });
    assert_eq!(pair.nodes[ALDER].machine, before);
}

/// J5: at any point of a failover, a restarted site that cannot reach the other does nothing but ask, stops nothing,
/// acquires nothing, and takes no command; once it has compared, it goes on.
#[test]
fn j5_a_restarted_manager_owns_nothing_until_it_has_compared() {
    type Point = fn(&Pair) -> bool;
    let points: [(usize, Point); 5] = [
        (ALDER, |p| p.nodes[ALDER].giving("shop") == Some(GivePhase::Preparing)),
        (ALDER, |p| p.nodes[ALDER].giving("shop") == Some(GivePhase::Quiescing)),
        (ALDER, |p| p.nodes[ALDER].giving("shop") == Some(GivePhase::Released)),
        (BIRCH, |p| p.nodes[BIRCH].taking("shop") == Some(TakePhase::Promoting)),
        (BIRCH, |p| p.nodes[BIRCH].taking("shop") == Some(TakePhase::Starting)),
    ];
    for (at, point) in points {
        let mut pair = Pair::protected(&shop());
        pair.lose_until("shop", point);
        pair.link = false;
        pair.settle();
        pair.mail.iter_mut().for_each(std::collections::VecDeque::clear);
        pair.clear_logs();
        pair.restart(at);
        pair.pass(60_000);
        let node = &pair.nodes[at];
        assert!(!node.log.iter().any(|e| matches!(e, Effect::Do(_) | Effect::Observe { .. })), "{at}");
        assert!(node.sent().iter().all(|m| m.body == Body::Ask));
        assert!(node.alerts().contains(&Alert::PeerSilent { group: key() }));
        let refused = Err(Rejected::Unverified { name: "shop".into() });
        assert_eq!(pair.command(at, Command::Cancel(key())), refused);
        assert_eq!(pair.command(at, Command::Retry(key())), refused);
        pair.link = true;
        pair.until(|p| p.recovered(&["shop-db", "shop-web"]));
    }
}

/// J5, J6: a journal that is behind what the peer knows is not acted on.
#[test]
fn j5_a_journal_behind_the_peers_is_not_acted_on() {
    let mut pair = Pair::protected(&shop());
    let old = pair.nodes[ALDER].disk.clone();
    pair.lose_until("shop", |p| p.recovered(&["shop-db", "shop-web"]));
    pair.pass(10_000);
    pair.nodes[ALDER].disk = old;
    pair.restart(ALDER);
    pair.clear_logs();
    pair.pass(60_000);
    let alder = &pair.nodes[ALDER];
    assert!(alder.alerts().contains(&Alert::NeedsOperator { group: key(), why: Latch::JournalBehind }));
    assert_eq!(alder.ops(), []);
    assert!(alder.sent().len() <= 61, "it asks again when the answer is due again, not at once");
    let nothing = Err(Rejected::NothingToDo { name: "shop".into() });
    let word = Override { group: key(), waives: Waiver::Journal, by: Operator(1), second: None };
    assert_eq!(pair.command(ALDER, Command::Force(word)), nothing, "and nobody can wave it through");
}

/// J5: what a restarted peer is told is durable.
#[test]
fn j5_only_what_is_durable_is_told() {
    let mut pair = Pair::protected(&shop());
    pair.lose_until("shop", |p| p.nodes[ALDER].giving("shop") == Some(GivePhase::Confirming));
    pair.nodes[ALDER].durable = false;
    pair.until(|p| p.nodes[ALDER].giving("shop") == Some(GivePhase::Released));
    while let Some(saved) = pair.nodes[ALDER].save() {
        if pair.nodes[ALDER].disk.groups[0].authority.standing() == Standing::Released {
            break;
        }
        pair.fact(ALDER, saved);
    }
    pair.clear_logs();
    let epoch = pair.nodes[BIRCH].record("shop").authority.epoch();
    pair.fact(ALDER, Fact::Message(Message { group: key(), epoch, body: Body::Ask }));
    let told = |p: &Pair| p.nodes[ALDER].sent().iter().any(|m| matches!(m.body, Body::Tell { .. }));
    assert!(!told(&pair));
}

/// D2, L6: a LUN that no host reaches is an alert after a while, no loss; it outlasts a restart, and ends when a path
/// answers.
#[test]
fn d2_all_paths_down_is_an_alert_that_ends_when_a_path_answers() {
    let mut pair = Pair::protected(&shop());
    let lun = LunKey::of("shop");
    let say = |pair: &mut Pair, answer: PathAnswer| {
        let inventory = pair.nodes[ALDER].site.inventory.clone();
        let (_, l) = inventory.luns.by_key(lun).unwrap();
        let end = l.ends[0].as_ref().unwrap();
        for (&host, path) in end.hosts.iter().flat_map(|h| (0..end.paths).map(move |p| (h, p))) {
            let host = inventory.hosts[host].key;
            pair.fact(ALDER, Fact::Path { host, lun, path, probe: None, answer: answer.clone() });
        }
    };
    let alert = Alert::AllPathsDown { lun };
    say(&mut pair, PathAnswer::Silent);
    pair.pass(139_000);
    assert!(!pair.nodes[ALDER].alerts().contains(&alert), "it may be a matter of seconds");
    pair.pass(2_000);
    assert!(pair.nodes[ALDER].alerts().contains(&alert));
    pair.restart(ALDER);
    pair.pass(60_000);
    say(&mut pair, PathAnswer::Silent);
    assert!(pair.nodes[ALDER].alerts().contains(&alert), "L6");
    say(&mut pair, PathAnswer::Healthy);
    assert!(!pair.nodes[ALDER].alerts().contains(&alert));
    assert!(pair.nodes[ALDER].record("shop").marks.is_empty(), "silence marks nothing");
}

/// D5, L6: a host that the site's own HA calls lost is an alert until it is back; it outlasts a restart, and starts nothing.
#[test]
fn d5_a_lost_host_is_an_alert_and_starts_nothing() {
    let mut pair = Pair::protected(&shop());
    let lost = |pair: &Pair, host| pair.nodes[ALDER].alerts().contains(&Alert::HostLost { host });
    let [one, theirs, nobody] = ["alder-1", "birch-1", "cedar-1"].map(HostKey::of);
    for host in [one, theirs, nobody] {
        pair.fact(ALDER, Fact::Host { host, up: false });
    }
    assert_eq!([one, theirs, nobody].map(|host| lost(&pair, host)), [true, false, false]);
    pair.settle();
    pair.restart(ALDER);
    pair.pass(600_000);
    assert!(lost(&pair, one), "L6");
    let record = pair.nodes[ALDER].record("shop");
    assert!(record.marks.is_empty() && record.work == Work::Idle);
    pair.fact(ALDER, Fact::Host { host: one, up: true });
    assert!(!lost(&pair, one));
    assert!(pair.nodes[ALDER].ops().is_empty(), "nothing was done to anything");
}
