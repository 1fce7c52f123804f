//! What the operator has decided beforehand.

use alloc::collections::BTreeSet;
use alloc::string::ToString;
use alloc::vec::Vec;

use crate::authority::lease::Leases;
use crate::ids::{GroupIx, GroupKey, Index, PlanIx, PlanKey, Side};
use crate::inventory::check::{self, Values};
use crate::inventory::error::{ConfigError, Kind, Object};
use crate::inventory::{Inventory, Replication, build::names};
use crate::policy::{Arbiter, Deputy, Grouping, Limits, Policy, RecoveryKind, RecoveryType, Remainder, Rule, Waits};
use crate::spec::{self, Deployment};

pub(super) fn policy(deployment: &Deployment, inventory: &Inventory) -> Result<Policy, ConfigError> {
    let spec = &deployment.policy;
    if let Some(name) = spec.sites.keys().find(|name| inventory.sites.iter().all(|site| site.name != **name)) {
        let by = Object::new(Kind::Section, "policy.site");
        return Err(ConfigError::Unknown { what: Object::new(Kind::Site, &**name), by });
    }
    check::grouping(&spec.grouping)?;
    check::waits(&spec.waits)?;
    let [one, two] = Side::BOTH.map(|side| recovery(spec, inventory, side));
    Ok(Policy {
        grouping: Grouping {
            mode: spec.grouping.mode,
            idle_poll: spec.grouping.idle_poll.into(),
            min_poll: spec.grouping.min_poll.into(),
            short: spec.grouping.short.into(),
            long: spec.grouping.long.into(),
        },
        recovery: [one?, two?],
        rules: rules(&spec.rules, inventory)?,
        limits: limits(spec, inventory)?,
        waits: Waits {
            resend: spec.waits.resend.into(),
            peer_silent: spec.waits.peer_silent.into(),
            array_op: spec.waits.array_op.into(),
            host_op: spec.waits.host_op.into(),
            observe: spec.waits.observe.into(),
            doubt_limit: spec.waits.doubt_limit,
            prepare_ttl: spec.waits.prepare_ttl.into(),
        },
        arbiter: spec.arbiter.as_ref().map(|spec| arbiter(spec, inventory)).transpose()?,
        deputy: spec.deputy.as_ref().map(deputy).transpose()?,
    })
}

/// O2, O11; and O5: an RPO shorter than a lease never permits a takeover.
fn arbiter(spec: &spec::Arbiter, inventory: &Inventory) -> Result<Arbiter, ConfigError> {
    let spec::Arbiter { lease, drift_ppm, margin, site_grace, automatic } = *spec;
    Values::section("policy.arbiter").not_zero([("site-grace", site_grace)])?;
    let leases = Leases::new(lease.into(), drift_ppm, margin.into()).map_err(ConfigError::Lease)?;
    let short = |replication| match replication {
        Some(Replication::Asynchronous { rpo }) if rpo < leases.length() => Some(rpo),
        Some(Replication::Asynchronous { .. } | Replication::Synchronous) | None => None,
    };
    let mut luns = inventory.luns.iter().filter(|(_, lun)| automatic && lun.group.is_some());
    match luns.find_map(|(_, lun)| Some((lun, short(lun.replication)?))) {
        Some((lun, rpo)) => Err(ConfigError::RpoShort { lun: lun.name.clone(), rpo: spec::Span(rpo), lease }),
        None => Ok(Arbiter { leases, site_grace: site_grace.into(), automatic }),
    }
}

/// O10.
fn deputy(spec: &spec::Deputy) -> Result<Deputy, ConfigError> {
    Values::section("policy.deputy").not_zero([("grace", spec.grace)])?;
    Ok(Deputy { grace: spec.grace.into() })
}

/// M5 and M6.
fn limits(spec: &spec::Policy, inventory: &Inventory) -> Result<Limits, ConfigError> {
    let section = Values::section("policy");
    section.not_zero([
        ("cooldown", spec.cooldown),
        ("hold-alert", spec.hold_alert),
        ("apd-timeout", spec.apd_timeout),
    ])?;
    section.not_zero([("max-tries", spec.max_tries)])?;
    let mut backoff = spec::SitePolicy::BACKOFF;
    for (site, wait) in inventory.sites.iter().zip(&mut backoff) {
        if let Some(said) = spec.sites.get(&site.name).and_then(|site| site.backoff) {
            *wait = said;
        }
        Values::section(alloc::format!("policy.site.{}", site.name)).not_zero([("backoff", *wait)])?;
    }
    if backoff[0] == backoff[1] {
        let [one, two] = &inventory.sites;
        let (one, two) = (one.name.clone(), two.name.clone());
        return Err(ConfigError::SameBackoff { one, two, value: backoff[0] });
    }
    Ok(Limits {
        cooldown: spec.cooldown.into(),
        max_tries: spec.max_tries,
        backoff: backoff.map(Into::into),
        hold_alert: spec.hold_alert.into(),
        commit_window: spec.commit_window.into(),
        apd_timeout: spec.apd_timeout.into(),
        apd_delay: spec.apd_delay.into(),
        rpo_check: spec.rpo_check.into(),
    })
}

/// M3, for the groups at home at one site.
fn recovery(spec: &spec::Policy, inventory: &Inventory, side: Side) -> Result<RecoveryType, ConfigError> {
    let site = &inventory.sites[side.at()].name;
    let own = spec.sites.get(site).and_then(|site| site.recovery.as_ref());
    let (section, said) = match own {
        Some(own) => (alloc::format!("policy.site.{site}"), own),
        None => ("policy".to_string(), &spec.recovery),
    };
    let by = || Object::new(Kind::Section, &*section);
    if said.vms.is_some() && said.kind != RecoveryKind::AtLeast {
        return Err(ConfigError::RecoveryKey { by: by(), key: "vms", belongs: "at-least" });
    }
    if said.remainder.is_some() && said.kind != RecoveryKind::CriticalFirst {
        return Err(ConfigError::RecoveryKey { by: by(), key: "remainder", belongs: "critical-first" });
    }
    match said.kind {
        RecoveryKind::Everything => Ok(RecoveryType::Everything),
        RecoveryKind::CriticalFirst => {
            let remainder = said.remainder.unwrap_or(Remainder::Subsequently);
            Ok(RecoveryType::CriticalFirst { remainder })
        }
        RecoveryKind::AtLeast => {
            let vms = said.vms.ok_or_else(|| ConfigError::AtLeastMissing { by: by() })?;
            let protected = inventory.vms.iter().filter(|(_, vm)| vm.home == side && vm.group.is_some()).count();
            if vms == 0 || vms as usize > protected {
                return Err(ConfigError::AtLeast { site: site.clone(), vms, protected });
            }
            Ok(RecoveryType::AtLeast { vms })
        }
    }
}

/// M4.
fn rules(specs: &[spec::Rule], inventory: &Inventory) -> Result<Vec<Rule>, ConfigError> {
    if specs.is_empty() {
        return rule_per_plan(inventory);
    }
    let mut rules = Vec::new();
    for (number, spec) in (1..).zip(specs) {
        rules.push(rule(number, spec, inventory)?);
    }
    let everything = |rule: &Rule| rule.groups.is_none() && rule.errors.is_none() && rule.recovery.is_none();
    match rules.iter().position(everything) {
        None => return Err(ConfigError::LastRule { rule: rules.len() }),
        Some(at) if at + 1 < rules.len() => {
            return Err(ConfigError::RuleUnreachable { rule: at + 2, after: at + 1 });
        }
        Some(_) => {}
    }
    every_match_moves(&rules, inventory)?;
    Ok(rules)
}

fn rule(number: usize, spec: &spec::Rule, inventory: &Inventory) -> Result<Rule, ConfigError> {
    let by = || Object::new(Kind::Rule, number.to_string());
    let unknown = |kind, name: &str| ConfigError::Unknown { what: Object::new(kind, name), by: by() };
    // The name is compared as well: another name may have the same key.
    let plan = inventory.plans.by_key(PlanKey::of(&spec.plan)).filter(|(_, plan)| plan.name == spec.plan);
    let (plan, _) = plan.ok_or_else(|| unknown(Kind::Plan, &spec.plan))?;
    let mut groups = Vec::new();
    for name in names::sorted(Kind::Group, spec.groups.iter().map(|name| &**name), by)? {
        let group = inventory.groups.by_key(GroupKey::of(name)).filter(|(_, group)| group.name == name);
        groups.push(group.ok_or_else(|| unknown(Kind::Group, name))?.0);
    }
    Ok(Rule { groups: any(groups), errors: any(spec.errors.clone()), recovery: any(spec.recovery.clone()), plan })
}

/// A condition in a canonical order; an empty one matches everything.
fn any<T: Ord>(mut values: Vec<T>) -> Option<Vec<T>> {
    values.sort_unstable();
    values.dedup();
    (!values.is_empty()).then_some(values)
}

/// A chosen plan moves only groups that it has, so whatever a rule can match must be in its plan.
fn every_match_moves(rules: &[Rule], inventory: &Inventory) -> Result<(), ConfigError> {
    let mut open: BTreeSet<GroupIx> = inventory.groups.indices().collect();
    for (number, rule) in (1..).zip(rules) {
        let plan = &inventory.plans[rule.plan];
        let has: BTreeSet<GroupIx> = plan.groups.iter().map(|&(group, _)| group).collect();
        let missing = match &rule.groups {
            Some(groups) => groups.iter().find(|group| !has.contains(group)),
            None => open.difference(&has).next(),
        };
        if let Some(&group) = missing {
            let (plan, group) = (plan.name.clone(), inventory.groups[group].name.clone());
            return Err(ConfigError::RulePlan { rule: number, plan, group });
        }
        if let (Some(groups), None, None) = (&rule.groups, &rule.errors, &rule.recovery) {
            for group in groups {
                open.remove(group);
            }
        }
    }
    Ok(())
}

/// Without rules each group takes the one plan that it is in.
fn rule_per_plan(inventory: &Inventory) -> Result<Vec<Rule>, ConfigError> {
    let mut plan_of: Vec<Option<PlanIx>> = alloc::vec![None; inventory.groups.len()];
    let mut rules = Vec::new();
    for (ix, plan) in inventory.plans.iter() {
        for &(group, _) in &plan.groups {
            if let Some(one) = plan_of[group.at()].replace(ix) {
                return Err(ConfigError::RulesNeeded {
                    group: inventory.groups[group].name.clone(),
                    one: inventory.plans[one].name.clone(),
                    other: plan.name.clone(),
                });
            }
        }
        let groups = any(plan.groups.iter().map(|&(group, _)| group).collect());
        rules.push(Rule { groups, errors: None, recovery: None, plan: ix });
    }
    // What no rule before took is in the last plan.
    if let Some(last) = rules.last_mut() {
        last.groups = None;
    }
    Ok(rules)
}
