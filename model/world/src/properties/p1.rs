//! P1: a group is protected only once it is replicated in full.

use super::*;

/// P1.
pub(super) const PROPERTY: Property = Property {
    name: "P1",
    rule: "replicate in full, verify; only then is the group Protected",
    holds: |world, _| unbroken(world, "P1"),
};

/// The owner's record becomes durable and says that the group is protected now.
pub(super) fn protected(world: &mut World, setup: &Setup, side: Side, group: GroupIx) {
    let full = |l: &LunIx| {
        let state = &world.luns[l.at()];
        let gone = !Side::BOTH.into_iter().all(|s| state.at(s).is_some_and(|c| c.present));
        gone || (state.pair.source == Some(side) && state.pair.resync == Resync::None)
    };
    if !setup.inventory().groups[group].luns.iter().all(full) {
        world.ghost.breached("P1", "a group counts as protected before it is replicated in full");
    }
}
