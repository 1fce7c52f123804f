//! I7: epochs only grow; one owner per group and epoch; no adapter applies a lower token.

use super::*;

/// I7.
pub(super) const PROPERTY: Property = Property {
    name: "I7",
    rule: "epochs only grow; one owner per group and epoch, ever; no adapter applies a lower token",
    holds: |world, _| unbroken(world, "I7"),
};

/// An adapter applies a command.
pub(crate) fn applied(ghost: &mut Ghost, kept: Token, new: Token) {
    if new < kept {
        ghost.breached("I7", "an adapter applies a lower token");
    }
}

/// A record becomes durable.
/// An agent's record becomes durable: it is where ownership is decided.
pub(crate) fn agent_durable(world: &mut World, setup: &Setup, side: Side, new: &AgentRecord) {
    let Some(group) = setup.inventory().groups.find(new.group) else { return };
    let old = world.node(side).agent_records.iter().find(|r| r.group == new.group);
    let at = |r: &AgentRecord| (r.authority.epoch(), r.authority.turn());
    if old.is_some_and(|old| at(new) < at(old)) {
        world.ghost.breached("I7", "an epoch or a turn goes back at an agent");
    }
    if new.authority.is_active() {
        let history = world.ghost.epoch_mut(group, new.authority.epoch());
        if *history.owner.get_or_insert(side) != side {
            world.ghost.breached("I7", "a group has two owners in one epoch");
        }
    }
}

pub(super) fn durable(world: &mut World, side: Side, group: GroupIx, old: Option<&GroupRecord>, new: &GroupRecord) {
    let (epoch, turn) = (new.authority.epoch(), new.authority.turn());
    let back = |old: &GroupRecord| (epoch, turn) < (old.authority.epoch(), old.authority.turn());
    if old.is_some_and(back) {
        world.ghost.breached("I7", "an epoch or a turn goes back");
    }
    if new.authority.is_active() {
        let history = world.ghost.epoch_mut(group, epoch);
        if *history.owner.get_or_insert(side) != side {
            world.ghost.breached("I7", "a group has two owners in one epoch");
        }
    }
}
