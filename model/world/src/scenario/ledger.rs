//! What a report of a run needs and the timeline does not tell: what was there, and what became of it.

use farshore_core::ids::{Epoch, GroupIx, HostIx, Index, LunIx, LunKey, Side, VmIx};
use farshore_core::input::Command;
use farshore_core::message::Left;
use farshore_core::operation::{Goal, ReplicationSeen, Target};
use farshore_core::record::{GroupRecord, Work};
use farshore_core::time::Millis;

use crate::action::Happening;
use crate::setup::Setup;
use crate::world::World;

/// Something of which a report tells.
#[derive(Clone, Debug)]
pub struct Line {
    /// When, from the beginning of the scenario.
    pub at: Millis,
    /// How many entries the timeline had before.
    pub after: usize,
    /// At which site, where it is one.
    pub side: Option<Side>,
    /// What.
    pub what: Noted,
}

/// What is noted.
#[derive(Clone, Debug)]
pub enum Noted {
    /// An operator's command was taken.
    Ordered(Command),
    /// The site's copy of a LUN is lost.
    Lost(LunIx),
    /// A host was told to start a VM.
    Asked(VmIx, HostIx),
    /// The owner left a LUN like this (F2, F2a), and its array told this of replication.
    Left(LunIx, Left, ReplicationSeen),
    /// The site's copy became writable (F5); asynchronous: how old the point was, as of the loss, that it went back to.
    Promoted(LunIx, Option<Millis>),
    /// A VM starts: acknowledged writes that its disks hold.
    Held(VmIx, u32),
}

/// The notes of one run.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    /// In order.
    pub lines: Vec<Line>,
    gone: Vec<(Side, LunIx)>,
    asked: Vec<(Side, VmIx)>,
    left: Vec<(GroupIx, Epoch)>,
}

impl Ledger {
    pub(super) fn ordered(&mut self, at: Millis, after: usize, side: Side, command: Command) {
        self.lines.push(Line { at, after, side: Some(side), what: Noted::Ordered(command) });
    }

    pub(super) fn happened(&mut self, setup: &Setup, world: &World, (at, after): (Millis, usize), what: Happening) {
        match what {
            Happening::Started(side, vm, _) => {
                self.asked.retain(|&asked| asked != (side, vm));
                let held = world.ghost.acked[vm.at()].iter().sum();
                self.lines.push(Line { at, after, side: Some(side), what: Noted::Held(vm, held) });
            }
            Happening::Writable(side, lun, true) => {
                let copy = world.luns[lun.at()].at(side).filter(|_| !world.is_sync(setup, lun));
                let what = Noted::Promoted(lun, copy.map(|c| c.age));
                self.lines.push(Line { at, after, side: Some(side), what });
            }
            Happening::Stopped(..) | Happening::Writable(_, _, false) | Happening::WritesLost(..) => {}
        }
    }

    /// Sees what changed that no outcome tells.
    pub(super) fn look(&mut self, setup: &Setup, world: &World, at: Millis, after: usize) {
        let inventory = setup.inventory();
        for side in Side::BOTH {
            for lun in inventory.luns.indices() {
                let Some(copy) = world.luns[lun.at()].at(side) else { continue };
                let known = self.gone.contains(&(side, lun));
                if copy.present && known {
                    self.gone.retain(|&gone| gone != (side, lun));
                } else if !copy.present && !known {
                    self.gone.push((side, lun));
                    self.lines.push(Line { at, after, side: Some(side), what: Noted::Lost(lun) });
                }
            }
            for flight in &world.desks[side.at()].ops {
                let (Goal::Running { on }, Target::Vm(vm)) = (flight.item.goal, flight.item.id.target) else {
                    continue;
                };
                let (Some(vm), Some(on)) = (inventory.vms.find(vm), inventory.hosts.find(on)) else { continue };
                if !self.asked.contains(&(side, vm)) {
                    self.asked.push((side, vm));
                    self.lines.push(Line { at, after, side: Some(side), what: Noted::Asked(vm, on) });
                }
            }
            for g in inventory.groups.indices() {
                if let Some(record) = world.record(setup, side, g) {
                    self.left(setup, world, (at, after), (side, g), record);
                }
            }
        }
    }

    fn left(
        &mut self,
        setup: &Setup,
        world: &World,
        (at, after): (Millis, usize),
        (side, g): (Side, GroupIx),
        record: &GroupRecord,
    ) {
        let Work::Give(give) = &record.work else { return };
        let this = (g, record.authority.epoch());
        if give.luns.is_empty() || self.left.contains(&this) {
            return;
        }
        self.left.push(this);
        let line = |(&key, &left): (&LunKey, &Left)| {
            let lun = setup.inventory().luns.find(key)?;
            let seen = world.lun_seen(setup, side, lun).replication;
            Some(Line { at, after, side: Some(side), what: Noted::Left(lun, left, seen) })
        };
        self.lines.extend(give.luns.iter().filter_map(line));
    }
}
