//! Protection groups, and the LUNs in them that are rolled back together.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::names::Names;
use super::storage::Links;
use crate::ids::{Digest, GroupKey, HostIx, Index, LunIx, Side, VmIx};
use crate::inventory::error::ConfigError;
use crate::inventory::{Datastore, Group, Lun, Vm, check};

/// The groups, by name; `order`: all VMs in start order. Their digests are not known yet.
pub(super) fn groups(
    names: &Names<'_>,
    links: &Links,
    luns: &[Lun],
    datastores: &[Datastore],
    vms: &[Vm],
    order: &[VmIx],
) -> Result<Vec<Group>, ConfigError> {
    let mut members: Vec<Vec<VmIx>> = alloc::vec![Vec::new(); names.groups.len()];
    for &ix in order {
        if let Some(group) = vms[ix.at()].group {
            members[group.at()].push(ix);
        }
    }
    let mut together = Together::new(luns.len());
    for list in datastores.iter().map(|ds| &ds.luns).chain(vms.iter().map(|vm| &vm.luns)) {
        together.join(list);
    }
    let mut groups = Vec::new();
    for ((ix, name, spec), members) in names.groups.iter().zip(members) {
        let list = links.group_datastores[ix.at()].clone();
        let home = check::one_site(names, names.groups.object(ix), &list, datastores, luns)?;
        let mut under: Vec<LunIx> = list.iter().flat_map(|ds| &datastores[ds.at()].luns).copied().collect();
        under.sort_unstable();
        if let Some(lun) = under.iter().find(|lun| luns[lun.at()].replication.is_none()) {
            return Err(ConfigError::NoReplica { group: name.into(), lun: luns[lun.at()].name.clone() });
        }
        let mut sets: BTreeMap<LunIx, Vec<LunIx>> = BTreeMap::new();
        for &lun in &under {
            sets.entry(together.first(lun)).or_default().push(lun);
        }
        groups.push(Group {
            key: GroupKey::of(name),
            name: name.into(),
            home,
            datastores: list,
            vms: members,
            sets: sets.into_values().collect(),
            hosts: Side::BOTH.map(|side| hosts(luns, &under, side)),
            luns: under,
            mode: spec.mode,
            hash: Digest::default(),
        });
    }
    Ok(groups)
}

/// Hosts that mount any of these LUNs at one site, sorted.
fn hosts(luns: &[Lun], under: &[LunIx], side: Side) -> Vec<HostIx> {
    let ends = under.iter().filter_map(|lun| luns[lun.at()].ends[side.at()].as_ref());
    let mut hosts: Vec<HostIx> = ends.flat_map(|end| &end.hosts).copied().collect();
    hosts.sort_unstable();
    hosts.dedup();
    hosts
}

/// Which LUNs are rolled back together: those under one datastore or VM, closed under sharing (union-find).
struct Together {
    /// Towards the first LUN of a set, which points at itself.
    parent: Vec<LunIx>,
}

impl Together {
    fn new(luns: usize) -> Self {
        Self { parent: (0..luns).map(LunIx::from_at).collect() }
    }

    /// The first LUN of a LUN's set.
    fn first(&mut self, mut lun: LunIx) -> LunIx {
        while self.parent[lun.at()] != lun {
            // Halving: every other LUN on the way is hung higher.
            let above = self.parent[self.parent[lun.at()].at()];
            self.parent[lun.at()] = above;
            lun = above;
        }
        lun
    }

    fn join(&mut self, luns: &[LunIx]) {
        for pair in luns.windows(2) {
            let (one, other) = (self.first(pair[0]), self.first(pair[1]));
            self.parent[one.max(other).at()] = one.min(other);
        }
    }
}
