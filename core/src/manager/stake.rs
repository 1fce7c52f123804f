//! What is at stake where a group waits for an operator's word, and what comes of the word (I22).

use super::RecoveryManager;
use super::command::name;
use super::silence::may_be_taken;
use crate::error::Rejected;
use crate::event::{Alert, Event};
use crate::failover::{Cx, GroupState};
use crate::ids::{GroupIx, GroupKey};
use crate::inventory::Site;
use crate::record::{Give, GivePhase, Latch, TakePhase, Window, Work};
use crate::time::Millis;
use crate::waiver::{Override, Waiver};

impl RecoveryManager {
    /// What an override of a group has to give up, as things are; `None`: nothing of it waits for one.
    #[must_use]
    pub fn stake(&self, site: &Site, group: GroupKey) -> Option<Waiver> {
        let g = site.inventory.groups.find(group)?;
        let writes = || {
            let record = &self.groups[g.0 as usize].record;
            (record.window == Some(Window::Complete)).then_some(Waiver::Writes)
        };
        self.takeover_stake(site, g).or_else(|| self.forced_stake(g)).or_else(writes)
    }

    /// Of [`Command::Force`](crate::input::Command::Force).
    pub(super) fn forced_stake(&self, g: GroupIx) -> Option<Waiver> {
        let state = &self.groups[g.0 as usize];
        let for_evidence = state.record.latch == Some(Latch::Evidence)
            && matches!(&state.record.work, Work::Give(Give { phase: GivePhase::Quiescing, forced: false, .. }));
        let for_journal = !state.run.verified && state.record.latch != Some(Latch::JournalBehind);
        if for_journal {
            return Some(Waiver::Journal);
        }
        for_evidence.then(|| Waiver::Evidence { loss: worst(&state.record.alerts) })
    }

    /// Of [`Command::TakeOver`](crate::input::Command::TakeOver).
    pub(super) fn takeover_stake(&self, site: &Site, g: GroupIx) -> Option<Waiver> {
        let state = &self.groups[g.0 as usize];
        let latched = matches!(state.record.latch, Some(Latch::SiteSilent | Latch::Denied));
        let acquiring = matches!(&state.record.work, Work::Take(t) if matches!(t.phase, TakePhase::Acquiring { .. }));
        let waits = (latched || site.policy.arbiter.is_none()) && (state.record.work == Work::Idle || acquiring);
        if !waits || !may_be_taken(state) {
            return None;
        }
        let Some(arbiter) = &site.policy.arbiter else { return Some(Waiver::Fence) };
        let denied = state.record.alerts.iter().find_map(|alert| match alert {
            Alert::TakeoverDenied { why: crate::authority::wire::Denial::Proof(proof), .. } => Some(*proof),
            _ => None,
        });
        Some(Waiver::Takeover { loss: denied.and_then(|proof| proof.loss(arbiter.leases.length())) })
    }
}

impl GroupState {
    /// I22: it is recorded, and used.
    pub(super) fn overridden(&mut self, cx: &mut Cx<'_>, used: Override) {
        self.record.overrides = self.record.overrides.saturating_add(1);
        self.record.last_override = Some(used);
        self.touch();
        cx.event(Event::Overridden(used));
    }
}

/// An override that covers what is at stake, given by as many persons as it takes; what is recorded is the stake.
pub(super) fn agreed(site: &Site, g: GroupIx, given: Override, stake: Waiver) -> Result<Override, Rejected> {
    if !given.waives.covers(stake) {
        return Err(Rejected::AtStake { name: name(site, g), stake });
    }
    if stake.takes_two() && given.second.is_none_or(|second| second == given.by) {
        return Err(Rejected::TakesTwo { name: name(site, g), stake });
    }
    Ok(Override { waives: stake, ..given })
}

/// Age of the oldest copy that an alert names; `None`: of one of them nobody knows it.
fn worst<'a>(alerts: impl IntoIterator<Item = &'a Alert>) -> Option<Millis> {
    let lags =
        alerts.into_iter().filter_map(|alert| if let Alert::Loss { lag, .. } = alert { Some(*lag) } else { None });
    lags.reduce(|a, b| Some(a?.max(b?))).flatten()
}
