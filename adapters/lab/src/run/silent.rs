//! A run in which an array dies without a word (D2): nobody says that anything is lost, and nobody can say how good the
//! copies are. An operator decides.

use farshore_core::Command;
use farshore_core::event::{Alert, Event};
use farshore_core::ids::Side;
use farshore_core::record::Latch;
use farshore_core::time::Instant;
use farshore_core::waiver::{Operator, Override, Waiver};

use super::Lab;
use crate::Failed;
use crate::options::Options;
use crate::report::Mark;

/// Who forces groups in the lab.
const OPERATOR: Operator = Operator(1);

impl Lab<'_> {
    /// Every program of alder's array is killed at once, and the group is forced once it is held for the evidence.
    pub(super) fn apd(&self, options: &Options, lost_at: Instant) -> Result<(), Failed> {
        self.step("alder's array dies without a word: all of it is killed, and nothing was lost before");
        self.sites[0].array.kill();
        self.wait("the holding of the group for an operator", 120, || {
            self.tell(lost_at);
            self.is_stuck(false, 0)
        })?;
        self.step("the operator forces it: nobody knows what is lost");
        for group in options.scenario.groups() {
            let waives = Waiver::Evidence { loss: None };
            let force = Command::Force(Override { group, waives, by: OPERATOR, second: None });
            self.command(0, "the command to force the group", &force)?;
        }
        self.await_recovery((lost_at, 1), lost_at, true)
    }
}

/// What alder's manager did not say as it should: silence is no loss, an array of which there is nothing else counts as
/// failed, and its group is held for the evidence until somebody gives that up, and for nothing else.
pub(super) fn story(marks: &[Mark]) -> Vec<String> {
    let said = |at: &[Mark], fits: &dyn Fn(&Event) -> bool| at.iter().any(|m| m.side == Side::One && fits(&m.event));
    let held = |why: &Latch| *why == Latch::Evidence;
    let forced = marks.iter().position(|m| matches!(m.event, Event::Overridden(_))).unwrap_or(marks.len());
    let mut wrong = Vec::new();
    if said(marks, &|e| matches!(e, Event::LossSeen { .. })) {
        wrong.push("a host took silence for a loss".into());
    }
    if !said(marks, &|e| matches!(e, Event::ArrayFailed { .. })) {
        wrong.push("the silent array never counted as failed".into());
    }
    if !said(&marks[..forced], &|e| matches!(e, Event::Raised(Alert::NeedsOperator { why, .. }) if held(why))) {
        wrong.push("the group was not held for the evidence before it was forced".into());
    }
    if said(marks, &|e| matches!(e, Event::Raised(Alert::NeedsOperator { why, .. }) if !held(why))) {
        wrong.push("the group was held for something else than the evidence".into());
    }
    if forced == marks.len() {
        wrong.push("nobody forced the group".into());
    }
    wrong
}

#[cfg(test)]
mod tests {
    use farshore_core::ids::{ArrayKey, GroupKey, HostKey, LunKey};

    use super::*;

    fn said(events: &[Event]) -> Vec<String> {
        let mark = |event: &Event| Mark { when: Instant(1), side: Side::One, event: *event };
        story(&events.iter().map(mark).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_missing_or_too_much_is_seen() {
        let group = GroupKey::of("shop");
        let failed = Event::ArrayFailed { array: ArrayKey::of("alder-san") };
        let held = |why| Event::Raised(Alert::NeedsOperator { group, why });
        let waives = Waiver::Evidence { loss: None };
        let forced = Event::Overridden(Override { group, waives, by: OPERATOR, second: None });
        let evidence = held(Latch::Evidence);
        assert!(said(&[failed, evidence, forced]).is_empty());
        let lost = Event::LossSeen { host: HostKey::of("alder-1"), lun: LunKey::of("db1") };
        for wrong in [
            &[lost, failed, evidence, forced][..],
            &[evidence, forced],
            &[failed, forced, evidence],
            &[failed, evidence, held(Latch::Stuck), forced],
            &[failed, evidence],
        ] {
            assert_eq!(said(wrong).len(), 1, "{wrong:?}");
        }
    }
}
