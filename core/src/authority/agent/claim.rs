//! What the site's manager asks of its agent, and is told (O10).

use super::{AgentEffect, Cx, Held};
use crate::authority::Authority;
use crate::guard::{self, Guard};
use crate::ids::GroupKey;
use crate::message::Standing;
use crate::time::Instant;

/// A manager wants its group's authority changed: compare and swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Claim {
    /// The group.
    pub group: GroupKey,
    /// What it was told last; `None`: it only asks.
    pub from: Option<Authority>,
    /// What it wants.
    pub want: Authority,
    /// Enforcers are to be served no more in this turn; a release waits until none of them can still allow the group to
    /// run (F2, O2).
    pub withhold: bool,
}

/// What the enforcers of a site (host guards, write leases, watchdogs) get of the agent's authority over a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Enforcers {
    /// Their part.
    #[default]
    Served,
    /// Nothing, in this turn; what they have may not have run out.
    Withheld,
    /// Nothing, and what they had has run out: whoever is at all there runs nothing of the group (O2).
    Expired,
}

/// What an agent tells its site's manager: a level, told again whenever it changes or is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Told {
    /// The group.
    pub group: GroupKey,
    /// Epoch, turn, standing.
    pub authority: Authority,
    /// Whether this site may run it now (O1). While it may not, the manager does nothing.
    pub live: bool,
    /// The agent has begun to stop it (O3): whatever ran before is to be put back in a later turn.
    pub fenced: bool,
    /// The arbiter or the peer's agent has confirmed the epoch since the agent started (J5).
    pub known: bool,
    /// What enforcers get.
    pub enforcers: Enforcers,
}

impl Held {
    pub(super) fn claimed(&mut self, cx: &mut Cx<'_>, claim: &Claim) {
        self.run.told = None;
        let (mine, want) = (self.record.authority, claim.want.bare());
        let expected = claim.from.is_some_and(|from| from.bare() == mine) || !guard::on(Guard::O10Turn);
        if claim.withhold && expected && mine.is_active() && self.withheld().is_none() && cx.arbiter.is_some() {
            self.run.withheld = Some((cx.now, mine.turn()));
        }
        let leads = mine.leads_to(&want) || (!guard::on(Guard::O10Turn) && mine.epoch() == want.epoch());
        if claim.from.is_none() || !expected || mine == want || !leads {
            return;
        }
        match (mine.standing(), want.standing()) {
            // A new turn, or the release, of what this site may run.
            (Standing::Active, _) if !self.live(cx) => {}
            // F2: a host that nobody can reach may still run it.
            (Standing::Active, Standing::Released)
                if claim.withhold && self.enforcers(cx) != Enforcers::Expired && guard::on(Guard::F2Expiry) => {}
            (Standing::Active, Standing::Active) => self.change(|r| r.authority = want),
            // F3: from here on the peer may run it; this site acquires nothing, and adopts nothing.
            (Standing::Active, _) => self.change(|r| {
                (r.authority, r.given, r.number) = (want, Some(0), 0);
                (r.held, r.promised, r.acquire) = (None, None, None);
            }),
            // F4: the peer's release, which its manager has brought. It is a standing promise until this site has a lease.
            (Standing::Standby, _) => {
                self.change(|r| {
                    r.new_epoch(want);
                    r.held = Some(0);
                });
                self.owns(cx);
            }
            (Standing::Released, _) => {
                let given = self.record.given;
                self.change(|r| {
                    r.new_epoch(want);
                    r.given = given;
                });
            }
        }
    }

    /// Tells the manager what it does not know yet.
    pub(super) fn tell(&mut self, cx: &mut Cx<'_>) {
        let told = Told {
            group: self.record.group,
            authority: self.record.authority,
            live: self.live(cx),
            fenced: self.record.fenced,
            known: self.run.known,
            enforcers: self.enforcers(cx),
        };
        if self.run.told != Some(told) {
            self.run.told = Some(told);
            cx.out.push(AgentEffect::Tell(told));
        }
    }

    /// Since when enforcers are served nothing, in this turn.
    pub(super) fn withheld(&self) -> Option<Instant> {
        let turn = self.record.authority.turn();
        self.run.withheld.filter(|&(_, of)| of == turn && self.record.authority.is_active()).map(|(since, _)| since)
    }

    /// An enforcer counts at most a lease from its own question, which was answered before that (O2).
    pub(super) fn enforcers(&self, cx: &Cx<'_>) -> Enforcers {
        match (self.withheld(), cx.arbiter) {
            (Some(since), Some(arbiter)) if since + arbiter.leases.given() <= cx.now => Enforcers::Expired,
            (Some(_), Some(_)) => Enforcers::Withheld,
            (_, None) | (None, _) => Enforcers::Served,
        }
    }

    /// Whether this site may run the group now (O1).
    pub(super) fn live(&self, cx: &Cx<'_>) -> bool {
        match cx.arbiter {
            None => self.record.authority.is_active(),
            Some(arbiter) => !self.record.fenced && self.left(arbiter, cx.now).is_some(),
        }
    }
}
