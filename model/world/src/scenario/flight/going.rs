//! What goes on by itself: saves, reports, heartbeats, replication, guests' writes.

use farshore_core::ids::{HostIx, Index, LunIx, Side, VmIx};

use super::Flights;
use super::fate::Fate;
use crate::action::Action;
use crate::array::Resync;
use crate::host::Guest;
use crate::reports::Report;
use crate::scenario::file::Between;
use crate::scenario::timeline::Struck;
use crate::setup::Setup;
use crate::world::World;

/// A host repeats a report that nobody acknowledges.
const REPEAT: Between = Between::ms(5000, 5000);

/// Something that goes on by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Going {
    Save(Side),
    Report(HostIx, LunIx),
    Beat(Side, VmIx),
    Sync(LunIx),
    Cycle(u32),
    Land(LunIx),
    Mirror(LunIx),
    Write(VmIx),
}

impl Flights {
    pub(super) fn going_fate(&mut self, setup: &Setup, world: &World, what: Going) -> Fate {
        let management = self.pace.delays.management;
        let between = match what {
            Going::Save(_) => self.pace.delays.journal,
            Going::Report(host, lun) => {
                if report(setup, world, host, lun) == Some(Report::Told) {
                    REPEAT
                } else {
                    let how = self.struck(|s| match s {
                        Struck::Report { host: h, lun: l } => h.is_none_or(|h| h == host) && l.is_none_or(|l| l == lun),
                        Struck::Op { .. } | Struck::Mail { .. } | Struck::Letter { .. } => false,
                    });
                    return self.fated(world.now, management, how);
                }
            }
            Going::Beat(side, vm) => match world.vms[vm.at()].at[side.at()].guest {
                Guest::Booting => self.pace.guests.boot,
                Guest::Off | Guest::Up | Guest::Hung => management,
            },
            Going::Sync(lun) if world.luns[lun.at()].pair.resync == Resync::Copying => self.pace.replication.resync,
            Going::Sync(_) | Going::Mirror(_) => management,
            Going::Cycle(_) => self.pace.replication.pause,
            Going::Land(_) => self.pace.replication.delta,
            Going::Write(_) => self.pace.guests.write_every,
        };
        self.plain(world.now, between)
    }
}

fn report(setup: &Setup, world: &World, host: HostIx, lun: LunIx) -> Option<Report> {
    let side = setup.inventory().hosts[host].side;
    world.luns[lun.at()].at(side)?.paths(setup, lun, host).map(|p| p.report)
}

/// Whether something can go on, and a number that tells one going from the next.
pub(super) fn sign(setup: &Setup, world: &World, what: Going) -> Option<u64> {
    match what {
        Going::Save(side) => {
            let saving = world.node(side).saving.as_ref()?;
            Some(u64::from(saving.id.boot) << 1 | u64::from(saving.id.bit))
        }
        Going::Report(host, lun) => {
            let side = setup.inventory().hosts[host].side;
            match report(setup, world, host, lun)? {
                Report::Quiet => None,
                told => world.can_report(side, host).then_some(u64::from(told == Report::Told)),
            }
        }
        Going::Beat(side, vm) => {
            let booting = world.vms[vm.at()].at[side.at()].guest == Guest::Booting;
            world.can_beat(side, vm).then_some(u64::from(booting))
        }
        Going::Sync(lun) => {
            let copying = world.luns[lun.at()].pair.resync == Resync::Copying;
            world.can_sync(setup, lun).then_some(u64::from(copying))
        }
        Going::Cycle(set) => world.can_cycle(setup, set as usize).then_some(0),
        Going::Land(lun) => world.can_land(setup, lun).then_some(0),
        Going::Mirror(lun) => world.mirror_news(setup, lun).map(|(_, broken)| u64::from(broken)),
        Going::Write(vm) => Side::BOTH.into_iter().any(|s| world.can_write(setup, s, vm)).then_some(0),
    }
}

pub(super) const fn going(what: Going) -> Action {
    match what {
        Going::Save(side) => Action::Saved(side),
        Going::Report(host, lun) => Action::Report { host, lun },
        Going::Beat(side, vm) => Action::Beat(side, vm),
        Going::Sync(lun) => Action::Sync(lun),
        Going::Cycle(set) => Action::Cycle(set),
        Going::Land(lun) => Action::Land(lun),
        Going::Mirror(lun) => Action::Mirror(lun),
        Going::Write(vm) => Action::Write(vm),
    }
}
