//! The way to the site's agent, and an agent of one's own for a deployment without an arbiter.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::authority::agent::{AgentEffect, AgentFact, AgentRecord, Claim, SiteAgent};
use crate::error::RestoreError;
use crate::ids::GroupKey;
use crate::input::Fact;
use crate::inventory::Site;
use crate::time::Instant;

/// The way to this site's agent, the only holder of the site's authority (O10).
pub trait Agent {
    /// Asks for authority; [`Fact::Authority`] follows.
    fn claim(&mut self, now: Instant, claim: Claim);
    /// Asks for the group of a silent site; [`Fact::Authority`] or [`Fact::Denied`] follows.
    fn acquire(&mut self, now: Instant, group: GroupKey, forced: bool);
    /// What the agent has said since, where it lives in the same process. Elsewhere its facts come by themselves.
    fn next_fact(&mut self) -> Option<Fact> {
        None
    }
}

/// The agent's own store (O10): apart from the manager's journal, so that no save of the manager delays it.
pub trait AgentStore {
    /// Makes these records durable, all or none, before it returns, replacing those of the same groups. `false`: it could
    /// not, and the agent stops for good (J7).
    fn save(&mut self, batch: &[AgentRecord]) -> bool;
}

impl<F: FnMut(&[AgentRecord]) -> bool> AgentStore for F {
    fn save(&mut self, batch: &[AgentRecord]) -> bool {
        self(batch)
    }
}

/// An agent in the manager's own process, for a deployment without an arbiter (O1 `Manual`): authority does not expire,
/// so nothing is lost with the process.
#[derive(Debug)]
pub struct OwnAgent<S> {
    agent: SiteAgent,
    site: Site,
    store: S,
    facts: VecDeque<Fact>,
}

impl<S: AgentStore> OwnAgent<S> {
    /// Starts it from its records; none are there at the first start. `boot` counts the starts.
    ///
    /// # Errors
    /// Records that cannot be read, or do not fit the inventory.
    pub fn start(
        site: &Site,
        boot: u32,
        records: Vec<AgentRecord>,
        store: S,
        now: Instant,
    ) -> Result<Self, RestoreError> {
        let mut effects = Vec::new();
        let agent = SiteAgent::restore(site, boot, records, now, &mut effects)?;
        let mut own = Self { agent, site: site.clone(), store, facts: VecDeque::new() };
        own.carry_out(now, effects);
        Ok(own)
    }

    fn handle(&mut self, now: Instant, fact: AgentFact) {
        let mut effects = Vec::new();
        self.agent.handle(&self.site, now, fact, &mut effects);
        self.carry_out(now, effects);
    }

    fn carry_out(&mut self, now: Instant, effects: Vec<AgentEffect>) {
        for effect in effects {
            match effect {
                AgentEffect::Save { id, batch } => {
                    let saved = self.store.save(&batch);
                    self.handle(now, if saved { AgentFact::Saved(id) } else { AgentFact::SaveFailed(id) });
                }
                AgentEffect::Tell(told) => self.facts.push_back(Fact::Authority(told)),
                AgentEffect::Deny { group, why } => self.facts.push_back(Fact::Denied { group, why }),
                AgentEffect::Silent(silent) => self.facts.push_back(Fact::Silent(silent)),
                // Without an arbiter there is nobody to talk to, and nothing runs out. It dies with the manager.
                AgentEffect::Ask(_)
                | AgentEffect::Say(_)
                | AgentEffect::Read(_)
                | AgentEffect::Do(_)
                | AgentEffect::Degrade(_)
                | AgentEffect::Deputy(_)
                | AgentEffect::Event(_) => {}
            }
        }
    }
}

impl<S: AgentStore> Agent for OwnAgent<S> {
    fn claim(&mut self, now: Instant, claim: Claim) {
        self.handle(now, AgentFact::Claim(claim));
    }

    fn acquire(&mut self, now: Instant, group: GroupKey, forced: bool) {
        self.handle(now, AgentFact::Acquire { group, forced });
    }

    fn next_fact(&mut self) -> Option<Fact> {
        self.facts.pop_front()
    }
}
