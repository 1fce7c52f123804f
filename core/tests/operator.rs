//! M5: how much is left to an operator: a group's mode, and runs that are paused.

mod support;

use farshore_core::Command;
use farshore_core::error::Rejected;
use farshore_core::event::Alert;
use farshore_core::ids::GroupKey;
use farshore_core::message::{Body, Stage};
use farshore_core::policy::Automation;
use farshore_core::record::{GivePhase, Hold, Latch, TakePhase, Work};
use farshore_core::spec::Deployment;
use support::{ALDER, BIRCH, Pair, shop};

const VMS: [&str; 2] = ["shop-db", "shop-web"];

fn key() -> GroupKey {
    GroupKey::of("shop")
}

fn of_mode(mode: Automation) -> Pair {
    let mut deployment: Deployment = shop();
    deployment.groups[0].mode = mode;
    Pair::protected(&deployment)
}

fn held(pair: &Pair, hold: Hold) -> bool {
    pair.nodes[ALDER].alerts().contains(&Alert::Held { group: key(), hold })
}

#[test]
fn m5_a_proposed_group_moves_when_it_is_released() {
    let mut pair = of_mode(Automation::Propose);
    pair.lose(ALDER, "shop");
    pair.conclude();
    assert_eq!(pair.nodes[ALDER].giving("shop"), Some(GivePhase::Held(Hold::Proposal)));
    pair.pass(299_000);
    assert!(!held(&pair, Hold::Proposal), "people have their time to look");
    pair.pass(2_000);
    assert!(held(&pair, Hold::Proposal));
    pair.restart(ALDER);
    pair.pass(60_000);
    assert!(pair.nodes[ALDER].active("shop") && held(&pair, Hold::Proposal));
    pair.command(ALDER, Command::Release(key())).unwrap();
    pair.pass(60_000);
    assert!(pair.recovered(&VMS) && !held(&pair, Hold::Proposal));
}

#[test]
fn m5_a_manual_group_is_told_of_at_once() {
    let mut pair = of_mode(Automation::Manual);
    pair.lose(ALDER, "shop");
    pair.conclude();
    assert_eq!(pair.nodes[ALDER].giving("shop"), Some(GivePhase::Held(Hold::Manual)));
    assert!(held(&pair, Hold::Manual));
    pair.pass(3_600_000);
    assert!(pair.nodes[ALDER].active("shop"), "nothing moves");
    pair.command(ALDER, Command::Release(key())).unwrap();
    pair.pass(60_000);
    assert!(pair.recovered(&VMS) && !held(&pair, Hold::Manual));
}

fn is_paused(pair: &Pair, at: usize) -> bool {
    let alert = Alert::NeedsOperator { group: key(), why: Latch::Paused };
    pair.nodes[at].record("shop").latch == Some(Latch::Paused) && pair.nodes[at].alerts().contains(&alert)
}

/// Before the release, at every phase: nothing is begun, asked or released until it is resumed.
#[test]
fn m5_a_run_is_paused_before_the_release_and_resumed_where_it_was() {
    for at in [GivePhase::Preparing, GivePhase::Quiescing, GivePhase::Confirming] {
        for restart in [false, true] {
            let mut pair = Pair::protected(&shop());
            pair.order(ALDER, Command::Migrate(key())).unwrap();
            pair.until(|p| p.nodes[ALDER].giving("shop") == Some(at));
            pair.order(ALDER, Command::Pause(key())).unwrap();
            pair.clear_logs();
            if restart {
                pair.settle();
                pair.restart(ALDER);
            }
            pair.pass(600_000);
            assert!(is_paused(&pair, ALDER), "{at:?}");
            assert_eq!(pair.nodes[ALDER].giving("shop"), Some(at));
            assert!(pair.nodes[ALDER].ops().is_empty(), "{at:?}: {:?}", pair.nodes[ALDER].ops());
            let asks = |m: &farshore_core::message::Message| matches!(m.body, Body::Prepare { .. });
            assert!(!pair.nodes[ALDER].sent().iter().any(asks), "{at:?}");
            pair.command(ALDER, Command::Resume(key())).unwrap();
            pair.pass(600_000);
            assert!(pair.recovered(&VMS), "{at:?}: {:?}", pair.nodes[ALDER].alerts());
            assert!(!is_paused(&pair, ALDER));
        }
    }
}

/// F3: a confirmation that comes while the run is paused releases nothing.
#[test]
fn m5_a_confirmation_releases_nothing_that_is_paused() {
    let mut pair = Pair::protected(&shop());
    pair.order(ALDER, Command::Migrate(key())).unwrap();
    let confirmed = |m: &farshore_core::message::Message| matches!(m.body, Body::Ready { stage: Stage::Confirm, .. });
    pair.until(|p| p.mail[ALDER].iter().any(confirmed));
    pair.order(ALDER, Command::Pause(key())).unwrap();
    pair.pass(600_000);
    assert!(pair.nodes[ALDER].active("shop") && is_paused(&pair, ALDER));
    pair.command(ALDER, Command::Cancel(key())).unwrap();
    pair.pass(600_000);
    let record = pair.nodes[ALDER].record("shop");
    assert_eq!((&record.work, record.latch), (&Work::Idle, None), "called off, and nothing needs anyone");
    assert!(VMS.iter().all(|vm| pair.nodes[ALDER].runs(vm)));
}

#[test]
fn m5_a_run_is_paused_while_vms_start() {
    let mut pair = Pair::protected(&shop());
    pair.order(ALDER, Command::Migrate(key())).unwrap();
    pair.until(|p| p.nodes[BIRCH].runs("shop-db") && p.nodes[BIRCH].taking("shop") == Some(TakePhase::Starting));
    pair.order(BIRCH, Command::Pause(key())).unwrap();
    pair.pass(600_000);
    assert!(is_paused(&pair, BIRCH) && !pair.nodes[BIRCH].runs("shop-web"));
    pair.restart(BIRCH);
    pair.pass(600_000);
    assert!(is_paused(&pair, BIRCH) && !pair.nodes[BIRCH].runs("shop-web"), "J1");
    pair.command(BIRCH, Command::Resume(key())).unwrap();
    pair.pass(60_000);
    assert!(pair.recovered(&VMS) && pair.nodes[BIRCH].record("shop").work == Work::Idle);
}

#[test]
fn m5_what_does_not_run_cannot_be_paused_and_what_is_not_paused_not_resumed() {
    let mut pair = Pair::protected(&shop());
    let nothing = || Err(Rejected::NothingToDo { name: "shop".into() });
    assert_eq!(pair.command(ALDER, Command::Pause(key())), nothing());
    assert_eq!(pair.command(ALDER, Command::Resume(key())), nothing());
    pair.order(ALDER, Command::Migrate(key())).unwrap();
    pair.until(|p| p.nodes[ALDER].giving("shop") == Some(GivePhase::Preparing));
    pair.order(ALDER, Command::Pause(key())).unwrap();
    assert_eq!(pair.order(ALDER, Command::Retry(key())), nothing(), "resume is the way");
    pair.order(ALDER, Command::Resume(key())).unwrap();
    pair.until(|p| p.nodes[ALDER].giving("shop") == Some(GivePhase::Following));
    assert_eq!(pair.command(ALDER, Command::Pause(key())), nothing(), "it is released");
}
