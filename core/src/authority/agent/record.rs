//! What is durable of a site's authority: one small record per group, in the agent's own store.

use crate::authority::Authority;
use crate::authority::proof::{Proof, Stamp};
use crate::ids::{Epoch, GroupKey};
use crate::message::Standing;

/// Version of the records that this build writes.
pub const VERSION: u16 = 1;

/// A site's authority over one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AgentRecord {
    /// [`VERSION`] of the build that wrote it.
    pub version: u16,
    /// The group.
    pub group: GroupKey,
    /// Epoch, turn, standing.
    pub authority: Authority,
    /// A stage of self-fencing began in this turn and is not undone (O3).
    pub fenced: bool,
    /// A standing promise of the peer's that this owner lives on, by number. 0: the peer's `Released` (F3).
    pub held: Option<u32>,
    /// The last standing promise of this epoch that this owner has given back (O8).
    pub returned: Option<u32>,
    /// A standing promise that this site gave, by number. 0: its own `Released` (F3).
    pub given: Option<u32>,
    /// Number of the last standing promise that this site gave in this epoch.
    pub number: u32,
    /// What the owner said of the copies here when it was given a promise last, or when they went bad (O4, O6).
    pub promised: Option<(Stamp, Proof)>,
    /// An acquire that the arbiter has not answered (O4).
    pub acquire: Option<Doubt>,
    /// Number of the last acquire.
    pub k: u32,
    /// What is known of the arbiter (O7).
    pub arbiter: Option<Known>,
}

/// An acquire in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Doubt {
    /// Its number.
    pub k: u32,
    /// An operator accepts the loss.
    pub forced: bool,
}

/// What is known of the arbiter: another one than was known is refused until both sites have armed it (O7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Known {
    /// Its incarnation.
    pub incarnation: u32,
    /// The highest epoch that it has shown.
    pub epoch: Epoch,
    /// It is another one than this site knew, and is not armed by both sites yet: nothing that it says counts.
    pub refused: bool,
    /// An operator has armed it at this site.
    #[cfg_attr(feature = "serde", serde(default))]
    pub rearmed: bool,
}

impl AgentRecord {
    /// A group that has no record yet.
    #[must_use]
    pub const fn first(group: GroupKey, home: bool) -> Self {
        Self {
            version: VERSION,
            group,
            authority: Authority::first(home),
            fenced: false,
            held: None,
            returned: None,
            given: None,
            number: 0,
            promised: None,
            acquire: None,
            k: 0,
            arbiter: None,
        }
    }

    /// Whether the peer owns the group.
    #[must_use]
    pub fn stands_by(&self) -> bool {
        self.authority.standing() == Standing::Standby
    }

    /// The epoch has risen: promises end, an acquire is settled (O4).
    pub(super) const fn new_epoch(&mut self, authority: Authority) {
        let Self { version, group, k, arbiter, .. } = *self;
        *self = Self::first(group, false);
        (self.version, self.authority, self.k, self.arbiter) = (version, authority, k, arbiter);
    }
}
