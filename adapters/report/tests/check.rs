//! Each finding, from a deployment that is well but for one thing.

use std::collections::BTreeSet;

use farshore_core::Site;
use farshore_core::inventory::Readiness;
use farshore_core::policy::{ErrorKind, RecoveryKind};
use farshore_core::spec::{
    Arbiter, Datastore, Deployment, Edge, Group, Host, Lun, Memory, Plan, PlanStep, Pool, Recovery, Replica, Rule,
    Span, Vm,
};
use farshore_core::time::Millis;
use farshore_report::check::{Expected, Finding, Kind, Severity, check};
use farshore_report::estimate::{Assumptions, Step};

/// A shop that is mirrored and mail that follows, two hosts at each site, an arbiter: nothing to find.
fn well() -> Deployment {
    let async_copy = Replica::asynchronous("birch-san", 2, Span::secs(120));
    Deployment {
        sites: vec![
            farshore_core::spec::Site::of("alder", "alder-san", &["alder-1", "alder-2"]),
            farshore_core::spec::Site::of("birch", "birch-san", &["birch-1", "birch-2"]),
        ],
        luns: vec![
            Lun::of("shop", "alder-san", 1).replicated(Replica::synchronous("birch-san", 1)),
            Lun::of("mail", "alder-san", 2).replicated(async_copy),
        ],
        datastores: vec![Datastore::of("shop", &["shop"]), Datastore::of("mail", &["mail"])],
        vms: vec![
            Vm { ready: Readiness::Heartbeat, ..Vm::of("shop-db", &["shop"]) },
            Vm::of("shop-web", &["shop"]),
            Vm::of("mail", &["mail"]),
        ],
        groups: vec![Group::of("shop", &["shop"]), Group::of("mail", &["mail"])],
        policy: farshore_core::spec::Policy { arbiter: Some(Arbiter::default()), ..Default::default() },
        ..Deployment::default()
    }
}

fn expected() -> Expected {
    let takes = |step| match step {
        Step::Boot => Millis::secs(20),
        Step::Stop => Millis::secs(15),
        _ => Millis::secs(1),
    };
    Expected { assume: Assumptions::new(takes), lag: Millis::secs(10) }
}

fn found(deployment: &Deployment, expected: &Expected) -> Vec<Finding> {
    let [site, _] = Site::pair(deployment).expect("it is valid");
    check(&site, expected)
}

/// One thing that is wrong, and what must be found of it: kind, object, and words that say what.
struct Case {
    kind: Kind,
    object: &'static str,
    says: &'static str,
    wrong: fn(&mut Deployment, &mut Expected),
}

fn memory(deployment: &mut Deployment, host: &str, mib: u64) {
    for h in deployment.sites.iter_mut().flat_map(|s| &mut s.hosts).filter(|h| h.name == host) {
        h.memory = Memory(mib);
    }
}

fn needs(deployment: &mut Deployment, vm: &str, mib: u64) {
    for v in deployment.vms.iter_mut().filter(|v| v.name == vm) {
        v.memory = Memory(mib);
    }
}

fn rule(groups: &[&str], errors: &[ErrorKind], plan: &str) -> Rule {
    let groups = groups.iter().map(|g| (*g).to_string()).collect();
    Rule { groups, errors: errors.to_vec(), recovery: Vec::new(), plan: plan.into() }
}

const CASES: &[Case] = &[
    Case {
        kind: Kind::NoMapping,
        object: "VM mail",
        says: "network mail-net",
        wrong: |d, _| {
            d.sites[0].networks = vec!["default".into(), "mail-net".into()];
            d.vms.iter_mut().for_each(|v| v.network = Some("default".into()));
            d.vms[2].network = Some("mail-net".into());
        },
    },
    Case {
        kind: Kind::NoRoom,
        object: "group mail",
        says: "VM mail needs 5000 MiB and has no room at birch, even alone: host birch-2, which has most left, lacks 904 MiB",
        wrong: |d, _| {
            needs(d, "mail", 5000);
            memory(d, "birch-1", 2048);
            memory(d, "birch-2", 4096);
        },
    },
    Case {
        kind: Kind::NoRoomTogether,
        object: "group shop",
        says: "after the groups before it",
        wrong: |d, _| {
            // Mail comes first, by name, and takes one of the two hosts.
            needs(d, "mail", 4096);
            needs(d, "shop-db", 3000);
            needs(d, "shop-web", 3000);
            memory(d, "birch-1", 4096);
            memory(d, "birch-2", 4096);
        },
    },
    Case {
        kind: Kind::NoRoomWithoutHost,
        object: "group mail",
        says: "while host birch-2 is away: host birch-1, which has most left, lacks 1000 MiB",
        wrong: |d, _| {
            needs(d, "mail", 3000);
            memory(d, "birch-1", 2000);
        },
    },
    Case {
        kind: Kind::NoRoomBack,
        object: "group mail",
        says: "at alder, on the way back",
        wrong: |d, _| {
            needs(d, "mail", 3000);
            memory(d, "alder-1", 2000);
            memory(d, "alder-2", 2000);
        },
    },
    Case {
        kind: Kind::HostsLeftOut,
        object: "pool default of birch",
        says: "birch-2 cannot run mail",
        wrong: |d, _| {
            d.sites[1].hosts.push(Host::named("birch-3"));
            if let Some(replica) = &mut d.luns[1].replica {
                replica.hosts = Some(vec!["birch-1".into(), "birch-3".into()]);
            }
        },
    },
    Case {
        kind: Kind::OneHost,
        object: "pool small of birch",
        says: "only one host can run mail",
        wrong: |d, _| {
            d.sites[0].pools = vec![Pool::named("all"), Pool::named("small")];
            d.sites[1].pools =
                vec![Pool::named("all"), Pool { hosts: Some(vec!["birch-1".into()]), ..Pool::named("small") }];
            d.vms.iter_mut().for_each(|v| v.pool = Some("all".into()));
            d.vms[2].pool = Some("small".into());
        },
    },
    Case {
        kind: Kind::Unprotected,
        object: "VM build",
        says: "on an array that protected groups lie on",
        wrong: alone,
    },
    Case { kind: Kind::NoReplica, object: "LUN scratch", says: "datastore scratch has VMs on it", wrong: alone },
    Case {
        kind: Kind::ReplicaUnused,
        object: "LUN scratch",
        says: "is in no group",
        wrong: |d, _| {
            d.luns.push(Lun::of("scratch", "alder-san", 9).replicated(Replica::synchronous("birch-san", 9)));
            d.datastores.push(Datastore::of("scratch", &["scratch"]));
        },
    },
    Case {
        kind: Kind::OneWitness,
        object: "LUN mail",
        says: "only host alder-1 mounts it",
        wrong: |d, _| d.luns[1].hosts = Some(vec!["alder-1".into()]),
    },
    Case {
        kind: Kind::RpoBelowLag,
        object: "LUN mail",
        says: "its `rpo` is 2m, and its copy is expected to get 150s old",
        wrong: |_, e| e.lag = Millis::secs(150),
    },
    Case {
        kind: Kind::TakeoverNever,
        object: "LUN mail",
        says: "no takeover is within it",
        wrong: |d, _| {
            d.policy.arbiter = Some(Arbiter { lease: Span::secs(120), ..Arbiter::default() });
        },
    },
    Case {
        kind: Kind::TakeoverTight,
        object: "LUN mail",
        says: "at most 5s old",
        wrong: |d, _| {
            d.policy.arbiter = Some(Arbiter { lease: Span::secs(115), ..Arbiter::default() });
        },
    },
    Case { kind: Kind::NoArbiter, object: "policy", says: "two operators", wrong: |d, _| d.policy.arbiter = None },
    Case {
        kind: Kind::ReadyTimeout,
        object: "VM shop-db",
        says: "boot for 3m, and plan default counts it as failed after 2m",
        wrong: |_, e| e.assume.set("boot.shop-db=3m").expect("valid"),
    },
    Case {
        kind: Kind::StopGrace,
        object: "group shop",
        says: "shop-db",
        wrong: |_, e| e.assume.set("stop.shop-db=61s").expect("valid"),
    },
    Case {
        kind: Kind::ReservationEnds,
        object: "group shop",
        says: "expected to take 134s, and the room at the peer is kept for 2m",
        // Tier after tier, each within the grace.
        wrong: |d, e| {
            for (vm, tier) in d.vms.iter_mut().zip(1..) {
                vm.tier = tier;
            }
            d.vms.push(Vm { tier: 3, ..Vm::of("shop-batch", &["shop"]) });
            e.assume.set("stop=43s").expect("valid");
        },
    },
    Case {
        kind: Kind::Doubtful,
        object: "`host-op` of [policy.waits]",
        says: "it is 30s, and longer is expected of: mount, start",
        wrong: |_, e| {
            e.assume.set("start=40s").expect("valid");
            e.assume.set("mount=31s").expect("valid");
        },
    },
    Case {
        kind: Kind::CommandTimeout,
        object: "step move-name of plan all",
        says: "expected to run for 90s, and is ended after 1m",
        wrong: |d, e| {
            with_step(d, PlanStep { command: vec!["move-name".into()], ..last("move-name") });
            e.assume.set("command.move-name=90s").expect("valid");
        },
    },
    Case {
        kind: Kind::PromptWaits,
        object: "step ready of plan all",
        says: "until somebody answers",
        wrong: |d, _| with_step(d, PlanStep { prompt: Some("Ready?".into()), ..last("ready") }),
    },
    Case {
        kind: Kind::RuleUnused,
        object: "rule 2",
        says: "the rules before it match everything that it does",
        wrong: |d, _| {
            d.plans = vec![Plan::of("all", &["shop", "mail"])];
            let kinds = [ErrorKind::LunLost];
            d.policy.rules = vec![rule(&["shop"], &[], "all"), rule(&["shop"], &kinds, "all"), rule(&[], &[], "all")];
        },
    },
    Case {
        kind: Kind::PlanUnused,
        object: "plan spare",
        says: "no rule chooses it for mail, which it lists",
        wrong: |d, _| {
            d.plans = vec![Plan::of("all", &["shop", "mail"]), Plan::of("spare", &["shop", "mail"])];
            d.policy.rules = vec![rule(&["shop"], &[ErrorKind::Planned], "spare"), rule(&[], &[], "all")];
        },
    },
    Case {
        kind: Kind::AtLeastHigh,
        object: "site alder",
        says: "nothing moves until 3 VMs are affected, and the loss of no array affects more than 2 (alder-san)",
        wrong: |d, _| {
            d.sites[0].arrays.push("alder-old".into());
            d.luns[1].array = "alder-old".into();
            d.policy.recovery = Recovery { kind: RecoveryKind::AtLeast, remainder: None, vms: Some(3) };
            // The other site has nothing of its own to count.
            let everything = Some(Recovery::EVERYTHING);
            d.policy
                .sites
                .insert("birch".into(), farshore_core::spec::SitePolicy { recovery: everything, backoff: None });
        },
    },
    Case {
        kind: Kind::NothingCritical,
        object: "site alder",
        says: "none of its VMs is critical",
        wrong: |d, _| d.policy.recovery = Recovery { kind: RecoveryKind::CriticalFirst, remainder: None, vms: None },
    },
];

fn last(name: &str) -> PlanStep {
    PlanStep { name: name.into(), when: Some(Edge::Last), ..PlanStep::default() }
}

fn with_step(d: &mut Deployment, step: PlanStep) {
    d.plans = vec![Plan { steps: vec![step], ..Plan::of("all", &["shop", "mail"]) }];
}

fn alone(d: &mut Deployment, _: &mut Expected) {
    d.luns.push(Lun::of("scratch", "alder-san", 9));
    d.datastores.push(Datastore::of("scratch", &["scratch"]));
    d.vms.push(Vm::of("build", &["scratch"]));
}

#[test]
fn nothing_is_found_where_all_is_well() {
    assert_eq!(found(&well(), &expected()), []);
}

#[test]
fn each_finding_names_its_object_and_what_is_wrong() {
    for case in CASES {
        let (mut deployment, mut expected) = (well(), expected());
        (case.wrong)(&mut deployment, &mut expected);
        let all = found(&deployment, &expected);
        let hit = all.iter().find(|f| f.kind == case.kind && f.object == case.object);
        let hit = hit.unwrap_or_else(|| panic!("{}: {all:#?}", case.kind.name()));
        assert!(hit.what.contains(case.says), "{}: {}", case.kind.name(), hit.what);
        assert!(!hit.change.is_empty() && hit.rule == case.kind.rule(), "{hit:?}");
    }
}

#[test]
fn every_finding_has_a_case() {
    let cases: BTreeSet<Kind> = CASES.iter().map(|c| c.kind).chain([Kind::Deployment]).collect();
    let missing: Vec<&str> = Kind::ALL.iter().filter(|k| !cases.contains(k)).map(|k| k.name()).collect();
    assert_eq!(missing, [""; 0]);
}

#[test]
fn a_deployment_that_is_refused_is_one_error() {
    let mut deployment = well();
    deployment.luns[0].replica = None;
    let error = Site::pair(&deployment).expect_err("a group's LUN has no replica");
    let finding = Finding::of_config(&error);
    assert_eq!((finding.severity, finding.kind), (Severity::Error, Kind::Deployment));
    assert!(finding.what.contains("LUN `shop`") && finding.change.contains("give it one"), "{finding:?}");
}

#[test]
fn the_worst_comes_first() {
    let mut deployment = well();
    alone(&mut deployment, &mut expected());
    deployment.policy.arbiter = None;
    needs(&mut deployment, "mail", 1 << 20);
    let severities: Vec<Severity> = found(&deployment, &expected()).iter().map(|f| f.severity).collect();
    assert!(severities.is_sorted() && severities.first() == Some(&Severity::Error), "{severities:?}");
    assert_eq!(severities.last(), Some(&Severity::Note));
}
