//! What can happen in a world. An action is an index into something that is there, so it is small; its text names it.

use farshore_core::error::Rejected;
use farshore_core::event::Event;
use farshore_core::ids::{HostIx, LunIx, Side, VmIx};
use farshore_core::time::Instant;

use crate::scope::{Budget, Fault};

/// One thing that happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Action {
    /// A site's outstanding batch is durable, and its manager is told.
    Saved(Side),
    /// It fails, and the manager is told (J7); what it held may be durable or not.
    SaveFails {
        /// The site.
        side: Side,
        /// It is durable all the same.
        kept: bool,
    },
    /// A message to a site's manager.
    Message {
        /// The receiver.
        to: Side,
        /// Position in the mail.
        at: u32,
        /// What becomes of it.
        how: Delivery,
    },
    /// A command at a site's adapters.
    /// A message between agents and arbiter.
    Letter {
        /// Its place.
        at: u32,
        /// How.
        how: Delivery,
    },
    /// An array tells its site's agent that a mirror stalls, or that it does not any more (O6).
    Mirror(LunIx),
    /// A command is carried out, or not.
    Op {
        /// The site.
        side: Side,
        /// Position among the commands.
        at: u32,
        /// What becomes of it.
        how: Doing,
    },
    /// An observation, poll, probe or question to an array.
    Request {
        /// The site.
        side: Side,
        /// Position among the requests.
        at: u32,
        /// What becomes of it.
        how: Answering,
    },
    /// A late answer arrives at a site's manager.
    Arrive {
        /// The site.
        side: Side,
        /// Position among the late answers.
        at: u32,
    },
    /// A host reports its paths to a LUN (a level: again, until acknowledged, and after a restart).
    Report {
        /// The host.
        host: HostIx,
        /// The LUN.
        lun: LunIx,
    },
    /// A guest reports that it runs.
    Beat(Side, VmIx),
    /// A resynchronisation goes on: it begins, or ends.
    Sync(LunIx),
    /// An asynchronous set begins a cycle.
    Cycle(u32),
    /// The delta of the present cycle is complete at a LUN's target.
    Land(LunIx),
    /// A guest writes to all its disks.
    Write(VmIx),
    /// A site's manager crashes.
    Crash {
        /// The site.
        side: Side,
        /// The batch that was being saved is durable.
        kept: bool,
        /// Commands and messages that it has just issued never left it.
        mute: bool,
    },
    /// A site's manager starts again from its records.
    Restart(Side),
    /// Something breaks, or comes back.
    Fault(Fault),
    /// The operator gives a command: a position in the scope's orders.
    Order(u32),
    /// The clock reaches the nearest deadline.
    Advance,
    /// The clock reaches this time ([`Clock::Real`](crate::Clock::Real) only).
    AdvanceTo(Instant),
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Delivery {
    /// It arrives.
    Once,
    /// It arrives, and may once more.
    Doubled,
    /// It is lost.
    Lost,
    /// It is late: from now on nothing waits for it.
    Late,
}

/// What becomes of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Doing {
    /// It is applied, and answered.
    Done,
    /// It is applied, and its answer is lost.
    Mute,
    /// It is applied, and its answer is late.
    AnswerLate,
    /// It is applied and answered, and may be once more.
    Twice,
    /// It is never applied.
    Lost,
    /// It is late: from now on nothing waits for it.
    Late,
    /// It fails, and says so.
    Fails,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Answering {
    /// It is answered.
    Now,
    /// It comes to nothing.
    Lost,
    /// What is seen now arrives late.
    Late,
}

/// In which order actions are offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rank {
    /// It happens by itself and nothing stands in its way.
    Progress,
    /// It is late and happens at some time, or never.
    Late,
    /// A guest writes, a cycle begins.
    Work,
    /// Time passes.
    Time,
    /// Something goes wrong, or is mended.
    Nuisance,
    /// The operator acts.
    Order,
}

/// An action that is possible, and what it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The action.
    pub action: Action,
    /// Its place in the order.
    pub rank: Rank,
    /// What it spends.
    pub cost: Option<Budget>,
    /// Whether the budgets allow it.
    pub affordable: bool,
}

/// Something that an action did to the world, for timelines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Happening {
    /// A VM runs at a site.
    Started(Side, VmIx, HostIx),
    /// A VM runs there no more.
    Stopped(Side, VmIx),
    /// A site's copy of a LUN became writable, or no longer is.
    Writable(Side, LunIx, bool),
    /// Acknowledged writes of a VM are given up.
    WritesLost(VmIx, u32),
}

/// What an action did.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Whether it was possible; otherwise nothing has changed.
    pub applied: bool,
    /// What the managers told people.
    pub events: Vec<(Side, Event)>,
    /// What changed.
    pub happened: Vec<Happening>,
    /// A command that was rejected: nothing has changed.
    pub rejected: Option<Rejected>,
    /// A panic of the core, in words. [`World::check`](crate::World::check) reports it too.
    pub panic: Option<String>,
}
