//! What stands for what at the other site (P2): pools, folders and networks alike.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use alloc::vec::Vec;

use super::names::{Directory, Names};
use crate::ids::{PoolIx, Side};
use crate::inventory::error::{ConfigError, Kind, Object};
use crate::spec;

/// The pools, folders or networks of both sites, and the way from each to the other site.
pub(super) struct Mapped<'a> {
    kind: Kind,
    names: [BTreeSet<&'a str>; 2],
    to: [BTreeMap<&'a str, &'a str>; 2],
}

impl<'a> Mapped<'a> {
    /// `listed`: what each site lists. `map`: what a mapping says of this kind.
    pub(super) fn new(
        kind: Kind,
        sites: &Names<'a>,
        listed: impl Fn(&'a spec::Site) -> Listed<'a>,
        mappings: &'a [spec::Mapping],
        map: impl Fn(&'a spec::Mapping) -> &'a BTreeMap<String, String>,
    ) -> Result<Self, ConfigError> {
        let [one, two] = sites.sites;
        let names = [listed(one)?, listed(two)?];
        let said = said(kind, sites, &names, mappings, map)?;
        let mut to = said.clone();
        let mut mentioned: [BTreeSet<&str>; 2] = [BTreeSet::new(), BTreeSet::new()];
        for side in Side::BOTH {
            let (here, there) = (side.at(), side.peer().at());
            // The way back, where it is the only one and nothing else is said.
            let mut back: BTreeMap<&str, Option<&str>> = BTreeMap::new();
            for (&from, &name) in &said[here] {
                mentioned[here].insert(from);
                mentioned[there].insert(name);
                back.entry(name).and_modify(|only| *only = None).or_insert(Some(from));
            }
            for (name, only) in back {
                if let Some(from) = only {
                    to[there].entry(name).or_insert(from);
                }
            }
        }
        for name in names[0].intersection(&names[1]) {
            if !mentioned.iter().any(|mentioned| mentioned.contains(name)) {
                to[0].insert(name, name);
                to[1].insert(name, name);
            }
        }
        Ok(Self { kind, names, to })
    }

    /// What a VM has at its home: what it says, or the only one that there is.
    pub(super) fn own(
        &self,
        side: Side,
        site: &str,
        vm: &str,
        said: Option<&'a String>,
    ) -> Result<&'a str, ConfigError> {
        let names = &self.names[side.at()];
        match said {
            Some(name) => names.get(&**name).copied().ok_or_else(|| ConfigError::Unknown {
                what: Object::new(self.kind, &**name),
                by: Object::new(Kind::Vm, vm),
            }),
            None => match names.first() {
                Some(only) if names.len() == 1 => Ok(only),
                _ => Err(ConfigError::PlaceUnclear { vm: vm.into(), kind: self.kind, site: site.into() }),
            },
        }
    }

    /// What it is at the other site; `None`: no mapping says.
    pub(super) fn peer(&self, home: Side, name: &str) -> Option<&'a str> {
        self.to[home.at()].get(name).copied()
    }
}

/// The different names of one kind at one site, or the error that one is there twice.
pub(super) type Listed<'a> = Result<BTreeSet<&'a str>, ConfigError>;

/// The names that a site lists, or the one default where it lists none.
pub(super) fn listed<'a>(kind: Kind, names: impl IntoIterator<Item = &'a str>) -> Listed<'a> {
    let directory: Directory<'a, PoolIx, ()> = Directory::new(kind, names.into_iter().map(|name| (name, ())))?;
    let names: BTreeSet<&str> = directory.iter().map(|(_, name, ())| name).collect();
    Ok(if names.is_empty() { BTreeSet::from([spec::DEFAULT]) } else { names })
}

/// What the mappings say, in the direction in which they say it.
fn said<'a>(
    kind: Kind,
    sites: &Names<'a>,
    names: &[BTreeSet<&'a str>; 2],
    mappings: &'a [spec::Mapping],
    map: impl Fn(&'a spec::Mapping) -> &'a BTreeMap<String, String>,
) -> Result<[BTreeMap<&'a str, &'a str>; 2], ConfigError> {
    let mut said = [BTreeMap::new(), BTreeMap::new()];
    // In an order of their own, so that the error does not depend on the file's.
    let mut mappings: Vec<&spec::Mapping> = mappings.iter().collect();
    mappings.sort_by_key(|mapping| (&mapping.from, &mapping.to, map(mapping)));
    for mapping in mappings {
        let by = || Object::new(Kind::Mapping, alloc::format!("{} → {}", mapping.from, mapping.to));
        let unknown = |kind, name: &str| ConfigError::Unknown { what: Object::new(kind, name), by: by() };
        let from = sites.side(&mapping.from).ok_or_else(|| unknown(Kind::Site, &mapping.from))?;
        let to = sites.side(&mapping.to).ok_or_else(|| unknown(Kind::Site, &mapping.to))?;
        if from == to {
            return Err(ConfigError::MappingToItself { site: mapping.from.clone() });
        }
        for (name, target) in map(mapping) {
            let name = *names[from.at()].get(&**name).ok_or_else(|| unknown(kind, name))?;
            let target = *names[to.at()].get(&**target).ok_or_else(|| unknown(kind, target))?;
            if said[from.at()].insert(name, target).is_some() {
                let site = sites.site(from).into();
                return Err(ConfigError::MappedTwice { what: Object::new(kind, name), site });
            }
        }
    }
    Ok(said)
}
