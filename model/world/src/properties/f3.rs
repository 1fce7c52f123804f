//! F3: a release only after the peer confirmed this very turn after the quiescing.

use super::*;

/// F3.
pub(super) const PROPERTY: Property =
    Property { name: "F3", rule: "P re-confirms after the quiescing", holds: |world, _| unbroken(world, "F3") };

/// A manager is told something: the peer's confirmation counts where its question is durable.
pub(super) fn told(world: &mut World, setup: &Setup, side: Side, message: &Message) {
    let Body::Ready { turn, stage: Stage::Confirm } = message.body else { return };
    let Some(group) = setup.inventory().groups.find(message.group) else { return };
    let asked = world.record(setup, side, group).is_some_and(|r| {
        let confirming = matches!(&r.work, Work::Give(give) if give.phase == GivePhase::Confirming);
        confirming && (r.authority.epoch(), r.authority.turn()) == (message.epoch, turn)
    });
    if asked {
        world.ghost.groups[group.at()].confirmed = Some((message.epoch, turn));
    }
}

/// A release becomes durable.
pub(super) fn released(world: &mut World, group: GroupIx, record: &GroupRecord) {
    let now = (record.authority.epoch(), record.authority.turn());
    if world.ghost.groups[group.at()].confirmed != Some(now) {
        world
            .ghost
            .breached("F3", "a group is released that the peer has not confirmed in this turn after the quiescing");
    }
}
