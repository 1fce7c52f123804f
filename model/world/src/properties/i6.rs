//! I6: asynchronous: a failover loses at most the RPO, and every consistency set is one cut.

use super::*;

/// I6.
pub(super) const PROPERTY: Property = Property {
    name: "I6",
    rule: "asynchronous: any automatic failover loses at most the RPO, in a takeover counted to the owner's lease end, and every consistency set is one consistent cut",
    holds: |world, _| unbroken(world, "I6"),
};

/// An asynchronous copy becomes writable with so many acknowledged writes missing, the oldest at most `age` old.
pub(super) fn loses(world: &mut World, torn: bool, missing: u32, age: Millis, rpo: Millis, overridden: bool) {
    if torn && !overridden {
        world.ghost.breached("I6", "a copy becomes writable that is no point in time");
    } else if missing > 0 && age > rpo && !overridden {
        world.ghost.breached("I6", "more than the RPO is lost without an override");
    }
}

/// A VM starts: what its disks hold of it is one cut.
pub(super) fn started(world: &mut World, setup: &Setup, side: Side, vm: VmIx) {
    let writes = |l: &LunIx| {
        let slot = setup.slot(*l, vm)?;
        Some(world.luns[l.at()].at(side)?.content.writes[slot])
    };
    let mut disks = setup.inventory().vms[vm].luns.iter().filter_map(writes);
    let first = disks.next();
    if disks.any(|w| Some(w) != first) {
        world.ghost.breached("I6", "the disks of a VM are not one consistent cut");
    }
}
