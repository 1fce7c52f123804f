//! Resource pools, and where a VM may run at each site.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::addresses::{self, Subnets};
use super::mappings::{Mapped, listed};
use super::names::{Directory, Names};
use crate::ids::{HostIx, Index, LunIx, PoolIx, Side};
use crate::inventory::error::{ConfigError, Kind, Object};
use crate::inventory::{Lun, Place, Pool};
use crate::spec;

/// Pools, folders and networks of both sites with their mappings.
pub(super) struct Places<'a> {
    pools: Vec<Pool>,
    pool_ix: [BTreeMap<&'a str, PoolIx>; 2],
    mapped_pools: Mapped<'a>,
    folders: Mapped<'a>,
    networks: Mapped<'a>,
    test_networks: [BTreeMap<&'a str, &'a str>; 2],
    subnets: Subnets,
}

impl<'a> Places<'a> {
    pub(super) fn new(names: &Names<'a>, mappings: &'a [spec::Mapping]) -> Result<Self, ConfigError> {
        let mut pools = Vec::new();
        let mut pool_ix = [BTreeMap::new(), BTreeMap::new()];
        for side in Side::BOTH {
            for (name, pool) in pools_at(names, side)? {
                pool_ix[side.at()].insert(name, PoolIx::from_at(pools.len()));
                pools.push(pool);
            }
        }
        let pool_names = |site: &'a spec::Site| listed(Kind::Pool, site.pools.iter().map(|pool| &*pool.name));
        let folder_names = |site: &'a spec::Site| listed(Kind::Folder, site.folders.iter().map(|name| &**name));
        let network_names = |site: &'a spec::Site| listed(Kind::Network, site.networks.iter().map(|name| &**name));
        Ok(Self {
            pools,
            pool_ix,
            mapped_pools: Mapped::new(Kind::Pool, names, pool_names, mappings, |mapping| &mapping.pools)?,
            folders: Mapped::new(Kind::Folder, names, folder_names, mappings, |mapping| &mapping.folders)?,
            networks: Mapped::new(Kind::Network, names, network_names, mappings, |mapping| &mapping.networks)?,
            test_networks: addresses::test_networks(names, mappings, network_names)?,
            subnets: Subnets::new(names, mappings)?,
        })
    }

    pub(super) fn into_pools(self) -> Vec<Pool> {
        self.pools
    }

    /// Where a VM with disks on these LUNs runs at home and, if it is protected and mapped, at the other site (P2).
    pub(super) fn of(
        &self,
        names: &Names<'a>,
        vm: &'a spec::Vm,
        home: Side,
        protected: bool,
        disks: (&[Lun], &[LunIx]),
    ) -> Result<[Option<Place>; 2], ConfigError> {
        let site = names.site(home);
        let pool = self.mapped_pools.own(home, site, &vm.name, vm.pool.as_ref())?;
        let folder = self.folders.own(home, site, &vm.name, vm.folder.as_ref())?;
        let network = self.networks.own(home, site, &vm.name, vm.network.as_ref())?;
        let mut place = [None, None];
        place[home.at()] = self.place(names, vm, home, (pool, folder, network), disks)?;
        let mapped =
            (self.mapped_pools.peer(home, pool), self.folders.peer(home, folder), self.networks.peer(home, network));
        if let (true, (Some(pool), Some(folder), Some(network))) = (protected, mapped) {
            place[home.peer().at()] = self.place(names, vm, home.peer(), (pool, folder, network), disks)?;
        }
        Ok(place)
    }

    fn place(
        &self,
        names: &Names<'a>,
        vm: &spec::Vm,
        side: Side,
        (pool, folder, network): (&str, &str, &str),
        (luns, disks): (&[Lun], &[LunIx]),
    ) -> Result<Option<Place>, ConfigError> {
        // Every name comes from this site's lists, so there is an index.
        let Some(&ix) = self.pool_ix[side.at()].get(pool) else { return Ok(None) };
        let ends = disks.iter().filter_map(|lun| luns[lun.at()].ends[side.at()].as_ref());
        let hosts = ends.fold(self.pools[ix.at()].hosts.clone(), |hosts, end| common(hosts, &end.hosts));
        if hosts.is_empty() {
            let (pool, site) = (pool.into(), names.site(side).into());
            return Err(ConfigError::NoHost { vm: vm.name.clone(), pool, site });
        }
        let test_network = self.test_networks[side.at()].get(network).map(|&name| name.into());
        let address = self.subnets.address(names, vm, side)?;
        Ok(Some(Place { pool: ix, folder: folder.into(), network: network.into(), test_network, address, hosts }))
    }
}

/// The pools of a site, by name; the one default where it lists none.
fn pools_at<'a>(names: &Names<'a>, side: Side) -> Result<Vec<(&'a str, Pool)>, ConfigError> {
    let site = names.sites[side.at()];
    let specs: Directory<'a, PoolIx, &spec::Pool> =
        Directory::new(Kind::Pool, site.pools.iter().map(|pool| (&*pool.name, pool)))?;
    let mut pools = Vec::new();
    for (_, name, spec) in specs.iter() {
        let hosts = names.hosts_of(side, spec.hosts.as_deref(), || Object::new(Kind::Pool, name))?;
        pools.push((name, Pool { name: name.into(), side, hosts }));
    }
    if pools.is_empty() {
        let hosts = names.hosts_at[side.at()].clone();
        pools.push((spec::DEFAULT, Pool { name: spec::DEFAULT.into(), side, hosts }));
    }
    Ok(pools)
}

/// What two sorted lists have in common.
fn common(mut hosts: Vec<HostIx>, other: &[HostIx]) -> Vec<HostIx> {
    let mut rest = other.iter().copied().peekable();
    hosts.retain(|&host| {
        while rest.next_if(|&next| next < host).is_some() {}
        rest.next_if_eq(&host).is_some()
    });
    hosts
}
