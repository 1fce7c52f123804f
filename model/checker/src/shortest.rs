//! A second explorer, breadth first and our own: it agrees with stateright's on how many states there are, and finds the
//! shortest way to a defect.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use farshore_world::properties::Violation;
use farshore_world::{Action, World};

use crate::Checked;

/// What the second explorer found.
#[derive(Debug)]
pub enum Shortest {
    /// Everything was seen, and nothing is wrong: so many unique states.
    Sound(usize),
    /// The shortest way to a defect, and how many states were seen before it.
    Defect {
        /// What is wrong.
        violation: Violation,
        /// The way there.
        way: Vec<Action>,
        /// Unique states seen.
        states: usize,
    },
}

/// The number of a state in order of discovery, its predecessor, and the action from there.
struct Seen {
    from: u32,
    by: Option<Action>,
}

/// What counts as a defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Defects {
    /// A broken safety property.
    Safety,
    /// That, and a world that does not come to rest once it is healed.
    All,
}

/// Explores breadth first.
#[must_use]
pub fn explore(checked: &Checked, defects: Defects) -> Shortest {
    let hasher = BuildHasherDefault::<DefaultHasher>::default();
    let mut numbers: HashMap<u64, u32> = HashMap::new();
    let mut seen = vec![Seen { from: 0, by: None }];
    numbers.insert(hasher.hash_one(&checked.start), 0);
    let mut level: Vec<(u32, World)> = vec![(0, checked.start.clone())];
    while !level.is_empty() {
        let mut next = Vec::new();
        for (number, world) in level {
            if let Some(violation) = defect(checked, &world, defects) {
                return Shortest::Defect { violation, way: way(&seen, number), states: seen.len() };
            }
            for action in world.enabled(&checked.setup) {
                let mut then = world.clone();
                if !then.apply(&checked.setup, action).applied {
                    continue;
                }
                let new = u32::try_from(seen.len()).unwrap_or(u32::MAX);
                if *numbers.entry(hasher.hash_one(&then)).or_insert(new) == new {
                    seen.push(Seen { from: number, by: Some(action) });
                    next.push((new, then));
                }
            }
        }
        level = next;
    }
    Shortest::Sound(seen.len())
}

fn defect(checked: &Checked, world: &World, defects: Defects) -> Option<Violation> {
    let unrest = || if defects == Defects::All { checked.settles(world).err() } else { None };
    world.check(&checked.setup).err().or_else(unrest)
}

fn way(seen: &[Seen], mut at: u32) -> Vec<Action> {
    let mut way = Vec::new();
    while let Some(Seen { from, by: Some(action) }) = seen.get(at as usize) {
        way.push(*action);
        at = *from;
    }
    way.reverse();
    way
}
