//! What is known so far of an incident and of a move.

use std::collections::BTreeMap;

use farshore_core::detection::corroboration::Finding;
use farshore_core::ids::{Epoch, GroupIx, HostIx, HostKey, LunIx, LunKey, PlanKey, Side, StepKey, VmIx};
use farshore_core::message::{Left, Scope};
use farshore_core::operation::ReplicationSeen;
use farshore_core::policy::ErrorKind;
use farshore_core::record::{GivePhase, Hold, Latch, StepVerdict, TakePhase, TestPhase};
use farshore_core::time::Millis;

use crate::report::Approval;

/// What an incident is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A failure, or a move that an operator asked for (D5).
    Error(ErrorKind),
    /// Hosts contradicted each other: nothing moves (D3).
    Contradicted,
    /// A site's authority ran out, and it stopped what it ran (O3).
    Unrenewed,
    /// It had begun before the notes do.
    Before,
}

/// An incident.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) begin: Millis,
    pub(crate) side: Side,
    pub(crate) kind: Kind,
    pub(crate) evidence: BTreeMap<LunKey, Said>,
    pub(crate) unprotected: Vec<String>,
}

/// What was said of one LUN.
#[derive(Clone, Debug, Default)]
pub(crate) struct Said {
    pub(crate) by: Vec<(HostKey, Millis)>,
    pub(crate) finding: Option<(Finding, Millis)>,
}

impl Draft {
    pub(crate) fn new(begin: Millis, side: Side, kind: Kind) -> Self {
        Self { begin, side, kind, evidence: BTreeMap::new(), unprotected: Vec::new() }
    }
}

/// Which phase of which part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Giving(GivePhase),
    Taking(TakePhase),
}

/// A phase, from when and until when.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PhaseDraft {
    pub(crate) side: Side,
    pub(crate) part: Part,
    pub(crate) start: Millis,
    pub(crate) end: Option<Millis>,
}

/// The plan that was chosen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chosen {
    pub(crate) at: Option<Millis>,
    pub(crate) plan: PlanKey,
    pub(crate) rule: u32,
    pub(crate) kind: ErrorKind,
    pub(crate) scope: Scope,
}

/// A VM in a move.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct VmDraft {
    pub(crate) side: Option<Side>,
    pub(crate) host: Option<HostIx>,
    pub(crate) down: Option<Millis>,
    pub(crate) asked: Option<Millis>,
    pub(crate) started: Option<Millis>,
    pub(crate) ready: Option<Millis>,
    pub(crate) failed: Option<Millis>,
    pub(crate) held: Option<u32>,
    pub(crate) lost: Option<u32>,
    pub(crate) lost_age: Option<Millis>,
}

/// A LUN in a move.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct LunDraft {
    pub(crate) gone: Option<Millis>,
    pub(crate) left: Option<(Left, ReplicationSeen)>,
    pub(crate) promoted: Option<Option<Millis>>,
    /// The loss that an alert named (F2a).
    pub(crate) estimate: Option<Millis>,
}

/// A step of the plan, in a move or in a test.
#[derive(Clone, Debug, Default)]
pub(crate) struct StepDraft {
    pub(crate) over: Option<(Millis, StepVerdict)>,
    pub(crate) failed: Option<Millis>,
    /// A person was asked, from when until when.
    pub(crate) asks: Vec<(Millis, Option<Millis>)>,
}

impl StepDraft {
    pub(crate) fn answered(&mut self, at: Millis) {
        for (_, until) in &mut self.asks {
            until.get_or_insert(at);
        }
    }
}

/// One test of a plan.
#[derive(Clone, Debug)]
pub(crate) struct TestDraft {
    pub(crate) group: GroupIx,
    pub(crate) side: Side,
    pub(crate) begin: Millis,
    pub(crate) phases: Vec<(TestPhase, Millis, Option<Millis>)>,
    pub(crate) vms: BTreeMap<VmIx, VmDraft>,
    pub(crate) steps: BTreeMap<StepKey, StepDraft>,
    pub(crate) uncopied: Vec<LunKey>,
    pub(crate) cleared: Option<Millis>,
}

/// One group in one incident.
#[derive(Clone, Debug)]
pub(crate) struct Move {
    pub(crate) incident: usize,
    pub(crate) group: GroupIx,
    pub(crate) from: Side,
    pub(crate) begin: Millis,
    pub(crate) marked: Vec<(Millis, LunKey, Epoch)>,
    pub(crate) chosen: Option<Chosen>,
    pub(crate) approvals: Vec<Approval>,
    pub(crate) phases: Vec<PhaseDraft>,
    pub(crate) remarks: Vec<(Millis, Side, &'static str, String)>,
    pub(crate) latches: Vec<(Side, Latch, Millis, Option<Millis>)>,
    /// VMs of which an operator is asked what is to become, from when until when (F6).
    pub(crate) asks: Vec<(VmIx, Millis, Option<Millis>)>,
    pub(crate) vms: BTreeMap<VmIx, VmDraft>,
    pub(crate) steps: BTreeMap<StepKey, StepDraft>,
    pub(crate) luns: BTreeMap<LunIx, LunDraft>,
    /// The other site has it (F4).
    pub(crate) taken: bool,
    pub(crate) aborted: bool,
    pub(crate) ended: Option<Millis>,
}

impl Move {
    pub(crate) fn new(begin: Millis, group: GroupIx, from: Side, incident: usize) -> Self {
        Self {
            incident,
            group,
            from,
            begin,
            marked: Vec::new(),
            chosen: None,
            approvals: Vec::new(),
            phases: Vec::new(),
            remarks: Vec::new(),
            latches: Vec::new(),
            asks: Vec::new(),
            vms: BTreeMap::new(),
            steps: BTreeMap::new(),
            luns: BTreeMap::new(),
            taken: false,
            aborted: false,
            ended: None,
        }
    }

    /// A phase begins at a site; the one before it there ends. Entering the same one again is going on with it.
    pub(crate) fn phase(&mut self, at: Millis, side: Side, part: Part) {
        let same_part = |p: &PhaseDraft| {
            matches!((p.part, part), (Part::Giving(_), Part::Giving(_)) | (Part::Taking(_), Part::Taking(_)))
        };
        let open = self.phases.iter_mut().rev().find(|p| p.side == side && p.end.is_none() && same_part(p));
        if let Some(open) = open {
            if open.part == part {
                return;
            }
            open.end = Some(at);
        }
        self.phases.push(PhaseDraft { side, part, start: at, end: None });
    }

    /// Everything of a site is over.
    pub(crate) fn rests(&mut self, at: Millis, side: Side) {
        for phase in self.phases.iter_mut().filter(|p| p.side == side) {
            phase.end.get_or_insert(at);
        }
    }

    /// Whether it is over once this site rests: the new owner's, where it has moved; who tried, where it has not.
    pub(crate) fn ends_with(&self, side: Side) -> bool {
        let back = |p: &PhaseDraft| p.side == side && p.part == Part::Taking(TakePhase::PuttingBack);
        match self.chosen {
            _ if self.taken => side != self.from,
            Some(chosen) if chosen.at.is_none() => side != self.from,
            Some(_) => side == self.from,
            None => side == self.from && self.phases.iter().any(back),
        }
    }

    /// Whether VMs are being started at a site.
    pub(crate) fn is_starting(&self, side: Side) -> bool {
        let starts = [Part::Taking(TakePhase::Starting), Part::Taking(TakePhase::PuttingBack)];
        self.phases.iter().any(|p| p.side == side && p.end.is_none() && starts.contains(&p.part))
    }

    /// The giving of a site is over.
    pub(crate) fn gives_up(&mut self, at: Millis, side: Side) {
        for phase in self.phases.iter_mut().filter(|p| p.side == side && matches!(p.part, Part::Giving(_))) {
            phase.end.get_or_insert(at);
        }
    }

    /// What holds it now.
    pub(crate) fn hold(&self) -> Option<Hold> {
        self.phases.iter().find_map(|p| match (p.part, p.end) {
            (Part::Giving(GivePhase::Held(hold)), None) => Some(hold),
            _ => None,
        })
    }
}
