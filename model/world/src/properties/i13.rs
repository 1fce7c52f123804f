//! I13: a VM's disks lie in one group.

use super::*;

/// I13.
pub(super) const PROPERTY: Property = Property { name: "I13", rule: "a VM's disks lie in one group", holds };

fn holds(_: &World, setup: &Setup) -> Result<(), &'static str> {
    let inventory = setup.inventory();
    let one = |vm: &Vm| vm.luns.iter().all(|&l| inventory.luns[l].group == vm.group);
    if inventory.vms.iter().all(|(_, vm)| one(vm)) { Ok(()) } else { Err("a VM has disks in two groups") }
}
