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
    // What a host holds of one group is an object of its own; the same step with the same token is the same to it.
    let of_group = |d: &&Doubt| d.id.group == op.id.group && d.id.token != op.id.token;
    // J3: one that only takes authority away supersedes a doubt. So does one that follows an observation: the doubt was
    // of an earlier step or turn, and the higher token fences it. Of what an earlier start left behind, a machine knows
    // no more than its records and what it sees (J5); there, too, the higher token fences.
    let boot = world.node(side).boot;
    let fenced = |d: &Doubt| op.goal.takes_away() || d.observed || d.attempt / 256 < boot;
    let other = |d: &&Doubt| of_group(d) && !(fenced(d) && op.id.token > d.id.token);
    let open = doubts[from..].iter().take_while(|d| d.target == op.id.target).find(other);
    let Some(&doubt) = open else { return };
    let alert = Alert::InDoubt { group: doubt.id.group, target: doubt.target };
    let manager = world.node(side).manager.as_ref();
    let escalated = manager.is_some_and(|m| m.status(setup.site(side)).alerts.contains(&alert));
    if !escalated {
        world.ghost.breached("I12", "a command is issued for an object with another in doubt");
    }
}
