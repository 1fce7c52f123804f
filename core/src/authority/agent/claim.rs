//! What the site's manager asks of its agent, and is told (O10).

use super::{AgentEffect, Cx, Held};
use crate::authority::Authority;
use crate::guard::{self, Guard};
use crate::ids::GroupKey;
use crate::message::Standing;

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
}

impl Held {
    pub(super) fn claimed(&mut self, cx: &mut Cx<'_>, claim: &Claim) {
        self.run.told = None;
        let (mine, want) = (self.record.authority, claim.want.bare());
        let expected = claim.from.is_some_and(|from| from.bare() == mine) || !guard::on(Guard::O10Turn);
        if claim.from.is_none() || !expected || mine == want || !mine.leads_to(&want) {
            return;
        }
        match (mine.standing(), want.standing()) {
            // A new turn, or the release, of what this site may run.
            (Standing::Active, _) if !self.live(cx) => {}
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
        };
        if self.run.told != Some(told) {
            self.run.told = Some(told);
            cx.out.push(AgentEffect::Tell(told));
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
