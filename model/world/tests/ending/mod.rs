//! What people care about in the end, and a run of a world by itself to there.

use farshore_core::ids::{Index, Side, VmIx};
use farshore_world::{Action, Rank, Setup, Start, Trace, World};

const LIMIT: usize = 5_000;

/// What people care about in the end.
#[derive(Debug, PartialEq)]
pub(crate) struct Ending {
    /// At which sites each VM runs.
    runs: Vec<[bool; 2]>,
    /// Who is active for each group, at which epoch.
    owners: Vec<Option<(Side, u64)>>,
}

/// How a world has ended.
pub(crate) fn ending(setup: &Setup, world: &World) -> Ending {
    let vms = (0..setup.inventory().vms.len()).map(VmIx::from_at);
    let runs = vms.map(|v| Side::BOTH.map(|s| world.runs(s, v))).collect();
    let owner = |g| {
        let side = world.active(setup, g)?;
        Some((side, world.record(setup, side, g)?.authority.epoch().0))
    };
    Ending { runs, owners: setup.inventory().groups.indices().map(owner).collect() }
}

/// Carries on by itself to rest, at least for so many actions; `next` may put another action in the place of what would
/// happen. What happened, and where it ended; `None`: what was put there is not possible.
pub(crate) fn run(
    setup: &Setup,
    start: &World,
    least: usize,
    mut next: impl FnMut(usize, &World, Action) -> Action,
) -> Option<(Vec<Action>, World)> {
    let mut world = start.clone();
    let mut path = Vec::new();
    for step in 0..LIMIT {
        let choices = world.choices(setup, false);
        let action = choices.iter().find(|c| matches!(c.rank, Rank::Progress | Rank::Time)).map(|c| c.action)?;
        let action = next(step, &world, action);
        if !world.apply(setup, action).applied {
            return None;
        }
        path.push(action);
        let told = || Trace::record(setup, Start::Protected, start, &path);
        world.check(setup).unwrap_or_else(|violation| panic!("{violation}\n\n{}", told()));
        let quiet = world.choices(setup, false).first().is_none_or(|c| c.rank != Rank::Progress);
        if quiet && step + 1 >= least && world.unrest(setup).is_ok() {
            return Some((path, world));
        }
    }
    panic!("does not come to rest\n\n{}", Trace::record(setup, Start::Protected, start, &path));
}
