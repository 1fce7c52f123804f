//! `farshore lab-part`: the lab's arbiter, agents and guards, each a process of its own. The lab starts them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use farshore_core::ids::Side;
use farshore_lab::{AgentArgs, ArbiterArgs, GuardArgs, run_agent, run_arbiter, run_guard};

use crate::lab::Replication;

/// One party of the lab. Its log is what it prints.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    part: Part,
}

#[derive(Debug, clap::Subcommand)]
enum Part {
    /// The third party, which keeps one record per group.
    Arbiter {
        /// How LUNs are replicated.
        #[arg(long, value_enum)]
        replication: Replication,
        /// Where it listens.
        #[arg(long)]
        listen: SocketAddr,
        /// Its store.
        #[arg(long)]
        store: PathBuf,
        /// It never ran before: make the store.
        #[arg(long)]
        first: bool,
    },
    /// The holder of a site's authority.
    Agent {
        /// How LUNs are replicated.
        #[arg(long, value_enum)]
        replication: Replication,
        /// Its site.
        #[arg(long, value_parser = side)]
        site: Side,
        /// Where it listens.
        #[arg(long)]
        listen: SocketAddr,
        /// The way to the arbiter.
        #[arg(long)]
        arbiter: SocketAddr,
        /// The way to the peer's agent.
        #[arg(long)]
        peer: SocketAddr,
        /// Where its hosts and arrays are told what to do.
        #[arg(long)]
        office: SocketAddr,
        /// Its store.
        #[arg(long)]
        store: PathBuf,
        /// It never ran before: make the store.
        #[arg(long)]
        first: bool,
        /// Another process may be the site's agent now: wait, and take its place when it ends.
        #[arg(long, conflicts_with = "first")]
        standby: bool,
    },
    /// A host's guard: ends its VMs when their authority has run out.
    Guard {
        /// How LUNs are replicated.
        #[arg(long, value_enum)]
        replication: Replication,
        /// Where the site's agent listens.
        #[arg(long)]
        agent: SocketAddr,
        /// Where the host keeps the process ids of its VMs.
        #[arg(long)]
        runs: PathBuf,
        /// A watchdog device to feed: it resets the machine when the guard is gone.
        #[arg(long, value_name = "DEVICE")]
        watchdog: Option<PathBuf>,
    },
}

fn side(name: &str) -> Result<Side, String> {
    farshore_lab::side(name).ok_or_else(|| "alder or birch".into())
}

/// Runs a party, until it fails or is killed.
pub(crate) fn run(args: Args) -> Result<ExitCode> {
    match args.part {
        Part::Arbiter { replication, listen, store, first } => {
            run_arbiter(&ArbiterArgs { mode: replication.mode(), listen, store, first })?;
        }
        Part::Agent { replication, site, listen, arbiter, peer, office, store, first, standby } => {
            let mode = replication.mode();
            run_agent(&AgentArgs { mode, side: site, listen, arbiter, peer, office, store, first, standby })?;
        }
        Part::Guard { replication, agent, runs, watchdog } => {
            run_guard(GuardArgs { mode: replication.mode(), agent, runs, watchdog })?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
