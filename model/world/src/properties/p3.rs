//! P3: a group that was unprotected is replicated no more, and stays as it was at its owner.

use super::*;

/// P3.
pub(super) const PROPERTY: Property = Property {
    name: "P3",
    rule: "unprotect undoes P1 and P2 and never touches the owner's data",
    holds: |world, _| unbroken(world, "P3"),
};

/// The owner's record becomes durable: where it has been unprotected, no array replicates from here any more but one that
/// could not be told, of which people are told.
pub(super) fn ended(world: &mut World, setup: &Setup, side: Side, old: Option<&GroupRecord>, new: &GroupRecord) {
    let was = old.is_some_and(|o| o.work == Work::Unprotect);
    if !was || new.work != Work::Idle || new.protection != Protection::Unprotected || !new.authority.is_active() {
        return;
    }
    let alerted = |key: LunKey| {
        new.alerts.iter().any(|a| match a {
            Alert::OpFailed { target, .. } | Alert::InDoubt { target, .. } => *target == Target::Lun(key),
            _ => false,
        })
    };
    let Some(group) = setup.inventory().groups.find(new.group) else { return };
    let replicates = |l: &LunIx| {
        let pair = &world.luns[l.at()].pair;
        pair.running && pair.source == Some(side) && !alerted(setup.inventory().luns[*l].key)
    };
    if setup.inventory().groups[group].luns.iter().any(replicates) {
        world.ghost.breached("P3", "a group counts as unprotected while it is replicated");
    }
}

/// A command is issued: unprotecting asks for nothing that a VM of the owner's would notice.
pub(super) fn issued(world: &mut World, record: &GroupRecord, op: &Op) {
    let touches = !matches!(op.goal, Goal::ReplicationStopped | Goal::Unregistered);
    let own = (op.id.token.epoch, op.id.token.turn) == (record.authority.epoch(), record.authority.turn());
    if record.work == Work::Unprotect && own && touches {
        world.ghost.breached("P3", "unprotecting touches what the owner runs");
    }
}
