//! What people are told: alerts, which stand until they are over, and events, which happened.

use crate::detection::corroboration::Finding;
use crate::ids::{ArrayKey, DatastoreKey, Epoch, GroupKey, HostKey, LunKey, PlanKey, StepKey, Turn, VmKey};
use crate::message::{Refusal, Scope};
use crate::operation::{Failure, Op, Target};
use crate::policy::ErrorKind;
use crate::record::{GivePhase, Hold, Latch, StepVerdict, TakePhase, TestPhase};
use crate::time::Millis;
use crate::waiver::Override;

/// Something that an operator should know for as long as it lasts. Durable (L6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Alert {
    /// Nothing more is done for the group without an operator (M5).
    NeedsOperator {
        /// The group.
        group: GroupKey,
        /// Why.
        why: Latch,
    },
    /// What would be lost on a LUN is more than policy allows (F2a).
    Loss {
        /// The LUN.
        lun: LunKey,
        /// Age of the newest consistent copy; `None`: unknown.
        lag: Option<Millis>,
    },
    /// A failover is held by the gate, or is a proposal (M3, M5).
    Held {
        /// The group.
        group: GroupKey,
        /// By what.
        hold: Hold,
    },
    /// This site's manager has been away for the grace: its agent has started a deputy (O10).
    ManagerLost,
    /// The peer's manager does not answer about a group that needs it (O9).
    PeerSilent {
        /// The group.
        group: GroupKey,
    },
    /// Whether an operation took effect could not be found out (J3).
    InDoubt {
        /// The group.
        group: GroupKey,
        /// The object.
        target: Target,
    },
    /// An operation failed for good.
    OpFailed {
        /// The group.
        group: GroupKey,
        /// The object.
        target: Target,
        /// How.
        failure: Failure,
    },
    /// A VM could not be started or did not become ready (F6).
    VmDown {
        /// The VM.
        vm: VmKey,
    },
    /// A step of the plan asks a person to go on (F6).
    Prompt {
        /// The group that waits.
        group: GroupKey,
        /// The step.
        step: StepKey,
    },
    /// A command of the plan failed for good (F6).
    StepDown {
        /// The group.
        group: GroupKey,
        /// The step.
        step: StepKey,
    },
    /// A recovery is held uncommitted: it can still be rolled back (F10).
    Uncommitted {
        /// The group.
        group: GroupKey,
    },
    /// Copies of the group's VMs run in a test, until somebody ends it (F8).
    Testing {
        /// The group.
        group: GroupKey,
    },
    /// The last test of the group's plan did not go well (F8).
    TestFailed {
        /// The group.
        group: GroupKey,
    },
    /// What a test made could not be taken away yet (F8).
    TestLeft {
        /// The group.
        group: GroupKey,
    },
    /// A recovery LUN is lost: its group cannot fail over (M1).
    RecoveryLunLost {
        /// The LUN.
        lun: LunKey,
    },
    /// A LUN of this site is lost and no group protects it, or VMs on it are in none (M2).
    Unprotected {
        /// The LUN's datastore.
        datastore: DatastoreKey,
    },
    /// One host says that a LUN is lost, another that it is well (D3).
    Contradicted {
        /// The LUN.
        lun: LunKey,
    },
    /// No host of this site reaches a LUN by any path, and none says that it is lost (D2).
    AllPathsDown {
        /// The LUN.
        lun: LunKey,
    },
    /// The peer's copy of an asynchronous LUN is further behind than its RPO: a warning, then an alarm (F2a).
    RpoBehind {
        /// The LUN.
        lun: LunKey,
        /// More than so many times the RPO: 2 or 3.
        times: u8,
    },
    /// The peer's copy of a synchronous LUN does not hold every acknowledged write (F2a).
    OutOfSync {
        /// The LUN.
        lun: LunKey,
    },
    /// A host of this site is lost. Its VMs are the business of the site's own HA (D5).
    HostLost {
        /// The host.
        host: HostKey,
    },
    /// A lost LUN answers again: new, and not used before a full resynchronisation (D4).
    Returned {
        /// The LUN.
        lun: LunKey,
    },
    /// This site's authority over a group has not been renewed for half a lease (O3).
    Unrenewed {
        /// The group.
        group: GroupKey,
    },
    /// The arbiter is another one than this site knew: refused for this group until both sites arm it (O7).
    ArbiterNew {
        /// The group.
        group: GroupKey,
    },
    /// A standing promise between the sites: the arbiter does not answer, and nothing is taken over by itself (O8).
    TakeoverOff {
        /// The group.
        group: GroupKey,
    },
    /// The group of a silent site may not be taken over (O5).
    TakeoverDenied {
        /// The group.
        group: GroupKey,
        /// Why.
        why: crate::authority::wire::Denial,
    },
    /// A host reports a LUN that it is not configured to mount (D3).
    Stranger {
        /// The host.
        host: HostKey,
        /// The LUN.
        lun: LunKey,
    },
}

/// Something that happened, for timelines and logs. Nothing waits for it and nothing is derived from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Event {
    /// A host sees a LUN as permanently lost on every path (D2).
    LossSeen {
        /// The host.
        host: HostKey,
        /// The LUN.
        lun: LunKey,
    },
    /// Sense bytes could not be read; they count as no evidence (D1).
    SenseUnreadable {
        /// The host.
        host: HostKey,
        /// The LUN.
        lun: LunKey,
    },
    /// A group of failures is open (G2).
    WindowOpened,
    /// It is closed (G4).
    WindowClosed {
        /// LUNs in it.
        luns: u32,
    },
    /// What was concluded about a LUN in it (D3).
    Concluded {
        /// The LUN.
        lun: LunKey,
        /// The conclusion.
        finding: Finding,
    },
    /// No host has reached any LUN of an array for long, nor its management: it counts as failed (D2).
    ArrayFailed {
        /// The array.
        array: ArrayKey,
    },
    /// A group is marked (M1).
    Marked {
        /// The group.
        group: GroupKey,
        /// By the loss of this LUN.
        lun: LunKey,
        /// In this epoch.
        epoch: Epoch,
    },
    /// A plan is chosen (M4).
    PlanChosen {
        /// For this group.
        group: GroupKey,
        /// The plan.
        plan: PlanKey,
        /// Position of the rule that matched, from 0.
        rule: u32,
        /// What failed.
        kind: ErrorKind,
        /// What the gate lets through (M3).
        scope: Scope,
    },
    /// The giving side is in a new phase (F1 to F4, F7).
    Giving {
        /// The group.
        group: GroupKey,
        /// The turn.
        turn: Turn,
        /// The phase.
        phase: GivePhase,
    },
    /// The taking side is in a new phase (F1, F5, F6).
    Taking {
        /// The group.
        group: GroupKey,
        /// The epoch.
        epoch: Epoch,
        /// The phase.
        phase: TakePhase,
    },
    /// The peer said no (M6).
    Refused {
        /// The group.
        group: GroupKey,
        /// Why.
        reason: Refusal,
    },
    /// The group is protected (P1).
    Protected {
        /// The group.
        group: GroupKey,
    },
    /// The group is protected no more, because an operator said so (P3).
    NoLongerProtected {
        /// The group.
        group: GroupKey,
    },
    /// A failover was given up; what was done is put back at this turn (F3).
    Aborted {
        /// The group.
        group: GroupKey,
        /// The turn.
        turn: Turn,
    },
    /// A workflow has ended and the group rests.
    Settled {
        /// The group.
        group: GroupKey,
        /// In this epoch.
        epoch: Epoch,
    },
    /// A VM is ready (F6).
    VmReady {
        /// The VM.
        vm: VmKey,
        /// On this host.
        host: HostKey,
    },
    /// A recovery is committed (F10).
    Committed {
        /// The group.
        group: GroupKey,
    },
    /// A test is in a new phase (F8).
    Testing {
        /// The group.
        group: GroupKey,
        /// The phase.
        phase: TestPhase,
    },
    /// A test has a LUN of which no copy can be had (F8).
    TestCopyFailed {
        /// The LUN.
        lun: LunKey,
    },
    /// A test's copy of a VM is ready (F8).
    TestVmReady {
        /// The VM.
        vm: VmKey,
        /// On this host.
        host: HostKey,
    },
    /// A test's copy of a VM could not be started, or did not become ready (F8).
    TestVmFailed {
        /// The VM.
        vm: VmKey,
    },
    /// Nothing of a test is left (F8).
    TestCleared {
        /// The group.
        group: GroupKey,
    },
    /// A step of the plan is behind (F6).
    StepOver {
        /// The group.
        group: GroupKey,
        /// The step.
        step: StepKey,
        /// How it ended.
        verdict: StepVerdict,
    },
    /// An operation was not answered in time: it is in doubt and will be observed (J3).
    Doubt(Op),
    /// An answer came that nothing waits for; it changes nothing (J4).
    LateAnswer {
        /// The group.
        group: GroupKey,
        /// The object.
        target: Target,
    },
    /// An operator's override was used: what was at stake, and who gave it (I22).
    Overridden(Override),
    /// An alert is raised.
    Raised(Alert),
    /// An alert is over.
    Cleared(Alert),
    /// The machine has stopped for good: a save failed, or an invariant does not hold.
    Halted,
}

impl Event {
    /// The protocol rule that the event follows from.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::LossSeen { .. } => "D2",
            Self::SenseUnreadable { .. } => "D1",
            Self::WindowOpened => "G2",
            Self::WindowClosed { .. } => "G4",
            Self::Concluded { .. } => "D3",
            Self::ArrayFailed { .. } => "D2",
            Self::Marked { .. } => "M1",
            Self::PlanChosen { .. } => "M4",
            Self::Giving { phase, .. } => match phase {
                GivePhase::Held(Hold::Proposal | Hold::Manual) => "M5",
                GivePhase::Held(_) => "M3",
                GivePhase::Queued => "F9",
                GivePhase::BackingOff => "M6",
                GivePhase::Preparing => "F1",
                GivePhase::Quiescing => "F2",
                GivePhase::Confirming | GivePhase::Released => "F3",
                GivePhase::Following => "F7",
            },
            Self::Taking { phase, .. } => match phase {
                TakePhase::Reserved => "F1",
                TakePhase::Acquiring { .. } => "O11",
                TakePhase::Cutting | TakePhase::Promoting => "F5",
                TakePhase::Starting => "F6",
                TakePhase::Waiting => "M3",
                TakePhase::Stopping => "O3",
                TakePhase::PuttingBack => "F3",
            },
            Self::Refused { .. } => "M6",
            Self::Protected { .. } => "P1",
            Self::NoLongerProtected { .. } => "P3",
            Self::Aborted { .. } => "F3",
            Self::Settled { .. } => "L2",
            Self::VmReady { .. } | Self::StepOver { .. } => "F6",
            Self::Committed { .. } => "F10",
            Self::Testing { .. }
            | Self::TestCopyFailed { .. }
            | Self::TestVmReady { .. }
            | Self::TestVmFailed { .. }
            | Self::TestCleared { .. } => "F8",
            Self::Doubt(_) => "J3",
            Self::LateAnswer { .. } => "J4",
            Self::Overridden(_) => "I22",
            Self::Raised(alert) | Self::Cleared(alert) => alert.rule(),
            Self::Halted => "J7",
        }
    }
}

impl Alert {
    /// The protocol rule that the alert follows from.
    #[must_use]
    pub const fn rule(&self) -> &'static str {
        match self {
            Self::NeedsOperator { .. } => "M5",
            Self::Loss { .. } => "F2a",
            Self::Held { .. } => "M3",
            Self::PeerSilent { .. } => "O9",
            Self::ManagerLost => "O10",
            Self::InDoubt { .. } => "J3",
            Self::OpFailed { .. } => "F2",
            Self::VmDown { .. } | Self::Prompt { .. } | Self::StepDown { .. } => "F6",
            Self::Testing { .. } | Self::TestFailed { .. } | Self::TestLeft { .. } => "F8",
            Self::Uncommitted { .. } => "F10",
            Self::RecoveryLunLost { .. } => "M1",
            Self::Unprotected { .. } => "M2",
            Self::Contradicted { .. } => "D3",
            Self::AllPathsDown { .. } => "D2",
            Self::RpoBehind { .. } | Self::OutOfSync { .. } => "F2a",
            Self::HostLost { .. } => "D5",
            Self::Returned { .. } => "D4",
            Self::Stranger { .. } => "D3",
            Self::Unrenewed { .. } => "O3",
            Self::ArbiterNew { .. } => "O7",
            Self::TakeoverOff { .. } => "O8",
            Self::TakeoverDenied { .. } => "O5",
        }
    }
}
