//! The peer's side: taking a group whose owner is silent (O4).

use super::{AgentEffect, Cx, Doubt, Held};
use crate::authority::wire::{Ask, Denial, Request};
use crate::guard::{self, Guard};

impl Held {
    /// The manager wants the group.
    pub(super) fn acquire(&mut self, cx: &mut Cx<'_>, forced: bool) {
        if self.record.acquire.is_some() || self.record.authority.is_active() {
            // Asked again: it is under way, or done.
            self.run.told = None;
            return;
        }
        if let Err(why) = self.may_acquire(cx, forced) {
            self.run.denied = Some(why);
            return;
        }
        if cx.arbiter.is_none() {
            // O9: the operator is the third vote, and states that the owner is fenced.
            return self.becomes_owner(cx);
        }
        self.change(|r| {
            r.k = r.k.wrapping_add(1);
            r.acquire = Some(Doubt { k: r.k, forced });
        });
        self.run.due = None;
    }

    /// O4: only who is not the owner, under no promise of its own.
    fn may_acquire(&self, cx: &Cx<'_>, forced: bool) -> Result<(), Denial> {
        let record = &self.record;
        if !record.stands_by() {
            return Err(Denial::Owner);
        }
        let Some(arbiter) = cx.arbiter else {
            return if forced && record.given.is_none() { Ok(()) } else { Err(Denial::Manual) };
        };
        if record.given.is_some_and(|number| number > 0 || guard::on(Guard::F3NoReturn)) {
            return Err(Denial::Promised);
        }
        if self.run.given.is_some_and(|until| until > cx.now) {
            return Err(Denial::Held);
        }
        if record.arbiter.is_some_and(|known| known.refused) {
            return Err(Denial::Manual);
        }
        match record.promised {
            Some((_, proof)) if !forced && !proof.permits(arbiter.leases.length()) && guard::on(Guard::O4Evidence) => {
                Err(Denial::Proof(proof))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// An acquire in doubt is asked for until it is answered; a peer that stands by joins.
    pub(super) fn acquire_when_due(&mut self, cx: &mut Cx<'_>) {
        let Some(arbiter) = cx.arbiter else { return };
        if !self.record.stands_by() || self.run.due.is_some_and(|at| at > cx.now) {
            return;
        }
        let (group, epoch, from) = (self.record.group, self.record.authority.epoch(), cx.site.here);
        let Some((_, info)) = cx.site.inventory.groups.by_key(group) else { return };
        let ask = match self.record.acquire {
            // The owner is heard again: the doubt is ended, whatever the arbiter makes of it first.
            Some(Doubt { k, forced: false }) if !cx.silent => Ask::Withdraw { k },
            Some(Doubt { k, forced }) => Ask::Acquire { k, config: info.hash, forced },
            None if self.run.joined || self.meant().is_err() => {
                self.run.due = None;
                return;
            }
            None => Ask::Join { config: info.hash },
        };
        self.run.due = Some(cx.now + arbiter.leases.renewal());
        if let Ok(arbiter) = self.meant() {
            cx.out.push(AgentEffect::Ask(Request { from, group, epoch, arbiter, ask }));
        }
    }

    /// The arbiter has evaluated acquire `k`.
    pub(super) fn evaluated(&mut self, k: u32, outcome: Result<(), Denial>) {
        if self.record.acquire.is_none_or(|doubt| doubt.k != k) {
            return;
        }
        self.change(|r| r.acquire = None);
        if let Err(why) = outcome {
            self.run.denied = Some(why);
        }
    }

    /// This site owns the group in the next epoch.
    pub(super) fn becomes_owner(&mut self, cx: &Cx<'_>) {
        let mut authority = self.record.authority;
        let epoch = authority.epoch();
        if authority.take(epoch) {
            self.change(|r| r.new_epoch(authority));
            self.owns(cx);
        }
    }
}
