//! I4: promotion only after replication into the LUN has stopped and the old owner has released.

use super::*;

/// I4.
pub(super) const PROPERTY: Property = Property {
    name: "I4",
    rule: "promotion only after replication into the LUN has stopped and the old owner has released or is fenced",
    holds: |world, _| unbroken(world, "I4"),
};

/// Nothing of the group can run or be written at the site any more: fenced, by whatever means (O3).
fn fenced(world: &World, setup: &Setup, side: Side, group: GroupIx) -> bool {
    let group = &setup.inventory().groups[group];
    let luns = group.luns.iter().all(|l| !world.luns[l.at()].writable(side));
    luns && group.vms.iter().all(|v| !world.runs(side, *v))
}

/// A copy becomes writable.
pub(super) fn writable(world: &mut World, setup: &Setup, side: Side, lun: LunIx, group: GroupIx, op: &Op) {
    let epoch = op.id.token.epoch;
    let state = &world.luns[lun.at()];
    let old = Epoch(epoch.0.saturating_sub(1));
    let released = epoch <= Epoch::FIRST || world.ghost.epoch(group, old).release.is_some_and(|r| r.by != side);
    let seized = world.third.is_some() || world.ghost.epoch(group, old).seized;
    let released = released || (seized && fenced(world, setup, side.peer(), group));
    let what = if state.pair.source == Some(side.peer()) && state.flows() {
        "a copy becomes writable while replication into it runs"
    } else if world.ghost.epoch(group, epoch).owner != Some(side) {
        "a copy becomes writable at a site that does not own the group in the epoch of the command"
    } else if !released && world.ghost.epoch(group, Epoch(epoch.0.saturating_sub(1))).owner != Some(side) {
        "a copy becomes writable before the old owner has released"
    } else {
        return;
    };
    world.ghost.breached("I4", what);
}
