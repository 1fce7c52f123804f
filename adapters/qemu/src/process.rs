//! Children: started, watched, and ended by their own id when they are no longer needed.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::LabError;

/// A running program. Dropping it ends it.
#[derive(Debug)]
pub struct Process {
    name: String,
    log: PathBuf,
    child: Child,
}

impl Process {
    /// Starts a program; its output goes to a log.
    ///
    /// # Errors
    /// A program that is not installed, or a log that cannot be written.
    pub fn start(name: &str, program: &str, args: &[String], log: &Path) -> Result<Self, LabError> {
        let out = File::options().create(true).append(true).open(log);
        let out = out.map_err(LabError::io(format!("writing {}", log.display())))?;
        let err = out.try_clone().map_err(LabError::io(format!("writing {}", log.display())))?;
        // In a process group of its own: a Ctrl-C at the terminal is the lab's to handle, in its order.
        let child =
            Command::new(program).args(args).stdin(Stdio::null()).stdout(out).stderr(err).process_group(0).spawn();
        let child = child.map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => LabError::Missing { program: program.into() },
            _ => LabError::Io { what: format!("starting {program}"), error: source },
        })?;
        Ok(Self { name: name.into(), log: log.into(), child })
    }

    /// Process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Waits until it is useful.
    ///
    /// # Errors
    /// It ended before, or took too long.
    pub fn until(&mut self, what: &str, within: Duration, mut useful: impl FnMut() -> bool) -> Result<(), LabError> {
        let began = Instant::now();
        while !useful() {
            if let Ok(Some(status)) = self.child.try_wait() {
                let what = format!("{status} before {what}");
                return Err(LabError::Ended { program: self.name.clone(), what, log: self.log.clone() });
            }
            if began.elapsed() > within {
                let ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
                return Err(LabError::Timeout { what: format!("{}: {what}", self.name), ms });
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// Waits until it has ended; whether it has.
    pub fn wait(&mut self, within: Duration) -> bool {
        let began = Instant::now();
        while self.runs() {
            if began.elapsed() > within {
                return false;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        true
    }

    /// Ends it at once, whatever it is doing.
    pub fn kill(&mut self) {
        if self.runs()
            && let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
        {
            let _ = kill_process(pid, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Runs a short program to its end; its standard output.
///
/// # Errors
/// It is not installed, or failed.
pub fn run(program: &str, args: &[&str]) -> Result<String, LabError> {
    let output =
        Command::new(program).args(args).stdin(Stdio::null()).output().map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound => LabError::Missing { program: program.into() },
            _ => LabError::Io { what: format!("running {program}"), error: source },
        })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let first = said.lines().next().unwrap_or_default();
    Err(LabError::Refused { monitor: program.into(), command: args.join(" "), reason: first.into() })
}
