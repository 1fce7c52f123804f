//! LUNs, datastores, and which lies in which group.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use super::names::Names;
use crate::ids::{ArrayIx, DatastoreIx, DatastoreKey, GroupIx, Index, LunIx, LunKey, Side};
use crate::inventory::error::{ConfigError, Kind, Object};
use crate::inventory::{Datastore, End, Lun, Replication};
use crate::spec::{self, ReplicaMode, Span};

/// Which LUNs lie under which datastore, and which datastores in which group, in both directions.
pub(super) struct Links {
    lun_datastore: Vec<DatastoreIx>,
    datastore_luns: Vec<Vec<LunIx>>,
    datastore_group: Vec<Option<GroupIx>>,
    pub(super) group_datastores: Vec<Vec<DatastoreIx>>,
}

impl Links {
    pub(super) fn new(names: &Names<'_>) -> Result<Self, ConfigError> {
        let (datastore_luns, lun_datastore) = lists_of_luns(names)?;
        let mut datastore_group = alloc::vec![None; names.datastores.len()];
        let mut group_datastores = Vec::new();
        for (group, _, spec) in names.groups.iter() {
            let list = names.datastores.resolve_some(&spec.datastores, "datastores", || names.groups.object(group))?;
            for &datastore in &list {
                if let Some(one) = datastore_group[datastore.at()].replace(group) {
                    return Err(ConfigError::DatastoreInTwoGroups {
                        datastore: names.datastores.name(datastore).into(),
                        one: names.groups.name(one).into(),
                        other: names.groups.name(group).into(),
                    });
                }
            }
            group_datastores.push(list);
        }
        Ok(Self { lun_datastore, datastore_luns, datastore_group, group_datastores })
    }
}

/// The LUNs of each datastore, and the one datastore of each LUN.
fn lists_of_luns(names: &Names<'_>) -> Result<(Vec<Vec<LunIx>>, Vec<DatastoreIx>), ConfigError> {
    let mut datastore_luns = Vec::new();
    let mut backs: Vec<Option<DatastoreIx>> = alloc::vec![None; names.luns.len()];
    for (datastore, _, spec) in names.datastores.iter() {
        let list = names.luns.resolve_some(&spec.luns, "luns", || names.datastores.object(datastore))?;
        for &lun in &list {
            if let Some(one) = backs[lun.at()].replace(datastore) {
                return Err(ConfigError::LunTwice {
                    lun: names.luns.name(lun).into(),
                    one: names.datastores.name(one).into(),
                    other: names.datastores.name(datastore).into(),
                });
            }
        }
        datastore_luns.push(list);
    }
    let unused = |lun: LunIx| ConfigError::LunUnused { lun: names.luns.name(lun).into() };
    let lun_datastore =
        backs.into_iter().enumerate().map(|(at, datastore)| datastore.ok_or_else(|| unused(LunIx::from_at(at))));
    Ok((datastore_luns, lun_datastore.collect::<Result<_, _>>()?))
}

/// The LUNs, by name, with no two copies at one place.
pub(super) fn luns(names: &Names<'_>, links: &Links) -> Result<Vec<Lun>, ConfigError> {
    let mut units: BTreeMap<(ArrayIx, u16), LunIx> = BTreeMap::new();
    let mut luns = Vec::new();
    for ((ix, _, spec), &datastore) in names.luns.iter().zip(&links.lun_datastore) {
        let lun = lun(names, ix, spec, datastore, links.datastore_group[datastore.at()])?;
        for end in lun.ends.iter().flatten() {
            if let Some(one) = units.insert((end.array, end.unit), ix) {
                return Err(ConfigError::SameUnit {
                    array: names.arrays.name(end.array).into(),
                    unit: end.unit,
                    one: names.luns.name(one).into(),
                    other: lun.name,
                });
            }
        }
        luns.push(lun);
    }
    Ok(luns)
}

fn lun(
    names: &Names<'_>,
    ix: LunIx,
    spec: &spec::Lun,
    datastore: DatastoreIx,
    group: Option<GroupIx>,
) -> Result<Lun, ConfigError> {
    let by = || names.luns.object(ix);
    let name = || spec.name.clone();
    let array = names.arrays.resolve(&spec.array, by)?;
    let home = *names.arrays.row(array);
    if let Some(site) = &spec.site {
        let unknown = || ConfigError::Unknown { what: Object::new(Kind::Site, &**site), by: by() };
        if names.side(site).ok_or_else(unknown)? != home {
            return Err(ConfigError::ArrayElsewhere { lun: name(), array: spec.array.clone(), site: site.clone() });
        }
    }
    let mut ends = [None, None];
    ends[home.at()] = Some(end(names, ix, home, array, (spec.unit, spec.paths, spec.hosts.as_deref()))?);
    let mut replication = None;
    if let Some(replica) = &spec.replica {
        let array = names.arrays.resolve(&replica.array, by)?;
        let away = *names.arrays.row(array);
        if away == home {
            return Err(ConfigError::ReplicaAtHome { lun: name(), array: replica.array.clone() });
        }
        replication = Some(mode(spec, replica, by)?);
        let copy = (replica.unit, replica.paths, replica.hosts.as_deref());
        ends[away.at()] = Some(end(names, ix, away, array, copy)?);
    }
    Ok(Lun { key: LunKey::of(&spec.name), name: name(), home, ends, replication, datastore, group })
}

fn end(
    names: &Names<'_>,
    lun: LunIx,
    side: Side,
    array: ArrayIx,
    (unit, paths, hosts): (u16, u8, Option<&[alloc::string::String]>),
) -> Result<End, ConfigError> {
    let by = || names.luns.object(lun);
    if paths == 0 {
        return Err(ConfigError::Zero { by: by(), key: "paths" });
    }
    Ok(End { array, unit, hosts: names.hosts_of(side, hosts, by)?, paths })
}

fn mode(lun: &spec::Lun, replica: &spec::Replica, by: impl Fn() -> Object) -> Result<Replication, ConfigError> {
    match (replica.mode, replica.rpo) {
        (ReplicaMode::Synchronous, None) => Ok(Replication::Synchronous),
        (ReplicaMode::Synchronous, Some(_)) => Err(ConfigError::RpoOnSynchronous { lun: lun.name.clone() }),
        (ReplicaMode::Asynchronous, None) => Err(ConfigError::RpoMissing { lun: lun.name.clone() }),
        (ReplicaMode::Asynchronous, Some(rpo)) if rpo == Span::default() => {
            Err(ConfigError::Zero { by: by(), key: "rpo" })
        }
        (ReplicaMode::Asynchronous, Some(rpo)) => Ok(Replication::Asynchronous { rpo: rpo.into() }),
    }
}

/// The datastores, by name, each at one site; their VMs are not known yet.
pub(super) fn datastores(names: &Names<'_>, links: &Links, luns: &[Lun]) -> Result<Vec<Datastore>, ConfigError> {
    let mut datastores = Vec::new();
    for ((ix, name, _), list) in names.datastores.iter().zip(&links.datastore_luns) {
        if let [first, rest @ ..] = &list[..]
            && let Some(other) = rest.iter().find(|lun| luns[lun.at()].home != luns[first.at()].home)
        {
            let (one, other) = (names.luns.object(*first), names.luns.object(*other));
            return Err(ConfigError::AcrossSites { by: names.datastores.object(ix), one, other });
        }
        datastores.push(Datastore {
            key: DatastoreKey::of(name),
            name: name.into(),
            luns: list.clone(),
            vms: Vec::new(),
            group: links.datastore_group[ix.at()],
        });
    }
    Ok(datastores)
}
