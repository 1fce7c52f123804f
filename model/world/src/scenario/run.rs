//! Running a scenario in virtual time: whatever is due first happens next.

use std::collections::{BTreeMap, BTreeSet};

use farshore_core::ids::{GroupIx, HostIx, Index, LunIx, Side, VmIx};
use farshore_core::input::Command;
use farshore_core::record::{Protection, Work};
use farshore_core::time::{Instant, Millis};

use super::Scenario;
use super::error::ScenarioError;
use super::expect::Verdict;
use super::file::Between;
use super::flight::Flights;
use super::history::{History, What};
use super::timeline::Act;
use crate::action::{Action, Outcome};
use crate::host::Guest;
use crate::properties::Violation;
use crate::reports::{GONE, Report, Says};
use crate::scope::{Fault, Store, Wire};
use crate::setup::Setup;
use crate::world::World;

/// Protecting everything takes at most this long; after that something stands in the way.
const PROTECTING: Millis = Millis::secs(24 * 3600);
/// So many actions in a row at one instant: nothing goes on any more.
const AT_ONCE: u32 = 1_000_000;

/// What came of a scenario.
#[derive(Clone, Debug)]
pub struct Run {
    /// The seed that delays were drawn with.
    pub seed: u64,
    /// How long it ran, from its beginning.
    pub end: Millis,
    /// What happened.
    pub history: History,
    /// What was expected, and whether it came.
    pub verdicts: Vec<Verdict>,
    /// A property of the protocol that was broken. The run ended there.
    pub broken: Option<Violation>,
    /// Every action from the very first, protecting included: what replays it.
    pub actions: Vec<Action>,
    /// How many of these came before the scenario began.
    pub before: usize,
}

impl Run {
    /// Whether every expectation was met and nothing broken.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.broken.is_none() && self.verdicts.iter().all(|v| v.met)
    }
}

/// Something on the agenda: what is told of it, where, and what is done.
type Item = (Option<String>, Option<Side>, Act);

/// A run that is going on.
struct Runner<'a> {
    setup: &'a Setup,
    world: World,
    flights: Flights,
    history: Option<History>,
    agenda: BTreeMap<(Millis, usize), Item>,
    begin: Instant,
    hung: BTreeSet<(Side, VmIx)>,
    actions: Vec<Action>,
    broken: Option<Violation>,
    at_once: u32,
    before: usize,
}

/// Runs a scenario to its end, or to the first broken property.
pub(crate) fn run(scenario: &Scenario, seed: u64, until: Option<Millis>) -> Result<Run, ScenarioError> {
    let setup = &scenario.setup;
    let mut runner = Runner {
        setup,
        world: World::cold(setup),
        flights: Flights::new(setup, scenario.pace, seed),
        history: None,
        agenda: BTreeMap::new(),
        begin: Instant(0),
        hung: BTreeSet::new(),
        actions: Vec::new(),
        broken: None,
        at_once: 0,
        before: 0,
    };
    runner.protect(scenario)?;
    runner.begin = runner.world.now;
    runner.before = runner.actions.len();
    runner.history = Some(History::begin(setup, &runner.world));
    for planned in &scenario.events {
        runner.plan(planned.at, Some(planned.words.clone()), planned.side, planned.act.clone());
    }
    let end = until.unwrap_or(scenario.until);
    runner.go_on(runner.begin + end);
    let history = runner.history.take().unwrap_or_else(|| History::begin(setup, &runner.world));
    let Runner { world, broken, actions, before, .. } = runner;
    Ok(Run { seed, actions, before, ..judged(scenario, &world, history, broken) })
}

/// What came of it, once it has ended.
pub(crate) fn judged(scenario: &Scenario, world: &World, mut history: History, broken: Option<Violation>) -> Run {
    let end = history.time(world.now);
    history.end(&scenario.setup, world);
    let judged = scenario.expects.iter().map(|e| e.judge(scenario.setup.inventory(), &history, end));
    Run { seed: 0, end, verdicts: judged.collect(), history, broken, actions: Vec::new(), before: 0 }
}

impl Runner<'_> {
    /// Both managers start, and every group that is to be protected is.
    fn protect(&mut self, scenario: &Scenario) -> Result<(), ScenarioError> {
        for side in Side::BOTH {
            self.act(Action::Restart(side));
        }
        let mut waiting: Vec<u32> = scenario.beginning.clone();
        while self.world.now < Instant(0) + PROTECTING && self.broken.is_none() {
            // Commands are rejected until the managers have spoken to each other.
            waiting.retain(|&order| !self.act(Action::Order(order)).applied);
            if waiting.is_empty() && self.flights.is_quiet() && scenario.protect.iter().all(|&g| self.is_protected(g)) {
                return Ok(());
            }
            self.go_on(self.world.now + Millis(250));
        }
        let inventory = self.setup.inventory();
        let open = scenario.protect.iter().filter(|&&g| !self.is_protected(g));
        let groups = open.map(|&g| self.why_not(g, &inventory.groups[g].name)).collect();
        Err(ScenarioError::Unprotected { file: scenario.file.clone(), groups })
    }

    fn is_protected(&self, group: GroupIx) -> bool {
        let settled = |side: Side| {
            let record = self.world.record(self.setup, side, group);
            record.is_some_and(|r| r.protection == Protection::Protected && r.work == Work::Idle)
        };
        Side::BOTH.into_iter().all(settled)
    }

    fn why_not(&self, group: GroupIx, name: &str) -> String {
        if let Some(broken) = &self.broken {
            return format!("{name} ({}: {})", broken.property, broken.what);
        }
        let inventory = self.setup.inventory();
        let info = &inventory.groups[group];
        let unmapped = info.vms.iter().find(|&&v| inventory.vms[v].place[info.home.peer().at()].is_none());
        match unmapped {
            Some(&v) => format!("{name} (VM {} has no inventory mapping)", inventory.vms[v].name),
            None => format!("{name} (replication does not become complete)"),
        }
    }

    /// Carries out an action, with all that is noted of it.
    fn act(&mut self, action: Action) -> Outcome {
        self.flights.about_to(action);
        let outcome = self.world.apply(self.setup, action);
        if !outcome.applied {
            return outcome;
        }
        self.actions.push(action);
        if let Some(history) = &mut self.history {
            history.note(self.setup, &self.world, &outcome);
        }
        if let Err(violation) = self.world.check(self.setup) {
            self.broken.get_or_insert(violation);
        }
        self.hang_guests();
        self.flights.refresh(self.setup, &self.world);
        outcome
    }

    /// Guests that never become ready hang as soon as they boot.
    fn hang_guests(&mut self) {
        for (side, vm) in self.hung.clone() {
            if self.world.vms[vm.at()].at[side.at()].guest == Guest::Booting {
                let action = Action::Fault(Fault::HangGuest(side, vm));
                if self.world.apply(self.setup, action).applied {
                    self.actions.push(action);
                }
            }
        }
    }

    /// Goes on until a time.
    fn go_on(&mut self, until: Instant) {
        while self.broken.is_none() {
            let now = self.world.now;
            let event = self.agenda.keys().next().map(|&(at, _)| self.begin + at);
            let due = self.flights.next(self.setup, &self.world);
            let deadline = self.world.next_deadline(self.setup);
            let next = [event, due.map(|d| d.at), deadline].into_iter().flatten().min().unwrap_or(until).max(now);
            if next > until {
                self.act(Action::AdvanceTo(until));
                return;
            }
            self.at_once = if next > now { 0 } else { self.at_once + 1 };
            if self.at_once > AT_ONCE {
                let what = "things happen without end at one instant".into();
                self.broken.get_or_insert(Violation { property: "L5", what });
                return;
            }
            if next > now || deadline.is_some_and(|d| d <= now) {
                if next == until && next == now && deadline.is_none_or(|d| d > now) {
                    return;
                }
                self.act(Action::AdvanceTo(next));
                continue;
            }
            if event.is_some_and(|e| e <= now) {
                self.event();
            } else if let Some(due) = due.filter(|d| d.at <= now) {
                self.act(due.action);
            } else {
                return;
            }
        }
    }

    fn plan(&mut self, at: Millis, words: Option<String>, side: Option<Side>, act: Act) {
        let number = self.agenda.len() + self.actions.len();
        self.agenda.insert((at, number), (words, side, act));
    }

    fn say(&mut self, side: Option<Side>, what: What) {
        if let Some(history) = &mut self.history {
            history.say(&self.world, side, what);
        }
    }

    /// The next thing on the agenda happens.
    fn event(&mut self) {
        let Some((_, (words, side, act))) = self.agenda.pop_first() else { return };
        if let Some(words) = words {
            self.say(side, What::Story(words));
        }
        let now = self.world.now - self.begin;
        match act {
            Act::Faults(faults) => {
                for fault in faults {
                    self.act(Action::Fault(fault));
                    if let Fault::ReturnSite(side) = fault {
                        self.act(Action::Restart(side));
                    }
                }
            }
            Act::HangGuest(side, vm) => {
                self.hung.insert((side, vm));
                self.hang_guests();
            }
            Act::Crash(side, again) => {
                self.act(Action::Crash { side, kept: false, mute: false });
                if let Some(again) = again {
                    let site = &self.setup.inventory().sites[side.at()].name;
                    let words = format!("the manager of {site} starts again");
                    self.plan(Millis(now.0 + again.0), Some(words), Some(side), Act::Restart(side));
                }
            }
            Act::Restart(side) => drop(self.act(Action::Restart(side))),
            Act::Return(side) => {
                self.act(Action::Crash { side, kept: false, mute: false });
                self.act(Action::Fault(Fault::Restore(Store::Journal(side))));
                self.act(Action::Restart(side));
            }
            Act::Keep(store) => drop(self.act(Action::Fault(Fault::Keep(store)))),
            Act::Flap { wires, down, up, times } => self.flap(wires, down, up, times),
            Act::Repeat(hosts, lun, times, pause) => {
                hosts.iter().for_each(|&h| self.repeat(h, lun));
                if times > 1 {
                    self.plan(Millis(now.0 + pause.0), None, None, Act::Repeat(hosts, lun, times - 1, pause));
                }
            }
            Act::Disturb(disturbance) => self.flights.disturbances.push(disturbance),
            Act::Calm => {
                self.flights.calm(self.world.now);
                self.hung.clear();
            }
            Act::Order(sides, command) => self.order(&sides, &command),
        }
    }

    /// Wires break, heal after a while, and perhaps break again.
    fn flap(&mut self, wires: Vec<Wire>, down: Between, up: Between, times: u32) {
        let now = self.world.now - self.begin;
        let healed = Millis(now.0 + self.flights.draw(down));
        let again = Millis(healed.0 + self.flights.draw(up));
        for &wire in &wires {
            self.act(Action::Fault(Fault::Cut(wire)));
        }
        self.plan(healed, None, None, Act::Faults(wires.iter().copied().map(Fault::Mend).collect()));
        if times > 1 {
            self.plan(again, None, None, Act::Flap { wires, down, up, times: times - 1 });
        }
    }

    /// A host reports once more what it has reported.
    fn repeat(&mut self, host: HostIx, lun: LunIx) {
        let side = self.setup.inventory().hosts[host].side;
        let copy = self.world.luns[lun.at()].at(side);
        let Some((copy, paths)) = copy.and_then(|c| Some((c, c.paths(self.setup, lun, host)?))) else { return };
        let (present, report, says) = (copy.present, paths.report, paths.says.first().copied());
        if report == Report::Quiet {
            // The same answer in another form, so that the host has something to say.
            let again = match says {
                Some(Says::Truth) if present => Says::Healthy,
                Some(Says::Truth) => GONE,
                _ => Says::Truth,
            };
            self.act(Action::Fault(Fault::Path(host, lun, None, again)));
        }
        self.act(Action::Report { host, lun });
    }

    fn order(&mut self, sides: &[Side], command: &Command) {
        let mut why = String::new();
        for &side in sides {
            let orders = &self.setup.scope.orders;
            let Some(at) = orders.iter().position(|o| o.side == side && o.command == *command) else { continue };
            let before = self.history.as_ref().map(|h| (h.time(self.world.now), h.entries.len()));
            let outcome = self.act(Action::Order(u32::try_from(at).unwrap_or(u32::MAX)));
            if outcome.applied {
                if let (Some(history), Some((now, after))) = (&mut self.history, before) {
                    history.ledger.ordered(now, after, side, command.clone());
                }
                return;
            }
            let reason = outcome.rejected.map_or_else(|| "its manager is down".into(), |r| r.to_string());
            if !why.is_empty() {
                why.push_str("; ");
            }
            let site = &self.setup.inventory().sites[side.at()].name;
            why.push_str(&format!("{site}: {reason}"));
        }
        self.say(None, What::Rejected(why));
    }
}
