//! Operations: desired states of one object, with an identity that survives a restart (J2).

use crate::ids::{Digest, Epoch, GroupKey, HostKey, LunKey, StepKey, Turn, VmKey};
use crate::time::Millis;

/// What an adapter keeps, durably, per object, and compares before it *applies* a command: a lower one is refused (J2).
///
/// Ordered by epoch, then turn, then step. Within one turn the operations on one object go through rising steps, so a
/// delayed duplicate of an earlier step can never undo a later one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Token {
    /// Ownership that the command belongs to.
    pub epoch: Epoch,
    /// Try that the command belongs to.
    pub turn: Turn,
    /// How far in that try.
    pub step: Step,
}

/// Rank of an operation on its object within one turn.
///
/// Giving away: `Drain < StopReplication < Lock`. Taking: `Cut < RollBack < Unlock`. Protecting: `Lock < Keep` at the
/// target, `Replicate` at the source.
/// Putting back after an abort, at a higher turn: `Unlock < Replicate`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Step {
    /// Nothing was ever applied.
    #[default]
    None,
    /// A recovery LUN refuses replication frames of older epochs.
    Cut,
    /// A recovery LUN goes back to a complete point.
    RollBack,
    /// A protected LUN replicates what remains.
    Drain,
    /// A protected LUN stops replicating.
    StopReplication,
    /// Taking away: LUN read-only, VM stopped, host fenced.
    Lock,
    /// What a LUN holds is kept, before it is overwritten.
    Keep,
    /// Giving: LUN writable, VM running, host mounted.
    Unlock,
    /// A protected LUN replicates to its peer.
    Replicate,
    /// A VM is registered, powered off; or its registration is gone.
    Register,
    /// A test's copy exists.
    Copy,
    /// It is at the common point.
    CopyAt,
    /// It is gone.
    Gone,
}

/// What an operation is done to. All belong to the site of the machine that issues it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Target {
    /// This site's copy of a LUN.
    Lun(LunKey),
    /// What a host holds of one group.
    Host(HostKey),
    /// A VM, wherever it is at this site.
    Vm(VmKey),
    /// A command of the plan, for one group (F6).
    Step(StepKey),
    /// A test's copy of this site's copy of a LUN (F8).
    TestLun(LunKey),
    /// A test's copy of a VM, in an isolated network (F8).
    TestVm(VmKey),
    /// A command of the plan that is tested (F8).
    TestStep(StepKey),
}

impl Target {
    /// Whether it is an object of a test, which has nothing in common with the real one.
    #[must_use]
    pub const fn is_of_test(&self) -> bool {
        match self {
            Self::TestLun(_) | Self::TestVm(_) | Self::TestStep(_) => true,
            Self::Lun(_) | Self::Host(_) | Self::Vm(_) | Self::Step(_) => false,
        }
    }
}

/// Number of a complete replication point of a consistency set; rises with each cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Point(pub u64);

/// A desired state. Applying it twice is applying it once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Goal {
    /// LUN, giving site: everything written so far is at the peer; the point is reported (F2).
    Drained,
    /// LUN, giving site: replication from it has ended (F2).
    ReplicationStopped,
    /// LUN: no VM can write it. A LUN that is lost takes the token for its return (F2, D4).
    ReadOnly,
    /// LUN, taking site: replication frames of older epochs are refused; the last complete point is reported (F5).
    Cut,
    /// LUN, taking site: its content is that of this complete point; `None`: of the last write received (F5).
    RolledBack {
        /// The point.
        to: Option<Point>,
    },
    /// LUN, target of a reprotect: what is on it is kept in a snapshot, before it is overwritten. Once in an epoch: a tail
    /// that was kept in this epoch stays as it is, whatever the turn (F8).
    TailKept,
    /// LUN: VMs may write it (F5).
    ReadWrite,
    /// LUN, owner: it replicates to its peer's copy, which is complete; a full synchronisation begins where there is none
    /// to go on from (P1).
    Replicating,
    /// Host: runs no VM of the group and holds none of its LUNs open; older commands for the group are refused (F2).
    Fenced,
    /// Host: the group's datastores are mounted (F5).
    Mounted,
    /// VM: not running at this site (F2).
    Stopped {
        /// How long the guest may take to shut down; `None`: power off at once.
        grace: Option<Millis>,
    },
    /// VM: runs at this site (F6). One that runs nowhere here is started on this host; one that runs is left where it is.
    Running {
        /// The host.
        on: HostKey,
    },
    /// VM: registered at this site, powered off, autostart off (P2, F7).
    Placeholder,
    /// VM: not registered at this site (P3).
    Unregistered,
    /// Command of a plan: it has run, and ended well (F6).
    Ran,
    /// Copy for a test: it exists, writable, with what the LUN holds at its last complete point, which is reported (F8).
    Copied,
    /// Copy for a test: the same at this point (F8).
    CopiedAt {
        /// The point.
        point: Point,
    },
    /// Copy for a test, of a LUN or a VM: it does not exist, and will not be made by an older command (F8).
    Gone,
}

impl Goal {
    /// Its rank within a turn.
    #[must_use]
    pub const fn step(self) -> Step {
        match self {
            Self::Drained => Step::Drain,
            Self::ReplicationStopped => Step::StopReplication,
            Self::ReadOnly | Self::Fenced | Self::Stopped { .. } => Step::Lock,
            Self::Cut => Step::Cut,
            Self::RolledBack { .. } => Step::RollBack,
            Self::TailKept => Step::Keep,
            Self::ReadWrite | Self::Mounted | Self::Running { .. } | Self::Ran => Step::Unlock,
            Self::Replicating => Step::Replicate,
            Self::Placeholder | Self::Unregistered => Step::Register,
            Self::Copied => Step::Copy,
            Self::CopiedAt { .. } => Step::CopyAt,
            Self::Gone => Step::Gone,
        }
    }

    /// Whether it only takes authority away: always allowed with a higher token, and supersedes a doubt (J3).
    #[must_use]
    pub const fn takes_away(self) -> bool {
        match self {
            Self::ReplicationStopped
            | Self::ReadOnly
            | Self::Cut
            | Self::Fenced
            | Self::Stopped { .. }
            | Self::Gone => true,
            Self::Drained
            | Self::RolledBack { .. }
            | Self::TailKept
            | Self::ReadWrite
            | Self::Replicating
            | Self::Mounted
            | Self::Running { .. }
            | Self::Placeholder
            | Self::Unregistered
            | Self::Ran
            | Self::Copied
            | Self::CopiedAt { .. } => false,
        }
    }
}

/// Identity of an operation: follows from what is durable, so it is the same after a restart (J2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct OpId {
    /// The group that it is done for.
    pub group: GroupKey,
    /// Epoch, turn and step.
    pub token: Token,
    /// Digest of the plan that is run; of the group, where no plan is.
    pub plan: Digest,
    /// What it is done to.
    pub target: Target,
}

/// One command to an array or a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Op {
    /// Identity; idempotence is by this, not by attempt.
    pub id: OpId,
    /// Which attempt: boot number and a count, so an answer to an earlier one ends nothing (J4).
    pub attempt: u32,
    /// The desired state.
    pub goal: Goal,
}

/// What an adapter saw of an object, with the token recorded for it at that moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Seen {
    /// A LUN, as its array tells it.
    Lun(LunSeen),
    /// A host, about one group.
    Host(HostSeen),
    /// A VM, at this site.
    Vm(VmSeen),
    /// A command of a plan, for one group.
    Step(StepSeen),
    /// A test's copy of a LUN.
    Copy(CopySeen),
}

/// A LUN, as its array tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LunSeen {
    /// Highest token applied to it, or recorded for its return.
    pub token: Token,
    /// Whether the array still serves it.
    pub present: bool,
    /// Whether VMs may write it. A LUN that is not present is not writable.
    pub writable: bool,
    /// The last command that asked for its tail to be kept, where it is (F8).
    #[cfg_attr(feature = "serde", serde(default))]
    pub tail: Token,
    /// Replication, as of now, or as of its loss.
    pub replication: ReplicationSeen,
}

/// Replication of one copy, as its array tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ReplicationSeen {
    /// Whether this copy replicates to its peer (at the source) or takes frames (at the target).
    pub running: bool,
    /// Synchronous, at the source: every acknowledged write is at the peer. `None`: unknown.
    pub in_sync: Option<bool>,
    /// Asynchronous, at the source: age of the last complete point at the peer. `None`: unknown.
    pub lag: Option<Millis>,
    /// Last complete point that the peer has (at the source) or this copy has (at the target). `None`: never one.
    pub point: Option<Point>,
    /// A resynchronisation is under way, or has not reached its first consistent point.
    pub resync: bool,
}

/// A host, about one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct HostSeen {
    /// Highest token applied for the group.
    pub token: Token,
    /// VMs of the group that run on it.
    pub running: u32,
    /// Whether it has the group's datastores mounted for writing, or holds a LUN of the group open.
    pub mounted: bool,
}

/// A VM, at one site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct VmSeen {
    /// Highest token applied to it.
    pub token: Token,
    /// Where it runs; `None`: it does not.
    pub running_on: Option<HostKey>,
    /// Whether it is registered at this site.
    pub registered: bool,
}

/// A command of a plan, for one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct StepSeen {
    /// Highest token that it was run with.
    pub token: Token,
    /// Whether that run has ended well.
    pub ran: bool,
}

/// A test's copy of a LUN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct CopySeen {
    /// Highest token applied to it, also when it is gone.
    pub token: Token,
    /// Whether it exists.
    pub exists: bool,
    /// The point that it is a copy of; `None`: of the last write received.
    pub point: Option<Point>,
}

/// Why a command had no effect. Definite: nothing of it will take effect later. Anything less definite is silence (J3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Failure {
    /// The object has taken a higher token.
    #[error("refused: a newer command has been applied")]
    Superseded,
    /// The LUN is permanently lost.
    #[error("the LUN is permanently lost")]
    Lost,
    /// The object could not be brought into the desired state.
    #[error("the operation failed")]
    Failed,
    /// The object, or what it needs, is not known at this site.
    #[error("the object is not known at this site")]
    Unknown,
}

impl Op {
    /// Whether what was seen is what this operation wants, with its token recorded (F2).
    ///
    /// A later step of the same turn implies this one: steps of a turn are issued in order, each after the one before
    /// it was seen.
    #[must_use]
    pub fn reached(&self, seen: &Seen) -> bool {
        let mine = self.id.token;
        let later = |t: Token| (t.epoch, t.turn) == (mine.epoch, mine.turn) && t.step > mine.step;
        match (self.goal, seen) {
            (Goal::Drained, Seen::Lun(s)) => later(s.token) || s.token == mine,
            (Goal::ReplicationStopped | Goal::Cut, Seen::Lun(s)) => {
                later(s.token) || (s.token == mine && !s.replication.running)
            }
            (Goal::ReadOnly, Seen::Lun(s)) => s.token >= mine && !s.writable,
            (Goal::RolledBack { to }, Seen::Lun(s)) => {
                later(s.token) || (s.token == mine && (to.is_none() || s.replication.point == to))
            }
            (Goal::TailKept, Seen::Lun(s)) => s.token == mine && s.tail == mine,
            (Goal::ReadWrite, Seen::Lun(s)) => s.present && (later(s.token) || (s.token == mine && s.writable)),
            (Goal::Replicating, Seen::Lun(s)) => s.token == mine && s.replication.running && !s.replication.resync,
            (Goal::Fenced, Seen::Host(s)) => s.token >= mine && s.running == 0 && !s.mounted,
            (Goal::Mounted, Seen::Host(s)) => s.token == mine && s.mounted,
            (Goal::Stopped { .. }, Seen::Vm(s)) => s.token >= mine && s.running_on.is_none(),
            (Goal::Running { .. }, Seen::Vm(s)) => s.token == mine && s.running_on.is_some(),
            (Goal::Placeholder, Seen::Vm(s)) => s.token >= mine && s.registered && s.running_on.is_none(),
            (Goal::Unregistered, Seen::Vm(s)) => s.token >= mine && !s.registered && s.running_on.is_none(),
            (Goal::Ran, Seen::Step(s)) => s.token == mine && s.ran,
            (Goal::Copied, Seen::Copy(s)) => later(s.token) || (s.token == mine && s.exists),
            (Goal::CopiedAt { point }, Seen::Copy(s)) => s.token == mine && s.exists && s.point == Some(point),
            (Goal::Gone, Seen::Copy(s)) => s.token >= mine && !s.exists,
            (Goal::Gone, Seen::Vm(s)) => s.token >= mine && s.running_on.is_none() && !s.registered,
            // What was seen is another kind of object.
            (
                Goal::Drained
                | Goal::ReplicationStopped
                | Goal::ReadOnly
                | Goal::Cut
                | Goal::RolledBack { .. }
                | Goal::TailKept
                | Goal::ReadWrite
                | Goal::Replicating
                | Goal::Fenced
                | Goal::Mounted
                | Goal::Stopped { .. }
                | Goal::Running { .. }
                | Goal::Placeholder
                | Goal::Unregistered
                | Goal::Ran
                | Goal::Copied
                | Goal::CopiedAt { .. }
                | Goal::Gone,
                Seen::Lun(_) | Seen::Host(_) | Seen::Vm(_) | Seen::Step(_) | Seen::Copy(_),
            ) => false,
        }
    }
}
