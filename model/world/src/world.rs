//! The environment: two managers, and everything that they act on.

use std::sync::Arc;

use farshore_core::effect::Effect;
use farshore_core::ids::{GroupIx, HostIx, Index, Side};
use farshore_core::input::Fact;
use farshore_core::message::Message;
use farshore_core::operation::Op;
use farshore_core::record::GroupRecord;
use farshore_core::time::{Instant, Millis};

use crate::array::{LunCopy, LunState, Pair};
use crate::disk::Content;
use crate::ghost::Ghost;
use crate::host::{Guest, Health, HostGroup, HostState, VmAt, VmState};
use crate::node::Node;
use crate::replication::SetState;
use crate::reports::Paths;
use crate::scope::{Budgets, Wire};
use crate::setup::{Clock, Setup};

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
    /// What the properties remember.
    pub ghost: Ghost,
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
            now: Instant(0),
            nodes: [Arc::new(Node::new()), Arc::new(Node::new())],
            cut: [false; Wire::ALL.len()],
            mail: [Vec::new(), Vec::new()],
            desks: [Desk::default(), Desk::default()],
            arrays: vec![true; inventory.arrays.len()].into(),
            luns: inventory.luns.indices().map(|l| lun(setup, l)).collect(),
            sets: vec![SetState::default(); setup.sets.len()].into(),
            hosts: inventory.hosts.indices().map(|h| host(setup, h)).collect(),
            vms: vec![VmState::default(); inventory.vms.len()].into(),
            faults: vec![0; setup.scope.faults.len()].into(),
            orders: vec![0; setup.scope.orders.len()].into(),
            budgets: Budgets::NONE,
            ghost: Ghost::new(setup),
        };
        for (v, vm) in inventory.vms.iter() {
            let on = vm.place[vm.home.at()].as_ref().and_then(|p| p.hosts.first().copied());
            world.vms[v.at()].at[vm.home.at()] = VmAt { registered: true, on, guest: Guest::Up, ..VmAt::default() };
        }
        for (g, group) in inventory.groups.iter() {
            world.ghost.epoch_mut(g, farshore_core::ids::Epoch::FIRST).owner = Some(group.home);
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
    pub const fn wire(&self, wire: Wire) -> bool {
        !self.cut[wire.at()]
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
        let is_active = |s: Side| self.record(setup, s, group).map_or(s == home, |r| r.authority.is_active());
        Side::BOTH.into_iter().find(|&s| is_active(s))
    }

    /// The nearest deadline of a manager that is up.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        let up = Side::BOTH.into_iter().map(|s| self.node(s)).filter(|n| n.is_up());
        up.filter_map(|n| n.manager.as_ref()?.next_deadline()).map(|(at, _)| at).min()
    }

    /// Model mode: the clock begins at zero again.
    pub(crate) fn rebase(&mut self, setup: &Setup) {
        if setup.clock == Clock::Real || self.now == Instant(0) {
            return;
        }
        let by = Millis(self.now.0);
        for node in &mut self.nodes {
            if let Some(manager) = &mut Arc::make_mut(node).manager {
                manager.shift(by);
            }
        }
        self.now = Instant(0);
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
