//! I22: overrides are single-use and recorded.

use super::*;

/// I22.
pub(super) const PROPERTY: Property =
    Property { name: "I22", rule: "overrides are single-use and recorded", holds: |world, _| unbroken(world, "I22") };

/// A record becomes durable.
pub(super) fn durable(world: &mut World, group: GroupIx, new: &GroupRecord) {
    if new.overrides > u32::from(world.ghost.groups[group.at()].forced) {
        world.ghost.breached("I22", "more overrides are recorded than an operator gave");
    }
}
