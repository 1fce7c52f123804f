//! What tests of plans make, and commands of plans (F6, F8): objects that have nothing in common with the real ones.

use std::collections::BTreeMap;

use farshore_core::ids::{GroupIx, HostIx, Index, LunIx, Side, VmIx};
use farshore_core::inventory::Replication;
use farshore_core::operation::{CopySeen, Failure, Goal, Op, Point, Seen, StepSeen, Target, Token, VmSeen};

use crate::array::refuses;
use crate::setup::{Object, Setup};
use crate::world::World;

/// A test's copy of a LUN.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct TestLun {
    /// What is seen of it.
    pub seen: CopySeen,
    /// Complete points that were on the LUN when it was copied.
    pub points: Vec<Point>,
}

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
    pub luns: BTreeMap<(Side, LunIx), TestLun>,
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
        let lun = |&l: &LunIx| Side::BOTH.iter().any(|&s| self.stage.luns.get(&(s, l)).is_some_and(|c| c.seen.exists));
        let vm = |&v: &VmIx| Side::BOTH.iter().any(|&s| self.stage.vms.get(&(s, v)).is_some_and(|v| v.on.is_some()));
        group.luns.iter().any(lun) || group.vms.iter().any(vm)
    }

    /// The highest token that such an object has taken.
    pub(crate) fn stage_kept(&self, side: Side, group: Option<GroupIx>, object: Object) -> Option<Token> {
        match object {
            Object::TestLun(l) => self.stage.luns.get(&(side, l)).map(|c| c.seen.token),
            Object::TestVm(v) => self.stage.vms.get(&(side, v)).map(|v| v.token),
            Object::Step(key) => self.stage.steps.get(&(side, group?, Target::Step(key))).map(|s| s.token),
            Object::TestStep(key) => self.stage.steps.get(&(side, group?, Target::TestStep(key))).map(|s| s.token),
            Object::Lun(_) | Object::Host(_) | Object::Vm(_) => None,
        }
    }

    /// Applies a command to a test's copy of a LUN.
    pub(crate) fn apply_test_lun(&mut self, setup: &Setup, side: Side, lun: LunIx, op: &Op) -> Result<Seen, Failure> {
        let held = self.stage.luns.get(&(side, lun)).cloned().unwrap_or_default();
        if refuses(held.seen.token, op.id.token) {
            return Err(Failure::Superseded);
        }
        let (points, point) = match op.goal {
            Goal::Copied => self.points_now(setup, side, lun)?,
            Goal::CopiedAt { point } if held.points.contains(&point) => (held.points, Some(point)),
            Goal::CopiedAt { .. } => return Err(Failure::Failed),
            Goal::Gone => (Vec::new(), None),
            _ => return Err(Failure::Unknown),
        };
        let seen = CopySeen { token: op.id.token, exists: op.goal != Goal::Gone, point };
        self.stage.luns.insert((side, lun), TestLun { seen, points });
        Ok(Seen::Copy(seen))
    }

    /// The complete points of a LUN, and the one that a copy is made of: of an asynchronous LUN the last.
    fn points_now(&self, setup: &Setup, side: Side, lun: LunIx) -> Result<(Vec<Point>, Option<Point>), Failure> {
        let copy = self.luns[lun.at()].at(side).filter(|c| c.present).ok_or(Failure::Lost)?;
        let points: Vec<Point> = copy.points.iter().map(|p| p.point).collect();
        match setup.inventory().luns[lun].replication {
            Some(Replication::Asynchronous { .. }) => match points.last() {
                Some(&last) => Ok((points, Some(last))),
                None => Err(Failure::Failed),
            },
            Some(Replication::Synchronous) | None if copy.content.torn => Err(Failure::Failed),
            Some(Replication::Synchronous) | None => Ok((points, None)),
        }
    }

    /// Applies a command to a test's copy of a VM: it starts where copies of all its LUNs are.
    pub(crate) fn apply_test_vm(&mut self, setup: &Setup, side: Side, vm: VmIx, op: &Op) -> Result<Seen, Failure> {
        let held = self.stage.vms.get(&(side, vm)).copied().unwrap_or_default();
        if refuses(held.token, op.id.token) {
            return Err(Failure::Superseded);
        }
        let on = match op.goal {
            Goal::Running { on } => {
                let copied = |l: &LunIx| self.stage.luns.get(&(side, *l)).is_some_and(|c| c.seen.exists);
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
            Object::TestLun(l) => Some(Seen::Copy(self.stage.luns.get(&(side, l)).map(|l| l.seen).unwrap_or_default())),
            Object::TestVm(v) => Some(Seen::Vm(self.test_vm_seen(setup, side, v))),
            Object::Step(key) => Some(step(Target::Step(key))),
            Object::TestStep(key) => Some(step(Target::TestStep(key))),
            Object::Lun(_) | Object::Host(_) | Object::Vm(_) => None,
        }
    }
}
