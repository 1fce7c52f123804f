//! What the paths of one host to one LUN say, and what that makes of the LUN at that host (D1, D2).

use alloc::vec::Vec;

/// What one path answers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum PathAnswer {
    /// The LUN is ready.
    Healthy,
    /// A command ended with these sense bytes.
    Sense(Vec<u8>),
    /// The target rejects the login: it is not available any more.
    TargetUnavailable,
    /// Nothing answers.
    Silent,
}

/// What one path last said, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Said {
    Nothing,
    Healthy,
    Lost,
    Down,
}

/// A LUN at one host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HostView {
    /// A path answers, or nothing was ever reported.
    Healthy,
    /// Every path says permanent loss (PDL).
    PermanentLoss,
    /// No path answers well, and not all say permanent loss (APD).
    AllPathsDown,
    /// Some paths fail; the others have said nothing yet.
    Unknown,
}

/// D2: permanent loss is what every path says; mixed answers, or silence on all, are all-paths-down. A path that
/// answers well ends either. A path that has said nothing yet leaves it open: no evidence, and none that is made up.
pub(crate) fn view(paths: &[Said]) -> HostView {
    let any = |said| paths.contains(&said);
    match (any(Said::Healthy), any(Said::Nothing), any(Said::Lost), any(Said::Down)) {
        (true, ..) | (false, _, false, false) => HostView::Healthy,
        (false, true, ..) => HostView::Unknown,
        (false, false, true, false) => HostView::PermanentLoss,
        (false, false, _, true) => HostView::AllPathsDown,
    }
}
