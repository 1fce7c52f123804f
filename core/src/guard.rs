//! Guards that can be switched off, one at a time, in a checking build: the model must then find a counter-example.
//!
//! Without the feature `mutants`, [`on`] is the constant `true` and the compiler removes the question.

/// A rule that keeps a safety property, at the one place where it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Guard {
    /// F1: an answer to another turn is ignored.
    F1Turn,
    /// F2: a wanted state counts when it is observed, not when it is asked for.
    F2Evidence,
    /// F3: nothing is released before everything is quiesced and the peer has confirmed.
    F3Order,
    /// J1: an effect waits until its intent is durable.
    J1,
    /// J2: an adapter compares turns, not only epochs.
    J2Turn,
    /// J3: a time-out is a doubt, not an answer.
    J3,
}

impl Guard {
    /// Every guard.
    pub const ALL: [Self; 6] = [Self::F1Turn, Self::F2Evidence, Self::F3Order, Self::J1, Self::J2Turn, Self::J3];
}

/// Whether a guard is in place.
#[cfg(not(feature = "mutants"))]
#[must_use]
pub const fn on(_: Guard) -> bool {
    true
}

#[cfg(feature = "mutants")]
static REMOVED: core::sync::atomic::AtomicU32 = core::sync::atomic::AtomicU32::new(0);

/// Whether a guard is in place.
#[cfg(feature = "mutants")]
#[must_use]
pub fn on(guard: Guard) -> bool {
    REMOVED.load(core::sync::atomic::Ordering::Relaxed) & (1 << guard as u8) == 0
}

/// Takes one guard out of the whole process, or (`None`) puts all of them back.
#[cfg(feature = "mutants")]
pub fn remove(guard: Option<Guard>) {
    REMOVED.store(guard.map_or(0, |g| 1 << g as u8), core::sync::atomic::Ordering::Relaxed);
}
