//! `farshore replay`: runs a trace again, action by action.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use farshore_world::scenario::{Run, Scenario};
use farshore_world::trace::Trace;

use crate::show;
use crate::style::Style;

/// What to replay.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A trace file, as a failed simulation writes it. It names its scenario, which must be as it was.
    #[arg(value_name = "TRACE")]
    trace: PathBuf,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
}

/// Runs a trace again; failed when what it shows still fails.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let name = args.trace.display();
    let text = std::fs::read_to_string(&args.trace).with_context(|| format!("{name}"))?;
    let trace = Trace::parse(&text).with_context(|| format!("{name}"))?;
    let path = Path::new(&trace.scope);
    if !path.exists() {
        // One of the model's own scopes.
        let replay = farshore_world::trace::run_trace(&text).with_context(|| format!("{name}"))?;
        println!("{} actions, to where the trace ends", replay.outcomes.len());
        return Ok(match replay.violation {
            Some(violation) => {
                println!("{violation}");
                ExitCode::from(1)
            }
            None => ExitCode::SUCCESS,
        });
    }
    let scenario = Scenario::read(path)?;
    let run = scenario.replay(&trace).with_context(|| format!("{name}"))?;
    if args.json {
        println!("{}", show::json(&scenario, &run));
    } else {
        print!("{}", show::text(&scenario, &run, Style::of_stdout()));
    }
    Ok(if run.passed() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Writes the trace of a run beside where the command runs, and says where.
pub(crate) fn write(scenario: &Scenario, run: &Run) -> Result<PathBuf> {
    let stem = Path::new(&scenario.file).file_stem().map_or_else(|| "scenario".into(), |s| s.to_string_lossy());
    let path = PathBuf::from(format!("{stem}-seed-{}.trace", run.seed));
    std::fs::write(&path, scenario.trace(run).to_string()).with_context(|| format!("{}", path.display()))?;
    Ok(path)
}
