//! What agents and the arbiter say to each other. Every message may be lost, doubled, late or out of order.

use super::proof::{Proof, Stamp};
use crate::ids::{Digest, Epoch, GroupKey, Side};
use crate::time::Millis;

/// From a site's agent to the arbiter, about one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Request {
    /// Which site asks.
    pub from: Side,
    /// The group.
    pub group: GroupKey,
    /// The epoch that the site knows.
    pub epoch: Epoch,
    /// Which arbiter it means, by incarnation; `None`: it has never known one (O7).
    pub arbiter: Option<u32>,
    /// What it asks.
    pub ask: Ask,
}

/// What an agent asks the arbiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Ask {
    /// The owner: a lease, counted from `stamp` (O2), with what was read for it (O6). At a higher epoch than the
    /// record's it also says that the group was released to it (F4).
    Renew {
        /// The order of what the owner says; its time is echoed.
        stamp: Stamp,
        /// How good the peer's copies are.
        proof: Proof,
        /// Digest of the group's configuration.
        config: Digest,
    },
    /// The peer: it is there, with this configuration. Without it the record stays `Manual` (O7).
    Join {
        /// Digest of the group's configuration.
        config: Digest,
    },
    /// The peer: the group, for itself (O4).
    Acquire {
        /// Rises with every acquire; each is evaluated once (O5).
        k: u32,
        /// Digest of the group's configuration.
        config: Digest,
        /// An operator accepts the loss (O5). The owner's lease must still have run out.
        forced: bool,
    },
    /// The peer: it does not want the group any more. Ends the doubt: an acquire of this number that comes later is denied.
    Withdraw {
        /// The acquire.
        k: u32,
    },
}

/// From the arbiter to a site's agent, about one group. Says who owns it, whatever was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Reply {
    /// The group.
    pub group: GroupKey,
    /// Which arbiter says it: rises when its store is made anew (O7).
    pub incarnation: u32,
    /// The epoch of the record.
    pub epoch: Epoch,
    /// Its owner.
    pub owner: Side,
    /// Whether a site may be taken over (O5).
    pub armed: bool,
    /// The answer.
    pub answer: Answer,
}

/// What the arbiter answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Answer {
    /// The lease is given for the renewal with this stamp, and what it said is durable (O6).
    Leased(Stamp),
    /// Nothing but the record.
    Record,
    /// The owner's lease lives: acquire `k` is not evaluated yet, and in doubt until it is.
    Wait {
        /// The acquire.
        k: u32,
    },
    /// The outcome of acquire `k`; a grant shows in the record.
    Evaluated {
        /// The acquire.
        k: u32,
        /// Granted, or why not.
        outcome: Result<(), Denial>,
    },
}

/// Why an acquire is not granted (O4, O5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Denial {
    /// The group has moved on.
    #[error("the group is at another epoch")]
    Epoch,
    /// The acquirer is the recorded owner.
    #[error("this site owns the group")]
    Owner,
    /// A promise to the owner has not run out.
    #[error("a promise to the owner has not run out")]
    Held,
    /// The acquirer has withdrawn it.
    #[error("it was withdrawn, because the owner was heard again")]
    Withdrawn,
    /// A standing promise to the owner: only it can return it (O8).
    #[error("a standing promise to the owner forbids it until the owner returns it")]
    Promised,
    /// The record is not armed, or its arbiter is not trusted (O7).
    #[error("automatic takeover is off for this group: arm it at both sites")]
    Manual,
    /// The sites hold different configurations of the group.
    #[error("the two sites hold different configurations of the group")]
    Config,
    /// The copies are not good enough, or nobody knows (O5).
    #[error("the copies at this site are not known to be good enough")]
    Proof(Proof),
}

/// From a site's agent to its peer's, about one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Note {
    /// The group.
    pub group: GroupKey,
    /// The epoch that the sender knows.
    pub epoch: Epoch,
    /// What is said.
    pub say: Say,
}

/// What agents say to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Say {
    /// The owner: it is alive. With every renewal.
    Alive {
        /// The order of what the owner says; its time is echoed.
        stamp: Stamp,
        /// How good the peer's copies are (O4, O6).
        proof: Proof,
        /// A promise that the owner would like.
        want: Option<Want>,
        /// The last standing promise that the owner has given back (O8).
        returned: Option<u32>,
    },
    /// The peer: it will not acquire the group for the length of a promise from this stamp (O1).
    Promise {
        /// The request's stamp.
        stamp: Stamp,
        /// Standing, with this number: until it is returned.
        standing: Option<u32>,
    },
    /// The peer: it has noted that its copies are not good, and acquires no more (O6).
    Noted(Stamp),
    /// The sender is the owner in the epoch above; or, on a question about an old one, knows that somebody is.
    Owner(Side),
}

/// A promise that an owner would like (O1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Want {
    /// For as long as a lease.
    Live,
    /// Until it is returned: the arbiter is lost (O8).
    Standing,
}

impl Request {
    /// Moves the times that it carries earlier by `by`.
    pub fn shift(&mut self, by: Millis) {
        if let Ask::Renew { stamp, .. } = &mut self.ask {
            stamp.shift(by, 0);
        }
    }
}

impl Reply {
    /// Moves the times that it carries earlier by `by`.
    pub fn shift(&mut self, by: Millis) {
        if let Answer::Leased(stamp) = &mut self.answer {
            stamp.shift(by, 0);
        }
    }
}

impl Note {
    /// Moves the times that it carries earlier by `by`.
    pub fn shift(&mut self, by: Millis) {
        match &mut self.say {
            Say::Alive { stamp, .. } | Say::Promise { stamp, .. } | Say::Noted(stamp) => stamp.shift(by, 0),
            Say::Owner(_) => {}
        }
    }
}
