//! Steps of plans, and tests of them, in words.

use farshore_core::event::Event;
use farshore_core::ids::StepKey;
use farshore_core::plan::{Act, PlanStep};
use farshore_core::record::{StepVerdict, TestPhase};

use crate::words::Words;

impl<'a> Words<'a> {
    pub(crate) fn plan_step(self, key: StepKey) -> Option<&'a PlanStep> {
        self.0.plans.iter().find_map(|(_, plan)| plan.step(key))
    }

    /// The name of a step of a plan.
    #[must_use]
    pub fn step(self, key: StepKey) -> &'a str {
        self.plan_step(key).map_or("(unknown step)", |step| &step.name)
    }

    /// What a prompt asks.
    #[must_use]
    pub fn question(self, key: StepKey) -> &'a str {
        match self.plan_step(key).map(|step| &step.act) {
            Some(Act::Prompt { text, .. }) => text,
            Some(Act::Command { .. } | Act::Delay(_)) | None => "(no question)",
        }
    }

    /// What an event of these says; `None` for any other.
    #[must_use]
    pub fn course(self, event: &Event) -> Option<String> {
        Some(match *event {
            Event::StepOver { group, step, verdict } => {
                let (step, group) = (self.step(step), self.group(group));
                match verdict {
                    StepVerdict::Done => format!("step {step} is behind, for group {group}"),
                    StepVerdict::Skipped => format!("step {step} is passed over, for group {group}"),
                    StepVerdict::Asked => format!("step {step} waits for an operator, for group {group}"),
                }
            }
            Event::Testing { group, phase } => {
                let group = self.group(group);
                match phase {
                    TestPhase::Copying => format!("a test of group {group} begins: copies its LUNs"),
                    TestPhase::Starting => {
                        format!("the test of group {group} starts its VMs, in a network of their own")
                    }
                    TestPhase::Running => format!("the test of group {group} is through: its VMs wait to be looked at"),
                    TestPhase::Clearing => format!("the test of group {group} ends: takes away what it made"),
                }
            }
            Event::Committed { group } => format!("the recovery of group {} is committed", self.group(group)),
            Event::TestCopyFailed { lun } => format!("LUN {} cannot be copied: there is no test", self.lun(lun)),
            Event::TestVmReady { vm, host } => format!("the test's {} is ready on {}", self.vm(vm), self.host(host)),
            Event::TestVmFailed { vm } => format!("the test's {} could not be started", self.vm(vm)),
            Event::TestCleared { group } => format!("nothing of the test of group {} is left", self.group(group)),
            _ => return None,
        })
    }
}
