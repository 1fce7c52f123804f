//! `farshore simulate`: runs scenarios in virtual time.

use std::io::{IsTerminal, Write};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use farshore_core::ids::Index;
use farshore_core::spec::Span;
use farshore_core::time::Millis;
use farshore_world::scenario::{Run, Scenario};

use crate::many;
use crate::replay;
use crate::report;
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
    /// Run so many at a time; by default as many as there are cores. What is printed does not depend on it.
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Stop after this time, such as 90s or 2m, instead of at the scenario's own end.
    #[arg(long, value_name = "TIME")]
    until: Option<Span>,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
    /// Leave a report of each run here, as Markdown and as JSON; docs/operations.md describes it.
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
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

impl Args {
    fn jobs(&self) -> NonZeroUsize {
        self.jobs.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN)
    }
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
    leave(args, scenario, &run)?;
    failed(scenario, &run, style)?;
    Ok(run.passed())
}

/// Where a report is wanted, it is written; where it is, people are told.
fn leave(args: &Args, scenario: &Scenario, run: &Run) -> Result<()> {
    let Some(dir) = &args.report else { return Ok(()) };
    let name = report::name(scenario, run, args.runs > 1);
    let page = report::write(dir, &name, &report::of(scenario, run))?;
    if args.runs == 1 {
        eprintln!("  report: {}", page.display());
    }
    Ok(())
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

/// What came of many runs of one scenario, in the order of their seeds.
struct Tally {
    downtimes: Vec<Vec<Millis>>,
    lost: Vec<u32>,
    failed: Vec<u64>,
    first: Option<Run>,
}

impl Tally {
    fn new(vms: usize) -> Self {
        Self { downtimes: vec![Vec::new(); vms], lost: vec![0; vms], failed: Vec::new(), first: None }
    }

    fn add(&mut self, run: Run) {
        for (v, story) in run.history.vms.iter().enumerate() {
            self.downtimes[v].push(story.downtime(run.end));
            self.lost[v] = story.lost.max(self.lost[v]);
        }
        if !run.passed() {
            self.failed.push(run.seed);
            self.first.get_or_insert(run);
        }
    }

    fn table(&mut self, scenario: &Scenario, style: Style) -> String {
        let mut table = Table::new(&["VM", "down for: shortest", "median", "longest", "most writes lost"]);
        for (v, vm) in scenario.setup.inventory().vms.iter() {
            let times = &mut self.downtimes[v.at()];
            times.sort_unstable();
            let at = |n: usize| times.get(n).map_or_else(String::new, |t| span(*t));
            let last = times.len().saturating_sub(1);
            table.row(vec![vm.name.clone(), at(0), at(last / 2), at(last), self.lost[v.at()].to_string()]);
        }
        table.text(style)
    }
}

fn often(args: &Args, scenario: &Scenario, style: Style) -> Result<bool> {
    let mut tally = Tally::new(scenario.setup.inventory().vms.len());
    let progress = std::io::stderr().is_terminal() && !args.json;
    let begin = Instant::now();
    many::each(scenario, args.seed..args.seed.saturating_add(args.runs), args.jobs(), until(args), |run| {
        if progress {
            eprint!("\r  run {} of {}", run.seed - args.seed + 1, args.runs);
            std::io::stderr().flush()?;
        }
        if args.json {
            println!("{}", show::json(scenario, &run));
        }
        leave(args, scenario, &run)?;
        tally.add(run);
        Ok(())
    })?;
    if progress {
        eprint!("\r\x1b[K");
    }
    if !args.json {
        println!("{}\n\n{}", style.paint(Look::Bold, &scenario.title), tally.table(scenario, style));
        // Not with the results: these are the same for the same seeds.
        eprintln!("  {} runs in {:.1} s", args.runs, begin.elapsed().as_secs_f64());
    }
    let Some(first) = &tally.first else {
        if !args.json {
            println!("  {} every expectation was met in {} runs", style.paint(Look::Good, "✓"), args.runs);
        }
        return Ok(true);
    };
    if !args.json {
        tell_failures(&tally.failed, first, args.runs, style);
    }
    failed(scenario, first, style)?;
    Ok(false)
}

fn tell_failures(failed: &[u64], first: &Run, runs: u64, style: Style) {
    let mut seeds: Vec<String> = failed.iter().take(10).map(ToString::to_string).collect();
    if failed.len() > seeds.len() {
        seeds.push("…".into());
    }
    let said = format!("✗ {} of {runs} runs failed: seeds {}", failed.len(), seeds.join(", "));
    println!("  {}", style.paint(Look::Bad, said));
    for verdict in first.verdicts.iter().filter(|v| !v.met) {
        println!("    {}: {}  ({})", first.seed, verdict.expected, verdict.found);
    }
    if let Some(broken) = &first.broken {
        println!("    {}: {} is broken: {}", first.seed, broken.property, broken.what);
    }
}
