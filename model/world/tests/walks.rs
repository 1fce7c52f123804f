//! Random walks: whatever is chosen among what is enabled, every property holds and everything comes to rest.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

use farshore_core::ids::{Index, LunIx, Side};
use farshore_core::time::{Instant, Millis};
use farshore_world::scope::Scope;
use farshore_world::{Action, Budget, Budgets, Clock, Fault, Rank, Setup, Start, Trace, Wire, World, scopes};
use proptest::prelude::*;

/// Every scope with its beginning.
static BEGINNINGS: LazyLock<Vec<(Setup, World)>> = LazyLock::new(|| {
    let scopes = scopes::ALL.iter().chain(scopes::hosts::ALL);
    scopes.map(|(_, scope)| beginning(scope(), Clock::Model)).collect()
});

fn beginning(scope: Scope, clock: Clock) -> (Setup, World) {
    let setup = Setup::new(scope, clock).unwrap();
    let world = World::protected(&setup).unwrap();
    (setup, world)
}

/// One number chooses one action: mostly among what happens by itself, so that walks get somewhere.
fn choose(world: &World, setup: &Setup, number: u16) -> Option<Action> {
    let choices = world.choices(setup, false);
    let progress = choices.iter().take_while(|c| c.rank == Rank::Progress).count();
    let (pick, number) = (number % 8, usize::from(number / 8));
    let among = if pick > 0 && progress > 0 { progress } else { choices.len() };
    (among > 0).then(|| choices[number % among].action)
}

/// The trace of a failed walk, with what failed: what to put into `testdata/`.
fn told(setup: &Setup, start: &World, path: &[Action], what: &str) -> String {
    format!("{what}\n\n{}", Trace::record(setup, Start::Protected, start, path))
}

fn walk(setup: &Setup, start: &World, numbers: &[u16]) -> Result<(), TestCaseError> {
    let mut world = start.clone();
    let mut path = Vec::new();
    for &number in numbers {
        let Some(action) = choose(&world, setup, number) else { break };
        path.push(action);
        let outcome = world.apply(setup, action);
        let order = matches!(action, Action::Order(_));
        prop_assert!(outcome.applied || order, "{}", told(setup, start, &path, "an enabled action was not possible"));
        if let Err(violation) = world.check(setup) {
            return Err(TestCaseError::fail(told(setup, start, &path, &violation.to_string())));
        }
    }
    if let Err(violation) = world.converges(setup, 5_000) {
        return Err(TestCaseError::fail(told(setup, start, &path, &format!("does not come to rest: {violation}"))));
    }
    Ok(())
}

fn hash(world: &World) -> u64 {
    let mut hasher = DefaultHasher::new();
    world.hash(&mut hasher);
    hasher.finish()
}

/// A world moved to another origin of time is the same world.
fn rebased(mut world: World) -> World {
    let by = Millis(world.now.0);
    for node in &mut world.nodes {
        let node = std::sync::Arc::make_mut(node);
        node.manager.iter_mut().for_each(|m| m.shift(by));
    }
    world.now = Instant(0);
    world
}

/// Four groups, two at home at each site: both modes, two tiers, two LUNs under one VM, two hosts each.
fn larger() -> Scope {
    use farshore_core::inventory::Readiness;
    use farshore_core::spec::{Datastore, Group, Lun, Plan, Replica, Site, Span, Vm};
    let mut scope = scopes::named("unhappy").unwrap();
    let to = &mut scope.deployment;
    to.sites = vec![Site::of("one", "san-1", &["host-1", "host-2"]), Site::of("two", "san-2", &["host-3", "host-4"])];
    (to.luns, to.datastores, to.vms, to.groups) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut names = Vec::new();
    for group in 0..4u16 {
        let (array, peer) = if group % 2 == 0 { ("san-1", "san-2") } else { ("san-2", "san-1") };
        let name = format!("group-{group}");
        let mut stores = Vec::new();
        for lun in 0..2 {
            let (unit, lun) = (group * 2 + lun, format!("lun-{group}-{lun}"));
            let replica = match group {
                0 | 1 => Replica::synchronous(peer, unit),
                _ => Replica::asynchronous(peer, unit, Span::millis(200)),
            };
            to.luns.push(Lun::of(&lun, array, unit).replicated(replica));
            to.datastores.push(Datastore::of(&lun, &[&lun]));
            stores.push(lun);
        }
        let both: Vec<&str> = stores.iter().map(String::as_str).collect();
        to.vms.push(Vm { tier: 1, ready: Readiness::Heartbeat, ..Vm::of(&format!("db-{group}"), &both) });
        to.vms.push(Vm {
            tier: 2,
            depends_on: vec![format!("db-{group}")],
            ..Vm::of(&format!("app-{group}"), &both[..1])
        });
        to.vms.push(Vm { tier: 2, ..Vm::of(&format!("web-{group}"), &both[1..]) });
        to.groups.push(Group::of(&name, &both));
        names.push(name);
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let plan = to.plans.remove(0);
    to.plans = vec![Plan { groups: Plan::of("plan", &names).groups, ..plan }];
    scope.name = "larger".into();
    scope.orders.clear();
    // Few faults, so that most walks get somewhere: LUNs of three groups, and replication that is cut for a while.
    let lose = |side, lun| (Fault::LoseLun(side, LunIx::from_at(lun)), 1);
    let wire = Wire::Frames(Side::One);
    scope.faults = vec![lose(Side::One, 0), lose(Side::Two, 2), lose(Side::One, 4)];
    scope.faults.extend([(Fault::Cut(wire), 1), (Fault::Mend(wire), 1)]);
    scope.budgets = Budgets::of(&Budget::ALL.map(|kind| match kind {
        Budget::SaveFails => (kind, 0),
        Budget::Write | Budget::Cycle => (kind, 8),
        _ => (kind, 1),
    }));
    scope
}

static LARGER: LazyLock<(Setup, World)> = LazyLock::new(|| beginning(larger(), Clock::Model));

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, max_shrink_iters: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn walks_hold(numbers in prop::collection::vec(any::<u16>(), 0..400)) {
        for (setup, start) in BEGINNINGS.iter() {
            walk(setup, start, &numbers)?;
        }
    }

    #[test]
    fn walks_of_a_larger_deployment_hold(numbers in prop::collection::vec(any::<u16>(), 0..600)) {
        let (setup, start) = &*LARGER;
        walk(setup, start, &numbers)?;
    }

    #[test]
    fn the_same_choices_make_the_same_world(numbers in prop::collection::vec(any::<u16>(), 0..200), at in any::<usize>()) {
        let (setup, start) = &BEGINNINGS[at % BEGINNINGS.len()];
        let run = || {
            let mut world = start.clone();
            let mut events = Vec::new();
            for &number in &numbers {
                let Some(action) = choose(&world, setup, number) else { break };
                events.push(world.apply(setup, action));
            }
            (hash(&world), world, events)
        };
        prop_assert_eq!(run(), run());
    }

    /// A world whose clock begins anew after each action takes the same steps as one whose clock runs on.
    #[test]
    fn rebasing_time_changes_nothing(numbers in prop::collection::vec(any::<u16>(), 0..300), at in any::<usize>()) {
        let (setup, start) = &BEGINNINGS[at % BEGINNINGS.len()];
        let mut real = Setup::new(setup.scope.clone(), Clock::Real).unwrap();
        (real.at_once, real.reduced) = (setup.at_once, setup.reduced);
        let (mut model_world, mut real_world) = (start.clone(), start.clone());
        for &number in &numbers {
            let Some(action) = choose(&model_world, setup, number) else { break };
            prop_assert_eq!(model_world.enabled(setup), real_world.enabled(&real));
            let (a, b) = (model_world.apply(setup, action), real_world.apply(&real, action));
            prop_assert_eq!(a, b);
            let aged = model_world.luns.iter().chain(&real_world.luns).any(|l| {
                l.copies.iter().flatten().any(|c| c.points.iter().any(|p| p.age.0 > 40))
            });
            // Ages of points are capped in model mode only.
            if aged {
                break;
            }
            prop_assert!(rebased(real_world.clone()) == model_world, "{}", told(setup, start, &[action], "worlds part"));
        }
    }

    #[test]
    fn traces_round_trip(numbers in prop::collection::vec(any::<u16>(), 0..60), at in any::<usize>()) {
        let (setup, start) = &BEGINNINGS[at % BEGINNINGS.len()];
        let mut world = start.clone();
        let mut path = Vec::new();
        for &number in &numbers {
            let Some(action) = choose(&world, setup, number) else { break };
            if world.apply(setup, action).applied {
                path.push(action);
            }
        }
        let trace = Trace::record(setup, Start::Protected, start, &path);
        let read = Trace::parse(&trace.to_string()).unwrap();
        prop_assert_eq!(&read, &trace);
        let replay = read.replay(setup).map_err(|e| TestCaseError::fail(e.to_string()))?;
        prop_assert!(replay.world == world);
    }
}

/// Nothing is possible that the budgets do not allow, and every budget has its nuisance.
#[test]
fn enabled_is_what_is_possible_within_the_budgets() {
    let (setup, start) = &BEGINNINGS[0];
    let possible = start.possible(setup);
    let enabled: Vec<Action> = possible.iter().filter(|c| c.affordable).map(|c| c.action).collect();
    assert_eq!(enabled, start.enabled(setup));
    assert!(possible.iter().any(|c| c.cost == Some(Budget::Crash)));
}
