//! Whether one host's report is to be believed (D3, I19).

use alloc::collections::BTreeSet;

use crate::ids::HostIx;
use crate::input::ProbeId;

/// What an array's own management says of a LUN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum ArrayAnswer {
    /// It is permanently lost.
    Lost,
    /// It is there.
    Present,
    /// The management does not answer.
    Unreachable,
}

/// What is concluded about a LUN when its group of failures closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Finding {
    /// It is lost.
    Confirmed,
    /// Something well sampled says that it is not: no failover, an alert, and probes until it is over.
    Contradicted,
}

/// The evidence about one LUN in an open group of failures.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Case {
    /// Hosts that see it lost on every path.
    hosts: BTreeSet<HostIx>,
    /// The probe that was sent when the first of them said so. Only answers to it, or to a later one, were sampled
    /// after that; a healthy answer that was pushed may be older and contradicts nothing.
    probe: ProbeId,
    healthy: bool,
    array: Option<ArrayAnswer>,
}

impl Case {
    /// A case that a host's report opens.
    #[must_use]
    pub fn new(host: HostIx, probe: ProbeId) -> Self {
        Self { hosts: BTreeSet::from([host]), probe, healthy: false, array: None }
    }

    /// A further host sees the LUN lost.
    pub fn lost_at(&mut self, host: HostIx) {
        self.hosts.insert(host);
    }

    /// A path answered well, to this probe.
    pub fn healthy(&mut self, probe: Option<ProbeId>) {
        self.healthy |= probe.is_some_and(|p| p >= self.probe);
    }

    /// The array has answered.
    pub fn array(&mut self, answer: ArrayAnswer) {
        self.array = Some(answer);
    }

    /// D3. A healthy answer sampled after the first report contradicts; silence does not. Two hosts confirm each other.
    /// One host alone counts together with the array's own answer, where there is one.
    #[must_use]
    pub fn finding(&self) -> Finding {
        match (self.healthy, self.hosts.len(), self.array) {
            (true, _, _) | (false, 0 | 1, Some(ArrayAnswer::Present)) => Finding::Contradicted,
            (false, 0 | 1, Some(ArrayAnswer::Lost | ArrayAnswer::Unreachable) | None) | (false, 2.., _) => {
                Finding::Confirmed
            }
        }
    }
}
