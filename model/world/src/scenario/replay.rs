//! Traces of scenarios: a run written down action by action, and run again.

use super::Scenario;
use super::history::{History, What};
use super::run::{Run, judged};
use crate::action::Action;
use crate::trace::{Start, Trace, TraceError};
use crate::world::World;

/// Stands where the scenario begins; what comes before protects the groups.
const BEGINS: &str = "# --- the scenario begins ---";
/// Lines of a trace's header.
const HEADER: usize = 5;

impl Scenario {
    /// Writes a run down, in the text format of [`Trace`]. Its scope is the scenario's file.
    #[must_use]
    pub fn trace(&self, run: &Run) -> Trace {
        let mut trace = Trace::new(&self.setup, Start::Cold);
        trace.lines.push(format!("# {}, seed {}", self.title, run.seed));
        let mut world = World::cold(&self.setup);
        for (at, &action) in run.actions.iter().enumerate() {
            if at == run.before {
                trace.lines.push(BEGINS.into());
            }
            trace.lines.push(world.describe(&self.setup, action));
            world.apply(&self.setup, action);
        }
        for verdict in run.verdicts.iter().filter(|v| !v.met) {
            trace.lines.push(format!("# not met: {} ({})", verdict.expected, verdict.found));
        }
        if let Some(broken) = &run.broken {
            trace.lines.push(format!("# {broken}"));
            trace.lines.push(format!("! violates {}", broken.property));
        }
        trace
    }

    /// Runs a trace of this scenario again, action by action, and judges it anew.
    ///
    /// # Errors
    /// An action that is not possible any more: the scenario, its deployment or the software has changed since.
    pub fn replay(&self, trace: &Trace) -> Result<Run, TraceError> {
        let setup = &self.setup;
        let mut world = World::cold(setup);
        let mut history = History::begin(setup, &world);
        let mut told = self.events.iter().peekable();
        let (mut broken, mut begun) = (None, false);
        for (number, line) in trace.lines.iter().enumerate() {
            let error = |what: String| TraceError { line: number + HEADER + 1, what };
            if line == BEGINS {
                begun = true;
                history = History::begin(setup, &world);
            }
            if line.trim().is_empty() || line.starts_with(['#', '!']) {
                continue;
            }
            let gone = || error(format!("this can't happen now: scenario or software have changed since (`{line}`)"));
            let action = world.find_action(setup, line).ok_or_else(gone)?;
            if begun && !matches!(action, Action::AdvanceTo(_)) {
                let now = history.time(world.now);
                while let Some(event) = told.next_if(|e| e.at <= now) {
                    history.say(&world, event.side, What::Story(event.words.clone()));
                }
            }
            let outcome = world.apply(setup, action);
            if !outcome.applied {
                return Err(error("this is not possible any more".into()));
            }
            history.note(setup, &world, &outcome);
            if let Err(violation) = world.check(setup) {
                broken = Some(violation);
                break;
            }
        }
        Ok(judged(self, &world, history, broken))
    }
}
