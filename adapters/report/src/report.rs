//! The report as a value: names and milliseconds, for people and for machines.

use serde::{Deserialize, Serialize};

/// Version of the JSON that this build writes.
pub const VERSION: u32 = 1;

/// What happened in one run, or at one pair of sites for a while. Times are milliseconds from its beginning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    /// [`VERSION`].
    pub version: u32,
    /// One line.
    pub title: String,
    /// What was run: a file, a seed.
    pub source: String,
    /// When it ended.
    pub end: u64,
    /// Incidents, in order.
    pub incidents: Vec<Incident>,
    /// Tests of plans, in order (F8).
    pub tests: Vec<TestReport>,
    /// Every alert that was raised, in order.
    pub alerts: Vec<AlertLine>,
    /// Every command of an operator that was taken, in order.
    pub orders: Vec<OrderLine>,
}

/// One failure, or one move that an operator asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Incident {
    /// Number in the report, from 1.
    pub number: u32,
    /// The site that it is about.
    pub site: String,
    /// What failed (D5), in words.
    pub kind: String,
    /// What times in it are counted from.
    pub counted_from: CountedFrom,
    /// What hosts said, and what was concluded (D2, D3).
    pub evidence: Vec<Evidence>,
    /// Datastores with VMs that no group protects (M2).
    pub unprotected: Vec<String>,
    /// What became of each group.
    pub groups: Vec<GroupReport>,
}

/// What times are counted from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct CountedFrom {
    /// When.
    pub at: u64,
    /// What happened then.
    pub what: String,
}

/// What was said about one LUN.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Evidence {
    /// The LUN.
    pub lun: String,
    /// Hosts that saw it lost on every path (D2).
    pub seen_by: Vec<SeenBy>,
    /// Whether it was found lost (D3): `Some(false)` is a contradiction.
    pub lost: Option<bool>,
    /// When that was concluded.
    pub concluded: Option<u64>,
}

/// A host that saw a LUN lost on every path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct SeenBy {
    /// The host.
    pub host: String,
    /// When.
    pub at: u64,
}

/// What became of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It moved, and every VM that was to start is ready.
    Recovered,
    /// It moved, and some VMs are not ready.
    RecoveredInPart,
    /// It moved, and its recovery goes on.
    UnderWay,
    /// The move was given up, and what was done is put back (F3).
    PutBack,
    /// Its site stopped it when its authority ran out, and started it again (O3).
    Restarted,
    /// The gate holds it (M3, M5).
    Held,
    /// An operator is needed.
    NeedsOperator,
    /// It did not move.
    Stayed,
}

/// What happened to one group in one incident.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct GroupReport {
    /// The group.
    pub group: String,
    /// Its owner before.
    pub from: String,
    /// The other site.
    pub to: String,
    /// What became of it.
    pub outcome: Outcome,
    /// LUNs that it was marked for, and when (M1).
    pub marked: Vec<Remark>,
    /// The plan that was chosen (M4).
    pub plan: Option<PlanLine>,
    /// Who approved or forced what (I22).
    pub approvals: Vec<Approval>,
    /// What either site did, in order (F1 to F7).
    pub phases: Vec<Phase>,
    /// What it waited for.
    pub waits: Vec<Wait>,
    /// Refusals, doubts, attempts that were given up.
    pub remarks: Vec<Remark>,
    /// Its VMs, in start order.
    pub vms: Vec<VmLine>,
    /// Its LUNs.
    pub luns: Vec<LunLine>,
    /// Steps of its plan besides the VMs, in the plan's order (F6).
    pub steps: Vec<StepLine>,
    /// How long it took and what was lost.
    pub totals: Totals,
}

/// Something that was said at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Remark {
    /// When.
    pub at: u64,
    /// At which site.
    pub site: String,
    /// By which rule.
    pub rule: String,
    /// What.
    pub what: String,
}

/// The plan of a move, and why it was this one (M4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PlanLine {
    /// The plan.
    pub plan: String,
    /// Number of the rule that matched, from 1.
    pub rule: u32,
    /// The group's priority in it (F9).
    pub priority: u8,
    /// What failed.
    pub kind: String,
    /// What starts (M3).
    pub scope: String,
    /// When it was chosen; not where a silent site's group was taken over.
    pub at: Option<u64>,
}

/// Something that a person decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Approval {
    /// When.
    pub at: u64,
    /// At which site.
    pub site: String,
    /// Numbers of the persons, where an override names them.
    pub by: Vec<u32>,
    /// Whether something was waived that the protocol would have held.
    pub forced: bool,
    /// What.
    pub what: String,
}

/// Which part of a move a phase belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Testing its plan (F8).
    Testing,
    /// Giving the group away (F1 to F4, F7).
    Giving,
    /// Taking it, or putting it back (F1, F4 to F6).
    Taking,
}

/// A phase of one site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Phase {
    /// The site.
    pub site: String,
    /// Giving or taking.
    pub role: Role,
    /// Its name.
    pub phase: String,
    /// By which rule.
    pub rule: String,
    /// In words.
    pub what: String,
    /// From when.
    pub start: u64,
    /// Until when; `None`: it was not over at the end.
    pub end: Option<u64>,
    /// How long.
    pub duration: Option<u64>,
}

/// Something that was waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Wait {
    /// What waited: the group, or one of its VMs.
    pub who: String,
    /// What for.
    pub what: String,
    /// By which rule.
    pub rule: String,
    /// From when.
    pub start: u64,
    /// Until when; `None`: it was not over at the end.
    pub end: Option<u64>,
    /// How long.
    pub duration: Option<u64>,
}

/// One VM in one move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct VmLine {
    /// The VM.
    pub vm: String,
    /// Its tier.
    pub tier: u8,
    /// Whether it is critical (M3).
    pub critical: bool,
    /// The host that it was started on.
    pub host: Option<String>,
    /// When it served nobody any more.
    pub down: Option<u64>,
    /// When a host was told to start it.
    pub asked: Option<u64>,
    /// When it was powered on.
    pub started: Option<u64>,
    /// When it was ready (F6).
    pub ready: Option<u64>,
    /// When it was found not to start, or not to become ready, and it has not since.
    pub failed: Option<u64>,
    /// Acknowledged writes that were on its disks when it started.
    pub writes_kept: Option<u32>,
    /// Acknowledged writes that were given up.
    pub writes_lost: Option<u32>,
}

/// One LUN in one move.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct LunLine {
    /// The LUN.
    pub lun: String,
    /// How it was replicated.
    pub replication: String,
    /// Recovery point objective; synchronous: zero.
    pub rpo: u64,
    /// Whether its copy at the owner was lost.
    pub lost: bool,
    /// What the owner left it with (F2, F2a): `Some(true)`: drained; `None`: nobody told.
    pub drained: Option<bool>,
    /// Age of the copy, as the owner's array told it when the group was given away (F2a).
    pub estimate: Option<u64>,
    /// Synchronous: whether the copy had every acknowledged write, as the owner's array told it.
    pub in_sync: Option<bool>,
    /// Age, as of the loss, of the point that it went back to; synchronous or drained: zero.
    pub reached: Option<u64>,
    /// Acknowledged writes that were given up, of all VMs with a disk on it.
    pub writes_lost: Option<u32>,
    /// Acknowledged writes that were there.
    pub writes_before: Option<u32>,
}

/// One step of a plan (F6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct StepLine {
    /// The step.
    pub step: String,
    /// What it is: a command, a prompt, a delay.
    pub kind: String,
    /// When it comes.
    pub when: String,
    /// When a person was asked, for the first time.
    pub asked: Option<u64>,
    /// When its command failed for good, for the last time.
    pub failed: Option<u64>,
    /// When it was behind; `None`: it was not reached, or not behind at the end.
    pub over: Option<u64>,
    /// How it ended.
    pub verdict: Option<String>,
}

/// One test of a plan, for one group (F8).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TestReport {
    /// The group.
    pub group: String,
    /// The site that it ran at.
    pub site: String,
    /// When it began.
    pub begin: u64,
    /// When nothing of it was left; `None`: something is.
    pub end: Option<u64>,
    /// Whether everything that was to start did; `None`: it did not get so far.
    pub passed: Option<bool>,
    /// Its phases.
    pub phases: Vec<Phase>,
    /// Copies of VMs, in start order; of each the host, when it was ready, when it was found not to be.
    pub vms: Vec<TestVmLine>,
    /// Steps of the plan that it went through.
    pub steps: Vec<StepLine>,
    /// LUNs of which no copy could be had.
    pub uncopied: Vec<String>,
}

/// A test's copy of a VM.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct TestVmLine {
    /// The VM.
    pub vm: String,
    /// Its host.
    pub host: Option<String>,
    /// When it was ready.
    pub ready: Option<u64>,
    /// When it was found not to start, or not to become ready.
    pub failed: Option<u64>,
}

/// When the VMs of one tier were ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ByTier {
    /// The tier.
    pub tier: u8,
    /// VMs in it.
    pub vms: u32,
    /// Of these, VMs that became ready.
    pub ready: u32,
    /// When the last of them was.
    pub at: Option<u64>,
    /// How long that was after what is counted from: the RTO reached.
    pub after: Option<u64>,
}

/// How long a move took, and what was lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Totals {
    /// What times are counted from.
    pub counted_from: CountedFrom,
    /// By tier: the RTO reached.
    pub tiers: Vec<ByTier>,
    /// The RPO reached: the greatest age of a point that a LUN went back to.
    pub rpo: Option<u64>,
    /// Acknowledged writes that were given up.
    pub writes_lost: Option<u32>,
    /// Acknowledged writes that were there.
    pub writes_before: Option<u32>,
}

/// An alert.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct AlertLine {
    /// The site that raised it.
    pub site: String,
    /// By which rule.
    pub rule: String,
    /// What it says.
    pub what: String,
    /// When it was raised.
    pub raised: u64,
    /// When it was over; `None`: it stands.
    pub cleared: Option<u64>,
}

/// A command of an operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct OrderLine {
    /// When.
    pub at: u64,
    /// The site whose manager took it.
    pub site: String,
    /// What.
    pub what: String,
}
