//! The site agent: the only holder of a site's authority (O1 to O8). It decides who may run a group, never what to do
//! with it.
//!
//! Architecture Invariant: what an agent says is durable before it is said. Its store is its own: a manager's saves
//! never delay it.

mod acquire;
mod claim;
mod hear;
mod ladder;
mod owner;
mod record;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

pub use claim::{Claim, Told};
pub use record::{AgentRecord, Doubt, Known, VERSION};

use super::proof::Stamp;
use super::wire::{Denial, Note, Reply, Request, Say};
use crate::effect::SaveId;
use crate::error::RestoreError;
use crate::event::Event;
use crate::guard::{self, Guard};
use crate::ids::{Digest, GroupIx, GroupKey, Index, LunKey};
use crate::inventory::Site;
use crate::operation::{Op, ReplicationSeen};
use crate::policy;
use crate::time::{Instant, Millis};

/// What an agent is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AgentFact {
    /// A deadline has come.
    Wake,
    /// A batch is durable.
    Saved(SaveId),
    /// A batch could not be saved: the agent stops for good (J7).
    SaveFailed(SaveId),
    /// The arbiter answers.
    Reply(Reply),
    /// The peer's agent says something.
    Note(Note),
    /// The arrays answer [`AgentEffect::Read`]: each LUN of the group, as seen, or not seen at all (O6).
    Read {
        /// The group.
        group: GroupKey,
        /// Its LUNs.
        luns: Vec<(LunKey, Option<ReplicationSeen>)>,
    },
    /// A synchronous mirror is broken, and writes to it wait for [`AgentEffect::Degrade`]; or is whole again. A level.
    Mirror {
        /// The LUN.
        lun: LunKey,
        /// Whether it is broken.
        broken: bool,
    },
    /// The enforcers have stopped this group, because nobody renewed its authority (O3); or its hosts and arrays have
    /// just been switched on. A level, until it is given authority anew.
    Enforced(GroupKey),
    /// The site's manager wants authority (O10).
    Claim(Claim),
    /// The site's manager wants the group of a silent site (O4), at the epoch that it knows.
    Acquire {
        /// The group.
        group: GroupKey,
        /// An operator accepts the loss; with no arbiter, also states that the owner is fenced (O9).
        forced: bool,
    },
}

/// What an agent wants done.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AgentEffect {
    /// Make these records durable, all or none, in the agent's own store.
    Save {
        /// Names the batch.
        id: SaveId,
        /// The records, each replacing the one of its group.
        batch: Vec<AgentRecord>,
    },
    /// Send to the arbiter.
    Ask(Request),
    /// Send to the peer's agent.
    Say(Note),
    /// Read the replication of a group's LUNs from their arrays; [`AgentFact::Read`] follows (O6).
    Read(GroupKey),
    /// Fence: stop a VM, or make a LUN read-only (O3).
    Do(Op),
    /// Acknowledge writes to this LUN that are not mirrored, from now on (O6).
    Degrade(LunKey),
    /// Tell the site's manager what it has.
    Tell(Told),
    /// Tell the site's manager why its acquire came to nothing.
    Deny {
        /// The group.
        group: GroupKey,
        /// Why.
        why: Denial,
    },
    /// Tell the site's manager that nothing has been heard of the peer's agent for `site_grace`; or that it is back.
    Silent(bool),
    /// Tell people.
    Event(Event),
}

/// Whether a record is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Durability {
    Clean,
    Dirty,
    Saving,
    SavingOlder,
}

/// What is lost in a restart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Run {
    /// When the last renewal that was granted was sent (O2).
    lease: Option<Instant>,
    /// When the last request for a promise that was given was sent (O2).
    promise: Option<Instant>,
    /// Unrenewed since, where neither was ever known.
    since: Instant,
    /// A promise to the peer counts as live until then (O2).
    given: Option<Instant>,
    /// When the next renewal, or the next word of an acquire, is due.
    due: Option<Instant>,
    /// The arrays have been asked, and are waited for until then (O6).
    reading: Option<Instant>,
    /// How far the ladder has gone since the turn was taken (O3).
    stage: Stage,
    /// Synchronous LUNs whose mirror is broken (O6).
    broken: BTreeSet<LunKey>,
    /// The first word that said so.
    confessed: Option<Stamp>,
    /// The last stamp of this millisecond.
    stamped: Option<(Instant, u16)>,
    /// What the manager was told last.
    told: Option<Told>,
    /// What the peer waits for, to be said once the record is durable.
    say: Option<Say>,
    /// An acquire came to nothing.
    denied: Option<Denial>,
    /// The arbiter knows that this site is there (O7).
    joined: bool,
    /// The arbiter or the peer has confirmed the epoch (J5).
    known: bool,
    /// Standing promise held, and given back, as they are durable.
    durable: (Option<u32>, Option<u32>),
}

/// Stages of self-fencing (O3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Stage {
    Covered,
    Alerted,
    Stopping,
    Stopped,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Held {
    record: AgentRecord,
    durability: Durability,
    run: Run,
}

/// What a step of one group is given.
struct Cx<'a> {
    site: &'a Site,
    arbiter: Option<&'a policy::Arbiter>,
    now: Instant,
    boot: u32,
    /// Nothing has been heard of the peer's agent for long.
    silent: bool,
    out: &'a mut Vec<AgentEffect>,
}

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
        [self.timers.first().map(|&(at, _)| at), self.silence(site)].into_iter().flatten().min()
    }

    /// How long an enforcer may let a group run that asks now, counted from the sending of its own question (O2).
    /// `None`: not at all.
    #[must_use]
    pub fn authority(&self, site: &Site, now: Instant, group: GroupKey) -> Option<Millis> {
        let held = &self.groups[site.inventory.groups.find(group)?.at()];
        let Some(arbiter) = &site.policy.arbiter else {
            return held.record.authority.is_active().then_some(Millis(u64::MAX));
        };
        let left = held.left(arbiter, now)?;
        Some(arbiter.leases.handed(left)).filter(|left| *left > Millis::ZERO && !self.halted)
    }

    /// What is known of a group.
    #[must_use]
    pub fn record(&self, site: &Site, group: GroupKey) -> Option<&AgentRecord> {
        site.inventory.groups.find(group).map(|g| &self.groups[g.at()].record)
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

impl Held {
    fn restored(site: &Site, record: AgentRecord, now: Instant) -> Self {
        let promised = site.policy.arbiter.as_ref().filter(|_| guard::on(Guard::O7Peer) && record.stands_by());
        let run = Run {
            lease: None,
            promise: None,
            since: if site.policy.arbiter.is_some() { now } else { Instant(0) },
            given: promised.map(|a| now + a.leases.given()),
            due: None,
            reading: None,
            stage: Stage::Covered,
            broken: BTreeSet::new(),
            confessed: None,
            stamped: None,
            told: None,
            say: None,
            denied: None,
            joined: false,
            known: false,
            durable: (record.held, record.returned),
        };
        Self { record, durability: Durability::Clean, run }
    }

    fn change(&mut self, change: impl FnOnce(&mut AgentRecord)) {
        let before = self.record;
        change(&mut self.record);
        if self.record != before {
            self.durability = match self.durability {
                Durability::Clean | Durability::Dirty => Durability::Dirty,
                Durability::Saving | Durability::SavingOlder => Durability::SavingOlder,
            };
        }
    }

    fn clean(&self) -> bool {
        self.durability == Durability::Clean
    }

    /// Whatever can be said or done now. Called after everything that touches the group.
    fn step(&mut self, cx: &mut Cx<'_>, g: GroupIx) {
        if cx.arbiter.is_some() {
            self.climb(cx, g);
        }
        if !self.clean() {
            return;
        }
        self.run.durable = (self.record.held, self.record.returned);
        if let Some(say) = self.run.say.take() {
            self.say(cx, say);
        }
        if let Some(why) = self.run.denied.take() {
            cx.out.push(AgentEffect::Deny { group: self.record.group, why });
        }
        self.ask_when_due(cx);
        self.tell(cx);
    }

    fn say(&self, cx: &mut Cx<'_>, say: Say) {
        cx.out.push(AgentEffect::Say(Note { group: self.record.group, epoch: self.record.authority.epoch(), say }));
    }

    fn deadline(&self, cx: &Cx<'_>) -> Option<Instant> {
        let arbiter = cx.arbiter?;
        [self.run.due, self.run.reading, self.run.given, self.next_stage(arbiter)].into_iter().flatten().min()
    }

    /// Something of the group is due.
    fn due(&mut self, cx: &mut Cx<'_>) {
        self.run.given = self.run.given.filter(|&until| until > cx.now);
        if let Some(arbiter) = cx.arbiter {
            let live = |sent: &Instant| *sent + arbiter.leases.length() > cx.now;
            self.run.lease = self.run.lease.filter(live);
            self.run.promise = self.run.promise.filter(live);
        }
        if self.run.reading.is_some_and(|until| until <= cx.now) {
            self.renew(cx, super::proof::Proof::Unknown);
        }
    }

    fn shift(&mut self, by: Millis) {
        let back = |at: &mut Instant| *at = Instant(at.0.saturating_sub(by.0));
        let Run { lease, promise, since, given, due, reading, confessed, say, stamped, .. } = &mut self.run;
        back(since);
        if let Some((at, _)) = stamped {
            back(at);
        }
        for at in [lease, promise, given, due, reading] {
            at.iter_mut().for_each(back);
            // As early as that is over, whatever it was.
            *at = at.filter(|at| at.0 > 0);
        }
        confessed.iter_mut().for_each(|stamp| stamp.shift(by, 1));
        if let Some(Say::Promise { stamp, .. } | Say::Noted(stamp)) = say {
            stamp.shift(by, 0);
        }
        if let Some((stamp, _)) = &mut self.record.promised {
            stamp.shift(by, 1);
        }
    }
}
