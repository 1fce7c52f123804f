//! The file that a recording is written to, and the part of it that belongs to one manager.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use farshore_core::effect::Effect;
use farshore_core::time::Instant;

use super::{FIRST_LINE, Header, Step, Told};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A recording that is being written. Clones write the same.
#[derive(Clone, Debug)]
pub(crate) struct Tape(Arc<Mutex<Lines>>);

/// The file; and what first went wrong with it, after which nothing more is written.
#[derive(Debug)]
struct Lines {
    file: BufWriter<File>,
    failed: Option<io::Error>,
}

impl Lines {
    fn line(&mut self, text: serde_json::Result<String>) {
        if self.failed.is_none() {
            let written = text.map_err(io::Error::from).and_then(|text| writeln!(self.file, "{text}"));
            self.failed = written.err();
        }
    }
}

impl Tape {
    /// Begins a recording.
    ///
    /// # Errors
    /// The file cannot be made.
    pub(crate) fn create(path: &Path, header: &Header) -> io::Result<Self> {
        let mut lines = Lines { file: BufWriter::new(File::create(path)?), failed: None };
        lines.line(Ok(FIRST_LINE.into()));
        lines.line(serde_json::to_string(header));
        Ok(Self(Arc::new(Mutex::new(lines))))
    }

    /// Everything that has been recorded is in the file.
    ///
    /// # Errors
    /// Something of it could not be written.
    pub(crate) fn finish(&self) -> io::Result<()> {
        let mut lines = lock(&self.0);
        match lines.failed.take() {
            Some(error) => Err(error),
            None => lines.file.flush(),
        }
    }
}

/// What one site's manager is told and wants, step by step. Without a tape it records nothing.
#[derive(Clone, Debug)]
pub(crate) struct Track {
    tape: Option<Tape>,
    site: String,
    step: Arc<Mutex<Option<Step>>>,
}

impl Track {
    pub(crate) fn new(tape: Option<Tape>, site: &str) -> Self {
        Self { tape, site: site.into(), step: Arc::default() }
    }

    /// A step begins; the one before it, if it has not ended, does.
    pub(crate) fn told(&self, at: Instant, told: impl FnOnce() -> Told) {
        if self.tape.is_some() {
            self.done();
            *lock(&self.step) = Some(Step { at, site: self.site.clone(), told: told(), effects: Vec::new() });
        }
    }

    /// The agent, which is a part of the manager's process, says something in the middle of a step.
    pub(crate) fn told_meanwhile(&self, told: impl FnOnce() -> Told) {
        let at = lock(&self.step).as_ref().map(|step| step.at);
        if let Some(at) = at {
            self.told(at, told);
        }
    }

    /// The command of this step was not carried out.
    pub(crate) fn rejected(&self, why: &dyn std::fmt::Display) {
        if let Some(Step { told: Told::Command { rejected, .. }, .. }) = lock(&self.step).as_mut() {
            *rejected = Some(why.to_string());
        }
    }

    /// The manager wants something done.
    pub(crate) fn wants(&self, effect: impl FnOnce() -> Effect) {
        if let Some(step) = lock(&self.step).as_mut() {
            step.effects.push(effect());
        }
    }

    /// The step has ended.
    pub(crate) fn done(&self) {
        if let (Some(step), Some(tape)) = (lock(&self.step).take(), &self.tape) {
            lock(&tape.0).line(serde_json::to_string(&step));
        }
    }
}
