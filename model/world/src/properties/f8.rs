//! F8: a reprotect overwrites nothing that only the old owner has, unless it was kept.

use super::*;

/// F8.
pub(super) const PROPERTY: Property = Property {
    name: "F8",
    rule: "reprotect: a write acknowledged at the old owner that is not at the new one is not overwritten without a kept tail",
    holds: |world, _| unbroken(world, "F8"),
};

/// A resynchronisation begins to overwrite the copy at the other site.
pub(crate) fn overwritten(world: &mut World, source: Side, lun: LunIx) {
    let state = &world.luns[lun.at()];
    let (Some(from), Some(target)) = (state.at(source), state.at(source.peer())) else { return };
    // Half a copy holds no more than what came before it, which was looked at then.
    if target.content.torn {
        return;
    }
    let kept =
        |slot: usize, writes| target.tail.as_ref().is_some_and(|tail| missing(&tail.content.writes[slot], writes) == 0);
    let gone = |(slot, writes)| missing(&from.content.writes[slot], writes) > 0 && !kept(slot, writes);
    if target.content.writes.iter().enumerate().any(gone) {
        world.ghost.breached("F8", "writes that only the old owner has are overwritten, and were not kept");
    }
}
