//! Which plan a marked group is recovered by: the first rule that matches (M4).

use crate::ids::{GroupIx, PlanIx};
use crate::policy::{ErrorKind, Policy, RecoveryKind, Rule};

/// The plan of the first rule that matches, with the rule's position. A validated policy ends in a rule that matches
/// everything, so there is always one.
#[must_use]
pub fn choose(policy: &Policy, group: GroupIx, error: ErrorKind, recovery: RecoveryKind) -> Option<(PlanIx, u32)> {
    let matches = |rule: &Rule| {
        rule.groups.as_ref().is_none_or(|g| g.contains(&group))
            && rule.errors.as_ref().is_none_or(|e| e.contains(&error))
            && rule.recovery.as_ref().is_none_or(|r| r.contains(&recovery))
    };
    (0..).zip(&policy.rules).find(|(_, rule)| matches(rule)).map(|(at, rule)| (rule.plan, at))
}
