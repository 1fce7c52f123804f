//! I14: a site that returns starts nothing until it is told its role.

use super::*;

/// I14.
pub(super) const PROPERTY: Property = Property {
    name: "I14",
    rule: "a returning site starts nothing until told its role",
    holds: |world, _| unbroken(world, "I14"),
};

/// A manager issues a command.
pub(super) fn issued(world: &mut World, setup: &Setup, side: Side, op: &Op) {
    if !matches!(op.goal, Goal::Running { .. } | Goal::ReadWrite | Goal::Mounted) {
        return;
    }
    let Some(group) = setup.inventory().groups.find(op.id.group) else { return };
    let told = |m: &farshore_core::RecoveryManager| m.is_verified(group);
    if !world.node(side).manager.as_ref().is_some_and(told) {
        world.ghost.breached("I14", "a manager starts something of a group before anybody has told it whose that is");
    }
}
