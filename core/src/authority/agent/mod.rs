//! The site agent: the only holder of a site's authority (O1 to O8). It decides who may run a group, never what to do
//! with it.
//!
//! Architecture Invariant: what an agent says is durable before it is said. Its store is its own: a manager's saves
//! never delay it.

mod acquire;
mod claim;
mod fact;
mod hear;
mod held;
mod ladder;
mod owner;
mod record;
mod seat;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

pub use claim::{Claim, Enforcers, Told};
pub use fact::{AgentEffect, AgentFact};
pub use record::{AgentRecord, Doubt, Known, VERSION};

use self::held::{Cx, Durability, Held, Stage};
use self::seat::Seat;
use crate::effect::SaveId;
use crate::error::RestoreError;
use crate::ids::{Digest, GroupIx, GroupKey, Index};
use crate::inventory::Site;
use crate::time::{Instant, Millis};

/// The holder of one site's authority. A value: clone it, compare it, hash it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SiteAgent {
    digest: Digest,
    boot: u32,
    halted: bool,
    bit: bool,
    saving: Option<(SaveId, Vec<GroupIx>)>,
    groups: Vec<Held>,
    dirty: BTreeSet<GroupIx>,
    deadlines: Vec<Option<Instant>>,
    timers: BTreeSet<(Instant, GroupIx)>,
    /// When the peer's agent was heard last.
    heard: Instant,
    silent: bool,
    seat: Seat,
}

impl SiteAgent {
    /// Starts an agent from what is durable: no lease, and every promise to the peer counts as just given (O7). `boot`
    /// rises with every start. A group without a record is new, and owned by its home.
    ///
    /// # Errors
    /// Records that this build cannot read, or that do not fit the inventory. Nothing has happened then.
    pub fn restore(
        site: &Site,
        boot: u32,
        records: Vec<AgentRecord>,
        now: Instant,
        effects: &mut Vec<AgentEffect>,
    ) -> Result<Self, RestoreError> {
        let mut by_index: BTreeMap<GroupIx, AgentRecord> = BTreeMap::new();
        for record in records {
            if record.version > VERSION {
                return Err(RestoreError::Version { found: record.version, known: VERSION });
            }
            let key = record.group;
            let g = site.inventory.groups.find(key).ok_or(RestoreError::UnknownGroup(key))?;
            if by_index.insert(g, record).is_some() {
                return Err(RestoreError::Twice(key));
            }
        }
        let groups: Vec<Held> = site
            .inventory
            .groups
            .iter()
            .map(|(g, group)| {
                let first = || AgentRecord::first(group.key, group.home == site.here);
                Held::restored(site, by_index.remove(&g).unwrap_or_else(first), now)
            })
            .collect();
        let count = groups.len();
        let mut agent = Self {
            digest: site.digest,
            boot,
            halted: false,
            bit: false,
            saving: None,
            groups,
            dirty: BTreeSet::new(),
            deadlines: alloc::vec![None; count],
            timers: BTreeSet::new(),
            heard: if site.policy.arbiter.is_some() { now } else { Instant(0) },
            silent: false,
            seat: Seat::at_start(site, now),
        };
        for g in site.inventory.groups.indices() {
            agent.with(site, now, effects, g, |_, _| {});
        }
        effects.push(AgentEffect::Silent(false));
        agent.save(effects);
        Ok(agent)
    }

    /// Takes a fact. It cannot be rejected; what does not fit changes nothing (J4).
    pub fn handle(&mut self, site: &Site, now: Instant, fact: AgentFact, effects: &mut Vec<AgentEffect>) {
        self.halted |= site.digest != self.digest;
        if self.halted {
            return;
        }
        match fact {
            AgentFact::Wake => {}
            AgentFact::Saved(id) => self.saved(site, now, id, effects),
            AgentFact::SaveFailed(id) => self.halted |= self.saving.as_ref().is_some_and(|(saving, _)| *saving == id),
            AgentFact::Reply(reply) => {
                self.group(site, now, effects, reply.group, |held, cx, g| held.replied(cx, g, reply));
            }
            AgentFact::Note(note) => {
                self.hear(now, effects);
                self.group(site, now, effects, note.group, |held, cx, g| held.noted(cx, g, note));
            }
            AgentFact::Read { group, luns } => {
                self.group(site, now, effects, group, |held, cx, g| held.read(cx, g, &luns));
            }
            AgentFact::Mirror { lun, broken } => {
                let group = site.inventory.luns.by_key(lun).and_then(|(_, l)| l.group);
                if let Some(g) = group {
                    self.with(site, now, effects, g, |held, cx| held.mirror(cx, lun, broken));
                }
            }
            AgentFact::Enforced(group) => {
                self.group(site, now, effects, group, |held, _, _| held.enforced());
            }
            AgentFact::Rearm => {
                for g in site.inventory.groups.indices() {
                    self.with(site, now, effects, g, |held, cx| held.rearm(cx));
                }
            }
            AgentFact::Manager(there) => self.manager(site, now, there, effects),
            AgentFact::Claim(claim) => {
                if claim.from.is_none() && self.silent {
                    effects.push(AgentEffect::Silent(true));
                }
                self.group(site, now, effects, claim.group, |held, cx, _| held.claimed(cx, &claim));
            }
            AgentFact::Acquire { group, forced } => {
                self.group(site, now, effects, group, |held, cx, _| held.acquire(cx, forced));
            }
        }
        self.fire(site, now, effects);
        self.save(effects);
    }

    /// The next time at which the agent wants [`AgentFact::Wake`]. O(log n).
    #[must_use]
    pub fn next_deadline(&self, site: &Site) -> Option<Instant> {
        if self.halted {
            return None;
        }
        [self.timers.first().map(|&(at, _)| at), self.silence(site), self.manager_lost(site)]
            .into_iter()
            .flatten()
            .min()
    }

    /// How long an enforcer may let a group run that asks now, counted from the sending of its own question (O2).
    /// `None`: not at all.
    #[must_use]
    pub fn authority(&self, site: &Site, now: Instant, group: GroupKey) -> Option<Millis> {
        let held = &self.groups[site.inventory.groups.find(group)?.at()];
        let Some(arbiter) = &site.policy.arbiter else {
            return held.record.authority.is_active().then_some(Millis(u64::MAX));
        };
        if held.withheld().is_some() {
            return None;
        }
        let left = held.left(arbiter, now)?;
        Some(arbiter.leases.handed(left)).filter(|left| *left > Millis::ZERO && !self.halted)
    }

    /// What is known of a group.
    #[must_use]
    pub fn record(&self, site: &Site, group: GroupKey) -> Option<&AgentRecord> {
        site.inventory.groups.find(group).map(|g| &self.groups[g.at()].record)
    }

    /// What is known of every group, in the order of the inventory.
    pub fn records(&self) -> impl Iterator<Item = &AgentRecord> {
        self.groups.iter().map(|held| &held.record)
    }

    /// Whether the agent has stopped for good.
    #[must_use]
    pub const fn is_halted(&self) -> bool {
        self.halted
    }

    /// Moves every time earlier by `by`: the same agent on a clock with another origin.
    pub fn shift(&mut self, by: Millis) {
        let back = |at: &mut Instant| *at = Instant(at.0.saturating_sub(by.0));
        back(&mut self.heard);
        self.seat.shift(by);
        for held in &mut self.groups {
            held.shift(by);
        }
        let timers = core::mem::take(&mut self.timers).into_iter();
        self.timers = timers.map(|(at, g)| (Instant(at.0.saturating_sub(by.0)), g)).collect();
        self.deadlines.iter_mut().flatten().for_each(back);
    }

    fn with(
        &mut self,
        site: &Site,
        now: Instant,
        out: &mut Vec<AgentEffect>,
        g: GroupIx,
        act: impl FnOnce(&mut Held, &mut Cx<'_>),
    ) {
        let mut cx = Cx { site, arbiter: site.policy.arbiter.as_ref(), now, boot: self.boot, silent: self.silent, out };
        let held = &mut self.groups[g.at()];
        held.run.stamped = held.run.stamped.filter(|&(at, _)| at == now);
        act(held, &mut cx);
        held.step(&mut cx, g);
        if matches!(held.durability, Durability::Dirty | Durability::SavingOlder) {
            self.dirty.insert(g);
        }
        let next = held.deadline(&cx);
        let old = core::mem::replace(&mut self.deadlines[g.at()], next);
        if old != next {
            self.timers.extend(next.map(|at| (at, g)));
            if let Some(at) = old {
                self.timers.remove(&(at, g));
            }
        }
    }

    fn group(
        &mut self,
        site: &Site,
        now: Instant,
        out: &mut Vec<AgentEffect>,
        key: GroupKey,
        act: impl FnOnce(&mut Held, &mut Cx<'_>, GroupIx),
    ) {
        if let Some(g) = site.inventory.groups.find(key) {
            self.with(site, now, out, g, |held, cx| act(held, cx, g));
        }
    }

    fn saved(&mut self, site: &Site, now: Instant, id: SaveId, effects: &mut Vec<AgentEffect>) {
        let Some((_, groups)) = self.saving.take_if(|(saving, _)| *saving == id) else { return };
        for g in groups {
            let held = &mut self.groups[g.at()];
            held.durability = match held.durability {
                Durability::Saving | Durability::Clean => Durability::Clean,
                Durability::SavingOlder | Durability::Dirty => Durability::Dirty,
            };
            self.with(site, now, effects, g, |_, _| {});
        }
    }

    fn fire(&mut self, site: &Site, now: Instant, effects: &mut Vec<AgentEffect>) {
        while let Some(&(at, g)) = self.timers.first() {
            if at > now {
                break;
            }
            let before = self.deadlines[g.at()];
            self.with(site, now, effects, g, Held::due);
            if self.deadlines[g.at()] == before {
                // Nothing more to wait for: a deadline that stays would stop time.
                self.timers.remove(&(at, g));
                self.deadlines[g.at()] = None;
            }
        }
        if self.silence(site).is_some_and(|at| at <= now) {
            // When that began is of no use any more.
            (self.silent, self.heard) = (true, Instant(0));
            effects.push(AgentEffect::Silent(true));
        }
        self.seat_due(site, now, effects);
    }

    /// When the peer's silence becomes a fact (O11).
    fn silence(&self, site: &Site) -> Option<Instant> {
        let arbiter = site.policy.arbiter.as_ref().filter(|_| !self.silent)?;
        self.groups.iter().any(|h| h.record.stands_by()).then(|| self.heard + arbiter.site_grace)
    }

    fn hear(&mut self, now: Instant, effects: &mut Vec<AgentEffect>) {
        self.heard = now;
        if core::mem::take(&mut self.silent) {
            effects.push(AgentEffect::Silent(false));
        }
    }

    fn save(&mut self, effects: &mut Vec<AgentEffect>) {
        if self.saving.is_some() || self.dirty.is_empty() || self.halted {
            return;
        }
        let groups: Vec<GroupIx> = core::mem::take(&mut self.dirty).into_iter().collect();
        let mut batch = Vec::with_capacity(groups.len());
        for g in &groups {
            let held = &mut self.groups[g.at()];
            held.durability = Durability::Saving;
            batch.push(held.record);
        }
        self.bit = !self.bit;
        let id = SaveId { boot: self.boot, bit: self.bit };
        self.saving = Some((id, groups));
        effects.push(AgentEffect::Save { id, batch });
    }
}
