//! How VMs see LUNs: an iSCSI target on files that a daemon serves.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::LabError;
use crate::process::{Process, run};
use crate::qmp::PATIENCE;

/// An iSCSI target of its own daemon.
#[derive(Debug)]
pub(super) struct Target {
    control: String,
    /// Where it listens.
    pub(super) portal: SocketAddr,
    /// Its name.
    pub(super) name: String,
    _process: Process,
}

impl Target {
    /// Starts a target daemon with one target. `control` tells daemons of one machine apart.
    ///
    /// # Errors
    /// It does not start.
    pub(super) fn start(dir: &Path, site: &str, portal: SocketAddr, control: u16) -> Result<Self, LabError> {
        let control = control.to_string();
        let args = ["-f".into(), "-C".into(), control.clone(), "--iscsi".into(), format!("portal={portal}")];
        let mut process = Process::start("tgtd", "tgtd", &args, &dir.join("tgtd.log"))?;
        let name = format!("iqn.2026-11.farshore:{site}");
        let target = |args: &[&str]| admin(&control, args);
        let show = ["--op", "show", "--mode", "target"];
        process.until("an answer of its control port", PATIENCE, || target(&show).is_ok())?;
        target(&["--op", "new", "--mode", "target", "--tid", "1", "-T", &name])?;
        target(&["--op", "bind", "--mode", "target", "--tid", "1", "-I", "ALL"])?;
        Ok(Self { control, portal, name, _process: process })
    }

    /// Serves a file as a logical unit.
    ///
    /// # Errors
    /// The daemon refuses.
    pub(super) fn add(&self, unit: u16, file: &Path) -> Result<(), LabError> {
        let (unit, file) = (unit.to_string(), file.display().to_string());
        let of = ["--mode", "logicalunit", "--tid", "1", "--lun", &unit];
        admin(&self.control, &[&["--op", "new"], &of[..], &["-b", &file]].concat()).map(drop)
    }

    /// Whether initiators may write a logical unit.
    ///
    /// # Errors
    /// The daemon refuses.
    pub(super) fn set_writable(&self, unit: u16, writable: bool) -> Result<(), LabError> {
        let unit = unit.to_string();
        let readonly = if writable { "readonly=0" } else { "readonly=1" };
        let of = ["--op", "update", "--mode", "logicalunit", "--tid", "1", "--lun", &unit, "--params", readonly];
        admin(&self.control, &of).map(drop)
    }

    /// Takes a logical unit away, also from initiators that use it. One that is not there is gone.
    ///
    /// # Errors
    /// The daemon refuses for as long as it is waited for.
    pub(super) fn delete(&self, unit: u16) -> Result<(), LabError> {
        let unit = unit.to_string();
        let began = Instant::now();
        loop {
            match admin(&self.control, &["--op", "delete", "--mode", "logicalunit", "--tid", "1", "--lun", &unit]) {
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

fn admin(control: &str, args: &[&str]) -> Result<String, LabError> {
    run("tgtadm", &[&["-C", control, "--lld", "iscsi"], args].concat())
}

/// A file on which a daemon mounts a LUN. Dropping it unmounts what is left there.
#[derive(Debug)]
pub(super) struct Mount {
    /// The file.
    pub(super) path: PathBuf,
}

impl Mount {
    /// Makes the file.
    ///
    /// # Errors
    /// It cannot be made.
    pub(super) fn new(path: PathBuf) -> Result<Self, LabError> {
        std::fs::File::create(&path).map_err(LabError::io(format!("making {}", path.display())))?;
        Ok(Self { path })
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let path = self.path.display().to_string();
        let mounted = std::fs::read_to_string("/proc/self/mounts").is_ok_and(|m| m.contains(&path));
        if mounted {
            let _ = run("umount", &["-l", &path]);
        }
    }
}
