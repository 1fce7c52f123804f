//! Which host each VM of a group starts on (P2, F1, M6).

use alloc::collections::BTreeMap;

use crate::ids::{HostIx, HostKey, Side, VmIx, VmKey};
use crate::inventory::{Group, Site};

/// A host for each VM.
pub type Placement = BTreeMap<VmKey, HostKey>;

/// Why there is no host for a VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoPlace {
    /// It has no mapping at this site.
    NoMapping(VmIx),
    /// No host of its pool has room.
    NoRoom(VmIx),
}

/// Places every VM of a group at a site, or says which one has no place. `held`: memory that hosts keep already, by index.
///
/// # Errors
/// The first VM that has no place.
pub fn place(site: &Site, side: Side, group: &Group, held: &[u64]) -> Result<Placement, NoPlace> {
    let mut placing = Placing::new(held);
    for &vm in &group.vms {
        placing.add(site, side, vm)?;
    }
    Ok(placing.placement)
}

/// Places what fits; a VM that does not is left out.
pub(crate) fn place_what_fits(site: &Site, side: Side, group: &Group, held: &[u64]) -> Placement {
    let mut placing = Placing::new(held);
    for &vm in &group.vms {
        // Left out: it shows as a VM that cannot be started.
        let _ = placing.add(site, side, vm);
    }
    placing.placement
}

/// Adds a placement's memory to what hosts hold, or takes it away.
pub fn count(site: &Site, placement: &Placement, held: &mut [u64], with: fn(u64, u64) -> u64) {
    for (&vm, &host) in placement {
        if let (Some((_, vm)), Some(host)) = (site.inventory.vms.by_key(vm), site.inventory.hosts.find(host))
            && let Some(held) = held.get_mut(host.0 as usize)
        {
            *held = with(*held, vm.memory);
        }
    }
}

struct Placing<'a> {
    placement: Placement,
    held: &'a [u64],
    used: BTreeMap<HostIx, u64>,
}

impl<'a> Placing<'a> {
    const fn new(held: &'a [u64]) -> Self {
        Self { placement: Placement::new(), held, used: BTreeMap::new() }
    }

    /// The host of the VM's pool that is left with the most room; the first by name among equals.
    fn add(&mut self, site: &Site, side: Side, vm: VmIx) -> Result<(), NoPlace> {
        let inventory = &site.inventory;
        let v = &inventory.vms[vm];
        let Some(place) = &v.place[side.at()] else { return Err(NoPlace::NoMapping(vm)) };
        let room = |host: HostIx| {
            let used = self.used.get(&host).copied().unwrap_or(0) + self.held.get(host.0 as usize).unwrap_or(&0);
            inventory.hosts[host].memory.checked_sub(used)?.checked_sub(v.memory)
        };
        let best = place.hosts.iter().copied().filter_map(|h| Some((room(h)?, core::cmp::Reverse(h)))).max();
        let Some((_, core::cmp::Reverse(host))) = best else { return Err(NoPlace::NoRoom(vm)) };
        *self.used.entry(host).or_insert(0) += v.memory;
        self.placement.insert(v.key, inventory.hosts[host].key);
        Ok(())
    }
}

/// The hosts that a group's VMs are started on at their present owner after an abort: the first host of each pool. The
/// room is theirs already.
pub(crate) fn home(site: &Site, group: &Group) -> Placement {
    let inventory = &site.inventory;
    let place = |vm: VmIx| {
        let v = &inventory.vms[vm];
        let host = v.place[site.here.at()].as_ref()?.hosts.first()?;
        Some((v.key, inventory.hosts[*host].key))
    };
    group.vms.iter().filter_map(|&vm| place(vm)).collect()
}
