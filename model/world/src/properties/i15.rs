//! I15: resynchronisation only from the present owner, never onto the only good copy.

use super::*;

/// I15.
pub(super) const PROPERTY: Property = Property {
    name: "I15",
    rule: "resync only from the present owner, never onto the only good copy",
    holds: |world, _| unbroken(world, "I15"),
};

/// A site's array starts to replicate from its copy.
pub(crate) fn replicates(world: &mut World, setup: &Setup, side: Side, lun: LunIx, op: &Op) {
    let Some(group) = setup.inventory().luns[lun].group else { return };
    let owner = world.ghost.epoch(group, op.id.token.epoch).owner;
    let Some(source) = world.luns[lun.at()].at(side) else { return };
    let lacks = |(slot, vm): (usize, &VmIx)| missing(&source.content.writes[slot], &world.ghost.acked[vm.at()]) > 0;
    let bad = source.fresh || source.content.torn || setup.vms_on(lun).iter().enumerate().any(lacks);
    let newer = world.ghost.epoch(group, op.id.token.epoch.next()).owner.is_some();
    if owner != Some(side) || newer {
        world.ghost.breached("I15", "a LUN is replicated from a site that is not the present owner");
    } else if bad {
        world.ghost.breached("I15", "a LUN is resynchronised onto the only good copy");
    }
}
