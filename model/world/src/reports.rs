//! What paths say, and what hosts still have to report of it. Reports are levels, not edges.

use farshore_core::detection::paths::PathAnswer;
use farshore_core::ids::{HostIx, Index, LunIx};

use crate::array::LunCopy;
use crate::setup::Setup;

/// What a path is made to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Says {
    /// The truth: healthy, or 5h/25h/00h for a LUN that is lost.
    #[default]
    Truth,
    /// That the LUN is ready.
    Healthy,
    /// Fixed-format sense data with this key, code and qualifier.
    Sense(u8, u8, u8),
    /// Bytes that are no sense data.
    Garbage,
    /// That the target rejects the login.
    Unavailable,
    /// Nothing.
    Silent,
}

/// Sense of a LUN that is gone: LOGICAL UNIT NOT SUPPORTED.
pub const GONE: Says = Says::Sense(0x5, 0x25, 0x00);

impl Says {
    /// The answer of a path to a copy that is `present` or not.
    #[must_use]
    pub fn answer(self, present: bool) -> PathAnswer {
        match self {
            Self::Truth if present => PathAnswer::Healthy,
            Self::Truth => GONE.answer(present),
            Self::Healthy => PathAnswer::Healthy,
            Self::Sense(key, code, qualifier) => {
                let mut bytes = vec![0; 18];
                (bytes[0], bytes[2], bytes[7]) = (0x70, key, 10);
                (bytes[12], bytes[13]) = (code, qualifier);
                PathAnswer::Sense(bytes)
            }
            Self::Garbage => PathAnswer::Sense(vec![0xff, 0x00]),
            Self::Unavailable => PathAnswer::TargetUnavailable,
            Self::Silent => PathAnswer::Silent,
        }
    }

    /// Whether the answer means permanent loss (D1).
    #[must_use]
    pub fn is_loss(self, present: bool) -> bool {
        match self {
            Self::Truth => !present,
            Self::Sense(key, code, qualifier) => {
                farshore_core::detection::sense::DEVICE_LOSS.contains(&(key, code, qualifier))
            }
            Self::Unavailable => true,
            Self::Healthy | Self::Garbage | Self::Silent => false,
        }
    }

    /// Whether the answer is a healthy one.
    #[must_use]
    pub const fn is_healthy(self, present: bool) -> bool {
        matches!(self, Self::Healthy) || (matches!(self, Self::Truth) && present)
    }
}

/// How a report of one host about one LUN stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Report {
    /// There is nothing to report, or it is acknowledged.
    #[default]
    Quiet,
    /// It is to be made.
    Due,
    /// It was made, and is repeated until acknowledged.
    Told,
}

/// One host's paths to one copy of a LUN.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Paths {
    /// What each path says.
    pub says: Box<[Says]>,
    /// How the report stands.
    pub report: Report,
    /// At some time every path was made to say permanent loss.
    pub claimed: bool,
    /// At some time no path said anything.
    pub hushed: bool,
    /// The copy was lost, and the manager has not acknowledged that: it is told again, even if the copy is back (G6).
    pub owed: bool,
}

impl Paths {
    /// So many healthy paths.
    #[must_use]
    pub fn healthy(paths: u8) -> Self {
        Self {
            says: vec![Says::Truth; usize::from(paths)].into(),
            report: Report::Quiet,
            claimed: false,
            hushed: false,
            owed: false,
        }
    }

    /// Whether something is amiss on them.
    #[must_use]
    pub fn ails(&self, present: bool) -> bool {
        self.says.iter().any(|s| !s.is_healthy(present))
    }

    /// Whether the host sees permanent loss (D2).
    #[must_use]
    pub fn all_lost(&self, present: bool) -> bool {
        self.says.iter().all(|s| s.is_loss(present))
    }

    /// Whether the host sees a healthy path.
    #[must_use]
    pub fn any_healthy(&self, present: bool) -> bool {
        self.says.iter().any(|s| s.is_healthy(present))
    }
}

impl LunCopy {
    /// A host's paths to this copy.
    #[must_use]
    pub fn paths(&self, setup: &Setup, lun: LunIx, host: HostIx) -> Option<&Paths> {
        let side = setup.inventory().hosts[host].side;
        let at = setup.hosts_of(side, lun).iter().position(|&h| h == host)?;
        self.paths.get(at)
    }

    /// The same, to change.
    pub(crate) fn paths_mut(&mut self, setup: &Setup, lun: LunIx, host: HostIx) -> Option<&mut Paths> {
        let side = setup.inventory().hosts.iter().nth(host.at())?.1.side;
        let at = setup.hosts_of(side, lun).iter().position(|&h| h == host)?;
        self.paths.get_mut(at)
    }

    /// What every path of a host answers, in order, with the copy `present` or not.
    #[must_use]
    pub fn answers(&self, setup: &Setup, lun: LunIx, host: HostIx, present: bool) -> Vec<PathAnswer> {
        let paths = self.paths(setup, lun, host);
        paths.map_or_else(Vec::new, |p| p.says.iter().map(|s| s.answer(present)).collect())
    }

    /// Hosts look again: the copy was lost, or is back.
    pub(crate) fn report_all(&mut self) {
        for paths in &mut self.paths {
            paths.report = Report::Due;
            paths.owed |= !self.present;
        }
    }
}
