//! What a world is set up from, and never changes: both sites' inventory, the scope, the clock.

use farshore_core::Site;
use farshore_core::ids::{GroupIx, HostIx, Index, LunIx, Side, StepKey, VmIx};
use farshore_core::inventory::{ConfigError, Inventory};
use farshore_core::operation::Target;

use crate::scope::Scope;

/// How a world's clock runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Jumps from deadline to deadline, and begins at zero again after each action: equal situations are equal worlds.
    Model,
    /// Runs on; a scheduler outside picks actions by when they are due.
    Real,
}

/// A consistency set of a group: LUNs that share cycles and points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetInfo {
    /// The group that it lies in.
    pub group: GroupIx,
    /// Its LUNs.
    pub luns: Vec<LunIx>,
}

/// The static part of a world.
#[derive(Clone, Debug)]
pub struct Setup {
    /// What each site's manager is told, by [`Side`].
    pub sites: [Site; 2],
    /// What may happen, and how often.
    pub scope: Scope,
    /// How time runs.
    pub clock: Clock,
    /// Polls, probes and questions to arrays are answered within the same action, instead of being in flight. Saves
    /// states; a simulator that gives everything its delay turns it off.
    pub at_once: bool,
    /// Leaves out what makes no difference: a newer attempt at a command takes the place of one that waits, a command
    /// that will be refused and that nobody hears of is forgotten, objects are looked at one after the other. What that
    /// leaves out costs a budget ([`Budget::Late`](crate::Budget::Late)), or cannot be told apart.
    pub reduced: bool,
    /// Consistency sets of all groups.
    pub sets: Vec<SetInfo>,
    /// The set of each LUN.
    pub set_of: Vec<Option<u32>>,
    /// The groups that can touch each host, in order.
    pub host_groups: Vec<Vec<GroupIx>>,
}

/// An object of one site.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Object {
    /// The site's copy of a LUN.
    Lun(LunIx),
    /// A host.
    Host(HostIx),
    /// A VM, at the site.
    Vm(VmIx),
    /// A command of a plan.
    Step(StepKey),
    /// A test's copy of a LUN.
    TestLun(LunIx),
    /// A test's copy of a VM.
    TestVm(VmIx),
    /// A command of a plan that is tested.
    TestStep(StepKey),
}

impl Setup {
    /// Validates a scope's deployment and lays the world out.
    ///
    /// # Errors
    /// What is wrong with the deployment.
    pub fn new(scope: Scope, clock: Clock) -> Result<Self, ConfigError> {
        let sites = Site::pair(&scope.deployment)?;
        let inventory = &sites[0].inventory;
        let mut sets = Vec::new();
        let mut set_of = vec![None; inventory.luns.len()];
        let mut host_groups = vec![Vec::new(); inventory.hosts.len()];
        for (g, group) in inventory.groups.iter() {
            for luns in &group.sets {
                let at = u32::try_from(sets.len()).unwrap_or(u32::MAX);
                luns.iter().for_each(|l| set_of[l.at()] = Some(at));
                sets.push(SetInfo { group: g, luns: luns.clone() });
            }
            for host in group.hosts.iter().flatten() {
                host_groups[host.at()].push(g);
            }
        }
        let model = clock == Clock::Model;
        Ok(Self { sites, scope, clock, at_once: model, reduced: model, sets, set_of, host_groups })
    }

    /// What a site's manager is told.
    #[must_use]
    pub const fn site(&self, side: Side) -> &Site {
        match side {
            Side::One => &self.sites[0],
            Side::Two => &self.sites[1],
        }
    }

    /// The inventory, the same at both sites.
    #[must_use]
    pub const fn inventory(&self) -> &Inventory {
        &self.sites[0].inventory
    }

    /// The object that an operation of a site means.
    #[must_use]
    pub fn object(&self, target: Target) -> Option<Object> {
        let inventory = self.inventory();
        match target {
            Target::Lun(key) => inventory.luns.find(key).map(Object::Lun),
            Target::Host(key) => inventory.hosts.find(key).map(Object::Host),
            Target::Vm(key) => inventory.vms.find(key).map(Object::Vm),
            Target::TestLun(key) => inventory.luns.find(key).map(Object::TestLun),
            Target::TestVm(key) => inventory.vms.find(key).map(Object::TestVm),
            Target::Step(key) => self.has_step(key).then_some(Object::Step(key)),
            Target::TestStep(key) => self.has_step(key).then_some(Object::TestStep(key)),
        }
    }

    fn has_step(&self, key: StepKey) -> bool {
        self.inventory().plans.iter().any(|(_, plan)| plan.step(key).is_some())
    }

    /// VMs with a disk on a LUN, each in its place in the LUN's [`Content`](crate::disk::Content).
    #[must_use]
    pub fn vms_on(&self, lun: LunIx) -> &[VmIx] {
        let inventory = self.inventory();
        &inventory.datastores[inventory.luns[lun].datastore].vms
    }

    /// Place of a VM in the contents of a LUN.
    #[must_use]
    pub fn slot(&self, lun: LunIx, vm: VmIx) -> Option<usize> {
        self.vms_on(lun).iter().position(|&v| v == vm)
    }

    /// Hosts that mount a site's copy of a LUN.
    #[must_use]
    pub fn hosts_of(&self, side: Side, lun: LunIx) -> &[HostIx] {
        self.inventory().luns[lun].ends[side.at()].as_ref().map_or(&[], |end| &end.hosts)
    }

    /// Paths from each host to a site's copy of a LUN.
    #[must_use]
    pub fn paths(&self, side: Side, lun: LunIx) -> u8 {
        self.inventory().luns[lun].ends[side.at()].as_ref().map_or(0, |end| end.paths)
    }

    /// The consistency set of a LUN.
    #[must_use]
    pub fn set_of(&self, lun: LunIx) -> Option<usize> {
        self.set_of.get(lun.at()).copied().flatten().map(|s| s as usize)
    }
}
