//! A crash of either manager at every effect and every save boundary of a failover ends in the outcome of the uncrashed
//! one (J1, J5, I20, L2).

mod ending;

use ending::{ending, run};
use farshore_core::ids::Side;
use farshore_world::{Action, Clock, Setup, Start, Trace, World, scopes};

/// From a scope's beginning, after these actions.
fn every_crash(name: &str, begin: impl Fn(&Setup) -> Vec<Action>) -> usize {
    let setup = Setup::new(scopes::named(name).unwrap(), Clock::Model).unwrap();
    let mut start = World::protected(&setup).unwrap();
    for action in begin(&setup) {
        assert!(start.apply(&setup, action).applied);
    }
    let (path, end) = run(&setup, &start, 0, |_, _, action| action).unwrap();
    let wanted = ending(&setup, &end);
    let mut crashes = 0;
    for at in 0..path.len() {
        for side in Side::BOTH {
            for (kept, mute) in [(false, false), (false, true), (true, false), (true, true)] {
                let crash = Action::Crash { side, kept, mute };
                let next = |step, _: &World, action| if step == at { crash } else { action };
                let Some((path, end)) = run(&setup, &start, at + 1, next) else { continue };
                crashes += 1;
                let told = || Trace::record(&setup, Start::Protected, &start, &path);
                assert_eq!(ending(&setup, &end), wanted, "another ending than without the crash\n\n{}", told());
            }
        }
    }
    crashes
}

/// The scope's faults at these positions.
fn faults(at: &'static [usize]) -> impl Fn(&Setup) -> Vec<Action> {
    move |setup| at.iter().map(|&at| Action::Fault(setup.scope.faults[at].0)).collect()
}

#[test]
fn a_crash_anywhere_in_a_failover_changes_nothing_in_the_end() {
    assert!(every_crash("pdl_crash", faults(&[0])) > 200);
}

#[test]
fn a_crash_anywhere_in_two_failovers_that_cross_changes_nothing_in_the_end() {
    assert!(every_crash("pdl_both", faults(&[0, 1])) > 200);
}

#[test]
fn a_crash_anywhere_in_the_failover_of_a_consistency_set_changes_nothing_in_the_end() {
    assert!(every_crash("pdl_async", faults(&[0])) > 200);
}

#[test]
fn a_crash_anywhere_in_a_failover_with_an_arbiter_changes_nothing_in_the_end() {
    assert!(every_crash("managers_die", faults(&[0])) > 200);
}

#[test]
fn a_crash_anywhere_in_failovers_one_after_another_changes_nothing_in_the_end() {
    assert!(every_crash("priorities", faults(&[0, 1])) > 200);
}
