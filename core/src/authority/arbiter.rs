//! The arbiter: one record per group, compared and swapped (O5, O7). It knows no inventory and decides nothing else.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::lease::Leases;
use super::proof::{Proof, Stamp};
use super::wire::{Answer, Ask, Denial, Reply, Request};
use crate::effect::SaveId;
use crate::guard::{self, Guard};
use crate::ids::{Digest, Epoch, GroupKey, Side};
use crate::time::{Instant, Millis};

/// What is durable about one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ArbiterRecord {
    /// The group.
    pub group: GroupKey,
    /// Rises each time ownership moves (I7).
    pub epoch: Epoch,
    /// Who may run it.
    pub owner: Side,
    /// Digest of its configuration as each site said it last in this epoch.
    pub config: [Option<Digest>; 2],
    /// How good the copies at the owner's peer are (O6).
    pub proof: Proof,
    /// The order of what the owner said last.
    pub stamp: Stamp,
    /// The last acquire of each site that was evaluated, and its outcome (O5). Each site counts its own.
    pub last: [Option<(u32, Result<(), Denial>)>; 2],
}

impl ArbiterRecord {
    /// Whether automatic takeover is on: both sites have joined, with one configuration (O7).
    #[must_use]
    pub fn armed(&self) -> bool {
        self.config[0].is_some() && self.config[0] == self.config[1]
    }
}

/// What an arbiter starts from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ArbiterRecords {
    /// Rises when the store is made anew; kept with it (O7).
    pub incarnation: u32,
    /// The groups' records, in any order.
    pub groups: Vec<ArbiterRecord>,
}

/// What an arbiter is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ArbiterFact {
    /// A site's agent asks something.
    Request(Request),
    /// A batch is durable.
    Saved(SaveId),
    /// A batch could not be saved: the arbiter stops for good (J7).
    SaveFailed(SaveId),
}

/// What an arbiter wants done.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ArbiterEffect {
    /// Make these records durable, all or none.
    Save {
        /// Names the batch.
        id: SaveId,
        /// The records, each replacing the one of its group.
        batch: Vec<ArbiterRecord>,
    },
    /// Send this to a site's agent.
    Reply(Side, Reply),
}

/// One group's record, and what is lost in a restart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Entry {
    record: ArbiterRecord,
    /// The owner's lease is counted as live until then (O2).
    leased: Option<Instant>,
    /// Answers that wait until the record is durable.
    answers: [Option<Answer>; 2],
    dirty: bool,
}

/// The third party. A value: clone it, compare it, hash it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Arbiter {
    leases: Leases,
    incarnation: u32,
    boot: u32,
    bit: bool,
    saving: Option<(SaveId, Vec<GroupKey>)>,
    halted: bool,
    entries: BTreeMap<GroupKey, Entry>,
}

impl Arbiter {
    /// Starts an arbiter from what is durable. Every lease counts as just given (O7). `boot` rises with every start.
    #[must_use]
    pub fn restore(leases: Leases, boot: u32, records: ArbiterRecords, now: Instant) -> Self {
        let leased = guard::on(Guard::O7Arbiter).then(|| now + leases.given());
        let entry = |record: ArbiterRecord| (record.group, Entry { record, leased, answers: [None; 2], dirty: false });
        let entries = records.groups.into_iter().map(entry).collect();
        Self { leases, incarnation: records.incarnation, boot, bit: false, saving: None, halted: false, entries }
    }

    /// Takes a fact, at `now` by a monotonic clock of the arbiter's own.
    pub fn handle(&mut self, now: Instant, fact: ArbiterFact, effects: &mut Vec<ArbiterEffect>) {
        if self.halted {
            return;
        }
        match fact {
            ArbiterFact::Request(request) => self.request(now, request, effects),
            ArbiterFact::Saved(id) => {
                let Some((_, groups)) = self.saving.take_if(|(saving, _)| *saving == id) else { return };
                for group in groups {
                    self.answer(now, group, effects);
                }
            }
            ArbiterFact::SaveFailed(id) => self.halted |= self.saving.as_ref().is_some_and(|(saving, _)| *saving == id),
        }
        self.save(effects);
    }

    /// The record of a group.
    #[must_use]
    pub fn record(&self, group: GroupKey) -> Option<&ArbiterRecord> {
        self.entries.get(&group).map(|e| &e.record)
    }

    /// Moves every time earlier by `by`: the same arbiter on a clock with another origin; the sites' clocks move alike.
    /// What had run out by `now` is forgotten.
    pub fn shift(&mut self, by: Millis, now: Instant) {
        let back = |at: &mut Instant| *at = Instant(at.0.saturating_sub(by.0));
        for entry in self.entries.values_mut() {
            entry.leased = entry.leased.filter(|&at| at > now);
            entry.leased.iter_mut().for_each(back);
            // Never as early as a word that was sent before it.
            entry.record.stamp.shift(by, 1);
            for answer in entry.answers.iter_mut().flatten() {
                if let Answer::Leased(stamp) = answer {
                    stamp.shift(by, 0);
                }
            }
        }
    }

    /// Moves the leases' ends earlier by `by`: this clock has run ahead (for tests of O2).
    pub fn hasten(&mut self, by: Millis) {
        for entry in self.entries.values_mut() {
            entry.leased.iter_mut().for_each(|at| *at = Instant(at.0.saturating_sub(by.0)));
        }
    }

    fn request(&mut self, now: Instant, request: Request, effects: &mut Vec<ArbiterEffect>) {
        let Request { from, group, epoch, arbiter, ask } = request;
        let owner = if matches!(ask, Ask::Renew { .. }) { from } else { from.peer() };
        // The first to speak makes the record; it is not armed before the other has joined (O7).
        let entry = self.entries.entry(group).or_insert_with(|| Entry::new(group, epoch, owner));
        let answer = if arbiter.is_some_and(|meant| meant != self.incarnation) {
            // Whoever means another arbiter is told which one this is, and nothing it says counts.
            Some(Answer::Record)
        } else {
            if epoch > entry.record.epoch || (epoch != entry.record.epoch && !guard::on(Guard::F4Forward)) {
                entry.overtaken(now + self.leases.given(), epoch, owner);
            }
            match ask {
                Ask::Renew { stamp, proof, config } => {
                    entry.renew(now, &self.leases, (from, epoch), stamp, proof, config)
                }
                Ask::Join { config } => entry.join(from, epoch, config),
                Ask::Withdraw { k } => entry.withdraw(from, k),
                Ask::Acquire { k, config, forced } => {
                    entry.acquire(now, &self.leases, (from, epoch), k, config, forced)
                }
            }
        };
        if let Some(answer) = answer {
            entry.answers[from.at()] = Some(answer);
        }
        if !entry.dirty && self.saving.as_ref().is_none_or(|(_, groups)| !groups.contains(&group)) {
            self.answer(now, group, effects);
        }
    }

    /// What waits for a record is said once the record is durable; a lease counts from then (O2).
    fn answer(&mut self, now: Instant, group: GroupKey, effects: &mut Vec<ArbiterEffect>) {
        let (incarnation, given) = (self.incarnation, self.leases.given());
        let Some(entry) = self.entries.get_mut(&group).filter(|e| !e.dirty) else { return };
        for side in Side::BOTH {
            let Some(answer) = entry.answers[side.at()].take() else { continue };
            if matches!(answer, Answer::Leased(_)) && side == entry.record.owner {
                entry.leased = Some(now + given);
            }
            let ArbiterRecord { epoch, owner, .. } = entry.record;
            let armed = entry.record.armed();
            effects.push(ArbiterEffect::Reply(side, Reply { group, incarnation, epoch, owner, armed, answer }));
        }
    }

    fn save(&mut self, effects: &mut Vec<ArbiterEffect>) {
        if self.saving.is_some() || self.halted {
            return;
        }
        let dirty: Vec<GroupKey> = self.entries.iter().filter(|(_, e)| e.dirty).map(|(&g, _)| g).collect();
        if dirty.is_empty() {
            return;
        }
        let mut batch = Vec::with_capacity(dirty.len());
        for entry in self.entries.values_mut().filter(|e| e.dirty) {
            entry.dirty = false;
            batch.push(entry.record);
        }
        self.bit = !self.bit;
        let id = SaveId { boot: self.boot, bit: self.bit };
        self.saving = Some((id, dirty));
        effects.push(ArbiterEffect::Save { id, batch });
    }
}

impl Entry {
    const fn new(group: GroupKey, epoch: Epoch, owner: Side) -> Self {
        let (proof, stamp) = (Proof::Unknown, Stamp { boot: 0, sent: Instant(0), nth: 0 });
        let record = ArbiterRecord { group, epoch, owner, config: [None; 2], proof, stamp, last: [None; 2] };
        Self { record, leased: None, answers: [None; 2], dirty: true }
    }

    fn change(&mut self, change: impl FnOnce(&mut ArbiterRecord)) {
        let before = self.record;
        change(&mut self.record);
        self.dirty |= self.record != before;
    }

    /// O1, O6: a lease for the recorded owner. An older renewal than one that was heard changes nothing.
    fn renew(
        &mut self,
        now: Instant,
        leases: &Leases,
        (from, epoch): (Side, Epoch),
        stamp: Stamp,
        proof: Proof,
        config: Digest,
    ) -> Option<Answer> {
        if (from, epoch) != (self.record.owner, self.record.epoch) {
            return Some(Answer::Record);
        }
        if stamp < self.record.stamp && guard::on(Guard::O6Sequence) {
            return None;
        }
        let known = if proof == Proof::Unknown && !guard::on(Guard::O6Unknown) { self.record.proof } else { proof };
        // A later stamp alone is worth a write only where an earlier, better word must never come after it.
        let same = self.record.proof == known && self.record.config[from.at()] == Some(config);
        if same && matches!(known, Proof::Fit { .. }) {
            self.record.stamp = stamp;
        } else {
            self.change(|r| (r.proof, r.config[from.at()], r.stamp) = (known, Some(config), stamp));
        }
        // The answer is about to be given: from here on nobody else is granted the group.
        self.leased = Some(now + leases.given());
        Some(Answer::Leased(stamp))
    }

    fn join(&mut self, from: Side, epoch: Epoch, config: Digest) -> Option<Answer> {
        if (from.peer(), epoch) == (self.record.owner, self.record.epoch) {
            self.change(|r| r.config[from.at()] = Some(config));
        }
        Some(Answer::Record)
    }

    /// F4: a site is at a higher epoch, so the group was released while nobody told this arbiter. Only ever forward:
    /// an epoch has one owner, and whoever is at it says who that is.
    fn overtaken(&mut self, leased: Instant, epoch: Epoch, owner: Side) {
        self.leased = Some(leased);
        self.change(|r| {
            (r.epoch, r.owner) = (epoch, owner);
            (r.proof, r.stamp) = (Proof::Unknown, Stamp::default());
        });
    }

    fn give(&mut self, to: Side) {
        self.leased = None;
        self.change(|r| {
            (r.epoch, r.owner) = (r.epoch.next(), to);
            (r.proof, r.stamp) = (Proof::Unknown, Stamp::default());
        });
    }

    /// O5: each acquire is evaluated once; a repetition is told the first outcome.
    fn acquire(
        &mut self,
        now: Instant,
        leases: &Leases,
        (from, epoch): (Side, Epoch),
        k: u32,
        config: Digest,
        forced: bool,
    ) -> Option<Answer> {
        let outcome = match self.record.last[from.at()] {
            Some((last, outcome)) if k == last && guard::on(Guard::O5Once) => outcome,
            Some((last, _)) if k < last && guard::on(Guard::O5Once) => return None,
            // Nothing is decided while the owner may run; who asked goes on asking, in doubt.
            _ if epoch == self.record.epoch && self.is_leased(now) => return Some(Answer::Wait { k }),
            _ => {
                let outcome = self.may_acquire(leases, (from, epoch), config, forced);
                self.change(|r| r.last[from.at()] = Some((k, outcome)));
                if outcome.is_ok() {
                    self.give(from);
                }
                outcome
            }
        };
        Some(Answer::Evaluated { k, outcome })
    }

    /// O5, O4: from now on acquire `k` comes to nothing.
    fn withdraw(&mut self, from: Side, k: u32) -> Option<Answer> {
        match self.record.last[from.at()] {
            Some((last, outcome)) if k == last => Some(Answer::Evaluated { k, outcome }),
            Some((last, _)) if k < last => None,
            Some(_) | None => {
                let outcome = Err(Denial::Withdrawn);
                self.change(|r| r.last[from.at()] = Some((k, outcome)));
                Some(Answer::Evaluated { k, outcome })
            }
        }
    }

    fn is_leased(&self, now: Instant) -> bool {
        self.leased.is_some_and(|until| until > now) && guard::on(Guard::O5Lease)
    }

    fn may_acquire(
        &self,
        leases: &Leases,
        (from, epoch): (Side, Epoch),
        config: Digest,
        forced: bool,
    ) -> Result<(), Denial> {
        let record = &self.record;
        if epoch != record.epoch && guard::on(Guard::O5Epoch) {
            return Err(Denial::Epoch);
        }
        if from == record.owner {
            return Err(Denial::Owner);
        }
        if forced {
            return Ok(());
        }
        if !record.armed() {
            return Err(Denial::Manual);
        }
        if record.config[from.at()] != Some(config) {
            return Err(Denial::Config);
        }
        if !record.proof.permits(leases.length()) && guard::on(Guard::O5Evidence) {
            return Err(Denial::Proof(record.proof));
        }
        Ok(())
    }
}
