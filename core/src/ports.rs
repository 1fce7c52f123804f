//! What an embedder provides, and the pump that drives a machine with it.
//!
//! Implement [`Hosts`] and [`Arrays`] for your product; take [`Journal`] and [`Link`] ready-made or bring your own. None
//! of the calls blocks: answers come back as [`Fact`]s, by operation id, whenever they come, or never.
//!
//! Architecture Invariant: an implementation decides nothing. It brings objects into the states it is asked for, keeps
//! the highest [`Token`](crate::operation::Token) it has *applied* per object, durably, and refuses lower ones (J2).

mod agent;

use alloc::vec::Vec;

pub use agent::{Agent, AgentStore, OwnAgent};

use crate::effect::{Effect, Effects, SaveId};
use crate::error::{Rejected, RestoreError};
use crate::event::Event;
use crate::ids::{ArrayKey, GroupKey, HostKey, LunKey};
use crate::input::{Command, Fact, ProbeId};
use crate::inventory::Site;
use crate::manager::{RecoveryManager, Timer};
use crate::message::Message;
use crate::operation::{Op, Target};
use crate::record::{Record, Records};
use crate::time::Instant;

/// The hosts of one site.
pub trait Hosts {
    /// Does an operation on a host or a VM, or runs a command of a plan; [`Fact::Answer`] follows. Doing one twice is
    /// doing it once.
    fn submit(&mut self, op: &Op);
    /// Looks at a host, a VM or a command; [`Fact::Observed`] follows, with the token recorded for it.
    fn observe(&mut self, group: GroupKey, target: Target);
    /// Asks a host for the state of all its paths; [`Fact::Path`] for each follows.
    fn poll(&mut self, host: HostKey);
    /// Samples a host's paths to one LUN now; [`Fact::Path`] with this number follows.
    fn probe(&mut self, host: HostKey, lun: LunKey, probe: ProbeId);
    /// Reports about this LUN may end.
    fn acknowledge(&mut self, lun: LunKey);
}

/// The arrays of one site.
pub trait Arrays {
    /// Does an operation on a LUN or a test's copy of one; [`Fact::Answer`] follows. Doing one twice is doing it once.
    fn submit(&mut self, op: &Op);
    /// Looks at a LUN; [`Fact::Observed`] follows, with the token recorded for it.
    fn observe(&mut self, group: GroupKey, target: Target);
    /// Asks an array's management whether it still serves a LUN; [`Fact::Array`] follows.
    fn ask(&mut self, array: ArrayKey, lun: LunKey);
}

/// Where records are kept.
pub trait Journal {
    /// Makes a batch durable, all of it or none, replacing records of the same key; [`Fact::Saved`] or
    /// [`Fact::SaveFailed`] follows. Never called while another batch is outstanding.
    fn save(&mut self, id: SaveId, batch: Vec<Record>);
}

/// The way to the peer's manager.
pub trait Link {
    /// Sends, or loses, a message.
    fn send(&mut self, message: Message);
}

/// Who is told what happens. A closure is one.
pub trait Watch {
    /// Something happened. Nothing waits for it.
    fn event(&mut self, event: Event);
}

impl<F: FnMut(Event)> Watch for F {
    fn event(&mut self, event: Event) {
        self(event);
    }
}

/// Everything around a machine.
#[derive(Debug)]
pub struct Parts<H, A, J, L, G, W> {
    /// This site's hosts.
    pub hosts: H,
    /// This site's arrays.
    pub arrays: A,
    /// This site's journal.
    pub journal: J,
    /// The way to the peer.
    pub link: L,
    /// The way to this site's agent.
    pub agent: G,
    /// Who is told.
    pub watch: W,
}

/// Owns a machine, its [`Site`] and its parts, and routes effects to them in order.
#[derive(Debug)]
pub struct Pump<H, A, J, L, G, W> {
    machine: RecoveryManager,
    site: Site,
    parts: Parts<H, A, J, L, G, W>,
    effects: Effects,
}

impl<H: Hosts, A: Arrays, J: Journal, L: Link, G: Agent, W: Watch> Pump<H, A, J, L, G, W> {
    /// Starts a machine from its records. `boot` counts the starts of this site's machine.
    ///
    /// # Errors
    /// Records that cannot be read, or do not fit the inventory.
    pub fn start(
        site: Site,
        boot: u32,
        records: Records,
        now: Instant,
        parts: Parts<H, A, J, L, G, W>,
    ) -> Result<Self, RestoreError> {
        let mut effects = Effects::new();
        let machine = RecoveryManager::restore(&site, boot, records, now, &mut effects)?;
        let mut pump = Self { machine, site, parts, effects };
        pump.route(now);
        Ok(pump)
    }

    /// Takes a fact and does what follows from it.
    pub fn fact(&mut self, now: Instant, fact: Fact) {
        self.machine.handle(&self.site, now, fact, &mut self.effects);
        self.route(now);
    }

    /// Takes an operator's command and does what follows from it.
    ///
    /// # Errors
    /// Why it was not carried out; nothing has changed then.
    pub fn command(&mut self, now: Instant, command: Command) -> Result<(), Rejected> {
        let done = self.machine.command(&self.site, now, command, &mut self.effects);
        self.route(now);
        done
    }

    /// When [`Fact::Wake`] is wanted next, and why.
    #[must_use]
    pub fn deadline(&self) -> Option<(Instant, Timer)> {
        self.machine.next_deadline()
    }

    /// The machine.
    #[must_use]
    pub const fn machine(&self) -> &RecoveryManager {
        &self.machine
    }

    /// The inventory that it acts on.
    #[must_use]
    pub const fn site(&self) -> &Site {
        &self.site
    }

    /// The parts, for adapters that are polled for what has ended.
    pub const fn parts(&mut self) -> &mut Parts<H, A, J, L, G, W> {
        &mut self.parts
    }

    /// Carries out what is wanted; what the agent says at once is taken at once.
    fn route(&mut self, now: Instant) {
        self.carry_out(now);
        while let Some(fact) = self.parts.agent.next_fact() {
            self.machine.handle(&self.site, now, fact, &mut self.effects);
            self.carry_out(now);
        }
    }

    fn carry_out(&mut self, now: Instant) {
        let parts = &mut self.parts;
        for effect in self.effects.drain(..) {
            match effect {
                Effect::Save { id, batch } => parts.journal.save(id, batch),
                Effect::Send(message) => parts.link.send(message),
                Effect::Poll(host) => parts.hosts.poll(host),
                Effect::Probe { host, lun, probe } => parts.hosts.probe(host, lun, probe),
                Effect::AskArray { array, lun } => parts.arrays.ask(array, lun),
                Effect::Acknowledge { lun } => parts.hosts.acknowledge(lun),
                Effect::Do(op) => match op.id.target {
                    Target::Lun(_) | Target::TestLun(_) => parts.arrays.submit(&op),
                    Target::Host(_) | Target::Vm(_) | Target::Step(_) | Target::TestVm(_) | Target::TestStep(_) => {
                        parts.hosts.submit(&op);
                    }
                },
                Effect::Observe { group, target } => match target {
                    Target::Lun(_) | Target::TestLun(_) => parts.arrays.observe(group, target),
                    Target::Host(_) | Target::Vm(_) | Target::Step(_) | Target::TestVm(_) | Target::TestStep(_) => {
                        parts.hosts.observe(group, target);
                    }
                },
                Effect::Event(event) => parts.watch.event(event),
                Effect::Claim(claim) => parts.agent.claim(now, claim),
                Effect::Acquire { group, forced } => parts.agent.acquire(now, group, forced),
            }
        }
    }
}
