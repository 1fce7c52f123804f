//! Who sits in the manager's seat (O10): the manager, nobody, or the deputy that the agent has started.

use super::{AgentEffect, SiteAgent};
use crate::event::{Alert, Event};
use crate::inventory::Site;
use crate::time::{Instant, Millis};

/// Who deals with the site's groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Seat {
    /// The manager, or nobody looks.
    Taken,
    /// Nobody, since then.
    Empty(Instant),
    /// A deputy.
    Deputy,
}

impl Seat {
    /// Nobody has said yet that the manager is there.
    pub(super) const fn at_start(site: &Site, now: Instant) -> Self {
        if site.policy.deputy.is_some() { Self::Empty(now) } else { Self::Taken }
    }

    pub(super) fn shift(&mut self, by: Millis) {
        if let Self::Empty(since) = self {
            since.0 = since.0.saturating_sub(by.0);
        }
    }
}

impl SiteAgent {
    /// The manager is there, or is not: a level.
    pub(super) fn manager(
        &mut self,
        site: &Site,
        now: Instant,
        there: bool,
        effects: &mut alloc::vec::Vec<AgentEffect>,
    ) {
        match (self.seat, there) {
            _ if site.policy.deputy.is_none() => {}
            (Seat::Taken, false) => self.seat = Seat::Empty(now),
            (Seat::Taken, true) | (Seat::Empty(_) | Seat::Deputy, false) => {}
            (Seat::Empty(_), true) => self.seat = Seat::Taken,
            (Seat::Deputy, true) => {
                self.seat = Seat::Taken;
                effects.push(AgentEffect::Deputy(false));
                effects.push(AgentEffect::Event(Event::Cleared(Alert::ManagerLost)));
            }
        }
    }

    /// When a manager that is away counts as lost.
    pub(super) fn manager_lost(&self, site: &Site) -> Option<Instant> {
        match (self.seat, site.policy.deputy) {
            (Seat::Empty(since), Some(deputy)) => Some(since + deputy.grace),
            (Seat::Empty(_) | Seat::Taken | Seat::Deputy, _) => None,
        }
    }

    /// The grace is over: a deputy takes the seat.
    pub(super) fn seat_due(&mut self, site: &Site, now: Instant, effects: &mut alloc::vec::Vec<AgentEffect>) {
        if self.manager_lost(site).is_some_and(|at| at <= now) {
            self.seat = Seat::Deputy;
            effects.push(AgentEffect::Event(Event::Raised(Alert::ManagerLost)));
            effects.push(AgentEffect::Deputy(true));
        }
    }
}
