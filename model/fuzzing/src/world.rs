//! The world by bytes: a deployment, what may go wrong in it, and what happens next.

mod beginnings;

use farshore_world::{Action, Budgets, Rank, Setup, Start, Trace, World};

use crate::bytes::Bytes;
use beginnings::{BEGINNINGS, Beginning};

/// Actions of one run at most.
const ACTIONS: usize = 400;
/// Actions that coming to rest may take.
const REST: usize = 20_000;

/// Whatever is chosen among what can happen, every property holds after every step, and what is left comes to rest once
/// it is healed (L1 to L5).
pub fn run(bytes: &[u8]) {
    let mut b = Bytes::new(bytes);
    let beginning = &BEGINNINGS[b.below(BEGINNINGS.len())];
    beginning.with(|setup, start| {
        let mut world = start.clone();
        limit(&mut world, &mut b);
        walk(setup, start, world, &mut b);
    });
}

/// What may go wrong in this run: some of the faults, some of the nuisances, and few in all, so that runs get somewhere.
fn limit(world: &mut World, b: &mut Bytes<'_>) {
    let faults = 1 + b.below(4);
    let chosen: Vec<usize> = (0..faults).map(|_| b.below(world.faults.len().max(1))).collect();
    for (at, left) in world.faults.iter_mut().enumerate() {
        *left = if chosen.contains(&at) { *left } else { 0 };
    }
    if b.flag() {
        world.orders.fill(0);
    }
    world.budgets = match b.below(4) {
        0 => Budgets::of(&[(farshore_world::Budget::Write, 4), (farshore_world::Budget::Cycle, 4)]),
        some => world.budgets.at_most(u8::try_from(some).unwrap_or(1) * 2),
    };
}

fn walk(setup: &Setup, start: &World, mut world: World, b: &mut Bytes<'_>) {
    let mut path: Vec<Action> = Vec::new();
    for _ in 0..ACTIONS {
        if b.is_over() {
            break;
        }
        let Some(action) = choose(setup, &world, b) else { break };
        path.push(action);
        let outcome = world.apply(setup, action);
        let order = matches!(action, Action::Order(_));
        assert!(outcome.applied || order, "an enabled action was not possible{}", told(setup, start, &path));
        if let Err(violation) = world.check(setup) {
            panic!("{violation}{}", told(setup, start, &path));
        }
    }
    if let Err(violation) = world.converges(setup, REST) {
        panic!("does not come to rest: {violation}{}", told(setup, start, &path));
    }
}

/// One byte chooses among what happens by itself; now and then a second one among everything.
fn choose(setup: &Setup, world: &World, b: &mut Bytes<'_>) -> Option<Action> {
    let choices = world.choices(setup, false);
    let progress = choices.iter().take_while(|c| c.rank == Rank::Progress).count();
    let byte = b.byte();
    let at = if byte < 208 && progress > 0 { usize::from(byte) % progress } else { b.below(choices.len()) };
    choices.get(at).map(|c| c.action)
}

/// The course of events in the format of golden scripts.
fn told(setup: &Setup, start: &World, path: &[Action]) -> String {
    format!("\n\n{}", Trace::record(setup, Start::Protected, start, path))
}

/// The names of the beginnings, in the order in which the first byte chooses among them.
#[must_use]
pub fn beginnings() -> Vec<&'static str> {
    BEGINNINGS.iter().map(Beginning::name).collect()
}
