//! What an operation's end tells besides that its state is reached.

use super::GroupState;
use crate::message::Scope;
use crate::operation::{Goal, Op, Seen, Target};
use crate::record::Work;

impl GroupState {
    /// Keeps what later steps need.
    pub(super) fn learn(&mut self, op: &Op, seen: &Seen) {
        match (op.id.target, op.goal, seen) {
            (Target::Lun(lun), Goal::Drained, Seen::Lun(s)) => {
                self.run.drained.insert(lun, s.replication.point.unwrap_or_default());
            }
            (Target::Lun(lun), Goal::Cut, Seen::Lun(s)) => {
                self.run.points.insert(lun, s.replication.point);
            }
            (Target::Lun(lun), Goal::ReadOnly, Seen::Lun(s)) => {
                self.run.undrained.insert(lun, s.replication);
            }
            (Target::TestLun(lun), Goal::Copied | Goal::CopiedAt { .. }, Seen::Copy(s)) => {
                self.run.copied.insert(lun, s.point);
            }
            _ => {}
        }
    }

    /// Which VMs the open run starts.
    pub(crate) fn scope(&self) -> Scope {
        match &self.record.work {
            Work::Give(give) => give.offer.scope,
            Work::Take(take) => take.offer.scope,
            Work::Idle
            | Work::Protect(_)
            | Work::Shield { .. }
            | Work::Unprotect
            | Work::Unshield { .. }
            | Work::StandDown => Scope::All,
        }
    }
}
