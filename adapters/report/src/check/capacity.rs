//! Room for what would come (M6): each group alone, all of a site together, with one host away, and on the way back.

use farshore_core::ids::{GroupIx, Index, Side, VmIx};
use farshore_core::inventory::Group;
use farshore_core::placement::{self, NoPlace};
use farshore_core::{Site, ids::HostIx};

use super::{Finding, Kind};

/// Where there is no room: for which VM, and what lacks on the host that has most.
struct Short {
    vm: VmIx,
    host: HostIx,
    lacks: u64,
}

pub(super) fn check(site: &Site, findings: &mut Vec<Finding>) {
    let inventory = &site.inventory;
    let empty = || vec![0u64; inventory.hosts.len()];
    let mut together = empty();
    for (g, group) in inventory.groups.iter() {
        let there = group.home.peer();
        let alone = short(site, there, group, &empty());
        let fits = alone.is_none();
        if let Some(short) = alone {
            findings.push(finding(site, Kind::NoRoom, g, there, &short, "even alone"));
            continue;
        }
        match placement::place(site, there, group, &together) {
            Ok(placed) => placement::count(site, &placed, &mut together, u64::saturating_add),
            Err(NoPlace::NoMapping(_)) => continue,
            Err(NoPlace::NoRoom(_)) => {
                if let Some(short) = short_with(site, there, group, &together) {
                    findings.push(finding(site, Kind::NoRoomTogether, g, there, &short, "after the groups before it"));
                }
            }
        }
        if fits {
            without_a_host(site, findings, g, there);
        }
        if let Some(short) = short(site, group.home, group, &empty()) {
            findings.push(finding(site, Kind::NoRoomBack, g, group.home, &short, "on the way back"));
        }
    }
}

/// The first host of a site without which a group has no room.
fn without_a_host(site: &Site, findings: &mut Vec<Finding>, g: GroupIx, there: Side) {
    let inventory = &site.inventory;
    let hosts: Vec<HostIx> = inventory.hosts.iter().filter(|(_, h)| h.side == there).map(|(ix, _)| ix).collect();
    if hosts.len() < 2 {
        return;
    }
    for host in hosts {
        let mut held = vec![0u64; inventory.hosts.len()];
        held[host.at()] = u64::MAX / 2;
        // What only that host can run is another finding.
        if let Some(short) = short_with(site, there, &inventory.groups[g], &held).filter(|s| s.host != host) {
            let when = format!("while host {} is away", inventory.hosts[host].name);
            findings.push(finding(site, Kind::NoRoomWithoutHost, g, there, &short, &when));
            return;
        }
    }
}

fn short(site: &Site, side: Side, group: &Group, held: &[u64]) -> Option<Short> {
    match placement::place(site, side, group, held) {
        Ok(_) | Err(NoPlace::NoMapping(_)) => None,
        Err(NoPlace::NoRoom(_)) => short_with(site, side, group, held),
    }
}

/// What lacks for the first VM that does not fit, once those before it are placed.
fn short_with(site: &Site, side: Side, group: &Group, held: &[u64]) -> Option<Short> {
    let inventory = &site.inventory;
    let Err(NoPlace::NoRoom(vm)) = placement::place(site, side, group, held) else { return None };
    let before: Vec<VmIx> = group.vms.iter().copied().take_while(|v| *v != vm).collect();
    let before = Group { vms: before, ..group.clone() };
    let mut used = held.to_vec();
    if let Ok(placed) = placement::place(site, side, &before, held) {
        placement::count(site, &placed, &mut used, u64::saturating_add);
    }
    let needs = inventory.vms[vm].memory;
    let place = inventory.vms[vm].place[side.at()].as_ref()?;
    let room = |h: &HostIx| inventory.hosts[*h].memory.saturating_sub(used[h.at()]);
    let host = place.hosts.iter().copied().max_by_key(|h| (room(h), core::cmp::Reverse(*h)))?;
    Some(Short { vm, host, lacks: needs.saturating_sub(room(&host)) })
}

fn finding(site: &Site, kind: Kind, g: GroupIx, side: Side, short: &Short, when: &str) -> Finding {
    let inventory = &site.inventory;
    let (vm, host) = (&inventory.vms[short.vm], &inventory.hosts[short.host]);
    let there = &inventory.sites[side.at()].name;
    Finding::new(
        kind,
        format!("group {}", inventory.groups[g].name),
        format!(
            "VM {} needs {} MiB and has no room at {there}, {when}: host {}, which has most left, lacks {} MiB",
            vm.name, vm.memory, host.name, short.lacks
        ),
        format!(
            "keep {} MiB more on {} or on another host of its pool, or move VMs to another group",
            short.lacks, host.name
        ),
    )
}
