//! What a group and its VMs waited for: priorities, the gate, people; tiers, dependencies, slots of a host.

use farshore_core::ids::VmIx;
use farshore_core::plan::{PlanStep, When};
use farshore_core::record::{GivePhase, TakePhase};
use farshore_core::time::Millis;

use crate::build::{Builder, Move, Part, PhaseDraft};
use crate::report::Wait;
use crate::words::held;

/// Shorter than this is the time that a record takes to become durable, and no waiting (J1).
const NOTICED: Millis = Millis(100);

impl Builder<'_> {
    /// Everything that a move waited for, in order.
    pub(crate) fn waits(&self, m: &Move) -> Vec<Wait> {
        let mut waits: Vec<Wait> = m.phases.iter().filter_map(|p| self.phase_wait(m, p)).collect();
        for &(_, why, start, end) in &m.latches {
            waits.push(self.wait(m, None, format!("an operator: {why}"), "M5", (start, end)));
        }
        for &(vm, start, end) in &m.asks {
            waits.push(self.wait(
                m,
                Some(vm),
                "an operator: try again, or go on without it".into(),
                "F6",
                (start, end),
            ));
        }
        for (&key, step) in &m.steps {
            let what = match step.failed {
                Some(_) => format!("an operator: step {} failed", self.words.step(key)),
                None => format!("an operator: {}", self.words.question(key)),
            };
            waits.extend(step.asks.iter().map(|&span| self.wait(m, None, what.clone(), "F6", span)));
        }
        let starting = m.phases.iter().find(|p| p.part == Part::Taking(TakePhase::Starting));
        if let Some(begin) = starting.map(|p| p.start) {
            for &vm in &self.site.inventory.groups[m.group].vms {
                self.vm_waits(m, vm, begin, &mut waits);
            }
        }
        waits.retain(|w| w.duration.is_none_or(|d| d > NOTICED.0));
        waits.sort_by(|a, b| (a.start, &a.who).cmp(&(b.start, &b.who)));
        waits
    }

    fn wait(
        &self,
        m: &Move,
        vm: Option<VmIx>,
        what: String,
        rule: &str,
        (start, end): (Millis, Option<Millis>),
    ) -> Wait {
        let inventory = &self.site.inventory;
        let who = match vm {
            Some(vm) => format!("VM {}", inventory.vms[vm].name),
            None => format!("group {}", inventory.groups[m.group].name),
        };
        let duration = end.map(|e| e.0.saturating_sub(start.0));
        Wait { who, what, rule: rule.into(), start: start.0, end: end.map(|e| e.0), duration }
    }

    fn phase_wait(&self, m: &Move, p: &PhaseDraft) -> Option<Wait> {
        let (what, rule) = match p.part {
            Part::Giving(GivePhase::Queued) if p.end == Some(p.start) => return None,
            Part::Giving(GivePhase::Queued) => (format!("groups of a higher priority{}", self.before(m, p)), "F9"),
            Part::Giving(GivePhase::Held(hold)) => {
                let rule = if hold == farshore_core::record::Hold::Proposal { "M5" } else { "M3" };
                (format!("the gate: {}", held(hold)), rule)
            }
            Part::Giving(GivePhase::BackingOff) => ("the pause after a refusal".into(), "M6"),
            Part::Taking(TakePhase::Acquiring { .. }) => ("the silent owner's lease, and the arbiter".into(), "O4"),
            Part::Taking(TakePhase::Waiting) => ("an operator: the VMs that are not critical".into(), "M3"),
            Part::Giving(
                GivePhase::Preparing
                | GivePhase::Quiescing
                | GivePhase::Confirming
                | GivePhase::Released
                | GivePhase::Following,
            )
            | Part::Taking(
                TakePhase::Reserved
                | TakePhase::Cutting
                | TakePhase::Promoting
                | TakePhase::Starting
                | TakePhase::Stopping
                | TakePhase::PuttingBack,
            ) => return None,
        };
        Some(self.wait(m, None, what, rule, (p.start, p.end)))
    }

    /// Groups of the same plan with a lower number that were not over then (F9).
    fn before(&self, m: &Move, p: &PhaseDraft) -> String {
        let Some(plan) = m.chosen.and_then(|c| self.site.inventory.plans.by_key(c.plan)) else { return String::new() };
        let priority = |g| plan.1.groups.iter().find(|(group, _)| *group == g).map(|(_, p)| *p);
        let ahead = |o: &&Move| {
            let goes_on = o.begin <= p.end.unwrap_or(o.begin) && o.ended.is_none_or(|e| e >= p.start);
            let same = o.chosen.is_some_and(|c| m.chosen.is_some_and(|own| own.plan == c.plan));
            goes_on && same && priority(o.group) < priority(m.group)
        };
        let names: Vec<&str> =
            self.moves().filter(ahead).map(|o| self.site.inventory.groups[o.group].name.as_str()).collect();
        if names.is_empty() { String::new() } else { format!(": {}", names.join(", ")) }
    }

    /// I3, F6: first the tiers before, then what it depends on, then a slot of its host.
    fn vm_waits(&self, m: &Move, vm: VmIx, begin: Millis, waits: &mut Vec<Wait>) {
        let inventory = &self.site.inventory;
        let Some(line) = m.vms.get(&vm) else { return };
        let Some(asked) = line.asked.or(line.started).filter(|at| *at >= begin) else { return };
        let over = |v: &VmIx| m.vms.get(v).and_then(|l| l.ready.or(l.failed)).filter(|at| *at <= asked);
        let own = &inventory.vms[vm];
        let before = inventory.groups[m.group].vms.iter().filter(|v| inventory.vms[**v].tier < own.tier);
        let last = before.filter_map(|v| Some((over(v)?, *v))).max();
        let pause =
            m.chosen.and_then(|c| inventory.plans.by_key(c.plan)).map_or(Millis::ZERO, |(_, p)| p.start.tier_delay);
        // Each until it was over, in the order in which they were.
        let mut ends: Vec<(Millis, String)> = Vec::new();
        if let Some((at, other)) = last {
            let other = &inventory.vms[other];
            ends.push((at, format!("tier {}: VM {} was its last", other.tier, other.name)));
            if pause > Millis::ZERO {
                ends.push(((at + pause).min(asked), "the pause between two tiers".into()));
            }
        }
        if let Some((at, other)) = own.depends_on.iter().filter_map(|v| Some((over(v)?, *v))).max() {
            ends.push((at, format!("VM {}, which it needs", inventory.vms[other].name)));
        }
        ends.extend(self.steps_before(m, vm, asked));
        ends.sort_by_key(|(at, _)| *at);
        let mut from = begin;
        let mut until = |from: &mut Millis, at: Millis, what: String| {
            if at.0 > from.0 + NOTICED.0 {
                waits.push(self.wait(m, Some(vm), what, "F6", (*from, Some(at))));
                *from = at;
            }
        };
        for (at, what) in ends {
            until(&mut from, at, what);
        }
        if let Some(host) = line.host.filter(|_| line.asked.is_some()) {
            let slots = inventory.hosts[host].max_concurrent_starts;
            let then = from + NOTICED;
            let busy = self.starts().filter(|s| {
                s.host == host && s.vm != vm && s.asked <= then && s.asked < asked && s.over.is_none_or(|o| o > then)
            });
            if busy.count() >= usize::from(slots) {
                let what = format!("a slot of host {}, which starts {slots} at once", inventory.hosts[host].name);
                until(&mut from, asked, what);
            }
        }
    }

    /// Steps of the plan that come before a VM, and when each was behind.
    fn steps_before(&self, m: &Move, vm: VmIx, asked: Millis) -> Vec<(Millis, String)> {
        let own = &self.site.inventory.vms[vm];
        let plan = m.chosen.and_then(|c| self.site.inventory.plans.by_key(c.plan)).map(|(_, plan)| plan);
        let before = |at: When| match at {
            When::First => true,
            When::BeforeTier(tier) => tier == own.tier,
            When::AfterTier(tier) => tier < own.tier,
            When::BeforeVm(v) => v == vm,
            When::AfterVm(v) => own.depends_on.contains(&v),
            When::Last => false,
        };
        let steps = plan.map_or(&[][..], |plan| &plan.steps).iter().filter(|s| before(s.at));
        let over = |s: &PlanStep| m.steps.get(&s.key)?.over.map(|(at, _)| (at, format!("step {} of the plan", s.name)));
        steps.filter_map(over).filter(|(at, _)| *at <= asked).collect()
    }
}
