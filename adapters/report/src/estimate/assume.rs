//! How long things are assumed to take. An estimate is worth no more than these, so it names them.

use std::collections::BTreeMap;

use farshore_core::spec::{Span, TextError};
use farshore_core::time::Millis;
use serde::Serialize;

/// Something that takes time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// From a loss to the first host's report of it.
    Report,
    /// A message between the sites.
    Message,
    /// Making records durable.
    Save,
    /// A guest shuts down.
    Stop,
    /// A VM is powered off.
    PowerOff,
    /// A host lets go of a group.
    Fence,
    /// What remains of a LUN is replicated.
    Drain,
    /// A LUN stops replicating.
    StopReplication,
    /// A LUN becomes read-only.
    ReadOnly,
    /// A recovery LUN takes no more from the old owner.
    Cut,
    /// A LUN goes back to a complete point.
    RollBack,
    /// A LUN becomes writable.
    ReadWrite,
    /// A host mounts datastores.
    Mount,
    /// A VM is powered on.
    Start,
    /// From power-on to the guest's first heartbeat, or to the first answer of its probe.
    Boot,
    /// A command of the plan runs.
    Command,
    /// A person answers a prompt.
    Answer,
}

impl Step {
    /// All of them, in the order in which they come.
    pub const ALL: [Self; 17] = [
        Self::Report,
        Self::Message,
        Self::Save,
        Self::Stop,
        Self::PowerOff,
        Self::Fence,
        Self::Drain,
        Self::StopReplication,
        Self::ReadOnly,
        Self::Cut,
        Self::RollBack,
        Self::ReadWrite,
        Self::Mount,
        Self::Start,
        Self::Boot,
        Self::Command,
        Self::Answer,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::Message => "message",
            Self::Save => "save",
            Self::Stop => "stop",
            Self::PowerOff => "power-off",
            Self::Fence => "fence",
            Self::Drain => "drain",
            Self::StopReplication => "stop-replication",
            Self::ReadOnly => "read-only",
            Self::Cut => "cut",
            Self::RollBack => "roll-back",
            Self::ReadWrite => "read-write",
            Self::Mount => "mount",
            Self::Start => "start",
            Self::Boot => "boot",
            Self::Command => "command",
            Self::Answer => "answer",
        }
    }

    /// What it is.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Report => "from a loss to a host's report",
            Self::Message => "a message between the sites",
            Self::Save => "making records durable",
            Self::Stop => "a guest shuts down",
            Self::PowerOff => "a VM is powered off",
            Self::Fence => "a host lets go of a group",
            Self::Drain => "what remains of a LUN is replicated",
            Self::StopReplication => "a LUN stops replicating",
            Self::ReadOnly => "a LUN becomes read-only",
            Self::Cut => "a LUN takes no more from the old owner",
            Self::RollBack => "a LUN goes back to a complete point",
            Self::ReadWrite => "a LUN becomes writable",
            Self::Mount => "a host mounts datastores",
            Self::Start => "a VM is powered on",
            Self::Boot => "a guest boots to its first heartbeat or answer",
            Self::Command => "a command of the plan runs",
            Self::Answer => "a person answers a prompt",
        }
    }
}

/// How long each step takes; of some objects in particular, where that is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assumptions {
    all: BTreeMap<Step, Millis>,
    own: BTreeMap<(Step, String), Millis>,
}

/// What cannot be assumed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssumeError {
    /// No `=`.
    #[error("`{0}` says nothing: write STEP=TIME, such as boot=90s, or STEP.NAME=TIME, such as boot.shop-db=3m")]
    Form(String),
    /// No such step.
    #[error("there is no step `{name}`: the steps are {known}")]
    Step {
        /// What was written.
        name: String,
        /// What there is.
        known: String,
    },
    /// No such time.
    #[error(transparent)]
    Time(#[from] TextError),
}

/// One assumption.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Assumed {
    /// The step, and the object after a point where it is about one.
    pub step: String,
    /// What it is.
    pub what: String,
    /// How long it takes.
    pub takes: u64,
}

impl Assumptions {
    /// Every step takes as long as this says.
    #[must_use]
    pub fn new(takes: impl Fn(Step) -> Millis) -> Self {
        Self { all: Step::ALL.into_iter().map(|s| (s, takes(s))).collect(), own: BTreeMap::new() }
    }

    /// Takes in one more, as a person writes it: `boot=90s`, or `boot.shop-db=3m` of one object.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn set(&mut self, text: &str) -> Result<(), AssumeError> {
        let (key, time) = text.split_once('=').ok_or_else(|| AssumeError::Form(text.into()))?;
        let (name, object) = key.split_once('.').map_or((key, None), |(name, object)| (name, Some(object)));
        let step = Step::ALL
            .into_iter()
            .find(|s| s.name() == name)
            .ok_or_else(|| AssumeError::Step { name: name.into(), known: Step::ALL.map(Step::name).join(", ") })?;
        let time: Span = time.parse()?;
        match object {
            Some(object) => self.own.insert((step, object.into()), time.0),
            None => self.all.insert(step, time.0),
        };
        Ok(())
    }

    /// How long a step takes that is about no object.
    #[must_use]
    pub fn takes(&self, step: Step) -> Millis {
        self.all.get(&step).copied().unwrap_or_default()
    }

    /// How long a step takes for an object.
    #[must_use]
    pub fn of(&self, step: Step, object: &str) -> Millis {
        self.own.get(&(step, object.to_string())).copied().unwrap_or_else(|| self.takes(step))
    }

    /// Objects that something is assumed of and that are none of these.
    pub fn unknown<'a>(&'a self, known: impl Fn(&str) -> bool + 'a) -> impl Iterator<Item = &'a str> {
        self.own.keys().map(|(_, object)| object.as_str()).filter(move |object| !known(object))
    }

    /// All of them, for people.
    #[must_use]
    pub fn list(&self) -> Vec<Assumed> {
        let line = |step: Step, object: Option<&str>, takes: Millis| {
            let name = step.name();
            let key = object.map_or_else(|| name.to_string(), |object| format!("{name}.{object}"));
            Assumed { step: key, what: step.words().into(), takes: takes.0 }
        };
        let all = self.all.iter().map(|(&step, &takes)| line(step, None, takes));
        all.chain(self.own.iter().map(|((step, object), &takes)| line(*step, Some(object), takes))).collect()
    }
}
