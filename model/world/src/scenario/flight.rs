//! What is under way in the world, and when each thing is due: the scheduler that a world with a real clock needs.

mod fate;
mod going;

use farshore_core::effect::Effect;
use farshore_core::ids::Side;
use farshore_core::input::Fact;
use farshore_core::message::Message;
use farshore_core::operation::Op;
use farshore_core::time::Instant;

use super::file::{Between, Delays, Guests, Operations, Replication};
use super::kinds::Verb;
use super::timeline::{Disturbance, How};
use crate::action::{Action, Answering};
use crate::scope::Wire;
use crate::setup::Setup;
use crate::third::Letter;
use crate::world::{Flight, World};
use fate::{Fate, LATE, NEVER, delivery, doing};
use going::{Going, going, sign};

/// How long things take.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    /// `[guests]`.
    pub guests: Guests,
    /// `[delays]`.
    pub delays: Delays,
    /// `[operations]`.
    pub operations: Operations,
    /// `[replication]`.
    pub replication: Replication,
}

/// Everything that is under way.
#[derive(Clone, Debug)]
pub(crate) struct Flights {
    rng: fastrand::Rng,
    pace: Pace,
    mail: [Vec<(Flight<Message>, Fate)>; 2],
    ops: [Vec<(Flight<Op>, Fate)>; 2],
    requests: [Vec<(Flight<Effect>, Fate)>; 2],
    facts: [Vec<(Fact, Fate)>; 2],
    letters: Vec<(Flight<Letter>, Fate)>,
    /// What could go on, with a sign that changes when it is another thing that goes on.
    going: Vec<(Going, Option<(u64, Fate)>)>,
    pub(crate) disturbances: Vec<Disturbance>,
    /// How late what is put off next is.
    late: Between,
}

/// What is due next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Next {
    pub(crate) at: Instant,
    pub(crate) action: Action,
}

impl Flights {
    pub(crate) fn new(setup: &Setup, pace: Pace, seed: u64) -> Self {
        let inventory = setup.inventory();
        let mut going: Vec<Going> = Side::BOTH.map(Going::Save).to_vec();
        for lun in inventory.luns.indices() {
            for side in Side::BOTH {
                going.extend(setup.hosts_of(side, lun).iter().map(|&h| Going::Report(h, lun)));
            }
            going.extend([Going::Sync(lun), Going::Land(lun), Going::Mirror(lun)]);
        }
        for vm in inventory.vms.indices() {
            going.extend(Side::BOTH.map(|s| Going::Beat(s, vm)));
            if pace.guests.write_every.most > 0 {
                going.push(Going::Write(vm));
            }
        }
        going.extend((0..u32::try_from(setup.sets.len()).unwrap_or(0)).map(Going::Cycle));
        Self {
            rng: fastrand::Rng::with_seed(seed),
            pace,
            mail: [Vec::new(), Vec::new()],
            ops: [Vec::new(), Vec::new()],
            requests: [Vec::new(), Vec::new()],
            facts: [Vec::new(), Vec::new()],
            letters: Vec::new(),
            going: going.into_iter().map(|g| (g, None)).collect(),
            disturbances: Vec::new(),
            late: LATE,
        }
    }

    pub(crate) fn draw(&mut self, between: Between) -> u64 {
        self.rng.u64(between.least..=between.most)
    }

    /// Gives everything new its due time, and forgets what is no longer under way.
    pub(crate) fn refresh(&mut self, setup: &Setup, world: &World) {
        let now = world.now;
        for side in Side::BOTH {
            let at = side.at();
            let mut mail = core::mem::take(&mut self.mail[at]);
            merge(&mut mail, &world.mail[at], |f| self.mail_fate(now, side.peer(), f));
            self.mail[at] = mail;
            let mut ops = core::mem::take(&mut self.ops[at]);
            merge(&mut ops, &world.desks[at].ops, |f| self.op_fate(now, side, f));
            self.ops[at] = ops;
            let mut requests = core::mem::take(&mut self.requests[at]);
            let management = self.pace.delays.management;
            merge(&mut requests, &world.desks[at].requests, |_| self.plain(now, management));
            self.requests[at] = requests;
            let mut facts = core::mem::take(&mut self.facts[at]);
            let late = self.late;
            merge(&mut facts, &world.desks[at].facts, |_| self.plain(now, late));
            self.facts[at] = facts;
        }
        let mut letters = core::mem::take(&mut self.letters);
        merge(&mut letters, &world.post, |f| self.letter_fate(now, f));
        self.letters = letters;
        let mut going = core::mem::take(&mut self.going);
        for (what, state) in &mut going {
            match (sign(setup, world, *what), state.as_ref()) {
                (None, _) => *state = None,
                (Some(sign), Some((old, _))) if *old == sign => {}
                (Some(sign), _) => *state = Some((sign, self.going_fate(setup, world, *what))),
            }
        }
        self.going = going;
        self.late = LATE;
    }

    /// Nothing more goes wrong; what hangs goes on.
    pub(crate) fn calm(&mut self, now: Instant) {
        self.disturbances.clear();
        let mut ops = core::mem::take(&mut self.ops);
        for (flight, fate) in ops.iter_mut().flatten() {
            if fate.due == NEVER {
                let takes = self.takes(Verb::of(flight.item.goal));
                *fate = self.plain(now, takes);
            }
        }
        self.ops = ops;
    }

    /// What is due first, of what can happen.
    pub(crate) fn next(&self, setup: &Setup, world: &World) -> Option<Next> {
        let mut first: Option<Next> = None;
        let mut offer = |fate: &Fate, ready: &dyn Fn() -> bool, action: &dyn Fn() -> Action| {
            let at = fate.due.max(world.now);
            if fate.due != NEVER && first.is_none_or(|f| at < f.at) && ready() {
                first = Some(Next { at, action: action() });
            }
        };
        for side in Side::BOTH {
            let at = side.at();
            for (n, (_, fate)) in (0..).zip(&self.mail[at]) {
                let action = || Action::Message { to: side, at: n, how: delivery(fate.how) };
                offer(fate, &|| world.wire(Wire::Peer(side.peer())), &action);
            }
            for (n, (flight, fate)) in (0..).zip(&self.ops[at]) {
                let action = || Action::Op { side, at: n, how: doing(fate.how) };
                offer(fate, &|| world.op_ready(setup, side, &flight.item), &action);
            }
            for (n, (_, fate)) in (0..).zip(&self.requests[at]) {
                offer(fate, &|| true, &|| Action::Request { side, at: n, how: Answering::Now });
            }
            for (n, (_, fate)) in (0..).zip(&self.facts[at]) {
                offer(fate, &|| world.wire(Wire::Answers(side)), &|| Action::Arrive { side, at: n });
            }
        }
        for (n, (flight, fate)) in (0..).zip(&self.letters) {
            let action = || Action::Letter { at: n, how: delivery(fate.how) };
            offer(fate, &|| world.wire(flight.item.wire()), &action);
        }
        for (what, state) in &self.going {
            if let Some((_, fate)) = state {
                offer(fate, &|| true, &|| going(*what));
            }
        }
        first
    }

    /// Notes how late what an action puts off is, and that what repeats itself begins anew.
    pub(crate) fn about_to(&mut self, action: Action) {
        let how = match action {
            Action::Op { side, at, .. } => self.ops[side.at()].get(at as usize).and_then(|(_, f)| f.how),
            Action::Message { to, at, .. } => self.mail[to.at()].get(at as usize).and_then(|(_, f)| f.how),
            Action::Letter { at, .. } => self.letters.get(at as usize).and_then(|(_, f)| f.how),
            _ => None,
        };
        if let Some(How::Twice(by) | How::AnswerLate(by)) = how {
            self.late = by;
        }
        for (what, state) in &mut self.going {
            if going(*what) == action {
                *state = None;
            }
        }
        // What comes again in the same words is another thing.
        match action {
            Action::Op { side, at, .. } => forget(&mut self.ops[side.at()], at),
            Action::Message { to, at, .. } => forget(&mut self.mail[to.at()], at),
            Action::Request { side, at, .. } => forget(&mut self.requests[side.at()], at),
            Action::Arrive { side, at } => forget(&mut self.facts[side.at()], at),
            Action::Letter { at, .. } => forget(&mut self.letters, at),
            _ => {}
        }
    }

    /// Whether no command and no message is under way.
    pub(crate) fn is_quiet(&self) -> bool {
        self.mail.iter().all(Vec::is_empty) && self.ops.iter().all(Vec::is_empty)
    }
}

/// Brings a sorted list of fates up to date with the sorted list of what there is.
fn merge<T: Ord + Clone>(fates: &mut Vec<(T, Fate)>, there: &[T], mut new: impl FnMut(&T) -> Fate) {
    if fates.len() == there.len() && fates.iter().zip(there).all(|((old, _), new)| old == new) {
        return;
    }
    let mut old = core::mem::take(fates).into_iter().peekable();
    for item in there {
        while old.peek().is_some_and(|(o, _)| o < item) {
            old.next();
        }
        let fate = match old.next_if(|(o, _)| o == item) {
            Some((_, fate)) => fate,
            None => new(item),
        };
        fates.push((item.clone(), fate));
    }
}

fn forget<T>(fates: &mut Vec<T>, at: u32) {
    if (at as usize) < fates.len() {
        fates.remove(at as usize);
    }
}
