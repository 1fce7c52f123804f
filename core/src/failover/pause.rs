//! A run that an operator pauses: nothing new is begun, what is under way ends, and it is resumed where it was (M5).

use super::{Cx, GroupState, Wait};
use crate::record::{Give, GivePhase, Latch, Take, TakePhase, Work};

/// Whether a workflow can be paused where it is: before the release, or while VMs start.
pub(super) const fn can_pause(work: &Work) -> bool {
    match work {
        Work::Give(Give { phase, .. }) => match phase {
            GivePhase::Queued
            | GivePhase::BackingOff
            | GivePhase::Preparing
            | GivePhase::Quiescing
            | GivePhase::Confirming => true,
            GivePhase::Held(_) | GivePhase::Released | GivePhase::Following => false,
        },
        Work::Take(Take { phase, .. }) => matches!(phase, TakePhase::Starting),
        Work::Idle
        | Work::Protect(_)
        | Work::Shield { .. }
        | Work::Unprotect
        | Work::Unshield { .. }
        | Work::StandDown => false,
    }
}

impl GroupState {
    /// Whether the run is paused.
    pub(crate) fn is_paused(&self) -> bool {
        self.record.latch == Some(Latch::Paused)
    }

    /// Whether it could be.
    pub(crate) fn can_pause(&self) -> bool {
        self.record.latch.is_none() && can_pause(&self.record.work)
    }

    /// Nobody is asked any more, and nobody's silence counts.
    pub(crate) fn pause(&mut self, cx: &mut Cx<'_>) {
        self.run.waits.retain(|wait, _| !matches!(wait, Wait::Resend | Wait::Silent | Wait::Backoff));
        self.latch(cx, Latch::Paused);
    }
}
