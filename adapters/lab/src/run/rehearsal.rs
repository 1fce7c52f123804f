//! A run in which the group's plan is tested at birch while the group runs at alder (F8, I17).

use std::time::Duration;

use farshore_core::Command;
use farshore_core::event::{Alert, Event};
use farshore_core::ids::Side;
use farshore_core::record::TestPhase;
use farshore_core::time::Instant;
use farshore_qemu::array::Mode;
use farshore_qemu::copies;
use farshore_qemu::copy_verdict::{Copied, judge_copy};

use super::Lab;
use crate::Failed;
use crate::deployment::VMS;
use crate::options::Options;
use crate::report::{Mark, RPO, Report};

/// What the plan's step writes down where it runs.
const STEP_SAID: &str = "check of shop by move: FARSHORE_TEST=1\n";
/// How often both copies of a LUN are compared: asynchronous, the last cycle takes its time.
const LOOKS: u32 = 20;

impl Lab<'_> {
    /// The plan is tested, and the test is ended; what went wrong, in words.
    pub(super) fn rehearse(&self, options: &Options, began: Instant) -> Result<Vec<String>, Failed> {
        self.step("birch is asked to test the plan");
        for group in options.scenario.groups() {
            self.command(1, "the command to test the plan", &Command::Test(group))?;
        }
        self.wait("the copies of the VMs", 120, || {
            self.tell(began);
            self.marks().iter().any(|m| is_phase(m, TestPhase::Running) || is_phase(m, TestPhase::Clearing))
        })?;
        self.step("copies of the VMs run at birch, and the VMs at alder");
        self.pause(Duration::from_secs(1))?;
        let mut wrong = self.judge_copies(options, began)?;
        self.step("the test is ended");
        for group in options.scenario.groups() {
            self.command(1, "the command to end the test", &Command::EndTest(group))?;
        }
        self.wait("the clearing of the test", 60, || {
            self.tell(began);
            self.marks().iter().any(|m| matches!(m.event, Event::TestCleared { .. }))
        })?;
        wrong.extend(self.left()?);
        wrong.extend(story(&self.marks()));
        Ok(wrong)
    }

    /// What the copies have said and written so far. They run on meanwhile.
    fn judge_copies(&self, options: &Options, began: Instant) -> Result<Vec<String>, Failed> {
        let age = match options.mode {
            Mode::Synchronous => 0,
            Mode::Asynchronous => RPO,
        };
        let mut wrong = Vec::new();
        for (vm, _) in VMS {
            let (said, vm_said) = (self.said(1, &copies::name(vm)), self.said(0, vm));
            let disk = farshore_qemu::guest::read(&copies::file(&self.sites[1].dir, vm))?;
            let copied = Copied { vm, vm_said: &vm_said, said: &said, disk: &disk, asked: began.0, age };
            wrong.extend(judge_copy(&copied));
        }
        Ok(wrong)
    }

    /// What is left of the test, and what its step has written down.
    fn left(&self) -> Result<Vec<String>, Failed> {
        let mut left = Vec::new();
        for site in &self.sites {
            left.extend(copies::left(&site.dir));
            left.extend(site.array.copies_left()?);
        }
        let mut wrong: Vec<String> = left.into_iter().map(|what| format!("the test has left {what}")).collect();
        let steps = std::fs::read_to_string(self.sites[1].dir.join("steps.log")).unwrap_or_default();
        if steps != STEP_SAID {
            wrong.push(format!("the steps of the plan said {steps:?}, not {STEP_SAID:?}"));
        }
        Ok(wrong)
    }

    /// Nobody has stopped, and what is on the recovery LUNs is what the VMs wrote, byte for byte.
    pub(super) fn judge_rehearsed(
        &mut self,
        options: &Options,
        times: (Instant, Instant),
        wrong: Vec<String>,
    ) -> Result<Report, Failed> {
        let mut report = self.judge_stayed(options, times)?;
        report.story.extend(wrong);
        for judged in &mut report.vms {
            judged.resumed = self.said(1, &copies::name(&judged.vm)).resumed.map(|(_, from)| from);
        }
        for (vm, _) in VMS {
            if self.disk(0, vm)?.ring.iter().any(|record| record.vm != vm) {
                report.story.push(format!("{vm}: another's records are on its disk"));
            }
            let mut looks = 0;
            while !self.same_bytes(vm)? {
                looks += 1;
                if looks == LOOKS {
                    report.story.push(format!("{vm}: its recovery LUN holds something else than its LUN"));
                    break;
                }
                self.pause(Duration::from_millis(200))?;
            }
        }
        Ok(report)
    }

    /// Whether both copies of a LUN hold the same.
    fn same_bytes(&self, vm: &str) -> Result<bool, Failed> {
        let saved = self.dir.join(format!("{vm}.verdict"));
        self.sites[1].array.save_copy(vm, &saved)?;
        let read = |path: &std::path::Path| std::fs::read(path).map_err(Failed::Dir);
        let Some(device) = self.sites[0].array.device(vm) else { return Ok(false) };
        Ok(read(&device)? == read(&saved)?)
    }
}

fn is_phase(mark: &Mark, wanted: TestPhase) -> bool {
    matches!(mark.event, Event::Testing { phase, .. } if phase == wanted)
}

/// What birch's manager did not say as it should.
fn story(marks: &[Mark]) -> Vec<String> {
    let count = |fits: fn(&Event) -> bool| marks.iter().filter(|m| m.side == Side::Two && fits(&m.event)).count();
    let mut wrong = Vec::new();
    let ready = count(|e| matches!(e, Event::TestVmReady { .. }));
    if ready != VMS.len() {
        wrong.push(format!("{ready} copies of VMs were ready, not {}", VMS.len()));
    }
    let failed = |e: &Event| {
        matches!(
            e,
            Event::TestCopyFailed { .. }
                | Event::TestVmFailed { .. }
                | Event::Raised(Alert::TestFailed { .. } | Alert::TestLeft { .. })
        )
    };
    if count(failed) > 0 {
        wrong.push("the test did not go well".into());
    }
    wrong
}

#[cfg(test)]
mod tests {
    use farshore_core::ids::{GroupKey, HostKey, VmKey};

    use super::*;

    #[test]
    fn a_test_that_did_not_go_well_is_seen() {
        let mark = |event| Mark { when: Instant(1), side: Side::Two, event };
        let ready = |(vm, _): &(&str, u8)| mark(Event::TestVmReady { vm: VmKey::of(vm), host: HostKey::of("birch-1") });
        let mut marks: Vec<Mark> = VMS.iter().map(ready).collect();
        assert!(story(&marks).is_empty());
        marks.push(mark(Event::Raised(Alert::TestFailed { group: GroupKey::of("shop") })));
        assert_eq!(story(&marks).len(), 1);
        assert_eq!(story(&marks[1..]).len(), 2);
    }
}
