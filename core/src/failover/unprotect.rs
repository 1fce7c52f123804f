//! Unprotecting a group (P3): P1 and P2 are undone. The owner's data are not touched, and its VMs run on.

use alloc::collections::BTreeMap;

use super::{Cx, GroupState, Reply};
use crate::event::Event;
use crate::ids::{Epoch, GroupIx, Turn};
use crate::message::{Body, Standing};
use crate::operation::{Goal, Target};
use crate::record::{Protection, TakePhase, Work};

impl GroupState {
    /// P3: begins, at a new turn. From now on nothing of the group fails over.
    pub(crate) fn unprotect(&mut self, cx: &mut Cx<'_>) {
        self.record.authority.next_turn();
        self.record.protection = Protection::Ending;
        self.forget();
        self.enter(cx, Work::Unprotect);
    }

    /// Owner: replication ends at each LUN, as far as its array answers; then the peer is told until it has heard.
    pub(super) fn step_unprotect(&mut self, cx: &mut Cx<'_>, g: GroupIx) {
        let at = self.now();
        let mut ended = true;
        for &lun in &cx.site.inventory.groups[g].luns {
            let target = Target::Lun(cx.site.inventory.luns[lun].key);
            ended &= self.ensure_or_alert(cx, g, at, target, Goal::ReplicationStopped);
        }
        if ended {
            self.ask(cx, at.0, Body::Unshield { turn: at.1 });
        }
    }

    /// Owner: the peer has no placeholders any more.
    pub(super) fn unshielded(&mut self, cx: &mut Cx<'_>, epoch: Epoch, turn: Turn) {
        if (epoch, turn) == self.now() && self.record.work == Work::Unprotect {
            self.answered_by_peer(cx);
            self.record.protection = Protection::Unprotected;
            cx.event(Event::NoLongerProtected { group: self.record.group });
            self.enter(cx, Work::Idle);
        }
    }

    /// Peer: it is no target any more. Asked again, it answers again; busy with something else, it is asked again.
    pub(super) fn asked_to_unshield(&mut self, cx: &mut Cx<'_>, epoch: Epoch, turn: Turn) {
        let authority = self.record.authority;
        if epoch != authority.epoch() || authority.standing() != Standing::Standby || turn < authority.peer_turn() {
            return;
        }
        let free = match &self.record.work {
            Work::Idle | Work::Shield { .. } | Work::Unshield { .. } => true,
            Work::Take(take) => take.phase == TakePhase::Reserved,
            Work::Protect(_) | Work::Unprotect | Work::Give(_) | Work::StandDown => false,
        };
        let done = self.record.protection == Protection::Unprotected && self.record.work == Work::Idle;
        if done && turn == authority.peer_turn() {
            self.run.reply = Some(Reply::Unshielded);
        } else if free && self.record.work != (Work::Unshield { turn }) {
            self.record.authority.saw_peer_turn(turn);
            self.record.protection = Protection::Unprotected;
            self.hold_room(cx, BTreeMap::new());
            self.forget();
            self.run.reply = None;
            self.enter(cx, Work::Unshield { turn });
        }
    }

    /// Peer: placeholders go. Its copies stay as they are, read-only: a stale copy is nothing to start from.
    pub(super) fn step_unshield(&mut self, cx: &mut Cx<'_>, g: GroupIx, turn: Turn) {
        let at = (self.record.authority.epoch(), turn);
        let mut ended = true;
        for &vm in &cx.site.inventory.groups[g].vms {
            let target = Target::Vm(cx.site.inventory.vms[vm].key);
            ended &= self.ensure_or_alert(cx, g, at, target, Goal::Unregistered);
        }
        if ended {
            self.enter(cx, Work::Idle);
            self.run.reply = Some(Reply::Unshielded);
        }
    }
}
