//! The groups of a silent site (O11): through M3 to M6, then to the agent.

use alloc::collections::BTreeMap;

use super::RecoveryManager;
use super::command::name;
use super::incident::critical;
use super::stake::agreed;
use crate::choosing;
use crate::effect::Effects;
use crate::error::Rejected;
use crate::event::{Alert, Event};
use crate::failover::GroupState;
use crate::gate;
use crate::ids::{GroupIx, GroupKey};
use crate::inventory::Site;
use crate::message::{Offer, Standing};
use crate::policy::{Automation, ErrorKind, RecoveryType};
use crate::record::{Hold, Latch, Protection, Take, TakePhase, Work};
use crate::time::Instant;
use crate::waiver::Override;

/// What would be offered for a group whose owner's site is silent, and whether the gate would hold it (M3, M4).
pub(crate) fn offer_for_silent(site: &Site, group: GroupKey) -> Option<(Offer, Option<Hold>)> {
    let (g, info) = site.inventory.groups.by_key(group)?;
    let recovery = site.policy.recovery_of(info.home);
    let (plan, _) = choosing::choose(&site.policy, g, ErrorKind::SiteLost, recovery.kind())?;
    let passage = gate::gate(recovery, critical(site, g));
    let plan = &site.inventory.plans[plan];
    let offer = Offer {
        plan: plan.key,
        plan_hash: plan.hash,
        config: info.hash,
        kind: ErrorKind::SiteLost,
        scope: passage.scope,
    };
    Some((offer, passage.hold))
}

impl RecoveryManager {
    /// The agent says whether the peer's is silent.
    pub(super) fn peer_silent(&mut self, site: &Site, silent: bool) {
        if self.silent != silent {
            self.silent = silent;
            self.touched.extend(site.inventory.groups.indices());
        }
    }

    /// O11: a group of a silent site is taken over, where policy leaves that to nobody.
    pub(super) fn seize(&mut self, site: &Site, now: Instant, effects: &mut Effects, g: GroupIx) {
        let state = &self.groups[g.0 as usize];
        if !self.silent {
            return self.heard_again(site, now, effects, g);
        }
        let automatic = site.policy.arbiter.is_some_and(|arbiter| arbiter.automatic)
            && !self.site_record.maintenance
            && site.inventory.groups[g].mode == Automation::Automatic;
        let resting = state.record.work == Work::Idle && state.record.latch.is_none();
        if !resting || !may_be_taken(state) {
            return;
        }
        let held = offer_for_silent(site, state.record.group).is_none_or(|(_, hold)| self.held(site, hold));
        if !automatic || held || state.record.cooling {
            return self.with(site, now, effects, g, |state, cx| state.latch(cx, Latch::SiteSilent));
        }
        self.begin_acquire(site, now, effects, g, false);
    }

    /// M3: at a lost site everything is affected; what the gate holds otherwise is left to an operator.
    fn held(&self, site: &Site, hold: Option<Hold>) -> bool {
        match hold {
            None => false,
            Some(Hold::Count) => {
                let lost = site.inventory.groups.indices().filter(|g| may_be_taken(&self.groups[g.0 as usize]));
                let vms: usize = lost.map(|g| site.inventory.groups[g].vms.len()).sum();
                match site.policy.recovery_of(site.there()) {
                    RecoveryType::AtLeast { vms: least } => vms < least as usize,
                    RecoveryType::Everything | RecoveryType::CriticalFirst { .. } => false,
                }
            }
            Some(Hold::Proposal | Hold::Manual | Hold::AfterCritical | Hold::OnRequest) => true,
        }
    }

    /// The site is not silent any more: what waited for a person waits no more.
    fn heard_again(&mut self, site: &Site, now: Instant, effects: &mut Effects, g: GroupIx) {
        let record = &self.groups[g.0 as usize].record;
        let waits = record.latch == Some(Latch::SiteSilent);
        let denied = record.latch == Some(Latch::Denied);
        if !waits && !denied {
            return;
        }
        self.with(site, now, effects, g, |state, cx| {
            state.unlatch(cx);
            state.clear(cx, |a| matches!(a, Alert::TakeoverDenied { .. }));
            if denied {
                state.hold_room(cx, BTreeMap::new());
                state.enter(cx, Work::Idle);
            }
        });
    }

    /// M6, from this site's own observations; then the agent is asked.
    fn begin_acquire(&mut self, site: &Site, now: Instant, effects: &mut Effects, g: GroupIx, forced: bool) {
        self.with(site, now, effects, g, |state, cx| {
            let group = state.record.group;
            let Some((offer, _)) = offer_for_silent(cx.site, group) else { return };
            match state.can_take(cx, g, true, &offer) {
                Err(reason) => {
                    cx.event(Event::Refused { group, reason });
                    state.latch(cx, Latch::SiteSilent);
                }
                Ok(placement) => {
                    let turn = state.record.authority.peer_turn();
                    state.enter(cx, Work::Take(Take::new(TakePhase::Acquiring { forced }, turn, offer)));
                    state.hold_room(cx, placement);
                }
            }
        });
    }

    /// O5, O9, I22: two operators take over the group of a silent site.
    pub(super) fn take_over(
        &mut self,
        site: &Site,
        now: Instant,
        effects: &mut Effects,
        given: Override,
    ) -> Result<(), Rejected> {
        let g = site.inventory.groups.find(given.group).ok_or(Rejected::UnknownGroup(given.group))?;
        let nothing = || match self.groups[g.0 as usize].run.verified {
            true => Rejected::NothingToDo { name: name(site, g) },
            false => Rejected::Unverified { name: name(site, g) },
        };
        let stake = self.takeover_stake(site, g).ok_or_else(nothing)?;
        let used = agreed(site, g, given, stake)?;
        self.with(site, now, effects, g, |state, cx| {
            state.overridden(cx, used);
            state.unlatch(cx);
            state.clear(cx, |a| matches!(a, Alert::TakeoverDenied { .. }));
        });
        self.begin_acquire(site, now, effects, g, true);
        Ok(())
    }
}

/// A group that the peer owns and this site has good copies and room of, as far as it was told.
pub(super) fn may_be_taken(state: &GroupState) -> bool {
    let record = &state.record;
    record.authority.standing() == Standing::Standby && record.protection == Protection::Protected && state.run.verified
}
