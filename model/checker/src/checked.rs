//! The world as a stateright model.

use farshore_world::properties::ALWAYS;
use farshore_world::{Action, SOMETIMES, Setup, World};
use stateright::{Model, Property};

/// A scope, as stateright explores it.
#[derive(Debug)]
pub struct Checked {
    /// What the world is set up from.
    pub setup: Setup,
    /// Where it starts.
    pub start: World,
}

impl Model for Checked {
    type State = World;
    type Action = Action;

    fn init_states(&self) -> Vec<World> {
        vec![self.start.clone()]
    }

    fn actions(&self, world: &World, actions: &mut Vec<Action>) {
        // What is broken is not explored further: the way to it is what counts.
        if world.check(&self.setup).is_ok() {
            actions.extend(world.enabled(&self.setup));
        }
    }

    fn next_state(&self, world: &World, action: Action) -> Option<World> {
        let mut next = world.clone();
        next.apply(&self.setup, action).applied.then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        let always = ALWAYS.iter().zip(ALWAYS_BY_NUMBER).map(|(p, holds)| Property::always(p.name, holds));
        let sometimes = SOMETIMES.iter().zip(SOMETIMES_BY_NUMBER).map(|(m, met)| Property::sometimes(m.name, met));
        let whole = [Property::always("CHECK", sound), Property::always("L1 L2 L3", settles)];
        always.chain(whole).chain(sometimes).collect()
    }
}

/// What each machine checks by itself, and panics.
fn sound(model: &Checked, world: &World) -> bool {
    world.check(&model.setup).is_ok()
}

/// Liveness, as safety: wherever only faults could happen next, everything is recovered or an alert.
fn settles(model: &Checked, world: &World) -> bool {
    world.settles(&model.setup)
}

/// stateright takes plain functions; these are one per row of the tables.
fn always<const N: usize>(model: &Checked, world: &World) -> bool {
    ALWAYS.get(N).is_none_or(|p| (p.holds)(world, &model.setup).is_ok())
}

fn sometimes<const N: usize>(model: &Checked, world: &World) -> bool {
    SOMETIMES.get(N).is_some_and(|m| (m.met)(world, &model.setup))
}

macro_rules! by_number {
    ($name:ident, $function:ident, $($n:literal)*) => {
        const $name: [fn(&Checked, &World) -> bool; [$($n),*].len()] = [$($function::<$n>),*];
    };
}

by_number!(ALWAYS_BY_NUMBER, always, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31);
by_number!(SOMETIMES_BY_NUMBER, sometimes, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31);

// A row more than there are functions would be left out in silence.
const _: () = assert!(ALWAYS.len() <= ALWAYS_BY_NUMBER.len() && SOMETIMES.len() <= SOMETIMES_BY_NUMBER.len());
