//! Exhausting a scope with stateright: depth first, no limits, and proof that it ended by exhaustion.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use farshore_world::SOMETIMES;
use stateright::{Checker, Model};

use crate::Checked;
use crate::limits::{self, Limits};

/// How often progress is told where nobody sits at a terminal.
const TELL: Duration = Duration::from_secs(60);

/// What an exhausted scope showed.
#[derive(Clone, Debug)]
pub struct Exhausted {
    /// Unique states.
    pub states: usize,
    /// Longest way that the search took.
    pub depth: usize,
    /// Milestones that were met, in the order of the table.
    pub met: Vec<bool>,
    /// How long it took.
    pub took: Duration,
}

/// A search that shows nothing, or shows a defect.
#[derive(Debug)]
pub enum Failed {
    /// A property does not hold: its name, and the actions that lead to where it does not.
    Violated(&'static str, Vec<farshore_world::Action>),
    /// The search ended before everything was seen.
    CutShort,
    /// It was given up: it took more than it may. So many unique states were seen, and the longest way.
    GivenUp(usize, usize),
}

/// Explores every state of a scope.
///
/// # Errors
/// A property that does not hold; or a search that did not end by exhaustion, which shows nothing. One that is given up
/// leaves its threads behind: the process is to end.
pub fn exhaust(checked: Checked, name: &str, limits: Limits) -> Result<Exhausted, Failed> {
    let began = Instant::now();
    let terminal = std::io::stderr().is_terminal();
    let always: Vec<&'static str> = checked
        .properties()
        .iter()
        .filter(|p| p.expectation == stateright::Expectation::Always)
        .map(|p| p.name)
        .collect();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut told = Duration::ZERO;
    let mut checker = checked.checker().threads(threads).spawn_dfs();
    let workers = checker.handles();
    while !checker.is_done() {
        if workers.iter().all(std::thread::JoinHandle::is_finished) {
            return Err(Failed::CutShort);
        }
        std::thread::sleep(Duration::from_millis(50));
        let (states, took) = (checker.unique_state_count(), began.elapsed());
        let memory = limits::peak().unwrap_or_default();
        if terminal {
            eprint!("\r  {name}: {states} states, {} s, {} MiB ", took.as_secs(), memory >> 10);
            let _ = std::io::stderr().flush();
        } else if took >= told + TELL {
            told = took;
            eprintln!("  {name}: {states} states, {} s, {} MiB", took.as_secs(), memory >> 10);
        }
        if memory > limits.memory || limits.time.is_some_and(|time| took > time) {
            return Err(Failed::GivenUp(states, checker.max_depth()));
        }
    }
    for worker in workers {
        if worker.join().is_err() {
            return Err(Failed::CutShort);
        }
    }
    if terminal {
        eprint!("\r\x1b[K");
    }
    let discoveries = checker.discoveries();
    if let Some(name) = always.iter().find(|name| discoveries.contains_key(*name)) {
        let path = discoveries[name].clone().into_actions();
        return Err(Failed::Violated(name, path));
    }
    let met = SOMETIMES.iter().map(|m| discoveries.contains_key(m.name)).collect();
    let (states, depth) = (checker.unique_state_count(), checker.max_depth());
    Ok(Exhausted { states, depth, met, took: began.elapsed() })
}
