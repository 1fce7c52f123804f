//! What `farshore plan` assumes where nothing else is said: the longest that the simulator ever draws.

use anyhow::{Result, bail};
use farshore_core::inventory::Inventory;
use farshore_core::time::Millis;
use farshore_report::estimate::{Assumptions, Step};
use farshore_world::scenario::{Between, Pace};

/// Nobody answers in the simulator but a scenario: what is taken to be long for a person.
const ANSWER: Between = Between::ms(0, 300_000);

/// The simulator's times: the longest of each, or the shortest.
pub(crate) fn simulated(pace: &Pace, pick: fn(Between) -> u64) -> Assumptions {
    Assumptions::new(|step| {
        Millis(pick(match step {
            Step::Report => pace.delays.management,
            Step::Message => pace.delays.sites,
            Step::Save => pace.delays.journal,
            Step::Stop => pace.operations.stop,
            Step::PowerOff => pace.operations.power_off,
            Step::Fence => pace.operations.fence,
            Step::Drain => pace.operations.drain,
            Step::StopReplication => pace.operations.stop_replication,
            Step::ReadOnly => pace.operations.read_only,
            Step::Cut => pace.operations.cut,
            Step::RollBack => pace.operations.roll_back,
            Step::ReadWrite => pace.operations.read_write,
            Step::Mount => pace.operations.mount,
            Step::Start => pace.operations.start,
            Step::Boot => pace.guests.boot,
            Step::Command => pace.operations.run,
            Step::Answer => ANSWER,
        }))
    })
}

/// The longest of each, and what is said instead.
pub(crate) fn assumptions(inventory: &Inventory, said: &[String]) -> Result<Assumptions> {
    let mut assume = simulated(&Pace::default(), |between| between.most);
    for text in said {
        assume.set(text)?;
    }
    let known = |name: &str| {
        inventory.vms.iter().any(|(_, v)| v.name == name)
            || inventory.luns.iter().any(|(_, l)| l.name == name)
            || inventory.hosts.iter().any(|(_, h)| h.name == name)
            || inventory.plans.iter().any(|(_, p)| p.steps.iter().any(|s| s.name == name))
    };
    let unknown = assume.unknown(known).next().map(str::to_string);
    match unknown {
        Some(name) => bail!("--assume: the deployment has no VM, LUN, host or step called `{name}`"),
        None => Ok(assume),
    }
}
