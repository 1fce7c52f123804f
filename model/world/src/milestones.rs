//! What must be reachable, so that nothing holds for want of an occasion.

use farshore_core::authority::agent::AgentRecord;
use farshore_core::event::Alert;
use farshore_core::ids::{Epoch, GroupIx, Index, Side};
use farshore_core::message::Standing;
use farshore_core::record::{GivePhase, GroupRecord, Latch, TakePhase, Work};

use crate::host::Guest;
use crate::setup::Setup;
use crate::world::World;

/// Something that must happen in some world that a scope reaches.
#[derive(Clone, Copy, Debug)]
pub struct Milestone {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub what: &'static str,
    /// Whether a world shows it.
    pub reached: fn(&World, &Setup) -> bool,
}

/// Every milestone. Which of them a scope must reach, its test says.
pub const SOMETIMES: &[Milestone] = &[
    Milestone { name: "marked", what: "a group is marked (M1)", reached: |w, s| any(w, s, |_, r| !r.marks.is_empty()) },
    Milestone {
        name: "refused",
        what: "the peer refused, and the next try waits (M6)",
        reached: |w, s| giving(w, s, |p| p == GivePhase::BackingOff),
    },
    Milestone {
        name: "quiescing",
        what: "the owner quiesces (F2)",
        reached: |w, s| giving(w, s, |p| p == GivePhase::Quiescing),
    },
    Milestone {
        name: "confirming",
        what: "everything is quiesced, and the peer is asked again (F3)",
        reached: |w, s| giving(w, s, |p| p == GivePhase::Confirming),
    },
    Milestone {
        name: "confirm-refused",
        what: "the peer refused after the quiescing, and is asked on (F3)",
        reached: |w, s| any(w, s, |_, r| r.latch == Some(Latch::Refused) && gives(r, |p| p == GivePhase::Confirming)),
    },
    Milestone {
        name: "released",
        what: "the point of no return is behind, and the peer has not taken the group yet (F3)",
        reached: |w, s| giving(w, s, |p| p == GivePhase::Released),
    },
    Milestone {
        name: "owner-down-released",
        what: "the owner's manager is down between its release and the peer's taking",
        reached: |w, s| any(w, s, |side, r| r.authority.standing() == Standing::Released && !w.node(side).is_up()),
    },
    Milestone {
        name: "taker-down",
        what: "the peer's manager is down in the middle of taking (F5, F6)",
        reached: |w, s| {
            any(w, s, |side, r| {
                !w.node(side).is_up() && takes(r, |p| !matches!(p, TakePhase::Reserved | TakePhase::PuttingBack))
            })
        },
    },
    Milestone {
        name: "giver-down",
        what: "the owner's manager is down in the middle of quiescing (F2)",
        reached: |w, s| any(w, s, |side, r| !w.node(side).is_up() && gives(r, |p| p == GivePhase::Quiescing)),
    },
    Milestone {
        name: "one-started",
        what: "a VM is up at the peer, and one that needs it is not (F6)",
        reached: |w, s| {
            s.inventory().vms.iter().any(|(v, vm)| {
                let there = vm.home.peer();
                let up = |v: farshore_core::ids::VmIx| w.vms[v.at()].at[there.at()].guest == Guest::Up;
                !up(v) && vm.depends_on.iter().any(|&d| up(d))
            })
        },
    },
    Milestone {
        name: "recovered",
        what: "a group is at rest at the peer, and every VM of it runs there",
        reached: |w, s| groups(s).any(|g| recovered(w, s, g)),
    },
    Milestone {
        name: "both-recovered",
        what: "every group is at rest at the site that was not its home",
        reached: |w, s| groups(s).all(|g| recovered(w, s, g)),
    },
    Milestone {
        name: "put-back",
        what: "a failover was given up, and the owner puts back what was done (F3)",
        reached: |w, s| any(w, s, |_, r| takes(r, |p| p == TakePhase::PuttingBack)),
    },
    Milestone {
        name: "put-back-done",
        what: "the owner has put back what was done, at a higher turn of the first epoch",
        reached: |w, s| {
            any(w, s, |side, r| {
                r.authority.is_active()
                    && r.authority.epoch() == Epoch::FIRST
                    && r.latch == Some(Latch::Cancelled)
                    && r.work == Work::Idle
                    && w.node(side).is_up()
            })
        },
    },
    Milestone {
        name: "second-try",
        what: "a failover is released in a later turn than its first",
        reached: |w, s| any(w, s, |_, r| gives(r, |p| p == GivePhase::Released) && r.authority.turn().0 > 2),
    },
    Milestone {
        name: "stale-command",
        what: "a command is still on its way to an object that has taken a higher token (J2)",
        reached: stale_command,
    },
    Milestone {
        name: "late-answer",
        what: "an answer is on its way to a manager that has started anew since",
        reached: |w, _| {
            Side::BOTH.into_iter().any(|s| {
                let boot = w.node(s).boot;
                w.desks[s.at()]
                    .facts
                    .iter()
                    .any(|f| matches!(f, farshore_core::Fact::Answer { attempt, .. } if attempt / 256 < boot))
            })
        },
    },
    Milestone {
        name: "observing",
        what: "an operation is in doubt, and is observed (J3)",
        reached: |w, _| w.desks.iter().any(|d| !d.requests.is_empty()),
    },
    Milestone {
        name: "escalated",
        what: "a doubt was brought to an operator (J3)",
        reached: |w, s| alert(w, s, |a| matches!(a, Alert::InDoubt { .. })),
    },
    Milestone {
        name: "needs-operator",
        what: "nothing more is done for a group without an operator",
        reached: |w, s| alert(w, s, |a| matches!(a, Alert::NeedsOperator { .. })),
    },
    Milestone {
        name: "all-lost-alerted",
        what: "both copies of a LUN are lost, and an operator is needed for its group",
        reached: |w, s| {
            let lost = w.luns.iter().any(|l| Side::BOTH.into_iter().all(|s| l.at(s).is_some_and(|c| !c.present)));
            lost && alert(w, s, |a| matches!(a, Alert::NeedsOperator { .. }))
        },
    },
    Milestone {
        name: "recovery-lun-lost",
        what: "a recovery LUN is lost, and an alert says so (M1)",
        reached: |w, s| alert(w, s, |a| matches!(a, Alert::RecoveryLunLost { .. })),
    },
    Milestone {
        name: "held-for-evidence",
        what: "a group is held because too much would be lost (F2a)",
        reached: |w, s| any(w, s, |_, r| r.latch == Some(Latch::Evidence)),
    },
    Milestone {
        name: "forced",
        what: "a group was released by force (I22)",
        reached: |w, _| w.ghost.groups.iter().any(|g| g.epochs.iter().any(|e| e.release.is_some_and(|r| r.forced))),
    },
    Milestone {
        name: "writes-lost",
        what: "acknowledged writes were given up, within the RPO or by force",
        reached: |w, _| w.ghost.lost.iter().any(|&n| n > 0),
    },
    Milestone {
        name: "torn",
        what: "the owner's LUN is lost while a delta is applied in part",
        reached: |w, _| {
            w.luns.iter().any(|l| {
                let source = l.pair.source.and_then(|s| l.at(s)).is_some_and(|c| !c.present);
                source && l.pair.source.and_then(|s| l.at(s.peer())).is_some_and(|c| c.content.torn)
            })
        },
    },
    Milestone {
        name: "contradicted",
        what: "a healthy host contradicts a report (D3)",
        reached: |w, s| alert(w, s, |a| matches!(a, Alert::Contradicted { .. })),
    },
    Milestone {
        name: "returned",
        what: "a LUN that was lost answers again (D4)",
        reached: |w, s| alert(w, s, |a| matches!(a, Alert::Returned { .. })),
    },
    Milestone {
        name: "stuck-vm",
        what: "a VM runs and waits on a disk that is lost",
        reached: |w, s| s.inventory().vms.indices().any(|v| w.vms[v.at()].at.iter().any(|at| at.stuck)),
    },
    Milestone {
        name: "halted",
        what: "a manager has stopped for good after a failed save (J7)",
        reached: |w, _| w.nodes.iter().any(|n| n.halted),
    },
    Milestone {
        name: "acquiring",
        what: "an acquire is in doubt (O4)",
        reached: |w, _| agent(w, |r| r.acquire.is_some()),
    },
    Milestone {
        name: "seized",
        what: "a group is active at the site that took it over without a release (O11)",
        reached: |w, s| {
            let taken = |side: Side, r: &GroupRecord| {
                let before = Epoch(r.authority.epoch().0.saturating_sub(1));
                let group = s.inventory().groups.find(r.group);
                let released = group.is_some_and(|g| w.ghost.epoch(g, before).release.is_some());
                r.authority.is_active() && before > Epoch::default() && !released && w.node(side).is_up()
            };
            w.third.is_some() && any(w, s, taken)
        },
    },
    Milestone {
        name: "fenced",
        what: "an owner's agent has begun to stop its group (O3)",
        reached: |w, _| agent(w, |r| r.fenced),
    },
    Milestone {
        name: "standing-promise",
        what: "an owner lives on a standing promise (O8)",
        reached: |w, _| agent(w, |r| r.held.is_some_and(|number| number > 0)),
    },
    Milestone {
        name: "promise-returned",
        what: "a standing promise has been given back (O8)",
        reached: |w, _| agent(w, |r| r.returned.is_some()),
    },
    Milestone {
        name: "degraded",
        what: "a mirror is broken, somebody knows, and writes go on (O6)",
        reached: |w, _| w.luns.iter().any(|l| l.pair.stalled && !l.pair.in_sync),
    },
    Milestone {
        name: "takeover-denied",
        what: "the group of a silent site may not be taken over (O5)",
        reached: |w, s| alert(w, s, |a| matches!(a, Alert::TakeoverDenied { .. })),
    },
    Milestone {
        name: "stand-down",
        what: "a site that lost its group tidies up (F7, I14)",
        reached: |w, s| any(w, s, |_, r| r.work == Work::StandDown),
    },
];

/// The milestone of this name.
#[must_use]
pub fn milestone(name: &str) -> Option<&'static Milestone> {
    SOMETIMES.iter().find(|m| m.name == name)
}

fn groups(setup: &Setup) -> impl Iterator<Item = GroupIx> {
    setup.inventory().groups.indices()
}

/// Whether some durable record of a group is like that.
fn any(world: &World, setup: &Setup, fits: impl Fn(Side, &GroupRecord) -> bool) -> bool {
    let record = |(g, s): (GroupIx, Side)| world.record(setup, s, g).is_some_and(|r| fits(s, r));
    groups(setup).flat_map(|g| Side::BOTH.map(|s| (g, s))).any(record)
}

/// Whether some durable record of an agent is like that.
fn agent(world: &World, fits: impl Fn(&AgentRecord) -> bool) -> bool {
    world.nodes.iter().flat_map(|n| &n.agent_records).any(fits)
}

fn gives(record: &GroupRecord, fits: impl Fn(GivePhase) -> bool) -> bool {
    matches!(&record.work, Work::Give(give) if fits(give.phase))
}

fn takes(record: &GroupRecord, fits: impl Fn(TakePhase) -> bool) -> bool {
    matches!(&record.work, Work::Take(take) if fits(take.phase))
}

fn giving(world: &World, setup: &Setup, fits: impl Fn(GivePhase) -> bool) -> bool {
    any(world, setup, |_, r| gives(r, &fits))
}

fn recovered(world: &World, setup: &Setup, g: GroupIx) -> bool {
    let group = &setup.inventory().groups[g];
    let there = group.home.peer();
    let rests = world.record(setup, there, g).is_some_and(|r| r.authority.is_active() && r.work == Work::Idle);
    rests && group.vms.iter().all(|v| world.runs(there, *v) && world.vms[v.at()].at[there.at()].guest == Guest::Up)
}

fn alert(world: &World, setup: &Setup, fits: impl Fn(&Alert) -> bool) -> bool {
    let durable = |s: Side| world.node(s).records.site.alerts.iter().any(&fits);
    Side::BOTH.into_iter().any(durable) || any(world, setup, |_, r| r.alerts.iter().any(&fits))
}

fn stale_command(world: &World, setup: &Setup) -> bool {
    Side::BOTH.into_iter().any(|side| {
        let mut ops = world.desks[side.at()].ops.iter();
        ops.any(|flight| world.kept(setup, side, &flight.item).is_some_and(|kept| flight.item.id.token < kept))
    })
}
