//! What has happened before an exploration begins: a way to a corner that a search from the ordinary beginning would
//! take too long to reach. It is walked by the real machines, step by step, with every property checked.

use farshore_core::authority::wire::{Answer, Ask, Say};
use farshore_core::ids::{Epoch, GroupIx, Index, Side};
use farshore_core::input::Command;
use farshore_core::message::Standing;
use farshore_core::record::{GivePhase, Protection, Work};

use crate::action::{Action, Outcome, Rank};
use crate::drive::Drive;
use crate::properties::Violation;
use crate::scope::Fault;
use crate::setup::Setup;
use crate::third::Letter;
use crate::world::{Flight, LateClaim, World, put};

/// One step of a prelude.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prelude {
    /// Something breaks, or comes back.
    Fault(Fault),
    /// An operator gives a command.
    Order(Side, Command),
    /// Things go on by themselves until this is so.
    Until(Awaited),
    /// The next claim of this site's manager is late (O10).
    LateClaim(Side),
    /// Things go on by themselves until such a letter is on its way; it is late from then on.
    Hold(Held),
}

/// What a prelude waits for, of the first group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// This site's agent has a standing promise of its peer's.
    StandingPromise(Side),
    /// Neither agent holds or has given a standing promise, and this one has a lease.
    Lease(Side),
    /// This site's agent has no acquire in doubt.
    NoDoubt(Side),
    /// This site's agent has not been told that its copies are bad, or has been told that they are good again.
    Fit(Side),
    /// This site knows that its peer owns the group in this epoch, and has tidied up.
    StandsBy(Side, u64),
    /// A manager has made the claim that is late.
    Claimed,
    /// This site's manager waits for an operator's word.
    NeedsOperator(Side),
    /// This site's manager quiesces the group (F2).
    Quiesces(Side),
    /// This site's agent has released the group.
    Released(Side),
    /// This site owns the group in this epoch, and nothing of it is under way.
    Moved(Side, u64),
    /// This site owns the group in this epoch, nothing of it is under way, and it is protected.
    Settled(Side, u64),
}

/// A letter that a prelude makes late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// A site's acquire.
    Acquire(Side),
    /// A lease for a site.
    Lease(Side),
    /// A standing promise for a site.
    StandingPromise(Side),
}

impl Held {
    fn is(self, letter: &Letter) -> bool {
        match (self, letter) {
            (Self::Acquire(side), Letter::Ask(request)) => {
                request.from == side && matches!(request.ask, Ask::Acquire { .. })
            }
            (Self::Lease(side), Letter::Reply(to, reply)) => *to == side && matches!(reply.answer, Answer::Leased(_)),
            (Self::StandingPromise(side), Letter::Note(to, note)) => {
                *to == side && matches!(note.say, Say::Promise { standing: Some(_), .. })
            }
            (Self::Acquire(_) | Self::Lease(_) | Self::StandingPromise(_), _) => false,
        }
    }
}

impl Awaited {
    fn is_so(self, world: &World, setup: &Setup) -> bool {
        let group = GroupIx::from_at(0);
        let key = setup.inventory().groups[group].key;
        let agent = |side: Side| world.node(side).agent_records.iter().find(|r| r.group == key);
        let owns = |side: Side, epoch| {
            world
                .node(side)
                .record(key)
                .is_some_and(|r| r.authority.is_active() && r.authority.epoch() == Epoch(epoch) && r.work == Work::Idle)
        };
        match self {
            Self::StandingPromise(side) => agent(side).is_some_and(|r| r.held.is_some()),
            Self::Lease(side) => {
                let free = |s| agent(s).is_none_or(|r| r.held.is_none() && r.given.is_none());
                Side::BOTH.into_iter().all(free) && world.enforcers_allow(side, Some(group))
            }
            Self::NoDoubt(side) => agent(side).is_some_and(|r| r.acquire.is_none()),
            Self::Fit(side) => agent(side).is_some_and(|r| r.promised.is_none()),
            Self::Claimed => matches!(world.claim, LateClaim::Held(..)),
            Self::NeedsOperator(side) => world.node(side).record(key).is_some_and(|r| r.latch.is_some()),
            Self::Quiesces(side) => world
                .node(side)
                .record(key)
                .is_some_and(|r| matches!(&r.work, Work::Give(give) if give.phase == GivePhase::Quiescing)),
            Self::Released(side) => agent(side).is_some_and(|r| r.authority.standing() == Standing::Released),
            Self::Moved(side, epoch) => owns(side, epoch),
            Self::StandsBy(side, epoch) => world.node(side).record(key).is_some_and(|r| {
                let stands_by = r.authority.standing() == Standing::Standby;
                stands_by && r.authority.epoch() == Epoch(epoch) && r.work == Work::Idle
            }),
            Self::Settled(side, epoch) => {
                owns(side, epoch) && world.node(side).record(key).is_some_and(|r| r.protection == Protection::Protected)
            }
        }
    }
}

/// Actions that one step may take.
const LIMIT: usize = 20_000;

impl World {
    /// Walks the scope's prelude.
    ///
    /// # Errors
    /// A property that breaks on the way, or a step that does not come to its end.
    pub(crate) fn walk(&mut self, setup: &Setup) -> Result<(), Violation> {
        for step in &setup.scope.prelude {
            let there = match step {
                Prelude::Fault(fault) => self.apply(setup, Action::Fault(*fault)).applied,
                Prelude::Order(side, command) => {
                    let mut out = Outcome::default();
                    let mut drive = Drive::new(self, setup, &mut out);
                    let done = drive.command(*side, command.clone());
                    drive.run();
                    done.is_ok()
                }
                Prelude::LateClaim(side) => {
                    self.claim = LateClaim::Next(*side);
                    true
                }
                Prelude::Until(awaited) => self.go_on(setup, |world| awaited.is_so(world, setup))?,
                Prelude::Hold(held) => self.go_on(setup, |world| world.hold(*held))?,
            };
            self.check(setup)?;
            if !there {
                return Err(Violation { property: "PRELUDE", what: format!("this is not reached: {step:?}") });
            }
        }
        Ok(())
    }

    /// Goes on by itself until `done`; whether it gets there.
    fn go_on(&mut self, setup: &Setup, mut done: impl FnMut(&mut Self) -> bool) -> Result<bool, Violation> {
        for step in 0..LIMIT {
            if done(self) {
                return Ok(true);
            }
            let choices = self.choices(setup, false);
            let free = choices.iter().take_while(|c| c.rank == Rank::Progress).count();
            let action = if free == 0 { Action::Advance } else { choices[step % free].action };
            if !self.apply(setup, action).applied {
                return Ok(false);
            }
            self.check(setup)?;
        }
        Ok(false)
    }

    fn hold(&mut self, held: Held) -> bool {
        let Some(at) = self.post.iter().position(|f| !f.late && held.is(&f.item)) else { return false };
        let Flight { item, .. } = self.post.remove(at);
        put(&mut self.post, Flight { item, late: true });
        true
    }
}
