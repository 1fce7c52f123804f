//! Giving a group to the peer (F1 to F4, F7). Quiescing is next door.

use alloc::collections::BTreeMap;

use super::operations::Ensured;
use super::{Cx, GroupState, Wait};
use crate::event::{Alert, Event};
use crate::guard::{self, Guard};
use crate::ids::{GroupIx, Turn};
use crate::message::{Body, Left, Progress, Stage};
use crate::operation::{Goal, Step, Target, Token};
use crate::policy::ErrorKind;
use crate::record::{Give, GivePhase, Hold, Latch, Protection, Take, TakePhase, VmVerdict, Work};
use crate::time::Millis;

/// The giver's commands after a release are above everything of its own epoch and below everything of the taker's.
const AFTER_RELEASE: Turn = Turn(0);

impl GroupState {
    /// What the giving side does in each phase.
    pub(super) fn step_give(&mut self, cx: &mut Cx<'_>, g: GroupIx, phase: GivePhase) {
        match phase {
            GivePhase::Held(Hold::Manual) => {
                let group = self.record.group;
                self.raise(cx, Alert::Held { group, hold: Hold::Manual });
            }
            GivePhase::Held(_) => {
                let hold_alert = cx.site.policy.limits.hold_alert;
                if self.record.alerts.iter().all(|a| !matches!(a, Alert::Held { .. })) {
                    self.wait(Wait::Hold, cx.now + hold_alert);
                }
            }
            // The manager lets queued groups go, in the plan's order (F9).
            GivePhase::Queued => {}
            GivePhase::BackingOff if self.record.latch.is_some() => {}
            GivePhase::BackingOff => {
                let backoff = cx.site.policy.limits.backoff[cx.site.here.at()];
                let tries = u64::from(self.record.tries.max(1));
                self.wait(Wait::Backoff, cx.now + Millis(backoff.0.saturating_mul(tries)));
            }
            GivePhase::Preparing => self.ask_to_take(cx, Stage::Prepare),
            GivePhase::Quiescing => self.quiesce(cx, g),
            GivePhase::Confirming => {
                if guard::on(Guard::F3Confirm) {
                    self.ask_to_take(cx, Stage::Confirm);
                } else {
                    self.release(cx);
                }
            }
            GivePhase::Released => {
                self.fence_after_release(cx, g);
                self.hand_over(cx);
            }
            GivePhase::Following => self.follow(cx, g),
        }
    }

    /// A new try at the peer, at a new turn (F1).
    pub(crate) fn begin_try(&mut self, cx: &mut Cx<'_>) {
        self.record.authority.next_turn();
        self.forget();
        self.give_phase(cx, GivePhase::Preparing);
    }

    fn ask_to_take(&mut self, cx: &mut Cx<'_>, stage: Stage) {
        let Work::Give(give) = &self.record.work else { return };
        let offer = give.offer;
        let (epoch, turn) = self.now();
        self.ask(cx, epoch, Body::Prepare { turn, stage, offer });
    }

    /// Why the group is moved although nothing of it is lost, if that is so: any error puts it back (F8, O10).
    fn voluntary(&self) -> Option<ErrorKind> {
        let Work::Give(give) = &self.record.work else { return None };
        let kind = Some(give.offer.kind)
            .filter(|k| matches!(k, ErrorKind::Planned | ErrorKind::ManagerLost | ErrorKind::RollBack));
        kind.filter(|_| !self.any_lost())
    }

    /// F8, O10: a move that can't go on, and that nothing forces, is put back; whether it was one.
    pub(crate) fn call_off(&mut self, cx: &mut Cx<'_>) -> bool {
        let off = self.voluntary().is_some() && self.record.authority.is_active();
        if off {
            self.put_back(cx);
        }
        off
    }

    /// A host or LUN can be neither brought into the wanted state nor observed (F2).
    pub(super) fn stuck(&mut self, cx: &mut Cx<'_>) {
        if !self.call_off(cx) {
            self.latch(cx, Latch::Stuck);
        }
    }

    /// M5, M6: the peer refused before anything was stopped. Bounded tries, then an operator.
    pub(super) fn try_later(&mut self, cx: &mut Cx<'_>) {
        if self.call_off(cx) {
            return;
        }
        self.record.tries = self.record.tries.saturating_add(1);
        self.give_phase(cx, GivePhase::BackingOff);
        if self.record.tries >= cx.site.policy.limits.max_tries {
            self.latch(cx, Latch::Refused);
        }
    }

    /// F3: refused after the quiescing. A group with a lost LUN is held, and the peer is asked on; the next question
    /// follows when the answer is due again.
    pub(super) fn confirm_refused(&mut self, cx: &mut Cx<'_>) {
        if self.any_lost() {
            self.latch(cx, Latch::Refused);
        } else {
            self.put_back(cx);
        }
    }

    /// F3: the point of no return.
    pub(super) fn release(&mut self, cx: &mut Cx<'_>) {
        if !self.record.authority.release() {
            return;
        }
        let token = Token { epoch: self.record.authority.epoch().next(), turn: AFTER_RELEASE, step: Step::Lock };
        let epoch = self.record.authority.epoch();
        let lost = self.record.marks.iter().filter(|&(_, &e)| e == epoch);
        self.record.returning.extend(lost.map(|(&lun, _)| (lun, token)));
        let drained = |left: &Left| matches!(left, Left::Drained(_));
        self.record.kept = self.record.marks.is_empty()
            && matches!(&self.record.work, Work::Give(give) if give.luns.values().all(drained));
        self.commit(cx);
        self.unlatch(cx);
        if !matches!(self.voluntary(), Some(ErrorKind::Planned | ErrorKind::RollBack)) {
            self.start_cooldown(cx);
        }
        self.give_phase(cx, GivePhase::Released);
    }

    /// M5: counted from F3.
    pub(super) fn start_cooldown(&mut self, cx: &mut Cx<'_>) {
        self.record.cooling = true;
        self.run.waits.insert(Wait::Cooldown, cx.now + cx.site.policy.limits.cooldown);
        self.touch();
    }

    /// F3: the fences are raised, as far as they answer. Nothing waits for them.
    fn fence_after_release(&mut self, cx: &mut Cx<'_>, g: GroupIx) {
        let epoch = self.record.authority.epoch();
        let at = match self.record.work {
            Work::Give(Give { phase: GivePhase::Released, .. }) => (epoch.next(), AFTER_RELEASE),
            _ => (epoch, AFTER_RELEASE),
        };
        let group = &cx.site.inventory.groups[g];
        for &host in &group.hosts[cx.site.here.at()] {
            let host = cx.site.inventory.hosts[host].key;
            self.ensure(cx, g, at, Target::Host(host), Goal::Fenced);
        }
        for &lun in &group.luns {
            let lun = cx.site.inventory.luns[lun].key;
            self.ensure(cx, g, at, Target::Lun(lun), Goal::ReadOnly);
        }
    }

    /// F3: sent until answered, also after a restart.
    fn hand_over(&mut self, cx: &mut Cx<'_>) {
        let Work::Give(give) = &self.record.work else { return };
        let body = Body::Handover { turn: self.record.authority.turn(), offer: give.offer, luns: give.luns.clone() };
        self.ask(cx, self.record.authority.epoch(), body);
    }

    /// F7, F9: what is left here becomes placeholders; the recovery is followed to its end.
    fn follow(&mut self, cx: &mut Cx<'_>, g: GroupIx) {
        self.fence_after_release(cx, g);
        let epoch = self.record.authority.epoch();
        let group = &cx.site.inventory.groups[g];
        let mut ended = true;
        for &vm in &group.vms {
            let target = Target::Vm(cx.site.inventory.vms[vm].key);
            ended &= self.ensure_or_alert(cx, g, (epoch, AFTER_RELEASE), target, Goal::Placeholder);
        }
        match self.run.progress {
            Some(Progress::Recovered | Progress::Stopped) if ended => self.enter(cx, Work::Idle),
            Some(Progress::Recovered | Progress::Stopped) => {}
            Some(Progress::Recovering) | None => self.ask(cx, epoch, Body::Ask),
        }
    }

    /// Wants a state whose failure is told and nothing more; whether it has ended.
    pub(super) fn ensure_or_alert(
        &mut self,
        cx: &mut Cx<'_>,
        g: GroupIx,
        at: (crate::ids::Epoch, Turn),
        target: Target,
        goal: Goal,
    ) -> bool {
        let ensured = self.ensure(cx, g, at, target, goal);
        if let Ensured::Failed(failure) = ensured {
            self.raise(cx, Alert::OpFailed { group: self.record.group, target, failure });
        }
        ensured.ended()
    }

    /// F3: an abort before the release. The group is put back at the same epoch and a higher turn.
    pub(crate) fn put_back(&mut self, cx: &mut Cx<'_>) {
        let Work::Give(give) = &self.record.work else { return };
        let (offer, turn) = (give.offer, self.record.authority.turn());
        let stopped = matches!(give.phase, GivePhase::Quiescing | GivePhase::Confirming);
        let asked = stopped || give.phase == GivePhase::Preparing;
        if asked {
            self.run.abort = Some(turn);
            let turn = self.record.authority.next_turn();
            cx.event(Event::Aborted { group: self.record.group, turn });
        }
        if stopped {
            self.forget();
            let verdicts = self.vms_on_lost_luns(cx);
            let take = Take { verdicts, ..Take::new(TakePhase::PuttingBack, turn, offer) };
            self.enter(cx, Work::Take(take));
        } else {
            self.enter(cx, Work::Idle);
        }
    }

    /// VMs that cannot start here: a disk of theirs is lost.
    pub(super) fn vms_on_lost_luns(&self, cx: &Cx<'_>) -> BTreeMap<crate::ids::VmKey, VmVerdict> {
        let inventory = &cx.site.inventory;
        let Some((_, group)) = inventory.groups.by_key(self.record.group) else { return BTreeMap::new() };
        let lost = |vm: &crate::inventory::Vm| vm.luns.iter().any(|&l| self.is_lost(inventory.luns[l].key));
        let vms = group.vms.iter().map(|&v| &inventory.vms[v]);
        vms.filter(|v| lost(v)).map(|v| (v.key, VmVerdict::Failed)).collect()
    }

    /// What each LUN was left with, once every one of them has been seen quiesced.
    pub(super) fn record_left(&mut self, cx: &mut Cx<'_>, left: BTreeMap<crate::ids::LunKey, Left>) {
        if let Work::Give(give) = &mut self.record.work {
            give.luns = left;
        }
        self.give_phase(cx, GivePhase::Confirming);
    }

    /// Opens a failover; the gate has said how (M3 to M5).
    pub(crate) fn open_give(&mut self, cx: &mut Cx<'_>, give: Give) {
        self.enter(cx, Work::Give(give));
    }

    /// A held failover may go on (M3).
    pub(crate) fn let_go(&mut self, cx: &mut Cx<'_>) {
        self.unlatch(cx);
        self.give_phase(cx, GivePhase::Queued);
    }

    /// Why it is held, if it is.
    pub(crate) fn held(&self) -> Option<Hold> {
        match &self.record.work {
            Work::Give(Give { phase: GivePhase::Held(hold), .. }) => Some(*hold),
            _ => None,
        }
    }

    /// Whether the group is protected and owned here.
    pub(crate) fn may_fail_over(&self) -> bool {
        self.record.authority.is_active() && self.record.protection == Protection::Protected
    }
}
