//! Recovery plans: which groups, in which order, and how their VMs stop and start.

use alloc::string::String;
use alloc::vec::Vec;

use crate::ids::{Digest, GroupIx, PlanKey};
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
