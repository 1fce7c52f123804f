//! I2: a VM never runs at both sites or twice at one.

use super::*;

/// I2.
pub(super) const PROPERTY: Property = Property {
    name: "I2",
    rule: "a VM, and its network identity, never run at both sites or twice at one (isolated test copies are objects of \
           their own)",
    holds,
};

/// A VM that waits on a lost disk still runs.
fn holds(world: &World, setup: &Setup) -> Result<(), &'static str> {
    let twice = |v: VmIx| Side::BOTH.into_iter().all(|s| world.runs(s, v));
    if setup.inventory().vms.indices().any(twice) {
        return Err("a VM runs at both sites");
    }
    unbroken(world, "I2")
}

/// A VM was started on a second host of its site.
pub(crate) fn twice(ghost: &mut Ghost) {
    ghost.breached("I2", "a VM runs twice at one site");
}
