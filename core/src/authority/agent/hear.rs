//! What the arbiter and the peer's agent say.

use super::{Cx, Held, Known};
use crate::authority::proof::{Proof, Stamp};
use crate::authority::wire::{Answer, Denial, Note, Reply, Say, Want};
use crate::guard::{self, Guard};
use crate::ids::{Epoch, GroupIx, Side};
use crate::time::Instant;

impl Held {
    pub(super) fn replied(&mut self, cx: &mut Cx<'_>, _: GroupIx, reply: Reply) {
        if !self.trusts(&reply) {
            return;
        }
        self.run.joined |= reply.answer == Answer::Record && reply.epoch == self.record.authority.epoch();
        // An outcome first: it settles the doubt, and the record below may be the grant.
        if let Answer::Evaluated { k, outcome } = reply.answer {
            self.evaluated(k, outcome);
        }
        self.learn_owner(cx, reply.epoch, reply.owner);
        self.run.known |= reply.epoch == self.record.authority.epoch();
        if let Answer::Leased(stamp) = reply.answer
            && reply.epoch == self.record.authority.epoch()
        {
            self.leased(cx, stamp);
        }
    }

    /// O7: another arbiter than was known is refused, until it says that both sites have armed it.
    fn trusts(&mut self, reply: &Reply) -> bool {
        let Reply { incarnation, epoch, .. } = *reply;
        let new = Known { incarnation, epoch, refused: false, rearmed: false };
        let known = match self.record.arbiter {
            None => new,
            // A late word is no going back: it is only old, of this arbiter or of one that is gone.
            Some(known) if incarnation < known.incarnation => return false,
            Some(known) if incarnation > known.incarnation => Known { refused: true, epoch: known.epoch, ..new },
            Some(known) if known.refused => {
                let both = reply.armed || !guard::on(Guard::O7Both);
                if !(known.rearmed && both && epoch == self.record.authority.epoch()) {
                    return false;
                }
                new
            }
            Some(known) if epoch < known.epoch => return false,
            Some(_) => new,
        };
        self.change(|r| r.arbiter = Some(known));
        if known.refused {
            self.no_answer();
        }
        !known.refused
    }

    /// Whatever an arbiter that is gone has granted can never be heard any more: the doubt is over (O4), and people are
    /// told (L3).
    fn no_answer(&mut self) {
        if self.record.acquire.is_some() {
            self.change(|r| r.acquire = None);
            self.run.denied = Some(Denial::Manual);
        }
    }

    /// An operator has looked at the arbiter that is refused, and arms it at this site (O7).
    pub(super) fn rearm(&mut self, cx: &Cx<'_>) {
        if self.record.arbiter.is_some_and(|known| known.refused) {
            self.change(|r| r.arbiter = r.arbiter.map(|known| Known { rearmed: true, ..known }));
            (self.run.due, self.run.joined) = (Some(cx.now), false);
        }
    }

    /// Somebody who knows says who owns the group in an epoch.
    fn learn_owner(&mut self, cx: &Cx<'_>, epoch: Epoch, owner: Side) {
        let mine = self.record.authority;
        if epoch <= mine.epoch() {
            return;
        }
        if owner == cx.site.here {
            // F3: who has released takes nothing back before its own promise has come back to it.
            let free = self.record.given.is_none() || !guard::on(Guard::F3NoReturn);
            if free && self.record.stands_by() && epoch == mine.epoch().next() {
                self.becomes_owner(cx);
            }
            return;
        }
        let given = self.record.given.filter(|_| mine.standing() == crate::message::Standing::Released);
        self.change(|r| {
            let mut authority = mine;
            authority.lost_to_peer(epoch);
            r.new_epoch(authority);
            r.given = given;
        });
        (self.run.lease, self.run.promise, self.run.reading) = (None, None, None);
        (self.run.due, self.run.since) = (Some(cx.now), Instant(0));
        (self.run.confessed, self.run.joined) = (None, false);
    }

    pub(super) fn noted(&mut self, cx: &mut Cx<'_>, _: GroupIx, note: Note) {
        let Note { epoch, say, .. } = note;
        match say {
            Say::Owner(side) => self.learn_owner(cx, epoch, side),
            Say::Alive { .. } if epoch > self.record.authority.epoch() => {
                self.learn_owner(cx, epoch, cx.site.here.peer());
            }
            Say::Alive { .. } if epoch < self.record.authority.epoch() => {
                if self.record.authority.is_active() {
                    self.run.say = Some(Say::Owner(cx.site.here));
                }
            }
            Say::Alive { stamp, proof, want, returned } => {
                self.run.known = true;
                self.owner_alive(cx, stamp, proof, want, returned);
            }
            Say::Promise { .. } | Say::Noted(_) if epoch != self.record.authority.epoch() => {}
            Say::Promise { stamp, standing } => {
                self.run.known = true;
                self.promised(cx, stamp, standing);
            }
            Say::Noted(stamp) => {
                if stamp.boot == cx.boot {
                    self.confession_heard(cx, stamp);
                }
            }
        }
    }

    /// The owner is alive, at this epoch: the promise that it wants, the promise that it returns (O4, O6, O8).
    fn owner_alive(&mut self, cx: &Cx<'_>, stamp: Stamp, proof: Proof, want: Option<Want>, returned: Option<u32>) {
        let Some(arbiter) = cx.arbiter.filter(|_| self.record.stands_by()) else { return };
        let back =
            |given: u32| returned.is_some_and(|r| given <= r) || (!guard::on(Guard::O8Number) && returned.is_none());
        if self.record.given.is_some_and(back) {
            self.change(|r| r.given = None);
        }
        // O6: an older word does not overwrite a later one.
        if self.record.promised.is_some_and(|(last, _)| stamp < last) && guard::on(Guard::O6Sequence) {
            return;
        }
        let doubt = self.record.acquire.is_some();
        let bad = matches!(proof, Proof::Unfit { .. });
        if doubt && ((bad && guard::on(Guard::O4Notice)) || (want.is_some() && guard::on(Guard::O4Promise))) {
            return;
        }
        if bad || want.is_some() {
            self.change(|r| r.promised = Some((stamp, proof)));
        } else if matches!(proof, Proof::Fit { .. }) {
            // It lives on its lease again: the arbiter's evidence is the later one.
            self.change(|r| r.promised = None);
        }
        match want {
            Some(want) => {
                self.run.given = self.run.given.max(Some(cx.now + arbiter.leases.given()));
                let standing = want == Want::Standing || self.record.given.is_some();
                if standing && self.record.given.is_none() {
                    self.change(|r| {
                        r.number = r.number.saturating_add(1);
                        r.given = Some(r.number);
                    });
                }
                let standing = self.record.given.filter(|_| standing);
                self.run.say = Some(Say::Promise { stamp, standing });
                if core::mem::take(&mut self.run.joined) {
                    // The owner has no lease: is the arbiter there, and is it the one that was known (O7, O8)?
                    self.run.due = Some(cx.now);
                }
            }
            None if bad => self.run.say = Some(Say::Noted(stamp)),
            None => {}
        }
    }
}
