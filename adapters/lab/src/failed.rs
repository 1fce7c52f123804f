//! Why a run came to nothing.

use std::path::PathBuf;

use farshore_core::error::{Rejected, RestoreError};
use farshore_core::inventory::ConfigError;
use farshore_journal::JournalError;
use farshore_qemu::LabError;
use thiserror::Error;

/// Why a run came to nothing.
#[derive(Debug, Error)]
pub enum Failed {
    /// A real part did not do what it should.
    #[error(transparent)]
    Part(#[from] LabError),
    /// The journal could not be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The link could not be opened.
    #[error("the managers' link cannot be opened: {0}")]
    Link(std::io::Error),
    /// The lab's own deployment is not valid.
    #[error("the lab's deployment is not valid: {0}")]
    Config(#[from] ConfigError),
    /// A manager did not start.
    #[error("a manager did not start: {0}")]
    Restore(#[from] RestoreError),
    /// A command was rejected.
    #[error("a manager rejected a command: {0}")]
    Rejected(#[from] Rejected),
    /// The work directory cannot be made.
    #[error("the work directory cannot be made: {0}")]
    Dir(std::io::Error),
    /// There are files in the work directory.
    #[error("{} is not empty: remove it, or name another directory to keep the files in", dir.display())]
    NotEmpty {
        /// The directory.
        dir: PathBuf,
    },
    /// The recording cannot be written.
    #[error("the recording {} cannot be written: {error}", path.display())]
    Recording {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// Something did not happen in time.
    #[error("{what} did not happen within {seconds} s; the files of the run are in {dir}")]
    Late {
        /// What.
        what: &'static str,
        /// How long it was waited for.
        seconds: u64,
        /// Where to look.
        dir: PathBuf,
    },
    /// Somebody pressed Ctrl-C.
    #[error("interrupted; everything was taken down")]
    Interrupted,
}
