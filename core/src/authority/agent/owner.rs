//! The owner's side: lease, promise, standing promise (O1, O2, O6, O8).

use alloc::collections::BTreeMap;

use super::{AgentEffect, Cx, Held};
use crate::authority::proof::{Proof, Stamp};
use crate::authority::wire::{Ask, Request, Say, Want};
use crate::guard::{self, Guard};
use crate::ids::{GroupIx, LunKey};
use crate::operation::ReplicationSeen;
use crate::policy;
use crate::time::{Instant, Millis};

impl Held {
    /// What is left of this site's authority over the group; `None`: nothing (O1, O2). A standing promise has no end.
    pub(super) fn left(&self, arbiter: &policy::Arbiter, now: Instant) -> Option<Millis> {
        if !self.record.authority.is_active() {
            return None;
        }
        let standing = self.record.held.is_some() && self.record.held == self.run.durable.0;
        if standing || !guard::on(Guard::O1) {
            return Some(arbiter.leases.length());
        }
        let end = self.covered()? + arbiter.leases.length();
        Some(end - now).filter(|left| *left > Millis::ZERO)
    }

    /// When the last request that brought authority was sent.
    pub(super) fn covered(&self) -> Option<Instant> {
        self.run.lease.max(self.run.promise)
    }

    /// This site has become the owner: unrenewed from now on.
    pub(super) fn owns(&mut self, cx: &Cx<'_>) {
        (self.run.lease, self.run.promise, self.run.given) = (None, None, None);
        if cx.arbiter.is_some() {
            (self.run.since, self.run.due, self.run.reading) = (cx.now, Some(cx.now), None);
        }
    }

    /// The owner renews; who acquires asks again.
    pub(super) fn ask_when_due(&mut self, cx: &mut Cx<'_>) {
        let Some(arbiter) = cx.arbiter else { return };
        if !self.record.authority.is_active() {
            return self.acquire_when_due(cx);
        }
        if self.run.reading.is_some() || self.run.due.is_some_and(|at| at > cx.now) {
            return;
        }
        let renewal = arbiter.leases.renewal();
        self.run.due = Some(cx.now + renewal);
        self.run.reading = Some(cx.now + renewal);
        cx.out.push(AgentEffect::Read(self.record.group));
    }

    /// The arrays have answered (O6).
    pub(super) fn read(&mut self, cx: &mut Cx<'_>, g: GroupIx, luns: &[(LunKey, Option<ReplicationSeen>)]) {
        if self.run.reading.is_none() || !self.record.authority.is_active() {
            return;
        }
        let seen: BTreeMap<LunKey, ReplicationSeen> = luns.iter().filter_map(|&(l, seen)| Some((l, seen?))).collect();
        let inventory = &cx.site.inventory;
        let luns = inventory.groups[g].luns.iter().map(|l| &inventory.luns[*l]);
        let proof = Proof::of(luns.map(|l| (l.replication, seen.get(&l.key).copied())));
        self.renew(cx, proof);
    }

    /// Renews the lease, and tells the peer that it does (O1, O4, O6).
    pub(super) fn renew(&mut self, cx: &mut Cx<'_>, read: Proof) {
        let Some(arbiter) = cx.arbiter else { return };
        self.run.reading = None;
        // What is broken is not good, whatever was read before it broke.
        let proof = if self.run.broken.is_empty() { read } else { Proof::Unfit { lag: None } };
        let nth = self.run.stamped.map_or(0, |(_, nth)| nth.saturating_add(1));
        self.run.stamped = Some((cx.now, nth));
        let stamp = Stamp { boot: cx.boot, sent: cx.now, nth };
        if !self.run.broken.is_empty() {
            self.run.confessed = self.run.confessed.or(Some(stamp));
        }
        let (group, epoch, from) = (self.record.group, self.record.authority.epoch(), cx.site.here);
        let Some((_, info)) = cx.site.inventory.groups.by_key(group) else { return };
        if let Ok(arbiter) = self.meant() {
            let ask = Ask::Renew { stamp, proof, config: info.hash };
            cx.out.push(AgentEffect::Ask(Request { from, group, epoch, arbiter, ask }));
        }
        let want = self.want(arbiter, cx.now);
        self.say(cx, Say::Alive { stamp, proof, want, returned: self.run.durable.1 });
    }

    /// Which arbiter this site means; an error: one that it refuses, and asks nothing (O7).
    pub(super) fn meant(&self) -> Result<Option<u32>, ()> {
        match self.record.arbiter {
            Some(known) if known.refused && !known.rearmed => Err(()),
            known => Ok(known.map(|known| known.incarnation)),
        }
    }

    /// O8: a promise when the arbiter is slow, a standing one when it is lost.
    fn want(&self, arbiter: &policy::Arbiter, now: Instant) -> Option<Want> {
        let since = now - self.run.lease.unwrap_or(self.run.since);
        if since < arbiter.leases.renewal() * 2 {
            None
        } else if since < arbiter.leases.length() {
            Some(Want::Live)
        } else {
            Some(Want::Standing)
        }
    }

    /// The arbiter has given a lease for this renewal.
    pub(super) fn leased(&mut self, cx: &mut Cx<'_>, stamp: Stamp) {
        if stamp.boot != cx.boot || !self.record.authority.is_active() {
            return;
        }
        self.run.lease = self.run.lease.max(Some(stamp.sent));
        self.run.since = Instant(0);
        let Some(arbiter) = cx.arbiter else { return };
        let fresh = self.run.lease.is_some_and(|sent| cx.now - sent < arbiter.leases.alert());
        // O8: first the lease, then the promise back.
        if (fresh || !guard::on(Guard::O8Order)) && self.record.held.is_some() {
            self.change(|r| r.returned = r.held.take());
        }
        self.confession_heard(cx, stamp);
    }

    /// The peer has given a promise.
    pub(super) fn promised(&mut self, cx: &mut Cx<'_>, stamp: Stamp, standing: Option<u32>) {
        if stamp.boot != cx.boot || !self.record.authority.is_active() {
            return;
        }
        self.run.promise = self.run.promise.max(Some(stamp.sent));
        self.run.since = Instant(0);
        let new = standing.is_some_and(|number| Some(number) > self.record.returned || !guard::on(Guard::O8Number));
        if new {
            self.change(|r| r.held = r.held.max(standing));
        }
        // What it said with the request is durable there.
        self.confession_heard(cx, stamp);
    }

    /// O6: a mirror is broken: said at once, to whoever hears it first.
    pub(super) fn mirror(&mut self, cx: &mut Cx<'_>, lun: LunKey, broken: bool) {
        if !broken {
            self.run.broken.remove(&lun);
            if self.run.broken.is_empty() {
                self.run.confessed = None;
            }
        } else if self.record.authority.is_active() {
            if cx.arbiter.is_none() || !guard::on(Guard::O6Order) {
                cx.out.push(AgentEffect::Degrade(lun));
            }
            if self.run.broken.insert(lun) {
                self.run.confessed = None;
                (self.run.due, self.run.reading) = (Some(cx.now), None);
            }
        }
    }

    /// O6: somebody who would have to grant or take the group knows that the copies are not good.
    pub(super) fn confession_heard(&mut self, cx: &mut Cx<'_>, stamp: Stamp) {
        if self.run.confessed.is_some_and(|first| stamp >= first) {
            cx.out.extend(self.run.broken.iter().map(|&lun| AgentEffect::Degrade(lun)));
        }
    }
}
