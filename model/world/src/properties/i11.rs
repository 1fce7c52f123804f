//! I11: one workflow per group; no object in two.

use super::*;

/// I11.
pub(super) const PROPERTY: Property = Property { name: "I11", rule: "one workflow per group; no object in two", holds };

/// Each site has at most one by its type; together they must be the two halves of one.
fn holds(world: &World, setup: &Setup) -> Result<(), &'static str> {
    for g in setup.inventory().groups.indices() {
        let leads = |side: Side| {
            // A record that came from an old copy of the journal leads nothing before its manager has made it its own.
            if world.node(side).dark || !world.is_its_own(side, setup.inventory().groups[g].key) {
                return false;
            }
            // Without authority a record leads nothing: its agent has not heard yet that the group has moved (O1).
            let may = |r: &GroupRecord| !r.authority.is_active() || world.enforcers_allow(side, Some(g));
            world.record(setup, side, g).filter(|r| may(r)).is_some_and(|r| match &r.work {
                Work::Give(give) => before_release(give.phase),
                Work::Take(take) => !matches!(take.phase, TakePhase::Reserved | TakePhase::Acquiring { .. }),
                Work::Protect(_) | Work::Unprotect => true,
                Work::Idle | Work::Shield { .. } | Work::Unshield { .. } | Work::StandDown => false,
            })
        };
        if Side::BOTH.into_iter().all(leads) {
            return Err("both sites lead a workflow of one group");
        }
    }
    Ok(())
}
