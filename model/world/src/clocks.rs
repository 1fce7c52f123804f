//! The clocks of agents and arbiter: each runs at a rate of its own, and may jump ahead.
//!
//! Authority is counted by clocks that nobody compares (O2). Left alone they all show the world's own time.

use farshore_core::ids::Side;
use farshore_core::time::{Instant, Millis};

use crate::scope::Holder;
use crate::world::World;

const MILLION: u64 = 1_000_000;

/// One clock. It never goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Clockwork {
    /// When it was set to its present rate, in the world's own time.
    since: Instant,
    /// What it showed then.
    shown: Instant,
    /// By how much it is faster than the world's own time, in parts per million; slower, if negative.
    drift: i32,
}

impl Clockwork {
    /// What passes on it while a million of the world's own time passes.
    fn rate(&self) -> u64 {
        MILLION.saturating_add_signed(i64::from(self.drift)).max(1)
    }

    /// What it shows at `now`.
    #[must_use]
    pub fn shows(&self, now: Instant) -> Instant {
        let passed = u128::from((now - self.since).0) * u128::from(self.rate()) / u128::from(MILLION);
        Instant(self.shown.0.saturating_add(u64::try_from(passed).unwrap_or(u64::MAX)))
    }

    /// When it first shows `at`.
    #[must_use]
    pub fn reaches(&self, at: Instant) -> Instant {
        self.since + self.lasts(at - self.shown)
    }

    /// How long it takes until it has counted this much.
    #[must_use]
    pub fn lasts(&self, counted: Millis) -> Millis {
        let lasts = (u128::from(counted.0) * u128::from(MILLION)).div_ceil(u128::from(self.rate()));
        Millis(u64::try_from(lasts).unwrap_or(u64::MAX))
    }

    /// From `now` on it drifts like this.
    fn slip(&mut self, now: Instant, drift: i32) {
        (self.shown, self.since, self.drift) = (self.shows(now), now, drift);
    }

    /// It jumps ahead.
    fn jump(&mut self, by: Millis) {
        self.shown = self.shown + by;
    }
}

/// The clocks of both agents, each with the enforcers of its site, and of the arbiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Clocks {
    agents: [Clockwork; 2],
    arbiter: Clockwork,
}

impl Clocks {
    /// The clock of a site's agent and enforcers.
    #[must_use]
    pub const fn agent(&self, side: Side) -> &Clockwork {
        &self.agents[side.at()]
    }

    /// The arbiter's.
    #[must_use]
    pub const fn arbiter(&self) -> &Clockwork {
        &self.arbiter
    }

    fn of(&mut self, holder: Holder) -> &mut Clockwork {
        match holder {
            Holder::Agent(side) => &mut self.agents[side.at()],
            Holder::Arbiter => &mut self.arbiter,
        }
    }
}

impl World {
    /// What the clock of a site's agent shows.
    pub(crate) fn agents_now(&self, side: Side) -> Instant {
        self.clocks.agent(side).shows(self.now)
    }

    pub(crate) fn slip_clock(&mut self, holder: Holder, drift: i32) {
        let now = self.now;
        self.clocks.of(holder).slip(now, drift);
    }

    pub(crate) fn jump_clock(&mut self, holder: Holder, by: Millis) {
        self.clocks.of(holder).jump(by);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn left_alone_it_shows_the_worlds_own_time() {
        let clock = Clockwork::default();
        assert_eq!((clock.shows(Instant(7)), clock.reaches(Instant(7))), (Instant(7), Instant(7)));
    }

    #[test]
    fn o2_a_slow_clock_counts_less_than_passes() {
        let mut clock = Clockwork::default();
        clock.slip(Instant(1000), -10_000);
        assert_eq!(clock.shows(Instant(101_000)), Instant(100_000));
        assert_eq!(clock.lasts(Millis(30_000)), Millis(30_304));
    }

    #[test]
    fn what_it_reaches_it_shows_and_not_a_moment_earlier() {
        for drift in [-99_999, -10_000, -1, 0, 1, 10_000, 99_999] {
            let mut clock = Clockwork::default();
            clock.slip(Instant(333), drift);
            clock.jump(Millis(5));
            for at in (400..4000).map(Instant) {
                let then = clock.reaches(at);
                assert!(clock.shows(then) >= at && clock.shows(Instant(then.0 - 1)) < at, "{drift} {at:?} {then:?}");
            }
        }
    }
}
