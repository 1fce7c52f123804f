//! What must always hold: one file per property, each with the protocol's name and words.
//!
//! Some are read from a world as it is. Others are about what happens (a release, a start); they are watched as it
//! happens and noted in the [ghost](crate::ghost), where the first breach stays.

mod d3;
mod d4;
pub(crate) mod f2;
mod f3;
pub(crate) mod f8;
mod i1;
mod i10;
mod i11;
mod i12;
mod i13;
mod i14;
pub(crate) mod i15;
pub(crate) mod i16;
mod i19;
pub(crate) mod i2;
mod i20;
mod i21;
mod i22;
mod i3;
mod i4;
mod i5;
mod i6;
pub(crate) mod i7;
mod i8;
mod i9;
mod m5;
mod p1;
mod p3;

use farshore_core::authority::agent::AgentRecord;
use farshore_core::event::{Alert, Event};
use farshore_core::ids::{Epoch, GroupIx, GroupKey, HostIx, Index, LunIx, LunKey, Side, VmIx};
use farshore_core::input::Fact;
use farshore_core::inventory::{Replication, Vm};
use farshore_core::message::{Body, Message, Scope, Stage, Standing};
use farshore_core::operation::{Goal, Op, Step, Target, Token};
use farshore_core::policy::ErrorKind;
use farshore_core::record::{GivePhase, GroupRecord, Protection, TakePhase, VmVerdict, Work};
use farshore_core::time::Millis;

use crate::action::{Happening, Outcome};
use crate::array::{LunCopy, LunState, Resync};
use crate::disk::missing;
use crate::ghost::{Doubt, EpochGhost, Ghost, Release, before_release};
use crate::host::Guest;
use crate::intent;
use crate::reports::Paths;
use crate::scope::Wire;
use crate::setup::Setup;
use crate::world::World;

/// Something that must hold in every world that can be reached.
#[derive(Clone, Copy, Debug)]
pub struct Property {
    /// Its name in the protocol.
    pub name: &'static str,
    /// The protocol's words.
    pub rule: &'static str,
    /// Whether it holds; if not, what is wrong.
    pub holds: fn(&World, &Setup) -> Result<(), &'static str>,
}

/// Every property, in the order in which they are looked at.
pub const ALWAYS: &[Property] = &[
    i1::PROPERTY,
    i2::PROPERTY,
    i3::PROPERTY,
    i4::PROPERTY,
    i5::PROPERTY,
    i6::PROPERTY,
    i7::PROPERTY,
    i8::PROPERTY,
    i9::PROPERTY,
    i10::PROPERTY,
    i11::PROPERTY,
    i12::PROPERTY,
    i13::PROPERTY,
    i14::PROPERTY,
    i15::PROPERTY,
    i16::PROPERTY,
    i19::PROPERTY,
    i20::PROPERTY,
    i21::PROPERTY,
    i22::PROPERTY,
    f2::PROPERTY,
    f3::PROPERTY,
    f8::PROPERTY,
    d3::PROPERTY,
    d4::PROPERTY,
    p1::PROPERTY,
    p3::PROPERTY,
    m5::PROPERTY,
];

/// A property does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Its name.
    pub property: &'static str,
    /// What is wrong.
    pub what: String,
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.property, self.what)
    }
}

impl std::error::Error for Violation {}

impl World {
    /// Every property, and the invariants that each machine checks by itself.
    ///
    /// # Errors
    /// The first that does not hold. A breach that was seen as it happened comes before those that can still be seen.
    pub fn check(&self, setup: &Setup) -> Result<(), Violation> {
        if let Some(breach) = self.ghost.breach {
            return Err(Violation { property: breach.property, what: breach.what.into() });
        }
        for property in ALWAYS {
            (property.holds)(self, setup).map_err(|what| Violation { property: property.name, what: what.into() })?;
        }
        for side in Side::BOTH {
            if let Some(manager) = &self.node(side).manager {
                let checked = manager.check(setup.site(side));
                checked.map_err(|v| Violation { property: "CHECK", what: v.to_string() })?;
            }
        }
        Ok(())
    }
}

/// Whether no breach of this property was noted.
fn unbroken(world: &World, property: &str) -> Result<(), &'static str> {
    match world.ghost.breach {
        Some(breach) if breach.property == property => Err(breach.what),
        Some(_) | None => Ok(()),
    }
}

/// A manager is about to be told a fact.
pub(crate) fn before_fact(world: &mut World, setup: &Setup, side: Side, fact: &Fact) {
    match fact {
        Fact::Message(message) => f3::told(world, setup, side, message),
        // What an earlier manager asked for tells this one nothing (J4).
        Fact::Answer { id, attempt, outcome } if attempt / 256 == world.node(side).boot => {
            world.ghost.answered(side, *id, *attempt, outcome.as_ref().ok());
        }
        Fact::Observed { group, target, seen: Some(seen) } => {
            world.ghost.observed(side, *group, *target, seen);
        }
        _ => {}
    }
}

/// A manager sends a message.
pub(crate) fn before_send(world: &mut World, setup: &Setup, side: Side, message: &Message) {
    i10::message(world, setup, side, message);
}

/// A manager issues a command.
pub(crate) fn before_do(world: &mut World, setup: &Setup, side: Side, op: &Op) {
    let record = world.node(side).record(op.id.group).cloned();
    i10::command(world, side, record.as_ref(), op);
    i14::issued(world, setup, side, op);
    i12::issued(world, setup, side, op);
    if let Some(record) = &record {
        i3::issued(world, setup, side, record, op);
        p3::issued(world, record, op);
    }
}

/// A manager tells people something.
pub(crate) fn on_event(world: &mut World, side: Side, event: &Event) {
    if let Event::Marked { group, lun, epoch } = *event {
        i8::said(world, side, group, lun, epoch);
    }
}

/// A record of a site becomes durable.
pub(crate) fn on_durable(world: &mut World, setup: &Setup, side: Side, old: Option<&GroupRecord>, new: &GroupRecord) {
    let Some(group) = setup.inventory().groups.find(new.group) else { return };
    world.written(setup, side, new.group);
    i7::durable(world, side, group, old, new);
    i22::durable(world, group, new);
    m5::durable(world, old, new);
    p3::ended(world, setup, side, old, new);
    let epoch = new.authority.epoch();
    if matches!(&new.work, Work::Take(t) if t.phase == (TakePhase::Acquiring { forced: true })) {
        world.ghost.epoch_mut(group, epoch).seized = true;
    }
    let then =
        |standing: Standing| old.is_some_and(|o| o.authority.epoch() == epoch && o.authority.standing() == standing);
    match new.authority.standing() {
        Standing::Released if !then(Standing::Released) => on_release(world, setup, side, group, new),
        Standing::Active if !then(Standing::Active) && epoch > Epoch::FIRST => {
            i21::taken(world, setup, side, group, new);
        }
        Standing::Active | Standing::Standby | Standing::Released => {}
    }
    for key in new.marks.keys().filter(|&l| old.is_none_or(|o| o.marks.get(l) != new.marks.get(l))) {
        i8::marked(world, new, *key);
        if let Some(lun) = setup.inventory().luns.find(*key) {
            i19::marked(world, setup, side, lun);
            d3::marked(world, side, lun, new.cut_off.contains(key));
        }
    }
    let newly = new.protection == Protection::Protected && old.is_none_or(|o| o.protection != Protection::Protected);
    if newly && new.authority.is_active() {
        p1::protected(world, setup, side, group);
    }
}

fn on_release(world: &mut World, setup: &Setup, side: Side, group: GroupIx, record: &GroupRecord) {
    let Work::Give(give) = &record.work else {
        return world.ghost.breached("F3", "a group is released by no workflow");
    };
    f3::released(world, group, record);
    f2::released(world, setup, side, group, record);
    i9::released(world, group, side, give.incident);
    let release = Release { by: side, incident: give.incident, plan: give.offer.plan_hash, forced: give.forced };
    world.ghost.epoch_mut(group, record.authority.epoch()).release = Some(release);
}

/// A copy is about to become writable to VMs.
pub(crate) fn on_writable(world: &mut World, setup: &Setup, side: Side, lun: LunIx, op: &Op, out: &mut Outcome) {
    let info = &setup.inventory().luns[lun];
    let Some(group) = info.group else { return };
    i4::writable(world, setup, side, lun, group, op);
    d4::writable(world, side, lun);
    let Some(copy) = world.luns[lun.at()].at(side) else { return };
    let (age, content) = (copy.age, copy.content.clone());
    let vms = setup.vms_on(lun);
    let lost: Vec<u32> =
        vms.iter().zip(&content.writes).map(|(v, held)| missing(held, &world.ghost.acked[v.at()])).collect();
    let all = lost.iter().sum();
    let before = Epoch(op.id.token.epoch.0.saturating_sub(1));
    let last = world.ghost.epoch(group, before);
    let overridden = last.release.is_some_and(|r| r.forced) || (last.release.is_none() && last.seized);
    match info.replication {
        Some(Replication::Asynchronous { rpo }) => i6::loses(world, content.torn, all, age, rpo, overridden),
        Some(Replication::Synchronous) | None => i5::loses(world, content.torn, all, overridden),
    }
    for ((vm, held), lost) in vms.iter().zip(&content.writes).zip(lost) {
        if lost > 0 {
            world.ghost.lost[vm.at()] += lost;
            out.happened.push(Happening::WritesLost(*vm, lost));
            for (acked, held) in world.ghost.acked[vm.at()].iter_mut().zip(held) {
                *acked = (*acked).min(*held);
            }
        }
    }
}

/// A VM is about to start.
pub(crate) fn on_start(world: &mut World, setup: &Setup, side: Side, vm: VmIx, op: &Op) {
    if let Some(group) = setup.inventory().vms[vm].group {
        i3::applied(world, setup, side, group, op);
        i6::started(world, setup, side, vm);
    }
}
