//! The scopes that are explored: each a named value with its prose.

use farshore_core::ids::{GroupKey, HostIx, Index, LunIx, Side};
use farshore_core::input::Command;
use farshore_core::inventory::Readiness;
use farshore_core::spec::{
    Datastore, Deployment, Group, Grouping, Lun, Plan, Policy, Replica, Site, SitePolicy, Span, Vm, Waits,
};

use crate::scope::{Budget, Budgets, Fault, Order, Scope, word};

pub mod corners;
pub mod groups;
pub mod hosts;
pub mod life;
pub mod plans;
pub mod roles;
pub mod takeover;

/// A scope's name, and what makes it.
pub type Named = (&'static str, fn() -> Scope);

/// Every scope of a failover between two sites that are there, by name.
pub const ALL: &[Named] = &[
    ("pdl_crash", pdl_crash),
    ("pdl_crash_late", pdl_crash_late),
    ("pdl_doubled", pdl_doubled),
    ("pdl_twice", pdl_twice),
    ("pdl_doubt", pdl_doubt),
    ("pdl_abort", pdl_abort),
    ("pdl_both", pdl_both),
    ("both_arrays_lost", both_arrays_lost),
    ("pdl_async", pdl_async),
    ("unhappy", unhappy),
];

/// Every scope there is.
pub fn all() -> impl Iterator<Item = &'static Named> {
    [ALL, hosts::ALL, groups::ALL, takeover::ALL, roles::ALL, life::ALL, plans::ALL, corners::ALL].into_iter().flatten()
}

/// The scope of this name.
#[must_use]
pub fn named(name: &str) -> Option<Scope> {
    all().find(|(n, _)| *n == name).map(|(_, scope)| scope())
}

/// Hosts push, timers are short and few of them coincide.
fn policy() -> Policy {
    let site = |backoff| SitePolicy { backoff: Some(Span::millis(backoff)), ..SitePolicy::default() };
    Policy {
        cooldown: Span::millis(997),
        max_tries: 2,
        hold_alert: Span::millis(53),
        apd_delay: Span::default(),
        rpo_check: Span::default(),
        grouping: Grouping {
            idle_poll: Span::default(),
            min_poll: Span::millis(1),
            short: Span::millis(2),
            long: Span::millis(5),
            ..Grouping::default()
        },
        waits: Waits {
            resend: Span::millis(7),
            peer_silent: Span::millis(29),
            array_op: Span::millis(11),
            host_op: Span::millis(13),
            observe: Span::millis(3),
            doubt_limit: 1,
            prepare_ttl: Span::millis(31),
        },
        sites: [("one".into(), site(17)), ("two".into(), site(19))].into(),
        ..Policy::default()
    }
}

fn plan(groups: &[&str]) -> Plan {
    Plan {
        stop_grace: Span::default(),
        ready_timeout: Span::millis(43),
        retries: 1,
        retry_delay: Span::millis(5),
        ..Plan::of("plan", groups)
    }
}

fn sites() -> Vec<Site> {
    vec![Site::of("one", "san-1", &["host-1"]), Site::of("two", "san-2", &["host-2"])]
}

/// One group on one synchronous LUN, with a VM that needs another: the smallest in which everything has an order.
fn pair() -> Deployment {
    Deployment {
        sites: sites(),
        luns: vec![Lun::of("lun", "san-1", 1).replicated(Replica::synchronous("san-2", 1))],
        datastores: vec![Datastore::of("store", &["lun"])],
        vms: vec![
            Vm { tier: 1, ..Vm::of("db", &["store"]) },
            Vm { tier: 2, depends_on: vec!["db".into()], ..Vm::of("web", &["store"]) },
        ],
        groups: vec![Group::of("shop", &["store"])],
        plans: vec![plan(&["shop"])],
        policy: policy(),
        ..Deployment::default()
    }
}

/// Two groups, one at home at each site.
fn both() -> Deployment {
    Deployment {
        sites: sites(),
        luns: vec![
            Lun::of("lun-a", "san-1", 1).replicated(Replica::synchronous("san-2", 1)),
            Lun::of("lun-b", "san-2", 2).replicated(Replica::synchronous("san-1", 2)),
        ],
        datastores: vec![Datastore::of("store-a", &["lun-a"]), Datastore::of("store-b", &["lun-b"])],
        vms: vec![Vm::of("vm-a", &["store-a"]), Vm::of("vm-b", &["store-b"])],
        groups: vec![Group::of("group-a", &["store-a"]), Group::of("group-b", &["store-b"])],
        plans: vec![plan(&["group-a", "group-b"])],
        policy: policy(),
        ..Deployment::default()
    }
}

/// The LUNs of a deployment in the order of the inventory, which is that of their names.
fn lun(at: usize) -> LunIx {
    LunIx::from_at(at)
}

fn lose(side: Side, at: usize) -> (Fault, u8) {
    (Fault::LoseLun(side, lun(at)), 1)
}

fn order(side: Side, command: Command) -> Order {
    Order { side, command, times: 1 }
}

/// One LUN is lost, and so many nuisances of each kind may happen.
fn pdl(name: &str, prose: &str, budgets: &[(Budget, u8)], orders: &[(Command, u8)]) -> Scope {
    let order = |(command, times): &(Command, u8)| Order { side: Side::One, command: command.clone(), times: *times };
    Scope {
        name: name.into(),
        prose: prose.into(),
        deployment_name: "pair".into(),
        deployment: pair(),
        budgets: Budgets::of(budgets),
        faults: vec![lose(Side::One, 0)],
        orders: orders.iter().map(order).collect(),
        prelude: Vec::new(),
    }
}

/// A manager crashes at any point.
#[must_use]
pub fn pdl_crash() -> Scope {
    let prose = "A LUN is lost, and either manager crashes at any point: before, while and after a batch is saved, with \
                 and without the commands and messages that it had just issued.";
    pdl("pdl_crash", prose, &[(Budget::Crash, 1)], &[])
}

/// A manager crashes, and something is late.
#[must_use]
pub fn pdl_crash_late() -> Scope {
    let prose = "A LUN is lost, either manager crashes at any point, and one message, command or answer is late.";
    pdl("pdl_crash_late", prose, &[(Budget::Crash, 1), (Budget::Late, 1)], &[])
}

/// Messages are late and doubled.
#[must_use]
pub fn pdl_doubled() -> Scope {
    let prose = "A LUN is lost; a message is doubled, and one message, command or answer is late.";
    pdl("pdl_doubled", prose, &[(Budget::Late, 1), (Budget::Doubled, 1)], &[])
}

/// Completions are late and doubled.
#[must_use]
pub fn pdl_twice() -> Scope {
    let prose = "A LUN is lost; a command is done and answered twice, and one message, command or answer is late.";
    pdl("pdl_twice", prose, &[(Budget::Late, 1), (Budget::Twice, 1)], &[])
}

/// Commands whose answers do not come.
#[must_use]
pub fn pdl_doubt() -> Scope {
    let prose = "A LUN is lost; one command is never done, one is done and its answer is lost, one observation comes to \
                 nothing: doubts, observed and resolved, or escalated.";
    pdl("pdl_doubt", prose, &[(Budget::Lost, 1), (Budget::Mute, 1), (Budget::Unseen, 1)], &[])
}

/// One abort and a second try.
#[must_use]
pub fn pdl_abort() -> Scope {
    let shop = || GroupKey::of("shop");
    let prose = "A LUN is lost; the operator cancels the failover at any point, and has it tried again; one message, \
                 command or answer is late, so that what is old meets what is new.";
    pdl("pdl_abort", prose, &[(Budget::Late, 1)], &[(Command::Cancel(shop()), 1), (Command::Retry(shop()), 1)])
}

/// Each site protects the other, and each loses the LUN of its own group.
#[must_use]
pub fn pdl_both() -> Scope {
    Scope {
        name: "pdl_both".into(),
        prose: "Each site protects the other, and each loses the LUN of its own group at once.".into(),
        deployment_name: "both".into(),
        deployment: both(),
        budgets: Budgets::NONE,
        faults: vec![lose(Side::One, 0), lose(Side::Two, 1)],
        orders: Vec::new(),
        prelude: Vec::new(),
    }
}

/// Nothing is left to fail over to.
#[must_use]
pub fn both_arrays_lost() -> Scope {
    let array = |at| (Fault::LoseArray(farshore_core::ids::ArrayIx::from_at(at)), 1);
    Scope {
        name: "both_arrays_lost".into(),
        prose:
            "Both arrays are lost, with their management: nothing is left to fail over to, which must end in alerts."
                .into(),
        deployment_name: "pair".into(),
        deployment: pair(),
        budgets: Budgets::of(&[(Budget::Crash, 1)]),
        faults: vec![array(0), array(1)],
        orders: Vec::new(),
        prelude: Vec::new(),
    }
}

/// Asynchronous replication: two LUNs under one VM, one of them lost in the middle of a cycle.
#[must_use]
pub fn pdl_async() -> Scope {
    let rpo = Span::millis(41);
    let deployment = Deployment {
        luns: vec![
            Lun::of("lun-a", "san-1", 1).replicated(Replica::asynchronous("san-2", 1, rpo)),
            Lun::of("lun-b", "san-1", 2).replicated(Replica::asynchronous("san-2", 2, rpo)),
        ],
        datastores: vec![Datastore::of("store-a", &["lun-a"]), Datastore::of("store-b", &["lun-b"])],
        vms: vec![Vm { ready: Readiness::Heartbeat, ..Vm::of("db", &["store-a", "store-b"]) }],
        groups: vec![Group::of("shop", &["store-a", "store-b"])],
        ..pair()
    };
    Scope {
        name: "pdl_async".into(),
        prose: "Two LUNs of one consistency set, replicated in cycles; one is lost at any point of a cycle, and the \
                loss is forced through where it is more than the RPO."
            .into(),
        deployment_name: "set".into(),
        deployment,
        budgets: Budgets::of(&[(Budget::Write, 3), (Budget::Cycle, 2), (Budget::Slow, 1)]),
        faults: vec![lose(Side::One, 0), lose(Side::One, 1)],
        orders: vec![order(Side::One, Command::Force(word(GroupKey::of("shop"))))],
        prelude: Vec::new(),
    }
}

/// A little of everything, for random walks; too large to be exhausted.
#[must_use]
pub fn unhappy() -> Scope {
    let host = |at| HostIx::from_at(at);
    let wires = crate::scope::Wire::ALL.into_iter().flat_map(|w| [(Fault::Cut(w), 1), (Fault::Mend(w), 1)]);
    let others = [
        lose(Side::One, 0),
        lose(Side::Two, 0),
        lose(Side::Two, 1),
        (Fault::ReturnLun(Side::One, lun(0)), 1),
        (Fault::HangHost(host(0)), 1),
        (Fault::WakeHost(host(0)), 1),
        (Fault::LoseHost(host(1)), 1),
        (Fault::ReturnHost(host(1)), 1),
    ];
    let list = Budget::ALL.map(|kind| (kind, if kind == Budget::SaveFails { 1 } else { 2 }));
    Scope {
        name: "unhappy".into(),
        prose: "A little of everything that can go wrong, at two groups that protect each other.".into(),
        deployment_name: "both".into(),
        deployment: both(),
        budgets: Budgets::of(&list),
        faults: wires.chain(others).collect(),
        orders: ["group-a", "group-b"]
            .into_iter()
            .zip(Side::BOTH)
            .flat_map(|(group, side)| {
                let key = GroupKey::of(group);
                [Command::Cancel(key), Command::Retry(key), Command::Force(word(key))].map(|c| order(side, c))
            })
            .collect(),
        prelude: Vec::new(),
    }
}
