//! What the properties have to remember: nothing that a manager, an array or a host could see.

use farshore_core::ids::{Digest, Epoch, GroupKey, Index, Side, Turn};
use farshore_core::operation::{OpId, Seen, Target};
use farshore_core::record::GivePhase;

use crate::disk::{EPOCHS, Writes};
use crate::setup::Setup;

/// A property that does not hold any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Breach {
    /// Which, as the protocol names it.
    pub property: &'static str,
    /// What was found.
    pub what: &'static str,
}

/// The history that properties read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ghost {
    /// By group.
    pub groups: Box<[GroupGhost]>,
    /// Writes that each VM was told are durable, less those that were given up.
    pub acked: Box<[Writes]>,
    /// Acknowledged writes of each VM that were given up.
    pub lost: Box<[u32]>,
    /// Commands that each site's manager issued and does not know the end of, by object (I12).
    pub doubts: [Vec<Doubt>; 2],
    /// Hosts that hung or were lost at some time.
    pub ailed: Box<[bool]>,
    /// The first property that was seen broken.
    pub breach: Option<Breach>,
}

/// The history of a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct GroupGhost {
    /// By epoch, from the first.
    pub epochs: [EpochGhost; EPOCHS],
    /// The last turn that the peer confirmed to the owner after the quiescing (F3).
    pub confirmed: Option<(Epoch, Turn)>,
    /// Overrides that an operator gave (I22).
    pub forced: u8,
}

/// The history of one epoch of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EpochGhost {
    /// The site that was durably active in it.
    pub owner: Option<Side>,
    /// How it ended.
    pub release: Option<Release>,
    /// An operator has taken it over by force in this epoch (O5, I22).
    pub seized: bool,
}

/// A release (F3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Release {
    /// The site that released.
    pub by: Side,
    /// Its incident.
    pub incident: u32,
    /// The plan that it released with.
    pub plan: Digest,
    /// An operator had accepted the loss.
    pub forced: bool,
}

/// A command whose end its manager does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Doubt {
    /// The object.
    pub target: Target,
    /// The command.
    pub id: OpId,
    /// The newest attempt.
    pub attempt: u32,
    /// The manager has seen the object since. What it issues next with a higher token fences this one.
    pub observed: bool,
}

impl Ghost {
    /// Nothing has happened.
    #[must_use]
    pub fn new(setup: &Setup) -> Self {
        let inventory = setup.inventory();
        Self {
            groups: vec![GroupGhost::default(); inventory.groups.len()].into(),
            acked: vec![Writes::default(); inventory.vms.len()].into(),
            lost: vec![0; inventory.vms.len()].into(),
            doubts: [Vec::new(), Vec::new()],
            ailed: vec![false; inventory.hosts.len()].into(),
            breach: None,
        }
    }

    /// Notes that a property is broken. The first stays.
    pub(crate) fn breached(&mut self, property: &'static str, what: &'static str) {
        self.breach.get_or_insert(Breach { property, what });
    }

    /// The history of an epoch of a group.
    #[must_use]
    pub fn epoch(&self, group: impl Index, epoch: Epoch) -> &EpochGhost {
        &self.groups[group.at()].epochs[crate::disk::epoch_at(epoch)]
    }

    pub(crate) fn epoch_mut(&mut self, group: impl Index, epoch: Epoch) -> &mut EpochGhost {
        &mut self.groups[group.at()].epochs[crate::disk::epoch_at(epoch)]
    }

    /// A command is issued, or issued again.
    pub(crate) fn issued(&mut self, side: Side, id: OpId, attempt: u32) {
        let doubts = &mut self.doubts[side.at()];
        match doubts.binary_search_by_key(&(id.target, id), |d| (d.target, d.id)) {
            Ok(at) => (doubts[at].attempt, doubts[at].observed) = (attempt, false),
            Err(at) => doubts.insert(at, Doubt { target: id.target, id, attempt, observed: false }),
        }
    }

    /// A manager was told how the newest attempt ended, and perhaps what was seen then.
    pub(crate) fn answered(&mut self, side: Side, id: OpId, attempt: u32, seen: Option<&Seen>) {
        self.doubts[side.at()].retain(|d| d.id != id || d.attempt != attempt);
        if let Some(seen) = seen {
            self.observed(side, id.group, id.target, seen);
        }
    }

    /// A manager was told what was seen of an object: what is older than its token can take no effect any more.
    pub(crate) fn observed(&mut self, side: Side, group: GroupKey, target: Target, seen: &Seen) {
        let token = match seen {
            Seen::Lun(s) => s.token,
            Seen::Host(s) => s.token,
            Seen::Vm(s) => s.token,
            Seen::Step(s) => s.token,
            Seen::Copy(s) => s.token,
        };
        let doubts = &mut self.doubts[side.at()];
        doubts.retain(|d| (d.target, d.id.group) != (target, group) || d.id.token > token);
        doubts.iter_mut().filter(|d| (d.target, d.id.group) == (target, group)).for_each(|d| d.observed = true);
    }
}

/// Whether a phase comes before the point of no return.
pub(crate) const fn before_release(phase: GivePhase) -> bool {
    !matches!(phase, GivePhase::Released | GivePhase::Following)
}
