//! Scopes of plans: a test and the real thing (F8, I17), a plan with steps (F6), a recovery that is rolled back (F10).

use farshore_core::ids::{GroupKey, Side, StepKey};
use farshore_core::input::Command;
use farshore_core::plan::Reply;
use farshore_core::spec::{Deployment, Edge, PlanStep, Span};
use farshore_core::waiver::{Override, Waiver};

use super::{Named, lose, order, pair};
use crate::scope::{Budget, Budgets, Fault, Order, Scope, word};

/// Every scope of this kind, by name.
pub const ALL: &[Named] = &[
    ("plan_test", plan_test),
    ("plan_test_lost", plan_test_lost),
    ("plan_test_lost_crash", plan_test_lost_crash),
    ("plan_steps", plan_steps),
    ("rolled_back", rolled_back),
    ("rolled_back_doubt", rolled_back_doubt),
    ("rolled_back_crash", rolled_back_crash),
];

fn shop() -> GroupKey {
    GroupKey::of("shop")
}

fn of(
    name: &str,
    prose: &str,
    (deployment_name, deployment): (&str, Deployment),
    budgets: Budgets,
    faults: &[(Fault, u8)],
    orders: Vec<Order>,
) -> Scope {
    Scope {
        name: name.into(),
        prose: prose.into(),
        deployment_name: deployment_name.into(),
        deployment,
        budgets,
        faults: faults.to_vec(),
        orders,
        prelude: Vec::new(),
    }
}

/// A test, and its end, at the site that would take the group.
fn tested() -> Vec<Order> {
    vec![order(Side::Two, Command::Test(shop())), order(Side::Two, Command::EndTest(shop()))]
}

/// A test, and every way in which it can be disturbed.
#[must_use]
pub fn plan_test() -> Scope {
    let prose = "An operator tests a plan and ends the test at any point; two of these: a command fails, is never done, is \
                 done twice, or its answer is lost, either manager crashes. Nothing of the test is left (F8).";
    let kinds = [Budget::Fails, Budget::Lost, Budget::Twice, Budget::Mute, Budget::Crash];
    let budgets = Budgets::of(&kinds.map(|kind| (kind, 1))).at_most(2);
    of("plan_test", prose, ("pair", pair()), budgets, &[], tested())
}

/// A LUN is lost while its group is tested.
#[must_use]
pub fn plan_test_lost() -> Scope {
    let prose = "An operator tests a plan and ends the test at any point, and the group's LUN is lost at any point. No rescue \
                 waits for a test (I17).";
    of("plan_test_lost", prose, ("pair", pair()), Budgets::NONE, &[lose(Side::One, 0)], tested())
}

/// The same, and something goes wrong besides.
#[must_use]
pub fn plan_test_lost_crash() -> Scope {
    let prose = "An operator tests a plan and ends the test at any point, and the group's LUN is lost at any point; one \
                 command is never done, or its answer is lost, or either manager crashes.";
    let budgets = Budgets::of(&[(Budget::Lost, 1), (Budget::Mute, 1), (Budget::Crash, 1)]).at_most(1);
    of("plan_test_lost_crash", prose, ("pair", pair()), budgets, &[lose(Side::One, 0)], tested())
}

/// A prompt before anything, a command after the first VM.
fn with_steps() -> Deployment {
    let mut deployment = pair();
    let step = |name: &str| PlanStep { name: name.into(), ..PlanStep::default() };
    deployment.plans[0].steps = vec![
        PlanStep {
            when: Some(Edge::First),
            prompt: Some("Go on?".into()),
            timeout: Some(Span::millis(61)),
            ..step("ready")
        },
        PlanStep {
            after_vm: Some("db".into()),
            command: vec!["check".into()],
            timeout: Some(Span::millis(3)),
            ..step("check")
        },
    ];
    deployment
}

/// A recovery goes through its plan's steps.
#[must_use]
pub fn plan_steps() -> Scope {
    let prose = "A LUN is lost, and the plan asks a person, and runs a command after the first VM, which asks again when it \
                 fails; one command fails.";
    let budgets = Budgets::of(&[(Budget::Fails, 1)]);
    let answer = |step: &str, reply| {
        order(Side::Two, Command::AnswerStep { group: shop(), step: StepKey::of(&format!("plan/{step}")), reply })
    };
    let orders =
        vec![answer("ready", Reply::Continue), answer("check", Reply::Retry), answer("check", Reply::Continue)];
    of("plan_steps", prose, ("pair with steps", with_steps()), budgets, &[lose(Side::One, 0)], orders)
}

fn windowed() -> Deployment {
    let mut deployment = pair();
    deployment.policy.commit_window = Span::millis(71);
    deployment
}

/// There, and back by giving up what was written since.
fn there_and_back() -> Vec<Order> {
    let writes = Override { waives: Waiver::Writes, ..word(shop()) };
    vec![
        order(Side::One, Command::Migrate(shop())),
        order(Side::Two, Command::RollBack(writes)),
        order(Side::Two, Command::Commit(shop())),
    ]
}

/// A recovery is rolled back, or committed.
#[must_use]
pub fn rolled_back() -> Scope {
    let prose = "An operator moves a group, and rolls that back or commits it, at any point, and the old copy is lost at any \
                 point, or never.";
    let faults = [lose(Side::One, 0)];
    of("rolled_back", prose, ("pair with a commit window", windowed()), Budgets::NONE, &faults, there_and_back())
}

/// The same, and something goes wrong.
#[must_use]
pub fn rolled_back_doubt() -> Scope {
    let prose = "An operator moves a group, and rolls that back or commits it, at any point; one command fails, is never done, \
                 or its answer is lost, or a message is lost.";
    let kinds = [Budget::Fails, Budget::Lost, Budget::Mute, Budget::Dropped];
    let budgets = Budgets::of(&kinds.map(|kind| (kind, 1))).at_most(1);
    of("rolled_back_doubt", prose, ("pair with a commit window", windowed()), budgets, &[], there_and_back())
}

/// The same, and a manager crashes.
#[must_use]
pub fn rolled_back_crash() -> Scope {
    let prose = "An operator moves a group, and rolls that back or commits it, at any point; either manager crashes.";
    let budgets = Budgets::of(&[(Budget::Crash, 1)]);
    of("rolled_back_crash", prose, ("pair with a commit window", windowed()), budgets, &[], there_and_back())
}
