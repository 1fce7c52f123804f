//! M5: a group fails over by itself at most once per cooldown.

use super::*;

/// M5.
pub(super) const PROPERTY: Property = Property {
    name: "M5",
    rule: "an automatic failover of a group happens at most once per cooldown",
    holds: |world, _| unbroken(world, "M5"),
};

/// A record becomes durable.
pub(super) fn durable(world: &mut World, old: Option<&GroupRecord>, new: &GroupRecord) {
    let Work::Give(give) = &new.work else { return };
    let opened = old.is_some_and(|old| old.cooling && old.work == Work::Idle);
    if opened && new.cooling && matches!(give.offer.kind, ErrorKind::LunLost | ErrorKind::DeviceLost) {
        world.ghost.breached("M5", "a group that has failed over fails over again within the cooldown");
    }
}
