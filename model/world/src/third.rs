//! The arbiter, what agents and arbiter say to each other, and the enforcers: host guards, write leases, watchdogs.

use farshore_core::authority::arbiter::{Arbiter, ArbiterRecords};
use farshore_core::authority::wire::{Note, Reply, Request};
use farshore_core::ids::{GroupIx, Index, Side};
use farshore_core::time::{Instant, Millis};

use crate::action::{Happening, Outcome};
use crate::scope::Wire;
use crate::setup::{Clock, Setup};
use crate::world::World;

/// The arbiter: the machine, and what is durable of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ThirdParty {
    /// The machine; `None`: it is down.
    pub machine: Option<Arbiter>,
    /// What is durable.
    pub records: ArbiterRecords,
    /// Starts so far.
    pub boot: u32,
}

/// A message between agents and arbiter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Letter {
    /// To the arbiter.
    Ask(Request),
    /// From the arbiter to a site's agent.
    Reply(Side, Reply),
    /// To a site's agent from its peer's.
    Note(Side, Note),
}

impl Letter {
    /// The way that it takes.
    #[must_use]
    pub const fn wire(&self) -> Wire {
        match self {
            Self::Ask(request) => Wire::ToArbiter(request.from),
            Self::Reply(side, _) => Wire::FromArbiter(*side),
            Self::Note(side, _) => Wire::Peer(side.peer()),
        }
    }

    pub(crate) fn shift(&mut self, by: Millis) {
        match self {
            Self::Ask(request) => request.shift(by),
            Self::Reply(_, reply) => reply.shift(by),
            Self::Note(_, note) => note.shift(by),
        }
    }
}

impl World {
    /// The arbiter that a deployment has.
    pub(crate) fn third(setup: &Setup) -> Option<ThirdParty> {
        setup.site(Side::One).policy.arbiter.as_ref().map(|_| ThirdParty {
            machine: None,
            records: ArbiterRecords { incarnation: 1, groups: Vec::new() },
            boot: 0,
        })
    }

    /// Where the model's clock is put back to: what is older than that is over, whatever it was.
    pub(crate) fn horizon(setup: &Setup) -> Instant {
        match (setup.clock, &setup.site(Side::One).policy.arbiter) {
            (Clock::Model, Some(arbiter)) => {
                Instant((arbiter.leases.given() + arbiter.site_grace + arbiter.leases.length()).0)
            }
            (Clock::Model | Clock::Real, _) => Instant(0),
        }
    }

    /// Whether the enforcers of a site let a group run: there is no arbiter, or the site's agent has told them so.
    #[must_use]
    pub fn enforcers_allow(&self, side: Side, group: Option<GroupIx>) -> bool {
        let until = |g: GroupIx| self.enforced[side.at()][g.at()];
        self.third.is_none() || group.is_none_or(|g| until(g).is_some_and(|at| at > self.now))
    }

    /// The enforcers of a site ask its agent, and count from their question (O2).
    pub(crate) fn ask_agent(&mut self, setup: &Setup, side: Side) {
        if self.third.is_none() {
            return;
        }
        for (g, group) in setup.inventory().groups.iter() {
            let node = self.node(side);
            let agent = node.agent.as_ref().filter(|_| node.agent_answers());
            let shown = self.agents_now(side);
            if let Some(left) = agent.and_then(|a| a.authority(setup.site(side), shown, group.key)) {
                self.enforced[side.at()][g.at()] = Some(self.now + self.clocks.agent(side).lasts(left));
            }
        }
    }

    /// Enforcers whose time has come stop the group's VMs and make its LUNs read-only, without anyone's help (O3).
    pub(crate) fn enforce(&mut self, setup: &Setup, out: &mut Outcome) {
        if self.third.is_none() {
            return;
        }
        for side in Side::BOTH {
            for (g, group) in setup.inventory().groups.iter() {
                if self.enforced[side.at()][g.at()].is_none_or(|at| at > self.now) {
                    continue;
                }
                self.enforced[side.at()][g.at()] = None;
                self.struck[side.at()][g.at()] = true;
                for &vm in &group.vms {
                    self.stop(side, vm, out);
                }
                for &lun in &group.luns {
                    if self.luns[lun.at()].at(side).is_some_and(|c| c.writable) {
                        self.copy_mut(side, lun).writable = false;
                        out.happened.push(Happening::Writable(side, lun, false));
                    }
                }
            }
        }
    }

    /// When the next enforcer acts.
    pub(crate) fn next_enforced(&self) -> Option<Instant> {
        self.third.as_ref()?;
        self.enforced.iter().flatten().copied().flatten().min()
    }

    /// A whole site goes dark: power, hosts, arrays, manager, agent.
    pub(crate) fn lose_site(&mut self, setup: &Setup, side: Side, out: &mut Outcome) {
        let hosts = setup.inventory().hosts.iter().filter(|(_, h)| h.side == side);
        for (host, _) in hosts {
            self.lose_host(setup, host, out);
            self.ghost.ailed[host.at()] = true;
        }
        for (array, _) in setup.inventory().arrays.iter().filter(|(_, a)| a.side == side) {
            self.arrays[array.at()] = false;
        }
        for (g, group) in setup.inventory().groups.iter() {
            self.enforced[side.at()][g.at()] = None;
            self.struck[side.at()][g.at()] = true;
            for &lun in &group.luns {
                // What comes back is read-only until it is told otherwise.
                if let Some(copy) = self.luns[lun.at()].at_mut(side) {
                    copy.writable = false;
                }
                self.break_cycle(setup, lun);
            }
        }
        self.desks[side.at()] = crate::world::Desk::default();
        self.node_mut(side).go_dark();
    }

    /// Power is back: hosts and arrays run, agent and manager may start.
    pub(crate) fn return_site(&mut self, setup: &Setup, side: Side) {
        let hosts = setup.inventory().hosts.iter().filter(|(_, h)| h.side == side);
        for (host, _) in hosts {
            self.return_host(setup, host);
        }
        for (array, _) in setup.inventory().arrays.iter().filter(|(_, a)| a.side == side) {
            self.arrays[array.at()] = true;
        }
        self.node_mut(side).dark = false;
    }
}
