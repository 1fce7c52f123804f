//! What a person says to what asks, and tests of plans (F6, F8).

use super::{RecoveryManager, command::name};
use crate::choosing;
use crate::effect::Effects;
use crate::error::Rejected;
use crate::failover::place;
use crate::ids::{GroupKey, StepKey, VmKey};
use crate::inventory::Site;
use crate::plan::Reply;
use crate::policy::ErrorKind;
use crate::record::{Protection, Work};
use crate::time::Instant;

impl RecoveryManager {
    /// F6: a VM that could not be started.
    pub(super) fn answer_vm(
        &mut self,
        site: &Site,
        now: Instant,
        effects: &mut Effects,
        vm: VmKey,
        skip: bool,
    ) -> Result<(), Rejected> {
        let group = site.inventory.vms.by_key(vm).and_then(|(_, v)| v.group);
        let g = group.ok_or(Rejected::UnknownVm(vm))?;
        if !self.groups[g.0 as usize].run.verified {
            return Err(Rejected::Unverified { name: name(site, g) });
        }
        if self.with(site, now, effects, g, |state, cx| state.answer_vm(cx, vm, skip)) {
            Ok(())
        } else {
            self.touched.remove(&g);
            Err(Rejected::NothingToDo { name: name(site, g) })
        }
    }

    /// F6: a prompt, or a command of the plan that failed.
    pub(super) fn answer_step(
        &mut self,
        site: &Site,
        now: Instant,
        effects: &mut Effects,
        (group, step): (GroupKey, StepKey),
        reply: Reply,
    ) -> Result<(), Rejected> {
        let g = self.open(site, group, |_| true)?;
        if self.with(site, now, effects, g, |state, cx| state.answer_step(cx, step, reply)) {
            Ok(())
        } else {
            self.touched.remove(&g);
            Err(Rejected::NothingToDo { name: name(site, g) })
        }
    }

    /// F8: a test of the plan that a planned migration would run, at the site that would take the group.
    pub(super) fn test(
        &mut self,
        site: &Site,
        now: Instant,
        effects: &mut Effects,
        key: GroupKey,
    ) -> Result<(), Rejected> {
        let g = self.open(site, key, |_| true)?;
        let name = || name(site, g);
        let record = &self.groups[g.0 as usize].record;
        if record.authority.standing() != crate::message::Standing::Standby {
            return Err(Rejected::IsOwner { name: name() });
        }
        if record.work != Work::Idle || record.test.is_some() {
            return Err(Rejected::Busy { name: name() });
        }
        if record.protection != Protection::Protected {
            return Err(Rejected::NotProtected { name: name() });
        }
        let recovery = site.policy.recovery_of(site.there());
        let chosen = choosing::choose(&site.policy, g, ErrorKind::Planned, recovery.kind());
        let Some((plan, _)) = chosen else { return Err(Rejected::NothingToDo { name: name() }) };
        let group = &site.inventory.groups[g];
        let place = place(site, site.here, group, &self.slots.held).map_err(|_| Rejected::NoRoom { name: name() })?;
        let plan = site.inventory.plans[plan].key;
        self.with(site, now, effects, g, |state, cx| state.begin_test(cx, plan, place));
        Ok(())
    }
}
