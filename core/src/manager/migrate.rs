//! Planned migration (F8): an operator moves a group, and nothing has failed.

use alloc::collections::BTreeMap;

use super::stake::agreed;
use super::{RecoveryManager, command};
use crate::choosing;
use crate::effect::Effects;
use crate::error::Rejected;
use crate::event::Event;
use crate::ids::{GroupIx, GroupKey};
use crate::inventory::Site;
use crate::message::{Offer, Scope};
use crate::policy::ErrorKind;
use crate::record::{Give, GivePhase, Protection, Window, Work};
use crate::time::Instant;
use crate::waiver::{Override, Waiver};

impl RecoveryManager {
    /// F8: the same protocol as a failover; any error before the release puts everything back.
    pub(super) fn migrate(
        &mut self,
        site: &Site,
        now: Instant,
        effects: &mut Effects,
        key: GroupKey,
    ) -> Result<(), Rejected> {
        let g = self.protected(site, key)?;
        let name = || command::name(site, g);
        if self.move_away(site, now, effects, g, ErrorKind::Planned, false) {
            return Ok(());
        }
        Err(Rejected::NothingToDo { name: name() })
    }

    /// A group that this site owns and that rests, protected: what an operator may move (F8) or unprotect (P3).
    pub(super) fn protected(&self, site: &Site, key: GroupKey) -> Result<GroupIx, Rejected> {
        let g = self.open(site, key, |_| true)?;
        let name = || command::name(site, g);
        let record = &self.groups[g.0 as usize].record;
        if !record.authority.is_active() {
            return Err(Rejected::NotOwner { name: name() });
        }
        if record.work != Work::Idle {
            return Err(Rejected::Busy { name: name() });
        }
        if let Some(why) = record.latch {
            return Err(Rejected::Latched { name: name(), why });
        }
        if record.protection != Protection::Protected {
            return Err(Rejected::NotProtected { name: name() });
        }
        Ok(g)
    }

    /// F10: the old owner takes the group back as it released it, and what was written since is given up.
    pub(super) fn roll_back(
        &mut self,
        site: &Site,
        now: Instant,
        effects: &mut Effects,
        given: Override,
    ) -> Result<(), Rejected> {
        let g = self.open(site, given.group, |s| s.record.window.is_some())?;
        let name = || command::name(site, g);
        let record = &self.groups[g.0 as usize].record;
        if record.window == Some(Window::Partial) {
            return Err(Rejected::NoWayBack { name: name() });
        }
        if record.work != Work::Idle {
            return Err(Rejected::Busy { name: name() });
        }
        if let Some(why) = record.latch {
            return Err(Rejected::Latched { name: name(), why });
        }
        let used = agreed(site, g, given, Waiver::Writes)?;
        if !self.move_away(site, now, effects, g, ErrorKind::RollBack, true) {
            return Err(Rejected::NothingToDo { name: name() });
        }
        self.with(site, now, effects, g, |state, cx| state.overridden(cx, used));
        Ok(())
    }

    /// Opens a failover of a group of which nothing is lost; whether a rule has a plan for it.
    pub(super) fn move_away(
        &mut self,
        site: &Site,
        now: Instant,
        effects: &mut Effects,
        g: GroupIx,
        kind: ErrorKind,
        forced: bool,
    ) -> bool {
        let recovery = site.policy.recovery_of(site.here);
        let Some((plan, rule)) = choosing::choose(&site.policy, g, kind, recovery.kind()) else { return false };
        let plan = &site.inventory.plans[plan];
        let config = site.inventory.groups[g].hash;
        let offer = Offer { plan: plan.key, plan_hash: plan.hash, config, kind, scope: Scope::All };
        self.site_record.incident = self.site_record.incident.wrapping_add(1);
        self.site_durability.touch();
        let incident = self.site_record.incident;
        let give = Give { phase: GivePhase::Queued, incident, offer, luns: BTreeMap::new(), forced, expiry: false };
        self.with(site, now, effects, g, |state, cx| {
            let group = state.record.group;
            cx.event(Event::PlanChosen { group, plan: offer.plan, rule, kind, scope: offer.scope });
            state.record.tries = 0;
            state.open_give(cx, give);
        });
        true
    }
}
