//! What the site's agent holds, and what follows when it changes without the manager (O3, O10, O11, F7).

use alloc::collections::BTreeMap;

use super::{Cx, Durability, GroupState, Led, Wait, placement};
use crate::authority::agent::{Claim, Enforcers, Told};
use crate::authority::wire::Denial;
use crate::effect::Effect;
use crate::event::{Alert, Event};
use crate::ids::{GroupIx, Turn, VmKey};
use crate::message::{Offer, Scope, Standing};
use crate::operation::{Goal, Target};
use crate::record::{GivePhase, Latch, Protection, Take, TakePhase, VmVerdict, Work};

/// The stand-down's commands are above everything of the epochs before, and below everything of the new owner's.
const STANDING_DOWN: Turn = Turn(0);

impl GroupState {
    /// Whether the agent holds what the record says, and the site may run the group now if it is the owner (O1).
    pub(crate) fn authorized(&self) -> bool {
        let mine = self.record.authority;
        self.run.told.is_some_and(|told| told.authority == mine.bare() && (told.live || !mine.is_active()))
    }

    /// Claims what the record says, once it is durable; asks what the agent holds, where it has not said (O10).
    pub(super) fn claim(&mut self, cx: &mut Cx<'_>) {
        let mine = self.record.authority.bare();
        let withhold = matches!(&self.record.work, Work::Give(give) if give.expiry);
        let told_so = |told: Told| told.authority == mine && (!withhold || told.enforcers != Enforcers::Served);
        let agreed = self.run.told.is_some_and(|told| told_so(told) || (told.authority == mine && !mine.is_active()));
        if agreed || self.durability != Durability::Clean || self.run.waits.contains_key(&Wait::Claim) {
            return;
        }
        let from = self.run.told.map(|told| told.authority);
        cx.out.push(Effect::Claim(Claim { group: self.record.group, from, want: mine, withhold }));
        self.wait(Wait::Claim, cx.now + cx.site.policy.waits.resend);
    }

    /// The agent says what it holds. Where it is ahead, it is followed (O10).
    pub(crate) fn told_authority(&mut self, cx: &mut Cx<'_>, g: GroupIx, told: Told) {
        let refused = self.run.told == Some(told) && told.authority != self.record.authority.bare();
        self.run.told = Some(told);
        if !refused {
            // What was refused as things are is asked again later, or once they have changed: not at once, without end.
            self.run.waits.remove(&Wait::Claim);
        }
        let (mine, held) = (self.record.authority.bare(), told.authority);
        let same_epoch = held.epoch() == mine.epoch() && held.standing() == mine.standing();
        if same_epoch && held.is_active() && (held.turn() > mine.turn() || told.fenced) {
            self.was_stopped(cx, held.turn());
        } else if held.epoch() > mine.epoch() {
            match held.standing() {
                Standing::Active => self.owns_now(cx, g, told),
                Standing::Standby | Standing::Released => self.stand_down(cx, told),
            }
        } else if held != mine && !held.leads_to(&mine) {
            // J6: the agent's store and this journal do not go together; neither knows which is older.
            return self.latch(cx, Latch::JournalBehind);
        }
        if told.known && !self.run.verified && told.authority == self.record.authority.bare() {
            self.verify(cx);
        }
    }

    /// O3: authority ran out, and the agent stopped the group. Whatever was under way is over; once authority is back,
    /// in a later turn, everything is put back.
    fn was_stopped(&mut self, cx: &mut Cx<'_>, turn: Turn) {
        let stopping = matches!(&self.record.work, Work::Take(t) if t.phase == TakePhase::Stopping);
        if stopping && self.record.authority.turn() >= turn {
            return;
        }
        let before = self.record.authority.turn();
        if let Work::Give(give) = &self.record.work
            && matches!(give.phase, GivePhase::Preparing | GivePhase::Quiescing | GivePhase::Confirming)
        {
            self.run.abort = Some(before);
        }
        self.record.authority.adopt_turn(turn);
        self.forget();
        match self.record.work.clone() {
            // Nothing has been promoted: it goes on where it was, in the new turn.
            Work::Take(take) if matches!(take.phase, TakePhase::Cutting | TakePhase::Promoting) => {
                self.enter(cx, Work::Take(take));
            }
            Work::Take(take) => {
                let take = Take { phase: TakePhase::Stopping, verdicts: self.out_of_scope(cx, &take), ..take };
                self.enter(cx, Work::Take(take));
            }
            Work::Idle
            | Work::Protect(_)
            | Work::Shield { .. }
            | Work::Unprotect
            | Work::Unshield { .. }
            | Work::StandDown
            | Work::Give(_) => {
                let Some(offer) = self.an_offer(cx) else { return };
                let verdicts = self.vms_on_lost_luns(cx);
                self.enter(cx, Work::Take(Take { verdicts, ..Take::new(TakePhase::Stopping, before, offer) }));
            }
        }
        cx.event(Event::Aborted { group: self.record.group, turn });
    }

    /// O10: whatever was under way is over, and its commands are fenced; everything is put back.
    pub(crate) fn put_in_order(&mut self, cx: &mut Cx<'_>) {
        let Some(offer) = self.an_offer(cx) else { return };
        let turn = self.record.authority.next_turn();
        self.run.led = Led::InOrder;
        self.forget();
        let verdicts = self.vms_on_lost_luns(cx);
        self.enter(cx, Work::Take(Take { verdicts, ..Take::new(TakePhase::PuttingBack, turn, offer) }));
    }

    /// VMs that a recovery has not started stay as they are when it is put back (M3).
    fn out_of_scope(&self, cx: &Cx<'_>, take: &Take) -> BTreeMap<VmKey, VmVerdict> {
        let mut verdicts = take.verdicts.clone();
        let Some((_, group)) = cx.site.inventory.groups.by_key(self.record.group) else { return verdicts };
        let vms = group.vms.iter().map(|&v| &cx.site.inventory.vms[v]);
        for vm in vms.filter(|vm| matches!(take.offer.scope, Scope::Critical(_)) && !vm.critical) {
            verdicts.entry(vm.key).or_insert(VmVerdict::NotInScope);
        }
        verdicts
    }

    /// The offer of the present workflow, or what would be offered for a silent site.
    fn an_offer(&self, cx: &Cx<'_>) -> Option<Offer> {
        match &self.record.work {
            Work::Give(give) => Some(give.offer),
            Work::Take(take) => Some(take.offer),
            Work::Idle
            | Work::Protect(_)
            | Work::Shield { .. }
            | Work::Unprotect
            | Work::Unshield { .. }
            | Work::StandDown => crate::manager::offer_for_silent(cx.site, self.record.group).map(|(offer, _)| offer),
        }
    }

    /// A grant stands in the place of F1 to F4 (O11).
    fn owns_now(&mut self, cx: &mut Cx<'_>, g: GroupIx, told: Told) {
        let Some(offer) = self.an_offer(cx) else { return };
        let turn = self.record.authority.peer_turn();
        self.record.authority = told.authority;
        if self.record.placement.is_empty() {
            let group = &cx.site.inventory.groups[g];
            let placement = placement::place_what_fits(cx.site, cx.site.here, group, &cx.slots.held);
            self.hold_room(cx, placement);
        }
        self.owner_anew(cx);
        self.start_cooldown(cx);
        self.forget();
        self.enter(cx, Work::Take(Take::new(TakePhase::Cutting, turn, offer)));
    }

    /// What was true of the group in another epoch is true no more.
    pub(super) fn owner_anew(&mut self, cx: &mut Cx<'_>) {
        self.record.protection = Protection::Unprotected;
        self.unmark();
        self.record.kept = false;
        self.record.window = None;
        self.run.abort = None;
        self.record.latch = None;
        self.touch();
        self.clear(cx, |a| !matches!(a, Alert::InDoubt { .. } | Alert::Returned { .. }));
    }

    /// The peer owns the group: this site starts nothing, and tidies up (F7, I14).
    fn stand_down(&mut self, cx: &mut Cx<'_>, told: Told) {
        self.record.authority = told.authority;
        let released = matches!(&self.record.work, Work::Give(give) if give.phase == GivePhase::Released);
        let kept = self.record.kept && released;
        self.owner_anew(cx);
        self.record.kept = kept;
        self.record.tries = 0;
        self.hold_room(cx, BTreeMap::new());
        match &self.record.work {
            Work::Give(give) if give.phase == GivePhase::Released => {
                self.answered_by_peer(cx);
                self.give_phase(cx, GivePhase::Following);
            }
            Work::Give(_)
            | Work::Idle
            | Work::Protect(_)
            | Work::Shield { .. }
            | Work::Unprotect
            | Work::Unshield { .. }
            | Work::Take(_)
            | Work::StandDown => {
                self.forget();
                self.enter(cx, Work::StandDown);
            }
        }
    }

    /// F7: nothing of the group runs or is writable here; its VMs are placeholders.
    pub(super) fn step_stand_down(&mut self, cx: &mut Cx<'_>, g: GroupIx) {
        let at = (self.record.authority.epoch(), STANDING_DOWN);
        let inventory = &cx.site.inventory;
        let group = &inventory.groups[g];
        let hosts =
            group.hosts[cx.site.here.at()].iter().map(|&h| (Target::Host(inventory.hosts[h].key), Goal::Fenced));
        let luns = group.luns.iter().map(|&l| (Target::Lun(inventory.luns[l].key), Goal::ReadOnly));
        let vms = group.vms.iter().map(|&v| (Target::Vm(inventory.vms[v].key), Goal::Placeholder));
        let mut ended = true;
        for (target, goal) in hosts.chain(luns).chain(vms) {
            ended &= self.ensure_or_alert(cx, g, at, target, goal);
        }
        if ended {
            self.enter(cx, Work::Idle);
        }
    }

    /// Asks the agent for the group of a silent site, once (O4).
    pub(super) fn acquire(&mut self, cx: &mut Cx<'_>, forced: bool) {
        if self.clean() && !self.run.acquiring && self.record.latch.is_none() {
            self.run.acquiring = true;
            // Asked again: the agent may have died before it had written it down.
            self.wait(Wait::Resend, cx.now + cx.site.policy.waits.resend);
            cx.out.push(Effect::Acquire { group: self.record.group, forced });
        }
    }

    /// The acquire came to nothing (O4, O5). A lease or promise that must run out is waited for; the rest takes a person.
    pub(crate) fn denied(&mut self, cx: &mut Cx<'_>, why: Denial, silent: bool) {
        let acquiring = matches!(&self.record.work, Work::Take(t) if matches!(t.phase, TakePhase::Acquiring { .. }));
        if !acquiring {
            return;
        }
        let group = self.record.group;
        self.clear(cx, |a| matches!(a, Alert::TakeoverDenied { .. }));
        match why {
            _ if !silent => {
                self.hold_room(cx, BTreeMap::new());
                self.enter(cx, Work::Idle);
            }
            Denial::Held => {
                let backoff = cx.site.policy.limits.backoff[cx.site.here.at()];
                self.run.waits.remove(&Wait::Resend);
                self.wait(Wait::Backoff, cx.now + backoff);
            }
            Denial::Withdrawn => self.run.acquiring = false,
            Denial::Epoch | Denial::Owner | Denial::Promised | Denial::Manual | Denial::Config | Denial::Proof(_) => {
                self.run.acquiring = false;
                self.raise(cx, Alert::TakeoverDenied { group, why });
                self.latch(cx, Latch::Denied);
            }
        }
    }
}
