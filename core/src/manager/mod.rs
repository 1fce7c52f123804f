//! The recovery manager: the deciding machine of one site. This module routes; it decides nothing.

mod answer;
mod apd;
mod check;
mod command;
mod deputy;
mod host;
mod incident;
mod migrate;
mod queue;
mod restore;
mod silence;
mod stake;

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use crate::detection::Detector;
use crate::effect::{Effect, Effects, SaveId};
use crate::error::Violation;
use crate::event::Event;
use crate::failover::{Course, Cx, Durability, GroupState, Slots, Wait};
use crate::grouping::{GroupTimer, Grouping};
use crate::ids::{ArrayIx, Digest, GroupIx, GroupKey, LunIx, LunKey};
use crate::input::{Fact, ProbeId};
use crate::inventory::Site;
use crate::record::{Record, SiteRecord, TakePhase, Work};
use crate::status::{GroupStatus, Status};
use crate::time::{Instant, Millis};

use queue::Queue;
pub(crate) use silence::offer_for_silent;

/// The deciding machine of one site's VIM server. A value: clone it, compare it, hash it.
///
/// It is given facts and the time, and appends what it wants done to a buffer of the caller's. It never blocks, never
/// panics, and holds nothing that grows but with the inventory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecoveryManager {
    digest: Digest,
    boot: u32,
    halted: bool,
    saving: Option<Saving>,
    bit: bool,
    site_record: SiteRecord,
    site_durability: Durability,
    /// Reports of LUNs that no group protects, to be acknowledged once the site's record is durable (G6).
    acknowledge: BTreeSet<LunKey>,
    detector: Detector,
    grouping: Grouping,
    probe: ProbeId,
    /// LUNs whose loss is contradicted, and when they are probed again (D3).
    contradicted: alloc::collections::BTreeMap<LunIx, Instant>,
    /// LUNs that no host reaches, and when people are told (D2).
    down: alloc::collections::BTreeMap<LunIx, Instant>,
    /// LUNs that every host that mounts them calls down, by array (D2).
    luns_down: alloc::collections::BTreeMap<ArrayIx, BTreeSet<LunIx>>,
    /// Arrays of which that is so of every LUN (D2).
    unreached: alloc::collections::BTreeMap<ArrayIx, apd::Unreached>,
    /// The peer's agent has been silent for long (O11).
    silent: bool,
    /// It stands in for the site's manager (O10).
    deputy: bool,
    groups: Vec<GroupState>,
    slots: Slots,
    queue: Queue,
    dirty: BTreeSet<GroupIx>,
    touched: BTreeSet<GroupIx>,
    deadlines: Vec<Option<(Instant, Wait)>>,
    timers: BTreeSet<(Instant, Wait, GroupIx)>,
}

/// The one batch that is being saved.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Saving {
    id: SaveId,
    groups: Vec<GroupIx>,
}

/// Why the machine wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Timer {
    /// Polling or grouping (G1 to G4).
    Grouping(GroupTimer),
    /// A contradicted LUN is probed again (D3).
    Contradicted(LunIx),
    /// No host reaches a LUN: people are told (D2).
    PathsDown(LunIx),
    /// No host reaches an array: its management is asked, or it counts as failed (D2).
    ArrayDown(ArrayIx),
    /// Something of a group.
    Group(Wait, GroupIx),
}

/// Facts that one `settle` may cause at most, per group: far above what is possible, so that a defect stops the
/// machine and not its host process.
const SETTLE_LIMIT: usize = 64;

impl RecoveryManager {
    /// Takes a fact. It cannot be rejected; what does not fit changes nothing (J4).
    pub fn handle(&mut self, site: &Site, now: Instant, fact: Fact, effects: &mut Effects) {
        if self.refuses(site, effects) {
            return;
        }
        match fact {
            Fact::Wake => {}
            Fact::Saved(id) => self.saved(site, id, effects),
            Fact::SaveFailed(id) => {
                if self.saving.as_ref().is_some_and(|s| s.id == id) {
                    self.halt(effects);
                }
            }
            Fact::Message(message) => {
                self.group(site, now, effects, message.group, |state, cx, g| state.message(cx, g, message));
            }
            Fact::Path { host, lun, path, probe, answer } => {
                // G4: what is over closes before anything joins.
                self.grouping_due(site, now, effects);
                self.path(site, now, effects, (host, lun, path), probe, &answer);
            }
            Fact::Array { array, lun, answer } => {
                self.array(site, lun, answer);
                self.management(site, now, array, answer);
            }
            Fact::Authority(told) => {
                self.group(site, now, effects, told.group, |state, cx, g| state.told_authority(cx, g, told));
            }
            Fact::Denied { group, why } => {
                let silent = self.silent;
                self.group(site, now, effects, group, |state, cx, _| state.denied(cx, why, silent));
            }
            Fact::Silent(silent) => self.peer_silent(site, silent),
            Fact::Host { host, up } => self.host(site, effects, host, up),
            Fact::Answer { id, attempt, outcome } => {
                self.group(site, now, effects, id.group, |state, cx, _| state.answered(cx, id, attempt, outcome));
            }
            Fact::Observed { group, target, seen } => {
                self.group(site, now, effects, group, |state, cx, _| state.observed(cx, target, seen.as_ref()));
            }
            Fact::TestHeartbeat(vm) => {
                let group = site.inventory.vms.by_key(vm).and_then(|(_, vm)| vm.group);
                if let Some(g) = group {
                    self.with(site, now, effects, g, |state, cx| state.heartbeat(cx, g, vm, Course::Test));
                }
            }
            Fact::Heartbeat(vm) => {
                let group = site.inventory.vms.by_key(vm).and_then(|(_, vm)| vm.group);
                if let Some(g) = group {
                    self.with(site, now, effects, g, |state, cx| state.heartbeat(cx, g, vm, Course::Recovery));
                }
            }
        }
        self.fire(site, now, effects);
        self.settle(site, now, effects);
    }

    /// The next time at which the machine wants [`Fact::Wake`], and why. O(log n).
    #[must_use]
    pub fn next_deadline(&self) -> Option<(Instant, Timer)> {
        if self.halted {
            return None;
        }
        let grouping = self.grouping.next_deadline().map(|(at, t)| (at, Timer::Grouping(t)));
        let probe = self.contradicted.iter().map(|(&lun, &at)| (at, Timer::Contradicted(lun))).min();
        let group = self.timers.first().map(|&(at, wait, g)| (at, Timer::Group(wait, g)));
        let down = self.down.iter().map(|(&lun, &at)| (at, Timer::PathsDown(lun))).min();
        let array = self.unreached.iter().filter_map(|(&a, u)| Some((u.deadline()?, Timer::ArrayDown(a)))).min();
        [grouping, probe, down, array, group].into_iter().flatten().min()
    }

    /// Whether a group's record has been compared with what the peer or the agent knows, since this machine started (J5).
    #[must_use]
    pub fn is_verified(&self, group: GroupIx) -> bool {
        self.groups.get(group.0 as usize).is_some_and(|state| state.run.verified)
    }

    /// What the machine knows.
    #[must_use]
    pub fn status(&self, site: &Site) -> Status<'_> {
        let groups = site.inventory.groups.iter().zip(&self.groups).map(|((g, group), state)| GroupStatus {
            group: g,
            record: &state.record,
            durable: state.durability == Durability::Clean,
            verified: state.run.verified,
            ready: state.run.starts.ready.iter().filter_map(|&vm| site.inventory.vms.find(vm)).collect(),
            placement: group
                .vms
                .iter()
                .map(|&v| site.inventory.hosts.find(*state.record.placement.get(&site.inventory.vms[v].key)?))
                .collect(),
        });
        let groups: Vec<GroupStatus<'_>> = groups.collect();
        let of_groups = self.groups.iter().flat_map(|s| s.record.alerts.iter().copied());
        let alerts = self.site_record.alerts.iter().copied().chain(of_groups).collect();
        Status {
            halted: self.halted,
            maintenance: self.site_record.maintenance,
            window_open: self.grouping.is_open(),
            groups,
            alerts,
        }
    }

    /// Moves every deadline earlier by `by`: the same machine on a clock with another origin.
    pub fn shift(&mut self, by: Millis) {
        let back = |at: Instant| Instant(at.0.saturating_sub(by.0));
        self.grouping.shift(by);
        self.contradicted.values_mut().for_each(|at| *at = back(*at));
        self.down.values_mut().for_each(|at| *at = back(*at));
        self.unreached.values_mut().for_each(|unreached| unreached.shift(by));
        self.groups.iter_mut().for_each(|state| state.shift(by));
        self.timers = core::mem::take(&mut self.timers).into_iter().map(|(at, w, g)| (back(at), w, g)).collect();
        self.deadlines.iter_mut().flatten().for_each(|(at, _)| *at = back(*at));
    }

    /// The number of the newest probe (D3).
    #[must_use]
    pub const fn newest_probe(&self) -> ProbeId {
        self.probe
    }

    /// Numbers of probes that the open group of failures goes by.
    pub fn probes(&self) -> impl Iterator<Item = ProbeId> + '_ {
        self.grouping.probes()
    }

    /// Gives probes other numbers: the same machine, where answers that are on their way get theirs too, and what was
    /// later stays later.
    pub fn renumber_probes(&mut self, to: impl Fn(ProbeId) -> ProbeId) {
        self.grouping.renumber(&to);
        self.probe = to(self.probe);
    }

    /// A stopped machine does nothing more; one that is handed another site's inventory stops.
    fn refuses(&mut self, site: &Site, effects: &mut Effects) -> bool {
        if !self.halted && site.digest != self.digest {
            self.halt(effects);
        }
        self.halted
    }

    /// J7: stops for good.
    fn halt(&mut self, effects: &mut Effects) {
        self.halted = true;
        effects.push(Effect::Event(Event::Halted));
    }

    /// Gives one group something to do, and notes that it was touched.
    fn with<R>(
        &mut self,
        site: &Site,
        now: Instant,
        out: &mut Effects,
        g: GroupIx,
        act: impl FnOnce(&mut GroupState, &mut Cx<'_>) -> R,
    ) -> R {
        let maintenance = self.site_record.maintenance;
        let mut cx = Cx { site, now, boot: self.boot, out, slots: &mut self.slots, maintenance };
        self.touched.insert(g);
        act(&mut self.groups[g.0 as usize], &mut cx)
    }

    /// The same by key; a group that the inventory does not hold is none of ours (J4).
    fn group(
        &mut self,
        site: &Site,
        now: Instant,
        out: &mut Effects,
        key: GroupKey,
        act: impl FnOnce(&mut GroupState, &mut Cx<'_>, GroupIx),
    ) {
        if let Some(g) = site.inventory.groups.find(key) {
            self.with(site, now, out, g, |state, cx| act(state, cx, g));
        }
    }

    /// A batch is durable. A late answer, to a batch of an earlier boot, acknowledges nothing.
    fn saved(&mut self, site: &Site, id: SaveId, effects: &mut Effects) {
        let Some(saving) = self.saving.take_if(|s| s.id == id) else { return };
        let settled = |d: Durability| match d {
            Durability::Saving | Durability::Clean => Durability::Clean,
            Durability::SavingOlder | Durability::Dirty => Durability::Dirty,
        };
        self.site_durability = settled(self.site_durability);
        for g in saving.groups {
            let state = &mut self.groups[g.0 as usize];
            state.durability = settled(state.durability);
            self.touched.insert(g);
        }
        if self.site_durability == Durability::Clean {
            let luns = core::mem::take(&mut self.acknowledge);
            effects.extend(luns.into_iter().map(|lun| Effect::Acknowledge { lun }));
        }
        let _ = site;
    }

    /// Whatever is due.
    fn fire(&mut self, site: &Site, now: Instant, effects: &mut Effects) {
        self.grouping_due(site, now, effects);
        self.contradicted_due(site, now, effects);
        self.down_due(site, now, effects);
        self.arrays_due(site, now, effects);
        while let Some(&(at, _, g)) = self.timers.first() {
            if at > now {
                break;
            }
            self.with(site, now, effects, g, |state, cx| fire_group(state, cx, g));
            self.reschedule(g);
        }
    }

    /// Steps every group that was touched until nothing changes, then saves what has changed.
    fn settle(&mut self, site: &Site, now: Instant, effects: &mut Effects) {
        let mut left = SETTLE_LIMIT.saturating_mul(self.groups.len() + 1);
        loop {
            while let Some(&g) = self.touched.first() {
                left = left.saturating_sub(1);
                self.admit(site, now, effects, g);
                self.with(site, now, effects, g, |state, cx| state.step(cx, g));
                self.touched.remove(&g);
                self.note(site, g);
            }
            if left == 0 {
                return self.halt(effects);
            }
            if !self.let_go(site, now, effects) {
                break;
            }
        }
        self.save(effects);
        #[cfg(debug_assertions)]
        if self.check(site).is_err() {
            self.halt(effects);
        }
    }

    /// Brings the indices over the groups up to date with one of them.
    fn note(&mut self, site: &Site, g: GroupIx) {
        let state = &self.groups[g.0 as usize];
        if matches!(state.durability, Durability::Dirty | Durability::SavingOlder) {
            self.dirty.insert(g);
        }
        let vms = u32::try_from(site.inventory.groups[g].vms.len()).unwrap_or(u32::MAX);
        self.queue.update(g, incident::class(site, state, g), vms);
        self.reschedule(g);
        for host in core::mem::take(&mut self.slots.freed) {
            let waiting = self.slots.waiting.range((host, GroupIx(0))..=(host, GroupIx(u32::MAX)));
            self.touched.extend(waiting.map(|&(_, g)| g));
        }
    }

    fn reschedule(&mut self, g: GroupIx) {
        let next = self.groups[g.0 as usize].deadline();
        let old = core::mem::replace(&mut self.deadlines[g.0 as usize], next);
        if old != next {
            if let Some((at, wait)) = old {
                self.timers.remove(&(at, wait, g));
            }
            if let Some((at, wait)) = next {
                self.timers.insert((at, wait, g));
            }
        }
    }

    /// J1: whatever has changed, in one batch; never more than one outstanding.
    fn save(&mut self, effects: &mut Effects) {
        let site = self.site_durability == Durability::Dirty;
        if self.saving.is_some() || (!site && self.dirty.is_empty()) {
            return;
        }
        let groups: Vec<GroupIx> = core::mem::take(&mut self.dirty).into_iter().collect();
        let mut batch = Vec::with_capacity(groups.len() + 1);
        if site {
            self.site_durability = Durability::Saving;
            batch.push(Record::Site(self.site_record.clone()));
        }
        for &g in &groups {
            let state = &mut self.groups[g.0 as usize];
            state.durability = Durability::Saving;
            batch.push(Record::Group(state.record.clone()));
        }
        self.bit = !self.bit;
        let id = SaveId { boot: self.boot, bit: self.bit };
        self.saving = Some(Saving { id, groups });
        effects.push(Effect::Save { id, batch });
    }

    /// Every invariant of one machine. O(n).
    ///
    /// # Errors
    /// The first invariant that does not hold.
    pub fn check(&self, site: &Site) -> Result<(), Violation> {
        site.inventory.groups.indices().try_for_each(|g| check::group(site, &self.groups[g.0 as usize], g))
    }
}

/// What is due for one group.
fn fire_group(state: &mut GroupState, cx: &mut Cx<'_>, g: GroupIx) {
    let now = cx.now;
    let due: Vec<Wait> = state.run.waits.iter().filter(|&(_, &at)| at <= now).map(|(&w, _)| w).collect();
    for wait in due {
        state.run.waits.remove(&wait);
        let group = state.record.group;
        match wait {
            Wait::Resend => state.run.acquiring = false,
            Wait::Silent => {
                state.raise(cx, crate::event::Alert::PeerSilent { group });
                state.call_off(cx);
            }
            Wait::Hold => {
                if let Some(hold) = state.held() {
                    state.raise(cx, crate::event::Alert::Held { group, hold });
                }
            }
            Wait::Backoff if matches!(state.record.work, Work::Take(_)) => state.run.acquiring = false,
            Wait::Backoff => state.begin_try(cx),
            Wait::Cooldown => {
                state.record.cooling = false;
                state.touch();
            }
            Wait::Ttl => {
                if matches!(&state.record.work, Work::Take(t) if t.phase == TakePhase::Reserved) {
                    state.hold_room(cx, alloc::collections::BTreeMap::new());
                    state.enter(cx, Work::Idle);
                }
            }
            Wait::Commit => state.commit(cx),
            Wait::Rpo => state.look_at_copies(cx, g),
            Wait::Tier | Wait::Step | Wait::Operation | Wait::Ready | Wait::Claim => {}
        }
    }
    state.operations_due(cx);
    state.starts_due(cx, g);
}
