//! D4: a LUN that comes back after its loss is not used before a full resynchronisation.

use super::*;

/// D4.
pub(super) const PROPERTY: Property = Property {
    name: "D4",
    rule: "a LUN that comes back after PDL is new: never used again before a full resynchronisation",
    holds: |world, _| unbroken(world, "D4"),
};

/// A copy becomes writable.
pub(super) fn writable(world: &mut World, side: Side, lun: LunIx) {
    if world.luns[lun.at()].at(side).is_some_and(|c| c.fresh) {
        world.ghost.breached("D4", "a LUN that was lost is used before a full resynchronisation");
    }
}
