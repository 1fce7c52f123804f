//! `farshore replay`: runs a trace of a simulation again, action by action; or a recording of the lab, step by step.

use std::iter;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use farshore_core::ids::Side;
use farshore_core::time::Instant;
use farshore_lab::recording::{self, Again};
use farshore_world::scenario::{Run, Scenario};
use farshore_world::trace::Trace;
use serde_json::{Value, json};

use crate::show;
use crate::style::{Look, Style, Table};
use crate::words::{Words, milliseconds};

/// What to replay.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A trace, as a failed simulation writes it: it names its scenario, which must be as it was. Or a recording, as
    /// `farshore lab --record` writes it: it holds all that it needs.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print JSON instead of text.
    #[arg(long)]
    json: bool,
}

/// Runs a file again; failed when what a trace shows still fails, or when a recording shows something else than it did.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let name = args.file.display();
    let text = std::fs::read_to_string(&args.file).with_context(|| format!("{name}"))?;
    if recording::is_recording(&text) {
        return record(args, &text);
    }
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

/// Runs a recording of the lab again.
fn record(args: &Args, text: &str) -> Result<ExitCode> {
    let name = args.file.display();
    let again = match recording::replay(text) {
        Ok(again) => again,
        Err(finding) if finding.is_finding() => {
            if args.json {
                println!("{:#}", json!({ "file": name.to_string(), "differs": finding.to_string() }));
            } else {
                println!("{name}: {finding}");
            }
            return Ok(ExitCode::from(1));
        }
        Err(error) => return Err(error).with_context(|| format!("{name}")),
    };
    if args.json {
        println!("{:#}", as_json(&again));
    } else {
        print!("{}", as_text(&again, Style::of_stdout()));
    }
    Ok(ExitCode::SUCCESS)
}

fn as_text(again: &Again, style: Style) -> String {
    let [site, _] = &again.sites;
    let words = Words(&site.inventory);
    let mut text = format!("{}\n\n", style.paint(Look::Bold, &again.title));
    let began = again.events.first().map_or(Instant(0), |(at, ..)| *at);
    for (at, side, event) in &again.events {
        if let Some(what) = words.event(*side, event) {
            let (name, rule) = (words.site(*side), style.paint(Look::Dim, event.rule()));
            text += &format!("  {}  {name:<6} {rule:<4}  {what}\n", milliseconds((*at - began).0));
        }
    }
    let mut table = Table::new(&["manager at", "starts", "steps", "effects"]);
    for (side, count) in Side::BOTH.into_iter().zip(again.counts) {
        let numbers = [count.starts, count.steps, count.effects].map(|n| n.to_string());
        table.row(iter::once(words.site(side).to_string()).chain(numbers).collect());
    }
    text += &format!("\n{}\n", table.text(style));
    for line in ["every effect is the one that was recorded", "every invariant of the managers held"] {
        text += &format!("  {} {line}\n", style.paint(Look::Good, "✓"));
    }
    text
}

fn as_json(again: &Again) -> Value {
    let [site, _] = &again.sites;
    let managers = Side::BOTH.into_iter().zip(again.counts).map(|(side, count)| {
        json!({ "site": Words(&site.inventory).site(side), "starts": count.starts, "steps": count.steps,
            "effects": count.effects })
    });
    json!({ "title": again.title, "managers": managers.collect::<Vec<_>>() })
}

/// Writes the trace of a run beside where the command runs, and says where.
pub(crate) fn write(scenario: &Scenario, run: &Run) -> Result<PathBuf> {
    let stem = Path::new(&scenario.file).file_stem().map_or_else(|| "scenario".into(), |s| s.to_string_lossy());
    let path = PathBuf::from(format!("{stem}-seed-{}.trace", run.seed));
    std::fs::write(&path, scenario.trace(run).to_string()).with_context(|| format!("{}", path.display()))?;
    Ok(path)
}
