//! The environment: two managers, and everything that they act on.

use std::sync::Arc;

use farshore_core::authority::agent::Claim;
use farshore_core::effect::Effect;
use farshore_core::ids::{Epoch, GroupIx, HostIx, Index, Side};
use farshore_core::input::Fact;
use farshore_core::message::Message;
use farshore_core::operation::Op;
use farshore_core::record::GroupRecord;
use farshore_core::time::{Instant, Millis};

use crate::array::{LunCopy, LunState, Pair};
use crate::clocks::Clocks;
use crate::disk::Content;
use crate::ghost::Ghost;
use crate::host::{Guest, Health, HostGroup, HostState, VmAt, VmState};
use crate::kept::Kept;
use crate::node::Node;
use crate::replication::SetState;
use crate::reports::Paths;
use crate::scope::{Budgets, Wire};
use crate::setup::{Clock, Setup};
use crate::third::{Letter, ThirdParty};

/// Two sites and all between them. A value: clone it, compare it, hash it.
///
/// Architecture Invariant: [`World::apply`] is its only mutator.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct World {
    /// The time.
    pub now: Instant,
    /// The managers, by [`Side`].
    pub nodes: [Arc<Node>; 2],
    /// Wires that are cut, by [`Wire::at`].
    pub cut: [bool; Wire::ALL.len()],
    /// Messages on their way, by receiver.
    pub mail: [Vec<Flight<Message>>; 2],
    /// What the adapters of each site have to do and to say.
    pub desks: [Desk; 2],
    /// What agents and arbiter have sent, and is not delivered.
    pub post: Vec<Flight<Letter>>,
    /// The arbiter, where the deployment has one.
    pub third: Option<Arc<ThirdParty>>,
    /// Until when the enforcers of each site let each group run; `None`: not.
    pub enforced: [Box<[Option<Instant>]>; 2],
    /// Groups that the enforcers of each site have stopped, and its agent has not heard of.
    pub struck: [Box<[bool]>; 2],
    /// Whether each array's management answers.
    pub arrays: Box<[bool]>,
    /// LUNs.
    pub luns: Box<[LunState]>,
    /// Consistency sets.
    pub sets: Box<[SetState]>,
    /// Hosts.
    pub hosts: Box<[HostState]>,
    /// VMs.
    pub vms: Box<[VmState]>,
    /// How often each of the scope's faults may still happen.
    pub faults: Box<[u8]>,
    /// How often each of the scope's orders may still be given.
    pub orders: Box<[u8]>,
    /// How often nuisances may still happen.
    pub budgets: Budgets,
    /// The clocks of agents and arbiter.
    pub clocks: Clocks,
    /// Copies of what was durable.
    pub kept: Option<Box<Kept>>,
    /// What tests of plans make, and commands of plans.
    pub stage: Box<crate::stage::Stage>,
    /// A claim that was late from the moment it was made.
    pub claim: LateClaim,
    /// What the properties remember.
    pub ghost: Ghost,
}

/// Claims reach an agent in no time, but for one that a scope's prelude holds back (O10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum LateClaim {
    /// None.
    #[default]
    No,
    /// The next one of this site's manager will be.
    Next(Side),
    /// This one.
    Held(Side, Claim),
}

/// Something on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flight<T> {
    /// What.
    pub item: T,
    /// It is late: nothing waits for it.
    pub late: bool,
}

/// What one site's adapters have to do and to say. Sorted: the same set is the same value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Desk {
    /// Commands that are not done.
    pub ops: Vec<Flight<Op>>,
    /// Observations, polls, probes and questions that are not answered: as the manager asked them.
    pub requests: Vec<Flight<Effect>>,
    /// Answers that are late.
    pub facts: Vec<Fact>,
}

/// Puts something into a sorted set.
pub(crate) fn put<T: Ord>(set: &mut Vec<T>, item: T) {
    if let Err(at) = set.binary_search(&item) {
        set.insert(at, item);
    }
}

impl World {
    /// Both sites as they are before anything was ever started: VMs run at home, nothing is protected, managers are
    /// down. With no budgets and no faults; [`World::protected`](Self::protected) goes on from here.
    #[must_use]
    pub fn cold(setup: &Setup) -> Self {
        let inventory = setup.inventory();
        let mut world = Self {
            now: Self::horizon(setup),
            nodes: [Arc::new(Node::new()), Arc::new(Node::new())],
            cut: [false; Wire::ALL.len()],
            mail: [Vec::new(), Vec::new()],
            desks: [Desk::default(), Desk::default()],
            post: Vec::new(),
            third: Self::third(setup).map(Arc::new),
            struck: [vec![false; inventory.groups.len()].into(), vec![false; inventory.groups.len()].into()],
            enforced: [vec![None; inventory.groups.len()].into(), vec![None; inventory.groups.len()].into()],
            arrays: vec![true; inventory.arrays.len()].into(),
            luns: inventory.luns.indices().map(|l| lun(setup, l)).collect(),
            sets: vec![SetState::default(); setup.sets.len()].into(),
            hosts: inventory.hosts.indices().map(|h| host(setup, h)).collect(),
            vms: vec![VmState::default(); inventory.vms.len()].into(),
            faults: vec![0; setup.scope.faults.len()].into(),
            orders: vec![0; setup.scope.orders.len()].into(),
            budgets: Budgets::NONE,
            clocks: Clocks::default(),
            kept: None,
            stage: Box::default(),
            claim: LateClaim::No,
            ghost: Ghost::new(setup),
        };
        for (v, vm) in inventory.vms.iter() {
            let on = vm.place[vm.home.at()].as_ref().and_then(|p| p.hosts.first().copied());
            world.vms[v.at()].at[vm.home.at()] = VmAt { registered: true, on, guest: Guest::Up, ..VmAt::default() };
        }
        for (g, group) in inventory.groups.iter() {
            world.ghost.epoch_mut(g, farshore_core::ids::Epoch::FIRST).owner = Some(group.home);
            if let Some(arbiter) = &setup.site(group.home).policy.arbiter {
                // A person has started it.
                world.enforced[group.home.at()][g.at()] = Some(world.now + arbiter.leases.length());
            }
        }
        world
    }

    /// A site's manager and journal.
    #[must_use]
    pub fn node(&self, side: Side) -> &Node {
        &self.nodes[side.at()]
    }

    pub(crate) fn node_mut(&mut self, side: Side) -> &mut Node {
        Arc::make_mut(&mut self.nodes[side.at()])
    }

    /// Whether a wire is whole.
    #[must_use]
    pub fn wire(&self, wire: Wire) -> bool {
        let dark = match wire {
            Wire::Peer(_) | Wire::Frames(_) => self.nodes_dark(0) || self.nodes_dark(1),
            Wire::Orders(side) | Wire::Answers(side) | Wire::ToArbiter(side) | Wire::FromArbiter(side) => {
                self.nodes_dark(side.at())
            }
        };
        !self.cut[wire.at()] && !dark
    }

    /// What is durable of a group at a site.
    #[must_use]
    pub fn record(&self, setup: &Setup, side: Side, group: GroupIx) -> Option<&GroupRecord> {
        self.node(side).record(setup.inventory().groups[group].key)
    }

    /// The site that is durably active for a group, as far as the journals go.
    #[must_use]
    pub fn active(&self, setup: &Setup, group: GroupIx) -> Option<Side> {
        let home = setup.inventory().groups[group].home;
        let first = Epoch::FIRST;
        let active = |s: Side| match self.record(setup, s, group) {
            Some(record) => record.authority.is_active().then(|| record.authority.epoch()),
            None => (s == home).then_some(first),
        };
        // A site that has not heard that its group has moved still says that it is active.
        Side::BOTH.into_iter().filter_map(|s| Some((active(s)?, s))).max_by_key(|&(epoch, _)| epoch).map(|(_, s)| s)
    }

    /// The nearest deadline of a manager that is up.
    #[must_use]
    pub fn next_deadline(&self, setup: &Setup) -> Option<Instant> {
        let up = Side::BOTH.into_iter().map(|s| self.node(s)).filter(|n| n.is_up());
        let manager = up.filter_map(|n| n.manager.as_ref()?.next_deadline()).map(|(at, _)| at).min();
        let agents = Side::BOTH.into_iter().filter(|&s| self.node(s).agent_answers());
        let of_agent =
            |s: Side| Some(self.clocks.agent(s).reaches(self.node(s).agent.as_ref()?.next_deadline(setup.site(s))?));
        let agent = agents.filter_map(of_agent).min();
        [manager, agent, self.next_enforced()].into_iter().flatten().min()
    }

    fn nodes_dark(&self, at: usize) -> bool {
        self.nodes[at].dark
    }

    /// Model mode: the clock begins at zero again.
    pub(crate) fn rebase(&mut self, setup: &Setup) {
        let horizon = Self::horizon(setup);
        if setup.clock == Clock::Real || self.now <= horizon {
            return;
        }
        let by = self.now - horizon;
        for node in &mut self.nodes {
            if let Some(manager) = &mut Arc::make_mut(node).manager {
                manager.shift(by);
            }
        }
        if let Some(third) = &mut self.third {
            self.nodes.iter_mut().filter_map(|n| Arc::make_mut(n).agent.as_mut()).for_each(|agent| agent.shift(by));
            if let Some(machine) = &mut Arc::make_mut(third).machine {
                machine.shift(by, self.now);
            }
            self.post.iter_mut().for_each(|f| f.item.shift(by));
            self.post.sort();
            self.post.dedup();
            for until in self.enforced.iter_mut().flatten().flatten() {
                *until = Instant(until.0.saturating_sub(by.0));
            }
            self.rebase_records(by);
        }
        self.now = horizon;
    }
}

impl World {
    /// Times that are durable are in their writer's clock, and move with it.
    fn rebase_records(&mut self, by: Millis) {
        for node in &mut self.nodes {
            for record in &mut Arc::make_mut(node).agent_records {
                if let Some((stamp, _)) = &mut record.promised {
                    stamp.shift(by, 1);
                }
            }
        }
        if let Some(third) = &mut self.third {
            Arc::make_mut(third).records.groups.iter_mut().for_each(|r| r.stamp.shift(by, 1));
        }
    }
}

fn lun(setup: &Setup, ix: farshore_core::ids::LunIx) -> LunState {
    let info = &setup.inventory().luns[ix];
    let copy = |side: Side| {
        let end = info.ends[side.at()].as_ref()?;
        Some(LunCopy {
            present: true,
            writable: true,
            token: farshore_core::operation::Token::default(),
            content: Content::empty(setup.vms_on(ix).len()),
            points: Vec::new(),
            age: Millis::ZERO,
            cut: farshore_core::ids::Epoch::default(),
            fresh: false,
            tail: None,
            paths: end.hosts.iter().map(|_| Paths::healthy(end.paths)).collect(),
        })
    };
    LunState { copies: Side::BOTH.map(copy), pair: Pair::default() }
}

fn host(setup: &Setup, ix: HostIx) -> HostState {
    let info = &setup.inventory().hosts[ix];
    let held =
        |g: &GroupIx| HostGroup { mounted: setup.inventory().groups[*g].home == info.side, ..HostGroup::default() };
    HostState { health: Health::Up, groups: setup.host_groups[ix.at()].iter().map(held).collect() }
}
