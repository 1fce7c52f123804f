//! All arithmetic of leases, in one place (O2, O3).
//!
//! A holder measures a lease from the *sending* of its request, on its own clock; a giver counts from *giving* it, on
//! its own. Both clocks are monotonic and run at a rate within `1 ± ρ` of true time. What the holder measures as `L`
//! lasts at most `L / (1 − ρ)` of true time after the sending; what the giver measures as `D` lasts at least
//! `D / (1 + ρ)` after the giving, which is not before the sending. So the giver may count the lease as ended when
//!
//! ```text
//! D / (1 + ρ)  ≥  L / (1 − ρ)      that is      D  ≥  L · (1 + ρ) / (1 − ρ)
//! ```
//!
//! and `M` is added for what an enforcer takes to act. An enforcer (host guard, array, watchdog) asks the holder, and
//! counts from the sending of its own request: of what is left it is handed `left · (1 − ρ) / (1 + ρ)`, by the same
//! inequality. Divisions round against whoever profits.

use crate::guard::{self, Guard};
use crate::time::Millis;

const MILLION: u64 = 1_000_000;

/// How long authority is given for, and how well clocks are trusted (O2). Valid by construction of [`Leases::new`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Leases {
    length: Millis,
    drift: u32,
    margin: Millis,
}

/// Why a length, drift and margin do not go together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LeaseError {
    /// The stages of the ladder would fall together (O3).
    #[error("the lease is shorter than 60 ms, so the stages of self-fencing fall together: make it longer")]
    Short,
    /// A drift of a tenth or more: not a clock.
    #[error("a drift of {0} parts per million is a tenth or more: use clocks that are better than that")]
    Drift(u32),
    /// Nothing left for the enforcers to act in.
    #[error("the margin is zero: give the enforcers time to act")]
    Margin,
}

impl Leases {
    /// A lease of `length`, on clocks that drift by at most `drift` parts per million, with `margin` for the enforcers.
    ///
    /// # Errors
    /// What does not go together.
    pub fn new(length: Millis, drift: u32, margin: Millis) -> Result<Self, LeaseError> {
        if length < Millis(60) {
            return Err(LeaseError::Short);
        }
        if u64::from(drift) >= MILLION / 10 {
            return Err(LeaseError::Drift(drift));
        }
        if margin == Millis::ZERO {
            return Err(LeaseError::Margin);
        }
        Ok(Self { length, drift, margin })
    }

    /// `L`: what a holder counts from the sending of its request.
    #[must_use]
    pub const fn length(&self) -> Millis {
        self.length
    }

    /// `D`: what a giver counts from giving, rounded up.
    #[must_use]
    pub fn given(&self) -> Millis {
        if !guard::on(Guard::O2Margin) {
            return self.length;
        }
        let (up, down) = (MILLION + u64::from(self.drift), MILLION - u64::from(self.drift));
        Millis(self.length.0.saturating_mul(up).div_ceil(down)) + self.margin
    }

    /// How far the giver's clock may run ahead of the holder's over one lease, by drift alone.
    #[must_use]
    pub fn slip(&self) -> Millis {
        let (up, down) = (MILLION + u64::from(self.drift), MILLION - u64::from(self.drift));
        Millis(self.length.0.saturating_mul(up) / down - self.length.0)
    }

    /// What an enforcer may count from its own request, of what is left to the holder, rounded down. Never more than
    /// a lease, so that an enforcer that nobody answers ends.
    #[must_use]
    pub fn handed(&self, left: Millis) -> Millis {
        let (up, down) = (MILLION + u64::from(self.drift), MILLION - u64::from(self.drift));
        let left = if guard::on(Guard::O2HandOn) { left.min(self.length) } else { self.length };
        Millis(left.0.saturating_mul(down) / up)
    }

    /// How often a holder renews: several tries fit in before the first alert.
    #[must_use]
    pub const fn renewal(&self) -> Millis {
        Millis(self.length.0 / 6)
    }

    /// Unrenewed for this long: alert (O3).
    #[must_use]
    pub const fn alert(&self) -> Millis {
        Millis(self.length.0 / 2)
    }

    /// Unrenewed for this long: VMs are stopped gracefully (O3).
    #[must_use]
    pub const fn stop(&self) -> Millis {
        Millis(self.length.0 / 3 * 2)
    }

    /// Unrenewed for this long: VMs are stopped hard, LUNs made read-only (O3).
    #[must_use]
    pub const fn stop_hard(&self) -> Millis {
        Millis(self.length.0 / 6 * 5)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn o2_the_proposed_numbers() {
        let leases = Leases::new(Millis::secs(30), 10_000, Millis::secs(5)).unwrap();
        assert_eq!(leases.given(), Millis(30_607 + 5_000));
        assert_eq!(leases.handed(Millis::secs(30)), Millis(29_405));
        assert_eq!(leases.handed(Millis::secs(90)), leases.handed(Millis::secs(30)));
    }

    #[test]
    fn o3_the_stages_come_one_after_another() {
        let leases = Leases::new(Millis(60), 0, Millis(1)).unwrap();
        let stages = [leases.renewal(), leases.alert(), leases.stop(), leases.stop_hard(), leases.length()];
        assert!(stages.is_sorted_by(|a, b| a < b), "{stages:?}");
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        assert_eq!(Leases::new(Millis(59), 0, Millis(1)), Err(LeaseError::Short));
        assert_eq!(Leases::new(Millis(60), 100_000, Millis(1)), Err(LeaseError::Drift(100_000)));
        assert_eq!(Leases::new(Millis(60), 0, Millis(0)), Err(LeaseError::Margin));
    }
}
