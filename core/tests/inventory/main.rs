//! A deployment becomes a valid [`Site`], or an error that names the offending object.

use farshore_core::Millis;
use farshore_core::ids::{DatastoreKey, GroupKey, HostKey, Index, LunKey, PlanKey, Side, VmKey};
use farshore_core::inventory::{ConfigError, Replication, Site, Vm};
use farshore_core::policy::{RecoveryKind, RecoveryType, Remainder};
use farshore_core::spec::{self, Deployment, Lun, Memory, Plan, Recovery, Replica, SitePolicy, Span};

mod permuted;
mod refused;

/// Two sites that protect each other, with pools, folders and networks of their own, and one unprotected VM.
fn valid() -> Deployment {
    let site = |name: &str, pools: [&str; 2], network: &str| {
        let hosts = [format!("{name}-1"), format!("{name}-2")];
        spec::Site {
            pools: vec![
                spec::Pool::named(pools[0]),
                spec::Pool { hosts: Some(vec![hosts[0].clone()]), ..spec::Pool::named(pools[1]) },
            ],
            folders: vec!["db".into(), "web".into()],
            networks: vec![network.into()],
            ..spec::Site::of(name, &format!("{name}-san"), &[&hosts[0], &hosts[1]])
        }
    };
    let vm = |name: &str, datastore: &str, pool: &str, tier| spec::Vm {
        pool: Some(pool.into()),
        folder: Some("db".into()),
        tier,
        ..spec::Vm::of(name, &[datastore])
    };
    Deployment {
        sites: vec![site("birch", ["gold-b", "silver-b"], "lan-b"), site("alder", ["gold", "silver"], "lan-a")],
        mappings: vec![spec::Mapping {
            from: "alder".into(),
            to: "birch".into(),
            pools: [("gold", "gold-b"), ("silver", "silver-b")].map(|(a, b)| (a.into(), b.into())).into(),
            networks: [("lan-a".into(), "lan-b".into())].into(),
            ..spec::Mapping::default()
        }],
        luns: vec![
            Lun::of("shop-data", "alder-san", 1).replicated(Replica::synchronous("birch-san", 1)),
            Lun::of("shop-logs", "alder-san", 2).replicated(Replica::synchronous("birch-san", 2)),
            Lun::of("mail", "alder-san", 3).replicated(Replica::asynchronous("birch-san", 3, Span::secs(30))),
            Lun::of("books", "birch-san", 9).replicated(Replica::synchronous("alder-san", 9)),
            Lun::of("scratch", "alder-san", 7),
        ],
        datastores: vec![
            spec::Datastore::of("shop", &["shop-logs", "shop-data"]),
            spec::Datastore::of("mail", &["mail"]),
            spec::Datastore::of("books", &["books"]),
            spec::Datastore::of("scratch", &["scratch"]),
        ],
        vms: vec![
            spec::Vm {
                depends_on: vec!["shop-db".into(), "shop-cache".into()],
                critical: true,
                ..vm("shop-api", "shop", "gold", 1)
            },
            vm("shop-db", "shop", "gold", 1),
            vm("shop-cache", "shop", "silver", 1),
            spec::Vm { depends_on: vec!["shop-api".into()], ..vm("a-shop-web", "shop", "gold", 2) },
            vm("mail", "mail", "gold", 3),
            vm("books", "books", "gold-b", 3),
            vm("scratch", "scratch", "gold", 3),
        ],
        groups: vec![
            spec::Group::of("shop", &["shop"]),
            spec::Group::of("mail", &["mail"]),
            spec::Group::of("books", &["books"]),
        ],
        ..Deployment::default()
    }
}

fn lun<'a>(d: &'a mut Deployment, name: &str) -> &'a mut Lun {
    d.luns.iter_mut().find(|lun| lun.name == name).expect("a LUN of the valid deployment")
}

fn vm<'a>(d: &'a mut Deployment, name: &str) -> &'a mut spec::Vm {
    d.vms.iter_mut().find(|vm| vm.name == name).expect("a VM of the valid deployment")
}

fn row<'a>(site: &'a Site, name: &str) -> &'a Vm {
    site.inventory.vms.by_key(VmKey::of(name)).expect("a VM of the inventory").1
}

fn edited(edit: impl FnOnce(&mut Deployment)) -> Result<Site, ConfigError> {
    let mut deployment = valid();
    edit(&mut deployment);
    Site::new(&deployment, "alder")
}

fn names(list: &[&str]) -> Vec<String> {
    list.iter().map(|&name| name.into()).collect()
}

#[test]
fn the_valid_deployment_is_resolved() {
    let site = edited(|_| {}).expect("valid");
    let inventory = &site.inventory;
    assert_eq!((site.here, site.there()), (Side::One, Side::Two));
    assert_eq!(inventory.sites.each_ref().map(|s| &*s.name), ["alder", "birch"]);

    let (_, shop) = inventory.luns.by_key(LunKey::of("shop-data")).expect("a LUN");
    assert_eq!((shop.home, shop.replication), (Side::One, Some(Replication::Synchronous)));
    let away = shop.ends[Side::Two.at()].as_ref().expect("a replica");
    assert_eq!((&*inventory.arrays[away.array].name, away.unit, away.paths), ("birch-san", 1, 1));
    assert_eq!(away.hosts.iter().map(|&h| &*inventory.hosts[h].name).collect::<Vec<_>>(), ["birch-1", "birch-2"]);

    let (_, mail) = inventory.luns.by_key(LunKey::of("mail")).expect("a LUN");
    assert_eq!(mail.replication, Some(Replication::Asynchronous { rpo: Millis::secs(30) }));
    let (_, host) = inventory.hosts.by_key(HostKey::of("alder-1")).expect("a host");
    assert_eq!((host.luns.len(), host.memory), (5, 64 * 1024));
    let (_, scratch) = inventory.datastores.by_key(DatastoreKey::of("scratch")).expect("a datastore");
    assert_eq!((scratch.group, scratch.vms.len()), (None, 1));
}

#[test]
fn each_site_gets_the_same_but_for_where_it_is() {
    let [one, two] = Site::pair(&valid()).expect("valid");
    assert_eq!((one.here, two.here, one.digest), (Side::One, Side::Two, two.digest));
    assert_eq!(Site::new(&valid(), "birch"), Ok(two.clone()));
    assert_eq!(one, Site { here: Side::One, ..two });
}

#[test]
fn f6_a_group_lists_its_vms_in_the_order_in_which_they_could_start_one_by_one() {
    let site = edited(|_| {}).expect("valid");
    let (_, group) = site.inventory.groups.by_key(GroupKey::of("shop")).expect("a group");
    let order: Vec<&str> = group.vms.iter().map(|&vm| &*site.inventory.vms[vm].name).collect();
    assert_eq!(order, ["shop-cache", "shop-db", "shop-api", "a-shop-web"]);
}

#[test]
fn m3_what_a_critical_vm_depends_on_is_critical() {
    let site = edited(|_| {}).expect("valid");
    for (name, critical) in [("shop-api", true), ("shop-db", true), ("shop-cache", true), ("a-shop-web", false)] {
        assert_eq!(row(&site, name).critical, critical, "{name}");
    }
}

#[test]
fn f5_luns_under_one_vm_are_rolled_back_together_closed_under_sharing() {
    let site = edited(|d| {
        for (at, name) in ["x", "y", "z"].into_iter().enumerate() {
            let unit = 20 + u16::try_from(at).expect("small");
            d.luns.push(Lun::of(name, "alder-san", unit).replicated(Replica::synchronous("birch-san", unit)));
            d.datastores.push(spec::Datastore::of(name, &[name]));
            d.groups[0].datastores.push(name.into());
        }
        vm(d, "shop-db").datastores.push("x".into());
        vm(d, "a-shop-web").datastores = names(&["z", "y"]);
    });
    let site = site.expect("valid");
    let (_, group) = site.inventory.groups.by_key(GroupKey::of("shop")).expect("a group");
    let sets: Vec<Vec<&str>> =
        group.sets.iter().map(|set| set.iter().map(|&l| &*site.inventory.luns[l].name).collect()).collect();
    assert_eq!(sets, [vec!["shop-data", "shop-logs", "x"], vec!["y", "z"]]);
}

#[test]
fn p2_mappings_work_in_both_directions_and_a_missing_one_is_no_error() {
    let site = edited(|_| {}).expect("valid");
    let there = row(&site, "shop-cache").place[1].as_ref().expect("mapped");
    let pool = &site.inventory.pools[there.pool.at()];
    assert_eq!((&*pool.name, pool.side, &*there.folder, &*there.network), ("silver-b", Side::Two, "db", "lan-b"));
    assert_eq!(there.hosts.iter().map(|&h| &*site.inventory.hosts[h].name).collect::<Vec<_>>(), ["birch-1"]);
    let back = row(&site, "books").place[0].as_ref().expect("mapped the other way");
    assert_eq!((&*site.inventory.pools[back.pool.at()].name, &*back.network), ("gold", "lan-a"));
    assert_eq!(row(&site, "scratch").place[1], None, "not protected");

    let site = edited(|d| d.mappings[0].networks.clear()).expect("valid");
    assert_eq!(row(&site, "mail").place[1], None);
    assert!(row(&site, "mail").place[0].is_some());

    // Two names to one: the way back is ambiguous, until it is said.
    let two_to_one = |d: &mut Deployment| {
        d.mappings[0].pools.insert("silver".into(), "gold-b".into());
    };
    assert_eq!(row(&edited(two_to_one).expect("valid"), "books").place[0], None);
    let site = edited(|d| {
        two_to_one(d);
        let pools = [("gold-b".into(), "silver".into())].into();
        d.mappings.push(spec::Mapping { from: "birch".into(), to: "alder".into(), pools, ..Default::default() });
    });
    let site = site.expect("valid");
    let back = row(&site, "books").place[0].as_ref().expect("said");
    assert_eq!(site.inventory.pools[back.pool.at()].name, "silver");
}

#[test]
fn without_plans_and_rules_one_plan_moves_every_group() {
    let site = edited(|_| {}).expect("valid");
    let (ix, plan) = site.inventory.plans.by_key(PlanKey::of("default")).expect("the default plan");
    assert_eq!(plan.groups.iter().map(|g| g.1).collect::<Vec<_>>(), [1, 1, 1]);
    assert_eq!(site.policy.rules.len(), 1);
    assert_eq!((site.policy.rules[0].plan, &site.policy.rules[0].groups), (ix, &None));

    let site = edited(|d| d.plans = vec![Plan::of("a", &["shop", "books"]), Plan::of("b", &["mail"])]).expect("valid");
    let rules = &site.policy.rules;
    assert_eq!(rules.len(), 2);
    assert_eq!((rules[0].groups.as_ref().map(Vec::len), rules[1].groups.as_ref()), (Some(2), None));
}

#[test]
fn policies_are_by_site() {
    let site = edited(|d| {
        d.policy.recovery = Recovery { kind: RecoveryKind::CriticalFirst, ..Recovery::default() };
        let recovery = Some(Recovery { kind: RecoveryKind::AtLeast, vms: Some(1), remainder: None });
        d.policy.sites.insert("birch".into(), SitePolicy { recovery, backoff: Some(Span::secs(1)) });
    });
    let policy = site.expect("valid").policy;
    let first = RecoveryType::CriticalFirst { remainder: Remainder::Subsequently };
    assert_eq!(policy.recovery, [first, RecoveryType::AtLeast { vms: 1 }]);
    assert_eq!(policy.limits.backoff, [Millis::secs(5), Millis::secs(1)]);
}

#[test]
fn durations_and_sizes_are_text_with_a_unit() {
    for (text, ms) in
        [("0s", 0), ("100ms", 100), ("140s", 140_000), ("15m", 900_000), ("1h", 3_600_000), ("2 d", 172_800_000)]
    {
        assert_eq!(text.parse(), Ok(Span::millis(ms)), "{text}");
    }
    for text in ["", "5", "s", "-1s", "1.5s", "5 minutes", "5S", "1h30m", "+1s"] {
        let error = text.parse::<Span>().expect_err(text).to_string();
        assert!(error.contains("(ms, s, m, h or d)"), "{error}");
    }
    for text in ["367d", "99999999999999999999s", "18446744073709551615h"] {
        assert!(text.parse::<Span>().expect_err(text).to_string().contains("at most 366d"));
    }
    for ms in [0, 1, 999, 1000, 1500, 60_000, 61_000, 3_600_000, 86_400_000] {
        let span = Span::millis(ms);
        assert_eq!(span.to_string().parse(), Ok(span));
    }
    assert_eq!("64GiB".parse(), Ok(Memory::gib(64)));
    assert_eq!((Memory::gib(64).to_string(), Memory::gib(2048).to_string()), ("64GiB".into(), "2TiB".into()));
    assert!("64".parse::<Memory>().expect_err("no unit").to_string().contains("MiB, GiB or TiB"));
    assert!("1025TiB".parse::<Memory>().expect_err("large").to_string().contains("at most 1024TiB"));
}
