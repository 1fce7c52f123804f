//! Starting VMs (F6): by tier, by dependency, so many at once per host, with what the plan says about failures.

use super::operations::Ensured;
use super::{Cx, GroupState, Wait, placement};
use crate::event::{Alert, Event};
use crate::ids::{GroupIx, HostKey, VmIx, VmKey};
use crate::inventory::{Readiness, Vm};
use crate::message::Scope;
use crate::operation::{Goal, Target};
use crate::plan::{OnFailure, StartStep};
use crate::policy::Remainder;
use crate::record::{Latch, VmVerdict, Work};
use crate::time::Millis;

/// How a VM of a run stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Ready, or counted as failed, or not in scope: nothing more is done for it.
    Over,
    /// Started, not ready yet; or waiting for a slot; or in doubt.
    Underway,
    /// An operator is asked.
    Asked,
}

impl GroupState {
    /// Starts whatever may start now; whether the run is over.
    pub(super) fn start_vms(&mut self, cx: &mut Cx<'_>, g: GroupIx) -> bool {
        let site = cx.site;
        let group = &site.inventory.groups[g];
        let critical_over = self.critical_over(cx, g);
        let mut open_tier = None;
        let mut over = true;
        for &ix in &group.vms {
            let vm = &site.inventory.vms[ix];
            if !self.in_scope(vm, critical_over) {
                over &= !matches!(self.scope(), Scope::Critical(Remainder::Subsequently));
                continue;
            }
            if open_tier.is_some_and(|tier| vm.tier > tier) {
                return false;
            }
            if !self.is_over(vm.key) && !self.tier_is_open(cx, vm.tier) {
                return false;
            }
            let standing = self.start_vm(cx, g, vm);
            if standing != Standing::Over {
                over = false;
                open_tier = Some(vm.tier);
            }
        }
        over && self.record.latch != Some(Latch::StepFailed)
    }

    /// Whether a VM is in the part of the scope that starts now (M3).
    fn in_scope(&self, vm: &Vm, critical_over: bool) -> bool {
        match self.scope() {
            _ if self.putting_back() => true,
            Scope::All => true,
            Scope::Critical(Remainder::Subsequently) => vm.critical || critical_over,
            Scope::Critical(Remainder::OnRequest | Remainder::Never) => vm.critical,
        }
    }

    fn critical_over(&self, cx: &Cx<'_>, g: GroupIx) -> bool {
        let vms = cx.site.inventory.groups[g].vms.iter().map(|&v| &cx.site.inventory.vms[v]);
        vms.filter(|v| v.critical).all(|v| self.is_over(v.key))
    }

    fn is_over(&self, vm: VmKey) -> bool {
        self.run.ready.contains(&vm) || self.verdict(vm) == Some(VmVerdict::Failed)
    }

    fn verdict(&self, vm: VmKey) -> Option<VmVerdict> {
        match &self.record.work {
            Work::Take(take) => take.verdicts.get(&vm).copied(),
            Work::Idle | Work::Protect(_) | Work::Shield { .. } | Work::StandDown | Work::Give(_) => None,
        }
    }

    /// F6: a tier opens when every VM of the tier before is recovered or has failed, after the plan's delay.
    fn tier_is_open(&mut self, cx: &mut Cx<'_>, tier: u8) -> bool {
        let delay = self.start_step(cx).map_or(Millis::ZERO, |s| s.tier_delay);
        if self.run.tier >= tier {
            return true;
        }
        if self.run.tier == 0 || delay == Millis::ZERO {
            self.run.tier = tier;
            return true;
        }
        self.wait(Wait::Tier, cx.now + delay);
        false
    }

    /// The delay before the next tier is over.
    pub(crate) fn tier_delay_over(&mut self, cx: &Cx<'_>, g: GroupIx) {
        let vms = cx.site.inventory.groups[g].vms.iter().map(|&v| &cx.site.inventory.vms[v]);
        let next = vms.filter(|v| v.tier > self.run.tier && !self.is_over(v.key)).map(|v| v.tier).min();
        self.run.tier = next.unwrap_or(self.run.tier);
    }

    fn start_step(&self, cx: &Cx<'_>) -> Option<StartStep> {
        match &self.record.work {
            Work::Take(take) => cx.site.inventory.plans.by_key(take.offer.plan).map(|(_, plan)| plan.start),
            Work::Idle | Work::Protect(_) | Work::Shield { .. } | Work::StandDown | Work::Give(_) => None,
        }
    }

    /// The host that a VM starts on.
    fn host_for(&self, cx: &Cx<'_>, g: GroupIx, vm: VmKey) -> Option<HostKey> {
        if self.record.placement.is_empty() {
            placement::home(cx.site, &cx.site.inventory.groups[g]).get(&vm).copied()
        } else {
            self.record.placement.get(&vm).copied()
        }
    }

    fn start_vm(&mut self, cx: &mut Cx<'_>, g: GroupIx, vm: &Vm) -> Standing {
        if self.is_over(vm.key) {
            return Standing::Over;
        }
        if self.verdict(vm.key) == Some(VmVerdict::Asked) {
            return Standing::Asked;
        }
        let Some(on) = self.host_for(cx, g, vm.key) else { return self.could_not_start(cx, vm) };
        // I3: what it depends on is ready, or was given up by the plan or an operator.
        let ready = |d: &VmIx| self.is_over(cx.site.inventory.vms[*d].key);
        if self.record.latch == Some(Latch::StepFailed) || !vm.depends_on.iter().all(ready) {
            return Standing::Underway;
        }
        let at = self.now();
        match self.ensure(cx, g, at, Target::Vm(vm.key), Goal::Running { on }) {
            Ensured::Reached => self.await_ready(cx, vm, on),
            Ensured::Pending | Ensured::Stuck => Standing::Underway,
            Ensured::Failed(_) => self.could_not_start(cx, vm),
        }
    }

    fn await_ready(&mut self, cx: &mut Cx<'_>, vm: &Vm, on: HostKey) -> Standing {
        match vm.ready {
            Readiness::PowerOn => {
                self.vm_is_ready(cx, vm.key, on);
                Standing::Over
            }
            Readiness::Heartbeat => {
                let timeout = self.start_step(cx).map_or(Millis::ZERO, |s| s.ready_timeout);
                self.run.ready_by.entry(vm.key).or_insert(cx.now + timeout);
                Standing::Underway
            }
        }
    }

    fn vm_is_ready(&mut self, cx: &mut Cx<'_>, vm: VmKey, host: HostKey) {
        self.run.ready_by.remove(&vm);
        if self.run.ready.insert(vm) {
            cx.event(Event::VmReady { vm, host });
            self.clear(cx, |a| *a == Alert::VmDown { vm });
        }
    }

    /// A guest reports that it runs. Counts only once its start was seen.
    pub(crate) fn heartbeat(&mut self, cx: &mut Cx<'_>, g: GroupIx, vm: VmKey) {
        if self.run.ready_by.contains_key(&vm)
            && let Some(host) = self.host_for(cx, g, vm)
        {
            self.vm_is_ready(cx, vm, host);
        }
    }

    /// Started VMs that did not become ready in time.
    pub(crate) fn ready_due(&mut self, cx: &mut Cx<'_>) {
        let late: alloc::vec::Vec<VmKey> =
            self.run.ready_by.iter().filter(|&(_, &at)| at <= cx.now).map(|(&vm, _)| vm).collect();
        for vm in late {
            self.run.ready_by.remove(&vm);
            if let Some((_, vm)) = cx.site.inventory.vms.by_key(vm) {
                self.could_not_start(cx, vm);
            }
        }
    }

    /// F6: what the plan says about a VM that could not be started, or did not become ready.
    fn could_not_start(&mut self, cx: &mut Cx<'_>, vm: &Vm) -> Standing {
        self.raise(cx, Alert::VmDown { vm: vm.key });
        let on_failure = self.start_step(cx).map_or(OnFailure::Abort, |s| s.on_failure);
        let (verdict, standing) = match on_failure {
            OnFailure::Skip => (VmVerdict::Failed, Standing::Over),
            OnFailure::Ask => (VmVerdict::Asked, Standing::Asked),
            OnFailure::Abort => {
                self.latch(cx, Latch::StepFailed);
                return Standing::Underway;
            }
        };
        if let Work::Take(take) = &mut self.record.work {
            take.verdicts.insert(vm.key, verdict);
            self.durability.touch();
        }
        standing
    }

    /// Answers a step that asks; whether there was one.
    pub(crate) fn answer_step(&mut self, cx: &mut Cx<'_>, vm: VmKey, skip: bool) -> bool {
        if self.verdict(vm) != Some(VmVerdict::Asked) {
            return false;
        }
        if let Work::Take(take) = &mut self.record.work {
            if skip {
                take.verdicts.insert(vm, VmVerdict::Failed);
            } else {
                take.verdicts.remove(&vm);
                self.run.ops.remove(&Target::Vm(vm));
            }
            self.durability.touch();
        }
        if !skip {
            self.clear(cx, |a| *a == Alert::VmDown { vm });
        }
        true
    }
}
