//! What is durable: one small, versioned record per group, and one for the site.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::event::Alert;
use crate::ids::{Epoch, GroupKey, HostKey, LunKey, PlanKey, StepKey, Turn, VmKey};
use crate::message::{Left, Offer};
use crate::operation::{Point, Token};
use crate::waiver::Override;

/// Version of the records that this build writes.
pub const VERSION: u16 = 1;

#[allow(clippy::large_enum_variant, reason = "nearly every record is a group's")]
/// One durable record. A batch replaces the records with the same key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Record {
    /// The site's own.
    Site(SiteRecord),
    /// A group's.
    Group(GroupRecord),
}

/// What a machine starts from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Records {
    /// The site's record.
    pub site: SiteRecord,
    /// The groups' records, in any order. A group without one was added to the inventory since.
    pub groups: Vec<GroupRecord>,
}

impl Records {
    /// What a machine starts from that never ran before. Saying so is deliberate: a lost journal can't pass for it.
    #[must_use]
    pub fn first_start() -> Self {
        Self { site: SiteRecord::default(), groups: Vec::new() }
    }

    /// Replaces or adds one record, as a save does.
    pub fn put(&mut self, record: Record) {
        match record {
            Record::Site(site) => self.site = site,
            Record::Group(group) => match self.groups.binary_search_by_key(&group.group, |g| g.group) {
                Ok(at) => self.groups[at] = group,
                Err(at) => self.groups.insert(at, group),
            },
        }
    }
}

/// The site's own record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SiteRecord {
    /// [`VERSION`] of the build that wrote it.
    pub version: u16,
    /// Maintenance mode: everything automatic is a proposal (M5).
    pub maintenance: bool,
    /// Number of the last incident.
    pub incident: u32,
    /// Alerts about what belongs to no group (L6).
    pub alerts: BTreeSet<Alert>,
}

impl Default for SiteRecord {
    fn default() -> Self {
        Self { version: VERSION, maintenance: false, incident: 0, alerts: BTreeSet::new() }
    }
}

/// A group's record at one site.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct GroupRecord {
    /// [`VERSION`] of the build that wrote it.
    pub version: u16,
    /// The group.
    pub group: GroupKey,
    /// Who may run it, as far as this site knows.
    pub authority: crate::authority::Authority,
    /// Whether its LUNs are replicated to the peer and the peer has its placeholders (P1).
    pub protection: Protection,
    /// Lost LUNs, by the epoch in which they were lost (M1).
    pub marks: BTreeMap<LunKey, Epoch>,
    /// Marked LUNs that nobody called lost: all paths to their whole array are down, and it may hold them writable (D2).
    #[cfg_attr(feature = "serde", serde(default))]
    pub cut_off: BTreeSet<LunKey>,
    /// LUNs that come back as new: the token that they must take first (D4).
    pub returning: BTreeMap<LunKey, Token>,
    /// The one workflow that is open (I11).
    pub work: Work,
    /// Which host of this site each VM is to start on, or has started on: room that no other group gets (F1, M6).
    /// Empty for a group that was never taken.
    pub placement: BTreeMap<VmKey, HostKey>,
    /// Aborted or refused tries since the last success (M5).
    pub tries: u8,
    /// An automatic failover happened within the cooldown; it starts again in full after a restart (M5).
    pub cooling: bool,
    /// A recovery that is not committed: whether it can be rolled back (F10).
    #[cfg_attr(feature = "serde", serde(default))]
    pub window: Option<Window>,
    /// What this site released, and has kept as it was then: every LUN drained, none of them ever lost (F10).
    #[cfg_attr(feature = "serde", serde(default))]
    pub kept: bool,
    /// A test of the group's plan, at the site that would take it (F8).
    #[cfg_attr(feature = "serde", serde(default))]
    pub test: Option<Test>,
    /// Number of the last test; rises with each.
    #[cfg_attr(feature = "serde", serde(default))]
    pub tests: Turn,
    /// Why nothing more is done without an operator.
    pub latch: Option<Latch>,
    /// Overrides that an operator gave, each used once (I22).
    pub overrides: u32,
    /// The last of them.
    #[cfg_attr(feature = "serde", serde(default))]
    pub last_override: Option<Override>,
    /// Alerts that are raised (L6).
    pub alerts: BTreeSet<Alert>,
}

impl GroupRecord {
    /// A group that has no record yet.
    #[must_use]
    pub const fn first(group: GroupKey, home: bool) -> Self {
        Self {
            version: VERSION,
            group,
            authority: crate::authority::Authority::first(home),
            protection: Protection::Unprotected,
            marks: BTreeMap::new(),
            cut_off: BTreeSet::new(),
            returning: BTreeMap::new(),
            work: Work::Idle,
            placement: BTreeMap::new(),
            tries: 0,
            cooling: false,
            window: None,
            kept: false,
            test: None,
            tests: Turn(0),
            latch: None,
            overrides: 0,
            last_override: None,
            alerts: BTreeSet::new(),
        }
    }
}

/// What a recovery that is not committed can be rolled back to (F10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Window {
    /// The old owner's copy, as it was released: every LUN was drained.
    Complete,
    /// Nothing: a LUN of the old owner's was lost, or could not be drained.
    Partial,
}

/// How far a group is protected, at its owner (P1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Protection {
    /// Not: nothing fails over by itself.
    Unprotected,
    /// At the owner: replicated in full and verified. At the peer: shielded, with placeholders registered.
    Protected,
    /// At the owner: it is being unprotected, also where a fence of its agent's came between (P3, O3).
    Ending,
}

/// Why nothing more is done for a group without an operator (M5, F2a, F6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Latch {
    /// The group was not protected when it lost a LUN.
    #[error("the group is not protected")]
    NotProtected,
    /// A failover happened within the cooldown.
    #[error("a failover happened within the cooldown")]
    Cooldown,
    /// The peer refused as often as policy allows.
    #[error("the peer refused as often as policy allows")]
    Refused,
    /// The evidence of F2a is missing; the alert tells the loss.
    #[error("what would be lost is more than policy allows, or unknown")]
    Evidence,
    /// An operation at the site that gives the group away could not be carried out or observed.
    #[error("a host or array could be neither brought into the wanted state nor observed")]
    Stuck,
    /// A step of the recovery failed and its plan says stop.
    #[error("a step of the recovery failed")]
    StepFailed,
    /// An operator cancelled the failover.
    #[error("an operator cancelled the failover")]
    Cancelled,
    /// An operator has paused it: nothing new is begun.
    #[error("an operator has paused it")]
    Paused,
    /// VMs that are not critical stay down by policy (`Never`).
    #[error("policy leaves the VMs that are not critical down")]
    RemainderNever,
    /// The group of a silent site may not be taken over; the alert tells why (O5).
    #[error("the group of a silent site may not be taken over")]
    Denied,
    /// A silent site's group is to be taken over by an operator, or not at all (O11).
    #[error("the peer site is silent, and taking its group over is left to an operator")]
    SiteSilent,
    /// This site's journal is older than what the peer knows (J6).
    #[error("this site's journal is older than what the peer knows")]
    JournalBehind,
}

/// The one workflow of a group that is open at this site (I11).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Work {
    /// None.
    Idle,
    /// Owner: protecting (P1).
    Protect(ProtectPhase),
    /// Peer: making itself a target (P1, P2).
    Shield {
        /// The owner's turn that asked.
        turn: Turn,
    },
    /// Owner: undoing that (P3).
    Unprotect,
    /// Peer: no target any more (P3).
    Unshield {
        /// The owner's turn that asked.
        turn: Turn,
    },
    /// Owner: giving the group to the peer (F1 to F4, F7).
    Give(Give),
    /// Peer: taking the group (F1, F4 to F6); or owner: putting it back after an abort (F3).
    Take(Take),
    /// The peer has taken the group over: what is left here becomes placeholders (F7, I14).
    StandDown,
}

/// How far protecting is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum ProtectPhase {
    /// The peer is asked to shield its copies and to register placeholders.
    Shielding,
    /// Replication runs in full; ends when it is verified.
    Replicating,
}

/// The giving side of a failover.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Give {
    /// How far it is.
    pub phase: GivePhase,
    /// The incident that it belongs to.
    pub incident: u32,
    /// What is handed over, and how.
    pub offer: Offer,
    /// What each LUN was left with; complete from [`GivePhase::Confirming`] on.
    pub luns: BTreeMap<LunKey, Left>,
    /// An operator has accepted the loss that F2a would hold this group for (I22).
    pub forced: bool,
    /// A host can be neither observed nor fenced: it is waited out, until its authority has run out (F2, O2).
    #[cfg_attr(feature = "serde", serde(default))]
    pub expiry: bool,
}

/// How far the giving side is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum GivePhase {
    /// The gate, or maintenance mode, holds it (M3, M5).
    Held(Hold),
    /// It waits for groups of higher priority (F9).
    Queued,
    /// The peer was refused; the next try follows after the back-off (M6).
    BackingOff,
    /// The peer is asked (F1).
    Preparing,
    /// VMs stop, LUNs drain, everything is fenced (F2).
    Quiescing,
    /// The peer is asked again (F3).
    Confirming,
    /// Released: the point of no return is behind (F3). `Handover` is sent until answered.
    Released,
    /// The peer has taken it; its progress is followed, what is left here is made placeholders (F7, F9).
    Following,
}

/// Why a failover is held (M3, M5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Hold {
    /// Maintenance mode, or the group's own: it is a proposal.
    Proposal,
    /// The group's own mode: an operator does it, or nobody.
    Manual,
    /// `AtLeast`: too few VMs are affected so far.
    Count,
    /// `CriticalFirst`: it holds no critical VM, and the critical ones are not recovered yet.
    AfterCritical,
    /// `CriticalFirst` with `OnRequest`, or with `Never`: until an operator asks.
    OnRequest,
}

/// The taking side of a failover, or the putting back after an abort.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Take {
    /// How far it is.
    pub phase: TakePhase,
    /// The giver's turn that the reservation is for.
    pub turn: Turn,
    /// What is handed over, and how.
    pub offer: Offer,
    /// What the giver left each LUN with; from the handover on.
    pub luns: BTreeMap<LunKey, Left>,
    /// The point that each LUN is rolled back to; complete from [`TakePhase::Promoting`] on.
    pub points: BTreeMap<LunKey, Option<Point>>,
    /// VMs that are not started any more, or not yet.
    pub verdicts: BTreeMap<VmKey, VmVerdict>,
    /// Steps of the plan that are behind, or that wait for a person (F6).
    #[cfg_attr(feature = "serde", serde(default))]
    pub steps: BTreeMap<StepKey, StepVerdict>,
}

impl Take {
    /// The beginning of taking a group.
    #[must_use]
    pub const fn new(phase: TakePhase, turn: Turn, offer: Offer) -> Self {
        Self {
            phase,
            turn,
            offer,
            luns: BTreeMap::new(),
            points: BTreeMap::new(),
            verdicts: BTreeMap::new(),
            steps: BTreeMap::new(),
        }
    }
}

/// How far the taking side is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum TakePhase {
    /// Room is reserved; it ends by `Abort`, a higher turn, or `prepare_ttl` (F1).
    Reserved,
    /// Room is reserved, and the agent is asked for the group of a silent site (O4, O11).
    Acquiring {
        /// An operator accepts what the alert names (O5, I22).
        forced: bool,
    },
    /// Replication into the LUNs is cut (F5, first).
    Cutting,
    /// LUNs are rolled back to the recorded points and made writable, datastores mounted (F5).
    Promoting,
    /// VMs start (F6).
    Starting,
    /// Every VM in scope is recovered or failed; VMs that are not critical wait for an operator (M3).
    Waiting,
    /// Owner, whose agent began to stop the group: what still runs is stopped, so that the stage is finished (O3).
    Stopping,
    /// Owner, after an abort: LUNs writable again, replication on, VMs up (F3).
    PuttingBack,
}

/// A test of a plan on copies (F8).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Test {
    /// How far it is.
    pub phase: TestPhase,
    /// The epoch in which it was begun. Its copies keep its tokens, whatever becomes of the group.
    pub epoch: Epoch,
    /// Its number: what a turn is to the group itself.
    pub number: Turn,
    /// The plan that is tested.
    pub plan: PlanKey,
    /// How often its copies were begun and could not be brought to one point.
    pub tries: u8,
    /// VMs that could not be started.
    pub verdicts: BTreeMap<VmKey, VmVerdict>,
    /// Steps of the plan that are behind.
    pub steps: BTreeMap<StepKey, StepVerdict>,
}

impl Test {
    /// The beginning of a test.
    #[must_use]
    pub const fn new(epoch: Epoch, number: Turn, plan: PlanKey) -> Self {
        Self {
            phase: TestPhase::Copying,
            epoch,
            number,
            plan,
            tries: 0,
            verdicts: BTreeMap::new(),
            steps: BTreeMap::new(),
        }
    }
}

/// How far a test is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum TestPhase {
    /// The recovery LUNs are copied.
    Copying,
    /// VMs start on the copies, in an isolated network.
    Starting,
    /// They run, or have failed, until somebody ends the test.
    Running,
    /// What the test made is taken away.
    Clearing,
}

/// A decision about one VM that outlives a restart. VMs without one are started, or being started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum VmVerdict {
    /// It could not be started: the run goes on without it.
    Failed,
    /// It could not be started: an operator is asked.
    Asked,
    /// It is not in scope: registered, powered off.
    NotInScope,
}

/// A decision about one step of a plan that outlives a restart. Steps without one are under way, or still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum StepVerdict {
    /// It is behind.
    Done,
    /// It failed, and the run goes on without it.
    Skipped,
    /// It failed: an operator is asked.
    Asked,
}
