//! What an operator asks for. A command that cannot be carried out is rejected and changes nothing.

use alloc::string::String;

use super::RecoveryManager;
use super::stake::agreed;
use crate::effect::Effects;
use crate::error::Rejected;
use crate::failover::GroupState;
use crate::ids::{GroupIx, GroupKey};
use crate::input::Command;
use crate::inventory::Site;
use crate::message::Scope;
use crate::record::{GivePhase, Latch, Take, TakePhase, Work};
use crate::time::Instant;
use crate::waiver::{Override, Waiver};

impl RecoveryManager {
    /// Takes a command.
    ///
    /// # Errors
    /// Why it was not carried out; nothing has changed then.
    pub fn command(
        &mut self,
        site: &Site,
        now: Instant,
        command: Command,
        effects: &mut Effects,
    ) -> Result<(), Rejected> {
        if self.refuses(site, effects) {
            return Err(Rejected::Halted);
        }
        match command {
            Command::Protect(groups) => {
                let found: Result<alloc::vec::Vec<GroupIx>, Rejected> =
                    groups.iter().map(|&key| self.protectable(site, key)).collect();
                for g in found? {
                    self.with(site, now, effects, g, GroupState::protect);
                }
            }
            Command::Unprotect(key) => {
                let g = self.protected(site, key)?;
                self.with(site, now, effects, g, GroupState::unprotect);
            }
            Command::Migrate(key) => self.migrate(site, now, effects, key)?,
            Command::Release(key) => {
                let g = self.open(site, key, |s| s.held().is_some())?;
                self.with(site, now, effects, g, GroupState::let_go);
            }
            Command::Pause(key) => {
                let g = self.open(site, key, GroupState::can_pause)?;
                self.with(site, now, effects, g, GroupState::pause);
            }
            Command::Resume(key) => {
                let g = self.open(site, key, GroupState::is_paused)?;
                self.with(site, now, effects, g, GroupState::unlatch);
            }
            Command::Cancel(key) => {
                let g = self.open(site, key, |s| matches!(s.record.work, Work::Give(_)))?;
                if !self.groups[g.0 as usize].record.authority.is_active() {
                    return Err(Rejected::Released { name: name(site, g) });
                }
                self.with(site, now, effects, g, |state, cx| {
                    state.unlatch(cx);
                    // F8: a migration that is called off leaves nothing that needs anyone.
                    if !state.call_off(cx) {
                        state.put_back(cx);
                        state.latch(cx, Latch::Cancelled);
                    }
                });
            }
            Command::Force(given) => self.force(site, now, effects, given)?,
            Command::Retry(key) => {
                let g = self.open(site, key, |s| {
                    s.record.latch.is_some_and(|l| !matches!(l, Latch::JournalBehind | Latch::Paused))
                })?;
                self.with(site, now, effects, g, |state, cx| {
                    state.unlatch(cx);
                    state.retry_failed();
                    state.record.tries = 0;
                    state.record.cooling = false;
                    state.touch();
                    if matches!(&state.record.work, Work::Give(give) if give.phase == GivePhase::BackingOff) {
                        state.begin_try(cx);
                    }
                });
            }
            Command::StartRemainder(key) => {
                let waiting =
                    |s: &GroupState| matches!(&s.record.work, Work::Take(Take { phase: TakePhase::Waiting, .. }));
                let g = self.open(site, key, waiting)?;
                self.with(site, now, effects, g, |state, cx| {
                    state.unlatch(cx);
                    if let Work::Take(take) = &mut state.record.work {
                        take.offer.scope = Scope::All;
                    }
                    state.take_phase(cx, TakePhase::Starting);
                });
            }
            Command::TakeOver(given) => self.take_over(site, now, effects, given)?,
            Command::RetryVm(vm) => self.answer_vm(site, now, effects, vm, false)?,
            Command::SkipVm(vm) => self.answer_vm(site, now, effects, vm, true)?,
            Command::AnswerStep { group, step, reply } => {
                self.answer_step(site, now, effects, (group, step), reply)?;
            }
            Command::Commit(key) => {
                let g = self.open(site, key, |s| s.record.window.is_some())?;
                self.with(site, now, effects, g, GroupState::commit);
            }
            Command::RollBack(given) => self.roll_back(site, now, effects, given)?,
            Command::Test(key) => self.test(site, now, effects, key)?,
            Command::EndTest(key) => {
                let g = self.open(site, key, |s| s.record.test.is_some())?;
                self.with(site, now, effects, g, GroupState::end_test);
            }
            Command::Maintenance(on) => {
                if self.site_record.maintenance != on {
                    self.site_record.maintenance = on;
                    self.site_durability.touch();
                }
            }
        }
        self.settle(site, now, effects);
        Ok(())
    }

    /// A group that an operator may act on, if `fits`.
    pub(super) fn open(
        &self,
        site: &Site,
        key: GroupKey,
        fits: impl Fn(&GroupState) -> bool,
    ) -> Result<GroupIx, Rejected> {
        let g = site.inventory.groups.find(key).ok_or(Rejected::UnknownGroup(key))?;
        let state = &self.groups[g.0 as usize];
        if !state.run.verified {
            return Err(Rejected::Unverified { name: name(site, g) });
        }
        if fits(state) { Ok(g) } else { Err(Rejected::NothingToDo { name: name(site, g) }) }
    }

    /// P1: a group that may be protected now.
    fn protectable(&self, site: &Site, key: GroupKey) -> Result<GroupIx, Rejected> {
        let g = self.open(site, key, |_| true)?;
        let record = &self.groups[g.0 as usize].record;
        if !record.authority.is_active() {
            return Err(Rejected::NotOwner { name: name(site, g) });
        }
        if record.work != Work::Idle {
            return Err(Rejected::Busy { name: name(site, g) });
        }
        if record.window.is_some() {
            return Err(Rejected::Uncommitted { name: name(site, g) });
        }
        let group = &site.inventory.groups[g];
        let paired = group.luns.iter().all(|&l| site.inventory.luns[l].ends.iter().all(Option::is_some));
        let mapped = group.vms.iter().all(|&v| site.inventory.vms[v].place[site.there().at()].is_some());
        // I15: a LUN that was lost here is not what the peer's copy may be overwritten with.
        let sound = record.marks.is_empty() && record.returning.is_empty();
        if !paired || !mapped || !sound {
            return Err(Rejected::NotProtectable { name: name(site, g) });
        }
        if let Some(why) = record.latch.filter(|&l| l != Latch::NotProtected) {
            return Err(Rejected::Latched { name: name(site, g), why });
        }
        Ok(g)
    }

    /// F2a, I22: an operator accepts what the alert names, once; or vouches for a journal that the peer cannot confirm (J5).
    fn force(&mut self, site: &Site, now: Instant, effects: &mut Effects, given: Override) -> Result<(), Rejected> {
        let g = site.inventory.groups.find(given.group).ok_or(Rejected::UnknownGroup(given.group))?;
        let nothing = || Rejected::NothingToDo { name: name(site, g) };
        let stake = self.forced_stake(g).ok_or_else(nothing)?;
        let used = agreed(site, g, given, stake)?;
        self.with(site, now, effects, g, |state, cx| {
            state.overridden(cx, used);
            if stake == Waiver::Journal {
                state.verify(cx);
            } else {
                state.unlatch(cx);
                if let Work::Give(give) = &mut state.record.work {
                    give.forced = true;
                }
            }
        });
        Ok(())
    }
}

pub(super) fn name(site: &Site, g: GroupIx) -> String {
    site.inventory.groups[g].name.clone()
}
