//! What is decided beforehand and would never come to pass: rules, plans, recovery types (M3, M4).

use std::collections::BTreeSet;

use farshore_core::Site;
use farshore_core::choosing::choose;
use farshore_core::ids::{ArrayIx, GroupIx, PlanIx, Side};
use farshore_core::policy::{ErrorKind, RecoveryType};

use super::{Finding, Kind, listed};

/// Kinds of failure that choose a plan.
const KINDS: [ErrorKind; 6] = [
    ErrorKind::LunLost,
    ErrorKind::DeviceLost,
    ErrorKind::ManagerLost,
    ErrorKind::SiteLost,
    ErrorKind::Planned,
    ErrorKind::RollBack,
];

/// Which plan is chosen for a group, and by which rule, for each kind of failure. A group that has moved is given back by
/// the other site, whose recovery type may be another.
pub(super) fn chosen(site: &Site, g: GroupIx) -> Vec<(ErrorKind, PlanIx, u32)> {
    let mut all = Vec::new();
    for side in Side::BOTH {
        let recovery = site.policy.recovery_of(side).kind();
        for kind in KINDS {
            all.extend(choose(&site.policy, g, kind, recovery).map(|(plan, rule)| (kind, plan, rule)));
        }
    }
    all
}

pub(super) fn check(site: &Site, findings: &mut Vec<Finding>) {
    unused(site, findings);
    for side in Side::BOTH {
        recovery(site, side, findings);
    }
}

fn unused(site: &Site, findings: &mut Vec<Finding>) {
    let inventory = &site.inventory;
    let mut rules: BTreeSet<u32> = BTreeSet::new();
    let mut plans: BTreeSet<(PlanIx, GroupIx)> = BTreeSet::new();
    for g in inventory.groups.indices() {
        for (_, plan, rule) in chosen(site, g) {
            rules.insert(rule);
            plans.insert((plan, g));
        }
    }
    for (at, rule) in (0u32..).zip(&site.policy.rules) {
        // HostLost starts no failover (D5).
        let host_only = rule.errors.as_ref().is_some_and(|e| e.iter().all(|e| *e == ErrorKind::HostLost));
        let last = at as usize + 1 == site.policy.rules.len();
        if rules.contains(&at) || last {
            continue;
        }
        let why = if host_only {
            "a lost host starts no failover"
        } else {
            "the rules before it match everything that it does, or nothing has its recovery type"
        };
        findings.push(Finding::new(
            Kind::RuleUnused,
            format!("rule {}", at + 1),
            format!("it never chooses plan {}: {why}", inventory.plans[rule.plan].name),
            "move it before the others, or take it out",
        ));
    }
    for (ix, plan) in inventory.plans.iter() {
        let never: Vec<&str> = plan
            .groups
            .iter()
            .filter(|(g, _)| !plans.contains(&(ix, *g)))
            .map(|(g, _)| inventory.groups[*g].name.as_str())
            .collect();
        if never.is_empty() {
            continue;
        }
        let what = if never.len() == plan.groups.len() {
            "no rule chooses it for any group".to_string()
        } else {
            format!("no rule chooses it for {}, which it lists", listed(never.into_iter()))
        };
        let change = "add a [[policy.rule]] that chooses it, or take it or the groups out";
        findings.push(Finding::new(Kind::PlanUnused, format!("plan {}", plan.name), what, change));
    }
}

fn recovery(site: &Site, side: Side, findings: &mut Vec<Finding>) {
    let inventory = &site.inventory;
    let name = &inventory.sites[side.at()].name;
    let groups = || inventory.groups.iter().filter(move |(_, g)| g.home == side);
    if groups().next().is_none() {
        return;
    }
    match site.policy.recovery_of(side) {
        RecoveryType::Everything => {}
        RecoveryType::AtLeast { vms } => {
            let most = inventory
                .arrays
                .iter()
                .filter(|(_, a)| a.side == side)
                .map(|(ix, array)| (affected(site, side, ix), array.name.as_str()))
                .max();
            let Some((most, array)) = most.filter(|(most, _)| *most < vms as usize) else { return };
            findings.push(Finding::new(
                Kind::AtLeastHigh,
                format!("site {name}"),
                format!("nothing moves until {vms} VMs are affected, and the loss of no array affects more than {most} ({array})"),
                format!("make `vms` of its recovery type at most {most}, if the loss of an array is to move anything"),
            ));
        }
        RecoveryType::CriticalFirst { .. } => {
            let critical = groups().any(|(_, g)| g.vms.iter().any(|&v| inventory.vms[v].critical));
            if !critical {
                findings.push(Finding::new(
                    Kind::NothingCritical,
                    format!("site {name}"),
                    "its recovery type is `critical-first`, and none of its VMs is critical",
                    "set `critical = true` for the VMs that are to move first",
                ));
            }
        }
    }
}

/// VMs of marked groups, if an array is lost: a marked group counts as a whole (M3).
fn affected(site: &Site, side: Side, array: ArrayIx) -> usize {
    let inventory = &site.inventory;
    let lost = |g: &&farshore_core::inventory::Group| {
        g.luns.iter().any(|&l| inventory.luns[l].ends[side.at()].as_ref().is_some_and(|end| end.array == array))
    };
    inventory.groups.iter().map(|(_, g)| g).filter(|g| g.home == side).filter(lost).map(|g| g.vms.len()).sum()
}
