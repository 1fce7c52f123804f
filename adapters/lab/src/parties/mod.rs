//! The parties besides the managers, each a process of its own: the arbiter, an agent per site, a guard per host; the
//! arrays' write leases; and the wires between places, which can be cut.

mod agent;
mod arbiter;
mod enforcer;
mod guard;
mod office;
mod relay;
mod remote;
mod start;
mod wire;

pub use agent::{AgentArgs, run_agent};
pub use arbiter::{ArbiterArgs, run_arbiter};
use farshore_core::authority::agent::{AgentRecord, Claim, Told};
use farshore_core::authority::arbiter::ArbiterRecord;
use farshore_core::authority::wire::{Denial, Note, Reply, Request};
use farshore_core::ids::{Epoch, GroupKey, LunKey};
use farshore_core::operation::{Op, ReplicationSeen};
pub use guard::{GuardArgs, run_guard, side};
pub(crate) use remote::Remote;
use serde::{Deserialize, Serialize};
pub(crate) use start::Parties;
pub(crate) use wire::{Caller, Ear, Wire};

/// What an agent is told by its manager, its enforcers, its peer, and the lab.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ToAgent {
    /// A manager: from now on, what is for the manager goes here.
    Manager,
    /// Its manager wants authority (O10).
    Claim(Claim),
    /// Its manager wants the group of a silent site (O4).
    Acquire { group: GroupKey, forced: bool },
    /// An enforcer: how long may it run? (O2)
    Left { group: GroupKey, n: u64 },
    /// An enforcer has ended what ran under its authority in this epoch (O3).
    Enforced { group: GroupKey, epoch: Epoch },
    /// The peer's agent says something.
    Note(Note),
    /// The lab: what is durable?
    Look(GroupKey),
}

/// What an agent answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FromAgent {
    Told(Told),
    Denied {
        group: GroupKey,
        why: Denial,
    },
    Silent(bool),
    /// To an enforcer: what is left, and in which epoch.
    Left {
        n: u64,
        ms: Option<u64>,
        epoch: Epoch,
    },
    Record(Option<AgentRecord>),
}

/// What an arbiter is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ToArbiter {
    Ask(Request),
    /// The lab: what is recorded?
    Look(GroupKey),
}

/// What an arbiter answers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FromArbiter {
    Reply(Reply),
    Record(Option<ArbiterRecord>),
}

/// What a site's hosts and arrays are told by its agent.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ToOffice {
    /// How good are the copies? (O6)
    Read(GroupKey),
    /// A stage of self-fencing (O3).
    Do(Op),
    /// Writes need not be mirrored any more (O6).
    Degrade(LunKey),
}

/// What they answer.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum FromOffice {
    Read { group: GroupKey, luns: Vec<(LunKey, Option<ReplicationSeen>)> },
}
