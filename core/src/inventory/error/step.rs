//! What can be wrong with a step of a plan, and with addresses.

use alloc::string::String;
use core::net::IpAddr;

use crate::spec::Subnet;

/// Why a step of a plan is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// None, or more than one, of the keys that say when.
    #[error("say once when it comes: one of `when`, `before-tier`, `after-tier`, `before-vm` and `after-vm`")]
    When,
    /// None, or more than one, of the keys that say what.
    #[error("say one thing that it does: one of `command`, `prompt` and `delay`")]
    Act,
    /// A tier outside 1 to 5.
    #[error("`{0}` is not a tier: they are 1 (first) to 5 (last)")]
    Tier(u8),
    /// No VM of the groups that go through it is of this tier.
    #[error("no VM of its groups is of tier {0}, so it would never come: name another tier, or `when`")]
    EmptyTier(u8),
    /// A VM that does not start in this plan.
    #[error("VM `{0}` is in none of its groups: name a VM of the plan, or take `group` out")]
    ForeignVm(String),
    /// A group that is not in the plan.
    #[error("group `{0}` is not in the plan: name one that is")]
    ForeignGroup(String),
    /// A key that goes with another kind of step.
    #[error("`{key}` goes with `{belongs}` only: take it out")]
    Key {
        /// The key.
        key: &'static str,
        /// What it goes with.
        belongs: &'static str,
    },
}

/// Why an address is refused (F6).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// Said for a site that is not in the deployment.
    #[error("`address` names site `{0}`, which is not in the deployment: correct the name")]
    UnknownSite(String),
    /// Two VMs would have it on one network of one site.
    #[error("at site `{site}` its address {address} is also that of VM `{other}`: change one")]
    Taken {
        /// The site.
        site: String,
        /// The address.
        address: IpAddr,
        /// The other VM.
        other: String,
    },
}

/// Two subnets that do not stand for each other.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("subnets {from} and {to} differ in length or version: map subnets that are alike")]
pub struct SubnetPair {
    /// The one at the site that is mapped from.
    pub from: Subnet,
    /// The other.
    pub to: Subnet,
}
