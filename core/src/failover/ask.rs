//! Asking the peer until it answers, and answering it once what it is told is durable.

use super::{Cx, GroupState, Reply, Wait};
use crate::event::Alert;
use crate::ids::Epoch;
use crate::message::{Body, Progress};
use crate::record::{TakePhase, Work};

impl GroupState {
    /// Sends a question, and again after `resend` for as long as no answer stops it. Long silence is an alert (O9).
    pub(crate) fn ask(&mut self, cx: &mut Cx<'_>, epoch: Epoch, body: Body) {
        if !self.clean() || self.run.waits.contains_key(&Wait::Resend) {
            return;
        }
        self.send(cx, epoch, body);
        let waits = &cx.site.policy.waits;
        self.wait(Wait::Resend, cx.now + waits.resend);
        if !self.record.alerts.contains(&Alert::PeerSilent { group: self.record.group }) {
            self.wait(Wait::Silent, cx.now + waits.peer_silent);
        }
    }

    /// The peer has answered what was asked.
    pub(crate) fn answered_by_peer(&mut self, cx: &mut Cx<'_>) {
        self.run.waits.remove(&Wait::Resend);
        self.run.waits.remove(&Wait::Silent);
        self.clear(cx, |a| matches!(a, Alert::PeerSilent { .. }));
    }

    /// A restarted manager owns nothing until it has compared its record with the peer's (J5).
    pub(crate) fn ask_whats_known(&mut self, cx: &mut Cx<'_>) {
        self.ask(cx, self.record.authority.epoch(), Body::Ask);
    }

    /// J5: a restarted peer is told what this site knows, verified here or not.
    pub(crate) fn tell_what_is_known(&mut self, cx: &mut Cx<'_>) {
        if !core::mem::take(&mut self.run.tell) {
            return;
        }
        let authority = self.record.authority;
        self.send(cx, authority.epoch(), Body::Tell { standing: authority.standing() });
        if self.run.verified && authority.is_active() {
            self.run.reply = self.run.reply.or(Some(Reply::Taken));
        }
    }

    /// Answers that waited for the record to be durable.
    pub(crate) fn say_what_is_due(&mut self, cx: &mut Cx<'_>) {
        let epoch = self.record.authority.epoch();
        if let Some(turn) = self.run.abort.take() {
            self.send(cx, epoch, Body::Abort { turn });
        }
        match self.run.reply.take() {
            None => {}
            Some(Reply::Taken) => self.send(cx, epoch, Body::Taken { progress: self.progress() }),
            Some(Reply::Shielded) => {
                self.send(cx, epoch, Body::Shielded { turn: self.record.authority.peer_turn() });
            }
            Some(Reply::Unshielded) => {
                self.send(cx, epoch, Body::Unshielded { turn: self.record.authority.peer_turn() });
            }
            Some(Reply::Ready(stage)) => {
                if let Work::Take(take) = &self.record.work {
                    self.send(cx, epoch, Body::Ready { turn: take.turn, stage });
                }
            }
        }
        for lun in core::mem::take(&mut self.run.acknowledge) {
            cx.out.push(crate::effect::Effect::Acknowledge { lun });
        }
    }

    /// How far this site's recovery is, for the site that gave the group.
    pub(crate) fn progress(&self) -> Progress {
        match &self.record.work {
            Work::Take(take) => match take.phase {
                TakePhase::Reserved
                | TakePhase::Acquiring { .. }
                | TakePhase::Cutting
                | TakePhase::Promoting
                | TakePhase::Starting
                    if self.record.latch.is_some() =>
                {
                    Progress::Stopped
                }
                TakePhase::Reserved
                | TakePhase::Acquiring { .. }
                | TakePhase::Cutting
                | TakePhase::Promoting
                | TakePhase::Starting => Progress::Recovering,
                TakePhase::Waiting | TakePhase::Stopping | TakePhase::PuttingBack => Progress::Recovered,
            },
            Work::Idle
            | Work::Protect(_)
            | Work::Shield { .. }
            | Work::Unprotect
            | Work::Unshield { .. }
            | Work::Give(_)
            | Work::StandDown => Progress::Recovered,
        }
    }
}
