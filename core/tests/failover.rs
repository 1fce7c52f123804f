//! Two real managers hand a group over: F1 to F4, with messages carried by hand. F5 and F6 are in `recovery.rs`, what
//! survives a restart in `journal.rs`. Each test names the rule that it checks.

mod support;

use farshore_core::error::Rejected;
use farshore_core::event::{Alert, Event};
use farshore_core::ids::{Digest, Epoch, GroupKey, HostKey, LunKey, Turn};
use farshore_core::message::{Body, Left, Message, Progress, Refusal, Stage, Standing};
use farshore_core::operation::{Goal, HostSeen, Op, Point, ReplicationSeen, Seen, Target, Token};
use farshore_core::record::{GivePhase, Latch, TakePhase, Work};
use farshore_core::spec::{Datastore, Deployment, Lun, Memory, Replica, Span, Vm};
use farshore_core::waiver::{Operator, Override, Waiver};
use farshore_core::{Command, Fact, Millis};
use support::{ALDER, BIRCH, Fault, Pair, lun, shop, vm};

fn key() -> GroupKey {
    GroupKey::of("shop")
}

/// `shop` on two LUNs: `shop` is lost in the tests, `logs` goes on working with two VMs of its own.
fn two_luns() -> Deployment {
    let mut deployment = shop();
    let replica = Replica::synchronous("birch-san", 2);
    deployment.luns.push(Lun::of("logs", "alder-san", 2).replicated(replica));
    deployment.datastores.push(Datastore::of("logs", &["logs"]));
    deployment.groups[0].datastores.push("logs".into());
    let web = Vm { depends_on: vec!["log-db".into()], ..Vm::of("a-log-web", &["logs"]) };
    deployment.vms.extend([Vm::of("log-db", &["logs"]), web]);
    deployment
}

fn giving(pair: &Pair) -> Option<GivePhase> {
    pair.nodes[ALDER].giving("shop")
}

/// The question, on its way to birch, with nothing else delivered.
fn asked(deployment: &Deployment) -> (Pair, Message) {
    let mut pair = Pair::protected(deployment);
    pair.link = false;
    pair.lose(ALDER, "shop");
    pair.conclude();
    assert_eq!(giving(&pair), Some(GivePhase::Preparing));
    let question = pair.intercept(BIRCH, |b| matches!(b, Body::Prepare { .. }));
    (pair, question)
}

/// What birch answers to a question.
fn answer(pair: &mut Pair, question: &Message) -> Vec<Body> {
    pair.mail[ALDER].clear();
    pair.fact(BIRCH, Fact::Message(question.clone()));
    pair.settle();
    pair.mail[ALDER].drain(..).map(|m| m.body).collect()
}

fn with(question: &Message, change: impl Fn(&mut Turn, &mut farshore_core::message::Offer)) -> Message {
    let mut changed = question.clone();
    if let Body::Prepare { turn, offer, .. } = &mut changed.body {
        change(turn, offer);
    }
    changed
}

fn refused(question: &Message, reason: Refusal) -> Vec<Body> {
    let Body::Prepare { turn, .. } = question.body else { unreachable!() };
    vec![Body::Refused { turn, reason }]
}

/// F1: only an answer to this turn and this question counts.
#[test]
fn f1_answers_to_another_turn_are_ignored() {
    let (mut pair, question) = asked(&shop());
    let Body::Prepare { turn: Turn(now), .. } = question.body else { unreachable!() };
    let epoch = question.epoch;
    for (turn, stage) in [(now - 1, Stage::Prepare), (now + 1, Stage::Prepare), (now, Stage::Confirm)] {
        let body = Body::Ready { turn: Turn(turn), stage };
        pair.fact(ALDER, Fact::Message(Message { group: key(), epoch, body }));
        assert_eq!(giving(&pair), Some(GivePhase::Preparing), "{turn} {stage:?}");
    }
    let body = Body::Refused { turn: Turn(now - 1), reason: Refusal::NoCapacity };
    pair.fact(ALDER, Fact::Message(Message { group: key(), epoch, body }));
    assert_eq!((giving(&pair), pair.nodes[ALDER].record("shop").tries), (Some(GivePhase::Preparing), 0));
    assert_eq!(pair.nodes[ALDER].ops(), [], "F2: nothing stops before the peer is ready");
    let body = Body::Ready { turn: Turn(now), stage: Stage::Prepare };
    pair.fact(ALDER, Fact::Message(Message { group: key(), epoch, body }));
    assert_eq!(giving(&pair), Some(GivePhase::Quiescing));
}

/// F1: a reservation ends by itself after `prepare_ttl`, and a renewed question renews it.
#[test]
fn f1_a_reservation_ends_by_itself() {
    let (mut pair, question) = asked(&shop());
    assert!(matches!(answer(&mut pair, &question)[..], [Body::Ready { stage: Stage::Prepare, .. }]));
    pair.pass(100_000);
    answer(&mut pair, &question);
    pair.pass(119_999);
    assert_eq!(pair.nodes[BIRCH].taking("shop"), Some(TakePhase::Reserved));
    assert_eq!(pair.nodes[BIRCH].record("shop").placement.len(), 2);
    pair.pass(1);
    let record = pair.nodes[BIRCH].record("shop");
    assert_eq!((&record.work, record.placement.len()), (&Work::Idle, 0));
}

/// F1: a higher turn takes the place of a lower one's reservation; a lower one is refused; `Abort` ends it for good.
#[test]
fn f1_turns_only_rise() {
    let (mut pair, question) = asked(&shop());
    let later = with(&question, |turn, _| *turn = Turn(turn.0 + 5));
    answer(&mut pair, &question);
    assert!(matches!(answer(&mut pair, &later)[..], [Body::Ready { .. }]));
    assert_eq!(answer(&mut pair, &question), refused(&question, Refusal::OldTurn));
    let Body::Prepare { turn, .. } = later.body else { unreachable!() };
    let abort = |turn| Message { body: Body::Abort { turn }, ..later.clone() };
    answer(&mut pair, &abort(Turn(turn.0 - 1)));
    assert_eq!(pair.nodes[BIRCH].taking("shop"), Some(TakePhase::Reserved), "another turn's abort ends nothing");
    answer(&mut pair, &abort(turn));
    assert_eq!(pair.nodes[BIRCH].record("shop").work, Work::Idle);
    assert_eq!(answer(&mut pair, &later), refused(&later, Refusal::OldTurn), "a late copy reserves nothing");
}

/// F1, I21, M6: every reason why the peer does not take a group, and nothing is reserved then.
#[test]
fn f1_refusals_say_why() {
    type Broken = fn(&mut Pair, &mut Message);
    let table: [(Refusal, Broken); 6] = [
        (Refusal::PlanDiffers, |_, q| *q = with(q, |_, offer| offer.plan_hash = Digest(1))),
        (Refusal::ConfigDiffers, |_, q| *q = with(q, |_, offer| offer.config = Digest(1))),
        (Refusal::Maintenance, |p, _| p.command(BIRCH, Command::Maintenance(true)).unwrap()),
        (Refusal::TargetLost, |p, _| {
            p.lose(BIRCH, "shop");
            p.conclude();
        }),
        (Refusal::NoPlaceholders, |p, _| {
            p.nodes[BIRCH].disk.groups[0].protection = farshore_core::record::Protection::Unprotected;
            p.restart(BIRCH);
            p.link = true;
            p.until(|p| p.nodes[BIRCH].machine.status(&p.nodes[BIRCH].site).groups[0].verified);
            p.link = false;
        }),
        (Refusal::Busy, |p, q| {
            p.nodes[BIRCH].objects.faults.insert(lun("shop"), Fault::Dead);
            let Body::Prepare { turn, offer, .. } = q.body else { unreachable!() };
            let turn = Turn(turn.0 + 1);
            let shield = Message { body: Body::Shield { turn, config: offer.config }, ..q.clone() };
            p.fact(BIRCH, Fact::Message(shield));
            *q = with(q, |t, _| *t = turn);
        }),
    ];
    for (reason, broken) in table {
        let (mut pair, mut question) = asked(&shop());
        broken(&mut pair, &mut question);
        assert_eq!(answer(&mut pair, &question), refused(&question, reason));
        assert_eq!(pair.nodes[BIRCH].taking("shop"), None);
    }
}

/// M6: no room is a reason too; what another group has reserved is not room, until it is given back.
#[test]
fn m6_reservations_hold_their_room() {
    let mut deployment = support::groups(&["one", "two"]);
    deployment.vms = ["one", "two"].map(|n| Vm { memory: Memory::gib(40), ..Vm::of(n, &[n]) }).to_vec();
    deployment.sites[1].hosts.truncate(1);
    let mut pair = Pair::protected(&deployment);
    pair.link = false;
    for name in ["one", "two"] {
        pair.lose(ALDER, name);
    }
    pair.conclude();
    let questions = ["one", "two"].map(|name| {
        let at = pair.mail[BIRCH].iter().position(|m| m.group == GroupKey::of(name)).unwrap();
        pair.mail[BIRCH].remove(at).unwrap()
    });
    assert!(matches!(answer(&mut pair, &questions[0])[..], [Body::Ready { .. }]));
    assert_eq!(answer(&mut pair, &questions[1]), refused(&questions[1], Refusal::NoCapacity));
    pair.pass(120_000);
    assert!(matches!(answer(&mut pair, &questions[1])[..], [Body::Ready { .. }]), "the first one's has ended");
}

/// F2: each host, also one that runs nothing, and each LUN must be seen quiesced; one that cannot be holds the group for
/// an operator, who may retry once it is mended.
#[test]
fn f2_one_object_without_evidence_holds_the_group() {
    for target in [Target::Host(HostKey::of("alder-1")), Target::Host(HostKey::of("alder-2")), lun("logs")] {
        for fault in [Fault::Dead, Fault::Deaf, Fault::Fails] {
            let mut pair = Pair::protected(&two_luns());
            pair.nodes[ALDER].objects.faults.insert(target, fault);
            pair.lose(ALDER, "shop");
            pair.pass(600_000);
            let alder = &pair.nodes[ALDER];
            assert_eq!(giving(&pair), Some(GivePhase::Quiescing), "{target:?} {fault:?}");
            assert!(alder.active("shop") && !pair.nodes[BIRCH].active("shop"));
            let told = match fault {
                Fault::Deaf => Alert::InDoubt { group: key(), target },
                _ => Alert::NeedsOperator { group: key(), why: Latch::Stuck },
            };
            assert!(alder.alerts().contains(&told), "{target:?} {fault:?}: L1");
            pair.nodes[ALDER].objects.faults.clear();
            let _ = pair.command(ALDER, Command::Retry(key()));
            pair.until(|p| p.recovered(&["shop-db", "shop-web", "log-db", "a-log-web"]));
            pair.settle();
            assert_eq!(pair.nodes[ALDER].alerts(), [], "{target:?} {fault:?}");
        }
    }
}

/// F2: what counts is the state with *this turn's* token: a host seen quiet under an older one may still take an older
/// command.
#[test]
fn f2_a_state_seen_with_an_older_token_is_no_evidence() {
    let host = Target::Host(HostKey::of("alder-2"));
    let mut pair = Pair::protected(&shop());
    pair.nodes[ALDER].objects.faults.insert(host, Fault::Dead);
    pair.lose_until("shop", |p| !p.nodes[ALDER].ops_on(host).is_empty());
    let fence = pair.nodes[ALDER].ops_on(host)[0];
    pair.until(|p| p.nodes[ALDER].events().contains(&Event::Doubt(fence)));
    let quiet = |token| Some(Seen::Host(HostSeen { token, running: 0, mounted: false }));
    let seen = |token| Fact::Observed { group: key(), target: host, seen: quiet(token) };
    let token = fence.id.token;
    pair.fact(ALDER, seen(Token { turn: Turn(token.turn.0 - 1), ..token }));
    pair.pass(20_000);
    assert_eq!(giving(&pair), Some(GivePhase::Quiescing));
    pair.until(|p| p.nodes[ALDER].events().iter().filter(|e| matches!(e, Event::Doubt(_))).count() > 1);
    pair.fact(ALDER, seen(token));
    assert_eq!(giving(&pair), Some(GivePhase::Confirming));
}

/// F2: VMs with a lost disk are powered off at once; the others shut down in the plan's order, what depends on others
/// first; then hosts are fenced; then each LUN that works is drained, stopped and locked.
#[test]
fn f2_the_order_of_stopping() {
    let mut pair = Pair::protected(&two_luns());
    pair.lose_until("shop", |p| giving(p) == Some(GivePhase::Confirming));
    let ops: Vec<Op> = pair.nodes[ALDER].ops();
    let at = |target: Target, goal: fn(Goal) -> bool| {
        ops.iter().position(|op| op.id.target == target && goal(op.goal)).unwrap_or_else(|| panic!("{target:?}"))
    };
    let off: fn(Goal) -> bool = |g| matches!(g, Goal::Stopped { grace: None });
    let down: fn(Goal) -> bool = |g| matches!(g, Goal::Stopped { grace: Some(Millis(60_000)) });
    let fence = |host| at(Target::Host(HostKey::of(host)), |g| g == Goal::Fenced);
    let order = [
        at(vm("shop-db"), off).max(at(vm("shop-web"), off)),
        at(vm("a-log-web"), down),
        at(vm("log-db"), down),
        fence("alder-1").min(fence("alder-2")),
        fence("alder-1").max(fence("alder-2")),
        at(lun("logs"), |g| g == Goal::Drained),
        at(lun("logs"), |g| g == Goal::ReplicationStopped),
        at(lun("logs"), |g| g == Goal::ReadOnly),
    ];
    assert!(order.is_sorted(), "{order:?} in {ops:#?}");
}

/// F2a: what the array says of a lost LUN's replication, and whether the group may go by itself; the estimate otherwise.
#[test]
fn f2a_evidence_or_a_hold_with_the_loss_estimate() {
    let (sync, good) = (ReplicationSeen { in_sync: Some(true), ..Default::default() }, None);
    let lag = |secs| ReplicationSeen { lag: Some(Millis::secs(secs)), point: Some(Point(7)), ..Default::default() };
    let table = [
        (false, sync, good),
        (false, ReplicationSeen { resync: true, ..sync }, Some(None)),
        (false, ReplicationSeen { in_sync: Some(false), lag: Some(Millis(9)), ..sync }, Some(Some(Millis(9)))),
        (false, ReplicationSeen { in_sync: None, ..sync }, Some(None)),
        (true, lag(60), good),
        (true, ReplicationSeen { resync: true, ..lag(60) }, good),
        (true, lag(61), Some(Some(Millis::secs(61)))),
        (true, ReplicationSeen { lag: None, ..lag(1) }, Some(None)),
        (true, ReplicationSeen { point: None, ..lag(1) }, Some(None)),
    ];
    for (asynchronous, seen, held) in table {
        let mut deployment = two_luns();
        if asynchronous {
            deployment.luns[0].replica = Some(Replica::asynchronous("birch-san", 1, Span::secs(60)));
        }
        let mut pair = Pair::protected(&deployment);
        pair.nodes[ALDER].objects.replication(LunKey::of("shop"), |r| *r = seen);
        pair.nodes[BIRCH].objects.replication(LunKey::of("shop"), |r| r.point = Some(Point(7)));
        pair.lose(ALDER, "shop");
        pair.pass(60_000);
        let alder = &pair.nodes[ALDER];
        assert_eq!(pair.recovered(&["shop-db", "log-db"]), held.is_none(), "{seen:?}");
        if let Some(lag) = held {
            assert!(alder.alerts().contains(&Alert::Loss { lun: LunKey::of("shop"), lag }), "{seen:?}");
            assert!(alder.alerts().contains(&Alert::NeedsOperator { group: key(), why: Latch::Evidence }));
            assert!(alder.runs("log-db"), "a group that is held keeps the VMs running that still can");
            let word =
                |loss| Override { group: key(), waives: Waiver::Evidence { loss }, by: Operator(1), second: None };
            let stake = Waiver::Evidence { loss: lag };
            assert_eq!(alder.machine.stake(&alder.site, key()), Some(stake), "{seen:?}");
            let less = pair.command(ALDER, Command::Force(word(Some(Millis(lag.map_or(1_000_000, |l| l.0 - 1))))));
            assert_eq!(less, Err(Rejected::AtStake { name: "shop".into(), stake }), "I22: it names less");
            pair.command(ALDER, Command::Force(word(lag))).unwrap();
            assert_eq!(pair.nodes[ALDER].record("shop").last_override, Some(word(lag)), "I22");
            pair.until(|p| p.recovered(&["shop-db", "log-db"]));
            assert_eq!(pair.nodes[ALDER].record("shop").overrides, 1, "I22");
        }
    }
}

/// F3: the second question is asked once everything is seen quiesced, and only its answer releases.
#[test]
fn f3_the_peer_confirms_after_the_quiescing() {
    let mut pair = Pair::protected(&two_luns());
    pair.lose_until("shop", |p| giving(p) == Some(GivePhase::Confirming));
    let quiet = ["shop-db", "shop-web", "log-db", "a-log-web"].iter().all(|vm| !pair.nodes[ALDER].runs(vm));
    assert!(quiet && !pair.nodes[ALDER].writable("logs"));
    let confirm = |m: &Message| matches!(m.body, Body::Prepare { stage: Stage::Confirm, .. });
    assert!(!pair.nodes[ALDER].sent().iter().any(confirm));
    pair.link = false;
    pair.settle();
    let question = pair.intercept(BIRCH, |b| matches!(b, Body::Prepare { stage: Stage::Confirm, .. }));
    let Body::Prepare { turn, .. } = question.body else { unreachable!() };
    let ready = |stage| Message { body: Body::Ready { turn, stage }, ..question.clone() };
    pair.fact(ALDER, Fact::Message(ready(Stage::Prepare)));
    pair.pass(60_000);
    assert!(pair.nodes[ALDER].active("shop"), "silent: it asks on, and releases nothing");
    pair.fact(ALDER, Fact::Message(ready(Stage::Confirm)));
    assert_eq!(pair.nodes[ALDER].record("shop").authority.standing(), Standing::Released);
    assert_eq!(pair.command(ALDER, Command::Cancel(key())), Err(Rejected::Released { name: "shop".into() }));
}

/// F3: refused after the quiescing with a lost LUN: held for an operator, and the peer is asked on until it can.
#[test]
fn f3_refused_after_the_quiescing_it_keeps_asking() {
    let mut pair = Pair::protected(&shop());
    pair.lose_until("shop", |p| giving(p) == Some(GivePhase::Confirming));
    pair.command(BIRCH, Command::Maintenance(true)).unwrap();
    pair.pass(60_000);
    assert_eq!((giving(&pair), pair.nodes[ALDER].active("shop")), (Some(GivePhase::Confirming), true));
    let why = Latch::Refused;
    assert!(pair.nodes[ALDER].alerts().contains(&Alert::NeedsOperator { group: key(), why }));
    pair.command(BIRCH, Command::Maintenance(false)).unwrap();
    pair.until(|p| p.recovered(&["shop-db", "shop-web"]));
}

/// F3, I20: an abort before the release puts back what can be, at the same epoch and a higher turn.
#[test]
fn f3_an_abort_puts_everything_back() {
    let mut pair = Pair::protected(&two_luns());
    pair.lose_until("shop", |p| giving(p) == Some(GivePhase::Confirming));
    let before = pair.nodes[ALDER].record("shop").authority;
    pair.command(ALDER, Command::Cancel(key())).unwrap();
    pair.pass(60_000);
    let [alder, birch] = &pair.nodes;
    let after = alder.record("shop").authority;
    assert!(after.is_active() && after.epoch() == before.epoch() && after.turn() > before.turn());
    assert!(alder.writable("logs") && alder.runs("log-db") && alder.runs("a-log-web"));
    assert!(!alder.runs("shop-db") && alder.alerts().iter().any(|a| matches!(a, Alert::NeedsOperator { .. })));
    assert_eq!((&birch.record("shop").work, birch.record("shop").placement.len()), (&Work::Idle, 0));
}

/// F4: `Handover` is sent until it is answered, again after a restart; twice is once; no reservation is needed.
#[test]
fn f4_the_handover_is_repeated_and_idempotent() {
    let mut pair = Pair::protected(&shop());
    pair.lose_until("shop", |p| giving(p) == Some(GivePhase::Released));
    pair.link = false;
    pair.settle();
    pair.pass(200_000); // Birch's reservation ends.
    assert_eq!(pair.nodes[BIRCH].record("shop").work, Work::Idle);
    pair.restart(ALDER);
    pair.mail.iter_mut().for_each(std::collections::VecDeque::clear);
    pair.link = true;
    let handover = |p: &Pair| p.mail[BIRCH].iter().find(|m| matches!(m.body, Body::Handover { .. })).cloned();
    pair.until(|p| handover(p).is_some());
    let message = handover(&pair).unwrap();
    assert!(matches!(&message.body, Body::Handover { luns, .. } if luns[&LunKey::of("shop")] == Left::Undrained));
    pair.until(|p| p.recovered(&["shop-db", "shop-web"]));
    pair.settle();
    let (record, epoch) = (pair.nodes[BIRCH].record("shop").clone(), message.epoch.next());
    assert_eq!((record.authority.epoch(), record.authority.is_active()), (epoch, true));
    pair.clear_logs();
    pair.fact(BIRCH, Fact::Message(message));
    assert_eq!(pair.nodes[BIRCH].record("shop"), &record);
    let taken = Body::Taken { progress: Progress::Recovered };
    assert_eq!(pair.nodes[BIRCH].sent(), [Message { group: key(), epoch, body: taken }], "answered again");
}

/// F4, I7: a `Handover` of any epoch but the present one, or to a site that owns the group, takes nothing.
#[test]
fn f4_a_handover_of_another_epoch_takes_nothing() {
    let mut pair = Pair::protected(&shop());
    pair.lose_until("shop", |p| p.mail[BIRCH].iter().any(|m| matches!(m.body, Body::Handover { .. })));
    pair.link = false;
    let message = pair.intercept(BIRCH, |b| matches!(b, Body::Handover { .. }));
    for epoch in [Epoch(message.epoch.0 - 1), message.epoch.next()] {
        for at in [ALDER, BIRCH] {
            let before = pair.nodes[at].record("shop").clone();
            pair.fact(at, Fact::Message(Message { epoch, ..message.clone() }));
            assert_eq!(pair.nodes[at].record("shop"), &before, "{at} {epoch:?}");
        }
    }
    pair.fact(BIRCH, Fact::Message(message));
    assert!(pair.nodes[BIRCH].active("shop"));
}

/// O5, O9, I22: taking over from a silent site takes two persons, who name what is at stake. A word that does not is
/// rejected, and changes nothing.
#[test]
fn i22_two_persons_take_over_and_name_what_is_at_stake() {
    let mut pair = Pair::protected(&shop());
    let birch = &pair.nodes[BIRCH];
    assert_eq!(birch.machine.stake(&birch.site, key()), Some(Waiver::Fence));
    let word = |waives, second: Option<u32>| {
        Command::TakeOver(Override { group: key(), waives, by: Operator(1), second: second.map(Operator) })
    };
    let name = || String::from("shop");
    let takes_two = Err(Rejected::TakesTwo { name: name(), stake: Waiver::Fence });
    assert_eq!(pair.command(BIRCH, word(Waiver::Fence, None)), takes_two);
    assert_eq!(pair.command(BIRCH, word(Waiver::Fence, Some(1))), takes_two, "the same person twice");
    let other = pair.command(BIRCH, word(Waiver::Takeover { loss: None }, Some(2)));
    assert_eq!(other, Err(Rejected::AtStake { name: name(), stake: Waiver::Fence }));
    assert_eq!(pair.nodes[BIRCH].record("shop").overrides, 0);
    pair.command(BIRCH, word(Waiver::Fence, Some(2))).unwrap();
    let record = pair.nodes[BIRCH].record("shop");
    assert_eq!((record.overrides, record.last_override.map(|o| o.waives)), (1, Some(Waiver::Fence)));
}
