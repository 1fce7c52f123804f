//! Copies of what is durable, and what becomes of a machine that is given an old one: nobody saw to it that a store
//! only goes forward.

use farshore_core::Records;
use farshore_core::authority::agent::AgentRecord;
use farshore_core::authority::arbiter::ArbiterRecords;
use farshore_core::ids::Side;

use crate::scope::{Holder, Store};
use crate::setup::{Clock, Setup};
use crate::world::World;

/// Copies that somebody made, each with the number of starts that it holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Kept {
    managers: [Option<(u32, Records)>; 2],
    agents: [Option<(u32, Vec<AgentRecord>)>; 2],
    arbiter: Option<(u32, ArbiterRecords)>,
}

impl World {
    /// Whether a store could be copied, or given back: only where durable times are never moved ([`Clock::Real`]).
    pub(crate) fn can_keep(&self, setup: &Setup, store: Store) -> bool {
        setup.clock == Clock::Real && (store != Store::Authority(Holder::Arbiter) || self.third.is_some())
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
        if let Some((boot, records)) = copy {
            let node = self.node_mut(side);
            (node.boot, node.records) = (boot, records);
        }
    }

    /// The arbiter's store is made anew: empty, of a higher incarnation (O7).
    pub(crate) fn replace_arbiter(&mut self) {
        if let Some(third) = &mut self.third {
            let records = &mut std::sync::Arc::make_mut(third).records;
            *records = ArbiterRecords { incarnation: records.incarnation + 1, groups: Vec::new() };
        }
    }
}
