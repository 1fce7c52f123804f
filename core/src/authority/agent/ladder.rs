//! Self-fencing: what an owner does whose authority runs out (O3). Enforcers do the same at the end, without its help.

use super::{AgentEffect, Cx, Held, Stage};
use crate::event::{Alert, Event};
use crate::guard::{self, Guard};
use crate::ids::GroupIx;
use crate::operation::{Goal, Op, OpId, Target, Token};
use crate::policy;
use crate::time::{Instant, Millis};

impl Held {
    /// The stage that the time calls for.
    fn called_for(&self, arbiter: &policy::Arbiter, now: Instant) -> Stage {
        let leases = &arbiter.leases;
        let ends = self.record.authority.is_active() && self.record.held.is_none() && guard::on(Guard::O1);
        let unrenewed = now - self.covered().unwrap_or(self.run.since);
        match unrenewed {
            _ if !ends => Stage::Covered,
            t if t >= leases.stop_hard() => Stage::Stopped,
            t if t >= leases.stop() => Stage::Stopping,
            t if t >= leases.alert() => Stage::Alerted,
            _ => Stage::Covered,
        }
    }

    /// When the next stage begins.
    pub(super) fn next_stage(&self, arbiter: &policy::Arbiter) -> Option<Instant> {
        if !self.record.authority.is_active() || self.record.held.is_some() || !guard::on(Guard::O1) {
            return None;
        }
        let since = self.covered().unwrap_or(self.run.since);
        let after = match self.run.stage {
            Stage::Covered => arbiter.leases.alert(),
            Stage::Alerted => arbiter.leases.stop(),
            Stage::Stopping => arbiter.leases.stop_hard(),
            Stage::Stopped => return None,
        };
        Some(since + after)
    }

    /// Goes to the stage that the time calls for. What a stage began is undone in a new turn, once authority is back.
    pub(super) fn climb(&mut self, cx: &mut Cx<'_>, g: GroupIx) {
        let Some(arbiter) = cx.arbiter else { return };
        let stage = self.called_for(arbiter, cx.now);
        let group = self.record.group;
        let fences = matches!(stage, Stage::Stopping | Stage::Stopped);
        if fences && !self.record.fenced {
            self.change(|r| {
                r.authority.next_turn();
                r.fenced = true;
            });
        }
        if stage == Stage::Covered && self.record.fenced && self.clean() && self.left(arbiter, cx.now).is_some() {
            self.change(|r| {
                r.authority.next_turn();
                r.fenced = false;
            });
        }
        if fences && !self.clean() {
            return;
        }
        let before = core::mem::replace(&mut self.run.stage, stage);
        match stage {
            Stage::Covered if before != Stage::Covered => {
                cx.out.push(AgentEffect::Event(Event::Cleared(Alert::Unrenewed { group })));
            }
            Stage::Alerted | Stage::Stopping | Stage::Stopped if before == Stage::Covered => {
                cx.out.push(AgentEffect::Event(Event::Raised(Alert::Unrenewed { group })));
            }
            Stage::Covered | Stage::Alerted | Stage::Stopping | Stage::Stopped => {}
        }
        if stage > before && fences {
            self.fence(cx, g, stage == Stage::Stopped);
        }
    }

    /// What an enforcer ended is a stage like any other: undone in a later turn.
    pub(super) fn enforced(&mut self) {
        // What was withheld on purpose ends there on purpose (F2).
        if self.record.authority.is_active() && !self.record.fenced && self.withheld().is_none() {
            self.change(|r| {
                r.authority.next_turn();
                r.fenced = true;
            });
        }
    }

    fn fence(&self, cx: &mut Cx<'_>, g: GroupIx, hard: bool) {
        let inventory = &cx.site.inventory;
        let group = &inventory.groups[g];
        let (epoch, turn) = (self.record.authority.epoch(), self.record.authority.turn());
        let until_hard = |a: &policy::Arbiter| Millis(a.leases.stop_hard().0 - a.leases.stop().0);
        let grace = cx.arbiter.filter(|_| !hard).map(until_hard);
        let stops = group.vms.iter().map(|v| (Target::Vm(inventory.vms[*v].key), Goal::Stopped { grace }));
        let locks = group.luns.iter().filter(|_| hard).map(|l| (Target::Lun(inventory.luns[*l].key), Goal::ReadOnly));
        for (target, goal) in stops.chain(locks) {
            let token = Token { epoch, turn, step: goal.step() };
            let id = OpId { group: group.key, token, plan: group.hash, target };
            cx.out.push(AgentEffect::Do(Op { id, attempt: cx.boot.wrapping_mul(256), goal }));
        }
    }
}
