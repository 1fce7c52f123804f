//! A scenario as a person writes it: text, names and numbers, and nothing looked up yet.
//!
//! `docs/scenario-format.md` is the reference.

mod event;

use core::fmt;

use farshore_core::record::{StepVerdict, TestPhase};
use farshore_core::spec::{Deployment, Span};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use toml::Spanned;

use super::kinds::AlertKind;
pub(crate) use event::{
    AnswerFile, ClockFile, Deed, EventFile, FlapFile, GroupAt, LateReports, LetterFile, LinkAt, LunAt, MailFile,
    OpsFile, PathsFile, RepeatFile, SiteOnly, VmAt,
};

/// A scenario file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct File {
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) about: String,
    pub(crate) deployment: Place,
    pub(crate) protect: Option<Spanned<Vec<String>>>,
    pub(crate) until: Option<Span>,
    #[serde(default)]
    pub(crate) guests: Guests,
    #[serde(default)]
    pub(crate) delays: Delays,
    #[serde(default)]
    pub(crate) operations: Operations,
    #[serde(default)]
    pub(crate) replication: Replication,
    #[serde(default, rename = "event")]
    pub(crate) events: Vec<Spanned<EventFile>>,
    #[serde(default, rename = "expect")]
    pub(crate) expects: Vec<Spanned<ExpectFile>>,
}

/// Where the deployment is.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// In a file of its own, named relative to the scenario.
    File(String),
    /// Here.
    Inline(Box<Deployment>),
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Place;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a deployment file, or a table that holds a deployment")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Place, E> {
                Ok(Place::File(text.into()))
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Place, A::Error> {
                Deployment::deserialize(MapAccessDeserializer::new(map)).map(|d| Place::Inline(Box::new(d)))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// A span of time that is drawn between two ends: `"2s"`, or `["2s", "10s"]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Between {
    /// The shortest, in milliseconds.
    pub least: u64,
    /// The longest.
    pub most: u64,
}

impl Between {
    /// From the shortest to the longest, in milliseconds.
    #[must_use]
    pub const fn ms(least: u64, most: u64) -> Self {
        Self { least, most }
    }
}

impl<'de> Deserialize<'de> for Between {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Between;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration such as \"2s\", or the shortest and the longest as in [\"2s\", \"10s\"]")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Between, E> {
                let span: Span = text.parse().map_err(E::custom)?;
                Ok(Between::ms(span.0.0, span.0.0))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Between, A::Error> {
                let wrong = || A::Error::custom("write two durations, the shortest first, as in [\"2s\", \"10s\"]");
                let least: Span = seq.next_element()?.ok_or_else(wrong)?;
                let most: Span = seq.next_element()?.ok_or_else(wrong)?;
                if seq.next_element::<Span>()?.is_some() || most < least {
                    return Err(wrong());
                }
                Ok(Between::ms(least.0.0, most.0.0))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

macro_rules! ranges {
    ($($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $least:literal..$most:literal,)* })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Deserialize)]
        #[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
        pub struct $name { $($(#[$field_doc])* pub $field: Between,)* }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: Between::ms($least, $most),)* }
            }
        }
    )*};
}

ranges! {
    /// `[guests]`: what guests do. Milliseconds; so are the defaults below.
    Guests {
        /// Pause between two writes of a VM.
        write_every: 500..500,
        /// How long a guest boots until its first heartbeat.
        boot: 8000..20000,
    }
    /// `[delays]`: how long things are on their way.
    Delays {
        /// A message between the managers.
        sites: 2..20,
        /// A report of a host, an observation, a poll, a probe: there and back.
        management: 5..50,
        /// A save of the journal.
        journal: 2..10,
    }
    /// `[operations]`: how long an operation takes, with the way there and back.
    Operations {
        /// What remains is replicated.
        drain: 500..3000,
        /// Replication ends.
        stop_replication: 100..500,
        /// A LUN becomes read-only.
        read_only: 100..500,
        /// A recovery LUN refuses what the old owner's array sends.
        cut: 100..500,
        /// A recovery LUN goes back to a complete point.
        roll_back: 200..1000,
        /// What a LUN holds is kept.
        keep_tail: 200..1000,
        /// A LUN becomes writable.
        read_write: 200..1000,
        /// Replication is set up; a full synchronisation takes `[replication] resync` on top.
        replicate: 200..1000,
        /// A host lets go of a group.
        fence: 100..500,
        /// A host mounts datastores.
        mount: 1000..4000,
        /// A guest shuts down.
        stop: 3000..15000,
        /// A VM is powered off.
        power_off: 200..1000,
        /// A VM is powered on.
        start: 2000..6000,
        /// A placeholder is registered.
        register: 100..500,
        /// A command of a plan runs.
        run: 500..5000,
        /// A LUN is copied for a test.
        copy: 500..3000,
        /// A copy is taken away.
        take_away: 200..2000,
    }
    /// `[replication]`: how replication goes on.
    Replication {
        /// Asynchronous: pause between the end of a cycle and the next.
        pause: 5000..5000,
        /// Asynchronous: how long a LUN's delta is on its way.
        delta: 500..2000,
        /// A resynchronisation.
        resync: 5000..20000,
    }
}

/// One name, or a list of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Names(pub(crate) Vec<String>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Names;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name, or a list of names")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Names, E> {
                Ok(Names(vec![text.into()]))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Names, A::Error> {
                let mut names = Vec::new();
                while let Some(name) = seq.next_element()? {
                    names.push(name);
                }
                Ok(Names(names))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// `[[expect]]`: one subject, and what is expected of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ExpectFile {
    // Subjects.
    pub(crate) vm: Option<Spanned<Names>>,
    pub(crate) group: Option<Spanned<Names>>,
    pub(crate) alert: Option<Spanned<AlertKind>>,
    pub(crate) no_alert: Option<Spanned<NoAlert>>,
    pub(crate) start_order: Option<Spanned<Vec<String>>>,
    pub(crate) stop_order: Option<Spanned<Vec<String>>>,
    pub(crate) nothing_moves: Option<Spanned<bool>>,
    pub(crate) step: Option<Spanned<String>>,
    pub(crate) test: Option<Spanned<String>>,
    // Of a VM.
    pub(crate) runs_at: Option<Spanned<String>>,
    pub(crate) stays_down: Option<bool>,
    pub(crate) downtime_below: Option<Span>,
    pub(crate) writes_lost: Option<u32>,
    pub(crate) tail_kept: Option<bool>,
    pub(crate) never_twice: Option<bool>,
    pub(crate) never_stops: Option<bool>,
    // Of a group.
    pub(crate) owner: Option<Spanned<String>>,
    pub(crate) epoch: Option<u64>,
    // Of a step of a plan.
    pub(crate) ends: Option<StepVerdict>,
    // Of a test.
    pub(crate) reaches: Option<TestPhase>,
    pub(crate) leaves_nothing: Option<bool>,
    // Of an alert.
    pub(crate) about: Option<Spanned<String>>,
    pub(crate) site: Option<Spanned<String>>,
    // Of several.
    pub(crate) by: Option<Span>,
    pub(crate) at_end: Option<bool>,
}

/// No alert of a kind, or none at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoAlert {
    Any,
    Kind(AlertKind),
}

impl<'de> Deserialize<'de> for NoAlert {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl Visitor<'_> for Either {
            type Value = NoAlert;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("`true` for no alert at all, or a kind of alert")
            }
            fn visit_bool<E: Error>(self, any: bool) -> Result<NoAlert, E> {
                if any { Ok(NoAlert::Any) } else { Err(E::custom("write `true`, or a kind of alert")) }
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<NoAlert, E> {
                AlertKind::deserialize(serde::de::value::StrDeserializer::<E>::new(text)).map(NoAlert::Kind)
            }
        }
        deserializer.deserialize_any(Either)
    }
}
