//! A crash of either manager at every effect and every save boundary of a failover ends in the outcome of the uncrashed
//! one (J1, J5, I20, L2).

mod ending;

use ending::{ending, run};
use farshore_core::ids::Side;
use farshore_world::{Action, Clock, Setup, Start, Trace, World, scopes};

/// From a scope's beginning, after these of its faults; at every step, or at each so many steps.
fn crashes(name: &str, faults: &[usize], each: usize) -> usize {
    let setup = Setup::new(scopes::named(name).unwrap(), Clock::Model).unwrap();
    let mut start = World::protected(&setup).unwrap();
    for &at in faults {
        assert!(start.apply(&setup, Action::Fault(setup.scope.faults[at].0)).applied);
    }
    let (path, end) = run(&setup, &start, 0, |_, _, action| action).unwrap();
    let wanted = ending(&setup, &end);
    let mut tried = 0;
    for at in (0..path.len()).step_by(each) {
        for side in Side::BOTH {
            for (kept, mute) in [(false, false), (false, true), (true, false), (true, true)] {
                let crash = Action::Crash { side, kept, mute };
                let next = |step, _: &World, action| if step == at { crash } else { action };
                let Some((path, end)) = run(&setup, &start, at + 1, next) else { continue };
                tried += 1;
                let told = || Trace::record(&setup, Start::Protected, &start, &path);
                assert_eq!(ending(&setup, &end), wanted, "another ending than without the crash\n\n{}", told());
            }
        }
    }
    tried
}

#[test]
fn a_crash_anywhere_in_a_failover_changes_nothing_in_the_end() {
    assert!(crashes("pdl_crash", &[0], 1) > 200);
}

#[test]
fn a_crash_anywhere_in_two_failovers_that_cross_changes_nothing_in_the_end() {
    assert!(crashes("pdl_both", &[0, 1], 1) > 200);
}

#[test]
fn a_crash_anywhere_in_the_failover_of_a_consistency_set_changes_nothing_in_the_end() {
    assert!(crashes("pdl_async", &[0], 1) > 200);
}

#[test]
fn a_crash_in_a_failover_with_an_arbiter_changes_nothing_in_the_end() {
    assert!(crashes("managers_die", &[0], 7) > 30);
}

#[test]
fn a_crash_in_failovers_one_after_another_changes_nothing_in_the_end() {
    assert!(crashes("priorities", &[0, 1], 7) > 30);
}
