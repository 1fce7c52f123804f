//! I20: after an abort exactly one of: O active at e, P active at e+1, nobody and an alert.

use super::*;

/// I20.
pub(super) const PROPERTY: Property = Property {
    name: "I20",
    rule: "after an abort exactly one of: O active at e, P active at e+1, nobody and an alert",
    holds,
};

/// Never two at any time; that somebody is, or an alert stands, is asked of worlds that have come to rest
/// ([`World::converges`]).
fn holds(world: &World, setup: &Setup) -> Result<(), &'static str> {
    let active = |side: Side, g: GroupIx| {
        let home = setup.inventory().groups[g].home == side;
        // A record without authority makes nobody active: its agent has not heard yet that the group has moved (O1).
        // Neither does the record of a site that is dark, nor one that came from an old copy of the journal: what counts
        // is what its manager makes of it.
        let own = !world.node(side).dark && world.is_its_own(side, setup.inventory().groups[g].key);
        let may = own && (world.third.is_none() || world.enforcers_allow(side, Some(g)));
        may && world.record(setup, side, g).map_or(home, |r| r.authority.is_active())
    };
    let both = |g: GroupIx| Side::BOTH.into_iter().all(|s| active(s, g));
    if setup.inventory().groups.indices().any(both) { Err("a group is active at both sites") } else { Ok(()) }
}
