//! Recordings: what each manager of a run was told, when, and what it wanted done; as a text that can be run again.
//!
//! ```text
//! farshore recording 1
//! {"title":"lun, synchronous","deployment":{…}}
//! {"at":1042,"site":"alder","told":{"start":{"boot":1,"records":{…}}},"effects":[…]}
//! {"at":1043,"site":"alder","told":{"fact":{…}},"effects":[…]}
//! ```
//!
//! One line is one step of one manager. Steps of one site are in their order; those of two sites are not, among each other.

mod recorder;
mod replay;
mod tape;
#[cfg(test)]
mod tests;

use farshore_core::effect::Effect;
use farshore_core::record::Records;
use farshore_core::spec::Deployment;
use farshore_core::time::Instant;
use farshore_core::{Command, Fact};
use serde::{Deserialize, Serialize};

pub use replay::{Again, ReplayError, replay};
pub(crate) use tape::{Tape, Track};

/// The first line of every recording.
pub const FIRST_LINE: &str = "farshore recording 1";

/// Whether a text begins as recordings do, of whatever version.
#[must_use]
pub fn is_recording(text: &str) -> bool {
    text.starts_with("farshore recording ")
}

/// The second line: what was run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The run, in words.
    pub title: String,
    /// What it was run on.
    pub deployment: Deployment,
}

/// Any further line: one step of one manager.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// When.
    pub at: Instant,
    /// Name of the site.
    pub site: String,
    /// What the manager was told.
    pub told: Told,
    /// What it wanted done, in order.
    pub effects: Vec<Effect>,
}

/// What a manager is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Told {
    /// It starts, from what is durable.
    Start {
        /// Number of the start.
        boot: u32,
        /// The records.
        records: Records,
    },
    /// Something happened.
    Fact(Fact),
    /// Somebody asks for something.
    Command {
        /// What.
        command: Command,
        /// Why it was not carried out, if it was not.
        rejected: Option<String>,
    },
}
