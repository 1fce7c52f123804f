//! Virtual machines: where they lie, what they depend on, in which order they start.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::addresses;
use super::names::Names;
use super::places::Places;
use crate::ids::{Index, LunIx, VmIx, VmKey};
use crate::inventory::error::ConfigError;
use crate::inventory::{Datastore, Lun, Readiness, Vm, check};

/// The VMs, by name.
pub(super) fn vms<'a>(
    names: &Names<'a>,
    places: &Places<'a>,
    luns: &[Lun],
    datastores: &[Datastore],
) -> Result<Vec<Vm>, ConfigError> {
    let mut vms = Vec::new();
    for (ix, name, spec) in names.vms.iter() {
        let by = || names.vms.object(ix);
        let disks = names.datastores.resolve_some(&spec.datastores, "datastores", by)?;
        let home = check::one_site(names, by(), &disks, datastores, luns)?;
        let group = check::one_group(names, name, &disks, datastores)?;
        if !(1..=5).contains(&spec.tier) {
            return Err(ConfigError::Tier { vm: name.into(), tier: spec.tier });
        }
        if (spec.ready == Readiness::Probe) != spec.probe.is_some() {
            return Err(ConfigError::Probe { vm: name.into() });
        }
        let mut under: Vec<LunIx> = disks.iter().flat_map(|ds| &datastores[ds.at()].luns).copied().collect();
        under.sort_unstable();
        vms.push(Vm {
            key: VmKey::of(name),
            name: name.into(),
            home,
            group,
            tier: spec.tier,
            depends_on: names.vms.resolve_all(&spec.depends_on, by)?,
            critical: spec.critical,
            memory: spec.memory.0,
            ready: spec.ready,
            probe: spec.probe.clone(),
            on_failure: spec.on_failure,
            place: places.of(names, spec, home, group.is_some(), (luns, &under))?,
            datastores: disks,
            luns: under,
        });
    }
    check::dependencies(&vms)?;
    addresses::unique(names, &vms)?;
    close_critical(&mut vms);
    Ok(vms)
}

/// What a critical VM depends on is critical (M3).
fn close_critical(vms: &mut [Vm]) {
    let mut open: Vec<VmIx> = (0..).map(VmIx).zip(&*vms).filter(|(_, vm)| vm.critical).map(|(ix, _)| ix).collect();
    while let Some(ix) = open.pop() {
        for on in vms[ix.at()].depends_on.clone() {
            if !core::mem::replace(&mut vms[on.at()].critical, true) {
                open.push(on);
            }
        }
    }
}

/// All VMs by tier, then with what is depended on first, then by name. Within any group it is the group's start order.
pub(super) fn start_order(vms: &[Vm]) -> Result<Vec<VmIx>, ConfigError> {
    let mut waits_for: Vec<usize> = vms.iter().map(|vm| vm.depends_on.len()).collect();
    let mut dependents: Vec<Vec<VmIx>> = alloc::vec![Vec::new(); vms.len()];
    let mut startable: BTreeSet<(u8, VmIx)> = BTreeSet::new();
    for (ix, vm) in (0..).map(VmIx).zip(vms) {
        for on in &vm.depends_on {
            dependents[on.at()].push(ix);
        }
        if vm.depends_on.is_empty() {
            startable.insert((vm.tier, ix));
        }
    }
    // Nothing depends on a later tier, so while a tier is unfinished one of its VMs is startable, and comes first.
    let mut order = Vec::with_capacity(vms.len());
    while let Some((_, ix)) = startable.pop_first() {
        order.push(ix);
        for &dependent in &dependents[ix.at()] {
            waits_for[dependent.at()] -= 1;
            if waits_for[dependent.at()] == 0 {
                startable.insert((vms[dependent.at()].tier, dependent));
            }
        }
    }
    match waits_for.iter().position(|&left| left > 0) {
        Some(stuck) => Err(check::cycle(vms, VmIx::from_at(stuck), |ix| waits_for[ix.at()] > 0)),
        None => Ok(order),
    }
}
