//! A crash of either manager at every effect and every save boundary of a failover ends in the outcome of the uncrashed
//! one (J1, J5, I20, L2).

use farshore_core::ids::{Index, Side, VmIx};
use farshore_world::{Action, Clock, Rank, Setup, Start, Trace, World, scopes};

const LIMIT: usize = 5_000;

/// What people care about in the end.
#[derive(Debug, PartialEq)]
struct Ending {
    /// At which sites each VM runs.
    runs: Vec<[bool; 2]>,
    /// Who is active for each group, at which epoch.
    owners: Vec<Option<(Side, u64)>>,
}

fn ending(setup: &Setup, world: &World) -> Ending {
    let vms = (0..setup.inventory().vms.len()).map(VmIx::from_at);
    let runs = vms.map(|v| Side::BOTH.map(|s| world.runs(s, v))).collect();
    let owner = |g| {
        let side = world.active(setup, g)?;
        Some((side, world.record(setup, side, g)?.authority.epoch().0))
    };
    Ending { runs, owners: setup.inventory().groups.indices().map(owner).collect() }
}

/// Carries on by itself to rest, with a crash at `at` if there is one; what happened, and where it ended.
fn run(setup: &Setup, start: &World, crash: Option<(usize, Action)>) -> Option<(Vec<Action>, World)> {
    let mut world = start.clone();
    let mut path = Vec::new();
    let mut rested = false;
    for step in 0..LIMIT {
        let action = match crash {
            Some((at, action)) if at == step => action,
            _ => {
                let choices = world.choices(setup, false);
                choices.iter().find(|c| matches!(c.rank, Rank::Progress | Rank::Time)).map(|c| c.action)?
            }
        };
        if !world.apply(setup, action).applied {
            return None;
        }
        path.push(action);
        let told = || Trace::record(setup, Start::Protected, start, &path);
        world.check(setup).unwrap_or_else(|violation| panic!("{violation}\n\n{}", told()));
        let quiet = world.choices(setup, false).first().is_none_or(|c| c.rank != Rank::Progress);
        let after = crash.is_none_or(|(at, _)| step >= at);
        rested = quiet && after && world.unrest(setup).is_ok();
        if rested {
            break;
        }
    }
    assert!(rested, "does not come to rest\n\n{}", Trace::record(setup, Start::Protected, start, &path));
    Some((path, world))
}

fn every_crash(name: &str, fault: &[usize]) -> usize {
    let setup = Setup::new(scopes::named(name).unwrap(), Clock::Model).unwrap();
    let mut start = World::protected(&setup).unwrap();
    for &at in fault {
        start.apply(&setup, Action::Fault(setup.scope.faults[at].0));
    }
    let (path, end) = run(&setup, &start, None).unwrap();
    let wanted = ending(&setup, &end);
    let mut crashes = 0;
    for at in 0..path.len() {
        for side in Side::BOTH {
            for (kept, mute) in [(false, false), (false, true), (true, false), (true, true)] {
                let action = Action::Crash { side, kept, mute };
                let Some((path, end)) = run(&setup, &start, Some((at, action))) else { continue };
                crashes += 1;
                let told = || Trace::record(&setup, Start::Protected, &start, &path);
                assert_eq!(ending(&setup, &end), wanted, "another ending than without the crash\n\n{}", told());
            }
        }
    }
    crashes
}

#[test]
fn a_crash_anywhere_in_a_failover_changes_nothing_in_the_end() {
    assert!(every_crash("pdl_crash", &[0]) > 200);
}

#[test]
fn a_crash_anywhere_in_two_failovers_that_cross_changes_nothing_in_the_end() {
    assert!(every_crash("pdl_both", &[0, 1]) > 200);
}

#[test]
fn a_crash_anywhere_in_the_failover_of_a_consistency_set_changes_nothing_in_the_end() {
    assert!(every_crash("pdl_async", &[0]) > 200);
}
