//! Steps of plans, and tests of plans: what was said of each (F6, F8).

use std::collections::BTreeMap;

use farshore_core::event::Event;
use farshore_core::ids::{GroupIx, GroupKey, Side, StepKey};
use farshore_core::plan::{Act, OnFailure, PlanStep, When};
use farshore_core::record::{StepVerdict, TestPhase};
use farshore_core::time::Millis;

use super::Builder;
use super::draft::{Move, StepDraft, TestDraft, VmDraft};
use crate::report::{Phase, Role, StepLine, TestReport, TestVmLine};

impl Builder<'_> {
    /// The step of a move that goes on.
    fn step_of(&mut self, group: GroupKey, step: StepKey) -> Option<&mut StepDraft> {
        let g = self.site.inventory.groups.find(group)?;
        let m = self.of_group(g).filter(|m| m.ended.is_none())?;
        Some(m.steps.entry(step).or_default())
    }

    /// A person is asked to go on, or is not any more.
    pub(super) fn prompted(&mut self, at: Millis, group: GroupKey, step: StepKey, asks: bool) {
        if let Some(draft) = self.step_of(group, step) {
            if asks { draft.asks.push((at, None)) } else { draft.answered(at) }
        }
    }

    /// A command has failed for good, or is tried again.
    pub(super) fn step_down(&mut self, at: Millis, group: GroupKey, step: StepKey, down: bool) {
        let asks = self.words.plan_step(step).is_some_and(|s| s.on_failure == OnFailure::Ask);
        if let Some(draft) = self.step_of(group, step) {
            if down {
                draft.failed = Some(at);
                draft.asks.extend(asks.then_some((at, None)));
            } else {
                draft.answered(at);
            }
        }
    }

    /// A step is behind: of the test that goes on at this site, or of the move.
    pub(super) fn step_over(&mut self, at: Millis, side: Side, group: GroupKey, step: StepKey, verdict: StepVerdict) {
        let Some(g) = self.site.inventory.groups.find(group) else { return };
        let starting = self.of_group(g).is_some_and(|m| m.is_starting(side));
        if !starting && let Some(test) = self.test(side, g) {
            test.steps.entry(step).or_default().over = Some((at, verdict));
        } else if let Some(draft) = self.step_of(group, step) {
            draft.over = Some((at, verdict));
            draft.answered(at);
        }
    }

    /// The test of a group that is not cleared yet.
    fn test(&mut self, side: Side, group: GroupIx) -> Option<&mut TestDraft> {
        self.tests.iter_mut().rev().find(|t| t.group == group && t.side == side && t.cleared.is_none())
    }

    pub(super) fn tested(&mut self, at: Millis, side: Side, event: &Event) {
        let inventory = &self.site.inventory;
        match *event {
            Event::Testing { group, phase } => {
                let Some(group) = inventory.groups.find(group) else { return };
                if self.test(side, group).is_none() {
                    let (vms, steps) = (BTreeMap::new(), BTreeMap::new());
                    let (phases, uncopied) = (Vec::new(), Vec::new());
                    self.tests.push(TestDraft { group, side, begin: at, phases, vms, steps, uncopied, cleared: None });
                }
                let Some(test) = self.test(side, group) else { return };
                if let Some(last) = test.phases.last_mut() {
                    last.2.get_or_insert(at);
                }
                test.phases.push((phase, at, None));
            }
            Event::TestVmReady { vm, host } => {
                let (Some((ix, vm)), host) = (inventory.vms.by_key(vm), inventory.hosts.find(host)) else { return };
                if let Some(test) = vm.group.and_then(|g| self.test(side, g)) {
                    test.vms.insert(ix, VmDraft { host, ready: Some(at), ..VmDraft::default() });
                }
            }
            Event::TestVmFailed { vm } => {
                let Some((ix, vm)) = inventory.vms.by_key(vm) else { return };
                if let Some(test) = vm.group.and_then(|g| self.test(side, g)) {
                    test.vms.insert(ix, VmDraft { failed: Some(at), ..VmDraft::default() });
                }
            }
            Event::TestCopyFailed { lun } => {
                let group = inventory.luns.by_key(lun).and_then(|(_, lun)| lun.group);
                if let Some(test) = group.and_then(|g| self.test(side, g)) {
                    test.uncopied.push(lun);
                }
            }
            Event::TestCleared { group } => {
                let Some(group) = inventory.groups.find(group) else { return };
                if let Some(test) = self.test(side, group) {
                    if let Some(last) = test.phases.last_mut() {
                        last.2.get_or_insert(at);
                    }
                    test.cleared = Some(at);
                }
            }
            _ => {}
        }
    }

    pub(super) fn test_reports(&self) -> Vec<TestReport> {
        self.tests.iter().map(|t| self.test_report(t)).collect()
    }

    fn test_report(&self, t: &TestDraft) -> TestReport {
        let inventory = &self.site.inventory;
        let group = &inventory.groups[t.group];
        let site = &inventory.sites[t.side.at()].name;
        let phase = |&(phase, start, end): &(TestPhase, Millis, Option<Millis>)| {
            let (name, what) = phase_words(phase);
            Phase {
                site: site.clone(),
                role: Role::Testing,
                phase: name.into(),
                rule: "F8".into(),
                what: what.into(),
                start: start.0,
                end: end.map(|e| e.0),
                duration: end.map(|e| e.0.saturating_sub(start.0)),
            }
        };
        let vm = |v: &farshore_core::ids::VmIx| {
            let seen = t.vms.get(v).copied().unwrap_or_default();
            TestVmLine {
                vm: inventory.vms[*v].name.clone(),
                host: seen.host.map(|h| inventory.hosts[h].name.clone()),
                ready: seen.ready.map(|at| at.0),
                failed: seen.failed.map(|at| at.0),
            }
        };
        let failed = t.vms.values().any(|v| v.failed.is_some())
            || t.steps.values().any(|s| s.over.is_some_and(|(_, v)| v == StepVerdict::Skipped))
            || !t.uncopied.is_empty();
        let through = t.phases.iter().any(|(phase, ..)| *phase == TestPhase::Running);
        let steps =
            t.steps.iter().filter_map(|(key, draft)| Some(self.step_line(self.words.plan_step(*key)?, Some(draft))));
        TestReport {
            group: group.name.clone(),
            site: site.clone(),
            begin: t.begin.0,
            end: t.cleared.map(|c| c.0),
            passed: (failed || through).then_some(!failed),
            phases: t.phases.iter().map(phase).collect(),
            vms: group.vms.iter().map(vm).collect(),
            steps: steps.collect(),
            uncopied: t.uncopied.iter().map(|l| self.words.lun(*l).into()).collect(),
        }
    }

    /// Steps that a move went through, or was to.
    pub(super) fn step_lines(&self, m: &Move) -> Vec<StepLine> {
        let plan = m.chosen.and_then(|c| self.site.inventory.plans.by_key(c.plan)).map(|(_, plan)| plan);
        let steps = plan.map_or(&[][..], |plan| &plan.steps).iter().filter(|_| m.taken);
        let own = steps.filter(|s| s.group.is_none_or(|only| only == m.group));
        own.map(|step| self.step_line(step, m.steps.get(&step.key))).collect()
    }

    fn step_line(&self, step: &PlanStep, draft: Option<&StepDraft>) -> StepLine {
        let inventory = &self.site.inventory;
        let kind = match &step.act {
            Act::Command { .. } => "command",
            Act::Prompt { .. } => "prompt",
            Act::Delay(_) => "delay",
        };
        let when = match step.at {
            When::First => "first".into(),
            When::BeforeTier(tier) => format!("before tier {tier}"),
            When::AfterTier(tier) => format!("after tier {tier}"),
            When::BeforeVm(vm) => format!("before VM {}", inventory.vms[vm].name),
            When::AfterVm(vm) => format!("after VM {}", inventory.vms[vm].name),
            When::Last => "last".into(),
        };
        let over = draft.and_then(|d| d.over);
        let verdict = over.map(|(_, verdict)| match verdict {
            StepVerdict::Done => "done",
            StepVerdict::Skipped => "passed over",
            StepVerdict::Asked => "waits for an operator",
        });
        StepLine {
            step: step.name.clone(),
            kind: kind.into(),
            when,
            asked: draft.and_then(|d| d.asks.first()).map(|(at, _)| at.0),
            failed: draft.and_then(|d| d.failed).map(|at| at.0),
            over: over.map(|(at, _)| at.0),
            verdict: verdict.map(Into::into),
        }
    }
}

const fn phase_words(phase: TestPhase) -> (&'static str, &'static str) {
    match phase {
        TestPhase::Copying => ("copying", "copies the LUNs"),
        TestPhase::Starting => ("starting", "starts the copies of the VMs"),
        TestPhase::Running => ("running", "through: the copies wait to be looked at"),
        TestPhase::Clearing => ("clearing", "takes away what it made"),
    }
}
