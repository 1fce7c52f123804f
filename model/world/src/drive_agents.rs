//! The pump of agents and arbiter. Their stores are their own and quick: a save is durable at once.

use std::panic::{AssertUnwindSafe, catch_unwind};

use farshore_core::authority::agent::{AgentEffect, AgentFact, AgentRecord, SiteAgent};
use farshore_core::authority::arbiter::{Arbiter, ArbiterEffect, ArbiterFact};
use farshore_core::event::Event;
use farshore_core::ids::{GroupKey, Side};
use farshore_core::input::Fact;
use farshore_core::operation::ReplicationSeen;

use crate::drive::{Drive, Input};
use crate::properties;
use crate::scope::Wire;
use crate::third::Letter;
use crate::world::{Flight, put};

impl Drive<'_> {
    /// A fact for a site's agent.
    pub(crate) fn agent(&mut self, side: Side, fact: AgentFact) {
        if !self.world.node(side).agent_answers() {
            return;
        }
        let woken = fact == AgentFact::Wake;
        let (site, now) = (self.setup.site(side), self.world.agents_now(side));
        let Some(agent) = self.world.node_mut(side).agent.as_mut() else { return };
        let mut effects = Vec::new();
        let handled = catch_unwind(AssertUnwindSafe(|| agent.handle(site, now, fact, &mut effects)));
        if let Err(panic) = handled {
            return self.panicked(side, panic.as_ref());
        }
        let halted = agent.is_halted();
        let stuck = woken && agent.next_deadline(site).is_some_and(|at| at <= now);
        self.execute_agent(side, effects);
        self.world.ask_agent(self.setup, side);
        if halted {
            self.world.ghost.breached("CHECK", "an agent stopped by itself");
        } else if stuck {
            self.world.ghost.breached("L5", "an agent's deadline is still there after it has passed");
        }
    }

    /// An agent starts from its records.
    pub(crate) fn start_agent(&mut self, side: Side) {
        let now = self.world.agents_now(side);
        let node = self.world.node_mut(side);
        node.agent_boot += 1;
        let (boot, records) = (node.agent_boot, node.agent_records.clone());
        let mut effects = Vec::new();
        match SiteAgent::restore(self.setup.site(side), boot, records, now, &mut effects) {
            Ok(agent) => self.world.node_mut(side).agent = Some(agent),
            Err(_) => return self.world.ghost.breached("J5", "an agent could not be restored from its own records"),
        }
        // What is a level is told again.
        for state in &mut self.world.luns {
            state.pair.stalled = false;
        }
        self.execute_agent(side, effects);
        self.seat(side);
        self.world.ask_agent(self.setup, side);
        self.report_struck(side);
    }

    fn execute_agent(&mut self, side: Side, effects: Vec<AgentEffect>) {
        for effect in effects {
            match effect {
                AgentEffect::Save { id, batch } => {
                    for record in batch {
                        self.agent_durable(side, record);
                    }
                    self.first(Input::Agent(side, AgentFact::Saved(id)));
                }
                AgentEffect::Ask(request) => self.post(Letter::Ask(request)),
                AgentEffect::Say(note) => self.post(Letter::Note(side.peer(), note)),
                AgentEffect::Read(group) => {
                    let luns = self.read_for_agent(side, group);
                    self.queue(Input::Agent(side, AgentFact::Read { group, luns }));
                }
                AgentEffect::Do(op) => {
                    if self.world.wire(Wire::Orders(side)) {
                        put(&mut self.world.desks[side.at()].ops, Flight { item: op, late: false });
                    }
                }
                AgentEffect::Degrade(lun) => {
                    if let Some(lun) = self.setup.inventory().luns.find(lun) {
                        self.world.degrade(side, lun);
                    }
                }
                AgentEffect::Deputy(true) => self.start_deputy(side),
                // Whoever is back has taken the seat itself.
                AgentEffect::Deputy(false) => {}
                AgentEffect::Tell(told) => self.queue(Input::Manager(side, Fact::Authority(told))),
                AgentEffect::Deny { group, why } => self.queue(Input::Manager(side, Fact::Denied { group, why })),
                AgentEffect::Silent(silent) => self.queue(Input::Manager(side, Fact::Silent(silent))),
                AgentEffect::Event(event) => {
                    properties::on_event(self.world, side, &event);
                    self.note_alert(side, &event);
                    self.out.events.push((side, event));
                }
            }
        }
    }

    /// Enforcers tell the agent what they have stopped, as soon as it listens.
    pub(crate) fn report_struck(&mut self, side: Side) {
        if !self.world.node(side).agent_answers() {
            return;
        }
        for (g, group) in self.setup.inventory().groups.iter() {
            let struck = &mut self.world.struck[side.at()][farshore_core::ids::Index::at(g)];
            if core::mem::take(struck) {
                self.queue(Input::Agent(side, AgentFact::Enforced(group.key)));
            }
        }
    }

    fn note_alert(&mut self, side: Side, event: &Event) {
        let alerts = &mut self.world.node_mut(side).agent_alerts;
        match event {
            Event::Raised(alert) => put(alerts, *alert),
            Event::Cleared(alert) => alerts.retain(|a| a != alert),
            _ => {}
        }
    }

    fn agent_durable(&mut self, side: Side, record: AgentRecord) {
        properties::i7::agent_durable(self.world, self.setup, side, &record);
        properties::i16::agent_durable(self.world, self.setup, side, &record);
        properties::f2::agent_released(self.world, self.setup, side, &record);
        let records = &mut self.world.node_mut(side).agent_records;
        match records.binary_search_by_key(&record.group, |r| r.group) {
            Ok(at) => records[at] = record,
            Err(at) => records.insert(at, record),
        }
    }

    /// What the arrays tell the agent of a group's LUNs now (O6).
    fn read_for_agent(
        &self,
        side: Side,
        group: GroupKey,
    ) -> Vec<(farshore_core::ids::LunKey, Option<ReplicationSeen>)> {
        let inventory = self.setup.inventory();
        let Some((_, group)) = inventory.groups.by_key(group) else { return Vec::new() };
        let seen = |l: farshore_core::ids::LunIx| {
            let array = inventory.luns[l].ends[side.at()].as_ref()?.array;
            let answers = self.world.arrays[farshore_core::ids::Index::at(array)];
            answers.then(|| self.world.lun_seen(self.setup, side, l).replication)
        };
        group.luns.iter().map(|&l| (inventory.luns[l].key, seen(l))).collect()
    }

    pub(crate) fn post(&mut self, letter: Letter) {
        if self.world.wire(letter.wire()) {
            put(&mut self.world.post, Flight { item: letter, late: false });
        }
    }

    /// A letter arrives.
    pub(crate) fn deliver(&mut self, letter: Letter) {
        match letter {
            Letter::Ask(request) => self.queue(Input::Arbiter(ArbiterFact::Request(request))),
            Letter::Reply(side, reply) => self.queue(Input::Agent(side, AgentFact::Reply(reply))),
            Letter::Note(side, note) => self.queue(Input::Agent(side, AgentFact::Note(note))),
        }
    }

    /// A fact for the arbiter.
    pub(crate) fn arbiter(&mut self, fact: ArbiterFact) {
        let now = self.world.clocks.arbiter().shows(self.world.now);
        let Some(machine) = self.world.third.as_mut().and_then(|t| std::sync::Arc::make_mut(t).machine.as_mut()) else {
            return;
        };
        let mut effects = Vec::new();
        let handled = catch_unwind(AssertUnwindSafe(|| machine.handle(now, fact, &mut effects)));
        if let Err(panic) = handled {
            return self.panicked(Side::One, panic.as_ref());
        }
        for effect in effects {
            match effect {
                ArbiterEffect::Save { id, batch } => {
                    let Some(third) = &mut self.world.third else { return };
                    let groups = &mut std::sync::Arc::make_mut(third).records.groups;
                    for record in batch {
                        match groups.binary_search_by_key(&record.group, |r| r.group) {
                            Ok(at) => groups[at] = record,
                            Err(at) => groups.insert(at, record),
                        }
                    }
                    self.first(Input::Arbiter(ArbiterFact::Saved(id)));
                }
                ArbiterEffect::Reply(side, reply) => self.post(Letter::Reply(side, reply)),
            }
        }
    }

    /// The arbiter starts from its records.
    pub(crate) fn start_arbiter(&mut self) {
        let now = self.world.clocks.arbiter().shows(self.world.now);
        let policy = self.setup.site(Side::One).policy.arbiter;
        let (Some(third), Some(policy)) = (&mut self.world.third, policy) else { return };
        let third = std::sync::Arc::make_mut(third);
        third.boot += 1;
        third.machine = Some(Arbiter::restore(policy.leases, third.boot, third.records.clone(), now));
    }
}
