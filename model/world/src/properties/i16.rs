//! I16: losing only the arbiter, or only the peer, stops nothing: what an owner lives on is given back for a lease.

use super::*;

/// I16.
pub(super) const PROPERTY: Property = Property {
    name: "I16",
    rule: "losing only the arbiter stops nothing; a standing promise is given back only under a lease that lives",
    holds: |world, _| unbroken(world, "I16"),
};

/// An agent's record becomes durable.
pub(crate) fn agent_durable(world: &mut World, setup: &Setup, side: Side, new: &AgentRecord) {
    let standing = |r: &AgentRecord| r.held.is_some_and(|number| number > 0);
    let epoch = |r: &AgentRecord| r.authority.epoch();
    let old = world.node(side).agent_records.iter().find(|r| r.group == new.group);
    let given_back = old.is_some_and(|old| standing(old) && epoch(old) == epoch(new)) && new.held.is_none();
    if !given_back || !new.authority.is_active() {
        return;
    }
    let (site, now) = (setup.site(side), world.agents_now(side));
    let agent = world.node(side).agent.as_ref();
    if agent.is_some_and(|a| a.authority(site, now, new.group).is_none()) {
        world.ghost.breached("I16", "an owner gives a standing promise back, and has nothing else to live on");
    }
}
