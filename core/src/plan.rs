//! Recovery plans: which groups, in which order, and how their VMs stop and start.

use alloc::string::String;
use alloc::vec::Vec;

use crate::ids::{Digest, GroupIx, PlanKey, StepKey, VmIx};
use crate::time::Millis;

/// A validated recovery plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Stable key.
    pub key: PlanKey,
    /// Name in the deployment.
    pub name: String,
    /// The plan's groups, by rising priority number (1 first), then by name. Groups of one priority do not wait for
    /// each other; a later priority starts when the earlier is recovered or has failed (F9).
    pub groups: Vec<(GroupIx, u8)>,
    /// How its VMs stop.
    pub stop: StopStep,
    /// How its VMs start.
    pub start: StartStep,
    /// What else is done while they start, in this order where several come at the same time.
    pub steps: Vec<PlanStep>,
    /// Digest of all of the above in names: what both sites compare before a failover (I21).
    pub hash: Digest,
}

/// Stopping the VMs of a group at the site that gives it away (F2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StopStep {
    /// How long a guest may take to shut down before it is powered off. A VM with a disk in PDL is powered off at once.
    pub grace: Millis,
}

/// Starting the VMs of a group at the site that takes it (F6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartStep {
    /// Pause between the end of one tier and the start of the next.
    pub tier_delay: Millis,
    /// How long a started VM may take to report that it is ready. What readiness is, the VM says.
    pub ready_timeout: Millis,
    /// How often a failed start is tried again before `on_failure` applies.
    pub retries: u8,
    /// Pause before a start is tried again.
    pub retry_delay: Millis,
    /// What happens when a VM cannot be started or does not become ready.
    pub on_failure: OnFailure,
}

/// What a step that failed for good does to its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum OnFailure {
    /// Stop where it is; an operator decides (F6: after F3 nothing is undone).
    Abort,
    /// Count the VM as failed and go on; an alert names it.
    Skip,
    /// Hold the VM, go on with what does not need it, and ask an operator: try again, or skip.
    Ask,
}

/// A step besides the starting of VMs, at the site that takes a group (F6). Each group of the plan goes through it by
/// itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanStep {
    /// Stable key, of `plan/step`.
    pub key: StepKey,
    /// Name, unique in its plan.
    pub name: String,
    /// When.
    pub at: When,
    /// The only group that goes through it; `None`: each of the plan.
    pub group: Option<GroupIx>,
    /// What is done.
    pub act: Act,
    /// How often a command that failed is tried again before `on_failure` applies.
    pub retries: u8,
    /// What a command that failed for good does to the run.
    pub on_failure: OnFailure,
    /// Whether a test of the plan goes through it, too (F8).
    pub in_test: bool,
}

/// When a step comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum When {
    /// Before any VM of the group starts.
    First,
    /// Before the VMs of this tier start. A tier of which nothing starts is passed over.
    BeforeTier(u8),
    /// Once every VM of this tier is recovered or has failed.
    AfterTier(u8),
    /// Before this VM starts, once what it depends on is ready.
    BeforeVm(VmIx),
    /// Once this VM is ready; until then it does not count as recovered.
    AfterVm(VmIx),
    /// After every VM of the group.
    Last,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// An adapter runs a program. Doing it twice must be doing it once: whether it ran is in doubt after a crash (J3).
    Command {
        /// The program and its arguments, at least the program.
        line: Vec<String>,
        /// How long it may take before the adapter ends it, more than zero.
        timeout: Millis,
    },
    /// A person is asked to go on.
    Prompt {
        /// What is asked.
        text: String,
        /// How long; zero: until somebody answers.
        timeout: Millis,
        /// What counts as the answer after that.
        default: Reply,
    },
    /// Nothing, for this time.
    Delay(Millis),
}

/// What a person says to a prompt, or to a step that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Reply {
    /// Go on; a command that failed is passed over.
    Continue,
    /// Try the command again. To a prompt the same as `Continue`.
    Retry,
    /// Stop the run where it is.
    Abort,
}

impl Plan {
    /// A step of this plan.
    #[must_use]
    pub fn step(&self, key: StepKey) -> Option<&PlanStep> {
        self.steps.iter().find(|step| step.key == key)
    }
}
