//! Overrides: what an operator accepts so that something goes on that the protocol would hold (I22).

use crate::ids::GroupKey;
use crate::time::Millis;

/// A person, by a number under which the embedding product knows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Operator(pub u32);

/// What an override gives up. `loss`: how much of the last writes may be missing at the peer; `None`: nobody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Waiver {
    /// The evidence of F2a: the group is given away although the copies are not good enough.
    Evidence {
        /// Age of the oldest copy.
        loss: Option<Millis>,
    },
    /// The evidence of O5, or a policy that leaves a silent site to people: the group is taken over. The arbiter still
    /// waits for the owner's lease to run out.
    Takeover {
        /// Lag at the owner's last renewal, and one more lease.
        loss: Option<Millis>,
    },
    /// O9: there is no arbiter. The operator states that the owner is off and stays off: nothing else keeps the group
    /// from running twice.
    Fence,
    /// F10: a recovery is rolled back, and with it everything that was written since.
    Writes,
    /// J5: the peer has not confirmed this site's journal. The operator vouches that no newer one was lost.
    Journal,
}

impl Waiver {
    /// Whether giving up `self` covers what is at stake: the same kind, and no more loss than was accepted.
    #[must_use]
    pub fn covers(self, stake: Self) -> bool {
        match (self, stake) {
            (Self::Evidence { loss: most }, Self::Evidence { loss })
            | (Self::Takeover { loss: most }, Self::Takeover { loss }) => {
                most.is_none_or(|most| loss.is_some_and(|loss| loss <= most))
            }
            (Self::Fence, Self::Fence) | (Self::Journal, Self::Journal) | (Self::Writes, Self::Writes) => true,
            (Self::Evidence { .. } | Self::Takeover { .. } | Self::Fence | Self::Journal | Self::Writes, _) => false,
        }
    }

    /// Whether a second person has to agree (O5, O9): what a site that cannot be asked may still do is at stake.
    #[must_use]
    pub const fn takes_two(self) -> bool {
        matches!(self, Self::Takeover { .. } | Self::Fence)
    }
}

impl core::fmt::Display for Waiver {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let known = |f: &mut core::fmt::Formatter<'_>, loss: Option<Millis>| match loss {
            Some(Millis(ms)) => write!(f, "the last {}.{:03} s of writes may be lost", ms / 1000, ms % 1000),
            None => write!(f, "nobody knows how many of the last writes are lost"),
        };
        match *self {
            Self::Evidence { loss } => known(f, loss),
            Self::Takeover { loss } => {
                known(f, loss)?;
                write!(f, ", and its owner is silent")
            }
            Self::Fence => write!(f, "nothing but this word keeps it from running twice: its owner is off"),
            Self::Writes => write!(f, "everything that was written since the recovery is given up"),
            Self::Journal => write!(f, "the peer has not confirmed that this site's journal is the newest"),
        }
    }
}

/// An override: used once, and recorded (I22).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Override {
    /// The group.
    pub group: GroupKey,
    /// What is given up: at least what [`RecoveryManager::stake`](crate::RecoveryManager::stake) shows.
    pub waives: Waiver,
    /// Who gives it.
    pub by: Operator,
    /// Who agrees: another person, where [`Waiver::takes_two`].
    pub second: Option<Operator>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn i22_an_override_covers_what_it_names_and_no_more() {
        let evidence = |ms: Option<u64>| Waiver::Evidence { loss: ms.map(Millis) };
        let takeover = |ms: Option<u64>| Waiver::Takeover { loss: ms.map(Millis) };
        assert!(evidence(Some(5)).covers(evidence(Some(5))) && evidence(None).covers(evidence(None)));
        assert!(!evidence(Some(5)).covers(evidence(Some(6))) && !evidence(Some(5)).covers(evidence(None)));
        assert!(takeover(None).covers(takeover(Some(9))) && !takeover(None).covers(evidence(None)));
        assert!(!takeover(None).covers(Waiver::Fence) && Waiver::Fence.covers(Waiver::Fence));
        assert!(Waiver::Fence.takes_two() && takeover(None).takes_two() && !evidence(None).takes_two());
    }
}
