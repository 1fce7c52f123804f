//! Scopes of more than one group, or of a part of one: an order of priorities (F9), gates (M3), a group of two LUNs of
//! which one is lost (F2, F2a, I6).

use farshore_core::ids::{GroupKey, Side};
use farshore_core::input::Command;
use farshore_core::policy::{RecoveryKind, Remainder};
use farshore_core::spec::{Datastore, Deployment, Group, Lun, Plan, Recovery, Replica, Span, Vm};

use super::{Named, lose, order, pair, plan};
use crate::scope::{Budget, Budgets, Fault, Order, Scope};

/// Every scope of this kind, by name.
pub const ALL: &[Named] = &[
    ("priorities", priorities),
    ("priorities_crash", priorities_crash),
    ("critical_first", critical_first),
    ("critical_on_request", critical_on_request),
    ("at_least", at_least),
    ("partly_lost", partly_lost),
    ("partly_lost_crash", partly_lost_crash),
    ("partly_lost_async", partly_lost_async),
];

/// Two groups at the first site, each of one LUN and one VM.
fn two() -> Deployment {
    Deployment {
        luns: vec![
            Lun::of("lun-a", "san-1", 1).replicated(Replica::synchronous("san-2", 1)),
            Lun::of("lun-b", "san-1", 2).replicated(Replica::synchronous("san-2", 2)),
        ],
        datastores: vec![Datastore::of("store-a", &["lun-a"]), Datastore::of("store-b", &["lun-b"])],
        vms: vec![Vm::of("vm-a", &["store-a"]), Vm::of("vm-b", &["store-b"])],
        groups: vec![Group::of("group-a", &["store-a"]), Group::of("group-b", &["store-b"])],
        plans: vec![plan(&["group-a", "group-b"])],
        ..pair()
    }
}

/// One group of two LUNs, each with a VM.
fn halves(replica: impl Fn(u16) -> Replica) -> Deployment {
    Deployment {
        luns: vec![
            Lun::of("lun-a", "san-1", 1).replicated(replica(1)),
            Lun::of("lun-b", "san-1", 2).replicated(replica(2)),
        ],
        groups: vec![Group::of("shop", &["store-a", "store-b"])],
        plans: vec![plan(&["shop"])],
        ..two()
    }
}

fn of(name: &str, prose: &str, deployment: Deployment, budgets: &[(Budget, u8)], faults: &[(Fault, u8)]) -> Scope {
    Scope {
        name: name.into(),
        prose: prose.into(),
        deployment_name: "groups".into(),
        deployment,
        budgets: Budgets::of(budgets),
        faults: faults.to_vec(),
        orders: Vec::new(),
        prelude: Vec::new(),
    }
}

/// Two groups of one plan, in order.
fn in_order() -> Deployment {
    let mut deployment = two();
    let plan: &mut Plan = &mut deployment.plans[0];
    plan.groups[1].priority = 2;
    deployment
}

/// F9: one plan, two priorities.
#[must_use]
pub fn priorities() -> Scope {
    let prose = "Two groups of one plan, with different priorities, lose their LUNs at any two moments: the second moves \
                 when the first is recovered, and not before.";
    of("priorities", prose, in_order(), &[], &[lose(Side::One, 0), lose(Side::One, 1)])
}

/// The same, and a manager crashes.
#[must_use]
pub fn priorities_crash() -> Scope {
    let prose = "Two groups of one plan, with different priorities, lose their LUNs at any two moments; either manager \
                 crashes at any point.";
    of("priorities_crash", prose, in_order(), &[(Budget::Crash, 1)], &[lose(Side::One, 0), lose(Side::One, 1)])
}

/// The first site's groups go through this gate.
fn gated(recovery: Recovery, mut deployment: Deployment) -> Deployment {
    if let Some(site) = deployment.policy.sites.get_mut("one") {
        site.recovery = Some(recovery);
    }
    deployment
}

/// One critical VM, and one that is not.
fn tills(remainder: Remainder) -> Deployment {
    let mut deployment = pair();
    deployment.vms[1].depends_on.clear();
    deployment.vms[0].critical = true;
    gated(Recovery { kind: RecoveryKind::CriticalFirst, remainder: Some(remainder), vms: None }, deployment)
}

/// M3: the critical VM first, then the rest.
#[must_use]
pub fn critical_first() -> Scope {
    let prose = "A LUN is lost under one VM that is critical and one that is not: the critical one is recovered first, the \
                 other follows; one message, command or answer is late.";
    let deployment = tills(Remainder::Subsequently);
    of("critical_first", prose, deployment, &[(Budget::Late, 1)], &[lose(Side::One, 0)])
}

/// M3: the rest when an operator asks for it.
#[must_use]
pub fn critical_on_request() -> Scope {
    let prose = "A LUN is lost under one VM that is critical and one that is not: the critical one is recovered, the other \
                 when an operator asks for it, at any point; either manager crashes at any point.";
    let deployment = tills(Remainder::OnRequest);
    let mut scope = of("critical_on_request", prose, deployment, &[(Budget::Crash, 1)], &[lose(Side::One, 0)]);
    scope.orders.push(order(Side::Two, Command::StartRemainder(GroupKey::of("shop"))));
    scope
}

/// M3: held until enough is lost.
#[must_use]
pub fn at_least() -> Scope {
    let prose = "Two groups lose their LUNs at any two moments, or only one does: nothing moves before two VMs are affected, \
                 but where an operator lets it go.";
    let deployment = gated(Recovery { kind: RecoveryKind::AtLeast, remainder: None, vms: Some(2) }, two());
    let mut scope = of("at_least", prose, deployment, &[], &[lose(Side::One, 0), lose(Side::One, 1)]);
    let release = |group: &str| -> Order { order(Side::One, Command::Release(GroupKey::of(group))) };
    scope.orders = vec![release("group-a"), release("group-b")];
    scope
}

/// F2: half a group is lost, the other half is drained.
#[must_use]
pub fn partly_lost() -> Scope {
    let prose = "A group of two LUNs loses one of them, while its guests write: the other is drained, and both move; one \
                 command fails, is never done, or is done and its answer is lost.";
    let budgets = [(Budget::Write, 1), (Budget::Fails, 1), (Budget::Lost, 1), (Budget::Mute, 1)];
    let deployment = halves(|unit| Replica::synchronous("san-2", unit));
    let scope = of("partly_lost", prose, deployment, &budgets, &[lose(Side::One, 0)]);
    Scope { budgets: scope.budgets.at_most(1), ..scope }
}

/// The same, and a manager crashes.
#[must_use]
pub fn partly_lost_crash() -> Scope {
    let prose = "A group of two LUNs loses one of them: the other is drained, and both move; either manager crashes at any \
                 point.";
    let deployment = halves(|unit| Replica::synchronous("san-2", unit));
    of("partly_lost_crash", prose, deployment, &[(Budget::Crash, 1)], &[lose(Side::One, 0)])
}

/// F2a, I6: half a consistency set is lost in the middle of a cycle.
#[must_use]
pub fn partly_lost_async() -> Scope {
    let prose = "Two LUNs of one consistency set, replicated in cycles; one is lost at any point of a cycle: what comes up \
                 at the peer is one consistent cut, within the RPO.";
    let deployment = halves(|unit| Replica::asynchronous("san-2", unit, Span::millis(41)));
    of("partly_lost_async", prose, deployment, &[(Budget::Write, 1), (Budget::Cycle, 1)], &[lose(Side::One, 0)])
}
