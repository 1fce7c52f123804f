//! A plan, as text and as JSON.

use farshore_core::Site;
use farshore_core::ids::VmIx;
use farshore_core::inventory::{Inventory, Readiness};
use farshore_core::plan::{OnFailure, Plan};
use farshore_core::spec::Span;
use farshore_core::time::Millis;
use farshore_report::estimate::{Estimate, GroupEstimate, PhaseEstimate};
use farshore_report::words::{clock, error_kind, held, scope_words, span};
use serde_json::{Value, json};

use super::fate::Fate;
use crate::style::{Look, Style, Table, wrap};

/// Everything that is shown.
pub(super) struct Shown<'a> {
    pub(super) site: &'a Site,
    pub(super) file: &'a str,
    pub(super) words: &'a str,
    pub(super) lost: Vec<String>,
    pub(super) fates: &'a [Fate],
    /// VMs that nobody protects (M2).
    pub(super) alone: Vec<String>,
    pub(super) open: &'a [String],
    pub(super) estimate: Estimate,
}

/// Names of VMs.
pub(super) fn names(inventory: &Inventory, vms: &[VmIx]) -> String {
    vms.iter().map(|&v| inventory.vms[v].name.as_str()).collect::<Vec<_>>().join(", ")
}

const fn on_failure(plan: &Plan) -> &'static str {
    match plan.start.on_failure {
        OnFailure::Abort => "stop where it is, for an operator",
        OnFailure::Skip => "go on without it, with an alert",
        OnFailure::Ask => "go on with what does not need it, and ask",
    }
}

impl Shown<'_> {
    fn estimate_of(&self, fate: &Fate) -> Option<&GroupEstimate> {
        let name = &self.site.inventory.groups[fate.group].name;
        self.estimate.groups.iter().find(|g| g.group == *name)
    }

    /// Why a group does not move by itself.
    fn why(&self, fate: &Fate) -> String {
        let held = fate.hold.map(|h| held(h).to_string());
        fate.why.clone().or(held).unwrap_or_else(|| "it is not protected".into())
    }

    pub(super) fn text(&self, style: Style) -> String {
        let mut text = format!("{}\n", style.paint(Look::Bold, format!("If {}", self.words)));
        if self.fates.is_empty() {
            text.push_str("\n  No group is affected.\n");
        }
        for fate in self.fates {
            text.push_str(&self.group(fate, style));
        }
        for vm in &self.alone {
            let line = format!("VM {vm} loses its disks and is not protected: an alert names it, nothing else happens");
            text.push_str(&format!("\n  {}\n", style.paint(Look::Bad, line)));
        }
        text.push('\n');
        if let Some(end) = self.estimate.end {
            text.push_str(&self.assumptions(end, style));
        }
        text
    }

    fn group(&self, fate: &Fate, style: Style) -> String {
        let inventory = &self.site.inventory;
        let group = &inventory.groups[fate.group];
        let (from, to) = (&inventory.sites[fate.from.at()].name, &inventory.sites[fate.from.peer().at()].name);
        let (head, look) = if fate.moved {
            (format!("group {} moves from {from} to {to}", group.name), Look::Bold)
        } else {
            (format!("group {} does not move by itself: {}", group.name, self.why(fate)), Look::Bad)
        };
        let mut text = format!("\n{}\n", style.paint(look, head));
        if !fate.by.is_empty() {
            text.push_str(&format!("  marked for     {}\n", fate.by.join(", ")));
        }
        if let Some(chosen) = fate.chosen {
            let plan = &inventory.plans[chosen.plan];
            text.push_str(&format!(
                "  plan           {}, priority {}; chosen by rule {} ({}); {}\n",
                plan.name,
                fate.priority(inventory),
                chosen.rule + 1,
                error_kind(chosen.kind),
                scope_words(chosen.scope),
            ));
            text.push_str(&self.order(fate));
            let stops: Vec<VmIx> = group.vms.iter().rev().copied().collect();
            text.push_str(&format!("  stop order     {}\n", names(inventory, &stops)));
            text.push_str("                 (with a lost disk: powered off at once; else at most ");
            text.push_str(&format!("{} to shut down)\n", Span(plan.stop.grace)));
            text.push_str(&format!(
                "  a failed start is tried {} times more, then: {}\n",
                plan.start.retries,
                on_failure(plan)
            ));
        }
        if let Some(estimate) = self.estimate_of(fate) {
            text.push_str(&format!("\n{}", self.starts(estimate).text(style)));
            if !estimate.steps.is_empty() {
                text.push_str(&format!("\n{}", phases("step of the plan", &estimate.steps).text(style)));
            }
            text.push_str(&format!("\n{}", phases("phase", &estimate.phases).text(style)));
        }
        text
    }

    /// F9, M3: what a group waits for.
    fn order(&self, fate: &Fate) -> String {
        let Some(estimate) = self.estimate_of(fate) else { return String::new() };
        let mut text = String::new();
        if let Some(held) = &estimate.held {
            text.push_str(&format!("  held           {held}; below, as if it were let go at once\n"));
        }
        if !estimate.waits_for.is_empty() {
            text.push_str(&format!("  goes after     {}\n", estimate.waits_for.join(", ")));
        }
        text
    }

    fn starts(&self, estimate: &GroupEstimate) -> Table {
        let inventory = &self.site.inventory;
        let heads =
            ["tier", "VM starts", "on", "after", "is ready", "told at", "powered on", "ready at", "waits for a slot"];
        let mut table = Table::new(&heads);
        for vm in &estimate.vms {
            let Some((_, info)) = inventory.vms.iter().find(|(_, v)| v.name == vm.vm) else { continue };
            let ready = match info.ready {
                Readiness::PowerOn => "when powered on",
                Readiness::Heartbeat => "with its first heartbeat",
                Readiness::Probe => "when its probe is answered",
            };
            let slot = if vm.waits_for_slot == 0 { "-".into() } else { span(Millis(vm.waits_for_slot)) };
            let time = |at: u64| clock(Millis(at));
            table.row(vec![
                vm.tier.to_string(),
                vm.vm.clone(),
                vm.host.clone(),
                names(inventory, &info.depends_on),
                ready.into(),
                time(vm.start),
                time(vm.powered_on),
                time(vm.ready),
                slot,
            ]);
        }
        table
    }

    fn assumptions(&self, end: u64, style: Style) -> String {
        let head = format!("In all: everything is done after {}, if things take as long as this:", span(Millis(end)));
        let line = |a: &farshore_report::estimate::Assumed| format!("{} {}", a.step, Span(Millis(a.takes)));
        let list: Vec<String> = self.estimate.assumptions.iter().map(line).collect();
        let mut text = format!("{}\n{}", style.paint(Look::Bold, head), wrap(&list.join(", "), 96, "  "));
        let rest = "Each is the longest that the simulator draws, but for people's answers, which it does not; --assume STEP=TIME changes one. Replication is taken to be \
                    in step, nothing is refused, and nothing fails on the way.";
        text.push_str(&wrap(rest, 96, "  "));
        text.push('\n');
        text
    }

    pub(super) fn json(&self) -> Value {
        let inventory = &self.site.inventory;
        let vm_names = |vms: &[VmIx]| -> Vec<String> { vms.iter().map(|&v| inventory.vms[v].name.clone()).collect() };
        let groups: Vec<Value> = self
            .fates
            .iter()
            .map(|f| {
                let group = &inventory.groups[f.group];
                let stops: Vec<VmIx> = group.vms.iter().rev().copied().collect();
                let starts = group.vms.iter().filter_map(|v| Some((v, f.placement.get(v)?)));
                let starts: Vec<Value> = starts
                    .map(|(v, host)| {
                        let info = &inventory.vms[*v];
                        let (host, after) = (&inventory.hosts[*host].name, vm_names(&info.depends_on));
                        json!({ "vm": info.name, "tier": info.tier, "host": host, "after": after })
                    })
                    .collect();
                json!({
                    "group": group.name, "lost": f.by, "moves": f.moved,
                    "held": (!f.moved).then(|| self.why(f)),
                    "from": inventory.sites[f.from.at()].name, "to": inventory.sites[f.from.peer().at()].name,
                    "plan": f.chosen.map(|c| inventory.plans[c.plan].name.clone()),
                    "rule": f.chosen.map(|c| c.rule + 1), "priority": f.priority(inventory),
                    "kind": f.chosen.map(|c| error_kind(c.kind)), "scope": f.chosen.map(|c| scope_words(c.scope)),
                    "stops": vm_names(&stops), "starts": starts,
                })
            })
            .collect();
        json!({
            "file": self.file, "failure": self.words, "lost": self.lost, "groups": groups, "unprotected": self.alone,
            "not-ready": self.open, "estimate": self.estimate,
        })
    }
}

fn phases(head: &'static str, phases: &[PhaseEstimate]) -> Table {
    let mut table = Table::new(&[head, "rule", "from", "until", "takes"]);
    for p in phases {
        let takes = Millis(p.end.saturating_sub(p.start));
        let takes = if takes.0 < 1000 { format!("{} ms", takes.0) } else { span(takes) };
        table.row(vec![p.phase.clone(), p.rule.clone(), clock(Millis(p.start)), clock(Millis(p.end)), takes]);
    }
    table
}
