//! Guards that can be switched off, one at a time, in a checking build: the model must then find a counter-example.
//!
//! Without the feature `mutants`, [`on`] is the constant `true` and the compiler removes the question.

/// A rule that keeps a safety property, at the one place where it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Guard {
    /// D3: a healthy answer contradicts.
    D3,
    /// M1: only the owner's LUN marks its group.
    M1Side,
    /// M1: a LUN marks its group once per epoch.
    M1Epoch,
    /// M5: nothing fails over again by itself within the cooldown.
    M5,
    /// F1: an answer to another turn is ignored.
    F1Turn,
    /// F2: a wanted state counts when it is observed, not when it is asked for.
    F2Evidence,
    /// F2: every host that can touch the group takes the turn's token, also one that runs none of it.
    F2Everywhere,
    /// F2a: what could not be drained needs good copies, or an operator's word.
    F2a,
    /// F2: a host that cannot be reached is waited out, before a release.
    F2Expiry,
    /// F3: nothing is released before everything is quiesced.
    F3Order,
    /// F3: nothing is released before the peer has confirmed, after the quiescing.
    F3Confirm,
    /// F5: replication into a LUN is cut before it is made writable.
    F5Order,
    /// J1: an effect waits until its intent is durable.
    J1,
    /// J2: an adapter compares tokens at all.
    J2Token,
    /// J2: an adapter compares turns, not only epochs.
    J2Turn,
    /// J3: a time-out is a doubt, not an answer.
    J3,
    /// J5: a restarted manager compares its journal with what the peer or the agent knows.
    J5,
    /// F3: a site that has released a group adopts no record of it until the peer gives its promise back.
    F3NoReturn,
    /// F4: an arbiter's record only ever goes forward.
    F4Forward,
    /// O1: without authority the owner is fenced.
    O1,
    /// O2: a giver counts longer than the holder, by drift and margin.
    O2Margin,
    /// O2: an enforcer is handed what is left, not a whole lease.
    O2HandOn,
    /// O4: no promise while an acquire is in doubt.
    O4Promise,
    /// O4: no notice of bad copies is accepted while an acquire is in doubt.
    O4Notice,
    /// O4: the evidence of the last promise counts too.
    O4Evidence,
    /// O5: the owner's lease must have run out.
    O5Lease,
    /// O5: the record must be at the acquire's epoch.
    O5Epoch,
    /// O5: the copies must be good enough by the record.
    O5Evidence,
    /// O5: each acquire is evaluated once.
    O5Once,
    /// O6: a write that is not mirrored is acknowledged only once somebody has noted it.
    O6Order,
    /// O6: what the owner said earlier does not overwrite what it said later.
    O6Sequence,
    /// O6: what could not be read overwrites what was known.
    O6Unknown,
    /// O7: a restarted arbiter counts every lease as just given.
    O7Arbiter,
    /// O7: a restarted peer counts every promise as just given.
    O7Peer,
    /// O7: another arbiter is believed once both sites have armed it, not one.
    O7Both,
    /// O8: a lease is taken before the standing promise is returned.
    O8Order,
    /// O8: a late word about a promise of another number is ignored.
    O8Number,
    /// O10: manager and agent take turns by compare-and-swap.
    O10Turn,
}

impl Guard {
    /// Every guard.
    pub const ALL: [Self; 38] = [
        Self::D3,
        Self::M1Side,
        Self::M1Epoch,
        Self::M5,
        Self::F1Turn,
        Self::F2Evidence,
        Self::F2Everywhere,
        Self::F2a,
        Self::F2Expiry,
        Self::F3Order,
        Self::F3Confirm,
        Self::F5Order,
        Self::J1,
        Self::J2Token,
        Self::J2Turn,
        Self::J3,
        Self::J5,
        Self::F3NoReturn,
        Self::F4Forward,
        Self::O1,
        Self::O2Margin,
        Self::O2HandOn,
        Self::O4Promise,
        Self::O4Notice,
        Self::O4Evidence,
        Self::O5Lease,
        Self::O5Epoch,
        Self::O5Evidence,
        Self::O5Once,
        Self::O6Order,
        Self::O6Sequence,
        Self::O6Unknown,
        Self::O7Arbiter,
        Self::O7Peer,
        Self::O7Both,
        Self::O8Order,
        Self::O8Number,
        Self::O10Turn,
    ];
}

/// Whether a guard is in place.
#[cfg(not(feature = "mutants"))]
#[must_use]
pub const fn on(_: Guard) -> bool {
    true
}

#[cfg(feature = "mutants")]
static REMOVED: core::sync::atomic::AtomicU64 = core::sync::atomic::AtomicU64::new(0);

/// Whether a guard is in place.
#[cfg(feature = "mutants")]
#[must_use]
pub fn on(guard: Guard) -> bool {
    REMOVED.load(core::sync::atomic::Ordering::Relaxed) & (1_u64 << guard as u8) == 0
}

/// Takes one guard out of the whole process, or (`None`) puts all of them back.
#[cfg(feature = "mutants")]
pub fn remove(guard: Option<Guard>) {
    REMOVED.store(guard.map_or(0, |g| 1_u64 << g as u8), core::sync::atomic::Ordering::Relaxed);
}
