//! The canonical form of a world, over random walks: taking it twice changes nothing; worlds that differ only in what it
//! leaves out have the same; and what can happen in such a world can happen in its canonical form, with the same outcome.

use std::collections::BTreeSet;

use farshore_core::event::Event;
use farshore_core::ids::Side;
use farshore_core::input::ProbeId;
use farshore_core::operation::{Failure, Op};
use farshore_core::{Effect, Effects, Fact};
use farshore_world::array::refuses;
use farshore_world::{Action, Budgets, Clock, Flight, Rank, Setup, World, scopes};

fn setups(clock: Clock) -> Vec<Setup> {
    let names = [
        "pdl_crash",
        "pdl_crash_late",
        "pdl_abort",
        "pdl_both",
        "lying_host",
        "host_takes_back",
        "unhappy",
        "migration_crash",
        "manager_lost_late",
        "handover_cut",
        "agent_dies",
        "arbiter_lost",
    ];
    names.map(|name| Setup::new(scopes::named(name).unwrap(), clock).unwrap()).to_vec()
}

/// Mostly what happens by itself, so that walks get somewhere.
fn choose(world: &World, setup: &Setup, rng: &mut fastrand::Rng) -> Option<Action> {
    let choices = world.choices(setup, false);
    let progress = choices.iter().take_while(|c| c.rank == Rank::Progress).count();
    let among = if progress > 0 && rng.u8(0..6) > 0 { progress } else { choices.len() };
    (among > 0).then(|| choices[rng.usize(0..among)].action)
}

/// Walks through each scope's worlds, so many steps in each of so many walks.
fn walk(seeds: std::ops::Range<u64>, steps: usize, mut look: impl FnMut(&Setup, &World)) {
    for setup in setups(Clock::Model) {
        let start = World::protected(&setup).unwrap();
        for seed in seeds.clone() {
            let (mut world, mut rng) = (start.clone(), fastrand::Rng::with_seed(seed));
            for _ in 0..steps {
                let Some(action) = choose(&world, &setup, &mut rng) else { break };
                if world.apply(&setup, action).applied {
                    look(&setup, &world);
                }
            }
        }
    }
}

/// What each action leads to.
fn successors(setup: &Setup, world: &World) -> Vec<World> {
    let after = |action| {
        let mut then = world.clone();
        then.apply(setup, action).applied.then_some(then)
    };
    world.enabled(setup).into_iter().filter_map(after).collect()
}

#[test]
fn every_action_leaves_a_canonical_world_and_the_form_is_idempotent() {
    walk(0..6, 150, |setup, world| {
        assert!(world.canonical(setup) == *world);
        let other = renumbered(world, 7);
        assert!(other.canonical(setup).canonical(setup) == other.canonical(setup));
    });
}

/// The same world, with every probe of both sites numbered higher.
fn renumbered(world: &World, by: u32) -> World {
    let mut other = world.clone();
    let higher = |p: ProbeId| ProbeId(p.0.wrapping_add(by));
    for side in Side::BOTH {
        let node = std::sync::Arc::make_mut(&mut other.nodes[side.at()]);
        node.manager.iter_mut().for_each(|manager| manager.renumber_probes(higher));
        let desk = &other.desks[side.at()];
        let none = desk.requests.iter().all(|f| !matches!(f.item, Effect::Probe { .. }));
        assert!(none, "in a world that answers at once no probe is on its way");
    }
    other
}

/// Numbers of probes are a symmetry, also where they wrap.
#[test]
fn numbers_of_probes_make_no_difference() {
    let mut probed = 0;
    walk(10..13, 120, |setup, world| {
        let open = |m: &farshore_core::RecoveryManager| m.probes().next().is_some();
        probed += usize::from(world.nodes.iter().any(|n| n.manager.as_ref().is_some_and(open)));
        for by in [1, u32::MAX - 3, 1 << 31] {
            let other = renumbered(world, by);
            assert!(other.canonical(setup) == *world);
            assert_eq!(other.enabled(setup), world.enabled(setup));
            assert!(successors(setup, &other) == successors(setup, world));
        }
    });
    assert!(probed > 20, "{probed} worlds with an open group of failures");
}

/// The same world, whose manager has been told that a command was refused that another manager had issued. It says that
/// this is late, and takes the step that anything else that it is told of the group would have it take.
fn told(setup: &Setup, world: &World, side: Side, op: &Op) -> World {
    let mut told = world.clone();
    let node = std::sync::Arc::make_mut(&mut told.nodes[side.at()]);
    let Some(manager) = node.manager.as_mut().filter(|_| !node.halted) else { return told };
    let mut tell = || {
        let mut effects = Effects::new();
        let fact = Fact::Answer { id: op.id, attempt: op.attempt, outcome: Err(Failure::Superseded) };
        manager.handle(setup.site(side), world.now, fact, &mut effects);
        assert!(matches!(effects[..], [Effect::Event(Event::LateAnswer { .. })]), "{effects:?}");
        manager.clone()
    };
    assert!(tell() == tell(), "and no more the second time");
    told
}

/// A command that will be refused for ever, of a manager that is gone, makes no difference: carrying it out leads nowhere.
#[test]
fn dead_commands_make_no_difference() {
    let mut seen: BTreeSet<(String, Side, Op)> = BTreeSet::new();
    let mut tried = 0;
    walk(20..28, 200, |setup, world| {
        let name = &setup.scope.name;
        let mut quiet = world.clone();
        quiet.budgets = Budgets::NONE;
        for side in Side::BOTH {
            let node = world.node(side);
            let boot = node.boot + u32::from(node.manager.is_none());
            let dead = |op: &Op| {
                op.attempt / 256 < boot && world.kept(setup, side, op).is_some_and(|kept| refuses(kept, op.id.token))
            };
            let mut of_side = seen.iter().filter(|(n, s, op)| n == name && *s == side && dead(op));
            if let Some((_, _, op)) = of_side.next_back() {
                tried += 1;
                let mut other = quiet.clone();
                let (ops, flight) = (&mut other.desks[side.at()].ops, Flight { item: *op, late: tried % 2 == 0 });
                if let Err(at) = ops.binary_search(&flight) {
                    ops.insert(at, flight);
                }
                assert!(other.canonical(setup) == quiet);
                // Time may wait for what is not late. Carried out, it leads to where it is not there, and the manager has been
                // told something that is no business of its.
                let told = told(setup, &quiet, side, op);
                assert_eq!(told.enabled(setup), quiet.enabled(setup));
                let other_than = |world: &World| *world != quiet && *world != told;
                let reached = |from: &World| -> BTreeSet<World> {
                    successors(setup, from).into_iter().filter(other_than).collect()
                };
                let (with, without) = (reached(&other), reached(&quiet));
                assert!(with.is_subset(&without), "{op:?}");
                assert!(!flight.late || with == without, "{op:?}");
            }
            seen.extend(world.desks[side.at()].ops.iter().map(|f| (name.clone(), side, f.item)));
        }
    });
    assert!(tried > 50, "{tried} dead commands");
}

/// The origin of time is a symmetry: a world whose clock runs on has, at every step, the canonical form of one whose clock
/// begins anew after each action, and the same can happen in both.
#[test]
fn the_origin_of_time_makes_no_difference() {
    let mut later = 0;
    for (setup, mut real) in setups(Clock::Model).into_iter().zip(setups(Clock::Real)) {
        (real.at_once, real.reduced) = (setup.at_once, setup.reduced);
        let start = World::protected(&setup).unwrap();
        for seed in 30..36 {
            let (mut model, mut running) = (start.clone(), start.clone());
            let mut rng = fastrand::Rng::with_seed(seed);
            for _ in 0..150 {
                let Some(action) = choose(&model, &setup, &mut rng) else { break };
                assert_eq!(model.enabled(&setup), running.enabled(&real));
                assert_eq!(model.apply(&setup, action), running.apply(&real, action));
                later += usize::from(running.now > model.now);
                assert!(running.canonical(&setup) == model, "{}: after {action:?}", setup.scope.name);
            }
        }
    }
    assert!(later > 500, "{later} worlds with a later clock");
}
