//! Traces: a text that replays what happened, with names and one action per line. Every failure of every explorer is
//! written like this, and becomes a golden script.
//!
//! ```text
//! farshore trace 1
//! scope pdl_crash
//! deployment pair
//! clock model
//! from protected
//!
//! # The LUN is lost, and the owner crashes before it has saved the mark.
//! lun is lost at one
//! host-1 reports lun
//! time passes
//! one crashes
//! ! rests
//! ```
//!
//! A line after the header is an action in the words of [`World::describe`], a comment (`#`), or a directive (`!`):
//!
//! | directive | what it does |
//! |---|---|
//! | `! progress` | whatever happens by itself happens, while time stands still |
//! | `! progress until NAME` | the same, and time passes, until a milestone is reached |
//! | `! settle` | the same until everything rests |
//! | `! holds` | every property holds |
//! | `! violates NAME` | the action before it broke this property; the last line |
//! | `! reached NAME`, `! not reached NAME` | a milestone shows, or does not |
//! | `! possible ACTION`, `! impossible ACTION` | an action could happen now, or could not |
//! | `! rests` | the world comes to rest by itself, once healed; goes on as before |

use std::fmt;

use crate::action::{Action, Outcome, Rank};
use crate::milestones::{Milestone, milestone};
use crate::properties::Violation;
use crate::scope::Scope;
use crate::scopes;
use crate::setup::{Clock, Setup};
use crate::world::World;

/// Actions that one directive may take.
const LIMIT: usize = 20_000;

/// Where a trace begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// [`World::cold`].
    Cold,
    /// [`World::started`].
    Started,
    /// [`World::protected`].
    Protected,
}

impl Start {
    const fn name(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Started => "started",
            Self::Protected => "protected",
        }
    }

    /// The world there.
    ///
    /// # Errors
    /// The beginning is not reached.
    pub fn world(self, setup: &Setup) -> Result<World, Violation> {
        match self {
            Self::Cold => Ok(World::cold(setup)),
            Self::Started => World::started(setup),
            Self::Protected => World::protected(setup),
        }
    }
}

/// A trace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    /// Name of the scope.
    pub scope: String,
    /// Name of the deployment.
    pub deployment: String,
    /// How time runs.
    pub clock: Clock,
    /// Where it begins.
    pub from: Start,
    /// The lines after the header: actions, comments, directives.
    pub lines: Vec<String>,
}

/// What a replay ends in.
#[derive(Clone, Debug)]
pub struct Replay {
    /// The world at the end.
    pub world: World,
    /// What each action did, with the number of its line.
    pub outcomes: Vec<(usize, Outcome)>,
    /// What was broken, if the trace says that something is.
    pub violation: Option<Violation>,
}

/// Why a trace could not be replayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceError {
    /// Number of the line, from 1.
    pub line: usize,
    /// What is wrong.
    pub what: String,
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.what)
    }
}

impl std::error::Error for TraceError {}

/// Lines of the header.
const HEADER: usize = 5;

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clock = match self.clock {
            Clock::Model => "model",
            Clock::Real => "real",
        };
        writeln!(f, "farshore trace 1\nscope {}\ndeployment {}", self.scope, self.deployment)?;
        writeln!(f, "clock {clock}\nfrom {}", self.from.name())?;
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl Trace {
    /// An empty trace of a scope.
    #[must_use]
    pub fn new(setup: &Setup, from: Start) -> Self {
        let Scope { name, deployment_name, .. } = &setup.scope;
        Self { scope: name.clone(), deployment: deployment_name.clone(), clock: setup.clock, from, lines: Vec::new() }
    }

    /// Writes down a run: actions, and the violation that they end in, if any.
    #[must_use]
    pub fn record(setup: &Setup, from: Start, start: &World, actions: &[Action]) -> Self {
        let mut trace = Self::new(setup, from);
        let mut world = start.clone();
        for &action in actions {
            trace.lines.push(world.describe(setup, action));
            world.apply(setup, action);
        }
        if let Err(violation) = world.check(setup) {
            trace.lines.push(format!("# {violation}"));
            trace.lines.push(format!("! violates {}", violation.property));
        }
        trace
    }

    /// Reads a trace.
    ///
    /// # Errors
    /// The header is not one.
    pub fn parse(text: &str) -> Result<Self, TraceError> {
        let lines: Vec<&str> = text.lines().collect();
        let header = |at: usize, key: &str| {
            let line = lines.get(at).copied().unwrap_or_default();
            let value = line.strip_prefix(key).and_then(|l| l.strip_prefix(' '));
            value.ok_or_else(|| TraceError { line: at + 1, what: format!("`{key} …` expected") })
        };
        if header(0, "farshore trace")? != "1" {
            return Err(TraceError { line: 1, what: "this build reads traces of version 1".into() });
        }
        let clock = match header(3, "clock")? {
            "model" => Clock::Model,
            "real" => Clock::Real,
            _ => return Err(TraceError { line: 4, what: "the clock is `model` or `real`".into() }),
        };
        let from = match header(4, "from")? {
            "cold" => Start::Cold,
            "started" => Start::Started,
            "protected" => Start::Protected,
            _ => return Err(TraceError { line: 5, what: "from `cold`, `started` or `protected`".into() }),
        };
        Ok(Self {
            scope: header(1, "scope")?.into(),
            deployment: header(2, "deployment")?.into(),
            clock,
            from,
            lines: lines.into_iter().skip(HEADER).map(Into::into).collect(),
        })
    }

    /// Carries the trace out.
    ///
    /// # Errors
    /// A line that could not be carried out, a directive that does not hold, a violation that no line names.
    pub fn replay(&self, setup: &Setup) -> Result<Replay, TraceError> {
        let at = |line: usize| move |what: String| TraceError { line: line + HEADER + 1, what };
        let start = self.from.world(setup).map_err(|v| TraceError { line: HEADER, what: v.to_string() })?;
        let mut replay = Replay { world: start, outcomes: Vec::new(), violation: None };
        for (number, line) in self.lines.iter().enumerate() {
            let line = line.trim();
            let error = at(number);
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(directive) = line.strip_prefix("! ") {
                replay.directive(setup, directive).map_err(&error)?;
                continue;
            }
            if let Some(violation) = &replay.violation {
                return Err(error(format!("nothing can follow a violation ({violation})")));
            }
            let action =
                replay.world.find_action(setup, line).ok_or_else(|| error(replay.world.cannot(setup, line)))?;
            let outcome = replay.world.apply(setup, action);
            if !outcome.applied {
                let why = outcome.rejected.map_or_else(|| "it is not possible".into(), |r| r.to_string());
                return Err(error(why));
            }
            replay.outcomes.push((number + HEADER + 1, outcome));
            replay.violation = replay.world.check(setup).err();
            let next = self.lines[number + 1..].iter().map(|l| l.trim()).find(|l| !l.is_empty() && !l.starts_with('#'));
            if let Some(violation) =
                replay.violation.as_ref().filter(|_| !next.is_some_and(|n| n.starts_with("! violates ")))
            {
                return Err(error(violation.to_string()));
            }
        }
        Ok(replay)
    }
}

impl World {
    /// What to say where a line of a trace is no action: what else could happen.
    fn cannot(&self, setup: &Setup, line: &str) -> String {
        let possible = self.enabled(setup).into_iter().map(|action| self.describe(setup, action));
        let list: Vec<String> = possible.map(|text| format!("\n    {text}")).collect();
        format!("`{line}` cannot happen now; what can:{}", list.concat())
    }
}

impl Replay {
    fn directive(&mut self, setup: &Setup, text: &str) -> Result<(), String> {
        let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
        let world = &mut self.world;
        let named = |name: &str| milestone(name).ok_or_else(|| format!("no milestone is called `{name}`"));
        match (word, rest) {
            ("progress", "") => world.run_progress(setup, LIMIT).map(drop).map_err(|v| v.to_string()),
            ("progress", rest) => {
                let name = rest.strip_prefix("until ").ok_or("`progress until NAME` expected")?;
                run_until(world, setup, named(name)?)
            }
            ("settle", "") => world.settle(setup, LIMIT).map(drop).map_err(|v| v.to_string()),
            ("holds", "") => world.check(setup).map_err(|v| v.to_string()),
            ("rests", "") => world.converges(setup, LIMIT).map_err(|v| v.to_string()),
            ("violates", name) => match &self.violation {
                Some(violation) if violation.property == name => Ok(()),
                Some(violation) => Err(format!("violates {} instead", violation.property)),
                None => Err("nothing is violated".into()),
            },
            ("reached", name) if (named(name)?.reached)(world, setup) => Ok(()),
            ("reached", _) => Err("not reached".into()),
            ("not", rest) => {
                let name = rest.strip_prefix("reached ").ok_or("`not reached NAME` expected")?;
                if (named(name)?.reached)(world, setup) { Err("reached".into()) } else { Ok(()) }
            }
            ("possible", action) if world.find_action(setup, action).is_some() => Ok(()),
            ("possible", _) => Err("it is not possible".into()),
            ("impossible", action) if world.find_action(setup, action).is_none() => Ok(()),
            ("impossible", _) => Err("it is possible".into()),
            _ => Err(format!("no directive is called `{word}`")),
        }
    }
}

/// What happens by itself, one thing at a time, and time where nothing does.
fn run_until(world: &mut World, setup: &Setup, milestone: &Milestone) -> Result<(), String> {
    for _ in 0..LIMIT {
        if (milestone.reached)(world, setup) {
            return Ok(());
        }
        let choices = world.choices(setup, false);
        let next = choices.iter().find(|c| matches!(c.rank, Rank::Progress | Rank::Time)).ok_or("nothing happens")?;
        world.apply(setup, next.action);
        world.check(setup).map_err(|v| v.to_string())?;
    }
    Err("not reached".into())
}

/// Replays a trace of one of the [scopes] of this crate.
///
/// # Errors
/// The trace cannot be read or replayed; see [`Trace::replay`].
pub fn run_trace(text: &str) -> Result<Replay, TraceError> {
    let trace = Trace::parse(text)?;
    let scope = scopes::named(&trace.scope)
        .ok_or_else(|| TraceError { line: 2, what: format!("no scope is called `{}`", trace.scope) })?;
    if scope.deployment_name != trace.deployment {
        return Err(TraceError { line: 3, what: format!("the scope's deployment is `{}`", scope.deployment_name) });
    }
    let setup = Setup::new(scope, trace.clock).map_err(|e| TraceError { line: 3, what: e.to_string() })?;
    trace.replay(&setup)
}
