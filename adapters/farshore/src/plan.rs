//! `farshore plan`: what would be done for a failure, without doing it.
//!
//! Nothing is decided here: the deployment is put into the simulator, the failure is made there, and what the managers
//! decide is told as a plan.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use farshore_core::event::{Alert, Event};
use farshore_core::ids::{GroupIx, Index, LunIx, Side, VmIx};
use farshore_core::inventory::{Inventory, Readiness, Replication};
use farshore_core::plan::{OnFailure, Plan};
use farshore_core::record::GivePhase;
use farshore_core::spec::{Deployment, Span};
use farshore_world::config;
use farshore_world::scenario::{Run, Scenario, What};
use serde_json::{Value, json};

use crate::style::{Look, Style, Table};
use crate::words::{Words, error_kind, held, scope_words};

/// Which failure of what.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A deployment file, or a scenario file (then its own losses, where none is named here).
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The failure: this LUN is lost. May be given several times.
    #[arg(long, value_name = "NAME")]
    lose_lun: Vec<String>,
    /// The failure: every LUN of this array is lost.
    #[arg(long, value_name = "NAME", conflicts_with = "lose_lun")]
    lose_array: Option<String>,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
}

/// What would become of one group.
struct Fate<'a> {
    group: GroupIx,
    by: Vec<String>,
    chosen: Option<Event>,
    plan: Option<&'a Plan>,
    hold: Option<String>,
    starts: Vec<(VmIx, String)>,
    moved: bool,
}

/// Shows what would be done.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let (deployment, own) = read(&args.file)?;
    let name = args.file.display().to_string();
    let calm = Scenario::what_if(deployment.clone(), &name, &[])?;
    let inventory = calm.setup.inventory();
    let lost = match &args.lose_array {
        Some(array) => calm.luns_of(array)?,
        None if args.lose_lun.is_empty() => own,
        None => args.lose_lun.iter().map(|l| calm.lun(l)).collect::<Result<Vec<_>, _>>()?,
    };
    let style = Style::of_stdout();
    let open = not_ready(inventory);
    if lost.is_empty() {
        if args.json {
            println!("{}", json!({ "file": name, "lost": [], "groups": [], "not-ready": open }));
        } else {
            print!("{}{}", protection(inventory, style), ready(&open, style));
            println!("\n  Name a failure to see what would be done: --lose-lun NAME, or --lose-array NAME.");
        }
        return Ok(ExitCode::SUCCESS);
    }
    let scenario = Scenario::what_if(deployment, &name, &lost)?;
    let run = scenario.run(1, None)?;
    let lost: Vec<String> = lost.iter().map(|&(_, l)| inventory.luns[l].name.clone()).collect();
    let fates = fates(inventory, &run);
    let alone = unprotected(inventory, &run);
    if args.json {
        println!("{}", as_json(inventory, &name, &lost, &fates, &alone, &open));
    } else {
        print!("{}", as_text(inventory, &lost, &fates, &alone, style));
        print!("{}", ready(&open, style));
    }
    Ok(ExitCode::SUCCESS)
}

/// The deployment, and the losses of the scenario where the file is one.
fn read(path: &std::path::Path) -> Result<(Deployment, Vec<(Side, LunIx)>)> {
    let name = path.display().to_string();
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(why) => bail!("{name}: {why}"),
    };
    let is_scenario = text.lines().map(str::trim_start).any(|l| {
        ["title", "deployment", "[deployment", "[[deployment", "[[event"].iter().any(|key| l.starts_with(key))
    });
    if is_scenario {
        let scenario = Scenario::read(path)?;
        let losses = scenario.losses();
        return Ok((scenario.setup.scope.deployment, losses));
    }
    Ok((config::deployment(&text, &name)?, Vec::new()))
}

/// Groups that could not fail over now, with the reason.
fn not_ready(inventory: &Inventory) -> Vec<String> {
    let mut open = Vec::new();
    for (_, group) in inventory.groups.iter() {
        let unmapped =
            group.vms.iter().map(|&v| &inventory.vms[v]).filter(|v| v.place[group.home.peer().at()].is_none());
        let names: Vec<&str> = unmapped.map(|v| v.name.as_str()).collect();
        if !names.is_empty() {
            let site = &inventory.sites[group.home.peer().at()].name;
            let vms = names.join(", ");
            open.push(format!("group {}: no pool, folder or network of {site} stands for that of {vms}", group.name));
        }
    }
    for (_, vm) in inventory.vms.iter().filter(|(_, v)| v.group.is_none()) {
        open.push(format!("VM {}: in no group, so nothing moves it", vm.name));
    }
    open
}

fn ready(open: &[String], style: Style) -> String {
    if open.is_empty() {
        return format!(
            "  {} every VM is protected, and every group is ready to fail over\n",
            style.paint(Look::Good, "✓")
        );
    }
    let line = |o: &String| format!("  {} {o}\n", style.paint(Look::Bad, "✗"));
    format!("{}\n{}", style.paint(Look::Bold, "Not protected, or not ready"), open.iter().map(line).collect::<String>())
}

/// What is protected, and how.
fn protection(inventory: &Inventory, style: Style) -> String {
    let mut table = Table::new(&["group", "home", "VMs", "LUNs", "may lose"]);
    for (_, group) in inventory.groups.iter() {
        let luns = group.luns.iter().map(|&l| &inventory.luns[l]);
        let rpo = luns.clone().find_map(|l| match l.replication {
            Some(Replication::Asynchronous { rpo }) => Some(format!("up to {}", Span(rpo))),
            _ => None,
        });
        table.row(vec![
            group.name.clone(),
            inventory.sites[group.home.at()].name.clone(),
            names(inventory, &group.vms),
            luns.map(|l| l.name.as_str()).collect::<Vec<_>>().join(", "),
            rpo.unwrap_or_else(|| "nothing".into()),
        ]);
    }
    format!("{}\n", table.text(style))
}

fn names(inventory: &Inventory, vms: &[VmIx]) -> String {
    vms.iter().map(|&v| inventory.vms[v].name.as_str()).collect::<Vec<_>>().join(", ")
}

/// What the managers decided, by group, in the order of marking.
fn fates<'a>(inventory: &'a Inventory, run: &Run) -> Vec<Fate<'a>> {
    let words = Words(inventory);
    let mut fates: Vec<Fate<'a>> = Vec::new();
    for entry in &run.history.entries {
        let What::Event(event) = &entry.what else { continue };
        let key = match event {
            Event::Marked { group, .. } | Event::PlanChosen { group, .. } | Event::Giving { group, .. } => *group,
            Event::Raised(Alert::NeedsOperator { group, .. }) | Event::Refused { group, .. } => *group,
            _ => continue,
        };
        let Some(group) = inventory.groups.find(key) else { continue };
        let at = fates.iter().position(|f| f.group == group).unwrap_or_else(|| {
            let (by, starts) = (Vec::new(), Vec::new());
            fates.push(Fate { group, by, chosen: None, plan: None, hold: None, starts, moved: false });
            fates.len() - 1
        });
        let fate = &mut fates[at];
        match event {
            Event::Marked { lun, .. } => fate.by.push(words.lun(*lun).into()),
            Event::PlanChosen { plan, .. } => {
                (fate.chosen, fate.plan) = (Some(*event), inventory.plans.by_key(*plan).map(|(_, p)| p));
            }
            Event::Giving { phase: GivePhase::Held(hold), .. } => fate.hold = Some(held(*hold).into()),
            Event::Raised(Alert::NeedsOperator { why, .. }) => fate.hold = Some(why.to_string()),
            Event::Refused { reason, .. } => fate.hold = Some(reason.to_string()),
            _ => {}
        }
    }
    let priority =
        |f: &Fate<'_>| f.plan.and_then(|p| p.groups.iter().find(|(g, _)| *g == f.group)).map_or(1, |(_, p)| *p);
    fates.sort_by_key(priority);
    for fate in &mut fates {
        fate.moved = run.history.groups[fate.group.at()].len() > 1;
        let started: BTreeSet<VmIx> = run.history.starts.iter().map(|(_, _, v)| *v).collect();
        for &vm in inventory.groups[fate.group].vms.iter().filter(|v| started.contains(v)) {
            let host = run.history.vms[vm.at()].stays.last().map(|s| inventory.hosts[s.host].name.clone());
            fate.starts.push((vm, host.unwrap_or_default()));
        }
    }
    fates
}

/// VMs that lose storage and are in no group.
fn unprotected(inventory: &Inventory, run: &Run) -> Vec<String> {
    let down = |v: &VmIx| run.history.vms[v.at()].is_down() && inventory.vms[*v].group.is_none();
    inventory.vms.indices().filter(down).map(|v| inventory.vms[v].name.clone()).collect()
}

fn on_failure(plan: &Plan) -> &'static str {
    match plan.start.on_failure {
        OnFailure::Abort => "stop where it is, for an operator",
        OnFailure::Skip => "go on without it, with an alert",
        OnFailure::Ask => "go on with what does not need it, and ask",
    }
}

fn as_text(inventory: &Inventory, lost: &[String], fates: &[Fate<'_>], alone: &[String], style: Style) -> String {
    let mut text = format!(
        "{}\n",
        style.paint(
            Look::Bold,
            match lost {
                [one] => format!("If LUN {one} is lost for good"),
                several => format!("If LUNs {} are lost for good", several.join(", ")),
            }
        )
    );
    if fates.is_empty() {
        text.push_str("\n  No group is affected.\n");
    }
    for fate in fates {
        let group = &inventory.groups[fate.group];
        let (from, to) = (&inventory.sites[group.home.at()].name, &inventory.sites[group.home.peer().at()].name);
        let head = if fate.moved {
            format!("group {} moves from {from} to {to}", group.name)
        } else {
            format!(
                "group {} does not move by itself: {}",
                group.name,
                fate.hold.as_deref().unwrap_or("it is not protected")
            )
        };
        let look = if fate.moved { Look::Bold } else { Look::Bad };
        text.push_str(&format!("\n{}\n", style.paint(look, head)));
        text.push_str(&format!("  marked for     {}\n", fate.by.join(", ")));
        if let (Some(Event::PlanChosen { rule, kind, scope, .. }), Some(plan)) = (fate.chosen, fate.plan) {
            let priority = plan.groups.iter().find(|(g, _)| *g == fate.group).map_or(1, |(_, p)| *p);
            text.push_str(&format!(
                "  plan           {}, priority {priority}; chosen by rule {} ",
                plan.name,
                rule + 1
            ));
            text.push_str(&format!("({}); {}\n", error_kind(kind), scope_words(scope)));
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
        if !fate.starts.is_empty() {
            text.push('\n');
            text.push_str(&starts(inventory, fate).text(style));
        }
    }
    for vm in alone {
        let line = format!("VM {vm} loses its disks and is not protected: an alert names it, nothing else happens");
        text.push_str(&format!("\n  {}\n", style.paint(Look::Bad, line)));
    }
    text.push('\n');
    text
}

fn starts(inventory: &Inventory, fate: &Fate<'_>) -> Table {
    let mut table = Table::new(&["tier", "VM starts", "on", "after", "is ready"]);
    for (vm, host) in &fate.starts {
        let info = &inventory.vms[*vm];
        let ready = match info.ready {
            Readiness::PowerOn => "when powered on",
            Readiness::Heartbeat => "with its first heartbeat",
            Readiness::Probe => "when its probe is answered",
        };
        let after = names(inventory, &info.depends_on);
        table.row(vec![info.tier.to_string(), info.name.clone(), host.clone(), after, ready.into()]);
    }
    table
}

fn as_json(
    inventory: &Inventory,
    file: &str,
    lost: &[String],
    fates: &[Fate<'_>],
    alone: &[String],
    open: &[String],
) -> Value {
    let vm_names = |vms: &[VmIx]| -> Vec<String> { vms.iter().map(|&v| inventory.vms[v].name.clone()).collect() };
    let groups: Vec<Value> = fates
        .iter()
        .map(|f| {
            let group = &inventory.groups[f.group];
            let rule = match f.chosen {
                Some(Event::PlanChosen { rule, .. }) => Some(rule + 1),
                _ => None,
            };
            let stops: Vec<VmIx> = group.vms.iter().rev().copied().collect();
            let starts: Vec<Value> = f
                .starts
                .iter()
                .map(|(v, host)| {
                    let info = &inventory.vms[*v];
                    json!({ "vm": info.name, "tier": info.tier, "host": host, "after": vm_names(&info.depends_on) })
                })
                .collect();
            json!({
                "group": group.name, "lost": f.by, "moves": f.moved, "held": f.hold,
                "from": inventory.sites[group.home.at()].name, "to": inventory.sites[group.home.peer().at()].name,
                "plan": f.plan.map(|p| p.name.clone()), "rule": rule,
                "stops": vm_names(&stops), "starts": starts,
            })
        })
        .collect();
    json!({ "file": file, "lost": lost, "groups": groups, "unprotected": alone, "not-ready": open })
}
