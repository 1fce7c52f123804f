//! Where explorations begin: protected, with VMs running, by the ordinary way there.

use std::collections::BTreeMap;

use farshore_core::ids::{GroupKey, Side};
use farshore_core::input::Command;

use crate::action::{Action, Outcome};
use crate::drive::Drive;
use crate::properties::Violation;
use crate::setup::Setup;
use crate::world::World;

/// Actions that starting and protecting may take, per object.
const LIMIT: usize = 1_000;

impl World {
    /// Both managers started for the first time, nothing protected, with the scope's budgets.
    ///
    /// # Errors
    /// What went wrong.
    pub fn started(setup: &Setup) -> Result<Self, Violation> {
        let mut world = Self::cold(setup);
        for side in Side::BOTH {
            world.apply(setup, Action::Restart(side));
            world.check(setup)?;
        }
        world.rest(setup, |_| true)?;
        Ok(world.with_budgets(setup))
    }

    /// Every group protected by its home site, VMs running, nothing under way, with the scope's budgets. Groups with a
    /// LUN that has no replica stay as they are.
    ///
    /// # Errors
    /// What went wrong, or that it does not get there.
    pub fn protected(setup: &Setup) -> Result<Self, Violation> {
        let mut world = Self::started(setup)?.without_budgets();
        let inventory = setup.inventory();
        let mut groups: BTreeMap<Side, Vec<GroupKey>> = BTreeMap::new();
        for (_, group) in inventory.groups.iter() {
            if group.luns.iter().all(|&l| inventory.luns[l].ends.iter().all(Option::is_some)) {
                groups.entry(group.home).or_default().push(group.key);
            }
        }
        for (&side, keys) in &groups {
            let mut out = Outcome::default();
            let mut drive = Drive::new(&mut world, setup, &mut out);
            let done = drive.command(side, Command::Protect(keys.clone()));
            drive.run();
            done.map_err(|why| Violation { property: "P1", what: why.to_string() })?;
        }
        let protected = |world: &Self| {
            groups.iter().all(|(&side, keys)| {
                let record = |key| world.node(side).record(key);
                keys.iter().all(|&key| {
                    record(key).is_some_and(|r| {
                        r.protection == farshore_core::record::Protection::Protected
                            && r.work == farshore_core::record::Work::Idle
                    })
                })
            })
        };
        world.rest(setup, protected)?;
        world.walk(setup)?;
        Ok(world.with_budgets(setup))
    }

    /// Goes on by itself until nothing happens any more and `done`.
    fn rest(&mut self, setup: &Setup, done: impl Fn(&Self) -> bool) -> Result<(), Violation> {
        let inventory = setup.inventory();
        let limit = LIMIT * (inventory.luns.len() + inventory.vms.len() + inventory.groups.len());
        let mut left = limit;
        while left > 0 {
            left = left.saturating_sub(1 + self.run_progress(setup, left)?);
            if done(self) {
                return Ok(());
            }
            if !self.apply(setup, Action::Advance).applied {
                break;
            }
            self.check(setup)?;
        }
        Err(Violation {
            property: "P1",
            what: "the beginning is not reached: a group does not become protected".into(),
        })
    }

    fn with_budgets(mut self, setup: &Setup) -> Self {
        self.budgets = setup.scope.budgets;
        self.faults = setup.scope.faults.iter().map(|&(_, times)| times).collect();
        self.orders = setup.scope.orders.iter().map(|order| order.times).collect();
        self
    }

    fn without_budgets(mut self) -> Self {
        self.budgets = crate::scope::Budgets::NONE;
        self.faults.fill(0);
        self.orders.fill(0);
        self
    }
}
