//! I8: marking is idempotent, and of the owner in the present epoch.

use super::*;

/// I8.
pub(super) const PROPERTY: Property =
    Property { name: "I8", rule: "marking idempotent, order-free", holds: |world, _| unbroken(world, "I8") };

/// A record becomes durable with this LUN newly marked.
pub(super) fn marked(world: &mut World, record: &GroupRecord, lun: LunKey) {
    let epoch = record.marks.get(&lun);
    let owner = record.authority.is_active() || record.authority.standing() == Standing::Released;
    if epoch != Some(&record.authority.epoch()) || !owner {
        world.ghost.breached("I8", "a mark is not of the owner in the present epoch");
    }
}

/// A manager says that it marks a group.
pub(super) fn said(world: &mut World, side: Side, group: GroupKey, lun: LunKey, epoch: Epoch) {
    let known = world.node(side).record(group).and_then(|r| r.marks.get(&lun));
    if known == Some(&epoch) {
        world.ghost.breached("I8", "a group is marked again by a LUN that has marked it in this epoch");
    }
}
