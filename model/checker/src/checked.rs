//! The world as a stateright model.

use farshore_world::properties::ALWAYS;
use farshore_world::{Action, Clock, Rank, SOMETIMES, Setup, World, scopes};
use stateright::{Model, Property};

/// A scope, as stateright explores it.
#[derive(Debug)]
pub struct Checked {
    /// What the world is set up from.
    pub setup: Setup,
    /// Where it starts.
    pub start: World,
}

/// Why a scope cannot be explored.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There is none of this name.
    #[error("there is no scope {0}; there are: {known}", known = known())]
    Unknown(String),
    /// Its deployment is not valid.
    #[error("the deployment of scope {0} is not valid: {1}")]
    Config(String, Box<farshore_core::inventory::ConfigError>),
    /// Its beginning is not reached.
    #[error("scope {0} does not get to its beginning: {1}")]
    Start(String, farshore_world::Violation),
}

fn known() -> String {
    scopes::all().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")
}

/// How many actions may pass until a world without faults rests.
const REST: usize = 3000;

impl Checked {
    /// A scope of `farshore-world`, from where its groups are protected.
    ///
    /// # Errors
    /// There is none of this name, or it does not get to its beginning.
    pub fn load(name: &str) -> Result<Self, LoadError> {
        let scope = scopes::named(name).ok_or_else(|| LoadError::Unknown(name.into()))?;
        let setup = Setup::new(scope, Clock::Model).map_err(|e| LoadError::Config(name.into(), Box::new(e)))?;
        let start = World::protected(&setup).map_err(|e| LoadError::Start(name.into(), e))?;
        Ok(Self { setup, start })
    }

    /// Liveness, as safety: wherever nothing happens by itself any more but that time passes or something goes wrong,
    /// everything comes to rest, recovered or alerted, once faults stop and links heal (L1 to L5).
    ///
    /// # Errors
    /// What does not.
    pub fn settles(&self, world: &World) -> Result<(), farshore_world::Violation> {
        let busy = world.choices(&self.setup, false).iter().any(|c| c.rank == Rank::Progress);
        if busy { Ok(()) } else { world.converges(&self.setup, REST) }
    }
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

fn settles(model: &Checked, world: &World) -> bool {
    model.settles(world).is_ok()
}

/// stateright takes plain functions; these are one per row of the tables.
fn always<const N: usize>(model: &Checked, world: &World) -> bool {
    ALWAYS.get(N).is_none_or(|p| (p.holds)(world, &model.setup).is_ok())
}

fn sometimes<const N: usize>(model: &Checked, world: &World) -> bool {
    SOMETIMES.get(N).is_some_and(|m| (m.reached)(world, &model.setup))
}

macro_rules! by_number {
    ($name:ident, $function:ident, $($n:literal)*) => {
        const $name: [fn(&Checked, &World) -> bool; [$($n),*].len()] = [$($function::<$n>),*];
    };
}

by_number!(ALWAYS_BY_NUMBER, always, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31);
by_number!(SOMETIMES_BY_NUMBER, sometimes, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39);

// A row more than there are functions would be left out in silence.
const _: () = assert!(ALWAYS.len() <= ALWAYS_BY_NUMBER.len() && SOMETIMES.len() <= SOMETIMES_BY_NUMBER.len());
