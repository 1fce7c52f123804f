//! A host's guard, a process of its own: it ends the host's VMs when their authority has run out, and feeds the watchdog
//! while it lives.

use std::fs::File;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Mutex;

use farshore_core::ids::{GroupKey, Side};
use farshore_core::inventory::Site;
use farshore_qemu::array::Mode;
use farshore_qemu::{LabError, clock, running};

use super::enforcer::{Enforcer, Held};
use crate::deployment::armed;
use crate::failed::Failed;

/// What a guard is told.
#[derive(Clone, Debug)]
pub struct GuardArgs {
    /// How LUNs are replicated.
    pub mode: Mode,
    /// Where the site's agent listens.
    pub agent: SocketAddr,
    /// Where the host keeps the process ids of its VMs.
    pub runs: PathBuf,
    /// A watchdog device to feed, which resets the host when nobody feeds it any more.
    pub watchdog: Option<PathBuf>,
}

struct Host {
    runs: PathBuf,
    watchdog: Option<Mutex<File>>,
}

impl Held for Host {
    fn runs(&self) -> bool {
        !running::of(&self.runs).is_empty()
    }

    fn end(&self) {
        for (vm, pid) in running::of(&self.runs) {
            println!("{} ends {vm}: its authority has run out", clock::now().0);
            running::kill(pid);
        }
    }

    fn feed(&self) {
        // Never the letter V: closing it is no reason to let the host run.
        if let Some(watchdog) = &self.watchdog
            && let Ok(mut watchdog) = watchdog.lock()
        {
            let _ = watchdog.write_all(b"\0");
        }
    }
}

/// Runs a guard, for good.
///
/// # Errors
/// The watchdog cannot be opened.
pub fn run_guard(args: GuardArgs) -> Result<(), Failed> {
    let [site, _] = Site::pair(&armed(args.mode))?;
    let Some(arbiter) = site.policy.arbiter else { return Ok(()) };
    let open = |path: PathBuf| {
        File::options().write(true).open(&path).map_err(LabError::io(format!("opening {}", path.display())))
    };
    let watchdog = args.watchdog.map(open).transpose()?.map(Mutex::new);
    let host = Host { runs: args.runs, watchdog };
    Enforcer::new(args.agent, GroupKey::of("shop"), arbiter.leases.renewal()).run(&host, || false);
    Ok(())
}

/// The side that a name on the command line means.
#[must_use]
pub fn side(name: &str) -> Option<Side> {
    match name {
        "alder" => Some(Side::One),
        "birch" => Some(Side::Two),
        _ => None,
    }
}
