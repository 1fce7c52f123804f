//! Steps of a plan (F6).

use alloc::vec::Vec;

use super::names::{Names, sorted};
use crate::ids::{GroupIx, Index, StepKey};
use crate::inventory::Vm;
use crate::inventory::check::Values;
use crate::inventory::error::{ConfigError, Kind, Object, StepError};
use crate::plan::{Act, OnFailure, PlanStep, Reply, When};
use crate::spec::{self, Edge, Span};
use crate::time::Millis;

/// How long a command may take where nothing is said.
const TIMEOUT: Span = Span::secs(60);

/// The steps of a plan of these groups, as they are written.
pub(super) fn steps(
    names: &Names<'_>,
    plan: &spec::Plan,
    groups: &[(GroupIx, u8)],
    vms: &[Vm],
) -> Result<Vec<PlanStep>, ConfigError> {
    sorted(Kind::Step, plan.steps.iter().map(|step| &*step.name), || Object::new(Kind::Plan, &*plan.name))?;
    plan.steps.iter().map(|spec| step(names, plan, groups, vms, spec)).collect()
}

fn step(
    names: &Names<'_>,
    plan: &spec::Plan,
    groups: &[(GroupIx, u8)],
    vms: &[Vm],
    spec: &spec::PlanStep,
) -> Result<PlanStep, ConfigError> {
    let wrong = |why| ConfigError::Step { plan: plan.name.clone(), step: spec.name.clone(), why };
    let by = || Object::new(Kind::Step, &*spec.name);
    if spec.name.trim() != spec.name || spec.name.is_empty() || spec.name.chars().any(char::is_control) {
        return Err(ConfigError::BadName { kind: Kind::Step, name: spec.name.clone() });
    }
    let group = spec.group.as_ref().map(|group| names.groups.resolve(group, by)).transpose()?;
    if let (Some(ix), Some(name)) = (group, &spec.group)
        && !groups.iter().any(|&(g, _)| g == ix)
    {
        return Err(wrong(StepError::ForeignGroup(name.clone())));
    }
    let goes =
        |vm: &Vm| vm.group.is_some_and(|g| group.is_none_or(|only| only == g) && groups.iter().any(|x| x.0 == g));
    let at = when(names, spec, by, wrong)?;
    match at {
        When::BeforeTier(tier) | When::AfterTier(tier) => {
            if !(1..=5).contains(&tier) {
                return Err(wrong(StepError::Tier(tier)));
            }
            if !vms.iter().any(|vm| vm.tier == tier && goes(vm)) {
                return Err(wrong(StepError::EmptyTier(tier)));
            }
        }
        When::BeforeVm(vm) | When::AfterVm(vm) => {
            let vm = &vms[vm.at()];
            if !goes(vm) {
                return Err(wrong(StepError::ForeignVm(vm.name.clone())));
            }
        }
        When::First | When::Last => {}
    }
    Ok(PlanStep {
        key: StepKey::of(&alloc::format!("{}/{}", plan.name, spec.name)),
        name: spec.name.clone(),
        at,
        group,
        act: act(spec, by, wrong)?,
        retries: spec.retries.unwrap_or(0),
        on_failure: spec.on_failure.unwrap_or(OnFailure::Ask),
        in_test: spec.in_test,
    })
}

fn when(
    names: &Names<'_>,
    spec: &spec::PlanStep,
    by: impl Fn() -> Object,
    wrong: impl Fn(StepError) -> ConfigError,
) -> Result<When, ConfigError> {
    let vm = |name: &alloc::string::String| names.vms.resolve(name, &by);
    let said = [
        spec.when.map(|edge| match edge {
            Edge::First => When::First,
            Edge::Last => When::Last,
        }),
        spec.before_tier.map(When::BeforeTier),
        spec.after_tier.map(When::AfterTier),
        spec.before_vm.as_ref().map(vm).transpose()?.map(When::BeforeVm),
        spec.after_vm.as_ref().map(vm).transpose()?.map(When::AfterVm),
    ];
    let mut said = said.into_iter().flatten();
    match (said.next(), said.next()) {
        (Some(when), None) => Ok(when),
        (None | Some(_), _) => Err(wrong(StepError::When)),
    }
}

fn act(
    spec: &spec::PlanStep,
    by: impl Fn() -> Object,
    wrong: impl Fn(StepError) -> ConfigError,
) -> Result<Act, ConfigError> {
    let only = |said: bool, key, belongs| if said { Err(wrong(StepError::Key { key, belongs })) } else { Ok(()) };
    let command = !spec.command.is_empty();
    only(spec.retries.is_some() && !command, "retries", "command")?;
    only(spec.on_failure.is_some() && !command, "on-failure", "command")?;
    only(spec.timeout.is_some() && spec.delay.is_some(), "timeout", "command` or `prompt")?;
    only(
        spec.default.is_some() && (spec.prompt.is_none() || spec.timeout.is_none()),
        "default",
        "prompt` and `timeout",
    )?;
    match (command, &spec.prompt, spec.delay) {
        (true, None, None) => {
            let timeout = spec.timeout.unwrap_or(TIMEOUT);
            Values(by()).not_zero([("timeout", timeout)])?;
            Ok(Act::Command { line: spec.command.clone(), timeout: timeout.into() })
        }
        (false, Some(text), None) => {
            if let Some(timeout) = spec.timeout {
                Values(by()).not_zero([("timeout", timeout)])?;
            }
            let timeout = spec.timeout.map_or(Millis::ZERO, Into::into);
            Ok(Act::Prompt { text: text.clone(), timeout, default: spec.default.unwrap_or(Reply::Continue) })
        }
        (false, None, Some(delay)) => {
            Values(by()).not_zero([("delay", delay)])?;
            Ok(Act::Delay(delay.into()))
        }
        (true | false, ..) => Err(wrong(StepError::Act)),
    }
}
