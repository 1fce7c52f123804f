//! Plans as a person writes them.

use alloc::string::String;
use alloc::vec::Vec;

use super::Span;
use crate::plan::{OnFailure, Reply};

/// `[[plan]]`: a recovery plan.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields, rename_all = "kebab-case"))]
pub struct Plan {
    /// Name.
    pub name: String,
    /// Its groups, at least one. A name alone stands for a group at priority 1.
    pub groups: Vec<PlanGroup>,
    /// How long a guest may take to shut down before it is powered off (F2). Zero: power off at once. Default 60 s.
    #[cfg_attr(feature = "serde", serde(default = "Plan::stop_grace"))]
    pub stop_grace: Span,
    /// Pause between the end of one tier and the start of the next (F6). Default none.
    #[cfg_attr(feature = "serde", serde(default))]
    pub tier_delay: Span,
    /// How long a started VM may take to become ready (F6), more than zero. Default 2 min.
    #[cfg_attr(feature = "serde", serde(default = "Plan::ready_timeout"))]
    pub ready_timeout: Span,
    /// How often a failed start is tried again, 0 to 255. Default 2.
    #[cfg_attr(feature = "serde", serde(default = "Plan::retries"))]
    pub retries: u8,
    /// Pause before a start is tried again. Default 5 s.
    #[cfg_attr(feature = "serde", serde(default = "Plan::retry_delay"))]
    pub retry_delay: Span,
    /// What happens when a VM cannot be started or does not become ready. Default: skip it, with an alert.
    #[cfg_attr(feature = "serde", serde(default = "Plan::on_failure"))]
    pub on_failure: OnFailure,
    /// `[[plan.step]]`: what else is done while VMs start, in this order where several come at the same time.
    #[cfg_attr(feature = "serde", serde(default, rename = "step"))]
    pub steps: Vec<PlanStep>,
}

/// A group of a plan, in [`Plan::groups`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(remote = "Self", deny_unknown_fields, rename_all = "kebab-case"))]
pub struct PlanGroup {
    /// Name of the group.
    pub group: String,
    /// 1 (first) to 255; a later one starts when the earlier is recovered or has failed (F9). Default 1.
    #[cfg_attr(feature = "serde", serde(default = "super::one"))]
    pub priority: u8,
    /// Groups of the plan that must be recovered, or have failed, before it: it comes after all of theirs, whatever
    /// `priority` says.
    #[cfg_attr(feature = "serde", serde(default))]
    pub after: Vec<String>,
}

/// `[[plan.step]]`: a step besides the starting of VMs (F6). One of `command`, `prompt` and `delay`, at one time.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields, rename_all = "kebab-case", default))]
pub struct PlanStep {
    /// Name, unique in the plan.
    pub name: String,
    /// `first` or `last`: before any VM of the group starts, or after all of them.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub when: Option<Edge>,
    /// Before the VMs of this tier start, 1 to 5.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub before_tier: Option<u8>,
    /// Once all VMs of this tier are recovered or have failed, 1 to 5.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub after_tier: Option<u8>,
    /// Before this VM starts.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub before_vm: Option<String>,
    /// Once this VM is ready, and before it counts as recovered.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub after_vm: Option<String>,
    /// The only group of the plan that goes through it. Default: each.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub group: Option<String>,
    /// A program and its arguments, run at the site that recovers.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Vec::is_empty"))]
    pub command: Vec<String>,
    /// What a person is asked.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub prompt: Option<String>,
    /// How long nothing is done.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub delay: Option<Span>,
    /// How long a command may take, default 1 min; or how long an answer is waited for, default: until there is one.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub timeout: Option<Span>,
    /// With `prompt` and `timeout`: what counts as the answer then. Default: continue.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub default: Option<Reply>,
    /// With `command`: how often it is tried again, 0 to 255. Default 0.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub retries: Option<u8>,
    /// With `command`: what happens when it fails. Default: ask.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub on_failure: Option<OnFailure>,
    /// Whether a test of the plan goes through it, too (F8). Default: no.
    pub in_test: bool,
}

/// An end of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Edge {
    /// Before everything else.
    First,
    /// After everything else.
    Last,
}

impl Plan {
    /// A plan for these groups at priority 1, with the defaults.
    #[must_use]
    pub fn of(name: &str, groups: &[&str]) -> Self {
        Self {
            name: name.into(),
            groups: groups.iter().map(|&group| PlanGroup::named(group)).collect(),
            stop_grace: Self::stop_grace(),
            tier_delay: Span::default(),
            ready_timeout: Self::ready_timeout(),
            retries: Self::retries(),
            retry_delay: Self::retry_delay(),
            on_failure: Self::on_failure(),
            steps: Vec::new(),
        }
    }

    const fn stop_grace() -> Span {
        Span::secs(60)
    }
    const fn ready_timeout() -> Span {
        Span::secs(120)
    }
    const fn retries() -> u8 {
        2
    }
    const fn retry_delay() -> Span {
        Span::secs(5)
    }
    const fn on_failure() -> OnFailure {
        OnFailure::Skip
    }
}

impl PlanGroup {
    /// A group at priority 1.
    #[must_use]
    pub fn named(group: &str) -> Self {
        Self { group: group.into(), priority: 1, after: Vec::new() }
    }
}
