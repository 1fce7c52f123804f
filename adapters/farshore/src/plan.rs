//! `farshore plan`: what would be done for a failure.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

/// Which failure of what.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A deployment file, or a scenario file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// Shows what would be done.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let _ = args;
    Ok(ExitCode::SUCCESS)
}
