//! Copies, and how old they may be: what nobody protects, and what could never be given away or taken over.

use farshore_core::Site;
use farshore_core::inventory::{Lun, Replication};
use farshore_core::spec::Span;
use farshore_core::time::Millis;

use super::{Expected, Finding, Kind, listed};

pub(super) fn check(site: &Site, expected: &Expected, findings: &mut Vec<Finding>) {
    unprotected(site, findings);
    for (_, lun) in site.inventory.luns.iter() {
        replica(site, lun, findings);
        witnesses(site, lun, findings);
        if let (Some(_), Some(Replication::Asynchronous { rpo })) = (lun.group, lun.replication) {
            budget(site, expected, lun, rpo, findings);
        }
    }
    if site.policy.arbiter.is_none() && !site.inventory.groups.is_empty() {
        findings.push(Finding::new(
            Kind::NoArbiter,
            "policy",
            "there is no arbiter: a site that falls silent is taken over by two operators, or not at all",
            "add [policy.arbiter], if that is not what you want",
        ));
    }
}

/// M2: VMs that stay down when their storage is lost.
fn unprotected(site: &Site, findings: &mut Vec<Finding>) {
    let inventory = &site.inventory;
    for (_, vm) in inventory.vms.iter().filter(|(_, vm)| vm.group.is_none()) {
        let datastores = listed(vm.datastores.iter().map(|d| inventory.datastores[*d].name.as_str()));
        let copies = vm.luns.iter().all(|l| inventory.luns[*l].replication.is_some());
        let array = |l: &farshore_core::ids::LunIx| inventory.luns[*l].ends[vm.home.at()].as_ref().map(|e| e.array);
        let arrays: Vec<_> = vm.luns.iter().filter_map(array).collect();
        let shares = inventory.luns.iter().any(|(_, l)| {
            l.group.is_some() && l.ends[vm.home.at()].as_ref().is_some_and(|e| arrays.contains(&e.array))
        });
        let beside = if shares { ", on an array that protected groups lie on, too" } else { "" };
        let change = if copies {
            format!("add {datastores} to the `datastores` of a group")
        } else {
            format!("give the LUNs of {datastores} a replica, and put it in a group")
        };
        let what = format!("no group protects it{beside}: if its storage is lost, it stays down");
        findings.push(Finding::new(Kind::Unprotected, format!("VM {}", vm.name), what, change));
    }
}

fn replica(site: &Site, lun: &Lun, findings: &mut Vec<Finding>) {
    let datastore = &site.inventory.datastores[lun.datastore];
    let object = format!("LUN {}", lun.name);
    match (lun.group, lun.replication) {
        (None, None) if !datastore.vms.is_empty() => findings.push(Finding::new(
            Kind::NoReplica,
            object,
            format!("it has no copy at the other site, and datastore {} has VMs on it", datastore.name),
            "give it a `replica`",
        )),
        (None, Some(_)) => findings.push(Finding::new(
            Kind::ReplicaUnused,
            object,
            format!("it has a copy at the other site, and datastore {} is in no group", datastore.name),
            "put its datastore in a group, or take the `replica` out",
        )),
        (None, None) | (Some(_), _) => {}
    }
}

/// D3: where one host mounts a LUN, nobody can confirm or contradict it but the array.
fn witnesses(site: &Site, lun: &Lun, findings: &mut Vec<Finding>) {
    let hosts = lun.ends[lun.home.at()].as_ref().map_or(&[][..], |end| &end.hosts);
    let here = site.inventory.hosts.iter().filter(|(_, h)| h.side == lun.home).count();
    if let ([only], Some(_), true) = (hosts, lun.group, here > 1) {
        findings.push(Finding::new(
            Kind::OneWitness,
            format!("LUN {}", lun.name),
            format!(
                "only host {} mounts it: its word counts together with the array's own answer, or not at all",
                site.inventory.hosts[*only].name
            ),
            "mount it on a second host",
        ));
    }
}

/// F2a, O5: what may be lost, against what usually is missing and what a lease adds to that.
fn budget(site: &Site, expected: &Expected, lun: &Lun, rpo: Millis, findings: &mut Vec<Finding>) {
    let object = format!("LUN {}", lun.name);
    let lag = expected.lag;
    if rpo < lag {
        findings.push(Finding::new(
            Kind::RpoBelowLag,
            &*object,
            format!(
                "its `rpo` is {}, and its copy is expected to get {} old: a loss will be held for an operator",
                Span(rpo),
                Span(lag)
            ),
            format!("make the `rpo` longer than {}, or replicate more often", Span(lag)),
        ));
    }
    let Some(arbiter) = site.policy.arbiter else { return };
    let lease = arbiter.leases.length();
    let spare = Millis(rpo.0.saturating_sub(lease.0));
    let (lease_text, rpo_text) = (Span(lease), Span(rpo));
    if spare == Millis::ZERO {
        findings.push(Finding::new(
            Kind::TakeoverNever,
            object,
            format!(
                "its `rpo` is {rpo_text} and a lease {lease_text}: an owner that falls silent may write for a lease more, \
                 so no takeover is within it"
            ),
            format!("make the `rpo` at least {} longer than the lease, or the lease shorter", Span(lag)),
        ));
    } else if spare < lag {
        findings.push(Finding::new(
            Kind::TakeoverTight,
            object,
            format!(
                "a silent site's group is taken over only while the copy is at most {} old ({rpo_text} less a lease of \
                 {lease_text}), and it is expected to get {} old",
                Span(spare),
                Span(lag)
            ),
            format!("make the `rpo` at least {}, or the lease shorter", Span(lease + lag)),
        ));
    }
}
