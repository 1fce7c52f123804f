//! What is wrong with a scenario, where, and what to do about it.

mod link;

use core::fmt;
use core::ops::Range;
use std::path::PathBuf;

use farshore_core::inventory::ConfigError;

use crate::config::ConfigFileError;

pub use link::LinkError;

/// Why a scenario could not be read or begun.
#[derive(Debug)]
pub enum ScenarioError {
    /// A file could not be opened.
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        why: std::io::Error,
    },
    /// A file is not in its format.
    Format(Box<ConfigFileError>),
    /// It is in its format, and makes no sense.
    Meaning {
        /// Name of the file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        problem: String,
        /// What to do about it.
        help: String,
    },
    /// An event about a link names something that there is not.
    Link {
        /// Name of the file.
        file: String,
        /// Line, from 1.
        line: usize,
        /// What is wrong, and what is allowed.
        why: LinkError,
    },
    /// There is nothing of this name.
    Name {
        /// What is wrong.
        problem: String,
        /// What to do about it.
        help: String,
    },
    /// The deployment contradicts itself.
    Deployment {
        /// Name of the file that holds it.
        file: String,
        /// What is wrong.
        why: Box<ConfigError>,
    },
    /// The groups could not be protected, so there is nothing to begin with.
    Unprotected {
        /// Name of the file.
        file: String,
        /// Groups that are not protected, with what is known of each.
        groups: Vec<String>,
    },
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { path, why } => write!(f, "{}: {why}", path.display()),
            Self::Format(error) => error.fmt(f),
            Self::Meaning { file, line, problem, help } => write!(f, "{file}:{line}: {problem}\n  = {help}"),
            Self::Link { file, line, why } => write!(f, "{file}:{line}: {why}\n  = {}", why.help()),
            Self::Name { problem, help } => write!(f, "{problem}\n  = {help}"),
            Self::Deployment { file, why } => write!(f, "{file}: {why}"),
            Self::Unprotected { file, groups } => write!(
                f,
                "{file}: the scenario can't begin, because not every group could be protected: {}\n  \
                 = name the groups that can be in `protect = [...]`, or look at `farshore plan {file}`",
                groups.join("; ")
            ),
        }
    }
}

impl std::error::Error for ScenarioError {}

impl From<ConfigFileError> for ScenarioError {
    fn from(error: ConfigFileError) -> Self {
        Self::Format(Box::new(error))
    }
}

/// Something that makes no sense, and where in the text.
#[derive(Clone, Debug)]
pub(crate) struct Nonsense {
    at: Range<usize>,
    what: Wrong,
}

/// What makes no sense.
#[derive(Clone, Debug)]
enum Wrong {
    Words { problem: String, help: String },
    Link(LinkError),
}

impl Nonsense {
    pub(crate) fn new(at: &Range<usize>, problem: impl Into<String>, help: impl Into<String>) -> Self {
        Self { at: at.clone(), what: Wrong::Words { problem: problem.into(), help: help.into() } }
    }

    pub(crate) fn link(at: &Range<usize>, why: LinkError) -> Self {
        Self { at: at.clone(), what: Wrong::Link(why) }
    }

    /// The error, for the file with this text.
    pub(crate) fn within(self, file: &str, text: &str) -> ScenarioError {
        let before = text.get(..self.at.start.min(text.len())).unwrap_or(text);
        let (file, line) = (file.into(), before.matches('\n').count() + 1);
        match self.what {
            Wrong::Words { problem, help } => ScenarioError::Meaning { file, line, problem, help },
            Wrong::Link(why) => ScenarioError::Link { file, line, why },
        }
    }

    /// The error, where there is no file.
    pub(crate) fn of_name(self) -> ScenarioError {
        match self.what {
            Wrong::Words { problem, help } => ScenarioError::Name { problem, help },
            Wrong::Link(why) => ScenarioError::Name { problem: why.to_string(), help: why.help() },
        }
    }
}
