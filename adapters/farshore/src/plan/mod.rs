//! `farshore plan`: what would be done for a failure, without doing it; and what would go wrong.
//!
//! Nothing is decided here: the deployment is put into the simulator, the failure is made there, and what the managers
//! decide is told as a plan. How long it would take is estimated from stated assumptions.

pub(crate) mod assume;
mod fate;
mod show;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};
use farshore_core::ids::{LunIx, Side};
use farshore_core::inventory::{Inventory, Replication};
use farshore_core::spec::{Deployment, Span};
use farshore_report::estimate;
use farshore_world::config;
use farshore_world::scenario::{Scenario, WhatIf};
use serde_json::json;

use crate::style::{Look, Style, Table};

/// Which failure of what.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A deployment file, or a scenario file (then its own losses, where none is named here).
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The failure: this LUN is lost. May be given several times.
    #[arg(long, value_name = "NAME", visible_alias = "lost-lun", group = "failure")]
    lose_lun: Vec<String>,
    /// The failure: every LUN of this array is lost, and its management says so.
    #[arg(long, value_name = "NAME", visible_alias = "lost-array", group = "failure")]
    lose_array: Option<String>,
    /// The failure: this site goes dark, with all that is there.
    #[arg(long, value_name = "NAME", visible_alias = "lost-site", group = "failure")]
    lose_site: Option<String>,
    /// No failure: an operator moves this group.
    #[arg(long, value_name = "GROUP", visible_alias = "planned", group = "failure")]
    migrate: Option<String>,
    /// What a step takes in the estimate, such as boot=90s; of one VM, LUN or host: boot.shop-db=3m.
    #[arg(long, value_name = "STEP=TIME")]
    assume: Vec<String>,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
}

/// What is asked about, in words and as the simulator has it.
struct Asked {
    words: String,
    what: WhatIf,
    lost: Vec<(Side, LunIx)>,
}

/// Shows what would be done.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let (deployment, own) = read(&args.file)?;
    let name = args.file.display().to_string();
    let calm = Scenario::what_if(deployment.clone(), &name, &WhatIf::Copies(Vec::new()))?;
    let inventory = calm.setup.inventory();
    let style = Style::of_stdout();
    let open = not_ready(inventory);
    let Some(asked) = asked(args, &calm, own)? else {
        if args.json {
            println!("{}", json!({ "file": name, "lost": [], "groups": [], "not-ready": open }));
        } else {
            print!("{}{}", protection(inventory, style), ready(&open, style));
            println!(
                "\n  Name a failure to see what would be done: --lose-lun, --lose-array or --lose-site NAME; or \
                 --migrate GROUP."
            );
        }
        return Ok(ExitCode::SUCCESS);
    };
    let site = calm.setup.site(Side::One);
    let assume = assume::assumptions(inventory, &args.assume)?;
    let run = Scenario::what_if(deployment, &name, &asked.what)?.run(1, None)?;
    let fates = fate::fates(site, &run);
    let goings: Vec<_> = fates.iter().filter_map(|f| f.going(site, &asked.lost)).collect();
    let shown = show::Shown {
        site,
        file: &name,
        words: &asked.words,
        lost: asked.lost.iter().map(|&(_, l)| inventory.luns[l].name.clone()).collect(),
        fates: &fates,
        alone: fate::unprotected(inventory, &run),
        open: &open,
        estimate: estimate::estimate(site, &assume, &goings),
    };
    if args.json {
        println!("{}", shown.json());
    } else {
        print!("{}{}", shown.text(style), ready(&open, style));
    }
    Ok(ExitCode::SUCCESS)
}

/// What is asked about; `None`: nothing.
fn asked(args: &Args, calm: &Scenario, own: Vec<(Side, LunIx)>) -> Result<Option<Asked>> {
    let inventory = calm.setup.inventory();
    let on = |side: Side| {
        let luns = inventory.luns.iter().filter(move |(_, l)| l.ends[side.at()].is_some());
        luns.map(move |(ix, _)| (side, ix)).collect::<Vec<_>>()
    };
    if let Some(name) = &args.lose_array {
        let array = calm.array(name)?;
        let side = inventory.arrays[array].side;
        let lost: Vec<_> = inventory.arrays[array].luns.iter().map(|&l| (side, l)).collect();
        let words = format!("every LUN of array {name} is lost for good");
        return Ok(Some(Asked { words, what: WhatIf::Copies(lost.clone()), lost }));
    }
    if let Some(name) = &args.lose_site {
        let side = calm.site(name)?;
        return Ok(Some(Asked { words: format!("site {name} goes dark"), what: WhatIf::Site(side), lost: on(side) }));
    }
    if let Some(name) = &args.migrate {
        let what = WhatIf::Migrate(calm.group(name)?);
        return Ok(Some(Asked { words: format!("an operator moves group {name}"), what, lost: Vec::new() }));
    }
    let lost = match args.lose_lun.as_slice() {
        [] => own,
        names => names.iter().map(|l| calm.lun(l)).collect::<Result<Vec<_>, _>>()?,
    };
    let names: Vec<&str> = lost.iter().map(|&(_, l)| inventory.luns[l].name.as_str()).collect();
    let words = match names.as_slice() {
        [] => return Ok(None),
        [one] => format!("LUN {one} is lost for good"),
        several => format!("LUNs {} are lost for good", several.join(", ")),
    };
    Ok(Some(Asked { words, what: WhatIf::Copies(lost.clone()), lost }))
}

/// The deployment, and the losses of the scenario where the file is one.
pub(crate) fn read(path: &Path) -> Result<(Deployment, Vec<(Side, LunIx)>)> {
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
            show::names(inventory, &group.vms),
            luns.map(|l| l.name.as_str()).collect::<Vec<_>>().join(", "),
            rpo.unwrap_or_else(|| "nothing".into()),
        ]);
    }
    format!("{}\n", table.text(style))
}
