//! Recovery plans.

use alloc::vec::Vec;

use super::names::{Names, sorted};
use super::steps;
use crate::ids::{Digest, GroupIx, Index, PlanKey};
use crate::inventory::Vm;
use crate::inventory::check::Values;
use crate::inventory::error::{ConfigError, Kind};
use crate::plan::{Plan, PlanStep, StartStep, StopStep};
use crate::spec;

/// The plans, by name; one of all groups where there is none. Their digests are not known yet.
pub(super) fn plans(names: &Names<'_>, vms: &[Vm]) -> Result<Vec<Plan>, ConfigError> {
    if names.plans.len() == 0 {
        let groups = names.groups.iter().map(|(group, ..)| (group, 1)).collect();
        return Ok(alloc::vec![plan(&spec::Plan::of(spec::DEFAULT, &[]), groups, Vec::new())]);
    }
    let mut plans = Vec::new();
    let mut moved = alloc::vec![false; names.groups.len()];
    for (ix, _, spec) in names.plans.iter() {
        let by = || names.plans.object(ix);
        Values(by()).not_zero([("ready-timeout", spec.ready_timeout)])?;
        let groups = groups(names, spec, by)?;
        for (group, _) in &groups {
            moved[group.at()] = true;
        }
        let steps = steps::steps(names, spec, &groups, vms)?;
        plans.push(plan(spec, groups, steps));
    }
    match moved.iter().position(|&moved| !moved) {
        Some(left) => Err(ConfigError::GroupWithoutPlan { group: names.groups.name(GroupIx::from_at(left)).into() }),
        None => Ok(plans),
    }
}

/// A plan's groups by priority, then by name.
fn groups(
    names: &Names<'_>,
    spec: &spec::Plan,
    by: impl Fn() -> crate::inventory::Object,
) -> Result<Vec<(GroupIx, u8)>, ConfigError> {
    if spec.groups.is_empty() {
        return Err(ConfigError::Empty { by: by(), list: "groups" });
    }
    sorted(Kind::Group, spec.groups.iter().map(|group| &*group.group), &by)?;
    let mut listed: Vec<&spec::PlanGroup> = spec.groups.iter().collect();
    listed.sort_by_key(|listed| &listed.group);
    let mut groups = Vec::new();
    for spec::PlanGroup { group, priority, after: _ } in &listed {
        groups.push((names.groups.resolve(group, &by)?, *priority));
    }
    Values(by()).not_zero(groups.iter().map(|&(_, priority)| ("priority", priority)))?;
    come_after(names, spec, &listed, &mut groups, &by)?;
    groups.sort_by_key(|&(group, priority)| (priority, group));
    Ok(groups)
}

/// A group that comes after others has a later priority than any of them: raised until nothing is raised any more.
fn come_after(
    names: &Names<'_>,
    spec: &spec::Plan,
    listed: &[&spec::PlanGroup],
    groups: &mut [(GroupIx, u8)],
    by: &impl Fn() -> crate::inventory::Object,
) -> Result<(), ConfigError> {
    let mut waits: Vec<(usize, usize)> = Vec::new();
    for (at, group) in listed.iter().enumerate() {
        for before in names.groups.resolve_all(&group.after, by)? {
            match groups.iter().position(|&(g, _)| g == before) {
                Some(first) => waits.push((first, at)),
                None => {
                    let what = names.groups.object(before);
                    return Err(ConfigError::Unknown { what, by: by() });
                }
            }
        }
    }
    for round in 0..=groups.len() {
        let mut raised = false;
        for &(first, then) in &waits {
            let least = groups[first].1.saturating_add(1);
            if groups[then].1 < least || groups[first].1 == u8::MAX {
                if round == groups.len() {
                    let group = listed[then].group.clone();
                    return Err(ConfigError::AfterItself { plan: spec.name.clone(), group });
                }
                groups[then].1 = least;
                raised = true;
            }
        }
        if !raised {
            break;
        }
    }
    Ok(())
}

fn plan(spec: &spec::Plan, groups: Vec<(GroupIx, u8)>, steps: Vec<PlanStep>) -> Plan {
    Plan {
        key: PlanKey::of(&spec.name),
        name: spec.name.clone(),
        groups,
        stop: StopStep { grace: spec.stop_grace.into() },
        start: StartStep {
            tier_delay: spec.tier_delay.into(),
            ready_timeout: spec.ready_timeout.into(),
            retries: spec.retries,
            retry_delay: spec.retry_delay.into(),
            on_failure: spec.on_failure,
        },
        steps,
        hash: Digest::default(),
    }
}
