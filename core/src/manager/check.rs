//! The invariants that one machine can see (section 7).

use crate::error::Violation;
use crate::failover::GroupState;
use crate::ids::GroupIx;
use crate::inventory::Site;
use crate::message::Standing;
use crate::record::{GivePhase, TakePhase, Work};

/// Every invariant of one group.
pub(super) fn group(site: &Site, state: &GroupState, g: GroupIx) -> Result<(), Violation> {
    let record = &state.record;
    let standing = record.authority.standing();
    let violation = |rule, what| Err(Violation { rule, group: record.group, what });
    if record.group != site.inventory.groups[g].key {
        return violation("I11", "a record stands in another group's place");
    }
    let wanted = match &record.work {
        Work::Idle => return idle(state),
        Work::Protect(_) | Work::Unprotect => Standing::Active,
        Work::Shield { .. } | Work::Unshield { .. } | Work::StandDown => Standing::Standby,
        Work::Give(give) => match give.phase {
            GivePhase::Held(_)
            | GivePhase::Queued
            | GivePhase::BackingOff
            | GivePhase::Preparing
            | GivePhase::Quiescing
            | GivePhase::Confirming => Standing::Active,
            GivePhase::Released => Standing::Released,
            GivePhase::Following => Standing::Standby,
        },
        Work::Take(take) => match take.phase {
            TakePhase::Reserved | TakePhase::Acquiring { .. } => Standing::Standby,
            TakePhase::Cutting
            | TakePhase::Promoting
            | TakePhase::Starting
            | TakePhase::Waiting
            | TakePhase::Stopping
            | TakePhase::PuttingBack => Standing::Active,
        },
    };
    if standing != wanted {
        return violation("I11", "a workflow is open that this site's standing does not allow");
    }
    if let Work::Give(give) = &record.work
        && matches!(give.phase, GivePhase::Confirming | GivePhase::Released)
        && give.luns.len() != site.inventory.groups[g].luns.len()
    {
        return violation("I4", "a group is released before every LUN of it was seen quiesced");
    }
    if record.marks.values().any(|&epoch| epoch > record.authority.epoch()) {
        return violation("I8", "a mark is of an epoch that has not begun");
    }
    Ok(())
}

fn idle(state: &GroupState) -> Result<(), Violation> {
    if state.record.authority.standing() == Standing::Released {
        return Err(Violation {
            rule: "I20",
            group: state.record.group,
            what: "a group is released and nothing hands it over",
        });
    }
    Ok(())
}
