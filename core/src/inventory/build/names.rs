//! Sorted directories of everything that has a name, and how one object refers to another.

use alloc::string::String;
use alloc::vec::Vec;
use core::marker::PhantomData;

use crate::ids::{ArrayIx, DatastoreIx, GroupIx, HostIx, Index, LunIx, PlanIx, Side, SiteKey, VmIx};
use crate::inventory::error::{ConfigError, Kind, Object};
use crate::spec;

/// Most objects of one kind: far from what a `u32` counts, so that no index and no sum of a few can overflow.
pub(super) const LIMIT: usize = 1 << 20;

/// The objects of one kind, sorted by name. A position in it is the object's index in the inventory.
pub(in crate::inventory) struct Directory<'a, I, T> {
    kind: Kind,
    rows: Vec<(&'a str, T)>,
    index: PhantomData<I>,
}

impl<'a, I: Index, T> Directory<'a, I, T> {
    /// Sorts the rows, and checks number and names.
    pub(super) fn new(kind: Kind, rows: impl IntoIterator<Item = (&'a str, T)>) -> Result<Self, ConfigError> {
        let mut rows: Vec<_> = rows.into_iter().collect();
        if rows.len() > LIMIT {
            return Err(ConfigError::TooMany { kind, count: rows.len(), limit: LIMIT });
        }
        rows.sort_by_key(|row| row.0);
        if let Some((name, _)) = rows.iter().find(|row| !is_name(row.0)) {
            return Err(ConfigError::BadName { kind, name: (*name).into() });
        }
        match rows.array_windows().find(|[a, b]| a.0 == b.0) {
            Some([(name, _), _]) => Err(ConfigError::Duplicate(Object::new(kind, *name))),
            None => Ok(Self { kind, rows, index: PhantomData }),
        }
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn find(&self, name: &str) -> Option<I> {
        self.rows.binary_search_by(|row| row.0.cmp(name)).ok().map(I::from_at)
    }

    /// The index of a name that `by` refers to.
    pub(super) fn resolve(&self, name: &str, by: impl FnOnce() -> Object) -> Result<I, ConfigError> {
        self.find(name).ok_or_else(|| ConfigError::Unknown { what: Object::new(self.kind, name), by: by() })
    }

    /// The indices, sorted, of a list of different names that `by` refers to.
    pub(super) fn resolve_all(&self, names: &[String], by: impl Fn() -> Object) -> Result<Vec<I>, ConfigError> {
        sorted(self.kind, names.iter().map(String::as_str), &by)?
            .into_iter()
            .map(|name| self.resolve(name, &by))
            .collect()
    }

    /// Like [`Self::resolve_all`], and the list, called `list`, must not be empty.
    pub(super) fn resolve_some(
        &self,
        names: &[String],
        list: &'static str,
        by: impl Fn() -> Object,
    ) -> Result<Vec<I>, ConfigError> {
        if names.is_empty() {
            return Err(ConfigError::Empty { by: by(), list });
        }
        self.resolve_all(names, by)
    }

    pub(in crate::inventory) fn name(&self, ix: I) -> &'a str {
        self.rows[ix.at()].0
    }

    pub(super) fn row(&self, ix: I) -> &T {
        &self.rows[ix.at()].1
    }

    pub(in crate::inventory) fn object(&self, ix: I) -> Object {
        Object::new(self.kind, self.name(ix))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (I, &'a str, &T)> {
        self.rows.iter().enumerate().map(|(at, (name, row))| (I::from_at(at), *name, row))
    }
}

/// A list of names, sorted; none of them twice.
pub(super) fn sorted<'a>(
    kind: Kind,
    names: impl Iterator<Item = &'a str>,
    by: impl FnOnce() -> Object,
) -> Result<Vec<&'a str>, ConfigError> {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    match names.array_windows().find(|[a, b]| a == b) {
        Some([name, _]) => Err(ConfigError::ListedTwice { what: Object::new(kind, *name), by: by() }),
        None => Ok(names),
    }
}

fn is_name(name: &str) -> bool {
    (1..=255).contains(&name.len()) && name.trim() == name && !name.chars().any(char::is_control)
}

/// Every name of a deployment.
pub(in crate::inventory) struct Names<'a> {
    /// The sites, by [`Side`].
    pub(super) sites: [&'a spec::Site; 2],
    pub(super) hosts: Directory<'a, HostIx, (Side, &'a spec::Host)>,
    /// Hosts of each site, sorted.
    pub(super) hosts_at: [Vec<HostIx>; 2],
    pub(super) arrays: Directory<'a, ArrayIx, Side>,
    pub(super) luns: Directory<'a, LunIx, &'a spec::Lun>,
    pub(in crate::inventory) datastores: Directory<'a, DatastoreIx, &'a spec::Datastore>,
    pub(in crate::inventory) vms: Directory<'a, VmIx, &'a spec::Vm>,
    pub(in crate::inventory) groups: Directory<'a, GroupIx, &'a spec::Group>,
    pub(super) plans: Directory<'a, PlanIx, &'a spec::Plan>,
}

impl<'a> Names<'a> {
    pub(super) fn new(deployment: &'a spec::Deployment) -> Result<Self, ConfigError> {
        let sites = sites(&deployment.sites)?;
        let both = || Side::BOTH.into_iter().zip(sites);
        let hosts = both().flat_map(|(side, site)| site.hosts.iter().map(move |host| (&*host.name, (side, host))));
        let arrays = both().flat_map(|(side, site)| site.arrays.iter().map(move |array| (&**array, side)));
        let hosts = Directory::new(Kind::Host, hosts)?;
        let names = Self {
            sites,
            hosts_at: Side::BOTH.map(|at| hosts.iter().filter(|h| h.2.0 == at).map(|(ix, ..)| ix).collect()),
            hosts,
            arrays: Directory::new(Kind::Array, arrays)?,
            luns: Directory::new(Kind::Lun, deployment.luns.iter().map(|lun| (&*lun.name, lun)))?,
            datastores: Directory::new(Kind::Datastore, deployment.datastores.iter().map(|ds| (&*ds.name, ds)))?,
            vms: Directory::new(Kind::Vm, deployment.vms.iter().map(|vm| (&*vm.name, vm)))?,
            groups: Directory::new(Kind::Group, deployment.groups.iter().map(|group| (&*group.name, group)))?,
            plans: Directory::new(Kind::Plan, deployment.plans.iter().map(|plan| (&*plan.name, plan)))?,
        };
        names.not_zero()?;
        Ok(names)
    }

    /// Which of the two sites has this name.
    pub(super) fn side(&self, name: &str) -> Option<Side> {
        Side::BOTH.into_iter().find(|side| self.sites[side.at()].name == name)
    }

    pub(super) fn site(&self, side: Side) -> &'a str {
        &self.sites[side.at()].name
    }

    /// The hosts that a LUN or a pool of one site names, sorted; all of them where it names none.
    pub(super) fn hosts_of(
        &self,
        side: Side,
        named: Option<&[String]>,
        by: impl Fn() -> Object,
    ) -> Result<Vec<HostIx>, ConfigError> {
        let Some(named) = named else { return Ok(self.hosts_at[side.at()].clone()) };
        let hosts = self.hosts.resolve_some(named, "hosts", &by)?;
        match hosts.iter().find(|&&host| self.hosts.row(host).0 != side) {
            Some(&host) => Err(ConfigError::HostElsewhere {
                by: by(),
                host: self.hosts.name(host).into(),
                site: self.site(side).into(),
            }),
            None => Ok(hosts),
        }
    }

    fn not_zero(&self) -> Result<(), ConfigError> {
        for (ix, _, (_, host)) in self.hosts.iter() {
            if host.memory.0 == 0 {
                return Err(ConfigError::Zero { by: self.hosts.object(ix), key: "memory" });
            }
            if host.max_concurrent_starts == 0 {
                return Err(ConfigError::Zero { by: self.hosts.object(ix), key: "max-concurrent-starts" });
            }
        }
        match self.vms.iter().find(|(_, _, vm)| vm.memory.0 == 0) {
            Some((ix, ..)) => Err(ConfigError::Zero { by: self.vms.object(ix), key: "memory" }),
            None => Ok(()),
        }
    }
}

/// The two sites in the order of their names, each with at least one array and host.
fn sites(sites: &[spec::Site]) -> Result<[&spec::Site; 2], ConfigError> {
    let [one, two] = sites else { return Err(ConfigError::SiteCount { found: sites.len() }) };
    // A directory of two, for the same checks of names as everything else has.
    Directory::<PlanIx, ()>::new(Kind::Site, [(&*one.name, ()), (&*two.name, ())])?;
    let pair = if one.name < two.name { [one, two] } else { [two, one] };
    let [first, second] = pair;
    if SiteKey::of(&first.name) == SiteKey::of(&second.name) {
        let (name, other) = (first.name.clone(), second.name.clone());
        return Err(ConfigError::KeyCollision { kind: Kind::Site, name, other });
    }
    for site in pair {
        for (list, empty) in [("arrays", site.arrays.is_empty()), ("hosts", site.hosts.is_empty())] {
            if empty {
                return Err(ConfigError::Empty { by: Object::new(Kind::Site, &*site.name), list });
            }
        }
    }
    Ok(pair)
}
