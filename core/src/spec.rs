//! A deployment as a person writes it: names, numbers and text, and nothing checked yet.
//!
//! With the `serde` feature it reads as TOML, where a key is kebab-case and a list of objects is `[[site]]`, `[[lun]]`
//! and so on; `docs/deployment.md` is the reference. [`Site::new`](crate::inventory::Site::new) turns it into valid
//! types, or into an error that names the offending object.
//!
//! ```
//! use farshore_core::inventory;
//! use farshore_core::spec::{Datastore, Deployment, Group, Lun, Replica, Site, Vm};
//!
//! let deployment = Deployment {
//!     sites: vec![Site::of("alder", "alder-san", &["alder-1"]), Site::of("birch", "birch-san", &["birch-1"])],
//!     luns: vec![Lun::of("shop", "alder-san", 1).replicated(Replica::synchronous("birch-san", 1))],
//!     datastores: vec![Datastore::of("shop", &["shop"])],
//!     vms: vec![Vm::of("shop-db", &["shop"])],
//!     groups: vec![Group::of("shop", &["shop"])],
//!     ..Deployment::default()
//! };
//! let site = inventory::Site::new(&deployment, "alder")?;
//! assert_eq!(site.inventory.vms.len(), 1);
//! # Ok::<(), inventory::ConfigError>(())
//! ```

mod plan;
mod policy;
#[cfg(feature = "serde")]
mod short;
mod subnet;
mod text;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

pub use plan::{Edge, Plan, PlanGroup, PlanStep};
pub use policy::{Arbiter, Deputy, Grouping, Policy, Recovery, Rule, SitePolicy, Waits};
pub use subnet::{Subnet, SubnetError};
pub use text::{Memory, Span, TextError};

use crate::inventory::Readiness;
use crate::plan::OnFailure;
use crate::policy::Automation;

/// The name of what a site has where it lists no pools, no folders or no networks: one of each, called this.
pub const DEFAULT: &str = "default";

/// A pair of sites, what they run, and what happens when storage is lost.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields, rename_all = "kebab-case", default))]
pub struct Deployment {
    /// `[[site]]`: exactly two.
    #[cfg_attr(feature = "serde", serde(rename = "site"))]
    pub sites: Vec<Site>,
    /// `[[mapping]]`: what stands for what at the other site (P2).
    #[cfg_attr(feature = "serde", serde(rename = "mapping"))]
    pub mappings: Vec<Mapping>,
    /// `[[lun]]`: LUNs and their replicas.
    #[cfg_attr(feature = "serde", serde(rename = "lun"))]
    pub luns: Vec<Lun>,
    /// `[[datastore]]`: datastores on those LUNs.
    #[cfg_attr(feature = "serde", serde(rename = "datastore"))]
    pub datastores: Vec<Datastore>,
    /// `[[vm]]`: virtual machines on those datastores.
    #[cfg_attr(feature = "serde", serde(rename = "vm"))]
    pub vms: Vec<Vm>,
    /// `[[group]]`: protection groups of those datastores.
    #[cfg_attr(feature = "serde", serde(rename = "group"))]
    pub groups: Vec<Group>,
    /// `[[plan]]`: recovery plans. None: one plan, called `default`, with every group at priority 1.
    #[cfg_attr(feature = "serde", serde(rename = "plan"))]
    pub plans: Vec<Plan>,
    /// `[policy]`: what is decided beforehand.
    pub policy: Policy,
}

/// `[[site]]`: a virtual datacenter.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields, rename_all = "kebab-case"))]
pub struct Site {
    /// Name.
    pub name: String,
    /// Names of its storage arrays, at least one.
    pub arrays: Vec<String>,
    /// Its hosts, at least one. A name alone stands for a host with the defaults.
    pub hosts: Vec<Host>,
    /// Its resource pools. A name alone stands for a pool of all its hosts. None: one such pool, called `default`.
    #[cfg_attr(feature = "serde", serde(default))]
    pub pools: Vec<Pool>,
    /// Names of its folders. None: one, called `default`.
    #[cfg_attr(feature = "serde", serde(default))]
    pub folders: Vec<String>,
    /// Names of its networks. None: one, called `default`.
    #[cfg_attr(feature = "serde", serde(default))]
    pub networks: Vec<String>,
}

/// A host that runs VMs, in [`Site::hosts`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(remote = "Self", deny_unknown_fields, rename_all = "kebab-case"))]
pub struct Host {
    /// Name.
    pub name: String,
    /// Memory for VMs. Default [`Host::MEMORY`].
    #[cfg_attr(feature = "serde", serde(default = "Host::memory"))]
    pub memory: Memory,
    /// How many VMs may be starting on it at once (F6), 1 to 65535. Default [`Host::STARTS`].
    #[cfg_attr(feature = "serde", serde(default = "Host::starts"))]
    pub max_concurrent_starts: u16,
}

/// A resource pool, in [`Site::pools`].
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(remote = "Self", deny_unknown_fields, rename_all = "kebab-case"))]
pub struct Pool {
    /// Name, unique at its site.
    pub name: String,
    /// Hosts that it may place VMs on, of its own site. Default: all of the site's.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub hosts: Option<Vec<String>>,
}

/// `[[mapping]]`: what at one site stands for what at the other (P2).
///
/// Each entry works in both directions, unless two names map to one: then the way back has to be said in a mapping of
/// its own. A name that no mapping mentions maps to the same name at the other site, if there is one.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields, rename_all = "kebab-case"))]
pub struct Mapping {
    /// The site that the names on the left belong to.
    pub from: String,
    /// The site that the names on the right belong to.
    pub to: String,
    /// Resource pools, name to name.
    #[cfg_attr(feature = "serde", serde(default))]
    pub pools: BTreeMap<String, String>,
    /// Folders, name to name.
    #[cfg_attr(feature = "serde", serde(default))]
    pub folders: BTreeMap<String, String>,
    /// Networks, name to name.
    #[cfg_attr(feature = "serde", serde(default))]
    pub networks: BTreeMap<String, String>,
    /// Networks of `to` that tests use, by the network of `to` that a recovery would use (F8). Where none is said, the
    /// adapter makes an isolated one.
    #[cfg_attr(feature = "serde", serde(default))]
    pub test_networks: BTreeMap<String, String>,
    /// Subnets, as `10.1.0.0/16`: an address in the one at `from` becomes the address with the same host part in the one
    /// at `to`, and back (F6). Both have the same length of prefix.
    #[cfg_attr(feature = "serde", serde(default))]
    pub subnets: BTreeMap<Subnet, Subnet>,
}

/// `[[lun]]`: a LUN, with its replica at the other site if it has one.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields, rename_all = "kebab-case"))]
pub struct Lun {
    /// Name of the pair of copies.
    pub name: String,
    /// The site that owns it to begin with. It follows from `array`; where it is said, it must agree.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub site: Option<String>,
    /// The array that holds it.
    pub array: String,
    /// Logical unit number on that array, 0 to 65535.
    pub unit: u16,
    /// Hosts of that site that mount it. Default: all of them.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub hosts: Option<Vec<String>>,
    /// Paths from each of these hosts, 1 to 255. Default 1.
    #[cfg_attr(feature = "serde", serde(default = "one"))]
    pub paths: u8,
    /// Its copy at the other site. A LUN of a protection group must have one.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub replica: Option<Replica>,
}

/// The recovery copy of a LUN, in [`Lun::replica`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields, rename_all = "kebab-case"))]
pub struct Replica {
    /// The array that holds it, at the other site.
    pub array: String,
    /// Logical unit number on that array, 0 to 65535.
    pub unit: u16,
    /// When a write is acknowledged.
    pub mode: ReplicaMode,
    /// Recovery point objective, more than zero: of an asynchronous replica, and of no other.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub rpo: Option<Span>,
    /// Hosts of the other site that mount it once it is active. Default: all of them.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub hosts: Option<Vec<String>>,
    /// Paths from each of these hosts, 1 to 255. Default 1.
    #[cfg_attr(feature = "serde", serde(default = "one"))]
    pub paths: u8,
}

/// When a write to a replicated LUN is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum ReplicaMode {
    /// When both copies have it.
    Synchronous,
    /// When the owner's copy has it; the other follows.
    Asynchronous,
}

/// `[[datastore]]`: what VMs keep their disks on.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields, rename_all = "kebab-case"))]
pub struct Datastore {
    /// Name.
    pub name: String,
    /// LUNs that back it, at least one, all of one site. No other datastore has any of them.
    pub luns: Vec<String>,
}

/// `[[vm]]`: a virtual machine, protected or not.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields, rename_all = "kebab-case"))]
pub struct Vm {
    /// Name.
    pub name: String,
    /// Datastores that its disks lie on, at least one, all of one site.
    pub datastores: Vec<String>,
    /// Its resource pool. Default: the only one of its site.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub pool: Option<String>,
    /// Its folder. Default: the only one of its site.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub folder: Option<String>,
    /// Its network. Default: the only one of its site.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub network: Option<String>,
    /// When it starts: 1 (first) to 5 (last). Default [`Vm::TIER`].
    #[cfg_attr(feature = "serde", serde(default = "Vm::tier"))]
    pub tier: u8,
    /// VMs of the same group that must be ready before it starts, none of a later tier.
    #[cfg_attr(feature = "serde", serde(default))]
    pub depends_on: Vec<String>,
    /// Whether it is critical (M3). What it depends on then is, too. Default: no.
    #[cfg_attr(feature = "serde", serde(default))]
    pub critical: bool,
    /// Memory that it needs. Default [`Vm::MEMORY`].
    #[cfg_attr(feature = "serde", serde(default = "Vm::memory"))]
    pub memory: Memory,
    /// When it counts as ready. Default: when it is powered on.
    #[cfg_attr(feature = "serde", serde(default = "Vm::ready"))]
    pub ready: Readiness,
    /// With `ready = "probe"`, and only then: what the adapter probes, `tcp:PORT` or a program with its arguments.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub probe: Option<String>,
    /// What happens when it cannot be started or does not become ready. Default: what the plan says.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub on_failure: Option<OnFailure>,
    /// Its IP address at each site, by the site's name. Where it has one at its own site and none is said for the other,
    /// the mapping's `subnets` give it.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "BTreeMap::is_empty"))]
    pub address: BTreeMap<String, IpAddr>,
}

/// `[[group]]`: a protection group, the smallest set that fails over alone (I13).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(deny_unknown_fields, rename_all = "kebab-case"))]
pub struct Group {
    /// Name.
    pub name: String,
    /// Its datastores, at least one, all of one site. No other group has any of them.
    pub datastores: Vec<String>,
    /// How much of its failover is left to Farshore (M5). Default: all of it.
    #[cfg_attr(feature = "serde", serde(default))]
    pub mode: Automation,
}

#[cfg(feature = "serde")]
const fn one() -> u8 {
    1
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.into()).collect()
}

impl Site {
    /// A site with one array and these hosts, and the default pool, folder and network.
    #[must_use]
    pub fn of(name: &str, array: &str, hosts: &[&str]) -> Self {
        let hosts = hosts.iter().map(|&host| Host::named(host)).collect();
        Self { name: name.into(), arrays: owned(&[array]), hosts, ..Self::default() }
    }
}

impl Host {
    /// Memory where nothing is said: 64 GiB.
    pub const MEMORY: Memory = Memory::gib(64);
    /// Concurrent starts where nothing is said: 4.
    pub const STARTS: u16 = 4;

    /// A host with the defaults.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { name: name.into(), memory: Self::MEMORY, max_concurrent_starts: Self::STARTS }
    }
}

#[cfg(feature = "serde")]
impl Host {
    const fn memory() -> Memory {
        Self::MEMORY
    }
    const fn starts() -> u16 {
        Self::STARTS
    }
}

impl Pool {
    /// A pool of all of its site's hosts.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { name: name.into(), hosts: None }
    }
}

impl Lun {
    /// A LUN without a replica, mounted by all hosts of its array's site over one path.
    #[must_use]
    pub fn of(name: &str, array: &str, unit: u16) -> Self {
        Self { name: name.into(), array: array.into(), unit, paths: 1, ..Self::default() }
    }

    /// The same LUN with this replica.
    #[must_use]
    pub fn replicated(self, replica: Replica) -> Self {
        Self { replica: Some(replica), ..self }
    }
}

impl Replica {
    /// A synchronous replica, mounted by all hosts of its array's site over one path.
    #[must_use]
    pub fn synchronous(array: &str, unit: u16) -> Self {
        Self { array: array.into(), unit, mode: ReplicaMode::Synchronous, rpo: None, hosts: None, paths: 1 }
    }

    /// An asynchronous replica, mounted by all hosts of its array's site over one path.
    #[must_use]
    pub fn asynchronous(array: &str, unit: u16, rpo: Span) -> Self {
        Self { mode: ReplicaMode::Asynchronous, rpo: Some(rpo), ..Self::synchronous(array, unit) }
    }
}

impl Datastore {
    /// A datastore on these LUNs.
    #[must_use]
    pub fn of(name: &str, luns: &[&str]) -> Self {
        Self { name: name.into(), luns: owned(luns) }
    }
}

impl Vm {
    /// Tier where nothing is said: 3.
    pub const TIER: u8 = 3;
    /// Memory where nothing is said: 1 GiB.
    pub const MEMORY: Memory = Memory::gib(1);

    /// A VM with disks on these datastores and the defaults otherwise.
    #[must_use]
    pub fn of(name: &str, datastores: &[&str]) -> Self {
        Self {
            name: name.into(),
            datastores: owned(datastores),
            pool: None,
            folder: None,
            network: None,
            tier: Self::TIER,
            depends_on: Vec::new(),
            critical: false,
            memory: Self::MEMORY,
            ready: Readiness::PowerOn,
            probe: None,
            on_failure: None,
            address: BTreeMap::new(),
        }
    }
}

#[cfg(feature = "serde")]
impl Vm {
    const fn tier() -> u8 {
        Self::TIER
    }
    const fn memory() -> Memory {
        Self::MEMORY
    }
    const fn ready() -> Readiness {
        Readiness::PowerOn
    }
}

impl Group {
    /// A group of these datastores.
    #[must_use]
    pub fn of(name: &str, datastores: &[&str]) -> Self {
        Self { name: name.into(), datastores: owned(datastores), mode: Automation::Automatic }
    }
}
