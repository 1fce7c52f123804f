//! Who may run a group: epoch, turn and standing; and who decides that when the sites cannot talk.
//!
//! A site's agent holds authority; its manager claims what it needs for a workflow, by compare-and-swap, and does
//! nothing before the agent has told it that it has it. Without an arbiter authority does not expire, and no takeover
//! exists but the owner's own release (O1 `Manual`, O9).

pub mod agent;
pub mod arbiter;
pub mod lease;
pub mod proof;
pub mod wire;

use crate::ids::{Epoch, Turn};
use crate::message::Standing;

/// A site's authority over one group. Durable as part of the group's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Authority {
    epoch: Epoch,
    turn: Turn,
    standing: Standing,
    peer_turn: Turn,
}

impl Authority {
    /// What a site starts with: its own groups are active in the first epoch, its peer's are not.
    #[must_use]
    pub const fn first(home: bool) -> Self {
        let standing = if home { Standing::Active } else { Standing::Standby };
        Self { epoch: Epoch::FIRST, turn: Turn(0), standing, peer_turn: Turn(0) }
    }

    /// The present epoch, as far as this site knows.
    #[must_use]
    pub const fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// This site's present turn in it.
    #[must_use]
    pub const fn turn(&self) -> Turn {
        self.turn
    }

    /// This site's standing in it.
    #[must_use]
    pub const fn standing(&self) -> Standing {
        self.standing
    }

    /// Whether this site owns the group.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        matches!(self.standing, Standing::Active)
    }

    /// The lowest turn of the owner that this site still answers (F1).
    #[must_use]
    pub const fn peer_turn(&self) -> Turn {
        self.peer_turn
    }

    /// The same without what concerns only the manager: what agent and manager compare.
    #[must_use]
    pub const fn bare(self) -> Self {
        Self { peer_turn: Turn(0), ..self }
    }

    /// The group is owned by the peer in `epoch`, whatever this site was (O5, O11).
    pub(crate) const fn lost_to_peer(&mut self, epoch: Epoch) {
        *self = Self { epoch, turn: Turn(0), standing: Standing::Standby, peer_turn: Turn(0) };
    }

    /// Whether a manager may go from here to `next` by itself: one step of a workflow, or several turns of one epoch.
    #[must_use]
    pub fn leads_to(&self, next: &Self) -> bool {
        use Standing::{Active, Released, Standby};
        let same = next.epoch == self.epoch;
        match (self.standing, next.standing) {
            (Active, Active) => same && next.turn > self.turn,
            (Active, Released) => same && next.turn >= self.turn,
            (Released, Standby) => next.epoch == self.epoch.next(),
            (Standby, Active) => next.epoch == self.epoch.next(),
            (Active | Standby, Standby) | (Standby | Released, Released) | (Released, Active) => false,
        }
    }

    /// The agent has taken a turn by itself (O3).
    pub(crate) fn adopt_turn(&mut self, turn: Turn) {
        self.turn = self.turn.max(turn);
    }

    /// A workflow starts, aborts or tries again.
    pub(crate) fn next_turn(&mut self) -> Turn {
        self.turn = self.turn.next();
        self.turn
    }

    /// Lower turns of the owner are refused from now on (F1).
    pub(crate) fn saw_peer_turn(&mut self, turn: Turn) {
        self.peer_turn = self.peer_turn.max(turn);
    }

    /// The point of no return (F3). Only an active owner can release.
    pub(crate) fn release(&mut self) -> bool {
        let active = self.is_active();
        if active {
            self.standing = Standing::Released;
        }
        active
    }

    /// The peer has taken the group at `epoch`: this site stands by in it (F4).
    pub(crate) fn taken_by_peer(&mut self, epoch: Epoch) -> bool {
        let released = self.standing == Standing::Released && epoch == self.epoch.next();
        if released {
            *self = Self { epoch, turn: Turn(0), standing: Standing::Standby, peer_turn: Turn(0) };
        }
        released
    }

    /// The owner of `epoch` has released it to this site, which holds authority in the next (F4).
    pub(crate) fn take(&mut self, epoch: Epoch) -> bool {
        let mine = self.standing == Standing::Standby && epoch == self.epoch;
        if mine {
            *self = Self { epoch: epoch.next(), turn: Turn(1), standing: Standing::Active, peer_turn: Turn(0) };
        }
        mine
    }
}
