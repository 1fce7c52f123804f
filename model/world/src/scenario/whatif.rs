//! A deployment and one failure, and nothing else: what would the managers do?

use farshore_core::ids::{ArrayIx, GroupIx, LunIx, Side};
use farshore_core::input::Command;
use farshore_core::spec::Deployment;
use farshore_core::time::Millis;

use super::error::{Nonsense, ScenarioError};
use super::file::Between;
use super::flight::Pace;
use super::names::Names;
use super::timeline::{Act, Planned};
use super::{Scenario, faults, orders};
use crate::scope::{Budgets, Fault, Scope};
use crate::setup::{Clock, Setup};

/// Long enough for what follows from one failure.
const UNTIL: Millis = Millis::secs(3 * 3600);

/// When it happens: asynchronous copies have had a few cycles by then, so that their lag is known.
const AT: Millis = Millis::secs(600);

/// What happens, some time after everything is protected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WhatIf {
    /// These copies are lost for good, at once. None: nothing happens.
    Copies(Vec<(Side, LunIx)>),
    /// A site goes dark: power, hosts, arrays, manager, agent.
    Site(Side),
    /// An operator moves a group, and nothing is lost (F8).
    Migrate(GroupIx),
}

impl WhatIf {
    /// When it happens.
    #[must_use]
    pub const fn at() -> Millis {
        AT
    }
}

impl Scenario {
    /// A scenario in which one thing happens, and nothing else. Groups with a VM that is not mapped to the other site are
    /// left unprotected; guests do not write.
    ///
    /// # Errors
    /// What is wrong with the deployment.
    pub fn what_if(deployment: Deployment, file: &str, what: &WhatIf) -> Result<Self, ScenarioError> {
        let scope = |deployment, orders, faults| Scope {
            prelude: Vec::new(),
            name: file.into(),
            prose: String::new(),
            deployment_name: file.into(),
            deployment,
            budgets: Budgets::NONE,
            faults,
            orders,
        };
        let failed = |why| ScenarioError::Deployment { file: file.into(), why: Box::new(why) };
        let first = Setup::new(scope(deployment.clone(), Vec::new(), Vec::new()), Clock::Real).map_err(failed)?;
        let inventory = first.inventory();
        let mapped = |g: &GroupIx| {
            let group = &inventory.groups[*g];
            group.vms.iter().all(|&v| inventory.vms[v].place[group.home.peer().at()].is_some())
        };
        let protect: Vec<GroupIx> = inventory.groups.indices().filter(mapped).collect();
        let act = match what {
            WhatIf::Copies(lost) => Act::Faults(lost.iter().map(|&(side, lun)| Fault::LoseLun(side, lun)).collect()),
            WhatIf::Site(side) => Act::Faults(vec![Fault::LoseSite(*side)]),
            WhatIf::Migrate(group) => {
                let group = &inventory.groups[*group];
                Act::Order(vec![group.home], Command::Migrate(group.key))
            }
        };
        let words = String::from("what is asked about happens");
        let events = vec![Planned { at: AT, words, side: None, act }];
        let (orders, beginning) = orders(&first, &protect, &events);
        let faults = faults(&events);
        let mut pace = Pace::default();
        pace.guests.write_every = Between::ms(0, 0);
        Ok(Self {
            title: String::new(),
            about: String::new(),
            file: file.into(),
            until: UNTIL,
            protect,
            pace,
            events,
            expects: Vec::new(),
            beginning,
            setup: Setup::new(scope(deployment, orders, faults), Clock::Real).map_err(failed)?,
        })
    }

    /// The home copy of the LUN of this name.
    ///
    /// # Errors
    /// There is none; the name that was probably meant.
    pub fn lun(&self, name: &str) -> Result<(Side, LunIx), ScenarioError> {
        let inventory = self.setup.inventory();
        let found = Names::new(inventory, &(0..0)).lun(name);
        let lun = found.map_err(Nonsense::of_name)?;
        Ok((inventory.luns[lun].home, lun))
    }

    /// The array of this name.
    ///
    /// # Errors
    /// There is none; the name that was probably meant.
    pub fn array(&self, name: &str) -> Result<ArrayIx, ScenarioError> {
        Names::new(self.setup.inventory(), &(0..0)).array(name).map_err(Nonsense::of_name)
    }

    /// The site of this name.
    ///
    /// # Errors
    /// There is none; the name that was probably meant.
    pub fn site(&self, name: &str) -> Result<Side, ScenarioError> {
        Names::new(self.setup.inventory(), &(0..0)).site(name).map_err(Nonsense::of_name)
    }

    /// The group of this name.
    ///
    /// # Errors
    /// There is none; the name that was probably meant.
    pub fn group(&self, name: &str) -> Result<GroupIx, ScenarioError> {
        Names::new(self.setup.inventory(), &(0..0)).group(name).map_err(Nonsense::of_name)
    }
}
