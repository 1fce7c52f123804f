//! What the operator has decided beforehand: timers, recovery types, rules that choose plans.

use alloc::vec::Vec;

use crate::authority::lease::Leases;
use crate::ids::{GroupIx, PlanIx, Side};
use crate::time::Millis;

/// The validated policy of a pair of sites. Both sites hold the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How failures are looked for and grouped (G1 to G6).
    pub grouping: Grouping,
    /// Recovery type of each site's own groups (M3), by [`Side`].
    pub recovery: [RecoveryType; 2],
    /// Rules that choose a plan, first match wins; the last one matches everything (M4).
    pub rules: Vec<Rule>,
    /// What limits automation (M5, M6).
    pub limits: Limits,
    /// How long answers may take.
    pub waits: Waits,
    /// Leases and takeover; `None`: no arbiter (O1 `Manual`).
    pub arbiter: Option<Arbiter>,
    /// What happens when a manager is lost alone; `None`: nothing (O10).
    pub deputy: Option<Deputy>,
}

/// A manager that is lost alone (O10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deputy {
    /// How long it must be away before its site's groups are moved.
    pub grace: Millis,
}

/// Leases, and what a silent site means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arbiter {
    /// Lengths and drift (O2).
    pub leases: Leases,
    /// How long a site must be silent before its groups count as lost (O11).
    pub site_grace: Millis,
    /// Whether a silent site is taken over without an operator (O11).
    pub automatic: bool,
}

/// Polling and grouping (G1 to G4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grouping {
    /// How the window moves.
    pub mode: Mode,
    /// Poll interval while nothing has failed (G1; 5 s). Zero: hosts push, the manager does not poll.
    pub idle_poll: Millis,
    /// Shortest poll interval (G2; 100 ms).
    pub min_poll: Millis,
    /// Short timer: restarted by every failure (G2; 2 s).
    pub short: Millis,
    /// Long timer: never extended (G4; 15 s).
    pub long: Millis,
}

/// How much of a group's failover is left to Farshore (M5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Automation {
    /// All of it.
    #[default]
    Automatic,
    /// Every failover is a proposal, which an operator lets go or cancels.
    Propose,
    /// None: people are told at once, and an operator does it.
    Manual,
}

/// How a group of failures is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Mode {
    /// The short timer restarts with each failure; the poll interval adapts (G3).
    Sliding,
    /// One poll per short timer; an empty one, or one after the long timer, closes the group (the patent's figure 3).
    Fixed,
}

/// What is recovered automatically, and when (M3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum RecoveryType {
    /// Everything that is marked moves at once.
    Everything,
    /// Groups with a critical VM move first; `remainder` says what becomes of the rest. Which VMs are critical, the
    /// inventory says.
    CriticalFirst {
        /// What becomes of VMs that are not critical.
        remainder: Remainder,
    },
    /// Nothing moves until at least this many distinct protected VMs are affected; then all of them do.
    AtLeast {
        /// Number of VMs, at least 1, at most what the site's inventory holds.
        vms: u32,
    },
}

/// When the VMs that are not critical start (M3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Remainder {
    /// After the critical ones are recovered.
    Subsequently,
    /// When an operator asks for it.
    OnRequest,
    /// Not at all; an alert says so.
    Never,
}

/// What kind of failure an incident is (D5), or that it is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum ErrorKind {
    /// One or more LUNs, but no whole array.
    LunLost,
    /// Every LUN of an array.
    DeviceLost,
    /// A host; the site's own HA acts.
    HostLost,
    /// A VIM server.
    ManagerLost,
    /// A whole site.
    SiteLost,
    /// Nothing: an operator moves the group (F8).
    Planned,
    /// Nothing: an operator rolls a recovery back within its commit window (F10).
    RollBack,
}

/// One row of the table that chooses plans. An empty condition matches everything (M4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// Matches these groups; `None`: any.
    pub groups: Option<Vec<GroupIx>>,
    /// Matches these kinds of error; `None`: any.
    pub errors: Option<Vec<ErrorKind>>,
    /// Matches these recovery types; `None`: any.
    pub recovery: Option<Vec<RecoveryKind>>,
    /// The plan that is run.
    pub plan: PlanIx,
}

/// A [`RecoveryType`] without its numbers, for matching.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum RecoveryKind {
    /// [`RecoveryType::Everything`].
    Everything,
    /// [`RecoveryType::CriticalFirst`].
    CriticalFirst,
    /// [`RecoveryType::AtLeast`].
    AtLeast,
}

impl RecoveryType {
    /// This type without its numbers.
    #[must_use]
    pub const fn kind(self) -> RecoveryKind {
        match self {
            Self::Everything => RecoveryKind::Everything,
            Self::CriticalFirst { .. } => RecoveryKind::CriticalFirst,
            Self::AtLeast { .. } => RecoveryKind::AtLeast,
        }
    }
}

/// What limits automation (M3, M5, M6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// No second automatic failover of a group within this time of its last (M5; 1 h).
    pub cooldown: Millis,
    /// Aborted or refused tries before an operator is needed (M5; 3).
    pub max_tries: u8,
    /// Pause after a refused try, by [`Side`]: the two differ, so that the sites do not refuse each other in step (M6).
    pub backoff: [Millis; 2],
    /// A held incident raises an alert after this time (M3).
    pub hold_alert: Millis,
    /// A recovery is committed after this time, unless somebody does that, or rolls it back, before; zero: at once (F10).
    pub commit_window: Millis,
    /// A LUN that no host of the site reaches by any path is an alert after this time (D2; 140 s).
    pub apd_timeout: Millis,
    /// An array of which no host reaches any LUN, and whose management is silent, counts as failed so long after
    /// `apd_timeout` (D2; 180 s). Zero: never.
    pub apd_delay: Millis,
    /// How often an owner looks how far its peer's copies are behind (F2a; 1 min). Zero: never.
    pub rpo_check: Millis,
}

/// How long answers may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waits {
    /// A message to the peer is sent again after this time without an answer.
    pub resend: Millis,
    /// The peer counts as silent, and an alert says so, after this time without an answer.
    pub peer_silent: Millis,
    /// An operation on an array is in doubt after this time (J3).
    pub array_op: Millis,
    /// An operation on a host is in doubt after this time; a graceful stop has the plan's grace on top (J3).
    pub host_op: Millis,
    /// An unanswered observation is asked again after this time.
    pub observe: Millis,
    /// How many observations may fail to resolve a doubt before an alert escalates it (J3).
    pub doubt_limit: u8,
    /// A peer's reservation for a failover ends after this time (F1).
    pub prepare_ttl: Millis,
}

impl Policy {
    /// The recovery type of a site's own groups.
    #[must_use]
    pub fn recovery_of(&self, side: Side) -> RecoveryType {
        match side {
            Side::One => self.recovery[0],
            Side::Two => self.recovery[1],
        }
    }
}
