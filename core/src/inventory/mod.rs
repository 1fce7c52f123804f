//! What there is to protect: a validated inventory of both sites, an argument of every machine and never its state.
//!
//! [`Site::new`] turns a [`Deployment`](crate::spec::Deployment), as a person writes it, into these types or into an
//! error that names the offending object. Tables are sorted by name, so the order of a file never matters.

mod build;
mod check;
mod error;
mod table;

use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

pub use error::{AddressError, ConfigError, Kind, Object, StepError, SubnetPair};
pub use table::Table;

use crate::ids::{
    ArrayIx, ArrayKey, DatastoreIx, DatastoreKey, Digest, GroupIx, GroupKey, HostIx, HostKey, LunIx, LunKey, PlanIx,
    PoolIx, Side, SiteKey, VmIx, VmKey,
};
use crate::plan::{OnFailure, Plan};
use crate::policy::{Automation, Policy};
use crate::time::Millis;

/// Everything that a site's machines are told: which site they are, the inventory of the pair, the policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// The site that the machine given this value acts for.
    pub here: Side,
    /// Both sites' inventory.
    pub inventory: Inventory,
    /// Both sites' policy.
    pub policy: Policy,
    /// Digest of inventory and policy, the same at both sites. A machine stops for good when handed another.
    pub digest: Digest,
}

/// The validated inventory of a pair of sites.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inventory {
    /// The two sites, by [`Side`].
    pub sites: [SiteInfo; 2],
    /// Hosts of both sites.
    pub hosts: Table<HostIx, HostKey, Host>,
    /// Arrays of both sites.
    pub arrays: Table<ArrayIx, ArrayKey, Array>,
    /// LUN pairs, and LUNs without a replica.
    pub luns: Table<LunIx, LunKey, Lun>,
    /// Datastores.
    pub datastores: Table<DatastoreIx, DatastoreKey, Datastore>,
    /// Virtual machines, protected or not.
    pub vms: Table<VmIx, VmKey, Vm>,
    /// Protection groups.
    pub groups: Table<GroupIx, GroupKey, Group>,
    /// Recovery plans.
    pub plans: Table<PlanIx, crate::ids::PlanKey, Plan>,
    /// Resource pools of both sites: each the hosts it may place VMs on.
    pub pools: Vec<Pool>,
}

/// A site's name and key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteInfo {
    /// Stable key.
    pub key: SiteKey,
    /// Name in the deployment.
    pub name: String,
}

/// A host that runs VMs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Stable key.
    pub key: HostKey,
    /// Name in the deployment.
    pub name: String,
    /// The site it stands at.
    pub side: Side,
    /// Memory that VMs taken over from the peer may use, MiB: the room that is kept for recoveries (M6).
    pub memory: u64,
    /// How many VMs may be starting on it at once, at least 1 (F6).
    pub max_concurrent_starts: u16,
    /// LUNs that it mounts, at its own site.
    pub luns: Vec<LunIx>,
}

/// A storage array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Array {
    /// Stable key.
    pub key: ArrayKey,
    /// Name in the deployment.
    pub name: String,
    /// The site it stands at.
    pub side: Side,
    /// LUNs with a copy on it.
    pub luns: Vec<LunIx>,
}

/// A LUN pair: one copy at each site, or one copy alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lun {
    /// Stable key.
    pub key: LunKey,
    /// Name in the deployment.
    pub name: String,
    /// The site that owns it in the first epoch.
    pub home: Side,
    /// The copies, by [`Side`]. The one at `home` always exists.
    pub ends: [Option<End>; 2],
    /// How the copies are kept alike; `None` for a LUN with one copy.
    pub replication: Option<Replication>,
    /// The datastore that it backs.
    pub datastore: DatastoreIx,
    /// The protection group that it lies in, if any.
    pub group: Option<GroupIx>,
}

/// One copy of a LUN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct End {
    /// The array that holds it.
    pub array: ArrayIx,
    /// Logical unit number on that array.
    pub unit: u16,
    /// Hosts that mount it, at the array's site.
    pub hosts: Vec<HostIx>,
    /// Paths from each of these hosts, at least 1.
    pub paths: u8,
}

/// How a LUN pair is replicated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Replication {
    /// A write is acknowledged when both copies have it.
    Synchronous,
    /// Deltas follow; what may be missing is at most `rpo` old.
    Asynchronous {
        /// Recovery point objective.
        rpo: Millis,
    },
}

/// A datastore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datastore {
    /// Stable key.
    pub key: DatastoreKey,
    /// Name in the deployment.
    pub name: String,
    /// LUNs that back it, at least one.
    pub luns: Vec<LunIx>,
    /// VMs with a disk on it.
    pub vms: Vec<VmIx>,
    /// The protection group that it lies in, if any.
    pub group: Option<GroupIx>,
}

/// A virtual machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vm {
    /// Stable key.
    pub key: VmKey,
    /// Name in the deployment.
    pub name: String,
    /// The site that runs it in the first epoch.
    pub home: Side,
    /// Datastores that its disks lie on, at least one.
    pub datastores: Vec<DatastoreIx>,
    /// LUNs under those datastores.
    pub luns: Vec<LunIx>,
    /// The protection group that it lies in, if any (I13: at most one).
    pub group: Option<GroupIx>,
    /// Start tier, 1 (first) to 5 (last).
    pub tier: u8,
    /// VMs of the same group that must be ready before it starts; no cycles, none of a later tier.
    pub depends_on: Vec<VmIx>,
    /// Whether it, or something that depends on it, is critical (M3).
    pub critical: bool,
    /// Memory, MiB.
    pub memory: u64,
    /// What counts as ready (F6).
    pub ready: Readiness,
    /// What the adapter probes, with [`Readiness::Probe`]: `tcp:PORT`, or a program with its arguments.
    pub probe: Option<String>,
    /// What happens when it cannot be started or does not become ready; `None`: what the plan says (F6).
    pub on_failure: Option<OnFailure>,
    /// Where it may run, by [`Side`]; `None`: an inventory mapping is missing (P2), or no
    /// group protects it.
    pub place: [Option<Place>; 2],
}

/// When a started VM counts as ready (F6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Readiness {
    /// When it is powered on.
    PowerOn,
    /// When its guest sends its first heartbeat.
    Heartbeat,
    /// When the adapter's probe of it is answered for the first time.
    Probe,
}

impl Readiness {
    /// Whether somebody has to say so after the power-on.
    #[must_use]
    pub const fn is_told(self) -> bool {
        match self {
            Self::Heartbeat | Self::Probe => true,
            Self::PowerOn => false,
        }
    }
}

/// Where a VM runs at one site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Resource pool: the hosts to choose from.
    pub pool: PoolIx,
    /// Folder.
    pub folder: String,
    /// Network.
    pub network: String,
    /// The isolated network that a test's copy is put into; `None`: one of its own, made for the test (F8).
    pub test_network: Option<String>,
    /// Its address there, where the deployment says one or a subnet rule gives one (F6).
    pub address: Option<IpAddr>,
    /// The pool's hosts that mount all of the VM's LUNs at this site, at least one.
    pub hosts: Vec<HostIx>,
}

/// A resource pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Name in the deployment.
    pub name: String,
    /// The site it belongs to.
    pub side: Side,
    /// Its hosts, at least one.
    pub hosts: Vec<HostIx>,
}

/// A protection group: the smallest set that can fail over alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Stable key.
    pub key: GroupKey,
    /// Name in the deployment.
    pub name: String,
    /// The site that owns it in the first epoch.
    pub home: Side,
    /// Its datastores.
    pub datastores: Vec<DatastoreIx>,
    /// LUNs under its datastores.
    pub luns: Vec<LunIx>,
    /// Its VMs, by tier, then with what is depended on first, then by name: the start order of one VM at a time.
    pub vms: Vec<VmIx>,
    /// LUNs that are rolled back together, each LUN in exactly one set. All synchronous or all asynchronous.
    pub sets: Vec<Vec<LunIx>>,
    /// Hosts that mount any of its LUNs, by [`Side`]: every host that can touch the group (F2).
    pub hosts: [Vec<HostIx>; 2],
    /// How much of its failover is left to Farshore (M5).
    pub mode: Automation,
    /// Digest of all of the above in names: what both sites must hold alike.
    pub hash: Digest,
}

impl Site {
    /// The other site of the pair.
    #[must_use]
    pub const fn there(&self) -> Side {
        self.here.peer()
    }
}
