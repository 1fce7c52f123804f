//! Every error of a deployment, from one that is an edit away from a valid one.

use farshore_core::inventory::{ConfigError, Site};
use farshore_core::policy::{ErrorKind, RecoveryKind, Remainder};
use farshore_core::spec::{self, Deployment, Lun, Memory, Plan, Recovery, Replica, Rule, SitePolicy, Span};

use super::{edited, lun, names, valid, vm};

/// One edit away from the valid deployment, this error, with a message that contains all of this.
macro_rules! refused {
    ($edit:expr, $error:pat, [$($part:literal),+]) => {
        let error = edited($edit).expect_err("refused");
        assert!(matches!(error, $error), "{error:?}");
        let message = error.to_string();
        for part in [$($part),+] {
            assert!(message.contains(part), "`{part}` is not in: {message}");
        }
    };
}

#[test]
fn sites_and_names() {
    refused!(|d| drop(d.sites.pop()), ConfigError::SiteCount { found: 1 }, ["two [[site]]"]);
    let unknown = Site::new(&valid(), "cedar").expect_err("no such site");
    assert!(matches!(unknown, ConfigError::UnknownHere { .. }));
    assert_eq!(unknown.to_string(), "there is no site `cedar` to act for: the sites are `alder` and `birch`");
    refused!(|d| d.sites[0].name = "alder".into(), ConfigError::Duplicate(_), ["site `alder`"]);
    refused!(|d| d.sites[1].hosts[0].name = "birch-1".into(), ConfigError::Duplicate(_), ["host `birch-1`"]);
    refused!(|d| d.groups[1].name = "shop".into(), ConfigError::Duplicate(_), ["group `shop`"]);
    refused!(|d| d.sites[1].networks.push("lan-a".into()), ConfigError::Duplicate(_), ["network `lan-a`"]);
    refused!(|d| vm(d, "mail").name = String::new(), ConfigError::BadName { .. }, ["VM", "\"\""]);
    refused!(|d| vm(d, "mail").name = "mail\n".into(), ConfigError::BadName { .. }, ["\"mail\\n\""]);
    // Two names with one FNV-1a digest.
    let collide = |d: &mut Deployment| {
        vm(d, "mail").name = "8yn0iYCKYHlIj4-BwPqk".into();
        vm(d, "scratch").name = "GReLUrM4wMqfg9yzV3KQ".into();
    };
    refused!(collide, ConfigError::KeyCollision { .. }, ["8yn0iYCKYHlIj4-BwPqk", "GReLUrM4wMqfg9yzV3KQ", "VM"]);
    let collide = |d: &mut Deployment| {
        d.sites[0].name = "8yn0iYCKYHlIj4-BwPqk".into();
        d.sites[1].name = "GReLUrM4wMqfg9yzV3KQ".into();
    };
    refused!(collide, ConfigError::KeyCollision { .. }, ["8yn0iYCKYHlIj4-BwPqk", "site"]);
    let crowd = |d: &mut Deployment| d.sites[0].arrays = (0..=1 << 20).map(|at| format!("{at}")).collect();
    refused!(crowd, ConfigError::TooMany { .. }, ["array", "1048578", "1048576"]);
}

#[test]
fn lists_and_references() {
    refused!(
        |d| d.datastores[0].luns.push("nope".into()),
        ConfigError::Unknown { .. },
        ["LUN `nope`", "datastore `shop`"]
    );
    refused!(|d| lun(d, "mail").array = "nope".into(), ConfigError::Unknown { .. }, ["array `nope`", "LUN `mail`"]);
    refused!(|d| lun(d, "mail").site = Some("nope".into()), ConfigError::Unknown { .. }, ["site `nope`", "LUN `mail`"]);
    refused!(
        |d| lun(d, "mail").hosts = Some(names(&["nope"])),
        ConfigError::Unknown { .. },
        ["host `nope`", "LUN `mail`"]
    );
    refused!(
        |d| vm(d, "mail").datastores = names(&["nope"]),
        ConfigError::Unknown { .. },
        ["datastore `nope`", "VM `mail`"]
    );
    refused!(|d| vm(d, "mail").pool = Some("nope".into()), ConfigError::Unknown { .. }, ["pool `nope`", "VM `mail`"]);
    refused!(|d| vm(d, "mail").folder = Some("nope".into()), ConfigError::Unknown { .. }, ["folder `nope`"]);
    refused!(|d| vm(d, "mail").depends_on = names(&["nope"]), ConfigError::Unknown { .. }, ["VM `nope`", "VM `mail`"]);
    refused!(
        |d| d.groups[0].datastores = names(&["nope"]),
        ConfigError::Unknown { .. },
        ["datastore `nope`", "group `shop`"]
    );
    refused!(|d| d.plans = vec![Plan::of("p", &["nope"])], ConfigError::Unknown { .. }, ["group `nope`", "plan `p`"]);
    refused!(
        |d| d.mappings[0].to = "nope".into(),
        ConfigError::Unknown { .. },
        ["site `nope`", "mapping `alder → nope`"]
    );
    let to_nowhere = |d: &mut Deployment| drop(d.mappings[0].networks.insert("lan-a".into(), "nope".into()));
    refused!(to_nowhere, ConfigError::Unknown { .. }, ["network `nope`", "mapping `alder → birch`"]);
    let stranger = |d: &mut Deployment| {
        d.policy.sites.insert("cedar".into(), SitePolicy::default());
    };
    refused!(stranger, ConfigError::Unknown { .. }, ["site `cedar`", "policy.site"]);

    refused!(
        |d| d.groups[0].datastores.push("shop".into()),
        ConfigError::ListedTwice { .. },
        ["datastore `shop`", "group `shop`"]
    );
    refused!(|d| vm(d, "mail").datastores.push("mail".into()), ConfigError::ListedTwice { .. }, ["VM `mail`"]);
    let twice = |d: &mut Deployment| d.plans = vec![Plan::of("p", &["shop", "mail", "books", "shop"])];
    refused!(twice, ConfigError::ListedTwice { .. }, ["group `shop`", "plan `p`"]);

    refused!(|d| d.sites[0].hosts.clear(), ConfigError::Empty { .. }, ["`hosts`", "site `birch`"]);
    refused!(|d| d.sites[0].arrays.clear(), ConfigError::Empty { .. }, ["`arrays`", "site `birch`"]);
    refused!(|d| d.datastores[1].luns.clear(), ConfigError::Empty { .. }, ["`luns`", "datastore `mail`"]);
    refused!(|d| vm(d, "mail").datastores.clear(), ConfigError::Empty { .. }, ["`datastores`", "VM `mail`"]);
    refused!(|d| d.groups[0].datastores.clear(), ConfigError::Empty { .. }, ["`datastores`", "group `shop`"]);
    refused!(|d| d.plans = vec![Plan::of("p", &[])], ConfigError::Empty { .. }, ["`groups`", "plan `p`"]);
    refused!(|d| lun(d, "mail").hosts = Some(vec![]), ConfigError::Empty { .. }, ["`hosts`", "LUN `mail`"]);
}

#[test]
fn storage() {
    refused!(
        |d| lun(d, "mail").site = Some("birch".into()),
        ConfigError::ArrayElsewhere { .. },
        ["LUN `mail`", "`birch`"]
    );
    let at_home = |d: &mut Deployment| lun(d, "mail").replica = Some(Replica::synchronous("alder-san", 8));
    refused!(at_home, ConfigError::ReplicaAtHome { .. }, ["LUN `mail`", "`alder-san`"]);
    let no_rpo = |d: &mut Deployment| lun(d, "mail").replica.as_mut().expect("one").rpo = None;
    refused!(no_rpo, ConfigError::RpoMissing { .. }, ["LUN `mail`", "`rpo`"]);
    let zero = |d: &mut Deployment| lun(d, "mail").replica = Some(Replica::asynchronous("birch-san", 3, Span::secs(0)));
    refused!(zero, ConfigError::Zero { .. }, ["LUN `mail`", "`rpo`"]);
    let on_sync = |d: &mut Deployment| lun(d, "books").replica.as_mut().expect("one").rpo = Some(Span::secs(1));
    refused!(on_sync, ConfigError::RpoOnSynchronous { .. }, ["LUN `books`", "`rpo`"]);
    refused!(|d| lun(d, "mail").paths = 0, ConfigError::Zero { .. }, ["LUN `mail`", "`paths`"]);
    refused!(
        |d| lun(d, "mail").unit = 1,
        ConfigError::SameUnit { unit: 1, .. },
        ["`mail`", "`shop-data`", "`alder-san`"]
    );
    refused!(|d| lun(d, "mail").unit = 9, ConfigError::SameUnit { unit: 9, .. }, ["`mail`", "`books`", "`alder-san`"]);
    let elsewhere = |d: &mut Deployment| lun(d, "mail").hosts = Some(names(&["alder-1", "birch-1"]));
    refused!(elsewhere, ConfigError::HostElsewhere { .. }, ["LUN `mail`", "host `birch-1`", "site `alder`"]);
    let elsewhere = |d: &mut Deployment| d.sites[1].pools[0].hosts = Some(names(&["birch-1"]));
    refused!(elsewhere, ConfigError::HostElsewhere { .. }, ["pool `gold`", "host `birch-1`", "site `alder`"]);
    refused!(|d| d.luns.push(Lun::of("spare", "alder-san", 30)), ConfigError::LunUnused { .. }, ["LUN `spare`"]);
    let shared = |d: &mut Deployment| d.datastores[1].luns.push("shop-data".into());
    refused!(shared, ConfigError::LunTwice { .. }, ["LUN `shop-data`", "`shop`", "`mail`"]);
    let spread = |d: &mut Deployment| d.datastores[1] = spec::Datastore::of("mail", &["mail", "far"]);
    let far = |d: &mut Deployment| {
        d.luns.push(Lun::of("far", "birch-san", 40));
        spread(d);
    };
    refused!(far, ConfigError::AcrossSites { .. }, ["datastore `mail`", "LUN `far`", "LUN `mail`"]);
    let far = |d: &mut Deployment| vm(d, "mail").datastores.push("books".into());
    refused!(far, ConfigError::AcrossSites { .. }, ["VM `mail`", "datastore `books`", "datastore `mail`"]);
    let far = |d: &mut Deployment| {
        d.groups[2].datastores.push("mail".into());
        drop(d.groups.remove(1));
    };
    refused!(far, ConfigError::AcrossSites { .. }, ["group `books`", "datastore `books`", "datastore `mail`"]);
    refused!(|d| d.sites[0].hosts[0].memory = Memory(0), ConfigError::Zero { .. }, ["host `birch-1`", "`memory`"]);
    refused!(
        |d| d.sites[0].hosts[0].max_concurrent_starts = 0,
        ConfigError::Zero { .. },
        ["host `birch-1`", "`max-concurrent-starts`"]
    );
    refused!(|d| vm(d, "mail").memory = Memory(0), ConfigError::Zero { .. }, ["VM `mail`", "`memory`"]);
}

#[test]
fn i13_groups_are_closed() {
    let both = |d: &mut Deployment| d.groups[1].datastores.push("shop".into());
    refused!(both, ConfigError::DatastoreInTwoGroups { .. }, ["datastore `shop`", "`mail`", "`shop`"]);
    let two = |d: &mut Deployment| vm(d, "mail").datastores.push("shop".into());
    refused!(two, ConfigError::VmInTwoGroups { .. }, ["VM `mail`", "`mail` and `shop`", "I13"]);
    let half = |d: &mut Deployment| vm(d, "mail").datastores.push("scratch".into());
    refused!(half, ConfigError::VmHalfProtected { .. }, ["VM `mail`", "add `scratch` to the `datastores` of `mail`"]);
    let bare = |d: &mut Deployment| d.groups[1].datastores.push("scratch".into());
    refused!(bare, ConfigError::NoReplica { .. }, ["group `mail`", "LUN `scratch`"]);
    let mix = |d: &mut Deployment| {
        d.groups[0].datastores.push("mail".into());
        drop(d.groups.remove(1));
        vm(d, "mail").datastores.push("shop".into());
    };
    refused!(mix, ConfigError::MixedReplication { .. }, ["VM `mail`", "`shop-data`, which is synchronous", "`mail`"]);
    // Without a VM it is the datastore that needs one point.
    let mix = |d: &mut Deployment| {
        let replica = Replica::asynchronous("birch-san", 50, Span::secs(1));
        d.luns.push(Lun::of("late", "alder-san", 50).replicated(replica));
        d.luns.push(Lun::of("now", "alder-san", 51).replicated(Replica::synchronous("birch-san", 51)));
        d.datastores.push(spec::Datastore::of("empty", &["late", "now"]));
        d.groups[1].datastores.push("empty".into());
    };
    refused!(mix, ConfigError::MixedReplication { .. }, ["datastore `empty`", "`now`, which is synchronous", "`late`"]);
}

#[test]
fn start_order() {
    refused!(|d| vm(d, "mail").tier = 0, ConfigError::Tier { tier: 0, .. }, ["VM `mail`", "1 (starts first)"]);
    refused!(|d| vm(d, "mail").tier = 6, ConfigError::Tier { tier: 6, .. }, ["VM `mail`", "5 (last)"]);
    let other = |d: &mut Deployment| vm(d, "mail").depends_on = names(&["shop-db"]);
    refused!(other, ConfigError::DependencyElsewhere { .. }, ["VM `mail`", "VM `shop-db`"]);
    let later = |d: &mut Deployment| vm(d, "shop-db").tier = 4;
    refused!(later, ConfigError::DependencyLater { .. }, ["VM `shop-api`", "VM `shop-db`", "tier 4"]);
    let ring = |d: &mut Deployment| vm(d, "shop-db").depends_on = names(&["shop-api"]);
    refused!(ring, ConfigError::DependencyCycle { .. }, ["VM `shop-api`", "shop-api → shop-db → shop-api"]);
    let own = |d: &mut Deployment| vm(d, "mail").depends_on = names(&["mail"]);
    refused!(own, ConfigError::DependencyCycle { .. }, ["VM `mail`", "mail → mail"]);
    // A long ring is shown in part, and told from its first member, whoever leads into it.
    let long = |d: &mut Deployment| {
        for at in 10..40 {
            let on = if at == 39 { 10 } else { at + 1 };
            let depends_on = vec![format!("ring-{on}")];
            d.vms.push(spec::Vm { depends_on, name: format!("ring-{at}"), ..vm(&mut valid(), "mail").clone() });
        }
        vm(d, "mail").depends_on = names(&["ring-25"]);
    };
    refused!(long, ConfigError::DependencyCycle { .. }, ["VM `ring-10`", "ring-17 → … → ring-10"]);
}

#[test]
fn places_and_mappings() {
    refused!(
        |d| vm(d, "mail").pool = None,
        ConfigError::PlaceUnclear { .. },
        ["VM `mail`", "`pool = ", "site `alder`"]
    );
    let narrow = |d: &mut Deployment| lun(d, "shop-data").hosts = Some(names(&["alder-2"]));
    refused!(narrow, ConfigError::NoHost { .. }, ["VM `shop-cache`", "pool `silver`", "site `alder`"]);
    let narrow = |d: &mut Deployment| {
        lun(d, "shop-data").replica.as_mut().expect("one").hosts = Some(names(&["birch-2"]));
    };
    refused!(narrow, ConfigError::NoHost { .. }, ["VM `shop-cache`", "pool `silver-b`", "site `birch`"]);
    refused!(|d| d.mappings[0].to = "alder".into(), ConfigError::MappingToItself { .. }, ["site `alder`"]);
    refused!(
        |d| d.mappings.push(d.mappings[0].clone()),
        ConfigError::MappedTwice { .. },
        ["pool `gold`", "site `alder`"]
    );
}

#[test]
fn m4_plans_and_rules() {
    let all = ["shop", "mail", "books"];
    let rule = |plan: &str, groups: &[&str]| Rule { plan: plan.into(), groups: names(groups), ..Rule::default() };
    refused!(|d| d.plans = vec![Plan::of("p", &all[..2])], ConfigError::GroupWithoutPlan { .. }, ["group `books`"]);
    let zero = |d: &mut Deployment| {
        d.plans = vec![Plan::of("p", &all)];
        d.plans[0].groups[1].priority = 0;
    };
    refused!(zero, ConfigError::Zero { .. }, ["plan `p`", "`priority`"]);
    let never = |d: &mut Deployment| d.plans = vec![Plan { ready_timeout: Span::secs(0), ..Plan::of("p", &all) }];
    refused!(never, ConfigError::Zero { .. }, ["plan `p`", "`ready-timeout`"]);
    let two = |d: &mut Deployment| d.plans = vec![Plan::of("p", &all), Plan::of("q", &["mail"])];
    refused!(two, ConfigError::RulesNeeded { .. }, ["group `mail`", "`p` and `q`"]);

    let with = |rules: Vec<Rule>| {
        move |d: &mut Deployment| {
            two(d);
            d.policy.rules = rules;
        }
    };
    refused!(with(vec![rule("x", &[])]), ConfigError::Unknown { .. }, ["plan `x`", "rule `1`"]);
    refused!(with(vec![rule("p", &[]), rule("p", &["x"])]), ConfigError::Unknown { .. }, ["group `x`", "rule `2`"]);
    refused!(with(vec![rule("p", &["mail"])]), ConfigError::LastRule { rule: 1 }, ["rule 1"]);
    let rules = vec![rule("p", &[]), rule("q", &["mail"])];
    refused!(with(rules), ConfigError::RuleUnreachable { rule: 2, after: 1 }, ["rule 2", "rule 1"]);
    let rules = vec![rule("q", &["mail", "shop"]), rule("p", &[])];
    refused!(with(rules), ConfigError::RulePlan { rule: 1, .. }, ["plan `q`", "group `shop`"]);
    refused!(with(vec![rule("q", &[])]), ConfigError::RulePlan { rule: 1, .. }, ["plan `q`", "group `books`"]);
    // The last plan needs only the groups that no rule before takes whatever fails.
    let device = Rule { errors: vec![ErrorKind::DeviceLost], ..rule("p", &["books"]) };
    let rules = vec![device, rule("p", &["shop"]), rule("q", &[])];
    refused!(with(rules), ConfigError::RulePlan { rule: 3, .. }, ["group `books`"]);
    assert!(edited(with(vec![rule("p", &["shop", "books"]), rule("q", &[])])).is_ok());
}

#[test]
fn m3_recovery_types() {
    let with = |recovery: Recovery| move |d: &mut Deployment| d.policy.recovery = recovery;
    let at_least = |vms| Recovery { kind: RecoveryKind::AtLeast, vms, remainder: None };
    refused!(with(at_least(None)), ConfigError::AtLeastMissing { .. }, ["`policy`", "vms = 10"]);
    refused!(with(at_least(Some(0))), ConfigError::AtLeast { vms: 0, protected: 5, .. }, ["site `alder`"]);
    refused!(with(at_least(Some(6))), ConfigError::AtLeast { vms: 6, protected: 5, .. }, ["site `alder`"]);
    refused!(with(at_least(Some(2))), ConfigError::AtLeast { vms: 2, protected: 1, .. }, ["[policy.site.birch]"]);
    let vms = Recovery { vms: Some(1), ..Recovery::EVERYTHING };
    refused!(with(vms), ConfigError::RecoveryKey { key: "vms", .. }, ["`at-least`", "`policy`"]);
    let remainder = Recovery { remainder: Some(Remainder::Never), ..Recovery::EVERYTHING };
    refused!(with(remainder), ConfigError::RecoveryKey { key: "remainder", .. }, ["`critical-first`"]);
}

#[test]
fn timers() {
    let zero = Span::secs(0);
    refused!(|d| d.policy.grouping.min_poll = zero, ConfigError::Zero { key: "min-poll", .. }, ["policy.grouping"]);
    refused!(|d| d.policy.grouping.long = zero, ConfigError::Zero { key: "long", .. }, ["policy.grouping"]);
    refused!(
        |d| d.policy.grouping.min_poll = Span::millis(1001),
        ConfigError::Bound { key: "min-poll", .. },
        ["1001ms", "half of `short`, 1s"]
    );
    refused!(
        |d| d.policy.grouping.short = Span::secs(16),
        ConfigError::Bound { key: "short", .. },
        ["at most `long`, 15s"]
    );
    refused!(
        |d| d.policy.grouping.idle_poll = Span::millis(99),
        ConfigError::Bound { key: "idle-poll", .. },
        ["`min-poll`, 100ms"]
    );
    assert!(edited(|d| d.policy.grouping.idle_poll = zero).is_ok(), "hosts push");
    assert!(edited(|d| d.policy.grouping.min_poll = Span::secs(1)).is_ok());
    refused!(|d| d.policy.waits.resend = zero, ConfigError::Zero { key: "resend", .. }, ["policy.waits"]);
    refused!(|d| d.policy.waits.doubt_limit = 0, ConfigError::Zero { key: "doubt-limit", .. }, ["policy.waits"]);
    refused!(
        |d| d.policy.waits.peer_silent = Span::secs(1),
        ConfigError::Bound { key: "peer-silent", .. },
        ["`resend`, 2s"]
    );
    refused!(
        |d| d.policy.waits.prepare_ttl = Span::secs(3),
        ConfigError::Bound { key: "prepare-ttl", .. },
        ["`resend`, 4s"]
    );
    refused!(|d| d.policy.cooldown = zero, ConfigError::Zero { key: "cooldown", .. }, ["`policy`"]);
    refused!(|d| d.policy.hold_alert = zero, ConfigError::Zero { key: "hold-alert", .. }, ["`policy`"]);
    refused!(|d| d.policy.max_tries = 0, ConfigError::Zero { key: "max-tries", .. }, ["`policy`"]);
    let backoff = |wait| {
        move |d: &mut Deployment| {
            d.policy.sites.insert("birch".into(), SitePolicy { backoff: Some(wait), recovery: None });
        }
    };
    refused!(backoff(zero), ConfigError::Zero { key: "backoff", .. }, ["policy.site.birch"]);
    refused!(backoff(Span::secs(5)), ConfigError::SameBackoff { .. }, ["`alder` and `birch`", "5s"]);
}
