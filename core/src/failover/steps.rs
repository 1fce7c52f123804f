//! The steps of a plan besides its VMs (F6): commands, prompts, delays. One after another where they come together.

use super::course::Course;
use super::operations::Ensured;
use super::{Cx, GroupState};
use crate::event::{Alert, Event};
use crate::ids::{GroupIx, StepKey};
use crate::operation::Goal;
use crate::plan::{Act, OnFailure, PlanStep, Reply, When};
use crate::record::{Latch, StepVerdict};
use crate::time::{Instant, Millis};

impl GroupState {
    /// Goes through the steps that come at this point; whether all of them are behind. What is put back after an abort was
    /// not recovered: it goes through none.
    pub(super) fn steps_over(&mut self, cx: &mut Cx<'_>, g: GroupIx, course: Course, at: When) -> bool {
        let Some(plan) = self.course_plan(cx, course) else { return true };
        for step in plan.steps.iter().filter(|step| step.at == at) {
            if self.goes_through(g, course, step) && !self.step_over(cx, g, course, step) {
                return false;
            }
        }
        true
    }

    /// The same without doing anything.
    pub(super) fn steps_behind(&self, cx: &Cx<'_>, course: Course, at: When) -> bool {
        let Some((g, _)) = cx.site.inventory.groups.by_key(self.record.group) else { return true };
        let Some(plan) = self.course_plan(cx, course) else { return true };
        let mut steps = plan.steps.iter().filter(|step| step.at == at && self.goes_through(g, course, step));
        steps.all(|step| self.is_behind(course, step.key))
    }

    fn goes_through(&self, g: GroupIx, course: Course, step: &PlanStep) -> bool {
        let now = match course {
            Course::Recovery => !self.putting_back(),
            Course::Test => step.in_test,
        };
        now && step.group.is_none_or(|only| only == g)
    }

    fn is_behind(&self, course: Course, step: StepKey) -> bool {
        matches!(self.step_verdict(course, step), Some(StepVerdict::Done | StepVerdict::Skipped))
    }

    fn step_over(&mut self, cx: &mut Cx<'_>, g: GroupIx, course: Course, step: &PlanStep) -> bool {
        match self.step_verdict(course, step.key) {
            Some(StepVerdict::Done | StepVerdict::Skipped) => return true,
            Some(StepVerdict::Asked) => return false,
            None if self.stopped(course) => return false,
            None => {}
        }
        match &step.act {
            Act::Command { .. } => {
                let at = self.course_token(course);
                match self.ensure(cx, g, at, course.step(step.key), Goal::Ran) {
                    Ensured::Reached => self.step_ended(cx, course, step.key, StepVerdict::Done),
                    Ensured::Pending | Ensured::Stuck => {}
                    Ensured::Failed(_) => self.step_failed(cx, course, step),
                }
            }
            Act::Prompt { timeout, .. } => {
                self.raise(cx, Alert::Prompt { group: self.record.group, step: step.key });
                if *timeout > Millis::ZERO {
                    self.step_deadline(course, step.key, cx.now + *timeout);
                }
            }
            Act::Delay(span) => self.step_deadline(course, step.key, cx.now + *span),
        }
        self.is_behind(course, step.key)
    }

    fn step_deadline(&mut self, course: Course, step: StepKey, at: Instant) {
        self.starts_mut(course).step_by.entry(step).or_insert(at);
    }

    /// A step is behind. Durable, so that no restart asks or waits again.
    fn step_ended(&mut self, cx: &mut Cx<'_>, course: Course, step: StepKey, verdict: StepVerdict) {
        let group = self.record.group;
        self.starts_mut(course).step_by.remove(&step);
        self.decide_step(course, step, Some(verdict));
        self.clear(cx, |a| *a == Alert::Prompt { group, step });
        cx.event(Event::StepOver { group, step, verdict });
    }

    /// What the plan says about a command that failed for good. A test goes on, and tells.
    fn step_failed(&mut self, cx: &mut Cx<'_>, course: Course, step: &PlanStep) {
        let group = self.record.group;
        let on_failure = match course {
            Course::Recovery => {
                self.raise(cx, Alert::StepDown { group, step: step.key });
                step.on_failure
            }
            Course::Test => OnFailure::Skip,
        };
        match on_failure {
            OnFailure::Skip => self.step_ended(cx, course, step.key, StepVerdict::Skipped),
            OnFailure::Ask => self.decide_step(course, step.key, Some(StepVerdict::Asked)),
            OnFailure::Abort => self.latch(cx, Latch::StepFailed),
        }
    }

    /// Prompts that nobody answered, and delays that are over.
    pub(super) fn steps_due(&mut self, cx: &mut Cx<'_>, course: Course) {
        let by = self.starts(course).step_by.iter();
        let due: alloc::vec::Vec<StepKey> = by.filter(|&(_, &at)| at <= cx.now).map(|(&step, _)| step).collect();
        for key in due {
            self.starts_mut(course).step_by.remove(&key);
            let Some(step) = self.course_plan(cx, course).and_then(|plan| plan.step(key)) else { continue };
            match &step.act {
                Act::Delay(_) => self.step_ended(cx, course, key, StepVerdict::Done),
                Act::Prompt { default, .. } => self.reply(cx, course, step, *default),
                Act::Command { .. } => {}
            }
        }
    }

    /// A person answers a step; whether it had asked.
    pub(crate) fn answer_step(&mut self, cx: &mut Cx<'_>, key: StepKey, reply: Reply) -> bool {
        let prompted = self.record.alerts.contains(&Alert::Prompt { group: self.record.group, step: key });
        for course in [Course::Recovery, Course::Test] {
            let Some(step) = self.course_plan(cx, course).and_then(|plan| plan.step(key)) else { continue };
            let waits = match (&step.act, self.step_verdict(course, key)) {
                (Act::Prompt { .. }, None) => prompted,
                (Act::Command { .. }, verdict) => verdict == Some(StepVerdict::Asked),
                (Act::Prompt { .. }, Some(_)) | (Act::Delay(_), _) => false,
            };
            if waits {
                self.reply(cx, course, step, reply);
                return true;
            }
        }
        false
    }

    fn reply(&mut self, cx: &mut Cx<'_>, course: Course, step: &PlanStep, reply: Reply) {
        let command = matches!(step.act, Act::Command { .. });
        let group = self.record.group;
        match reply {
            Reply::Continue if command => self.step_ended(cx, course, step.key, StepVerdict::Skipped),
            Reply::Continue => self.step_ended(cx, course, step.key, StepVerdict::Done),
            Reply::Retry if command => {
                self.run.ops.remove(&course.step(step.key));
                self.decide_step(course, step.key, None);
                self.clear(cx, |a| *a == Alert::StepDown { group, step: step.key });
            }
            Reply::Retry => self.step_ended(cx, course, step.key, StepVerdict::Done),
            Reply::Abort => match course {
                Course::Recovery => self.latch(cx, Latch::StepFailed),
                Course::Test => self.end_test(cx),
            },
        }
    }
}
