//! What an agent is told, and what it wants done.

use alloc::vec::Vec;

use super::{AgentRecord, Claim, Told};
use crate::authority::wire::{Denial, Note, Reply, Request};
use crate::effect::SaveId;
use crate::event::Event;
use crate::ids::{GroupKey, LunKey};
use crate::operation::{Op, ReplicationSeen};

/// What an agent is told.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AgentFact {
    /// A deadline has come.
    Wake,
    /// A batch is durable.
    Saved(SaveId),
    /// A batch could not be saved: the agent stops for good (J7).
    SaveFailed(SaveId),
    /// The arbiter answers.
    Reply(Reply),
    /// The peer's agent says something.
    Note(Note),
    /// The arrays answer [`AgentEffect::Read`]: each LUN of the group, as seen, or not seen at all (O6).
    Read {
        /// The group.
        group: GroupKey,
        /// Its LUNs.
        luns: Vec<(LunKey, Option<ReplicationSeen>)>,
    },
    /// A synchronous mirror is broken, and writes to it wait for [`AgentEffect::Degrade`]; or is whole again. A level.
    Mirror {
        /// The LUN.
        lun: LunKey,
        /// Whether it is broken.
        broken: bool,
    },
    /// The enforcers have stopped this group, because nobody renewed its authority (O3); or its hosts and arrays have
    /// just been switched on. A level, until it is given authority anew.
    Enforced(GroupKey),
    /// Whether the site's manager is there (O10). A level, told when it changes and when the agent starts.
    Manager(bool),
    /// An operator arms the arbiter that this site refuses (O7). It is believed once both sites have done so.
    Rearm,
    /// The site's manager wants authority (O10).
    Claim(Claim),
    /// The site's manager wants the group of a silent site (O4), at the epoch that it knows.
    Acquire {
        /// The group.
        group: GroupKey,
        /// An operator accepts the loss; with no arbiter, also states that the owner is fenced (O9).
        forced: bool,
    },
}

/// What an agent wants done.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AgentEffect {
    /// Make these records durable, all or none, in the agent's own store.
    Save {
        /// Names the batch.
        id: SaveId,
        /// The records, each replacing the one of its group.
        batch: Vec<AgentRecord>,
    },
    /// Send to the arbiter.
    Ask(Request),
    /// Send to the peer's agent.
    Say(Note),
    /// Read the replication of a group's LUNs from their arrays; [`AgentFact::Read`] follows (O6).
    Read(GroupKey),
    /// Fence: stop a VM, or make a LUN read-only (O3).
    Do(Op),
    /// Acknowledge writes to this LUN that are not mirrored, from now on (O6).
    Degrade(LunKey),
    /// Start a deputy: a [`RecoveryManager`](crate::RecoveryManager) from
    /// [`Records::for_deputy`](crate::Records::for_deputy), or from what an earlier deputy has saved,
    /// [deputized](crate::RecoveryManager::deputize), in the place of the manager that is lost. `false`: stop it; the
    /// manager that is back goes on with [`Records::after_deputy`](crate::Records::after_deputy) (O10).
    Deputy(bool),
    /// Tell the site's manager what it has.
    Tell(Told),
    /// Tell the site's manager why its acquire came to nothing.
    Deny {
        /// The group.
        group: GroupKey,
        /// Why.
        why: Denial,
    },
    /// Tell the site's manager that nothing has been heard of the peer's agent for `site_grace`; or that it is back.
    Silent(bool),
    /// Tell people.
    Event(Event),
}
