//! Whether one host's report is to be believed (D3, I19).

use alloc::collections::BTreeSet;

use crate::guard::{self, Guard};
use crate::ids::HostIx;
use crate::input::ProbeId;

/// What an array's own management says of a LUN (D3).
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

/// What is concluded about a LUN when its group of failures closes (D3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Finding {
    /// It is lost.
    Confirmed,
    /// Something well sampled says that it is not, or nobody says any more that it is: no failover, an alert, and
    /// probes until it is over.
    Contradicted,
}

/// The evidence about one LUN in an open group of failures (D3). Every answer may be late or doubled; none but a host's
/// own change of mind depends on the order in which they come.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Case {
    /// Hosts that see it lost on every path, and have not said otherwise since.
    hosts: BTreeSet<HostIx>,
    /// The probe that was sent when the first of them said so. Only answers to it, or to a later one, were sampled
    /// after that; a healthy answer that was pushed may be older and contradicts nothing.
    probe: ProbeId,
    healthy: bool,
    array: Option<ArrayAnswer>,
}

impl Case {
    /// A case that a host's report opens. `probe` is sent because of it, and higher than any that was sent before.
    #[must_use]
    pub fn new(host: HostIx, probe: ProbeId) -> Self {
        Self { hosts: BTreeSet::from([host]), probe, healthy: false, array: None }
    }

    /// A host sees the LUN lost, for the first time or again.
    pub fn lost_at(&mut self, host: HostIx) {
        self.hosts.insert(host);
    }

    /// A host that saw the LUN lost does not any more. Its own word is gone, whatever the age of the answer: if that was
    /// sampled before the loss and came late, the host repeats the loss (G6). Others' words stand.
    pub fn withdrawn(&mut self, host: HostIx) {
        self.hosts.remove(&host);
    }

    /// A path answered well, to this probe. The numbers may wrap: half of them are later than any given one.
    pub fn healthy(&mut self, probe: Option<ProbeId>) {
        self.healthy |= probe.is_some_and(|p| p.0.wrapping_sub(self.probe.0) <= u32::MAX / 2);
    }

    pub(crate) const fn probe(&self) -> ProbeId {
        self.probe
    }

    /// Its probe gets another number.
    pub(crate) fn renumber(&mut self, to: impl Fn(ProbeId) -> ProbeId) {
        self.probe = to(self.probe);
    }

    /// Whether an answer that was sampled after the first report speaks against the loss.
    #[must_use]
    pub const fn is_disputed(&self) -> bool {
        self.healthy
    }

    /// The array has answered. Answers come late and doubled, in any order, and carry no number: the one that speaks
    /// against a loss outweighs `Lost`, and `Lost` outweighs silence.
    pub fn array(&mut self, answer: ArrayAnswer) {
        let weight = |answer| match answer {
            ArrayAnswer::Unreachable => 0_u8,
            ArrayAnswer::Lost => 1,
            ArrayAnswer::Present => 2,
        };
        if self.array.is_none_or(|known| weight(known) < weight(answer)) {
            self.array = Some(answer);
        }
    }

    /// Whether the verdict still hangs on the word of one host or none: then it is worth asking again.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.healthy && self.hosts.len() < 2
    }

    /// D3. A healthy answer sampled after the first report contradicts; silence does not. Two hosts confirm each other.
    /// One host alone counts together with the array's own answer, where there is one. A loss that nobody claims any
    /// more is contradicted: its only witnesses have taken it back.
    #[must_use]
    pub fn finding(&self) -> Finding {
        match (self.healthy && guard::on(Guard::D3), self.hosts.len(), self.array) {
            (true, _, _) | (false, 0, _) | (false, 1, Some(ArrayAnswer::Present)) => Finding::Contradicted,
            (false, 1, Some(ArrayAnswer::Lost | ArrayAnswer::Unreachable) | None) | (false, 2.., _) => {
                Finding::Confirmed
            }
        }
    }
}
