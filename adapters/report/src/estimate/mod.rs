//! How long a move would take, from what is decided and what is assumed: in whole milliseconds, and always the same.

mod assume;
mod lead;
mod starts;

use std::collections::BTreeMap;

use farshore_core::Site;
use farshore_core::ids::{GroupIx, HostIx, LunIx, PlanIx, Side, StepKey, VmIx};
use farshore_core::message::Scope;
use farshore_core::record::Hold;
use farshore_core::time::Millis;
use serde::Serialize;

pub use assume::{AssumeError, Assumed, Assumptions, Step};

use crate::words::{Words, held};
use starts::{Course, Started};

/// Why a group moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// LUNs of it are lost, and its site gives it away.
    Lost,
    /// An operator moves it (F8).
    Planned,
    /// Its site is silent, and it is taken over (O11).
    SiteLost,
}

/// A group that moves, and what was decided about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Going {
    /// The group.
    pub group: GroupIx,
    /// Its owner.
    pub from: Side,
    /// Why.
    pub cause: Cause,
    /// By which plan (M4).
    pub plan: PlanIx,
    /// What starts (M3).
    pub scope: Scope,
    /// What holds it (M3). Times of one that a person must let go are counted as if that happened at once.
    pub hold: Option<Hold>,
    /// LUNs of it whose copy at the owner is lost.
    pub lost: Vec<LunIx>,
    /// Where its VMs are placed (M6).
    pub placement: BTreeMap<VmIx, HostIx>,
}

/// What a move would take. Times are milliseconds from the failure or the command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Estimate {
    /// What was assumed.
    pub assumptions: Vec<Assumed>,
    /// By group, in the order given.
    pub groups: Vec<GroupEstimate>,
    /// When the last VM would be ready.
    pub end: Option<u64>,
}

/// What one group would take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct GroupEstimate {
    /// The group.
    pub group: String,
    /// Its priority in its plan (F9).
    pub priority: u8,
    /// What a person must let go first; times are as if that happened at once.
    pub held: Option<String>,
    /// Groups that it waits for (F9, M3).
    pub waits_for: Vec<String>,
    /// Phases, in order.
    pub phases: Vec<PhaseEstimate>,
    /// VMs, in start order; what does not start is left out.
    pub vms: Vec<VmEstimate>,
    /// Steps of its plan besides the VMs, in order (F6).
    pub steps: Vec<PhaseEstimate>,
    /// When its last VM would be ready, and all of its steps behind.
    pub end: Option<u64>,
}

/// A phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PhaseEstimate {
    /// What is done.
    pub phase: String,
    /// By which rule.
    pub rule: String,
    /// From when.
    pub start: u64,
    /// Until when.
    pub end: u64,
}

/// A VM's start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct VmEstimate {
    /// The VM.
    pub vm: String,
    /// Its tier.
    pub tier: u8,
    /// Its host.
    pub host: String,
    /// When the host is told to start it.
    pub start: u64,
    /// When it is powered on.
    pub powered_on: u64,
    /// When it is ready.
    pub ready: u64,
    /// How long it waited for a slot of its host.
    pub waits_for_slot: u64,
}

/// What these moves would take, together.
#[must_use]
pub fn estimate(site: &Site, assume: &Assumptions, goings: &[Going]) -> Estimate {
    let sum = |parts: &[lead::Part]| parts.iter().fold(Millis::ZERO, |sum, p| sum + p.takes);
    let before: Vec<Vec<lead::Part>> = goings.iter().map(|g| lead::before(site, assume, g.cause)).collect();
    let leads: Vec<Vec<lead::Part>> = goings.iter().map(|g| lead::lead(site, assume, g)).collect();
    let times: Vec<(Millis, Millis)> = before.iter().zip(&leads).map(|(b, l)| (sum(b), sum(l))).collect();
    let courses = starts::schedule(site, assume, goings, &times);
    let groups: Vec<GroupEstimate> = (0..goings.len())
        .map(|n| {
            let phases = phases(&before[n], &leads[n], &courses[n]);
            let vms = vms(site, &goings[n], &courses[n]);
            let steps = steps(site, &courses[n]);
            let ends = vms.iter().map(|v| v.ready).chain(steps.iter().map(|s| s.end));
            let end = ends.max().or(courses[n].done.map(|d| d.0));
            GroupEstimate {
                group: site.inventory.groups[goings[n].group].name.clone(),
                priority: starts::priority(site, &goings[n]),
                held: goings[n].hold.filter(|_| starts::waits_for_person(&goings[n])).map(|h| held(h).into()),
                waits_for: waits_for(site, goings, &courses, n, times[n].0),
                phases,
                vms,
                steps,
                end,
            }
        })
        .collect();
    let end = groups.iter().filter_map(|g| g.end).max();
    Estimate { assumptions: assume.list(), groups, end }
}

/// How long stopping, fencing and draining a whole group takes, of which nothing is lost (F2).
#[must_use]
pub fn quiesce(site: &Site, assume: &Assumptions, group: GroupIx, plan: PlanIx) -> Millis {
    let (from, scope) = (site.inventory.groups[group].home, Scope::All);
    let (lost, placement) = (Vec::new(), BTreeMap::new());
    let going = Going { group, from, cause: Cause::Planned, plan, scope, hold: None, lost, placement };
    let parts = lead::lead(site, assume, &going);
    parts.iter().filter(|p| p.rule == "F2").fold(Millis::ZERO, |sum, p| sum + p.takes)
}

fn phases(before: &[lead::Part], lead: &[lead::Part], course: &Course) -> Vec<PhaseEstimate> {
    let mut phases = Vec::new();
    let mut at = Millis::ZERO;
    let add = |phases: &mut Vec<PhaseEstimate>, at: Millis, until: Millis, phase: &str, rule: &str| {
        phases.push(PhaseEstimate { phase: phase.into(), rule: rule.into(), start: at.0, end: until.0 });
        until
    };
    for part in before {
        at = add(&mut phases, at, at + part.takes, part.phase, part.rule);
    }
    let Some(goes) = course.goes else { return phases };
    if goes > at {
        at = add(&mut phases, at, goes, "wait for groups before it", "F9");
    }
    for part in lead {
        at = add(&mut phases, at, at + part.takes, part.phase, part.rule);
    }
    if let Some(done) = course.done.filter(|d| *d > at) {
        add(&mut phases, at, done, "start VMs", "F6");
    }
    phases
}

fn vms(site: &Site, going: &Going, course: &Course) -> Vec<VmEstimate> {
    let line = |v: &VmIx| {
        let vm = &site.inventory.vms[*v];
        let Started { asked, on, ready, slot_from } = *course.vms.get(v)?;
        let host = going.placement.get(v).map(|h| site.inventory.hosts[*h].name.clone()).unwrap_or_default();
        Some(VmEstimate {
            vm: vm.name.clone(),
            tier: vm.tier,
            host,
            start: asked.0,
            powered_on: on.0,
            ready: ready.0,
            waits_for_slot: slot_from.map_or(0, |from| asked.0.saturating_sub(from.0)),
        })
    };
    site.inventory.groups[going.group].vms.iter().filter_map(line).collect()
}

fn steps(site: &Site, course: &Course) -> Vec<PhaseEstimate> {
    let words = Words(&site.inventory);
    let line = |(&key, &(start, end)): (&StepKey, &(Millis, Millis))| PhaseEstimate {
        phase: words.step(key).into(),
        rule: "F6".into(),
        start: start.0,
        end: end.0,
    };
    let mut steps: Vec<PhaseEstimate> = course.steps.iter().map(line).collect();
    steps.sort_by(|a, b| (a.start, a.end, &a.phase).cmp(&(b.start, b.end, &b.phase)));
    steps
}

/// Groups that end before this one goes, where it could have gone earlier.
fn waits_for(site: &Site, goings: &[Going], courses: &[Course], n: usize, could: Millis) -> Vec<String> {
    let Some(goes) = courses[n].goes.filter(|g| *g > could) else { return Vec::new() };
    let first = |(other, course): &(&Going, &Course)| {
        let before = starts::priority(site, other) < starts::priority(site, &goings[n]);
        let held = goings[n].hold == Some(Hold::AfterCritical);
        other.group != goings[n].group && (before || held) && course.done.is_some_and(|d| d <= goes && d > could)
    };
    let names = goings.iter().zip(courses).filter(first);
    names.map(|(other, _)| site.inventory.groups[other.group].name.clone()).collect()
}
