//! A recording run again: the core, step by step, on what it was told; and whether it wants the same.

use farshore_core::RecoveryManager;
use farshore_core::effect::{Effect, Effects};
use farshore_core::error::{RestoreError, Violation};
use farshore_core::event::Event;
use farshore_core::ids::Side;
use farshore_core::inventory::{ConfigError, Site};
use farshore_core::time::Instant;
use serde_json::Value;
use thiserror::Error;

use super::{FIRST_LINE, Header, Step, Told, is_recording};

/// Why a recording could not be run again, or what it showed that it must not.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// It is no recording.
    #[error("line 1: a recording begins with `{FIRST_LINE}`")]
    NoRecording,
    /// It is of another version.
    #[error("line 1: this is `{found}`; this build reads `{FIRST_LINE}`")]
    Version {
        /// Its first line.
        found: String,
    },
    /// A line cannot be read.
    #[error("line {line}: {what}")]
    Unreadable {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// The deployment is not valid.
    #[error("line 2: the deployment is not valid: {0}")]
    Deployment(#[from] ConfigError),
    /// No site of the deployment is called like this.
    #[error("line {line}: no site is called `{site}`")]
    NoSite {
        /// The line.
        line: usize,
        /// The name.
        site: String,
    },
    /// A manager is told something before its start.
    #[error("line {line}: {site}'s manager has not started")]
    NotStarted {
        /// The line.
        line: usize,
        /// The site.
        site: String,
    },
    /// A manager does not start from its records.
    #[error("line {line}: the manager does not start: {error}")]
    Start {
        /// The line.
        line: usize,
        /// Why.
        error: RestoreError,
    },
    /// A manager wants something else than it did.
    #[error("{0}")]
    Differs(Box<Difference>),
    /// An invariant does not hold.
    #[error("line {line}, step {step} of {site}: {violation}")]
    Broken {
        /// The line.
        line: usize,
        /// The site.
        site: String,
        /// Number of the step at that site, from 1.
        step: usize,
        /// Which, of which group.
        violation: Violation,
    },
}

/// Where a manager wants something else than it did.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("line {line}, step {step} of {site}, {what}:\n  recorded: {}\n  now:      {}", say(recorded.as_ref()), say(now.as_ref()))]
pub struct Difference {
    /// The line.
    pub line: usize,
    /// The site.
    pub site: String,
    /// Number of the step at that site, from 1.
    pub step: usize,
    /// What differs.
    pub what: String,
    /// What was recorded; `None`: nothing more.
    pub recorded: Option<String>,
    /// What it is now; `None`: nothing more.
    pub now: Option<String>,
}

fn say(what: Option<&String>) -> &str {
    what.map_or("nothing", String::as_str)
}

impl ReplayError {
    /// Whether the recording could be read, but what it shows is not as it must be.
    #[must_use]
    pub const fn is_finding(&self) -> bool {
        match self {
            Self::Differs(_) | Self::Broken { .. } => true,
            Self::NoRecording
            | Self::Version { .. }
            | Self::Unreadable { .. }
            | Self::Deployment(_)
            | Self::NoSite { .. }
            | Self::NotStarted { .. }
            | Self::Start { .. } => false,
        }
    }
}

/// What one manager did again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Count {
    /// How often it started.
    pub starts: usize,
    /// Everything that it was told.
    pub steps: usize,
    /// Everything that it wanted.
    pub effects: usize,
}

/// A recording that ran again as it was recorded.
#[derive(Clone, Debug)]
pub struct Again {
    /// The run, in words.
    pub title: String,
    /// The sites, for their names.
    pub sites: [Site; 2],
    /// By site.
    pub counts: [Count; 2],
    /// What the managers told people, and when; in the order of time.
    pub events: Vec<(Instant, Side, Event)>,
}

/// No machine has run for longer: a hundred years.
const LATEST: Instant = Instant(100 * 366 * 24 * 60 * 60 * 1000);

/// One site's manager, and how far it is.
struct Stage<'a> {
    site: &'a Site,
    name: &'a str,
    machine: Option<RecoveryManager>,
    count: Count,
    /// When its last step was.
    at: Instant,
}

/// Runs a recording again.
///
/// # Errors
/// It cannot be read, or a manager does not do what it did, or breaks an invariant on the way.
pub fn replay(text: &str) -> Result<Again, ReplayError> {
    let mut lines = text.lines().enumerate().map(|(at, line)| (at + 1, line));
    match lines.next() {
        Some((_, FIRST_LINE)) => {}
        Some((_, found)) if is_recording(found) => return Err(ReplayError::Version { found: found.into() }),
        Some(_) | None => return Err(ReplayError::NoRecording),
    }
    let (line, header) = lines.next().unwrap_or((2, ""));
    let Header { title, deployment } = read(line, header)?;
    let sites = Site::pair(&deployment)?;
    let mut stages = sites.each_ref().map(|site| Stage {
        site,
        name: &site.inventory.sites[site.here.at()].name,
        machine: None,
        count: Count::default(),
        at: Instant(0),
    });
    let mut events = Vec::new();
    for (line, text) in lines {
        let step: Step = read(line, text)?;
        let stage = stages.iter_mut().find(|stage| stage.name == step.site);
        let Some(stage) = stage else { return Err(ReplayError::NoSite { line, site: step.site }) };
        stage.step(line, &step)?;
        let said = step.effects.iter().filter_map(|effect| match effect {
            Effect::Event(event) => Some((step.at, stage.site.here, *event)),
            Effect::Save { .. }
            | Effect::Send(_)
            | Effect::Poll(_)
            | Effect::Probe { .. }
            | Effect::AskArray { .. }
            | Effect::Acknowledge { .. }
            | Effect::Do(_)
            | Effect::Observe { .. }
            | Effect::Claim(_)
            | Effect::Acquire { .. } => None,
        });
        events.extend(said);
    }
    events.sort_by_key(|(at, ..)| *at);
    let counts = stages.map(|stage| stage.count);
    Ok(Again { title, sites, counts, events })
}

/// Reads one line as JSON. A text that is JSON, and no such thing, is told from one that is not even that.
fn read<T: serde::de::DeserializeOwned>(line: usize, text: &str) -> Result<T, ReplayError> {
    serde_json::from_str(text).map_err(|error| {
        // The column is the reader's; its line is always the first.
        let what = error.to_string().replace(" at line 1 column ", " at column ");
        let json = serde_json::from_str::<Value>(text).is_ok();
        ReplayError::Unreadable {
            line,
            what: if json { what } else { format!("this is no whole JSON object: {what}") },
        }
    })
}

impl Stage<'_> {
    fn step(&mut self, line: usize, step: &Step) -> Result<(), ReplayError> {
        self.count.steps += 1;
        self.tick(line, step.at)?;
        let mut effects = Effects::new();
        let mut answer = (None, None);
        match (&step.told, &mut self.machine) {
            (Told::Start { boot, records }, machine) => {
                self.count.starts += 1;
                let started = RecoveryManager::restore(self.site, *boot, records.clone(), step.at, &mut effects);
                *machine = Some(started.map_err(|error| ReplayError::Start { line, error })?);
            }
            (Told::Fact(fact), Some(machine)) => machine.handle(self.site, step.at, fact.clone(), &mut effects),
            (Told::Command { command, rejected }, Some(machine)) => {
                let done = machine.command(self.site, step.at, command.clone(), &mut effects);
                answer = (rejected.clone(), done.err().map(|why| why.to_string()));
            }
            (Told::Fact(_) | Told::Command { .. }, None) => {
                return Err(ReplayError::NotStarted { line, site: step.site.clone() });
            }
        }
        if answer.0 != answer.1 {
            return Err(self.differs(line, "why the command was rejected".into(), answer));
        }
        let longer = effects.len().max(step.effects.len());
        let difference = (0..longer).find(|&at| effects.get(at) != step.effects.get(at));
        if let Some(at) = difference {
            let pair = (step.effects.get(at).map(text), effects.get(at).map(text));
            return Err(self.differs(line, format!("effect {}", at + 1), pair));
        }
        self.count.effects += effects.len();
        let check = self.machine.as_ref().map_or(Ok(()), |machine| machine.check(self.site));
        check.map_err(|violation| ReplayError::Broken {
            line,
            site: self.name.into(),
            step: self.count.steps,
            violation,
        })
    }

    /// Time goes on as it does on a clock.
    fn tick(&mut self, line: usize, at: Instant) -> Result<(), ReplayError> {
        let what = match at {
            at if at < self.at => format!("time goes back, from {} to {} ms", self.at.0, at.0),
            at if at > LATEST => format!("no clock says {} ms", at.0),
            _ => {
                self.at = at;
                return Ok(());
            }
        };
        Err(ReplayError::Unreadable { line, what })
    }

    fn differs(&self, line: usize, what: String, (recorded, now): (Option<String>, Option<String>)) -> ReplayError {
        let (site, step) = (self.name.into(), self.count.steps);
        ReplayError::Differs(Box::new(Difference { line, site, step, what, recorded, now }))
    }
}

/// An effect as it stands in a recording.
fn text(effect: &Effect) -> String {
    serde_json::to_string(effect).unwrap_or_else(|_| format!("{effect:?}"))
}
