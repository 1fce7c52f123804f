//! D3: a LUN counts as lost only on the evidence of a host that saw permanent loss on every path; or, with its whole array,
//! where no host saw anything (D2).

use super::*;

/// D3.
pub(super) const PROPERTY: Property = Property {
    name: "D3",
    rule: "only a positive healthy answer contradicts PDL; a LUN counts as lost on the evidence of a host that sees it lost on every path",
    holds: |world, _| unbroken(world, "D3"),
};

/// A record becomes durable with this LUN newly marked.
pub(super) fn marked(world: &mut World, side: Side, lun: LunIx, cut_off: bool) {
    let claimed = |c: &LunCopy| match cut_off {
        true => c.paths.iter().all(|p| p.hushed),
        false => !c.present || c.fresh || c.paths.iter().any(|p| p.claimed),
    };
    if !world.luns[lun.at()].at(side).is_some_and(claimed) {
        world.ghost.breached("D3", "a LUN counts as lost that no host saw lost on every path");
    }
}
