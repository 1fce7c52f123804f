//! The arbiter's side of section 5: leases, grants, evidence, restart (O2, O5, O6, O7, F4).

use farshore_core::authority::arbiter::{Arbiter, ArbiterEffect, ArbiterFact, ArbiterRecord, ArbiterRecords};
use farshore_core::authority::lease::Leases;
use farshore_core::authority::proof::{Proof, Stamp};
use farshore_core::authority::wire::{Answer, Ask, Denial, Reply, Request};
use farshore_core::ids::{Digest, Epoch, GroupKey, Side};
use farshore_core::{Instant, Millis};

const FIT: Proof = Proof::Fit { lag: None, spare: None };
const CONFIG: Digest = Digest(7);

fn leases() -> Leases {
    Leases::new(Millis::secs(30), 10_000, Millis::secs(5)).unwrap()
}

/// An arbiter whose saves are durable at once.
struct Third {
    machine: Arbiter,
    disk: ArbiterRecords,
}

impl Third {
    fn new() -> Self {
        let disk = ArbiterRecords { incarnation: 1, groups: Vec::new() };
        Self { machine: Arbiter::restore(leases(), 1, disk.clone(), Instant(0)), disk }
    }

    /// One group, owned by site one, armed, with a lease from `at`.
    fn armed(at: u64) -> Self {
        let mut third = Self::new();
        third.renew(at, FIT);
        third.ask(at, Side::Two, 1, Ask::Join { config: CONFIG });
        third
    }

    fn ask(&mut self, at: u64, from: Side, epoch: u64, ask: Ask) -> Option<Reply> {
        let arbiter = Some(self.disk.incarnation);
        let request = Request { from, group: GroupKey::of("shop"), epoch: Epoch(epoch), arbiter, ask };
        let mut effects = Vec::new();
        self.machine.handle(Instant(at), ArbiterFact::Request(request), &mut effects);
        let mut reply = None;
        while !effects.is_empty() {
            for effect in std::mem::take(&mut effects) {
                match effect {
                    ArbiterEffect::Save { id, batch } => {
                        for record in batch {
                            self.disk.groups.retain(|r| r.group != record.group);
                            self.disk.groups.push(record);
                        }
                        self.machine.handle(Instant(at), ArbiterFact::Saved(id), &mut effects);
                    }
                    ArbiterEffect::Reply(to, said) => {
                        assert_eq!(to, from);
                        reply = Some(said);
                    }
                }
            }
        }
        reply
    }

    fn renew(&mut self, at: u64, proof: Proof) -> Option<Reply> {
        let stamp = Stamp { boot: 1, sent: Instant(at), nth: 0 };
        self.ask(at, Side::One, 1, Ask::Renew { stamp, proof, config: CONFIG })
    }

    fn acquire(&mut self, at: u64, k: u32, config: Digest) -> Answer {
        self.ask(at, Side::Two, 1, Ask::Acquire { k, config, forced: false }).expect("an answer").answer
    }

    fn record(&self) -> &ArbiterRecord {
        self.machine.record(GroupKey::of("shop")).expect("a record")
    }
}

fn denied(k: u32, why: Denial) -> Answer {
    Answer::Evaluated { k, outcome: Err(why) }
}

const GRANTED: Answer = Answer::Evaluated { k: 1, outcome: Ok(()) };

#[test]
fn o5_nothing_is_granted_while_the_owners_lease_lives() {
    let mut third = Third::armed(0);
    let given = leases().given().0;
    assert_eq!(third.acquire(given - 1, 1, CONFIG), Answer::Wait { k: 1 });
    assert_eq!(third.acquire(given, 1, CONFIG), GRANTED);
    assert_eq!((third.record().epoch, third.record().owner), (Epoch(2), Side::Two));
}

#[test]
fn o5_each_acquire_is_evaluated_once() {
    let mut third = Third::armed(0);
    third.renew(1, Proof::Unknown);
    assert_eq!(third.acquire(99_000, 1, CONFIG), denied(1, Denial::Proof(Proof::Unknown)));
    let stamp = Stamp { boot: 1, sent: Instant(99_001), nth: 0 };
    third.ask(99_001, Side::One, 1, Ask::Renew { stamp, proof: FIT, config: CONFIG });
    assert_eq!(third.acquire(199_000, 1, CONFIG), denied(1, Denial::Proof(Proof::Unknown)), "the first outcome");
    let answer = third.acquire(199_000, 2, CONFIG);
    assert_eq!(answer, Answer::Evaluated { k: 2, outcome: Ok(()) });
    assert_eq!(third.acquire(199_001, 2, CONFIG), answer, "a grant is repeated, not given twice");
    assert_eq!(third.record().epoch, Epoch(2));
    assert!(third.ask(199_002, Side::Two, 2, Ask::Acquire { k: 1, config: CONFIG, forced: false }).is_none());
}

/// O4, L3: each site counts its own acquires. A group that has moved can be acquired back, however low the number of who
/// acquires it for the first time; and nobody is told of a grant that was the other site's.
#[test]
fn o5_each_site_counts_its_own_acquires() {
    let mut third = Third::armed(0);
    let forced = |k| Ask::Acquire { k, config: CONFIG, forced: true };
    third.ask(1, Side::Two, 1, Ask::Withdraw { k: 6 });
    assert_eq!(third.ask(99_000, Side::Two, 1, forced(7)).unwrap().owner, Side::Two);
    for k in [1, 7] {
        let back = third.ask(199_000, Side::One, 2, forced(k)).expect("an answer");
        let owner = if k == 1 { Ok(()) } else { Err(Denial::Epoch) };
        assert_eq!(back.answer, Answer::Evaluated { k, outcome: owner });
    }
    assert_eq!((third.record().epoch, third.record().owner), (Epoch(3), Side::One));
}

#[test]
fn o4_a_withdrawn_acquire_comes_to_nothing_however_late_it_arrives() {
    let mut third = Third::armed(0);
    let reply = third.ask(1, Side::Two, 1, Ask::Withdraw { k: 1 }).expect("an answer");
    assert_eq!(reply.answer, denied(1, Denial::Withdrawn));
    assert_eq!(third.acquire(99_000, 1, CONFIG), denied(1, Denial::Withdrawn));
}

#[test]
fn o5_what_denies_a_grant() {
    let mut third = Third::armed(0);
    assert_eq!(third.acquire(99_000, 1, Digest(8)), denied(1, Denial::Config));
    let short = Proof::Fit { lag: Some(Millis(1)), spare: Some(Millis(29_999)) };
    third.renew(99_001, short);
    assert_eq!(third.acquire(199_000, 2, CONFIG), denied(2, Denial::Proof(short)), "lag and one more lease > RPO");
    let old = third.ask(199_000, Side::Two, 0, Ask::Acquire { k: 3, config: CONFIG, forced: false }).unwrap();
    assert_eq!(old.answer, denied(3, Denial::Epoch));
    let own = third.ask(199_000, Side::One, 1, Ask::Acquire { k: 4, config: CONFIG, forced: false }).unwrap();
    assert_eq!(own.answer, denied(4, Denial::Owner));
}

#[test]
fn o5_an_operator_waives_the_evidence_and_never_the_lease() {
    let mut third = Third::armed(0);
    third.renew(1, Proof::Unfit { lag: None });
    let forced = Ask::Acquire { k: 1, config: CONFIG, forced: true };
    assert_eq!(third.ask(2, Side::Two, 1, forced).unwrap().answer, Answer::Wait { k: 1 });
    assert_eq!(third.ask(99_000, Side::Two, 1, forced).unwrap().answer, GRANTED);
}

#[test]
fn o7_a_site_that_has_not_joined_is_not_taken_over() {
    let mut third = Third::new();
    third.renew(0, FIT);
    assert_eq!(third.acquire(99_000, 1, CONFIG), denied(1, Denial::Manual));
}

#[test]
fn o6_what_was_said_earlier_does_not_overwrite_what_was_said_later() {
    let mut third = Third::armed(0);
    let said = |nth, proof| Ask::Renew { stamp: Stamp { boot: 1, sent: Instant(5), nth }, proof, config: CONFIG };
    let bad = Proof::Unfit { lag: None };
    assert!(matches!(third.ask(6, Side::One, 1, said(2, bad)).unwrap().answer, Answer::Leased(_)));
    assert!(third.ask(7, Side::One, 1, said(1, FIT)).is_none(), "a word of the same millisecond, said before");
    assert_eq!(third.record().proof, bad);
    let new_boot = Ask::Renew { stamp: Stamp { boot: 2, sent: Instant(0), nth: 0 }, proof: FIT, config: CONFIG };
    assert!(third.ask(8, Side::One, 1, new_boot).is_some(), "a later start is later, whatever its clock says");
}

#[test]
fn o7_a_restarted_arbiter_counts_every_lease_as_just_given() {
    let third = Third::armed(0);
    let machine = Arbiter::restore(leases(), 2, third.disk.clone(), Instant(1_000_000));
    let mut third = Third { machine, disk: third.disk };
    let given = leases().given().0;
    assert_eq!(third.acquire(1_000_000 + given - 1, 1, CONFIG), Answer::Wait { k: 1 });
    assert_eq!(third.acquire(1_000_000 + given, 1, CONFIG), GRANTED);
}

#[test]
fn f4_the_record_follows_a_release_that_it_was_not_told_of_and_only_forward() {
    let mut third = Third::armed(0);
    let said = |at| Ask::Renew { stamp: Stamp { boot: 1, sent: Instant(at), nth: 0 }, proof: FIT, config: CONFIG };
    let answer = third.ask(1, Side::Two, 2, said(1)).unwrap().answer;
    assert!(matches!(answer, Answer::Leased(_)), "{answer:?}");
    assert_eq!((third.record().epoch, third.record().owner), (Epoch(2), Side::Two));
    let late = third.renew(2, FIT).unwrap();
    assert_eq!((late.answer, late.owner), (Answer::Record, Side::Two), "the old owner is told, and gets no lease");
    // Moved and moved back while the arbiter was away.
    third.ask(3, Side::One, 5, said(3));
    assert_eq!((third.record().epoch, third.record().owner, third.record().armed()), (Epoch(5), Side::One, true));
    third.ask(4, Side::Two, 2, said(4));
    assert_eq!((third.record().epoch, third.record().owner), (Epoch(5), Side::One), "a late word changes nothing");
}

#[test]
fn o7_who_means_another_arbiter_is_told_which_one_it_is_and_nothing_counts() {
    let mut third = Third::new();
    third.disk.incarnation = 7;
    let answer = third.ask(0, Side::One, 1, Ask::Join { config: CONFIG }).unwrap();
    assert_eq!((answer.answer, answer.incarnation, answer.armed), (Answer::Record, 1, false));
    assert_eq!(third.renew(1, FIT).unwrap().answer, Answer::Record, "no lease");
    assert_eq!(third.acquire(1_000_000, 1, CONFIG), Answer::Record, "not evaluated");
    assert_eq!(third.machine.record(GroupKey::of("shop")).expect("a record").config, [None; 2]);
}

#[test]
fn o7_an_arbiter_that_knows_nothing_answers_an_acquire_and_grants_nothing() {
    let mut third = Third::new();
    assert_eq!(third.acquire(1_000_000, 1, CONFIG), Answer::Evaluated { k: 1, outcome: Err(Denial::Manual) });
    let record = third.machine.record(GroupKey::of("shop")).expect("a record");
    assert_eq!((record.epoch, record.owner, record.armed()), (Epoch(1), Side::One, false));
}
