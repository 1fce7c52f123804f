//! What the lab runs: four VMs in two tiers, each on a LUN of its own, in one protection group.

use farshore_core::inventory::Readiness;
use farshore_core::spec::{
    Arbiter, Datastore, Deployment, Edge, Group, Grouping, Host, Lun, Memory, Plan, PlanStep, Policy, Replica, Site,
    Span, Vm, Waits,
};
use farshore_qemu::array::Mode;

/// VMs and their tiers. The LUN and datastore of each are called like it.
pub const VMS: [(&str, u8); 4] = [("db1", 1), ("db2", 1), ("web1", 2), ("web2", 2)];

/// The LUN that is lost: the first VM's.
pub const LOST: &str = "db1";

fn site(name: &str) -> Site {
    let host = |n: u8| Host { memory: Memory(256), max_concurrent_starts: 2, ..Host::named(&format!("{name}-{n}")) };
    let mut site = Site::of(name, &format!("{name}-san"), &[]);
    site.hosts = vec![host(1), host(2)];
    site
}

/// The lab's deployment.
#[must_use]
pub fn deployment(mode: Mode) -> Deployment {
    let replica = |unit| match mode {
        Mode::Synchronous => Replica::synchronous("birch-san", unit),
        Mode::Asynchronous => Replica::asynchronous("birch-san", unit, Span::millis(10_000)),
    };
    let vm = |&(name, tier): &(&str, u8)| Vm {
        tier,
        memory: Memory(16),
        ready: Readiness::Heartbeat,
        depends_on: if tier == 2 { vec![name.replace("web", "db")] } else { Vec::new() },
        ..Vm::of(name, &[name])
    };
    let names: Vec<&str> = VMS.iter().map(|(name, _)| *name).collect();
    Deployment {
        sites: vec![site("alder"), site("birch")],
        luns: (1..)
            .zip(&names)
            .map(|(unit, name)| Lun::of(name, "alder-san", unit).replicated(replica(unit)))
            .collect(),
        datastores: names.iter().map(|name| Datastore::of(name, &[name])).collect(),
        vms: VMS.iter().map(vm).collect(),
        groups: vec![Group::of("shop", &names)],
        plans: vec![Plan {
            stop_grace: Span::millis(2000),
            ready_timeout: Span::millis(120_000),
            ..Plan::of("move", &["shop"])
        }],
        policy: Policy {
            grouping: Grouping { short: Span::millis(300), long: Span::millis(2000), ..Grouping::default() },
            waits: Waits {
                resend: Span::millis(250),
                peer_silent: Span::millis(5000),
                host_op: Span::millis(15_000),
                observe: Span::millis(1000),
                ..Waits::default()
            },
            ..Policy::default()
        },
        ..Deployment::default()
    }
}

/// The same in two groups, each with a VM of either tier: both lie on the same array.
#[must_use]
pub fn split(mode: Mode) -> Deployment {
    let mut deployment = deployment(mode);
    deployment.groups = vec![Group::of("shop", &["db1", "web1"]), Group::of("books", &["db2", "web2"])];
    for plan in &mut deployment.plans {
        let of = Plan::of(&plan.name, &["shop", "books"]);
        plan.groups = of.groups;
    }
    deployment
}

/// The same with an arbiter, and leases that a person can wait for.
#[must_use]
pub fn armed(mode: Mode) -> Deployment {
    let mut deployment = deployment(mode);
    deployment.policy.arbiter = Some(Arbiter {
        lease: Span::millis(3000),
        margin: Span::millis(1000),
        site_grace: Span::millis(2000),
        ..Arbiter::default()
    });
    deployment
}

/// The same with little patience for an array that says nothing (D2). What differs is the managers' alone: agents and
/// guards go by the other one.
#[must_use]
pub fn unheard(mode: Mode) -> Deployment {
    let mut deployment = armed(mode);
    let policy = &mut deployment.policy;
    (policy.apd_timeout, policy.apd_delay) = (Span::millis(1000), Span::millis(2000));
    policy.grouping.idle_poll = Span::millis(500);
    (policy.waits.array_op, policy.waits.doubt_limit) = (Span::millis(3000), 3);
    deployment
}

/// The same with two steps in its plan, of which a test goes through one. Both write down what they are run for.
#[must_use]
pub fn tested(mode: Mode) -> Deployment {
    let mut deployment = armed(mode);
    let says = "echo $FARSHORE_STEP of $FARSHORE_GROUP by $FARSHORE_PLAN: FARSHORE_TEST=$FARSHORE_TEST";
    let command: Vec<String> = ["sh", "-c", says].map(Into::into).to_vec();
    let check = PlanStep {
        name: "check".into(),
        after_tier: Some(1),
        command: command.clone(),
        in_test: true,
        ..PlanStep::default()
    };
    let announce = PlanStep { name: "announce".into(), when: Some(Edge::Last), command, ..PlanStep::default() };
    for plan in &mut deployment.plans {
        plan.steps = vec![check.clone(), announce.clone()];
    }
    deployment
}
