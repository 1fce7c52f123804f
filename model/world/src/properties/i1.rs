//! I1: never both copies of a LUN writable to VMs.

use super::*;

/// I1.
pub(super) const PROPERTY: Property =
    Property { name: "I1", rule: "never both copies of a LUN writable to VMs", holds };

/// Counts from when the two were made a pair: before, they are two LUNs.
fn holds(world: &World, _: &Setup) -> Result<(), &'static str> {
    let both = |l: &LunState| l.pair.source.is_some() && Side::BOTH.into_iter().all(|s| l.writable(s));
    if world.luns.iter().any(both) { Err("both copies of a LUN are writable to VMs") } else { Ok(()) }
}
