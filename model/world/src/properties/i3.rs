//! I3: a VM starts only when its disks, its dependencies and the tier before are ready.

use super::*;

/// I3.
pub(super) const PROPERTY: Property = Property {
    name: "I3",
    rule: "a VM starts only when its datastores are active at that site in the present epoch, its dependencies ready or waived, the tier before finished",
    holds: |world, _| unbroken(world, "I3"),
};

/// A start is issued: what it needs is there, as the world has it and not as the manager believes.
pub(super) fn issued(world: &mut World, setup: &Setup, side: Side, record: &GroupRecord, op: &Op) {
    let inventory = setup.inventory();
    let (Goal::Running { .. }, Target::Vm(key)) = (op.goal, op.id.target) else { return };
    let (Some((_, vm)), Work::Take(take)) = (inventory.vms.by_key(key), &record.work) else { return };
    let active = |l: &LunIx| {
        let copy = world.luns[l.at()].at(side);
        copy.is_some_and(|c| !c.present || (c.writable && c.token.epoch == op.id.token.epoch))
    };
    // An array that comes back after this is caught when the start is applied.
    let ready = |v: VmIx| {
        let at = &world.vms[v.at()].at[side.at()];
        let waived = take.verdicts.get(&inventory.vms[v].key) == Some(&VmVerdict::Failed);
        waived || (world.runs(side, v) && at.guest == Guest::Up) || at.on.is_some_and(|h| world.ghost.ailed[h.at()])
    };
    let all_in_scope = take.offer.scope == Scope::All || take.phase == TakePhase::PuttingBack;
    let in_scope = |v: VmIx| all_in_scope || inventory.vms[v].critical || !vm.critical;
    let group = vm.group.map_or(&[][..], |g| &inventory.groups[g].vms);
    let before = |v: &&VmIx| inventory.vms[**v].tier < vm.tier && in_scope(**v);
    let what = if !vm.luns.iter().all(active) {
        "a VM is started before its datastores are active"
    } else if !vm.depends_on.iter().all(|&d| ready(d)) {
        "a VM is started before what it depends on is ready"
    } else if !group.iter().filter(before).all(|&v| ready(v)) {
        "a VM is started before the tier before has finished"
    } else {
        return;
    };
    world.ghost.breached("I3", what);
}

/// A start takes effect, late perhaps: the site is active in that epoch.
pub(super) fn applied(world: &mut World, setup: &Setup, side: Side, group: GroupIx, op: &Op) {
    let record = world.record(setup, side, group);
    if !record.is_some_and(|r| r.authority.is_active() && r.authority.epoch() == op.id.token.epoch) {
        world.ghost.breached("I3", "a VM starts at a site that is not active in the epoch of the command");
    }
}
