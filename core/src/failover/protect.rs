//! Protecting a group (P1, P2), and what comes back after a loss (D4).

use super::{Cx, GroupState, Reply};
use crate::event::{Alert, Event};
use crate::ids::{Digest, Epoch, GroupIx, LunKey, Turn};
use crate::message::{Body, Refusal, Standing};
use crate::operation::{Failure, Goal, Target};
use crate::record::{Latch, ProtectPhase, Protection, TakePhase, Work};

use super::operations::Ensured;

/// Why a group cannot be replicated to where its tail could not be kept.
const fn tail_refusal(failure: Failure) -> Refusal {
    match failure {
        Failure::Lost => Refusal::TargetLost,
        Failure::Superseded | Failure::Failed | Failure::Unknown => Refusal::TailNotKept,
    }
}

impl GroupState {
    /// Owner: protecting goes on.
    pub(super) fn step_protect(&mut self, cx: &mut Cx<'_>, g: GroupIx, phase: ProtectPhase) {
        let (epoch, turn) = self.now();
        match phase {
            ProtectPhase::Shielding => {
                self.ask(cx, epoch, Body::Shield { turn, config: cx.site.inventory.groups[g].hash });
            }
            ProtectPhase::Replicating => {
                let mut all = true;
                for &lun in &cx.site.inventory.groups[g].luns {
                    let target = Target::Lun(cx.site.inventory.luns[lun].key);
                    match self.ensure(cx, g, (epoch, turn), target, Goal::Replicating) {
                        Ensured::Reached => {}
                        Ensured::Pending | Ensured::Stuck => all = false,
                        Ensured::Failed(failure) => {
                            self.not_protected(cx, target, failure);
                            return;
                        }
                    }
                }
                if all {
                    self.record.protection = Protection::Protected;
                    cx.event(Event::Protected { group: self.record.group });
                    self.clear(cx, |a| matches!(a, Alert::OpFailed { .. }));
                    self.enter(cx, Work::Idle);
                }
            }
        }
    }

    fn not_protected(&mut self, cx: &mut Cx<'_>, target: Target, failure: Failure) {
        self.record.protection = Protection::Unprotected;
        self.raise(cx, Alert::OpFailed { group: self.record.group, target, failure });
        self.enter(cx, Work::Idle);
        self.latch(cx, Latch::NotProtected);
    }

    /// Peer: asked to become a target (P1, P2). Asked again, it answers again.
    pub(super) fn asked_to_shield(&mut self, cx: &mut Cx<'_>, g: GroupIx, epoch: Epoch, turn: Turn, config: Digest) {
        let authority = self.record.authority;
        if epoch != authority.epoch() || authority.standing() != Standing::Standby || turn < authority.peer_turn() {
            return;
        }
        if config != cx.site.inventory.groups[g].hash {
            return self.send(cx, epoch, Body::Refused { turn, reason: Refusal::ConfigDiffers });
        }
        let free = match &self.record.work {
            Work::Idle | Work::Shield { .. } | Work::Unshield { .. } => true,
            Work::Take(take) => take.phase == TakePhase::Reserved,
            Work::Protect(_) | Work::Unprotect | Work::Give(_) | Work::StandDown => false,
        };
        if !free {
            return self.send(cx, epoch, Body::Refused { turn, reason: Refusal::Busy });
        }
        let done = self.record.protection == Protection::Protected && self.record.work == Work::Idle;
        if done && turn == authority.peer_turn() {
            self.run.reply = Some(Reply::Shielded);
        } else if self.record.work != (Work::Shield { turn }) {
            self.record.authority.saw_peer_turn(turn);
            self.record.protection = Protection::Unprotected;
            self.record.kept = false;
            self.forget();
            self.run.reply = None;
            self.enter(cx, Work::Shield { turn });
        }
    }

    /// Peer: recovery LUNs read-only to VMs, placeholders registered; and, where this site has owned the group before, what
    /// it wrote then is kept (F8). Ownership changes sides with every epoch: in the first one it has not.
    pub(super) fn step_shield(&mut self, cx: &mut Cx<'_>, g: GroupIx, turn: Turn) {
        let at = (self.record.authority.epoch(), turn);
        let inventory = &cx.site.inventory;
        let group = &inventory.groups[g];
        let luns = group.luns.iter().map(|&l| (Target::Lun(inventory.luns[l].key), Goal::ReadOnly));
        let vms = group.vms.iter().map(|&v| (Target::Vm(inventory.vms[v].key), Goal::Placeholder));
        let mut all = true;
        for (target, goal) in luns.chain(vms) {
            let kept = |run: &super::OpRun| (run.op.goal, run.op.id.token.turn) == (Goal::TailKept, turn);
            if self.run.ops.get(&target).is_some_and(kept) {
                continue;
            }
            match self.ensure(cx, g, at, target, goal) {
                Ensured::Reached => {}
                Ensured::Pending | Ensured::Stuck => all = false,
                Ensured::Failed(_) => return self.not_shielded(cx, at, Refusal::TargetLost),
            }
        }
        if all && at.0 > Epoch::FIRST {
            for &lun in &group.luns {
                match self.ensure(cx, g, at, Target::Lun(inventory.luns[lun].key), Goal::TailKept) {
                    Ensured::Reached => {}
                    Ensured::Pending | Ensured::Stuck => all = false,
                    Ensured::Failed(failure) => return self.not_shielded(cx, at, tail_refusal(failure)),
                }
            }
        }
        if all {
            self.record.protection = Protection::Protected;
            self.clear(cx, |a| matches!(a, Alert::RecoveryLunLost { .. }));
            self.enter(cx, Work::Idle);
            self.run.reply = Some(Reply::Shielded);
        }
    }

    fn not_shielded(&mut self, cx: &mut Cx<'_>, (epoch, turn): (Epoch, Turn), reason: Refusal) {
        self.enter(cx, Work::Idle);
        self.send(cx, epoch, Body::Refused { turn, reason });
    }

    /// D4: a lost LUN answers again. It is new: it takes the recorded token first, and is not used.
    pub(crate) fn lun_is_back(&mut self, cx: &mut Cx<'_>, lun: LunKey) {
        self.record.kept = false;
        self.touch();
        self.raise(cx, Alert::Returned { lun });
        if self.record.returning.contains_key(&lun) {
            self.run.returned.insert(lun);
        }
    }

    pub(super) fn settle_returned(&mut self, cx: &mut Cx<'_>, g: GroupIx) {
        for lun in self.run.returned.clone() {
            let Some(&token) = self.record.returning.get(&lun) else { continue };
            let target = Target::Lun(lun);
            let newer = self.run.ops.get(&target).is_some_and(|run| run.op.id.token > token);
            let done =
                newer || self.ensure(cx, g, (token.epoch, token.turn), target, Goal::ReadOnly) == Ensured::Reached;
            if done {
                self.run.returned.remove(&lun);
            }
        }
    }

    /// P1: protecting begins, at a new turn.
    pub(crate) fn protect(&mut self, cx: &mut Cx<'_>) {
        self.record.authority.next_turn();
        if self.record.latch == Some(Latch::NotProtected) {
            self.unlatch(cx);
        }
        self.forget();
        self.clear(cx, |a| matches!(a, Alert::Returned { .. }));
        self.enter(cx, Work::Protect(ProtectPhase::Shielding));
    }
}
