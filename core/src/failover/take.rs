//! Taking a group (F5), and putting it back at its owner after an abort (F3). Starting VMs is next door.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::operations::Ensured;
use super::{Course, Cx, GroupState, Reply, Wait};
use crate::event::Alert;
use crate::guard::{self, Guard};
use crate::ids::{GroupIx, LunIx, LunKey};
use crate::inventory::Replication;
use crate::message::{Left, Scope};
use crate::operation::{Goal, Point, Target};
use crate::policy::Remainder;
use crate::record::{Latch, ProtectPhase, Protection, Take, TakePhase, VmVerdict, Work};

impl GroupState {
    /// What the taking side does in each phase.
    pub(super) fn step_take(&mut self, cx: &mut Cx<'_>, g: GroupIx, phase: TakePhase) {
        match phase {
            TakePhase::Reserved => {
                let ttl = cx.site.policy.waits.prepare_ttl;
                self.wait(Wait::Ttl, cx.now + ttl);
            }
            TakePhase::Acquiring { forced } => self.acquire(cx, forced),
            TakePhase::Cutting => self.cut(cx, g),
            TakePhase::Promoting => self.promote(cx, g),
            TakePhase::Starting => {
                if self.start_vms(cx, g, Course::Recovery) {
                    self.all_started(cx);
                }
            }
            TakePhase::Waiting => {}
            TakePhase::Stopping => self.finish_stopping(cx, g),
            TakePhase::PuttingBack => self.step_put_back(cx, g),
        }
    }

    /// F5, first: replication frames of older epochs are refused, at every LUN, before any is rolled back.
    fn cut(&mut self, cx: &mut Cx<'_>, g: GroupIx) {
        if guard::on(Guard::F5Order) && !self.all(cx, g, |_| Goal::Cut) {
            return;
        }
        let points = match self.common_points(cx, g) {
            Ok(points) => points,
            Err(lun) => {
                self.raise(cx, Alert::Loss { lun, lag: None });
                self.latch(cx, Latch::Evidence);
                return;
            }
        };
        if let Work::Take(take) = &mut self.record.work {
            take.points = points;
        }
        self.take_phase(cx, TakePhase::Promoting);
    }

    /// F5: the LUNs of one consistency set go back to their last common point, unless all of them were drained, or
    /// each write reached them in order (synchronous).
    ///
    /// # Errors
    /// A LUN that has no complete point.
    fn common_points(&self, cx: &Cx<'_>, g: GroupIx) -> Result<BTreeMap<LunKey, Option<Point>>, LunKey> {
        let inventory = &cx.site.inventory;
        let Work::Take(take) = &self.record.work else { return Ok(BTreeMap::new()) };
        let mut points = BTreeMap::new();
        for set in &inventory.groups[g].sets {
            let luns = || set.iter().map(|&l: &LunIx| &inventory.luns[l]);
            let whole = luns().all(|l| {
                matches!(take.luns.get(&l.key), Some(Left::Drained(_)))
                    || matches!(l.replication, Some(Replication::Synchronous))
            });
            let mut common = None;
            // F10: what is rolled back to is what was released, and nothing has been written to it since.
            if !whole && !self.rolls_back() {
                for lun in luns() {
                    let last = self.run.points.get(&lun.key).copied().flatten().ok_or(lun.key)?;
                    common = Some(common.map_or(last, |c: Point| c.min(last)));
                }
            }
            points.extend(luns().map(|l| (l.key, common)));
        }
        Ok(points)
    }

    /// F5: roll back, make writable, mount. Each at every object before the next at any.
    fn promote(&mut self, cx: &mut Cx<'_>, g: GroupIx) {
        let Work::Take(take) = &self.record.work else { return };
        let points = take.points.clone();
        let to = |lun: LunKey| Goal::RolledBack { to: points.get(&lun).copied().flatten() };
        if self.all(cx, g, to) && self.all(cx, g, |_| Goal::ReadWrite) && self.mount(cx, g) {
            self.take_phase(cx, TakePhase::Starting);
        }
    }

    /// Wants a state of every LUN of the group; whether all have reached it, or a later one.
    fn all(&mut self, cx: &mut Cx<'_>, g: GroupIx, goal: impl Fn(LunKey) -> Goal) -> bool {
        let at = self.now();
        let luns: Vec<LunKey> =
            cx.site.inventory.groups[g].luns.iter().map(|&l| cx.site.inventory.luns[l].key).collect();
        let mut all = true;
        for lun in luns {
            let goal = goal(lun);
            let target = Target::Lun(lun);
            let past =
                self.run.ops.get(&target).is_some_and(|r| {
                    (r.op.id.token.epoch, r.op.id.token.turn) == at && r.op.id.token.step > goal.step()
                });
            if past {
                continue;
            }
            match self.ensure(cx, g, at, target, goal) {
                Ensured::Reached => {}
                Ensured::Pending | Ensured::Stuck => all = false,
                Ensured::Failed(failure) => {
                    all = false;
                    self.raise(cx, Alert::OpFailed { group: self.record.group, target, failure });
                    self.latch(cx, Latch::StepFailed);
                }
            }
        }
        all
    }

    /// F5: hosts mount what is writable now. A host that cannot fails the VMs that start on it, not the others.
    fn mount(&mut self, cx: &mut Cx<'_>, g: GroupIx) -> bool {
        let at = self.now();
        let mut all = true;
        for &host in &cx.site.inventory.groups[g].hosts[cx.site.here.at()] {
            let target = Target::Host(cx.site.inventory.hosts[host].key);
            all &= self.ensure_or_alert(cx, g, at, target, Goal::Mounted);
        }
        all
    }

    /// F6: every VM in scope is ready or has failed.
    fn all_started(&mut self, cx: &mut Cx<'_>) {
        self.run.reply = Some(Reply::Taken);
        match self.scope() {
            Scope::All | Scope::Critical(Remainder::Subsequently) => {
                self.open_window(cx);
                self.enter(cx, Work::Idle);
            }
            Scope::Critical(Remainder::OnRequest) => self.take_phase(cx, TakePhase::Waiting),
            Scope::Critical(Remainder::Never) => {
                self.take_phase(cx, TakePhase::Waiting);
                self.latch(cx, Latch::RemainderNever);
            }
        }
    }

    /// F3: after an abort, what works is writable again, replicates again, and its VMs run again.
    fn step_put_back(&mut self, cx: &mut Cx<'_>, g: GroupIx) {
        let at = self.now();
        let luns: Vec<LunKey> =
            cx.site.inventory.groups[g].luns.iter().map(|&l| cx.site.inventory.luns[l].key).collect();
        let mut writable = true;
        for &lun in luns.iter().filter(|&&l| !self.is_lost(l)).collect::<Vec<_>>() {
            writable &= self.ensure_or_alert(cx, g, at, Target::Lun(lun), Goal::ReadWrite);
        }
        if !writable || !self.mount(cx, g) || !self.start_vms(cx, g, Course::Recovery) {
            return;
        }
        let left_out =
            matches!(&self.record.work, Work::Take(t) if t.verdicts.values().any(|v| *v == VmVerdict::NotInScope));
        if left_out {
            self.take_phase(cx, TakePhase::Waiting);
        } else {
            match self.record.protection {
                // P3: what was being unprotected still is. Its commands are of an earlier step than these: a new turn.
                Protection::Ending => self.unprotect(cx),
                Protection::Protected if !self.any_lost() => {
                    self.enter(cx, Work::Protect(ProtectPhase::Replicating));
                }
                Protection::Protected | Protection::Unprotected => self.enter(cx, Work::Idle),
            }
        }
    }

    /// O3: a guest that saw its disks go must not run on as if nothing had happened.
    fn finish_stopping(&mut self, cx: &mut Cx<'_>, g: GroupIx) {
        let at = self.now();
        let mut stopped = true;
        for &vm in &cx.site.inventory.groups[g].vms {
            let target = Target::Vm(cx.site.inventory.vms[vm].key);
            stopped &= self.ensure_or_alert(cx, g, at, target, Goal::Stopped { grace: None });
        }
        if stopped {
            self.take_phase(cx, TakePhase::PuttingBack);
        }
    }

    /// Whether VMs are started again where they were, not taken over.
    pub(super) fn putting_back(&self) -> bool {
        matches!(&self.record.work, Work::Take(Take { phase: TakePhase::PuttingBack, .. }))
    }
}
