//! The `farshore` binary: it reads files, runs what they say, and tells people what came of it. It decides nothing.

mod check;
mod lab;
mod lab_part;
mod many;
mod plan;
mod replay;
mod report;
mod show;
mod simulate;
mod style;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use farshore_report::words;

/// Keeps virtual machines running when the storage under them is lost, by moving them to another site.
#[derive(Debug, Parser)]
#[command(name = "farshore", version, about, max_term_width = 120)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run scenarios in virtual time, and tell what happened, when, and by which rule.
    Simulate(simulate::Args),
    /// Show what would be done for a failure, without doing it.
    Plan(plan::Args),
    /// Find what will go wrong in a deployment, before it does.
    Check(check::Args),
    /// Move real VMs: two sites of real parts on this machine, a real loss, a verdict read from the disks.
    Lab(lab::Args),
    /// One party of the lab; the lab starts it.
    #[command(hide = true)]
    LabPart(lab_part::Args),
    /// Run a trace of a simulation again, or a recording of the lab, to where it ended.
    Replay(replay::Args),
}

fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Simulate(args) => simulate::run(&args),
        Command::Plan(args) => plan::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Lab(args) => lab::run_lab(&args),
        Command::LabPart(args) => lab_part::run(args),
        Command::Replay(args) => replay::run(&args),
    };
    done.unwrap_or_else(|error| {
        eprintln!("farshore: {error:#}");
        ExitCode::from(2)
    })
}
