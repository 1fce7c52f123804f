//! What can go wrong with real parts.

use std::path::PathBuf;

use thiserror::Error;

/// Something of the lab could not be done: what, to what, and what to do.
#[derive(Debug, Error)]
pub enum LabError {
    /// A program is not there.
    #[error("{program} is not installed: run scripts/setup-lab.sh as root")]
    Missing {
        /// The program.
        program: String,
    },
    /// A program did not start, or ended.
    #[error("{program} ended while it was needed: {what}; its output is in {log}")]
    Ended {
        /// The program.
        program: String,
        /// What was seen.
        what: String,
        /// Its output.
        log: PathBuf,
    },
    /// Something did not happen in time.
    #[error("{what} did not happen within {ms} ms")]
    Timeout {
        /// What.
        what: String,
        /// How long it was waited for, milliseconds.
        ms: u64,
    },
    /// Everything is being taken down.
    #[error("the lab is being taken down: {what} comes too late")]
    Closed {
        /// What was to be done.
        what: String,
    },
    /// A monitor refused a command.
    #[error("{monitor} refused {command}: {reason}")]
    Refused {
        /// Whose monitor.
        monitor: String,
        /// The command.
        command: String,
        /// Its words.
        reason: String,
    },
    /// A monitor said something that is no QMP.
    #[error("{monitor} said something that is no QMP: {what}")]
    Qmp {
        /// Whose monitor.
        monitor: String,
        /// What is wrong with it.
        what: String,
    },
    /// A file, socket or program could not be used.
    #[error("{what}: {error}")]
    Io {
        /// What was done, to what.
        what: String,
        /// Why it failed.
        error: std::io::Error,
    },
}

impl LabError {
    /// What was done when an I/O error came.
    pub fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |error| Self::Io { what, error }
    }
}
