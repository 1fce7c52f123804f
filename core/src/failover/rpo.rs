//! How far the peer's copies of a group fall behind while it rests: looked at now and then, and told before it matters
//! (F2a).

use super::{Cx, GroupState, Wait};
use crate::effect::Effect;
use crate::event::Alert;
use crate::ids::{GroupIx, LunKey};
use crate::inventory::Replication;
use crate::operation::{ReplicationSeen, Seen, Target};
use crate::record::{Protection, Work};
use crate::time::Millis;

/// So many times the RPO is a warning, and so many an alarm.
const WARNING: u8 = 2;
const ALARM: u8 = 3;

impl GroupState {
    /// Arms the next look at the copies of a protected group that rests here.
    pub(super) fn step_rpo(&mut self, cx: &mut Cx<'_>) {
        let every = cx.site.policy.limits.rpo_check;
        if every == Millis::ZERO {
            return;
        }
        let owned = self.record.authority.is_active() && self.record.protection == Protection::Protected;
        if !owned {
            self.clear(cx, |a| matches!(a, Alert::RpoBehind { .. } | Alert::OutOfSync { .. }));
        }
        if owned && self.record.work == Work::Idle && !self.any_lost() {
            self.wait(Wait::Rpo, cx.now + every.max(cx.site.policy.waits.observe));
        } else {
            self.run.waits.remove(&Wait::Rpo);
            self.run.looked.clear();
        }
    }

    /// It is time to look. What was asked before and not answered is lost by now: one question per LUN at a time.
    pub(crate) fn look_at_copies(&mut self, cx: &mut Cx<'_>, g: GroupIx) {
        self.run.looked.clear();
        if !self.clean() {
            return;
        }
        for &lun in &cx.site.inventory.groups[g].luns {
            let lun = cx.site.inventory.luns[lun].key;
            let target = Target::Lun(lun);
            // An operation that is in doubt is observed for itself.
            if !self.run.ops.contains_key(&target) {
                self.run.looked.insert(lun);
                cx.out.push(Effect::Observe { group: self.record.group, target });
            }
        }
    }

    /// The answer, if it is one to that question.
    pub(super) fn looked_at(&mut self, cx: &mut Cx<'_>, target: Target, seen: Option<&Seen>) {
        let Target::Lun(lun) = target else { return };
        if let (true, Some(Seen::Lun(seen))) = (self.run.looked.remove(&lun), seen) {
            self.measured(cx, lun, seen.replication);
        }
    }

    /// What is unknown says nothing: F2a counts it as it is, where it matters.
    fn measured(&mut self, cx: &mut Cx<'_>, lun: LunKey, seen: ReplicationSeen) {
        let replication = cx.site.inventory.luns.by_key(lun).and_then(|(_, l)| l.replication);
        match (replication, seen.in_sync, seen.lag) {
            (Some(Replication::Synchronous), Some(true), _) if !seen.resync => {
                self.clear(cx, |a| *a == Alert::OutOfSync { lun });
            }
            (Some(Replication::Synchronous), Some(_), _) => self.raise(cx, Alert::OutOfSync { lun }),
            (Some(Replication::Asynchronous { rpo }), _, Some(lag)) => {
                let behind = |times: u8| lag > rpo * u64::from(times);
                let mine = |a: &Alert| matches!(a, Alert::RpoBehind { lun: of, .. } if *of == lun);
                let alarm = Alert::RpoBehind { lun, times: ALARM };
                if behind(ALARM) {
                    self.clear(cx, |a| mine(a) && *a != alarm);
                    self.raise(cx, alarm);
                } else if behind(WARNING) && !self.record.alerts.contains(&alarm) {
                    self.raise(cx, Alert::RpoBehind { lun, times: WARNING });
                } else if !behind(1) {
                    self.clear(cx, mine);
                }
            }
            (Some(Replication::Synchronous | Replication::Asynchronous { .. }) | None, ..) => {}
        }
    }
}
