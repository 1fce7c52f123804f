//! `[[event]]`: everything that can be said of one.

use core::fmt;
use core::ops::Range as Bytes;

use farshore_core::spec::Span;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use toml::Spanned;

use super::Between;
use crate::scenario::kinds::{Says, Verb};

/// Gives a table of which one key is needed a short form: text alone stands for that key.
macro_rules! short {
    ($($name:ident: $expected:literal, $key:ident;)*) => {$(
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Either;
                impl<'de> Visitor<'de> for Either {
                    type Value = $name;
                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str($expected)
                    }
                    fn visit_str<E: Error>(self, text: &str) -> Result<$name, E> {
                        let $key = Deserialize::deserialize(serde::de::value::StrDeserializer::<E>::new(text))?;
                        Ok($name { $key, ..$name::default() })
                    }
                    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<$name, A::Error> {
                        // The derived, inherent function: `serde(remote = "Self")`.
                        $name::deserialize(MapAccessDeserializer::new(map))
                    }
                }
                deserializer.deserialize_any(Either)
            }
        }
    )*};
}

short! {
    LunAt: "the name of a LUN, or a table with its `lun`", lun;
    VmAt: "the name of a VM, or a table with its `vm`", vm;
    GroupAt: "the name of a group, or a table with its `group`", group;
    SiteOnly: "the name of a site, or a table with its `site`", site;
    LinkAt: "the name of a link, or a table with its `link`", link;
}

/// A copy of a LUN.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct LunAt {
    pub(crate) lun: String,
    #[serde(default)]
    pub(crate) site: Option<String>,
    #[serde(default)]
    pub(crate) sense: Option<Says>,
}

/// A VM at a site.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct VmAt {
    pub(crate) vm: String,
    #[serde(default)]
    pub(crate) site: Option<String>,
}

/// A group, and where a command about it is given.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct GroupAt {
    pub(crate) group: String,
    #[serde(default)]
    pub(crate) site: Option<String>,
}

/// A site's manager.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct SiteOnly {
    pub(crate) site: String,
    /// Crash: it starts again after this time.
    #[serde(default)]
    pub(crate) restart_after: Option<Span>,
}

/// A link, or one direction of it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(remote = "Self", deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct LinkAt {
    pub(crate) link: String,
    #[serde(default)]
    pub(crate) from: Option<String>,
    #[serde(default)]
    pub(crate) site: Option<String>,
    #[serde(default)]
    pub(crate) direction: Option<String>,
}

/// A link that comes and goes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct FlapFile {
    pub(crate) link: String,
    #[serde(default)]
    pub(crate) from: Option<String>,
    #[serde(default)]
    pub(crate) site: Option<String>,
    #[serde(default)]
    pub(crate) direction: Option<String>,
    /// It is cut for this long.
    pub(crate) down: Between,
    /// It is whole for this long.
    pub(crate) up: Between,
    pub(crate) times: u32,
}

/// Some of the letters between agents and arbiter that follow go wrong.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct LetterFile {
    #[serde(default)]
    pub(crate) from: Option<String>,
    #[serde(default)]
    pub(crate) to: Option<String>,
    #[serde(default)]
    pub(crate) times: Option<u32>,
    #[serde(default)]
    pub(crate) by: Option<Between>,
}

/// A clock that drifts, or jumps.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ClockFile {
    pub(crate) of: String,
    #[serde(default)]
    pub(crate) ppm: Option<i32>,
    #[serde(default)]
    pub(crate) by: Option<Span>,
}

/// What paths are made to say.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct PathsFile {
    pub(crate) lun: String,
    pub(crate) host: String,
    #[serde(default)]
    pub(crate) path: Option<u8>,
    pub(crate) say: Says,
}

/// A host repeats what it has reported.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct RepeatFile {
    pub(crate) lun: String,
    #[serde(default)]
    pub(crate) host: Option<String>,
    #[serde(default = "one")]
    pub(crate) times: u32,
    #[serde(default)]
    pub(crate) every: Option<Span>,
}

/// Some of the operations that follow go wrong.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct OpsFile {
    #[serde(default)]
    pub(crate) kind: Option<Verb>,
    #[serde(default)]
    pub(crate) target: Option<String>,
    #[serde(default)]
    pub(crate) site: Option<String>,
    #[serde(default)]
    pub(crate) times: Option<u32>,
    #[serde(default)]
    pub(crate) by: Option<Between>,
}

/// Some of the messages that follow go wrong.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct MailFile {
    #[serde(default)]
    pub(crate) from: Option<String>,
    #[serde(default)]
    pub(crate) times: Option<u32>,
    #[serde(default)]
    pub(crate) by: Option<Between>,
}

/// Some of the reports of hosts that follow are late.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct LateReports {
    #[serde(default)]
    pub(crate) host: Option<String>,
    #[serde(default)]
    pub(crate) lun: Option<String>,
    pub(crate) by: Between,
}

/// What a person says to a step of a plan.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct AnswerFile {
    pub(crate) group: String,
    pub(crate) step: String,
    pub(crate) reply: farshore_core::plan::Reply,
    #[serde(default)]
    pub(crate) site: Option<String>,
}

/// Maintenance mode.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct MaintenanceFile {
    pub(crate) site: String,
    #[serde(default = "yes")]
    pub(crate) on: bool,
}

const fn one() -> u32 {
    1
}
const fn yes() -> bool {
    true
}

/// A table of which, besides `at`, exactly one key is given.
macro_rules! deeds {
    ($($field:ident $variant:ident: $type:ty,)*) => {
        /// `[[event]]`.
        #[derive(Clone, Debug, Deserialize)]
        #[serde(deny_unknown_fields, rename_all = "kebab-case")]
        pub(crate) struct EventFile {
            pub(crate) at: Span,
            $(#[serde(default)] $field: Option<Spanned<$type>>,)*
        }

        /// What an event does.
        #[derive(Clone, Debug)]
        pub(crate) enum Deed { $($variant($type),)* }

        impl EventFile {
            /// The one thing that it does, and where the file says so; otherwise the keys that were given.
            pub(crate) fn deed(self) -> Result<(Bytes<usize>, Deed), Vec<String>> {
                let mut given = Vec::new();
                let mut deed = None;
                $(if let Some(value) = self.$field {
                    given.push(stringify!($field).replace('_', "-"));
                    deed = Some((value.span(), Deed::$variant(value.into_inner())));
                })*
                if given.len() == 1 { deed.ok_or(given) } else { Err(given) }
            }
        }
    };
}

deeds! {
    lose_lun LoseLun: LunAt,
    return_lun ReturnLun: LunAt,
    lose_array LoseArray: String,
    silence_array SilenceArray: String,
    wake_array WakeArray: String,
    cut_array CutArray: String,
    reconnect_array ReconnectArray: String,
    paths Paths: PathsFile,
    repeat_reports RepeatReports: RepeatFile,
    late_reports LateReports: LateReports,
    lose_host LoseHost: String,
    return_host ReturnHost: String,
    hang_host HangHost: String,
    wake_host WakeHost: String,
    hang_guest HangGuest: VmAt,
    crash_manager CrashManager: SiteOnly,
    restart_manager RestartManager: SiteOnly,
    lose_site LoseSite: String,
    return_site ReturnSite: String,
    isolate_site IsolateSite: String,
    rejoin_site RejoinSite: String,
    stop_agent StopAgent: String,
    start_agent StartAgent: String,
    pause_agent PauseAgent: String,
    resume_agent ResumeAgent: String,
    stop_arbiter StopArbiter: bool,
    start_arbiter StartArbiter: bool,
    take_over TakeOver: GroupAt,
    cut Cut: LinkAt,
    mend Mend: LinkAt,
    flap Flap: FlapFile,
    lose_letters LoseLetters: LetterFile,
    late_letters LateLetters: LetterFile,
    double_letters DoubleLetters: LetterFile,
    snapshot_manager SnapshotManager: String,
    restore_manager RestoreManager: String,
    snapshot_agent SnapshotAgent: String,
    restore_agent RestoreAgent: String,
    snapshot_arbiter SnapshotArbiter: bool,
    restore_arbiter RestoreArbiter: bool,
    replace_arbiter ReplaceArbiter: bool,
    rearm Rearm: String,
    slip_clock SlipClock: ClockFile,
    jump_clock JumpClock: ClockFile,
    slow_operations SlowOperations: OpsFile,
    fail_operations FailOperations: OpsFile,
    hang_operations HangOperations: OpsFile,
    lose_answers LoseAnswers: OpsFile,
    late_answers LateAnswers: OpsFile,
    double_operations DoubleOperations: OpsFile,
    lose_messages LoseMessages: MailFile,
    late_messages LateMessages: MailFile,
    double_messages DoubleMessages: MailFile,
    end_disturbances EndDisturbances: bool,
    protect Protect: GroupAt,
    unprotect Unprotect: GroupAt,
    migrate Migrate: GroupAt,
    release Release: GroupAt,
    pause Pause: GroupAt,
    resume Resume: GroupAt,
    cancel Cancel: GroupAt,
    force Force: GroupAt,
    retry Retry: GroupAt,
    start_remainder StartRemainder: GroupAt,
    retry_vm RetryVm: VmAt,
    skip_vm SkipVm: VmAt,
    answer Answer: AnswerFile,
    commit Commit: GroupAt,
    roll_back RollBack: GroupAt,
    test Test: GroupAt,
    end_test EndTest: GroupAt,
    maintenance Maintenance: MaintenanceFile,
}
