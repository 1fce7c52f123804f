//! I21: both sites use one plan hash per failover.

use super::*;

/// I21.
pub(super) const PROPERTY: Property = Property {
    name: "I21",
    rule: "both sites use one plan hash per failover",
    holds: |world, _| unbroken(world, "I21"),
};

/// A site becomes active with what it was handed.
pub(super) fn taken(world: &mut World, setup: &Setup, side: Side, group: GroupIx, record: &GroupRecord) {
    let Work::Take(take) = &record.work else { return };
    let before = Epoch(record.authority.epoch().0.saturating_sub(1));
    // A grant stands in the place of a release: nobody has handed a plan over (O11).
    let Some(release) = world.ghost.epoch(group, before).release else {
        if world.third.is_none() && !world.ghost.epoch(group, before).seized {
            world.ghost.breached("I21", "a group is taken that nobody has released");
        }
        return;
    };
    let released = Some(release.plan);
    let plans = &setup.site(side).inventory.plans;
    let own = plans.by_key(take.offer.plan).map(|(_, plan)| plan.hash);
    if released != Some(take.offer.plan_hash) || (own != released && record.latch.is_none()) {
        world.ghost.breached("I21", "the two sites run different plans in one failover");
    }
}
