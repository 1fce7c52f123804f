//! The arbiter, asked whatever bytes say, beside a book in which every lease and every grant is written down.

use std::collections::{BTreeMap, BTreeSet};

use farshore_core::authority::arbiter::{Arbiter, ArbiterEffect, ArbiterFact, ArbiterRecord, ArbiterRecords};
use farshore_core::authority::lease::Leases;
use farshore_core::authority::wire::{Answer, Ask, Reply, Request};
use farshore_core::effect::SaveId;
use farshore_core::ids::{Epoch, GroupKey, Side, Turn};
use farshore_core::inventory::Site;
use farshore_core::time::{Instant, Millis};

use crate::bytes::Bytes;
use crate::known;
use crate::parts::{self, Parts};
use crate::trace;
use crate::wired::{self, Hint};

/// Steps of one run at most.
const STEPS: usize = 400;

/// What was promised and given, as a bystander would write it down.
#[derive(Default)]
struct Book {
    /// Until when the owner of each group may count on its lease, by the arbiter's clock.
    leased: BTreeMap<GroupKey, Instant>,
    /// Acquires that were granted.
    granted: BTreeSet<(GroupKey, Side, u32)>,
    /// The highest number that each side has used.
    highest: BTreeMap<(GroupKey, Side), u32>,
}

struct Run<'a> {
    site: &'a Site,
    leases: Leases,
    machine: Arbiter,
    now: Instant,
    boot: u32,
    disk: ArbiterRecords,
    saving: Option<(SaveId, Vec<ArbiterRecord>)>,
    book: Book,
}

/// Whatever an arbiter is asked, it does not panic; epochs only grow (I7); nothing is granted while a lease that it has
/// given may live (O5), also after a restart (O7); who is told of a grant was granted it (O5); and an acquire of a number
/// that is new for its site is answered (L3).
pub fn run(bytes: &[u8]) {
    let mut b = Bytes::new(bytes);
    let mut run = Run::first(&known::sites()[1][0]);
    for _ in 0..STEPS {
        if b.is_over() {
            break;
        }
        run.step(&mut b);
    }
}

impl<'a> Run<'a> {
    fn first(site: &'a Site) -> Self {
        let leases = Leases::new(Millis::secs(30), 10_000, Millis::secs(5)).expect("valid leases");
        let disk = ArbiterRecords { incarnation: 1, groups: Vec::new() };
        let now = Instant(1_000_000);
        let machine = Arbiter::restore(leases, 1, disk.clone(), now);
        Self { site, leases, machine, now, boot: 1, disk, saving: None, book: Book::default() }
    }

    fn step(&mut self, b: &mut Bytes<'_>) {
        match b.below(16) {
            0..=3 => self.now = Instant(self.now.0.saturating_add(b.span())),
            4..=6 => {
                if b.once_in(100) {
                    return self.fail();
                }
                self.save();
            }
            7 => {
                if b.once_in(6) {
                    let kept = b.flag();
                    self.restart(kept);
                }
            }
            8 => {
                let id = parts::save_id(b);
                if self.saving.as_ref().is_none_or(|(saving, _)| *saving != id) {
                    self.tell(ArbiterFact::Saved(id));
                }
            }
            _ => self.request(b),
        }
    }

    fn request(&mut self, b: &mut Bytes<'_>) {
        let parts = Parts { site: self.site };
        let group = parts.group(b);
        let epoch = self.machine.record(group).map_or(Epoch::FIRST, |r| r.epoch);
        let hint = Hint { epoch, turn: Turn(0), boot: 1, now: self.now };
        let mut request = wired::request(b, &parts, group, hint);
        if b.below(4) > 0 {
            self.number(&mut request);
        }
        let (known, idle) = (self.machine.record(group).is_some(), self.saving.is_none());
        let mut replies = self.tell(ArbiterFact::Request(request));
        let (Ask::Acquire { k, .. } | Ask::Withdraw { k }) = request.ask else { return };
        let highest = self.book.highest.entry((group, request.from)).or_default();
        let new = k > *highest;
        *highest = k.max(*highest);
        if known && idle && new && matches!(request.ask, Ask::Acquire { .. }) {
            replies.extend(self.save());
            assert!(
                replies.contains(&(request.from, group)),
                "L3: an acquire that is new is not answered: {request:?}"
            );
        }
    }

    /// Acquires are numbered as agents number theirs: one more than the last.
    fn number(&self, request: &mut Request) {
        let key = (request.group, request.from);
        if let Ask::Acquire { k, .. } | Ask::Withdraw { k } = &mut request.ask {
            *k = self.book.highest.get(&key).copied().unwrap_or_default().saturating_add(1);
        }
    }

    fn save(&mut self) -> Vec<(Side, GroupKey)> {
        let Some((id, batch)) = self.saving.take() else { return Vec::new() };
        self.durable(batch);
        self.tell(ArbiterFact::Saved(id))
    }

    fn durable(&mut self, batch: Vec<ArbiterRecord>) {
        for record in batch {
            self.disk.groups.retain(|r| r.group != record.group);
            self.disk.groups.push(record);
        }
    }

    fn fail(&mut self) {
        let Some((id, batch)) = self.saving.take() else { return };
        let silent = self.tell(ArbiterFact::SaveFailed(id));
        assert!(silent.is_empty(), "J7: it says nothing more");
        self.saving = Some((id, batch));
        self.restart(false);
    }

    fn restart(&mut self, kept: bool) {
        if let Some((_, batch)) = self.saving.take()
            && kept
        {
            self.durable(batch);
        }
        self.boot = self.boot.wrapping_add(1);
        self.machine = Arbiter::restore(self.leases, self.boot, self.disk.clone(), self.now);
        for record in &self.disk.groups {
            assert_eq!(self.machine.record(record.group), Some(record), "what was saved is known again");
        }
    }

    /// Who was answered about which group.
    fn tell(&mut self, fact: ArbiterFact) -> Vec<(Side, GroupKey)> {
        let group = if let ArbiterFact::Request(request) = fact { Some(request.group) } else { None };
        let before = group.and_then(|g| self.machine.record(g).copied());
        let (mut twin, mut effects, mut again) = (self.machine.clone(), Vec::new(), Vec::new());
        self.machine.handle(self.now, fact, &mut effects);
        trace(|| format!("{:?}: {fact:?}\n    {effects:?}", self.now));
        twin.handle(self.now, fact, &mut again);
        assert!(twin == self.machine && again == effects, "the same fact has the same effects");
        if let (ArbiterFact::Request(request), Some(before)) = (fact, before) {
            self.moved(request, &before);
        }
        let mut told = Vec::new();
        for effect in effects {
            match effect {
                ArbiterEffect::Save { id, batch } => {
                    assert!(self.saving.replace((id, batch)).is_none(), "J1: one save at a time");
                }
                ArbiterEffect::Reply(side, reply) => {
                    self.said(side, reply);
                    told.push((side, reply.group));
                }
            }
        }
        told
    }

    fn moved(&mut self, request: Request, before: &ArbiterRecord) {
        let after = *self.machine.record(request.group).expect("a record stays");
        assert!(after.epoch >= before.epoch, "I7: an epoch went back");
        if after.epoch == before.epoch {
            assert_eq!(after.owner, before.owner, "I7: one owner per epoch");
            return;
        }
        let until = self.book.leased.remove(&request.group);
        if after.epoch == request.epoch {
            // F4: somebody is further than the record, and says who owns the group there.
            let owner = if matches!(request.ask, Ask::Renew { .. }) { request.from } else { request.from.peer() };
            assert_eq!(after.owner, owner, "F4: another owner than was said");
            return;
        }
        if let Ask::Acquire { k, .. } = request.ask {
            assert_eq!(after.epoch, request.epoch.next(), "O5: granted at another epoch than was asked for");
            assert!(until.is_none_or(|at| at <= self.now), "O5: granted while a lease may live: {until:?}");
            assert!(after.owner == request.from && before.owner != after.owner, "O4: granted to another");
            self.book.granted.insert((request.group, request.from, k));
        }
    }

    fn said(&mut self, side: Side, reply: Reply) {
        let durable = self.disk.groups.iter().find(|r| r.group == reply.group);
        assert!(
            durable.is_some_and(|r| (r.epoch, r.owner) == (reply.epoch, reply.owner)),
            "J1: what is said is not durable: {reply:?}"
        );
        match reply.answer {
            Answer::Leased(_) if side == reply.owner => {
                self.book.leased.insert(reply.group, self.now + self.leases.given());
            }
            Answer::Evaluated { k, outcome: Ok(()) } => {
                let granted = self.book.granted.contains(&(reply.group, side, k));
                assert!(granted, "O5: told of a grant that was another's: {side:?}, {reply:?}");
            }
            Answer::Leased(_) | Answer::Record | Answer::Wait { .. } | Answer::Evaluated { .. } => {}
        }
    }
}
