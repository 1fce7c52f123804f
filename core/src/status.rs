//! What a machine knows, for people and for tests. Derived on request, never stored.

use alloc::vec::Vec;

use crate::event::Alert;
use crate::ids::{GroupIx, HostIx, VmIx};
use crate::record::GroupRecord;

/// A view of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status<'a> {
    /// The machine has stopped for good.
    pub halted: bool,
    /// Maintenance mode (M5).
    pub maintenance: bool,
    /// A group of failures is open (G2).
    pub window_open: bool,
    /// Every group, in the order of the inventory.
    pub groups: Vec<GroupStatus<'a>>,
    /// Every alert, the site's first.
    pub alerts: Vec<Alert>,
}

/// A view of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupStatus<'a> {
    /// Index in the inventory.
    pub group: GroupIx,
    /// What is, or is about to be, durable.
    pub record: &'a GroupRecord,
    /// Whether it is durable.
    pub durable: bool,
    /// Whether it has been compared with the peer since the start (J5).
    pub verified: bool,
    /// VMs that this machine has started in the open workflow and knows to be ready.
    pub ready: Vec<VmIx>,
    /// Hosts that VMs of the open workflow start on, by [`Group::vms`](crate::inventory::Group::vms).
    pub placement: Vec<Option<HostIx>>,
}
