//! What will go wrong in a deployment, told before the night on which it matters.
//!
//! A deployment that contradicts itself is refused as a whole ([`ConfigError`]). What is found here is valid, and would
//! still fail, be held, or leave something behind.

mod capacity;
mod data;
mod placement;
mod rules;
mod timing;

use farshore_core::Site;
use farshore_core::inventory::ConfigError;
use farshore_core::time::Millis;
use serde::Serialize;

use crate::estimate::Assumptions;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Something will not be recovered.
    Error,
    /// Something may not be, or not in time.
    Warning,
    /// Something that an operator should have decided on purpose.
    Note,
}

impl Severity {
    /// In a word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident: $severity:ident, $text:literal, $rule:literal;)*) => {
        /// What is found.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum Kind { $($(#[$doc])* $name,)* }

        impl Kind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its name.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// How bad it is.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self { $(Self::$name => Severity::$severity,)* }
            }

            /// The protocol rule that it is about.
            #[must_use]
            pub const fn rule(self) -> &'static str {
                match self { $(Self::$name => $rule,)* }
            }
        }
    };
}

kinds! {
    /// The deployment contradicts itself: nothing else was looked at.
    Deployment: Error, "deployment", "-";
    /// A VM whose pool, folder or network has no counterpart: its group is not protected.
    NoMapping: Error, "no-mapping", "P2";
    /// A group that does not fit into the other site, although nothing else is there.
    NoRoom: Error, "no-room", "M6";
    /// A group that could not come back to its home.
    NoRoomBack: Warning, "no-room-back", "F8";
    /// A group that does not fit once the others of its site are there.
    NoRoomTogether: Warning, "no-room-together", "M6";
    /// A group that does not fit once one host of the other site is away.
    NoRoomWithoutHost: Note, "no-room-without-host", "M6";
    /// Hosts of a pool that do not mount all LUNs of what is in it.
    HostsLeftOut: Warning, "hosts-left-out", "P2";
    /// VMs that only one host of the other site can run.
    OneHost: Warning, "one-host", "P2";
    /// A VM that no group protects.
    Unprotected: Warning, "unprotected", "M2";
    /// A LUN with VMs on it and no copy.
    NoReplica: Warning, "no-replica", "P1";
    /// A LUN with a copy that nothing uses.
    ReplicaUnused: Note, "replica-unused", "P1";
    /// A LUN that one host mounts: it has one witness.
    OneWitness: Note, "one-witness", "D3";
    /// An asynchronous copy that is usually older than its group may lose.
    RpoBelowLag: Error, "rpo-below-lag", "F2a";
    /// An asynchronous copy of which no takeover can be within the RPO.
    TakeoverNever: Error, "takeover-never", "O5";
    /// One of which a takeover will often not be.
    TakeoverTight: Warning, "takeover-tight", "O5";
    /// Nobody decides about a silent site but people.
    NoArbiter: Note, "no-arbiter", "O9";
    /// A VM that will count as failed before it is ready.
    ReadyTimeout: Error, "ready-timeout", "F6";
    /// Operations that will be in doubt as a rule.
    Doubtful: Warning, "doubtful", "J3";
    /// A reservation that ends before its group is quiesced.
    ReservationEnds: Warning, "reservation-ends", "F1";
    /// Guests that are powered off because they take longer to shut down than they may.
    StopGrace: Warning, "stop-grace", "F2";
    /// A command of a plan that is expected to be ended before it is through.
    CommandTimeout: Error, "command-timeout", "F6";
    /// A step that waits until a person answers.
    PromptWaits: Note, "prompt-waits", "F6";
    /// A rule that never chooses anything.
    RuleUnused: Warning, "rule-unused", "M4";
    /// A plan that nothing chooses, or a group in a plan that is never chosen for it.
    PlanUnused: Warning, "plan-unused", "M4";
    /// A number of VMs that the loss of no array reaches.
    AtLeastHigh: Warning, "at-least-high", "M3";
    /// Critical VMs come first, and there are none.
    NothingCritical: Warning, "nothing-critical", "M3";
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// What it is.
    pub kind: Kind,
    /// The protocol rule that it is about.
    pub rule: &'static str,
    /// The object, such as `VM shop-db`.
    pub object: String,
    /// What was found.
    pub what: String,
    /// What to change.
    pub change: String,
}

impl Finding {
    fn new(kind: Kind, object: impl Into<String>, what: impl Into<String>, change: impl Into<String>) -> Self {
        let (severity, rule) = (kind.severity(), kind.rule());
        Self { severity, kind, rule, object: object.into(), what: what.into(), change: change.into() }
    }

    /// A deployment that contradicts itself.
    #[must_use]
    pub fn of_config(error: &ConfigError) -> Self {
        // The message names the object, a colon and what to change.
        let text = error.to_string();
        let (what, change) = text.rsplit_once(": ").map_or((text.as_str(), ""), |(what, change)| (what, change));
        Self::new(Kind::Deployment, "the deployment", what, change)
    }
}

/// What is taken to be the case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// How long things take.
    pub assume: Assumptions,
    /// How old an asynchronous copy gets while all is well.
    pub lag: Millis,
}

/// Everything that is found in a valid deployment, the worst first.
#[must_use]
pub fn check(site: &Site, expected: &Expected) -> Vec<Finding> {
    let mut findings = Vec::new();
    placement::check(site, &mut findings);
    capacity::check(site, &mut findings);
    data::check(site, expected, &mut findings);
    timing::check(site, expected, &mut findings);
    rules::check(site, &mut findings);
    findings.sort();
    findings
}

/// Names, with a comma between them; many are cut short.
fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const SHOWN: usize = 6;
    let all: Vec<&str> = names.collect();
    match all.len().checked_sub(SHOWN) {
        Some(more) if more > 0 => format!("{} and {more} more", all[..SHOWN].join(", ")),
        Some(_) | None => all.join(", "),
    }
}
