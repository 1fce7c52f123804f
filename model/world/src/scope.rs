//! What may happen in a world, and how often: a named value, so that a run can be named, repeated and pinned.

use farshore_core::ids::{ArrayIx, GroupKey, HostIx, LunIx, Side, VmIx};
use farshore_core::input::Command;
use farshore_core::spec::Deployment;
use farshore_core::time::Millis;
use farshore_core::waiver::{Operator, Override, Waiver};

use crate::prelude::Prelude;
use crate::reports::Says;

/// Something that breaks, or comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fault {
    /// A site's copy of a LUN is permanently lost.
    LoseLun(Side, LunIx),
    /// It is back, as it was, read-only (D4).
    ReturnLun(Side, LunIx),
    /// An array is lost: all its LUNs, and its management.
    LoseArray(ArrayIx),
    /// An array's management does not answer.
    SilenceArray(ArrayIx),
    /// It answers again.
    WakeArray(ArrayIx),
    /// A path (`None`: every path) from a host to a LUN says this, whatever is true.
    Path(HostIx, LunIx, Option<u8>, Says),
    /// A host hangs: it answers nothing, and its VMs run on.
    HangHost(HostIx),
    /// It answers again.
    WakeHost(HostIx),
    /// A host is lost, with the VMs that run on it.
    LoseHost(HostIx),
    /// It is back, empty.
    ReturnHost(HostIx),
    /// The guest of a VM that starts at a site never becomes ready.
    HangGuest(Side, VmIx),
    /// A whole site goes dark: power, hosts, arrays, manager, agent.
    LoseSite(Side),
    /// Its power is back.
    ReturnSite(Side),
    /// Every way in and out of a site breaks.
    Isolate(Side),
    /// They are whole again.
    Rejoin(Side),
    /// A site's manager is lost: unlike after a crash, nobody starts it again (O10).
    LoseManager(Side),
    /// It starts again, and takes the seat back from a deputy.
    ReturnManager(Side),
    /// A site's agent dies, and a deputy with it.
    StopAgent(Side),
    /// It starts again, from its records.
    StartAgent(Side),
    /// A site's agent is there and does nothing.
    PauseAgent(Side),
    /// It goes on as if no time had passed.
    ResumeAgent(Side),
    /// The arbiter dies.
    StopArbiter,
    /// It starts again, from its records.
    StartArbiter,
    /// The arbiter's clock has run ahead of the sites' as far as drift allows over one lease (O2).
    Hasten,
    /// A wire is cut. What is in flight on it stays there.
    Cut(Wire),
    /// It is whole again.
    Mend(Wire),
    /// Somebody copies a store, in place of any earlier copy.
    Keep(Store),
    /// The machine, which is down, will start from the copy.
    Restore(Store),
    /// The arbiter is replaced by one with an empty store, of a higher incarnation (O7).
    ReplaceArbiter,
    /// A claim that a manager made long ago reaches its agent (O10).
    ClaimArrives,
    /// An operator arms the arbiter that a site refuses (O7).
    Rearm(Side),
    /// A clock runs faster or slower from now on, in parts per million.
    Slip(Holder, i32),
    /// A clock jumps ahead.
    Jump(Holder, Millis),
}

/// Who counts authority by a clock of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holder {
    /// A site's agent, and the enforcers there.
    Agent(Side),
    /// The arbiter.
    Arbiter,
}

/// Where something durable is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Store {
    /// The journal of a site's manager.
    Journal(Side),
    /// The store of an agent, or of the arbiter.
    Authority(Holder),
}

/// One direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wire {
    /// From this site's manager to the peer's.
    Peer(Side),
    /// From this site's arrays to the peer's.
    Frames(Side),
    /// From this site's manager to its own hosts and arrays.
    Orders(Side),
    /// Back.
    Answers(Side),
    /// From a site's agent to the arbiter.
    ToArbiter(Side),
    /// From the arbiter to a site's agent.
    FromArbiter(Side),
}

impl Wire {
    /// Every wire.
    pub const ALL: [Self; 12] = [
        Self::Peer(Side::One),
        Self::Peer(Side::Two),
        Self::Frames(Side::One),
        Self::Frames(Side::Two),
        Self::Orders(Side::One),
        Self::Orders(Side::Two),
        Self::Answers(Side::One),
        Self::Answers(Side::Two),
        Self::ToArbiter(Side::One),
        Self::ToArbiter(Side::Two),
        Self::FromArbiter(Side::One),
        Self::FromArbiter(Side::Two),
    ];

    /// The wires by which a site reaches its peer and the arbiter.
    #[must_use]
    pub const fn around(side: Side) -> [Self; 6] {
        [
            Self::Peer(Side::One),
            Self::Peer(Side::Two),
            Self::Frames(Side::One),
            Self::Frames(Side::Two),
            Self::ToArbiter(side),
            Self::FromArbiter(side),
        ]
    }

    /// Position in [`Wire::ALL`].
    #[must_use]
    pub const fn at(self) -> usize {
        match self {
            Self::Peer(side) => side.at(),
            Self::Frames(side) => 2 + side.at(),
            Self::Orders(side) => 4 + side.at(),
            Self::Answers(side) => 6 + side.at(),
            Self::ToArbiter(side) => 8 + side.at(),
            Self::FromArbiter(side) => 10 + side.at(),
        }
    }
}

/// What a nuisance costs. Each kind may happen so many times; see [`Budgets`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Budget {
    /// A message is delivered twice.
    Doubled,
    /// A message is lost.
    Dropped,
    /// A message, a command, an observation or an answer is late: anything may happen before it.
    Late,
    /// Time passes although something could happen first.
    Slow,
    /// A command is done and its answer is lost.
    Mute,
    /// A command is done, and once more later.
    Twice,
    /// A command is never done.
    Lost,
    /// A command fails, and says so.
    Fails,
    /// An observation comes to nothing.
    Unseen,
    /// A manager crashes.
    Crash,
    /// A save fails (J7).
    SaveFails,
    /// A host repeats a report (G6).
    Repeat,
    /// A guest writes.
    Write,
    /// An asynchronous replication begins a cycle.
    Cycle,
}

impl Budget {
    /// Every kind.
    pub const ALL: [Self; 14] = [
        Self::Doubled,
        Self::Dropped,
        Self::Late,
        Self::Slow,
        Self::Mute,
        Self::Twice,
        Self::Lost,
        Self::Fails,
        Self::Unseen,
        Self::Crash,
        Self::SaveFails,
        Self::Repeat,
        Self::Write,
        Self::Cycle,
    ];

    /// Whether it goes wrong; guests write, cycles begin and time passes without that.
    #[must_use]
    pub const fn is_nuisance(self) -> bool {
        !matches!(self, Self::Write | Self::Cycle | Self::Slow)
    }

    /// Its name in traces.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Doubled => "doubled",
            Self::Dropped => "dropped",
            Self::Late => "late",
            Self::Slow => "slow",
            Self::Mute => "mute",
            Self::Twice => "twice",
            Self::Lost => "lost",
            Self::Fails => "fails",
            Self::Unseen => "unseen",
            Self::Crash => "crash",
            Self::SaveFails => "save-fails",
            Self::Repeat => "repeat",
            Self::Write => "write",
            Self::Cycle => "cycle",
        }
    }
}

/// How often each nuisance may still happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Budgets {
    each: [u8; Budget::ALL.len()],
    /// All kinds together, but for what guests and arrays do of their own accord.
    total: u8,
}

impl Budgets {
    /// None of anything.
    pub const NONE: Self = Self { each: [0; Budget::ALL.len()], total: 0 };

    /// These, and none of anything else.
    #[must_use]
    pub fn of(list: &[(Budget, u8)]) -> Self {
        let mut budgets = Self { total: u8::MAX, ..Self::NONE };
        list.iter().for_each(|&(kind, times)| budgets.each[kind as usize] = times);
        budgets
    }

    /// The same, but at most so many nuisances in all.
    #[must_use]
    pub const fn at_most(self, total: u8) -> Self {
        Self { total, ..self }
    }

    /// How often this may still happen.
    #[must_use]
    pub const fn left(&self, kind: Budget) -> u8 {
        self.each[kind as usize]
    }

    /// It has happened.
    pub fn spend(&mut self, kind: Budget) {
        let each = &mut self.each[kind as usize];
        *each = each.saturating_sub(1);
        if !kind.is_nuisance() || self.total == u8::MAX {
            return;
        }
        self.total = self.total.saturating_sub(1);
        if self.total == 0 {
            // What can happen no more is the same for all who can do no more.
            for kind in Budget::ALL.into_iter().filter(|k| k.is_nuisance()) {
                self.each[kind as usize] = 0;
            }
        }
    }
}

/// The word of two operators; it gives up what is at stake when they give it.
#[must_use]
pub const fn word(group: GroupKey) -> Override {
    Override { group, waives: Waiver::Evidence { loss: None }, by: Operator(1), second: Some(Operator(2)) }
}

/// A command that an operator may give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// At this site.
    pub side: Side,
    /// The command.
    pub command: Command,
    /// At most so often.
    pub times: u8,
}

/// A world to explore: who is there, what may go wrong, and how often.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Its name, in traces and tables.
    pub name: String,
    /// What it is for.
    pub prose: String,
    /// Name of the deployment, in traces.
    pub deployment_name: String,
    /// Who is there.
    pub deployment: Deployment,
    /// How often nuisances may happen.
    pub budgets: Budgets,
    /// Faults that may happen, and how often each.
    pub faults: Vec<(Fault, u8)>,
    /// Commands that an operator may give.
    pub orders: Vec<Order>,
    /// What has happened before; the exploration begins after it.
    pub prelude: Vec<Prelude>,
}
