//! One group's authority at one site: what is durable, what is not, and what follows from both.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::{AgentEffect, AgentRecord, Told};
use crate::authority::proof::{Proof, Stamp};
use crate::authority::wire::{Denial, Note, Say};
use crate::event::{Alert, Event};
use crate::guard::{self, Guard};
use crate::ids::{GroupIx, LunKey, Turn};
use crate::inventory::Site;
use crate::policy;
use crate::time::{Instant, Millis};

/// Whether a record is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Durability {
    Clean,
    Dirty,
    Saving,
    SavingOlder,
}

/// What is lost in a restart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Run {
    /// When the last renewal that was granted was sent (O2).
    pub(super) lease: Option<Instant>,
    /// When the last request for a promise that was given was sent (O2).
    pub(super) promise: Option<Instant>,
    /// Unrenewed since, where neither was ever known.
    pub(super) since: Instant,
    /// A promise to the peer counts as live until then (O2).
    pub(super) given: Option<Instant>,
    /// When the next renewal, or the next word of an acquire, is due.
    pub(super) due: Option<Instant>,
    /// The arrays have been asked, and are waited for until then (O6).
    pub(super) reading: Option<Instant>,
    /// How far the ladder has gone since the turn was taken (O3).
    pub(super) stage: Stage,
    /// Synchronous LUNs whose mirror is broken (O6).
    pub(super) broken: BTreeSet<LunKey>,
    /// The first word that said so.
    pub(super) confessed: Option<Stamp>,
    /// The last stamp of this millisecond.
    pub(super) stamped: Option<(Instant, u16)>,
    /// What people have been told of the arbiter: it is refused (O7); takeover is off (O8).
    pub(super) alerted: (bool, bool),
    /// Enforcers are served nothing since then, in this turn (F2).
    pub(super) withheld: Option<(Instant, Turn)>,
    /// What the manager was told last.
    pub(super) told: Option<Told>,
    /// What the peer waits for, to be said once the record is durable.
    pub(super) say: Option<Say>,
    /// An acquire came to nothing.
    pub(super) denied: Option<Denial>,
    /// The arbiter knows that this site is there (O7).
    pub(super) joined: bool,
    /// The arbiter or the peer has confirmed the epoch (J5).
    pub(super) known: bool,
    /// Standing promise held, and given back, as they are durable.
    pub(super) durable: (Option<u32>, Option<u32>),
}

/// Stages of self-fencing (O3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Stage {
    Covered,
    Alerted,
    Stopping,
    Stopped,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Held {
    pub(super) record: AgentRecord,
    pub(super) durability: Durability,
    pub(super) run: Run,
}

/// What a step of one group is given.
pub(super) struct Cx<'a> {
    pub(super) site: &'a Site,
    pub(super) arbiter: Option<&'a policy::Arbiter>,
    pub(super) now: Instant,
    pub(super) boot: u32,
    /// Nothing has been heard of the peer's agent for long.
    pub(super) silent: bool,
    pub(super) out: &'a mut Vec<AgentEffect>,
}

impl Held {
    pub(super) fn restored(site: &Site, record: AgentRecord, now: Instant) -> Self {
        let promised = site.policy.arbiter.as_ref().filter(|_| guard::on(Guard::O7Peer) && record.stands_by());
        let run = Run {
            lease: None,
            promise: None,
            since: if site.policy.arbiter.is_some() { now } else { Instant(0) },
            given: promised.map(|a| now + a.leases.given()),
            due: None,
            reading: None,
            stage: Stage::Covered,
            broken: BTreeSet::new(),
            confessed: None,
            stamped: None,
            alerted: (false, false),
            withheld: None,
            told: None,
            say: None,
            denied: None,
            joined: false,
            known: false,
            durable: (record.held, record.returned),
        };
        Self { record, durability: Durability::Clean, run }
    }

    pub(super) fn change(&mut self, change: impl FnOnce(&mut AgentRecord)) {
        let before = self.record;
        change(&mut self.record);
        if self.record != before {
            self.durability = match self.durability {
                Durability::Clean | Durability::Dirty => Durability::Dirty,
                Durability::Saving | Durability::SavingOlder => Durability::SavingOlder,
            };
        }
    }

    pub(super) fn clean(&self) -> bool {
        self.durability == Durability::Clean
    }

    /// Whatever can be said or done now. Called after everything that touches the group.
    pub(super) fn step(&mut self, cx: &mut Cx<'_>, g: GroupIx) {
        if cx.arbiter.is_some() {
            self.climb(cx, g);
        }
        if self.withheld().is_none() {
            self.run.withheld = None;
        }
        if !self.clean() {
            return;
        }
        self.run.durable = (self.record.held, self.record.returned);
        if let Some(say) = self.run.say.take() {
            self.say(cx, say);
        }
        if let Some(why) = self.run.denied.take() {
            cx.out.push(AgentEffect::Deny { group: self.record.group, why });
        }
        self.alert(cx);
        self.ask_when_due(cx);
        self.tell(cx);
    }

    /// O7, O8: alerts that stand as long as the record says so, also after a restart (L6).
    fn alert(&mut self, cx: &mut Cx<'_>) {
        let AgentRecord { group, arbiter, held, given, .. } = self.record;
        let standing = |promise: Option<u32>| promise.is_some_and(|number| number > 0);
        let refused = arbiter.is_some_and(|known| known.refused);
        let now = (refused, standing(held) || standing(given));
        let before = core::mem::replace(&mut self.run.alerted, now);
        let alerts = [Alert::ArbiterNew { group }, Alert::TakeoverOff { group }];
        for ((alert, before), now) in alerts.into_iter().zip([before.0, before.1]).zip([now.0, now.1]) {
            if before != now {
                let event = if now { Event::Raised(alert) } else { Event::Cleared(alert) };
                cx.out.push(AgentEffect::Event(event));
            }
        }
    }

    pub(super) fn say(&self, cx: &mut Cx<'_>, say: Say) {
        cx.out.push(AgentEffect::Say(Note { group: self.record.group, epoch: self.record.authority.epoch(), say }));
    }

    pub(super) fn deadline(&self, cx: &Cx<'_>) -> Option<Instant> {
        let arbiter = cx.arbiter?;
        let expiry = self.withheld().map(|since| since + arbiter.leases.given()).filter(|&at| at > cx.now);
        [self.run.due, self.run.reading, self.run.given, self.next_stage(arbiter), expiry].into_iter().flatten().min()
    }

    /// Something of the group is due.
    pub(super) fn due(&mut self, cx: &mut Cx<'_>) {
        self.run.given = self.run.given.filter(|&until| until > cx.now);
        if let Some(arbiter) = cx.arbiter {
            let live = |sent: &Instant| *sent + arbiter.leases.length() > cx.now;
            self.run.lease = self.run.lease.filter(live);
            self.run.promise = self.run.promise.filter(live);
        }
        if self.run.reading.is_some_and(|until| until <= cx.now) {
            self.renew(cx, Proof::Unknown);
        }
    }

    pub(super) fn shift(&mut self, by: Millis) {
        let back = |at: &mut Instant| *at = Instant(at.0.saturating_sub(by.0));
        let Run { lease, promise, since, given, due, reading, confessed, say, stamped, withheld, .. } = &mut self.run;
        back(since);
        if let Some((at, _)) = stamped {
            back(at);
        }
        if let Some((since, _)) = withheld {
            back(since);
        }
        for at in [lease, promise, given, due, reading] {
            at.iter_mut().for_each(back);
            // As early as that is over, whatever it was.
            *at = at.filter(|at| at.0 > 0);
        }
        confessed.iter_mut().for_each(|stamp| stamp.shift(by, 1));
        if let Some(Say::Promise { stamp, .. } | Say::Noted(stamp)) = say {
            stamp.shift(by, 0);
        }
        if let Some((stamp, _)) = &mut self.record.promised {
            stamp.shift(by, 1);
        }
    }
}
