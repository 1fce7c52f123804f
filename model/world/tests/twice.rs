//! Every effect is idempotent: whatever is done twice, the end is the same (J2, J4).

mod ending;

use ending::{ending, run};
use farshore_world::action::{Delivery, Doing};
use farshore_world::{Action, Clock, Setup, Start, Trace, World, scopes};

/// What happens again.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Again {
    /// Every command, at once.
    AtOnce,
    /// Every command, as soon as another thing has happened in between.
    Later,
    /// Every message, at once.
    Messages,
}

/// The same run with everything of a kind done twice; how much that was.
fn everything_twice(name: &str, faults: &[usize], again: Again) -> usize {
    let setup = Setup::new(scopes::named(name).unwrap(), Clock::Model).unwrap();
    let mut start = World::protected(&setup).unwrap();
    for &at in faults {
        assert!(start.apply(&setup, Action::Fault(setup.scope.faults[at].0)).applied);
    }
    let (_, once) = run(&setup, &start, 0, |_, _, action| action).unwrap();
    let mut twice = 0;
    let (path, end) = run(&setup, &start, 0, |step, world, action| {
        let wait = again == Again::Later && step % 2 == 0;
        match (late(world, again), action) {
            // What was done once, and may be once more.
            (Some(second), _) if !wait => {
                twice += 1;
                second
            }
            (_, Action::Op { side, at, how: Doing::Done }) if again != Again::Messages => {
                Action::Op { side, at, how: Doing::Twice }
            }
            (_, Action::Message { to, at, how: Delivery::Once }) if again == Again::Messages => {
                Action::Message { to, at, how: Delivery::Doubled }
            }
            _ => action,
        }
    })
    .unwrap();
    let told = || Trace::record(&setup, Start::Protected, &start, &path);
    assert_eq!(ending(&setup, &end), ending(&setup, &once), "another ending than with all done once\n\n{}", told());
    twice
}

/// What is on its way for the second time.
fn late(world: &World, again: Again) -> Option<Action> {
    use farshore_core::ids::Side;
    Side::BOTH.into_iter().find_map(|side| {
        let (ops, mail) = (&world.desks[side.at()].ops, &world.mail[side.at()]);
        let found = |at: usize| u32::try_from(at).ok();
        if again == Again::Messages {
            let at = mail.iter().position(|flight| flight.late).and_then(found)?;
            Some(Action::Message { to: side, at, how: Delivery::Once })
        } else {
            let at = ops.iter().position(|flight| flight.late).and_then(found)?;
            Some(Action::Op { side, at, how: Doing::Done })
        }
    })
}

/// Scopes, and which of their faults begin a story.
const STORIES: [(&str, &[usize]); 6] = [
    ("pdl_twice", &[0]),
    ("pdl_both", &[0, 1]),
    ("pdl_async", &[0]),
    ("priorities", &[0, 1]),
    ("partly_lost", &[0]),
    ("managers_die", &[0]),
];

#[test]
fn commands_done_twice_at_once_change_nothing_in_the_end() {
    for (name, faults) in STORIES {
        assert!(everything_twice(name, faults, Again::AtOnce) > 3, "{name}");
    }
}

#[test]
fn commands_done_twice_with_something_in_between_change_nothing_in_the_end() {
    for (name, faults) in STORIES {
        assert!(everything_twice(name, faults, Again::Later) > 3, "{name}");
    }
}

#[test]
fn messages_that_arrive_twice_change_nothing_in_the_end() {
    for (name, faults) in STORIES {
        assert!(everything_twice(name, faults, Again::Messages) > 3, "{name}");
    }
}
