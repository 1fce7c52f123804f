//! What is on a copy of a LUN: not the bytes, but which acknowledged writes they hold.

use farshore_core::ids::Epoch;

/// Epochs that contents tell apart; writes of later ones count as of the last.
pub const EPOCHS: usize = 4;

/// Position of an epoch in a [`Writes`].
#[must_use]
pub fn epoch_at(epoch: Epoch) -> usize {
    usize::try_from(epoch.0.saturating_sub(1)).unwrap_or(EPOCHS - 1).min(EPOCHS - 1)
}

/// How many writes of one VM, by epoch. Writes are numbered, so a count stands for a prefix.
pub type Writes = [u32; EPOCHS];

/// The content of one copy of a LUN.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Content {
    /// Writes of each VM with a disk on it, in the order of [`Setup::vms_on`](crate::Setup::vms_on).
    pub writes: Box<[Writes]>,
    /// A delta or a resynchronisation is applied in part: this is no point in time.
    pub torn: bool,
}

impl Content {
    /// An empty disk for so many VMs.
    #[must_use]
    pub fn empty(vms: usize) -> Self {
        Self { writes: vec![[0; EPOCHS]; vms].into(), torn: false }
    }

    /// A VM writes.
    pub fn write(&mut self, slot: usize, epoch: Epoch) {
        if let Some(writes) = self.writes.get_mut(slot) {
            writes[epoch_at(epoch)] += 1;
        }
    }

    /// Whether it holds everything that another does.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        !self.torn && self.writes.iter().zip(&other.writes).all(|(mine, theirs)| missing(mine, theirs) == 0)
    }
}

/// Writes in `all` that `held` lacks.
#[must_use]
pub fn missing(held: &Writes, all: &Writes) -> u32 {
    all.iter().zip(held).map(|(all, held)| all.saturating_sub(*held)).sum()
}
