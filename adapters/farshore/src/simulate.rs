//! `farshore simulate`: runs scenarios in virtual time.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use farshore_core::ids::Index;
use farshore_core::spec::Span;
use farshore_core::time::Millis;
use farshore_world::scenario::{Run, Scenario};

use crate::replay;
use crate::show;
use crate::style::{Look, Style, Table};
use crate::words::span;

/// What to simulate, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Scenario files; docs/scenario-format.md describes them.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Delays and interleavings follow from this number; the same number is the same run.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Run each scenario so many times, with seeds that follow each other, and tell how the runs differ.
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    runs: u64,
    /// Stop after this time, such as 90s or 2m, instead of at the scenario's own end.
    #[arg(long, value_name = "TIME")]
    until: Option<Span>,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
}

/// Runs every file; failed when an expectation is not met or a rule broken.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let scenarios = args.files.iter().map(|f| Scenario::read(f)).collect::<Result<Vec<_>, _>>()?;
    let style = Style::of_stdout();
    let mut passed = true;
    for (at, scenario) in scenarios.iter().enumerate() {
        if at > 0 && !args.json {
            println!();
        }
        passed &= if args.runs == 1 { once(args, scenario, style)? } else { often(args, scenario, style)? };
    }
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn until(args: &Args) -> Option<Millis> {
    args.until.map(|u| u.0)
}

fn once(args: &Args, scenario: &Scenario, style: Style) -> Result<bool> {
    let run = scenario.run(args.seed, until(args))?;
    if args.json {
        println!("{}", show::json(scenario, &run));
    } else {
        print!("{}", show::text(scenario, &run, style));
    }
    failed(scenario, &run, style)?;
    Ok(run.passed())
}

/// Where a run failed, the trace that replays it is written.
fn failed(scenario: &Scenario, run: &Run, style: Style) -> Result<()> {
    if run.passed() {
        return Ok(());
    }
    let path = replay::write(scenario, run)?;
    let said = format!("failed; run it again with: farshore replay {}", path.display());
    eprintln!("\n  {}", style.paint(Look::Bad, said));
    Ok(())
}

fn often(args: &Args, scenario: &Scenario, style: Style) -> Result<bool> {
    let inventory = scenario.setup.inventory();
    let mut downtimes: Vec<Vec<Millis>> = vec![Vec::new(); inventory.vms.len()];
    let mut lost = vec![0; inventory.vms.len()];
    let mut failures = Vec::new();
    let progress = std::io::stderr().is_terminal() && !args.json;
    for seed in args.seed..args.seed.saturating_add(args.runs) {
        if progress {
            eprint!("\r  run {} of {}", seed - args.seed + 1, args.runs);
            std::io::stderr().flush()?;
        }
        let run = scenario.run(seed, until(args))?;
        for v in inventory.vms.indices() {
            let story = &run.history.vms[v.at()];
            downtimes[v.at()].push(story.downtime(run.end));
            lost[v.at()] = story.lost.max(lost[v.at()]);
        }
        if args.json {
            println!("{}", show::json(scenario, &run));
        }
        if !run.passed() {
            failures.push(run);
        }
    }
    if progress {
        eprint!("\r\x1b[K");
    }
    if !args.json {
        println!("{}\n", style.paint(Look::Bold, &scenario.title));
        let mut table = Table::new(&["VM", "down for: shortest", "median", "longest", "most writes lost"]);
        for (v, vm) in inventory.vms.iter() {
            let times = &mut downtimes[v.at()];
            times.sort_unstable();
            let at = |n: usize| times.get(n).map_or_else(String::new, |t| span(*t));
            let last = times.len().saturating_sub(1);
            table.row(vec![vm.name.clone(), at(0), at(last / 2), at(last), lost[v.at()].to_string()]);
        }
        println!("{}", table.text(style));
    }
    let mut seeds: Vec<String> = failures.iter().take(10).map(|r| r.seed.to_string()).collect();
    if failures.len() > seeds.len() {
        seeds.push("…".into());
    }
    if let Some(first) = failures.first() {
        if !args.json {
            let said = format!("✗ {} of {} runs failed: seeds {}", failures.len(), args.runs, seeds.join(", "));
            println!("  {}", style.paint(Look::Bad, said));
            for verdict in first.verdicts.iter().filter(|v| !v.met) {
                println!("    {}: {}  ({})", first.seed, verdict.expected, verdict.found);
            }
            if let Some(broken) = &first.broken {
                println!("    {}: {} is broken: {}", first.seed, broken.property, broken.what);
            }
        }
        failed(scenario, first, style)?;
    } else if !args.json {
        println!("  {} every expectation was met in {} runs", style.paint(Look::Good, "✓"), args.runs);
    }
    Ok(failures.is_empty())
}
