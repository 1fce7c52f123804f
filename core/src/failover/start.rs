//! Starting VMs (F6): by tier, by dependency, so many at once per host, with what the plan says about failures.

use super::course::Course;
use super::operations::Ensured;
use super::{Cx, GroupState, placement};
use crate::event::{Alert, Event};
use crate::ids::{GroupIx, HostKey, VmIx, VmKey};
use crate::inventory::{Readiness, Vm};
use crate::message::Scope;
use crate::operation::Goal;
use crate::plan::{OnFailure, StartStep, When};
use crate::policy::Remainder;
use crate::record::{Latch, VmVerdict};
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
    /// Starts whatever may start now, and goes through the plan's steps; whether the run is over.
    pub(super) fn start_vms(&mut self, cx: &mut Cx<'_>, g: GroupIx, course: Course) -> bool {
        if !self.steps_over(cx, g, course, When::First) {
            return false;
        }
        let site = cx.site;
        let vms = &site.inventory.groups[g].vms;
        let critical_over = self.critical_over(cx, g, course);
        let mut over = true;
        for of_tier in vms.chunk_by(|a, b| site.inventory.vms[*a].tier == site.inventory.vms[*b].tier) {
            let Some(&first) = of_tier.first() else { continue };
            let tier = site.inventory.vms[first].tier;
            let in_scope = |state: &Self, vm: VmIx| state.in_scope(course, &site.inventory.vms[vm], critical_over);
            let starts = of_tier.iter().any(|&vm| in_scope(self, vm));
            let all = of_tier.iter().all(|&vm| in_scope(self, vm));
            over &= all || !matches!(self.scope(), Scope::Critical(Remainder::Subsequently));
            if starts && !self.start_tier(cx, g, course, tier, of_tier, critical_over) {
                return false;
            }
        }
        over && self.steps_over(cx, g, course, When::Last) && !self.stopped(course)
    }

    /// Starts the VMs of one tier, with the steps before and after it; whether all of that is over.
    fn start_tier(
        &mut self,
        cx: &mut Cx<'_>,
        g: GroupIx,
        course: Course,
        tier: u8,
        vms: &[VmIx],
        critical_over: bool,
    ) -> bool {
        let site = cx.site;
        let mut over = true;
        for &ix in vms {
            let vm = &site.inventory.vms[ix];
            if !self.in_scope(course, vm, critical_over) {
                continue;
            }
            let open = self.is_over(course, vm.key)
                || (self.tier_is_open(cx, course, tier) && self.steps_over(cx, g, course, When::BeforeTier(tier)));
            if !open {
                return false;
            }
            over &= self.start_vm(cx, g, course, ix) == Standing::Over;
        }
        over && self.steps_over(cx, g, course, When::AfterTier(tier))
    }

    /// Whether a VM is in the part of the scope that starts now (M3).
    fn in_scope(&self, course: Course, vm: &Vm, critical_over: bool) -> bool {
        match self.scope() {
            _ if course == Course::Test || self.putting_back() => true,
            Scope::All => true,
            Scope::Critical(Remainder::Subsequently) => vm.critical || critical_over,
            Scope::Critical(Remainder::OnRequest | Remainder::Never) => vm.critical,
        }
    }

    fn critical_over(&self, cx: &Cx<'_>, g: GroupIx, course: Course) -> bool {
        let vms = cx.site.inventory.groups[g].vms.iter().map(|&v| &cx.site.inventory.vms[v]);
        vms.filter(|v| v.critical).all(|v| self.is_over(course, v.key))
    }

    fn is_over(&self, course: Course, vm: VmKey) -> bool {
        self.starts(course).ready.contains(&vm) || self.verdict(course, vm) == Some(VmVerdict::Failed)
    }

    /// I3: what depends on a VM waits until it is ready and the steps after it are behind, or it was given up.
    fn recovered(&self, cx: &Cx<'_>, course: Course, vm: VmIx) -> bool {
        let key = cx.site.inventory.vms[vm].key;
        self.verdict(course, key) == Some(VmVerdict::Failed)
            || (self.is_over(course, key) && self.steps_behind(cx, course, When::AfterVm(vm)))
    }

    /// A step that failed has stopped the run where it is.
    pub(super) fn stopped(&self, course: Course) -> bool {
        course == Course::Recovery && self.record.latch == Some(Latch::StepFailed)
    }

    /// F6: a tier opens when every VM of the tier before is recovered or has failed, after the plan's delay.
    fn tier_is_open(&mut self, cx: &mut Cx<'_>, course: Course, tier: u8) -> bool {
        let delay = self.start_step(cx, course).map_or(Millis::ZERO, |s| s.tier_delay);
        let starts = self.starts_mut(course);
        if starts.tier >= tier {
            return true;
        }
        if starts.tier == 0 || delay == Millis::ZERO {
            starts.tier = tier;
            return true;
        }
        starts.tier_at.get_or_insert(cx.now + delay);
        false
    }

    /// The delay before the next tier is over, if it is.
    pub(super) fn tier_delay_due(&mut self, cx: &Cx<'_>, g: GroupIx, course: Course) {
        if self.starts_mut(course).tier_at.take_if(|at| *at <= cx.now).is_none() {
            return;
        }
        let vms = cx.site.inventory.groups[g].vms.iter().map(|&v| &cx.site.inventory.vms[v]);
        let open = self.starts(course).tier;
        let next = vms.filter(|v| v.tier > open && !self.is_over(course, v.key)).map(|v| v.tier).min();
        self.starts_mut(course).tier = next.unwrap_or(open);
    }

    fn start_step(&self, cx: &Cx<'_>, course: Course) -> Option<StartStep> {
        self.course_plan(cx, course).map(|plan| plan.start)
    }

    /// The host that a VM starts on.
    fn host_for(&self, cx: &Cx<'_>, g: GroupIx, vm: VmKey) -> Option<HostKey> {
        if self.record.placement.is_empty() {
            placement::home(cx.site, &cx.site.inventory.groups[g]).get(&vm).copied()
        } else {
            self.record.placement.get(&vm).copied()
        }
    }

    fn start_vm(&mut self, cx: &mut Cx<'_>, g: GroupIx, course: Course, ix: VmIx) -> Standing {
        let vm = &cx.site.inventory.vms[ix];
        if self.is_over(course, vm.key) {
            return self.after_vm(cx, g, course, ix);
        }
        if self.verdict(course, vm.key) == Some(VmVerdict::Asked) {
            return Standing::Asked;
        }
        let Some(on) = self.host_for(cx, g, vm.key) else { return self.could_not_start(cx, course, vm) };
        // I3: what it depends on is ready, or was given up by the plan or an operator.
        if self.stopped(course)
            || !vm.depends_on.iter().all(|&d| self.recovered(cx, course, d))
            || !self.steps_over(cx, g, course, When::BeforeVm(ix))
        {
            return Standing::Underway;
        }
        let at = self.course_token(course);
        match self.ensure(cx, g, at, course.vm(vm.key), Goal::Running { on }) {
            Ensured::Reached => self.await_ready(cx, g, course, ix, on),
            Ensured::Pending | Ensured::Stuck => Standing::Underway,
            Ensured::Failed(_) => self.could_not_start(cx, course, vm),
        }
    }

    /// The steps after a VM that is ready.
    fn after_vm(&mut self, cx: &mut Cx<'_>, g: GroupIx, course: Course, ix: VmIx) -> Standing {
        let failed = self.verdict(course, cx.site.inventory.vms[ix].key) == Some(VmVerdict::Failed);
        if failed || self.steps_over(cx, g, course, When::AfterVm(ix)) { Standing::Over } else { Standing::Underway }
    }

    fn await_ready(&mut self, cx: &mut Cx<'_>, g: GroupIx, course: Course, ix: VmIx, on: HostKey) -> Standing {
        let vm = &cx.site.inventory.vms[ix];
        match vm.ready {
            Readiness::PowerOn => {
                self.vm_is_ready(cx, course, vm.key, on);
                self.after_vm(cx, g, course, ix)
            }
            Readiness::Heartbeat | Readiness::Probe => {
                let timeout = self.start_step(cx, course).map_or(Millis::ZERO, |s| s.ready_timeout);
                self.starts_mut(course).ready_by.entry(vm.key).or_insert(cx.now + timeout);
                Standing::Underway
            }
        }
    }

    fn vm_is_ready(&mut self, cx: &mut Cx<'_>, course: Course, vm: VmKey, host: HostKey) {
        let starts = self.starts_mut(course);
        starts.ready_by.remove(&vm);
        if starts.ready.insert(vm) {
            match course {
                Course::Recovery => {
                    cx.event(Event::VmReady { vm, host });
                    self.clear(cx, |a| *a == Alert::VmDown { vm });
                }
                Course::Test => cx.event(Event::TestVmReady { vm, host }),
            }
        }
    }

    /// A guest reports that it runs. Counts only once its start was seen.
    pub(crate) fn heartbeat(&mut self, cx: &mut Cx<'_>, g: GroupIx, vm: VmKey, course: Course) {
        if self.starts(course).ready_by.contains_key(&vm)
            && let Some(host) = self.host_for(cx, g, vm)
        {
            self.vm_is_ready(cx, course, vm, host);
        }
    }

    /// Started VMs that did not become ready in time.
    pub(super) fn ready_due(&mut self, cx: &mut Cx<'_>, course: Course) {
        let by = self.starts(course).ready_by.iter();
        let late: alloc::vec::Vec<VmKey> = by.filter(|&(_, &at)| at <= cx.now).map(|(&vm, _)| vm).collect();
        for vm in late {
            self.starts_mut(course).ready_by.remove(&vm);
            if let Some((_, vm)) = cx.site.inventory.vms.by_key(vm) {
                self.could_not_start(cx, course, vm);
            }
        }
    }

    /// F6: what the plan says about a VM that could not be started, or did not become ready. A test goes on, and tells.
    fn could_not_start(&mut self, cx: &mut Cx<'_>, course: Course, vm: &Vm) -> Standing {
        let on_failure = match course {
            Course::Recovery => {
                self.raise(cx, Alert::VmDown { vm: vm.key });
                vm.on_failure.or(self.start_step(cx, course).map(|s| s.on_failure)).unwrap_or(OnFailure::Abort)
            }
            Course::Test => {
                cx.event(Event::TestVmFailed { vm: vm.key });
                OnFailure::Skip
            }
        };
        let (verdict, standing) = match on_failure {
            OnFailure::Skip => (VmVerdict::Failed, Standing::Over),
            OnFailure::Ask => (VmVerdict::Asked, Standing::Asked),
            OnFailure::Abort => {
                self.latch(cx, Latch::StepFailed);
                return Standing::Underway;
            }
        };
        self.decide(course, vm.key, Some(verdict));
        standing
    }

    /// Answers a VM that an operator is asked about; whether there was one.
    pub(crate) fn answer_vm(&mut self, cx: &mut Cx<'_>, vm: VmKey, skip: bool) -> bool {
        if self.verdict(Course::Recovery, vm) != Some(VmVerdict::Asked) {
            return false;
        }
        if skip {
            self.decide(Course::Recovery, vm, Some(VmVerdict::Failed));
        } else {
            self.decide(Course::Recovery, vm, None);
            self.run.ops.remove(&Course::Recovery.vm(vm));
            self.clear(cx, |a| *a == Alert::VmDown { vm });
        }
        true
    }
}
