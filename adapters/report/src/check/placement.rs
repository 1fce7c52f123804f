//! Where VMs would run at the other site (P2).

use farshore_core::Site;
use farshore_core::ids::{HostIx, Index};

use super::{Finding, Kind, listed};

pub(super) fn check(site: &Site, findings: &mut Vec<Finding>) {
    mappings(site, findings);
    hosts(site, findings);
}

fn mappings(site: &Site, findings: &mut Vec<Finding>) {
    let inventory = &site.inventory;
    for (_, vm) in inventory.vms.iter().filter(|(_, vm)| vm.group.is_some()) {
        let (home, peer) = (vm.home.at(), vm.home.peer().at());
        let (Some(place), None) = (&vm.place[home], &vm.place[peer]) else { continue };
        let pool = &inventory.pools[place.pool.at()].name;
        let there = &inventory.sites[peer].name;
        let group = vm.group.map_or("", |g| inventory.groups[g].name.as_str());
        findings.push(Finding::new(
            Kind::NoMapping,
            format!("VM {}", vm.name),
            format!(
                "{there} has nothing that stands for all of its pool {pool}, folder {} and network {}: group {group} is \
                 not protected",
                place.folder, place.network
            ),
            format!("map them to {there} in a [[mapping]]"),
        ));
    }
}

/// Pools of which some hosts cannot run what is in them, and VMs that only one host can run.
fn hosts(site: &Site, findings: &mut Vec<Finding>) {
    let inventory = &site.inventory;
    for (at, pool) in inventory.pools.iter().enumerate() {
        let there = &inventory.sites[pool.side.at()].name;
        let object = format!("pool {} of {there}", pool.name);
        // What would come here from the other site.
        let coming = || inventory.vms.iter().map(|(_, vm)| vm).filter(|vm| vm.home != pool.side);
        let placed = || coming().filter_map(|vm| Some((vm, vm.place[pool.side.at()].as_ref()?)));
        let here = || placed().filter(|(_, place)| place.pool.at() == at);
        let left_out: Vec<HostIx> =
            pool.hosts.iter().copied().filter(|h| here().any(|(_, place)| !place.hosts.contains(h))).collect();
        if !left_out.is_empty() {
            let names = listed(left_out.iter().map(|h| inventory.hosts[*h].name.as_str()));
            let vms = here().filter(|(_, place)| left_out.iter().any(|h| !place.hosts.contains(h)));
            findings.push(Finding::new(
                Kind::HostsLeftOut,
                &*object,
                format!(
                    "{names} cannot run {}: not all of their LUNs are mounted",
                    listed(vms.map(|(vm, _)| &*vm.name))
                ),
                "mount the LUNs on every host of the pool, or take the host out of it",
            ));
        }
        if inventory.hosts.iter().filter(|(_, host)| host.side == pool.side).count() < 2 {
            continue;
        }
        let single: Vec<&str> = here().filter(|(_, p)| p.hosts.len() == 1).map(|(vm, _)| &*vm.name).collect();
        if !single.is_empty() {
            findings.push(Finding::new(
                Kind::OneHost,
                &*object,
                format!("only one host can run {}: if it is away, they are not recovered", listed(single.into_iter())),
                "give the pool another host that mounts their LUNs",
            ));
        }
    }
}
