//! Starting VMs (F6): list scheduling in start order, over the slots of each host, with tiers, dependencies, priorities and
//! the steps of plans.
//!
//! Time goes from one end of something to the next. What may start then does, group by group and VM by VM, as the
//! manager has it.

use std::collections::BTreeMap;

use farshore_core::Site;
use farshore_core::ids::{HostIx, StepKey, VmIx};
use farshore_core::inventory::Vm;
use farshore_core::message::Scope;
use farshore_core::plan::{Act, PlanStep, When};
use farshore_core::policy::Remainder;
use farshore_core::record::Hold;
use farshore_core::time::Millis;

use super::assume::{Assumptions, Step};
use super::{Cause, Going};

/// One VM's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Started {
    pub(super) asked: Millis,
    pub(super) on: Millis,
    pub(super) ready: Millis,
    /// It waited for a slot of its host from then on.
    pub(super) slot_from: Option<Millis>,
}

/// One group's course.
#[derive(Clone, Debug, Default)]
pub(super) struct Course {
    /// When it went; `None`: never, as something before it never ends.
    pub(super) goes: Option<Millis>,
    pub(super) starts: Option<Millis>,
    pub(super) vms: BTreeMap<VmIx, Started>,
    /// Steps of the plan, from when until when (F6).
    pub(super) steps: BTreeMap<StepKey, (Millis, Millis)>,
    pub(super) done: Option<Millis>,
    tier: u8,
    tier_until: Option<Millis>,
    slot_from: BTreeMap<VmIx, Millis>,
}

/// The courses of groups, of which each could go at a time and takes so long until its VMs start.
pub(super) fn schedule(site: &Site, assume: &Assumptions, goings: &[Going], times: &[(Millis, Millis)]) -> Vec<Course> {
    let mut courses = vec![Course::default(); goings.len()];
    let mut now = Millis::ZERO;
    loop {
        while step(site, assume, goings, times, &mut courses, now) {}
        let ends = courses.iter().flat_map(|c| {
            let vms = c.vms.values().flat_map(|s| [s.on, s.ready]);
            vms.chain(c.steps.values().map(|s| s.1)).chain(c.starts).chain(c.tier_until).chain(c.done)
        });
        let next = ends.chain(times.iter().map(|t| t.0)).filter(|&at| at > now).min();
        let Some(next) = next else { return courses };
        now = next;
    }
}

/// Does what can be done now; whether that was anything.
fn step(
    site: &Site,
    assume: &Assumptions,
    goings: &[Going],
    times: &[(Millis, Millis)],
    courses: &mut [Course],
    now: Millis,
) -> bool {
    let mut moved = false;
    for at in 0..goings.len() {
        if courses[at].goes.is_none() {
            if times[at].0 > now || !may_go(site, goings, courses, at, now) {
                continue;
            }
            (courses[at].goes, courses[at].starts) = (Some(now), Some(now + times[at].1));
            moved = true;
        }
        if courses[at].done.is_none() && courses[at].starts.is_some_and(|s| s <= now) {
            moved |= start(site, assume, goings, courses, at, now);
        }
    }
    moved
}

/// F9, M3: nothing of a higher priority in its plan is under way, and the critical ones are recovered where it comes after.
fn may_go(site: &Site, goings: &[Going], courses: &[Course], at: usize, now: Millis) -> bool {
    let over = |n: usize| courses[n].done.is_some_and(|d| d <= now);
    let own = &goings[at];
    if own.cause == Cause::SiteLost {
        return true;
    }
    let after_critical = own.hold == Some(Hold::AfterCritical);
    // What the gate still holds is in nobody's way.
    let queued = |other: &Going| after_critical || other.hold != Some(Hold::AfterCritical);
    let before = |other: &Going| queued(other) && other.plan == own.plan && priority(site, other) < priority(site, own);
    goings.iter().enumerate().filter(|(n, _)| *n != at).all(|(n, other)| {
        // What waits for a person holds nobody up.
        let waits = waits_for_person(other) && !waits_for_person(own);
        let first = before(other) || (after_critical && critical(site, other));
        waits || !first || over(n)
    })
}

pub(super) fn waits_for_person(going: &Going) -> bool {
    matches!(going.hold, Some(Hold::Proposal | Hold::Count | Hold::OnRequest))
}

pub(super) fn priority(site: &Site, going: &Going) -> u8 {
    let plan = &site.inventory.plans[going.plan];
    plan.groups.iter().find(|(g, _)| *g == going.group).map_or(u8::MAX, |(_, p)| *p)
}

fn critical(site: &Site, going: &Going) -> bool {
    let all = || site.inventory.groups[going.group].vms.iter().all(|&v| site.inventory.vms[v].critical);
    matches!(going.scope, Scope::Critical(_)) || all()
}

/// Starts whatever of a group may start now, and goes through the plan's steps, as the manager does; whether anything
/// has begun or ended.
fn start(site: &Site, assume: &Assumptions, goings: &[Going], courses: &mut [Course], at: usize, now: Millis) -> bool {
    let mut run = Running { site, assume, goings, courses, at, now, moved: false };
    if run.goes_through() {
        run.courses[at].done = Some(now);
        run.moved = true;
    }
    run.moved
}

/// One group, at one moment.
struct Running<'a> {
    site: &'a Site,
    assume: &'a Assumptions,
    goings: &'a [Going],
    courses: &'a mut [Course],
    at: usize,
    now: Millis,
    moved: bool,
}

impl Running<'_> {
    fn going(&self) -> &Going {
        &self.goings[self.at]
    }

    /// Whether every VM in scope is over, with all steps.
    fn goes_through(&mut self) -> bool {
        if !self.steps_over(When::First) {
            return false;
        }
        let inventory = &self.site.inventory;
        let vms = &inventory.groups[self.going().group].vms;
        let scope = self.going().scope;
        let critical_over = vms.iter().filter(|v| inventory.vms[**v].critical).all(|v| self.is_ready(*v));
        let mut over = true;
        for of_tier in vms.chunk_by(|a, b| inventory.vms[*a].tier == inventory.vms[*b].tier) {
            let scoped = || of_tier.iter().copied().filter(|v| in_scope(scope, &inventory.vms[*v], critical_over));
            let all = scoped().count() == of_tier.len();
            over &= all || !matches!(scope, Scope::Critical(Remainder::Subsequently));
            if scoped().next().is_some() && !self.tier_over(&scoped().collect::<Vec<_>>()) {
                return false;
            }
        }
        over && self.steps_over(When::Last)
    }

    fn tier_over(&mut self, vms: &[VmIx]) -> bool {
        let inventory = &self.site.inventory;
        let delay = inventory.plans[self.going().plan].start.tier_delay;
        let Some(tier) = vms.first().map(|v| inventory.vms[*v].tier) else { return true };
        let mut over = true;
        for &v in vms {
            let open = self.is_ready(v)
                || (tier_opens(&mut self.courses[self.at], tier, delay, self.now)
                    && self.steps_over(When::BeforeTier(tier)));
            if !open {
                return false;
            }
            over &= self.vm_over(v);
        }
        over && self.steps_over(When::AfterTier(tier))
    }

    fn is_ready(&self, vm: VmIx) -> bool {
        !placed(self.going(), vm) || self.courses[self.at].vms.get(&vm).is_some_and(|s| s.ready <= self.now)
    }

    /// I3: ready, with the steps after it; without doing any of them.
    fn is_recovered(&self, vm: VmIx) -> bool {
        let behind = |key| self.courses[self.at].steps.get(key).is_some_and(|(_, end)| *end <= self.now);
        self.is_ready(vm) && self.steps_at(When::AfterVm(vm)).all(|step| behind(&step.key))
    }

    fn vm_over(&mut self, v: VmIx) -> bool {
        if self.is_ready(v) {
            return !placed(self.going(), v) || self.steps_over(When::AfterVm(v));
        }
        let inventory = &self.site.inventory;
        let vm = &inventory.vms[v];
        let waits = self.courses[self.at].vms.contains_key(&v) || !vm.depends_on.iter().all(|d| self.is_recovered(*d));
        if waits || !self.steps_over(When::BeforeVm(v)) {
            return false;
        }
        let Some(&host) = self.going().placement.get(&v) else { return false };
        let busy = starting(self.goings, self.courses, host, self.now);
        if busy >= usize::from(inventory.hosts[host].max_concurrent_starts) {
            self.courses[self.at].slot_from.entry(v).or_insert(self.now);
            return false;
        }
        let on = self.now + self.assume.of(Step::Start, &vm.name);
        let boots = if vm.ready.is_told() { self.assume.of(Step::Boot, &vm.name) } else { Millis::ZERO };
        let slot_from = self.courses[self.at].slot_from.get(&v).copied().filter(|from| *from < self.now);
        let started = Started { asked: self.now, on, ready: on + boots, slot_from };
        self.courses[self.at].vms.insert(v, started);
        self.moved = true;
        false
    }

    /// Steps of the plan that this group goes through at this point.
    fn steps_at(&self, at: When) -> impl Iterator<Item = &PlanStep> {
        let group = self.going().group;
        let steps = &self.site.inventory.plans[self.going().plan].steps;
        steps.iter().filter(move |s| s.at == at && s.group.is_none_or(|only| only == group))
    }

    /// Goes through the steps at this point, one after another; whether all are behind.
    fn steps_over(&mut self, at: When) -> bool {
        let takes = |step: &PlanStep| match &step.act {
            Act::Command { timeout, .. } => self.assume.of(Step::Command, &step.name).min(*timeout),
            Act::Prompt { timeout, .. } if *timeout > Millis::ZERO => {
                self.assume.of(Step::Answer, &step.name).min(*timeout)
            }
            Act::Prompt { .. } => self.assume.of(Step::Answer, &step.name),
            Act::Delay(span) => *span,
        };
        let steps: Vec<(StepKey, Millis)> = self.steps_at(at).map(|s| (s.key, takes(s))).collect();
        for (key, takes) in steps {
            let (now, course) = (self.now, &mut self.courses[self.at]);
            let begun = course.steps.len();
            let (_, end) = *course.steps.entry(key).or_insert((now, now + takes));
            self.moved |= course.steps.len() > begun;
            if end > now {
                return false;
            }
        }
        true
    }
}

/// A VM that nothing is kept room for is given up at once.
fn placed(going: &Going, vm: VmIx) -> bool {
    going.placement.contains_key(&vm)
}

const fn in_scope(scope: Scope, vm: &Vm, critical_over: bool) -> bool {
    match scope {
        Scope::All => true,
        Scope::Critical(Remainder::Subsequently) => vm.critical || critical_over,
        Scope::Critical(Remainder::OnRequest | Remainder::Never) => vm.critical,
    }
}

/// F6: a tier opens when the one before is over, after the plan's delay.
fn tier_opens(course: &mut Course, tier: u8, delay: Millis, now: Millis) -> bool {
    if course.tier >= tier {
        return true;
    }
    if course.tier != 0 && delay > Millis::ZERO {
        let until = *course.tier_until.get_or_insert(now + delay);
        if until > now {
            return false;
        }
    }
    (course.tier, course.tier_until) = (tier, None);
    true
}

/// VMs that are being started on a host.
fn starting(goings: &[Going], courses: &[Course], host: HostIx, now: Millis) -> usize {
    let on = |(going, course): (&Going, &Course)| {
        let starts = course.vms.iter().filter(|(v, s)| going.placement.get(v) == Some(&host) && s.on > now);
        starts.count()
    };
    goings.iter().zip(courses).map(on).sum()
}
