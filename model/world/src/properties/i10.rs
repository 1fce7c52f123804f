//! I10: every effect has an earlier durable intent.

use super::*;

/// I10.
pub(super) const PROPERTY: Property = Property {
    name: "I10",
    rule: "every effect has an earlier durable intent",
    holds: |world, _| unbroken(world, "I10"),
};

/// A command is issued. One whose end is not known is issued again for as long as that lasts (J3), whatever has become
/// of the intent that it once had.
pub(super) fn command(world: &mut World, side: Side, record: Option<&GroupRecord>, op: &Op) {
    let again = world.ghost.doubts[side.at()].iter().any(|d| d.id == op.id);
    if !again && !record.is_some_and(|r| intent::allows(r, op)) {
        world.ghost.breached("I10", "a command is issued that no durable record wants");
    }
}

/// A message is sent.
pub(super) fn message(world: &mut World, setup: &Setup, side: Side, message: &Message) {
    let home = setup.inventory().groups.by_key(message.group).is_some_and(|(_, g)| g.home == side);
    let said = match (world.node(side).record(message.group), &message.body) {
        (Some(record), _) => intent::says(record, message),
        // What a site starts with needs no record.
        (None, Body::Ask | Body::Refused { .. }) => true,
        (None, Body::Tell { standing }) => {
            let first = if home { Standing::Active } else { Standing::Standby };
            message.epoch == Epoch::FIRST && *standing == first
        }
        (None, Body::Taken { .. }) => home && message.epoch == Epoch::FIRST,
        (None, _) => false,
    };
    if !said {
        world.ghost.breached("I10", "a message says what is not durable");
    }
}
