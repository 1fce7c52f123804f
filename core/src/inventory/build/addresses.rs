//! Addresses of VMs at each site (F6), and the networks of tests (F8).

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::IpAddr;

use super::mappings::Listed;
use super::names::Names;
use crate::ids::Side;
use crate::inventory::Vm;
use crate::inventory::error::{AddressError, ConfigError, Kind, Object, SubnetPair};
use crate::spec::{self, Subnet};

/// Which subnet at one site stands for which at the other; by [`Side`], in the order in which they are looked at: the
/// longest prefix first.
pub(super) struct Subnets([Vec<(Subnet, Subnet)>; 2]);

fn by(mapping: &spec::Mapping) -> Object {
    Object::new(Kind::Mapping, alloc::format!("{} → {}", mapping.from, mapping.to))
}

impl Subnets {
    pub(super) fn new(names: &Names<'_>, mappings: &[spec::Mapping]) -> Result<Self, ConfigError> {
        let mut rules = [Vec::new(), Vec::new()];
        for mapping in mappings {
            // Names that are none have been refused with the other mappings.
            let Some(from) = names.side(&mapping.from) else { continue };
            for (&here, &there) in &mapping.subnets {
                if here.prefix() != there.prefix() || here.is_v4() != there.is_v4() {
                    return Err(ConfigError::Subnets { by: by(mapping), why: SubnetPair { from: here, to: there } });
                }
                rules[from.at()].push((here, there));
                rules[from.peer().at()].push((there, here));
            }
        }
        for rules in &mut rules {
            rules.sort_by_key(|(here, there)| (core::cmp::Reverse(here.prefix()), *here, *there));
        }
        Ok(Self(rules))
    }

    /// A VM's address at a site: what it says, or what follows from the other site's.
    pub(super) fn address(&self, names: &Names<'_>, vm: &spec::Vm, side: Side) -> Result<Option<IpAddr>, ConfigError> {
        if let Some(site) = vm.address.keys().find(|site| names.side(site).is_none()) {
            let why = AddressError::UnknownSite(site.clone());
            return Err(ConfigError::Address { vm: vm.name.clone(), why });
        }
        let said = |side: Side| vm.address.get(names.site(side)).copied();
        let rules = &self.0[side.peer().at()];
        let follows = |address| rules.iter().find_map(|(from, to)| from.translate(address, to));
        Ok(said(side).or_else(|| said(side.peer()).and_then(follows)))
    }
}

/// No two VMs have one address on one network of one site.
pub(super) fn unique(names: &Names<'_>, vms: &[Vm]) -> Result<(), ConfigError> {
    for side in Side::BOTH {
        let mut taken: BTreeMap<(&str, IpAddr), &str> = BTreeMap::new();
        for vm in vms {
            let Some(place) = &vm.place[side.at()] else { continue };
            let Some(address) = place.address else { continue };
            if let Some(other) = taken.insert((&place.network, address), &vm.name) {
                let why = AddressError::Taken { site: names.site(side).into(), address, other: other.into() };
                return Err(ConfigError::Address { vm: vm.name.clone(), why });
            }
        }
    }
    Ok(())
}

/// The networks that tests use at each site, by the network that a recovery would use.
pub(super) fn test_networks<'a>(
    names: &Names<'a>,
    mappings: &'a [spec::Mapping],
    listed: impl Fn(&'a spec::Site) -> Listed<'a>,
) -> Result<[BTreeMap<&'a str, &'a str>; 2], ConfigError> {
    let mut networks = [BTreeMap::new(), BTreeMap::new()];
    for mapping in mappings {
        let Some(to) = names.side(&mapping.to) else { continue };
        let there = listed(names.sites[to.at()])?;
        for (network, test) in &mapping.test_networks {
            for name in [network, test] {
                if !there.contains(&**name) {
                    return Err(ConfigError::Unknown { what: Object::new(Kind::Network, &**name), by: by(mapping) });
                }
            }
            networks[to.at()].insert(&**network, &**test);
        }
    }
    Ok(networks)
}
