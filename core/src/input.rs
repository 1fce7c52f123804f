//! What a machine is told: facts, which cannot be rejected, and commands, which can.

use alloc::vec::Vec;

use crate::effect::SaveId;
use crate::ids::{ArrayKey, GroupKey, HostKey, LunKey, StepKey, VmKey};
use crate::message::Message;
use crate::operation::{Failure, OpId, Seen, Target};
use crate::plan::Reply;
use crate::waiver::Override;

pub use crate::detection::paths::PathAnswer;

/// Something that happened. Unknown, late or doubled facts change nothing (J4).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Fact {
    /// The clock has reached a deadline.
    Wake,
    /// A batch is durable.
    Saved(SaveId),
    /// A batch is not, and nothing will be: the machine stops for good (J7).
    SaveFailed(SaveId),
    /// The peer says something.
    Message(Message),
    /// What one path of a host to a LUN of its site answers. A level: repeated until acknowledged, and after a restart.
    Path {
        /// The host.
        host: HostKey,
        /// The LUN.
        lun: LunKey,
        /// Number of the path, from 0.
        path: u8,
        /// The probe that it answers; `None`: it was pushed.
        probe: Option<ProbeId>,
        /// The answer.
        answer: PathAnswer,
    },
    /// What an array's management says of a LUN, asked by [`Effect::AskArray`](crate::effect::Effect::AskArray).
    Array {
        /// The array.
        array: ArrayKey,
        /// The LUN.
        lun: LunKey,
        /// The answer.
        answer: crate::detection::corroboration::ArrayAnswer,
    },
    /// An operation has ended.
    Answer {
        /// Which operation.
        id: OpId,
        /// Which attempt.
        attempt: u32,
        /// What was seen when it ended, or why it had no effect.
        outcome: Result<Seen, Failure>,
    },
    /// An object was observed.
    Observed {
        /// The group that it was asked for.
        group: GroupKey,
        /// The object.
        target: Target,
        /// What was seen; `None`: it could not be observed.
        seen: Option<Seen>,
    },
    /// A VM's guest reports that it runs, or its probe is answered. A level: repeated.
    Heartbeat(VmKey),
    /// The same of a test's copy of it (F8).
    TestHeartbeat(VmKey),
    /// This site's agent says what authority it holds. A level: repeated.
    Authority(crate::authority::agent::Told),
    /// This site's agent says why an acquire came to nothing (O4, O5).
    Denied {
        /// The group.
        group: GroupKey,
        /// Why.
        why: crate::authority::wire::Denial,
    },
    /// This site's agent has heard nothing of the peer's for `site_grace`; or hears it again (O11). A level.
    Silent(bool),
    /// The site's own HA says that a host of the site is lost, or that it is there (D5). A level: told when it changes,
    /// and after a restart.
    Host {
        /// The host.
        host: HostKey,
        /// Whether it is there.
        up: bool,
    },
}

/// Number of a probe, as [`Effect::Probe`](crate::effect::Effect::Probe) gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ProbeId(pub u32);

/// What an operator, or a product on an operator's behalf, asks for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Command {
    /// Protect these groups, owned here (P1, P2).
    Protect(Vec<GroupKey>),
    /// Undo that: replication ends, the peer's placeholders go, and the group's VMs run on, with nothing that protects
    /// them (P3).
    Unprotect(GroupKey),
    /// Move a group to the peer although nothing failed: any error before the release puts everything back (F8).
    Migrate(GroupKey),
    /// Test the plan of a group, at the site that would take it: on copies, in an isolated network (F8).
    Test(GroupKey),
    /// End the test of a group, and take away what it made (F8).
    EndTest(GroupKey),
    /// Commit a recovery: it can be rolled back no more, and the group may be protected again (F10).
    Commit(GroupKey),
    /// Roll a recovery back within its commit window: the old owner takes the group as it released it, and what was written
    /// since is given up. Recorded, and used once (F10, I22).
    RollBack(Override),
    /// Let a held or proposed failover of a group go on (M3, M5).
    Release(GroupKey),
    /// Pause the run of a group, before the release or while its VMs start: nothing new is begun (M5).
    Pause(GroupKey),
    /// Let a paused run go on where it was (M5).
    Resume(GroupKey),
    /// Give up the failover of a group and put back what was done, before the release (F3).
    Cancel(GroupKey),
    /// Go on although evidence is missing, or vouch for a journal that nobody confirms; recorded, and used once (F2a, J5,
    /// I22).
    Force(Override),
    /// Make a new start after `NeedsOperator`: clears the latch and the count of tries (M5).
    Retry(GroupKey),
    /// Start the VMs that [`Scope::Critical`](crate::message::Scope::Critical) left (M3).
    StartRemainder(GroupKey),
    /// Answer a step that asks: try the VM again (F6).
    RetryVm(VmKey),
    /// Answer a step that asks: count the VM as failed and go on (F6).
    SkipVm(VmKey),
    /// Answer a prompt, or a command of the plan that failed (F6).
    AnswerStep {
        /// The group that waits.
        group: GroupKey,
        /// The step.
        step: StepKey,
        /// The answer.
        reply: Reply,
    },
    /// Take over the group of a silent site, where policy or evidence leaves that to people: two of them. Recorded, and
    /// used once (O5, O9, I22).
    TakeOver(Override),
    /// Maintenance mode: everything automatic becomes a proposal (M5).
    Maintenance(bool),
}
