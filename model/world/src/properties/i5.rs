//! I5: synchronous: no acknowledged write is lost without a recorded override.

use super::*;

/// I5.
pub(super) const PROPERTY: Property = Property {
    name: "I5",
    rule: "synchronous: no acknowledged write is lost without a recorded override",
    holds: |world, _| unbroken(world, "I5"),
};

/// A synchronous copy becomes writable with so many acknowledged writes missing.
pub(super) fn loses(world: &mut World, torn: bool, missing: u32, overridden: bool) {
    if torn && !overridden {
        world.ghost.breached("I5", "a copy becomes writable in the middle of a resynchronisation");
    } else if missing > 0 && !overridden {
        world.ghost.breached("I5", "an acknowledged write is lost without an override");
    }
}
