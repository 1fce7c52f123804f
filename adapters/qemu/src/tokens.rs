//! The highest token applied per object, durable (J2).

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;

use farshore_core::operation::{Failure, Token};

use crate::LabError;

/// A file of tokens by object name.
#[derive(Debug)]
pub struct Tokens {
    path: PathBuf,
    kept: BTreeMap<String, Token>,
}

impl Tokens {
    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// A file that cannot be read, or is not ours.
    pub fn open(path: PathBuf) -> Result<Self, LabError> {
        let kept = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map_err(|e| LabError::Io { what: format!("reading {}", path.display()), error: e.into() })?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(source) => return Err(LabError::Io { what: format!("reading {}", path.display()), error: source }),
        };
        Ok(Self { path, kept })
    }

    /// The highest token applied to an object.
    #[must_use]
    pub fn of(&self, object: &str) -> Token {
        self.kept.get(object).copied().unwrap_or_default()
    }

    /// Whether a command may be applied: not, if a higher one was.
    ///
    /// # Errors
    /// [`Failure::Superseded`].
    pub fn admits(&self, object: &str, token: Token) -> Result<(), Failure> {
        if token < self.of(object) { Err(Failure::Superseded) } else { Ok(()) }
    }

    /// Records a token, durably, before anything of the command is seen from outside.
    ///
    /// # Errors
    /// The file cannot be written; then nothing is recorded.
    pub fn record(&mut self, object: &str, token: Token) -> Result<(), LabError> {
        if token <= self.of(object) {
            return Ok(());
        }
        let mut kept = self.kept.clone();
        kept.insert(object.into(), token);
        let what = || format!("recording a token in {}", self.path.display());
        let bytes = serde_json::to_vec(&kept).map_err(|e| LabError::Io { what: what(), error: e.into() })?;
        let new = self.path.with_extension("new");
        let mut file = File::create(&new).map_err(LabError::io(what()))?;
        file.write_all(&bytes).and_then(|()| file.sync_all()).map_err(LabError::io(what()))?;
        fs::rename(&new, &self.path).map_err(LabError::io(what()))?;
        if let Some(dir) = self.path.parent() {
            File::open(dir).and_then(|d| d.sync_all()).map_err(LabError::io(what()))?;
        }
        self.kept = kept;
        Ok(())
    }
}
