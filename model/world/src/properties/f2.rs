//! F2: at the release nothing of the group runs or is writable at the owner, and everything has the turn's token.

use super::*;

/// F2.
pub(super) const PROPERTY: Property = Property {
    name: "F2",
    rule: "every local array and host that can touch the group must have applied this turn's token; for every VM, seen stopped; for every LUN, seen read-only, or in PDL with the token recorded for its return",
    holds: |world, _| unbroken(world, "F2"),
};

/// A release becomes durable.
pub(super) fn released(world: &mut World, setup: &Setup, side: Side, group: GroupIx, record: &GroupRecord) {
    let info = &setup.inventory().groups[group];
    let token = Token { epoch: record.authority.epoch(), turn: record.authority.turn(), step: Step::Lock };
    // A host that cannot be reached is waited out; the agent releases nothing before that (see below).
    let waited_out = matches!(&record.work, Work::Give(give) if give.expiry);
    let fenced = |h: &HostIx| {
        world.host_group(setup, *h, group).is_some_and(|held| held.token >= token && !held.mounted) || waited_out
    };
    let locked = |l: &LunIx| {
        let copy = world.luns[l.at()].at(side);
        let returning = record.returning.get(&setup.inventory().luns[*l].key);
        copy.is_some_and(|c| c.token >= token || returning.is_some_and(|t| *t >= token))
    };
    let what = if info.vms.iter().any(|&v| world.runs(side, v)) {
        "a group is released while a VM of it runs"
    } else if info.luns.iter().any(|l| world.luns[l.at()].writable(side)) {
        "a group is released while a LUN of it is writable"
    } else if !info.hosts[side.at()].iter().all(fenced) {
        "a group is released before every host that can touch it has taken the turn's token"
    } else if !info.luns.iter().all(locked) {
        "a group is released before every LUN has taken the turn's token"
    } else {
        return;
    };
    world.ghost.breached("F2", what);
}

/// An agent's record becomes durable: whoever was waited out starts nothing, whatever it is told, until it is given
/// authority anew (O2).
pub(crate) fn agent_released(world: &mut World, setup: &Setup, side: Side, new: &AgentRecord) {
    let Some(group) = setup.inventory().groups.find(new.group) else { return };
    let was_active = world.node(side).agent_records.iter().any(|r| r.group == new.group && r.authority.is_active());
    let waits = |r: &GroupRecord| r.group == new.group && matches!(&r.work, Work::Give(give) if give.expiry);
    let released = new.authority.standing() == Standing::Released && was_active;
    if released && world.node(side).records.groups.iter().any(waits) && world.enforcers_allow(side, Some(group)) {
        world
            .ghost
            .breached("F2", "a group is released before the authority of a host that nobody reaches has run out");
    }
}
