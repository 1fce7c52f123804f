//! What the two sites say to each other. Every message may be lost, doubled, late or out of order.

use alloc::collections::BTreeMap;

use crate::ids::{Digest, Epoch, GroupKey, LunKey, PlanKey, Turn};
use crate::operation::Point;
use crate::policy::{ErrorKind, Remainder};

/// A message about one group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Message {
    /// The group.
    pub group: GroupKey,
    /// The epoch that the sender means: the owner's, except where the variant says otherwise.
    pub epoch: Epoch,
    /// What is said.
    pub body: Body,
}

/// What is said about a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Body {
    /// A restarted manager asks what the other knows (J5).
    Ask,
    /// The answer: the sender's own epoch (in the message) and standing (J5).
    Tell {
        /// The sender's standing in that epoch.
        standing: Standing,
    },
    /// Owner to peer: make the recovery LUNs read-only to VMs and register placeholders (P1, P2).
    Shield {
        /// The owner's turn.
        turn: Turn,
        /// Digest of the group's configuration.
        config: Digest,
    },
    /// Peer to owner: done.
    Shielded {
        /// The turn that was asked in.
        turn: Turn,
    },
    /// Owner to peer: the group is protected no more; take its placeholders away (P3).
    Unshield {
        /// The owner's turn.
        turn: Turn,
    },
    /// Peer to owner: done.
    Unshielded {
        /// The turn that was asked in.
        turn: Turn,
    },
    /// Owner to peer: can you take the group? (F1), or, after the quiescing: can you still? (F3)
    Prepare {
        /// The owner's turn.
        turn: Turn,
        /// Which of the two questions it is.
        stage: Stage,
        /// What would be handed over, and how.
        offer: Offer,
    },
    /// Peer to owner: yes; a reservation is durable.
    Ready {
        /// The turn that was asked in.
        turn: Turn,
        /// Which question this answers.
        stage: Stage,
    },
    /// Peer to owner: no.
    Refused {
        /// The turn that was asked in.
        turn: Turn,
        /// Why.
        reason: Refusal,
    },
    /// Owner to peer: the reservation of this turn is no longer needed (F1).
    Abort {
        /// The turn.
        turn: Turn,
    },
    /// Owner to peer: released; the peer holds authority at `epoch + 1` (F3, F4).
    Handover {
        /// The turn that released.
        turn: Turn,
        /// What is handed over, and how.
        offer: Offer,
        /// What each LUN of the group was left with.
        luns: BTreeMap<LunKey, Left>,
    },
    /// Peer to owner: taken. The message's epoch is the new one.
    Taken {
        /// How far the recovery is.
        progress: Progress,
    },
}

/// Which question of F1 and F3 is asked or answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Stage {
    /// Before the quiescing (F1).
    Prepare,
    /// After it, before the release (F3).
    Confirm,
}

/// What is handed over, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Offer {
    /// The plan that was chosen (M4).
    pub plan: PlanKey,
    /// Its digest: both sites must hold the same (I21).
    pub plan_hash: Digest,
    /// Digest of the group's configuration.
    pub config: Digest,
    /// What failed.
    pub kind: ErrorKind,
    /// Which VMs start at once, and what becomes of the others (M3).
    pub scope: Scope,
}

/// Which VMs of a group start (M3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Scope {
    /// All of them.
    All,
    /// The critical ones; the others as this says.
    Critical(Remainder),
}

/// What a LUN was left with by the site that released it (F2, F2a).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Left {
    /// Everything was replicated; this is the point.
    Drained(Point),
    /// It could not be drained; the evidence of F2a held, or an operator waived it.
    Undrained,
}

/// A site's standing in a group's epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Standing {
    /// It owns the group.
    Active,
    /// The peer owns it.
    Standby,
    /// It owned it and has released it to the peer, for good (F3).
    Released,
}

/// How far a recovery is, at the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Progress {
    /// Under way.
    Recovering,
    /// Every VM in scope is recovered or counted as failed.
    Recovered,
    /// It stopped; an operator is needed.
    Stopped,
}

/// Why a peer does not take a group now (F1, M6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Refusal {
    /// A newer turn has been seen.
    #[error("a newer turn of this group has been seen")]
    OldTurn,
    /// Another workflow of this group is open at the peer.
    #[error("another workflow of this group is open at the peer")]
    Busy,
    /// The two sites hold different plans.
    #[error("the two sites hold different plans")]
    PlanDiffers,
    /// The two sites hold different configurations of the group.
    #[error("the two sites hold different configurations of the group")]
    ConfigDiffers,
    /// No placeholders are registered at the peer.
    #[error("no placeholders are registered at the peer")]
    NoPlaceholders,
    /// A VM has no mapping to the peer.
    #[error("a VM has no inventory mapping to the peer")]
    NoMapping,
    /// A recovery LUN is lost.
    #[error("a recovery LUN is lost")]
    TargetLost,
    /// What the peer wrote when it owned the group could not be kept, and would be overwritten (F8).
    #[error("what the peer wrote when it owned the group could not be kept, and would be overwritten")]
    TailNotKept,
    /// The peer's hosts have no room.
    #[error("the peer's hosts have no room for the group's VMs")]
    NoCapacity,
    /// A recovery can't be rolled back: the peer's copy is not as it was released (F10).
    #[error("the peer's copy is not as it was released")]
    CopyChanged,
    /// The peer is in maintenance mode.
    #[error("the peer is in maintenance mode")]
    Maintenance,
}
