//! Hosts and VMs: the states they are brought into, what is seen of them. A host decides nothing (J2).

use farshore_core::ids::{GroupIx, HostIx, HostKey, Index, LunIx, Side, VmIx};
use farshore_core::inventory::Readiness;
use farshore_core::operation::{Failure, Goal, HostSeen, Op, Seen, Token, VmSeen};

use crate::action::{Happening, Outcome};
use crate::array::refuses;
use crate::properties;
use crate::setup::{Object, Setup};
use crate::world::World;

/// How a host is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Health {
    /// It works.
    Up,
    /// It answers nothing; its VMs run on.
    Hung,
    /// It is gone, and its VMs with it.
    Lost,
}

/// A host.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostState {
    /// How it is.
    pub health: Health,
    /// What it holds of each group that it can touch, in the order of [`Setup::host_groups`].
    pub groups: Box<[HostGroup]>,
}

/// What a host holds of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct HostGroup {
    /// Highest token applied; durable.
    pub token: Token,
    /// The group's datastores are mounted.
    pub mounted: bool,
}

/// How a guest is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Guest {
    /// The VM does not run.
    #[default]
    Off,
    /// It boots.
    Booting,
    /// It is up.
    Up,
    /// It will never be.
    Hung,
}

/// A VM, at one site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct VmAt {
    /// Highest token applied; durable.
    pub token: Token,
    /// It is registered here.
    pub registered: bool,
    /// The host that runs it, or ran it when it was lost.
    pub on: Option<HostIx>,
    /// Its guest.
    pub guest: Guest,
    /// It waits on a disk that is lost or read-only. It still runs, in the sense of I2.
    pub stuck: bool,
    /// Its guest has a heartbeat to send.
    pub beat: bool,
}

/// A VM, at both sites.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct VmState {
    /// By [`Side`].
    pub at: [VmAt; 2],
}

impl World {
    /// Whether a VM runs at a site, stuck or not.
    #[must_use]
    pub fn runs(&self, side: Side, vm: VmIx) -> bool {
        let on = self.vms[vm.at()].at[side.at()].on;
        on.is_some_and(|h| self.hosts[h.at()].health != Health::Lost)
    }

    /// What a host holds of a group.
    #[must_use]
    pub fn host_group(&self, setup: &Setup, host: HostIx, group: GroupIx) -> Option<&HostGroup> {
        let at = setup.host_groups[host.at()].binary_search(&group).ok()?;
        self.hosts[host.at()].groups.get(at)
    }

    fn host_group_mut(&mut self, setup: &Setup, host: HostIx, group: GroupIx) -> Option<&mut HostGroup> {
        let at = setup.host_groups[host.at()].binary_search(&group).ok()?;
        self.hosts[host.at()].groups.get_mut(at)
    }

    /// Whether the hosts that a command or an observation needs answer.
    pub(crate) fn hosts_answer(&self, side: Side, object: Object, goal: Option<Goal>, setup: &Setup) -> bool {
        let up = |h: HostIx| self.hosts[h.at()].health == Health::Up;
        match object {
            Object::Lun(_) | Object::TestLun(_) | Object::Step(_) | Object::TestStep(_) => true,
            Object::TestVm(v) => {
                let on = match goal {
                    Some(Goal::Running { on }) => setup.inventory().hosts.find(on),
                    _ => None,
                };
                on.is_none_or(up) && self.stage.vms.get(&(side, v)).and_then(|v| v.on).is_none_or(up)
            }
            Object::Host(h) => up(h),
            Object::Vm(v) => {
                let on = match goal {
                    Some(Goal::Running { on }) => setup.inventory().hosts.find(on),
                    _ => None,
                };
                on.is_none_or(up) && self.vms[v.at()].at[side.at()].on.is_none_or(up)
            }
        }
    }

    /// Applies a command to a host, for one group.
    pub(crate) fn apply_host(
        &mut self,
        setup: &Setup,
        host: HostIx,
        op: &Op,
        out: &mut Outcome,
    ) -> Result<Seen, Failure> {
        let group = setup.inventory().groups.find(op.id.group).ok_or(Failure::Unknown)?;
        let held = *self.host_group(setup, host, group).ok_or(Failure::Unknown)?;
        if refuses(held.token, op.id.token) {
            return Err(Failure::Superseded);
        }
        properties::i7::applied(&mut self.ghost, held.token, op.id.token);
        let side = setup.inventory().hosts[host].side;
        let mounted = match op.goal {
            Goal::Fenced => {
                for &vm in &setup.inventory().groups[group].vms {
                    if self.vms[vm.at()].at[side.at()].on == Some(host) {
                        self.stop(side, vm, out);
                    }
                }
                false
            }
            Goal::Mounted => {
                let luns = &setup.inventory().groups[group].luns;
                let any = luns.iter().any(|l| self.luns[l.at()].writable(side));
                if !any {
                    return Err(Failure::Failed);
                }
                true
            }
            _ => return Err(Failure::Unknown),
        };
        if let Some(held) = self.host_group_mut(setup, host, group) {
            *held = HostGroup { token: held.token.max(op.id.token), mounted };
        }
        self.host_seen(setup, host, group).map(Seen::Host).ok_or(Failure::Unknown)
    }

    /// What a host tells of a group.
    pub(crate) fn host_seen(&self, setup: &Setup, host: HostIx, group: GroupIx) -> Option<HostSeen> {
        let held = self.host_group(setup, host, group)?;
        let side = setup.inventory().hosts[host].side;
        let vms = &setup.inventory().groups[group].vms;
        let running = vms.iter().filter(|v| self.vms[v.at()].at[side.at()].on == Some(host)).count();
        Some(HostSeen { token: held.token, running: u32::try_from(running).unwrap_or(u32::MAX), mounted: held.mounted })
    }

    /// Applies a command to a VM of a site.
    pub(crate) fn apply_vm(
        &mut self,
        setup: &Setup,
        side: Side,
        vm: VmIx,
        op: &Op,
        out: &mut Outcome,
    ) -> Result<Seen, Failure> {
        let at = self.vms[vm.at()].at[side.at()];
        if refuses(at.token, op.id.token) {
            return Err(Failure::Superseded);
        }
        match op.goal {
            Goal::Stopped { .. } => self.stop(side, vm, out),
            Goal::Running { on } => self.start(setup, side, vm, on, op, out)?,
            Goal::Placeholder | Goal::Unregistered if at.on.is_some() => return Err(Failure::Failed),
            Goal::Unregistered => self.vms[vm.at()].at[side.at()].registered = false,
            Goal::Placeholder => self.vms[vm.at()].at[side.at()].registered = true,
            _ => return Err(Failure::Unknown),
        }
        properties::i7::applied(&mut self.ghost, at.token, op.id.token);
        let at = &mut self.vms[vm.at()].at[side.at()];
        at.token = at.token.max(op.id.token);
        Ok(Seen::Vm(self.vm_seen(setup, side, vm)))
    }

    /// What a site tells of a VM.
    pub(crate) fn vm_seen(&self, setup: &Setup, side: Side, vm: VmIx) -> VmSeen {
        let at = &self.vms[vm.at()].at[side.at()];
        let key = |h: HostIx| -> HostKey { setup.inventory().hosts[h].key };
        VmSeen { token: at.token, running_on: at.on.map(key), registered: at.registered }
    }

    /// A VM starts on a host that has its disks mounted and has taken nothing newer.
    fn start(
        &mut self,
        setup: &Setup,
        side: Side,
        vm: VmIx,
        on: HostKey,
        op: &Op,
        out: &mut Outcome,
    ) -> Result<(), Failure> {
        let inventory = setup.inventory();
        let host = inventory.hosts.find(on).ok_or(Failure::Unknown)?;
        let info = &inventory.vms[vm];
        if let Some(held) = info.group.and_then(|g| self.host_group(setup, host, g)).copied() {
            if refuses(held.token, op.id.token) {
                return Err(Failure::Superseded);
            }
            if !held.mounted {
                return Err(Failure::Failed);
            }
            properties::i7::applied(&mut self.ghost, held.token, op.id.token);
        }
        if !self.enforcers_allow(side, info.group) || !info.luns.iter().all(|l| self.luns[l.at()].writable(side)) {
            return Err(Failure::Failed);
        }
        match self.vms[vm.at()].at[side.at()].on {
            Some(there) if there == host => return Ok(()),
            Some(_) => properties::i2::twice(&mut self.ghost),
            None => {}
        }
        properties::on_start(self, setup, side, vm, op);
        let guest = match info.ready {
            Readiness::PowerOn => Guest::Up,
            Readiness::Heartbeat | Readiness::Probe => Guest::Booting,
        };
        let at = &mut self.vms[vm.at()].at[side.at()];
        (at.on, at.registered, at.guest, at.stuck) = (Some(host), true, guest, false);
        at.beat = info.ready.is_told();
        out.happened.push(Happening::Started(side, vm, host));
        Ok(())
    }

    /// A VM runs here no more.
    pub(crate) fn stop(&mut self, side: Side, vm: VmIx, out: &mut Outcome) {
        let at = &mut self.vms[vm.at()].at[side.at()];
        if at.on.is_some() {
            out.happened.push(Happening::Stopped(side, vm));
        }
        (at.on, at.guest, at.stuck, at.beat) = (None, Guest::Off, false, false);
    }

    /// A site's copy of a LUN is lost or read-only now: guests on it hang.
    pub(crate) fn disks_gone(&mut self, setup: &Setup, side: Side, lun: LunIx) {
        for &vm in setup.vms_on(lun) {
            let at = &mut self.vms[vm.at()].at[side.at()];
            at.stuck |= at.on.is_some();
        }
    }

    /// A host is gone, with the VMs that run on it.
    pub(crate) fn lose_host(&mut self, setup: &Setup, host: HostIx, out: &mut Outcome) {
        self.hosts[host.at()].health = Health::Lost;
        let side = setup.inventory().hosts[host].side;
        for (vm, _) in setup.inventory().vms.iter() {
            if self.vms[vm.at()].at[side.at()].on == Some(host) {
                out.happened.push(Happening::Stopped(side, vm));
            }
        }
    }

    /// It is back, empty: nothing runs on it and nothing is mounted (autostart is off).
    pub(crate) fn return_host(&mut self, setup: &Setup, host: HostIx) {
        let side = setup.inventory().hosts[host].side;
        for vm in &mut self.vms {
            let at = &mut vm.at[side.at()];
            if at.on == Some(host) {
                (at.on, at.guest, at.stuck, at.beat) = (None, Guest::Off, false, false);
            }
        }
        let state = &mut self.hosts[host.at()];
        state.health = Health::Up;
        state.groups.iter_mut().for_each(|g| g.mounted = false);
    }
}
