//! What the peer says about a group (F1 to F4, J5). Anything that does not fit is old, and changes nothing.

use alloc::collections::BTreeMap;

use super::placement;
use super::{Cx, GroupState, Reply, Wait};
use crate::event::{Alert, Event};
use crate::guard::{self, Guard};
use crate::ids::{Epoch, GroupIx, LunKey, Turn};
use crate::message::{Body, Left, Message, Offer, Progress, Refusal, Stage, Standing};
use crate::policy::ErrorKind;
use crate::record::{Give, GivePhase, Latch, ProtectPhase, Protection, Take, TakePhase, Work};

impl GroupState {
    /// One message of the peer's about this group.
    pub(crate) fn message(&mut self, cx: &mut Cx<'_>, g: GroupIx, message: Message) {
        let Message { epoch, body, .. } = message;
        match body {
            Body::Ask => self.run.tell = true,
            Body::Tell { standing } => self.told(cx, epoch, standing),
            _ if !self.run.verified => {}
            Body::Shield { turn, config } => self.asked_to_shield(cx, g, epoch, turn, config),
            Body::Shielded { turn } => self.shielded(cx, epoch, turn),
            Body::Unshield { turn } => self.asked_to_unshield(cx, epoch, turn),
            Body::Unshielded { turn } => self.unshielded(cx, epoch, turn),
            Body::Prepare { turn, stage, offer } => self.asked_to_take(cx, g, epoch, turn, stage, offer),
            Body::Ready { turn, stage } => self.peer_is_ready(cx, epoch, turn, stage),
            Body::Refused { turn, reason } => self.peer_refused(cx, epoch, turn, reason),
            Body::Abort { turn } => self.peer_aborted(cx, epoch, turn),
            Body::Handover { turn, offer, luns } => self.handed_over(cx, g, epoch, turn, offer, luns),
            Body::Taken { progress } => self.taken(cx, epoch, progress),
        }
    }

    /// J5, J6: the peer's knowledge, compared with this site's.
    fn told(&mut self, cx: &mut Cx<'_>, epoch: Epoch, standing: Standing) {
        if self.run.verified {
            return;
        }
        let mine = self.record.authority;
        let released_and_taken =
            mine.standing() == Standing::Released && epoch == mine.epoch().next() && standing == Standing::Active;
        let behind = epoch > mine.epoch() && !released_and_taken;
        let both = epoch == mine.epoch() && standing == mine.standing();
        if behind || both {
            // Asked on when the answer is due again: the peer's record may change, not at once.
            self.run.waits.remove(&Wait::Silent);
            self.clear(cx, |a| matches!(a, Alert::PeerSilent { .. }));
            self.latch(cx, Latch::JournalBehind);
            return;
        }
        self.verify(cx);
    }

    /// The record has been compared with the peer's, or an operator vouches for it.
    pub(crate) fn verify(&mut self, cx: &mut Cx<'_>) {
        self.run.verified = true;
        self.answered_by_peer(cx);
        if self.record.latch == Some(Latch::JournalBehind) {
            self.unlatch(cx);
        }
    }

    /// F1, F3: can this site take the group? Checked anew each time, from what this site sees.
    fn asked_to_take(&mut self, cx: &mut Cx<'_>, g: GroupIx, epoch: Epoch, turn: Turn, stage: Stage, offer: Offer) {
        let authority = self.record.authority;
        if epoch != authority.epoch() || authority.standing() != Standing::Standby {
            return;
        }
        let refuse = |state: &Self, cx: &mut Cx<'_>, reason| state.send(cx, epoch, Body::Refused { turn, reason });
        if turn < authority.peer_turn() {
            return refuse(self, cx, Refusal::OldTurn);
        }
        if turn > authority.peer_turn() {
            self.record.authority.saw_peer_turn(turn);
            self.touch();
        }
        let free = match &self.record.work {
            Work::Idle => true,
            Work::Take(take) => take.phase == TakePhase::Reserved,
            Work::Protect(_)
            | Work::Shield { .. }
            | Work::Unprotect
            | Work::Unshield { .. }
            | Work::Give(_)
            | Work::StandDown => false,
        };
        let placement = match self.can_take(cx, g, free, &offer) {
            Ok(placement) => placement,
            Err(reason) => return refuse(self, cx, reason),
        };
        let reserved = matches!(&self.record.work, Work::Take(t) if t.turn == turn && t.offer == offer);
        if !reserved {
            self.enter(cx, Work::Take(Take::new(TakePhase::Reserved, turn, offer)));
            self.hold_room(cx, placement);
        }
        self.run.waits.insert(Wait::Ttl, cx.now + cx.site.policy.waits.prepare_ttl);
        self.run.reply = Some(Reply::Ready(stage));
    }

    /// M6, P2: what speaks against taking the group, from this site's own observations.
    pub(crate) fn can_take(
        &self,
        cx: &Cx<'_>,
        g: GroupIx,
        free: bool,
        offer: &Offer,
    ) -> Result<placement::Placement, Refusal> {
        let inventory = &cx.site.inventory;
        let group = &inventory.groups[g];
        let plan = inventory.plans.by_key(offer.plan).map(|(_, plan)| plan);
        if !free {
            return Err(Refusal::Busy);
        }
        if cx.maintenance {
            return Err(Refusal::Maintenance);
        }
        if plan.is_none_or(|plan| plan.hash != offer.plan_hash) {
            return Err(Refusal::PlanDiffers);
        }
        if offer.config != group.hash {
            return Err(Refusal::ConfigDiffers);
        }
        if self.record.alerts.iter().any(|a| matches!(a, Alert::RecoveryLunLost { .. })) {
            return Err(Refusal::TargetLost);
        }
        if offer.kind == ErrorKind::RollBack {
            if !self.record.kept {
                return Err(Refusal::CopyChanged);
            }
        } else if self.record.protection != Protection::Protected {
            return Err(Refusal::NoPlaceholders);
        }
        if !self.record.placement.is_empty() {
            return Ok(self.record.placement.clone());
        }
        placement::place(cx.site, cx.site.here, group, &cx.slots.held).map_err(|why| match why {
            placement::NoPlace::NoMapping(_) => Refusal::NoMapping,
            placement::NoPlace::NoRoom(_) => Refusal::NoCapacity,
        })
    }

    /// F1: a reservation ends. Lower turns are refused from now on.
    fn peer_aborted(&mut self, cx: &mut Cx<'_>, epoch: Epoch, turn: Turn) {
        let authority = self.record.authority;
        if epoch != authority.epoch() || authority.standing() != Standing::Standby || turn < authority.peer_turn() {
            return;
        }
        self.record.authority.saw_peer_turn(turn.next());
        self.touch();
        if matches!(&self.record.work, Work::Take(t) if t.phase == TakePhase::Reserved && t.turn <= turn) {
            self.hold_room(cx, BTreeMap::new());
            self.enter(cx, Work::Idle);
        }
    }

    /// The giving side, if it waits for the answer to this question of this turn.
    fn giving(&self, epoch: Epoch, turn: Turn, phase: GivePhase) -> Option<&Give> {
        let (my_epoch, my_turn) = self.now();
        let this_turn = turn == my_turn || !guard::on(Guard::F1Turn);
        match &self.record.work {
            Work::Give(give) if epoch == my_epoch && this_turn && give.phase == phase => Some(give),
            _ => None,
        }
    }

    /// F1, F3: the peer can. Answers to another turn, or to the other question, are ignored.
    fn peer_is_ready(&mut self, cx: &mut Cx<'_>, epoch: Epoch, turn: Turn, stage: Stage) {
        match stage {
            // Asked again once the run is resumed.
            _ if self.is_paused() => {}
            Stage::Prepare if self.giving(epoch, turn, GivePhase::Preparing).is_some() => {
                self.answered_by_peer(cx);
                self.give_phase(cx, GivePhase::Quiescing);
            }
            Stage::Confirm if self.giving(epoch, turn, GivePhase::Confirming).is_some() => {
                self.answered_by_peer(cx);
                self.release(cx);
            }
            Stage::Prepare | Stage::Confirm => {}
        }
    }

    /// F1, F3, M6: the peer cannot, now.
    fn peer_refused(&mut self, cx: &mut Cx<'_>, epoch: Epoch, turn: Turn, reason: Refusal) {
        let group = self.record.group;
        let (my_epoch, my_turn) = self.now();
        if (epoch, turn) != (my_epoch, my_turn) || self.is_paused() {
            return;
        }
        match &self.record.work {
            Work::Give(give) if give.phase == GivePhase::Preparing => {
                cx.event(Event::Refused { group, reason });
                self.answered_by_peer(cx);
                self.try_later(cx);
            }
            Work::Give(give) if give.phase == GivePhase::Confirming => {
                cx.event(Event::Refused { group, reason });
                self.run.waits.remove(&Wait::Silent);
                self.confirm_refused(cx);
            }
            Work::Protect(_) => {
                cx.event(Event::Refused { group, reason });
                self.answered_by_peer(cx);
                self.enter(cx, Work::Idle);
                self.latch(cx, Latch::NotProtected);
            }
            Work::Idle
            | Work::Shield { .. }
            | Work::Unprotect
            | Work::Unshield { .. }
            | Work::Give(_)
            | Work::Take(_)
            | Work::StandDown => {}
        }
    }

    /// F4: the owner has released the group to this site, which holds authority from now on, with or without a
    /// reservation.
    fn handed_over(
        &mut self,
        cx: &mut Cx<'_>,
        g: GroupIx,
        epoch: Epoch,
        turn: Turn,
        offer: Offer,
        luns: BTreeMap<LunKey, Left>,
    ) {
        if self.record.authority.is_active() && self.record.authority.epoch() == epoch.next() {
            self.run.reply = Some(Reply::Taken);
            return;
        }
        if !self.record.authority.take(epoch) {
            return;
        }
        if !matches!(&self.record.work, Work::Take(take) if take.offer == offer) {
            self.hold_room(cx, BTreeMap::new());
            let group = &cx.site.inventory.groups[g];
            let placement = placement::place_what_fits(cx.site, cx.site.here, group, &cx.slots.held);
            self.hold_room(cx, placement);
        }
        self.record.protection = Protection::Unprotected;
        self.unmark();
        // D4: what was lost here is as good as new. Its owner has replicated in full, or it could not release it (F8).
        self.record.returning.clear();
        self.record.latch = None;
        self.record.kept = false;
        self.record.window = None;
        if !matches!(offer.kind, ErrorKind::Planned | ErrorKind::RollBack) {
            self.start_cooldown(cx);
        }
        self.clear(cx, |a| !matches!(a, Alert::InDoubt { .. } | Alert::Returned { .. }));
        let plan = cx.site.inventory.plans.by_key(offer.plan).map(|(_, plan)| plan.hash);
        self.enter(cx, Work::Take(Take { luns, ..Take::new(TakePhase::Cutting, turn, offer) }));
        if plan != Some(offer.plan_hash) {
            self.latch(cx, Latch::StepFailed);
        }
        self.run.reply = Some(Reply::Taken);
    }

    /// F4, F9: the peer has taken the group, and this is how far it is.
    fn taken(&mut self, cx: &mut Cx<'_>, epoch: Epoch, progress: Progress) {
        if self.record.authority.taken_by_peer(epoch) {
            self.answered_by_peer(cx);
            self.unmark();
            self.record.protection = Protection::Unprotected;
            self.record.tries = 0;
            self.unlatch(cx);
            self.give_phase(cx, GivePhase::Following);
        }
        let following = matches!(&self.record.work, Work::Give(g) if g.phase == GivePhase::Following);
        if following && epoch == self.record.authority.epoch() {
            self.run.waits.remove(&Wait::Silent);
            self.clear(cx, |a| matches!(a, Alert::PeerSilent { .. }));
            self.run.progress = self.run.progress.max(Some(progress));
        }
    }

    /// P1: the peer has shielded its copies and registered its placeholders.
    fn shielded(&mut self, cx: &mut Cx<'_>, epoch: Epoch, turn: Turn) {
        if (epoch, turn) == self.now() && self.record.work == Work::Protect(ProtectPhase::Shielding) {
            self.answered_by_peer(cx);
            self.enter(cx, Work::Protect(ProtectPhase::Replicating));
        }
    }
}
