//! A test of a plan on copies, at the site that would take the group (F8). It changes neither ownership nor replication,
//! and what it leaves is taken away. It runs beside whatever else is done with the group, on objects of its own, so that
//! nothing of a rescue ever waits for it (I17).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::course::{Course, Starts};
use super::operations::Ensured;
use super::{Cx, GroupState, placement};
use crate::event::{Alert, Event};
use crate::ids::{GroupIx, LunKey, PlanKey};
use crate::inventory::Replication;
use crate::operation::{Failure, Goal, Point, Target};
use crate::record::{StepVerdict, Test, TestPhase, VmVerdict, Work};

impl GroupState {
    /// Begins a test. `place` is where its VMs start: the room that a recovery would take.
    pub(crate) fn begin_test(&mut self, cx: &mut Cx<'_>, plan: PlanKey, place: placement::Placement) {
        self.record.tests = self.record.tests.next();
        self.record.test = Some(Test::new(self.record.authority.epoch(), self.record.tests, plan));
        self.run.test_starts = Starts::default();
        self.hold_room(cx, place);
        self.test_phase(cx, TestPhase::Copying);
    }

    fn test_phase(&mut self, cx: &mut Cx<'_>, phase: TestPhase) {
        if let Some(test) = &mut self.record.test {
            test.phase = phase;
            self.touch();
            cx.event(Event::Testing { group: self.record.group, phase });
        }
    }

    /// The test ends: by a person, or because the group is wanted for real.
    pub(crate) fn end_test(&mut self, cx: &mut Cx<'_>) {
        if self.record.test.as_ref().is_some_and(|test| test.phase != TestPhase::Clearing) {
            let group = self.record.group;
            self.run.test_starts = Starts::default();
            self.let_copies_go();
            // No recovery is open beside a test, so what asks is the test.
            self.clear(cx, |a| matches!(a, Alert::Prompt { .. }));
            self.test_phase(cx, TestPhase::Clearing);
            self.clear(cx, |a| *a == Alert::Testing { group });
        }
    }

    /// What the test wanted is wanted no more; what may still take effect is waited for (J3).
    fn let_copies_go(&mut self) {
        self.run.ops.retain(|target, op| !target.is_of_test() || op.let_go());
    }

    /// Goes on with the test as far as it can go now.
    pub(super) fn step_test(&mut self, cx: &mut Cx<'_>, g: GroupIx) {
        let Some(test) = &self.record.test else { return };
        match test.phase {
            TestPhase::Copying => self.copy_luns(cx, g),
            TestPhase::Starting => {
                if self.start_vms(cx, g, Course::Test) {
                    self.tested(cx);
                }
            }
            TestPhase::Running => {}
            TestPhase::Clearing => self.clear_test(cx, g),
        }
    }

    /// Copies of the recovery LUNs: each at its last complete point, those of one consistency set at their last common one.
    fn copy_luns(&mut self, cx: &mut Cx<'_>, g: GroupIx) {
        let Some(points) = self.all_copied(cx, g, &BTreeMap::new()) else { return };
        let inventory = &cx.site.inventory;
        let mut common: BTreeMap<LunKey, Option<Point>> = BTreeMap::new();
        for set in &inventory.groups[g].sets {
            let keys = set.iter().map(|&l| inventory.luns[l].key);
            let cycles =
                set.iter().any(|&l| matches!(inventory.luns[l].replication, Some(Replication::Asynchronous { .. })));
            let least = keys.clone().map(|l| points.get(&l).copied().flatten()).min().flatten();
            common.extend(keys.map(|l| (l, least.filter(|_| cycles))));
        }
        let behind = common.iter().any(|(lun, at)| at.is_some() && points.get(lun) != Some(at));
        if behind && self.all_copied(cx, g, &common).is_none() {
            return;
        }
        self.test_phase(cx, TestPhase::Starting);
    }

    /// Wants a copy of every LUN, at the newest point where none is said; the points that they are at, once all are there.
    fn all_copied(
        &mut self,
        cx: &mut Cx<'_>,
        g: GroupIx,
        at: &BTreeMap<LunKey, Option<Point>>,
    ) -> Option<BTreeMap<LunKey, Option<Point>>> {
        let token = self.course_token(Course::Test);
        let luns = cx.site.inventory.groups[g].luns.iter().map(|&l| cx.site.inventory.luns[l].key);
        let mut all = true;
        for lun in luns.collect::<Vec<_>>() {
            let goal = match at.get(&lun).copied().flatten() {
                Some(point) => Goal::CopiedAt { point },
                None if self.run.copied.contains_key(&lun) => continue,
                None => Goal::Copied,
            };
            match self.ensure(cx, g, token, Target::TestLun(lun), goal) {
                Ensured::Reached => {}
                Ensured::Pending => all = false,
                // The point is gone by now: all over again, from newer ones.
                Ensured::Failed(Failure::Failed) if self.copies_again(cx) => return None,
                Ensured::Stuck | Ensured::Failed(_) => {
                    cx.event(Event::TestCopyFailed { lun });
                    self.test_failed(cx);
                    return None;
                }
            }
        }
        all.then(|| self.run.copied.clone())
    }

    /// Begins the copies anew, under a higher number, as often as policy allows; whether it does.
    fn copies_again(&mut self, cx: &mut Cx<'_>) -> bool {
        let Some(test) = &mut self.record.test else { return false };
        test.tries = test.tries.saturating_add(1);
        if test.tries >= cx.site.policy.limits.max_tries {
            return false;
        }
        self.record.tests = self.record.tests.next();
        test.number = self.record.tests;
        self.run.copied.clear();
        self.let_copies_go();
        self.touch();
        true
    }

    /// There is nothing to start from: the test is over before it began.
    fn test_failed(&mut self, cx: &mut Cx<'_>) {
        self.end_test(cx);
        self.raise(cx, Alert::TestFailed { group: self.record.group });
    }

    /// Everything has started, or failed. The copies stay until somebody ends the test.
    fn tested(&mut self, cx: &mut Cx<'_>) {
        let Some(test) = &self.record.test else { return };
        let failed = test.verdicts.values().any(|v| *v == VmVerdict::Failed)
            || test.steps.values().any(|v| *v == StepVerdict::Skipped);
        let group = self.record.group;
        self.test_phase(cx, TestPhase::Running);
        self.raise(cx, Alert::Testing { group });
        if failed {
            self.raise(cx, Alert::TestFailed { group });
        } else {
            self.clear(cx, |a| *a == Alert::TestFailed { group });
        }
    }

    /// Takes away what the test made: its VMs, then its copies. What cannot be reached is tried until it can.
    fn clear_test(&mut self, cx: &mut Cx<'_>, g: GroupIx) {
        let token = self.course_token(Course::Test);
        let inventory = &cx.site.inventory;
        let group = &inventory.groups[g];
        let vms = group.vms.iter().map(|&v| Target::TestVm(inventory.vms[v].key)).collect();
        let luns = group.luns.iter().map(|&l| Target::TestLun(inventory.luns[l].key)).collect();
        if !self.all_gone(cx, g, token, vms) || !self.all_gone(cx, g, token, luns) {
            return;
        }
        self.run.ops.retain(|target, _| !target.is_of_test());
        self.run.copied.clear();
        self.record.test = None;
        let group = self.record.group;
        self.clear(cx, |a| *a == Alert::TestLeft { group });
        if self.record.work == Work::Idle && !self.record.authority.is_active() {
            self.hold_room(cx, BTreeMap::new());
        }
        self.touch();
        cx.event(Event::TestCleared { group });
    }

    fn all_gone(
        &mut self,
        cx: &mut Cx<'_>,
        g: GroupIx,
        token: (crate::ids::Epoch, crate::ids::Turn),
        targets: Vec<Target>,
    ) -> bool {
        let group = self.record.group;
        let mut all = true;
        for target in targets {
            let stuck = match self.ensure(cx, g, token, target, Goal::Gone) {
                Ensured::Reached => continue,
                Ensured::Pending => self.record.alerts.contains(&Alert::InDoubt { group, target }),
                Ensured::Stuck | Ensured::Failed(_) => true,
            };
            all = false;
            if stuck {
                self.raise(cx, Alert::TestLeft { group });
            }
        }
        all
    }
}
