//! What can go wrong, said so that a person can act on it.

use alloc::string::String;

use crate::ids::{GroupKey, VmKey};
use crate::record::Latch;
use crate::waiver::Waiver;

/// A machine could not be started from its records.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// A record was written by a newer build.
    #[error("the journal holds a record of version {found}, this build reads up to {known}: start the newer build")]
    Version {
        /// Found in the journal.
        found: u16,
        /// Known to this build.
        known: u16,
    },
    /// The journal holds two records of one group.
    #[error("the journal holds two records of group {0}: restore it from a sound copy")]
    Twice(GroupKey),
    /// A record names a group that the inventory does not hold.
    #[error("the journal holds group {0}, which the deployment does not name: put the group back into the deployment")]
    UnknownGroup(GroupKey),
}

/// A command that was not carried out. The machine's state is untouched.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rejected {
    /// The machine has stopped for good.
    #[error("the manager has stopped after a failed save or a broken invariant: restart it")]
    Halted,
    /// No such group.
    #[error("no group {0} is in the deployment")]
    UnknownGroup(GroupKey),
    /// No such VM, or one that no group protects.
    #[error("VM {0} is not in the deployment, or in no protection group")]
    UnknownVm(VmKey),
    /// This site does not own the group.
    #[error("group {name} is not active at this site: give the command at the site that owns it")]
    NotOwner {
        /// The group's name.
        name: String,
    },
    /// This site owns the group.
    #[error("group {name} is active at this site: test its plan at the site that would take it")]
    IsOwner {
        /// The group's name.
        name: String,
    },
    /// The site's hosts have no room for the group's VMs.
    #[error(
        "the hosts of this site have no room for the VMs of group {name}: free memory on them, or end another test"
    )]
    NoRoom {
        /// The group's name.
        name: String,
    },
    /// The group has not been compared with the peer since the restart.
    #[error("group {name} has not been compared with the peer since this manager started: wait for the link")]
    Unverified {
        /// The group's name.
        name: String,
    },
    /// Another workflow of the group is open.
    #[error("another workflow of group {name} is open: wait for it, or cancel it")]
    Busy {
        /// The group's name.
        name: String,
    },
    /// Nothing of the group waits for this command.
    #[error("nothing of group {name} waits for this command")]
    NothingToDo {
        /// The group's name.
        name: String,
    },
    /// The group is released: there is no way back at this site.
    #[error("group {name} has been released to the peer: it can no longer be cancelled")]
    Released {
        /// The group's name.
        name: String,
    },
    /// The override gives up less than is at stake (I22).
    #[error("the override of group {name} does not cover what is at stake: {stake}")]
    AtStake {
        /// The group's name.
        name: String,
        /// What an override has to name.
        stake: Waiver,
    },
    /// A second person has to agree (O5).
    #[error("the override of group {name} takes two persons: {stake}")]
    TakesTwo {
        /// The group's name.
        name: String,
        /// What they have to agree on.
        stake: Waiver,
    },
    /// A LUN of the group has no copy at the peer, or is lost.
    #[error("group {name} cannot be protected: a LUN is lost or has no replica")]
    NotProtectable {
        /// The group's name.
        name: String,
    },
    /// The group has no complete copy at the peer, or no placeholders there.
    #[error("group {name} is not protected: give `protect` first")]
    NotProtected {
        /// The group's name.
        name: String,
    },
    /// A recovery is not committed (F10).
    #[error("the recovery of group {name} is not committed: give `commit`, or `roll-back`")]
    Uncommitted {
        /// The group's name.
        name: String,
    },
    /// A recovery can't be rolled back (F10).
    #[error(
        "the recovery of group {name} can't be rolled back: a LUN of the old owner's was lost or could not be drained, so its copy is not complete"
    )]
    NoWayBack {
        /// The group's name.
        name: String,
    },
    /// The group needs another command first.
    #[error("group {name} needs an operator: {why}; give `retry` first")]
    Latched {
        /// The group's name.
        name: String,
        /// Why.
        why: Latch,
    },
}

/// An invariant of the protocol does not hold. The machine stops (it starts nothing more).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[error("{rule} does not hold for group {group}: {what}")]
pub struct Violation {
    /// The invariant, as the protocol names it.
    pub rule: &'static str,
    /// The group.
    pub group: GroupKey,
    /// What was found.
    pub what: &'static str,
}
