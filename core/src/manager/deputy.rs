//! O10: a manager that is lost alone. Its site's agent starts a deputy, which is this same machine, from the authority
//! that the agent holds; it moves the site's groups to the peer, as a planned migration does: any error puts them back.

use alloc::vec::Vec;

use super::RecoveryManager;
use super::incident::critical;
use super::offer_for_silent;
use crate::authority::agent::AgentRecord;
use crate::effect::Effects;
use crate::failover::{GroupState, Led};
use crate::gate;
use crate::ids::{GroupIx, GroupKey};
use crate::inventory::Site;
use crate::message::{Left, Standing};
use crate::policy::{Automation, ErrorKind};
use crate::record::{Give, GivePhase, GroupRecord, Protection, Records, Work};
use crate::time::Instant;

impl Records {
    /// What a deputy starts from where the manager's journal is lost with it. That a group was protected is assumed: the
    /// peer says so, or refuses, and the arrays are asked for the evidence (F1, F2a).
    ///
    /// A group that is released is handed over again (F4). How far its LUNs were drained stood in the journal: what the
    /// peer has is enough, or it would not have been released (F2a).
    #[must_use]
    pub fn for_deputy<'a>(site: &Site, held: impl Iterator<Item = &'a AgentRecord>) -> Self {
        let group = |agent: &AgentRecord| GroupRecord {
            authority: agent.authority,
            protection: Protection::Protected,
            work: match agent.authority.standing() {
                Standing::Released => handed_over(site, agent.group).map_or(Work::Idle, Work::Give),
                Standing::Active | Standing::Standby => Work::Idle,
            },
            ..GroupRecord::first(agent.group, false)
        };
        let mut groups: Vec<GroupRecord> = held.map(group).collect();
        groups.sort_by_key(|record| record.group);
        Self { groups, ..Self::first_start() }
    }

    /// What a manager that is back goes on with: the deputy's records of the groups that the deputy has dealt with.
    #[must_use]
    pub fn after_deputy(mut self, deputy: Self) -> Self {
        for theirs in deputy.groups {
            let at = self.groups.binary_search_by_key(&theirs.group, |r| r.group);
            match at {
                Err(at) => self.groups.insert(at, theirs),
                Ok(at) if !theirs.is_later_than(&self.groups[at]) => {}
                Ok(at) => {
                    let mine = &mut self.groups[at];
                    *mine = GroupRecord {
                        overrides: mine.overrides.saturating_add(theirs.overrides),
                        last_override: theirs.last_override.or(mine.last_override),
                        ..theirs
                    };
                }
            }
        }
        self
    }
}

fn handed_over(site: &Site, key: GroupKey) -> Option<Give> {
    let (offer, _) = offer_for_silent(site, key)?;
    let (_, group) = site.inventory.groups.by_key(key)?;
    let luns = group.luns.iter().map(|&lun| (site.inventory.luns[lun].key, Left::Undrained)).collect();
    Some(Give { phase: GivePhase::Released, incident: 0, offer, luns, forced: false, expiry: false })
}

impl GroupRecord {
    /// Whether a deputy's record says more than the manager's own, which may be ahead of the agent by one claim.
    fn is_later_than(&self, own: &Self) -> bool {
        let at = |record: &Self| (record.authority.epoch(), record.authority.turn());
        let follows =
            self.authority.epoch() == own.authority.epoch() && self.authority.standing() != own.authority.standing();
        at(self) > at(own) || (at(self) == at(own) && (follows || self.work != Work::Idle))
    }
}

impl RecoveryManager {
    /// Makes a deputy of a machine that has just been restored: it moves the groups that its site owns to the peer, each
    /// once, where policy leaves that to nobody (M3).
    pub fn deputize(&mut self, site: &Site, now: Instant, effects: &mut Effects) {
        self.deputy = true;
        self.touched.extend(site.inventory.groups.indices());
        self.settle(site, now, effects);
    }

    /// Whether this is a deputy.
    #[must_use]
    pub const fn is_deputy(&self) -> bool {
        self.deputy
    }

    /// A deputy puts back what the lost manager may have left half done, in a turn of its own, and then moves it.
    pub(super) fn lead(&mut self, site: &Site, now: Instant, effects: &mut Effects, g: GroupIx) {
        let state = &self.groups[g.0 as usize];
        let rests = state.record.work == Work::Idle && state.record.latch.is_none() && !state.any_lost();
        let owns = state.record.authority.is_active() && state.run.verified && state.authorized();
        if !self.deputy || !rests || !owns {
            return;
        }
        match state.run.led {
            Led::Not => return self.with(site, now, effects, g, GroupState::put_in_order),
            Led::InOrder => {}
            Led::Moved => return,
        }
        let passage = gate::gate(site.policy.recovery_of(site.here), critical(site, g));
        let automatic = site.inventory.groups[g].mode == Automation::Automatic && !self.site_record.maintenance;
        if passage.hold.is_none() && automatic {
            self.groups[g.0 as usize].run.led = Led::Moved;
            self.move_away(site, now, effects, g, ErrorKind::ManagerLost, false);
        }
    }
}
