//! The order of a file, its digests, and its size.

use farshore_core::ids::{GroupKey, PlanKey};
use farshore_core::inventory::Site;
use farshore_core::policy::{ErrorKind, RecoveryKind};
use farshore_core::spec::{self, Deployment, Lun, Memory, Plan, Replica, Rule, Span};

use super::{edited, lun, names, valid, vm};

/// A generator for shuffles: the same on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).expect("31 bits") % bound
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            list.swap(at, self.below(at + 1));
        }
    }
}

fn shuffled(mut d: Deployment, random: &mut Random) -> Deployment {
    random.shuffle(&mut d.sites);
    for site in &mut d.sites {
        random.shuffle(&mut site.hosts);
        random.shuffle(&mut site.pools);
        random.shuffle(&mut site.folders);
        random.shuffle(&mut site.networks);
    }
    random.shuffle(&mut d.mappings);
    random.shuffle(&mut d.luns);
    random.shuffle(&mut d.datastores);
    random.shuffle(&mut d.vms);
    random.shuffle(&mut d.groups);
    random.shuffle(&mut d.plans);
    d.datastores.iter_mut().for_each(|ds| random.shuffle(&mut ds.luns));
    for vm in &mut d.vms {
        random.shuffle(&mut vm.datastores);
        random.shuffle(&mut vm.depends_on);
    }
    d.groups.iter_mut().for_each(|group| random.shuffle(&mut group.datastores));
    d.plans.iter_mut().for_each(|plan| random.shuffle(&mut plan.groups));
    for rule in &mut d.policy.rules {
        random.shuffle(&mut rule.groups);
        random.shuffle(&mut rule.errors);
        random.shuffle(&mut rule.recovery);
    }
    d
}

#[test]
fn the_order_of_a_file_makes_no_difference() {
    let mut deployment = valid();
    deployment.plans = vec![Plan::of("p", &["shop", "mail", "books"]), Plan::of("q", &["mail", "books"])];
    deployment.policy.rules = vec![
        Rule {
            groups: names(&["mail", "books"]),
            errors: vec![ErrorKind::SiteLost, ErrorKind::DeviceLost],
            recovery: vec![RecoveryKind::AtLeast, RecoveryKind::Everything],
            plan: "q".into(),
        },
        Rule { plan: "p".into(), ..Rule::default() },
    ];
    let site = Site::new(&deployment, "birch").expect("valid");
    let breaks: [fn(&mut Deployment); 4] = [
        |d| vm(d, "mail").depends_on = names(&["zz", "yy", "xx"]),
        |d| d.plans[0].groups.extend(Plan::of("", &["zz", "yy", "xx"]).groups),
        |d| d.mappings.extend(["zz", "yy"].map(|to| spec::Mapping { to: to.into(), ..d.mappings[0].clone() })),
        |d| d.luns.iter_mut().for_each(|lun| lun.paths = 0),
    ];
    let mut random = Random(7);
    for _ in 0..200 {
        assert_eq!(Site::new(&shuffled(deployment.clone(), &mut random), "birch").as_ref(), Ok(&site));
    }
    for (at, edit) in breaks.into_iter().enumerate() {
        let mut broken = deployment.clone();
        edit(&mut broken);
        let error = Site::new(&broken, "birch").expect_err("broken");
        for _ in 0..50 {
            let other = Site::new(&shuffled(broken.clone(), &mut random), "birch").expect_err("broken");
            assert_eq!(other, error, "edit {at}");
        }
    }
}

#[test]
fn i21_digests_change_with_what_they_cover_and_with_nothing_else() {
    let before = edited(|_| {}).expect("valid");
    let hash = |site: &Site, name: &str| site.inventory.groups.by_key(GroupKey::of(name)).expect("a group").1.hash;
    let edits: [fn(&mut Deployment); 6] = [
        |d| lun(d, "mail").paths = 2,
        |d| lun(d, "mail").replica.as_mut().expect("one").rpo = Some(Span::secs(31)),
        |d| vm(d, "mail").tier = 4,
        |d| vm(d, "mail").memory = Memory::gib(2),
        |d| vm(d, "mail").folder = Some("web".into()),
        |d| vm(d, "mail").critical = true,
    ];
    for (at, edit) in edits.into_iter().enumerate() {
        let after = edited(edit).expect("valid");
        assert_ne!(hash(&before, "mail"), hash(&after, "mail"), "edit {at}");
        assert_eq!(hash(&before, "shop"), hash(&after, "shop"), "edit {at}");
        assert_ne!(before.digest, after.digest, "edit {at}");
    }
    let plan = |site: &Site| site.inventory.plans.by_key(PlanKey::of("default")).expect("a plan").1.hash;
    let named = edited(|d| d.plans = vec![Plan::of("default", &["shop", "mail", "books"])]).expect("valid");
    assert_eq!(before, named, "the default plan is what it says it is");
    let slower = edited(|d| {
        d.plans = vec![Plan { stop_grace: Span::secs(61), ..Plan::of("default", &["shop", "mail", "books"]) }];
    });
    let slower = slower.expect("valid");
    assert_ne!(plan(&before), plan(&slower));
    assert_eq!(hash(&before, "mail"), hash(&slower, "mail"));
    assert_ne!(before.digest, edited(|d| d.policy.cooldown = Span::secs(1)).expect("valid").digest);
}

/// 10,000 groups of 10 VMs with a chain of dependencies, 100 hosts: not for a debug build's patience, so few of them here.
fn large(groups: u16) -> Deployment {
    let hosts = |site: &str| (0..50).map(|at| format!("{site}-{at}")).collect::<Vec<_>>();
    let site = |name: &str| {
        let hosts = hosts(name);
        spec::Site::of(name, &format!("{name}-san"), &hosts.iter().map(|host| &**host).collect::<Vec<_>>())
    };
    let mut d = Deployment { sites: vec![site("alder"), site("birch")], ..Deployment::default() };
    for unit in 0..groups {
        let name = format!("g{unit}");
        d.luns.push(Lun::of(&name, "alder-san", unit).replicated(Replica::synchronous("birch-san", unit)));
        d.datastores.push(spec::Datastore::of(&name, &[&name]));
        d.groups.push(spec::Group::of(&name, &[&name]));
        for at in 0..10 {
            let depends_on = if at == 0 { vec![] } else { vec![format!("{name}-{}", at - 1)] };
            d.vms.push(spec::Vm { depends_on, ..spec::Vm::of(&format!("{name}-{at}"), &[&name]) });
        }
    }
    d
}

#[test]
fn a_large_deployment_is_built() {
    let site = Site::new(&large(500), "alder").expect("valid");
    assert_eq!((site.inventory.vms.len(), site.inventory.groups.len()), (5000, 500));
}

/// `cargo test --release -p farshore-core --test inventory -- --ignored --nocapture`
#[test]
#[ignore = "a measurement"]
fn a_hundred_thousand_vms_are_built() {
    let deployment = large(10_000);
    #[allow(clippy::disallowed_types, reason = "a measurement, outside of the core")]
    let start = std::time::Instant::now();
    let pair = Site::pair(&deployment).expect("valid");
    println!("{} VMs: {:?}", pair[0].inventory.vms.len(), start.elapsed());
    assert_eq!(pair[1].inventory.vms.len(), 100_000);
}
