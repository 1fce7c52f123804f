//! Commands of recovery plans (F6): run here, once at a time, ended when they take too long, remembered once they are done.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use farshore_core::ids::StepKey;
use farshore_core::inventory::Site;
use farshore_core::operation::{Failure, StepSeen, Token};
use farshore_core::plan::Act;

use crate::process::Process;
use crate::tokens::Tokens;
use crate::{Cellar, LabError};

/// A command of a plan.
#[derive(Clone, Debug)]
struct Command {
    plan: String,
    name: String,
    line: Vec<String>,
    timeout: Duration,
}

/// What is durable: with which token each was begun last, and with which it was done.
#[derive(Debug)]
struct Kept {
    begun: Tokens,
    done: Tokens,
}

/// The commands of all plans, at one site.
#[derive(Debug)]
pub struct Steps {
    cellar: Arc<Cellar>,
    dir: PathBuf,
    commands: BTreeMap<StepKey, Command>,
    kept: Mutex<Kept>,
    /// One at a time of each: a second order waits for the first, and finds it done.
    busy: Mutex<BTreeMap<String, Arc<Mutex<()>>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Steps {
    /// Remembers in files under `dir`, which exists, what was run.
    ///
    /// # Errors
    /// A file that cannot be read, or is not ours.
    pub fn open(cellar: &Arc<Cellar>, dir: &Path, site: &Site) -> Result<Self, LabError> {
        let plans = site.inventory.plans.iter();
        let steps = plans.flat_map(|(_, plan)| plan.steps.iter().map(move |step| (plan, step)));
        let commands = steps.filter_map(|(plan, step)| match &step.act {
            Act::Command { line, timeout } => {
                let timeout = Duration::from_millis(timeout.0);
                let command = Command { plan: plan.name.clone(), name: step.name.clone(), line: line.clone(), timeout };
                Some((step.key, command))
            }
            Act::Prompt { .. } | Act::Delay(_) => None,
        });
        let kept = Kept { begun: Tokens::open(dir.join("steps.begun"))?, done: Tokens::open(dir.join("steps.done"))? };
        Ok(Self {
            cellar: cellar.clone(),
            dir: dir.into(),
            commands: commands.collect(),
            kept: Mutex::new(kept),
            busy: Mutex::default(),
        })
    }

    fn object(&self, step: StepKey, group: &str, test: bool) -> Option<(String, &Command)> {
        let command = self.commands.get(&step)?;
        let kind = if test { "test" } else { "run" };
        Some((format!("{kind}/{group}/{}/{}", command.plan, command.name), command))
    }

    /// What is known of a command.
    #[must_use]
    pub fn seen(&self, step: StepKey, group: &str, test: bool) -> StepSeen {
        let Some((object, _)) = self.object(step, group, test) else { return StepSeen::default() };
        let kept = lock(&self.kept);
        let token = kept.begun.of(&object);
        StepSeen { token, ran: token != Token::default() && kept.done.of(&object) == token }
    }

    /// Runs a command for a group, unless that was done with this token. It is told by `FARSHORE_GROUP`, `FARSHORE_PLAN`,
    /// `FARSHORE_STEP`, `FARSHORE_EPOCH` and `FARSHORE_TEST` what it is run for.
    ///
    /// # Errors
    /// [`Failure::Failed`] if it ends with another status than 0, or takes too long and is ended. What cannot be recorded
    /// is an error of the outer result: nobody can tell.
    pub fn run(
        &self,
        step: StepKey,
        group: &str,
        test: bool,
        token: Token,
    ) -> Result<Result<StepSeen, Failure>, LabError> {
        let Some((object, command)) = self.object(step, group, test) else { return Ok(Err(Failure::Unknown)) };
        let own = lock(&self.busy).entry(object.clone()).or_default().clone();
        let _alone = lock(&own);
        {
            let mut kept = lock(&self.kept);
            if let Err(superseded) = kept.begun.admits(&object, token) {
                return Ok(Err(superseded));
            }
            if kept.done.of(&object) == token {
                return Ok(Ok(StepSeen { token, ran: true }));
            }
            kept.begun.record(&object, token)?;
        }
        if !self.execute(command, group, test, token)? {
            return Ok(Err(Failure::Failed));
        }
        lock(&self.kept).done.record(&object, token)?;
        Ok(Ok(StepSeen { token, ran: true }))
    }

    /// Whether it ended well, in time.
    fn execute(&self, command: &Command, group: &str, test: bool, token: Token) -> Result<bool, LabError> {
        let Some((program, args)) = command.line.split_first() else { return Ok(false) };
        let env = [
            ("FARSHORE_GROUP", group.to_owned()),
            ("FARSHORE_PLAN", command.plan.clone()),
            ("FARSHORE_STEP", command.name.clone()),
            ("FARSHORE_EPOCH", token.epoch.0.to_string()),
            ("FARSHORE_TEST", u8::from(test).to_string()),
        ];
        let log = self.dir.join("steps.log");
        let name = format!("step {}", command.name);
        let process = Process::start_with(&self.cellar, &name, program, args, &env, &log)?;
        if process.wait(command.timeout) {
            return Ok(process.succeeded());
        }
        let ms = u64::try_from(command.timeout.as_millis()).unwrap_or(u64::MAX);
        self.cellar.complain(&LabError::Timeout { what: name, ms });
        process.kill();
        Ok(false)
    }
}
