//! Driving operations: desired states, answers, doubts (J2 to J4, I12).

use super::{Cx, GroupState, course::Course};
use crate::effect::Effect;
use crate::event::{Alert, Event};
use crate::guard::{self, Guard};
use crate::ids::{Epoch, GroupIx, HostIx, StepKey, Turn};
use crate::inventory::Site;
use crate::operation::{Failure, Goal, Op, OpId, Seen, Target, Token};
use crate::plan::Act;
use crate::record::Work;
use crate::time::{Instant, Millis};

/// How one operation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum State {
    /// Sent; in doubt from this time on.
    Issued(Instant),
    /// In doubt: observed until something is seen. `asks` observations came to nothing.
    Doubt { asks: u8, until: Instant },
    /// Not there yet, or failed for now; may be tried again at this time.
    Resting(Instant),
    /// It is that time: tried again, if it is still wanted.
    Rested,
    /// Seen in the wanted state.
    Reached,
    /// Failed for good.
    Failed(Failure),
}

/// One operation of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct OpRun {
    pub(crate) op: Op,
    state: State,
    fails: u8,
    /// How often it was seen not to have taken effect, and asked for again; counted up to `doubt_limit` (J3).
    again: u8,
    /// The doubt was brought to an operator (J3).
    escalated: bool,
    /// Nobody wants it any more; it is only waited for, because it may still take effect (J3).
    stale: bool,
}

/// What has become of a wanted state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ensured {
    /// It was seen.
    Reached,
    /// It is on its way, or may not be asked for yet.
    Pending,
    /// Nobody can tell; an alert says so.
    Stuck,
    /// It cannot be had.
    Failed(Failure),
}

impl Ensured {
    /// Nothing more will come of it by itself.
    pub(crate) const fn ended(self) -> bool {
        !matches!(self, Self::Pending)
    }
}

impl OpRun {
    /// Whether it may still take effect.
    pub(crate) const fn is_open(&self) -> bool {
        matches!(self.state, State::Issued(_) | State::Doubt { .. })
    }

    /// Its workflow has ended. Whether it still has to be waited for.
    pub(crate) const fn let_go(&mut self) -> bool {
        self.stale = true;
        self.is_open()
    }

    pub(crate) const fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Issued(at) | State::Doubt { until: at, .. } | State::Resting(at) => Some(at),
            State::Rested | State::Reached | State::Failed(_) => None,
        }
    }

    pub(crate) fn shift(&mut self, by: Millis) {
        match &mut self.state {
            State::Issued(at) | State::Doubt { until: at, .. } | State::Resting(at) => {
                *at = Instant(at.0.saturating_sub(by.0));
            }
            State::Rested | State::Reached | State::Failed(_) => {}
        }
    }

    /// The host that a start holds a slot of.
    pub(crate) fn holds_slot(&self, cx: &Cx<'_>) -> Option<HostIx> {
        match (self.op.goal, self.state) {
            (Goal::Running { on }, State::Issued(_) | State::Doubt { .. } | State::Resting(_) | State::Rested) => {
                cx.site.inventory.hosts.find(on)
            }
            _ => None,
        }
    }

    fn ensured(&self) -> Ensured {
        match self.state {
            State::Reached => Ensured::Reached,
            State::Issued(_) if !guard::on(Guard::F2Evidence) => Ensured::Reached,
            State::Failed(failure) => Ensured::Failed(failure),
            State::Issued(_) | State::Doubt { .. } | State::Resting(_) | State::Rested if self.escalated => {
                Ensured::Stuck
            }
            State::Issued(_) | State::Doubt { .. } | State::Resting(_) | State::Rested => Ensured::Pending,
        }
    }
}

impl GroupState {
    /// Wants an object of this site in a state, under an epoch and turn: asks for it where it has not been asked for,
    /// and tells what has become of it.
    ///
    /// While another operation on the object may still take effect nothing new is sent, unless it only takes authority
    /// away with a higher token, or the doubt has been escalated (J3).
    pub(crate) fn ensure(
        &mut self,
        cx: &mut Cx<'_>,
        g: GroupIx,
        (epoch, turn): (Epoch, Turn),
        target: Target,
        goal: Goal,
    ) -> Ensured {
        let id = OpId {
            group: self.record.group,
            token: Token { epoch, turn, step: goal.step() },
            plan: self.plan_digest(cx, g, turn, target),
            target,
        };
        if let Some(run) = self.run.ops.get_mut(&target) {
            if run.op.id == id {
                run.stale = false;
                let ensured = run.ensured();
                if run.state == State::Rested && self.clean() {
                    self.issue_again(cx, target);
                }
                return ensured;
            }
            let supersedes = goal.takes_away() && id.token > run.op.id.token;
            if run.is_open() && !supersedes && !run.escalated {
                return Ensured::Pending;
            }
        }
        if !self.clean() || !self.takes_slot(cx, g, goal) {
            return Ensured::Pending;
        }
        self.give_back_slot(cx, target);
        if let Goal::Running { on } = goal
            && let Some(host) = cx.site.inventory.hosts.find(on)
        {
            cx.slots.starting[host.0 as usize] += 1;
        }
        let op = Op { id, attempt: cx.boot.wrapping_mul(256), goal };
        let state = if self.run.observe_first { self.observe(cx, target, 0) } else { Self::issue(cx, op) };
        self.run.ops.insert(target, OpRun { op, state, fails: 0, again: 0, escalated: false, stale: false });
        Ensured::Pending
    }

    /// Digest of the plan that is run; of the group, where none is (J2): also for what is fenced after a release, which
    /// outlives the workflow.
    fn plan_digest(&self, cx: &Cx<'_>, g: GroupIx, turn: Turn, target: Target) -> crate::ids::Digest {
        match &self.record.work {
            _ if target.is_of_test() => self.course_plan(cx, Course::Test).map_or_else(Default::default, |p| p.hash),
            _ if turn == Turn(0) => cx.site.inventory.groups[g].hash,
            Work::Give(give) => give.offer.plan_hash,
            Work::Take(take) => take.offer.plan_hash,
            Work::Idle
            | Work::Protect(_)
            | Work::Shield { .. }
            | Work::Unprotect
            | Work::Unshield { .. }
            | Work::StandDown => cx.site.inventory.groups[g].hash,
        }
    }

    /// Whether a start may begin on its host now (F6). Everything else may.
    fn takes_slot(&self, cx: &mut Cx<'_>, g: GroupIx, goal: Goal) -> bool {
        let Goal::Running { on } = goal else { return true };
        let Some(host) = cx.site.inventory.hosts.find(on) else { return true };
        let free = cx.slots.starting[host.0 as usize] < cx.site.inventory.hosts[host].max_concurrent_starts;
        if free {
            cx.slots.waiting.remove(&(host, g));
        } else {
            cx.slots.waiting.insert((host, g));
        }
        free
    }

    /// The operation on this object no longer starts a VM.
    pub(crate) fn give_back_slot(&mut self, cx: &mut Cx<'_>, target: Target) {
        if let Some(host) = self.run.ops.get(&target).and_then(|run| run.holds_slot(cx)) {
            let starting = &mut cx.slots.starting[host.0 as usize];
            *starting = starting.saturating_sub(1);
            cx.slots.freed.insert(host);
        }
    }

    fn issue(cx: &mut Cx<'_>, op: Op) -> State {
        cx.out.push(Effect::Do(op));
        let waits = &cx.site.policy.waits;
        let span = match (op.id.target, op.goal) {
            (Target::Lun(_) | Target::TestLun(_), _) => waits.array_op,
            (Target::Vm(_), Goal::Stopped { grace: Some(grace) }) => waits.host_op + grace,
            (Target::Step(step) | Target::TestStep(step), _) => waits.host_op + time_of(cx.site, step),
            (Target::Host(_) | Target::Vm(_) | Target::TestVm(_), _) => waits.host_op,
        };
        State::Issued(cx.now + span)
    }

    fn observe(&self, cx: &mut Cx<'_>, target: Target, asks: u8) -> State {
        cx.out.push(Effect::Observe { group: self.record.group, target });
        State::Doubt { asks, until: cx.now + cx.site.policy.waits.observe }
    }

    /// The same operation again, as a new attempt.
    fn issue_again(&mut self, cx: &mut Cx<'_>, target: Target) {
        if let Some(run) = self.run.ops.get_mut(&target) {
            run.op.attempt = (run.op.attempt & !255) | (run.op.attempt.wrapping_add(1) & 255);
            run.state = Self::issue(cx, run.op);
        }
    }

    fn set(&mut self, cx: &mut Cx<'_>, target: Target, state: State) {
        if matches!(state, State::Reached | State::Failed(_)) {
            self.give_back_slot(cx, target);
            let group = self.record.group;
            self.clear(cx, |a| *a == Alert::InDoubt { group, target });
        }
        if let Some(run) = self.run.ops.get_mut(&target) {
            run.state = state;
            run.escalated &= run.is_open();
        }
    }

    /// An operation has ended. Answers that nothing waits for change nothing (J4).
    pub(crate) fn answered(&mut self, cx: &mut Cx<'_>, id: OpId, attempt: u32, outcome: Result<Seen, Failure>) {
        let target = id.target;
        let run = match self.run.ops.get(&target) {
            Some(run) if run.op.id == id && run.op.attempt == attempt && run.is_open() => *run,
            Some(_) | None => {
                cx.event(Event::LateAnswer { group: self.record.group, target });
                return;
            }
        };
        match outcome {
            _ if run.stale => self.drop_stale(cx, target),
            Ok(seen) if run.op.reached(&seen) => {
                self.learn(&run.op, &seen);
                self.set(cx, target, State::Reached);
            }
            // A full synchronisation takes as long as it takes.
            Ok(_) if run.op.goal == Goal::Replicating => {
                let until = cx.now + cx.site.policy.waits.observe;
                self.set(cx, target, State::Resting(until));
            }
            Ok(_) => self.failed(cx, target, run, Failure::Failed),
            Err(failure) => self.failed(cx, target, run, failure),
        }
    }

    /// An operation that nobody wants any more has ended, or was seen not to be under way.
    fn drop_stale(&mut self, cx: &mut Cx<'_>, target: Target) {
        self.give_back_slot(cx, target);
        self.run.ops.remove(&target);
        let group = self.record.group;
        self.clear(cx, |a| *a == Alert::InDoubt { group, target });
    }

    fn failed(&mut self, cx: &mut Cx<'_>, target: Target, run: OpRun, failure: Failure) {
        let (retries, pause) = self.retries(cx, target, run.op.goal);
        let fails = run.fails.saturating_add(1);
        if let Some(r) = self.run.ops.get_mut(&target) {
            r.fails = fails;
        }
        let final_ = match failure {
            Failure::Lost | Failure::Superseded | Failure::Unknown => true,
            Failure::Failed => fails > retries,
        };
        let state = if final_ { State::Failed(failure) } else { State::Resting(cx.now + pause) };
        self.set(cx, target, state);
    }

    /// How often a definite failure is tried again, and after which pause.
    fn retries(&self, cx: &Cx<'_>, target: Target, goal: Goal) -> (u8, Millis) {
        let waits = &cx.site.policy.waits;
        let course = if target.is_of_test() { Course::Test } else { Course::Recovery };
        let plan = self.course_plan(cx, course);
        match (goal, plan, target) {
            (Goal::Running { .. }, Some(plan), _) => (plan.start.retries, plan.start.retry_delay),
            (Goal::Ran, Some(plan), Target::Step(step) | Target::TestStep(step)) => {
                (plan.step(step).map_or(0, |step| step.retries), plan.start.retry_delay)
            }
            // A point that is gone does not come back (F8).
            (Goal::Running { .. } | Goal::Ran | Goal::CopiedAt { .. }, ..) => (0, waits.observe),
            _ => (waits.doubt_limit, waits.observe),
        }
    }

    /// An object was observed. Nothing waits for it but a doubt.
    pub(crate) fn observed(&mut self, cx: &mut Cx<'_>, target: Target, seen: Option<&Seen>) {
        self.looked_at(cx, target, seen);
        let Some(run) = self.run.ops.get(&target).copied() else { return };
        let State::Doubt { .. } = run.state else { return };
        match seen {
            // What comes next on this object has a higher token, which fences this one.
            Some(_) if run.stale => self.drop_stale(cx, target),
            Some(seen) if run.op.reached(seen) => {
                self.learn(&run.op, seen);
                self.set(cx, target, State::Reached);
            }
            // Asked for again, for as long as it takes: draining may be slow. After too often, people are told (L1).
            Some(_) => {
                let limit = cx.site.policy.waits.doubt_limit;
                // What is looked at before it is first asked for, after a restart, is no failure to obey.
                let asked = !self.run.observe_first || run.op.attempt & 255 != 0;
                let again = run.again.saturating_add(u8::from(asked)).min(limit);
                if let Some(r) = self.run.ops.get_mut(&target) {
                    r.again = again;
                    r.escalated = false;
                }
                self.issue_again(cx, target);
                if again >= limit {
                    self.raise(cx, Alert::InDoubt { group: self.record.group, target });
                    if run.op.goal != Goal::Drained {
                        self.call_off(cx);
                    }
                }
            }
            // Like silence: asked again when the answer would have been due.
            None => {}
        }
    }

    /// An observation came to nothing: another one, and an alert once there were too many (J3).
    fn doubt_on(&mut self, cx: &mut Cx<'_>, target: Target, asks: u8) {
        let asks = asks.saturating_add(1).min(cx.site.policy.waits.doubt_limit);
        let state = self.observe(cx, target, asks);
        let escalate = asks >= cx.site.policy.waits.doubt_limit;
        if let Some(run) = self.run.ops.get_mut(&target) {
            run.state = state;
            run.escalated |= escalate;
        }
        if escalate {
            self.raise(cx, Alert::InDoubt { group: self.record.group, target });
            self.call_off(cx);
        }
    }

    /// Deadlines of operations that have passed.
    pub(crate) fn operations_due(&mut self, cx: &mut Cx<'_>) {
        let due: alloc::vec::Vec<Target> =
            self.run.ops.iter().filter(|(_, r)| r.deadline().is_some_and(|at| at <= cx.now)).map(|(&t, _)| t).collect();
        for target in due {
            let Some(run) = self.run.ops.get(&target).copied() else { continue };
            match run.state {
                State::Issued(_) if !guard::on(Guard::J3) => self.set(cx, target, State::Reached),
                State::Issued(_) => {
                    cx.event(Event::Doubt(run.op));
                    let state = self.observe(cx, target, 0);
                    self.set(cx, target, state);
                }
                State::Doubt { asks, .. } => self.doubt_on(cx, target, asks),
                State::Resting(_) => self.set(cx, target, State::Rested),
                State::Rested | State::Reached | State::Failed(_) => {}
            }
        }
    }

    /// Operations that failed for good are forgotten, so that they are asked for again.
    pub(crate) fn retry_failed(&mut self) {
        self.run.ops.retain(|_, run| !matches!(run.state, State::Failed(_)));
    }
}

/// How long a command of a plan may take.
fn time_of(site: &Site, step: StepKey) -> Millis {
    let step = site.inventory.plans.iter().find_map(|(_, plan)| plan.step(step));
    match step.map(|step| &step.act) {
        Some(Act::Command { timeout, .. }) => *timeout,
        Some(Act::Prompt { .. } | Act::Delay(_)) | None => Millis::ZERO,
    }
}
