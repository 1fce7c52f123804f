//! The commit window (F10): a recovery is held uncommitted for a while, and can be rolled back as long as the old owner's
//! copy is as it was released.

use super::{Cx, GroupState, Wait};
use crate::event::{Alert, Event};
use crate::message::Left;
use crate::policy::ErrorKind;
use crate::record::{Give, Take, Window, Work};
use crate::time::Millis;

impl GroupState {
    /// The recovery is over: its window opens, where policy has one. A roll-back has none.
    pub(super) fn open_window(&mut self, cx: &mut Cx<'_>) {
        let Work::Take(take) = &self.record.work else { return };
        if cx.site.policy.limits.commit_window == Millis::ZERO || take.offer.kind == ErrorKind::RollBack {
            return;
        }
        let drained = |left: &Left| matches!(left, Left::Drained(_));
        let complete = !take.luns.is_empty() && take.luns.values().all(drained);
        self.record.window = Some(if complete { Window::Complete } else { Window::Partial });
        self.touch();
        self.raise(cx, Alert::Uncommitted { group: self.record.group });
    }

    /// The window closes by itself, in full again after a restart.
    pub(super) fn window_deadline(&mut self, cx: &Cx<'_>) {
        if self.record.window.is_some() {
            self.wait(Wait::Commit, cx.now + cx.site.policy.limits.commit_window);
        }
    }

    /// The recovery stands.
    pub(crate) fn commit(&mut self, cx: &mut Cx<'_>) {
        if self.record.window.take().is_some() {
            let group = self.record.group;
            self.run.waits.remove(&Wait::Commit);
            self.touch();
            self.clear(cx, |a| *a == Alert::Uncommitted { group });
            cx.event(Event::Committed { group });
        }
    }

    /// Whether the group is given back because a recovery is rolled back.
    pub(super) const fn rolls_back(&self) -> bool {
        match &self.record.work {
            Work::Give(Give { offer, .. }) | Work::Take(Take { offer, .. }) => {
                matches!(offer.kind, ErrorKind::RollBack)
            }
            Work::Idle
            | Work::Protect(_)
            | Work::Shield { .. }
            | Work::Unprotect
            | Work::Unshield { .. }
            | Work::StandDown => false,
        }
    }
}
