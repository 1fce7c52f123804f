//! Policy as a person writes it.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::Span;
use crate::policy::{ErrorKind, Mode, RecoveryKind, Remainder};

/// `[policy]`: what the operator has decided beforehand. Everything has a default.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields, rename_all = "kebab-case", default))]
pub struct Policy {
    /// Recovery type of both sites (M3). Default: everything.
    pub recovery: Recovery,
    /// No second automatic failover of a group within this time of its last (M5), more than zero. Default 1 h.
    pub cooldown: Span,
    /// Aborted or refused tries before an operator is needed (M5), 1 to 255. Default 3.
    pub max_tries: u8,
    /// A held incident raises an alert after this time (M3), more than zero. Default 5 min.
    pub hold_alert: Span,
    /// A recovery is committed after this time, unless somebody does that, or rolls it back, before (F10). Default none:
    /// at once.
    pub commit_window: Span,
    /// A LUN that no host of the site reaches by any path is an alert after this time (D2), more than zero. Default 140 s.
    pub apd_timeout: Span,
    /// An array of which no host reaches any LUN, and whose management is silent, counts as failed so long after
    /// `apd-timeout` (D2). Zero: never. Default 180 s.
    pub apd_delay: Span,
    /// How often an owner looks how far its peer's copies are behind (F2a). Zero: never. Default 1 min.
    pub rpo_check: Span,
    /// `[policy.grouping]`: polling and grouping (G1 to G4).
    pub grouping: Grouping,
    /// `[policy.waits]`: how long answers may take.
    pub waits: Waits,
    /// `[policy.arbiter]`: a third party decides who may run a group when the sites cannot talk. None: authority does not
    /// expire, and no silent site is taken over but by an operator (O9).
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub arbiter: Option<Arbiter>,
    /// `[policy.deputy]`: the groups of a site whose manager is lost alone are moved to the other site (O10). None: they
    /// run on, and nothing protects them until it is back.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub deputy: Option<Deputy>,
    /// `[policy.site.NAME]`: what differs at one site.
    #[cfg_attr(feature = "serde", serde(rename = "site"))]
    pub sites: BTreeMap<String, SitePolicy>,
    /// `[[policy.rule]]`: rules that choose a plan, first match wins, the last matches everything (M4). None: each group
    /// takes the plan that it is in, which must then be one.
    #[cfg_attr(feature = "serde", serde(rename = "rule"))]
    pub rules: Vec<Rule>,
}

/// `[policy.arbiter]`: leases, and what a silent site means (O2, O11).
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields, rename_all = "kebab-case", default))]
pub struct Arbiter {
    /// `L`, at least 60 ms: how long a site may run a group without being heard.
    pub lease: Span,
    /// `ρ`, less than 100,000: how far clocks may be off, in parts per million.
    pub drift_ppm: u32,
    /// `M`, more than zero: what an enforcer takes to act.
    pub margin: Span,
    /// How long a site must be silent before its groups count as lost; more than zero.
    pub site_grace: Span,
    /// Whether a silent site is taken over without an operator.
    pub automatic: bool,
}

/// `[policy.deputy]`: what happens when a manager is lost alone (O10).
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields, rename_all = "kebab-case", default))]
pub struct Deputy {
    /// How long it must be away, more than zero.
    pub grace: Span,
}

impl Default for Deputy {
    fn default() -> Self {
        Self { grace: Span::secs(120) }
    }
}

/// `[policy.site.NAME]`: what differs at one site.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields, rename_all = "kebab-case", default))]
pub struct SitePolicy {
    /// Recovery type of the groups that are at home here (M3). Default: that of `[policy]`.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub recovery: Option<Recovery>,
    /// Pause after a refused try (M6), more than zero and not the other site's. Default: 5 s at the site whose name
    /// sorts first, 8 s at the other.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Option::is_none"))]
    pub backoff: Option<Span>,
}

/// What is recovered automatically (M3). A type alone stands for a table that has nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(remote = "Self", deny_unknown_fields, rename_all = "kebab-case"))]
pub struct Recovery {
    /// `type`: which of the recovery types.
    #[cfg_attr(feature = "serde", serde(rename = "type"))]
    pub kind: RecoveryKind,
    /// With `critical-first`, and no other: what becomes of the rest. Default: it follows.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub remainder: Option<Remainder>,
    /// With `at-least`, and no other: how many protected VMs must be affected, 1 to as many as the site has.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub vms: Option<u32>,
}

/// `[policy.grouping]`: polling and grouping (G1 to G4).
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields, rename_all = "kebab-case", default))]
pub struct Grouping {
    /// How the window moves. Default: sliding.
    pub mode: Mode,
    /// Poll interval while nothing has failed (G1), zero or at least `min-poll`. Zero: hosts push. Default 5 s.
    pub idle_poll: Span,
    /// Shortest poll interval (G2), more than zero and at most half of `short`. Default 100 ms.
    pub min_poll: Span,
    /// Short timer, restarted by every failure (G2), at most `long`. Default 2 s.
    pub short: Span,
    /// Long timer, never extended (G4). Default 15 s.
    pub long: Span,
}

/// `[policy.waits]`: how long answers may take. All are more than zero.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields, rename_all = "kebab-case", default))]
pub struct Waits {
    /// A message to the peer is sent again after this time. Default 1 s.
    pub resend: Span,
    /// The peer counts as silent after this time without an answer, at least twice `resend`. Default 30 s.
    pub peer_silent: Span,
    /// An operation on an array is in doubt after this time (J3). Default 30 s.
    pub array_op: Span,
    /// An operation on a host is in doubt after this time (J3). Default 30 s.
    pub host_op: Span,
    /// An unanswered observation is asked again after this time. Default 5 s.
    pub observe: Span,
    /// How many observations may leave a doubt open before an alert escalates it (J3), 1 to 255. Default 10.
    pub doubt_limit: u8,
    /// A peer's reservation for a failover ends after this time (F1), at least four times `resend`. Default 2 min.
    pub prepare_ttl: Span,
}

/// `[[policy.rule]]`: one row of the table that chooses plans (M4). What is empty matches everything.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields, rename_all = "kebab-case"))]
pub struct Rule {
    /// Matches these groups. Default: any.
    #[cfg_attr(feature = "serde", serde(default))]
    pub groups: Vec<String>,
    /// Matches these kinds of error. Default: any.
    #[cfg_attr(feature = "serde", serde(default))]
    pub errors: Vec<ErrorKind>,
    /// Matches these recovery types. Default: any.
    #[cfg_attr(feature = "serde", serde(default))]
    pub recovery: Vec<RecoveryKind>,
    /// Name of the plan that is run. It must have every group that the rule can match.
    pub plan: String,
}

impl Recovery {
    /// Everything that is marked moves at once.
    pub const EVERYTHING: Self = Self { kind: RecoveryKind::Everything, remainder: None, vms: None };
}

impl Default for Recovery {
    fn default() -> Self {
        Self::EVERYTHING
    }
}

impl SitePolicy {
    /// Pause after a refused try where nothing is said, by [`Side`](crate::ids::Side).
    pub const BACKOFF: [Span; 2] = [Span::secs(5), Span::secs(8)];
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            recovery: Recovery::EVERYTHING,
            cooldown: Span::secs(3600),
            max_tries: 3,
            hold_alert: Span::secs(300),
            commit_window: Span::default(),
            apd_timeout: Span::secs(140),
            apd_delay: Span::secs(180),
            rpo_check: Span::secs(60),
            grouping: Grouping::default(),
            waits: Waits::default(),
            arbiter: None,
            deputy: None,
            sites: BTreeMap::new(),
            rules: Vec::new(),
        }
    }
}

impl Default for Arbiter {
    fn default() -> Self {
        Self {
            lease: Span::secs(30),
            drift_ppm: 10_000,
            margin: Span::secs(5),
            site_grace: Span::secs(60),
            automatic: true,
        }
    }
}

impl Default for Grouping {
    fn default() -> Self {
        Self {
            mode: Mode::Sliding,
            idle_poll: Span::secs(5),
            min_poll: Span::millis(100),
            short: Span::secs(2),
            long: Span::secs(15),
        }
    }
}

impl Default for Waits {
    fn default() -> Self {
        Self {
            resend: Span::secs(1),
            peer_silent: Span::secs(30),
            array_op: Span::secs(30),
            host_op: Span::secs(30),
            observe: Span::secs(5),
            doubt_limit: 10,
            prepare_ttl: Span::secs(120),
        }
    }
}
