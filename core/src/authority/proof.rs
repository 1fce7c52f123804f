//! How good the peer's copies of a group are, as far as its owner could read it for one renewal (O5, O6).

use crate::evidence;
use crate::inventory::Replication;
use crate::operation::ReplicationSeen;
use crate::time::{Instant, Millis};

/// What the owner's agent read from its arrays for one renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Proof {
    /// Something could not be read. It renews the lease, overwrites what was known, and permits no takeover (O6).
    Unknown,
    /// A copy is worse than its group may lose.
    Unfit {
        /// The greatest lag of its LUNs, where one is known.
        lag: Option<Millis>,
    },
    /// Every copy is good.
    Fit {
        /// The greatest lag of the asynchronous LUNs; `None`: all are synchronous.
        lag: Option<Millis>,
        /// The least of `rpo − lag` over the asynchronous LUNs; `None`: all are synchronous.
        spare: Option<Millis>,
    },
}

impl Proof {
    /// The proof for a group, from what was seen of its LUNs. A LUN that was not seen makes it unknown.
    #[must_use]
    pub fn of(luns: impl IntoIterator<Item = (Option<Replication>, Option<ReplicationSeen>)>) -> Self {
        let mut all = Self::Fit { lag: None, spare: None };
        for (replication, seen) in luns {
            let Some(seen) = seen else { return Self::Unknown };
            all = all.and(Self::one(replication, &seen));
        }
        all
    }

    fn one(replication: Option<Replication>, seen: &ReplicationSeen) -> Self {
        match (evidence::suffices(replication, seen), replication) {
            (Err(lag), _) => Self::Unfit { lag },
            (Ok(()), Some(Replication::Asynchronous { rpo })) => {
                let lag = seen.lag.unwrap_or(rpo);
                Self::Fit { lag: Some(lag), spare: Some(Millis(rpo.0.saturating_sub(lag.0))) }
            }
            (Ok(()), Some(Replication::Synchronous) | None) => Self::Fit { lag: None, spare: None },
        }
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Unfit { lag: a }, Self::Unfit { lag: b } | Self::Fit { lag: b, .. })
            | (Self::Fit { lag: a, .. }, Self::Unfit { lag: b }) => Self::Unfit { lag: a.max(b) },
            (Self::Fit { lag: a, spare: x }, Self::Fit { lag: b, spare: y }) => Self::Fit {
                lag: a.max(b),
                spare: match (x, y) {
                    (Some(x), Some(y)) => Some(x.min(y)),
                    (one, other) => one.or(other),
                },
            },
        }
    }

    /// O5: whether a takeover loses no more than it may, if the owner goes on for one more lease of `length`.
    #[must_use]
    pub fn permits(self, length: Millis) -> bool {
        match self {
            Self::Unknown | Self::Unfit { .. } => false,
            Self::Fit { spare, .. } => spare.is_none_or(|spare| spare >= length),
        }
    }

    /// What a takeover would lose, at the most, if the owner went on for one more lease of `length`. `None`: unknown.
    #[must_use]
    pub fn loss(self, length: Millis) -> Option<Millis> {
        match self {
            Self::Unknown | Self::Unfit { lag: None } => None,
            Self::Unfit { lag: Some(lag) } | Self::Fit { lag: Some(lag), .. } => Some(lag + length),
            Self::Fit { lag: None, .. } => Some(Millis::ZERO),
        }
    }
}

/// The order of what one site says about its groups: by start of the agent, then by its clock (O6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Stamp {
    /// Which start of the agent.
    pub boot: u32,
    /// When it was sent, by the sender's clock; means nothing to anyone else.
    pub sent: Instant,
    /// Which one of that millisecond.
    pub nth: u16,
}

impl Stamp {
    /// Moves it earlier by `by`, but not below `floor` unless it was there already: the sender's clock has another
    /// origin.
    pub fn shift(&mut self, by: Millis, floor: u64) {
        self.sent = Instant(self.sent.0.saturating_sub(by.0).max(floor.min(self.sent.0)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RPO: Option<Replication> = Some(Replication::Asynchronous { rpo: Millis(100) });

    fn seen(lag: u64) -> Option<ReplicationSeen> {
        let point = Some(crate::operation::Point(1));
        Some(ReplicationSeen { running: true, lag: Some(Millis(lag)), point, ..ReplicationSeen::default() })
    }

    fn synced(in_sync: bool) -> Option<ReplicationSeen> {
        Some(ReplicationSeen { running: true, in_sync: Some(in_sync), ..ReplicationSeen::default() })
    }

    #[test]
    fn o5_asynchronous_the_lag_and_one_more_lease_within_the_rpo() {
        let proof = Proof::of([(RPO, seen(40)), (RPO, seen(70))]);
        assert_eq!(proof, Proof::Fit { lag: Some(Millis(70)), spare: Some(Millis(30)) });
        assert!(proof.permits(Millis(30)) && !proof.permits(Millis(31)));
        assert_eq!(proof.loss(Millis(30)), Some(Millis(100)));
    }

    #[test]
    fn o5_one_bad_copy_spoils_the_group() {
        let sync = Some(Replication::Synchronous);
        assert!(Proof::of([(sync, synced(true)), (RPO, seen(10))]).permits(Millis(90)));
        assert_eq!(Proof::of([(sync, synced(false)), (RPO, seen(10))]), Proof::Unfit { lag: Some(Millis(10)) });
        assert_eq!(Proof::of([(RPO, seen(101))]), Proof::Unfit { lag: Some(Millis(101)) });
    }

    #[test]
    fn o6_what_was_not_read_is_unknown() {
        let proof = Proof::of([(RPO, seen(10)), (RPO, None)]);
        assert_eq!((proof, proof.permits(Millis(0)), proof.loss(Millis(0))), (Proof::Unknown, false, None));
    }
}
