//! What tests of plans make, and commands of plans (F6, F8): objects that have nothing in common with the real ones.

use std::collections::BTreeMap;

use farshore_core::ids::{GroupIx, HostIx, Index, LunIx, Side, VmIx};
use farshore_core::inventory::Replication;
use farshore_core::operation::{CopySeen, Failure, Goal, Op, Point, Seen, StepSeen, Target, Token, VmSeen};

use crate::array::refuses;
use crate::setup::{Object, Setup};
use crate::world::World;

/// A test's copy of a VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TestVm {
    /// Highest token applied; durable.
    pub token: Token,
    /// The host that runs it.
    pub on: Option<HostIx>,
}

/// Everything of the kind, at both sites.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Stage {
    /// Copies of LUNs.
    pub luns: BTreeMap<(Side, LunIx), CopySeen>,
    /// Copies of VMs.
    pub vms: BTreeMap<(Side, VmIx), TestVm>,
    /// Commands of plans, by site and group, real ones and tested ones.
    pub steps: BTreeMap<(Side, GroupIx, Target), StepSeen>,
}

impl World {
    /// Whether anything is there that a test has made for a group.
    #[must_use]
    pub fn test_left(&self, setup: &Setup, group: GroupIx) -> bool {
        let group = &setup.inventory().groups[group];
        let lun = |&l: &LunIx| Side::BOTH.iter().any(|&s| self.stage.luns.get(&(s, l)).is_some_and(|c| c.exists));
        let vm = |&v: &VmIx| Side::BOTH.iter().any(|&s| self.stage.vms.get(&(s, v)).is_some_and(|v| v.on.is_some()));
        group.luns.iter().any(lun) || group.vms.iter().any(vm)
    }

    /// The highest token that such an object has taken.
    pub(crate) fn stage_kept(&self, side: Side, group: Option<GroupIx>, object: Object) -> Option<Token> {
        match object {
            Object::TestLun(l) => self.stage.luns.get(&(side, l)).map(|c| c.token),
            Object::TestVm(v) => self.stage.vms.get(&(side, v)).map(|v| v.token),
            Object::Step(key) => self.stage.steps.get(&(side, group?, Target::Step(key))).map(|s| s.token),
            Object::TestStep(key) => self.stage.steps.get(&(side, group?, Target::TestStep(key))).map(|s| s.token),
            Object::Lun(_) | Object::Host(_) | Object::Vm(_) => None,
        }
    }

    /// Applies a command to a test's copy of a LUN.
    pub(crate) fn apply_test_lun(&mut self, setup: &Setup, side: Side, lun: LunIx, op: &Op) -> Result<Seen, Failure> {
        let held = self.stage.luns.get(&(side, lun)).copied().unwrap_or_default();
        if refuses(held.token, op.id.token) {
            return Err(Failure::Superseded);
        }
        let point = match op.goal {
            Goal::Copied => self.newest_point(setup, side, lun)?,
            Goal::CopiedAt { point } => Some(self.has_point(side, lun, point)?),
            Goal::Gone => None,
            _ => return Err(Failure::Unknown),
        };
        let copy = CopySeen { token: op.id.token, exists: op.goal != Goal::Gone, point };
        self.stage.luns.insert((side, lun), copy);
        Ok(Seen::Copy(copy))
    }

    /// The point that a copy is made of: of an asynchronous LUN the last complete one.
    fn newest_point(&self, setup: &Setup, side: Side, lun: LunIx) -> Result<Option<Point>, Failure> {
        let copy = self.luns[lun.at()].at(side).filter(|c| c.present).ok_or(Failure::Lost)?;
        match setup.inventory().luns[lun].replication {
            Some(Replication::Asynchronous { .. }) => copy.points.last().map(|p| Some(p.point)).ok_or(Failure::Failed),
            Some(Replication::Synchronous) | None if copy.content.torn => Err(Failure::Failed),
            Some(Replication::Synchronous) | None => Ok(None),
        }
    }

    fn has_point(&self, side: Side, lun: LunIx, point: Point) -> Result<Point, Failure> {
        let copy = self.luns[lun.at()].at(side).filter(|c| c.present).ok_or(Failure::Lost)?;
        copy.points.iter().find(|p| p.point == point).map(|p| p.point).ok_or(Failure::Failed)
    }

    /// Applies a command to a test's copy of a VM: it starts where copies of all its LUNs are.
    pub(crate) fn apply_test_vm(&mut self, setup: &Setup, side: Side, vm: VmIx, op: &Op) -> Result<Seen, Failure> {
        let held = self.stage.vms.get(&(side, vm)).copied().unwrap_or_default();
        if refuses(held.token, op.id.token) {
            return Err(Failure::Superseded);
        }
        let on = match op.goal {
            Goal::Running { on } => {
                let copied = |l: &LunIx| self.stage.luns.get(&(side, *l)).is_some_and(|c| c.exists);
                if !setup.inventory().vms[vm].luns.iter().all(copied) {
                    return Err(Failure::Failed);
                }
                held.on.or(setup.inventory().hosts.find(on))
            }
            Goal::Gone => None,
            _ => return Err(Failure::Unknown),
        };
        self.stage.vms.insert((side, vm), TestVm { token: op.id.token, on });
        Ok(Seen::Vm(self.test_vm_seen(setup, side, vm)))
    }

    /// Runs a command of a plan.
    pub(crate) fn apply_step(&mut self, setup: &Setup, side: Side, op: &Op) -> Result<Seen, Failure> {
        let group = setup.inventory().groups.find(op.id.group).ok_or(Failure::Unknown)?;
        let held = self.stage.steps.entry((side, group, op.id.target)).or_default();
        if refuses(held.token, op.id.token) {
            return Err(Failure::Superseded);
        }
        *held = StepSeen { token: op.id.token, ran: true };
        Ok(Seen::Step(*held))
    }

    fn test_vm_seen(&self, setup: &Setup, side: Side, vm: VmIx) -> VmSeen {
        let held = self.stage.vms.get(&(side, vm)).copied().unwrap_or_default();
        let running_on = held.on.map(|h| setup.inventory().hosts[h].key);
        VmSeen { token: held.token, running_on, registered: held.on.is_some() }
    }

    /// What is seen of such an object.
    pub(crate) fn stage_seen(
        &self,
        setup: &Setup,
        side: Side,
        group: farshore_core::ids::GroupKey,
        object: Object,
    ) -> Option<Seen> {
        let group = setup.inventory().groups.find(group)?;
        let step = |target| Seen::Step(self.stage.steps.get(&(side, group, target)).copied().unwrap_or_default());
        match object {
            Object::TestLun(l) => Some(Seen::Copy(self.stage.luns.get(&(side, l)).copied().unwrap_or_default())),
            Object::TestVm(v) => Some(Seen::Vm(self.test_vm_seen(setup, side, v))),
            Object::Step(key) => Some(step(Target::Step(key))),
            Object::TestStep(key) => Some(step(Target::TestStep(key))),
            Object::Lun(_) | Object::Host(_) | Object::Vm(_) => None,
        }
    }
}
