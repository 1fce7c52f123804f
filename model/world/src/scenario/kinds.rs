//! The words of scenario files for what the core and the world have types for.

use core::fmt;

use farshore_core::event::Alert;
use farshore_core::operation::Goal;
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use crate::reports;

/// What a path says, in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Says(pub(crate) reports::Says);

impl Says {
    fn of(text: &str) -> Option<reports::Says> {
        Some(match text {
            "truth" => reports::Says::Truth,
            "healthy" => reports::Says::Healthy,
            "garbage" => reports::Says::Garbage,
            "unavailable" => reports::Says::Unavailable,
            "silent" => reports::Says::Silent,
            _ => {
                let mut parts = text.split('/').map(|part| {
                    let digits = part.trim().trim_end_matches(['h', 'H']);
                    u8::from_str_radix(digits.trim_start_matches("0x"), 16).ok()
                });
                let mut next = || parts.next().flatten();
                let sense = reports::Says::Sense(next()?, next()?, next()?);
                if parts.next().is_some() {
                    return None;
                }
                sense
            }
        })
    }
}

impl<'de> Deserialize<'de> for Says {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Says;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("what a path says, such as \"5h/25h/00h\"")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Says, E> {
                let wrong = || {
                    E::custom(format!(
                        "`{text}` is nothing that a path says: write sense data as key, code and qualifier in hex, such as \
                         \"5h/25h/00h\", or healthy, silent, unavailable, garbage or truth"
                    ))
                };
                Says::of(text).map(Says).ok_or_else(wrong)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// A kind of operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// [`Goal::Drained`].
    Drain,
    /// [`Goal::ReplicationStopped`].
    StopReplication,
    /// [`Goal::ReadOnly`].
    ReadOnly,
    /// [`Goal::Cut`].
    Cut,
    /// [`Goal::RolledBack`].
    RollBack,
    /// [`Goal::TailKept`].
    KeepTail,
    /// [`Goal::ReadWrite`].
    ReadWrite,
    /// [`Goal::Replicating`].
    Replicate,
    /// [`Goal::Fenced`].
    Fence,
    /// [`Goal::Mounted`].
    Mount,
    /// [`Goal::Stopped`] with a grace.
    Stop,
    /// [`Goal::Stopped`] without one.
    PowerOff,
    /// [`Goal::Running`].
    Start,
    /// [`Goal::Placeholder`].
    Register,
    /// [`Goal::Unregistered`].
    Unregister,
    /// [`Goal::Ran`].
    Run,
    /// [`Goal::Copied`] and [`Goal::CopiedAt`].
    Copy,
    /// [`Goal::Gone`].
    TakeAway,
}

impl Verb {
    /// The kind of an operation that brings about a goal.
    #[must_use]
    pub const fn of(goal: Goal) -> Self {
        match goal {
            Goal::Drained => Self::Drain,
            Goal::ReplicationStopped => Self::StopReplication,
            Goal::ReadOnly => Self::ReadOnly,
            Goal::Cut => Self::Cut,
            Goal::RolledBack { .. } => Self::RollBack,
            Goal::TailKept => Self::KeepTail,
            Goal::ReadWrite => Self::ReadWrite,
            Goal::Replicating => Self::Replicate,
            Goal::Fenced => Self::Fence,
            Goal::Mounted => Self::Mount,
            Goal::Stopped { grace: Some(_) } => Self::Stop,
            Goal::Stopped { grace: None } => Self::PowerOff,
            Goal::Running { .. } => Self::Start,
            Goal::Placeholder => Self::Register,
            Goal::Unregistered => Self::Unregister,
            Goal::Ran => Self::Run,
            Goal::Copied | Goal::CopiedAt { .. } => Self::Copy,
            Goal::Gone => Self::TakeAway,
        }
    }

    /// Whether a disturbance of this kind strikes an operation of another: `stop` strikes a power-off, too.
    #[must_use]
    pub fn strikes(self, other: Self) -> bool {
        self == other || (self == Self::Stop && other == Self::PowerOff)
    }

    /// In words, as what is done to the target.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Drain => "draining",
            Self::StopReplication => "stopping replication of",
            Self::ReadOnly => "making read-only",
            Self::Cut => "cutting replication into",
            Self::RollBack => "rolling back",
            Self::KeepTail => "keeping the tail of",
            Self::ReadWrite => "making writable",
            Self::Replicate => "replicating",
            Self::Fence => "fencing",
            Self::Mount => "mounting on",
            Self::Stop => "shutting down",
            Self::PowerOff => "powering off",
            Self::Start => "starting",
            Self::Register => "registering",
            Self::Unregister => "unregistering",
            Self::Run => "running step",
            Self::Copy => "copying",
            Self::TakeAway => "taking away the copy of",
        }
    }
}

/// A kind of alert.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AlertKind {
    /// [`Alert::NeedsOperator`].
    NeedsOperator,
    /// [`Alert::Loss`].
    Loss,
    /// [`Alert::Held`].
    Held,
    /// [`Alert::ManagerLost`].
    ManagerLost,
    /// [`Alert::PeerSilent`].
    PeerSilent,
    /// [`Alert::InDoubt`].
    InDoubt,
    /// [`Alert::OpFailed`].
    OpFailed,
    /// [`Alert::VmDown`].
    VmDown,
    /// [`Alert::RecoveryLunLost`].
    RecoveryLunLost,
    /// [`Alert::Unprotected`].
    Unprotected,
    /// [`Alert::Contradicted`].
    Contradicted,
    /// [`Alert::AllPathsDown`].
    AllPathsDown,
    /// [`Alert::RpoBehind`], twice the RPO.
    RpoBehind,
    /// [`Alert::RpoBehind`], three times the RPO.
    RpoFarBehind,
    /// [`Alert::OutOfSync`].
    OutOfSync,
    /// [`Alert::HostLost`].
    HostLost,
    /// [`Alert::Returned`].
    Returned,
    /// [`Alert::Stranger`].
    Stranger,
    /// [`Alert::Unrenewed`].
    Unrenewed,
    /// [`Alert::ArbiterNew`].
    ArbiterNew,
    /// [`Alert::TakeoverOff`].
    TakeoverOff,
    /// [`Alert::TakeoverDenied`].
    TakeoverDenied,
    /// [`Alert::Prompt`].
    Prompt,
    /// [`Alert::StepDown`].
    StepDown,
    /// [`Alert::Uncommitted`].
    Uncommitted,
    /// [`Alert::Testing`].
    Testing,
    /// [`Alert::TestFailed`].
    TestFailed,
    /// [`Alert::TestLeft`].
    TestLeft,
}

impl AlertKind {
    /// The kind of an alert.
    #[must_use]
    pub const fn of(alert: &Alert) -> Self {
        match alert {
            Alert::NeedsOperator { .. } => Self::NeedsOperator,
            Alert::Loss { .. } => Self::Loss,
            Alert::Held { .. } => Self::Held,
            Alert::ManagerLost => Self::ManagerLost,
            Alert::PeerSilent { .. } => Self::PeerSilent,
            Alert::InDoubt { .. } => Self::InDoubt,
            Alert::OpFailed { .. } => Self::OpFailed,
            Alert::VmDown { .. } => Self::VmDown,
            Alert::RecoveryLunLost { .. } => Self::RecoveryLunLost,
            Alert::Unprotected { .. } => Self::Unprotected,
            Alert::Contradicted { .. } => Self::Contradicted,
            Alert::AllPathsDown { .. } => Self::AllPathsDown,
            Alert::RpoBehind { times: 0..=2, .. } => Self::RpoBehind,
            Alert::RpoBehind { .. } => Self::RpoFarBehind,
            Alert::OutOfSync { .. } => Self::OutOfSync,
            Alert::HostLost { .. } => Self::HostLost,
            Alert::Returned { .. } => Self::Returned,
            Alert::Stranger { .. } => Self::Stranger,
            Alert::Unrenewed { .. } => Self::Unrenewed,
            Alert::ArbiterNew { .. } => Self::ArbiterNew,
            Alert::TakeoverOff { .. } => Self::TakeoverOff,
            Alert::TakeoverDenied { .. } => Self::TakeoverDenied,
            Alert::Prompt { .. } => Self::Prompt,
            Alert::StepDown { .. } => Self::StepDown,
            Alert::Uncommitted { .. } => Self::Uncommitted,
            Alert::Testing { .. } => Self::Testing,
            Alert::TestFailed { .. } => Self::TestFailed,
            Alert::TestLeft { .. } => Self::TestLeft,
        }
    }

    /// Its name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NeedsOperator => "needs-operator",
            Self::Loss => "loss",
            Self::Held => "held",
            Self::ManagerLost => "manager-lost",
            Self::PeerSilent => "peer-silent",
            Self::InDoubt => "in-doubt",
            Self::OpFailed => "op-failed",
            Self::VmDown => "vm-down",
            Self::RecoveryLunLost => "recovery-lun-lost",
            Self::Unprotected => "unprotected",
            Self::Contradicted => "contradicted",
            Self::AllPathsDown => "all-paths-down",
            Self::RpoBehind => "rpo-behind",
            Self::RpoFarBehind => "rpo-far-behind",
            Self::OutOfSync => "out-of-sync",
            Self::HostLost => "host-lost",
            Self::Returned => "returned",
            Self::Stranger => "stranger",
            Self::Unrenewed => "unrenewed",
            Self::ArbiterNew => "arbiter-new",
            Self::TakeoverOff => "takeover-off",
            Self::TakeoverDenied => "takeover-denied",
            Self::Prompt => "prompt",
            Self::StepDown => "step-down",
            Self::Uncommitted => "uncommitted",
            Self::Testing => "testing",
            Self::TestFailed => "test-failed",
            Self::TestLeft => "test-left",
        }
    }
}
