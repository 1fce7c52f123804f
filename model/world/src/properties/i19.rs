//! I19: one lying host causes no failover against the evidence of healthy ones.

use super::*;

/// I19.
pub(super) const PROPERTY: Property = Property {
    name: "I19",
    rule: "one lying host causes no failover against the evidence of healthy ones",
    holds: |world, _| unbroken(world, "I19"),
};

/// A record becomes durable with this LUN newly marked. Where answers take their time, silence is no evidence.
pub(super) fn marked(world: &mut World, setup: &Setup, side: Side, lun: LunIx) {
    let Some(copy) = world.luns[lun.at()].at(side) else { return };
    let heard = setup.at_once && world.wire(Wire::Orders(side)) && world.wire(Wire::Answers(side));
    if !copy.present || copy.fresh || !heard {
        return;
    }
    let healthy =
        |(host, paths): (&HostIx, &Paths)| !paths.claimed && paths.any_healthy(true) && !world.ghost.ailed[host.at()];
    if setup.hosts_of(side, lun).iter().zip(&copy.paths).any(healthy) {
        world.ghost.breached("I19", "a LUN counts as lost that a healthy host sees well");
    }
}
