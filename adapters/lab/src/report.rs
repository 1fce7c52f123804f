//! What a run showed.

use farshore_core::Instant;
use farshore_core::event::Event;
use farshore_core::ids::Side;
use farshore_core::policy::ErrorKind;
use farshore_core::record::{GivePhase, TakePhase};
use farshore_qemu::array::Mode;
use farshore_qemu::verdict::VmVerdict;

use crate::Scenario;

/// An event of a manager, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) when: Instant,
    pub(crate) side: Side,
    pub(crate) event: Event,
}

/// A phase of the failover.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// From the loss to the first host that sees it on every path (D2).
    Detect,
    /// Until the group of failures closes (G4).
    Group,
    /// Until the peer is ready (F1).
    Prepare,
    /// Until VMs are stopped and everything is drained and locked (F2).
    Quiesce,
    /// Until the release is decided (F3).
    Release,
    /// Until the peer has cut replication (F5).
    Cut,
    /// Until LUNs are rolled back and writable (F5).
    Promote,
    /// Until every VM is ready (F6).
    Start,
}

impl Phase {
    /// All of them, in order.
    pub const ALL: [Self; 8] =
        [Self::Detect, Self::Group, Self::Prepare, Self::Quiesce, Self::Release, Self::Cut, Self::Promote, Self::Start];

    /// Those that a scenario goes through, once; none, where time without service tells more.
    const fn of(scenario: Scenario) -> &'static [Self] {
        let [_, _, asked @ ..] = &Self::ALL;
        match scenario {
            Scenario::Lun | Scenario::Array => &Self::ALL,
            Scenario::Planned => asked,
            Scenario::Failback
            | Scenario::Test
            | Scenario::Apd
            | Scenario::Site
            | Scenario::Manager
            | Scenario::Partition
            | Scenario::Arbiter
            | Scenario::Agent => &[],
        }
    }

    /// Whether it is over when the last group is through it; with what is not a group's, the first of its kind counts.
    const fn of_each_group(self) -> bool {
        match self {
            Self::Detect | Self::Group => false,
            Self::Prepare | Self::Quiesce | Self::Release | Self::Cut | Self::Promote | Self::Start => true,
        }
    }

    /// In a word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Detect => "detect",
            Self::Group => "group",
            Self::Prepare => "prepare",
            Self::Quiesce => "stop, drain, lock",
            Self::Release => "confirm, release",
            Self::Cut => "cut",
            Self::Promote => "promote",
            Self::Start => "start VMs",
        }
    }

    /// Whether an event ends the phase.
    fn ended_by(self, side: Side, event: &Event) -> bool {
        let giving = |wanted| side == Side::One && matches!(event, Event::Giving { phase, .. } if *phase == wanted);
        let taking = |wanted| side == Side::Two && matches!(event, Event::Taking { phase, .. } if *phase == wanted);
        match self {
            Self::Detect => side == Side::One && matches!(event, Event::LossSeen { .. }),
            Self::Group => side == Side::One && matches!(event, Event::WindowClosed { .. }),
            Self::Prepare => giving(GivePhase::Quiescing),
            Self::Quiesce => giving(GivePhase::Confirming),
            Self::Release => giving(GivePhase::Released),
            Self::Cut => taking(TakePhase::Promoting),
            Self::Promote => taking(TakePhase::Starting),
            Self::Start => side == Side::Two && matches!(event, Event::Settled { .. }),
        }
    }
}

/// What a run showed.
#[derive(Clone, Debug)]
pub struct Report {
    /// How LUNs were replicated.
    pub mode: Mode,
    /// What went wrong.
    pub scenario: Scenario,
    /// Milliseconds that each phase took; a phase that was never reached is missing.
    pub phases: Vec<(Phase, u64)>,
    /// What became of each VM.
    pub vms: Vec<VmVerdict>,
    /// Moments at which both copies of a LUN were writable (I1).
    pub both_writable: Vec<String>,
    /// Alerts that were raised.
    pub alerts: Vec<Event>,
    /// What did not go as the scenario has it, in words.
    pub story: Vec<String>,
}

/// How old what is lost may be in the lab's deployment, milliseconds.
pub(crate) const RPO: u64 = 10_000;

impl Report {
    pub(crate) fn new(
        (mode, scenario): (Mode, Scenario),
        began: Instant,
        marks: &[Mark],
        vms: Vec<VmVerdict>,
        both_writable: Vec<String>,
    ) -> Self {
        let mut phases = Vec::new();
        let mut from = began;
        for &phase in Phase::of(scenario) {
            let mut ends = marks.iter().filter(|m| m.when >= from && phase.ended_by(m.side, &m.event));
            let end = if phase.of_each_group() { ends.next_back() } else { ends.next() };
            let Some(end) = end else { break };
            phases.push((phase, (end.when - from).0));
            from = end.when;
        }
        let alerts = marks.iter().filter(|m| m.when >= began).map(|m| m.event);
        let alerts = alerts.filter(|e| matches!(e, Event::Raised(_))).collect();
        let story = story(scenario, marks);
        Self { mode, scenario, phases, vms, both_writable, alerts, story }
    }

    /// Whether it is told in phases, from the beginning to the last VM.
    #[must_use]
    pub const fn has_phases(&self) -> bool {
        !Phase::of(self.scenario).is_empty()
    }

    /// From the beginning to the last VM, milliseconds; where it is not told in phases, the longest time without a record
    /// of a VM.
    #[must_use]
    pub fn total_ms(&self) -> u64 {
        if self.has_phases() {
            self.phases.iter().map(|(_, ms)| ms).sum()
        } else {
            self.vms.iter().filter_map(|vm| vm.downtime_ms).max().unwrap_or(0)
        }
    }

    /// Everything that is wrong, in words; nothing, if the run held what it promises: synchronous, no acknowledged
    /// record lost; asynchronous, none on LUNs that could be drained, and within the RPO on the one that was lost.
    #[must_use]
    pub fn wrong(&self) -> Vec<String> {
        let mut wrong: Vec<String> = self.both_writable.iter().chain(&self.story).cloned().collect();
        for vm in &self.vms {
            wrong.extend(vm.wrong.iter().map(|w| format!("{}: {w}", vm.vm)));
            let may_lose = self.mode == Mode::Asynchronous && self.scenario.may_lose(&vm.vm);
            if vm.lost > 0 && !may_lose {
                wrong.push(format!("{}: {} acknowledged records are lost", vm.vm, vm.lost));
            }
            if vm.lost_ms > RPO {
                wrong.push(format!("{}: {} ms are lost, the RPO is {RPO} ms", vm.vm, vm.lost_ms));
            }
        }
        if self.phases.len() < Phase::of(self.scenario).len() {
            wrong.push("the failover did not come to its end".into());
        }
        wrong
    }
}

/// What groups must have moved for, and how often.
const fn moves(scenario: Scenario) -> &'static [ErrorKind] {
    match scenario {
        Scenario::Lun => &[ErrorKind::LunLost],
        Scenario::Planned => &[ErrorKind::Planned],
        Scenario::Failback => &[ErrorKind::LunLost, ErrorKind::Planned],
        Scenario::Array => &[ErrorKind::DeviceLost, ErrorKind::DeviceLost],
        Scenario::Apd => &[ErrorKind::DeviceLost],
        // What is taken over moves by no plan of its owner's; what is tested does not move.
        Scenario::Test
        | Scenario::Site
        | Scenario::Partition
        | Scenario::Manager
        | Scenario::Arbiter
        | Scenario::Agent => &[],
    }
}

/// What did not go as the scenario has it: why groups moved.
fn story(scenario: Scenario, marks: &[Mark]) -> Vec<String> {
    let chosen = marks.iter().filter_map(|m| match m.event {
        Event::PlanChosen { kind, .. } => Some(kind),
        _ => None,
    });
    let (mut chosen, wanted) = (chosen.collect::<Vec<_>>(), moves(scenario));
    // Held for an operator, a failover is long under way: one whose lease lapses meanwhile is begun again.
    if scenario == Scenario::Apd {
        chosen.dedup();
    }
    if chosen == wanted { Vec::new() } else { vec![format!("groups moved for {chosen:?}, not for {wanted:?}")] }
}
