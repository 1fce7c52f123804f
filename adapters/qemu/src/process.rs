//! Children: started, watched, and ended by their own id when they are no longer needed.

use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use crate::cellar::{Shared, Ticket, signal, wait};
use crate::{Cellar, LabError};

/// How long a killed program may take to be gone, whatever it was doing.
const GONE: Duration = Duration::from_secs(10);

/// A running program. Dropping it ends it.
#[derive(Debug)]
pub struct Process {
    name: String,
    log: PathBuf,
    child: Shared,
    cellar: Arc<Cellar>,
    ticket: Ticket,
}

impl Process {
    /// Starts a program; its output goes to a log.
    ///
    /// # Errors
    /// A program that is not installed, or a log that cannot be written; or the cellar is closed.
    pub fn start(
        cellar: &Arc<Cellar>,
        name: &str,
        program: &str,
        args: &[String],
        log: &Path,
    ) -> Result<Self, LabError> {
        Self::start_with(cellar, name, program, args, &[], log)
    }

    /// Starts a program that is told something by variables of its environment.
    pub(crate) fn start_with(
        cellar: &Arc<Cellar>,
        name: &str,
        program: &str,
        args: &[String],
        env: &[(&str, String)],
        log: &Path,
    ) -> Result<Self, LabError> {
        let out = File::options().create(true).append(true).open(log);
        let out = out.map_err(LabError::io(format!("writing {}", log.display())))?;
        let err = out.try_clone().map_err(LabError::io(format!("writing {}", log.display())))?;
        let (child, ticket) = cellar.spawn(program, |command| {
            // In a process group of its own: a Ctrl-C at the terminal is the lab's to handle, in its order.
            command
                .args(args)
                .envs(env.iter().map(|(name, value)| (name, value)))
                .stdin(Stdio::null())
                .stdout(out)
                .stderr(err)
                .process_group(0);
        })?;
        Ok(Self { name: name.into(), log: log.into(), child, cellar: cellar.clone(), ticket })
    }

    /// How it ended, if it has.
    fn ended(&self) -> Option<ExitStatus> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner).try_wait().ok().flatten()
    }

    /// Whether it still runs.
    #[must_use]
    pub fn runs(&self) -> bool {
        self.ended().is_none()
    }

    /// Waits until it is useful.
    ///
    /// # Errors
    /// It ended before, or took too long.
    pub fn until(&self, what: &str, within: Duration, mut useful: impl FnMut() -> bool) -> Result<(), LabError> {
        let began = Instant::now();
        while !useful() {
            if let Some(status) = self.ended() {
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
    #[must_use]
    pub fn wait(&self, within: Duration) -> bool {
        wait(&self.child, within)
    }

    /// Whether it has ended, and well.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.ended().is_some_and(|status| status.success())
    }

    /// Ends it at once, whatever it is doing.
    pub fn kill(&self) {
        signal(&self.child);
        if wait(&self.child, GONE) {
            self.cellar.forget(self.ticket);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
