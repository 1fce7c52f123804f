//! How VMs see LUNs: an iSCSI target on files that a daemon serves.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::cellar::{Ticket, release};
use crate::process::Process;
use crate::qmp::PATIENCE;
use crate::{Cellar, LabError};

/// An iSCSI target of its own daemon.
#[derive(Debug)]
pub(super) struct Target {
    control: Control,
    /// Where it listens.
    pub(super) portal: SocketAddr,
    /// Its name.
    pub(super) name: String,
    process: Process,
}

impl Target {
    /// Starts a target daemon with one target.
    ///
    /// # Errors
    /// It does not start.
    pub(super) fn start(cellar: &Arc<Cellar>, dir: &Path, site: &str, portal: SocketAddr) -> Result<Self, LabError> {
        let control = Control { cellar: cellar.clone(), socket: dir.join("tgtd") };
        let args = ["-f".into(), "--iscsi".into(), format!("portal={portal}")];
        let process = Process::start_with(
            cellar,
            "tgtd",
            "tgtd",
            &args,
            &[(CONTROL, control.socket.display().to_string())],
            &dir.join("tgtd.log"),
        )?;
        let name = format!("iqn.2026-11.farshore:{site}");
        let show = ["--op", "show", "--mode", "target"];
        process.until("an answer of its control port", PATIENCE, || control.admin(&show).is_ok())?;
        control.admin(&["--op", "new", "--mode", "target", "--tid", "1", "-T", &name])?;
        control.admin(&["--op", "bind", "--mode", "target", "--tid", "1", "-I", "ALL"])?;
        Ok(Self { control, portal, name, process })
    }

    /// Ends it at once.
    pub(super) fn kill(&self) {
        self.process.kill();
    }

    /// Serves a file as a logical unit.
    ///
    /// # Errors
    /// The daemon refuses.
    pub(super) fn add(&self, unit: u16, file: &Path) -> Result<(), LabError> {
        let (unit, file) = (unit.to_string(), file.display().to_string());
        let of = ["--mode", "logicalunit", "--tid", "1", "--lun", &unit];
        self.control.admin(&[&["--op", "new"], &of[..], &["-b", &file]].concat()).map(drop)
    }

    /// Whether initiators may write a logical unit.
    ///
    /// # Errors
    /// The daemon refuses.
    pub(super) fn set_writable(&self, unit: u16, writable: bool) -> Result<(), LabError> {
        let unit = unit.to_string();
        let readonly = if writable { "readonly=0" } else { "readonly=1" };
        let of = ["--op", "update", "--mode", "logicalunit", "--tid", "1", "--lun", &unit, "--params", readonly];
        self.control.admin(&of).map(drop)
    }

    /// Takes a logical unit away, also from initiators that use it. One that is not there is gone.
    ///
    /// # Errors
    /// The daemon refuses for as long as it is waited for.
    pub(super) fn delete(&self, unit: u16) -> Result<(), LabError> {
        let unit = unit.to_string();
        let began = Instant::now();
        loop {
            match self.control.admin(&["--op", "delete", "--mode", "logicalunit", "--tid", "1", "--lun", &unit]) {
                // Refused while a command of an initiator is under way.
                Err(LabError::Refused { reason, .. }) if reason.contains("active") && began.elapsed() < PATIENCE => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(LabError::Refused { reason, .. }) if reason.contains("can't find the logical unit") => {
                    return Ok(());
                }
                other => return other.map(drop),
            }
        }
    }
}

/// Names the socket of a daemon of its own, next to the run's other files.
const CONTROL: &str = "TGT_IPC_SOCKET";

/// The way to a target daemon.
#[derive(Debug)]
struct Control {
    cellar: Arc<Cellar>,
    socket: PathBuf,
}

impl Control {
    fn admin(&self, args: &[&str]) -> Result<String, LabError> {
        self.cellar.run("tgtadm", &[&["--lld", "iscsi"], args].concat(), Some((CONTROL, &self.socket)))
    }
}

/// A file on which a daemon mounts a LUN. Dropping it unmounts what is left there.
#[derive(Debug)]
pub(super) struct Mount {
    /// The file.
    pub(super) path: PathBuf,
    cellar: Arc<Cellar>,
    ticket: Ticket,
}

impl Mount {
    /// Makes the file.
    ///
    /// # Errors
    /// It cannot be made.
    pub(super) fn new(cellar: &Arc<Cellar>, path: PathBuf) -> Result<Self, LabError> {
        std::fs::File::create(&path).map_err(LabError::io(format!("making {}", path.display())))?;
        let ticket = cellar.mount(&path)?;
        Ok(Self { path, cellar: cellar.clone(), ticket })
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        release(&self.path);
        self.cellar.forget(self.ticket);
    }
}
