//! Events about stores that go back and clocks that drift: what the protocol trusts (J6, O2, O7).

use farshore_core::ids::Side;

use super::{Act, Resolved};
use crate::scenario::error::Nonsense;
use crate::scenario::file::{ClockFile, Deed};
use crate::scenario::names::Names;
use crate::scope::{Fault, Holder, Store};

/// A clock may drift by this much at the most, in parts per million.
const WILDEST: i32 = 99_999;

pub(super) fn store(names: &Names<'_>, third: bool, deed: &Deed) -> Result<Resolved, Nonsense> {
    let resolved = match deed {
        Deed::SnapshotManager(n) => {
            let side = names.site(n)?;
            (format!("somebody copies the journal of {n}"), Some(side), keep(Store::Journal(side)))
        }
        Deed::RestoreManager(n) => {
            let side = names.site(n)?;
            (format!("the manager of {n} starts again from the old copy of its journal"), Some(side), Act::Return(side))
        }
        Deed::SnapshotAgent(n) => {
            let side = names.site(n)?;
            let store = Store::Authority(Holder::Agent(side));
            (format!("somebody copies the store of the agent of {n}"), Some(side), keep(store))
        }
        Deed::RestoreAgent(n) => {
            let side = names.site(n)?;
            let restore = Fault::Restore(Store::Authority(Holder::Agent(side)));
            let faults = vec![Fault::StopAgent(side), restore, Fault::StartAgent(side)];
            (format!("the agent of {n} starts again from the old copy of its store"), Some(side), Act::Faults(faults))
        }
        Deed::SnapshotArbiter(true) => {
            ("somebody copies the arbiter's store".into(), None, keep(Store::Authority(Holder::Arbiter)))
        }
        Deed::RestoreArbiter(true) => {
            let restore = Fault::Restore(Store::Authority(Holder::Arbiter));
            let faults = vec![Fault::StopArbiter, restore, Fault::StartArbiter];
            ("the arbiter starts again from the old copy of its store".into(), None, Act::Faults(faults))
        }
        Deed::Rearm(n) => {
            let side = names.site(n)?;
            (format!("somebody arms the new arbiter at {n}"), Some(side), Act::Faults(vec![Fault::Rearm(side)]))
        }
        Deed::ReplaceArbiter(true) => {
            let faults = vec![Fault::ReplaceArbiter];
            ("the arbiter starts again with a new, empty store".into(), None, Act::Faults(faults))
        }
        _ => {
            let help = "write `= true`, or leave it out";
            return Err(Nonsense::new(names.at, "an event that does nothing", help));
        }
    };
    let of_manager = matches!(deed, Deed::SnapshotManager(_) | Deed::RestoreManager(_));
    if of_manager { Ok(resolved) } else { needs_third(names, third).map(|()| resolved) }
}

const fn keep(store: Store) -> Act {
    Act::Keep(store)
}

pub(super) fn clock(names: &Names<'_>, third: bool, deed: &Deed) -> Result<Resolved, Nonsense> {
    needs_third(names, third)?;
    let (Deed::SlipClock(f) | Deed::JumpClock(f)) = deed else {
        return Err(Nonsense::new(names.at, "this is no event about a clock", "write `slip-clock` or `jump-clock`"));
    };
    let (holder, side, whose) = holder(names, &f.of)?;
    let slips = matches!(deed, Deed::SlipClock(_));
    match (slips, f) {
        (true, ClockFile { ppm: Some(ppm), by: None, .. }) if (-WILDEST..=WILDEST).contains(ppm) => {
            let than = if *ppm < 0 { "slow" } else { "fast" };
            let words = format!("from now on, the clock of {whose} is {} ppm {than}", ppm.abs());
            Ok((words, side, Act::Faults(vec![Fault::Slip(holder, *ppm)])))
        }
        (false, ClockFile { ppm: None, by: Some(by), .. }) => {
            let words = format!("the clock of {whose} jumps ahead by {by}");
            Ok((words, side, Act::Faults(vec![Fault::Jump(holder, by.0)])))
        }
        (true, _) => Err(Nonsense::new(
            names.at,
            "`slip-clock` does not say how fast the clock is",
            format!("write `{{ of = \"{}\", ppm = -10000 }}`: from -{WILDEST} (slow) to {WILDEST} (fast)", f.of),
        )),
        (false, _) => Err(Nonsense::new(
            names.at,
            "`jump-clock` does not say how far the clock jumps",
            format!("write `{{ of = \"{}\", by = \"1m\" }}`; clocks only jump ahead", f.of),
        )),
    }
}

fn holder(names: &Names<'_>, of: &str) -> Result<(Holder, Option<Side>, String), Nonsense> {
    if of == "arbiter" {
        return Ok((Holder::Arbiter, None, "the arbiter".into()));
    }
    let side = names.site(of).map_err(|_| {
        let sites = names.inventory.sites.iter().map(|s| format!("`{}`", s.name)).collect::<Vec<_>>().join(", ");
        let problem = format!("nobody called `{of}` counts authority by a clock");
        Nonsense::new(names.at, problem, format!("`of` is one of {sites}, `arbiter`"))
    })?;
    Ok((Holder::Agent(side), Some(side), format!("the agent of {of}")))
}

fn needs_third(names: &Names<'_>, third: bool) -> Result<(), Nonsense> {
    let help = "add `[policy.arbiter]` to the deployment, or leave the event out";
    if third {
        Ok(())
    } else {
        Err(Nonsense::new(names.at, "the deployment has no arbiter, so this changes nothing", help))
    }
}
