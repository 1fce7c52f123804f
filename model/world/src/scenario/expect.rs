//! Expectations: what a scenario says must come of it.

mod judge;

use core::ops::Range;

use farshore_core::ids::{Epoch, GroupIx, Side, StepKey, VmIx};
use farshore_core::inventory::Inventory;
use farshore_core::record::{StepVerdict, TestPhase};
use farshore_core::spec::Span;
use farshore_core::time::Millis;

use super::error::Nonsense;
use super::file::{ExpectFile, NoAlert};
use super::kinds::AlertKind;
use super::names::Names;

/// One thing that must come of a scenario.
#[derive(Clone, Debug)]
pub(crate) enum Expectation {
    Vm(VmIx, OfVm),
    Owner { group: GroupIx, owner: Side, by: Option<Millis> },
    Epoch { group: GroupIx, epoch: Epoch },
    Alert { kind: AlertKind, side: Option<Side>, about: Option<String>, by: Option<Millis>, at_end: bool },
    NoAlert { kind: Option<AlertKind>, side: Option<Side>, about: Option<String>, at_end: bool },
    Starts { order: Vec<VmIx> },
    Stops { order: Vec<VmIx> },
    NothingMoves,
    Step { step: StepKey, name: String, ends: StepVerdict, by: Option<Millis> },
    Test { group: GroupIx, reaches: Option<TestPhase>, by: Option<Millis> },
}

/// What must come of a VM.
#[derive(Clone, Copy, Debug)]
pub(crate) enum OfVm {
    RunsAt { side: Side, by: Option<Millis> },
    StaysDown,
    Downtime { below: Millis },
    WritesLost { most: u32 },
    TailKept,
    NeverTwice,
    NeverStops,
}

/// An expectation, and whether it was met.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What was expected, in words.
    pub expected: String,
    /// Whether it was met.
    pub met: bool,
    /// What was found.
    pub found: String,
}

/// Looks up what a file expects.
pub(crate) fn resolve(
    inventory: &Inventory,
    expects: Vec<(Range<usize>, ExpectFile)>,
) -> Result<Vec<Expectation>, Nonsense> {
    let mut all = Vec::new();
    for (place, e) in expects {
        let before = all.len();
        one(inventory, &place, &e, &mut all)?;
        if all.len() == before {
            let help = "name a `vm`, a `group`, an `alert`, `no-alert`, `start-order`, `stop-order`, `nothing-moves`, a \
                        `step` or a `test`, and what you expect of it; docs/scenario-format.md lists the keys";
            return Err(Nonsense::new(&place, "this expectation expects nothing", help));
        }
    }
    Ok(all)
}

fn one(
    inventory: &Inventory,
    place: &Range<usize>,
    e: &ExpectFile,
    all: &mut Vec<Expectation>,
) -> Result<(), Nonsense> {
    subjects(place, e)?;
    if let Some(vms) = &e.vm {
        of_vms(inventory, &vms.span(), &vms.get_ref().0, e, all)?;
    }
    if let Some(groups) = &e.group {
        let span = groups.span();
        let names = Names::new(inventory, &span);
        for name in &groups.get_ref().0 {
            let group = names.group(name)?;
            if let Some(owner) = &e.owner {
                let owner = Names::new(inventory, &owner.span()).site(owner.get_ref())?;
                all.push(Expectation::Owner { group, owner, by: millis(e.by) });
            }
            all.extend(e.epoch.map(|epoch| Expectation::Epoch { group, epoch: Epoch(epoch) }));
        }
    }
    let side = match &e.site {
        Some(site) => Some(Names::new(inventory, &site.span()).site(site.get_ref())?),
        None => None,
    };
    let about = e.about.as_ref().map(|a| a.get_ref().clone());
    if let Some(name) = &e.about {
        known(inventory, &name.span(), name.get_ref())?;
    }
    let at_end = e.at_end.unwrap_or(false);
    if let Some(kind) = &e.alert {
        let (kind, about) = (*kind.get_ref(), about.clone());
        all.push(Expectation::Alert { kind, side, about, by: millis(e.by), at_end });
    }
    if let Some(kind) = &e.no_alert {
        let kind = match kind.get_ref() {
            NoAlert::Any => None,
            NoAlert::Kind(kind) => Some(*kind),
        };
        all.push(Expectation::NoAlert { kind, side, about, at_end });
    }
    let order = |list: &toml::Spanned<Vec<String>>| -> Result<Vec<VmIx>, Nonsense> {
        let span = list.span();
        list.get_ref().iter().map(|name| Names::new(inventory, &span).vm(name)).collect()
    };
    if let Some(list) = &e.start_order {
        all.push(Expectation::Starts { order: order(list)? });
    }
    if let Some(list) = &e.stop_order {
        all.push(Expectation::Stops { order: order(list)? });
    }
    if let (Some(step), Some(ends)) = (&e.step, e.ends) {
        let key = Names::new(inventory, &step.span()).step(step.get_ref())?;
        all.push(Expectation::Step { step: key, name: step.get_ref().clone(), ends, by: millis(e.by) });
    }
    if let Some(test) = &e.test {
        let group = Names::new(inventory, &test.span()).group(test.get_ref())?;
        let by = millis(e.by);
        all.extend(e.reaches.map(|phase| Expectation::Test { group, reaches: Some(phase), by }));
        all.extend((e.leaves_nothing == Some(true)).then_some(Expectation::Test { group, reaches: None, by }));
    }
    if e.nothing_moves.as_ref().is_some_and(|n| *n.get_ref()) {
        all.push(Expectation::NothingMoves);
    }
    Ok(())
}

fn of_vms(
    inventory: &Inventory,
    span: &Range<usize>,
    vms: &[String],
    e: &ExpectFile,
    all: &mut Vec<Expectation>,
) -> Result<(), Nonsense> {
    for name in vms {
        let vm = Names::new(inventory, span).vm(name)?;
        if let Some(site) = &e.runs_at {
            let side = Names::new(inventory, &site.span()).site(site.get_ref())?;
            all.push(Expectation::Vm(vm, OfVm::RunsAt { side, by: millis(e.by) }));
        }
        let claims = [
            (e.stays_down == Some(true)).then_some(OfVm::StaysDown),
            e.downtime_below.map(|below| OfVm::Downtime { below: below.0 }),
            e.writes_lost.map(|most| OfVm::WritesLost { most }),
            (e.tail_kept == Some(true)).then_some(OfVm::TailKept),
            (e.never_twice == Some(true)).then_some(OfVm::NeverTwice),
            (e.never_stops == Some(true)).then_some(OfVm::NeverStops),
        ];
        all.extend(claims.into_iter().flatten().map(|claim| Expectation::Vm(vm, claim)));
    }
    Ok(())
}

fn millis(span: Option<Span>) -> Option<Millis> {
    span.map(|s| s.0)
}

/// One subject, and only keys that say something of it.
fn subjects(place: &Range<usize>, e: &ExpectFile) -> Result<(), Nonsense> {
    let given = [
        ("vm", e.vm.is_some()),
        ("group", e.group.is_some()),
        ("alert", e.alert.is_some()),
        ("no-alert", e.no_alert.is_some()),
        ("start-order", e.start_order.is_some()),
        ("stop-order", e.stop_order.is_some()),
        ("nothing-moves", e.nothing_moves.is_some()),
        ("step", e.step.is_some()),
        ("test", e.test.is_some()),
    ];
    let subjects: Vec<&str> = given.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect();
    let [subject] = subjects.as_slice() else {
        let problem = if subjects.is_empty() {
            "this expectation has no subject".to_string()
        } else {
            format!("this expectation has several subjects: {}", subjects.join(", "))
        };
        let help = "give one of vm, group, alert, no-alert, start-order, stop-order, nothing-moves, step and test in each [[expect]]";
        return Err(Nonsense::new(place, problem, help));
    };
    let alerts: &[&str] = &["alert", "no-alert"];
    let claims: [(&str, bool, &[&str]); 16] = [
        ("runs-at", e.runs_at.is_some(), &["vm"]),
        ("stays-down", e.stays_down.is_some(), &["vm"]),
        ("downtime-below", e.downtime_below.is_some(), &["vm"]),
        ("writes-lost", e.writes_lost.is_some(), &["vm"]),
        ("tail-kept", e.tail_kept.is_some(), &["vm"]),
        ("never-twice", e.never_twice.is_some(), &["vm"]),
        ("never-stops", e.never_stops.is_some(), &["vm"]),
        ("owner", e.owner.is_some(), &["group"]),
        ("epoch", e.epoch.is_some(), &["group"]),
        ("about", e.about.is_some(), alerts),
        ("site", e.site.is_some(), alerts),
        ("at-end", e.at_end.is_some(), alerts),
        ("ends", e.ends.is_some(), &["step"]),
        ("reaches", e.reaches.is_some(), &["test"]),
        ("leaves-nothing", e.leaves_nothing.is_some(), &["test"]),
        ("by", e.by.is_some(), &["vm", "group", "alert", "step", "test"]),
    ];
    for (claim, given, of) in claims {
        if given && !of.contains(subject) {
            let problem = format!("`{claim}` says nothing of `{subject}`");
            return Err(Nonsense::new(
                place,
                problem,
                format!("it belongs to an expectation with {}", of.join(" or ")),
            ));
        }
    }
    Ok(())
}

/// An alert may be about a group, LUN, VM, host or datastore.
fn known(inventory: &Inventory, span: &Range<usize>, name: &str) -> Result<(), Nonsense> {
    let names = Names::new(inventory, span);
    let datastore = inventory.datastores.iter().any(|(_, d)| d.name == name);
    let found = datastore || names.vm(name).is_ok() || names.lun(name).is_ok() || names.host(name).is_ok();
    let found = found || names.step(name).is_ok();
    if found { Ok(()) } else { names.group(name).map(|_| ()) }
}
