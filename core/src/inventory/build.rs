//! From a deployment as written to valid types, kind by kind: what refers comes after what it refers to.

mod addresses;
mod digest;
mod groups;
mod mappings;
mod names;
mod places;
mod plans;
mod policy;
mod steps;
mod storage;
mod vms;

use alloc::vec::Vec;

use self::names::Directory;
pub(super) use self::names::Names;
use self::places::Places;
use self::storage::Links;
use super::error::ConfigError;
use super::{Array, Host, Inventory, Lun, Site, SiteInfo, Table, check};
use crate::ids::{
    ArrayKey, DatastoreKey, GroupKey, HostKey, Index, LunIx, LunKey, PlanKey, Side, SiteKey, VmIx, VmKey,
};
use crate::plan::Plan;
use crate::spec::Deployment;

impl Site {
    /// What the machines of the site called `here` are told: the deployment, checked and indexed.
    ///
    /// The order of the deployment's lists makes no difference, only that of the rules does (M4). 100,000 VMs in 10,000
    /// groups take about a second.
    ///
    /// # Errors
    /// The first mistake found, naming the object and what to change; or `here` is not one of the two sites.
    pub fn new(deployment: &Deployment, here: &str) -> Result<Self, ConfigError> {
        let [one, two] = Self::pair(deployment)?;
        let [name_one, name_two] = &one.inventory.sites;
        if here == name_one.name {
            Ok(one)
        } else if here == name_two.name {
            Ok(two)
        } else {
            let (one, two) = (name_one.name.clone(), name_two.name.clone());
            Err(ConfigError::UnknownHere { here: here.into(), one, two })
        }
    }

    /// What the machines of both sites are told, by [`Side`]: checked once, and equal but for [`Site::here`].
    ///
    /// # Errors
    /// The first mistake found, naming the object and what to change.
    pub fn pair(deployment: &Deployment) -> Result<[Self; 2], ConfigError> {
        let inventory = inventory(deployment)?;
        let policy = policy::policy(deployment, &inventory)?;
        let digest = digest::site(&inventory, &policy);
        let two = Self { here: Side::Two, inventory: inventory.clone(), policy: policy.clone(), digest };
        Ok([Self { here: Side::One, inventory, policy, digest }, two])
    }
}

fn inventory(deployment: &Deployment) -> Result<Inventory, ConfigError> {
    let names = Names::new(deployment)?;
    let places = Places::new(&names, &deployment.mappings)?;
    let links = Links::new(&names)?;
    let luns = storage::luns(&names, &links)?;
    let mut datastores = storage::datastores(&names, &links, &luns)?;
    let vms = vms::vms(&names, &places, &luns, &datastores)?;
    for (ix, vm) in (0..).map(VmIx).zip(&vms) {
        for ds in &vm.datastores {
            datastores[ds.at()].vms.push(ix);
        }
    }
    check::replication(&names, &luns, &datastores, &vms)?;
    let order = vms::start_order(&vms)?;
    let mut groups = groups::groups(&names, &links, &luns, &datastores, &vms, &order)?;
    let plans = plans::plans(&names, &vms)?;

    let mut inventory = Inventory {
        sites: names.sites.map(|site| SiteInfo { key: SiteKey::of(&site.name), name: site.name.clone() }),
        hosts: table(&names.hosts, HostKey::of, hosts(&names, &luns), |row| row.key)?,
        arrays: table(&names.arrays, ArrayKey::of, arrays(&names, &luns), |row| row.key)?,
        luns: table(&names.luns, LunKey::of, luns, |row| row.key)?,
        datastores: table(&names.datastores, DatastoreKey::of, datastores, |row| row.key)?,
        vms: table(&names.vms, VmKey::of, vms, |row| row.key)?,
        groups: Table::default(),
        plans: Table::default(),
        pools: places.into_pools(),
    };
    for group in &mut groups {
        group.hash = digest::group(&inventory, group);
    }
    inventory.groups = table(&names.groups, GroupKey::of, groups, |row| row.key)?;
    let plans = plans.into_iter().map(|plan| Plan { hash: digest::plan(&inventory, &plan), ..plan }).collect();
    inventory.plans = table(&names.plans, PlanKey::of, plans, |row| row.key)?;
    Ok(inventory)
}

/// A table of rows whose names are known to differ; their keys may still collide, and then the names are looked up.
fn table<I: Index, K: Ord + Copy, T, D>(
    names: &Directory<'_, I, D>,
    of: impl Fn(&str) -> K,
    rows: Vec<T>,
    key: impl Fn(&T) -> K,
) -> Result<Table<I, K, T>, ConfigError> {
    Table::new(rows, key).map_err(|key| {
        let mut same = names.iter().map(|(_, name, _)| name).filter(|name| of(name) == key);
        let (name, other) = (same.next().unwrap_or_default(), same.next().unwrap_or_default());
        ConfigError::KeyCollision { kind: names.kind(), name: name.into(), other: other.into() }
    })
}

fn hosts(names: &Names<'_>, luns: &[Lun]) -> Vec<Host> {
    let mut hosts: Vec<Host> = names
        .hosts
        .iter()
        .map(|(_, name, &(side, spec))| Host {
            key: HostKey::of(name),
            name: name.into(),
            side,
            memory: spec.memory.0,
            max_concurrent_starts: spec.max_concurrent_starts,
            luns: Vec::new(),
        })
        .collect();
    for (ix, lun) in (0..).map(LunIx).zip(luns) {
        for host in lun.ends.iter().flatten().flat_map(|end| &end.hosts) {
            hosts[host.at()].luns.push(ix);
        }
    }
    hosts
}

fn arrays(names: &Names<'_>, luns: &[Lun]) -> Vec<Array> {
    let mut arrays: Vec<Array> = names
        .arrays
        .iter()
        .map(|(_, name, &side)| Array { key: ArrayKey::of(name), name: name.into(), side, luns: Vec::new() })
        .collect();
    for (ix, lun) in (0..).map(LunIx).zip(luns) {
        for end in lun.ends.iter().flatten() {
            arrays[end.array.at()].luns.push(ix);
        }
    }
    arrays
}
