//! What a run of the lab is about.

use farshore_core::ids::GroupKey;
use farshore_core::spec::Deployment;
use farshore_qemu::array::Mode;

use crate::deployment::{armed, deployment, split, tested, unheard};

/// What goes wrong, or what is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scenario {
    /// A LUN is lost for good, and its group is handed over.
    #[default]
    Lun,
    /// Nothing is lost: the group is moved, because somebody asks for it (F8).
    Planned,
    /// Nothing is lost, and nothing moves: the group's plan is tested on copies at its peer, while it runs (F8).
    Test,
    /// A LUN is lost, its group is handed over, protected in the other direction, and moved back (F8).
    Failback,
    /// Every LUN of an array is lost at once, and its daemons die in the midst of the failover (D5).
    Array,
    /// An array dies without a word: nobody can read how good the copies are, and an operator forces its group (D2).
    Apd,
    /// Everything at the first site is killed at once, and its group is taken over.
    Site,
    /// The first site's manager alone is lost: nothing stops.
    Manager,
    /// Every wire out of the first site is cut, and mended after its group has been taken over.
    Partition,
    /// The arbiter is killed, and started again: nothing stops.
    Arbiter,
    /// The first site's agent is killed, and a standby takes its place: nothing stops.
    Agent,
}

impl Scenario {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Lun,
        Self::Planned,
        Self::Test,
        Self::Failback,
        Self::Array,
        Self::Apd,
        Self::Site,
        Self::Manager,
        Self::Partition,
        Self::Arbiter,
        Self::Agent,
    ];

    /// In a word, as it is asked for.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lun => "lun",
            Self::Planned => "planned",
            Self::Test => "test",
            Self::Failback => "failback",
            Self::Array => "array",
            Self::Apd => "apd",
            Self::Site => "site",
            Self::Manager => "manager",
            Self::Partition => "partition",
            Self::Arbiter => "arbiter",
            Self::Agent => "agent",
        }
    }

    /// Whether VMs stay where they are.
    #[must_use]
    pub const fn stays(self) -> bool {
        match self {
            Self::Test | Self::Manager | Self::Arbiter | Self::Agent => true,
            Self::Lun | Self::Planned | Self::Failback | Self::Array | Self::Apd | Self::Site | Self::Partition => {
                false
            }
        }
    }

    /// Whether there are an arbiter, agents and guards.
    #[must_use]
    pub const fn is_armed(self) -> bool {
        match self {
            Self::Planned
            | Self::Test
            | Self::Failback
            | Self::Apd
            | Self::Site
            | Self::Manager
            | Self::Partition
            | Self::Arbiter
            | Self::Agent => true,
            Self::Lun | Self::Array => false,
        }
    }

    /// Whether what was acknowledged for a VM may be lost, within the RPO, where replication is asynchronous: its LUN
    /// could not be drained.
    #[must_use]
    pub fn may_lose(self, vm: &str) -> bool {
        match self {
            Self::Lun | Self::Failback => vm == crate::LOST,
            Self::Planned | Self::Test | Self::Manager | Self::Arbiter | Self::Agent => false,
            Self::Array | Self::Apd | Self::Site | Self::Partition => true,
        }
    }

    /// What is run.
    #[must_use]
    pub fn deployment(self, mode: Mode) -> Deployment {
        match self {
            Self::Lun => deployment(mode),
            Self::Array => split(mode),
            Self::Apd => unheard(mode),
            Self::Test => tested(mode),
            Self::Planned
            | Self::Failback
            | Self::Site
            | Self::Manager
            | Self::Partition
            | Self::Arbiter
            | Self::Agent => armed(mode),
        }
    }

    /// The protection groups of that.
    pub(crate) fn groups(self) -> Vec<GroupKey> {
        self.deployment(Mode::Synchronous).groups.iter().map(|group| GroupKey::of(&group.name)).collect()
    }
}
