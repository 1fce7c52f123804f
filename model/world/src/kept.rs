//! Copies of what is durable, and what becomes of a machine that is given an old one: nobody saw to it that a store
//! only goes forward.

use std::collections::BTreeSet;

use farshore_core::Records;
use farshore_core::authority::agent::AgentRecord;
use farshore_core::authority::arbiter::ArbiterRecords;
use farshore_core::ids::{GroupKey, Side};
use farshore_core::record::GroupRecord;

use crate::scope::{Holder, Store};
use crate::setup::{Clock, Setup};
use crate::world::World;

/// Copies that somebody made, each with the number of starts that it holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Kept {
    managers: [Option<(u32, Records)>; 2],
    agents: [Option<(u32, Vec<AgentRecord>)>; 2],
    arbiter: Option<(u32, ArbiterRecords)>,
    /// Groups whose record came from an old copy, and was not written since by a manager that had compared it (J5):
    /// somebody's hand wrote it, not the manager.
    put_back: [BTreeSet<GroupKey>; 2],
}

impl World {
    /// Whether a store could be copied, or given back: only where durable times are never moved ([`Clock::Real`]), or
    /// there are none (without an arbiter).
    pub(crate) fn can_keep(&self, setup: &Setup, store: Store) -> bool {
        let unmoved = setup.clock == Clock::Real || self.third.is_none();
        unmoved && (store != Store::Authority(Holder::Arbiter) || self.third.is_some())
    }

    /// Whether a copy could be given to its machine, which must be down.
    pub(crate) fn can_restore(&self, store: Store) -> bool {
        let Some(kept) = &self.kept else { return false };
        match store {
            Store::Journal(side) => kept.managers[side.at()].is_some() && self.node(side).manager.is_none(),
            Store::Authority(Holder::Agent(side)) => {
                kept.agents[side.at()].is_some() && self.node(side).agent.is_none()
            }
            Store::Authority(Holder::Arbiter) => kept.arbiter.is_some() && self.arbiter_is_down(),
        }
    }

    pub(crate) fn arbiter_is_down(&self) -> bool {
        self.third.as_ref().is_some_and(|t| t.machine.is_none())
    }

    /// A copy of what is durable is made.
    pub(crate) fn keep(&mut self, store: Store) {
        let mut kept = self.kept.take().unwrap_or_default();
        match store {
            Store::Journal(side) => {
                let node = self.node(side);
                kept.managers[side.at()] = Some((node.boot, node.records.clone()));
            }
            Store::Authority(Holder::Agent(side)) => {
                let node = self.node(side);
                kept.agents[side.at()] = Some((node.agent_boot, node.agent_records.clone()));
            }
            Store::Authority(Holder::Arbiter) => {
                kept.arbiter = self.third.as_ref().map(|t| (t.boot, t.records.clone()));
            }
        }
        self.kept = Some(kept);
    }

    /// What is durable is what the copy holds.
    pub(crate) fn restore_kept(&mut self, store: Store) {
        let Some(kept) = self.kept.clone() else { return };
        match store {
            Store::Journal(side) => self.restore_journal(side, kept.managers[side.at()].clone()),
            Store::Authority(Holder::Agent(side)) => {
                if let Some((boot, records)) = kept.agents[side.at()].clone() {
                    let node = self.node_mut(side);
                    (node.agent_boot, node.agent_records) = (boot, records);
                }
            }
            Store::Authority(Holder::Arbiter) => {
                if let (Some(third), Some((boot, records))) = (&mut self.third, kept.arbiter.clone()) {
                    let third = std::sync::Arc::make_mut(third);
                    (third.boot, third.records) = (boot, records);
                }
            }
        }
    }

    fn restore_journal(&mut self, side: Side, copy: Option<(u32, Records)>) {
        let Some((boot, records)) = copy else { return };
        let node = self.node_mut(side);
        let lost = core::mem::replace(&mut node.records, records);
        node.boot = boot;
        let older = |r: &&GroupRecord| {
            lost.groups.binary_search_by_key(&r.group, |l| l.group).is_ok_and(|at| lost.groups[at] != **r)
        };
        let put_back = self.node(side).records.groups.iter().filter(older).map(|r| r.group).collect();
        if let Some(kept) = &mut self.kept {
            kept.put_back[side.at()] = put_back;
        }
    }

    /// Whether a site's record of a group says what a manager made durable last.
    pub(crate) fn is_its_own(&self, side: Side, group: GroupKey) -> bool {
        self.kept.as_ref().is_none_or(|kept| !kept.put_back[side.at()].contains(&group))
    }

    /// A manager has made a record durable. What it has not compared yet is as it was put there, but for alerts (J5).
    pub(crate) fn written(&mut self, setup: &Setup, side: Side, group: GroupKey) {
        if self.kept.is_none() {
            return;
        }
        let found = setup.inventory().groups.find(group).zip(self.node(side).manager.as_ref());
        let compared = found.is_some_and(|(g, manager)| manager.is_verified(g));
        if let Some(kept) = self.kept.as_mut().filter(|_| compared) {
            kept.put_back[side.at()].remove(&group);
        }
    }

    /// The arbiter's store is made anew: empty, of a higher incarnation (O7). What runs on the old one ends.
    pub(crate) fn replace_arbiter(&mut self) {
        if let Some(third) = &mut self.third {
            let third = std::sync::Arc::make_mut(third);
            let records = &mut third.records;
            third.machine = None;
            *records = ArbiterRecords { incarnation: records.incarnation + 1, groups: Vec::new() };
        }
    }
}
