//! Replication: synchronous mirrors, asynchronous cycles with complete points, resynchronisation, guests' writes.

use farshore_core::ids::{Epoch, Index, LunIx, Side, VmIx};
use farshore_core::inventory::Replication;
use farshore_core::operation::{Failure, Op, Point};
use farshore_core::time::Millis;

use crate::array::{KeptPoint, Pair, Resync};
use crate::disk::{Content, epoch_at};
use crate::host::Guest;
use crate::properties;
use crate::scope::Wire;
use crate::setup::{Clock, Setup};
use crate::world::World;

/// A consistency set's cycles.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct SetState {
    /// Number of the last point that was begun.
    pub last: u64,
    /// The cycle that is under way.
    pub cycle: Option<Cycle>,
}

/// A delta of a consistency set on its way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cycle {
    /// How long the source has served since the snapshot.
    pub age: Millis,
    /// What the snapshot holds of each LUN of the set; `None`: it is complete at the target.
    pub open: Vec<Option<Content>>,
}

impl World {
    /// Everything written so far is at the peer (F2).
    pub(crate) fn drain(&mut self, setup: &Setup, side: Side, lun: LunIx) -> Result<(), Failure> {
        let state = &self.luns[lun.at()];
        if state.pair.source != Some(side) || !state.flows() {
            return Err(Failure::Failed);
        }
        if !self.is_sync(setup, lun) {
            let number = self.next_point(setup, lun);
            let content = self.copy_mut(side, lun).content.clone();
            self.land_at(setup, side.peer(), lun, number, Millis::ZERO, content);
            if let Some(set) = setup.set_of(lun) {
                self.close(setup, set, lun);
            }
        }
        Ok(())
    }

    pub(crate) fn stop_replication(&mut self, setup: &Setup, side: Side, lun: LunIx) {
        let pair = &mut self.luns[lun.at()].pair;
        if pair.source == Some(side) {
            pair.running = false;
            self.break_cycle(setup, lun);
        }
    }

    /// F5: back to a complete point, or as the last write received left it.
    pub(crate) fn roll_back(&mut self, side: Side, lun: LunIx, to: Option<Point>) -> Result<(), Failure> {
        let copy = self.copy_mut(side, lun);
        let Some(to) = to else { return Ok(()) };
        let kept = copy.points.iter().find(|p| p.point == to).cloned().ok_or(Failure::Failed)?;
        copy.points.retain(|p| p.point <= to);
        copy.content = kept.content;
        copy.age = kept.age;
        Ok(())
    }

    /// Starts replicating, or says that it has been done in full (P1). `None`: a resynchronisation is under way.
    pub(crate) fn replicate(&mut self, setup: &Setup, side: Side, lun: LunIx, op: &Op) -> Option<Result<(), Failure>> {
        let sync = self.is_sync(setup, lun);
        let state = &mut self.luns[lun.at()];
        if state.pair.token == op.id.token && state.pair.source == Some(side) {
            return match (state.flows(), state.pair.resync) {
                (false, _) => Some(Err(Failure::Failed)),
                (true, Resync::None) => Some(Ok(())),
                (true, _) => None,
            };
        }
        let old = core::mem::take(&mut state.pair);
        state.pair =
            Pair { source: Some(side), epoch: op.id.token.epoch, token: op.id.token, running: true, ..Pair::default() };
        if !state.accepts() || !state.at(side).is_some_and(|c| c.present) {
            state.pair = old;
            return Some(Err(Failure::Failed));
        }
        properties::i15::replicates(self, setup, side, lun, op);
        let state = &mut self.luns[lun.at()];
        let (Some(source), Some(target)) = (state.at(side), state.at(side.peer())) else {
            return Some(Err(Failure::Failed));
        };
        let whole = !target.fresh && old.source.is_some() && !target.content.torn;
        let goes_on =
            whole && if sync { source.content == target.content } else { source.content.covers(&target.content) };
        if goes_on && (sync || old.source == Some(side) && !target.points.is_empty()) {
            state.pair.in_sync = sync;
        } else {
            state.pair.resync = Resync::Due;
            if let Some(target) = state.at_mut(side.peer()) {
                target.points.clear();
            }
        }
        let copy = self.copy_mut(side, lun);
        copy.token = copy.token.max(op.id.token);
        (self.luns[lun.at()].pair.resync == Resync::None).then_some(Ok(()))
    }

    /// Whether frames of a LUN arrive now.
    pub(crate) fn arrives(&self, lun: LunIx) -> bool {
        let state = &self.luns[lun.at()];
        state.flows() && state.pair.source.is_some_and(|s| self.wire(Wire::Frames(s)))
    }

    /// Whether a resynchronisation could go on.
    pub(crate) fn can_sync(&self, setup: &Setup, lun: LunIx) -> bool {
        let pair = &self.luns[lun.at()].pair;
        let behind = self.is_sync(setup, lun) && !pair.in_sync && pair.running;
        let open = matches!(pair.resync, Resync::Due | Resync::Copying);
        self.arrives(lun) && (open || behind)
    }

    /// A resynchronisation begins, or ends.
    pub(crate) fn sync(&mut self, setup: &Setup, lun: LunIx) {
        let Some(source) = self.luns[lun.at()].pair.source else { return };
        if self.luns[lun.at()].pair.resync != Resync::Copying {
            properties::f8::overwritten(self, source, lun);
            self.luns[lun.at()].pair.resync = Resync::Copying;
            self.copy_mut(source.peer(), lun).content.torn = true;
            return;
        }
        if self.is_sync(setup, lun) {
            let content = self.copy_mut(source, lun).content.clone();
            let target = self.copy_mut(source.peer(), lun);
            (target.content, target.fresh) = (content, false);
            let pair = &mut self.luns[lun.at()].pair;
            (pair.resync, pair.in_sync) = (Resync::None, true);
            return;
        }
        self.luns[lun.at()].pair.resync = Resync::Copied;
        let Some(set) = setup.set_of(lun) else { return };
        let luns = &setup.sets[set].luns;
        // The first point of a set is one point of all its LUNs.
        if luns.iter().all(|l| matches!(self.luns[l.at()].pair.resync, Resync::Copied | Resync::None)) {
            let number = self.next_point(setup, lun);
            for &l in luns {
                let content = self.copy_mut(source, l).content.clone();
                self.land_at(setup, source.peer(), l, number, Millis::ZERO, content);
                self.luns[l.at()].pair.resync = Resync::None;
            }
        }
    }

    /// Whether a set could begin a cycle now.
    pub(crate) fn can_cycle(&self, setup: &Setup, set: usize) -> bool {
        let idle = self.sets[set].cycle.is_none();
        let well = |l: &LunIx| {
            let pair = &self.luns[l.at()].pair;
            !self.is_sync(setup, *l) && pair.resync == Resync::None && self.arrives(*l)
        };
        idle && setup.sets[set].luns.iter().all(well)
    }

    /// A set begins a cycle: from now on its targets are torn, until their deltas are complete.
    pub(crate) fn cycle(&mut self, setup: &Setup, set: usize) {
        let mut open = Vec::new();
        for &lun in &setup.sets[set].luns {
            let Some(source) = self.luns[lun.at()].pair.source else { return };
            let snapshot = self.copy_mut(source, lun).content.clone();
            let target = self.copy_mut(source.peer(), lun);
            target.content.torn = target.content.writes != snapshot.writes;
            open.push(Some(snapshot));
        }
        self.sets[set].last += 1;
        self.sets[set].cycle = Some(Cycle { age: Millis::ZERO, open });
    }

    /// Whether a LUN's delta of the present cycle could complete now.
    pub(crate) fn can_land(&self, setup: &Setup, lun: LunIx) -> bool {
        let Some(set) = setup.set_of(lun) else { return false };
        let at = setup.sets[set].luns.iter().position(|&l| l == lun);
        let open = self.sets[set].cycle.as_ref().zip(at).is_some_and(|(c, at)| c.open[at].is_some());
        open && self.arrives(lun)
    }

    /// A LUN's delta is complete.
    pub(crate) fn land(&mut self, setup: &Setup, lun: LunIx) {
        let (Some(set), Some(source)) = (setup.set_of(lun), self.luns[lun.at()].pair.source) else { return };
        let number = self.sets[set].last;
        if let Some((age, content)) = self.close(setup, set, lun) {
            self.land_at(setup, source.peer(), lun, number, age, content);
        }
    }

    /// Takes a LUN out of the present cycle, which ends with its last.
    fn close(&mut self, setup: &Setup, set: usize, lun: LunIx) -> Option<(Millis, Content)> {
        let at = setup.sets[set].luns.iter().position(|&l| l == lun)?;
        let cycle = self.sets[set].cycle.as_mut()?;
        let content = cycle.open[at].take();
        let age = cycle.age;
        if cycle.open.iter().all(Option::is_none) {
            self.sets[set].cycle = None;
        }
        Some((age, content?))
    }

    /// The cycle that a LUN is in comes to nothing for it; its target stays torn.
    pub(crate) fn break_cycle(&mut self, setup: &Setup, lun: LunIx) {
        if let Some(set) = setup.set_of(lun) {
            self.close(setup, set, lun);
        }
    }

    fn next_point(&mut self, setup: &Setup, lun: LunIx) -> u64 {
        let Some(set) = setup.set_of(lun) else { return 0 };
        self.sets[set].last += 1;
        self.sets[set].last
    }

    fn land_at(&mut self, setup: &Setup, target: Side, lun: LunIx, number: u64, age: Millis, content: Content) {
        let copy = self.copy_mut(target, lun);
        copy.content = content.clone();
        copy.fresh = false;
        copy.points.push(KeptPoint { point: Point(number), age, content });
        // Kept as long as a LUN of the set has nothing newer.
        let Some(set) = setup.set_of(lun) else { return };
        let newest = |l: &LunIx| self.luns[l.at()].at(target).and_then(|c| c.points.last()).map(|p| p.point);
        let oldest = setup.sets[set].luns.iter().map(newest).min().flatten();
        for &l in &setup.sets[set].luns {
            if let Some(copy) = self.luns[l.at()].at_mut(target) {
                copy.points.retain(|p| Some(p.point) >= oldest);
            }
        }
    }

    /// Whether the guest of a VM can write at a site: it is up, and all its disks are.
    pub(crate) fn can_write(&self, setup: &Setup, side: Side, vm: VmIx) -> bool {
        let at = &self.vms[vm.at()].at[side.at()];
        let disks = || setup.inventory().vms[vm].luns.iter();
        let up = self.runs(side, vm) && at.guest == Guest::Up && !at.stuck;
        // O6: a write that cannot be mirrored waits, until the array may acknowledge it all the same.
        let stalls = |l: &LunIx| {
            let pair = &self.luns[l.at()].pair;
            self.third.is_some() && pair.source == Some(side) && pair.in_sync && !self.arrives(*l)
        };
        up && disks().all(|l| self.luns[l.at()].writable(side) && !stalls(l))
    }

    /// What an array has to tell its site's agent about a synchronous mirror: writes stall, or do not any more (O6).
    pub(crate) fn mirror_news(&self, setup: &Setup, lun: LunIx) -> Option<(Side, bool)> {
        let pair = &self.luns[lun.at()].pair;
        let side = pair.source.filter(|s| self.third.is_some() && self.node(*s).agent_answers())?;
        let there = self.is_sync(setup, lun) && pair.in_sync && self.luns[lun.at()].writable(side);
        let broken = !self.arrives(lun);
        (there && broken != pair.stalled).then_some((side, broken))
    }

    /// Writes that are not mirrored may be acknowledged from now on (O6).
    pub(crate) fn degrade(&mut self, side: Side, lun: LunIx) {
        let arrives = self.arrives(lun);
        let pair = &mut self.luns[lun.at()].pair;
        if pair.source == Some(side) && !arrives {
            pair.in_sync = false;
        }
    }

    /// A guest writes to all its disks, and is told that it is durable as the replication mode demands.
    pub(crate) fn write(&mut self, setup: &Setup, side: Side, vm: VmIx) {
        let mut epoch = Epoch::FIRST;
        for &lun in &setup.inventory().vms[vm].luns {
            let Some(slot) = setup.slot(lun, vm) else { continue };
            let mirrored = self.is_sync(setup, lun) && self.luns[lun.at()].pair.source == Some(side);
            let at_peer = mirrored && self.luns[lun.at()].pair.in_sync && self.arrives(lun);
            let copy = self.copy_mut(side, lun);
            epoch = epoch.max(copy.token.epoch);
            copy.content.write(slot, epoch);
            if at_peer {
                self.copy_mut(side.peer(), lun).content.write(slot, epoch);
            } else if mirrored {
                self.luns[lun.at()].pair.in_sync = false;
            }
        }
        self.ghost.acked[vm.at()][epoch_at(epoch)] += 1;
    }

    /// Time passes: points age for as long as their whole set is served. What a LUN of the set acknowledges between the
    /// loss of another and the quiescing comes on top of the RPO: F2a weighs each LUN as of its loss.
    pub(crate) fn age(&mut self, setup: &Setup, by: Millis) {
        for (lun, l) in setup.inventory().luns.iter() {
            let Some(Replication::Asynchronous { rpo }) = l.replication else { continue };
            let Some(source) = self.luns[lun.at()].pair.source else { continue };
            let served = |l: &LunIx| self.luns[l.at()].writable(source);
            if !setup.set_of(lun).is_some_and(|set| setup.sets[set].luns.iter().all(served)) {
                continue;
            }
            let limit = if setup.clock == Clock::Model { rpo + Millis(1) } else { Millis(u64::MAX) };
            let older = |age: &mut Millis| *age = (*age + by).min(limit);
            if let Some(target) = self.luns[lun.at()].at_mut(source.peer()) {
                target.points.iter_mut().for_each(|p| older(&mut p.age));
            }
            let first = setup.set_of(lun).filter(|&s| setup.sets[s].luns.first() == Some(&lun));
            if let Some(cycle) = first.and_then(|s| self.sets[s].cycle.as_mut()) {
                older(&mut cycle.age);
            }
        }
    }
}
