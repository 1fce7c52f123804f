//! What happened in a run: the timeline, and what became of every VM, group and alert.

use farshore_core::event::{Alert, Event};
use farshore_core::ids::{Epoch, GroupIx, GroupKey, HostIx, Index, LunIx, Side, StepKey, VmIx};
use farshore_core::record::{Latch, StepVerdict, TestPhase};
use farshore_core::time::{Instant, Millis};

use super::ledger::Ledger;
use crate::action::{Happening, Outcome};
use crate::disk::missing;
use crate::setup::Setup;
use crate::world::World;

/// One line of the timeline.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When, from the beginning of the scenario.
    pub at: Millis,
    /// At which site, where it is one.
    pub side: Option<Side>,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum What {
    /// The scenario did something, in words.
    Story(String),
    /// A manager told people.
    Event(Event),
    /// The world changed.
    Happening(Happening),
    /// A VM lost its disks, hangs, or is off: it serves nobody.
    Down(VmIx),
    /// A VM serves again.
    Serving(VmIx),
    /// The operator's command was not taken, with the reason.
    Rejected(String),
}

/// What became of a VM.
#[derive(Clone, Debug, Default)]
pub struct VmStory {
    /// Where it ran, in order.
    pub stays: Vec<Stay>,
    /// When it served nobody, in order; `None`: until the end.
    pub down: Vec<(Millis, Option<Millis>)>,
    /// Acknowledged writes that were given up.
    pub lost: u32,
    /// How many writes that its owner lacks are in snapshots of the old owner's copies, at the end; `None`: there are none
    /// (F8).
    pub kept: Option<u32>,
}

impl VmStory {
    /// How long it served nobody, in a run of this length.
    #[must_use]
    pub fn downtime(&self, end: Millis) -> Millis {
        let span = |&(from, to): &(Millis, Option<Millis>)| to.unwrap_or(end).0.saturating_sub(from.0);
        Millis(self.down.iter().map(span).sum())
    }

    /// Whether it serves nobody at the end.
    #[must_use]
    pub fn is_down(&self) -> bool {
        self.down.last().is_some_and(|(_, to)| to.is_none())
    }
}

/// A VM ran on a host for a while.
#[derive(Clone, Copy, Debug)]
pub struct Stay {
    /// The site.
    pub side: Side,
    /// The host.
    pub host: HostIx,
    /// From when.
    pub from: Millis,
    /// Until when; `None`: until the end.
    pub until: Option<Millis>,
}

/// Who might run a group, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tenure {
    /// Since when.
    pub from: Millis,
    /// The site; `None`: neither, between release and takeover.
    pub owner: Option<Side>,
    /// The epoch.
    pub epoch: Epoch,
}

/// An alert, and how long it stood.
#[derive(Clone, Copy, Debug)]
pub struct AlertStory {
    /// Raised by the manager of this site.
    pub side: Side,
    /// The alert.
    pub alert: Alert,
    /// When.
    pub from: Millis,
    /// When it was over; `None`: it stands at the end.
    pub until: Option<Millis>,
}

/// Everything that happened.
#[derive(Clone, Debug)]
pub struct History {
    /// When the scenario began, on the world's clock.
    begin: Instant,
    /// The timeline.
    pub entries: Vec<Entry>,
    /// By VM.
    pub vms: Vec<VmStory>,
    /// By group.
    pub groups: Vec<Vec<Tenure>>,
    /// Alerts, in order of their raising.
    pub alerts: Vec<AlertStory>,
    /// Starts of VMs, in order.
    pub starts: Vec<(Millis, Side, VmIx)>,
    /// Ends of VMs, in order.
    pub stops: Vec<(Millis, Side, VmIx)>,
    /// Steps of plans that are behind, in order.
    pub steps: Vec<(Millis, GroupKey, StepKey, StepVerdict)>,
    /// Phases of tests, in order; `None`: nothing of it is left.
    pub tests: Vec<(Millis, GroupKey, Option<TestPhase>)>,
    /// Why each group waits for an operator at each site, at the end.
    pub latches: Vec<(GroupIx, Side, Latch)>,
    /// What a report needs besides.
    pub ledger: Ledger,
}

impl History {
    /// What is the case at the beginning.
    pub(crate) fn begin(setup: &Setup, world: &World) -> Self {
        let inventory = setup.inventory();
        let mut history = Self {
            begin: world.now,
            entries: Vec::new(),
            vms: vec![VmStory::default(); inventory.vms.len()],
            groups: vec![Vec::new(); inventory.groups.len()],
            alerts: Vec::new(),
            starts: Vec::new(),
            stops: Vec::new(),
            steps: Vec::new(),
            tests: Vec::new(),
            latches: Vec::new(),
            ledger: Ledger::default(),
        };
        for v in inventory.vms.indices() {
            for side in Side::BOTH {
                if let Some(host) = world.vms[v.at()].at[side.at()].on {
                    history.vms[v.at()].stays.push(Stay { side, host, from: Millis::ZERO, until: None });
                }
            }
        }
        history.look(setup, world);
        history.entries.clear();
        history.ledger.lines.clear();
        history
    }

    /// Time since the beginning.
    pub(crate) fn time(&self, now: Instant) -> Millis {
        now - self.begin
    }

    pub(crate) fn say(&mut self, world: &World, side: Option<Side>, what: What) {
        let at = self.time(world.now);
        self.entries.push(Entry { at, side, what });
    }

    /// Takes in what an action did.
    pub(crate) fn note(&mut self, setup: &Setup, world: &World, outcome: &Outcome) {
        for happening in &outcome.happened {
            self.ledger.happened(setup, world, (self.time(world.now), self.entries.len()), *happening);
            self.happened(world, *happening);
        }
        for (side, event) in &outcome.events {
            self.event(world, *side, *event);
        }
        self.look(setup, world);
    }

    fn happened(&mut self, world: &World, happening: Happening) {
        let at = self.time(world.now);
        let side = match happening {
            Happening::Started(side, vm, host) => {
                self.vms[vm.at()].stays.push(Stay { side, host, from: at, until: None });
                self.starts.push((at, side, vm));
                Some(side)
            }
            Happening::Stopped(side, vm) => {
                let open = self.vms[vm.at()].stays.iter_mut().find(|s| s.side == side && s.until.is_none());
                if let Some(stay) = open {
                    stay.until = Some(at);
                    self.stops.push((at, side, vm));
                }
                Some(side)
            }
            // A LUN that is lost is told as lost.
            Happening::Writable(side, lun, false) if !world.luns[lun.at()].at(side).is_some_and(|c| c.present) => {
                return;
            }
            Happening::Writable(side, _, _) => Some(side),
            Happening::WritesLost(vm, writes) => {
                self.vms[vm.at()].lost += writes;
                None
            }
        };
        self.say(world, side, What::Happening(happening));
    }

    fn event(&mut self, world: &World, side: Side, event: Event) {
        let at = self.time(world.now);
        let standing = |a: &AlertStory, alert: Alert| a.side == side && a.alert == alert && a.until.is_none();
        match event {
            Event::Raised(alert) => {
                if self.alerts.iter().any(|a| standing(a, alert)) {
                    return;
                }
                self.alerts.push(AlertStory { side, alert, from: at, until: None });
            }
            Event::Cleared(alert) => {
                if let Some(a) = self.alerts.iter_mut().find(|a| standing(a, alert)) {
                    a.until = Some(at);
                }
            }
            Event::StepOver { group, step, verdict } => self.steps.push((at, group, step, verdict)),
            Event::Testing { group, phase } => self.tests.push((at, group, Some(phase))),
            Event::TestCleared { group } => self.tests.push((at, group, None)),
            _ => {}
        }
        self.say(world, Some(side), What::Event(event));
    }

    /// Sees what changed that no outcome tells.
    fn look(&mut self, setup: &Setup, world: &World) {
        let at = self.time(world.now);
        self.ledger.look(setup, world, at, self.entries.len());
        for v in setup.inventory().vms.indices() {
            let serves = Side::BOTH.into_iter().any(|s| world.can_write(setup, s, v));
            let down = self.vms[v.at()].is_down();
            match (serves, down) {
                (false, false) => {
                    self.vms[v.at()].down.push((at, None));
                    self.entries.push(Entry { at, side: None, what: What::Down(v) });
                }
                (true, true) => {
                    if let Some(last) = self.vms[v.at()].down.last_mut() {
                        last.1 = Some(at);
                    }
                    self.entries.push(Entry { at, side: None, what: What::Serving(v) });
                }
                _ => {}
            }
        }
        for g in setup.inventory().groups.indices() {
            let owner = world.active(setup, g);
            let sites = owner.map_or_else(|| Side::BOTH.to_vec(), |s| vec![s]);
            let epochs = sites.into_iter().filter_map(|s| world.record(setup, s, g));
            let epoch = epochs.map(|r| r.authority.epoch()).max().unwrap_or(Epoch::FIRST);
            let tenures = &mut self.groups[g.at()];
            if tenures.last().is_none_or(|t| t.owner != owner || t.epoch != epoch) {
                tenures.push(Tenure { from: at, owner, epoch });
            }
        }
    }

    /// What is the case at the end.
    pub(crate) fn end(&mut self, setup: &Setup, world: &World) {
        for (v, vm) in setup.inventory().vms.iter() {
            // As each disk holds each write: the least that any of them keeps.
            self.vms[v.at()].kept = vm.luns.iter().filter_map(|&l| kept(setup, world, l, v)).min();
        }
        for g in setup.inventory().groups.indices() {
            for side in Side::BOTH {
                if let Some(latch) = world.record(setup, side, g).and_then(|r| r.latch) {
                    self.latches.push((g, side, latch));
                }
            }
        }
    }
}

/// Writes of a VM that a kept tail of a LUN holds and the other site's copy does not.
fn kept(setup: &Setup, world: &World, lun: LunIx, vm: VmIx) -> Option<u32> {
    let slot = setup.slot(lun, vm)?;
    let state = &world.luns[lun.at()];
    let of = |side: Side| {
        let tail = state.at(side)?.tail.as_ref()?;
        Some(missing(&state.at(side.peer())?.content.writes[slot], &tail.content.writes[slot]))
    };
    Side::BOTH.into_iter().filter_map(of).max()
}
