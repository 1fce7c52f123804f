//! The commit window (F10). Each test names the rule that it checks.

mod support;

use farshore_core::Command;
use farshore_core::error::Rejected;
use farshore_core::event::{Alert, Event};
use farshore_core::ids::GroupKey;
use farshore_core::message::Refusal;
use farshore_core::record::{Window, Work};
use farshore_core::spec::{Deployment, Span};
use farshore_core::waiver::{Operator, Override, Waiver};
use support::{ALDER, BIRCH, Pair};

fn key() -> GroupKey {
    GroupKey::of("shop")
}

fn shop() -> Deployment {
    let mut deployment = support::shop();
    deployment.policy.commit_window = Span::secs(3600);
    deployment
}

fn migrated(deployment: &Deployment) -> Pair {
    let mut pair = Pair::protected(deployment);
    pair.command(ALDER, Command::Migrate(key())).unwrap();
    pair.pass(120_000);
    assert!(pair.nodes[BIRCH].active("shop") && pair.nodes[BIRCH].runs("shop-web"));
    pair
}

fn roll_back(waives: Waiver) -> Command {
    Command::RollBack(Override { group: key(), waives, by: Operator(7), second: None })
}

fn uncommitted(pair: &Pair) -> bool {
    pair.nodes[BIRCH].alerts().contains(&Alert::Uncommitted { group: key() })
}

/// F10, I22: rolling back is a release in the other direction, by a recorded override, and the old owner takes the group
/// as it released it.
#[test]
fn f10_a_recovery_is_rolled_back() {
    let mut pair = migrated(&shop());
    assert!(uncommitted(&pair) && pair.nodes[BIRCH].record("shop").window == Some(Window::Complete));
    assert_eq!(pair.nodes[BIRCH].machine.stake(&pair.nodes[BIRCH].site, key()), Some(Waiver::Writes));
    let short = pair.command(BIRCH, roll_back(Waiver::Evidence { loss: None }));
    assert!(matches!(short, Err(Rejected::AtStake { stake: Waiver::Writes, .. })));
    pair.command(BIRCH, roll_back(Waiver::Writes)).unwrap();
    pair.pass(120_000);
    assert!(
        pair.nodes[ALDER].active("shop") && pair.nodes[ALDER].runs("shop-web") && pair.nodes[ALDER].writable("shop")
    );
    assert!(!pair.nodes[BIRCH].runs("shop-web") && !pair.nodes[BIRCH].writable("shop"));
    assert_eq!(pair.nodes[ALDER].record("shop").authority.epoch().0, 3);
    assert_eq!(pair.nodes[BIRCH].record("shop").overrides, 1);
    assert!(!uncommitted(&pair) && pair.nodes[ALDER].record("shop").window.is_none());
    assert!(pair.nodes[ALDER].events().iter().all(|e| !matches!(e, Event::Refused { .. })));
}

/// F10: until commit nothing overwrites the old owner's copy; after it, there is no way back.
#[test]
fn f10_a_commit_ends_the_window() {
    let mut pair = migrated(&shop());
    let protect = || Command::Protect(vec![key()]);
    assert!(matches!(pair.command(BIRCH, protect()), Err(Rejected::Uncommitted { .. })));
    pair.command(BIRCH, Command::Commit(key())).unwrap();
    assert!(!uncommitted(&pair));
    assert!(matches!(pair.command(BIRCH, roll_back(Waiver::Writes)), Err(Rejected::NothingToDo { .. })));
    pair.command(BIRCH, protect()).unwrap();
    pair.pass(60_000);
    assert_eq!(pair.nodes[BIRCH].record("shop").work, Work::Idle);
}

/// F10: a window that nobody closes closes by itself, in full again after a restart.
#[test]
fn f10_a_window_closes_by_itself() {
    let mut pair = migrated(&shop());
    pair.pass(3_000_000);
    pair.restart(BIRCH);
    pair.pass(3_000_000);
    assert!(uncommitted(&pair));
    pair.pass(700_000);
    assert!(!uncommitted(&pair));
    assert!(pair.nodes[BIRCH].events().contains(&Event::Committed { group: key() }));
}

/// F10: a copy of which a LUN was lost is nothing to roll back to, and the reason is said.
#[test]
fn f10_a_lost_copy_is_no_way_back() {
    let mut pair = Pair::protected(&shop());
    pair.lose(ALDER, "shop");
    pair.conclude();
    pair.pass(60_000);
    assert_eq!(pair.nodes[BIRCH].record("shop").window, Some(Window::Partial));
    assert!(matches!(pair.command(BIRCH, roll_back(Waiver::Writes)), Err(Rejected::NoWayBack { .. })));
}

/// F10: a copy that was lost since is refused by the site that has it, and everything is put back.
#[test]
fn f10_a_copy_that_was_lost_since_is_refused() {
    let mut pair = migrated(&shop());
    pair.lose(ALDER, "shop");
    pair.conclude();
    pair.command(BIRCH, roll_back(Waiver::Writes)).unwrap();
    pair.pass(60_000);
    let refused = |e: &Event| matches!(e, Event::Refused { reason: Refusal::CopyChanged | Refusal::TargetLost, .. });
    assert!(pair.nodes[BIRCH].events().iter().any(refused));
    assert!(pair.nodes[BIRCH].active("shop") && pair.nodes[BIRCH].runs("shop-web"));
    assert_eq!(pair.nodes[BIRCH].record("shop").work, Work::Idle);
    assert_eq!(pair.nodes[BIRCH].record("shop").latch, None);
}

/// J1, F10: a roll-back survives a crash of either manager at any point.
#[test]
fn f10_a_roll_back_survives_crashes() {
    for at in [ALDER, BIRCH] {
        let mut steps = 0;
        loop {
            let mut pair = migrated(&shop());
            pair.order(BIRCH, roll_back(Waiver::Writes)).unwrap();
            if !(0..steps).all(|_| pair.step()) {
                break;
            }
            steps += 3;
            pair.restart(at);
            pair.pass(600_000);
            let homes = [ALDER, BIRCH].map(|n| pair.nodes[n].active("shop"));
            assert!(homes[0] != homes[1], "after {steps} steps: {homes:?}");
            let owner = usize::from(homes[1]);
            assert!(pair.nodes[owner].runs("shop-web"), "after {steps} steps");
            assert!(!pair.nodes[1 - owner].runs("shop-web"), "after {steps} steps");
        }
        assert!(steps > 9);
    }
}

/// F10: without a window a recovery is committed at once.
#[test]
fn f10_no_window_by_default() {
    let pair = migrated(&support::shop());
    assert!(!uncommitted(&pair) && pair.nodes[BIRCH].record("shop").window.is_none());
}
