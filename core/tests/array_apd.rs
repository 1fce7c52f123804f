//! D2: a whole array that nobody reaches, and whose management is silent, counts as failed after a while; and nobody knows
//! what it still does.

mod support;

use farshore_core::authority::agent::{Enforcers, Told};
use farshore_core::detection::corroboration::ArrayAnswer;
use farshore_core::event::{Alert, Event};
use farshore_core::ids::{Epoch, GroupKey, LunKey};
use farshore_core::input::PathAnswer;
use farshore_core::operation::Goal;
use farshore_core::policy::ErrorKind;
use farshore_core::record::Latch;
use farshore_core::spec::{self, Datastore, Deployment, Lun, Replica, Span};
use farshore_core::waiver::{Operator, Override, Waiver};
use farshore_core::{Command, Effect, Fact};
use support::{ALDER, BIRCH, Fault, Pair, lun, shop};

const LUNS: [&str; 2] = ["shop", "logs"];
const VMS: [&str; 2] = ["shop-db", "shop-web"];

fn key() -> GroupKey {
    GroupKey::of("shop")
}

/// `shop` on two LUNs of one array.
fn deployment(arbiter: bool) -> Deployment {
    let mut deployment = shop();
    deployment.luns.push(Lun::of("logs", "alder-san", 2).replicated(Replica::synchronous("birch-san", 2)));
    deployment.datastores.push(Datastore::of("logs", &["logs"]));
    deployment.groups[0].datastores.push("logs".into());
    deployment.policy.arbiter = arbiter.then(spec::Arbiter::default);
    deployment
}

/// Every path of every host to these LUNs says this.
fn say(pair: &mut Pair, luns: &[&str], answer: &PathAnswer) {
    let inventory = pair.nodes[ALDER].site.inventory.clone();
    for name in luns {
        let lun = LunKey::of(name);
        let end = inventory.luns.by_key(lun).unwrap().1.ends[ALDER].clone().unwrap();
        for host in end.hosts {
            let host = inventory.hosts[host].key;
            pair.fact(ALDER, Fact::Path { host, lun, path: 0, probe: None, answer: answer.clone() });
        }
    }
}

/// Nobody reaches alder's array any more.
fn cut(deployment: &Deployment) -> Pair {
    let mut pair = Pair::protected(deployment);
    pair.nodes[ALDER].objects.array = Some(ArrayAnswer::Unreachable);
    for name in LUNS {
        pair.nodes[ALDER].objects.faults.insert(lun(name), Fault::Dead);
    }
    say(&mut pair, &LUNS, &PathAnswer::Silent);
    pair.settle();
    pair
}

fn failed(pair: &Pair) -> bool {
    pair.nodes[ALDER].events().iter().any(|e| matches!(e, Event::ArrayFailed { .. }))
}

fn is_untouched(pair: &Pair) {
    let record = pair.nodes[ALDER].record("shop");
    assert!(!failed(pair) && record.marks.is_empty() && record.latch.is_none());
    assert!(pair.nodes[ALDER].ops().is_empty(), "{:?}", pair.nodes[ALDER].ops());
}

#[test]
fn d2_an_array_fails_after_both_spans_and_not_before() {
    let mut pair = cut(&deployment(true));
    pair.pass(319_000);
    is_untouched(&pair);
    pair.pass(2_000);
    assert!(failed(&pair));
    let record = pair.nodes[ALDER].record("shop");
    assert!(LUNS.iter().all(|l| record.marks.get(&LunKey::of(l)) == Some(&Epoch(1)) && record.cut_off.len() == 2));
    let kinds = pair.nodes[ALDER].events().into_iter().filter_map(|e| match e {
        Event::PlanChosen { kind, .. } => Some(kind),
        _ => None,
    });
    assert_eq!(kinds.collect::<Vec<_>>(), [ErrorKind::DeviceLost], "one incident (D5)");
}

#[test]
fn d2_management_that_answers_keeps_it_from_failing() {
    let mut pair = cut(&deployment(true));
    pair.pass(300_000);
    pair.nodes[ALDER].objects.array = Some(ArrayAnswer::Present);
    pair.pass(600_000);
    is_untouched(&pair);
    pair.nodes[ALDER].objects.array = Some(ArrayAnswer::Unreachable);
    pair.pass(315_000);
    is_untouched(&pair);
    pair.pass(10_000);
    assert!(failed(&pair), "silent from its last word on");
}

#[test]
fn d2_a_path_that_answers_before_is_as_if_nothing_had_been() {
    let mut pair = cut(&deployment(true));
    pair.pass(300_000);
    say(&mut pair, &["logs"], &PathAnswer::Healthy);
    pair.pass(600_000);
    is_untouched(&pair);
    assert_eq!(pair.nodes[ALDER].alerts(), [Alert::AllPathsDown { lun: LunKey::of("shop") }], "one LUN is an alert");
}

#[test]
fn d2_by_policy_it_never_fails() {
    let mut of = deployment(true);
    of.policy.apd_delay = Span::default();
    let mut pair = cut(&of);
    pair.pass(3_600_000);
    is_untouched(&pair);
}

/// O3, F2: without an arbiter there is no write lease that would end what the array still lets somebody write.
#[test]
fn f2_without_an_arbiter_the_group_is_held() {
    let mut pair = cut(&deployment(false));
    pair.pass(600_000);
    assert_eq!(pair.nodes[ALDER].record("shop").latch, Some(Latch::Stuck));
    pair.command(ALDER, Command::Retry(key())).unwrap();
    pair.pass(600_000);
    assert_eq!(pair.nodes[ALDER].record("shop").latch, Some(Latch::Stuck));
    assert!(pair.nodes[ALDER].active("shop"));
}

/// F2a: held for the evidence; once an operator accepts that, its LUNs are waited out (F2, O2), and only then released.
fn forced() -> Pair {
    let mut pair = cut(&deployment(true));
    pair.pass(600_000);
    assert_eq!(pair.nodes[ALDER].record("shop").latch, Some(Latch::Evidence));
    let waives = Waiver::Evidence { loss: None };
    let word = Override { group: key(), waives, by: Operator(1), second: None };
    pair.command(ALDER, Command::Force(word)).unwrap();
    pair.pass(600_000);
    pair
}

fn expired(pair: &mut Pair) {
    let authority = pair.nodes[ALDER].record("shop").authority.bare();
    let enforcers = Enforcers::Expired;
    let told = Told { group: key(), authority, live: true, fenced: false, known: true, enforcers };
    pair.fact(ALDER, Fact::Authority(told));
    pair.pass(60_000);
}

#[test]
fn f2_its_luns_are_waited_out_before_the_release() {
    let mut pair = forced();
    assert!(pair.nodes[ALDER].active("shop"), "its authority has not run out");
    let withheld = |e: &Effect| matches!(e, Effect::Claim(claim) if claim.withhold);
    assert!(pair.nodes[ALDER].log.iter().any(withheld));
    expired(&mut pair);
    assert!(pair.recovered(&VMS) && pair.nodes[BIRCH].active("shop"));
}

/// D4: what answers afterwards is new: it takes the recorded token, and is read-only.
#[test]
fn d4_what_returns_afterwards_is_locked() {
    let mut pair = forced();
    expired(&mut pair);
    pair.nodes[ALDER].objects.faults.clear();
    pair.nodes[ALDER].objects.array = None;
    pair.clear_logs();
    say(&mut pair, &LUNS, &PathAnswer::Healthy);
    pair.pass(10_000);
    let alder = &pair.nodes[ALDER];
    for name in LUNS {
        assert!(alder.alerts().contains(&Alert::Returned { lun: LunKey::of(name) }));
        assert!(!alder.writable(name));
        assert!(alder.ops_on(lun(name)).iter().all(|op| op.goal == Goal::ReadOnly && op.id.token.epoch == Epoch(2)));
    }
}
