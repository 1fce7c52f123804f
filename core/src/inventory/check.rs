//! What must hold between the objects of a deployment.

use alloc::string::String;
use alloc::vec::Vec;

use super::build::Names;
use super::error::{ConfigError, Kind, Object};
use super::{Datastore, Lun, Replication, Vm};
use crate::ids::{DatastoreIx, GroupIx, Index, LunIx, Side, VmIx};
use crate::spec::{Grouping, Span, Waits};

/// How many names of a cycle an error shows.
const SHOWN: usize = 8;

/// The one site that these datastores, of a VM or a group, lie at.
pub(super) fn one_site(
    names: &Names<'_>,
    by: Object,
    list: &[DatastoreIx],
    datastores: &[Datastore],
    luns: &[Lun],
) -> Result<Side, ConfigError> {
    let home = |ds: DatastoreIx| datastores[ds.at()].luns.first().map_or(Side::One, |lun| luns[lun.at()].home);
    let Some((&first, rest)) = list.split_first() else {
        return Err(ConfigError::Empty { by, list: "datastores" });
    };
    match rest.iter().find(|&&ds| home(ds) != home(first)) {
        Some(&other) => {
            let (one, other) = (names.datastores.object(first), names.datastores.object(other));
            Err(ConfigError::AcrossSites { by, one, other })
        }
        None => Ok(home(first)),
    }
}

/// The one group, or none, that all datastores of a VM lie in (I13).
pub(super) fn one_group(
    names: &Names<'_>,
    vm: &str,
    list: &[DatastoreIx],
    datastores: &[Datastore],
) -> Result<Option<GroupIx>, ConfigError> {
    let group_of = |ds: &DatastoreIx| datastores[ds.at()].group;
    let mut groups = list.iter().filter_map(group_of);
    let Some(group) = groups.next() else { return Ok(None) };
    let name = |group| names.groups.name(group).into();
    if let Some(other) = groups.find(|&other| other != group) {
        return Err(ConfigError::VmInTwoGroups { vm: vm.into(), one: name(group), other: name(other) });
    }
    match list.iter().find(|ds| group_of(ds).is_none()) {
        Some(&outside) => {
            let datastore = names.datastores.name(outside).into();
            Err(ConfigError::VmHalfProtected { vm: vm.into(), group: name(group), datastore })
        }
        None => Ok(Some(group)),
    }
}

/// LUNs of a group that are rolled back together are replicated alike.
///
/// Where two LUNs of a consistency set differ, two under one of the VMs or datastores that make it a set do.
pub(super) fn replication(
    names: &Names<'_>,
    luns: &[Lun],
    datastores: &[Datastore],
    vms: &[Vm],
) -> Result<(), ConfigError> {
    let of_mode = |under: &[LunIx], synchronous: bool| {
        let matches = |lun: &&LunIx| match luns[lun.at()].replication {
            Some(Replication::Synchronous) => synchronous,
            Some(Replication::Asynchronous { .. }) => !synchronous,
            None => false,
        };
        under.iter().find(matches).map(|lun| luns[lun.at()].name.clone())
    };
    let alike = |by: Object, under: &[LunIx]| match (of_mode(under, true), of_mode(under, false)) {
        (Some(synchronous), Some(asynchronous)) => Err(ConfigError::MixedReplication { by, synchronous, asynchronous }),
        _ => Ok(()),
    };
    for (ix, vm) in (0..).map(VmIx).zip(vms).filter(|(_, vm)| vm.group.is_some()) {
        alike(names.vms.object(ix), &vm.luns)?;
    }
    for (ix, ds) in (0..).map(DatastoreIx).zip(datastores).filter(|(_, ds)| ds.group.is_some()) {
        alike(names.datastores.object(ix), &ds.luns)?;
    }
    Ok(())
}

/// Dependencies stay within a group and never point to a later tier. Cycles are found by the start order.
pub(super) fn dependencies(vms: &[Vm]) -> Result<(), ConfigError> {
    for vm in vms {
        for on in vm.depends_on.iter().map(|on| &vms[on.at()]) {
            if on.group != vm.group || on.home != vm.home {
                return Err(ConfigError::DependencyElsewhere { vm: vm.name.clone(), on: on.name.clone() });
            }
            if on.tier > vm.tier {
                let (vm, tier) = (vm.name.clone(), vm.tier);
                return Err(ConfigError::DependencyLater { vm, tier, on: on.name.clone(), later: on.tier });
            }
        }
    }
    Ok(())
}

/// The error of a cycle, reached from a VM that never starts by going from each to one that never starts either.
pub(super) fn cycle(vms: &[Vm], from: VmIx, stuck: impl Fn(VmIx) -> bool) -> ConfigError {
    let mut met: Vec<Option<usize>> = alloc::vec![None; vms.len()];
    let mut way: Vec<VmIx> = Vec::new();
    let mut at = Some(from);
    let mut start = 0;
    while let Some(ix) = at {
        if let Some(before) = met[ix.at()] {
            start = before;
            break;
        }
        met[ix.at()] = Some(way.len());
        way.push(ix);
        at = vms[ix.at()].depends_on.iter().copied().find(|&on| stuck(on));
    }
    // Told from the member whose name sorts first.
    let mut circle = way.split_off(start);
    let first = circle.iter().enumerate().min_by_key(|(_, ix)| **ix).map_or(0, |(at, _)| at);
    circle.rotate_left(first);
    let name = |ix: &VmIx| vms[ix.at()].name.as_str();
    let mut path: Vec<&str> = circle.iter().take(SHOWN).map(name).collect();
    if circle.len() > SHOWN {
        path.push("…");
    }
    path.extend(circle.first().map(name));
    ConfigError::DependencyCycle { vm: circle.first().map(name).unwrap_or_default().into(), path: path.join(" → ") }
}

/// A section of the policy, or a plan, whose values are checked.
pub(super) struct Values(pub(super) Object);

impl Values {
    pub(super) fn section(name: impl Into<String>) -> Self {
        Self(Object::new(Kind::Section, name))
    }

    pub(super) fn not_zero<T: Default + PartialEq>(
        &self,
        values: impl IntoIterator<Item = (&'static str, T)>,
    ) -> Result<(), ConfigError> {
        match values.into_iter().find(|(_, value)| *value == T::default()) {
            Some((key, _)) => Err(ConfigError::Zero { by: self.0.clone(), key }),
            None => Ok(()),
        }
    }

    fn bound(
        &self,
        holds: bool,
        (key, value): (&'static str, Span),
        (bound, limit): (&'static str, Span),
    ) -> Result<(), ConfigError> {
        if holds { Ok(()) } else { Err(ConfigError::Bound { by: self.0.clone(), key, value, bound, limit }) }
    }
}

/// G1 to G4: a window that is sampled, and closes.
pub(super) fn grouping(grouping: &Grouping) -> Result<(), ConfigError> {
    let Grouping { mode: _, idle_poll: idle, min_poll: min, short, long } = *grouping;
    let section = Values::section("policy.grouping");
    section.not_zero([("min-poll", min), ("short", short), ("long", long)])?;
    let half = Span::millis(short.0.0 / 2);
    section.bound(min <= half, ("min-poll", min), ("at most half of `short`", half))?;
    section.bound(short <= long, ("short", short), ("at most `long`", long))?;
    let pushed = idle == Span::default();
    section.bound(pushed || idle >= min, ("idle-poll", idle), ("zero or at least `min-poll`", min))
}

/// F1, J3: answers have time to come, and a reservation outlives a few lost messages.
pub(super) fn waits(waits: &Waits) -> Result<(), ConfigError> {
    let Waits { resend, peer_silent, array_op, host_op, observe, doubt_limit, prepare_ttl } = *waits;
    let section = Values::section("policy.waits");
    section.not_zero([
        ("resend", resend),
        ("peer-silent", peer_silent),
        ("array-op", array_op),
        ("host-op", host_op),
        ("observe", observe),
        ("prepare-ttl", prepare_ttl),
    ])?;
    section.not_zero([("doubt-limit", doubt_limit)])?;
    let twice = Span(resend.0 * 2);
    section.bound(peer_silent >= twice, ("peer-silent", peer_silent), ("at least twice `resend`", twice))?;
    let several = Span(resend.0 * 4);
    section.bound(prepare_ttl >= several, ("prepare-ttl", prepare_ttl), ("at least four times `resend`", several))
}
