//! Digests of what both sites must hold alike: over names and values, never over indices.

use alloc::string::ToString;

use crate::ids::{Digest, HostIx, Index, Side, fnv1a, fnv1a_on};
use crate::inventory::Readiness;
use crate::inventory::{Array, End, Group, Host, Inventory, Lun, Place, Pool, Replication, Vm};
use crate::plan::{Act, OnFailure, Plan, PlanStep, Reply, StartStep, StopStep, When};
use crate::policy::{
    Arbiter, Automation, Deputy, ErrorKind, Grouping, Limits, Mode, Policy, RecoveryKind, RecoveryType, Remainder,
    Rule, Waits,
};

/// Version of what is written below, part of every digest: two builds that write otherwise do not agree by chance.
const VERSION: u64 = 1;

/// A digest in the making. Text goes in with its length, and every item of a list is announced, so that no two
/// different values are written alike.
struct Writer(u64);

impl Writer {
    fn new(what: &str) -> Self {
        let mut writer = Self(fnv1a(&[]));
        writer.number(VERSION);
        writer.text(what);
        writer
    }

    fn number(&mut self, number: u64) {
        self.0 = fnv1a_on(self.0, &number.to_le_bytes());
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0 = fnv1a_on(self.0, text.as_bytes());
    }

    fn side(&mut self, side: Side) {
        self.number(side.at() as u64);
    }

    fn list<T>(&mut self, list: impl IntoIterator<Item = T>, mut each: impl FnMut(&mut Self, T)) {
        for item in list {
            self.number(1);
            each(self, item);
        }
        self.number(0);
    }

    fn option<T>(&mut self, option: Option<T>, each: impl FnMut(&mut Self, T)) {
        self.list(option, each);
    }

    fn hosts(&mut self, inventory: &Inventory, hosts: &[HostIx]) {
        self.list(hosts, |w, &host| w.text(&inventory.hosts[host].name));
    }
}

/// Digest of a group: its storage, its VMs with their places and dependencies, and the hosts that can touch it.
pub(super) fn group(inventory: &Inventory, group: &Group) -> Digest {
    let Group { key: _, name, home, datastores, luns, vms, sets, hosts, mode, hash: _ } = group;
    let mut w = Writer::new("group");
    w.text(name);
    w.side(*home);
    w.list(datastores, |w, &ds| w.text(&inventory.datastores[ds].name));
    w.list(luns, |w, &ix| lun(w, inventory, &inventory.luns[ix]));
    w.list(vms, |w, &ix| vm(w, inventory, &inventory.vms[ix]));
    w.list(sets, |w, set| w.list(set, |w, &ix| w.text(&inventory.luns[ix].name)));
    for hosts in hosts {
        w.hosts(inventory, hosts);
    }
    w.number(match mode {
        Automation::Automatic => 0,
        Automation::Propose => 1,
        Automation::Manual => 2,
    });
    Digest(w.0)
}

/// Digest of a plan.
pub(super) fn plan(inventory: &Inventory, plan: &Plan) -> Digest {
    let Plan { key: _, name, groups, stop, start, steps, hash: _ } = plan;
    let StopStep { grace } = stop;
    let StartStep { tier_delay, ready_timeout, retries, retry_delay, on_failure } = start;
    let mut w = Writer::new("plan");
    w.text(name);
    w.list(groups, |w, &(group, priority)| {
        w.text(&inventory.groups[group].name);
        w.number(priority.into());
    });
    for span in [grace, tier_delay, ready_timeout, retry_delay] {
        w.number(span.0);
    }
    w.number((*retries).into());
    w.number(self::on_failure(*on_failure));
    w.list(steps, |w, row| step(w, inventory, row));
    Digest(w.0)
}

/// Digest of everything, the same at both sites.
pub(super) fn site(inventory: &Inventory, policy: &Policy) -> Digest {
    let Inventory { sites, hosts, arrays, luns, datastores, vms, groups, plans, pools } = inventory;
    let mut w = Writer::new("site");
    w.list(sites, |w, site| w.text(&site.name));
    w.list(hosts.indices(), |w, ix| host(w, &hosts[ix]));
    w.list(arrays.indices(), |w, ix| array(w, &arrays[ix]));
    // What lies in a group is in its digest.
    let bare = luns.iter().filter(|(_, lun)| lun.group.is_none());
    w.list(bare, |w, (_, row)| lun(w, inventory, row));
    w.list(datastores.indices(), |w, ix| {
        w.text(&datastores[ix].name);
        w.option(datastores[ix].group, |w, group| w.text(&groups[group].name));
    });
    let unprotected = vms.iter().filter(|(_, vm)| vm.group.is_none());
    w.list(unprotected, |w, (_, row)| vm(w, inventory, row));
    w.list(groups.indices(), |w, ix| w.number(groups[ix].hash.0));
    w.list(plans.indices(), |w, ix| w.number(plans[ix].hash.0));
    w.list(pools, |w, pool| {
        let Pool { name, side, hosts } = pool;
        w.text(name);
        w.side(*side);
        w.hosts(inventory, hosts);
    });
    self::policy(&mut w, inventory, policy);
    Digest(w.0)
}

/// Its LUNs follow from theirs.
fn host(w: &mut Writer, host: &Host) {
    let Host { key: _, name, side, memory, max_concurrent_starts, luns: _ } = host;
    w.text(name);
    w.side(*side);
    w.number(*memory);
    w.number((*max_concurrent_starts).into());
}

/// Its LUNs follow from theirs.
fn array(w: &mut Writer, array: &Array) {
    let Array { key: _, name, side, luns: _ } = array;
    w.text(name);
    w.side(*side);
}

fn lun(w: &mut Writer, inventory: &Inventory, lun: &Lun) {
    let Lun { key: _, name, home, ends, replication, datastore, group: _ } = lun;
    w.text(name);
    w.side(*home);
    for end in ends {
        w.option(end.as_ref(), |w, End { array, unit, hosts, paths }| {
            w.text(&inventory.arrays[*array].name);
            w.number((*unit).into());
            w.hosts(inventory, hosts);
            w.number((*paths).into());
        });
    }
    w.option(*replication, |w, replication| match replication {
        Replication::Synchronous => w.number(0),
        Replication::Asynchronous { rpo } => {
            w.number(1);
            w.number(rpo.0);
        }
    });
    w.text(&inventory.datastores[*datastore].name);
}

fn vm(w: &mut Writer, inventory: &Inventory, vm: &Vm) {
    // Its LUNs follow from its datastores, and its group from theirs.
    let Vm { key: _, name, home, datastores, luns: _, group: _, tier, depends_on, critical, memory, ready, .. } = vm;
    let Vm { probe, on_failure, place, .. } = vm;
    w.text(name);
    w.side(*home);
    w.list(datastores, |w, &ds| w.text(&inventory.datastores[ds].name));
    w.number((*tier).into());
    w.list(depends_on, |w, &on| w.text(&inventory.vms[on].name));
    w.number((*critical).into());
    w.number(*memory);
    w.number(match ready {
        Readiness::PowerOn => 0,
        Readiness::Heartbeat => 1,
        Readiness::Probe => 2,
    });
    w.option(probe.as_ref(), |w, probe| w.text(probe));
    w.option(*on_failure, |w, what| w.number(self::on_failure(what)));
    for place in place {
        w.option(place.as_ref(), |w, Place { pool, folder, network, test_network, address, hosts }| {
            w.text(&inventory.pools[pool.at()].name);
            w.text(folder);
            w.text(network);
            w.option(test_network.as_ref(), |w, network| w.text(network));
            w.option(*address, |w, address| w.text(&address.to_string()));
            w.hosts(inventory, hosts);
        });
    }
}

fn policy(w: &mut Writer, inventory: &Inventory, policy: &Policy) {
    let Policy { grouping, recovery, rules, limits, waits, arbiter, deputy } = policy;
    let Grouping { mode, idle_poll, min_poll, short, long } = grouping;
    let Limits {
        cooldown,
        max_tries,
        backoff: [backoff_one, backoff_two],
        hold_alert,
        commit_window,
        apd_timeout,
        apd_delay,
        rpo_check,
    } = limits;
    let Waits { resend, peer_silent, array_op, host_op, observe, doubt_limit, prepare_ttl } = waits;
    w.number(match mode {
        Mode::Sliding => 0,
        Mode::Fixed => 1,
    });
    for span in [
        idle_poll,
        min_poll,
        short,
        long,
        cooldown,
        backoff_one,
        backoff_two,
        hold_alert,
        commit_window,
        apd_timeout,
        apd_delay,
        rpo_check,
    ] {
        w.number(span.0);
    }
    for span in [resend, peer_silent, array_op, host_op, observe, prepare_ttl] {
        w.number(span.0);
    }
    if let Some(Arbiter { leases, site_grace, automatic }) = arbiter {
        let spans = [leases.length(), leases.given(), *site_grace];
        w.list(spans, |w, span| w.number(span.0));
        w.number((*automatic).into());
    }
    if let Some(Deputy { grace }) = deputy {
        w.text("deputy");
        w.number(grace.0);
    }
    w.number((*max_tries).into());
    w.number((*doubt_limit).into());
    for recovery in recovery {
        recovery_type(w, *recovery);
    }
    w.list(rules, |w, Rule { groups, errors, recovery, plan }| {
        w.option(groups.as_ref(), |w, groups| w.list(groups, |w, &group| w.text(&inventory.groups[group].name)));
        w.option(errors.as_ref(), |w, errors| w.list(errors, |w, error| w.number(error_kind(*error))));
        w.option(recovery.as_ref(), |w, kinds| w.list(kinds, |w, kind| w.number(recovery_kind(*kind))));
        w.text(&inventory.plans[*plan].name);
    });
}

fn recovery_type(w: &mut Writer, recovery: RecoveryType) {
    w.number(recovery_kind(recovery.kind()));
    match recovery {
        RecoveryType::Everything => {}
        RecoveryType::CriticalFirst { remainder } => w.number(match remainder {
            Remainder::Subsequently => 0,
            Remainder::OnRequest => 1,
            Remainder::Never => 2,
        }),
        RecoveryType::AtLeast { vms } => w.number(vms.into()),
    }
}

const fn on_failure(on_failure: OnFailure) -> u64 {
    match on_failure {
        OnFailure::Abort => 0,
        OnFailure::Skip => 1,
        OnFailure::Ask => 2,
    }
}

fn step(w: &mut Writer, inventory: &Inventory, step: &PlanStep) {
    let PlanStep { key: _, name, at, group, act, retries, on_failure, in_test } = step;
    w.text(name);
    match at {
        When::First => w.number(0),
        When::Last => w.number(1),
        When::BeforeTier(tier) => w.list([2, (*tier).into()], Writer::number),
        When::AfterTier(tier) => w.list([3, (*tier).into()], Writer::number),
        When::BeforeVm(vm) => w.text(&alloc::format!("before {}", inventory.vms[*vm].name)),
        When::AfterVm(vm) => w.text(&alloc::format!("after {}", inventory.vms[*vm].name)),
    }
    w.option(*group, |w, group| w.text(&inventory.groups[group].name));
    match act {
        Act::Command { line, timeout } => {
            w.list(line, |w, word| w.text(word));
            w.number(timeout.0);
        }
        Act::Prompt { text, timeout, default } => {
            w.text(text);
            w.number(timeout.0);
            w.number(match default {
                Reply::Continue => 0,
                Reply::Retry => 1,
                Reply::Abort => 2,
            });
        }
        Act::Delay(span) => w.number(span.0),
    }
    w.number((*retries).into());
    w.number(self::on_failure(*on_failure));
    w.number((*in_test).into());
}

const fn recovery_kind(kind: RecoveryKind) -> u64 {
    match kind {
        RecoveryKind::Everything => 0,
        RecoveryKind::CriticalFirst => 1,
        RecoveryKind::AtLeast => 2,
    }
}

const fn error_kind(kind: ErrorKind) -> u64 {
    match kind {
        ErrorKind::LunLost => 0,
        ErrorKind::DeviceLost => 1,
        ErrorKind::HostLost => 2,
        ErrorKind::ManagerLost => 3,
        ErrorKind::SiteLost => 4,
        ErrorKind::Planned => 5,
        ErrorKind::RollBack => 6,
    }
}
