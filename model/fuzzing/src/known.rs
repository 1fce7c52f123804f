//! Deployments that the machines are fuzzed with: small, and each with something that the others do not have.

use std::sync::OnceLock;

use farshore_core::Site;
use farshore_core::inventory::Readiness;
use farshore_core::policy::{Mode, RecoveryKind, Remainder};
use farshore_core::spec::{
    self, Arbiter, Datastore, Deployment, Edge, Group, Lun, Plan, PlanStep, Recovery, Replica, SitePolicy, Span, Vm,
};

/// Both sites of each deployment.
///
/// # Panics
/// A deployment of this module that is not valid.
#[must_use]
pub fn sites() -> &'static [[Site; 2]] {
    static SITES: OnceLock<Vec<[Site; 2]>> = OnceLock::new();
    SITES.get_or_init(|| {
        let all = [plain(), armed(), critical_first(), at_least()];
        all.iter().map(|d| Site::pair(d).expect("a valid deployment")).collect()
    })
}

/// Two groups that protect each other, a LUN without a replica, and a VM that nobody protects.
fn plain() -> Deployment {
    let mut deployment = Deployment {
        sites: vec![
            spec::Site::of("alder", "alder-san", &["alder-1", "alder-2"]),
            spec::Site::of("birch", "birch-san", &["birch-1", "birch-2"]),
        ],
        luns: vec![
            Lun::of("shop-a", "alder-san", 1).replicated(Replica::synchronous("birch-san", 1)),
            Lun::of("shop-b", "alder-san", 2).replicated(Replica::synchronous("birch-san", 2)),
            Lun::of("mail", "birch-san", 3).replicated(Replica::synchronous("alder-san", 3)),
            Lun::of("scratch", "alder-san", 4),
        ],
        datastores: ["shop-a", "shop-b", "mail", "scratch"].map(|name| Datastore::of(name, &[name])).to_vec(),
        vms: vec![
            Vm { tier: 1, ready: Readiness::Heartbeat, ..Vm::of("db", &["shop-a", "shop-b"]) },
            Vm { tier: 2, depends_on: vec!["db".into()], ..Vm::of("web", &["shop-b"]) },
            Vm::of("post", &["mail"]),
            Vm::of("test", &["scratch"]),
        ],
        groups: vec![Group::of("shop", &["shop-a", "shop-b"]), Group::of("mail", &["mail"])],
        plans: vec![Plan { retries: 1, ..Plan::of("all", &["shop", "mail"]) }],
        ..Deployment::default()
    };
    deployment.policy.grouping.idle_poll = Span::default();
    deployment
}

/// The same with an arbiter.
fn armed() -> Deployment {
    let mut deployment = plain();
    deployment.policy.arbiter = Some(Arbiter::default());
    deployment
}

/// Asynchronous replication, polled hosts, critical VMs first, a plan that asks; with an arbiter.
fn critical_first() -> Deployment {
    let mut deployment = armed();
    for (unit, lun) in (1..).zip(&mut deployment.luns[..2]) {
        lun.replica = Some(Replica::asynchronous("birch-san", unit, Span::millis(90_000)));
    }
    deployment.vms[0].critical = true;
    deployment.plans[0].on_failure = farshore_core::plan::OnFailure::Ask;
    let step = |name: &str| PlanStep { name: name.into(), in_test: true, ..PlanStep::default() };
    deployment.plans[0].steps = vec![
        PlanStep { when: Some(Edge::First), prompt: Some("Go on?".into()), ..step("ready") },
        PlanStep { after_vm: Some("db".into()), command: vec!["check".into()], ..step("check") },
        PlanStep { before_tier: Some(2), delay: Some(Span::millis(1000)), ..step("settle") },
    ];
    deployment.policy.commit_window = Span::secs(600);
    deployment.policy.grouping = spec::Grouping::default();
    let recovery = Recovery { kind: RecoveryKind::CriticalFirst, remainder: Some(Remainder::OnRequest), vms: None };
    for name in ["alder", "birch"] {
        let site = SitePolicy { recovery: Some(recovery.clone()), backoff: None };
        deployment.policy.sites.insert(name.into(), site);
    }
    deployment
}

/// Nothing moves before two VMs are affected; the fixed window.
fn at_least() -> Deployment {
    let mut deployment = plain();
    deployment.policy.grouping = spec::Grouping { mode: Mode::Fixed, ..spec::Grouping::default() };
    let recovery = Recovery { kind: RecoveryKind::AtLeast, remainder: None, vms: Some(2) };
    deployment.policy.sites.insert("alder".into(), SitePolicy { recovery: Some(recovery), backoff: None });
    deployment
}
