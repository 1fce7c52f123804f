//! Steps of a plan besides its VMs (F6): commands, prompts, delays. Each test names the rule that it checks.

mod support;

use farshore_core::event::{Alert, Event};
use farshore_core::ids::{GroupKey, StepKey, VmKey};
use farshore_core::inventory::{ConfigError, Readiness, Site, StepError};
use farshore_core::operation::{Goal, Op, Target};
use farshore_core::plan::{OnFailure, Reply};
use farshore_core::record::{Latch, StepVerdict, Work};
use farshore_core::spec::{Deployment, Edge, Plan, PlanStep, Span, Vm};
use farshore_core::{Command, Fact};
use support::{ALDER, BIRCH, Fault, Pair, groups, vm};

fn command(name: &str) -> PlanStep {
    PlanStep { name: name.into(), command: vec!["true".into()], ..PlanStep::default() }
}

fn prompt(name: &str) -> PlanStep {
    PlanStep { name: name.into(), prompt: Some("Go on?".into()), ..PlanStep::default() }
}

fn first(step: PlanStep) -> PlanStep {
    PlanStep { when: Some(Edge::First), ..step }
}

/// `shop` with a database in tier 1 and a web server in tier 2, and these steps.
fn shop(steps: Vec<PlanStep>) -> Deployment {
    let tiered = |name: &str, tier| Vm { tier, ..Vm::of(name, &["shop"]) };
    let plan = Plan { steps, ..Plan::of("all", &["shop"]) };
    Deployment { vms: vec![tiered("db", 1), tiered("web", 2)], plans: vec![plan], ..groups(&["shop"]) }
}

fn key(name: &str) -> StepKey {
    StepKey::of(&format!("all/{name}"))
}

fn group() -> GroupKey {
    GroupKey::of("shop")
}

/// Names of the steps and VMs that birch has begun, in order.
fn begun(pair: &Pair) -> Vec<String> {
    let site = &pair.nodes[BIRCH].site;
    let plan = site.inventory.plans.iter().next().unwrap().1;
    let name = |op: &Op| match (op.id.target, op.goal) {
        (Target::Vm(key), Goal::Running { .. }) => Some(site.inventory.vms.by_key(key).unwrap().1.name.clone()),
        (Target::Step(key), Goal::Ran) => Some(plan.step(key).unwrap().name.clone()),
        _ => None,
    };
    pair.nodes[BIRCH].ops().iter().filter_map(name).collect()
}

fn lose(deployment: &Deployment) -> Pair {
    let mut pair = Pair::protected(deployment);
    pair.lose(ALDER, "shop");
    pair.conclude();
    pair
}

fn idle(pair: &Pair) -> bool {
    pair.nodes[BIRCH].record("shop").work == Work::Idle
}

fn answer(pair: &mut Pair, step: &str, reply: Reply) {
    pair.command(BIRCH, Command::AnswerStep { group: group(), step: key(step), reply }).unwrap();
}

/// F6: each step comes at its place, and what comes after it waits.
#[test]
fn f6_steps_come_in_their_places() {
    let steps = vec![
        PlanStep { when: Some(Edge::Last), ..command("last") },
        PlanStep { after_vm: Some("db".into()), ..command("after-db") },
        PlanStep { before_tier: Some(2), ..command("before-2") },
        PlanStep { before_vm: Some("web".into()), ..command("before-web") },
        PlanStep { after_tier: Some(1), ..command("after-1") },
        first(command("first")),
    ];
    let pair = lose(&shop(steps));
    assert!(idle(&pair));
    assert_eq!(begun(&pair), ["first", "db", "after-db", "after-1", "before-2", "before-web", "web", "last"]);
}

/// F6: a VM whose step has not run does not count as recovered.
#[test]
fn f6_nothing_starts_past_a_step_that_is_not_behind() {
    let mut pair = Pair::protected(&shop(vec![PlanStep { after_vm: Some("db".into()), ..command("check") }]));
    pair.nodes[BIRCH].objects.faults.insert(Target::Step(key("check")), Fault::Deaf);
    pair.lose(ALDER, "shop");
    pair.conclude();
    assert_eq!(begun(&pair), ["db", "check"]);
    pair.nodes[BIRCH].objects.faults.clear();
    pair.until(idle);
    assert!(pair.nodes[BIRCH].runs("web"));
}

/// F6: a command that fails is tried again, and then the plan says what follows.
#[test]
fn f6_a_failed_command_does_what_the_plan_says() {
    for on_failure in [OnFailure::Skip, OnFailure::Ask, OnFailure::Abort] {
        let step = PlanStep { retries: Some(1), on_failure: Some(on_failure), ..first(command("notify")) };
        let mut pair = Pair::protected(&shop(vec![step]));
        pair.nodes[BIRCH].objects.faults.insert(Target::Step(key("notify")), Fault::Fails);
        pair.lose(ALDER, "shop");
        pair.conclude();
        pair.pass(60_000);
        assert_eq!(begun(&pair).iter().filter(|name| *name == "notify").count(), 2, "{on_failure:?}");
        assert!(pair.nodes[BIRCH].alerts().contains(&Alert::StepDown { group: group(), step: key("notify") }));
        let runs = pair.nodes[BIRCH].runs("db");
        let latch = pair.nodes[BIRCH].record("shop").latch;
        match on_failure {
            OnFailure::Skip => assert!(runs && latch.is_none()),
            OnFailure::Ask => {
                assert!(!runs && latch.is_none());
                pair.nodes[BIRCH].objects.faults.clear();
                answer(&mut pair, "notify", Reply::Retry);
                assert!(!pair.nodes[BIRCH].alerts().iter().any(|a| matches!(a, Alert::StepDown { .. })));
            }
            OnFailure::Abort => {
                assert!(!runs && latch == Some(Latch::StepFailed));
                pair.nodes[BIRCH].objects.faults.clear();
                pair.command(BIRCH, Command::Retry(group())).unwrap();
            }
        }
        pair.until(idle);
        assert!(pair.nodes[BIRCH].runs("web"), "{on_failure:?}");
    }
}

/// F6: a prompt waits for a person, or for its time, and its answer is durable.
#[test]
fn f6_a_prompt_waits() {
    let mut pair = lose(&shop(vec![first(prompt("ready"))]));
    let alert = Alert::Prompt { group: group(), step: key("ready") };
    pair.pass(3_600_000);
    assert!(begun(&pair).is_empty() && pair.nodes[BIRCH].alerts().contains(&alert));
    pair.restart(BIRCH);
    pair.pass(60_000);
    assert!(begun(&pair).is_empty() && pair.nodes[BIRCH].alerts().contains(&alert), "L6");
    answer(&mut pair, "ready", Reply::Continue);
    pair.until(idle);
    assert!(!pair.nodes[BIRCH].alerts().contains(&alert));
    let over = Event::StepOver { group: group(), step: key("ready"), verdict: StepVerdict::Done };
    assert!(pair.nodes[BIRCH].events().contains(&over));
}

/// F6: where nobody answers in time, the default counts.
#[test]
fn f6_a_prompt_has_a_default() {
    for default in [Reply::Continue, Reply::Abort] {
        let step = PlanStep { timeout: Some(Span::secs(600)), default: Some(default), ..first(prompt("ready")) };
        let mut pair = lose(&shop(vec![step]));
        pair.pass(500_000);
        assert!(begun(&pair).is_empty());
        pair.pass(200_000);
        let aborted = pair.nodes[BIRCH].record("shop").latch == Some(Latch::StepFailed);
        assert_eq!(aborted, default == Reply::Abort);
        assert_eq!(idle(&pair), default == Reply::Continue);
    }
}

/// F6: a delay is a delay, and no restart makes what is behind come again.
#[test]
fn f6_a_delay_ends_by_itself() {
    let step = PlanStep { before_tier: Some(2), delay: Some(Span::secs(90)), ..PlanStep::default() };
    let mut pair = lose(&shop(vec![PlanStep { name: "settle".into(), ..step }]));
    pair.pass(80_000);
    assert_eq!(begun(&pair), ["db"]);
    pair.pass(20_000);
    assert_eq!(begun(&pair), ["db", "web"]);
}

/// J2, J3: after a crash a command that ran is seen to have run, and is not run again.
#[test]
fn j3_a_command_that_ran_is_not_run_again() {
    let mut pair = Pair::protected(&shop(vec![first(command("once"))]));
    pair.nodes[BIRCH].objects.faults.insert(Target::Step(key("once")), Fault::Mute);
    pair.lose(ALDER, "shop");
    pair.until(|p| begun(p) == ["once"]);
    pair.restart(BIRCH);
    pair.until(idle);
    assert_eq!(begun(&pair).iter().filter(|name| *name == "once").count(), 1);
}

/// F3: what is put back at its owner after an abort goes through no steps.
#[test]
fn f3_putting_back_goes_through_no_steps() {
    let mut pair = Pair::protected(&shop(vec![first(command("first"))]));
    pair.nodes[ALDER].objects.faults.insert(vm("db"), Fault::Fails);
    pair.command(ALDER, Command::Migrate(group())).unwrap();
    pair.pass(600_000);
    assert!(pair.nodes[ALDER].active("shop") && pair.nodes[ALDER].runs("web"));
    assert!(!pair.nodes[ALDER].ops().iter().any(|op| matches!(op.id.target, Target::Step(_))));
}

/// F6: a VM says for itself what its failure does, and what a probe answers counts as a heartbeat.
#[test]
fn f6_a_vm_has_its_own_say() {
    let mut deployment = shop(vec![]);
    deployment.vms[0].on_failure = Some(OnFailure::Abort);
    deployment.vms[0].ready = Readiness::Probe;
    deployment.vms[0].probe = Some("tcp:5432".into());
    let mut pair = lose(&deployment);
    pair.pass(30_000);
    assert!(!pair.nodes[BIRCH].runs("web"));
    pair.fact(BIRCH, Fact::Heartbeat(VmKey::of("db")));
    pair.settle();
    assert!(pair.nodes[BIRCH].runs("web"));
    let mut pair = lose(&deployment);
    pair.pass(300_000);
    assert_eq!(pair.nodes[BIRCH].record("shop").latch, Some(Latch::StepFailed));
}

/// F9: a group that comes after another has a later priority, through any number of steps.
#[test]
fn f9_a_group_comes_after_another() {
    let mut deployment = groups(&["a", "b", "c"]);
    deployment.plans[0].groups[0].after = vec!["b".into()];
    deployment.plans[0].groups[1].after = vec!["c".into()];
    let site = Site::new(&deployment, "alder").unwrap();
    let plan = site.inventory.plans.iter().next().unwrap().1;
    let order: Vec<_> = plan.groups.iter().map(|&(g, p)| (site.inventory.groups[g].name.as_str(), p)).collect();
    assert_eq!(order, [("c", 1), ("b", 2), ("a", 3)]);
    deployment.plans[0].groups[2].after = vec!["a".into()];
    assert!(matches!(Site::new(&deployment, "alder"), Err(ConfigError::AfterItself { .. })));
}

/// F6: what makes no sense is refused by name.
#[test]
fn f6_steps_that_make_no_sense_are_refused() {
    let refused = |step: PlanStep| match Site::new(&shop(vec![step]), "alder") {
        Err(ConfigError::Step { plan, step, why }) => {
            assert_eq!((plan.as_str(), step.as_str()), ("all", "x"));
            Some(why)
        }
        _ => None,
    };
    let x = || command("x");
    assert_eq!(refused(x()), Some(StepError::When));
    assert_eq!(refused(PlanStep { before_tier: Some(1), ..first(x()) }), Some(StepError::When));
    assert_eq!(refused(PlanStep { prompt: Some("?".into()), ..first(x()) }), Some(StepError::Act));
    assert_eq!(refused(PlanStep { before_tier: Some(6), ..x() }), Some(StepError::Tier(6)));
    assert_eq!(refused(PlanStep { before_tier: Some(4), ..x() }), Some(StepError::EmptyTier(4)));
    let key = PlanStep { retries: Some(1), ..first(prompt("x")) };
    assert!(matches!(refused(key), Some(StepError::Key { key: "retries", .. })));
    assert_eq!(refused(first(x())), None);
}
