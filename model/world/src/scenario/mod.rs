//! Scenarios: a deployment, a timeline of faults and commands, and what must come of it, in a file that people write.
//!
//! A [`Scenario`] runs in virtual time on the one [`World`](crate::World) there is: everything that is under way gets a due time by a
//! seed, and whatever is due first happens next. The same seed is the same run. `docs/scenario-format.md` describes the
//! file.

mod error;
mod expect;
mod file;
mod flight;
mod history;
mod kinds;
mod ledger;
mod names;
mod replay;
mod run;
mod timeline;
mod whatif;

use std::collections::BTreeSet;
use std::path::Path;

use farshore_core::ids::{GroupIx, LunIx, Side};
use farshore_core::input::Command;
use farshore_core::spec::Deployment;
use farshore_core::time::Millis;

pub use error::{LinkError, ScenarioError};
pub use expect::Verdict;
pub use file::{Between, Delays, Guests, Operations, Replication};
pub use flight::Pace;
pub use history::{AlertStory, Entry, History, Stay, Tenure, VmStory, What};
pub use kinds::{AlertKind, Verb};
pub use ledger::{Ledger, Line, Noted};
pub use run::Run;
pub use whatif::WhatIf;

use crate::config;
use crate::reports::{GONE, Says};
use crate::scope::{Budgets, Fault, Order, Scope, Store};
use crate::setup::{Clock, Setup};
use error::Nonsense;
use expect::Expectation;
use file::{File, Place};
use names::Names;
use timeline::{Act, Planned};

/// How long a scenario goes on after its last event, where it does not say.
const AFTERWARDS: Millis = Millis::secs(300);

/// A scenario that makes sense and can run.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its title.
    pub title: String,
    /// What it is about.
    pub about: String,
    /// The file that it was read from.
    pub file: String,
    /// The deployment, and the world that it makes.
    pub setup: Setup,
    /// How long it runs.
    pub until: Millis,
    /// Groups that are protected when it begins.
    pub protect: Vec<GroupIx>,
    pace: Pace,
    events: Vec<Planned>,
    expects: Vec<Expectation>,
    /// Commands that protect these groups, as positions in the scope's orders.
    beginning: Vec<u32>,
}

impl Scenario {
    /// Reads a scenario file, and the deployment file that it names.
    ///
    /// # Errors
    /// What is wrong, where, and what to do about it.
    pub fn read(path: &Path) -> Result<Self, ScenarioError> {
        let text = open(path)?;
        Self::parse(&text, &path.display().to_string(), path.parent().unwrap_or(Path::new("")))
    }

    /// Reads a scenario from its text; a deployment file that it names is looked for in `folder`.
    ///
    /// # Errors
    /// What is wrong, where, and what to do about it.
    pub fn parse(text: &str, file: &str, folder: &Path) -> Result<Self, ScenarioError> {
        let parsed: File = config::parse(text, file)?;
        let (deployment, deployment_file) = match parsed.deployment.clone() {
            Place::Inline(deployment) => (*deployment, file.to_string()),
            Place::File(name) => {
                let path = folder.join(&name);
                let name = path.display().to_string();
                (config::deployment(&open(&path)?, &name)?, name)
            }
        };
        let setup = |scope: Scope| {
            let failed = |why| ScenarioError::Deployment { file: deployment_file.clone(), why: Box::new(why) };
            Setup::new(scope, Clock::Real).map_err(failed)
        };
        let scope = |deployment: Deployment, orders, faults| Scope {
            prelude: Vec::new(),
            name: file.into(),
            prose: parsed.title.clone(),
            deployment_name: deployment_file.clone(),
            deployment,
            budgets: Budgets::NONE,
            faults,
            orders,
        };
        // Names are looked up in the inventory; the commands found there are part of what the world is set up with.
        let first = setup(scope(deployment.clone(), Vec::new(), Vec::new()))?;
        let within = |nonsense: Nonsense| nonsense.within(file, text);
        let protect = protected(&first, &parsed).map_err(within)?;
        let third = first.site(Side::One).policy.arbiter.is_some();
        let events = parsed.events.iter().map(|e| (e.span(), e.get_ref().clone())).collect();
        let events = timeline::plan(first.inventory(), third, events).map_err(within)?;
        let expects = parsed.expects.iter().map(|e| (e.span(), e.get_ref().clone())).collect();
        let expects = expect::resolve(first.inventory(), expects).map_err(within)?;
        let (orders, beginning) = orders(&first, &protect, &events);
        let faults = faults(&events);
        let latest = events.iter().map(|e| e.at).max().unwrap_or_default() + AFTERWARDS;
        let by = expects.iter().filter_map(Expectation::by).max().unwrap_or_default();
        let pace = Pace {
            guests: parsed.guests,
            delays: parsed.delays,
            operations: parsed.operations,
            replication: parsed.replication,
        };
        Ok(Self {
            title: parsed.title.clone(),
            about: parsed.about.clone(),
            file: file.into(),
            until: parsed.until.map_or(latest.max(by), |u| u.0),
            protect,
            pace,
            events,
            expects,
            beginning,
            setup: setup(scope(deployment, orders, faults))?,
        })
    }

    /// Copies that its events lose, each once.
    #[must_use]
    pub fn losses(&self) -> Vec<(Side, LunIx)> {
        let inventory = self.setup.inventory();
        let mut lost = BTreeSet::new();
        for event in &self.events {
            let Act::Faults(faults) = &event.act else { continue };
            for fault in faults {
                match *fault {
                    Fault::LoseLun(side, lun) => lost.extend([(side, lun)]),
                    Fault::LoseArray(array) => {
                        let array = &inventory.arrays[array];
                        lost.extend(array.luns.iter().map(|&l| (array.side, l)));
                    }
                    _ => {}
                }
            }
        }
        lost.into_iter().collect()
    }

    /// Runs it with delays drawn from a seed, to its end or to this time.
    ///
    /// # Errors
    /// It can't begin: a group can't be protected.
    pub fn run(&self, seed: u64, until: Option<Millis>) -> Result<Run, ScenarioError> {
        run::run(self, seed, until)
    }
}

fn open(path: &Path) -> Result<String, ScenarioError> {
    std::fs::read_to_string(path).map_err(|why| ScenarioError::Open { path: path.into(), why })
}

/// The groups that are protected when the scenario begins.
fn protected(setup: &Setup, file: &File) -> Result<Vec<GroupIx>, Nonsense> {
    match &file.protect {
        None => Ok(setup.inventory().groups.indices().collect()),
        Some(list) => {
            let span = list.span();
            let names = Names::new(setup.inventory(), &span);
            list.get_ref().iter().map(|name| names.group(name)).collect()
        }
    }
}

/// Every command of the scenario, and the positions of those that protect.
fn orders(setup: &Setup, protect: &[GroupIx], events: &[Planned]) -> (Vec<Order>, Vec<u32>) {
    let groups = &setup.inventory().groups;
    let mut orders = Vec::new();
    for side in Side::BOTH {
        let keys: Vec<_> = protect.iter().map(|&g| &groups[g]).filter(|g| g.home == side).map(|g| g.key).collect();
        if !keys.is_empty() {
            orders.push(Order { side, command: Command::Protect(keys), times: 1 });
        }
    }
    let beginning = (0..).take(orders.len()).collect();
    for event in events {
        if let Act::Order(sides, command) = &event.act {
            orders.extend(sides.iter().map(|&side| Order { side, command: command.clone(), times: u8::MAX }));
        }
    }
    (orders, beginning)
}

/// Every fault of the scenario: a trace names faults, and only these can be found again.
fn faults(events: &[Planned]) -> Vec<(Fault, u8)> {
    let mut faults = Vec::new();
    for event in events {
        match &event.act {
            Act::Faults(list) => faults.extend(list),
            Act::HangGuest(side, vm) => faults.push(Fault::HangGuest(*side, *vm)),
            Act::Repeat(hosts, lun, _, _) => {
                for &host in hosts {
                    faults.extend([Says::Truth, Says::Healthy, GONE].map(|says| Fault::Path(host, *lun, None, says)));
                }
            }
            Act::Return(side) => faults.push(Fault::Restore(Store::Journal(*side))),
            Act::Keep(store) => faults.push(Fault::Keep(*store)),
            Act::Flap { wires, .. } => faults.extend(wires.iter().flat_map(|&w| [Fault::Cut(w), Fault::Mend(w)])),
            Act::Crash(..) | Act::Restart(_) | Act::Disturb(_) | Act::Calm | Act::Order(..) => {}
        }
    }
    faults.sort_unstable();
    faults.dedup();
    faults.into_iter().map(|fault| (fault, u8::MAX)).collect()
}
