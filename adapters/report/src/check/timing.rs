//! Time-outs against how long things are expected to take (F2, F6, J3).

use std::collections::BTreeSet;

use farshore_core::Site;
use farshore_core::ids::{GroupIx, PlanIx};
use farshore_core::plan::Act;
use farshore_core::spec::Span;
use farshore_core::time::Millis;

use super::rules::chosen;
use super::{Expected, Finding, Kind, listed};
use crate::estimate::{Assumptions, Step, quiesce};

pub(super) fn check(site: &Site, expected: &Expected, findings: &mut Vec<Finding>) {
    let assume = &expected.assume;
    let mut pairs: BTreeSet<(GroupIx, PlanIx)> = BTreeSet::new();
    for g in site.inventory.groups.indices() {
        pairs.extend(chosen(site, g).into_iter().map(|(_, plan, _)| (g, plan)));
    }
    for (g, plan) in pairs {
        readiness(site, assume, g, plan, findings);
        stops(site, assume, g, plan, findings);
    }
    doubts(site, assume, findings);
    steps(site, assume, findings);
}

/// F6: commands that are ended too early, prompts that nobody but a person ends.
fn steps(site: &Site, assume: &Assumptions, findings: &mut Vec<Finding>) {
    for (_, plan) in site.inventory.plans.iter() {
        for step in &plan.steps {
            let object = format!("step {} of plan {}", step.name, plan.name);
            let takes = assume.of(Step::Command, &step.name);
            match &step.act {
                Act::Command { timeout, .. } if takes > *timeout => findings.push(Finding::new(
                    Kind::CommandTimeout,
                    object,
                    format!(
                        "its command is expected to run for {}, and is ended after {}",
                        Span(takes),
                        Span(*timeout)
                    ),
                    format!("make its `timeout` longer than {}", Span(takes)),
                )),
                Act::Prompt { timeout: Millis::ZERO, .. } => findings.push(Finding::new(
                    Kind::PromptWaits,
                    object,
                    "nothing goes on after it until somebody answers, day or night",
                    "give it a `timeout`, if that is not what you want",
                )),
                Act::Command { .. } | Act::Prompt { .. } | Act::Delay(_) => {}
            }
        }
    }
}

/// F6: a VM that needs longer than its plan waits counts as failed.
fn readiness(site: &Site, assume: &Assumptions, g: GroupIx, plan: PlanIx, findings: &mut Vec<Finding>) {
    let plan = &site.inventory.plans[plan];
    for &vm in &site.inventory.groups[g].vms {
        let vm = &site.inventory.vms[vm];
        let boots = assume.of(Step::Boot, &vm.name);
        if vm.ready.is_told() && boots > plan.start.ready_timeout {
            findings.push(Finding::new(
                Kind::ReadyTimeout,
                format!("VM {}", vm.name),
                format!(
                    "it is expected to boot for {}, and plan {} counts it as failed after {}",
                    Span(boots),
                    plan.name,
                    Span(plan.start.ready_timeout)
                ),
                format!("make `ready-timeout` of plan {} longer than {}", plan.name, Span(boots)),
            ));
        }
    }
}

/// F1, F2: guests that are not given the time to shut down; a reservation that does not last.
fn stops(site: &Site, assume: &Assumptions, g: GroupIx, plan: PlanIx, findings: &mut Vec<Finding>) {
    let group = &site.inventory.groups[g];
    let grace = site.inventory.plans[plan].stop.grace;
    let name = &site.inventory.plans[plan].name;
    let slow = group.vms.iter().map(|&v| &site.inventory.vms[v]).filter(|v| assume.of(Step::Stop, &v.name) > grace);
    let slow: Vec<&str> = slow.map(|v| v.name.as_str()).collect();
    if !slow.is_empty() {
        findings.push(Finding::new(
            Kind::StopGrace,
            format!("group {}", group.name),
            format!(
                "plan {name} powers off after {} what is expected to shut down for longer: {}",
                Span(grace),
                listed(slow.into_iter())
            ),
            format!("make `stop-grace` of plan {name} longer"),
        ));
    }
    let (takes, ttl) = (quiesce(site, assume, g, plan), site.policy.waits.prepare_ttl);
    if takes > ttl {
        findings.push(Finding::new(
            Kind::ReservationEnds,
            format!("group {}", group.name),
            format!(
                "stopping and draining it by plan {name} is expected to take {}, and the room at the peer is kept for {}",
                Span(takes),
                Span(ttl)
            ),
            format!("make `prepare-ttl` in [policy.waits] longer than {}", Span(takes)),
        ));
    }
}

/// J3: what takes longer than its time-out is looked at and asked for again each time.
fn doubts(site: &Site, assume: &Assumptions, findings: &mut Vec<Finding>) {
    let waits = &site.policy.waits;
    let of_hosts = [Step::PowerOff, Step::Fence, Step::Mount, Step::Start];
    let of_arrays = [Step::Drain, Step::StopReplication, Step::ReadOnly, Step::Cut, Step::RollBack, Step::ReadWrite];
    let mut slow = |steps: &[Step], key: &str, limit: Millis| {
        let over: Vec<&str> = steps.iter().filter(|s| assume.takes(**s) > limit).map(|s| s.name()).collect();
        if !over.is_empty() {
            findings.push(Finding::new(
                Kind::Doubtful,
                format!("`{key}` of [policy.waits]"),
                format!("it is {}, and longer is expected of: {}", Span(limit), listed(over.into_iter())),
                "make it longer, or each of these is in doubt every time",
            ));
        }
    };
    slow(&of_hosts, "host-op", waits.host_op);
    slow(&of_arrays, "array-op", waits.array_op);
}
