//! Quiescing the owner's side (F2, F2a): evidence first, then VMs in stop order, hosts fenced, LUNs drained and locked.

use alloc::collections::BTreeMap;

use super::operations::Ensured;
use super::{Cx, GroupState};
use crate::authority::agent::Enforcers;
use crate::event::Alert;
use crate::evidence;
use crate::guard::{self, Guard};
use crate::ids::{GroupIx, LunKey, VmIx};
use crate::inventory::{Lun, Site};
use crate::message::Left;
use crate::operation::{Failure, Goal, Target};
use crate::record::{Latch, Work};
use crate::time::Millis;

impl GroupState {
    /// Goes on with the quiescing as far as it can go now.
    pub(super) fn quiesce(&mut self, cx: &mut Cx<'_>, g: GroupIx) {
        let site = cx.site;
        let luns = || site.inventory.groups[g].luns.iter().map(|&l| &site.inventory.luns[l]);
        if !guard::on(Guard::F3Order) {
            let left: BTreeMap<LunKey, Left> = luns().map(|l| (l.key, self.left(l.key))).collect();
            return self.record_left(cx, left);
        }
        // VMs with a lost disk are powered off at once; they run in name only, and nothing waits for it here.
        self.stop_vms_on_lost(cx, g);
        // What is lost already is weighed before anything else is stopped: a group that would be held keeps running.
        if !self.all_luns(cx, g, luns().filter(|l| self.is_lost(l.key)).map(|l| l.key).collect(), Self::lock) {
            return;
        }
        if !self.weigh(cx, luns().filter(|l| self.is_lost(l.key)).collect()) {
            return;
        }
        if !self.stop_vms(cx, g) || !self.fence_hosts(cx, g) {
            return;
        }
        if !self.all_luns(cx, g, luns().map(|l| l.key).collect(), Self::drain_and_lock) {
            return;
        }
        if !self.weigh(cx, luns().filter(|l| !self.run.drained.contains_key(&l.key)).collect()) {
            return;
        }
        let left: BTreeMap<LunKey, Left> = luns().map(|l| (l.key, self.left(l.key))).collect();
        self.record_left(cx, left);
    }

    /// Drives every LUN; whether all have ended.
    fn all_luns(
        &mut self,
        cx: &mut Cx<'_>,
        g: GroupIx,
        luns: alloc::vec::Vec<LunKey>,
        drive: fn(&mut Self, &mut Cx<'_>, GroupIx, LunKey) -> bool,
    ) -> bool {
        let mut all = true;
        for lun in luns {
            all &= drive(self, cx, g, lun);
            if !matches!(self.record.work, Work::Give(_)) {
                return false;
            }
        }
        all
    }

    /// A lost LUN takes the token for its return, and its array tells the replication as of its loss (F2, D4). An array
    /// that cannot be asked leaves the evidence unknown; the recorded token stands for it.
    ///
    /// One that was merely cut off may be writable where nobody looks: without enforcers that is the end here (O3).
    fn lock(&mut self, cx: &mut Cx<'_>, g: GroupIx, lun: LunKey) -> bool {
        match self.ensure(cx, g, self.now(), Target::Lun(lun), Goal::ReadOnly) {
            Ensured::Reached => true,
            Ensured::Pending => false,
            Ensured::Stuck | Ensured::Failed(_) if self.is_cut_off(lun) && cx.site.policy.arbiter.is_none() => {
                self.stuck(cx);
                false
            }
            Ensured::Stuck | Ensured::Failed(_) => true,
        }
    }

    /// A lost LUN, at last. One that was cut off and does not answer is waited out, as a host is: its array's own write
    /// lease ends what nobody renews (O3).
    fn lock_for_good(&mut self, cx: &mut Cx<'_>, g: GroupIx, lun: LunKey) -> bool {
        let silent = !matches!(
            self.ensure(cx, g, self.now(), Target::Lun(lun), Goal::ReadOnly),
            Ensured::Reached | Ensured::Pending
        );
        if silent && self.is_cut_off(lun) && self.waits_out(cx) {
            return self.expired();
        }
        self.lock(cx, g, lun)
    }

    /// F2: replicate what remains, stop replicating, read-only. A LUN that cannot be drained must satisfy F2a.
    fn drain_and_lock(&mut self, cx: &mut Cx<'_>, g: GroupIx, lun: LunKey) -> bool {
        let at = self.now();
        let target = Target::Lun(lun);
        if self.is_lost(lun) {
            return self.lock_for_good(cx, g, lun);
        }
        let (epoch, turn) = at;
        let past = |state: &Self, goal: Goal| {
            let run = state.run.ops.get(&target);
            run.is_some_and(|r| {
                (r.op.id.token.epoch, r.op.id.token.turn) == (epoch, turn) && r.op.goal.step() > goal.step()
            })
        };
        for goal in [Goal::Drained, Goal::ReplicationStopped] {
            // F10: a group that is rolled back is given up here, not replicated.
            if past(self, goal) || self.rolls_back() {
                continue;
            }
            match self.ensure(cx, g, at, target, goal) {
                Ensured::Reached => {}
                Ensured::Pending => return false,
                // A failure goes on past errors here: what was not drained is weighed later. A migration does not (F8).
                Ensured::Failed(Failure::Lost) => {}
                Ensured::Stuck | Ensured::Failed(_) => {
                    if self.call_off(cx) {
                        return false;
                    }
                }
            }
        }
        match self.ensure(cx, g, at, target, Goal::ReadOnly) {
            Ensured::Reached => true,
            Ensured::Pending => false,
            // Nothing to put back: the hosts are about to report it lost, and the migration becomes a failover (F8).
            Ensured::Failed(Failure::Lost) => {
                self.latch(cx, Latch::Stuck);
                false
            }
            Ensured::Stuck | Ensured::Failed(_) => {
                self.stuck(cx);
                false
            }
        }
    }

    /// F2a: whether the copies at the peer of these LUNs are good enough, or an operator has accepted that they are not.
    fn weigh(&mut self, cx: &mut Cx<'_>, luns: alloc::vec::Vec<&Lun>) -> bool {
        if matches!(&self.record.work, Work::Give(give) if give.forced) || !guard::on(Guard::F2a) {
            return true;
        }
        let mut enough = true;
        for lun in luns {
            let seen = self.run.undrained.get(&lun.key).copied().unwrap_or_default();
            if let Err(lag) = evidence::suffices(lun.replication, &seen) {
                enough = false;
                if self.call_off(cx) {
                    return false;
                }
                self.raise(cx, Alert::Loss { lun: lun.key, lag });
                self.latch(cx, Latch::Evidence);
            }
        }
        enough
    }

    fn on_lost_lun(&self, cx: &Cx<'_>, vm: VmIx) -> bool {
        let inventory = &cx.site.inventory;
        inventory.vms[vm].luns.iter().any(|&l| self.is_lost(inventory.luns[l].key))
    }

    fn stop_vms_on_lost(&mut self, cx: &mut Cx<'_>, g: GroupIx) {
        let at = self.now();
        for &vm in &cx.site.inventory.groups[g].vms {
            if self.on_lost_lun(cx, vm) {
                let target = Target::Vm(cx.site.inventory.vms[vm].key);
                self.ensure(cx, g, at, target, Goal::Stopped { grace: None });
            }
        }
    }

    /// F2: VMs stop in the reverse of their start order; those with a lost disk are powered off at once.
    fn stop_vms(&mut self, cx: &mut Cx<'_>, g: GroupIx) -> bool {
        let site = cx.site;
        let vms = &site.inventory.groups[g].vms;
        let mut pending: alloc::vec::Vec<VmIx> = alloc::vec::Vec::new();
        for &vm in vms.iter().rev() {
            let v = &site.inventory.vms[vm];
            let lost = self.on_lost_lun(cx, vm);
            if !lost && pending.iter().any(|&later| stops_before(site, later, vm)) {
                pending.push(vm);
                continue;
            }
            let grace = if lost { None } else { Some(self.stop_grace(cx)) };
            match self.ensure(cx, g, self.now(), Target::Vm(v.key), Goal::Stopped { grace }) {
                Ensured::Reached => {}
                Ensured::Pending => pending.push(vm),
                // The hosts' fences decide; a host that cannot be fenced holds the group. A migration ends here (F8).
                Ensured::Stuck | Ensured::Failed(_) => {
                    if self.call_off(cx) {
                        return false;
                    }
                }
            }
        }
        pending.is_empty()
    }

    fn stop_grace(&self, cx: &Cx<'_>) -> Millis {
        match &self.record.work {
            Work::Give(give) => {
                cx.site.inventory.plans.by_key(give.offer.plan).map_or(Millis::ZERO, |(_, plan)| plan.stop.grace)
            }
            Work::Idle
            | Work::Protect(_)
            | Work::Shield { .. }
            | Work::Unprotect
            | Work::Unshield { .. }
            | Work::StandDown
            | Work::Take(_) => Millis::ZERO,
        }
    }

    /// A host that can be neither observed nor fenced is waited out, where enforcers end what nobody renews (O2, O3).
    fn waits_out(&mut self, cx: &Cx<'_>) -> bool {
        if cx.site.policy.arbiter.is_none() {
            return false;
        }
        let Work::Give(give) = &mut self.record.work else { return false };
        if !core::mem::replace(&mut give.expiry, true) {
            self.touch();
        }
        true
    }

    fn expired(&self) -> bool {
        self.run.told.is_some_and(|told| told.enforcers == Enforcers::Expired) || !guard::on(Guard::F2Expiry)
    }

    /// F2: every host that can touch the group, also one that runs none of it, has applied this turn's token.
    fn fence_hosts(&mut self, cx: &mut Cx<'_>, g: GroupIx) -> bool {
        let site = cx.site;
        let mut all = true;
        if !guard::on(Guard::F2Everywhere) {
            return true;
        }
        for &host in &site.inventory.groups[g].hosts[site.here.at()] {
            let target = Target::Host(site.inventory.hosts[host].key);
            match self.ensure(cx, g, self.now(), target, Goal::Fenced) {
                Ensured::Reached => {}
                Ensured::Pending => all = false,
                Ensured::Stuck if self.waits_out(cx) => all &= self.expired(),
                Ensured::Stuck | Ensured::Failed(_) => {
                    self.stuck(cx);
                    if !matches!(self.record.work, Work::Give(_)) {
                        return false;
                    }
                    all = false;
                }
            }
        }
        all
    }
}

/// Whether one VM must have stopped before another may: it is of a later tier, or depends on it.
fn stops_before(site: &Site, first: VmIx, then: VmIx) -> bool {
    let (a, b) = (&site.inventory.vms[first], &site.inventory.vms[then]);
    a.tier > b.tier || a.depends_on.contains(&then)
}
