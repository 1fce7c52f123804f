//! The two courses on which VMs of a group start at a site: a recovery, and a test of its plan beside it (F6, F8).

use alloc::collections::{BTreeMap, BTreeSet};

use super::{Cx, GroupState, Wait};
use crate::ids::{Epoch, GroupIx, StepKey, Turn, VmKey};
use crate::operation::Target;
use crate::plan::Plan;
use crate::record::{StepVerdict, VmVerdict, Work};
use crate::time::{Instant, Millis};

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Course {
    /// The group itself: taken, or put back.
    Recovery,
    /// Isolated copies (F8).
    Test,
}

/// How far the starting on one course is, as far as a restart finds it again by observing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Starts {
    /// VMs that have been seen ready.
    pub(crate) ready: BTreeSet<VmKey>,
    /// When a started VM must be ready.
    pub(crate) ready_by: BTreeMap<VmKey, Instant>,
    /// When a prompt counts as answered, or a delay is over.
    pub(crate) step_by: BTreeMap<StepKey, Instant>,
    /// The tier that is open.
    pub(crate) tier: u8,
    /// When the next one opens.
    pub(crate) tier_at: Option<Instant>,
}

impl Starts {
    pub(crate) fn deadlines(&self) -> impl Iterator<Item = (Instant, Wait)> + '_ {
        let ready = self.ready_by.values().map(|&at| (at, Wait::Ready));
        let steps = self.step_by.values().map(|&at| (at, Wait::Step));
        ready.chain(steps).chain(self.tier_at.map(|at| (at, Wait::Tier)))
    }

    pub(crate) fn shift(&mut self, by: Millis) {
        let deadlines = self.ready_by.values_mut().chain(self.step_by.values_mut()).chain(&mut self.tier_at);
        deadlines.for_each(|at| *at = Instant(at.0.saturating_sub(by.0)));
    }
}

impl GroupState {
    pub(super) const fn starts(&self, course: Course) -> &Starts {
        match course {
            Course::Recovery => &self.run.starts,
            Course::Test => &self.run.test_starts,
        }
    }

    pub(super) const fn starts_mut(&mut self, course: Course) -> &mut Starts {
        match course {
            Course::Recovery => &mut self.run.starts,
            Course::Test => &mut self.run.test_starts,
        }
    }

    /// What is decided about VMs on a course.
    const fn verdicts(&self, course: Course) -> Option<&BTreeMap<VmKey, VmVerdict>> {
        match (course, &self.record.work, &self.record.test) {
            (Course::Recovery, Work::Take(take), _) => Some(&take.verdicts),
            (Course::Test, _, Some(test)) => Some(&test.verdicts),
            (Course::Recovery | Course::Test, ..) => None,
        }
    }

    /// What is decided about steps on a course.
    const fn step_verdicts(&self, course: Course) -> Option<&BTreeMap<StepKey, StepVerdict>> {
        match (course, &self.record.work, &self.record.test) {
            (Course::Recovery, Work::Take(take), _) => Some(&take.steps),
            (Course::Test, _, Some(test)) => Some(&test.steps),
            (Course::Recovery | Course::Test, ..) => None,
        }
    }

    pub(super) fn verdict(&self, course: Course, vm: VmKey) -> Option<VmVerdict> {
        self.verdicts(course).and_then(|vms| vms.get(&vm).copied())
    }

    pub(super) fn step_verdict(&self, course: Course, step: StepKey) -> Option<StepVerdict> {
        self.step_verdicts(course).and_then(|steps| steps.get(&step).copied())
    }

    /// Decides about a VM; `None`: it is to be started again.
    pub(super) fn decide(&mut self, course: Course, vm: VmKey, verdict: Option<VmVerdict>) {
        let vms = match (course, &mut self.record.work, &mut self.record.test) {
            (Course::Recovery, Work::Take(take), _) => &mut take.verdicts,
            (Course::Test, _, Some(test)) => &mut test.verdicts,
            (Course::Recovery | Course::Test, ..) => return,
        };
        match verdict {
            Some(verdict) => vms.insert(vm, verdict),
            None => vms.remove(&vm),
        };
        self.touch();
    }

    /// Decides about a step; `None`: it is to be done again.
    pub(super) fn decide_step(&mut self, course: Course, step: StepKey, verdict: Option<StepVerdict>) {
        let steps = match (course, &mut self.record.work, &mut self.record.test) {
            (Course::Recovery, Work::Take(take), _) => &mut take.steps,
            (Course::Test, _, Some(test)) => &mut test.steps,
            (Course::Recovery | Course::Test, ..) => return,
        };
        match verdict {
            Some(verdict) => steps.insert(step, verdict),
            None => steps.remove(&step),
        };
        self.touch();
    }

    /// The plan that a course follows.
    pub(super) fn course_plan<'a>(&self, cx: &Cx<'a>, course: Course) -> Option<&'a Plan> {
        let key = match (course, &self.record.work, &self.record.test) {
            (Course::Recovery, Work::Take(take), _) => take.offer.plan,
            (Course::Test, _, Some(test)) => test.plan,
            (Course::Recovery | Course::Test, ..) => return None,
        };
        cx.site.inventory.plans.by_key(key).map(|(_, plan)| plan)
    }

    /// Whatever of the starting is due.
    pub(crate) fn starts_due(&mut self, cx: &mut Cx<'_>, g: GroupIx) {
        for course in [Course::Recovery, Course::Test] {
            self.tier_delay_due(cx, g, course);
            self.ready_due(cx, course);
            self.steps_due(cx, course);
        }
    }

    /// Under which epoch and turn a course's commands are given.
    pub(super) fn course_token(&self, course: Course) -> (Epoch, Turn) {
        match (course, &self.record.test) {
            (Course::Test, Some(test)) => (test.epoch, test.number),
            (Course::Recovery | Course::Test, _) => self.now(),
        }
    }
}

impl Course {
    /// The VM that this course starts.
    pub(super) const fn vm(self, vm: VmKey) -> Target {
        match self {
            Self::Recovery => Target::Vm(vm),
            Self::Test => Target::TestVm(vm),
        }
    }

    /// The command that this course runs.
    pub(super) const fn step(self, step: StepKey) -> Target {
        match self {
            Self::Recovery => Target::Step(step),
            Self::Test => Target::TestStep(step),
        }
    }
}
