//! When each thing is due, and what becomes of it then.

use farshore_core::ids::Side;
use farshore_core::message::Message;
use farshore_core::operation::{Goal, Op};
use farshore_core::time::Instant;

use super::Flights;
use crate::action::{Delivery, Doing};
use crate::scenario::file::Between;
use crate::scenario::kinds::Verb;
use crate::scenario::timeline::{How, Struck};
use crate::third::Letter;
use crate::world::Flight;

/// How late a second copy, or an answer, is where nothing says it.
pub(super) const LATE: Between = Between::ms(20_000, 60_000);

/// When something is due, and what becomes of it then. `due` of [`NEVER`]: it hangs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fate {
    pub(super) due: Instant,
    pub(super) how: Option<How>,
}

pub(super) const NEVER: Instant = Instant(u64::MAX);

impl Flights {
    pub(super) fn plain(&mut self, now: Instant, between: Between) -> Fate {
        let due = Instant(now.0 + self.draw(between));
        Fate { due, how: None }
    }

    /// The first disturbance that strikes, and one strike less of it.
    pub(super) fn struck(&mut self, strikes: impl Fn(&Struck) -> bool) -> Option<How> {
        let found = self.disturbances.iter_mut().find(|d| d.left != Some(0) && strikes(&d.what))?;
        if let Some(left) = &mut found.left {
            *left -= 1;
        }
        Some(found.how)
    }

    pub(super) fn mail_fate(&mut self, now: Instant, from: Side, flight: &Flight<Message>) -> Fate {
        if flight.late {
            let late = self.late;
            return self.plain(now, late);
        }
        let how = self.struck(|s| matches!(s, Struck::Mail { from: f } if f.is_none_or(|f| f == from)));
        let sites = self.pace.delays.sites;
        self.fated(now, sites, how)
    }

    pub(super) fn letter_fate(&mut self, now: Instant, flight: &Flight<Letter>) -> Fate {
        if flight.late {
            let late = self.late;
            return self.plain(now, late);
        }
        let wire = flight.item.wire();
        let how = self.struck(|s| matches!(s, Struck::Letter { wires } if wires.contains(&wire)));
        let sites = self.pace.delays.sites;
        self.fated(now, sites, how)
    }

    pub(super) fn op_fate(&mut self, now: Instant, side: Side, flight: &Flight<Op>) -> Fate {
        if flight.late {
            let late = self.late;
            return self.plain(now, late);
        }
        let op = flight.item;
        let verb = Verb::of(op.goal);
        let how = self.struck(|s| match s {
            Struck::Op { verb: v, target: t, side: at } => {
                v.is_none_or(|v| v.strikes(verb))
                    && t.is_none_or(|t| t == op.id.target)
                    && at.is_none_or(|at| at == side)
            }
            Struck::Mail { .. } | Struck::Letter { .. } | Struck::Report { .. } => false,
        });
        let takes = self.takes(verb);
        let mut fate = self.fated(now, takes, how);
        if let (Goal::Stopped { grace: Some(grace) }, None) = (op.goal, how) {
            // A guest that takes longer than its grace is powered off.
            fate.due = fate.due.min(Instant(now.0 + grace.0 + self.pace.operations.power_off.most));
        }
        fate
    }

    pub(super) fn fated(&mut self, now: Instant, takes: Between, how: Option<How>) -> Fate {
        let mut fate = Fate { how, ..self.plain(now, takes) };
        match how {
            Some(How::Slow(by)) => fate.due = Instant(fate.due.0 + self.draw(by)),
            Some(How::Hang) => fate.due = NEVER,
            _ => {}
        }
        fate
    }

    pub(super) const fn takes(&self, verb: Verb) -> Between {
        let o = &self.pace.operations;
        match verb {
            Verb::Drain => o.drain,
            Verb::StopReplication => o.stop_replication,
            Verb::ReadOnly => o.read_only,
            Verb::Cut => o.cut,
            Verb::RollBack => o.roll_back,
            Verb::KeepTail => o.keep_tail,
            Verb::ReadWrite => o.read_write,
            Verb::Replicate => o.replicate,
            Verb::Fence => o.fence,
            Verb::Mount => o.mount,
            Verb::Stop => o.stop,
            Verb::PowerOff => o.power_off,
            Verb::Start => o.start,
            Verb::Register | Verb::Unregister => o.register,
            Verb::Run => o.run,
            Verb::Copy => o.copy,
            Verb::TakeAway => o.take_away,
        }
    }
}

pub(super) const fn delivery(how: Option<How>) -> Delivery {
    match how {
        Some(How::Lose) => Delivery::Lost,
        Some(How::Twice(_)) => Delivery::Doubled,
        _ => Delivery::Once,
    }
}

pub(super) const fn doing(how: Option<How>) -> Doing {
    match how {
        Some(How::Fail) => Doing::Fails,
        Some(How::Mute) => Doing::Mute,
        Some(How::AnswerLate(_)) => Doing::AnswerLate,
        Some(How::Twice(_)) => Doing::Twice,
        Some(How::Lose) => Doing::Lost,
        Some(How::Slow(_) | How::Hang) | None => Doing::Done,
    }
}
