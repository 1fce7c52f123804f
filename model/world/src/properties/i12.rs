//! I12: no new operation on an object with one in doubt, but one that only takes authority away.

use super::*;

/// I12.
pub(super) const PROPERTY: Property = Property {
    name: "I12",
    rule: "no new operation on an object with one in doubt, but for J3's exception",
    holds: |world, _| unbroken(world, "I12"),
};

/// A command is issued.
pub(super) fn issued(world: &mut World, setup: &Setup, side: Side, op: &Op) {
    let doubts = &world.ghost.doubts[side.at()];
    let from = doubts.partition_point(|d| d.target < op.id.target);
    let other = |d: &&Doubt| d.id != op.id && !(op.goal.takes_away() && op.id.token > d.id.token);
    let open = doubts[from..].iter().take_while(|d| d.target == op.id.target).find(other);
    let Some(&doubt) = open else { return };
    let alert = Alert::InDoubt { group: doubt.id.group, target: doubt.target };
    let manager = world.node(side).manager.as_ref();
    let escalated = manager.is_some_and(|m| m.status(setup.site(side)).alerts.contains(&alert));
    if !escalated {
        world.ghost.breached("I12", "a command is issued for an object with another in doubt");
    }
}
