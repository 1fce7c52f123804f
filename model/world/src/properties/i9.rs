//! I9: one incident moves a group at most once.

use super::*;

/// I9.
pub(super) const PROPERTY: Property =
    Property { name: "I9", rule: "one incident moves a group at most once", holds: |world, _| unbroken(world, "I9") };

/// A site releases a group for an incident.
pub(super) fn released(world: &mut World, group: GroupIx, by: Side, incident: u32) {
    let same = |e: &EpochGhost| e.release.is_some_and(|r| (r.by, r.incident) == (by, incident));
    if world.ghost.groups[group.at()].epochs.iter().any(same) {
        world.ghost.breached("I9", "one incident moves a group twice");
    }
}
