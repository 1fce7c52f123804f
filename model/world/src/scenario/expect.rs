//! Expectations: what a scenario says must come of it.

use core::ops::Range;

use farshore_core::event::Alert;
use farshore_core::ids::{Epoch, GroupIx, Index, Side, VmIx};
use farshore_core::inventory::Inventory;
use farshore_core::operation::Target;
use farshore_core::spec::Span;
use farshore_core::time::Millis;

use super::error::Nonsense;
use super::file::{ExpectFile, NoAlert};
use super::history::{History, Tenure};
use super::kinds::AlertKind;
use super::names::Names;

/// One thing that must come of a scenario.
#[derive(Clone, Debug)]
pub(crate) enum Expectation {
    RunsAt { vm: VmIx, side: Side, by: Option<Millis> },
    StaysDown { vm: VmIx },
    Downtime { vm: VmIx, below: Millis },
    WritesLost { vm: VmIx, most: u32 },
    NeverTwice { vm: VmIx },
    Owner { group: GroupIx, owner: Side, by: Option<Millis> },
    Epoch { group: GroupIx, epoch: Epoch },
    Alert { kind: AlertKind, side: Option<Side>, about: Option<String>, by: Option<Millis>, at_end: bool },
    NoAlert { kind: Option<AlertKind>, side: Option<Side>, about: Option<String>, at_end: bool },
    Starts { order: Vec<VmIx> },
    Stops { order: Vec<VmIx> },
    NothingMoves,
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
            let help = "name a `vm`, a `group`, an `alert`, `no-alert`, `start-order`, `stop-order` or `nothing-moves`, and \
                        what you expect of it; docs/scenario-format.md lists the keys";
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
            all.push(Expectation::RunsAt { vm, side, by: millis(e.by) });
        }
        if e.stays_down == Some(true) {
            all.push(Expectation::StaysDown { vm });
        }
        all.extend(e.downtime_below.map(|below| Expectation::Downtime { vm, below: below.0 }));
        all.extend(e.writes_lost.map(|most| Expectation::WritesLost { vm, most }));
        if e.never_twice == Some(true) {
            all.push(Expectation::NeverTwice { vm });
        }
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
    ];
    let subjects: Vec<&str> = given.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect();
    let [subject] = subjects.as_slice() else {
        let problem = if subjects.is_empty() {
            "this expectation has no subject".to_string()
        } else {
            format!("this expectation has several subjects: {}", subjects.join(", "))
        };
        let help = "give one of vm, group, alert, no-alert, start-order, stop-order and nothing-moves in each [[expect]]";
        return Err(Nonsense::new(place, problem, help));
    };
    let alerts: &[&str] = &["alert", "no-alert"];
    let claims: [(&str, bool, &[&str]); 11] = [
        ("runs-at", e.runs_at.is_some(), &["vm"]),
        ("stays-down", e.stays_down.is_some(), &["vm"]),
        ("downtime-below", e.downtime_below.is_some(), &["vm"]),
        ("writes-lost", e.writes_lost.is_some(), &["vm"]),
        ("never-twice", e.never_twice.is_some(), &["vm"]),
        ("owner", e.owner.is_some(), &["group"]),
        ("epoch", e.epoch.is_some(), &["group"]),
        ("about", e.about.is_some(), alerts),
        ("site", e.site.is_some(), alerts),
        ("at-end", e.at_end.is_some(), alerts),
        ("by", e.by.is_some(), &["vm", "group", "alert"]),
    ];
    for (claim, given, of) in claims {
        if given && !of.contains(subject) {
            let problem = format!("`{claim}` says nothing of `{subject}`");
            return Err(Nonsense::new(place, problem, format!("it belongs to an expectation with {}", of.join(" or "))));
        }
    }
    Ok(())
}

/// An alert may be about a group, LUN, VM, host or datastore.
fn known(inventory: &Inventory, span: &Range<usize>, name: &str) -> Result<(), Nonsense> {
    let names = Names::new(inventory, span);
    let datastore = inventory.datastores.iter().any(|(_, d)| d.name == name);
    let found = datastore || names.vm(name).is_ok() || names.lun(name).is_ok() || names.host(name).is_ok();
    if found { Ok(()) } else { names.group(name).map(|_| ()) }
}

/// Whether an alert is about something of this name.
fn is_about(inventory: &Inventory, alert: &Alert, name: &str) -> bool {
    let group = |key| inventory.groups.by_key(key).is_some_and(|(_, x)| x.name == name);
    let lun = |key| inventory.luns.by_key(key).is_some_and(|(_, x)| x.name == name);
    let vm = |key| inventory.vms.by_key(key).is_some_and(|(_, x)| x.name == name);
    let host = |key| inventory.hosts.by_key(key).is_some_and(|(_, x)| x.name == name);
    let target = |t| match t {
        Target::Lun(key) => lun(key),
        Target::Host(key) => host(key),
        Target::Vm(key) => vm(key),
    };
    match *alert {
        Alert::NeedsOperator { group: g, .. } | Alert::Held { group: g, .. } | Alert::PeerSilent { group: g } => group(g),
        Alert::Loss { lun: l, .. }
        | Alert::RecoveryLunLost { lun: l }
        | Alert::Contradicted { lun: l }
        | Alert::Returned { lun: l } => lun(l),
        Alert::InDoubt { group: g, target: t } | Alert::OpFailed { group: g, target: t, .. } => group(g) || target(t),
        Alert::VmDown { vm: v } => vm(v),
        Alert::Unprotected { datastore } => {
            inventory.datastores.by_key(datastore).is_some_and(|(_, x)| x.name == name)
        }
        Alert::Stranger { host: h, lun: l } => host(h) || lun(l),
    }
}

/// Seconds, as a person reads them.
pub(crate) fn seconds(t: Millis) -> String {
    format!("{}.{}s", t.0 / 1000, t.0 % 1000 / 100)
}

fn within(by: Option<Millis>) -> String {
    by.map_or_else(String::new, |by| format!(" by {}", Span(by)))
}

impl Expectation {
    /// The time that it names.
    pub(crate) const fn by(&self) -> Option<Millis> {
        match self {
            Self::RunsAt { by, .. } | Self::Owner { by, .. } | Self::Alert { by, .. } => *by,
            _ => None,
        }
    }

    /// Whether it was met.
    pub(crate) fn judge(&self, inventory: &Inventory, history: &History, end: Millis) -> Verdict {
        let site = |s: Side| inventory.sites[s.at()].name.as_str();
        let vm_name = |v: VmIx| inventory.vms[v].name.as_str();
        let verdict = |expected: String, met: bool, found: String| Verdict { expected, met, found };
        match self {
            Self::RunsAt { vm, side, by } => {
                let (met, found) = runs(inventory, history, *vm, *side, *by, end);
                verdict(format!("{} runs at {}{}", vm_name(*vm), site(*side), within(*by)), met, found)
            }
            Self::StaysDown { vm } => {
                let down = history.vms[vm.at()].is_down();
                let found = if down { "it serves nobody" } else { "it serves at the end" };
                verdict(format!("{} is down at the end", vm_name(*vm)), down, found.into())
            }
            Self::Downtime { vm, below } => {
                let downtime = history.vms[vm.at()].downtime(end);
                let expected = format!("{} is down for less than {}", vm_name(*vm), Span(*below));
                verdict(expected, downtime < *below, format!("down for {}", seconds(downtime)))
            }
            Self::WritesLost { vm, most } => {
                let lost = history.vms[vm.at()].lost;
                let expected = match most {
                    0 => format!("{} loses no acknowledged write", vm_name(*vm)),
                    n => format!("{} loses at most {n} acknowledged writes", vm_name(*vm)),
                };
                verdict(expected, lost <= *most, format!("{lost} lost"))
            }
            Self::NeverTwice { vm } => {
                let twice = overlaps(history, *vm);
                let found = if twice { "it ran in two places at once" } else { "never" };
                verdict(format!("{} never runs twice", vm_name(*vm)), !twice, found.into())
            }
            Self::Owner { group, owner, by } => {
                let tenures = &history.groups[group.at()];
                let (met, found) = owned(tenures, *owner, *by, &site);
                let name = &inventory.groups[*group].name;
                verdict(format!("{} owns group {name}{}", site(*owner), within(*by)), met, found)
            }
            Self::Epoch { group, epoch } => {
                let now = history.groups[group.at()].last().map_or(Epoch::FIRST, |t| t.epoch);
                let expected = format!("group {} is in epoch {} at the end", inventory.groups[*group].name, epoch.0);
                verdict(expected, now == *epoch, format!("epoch {}", now.0))
            }
            Self::Alert { kind, side, about, by, at_end } => {
                alert(inventory, history, (*kind, *side, about.as_deref()), *by, *at_end, &site)
            }
            Self::NoAlert { kind, side, about, at_end } => {
                no_alert(inventory, history, (*kind, *side, about.as_deref()), *at_end, &site)
            }
            Self::Starts { order } => {
                let starts: Vec<VmIx> = history.starts.iter().map(|(_, _, v)| *v).collect();
                in_order("start", order, &starts, &vm_name)
            }
            Self::Stops { order } => {
                let stops: Vec<VmIx> = history.stops.iter().map(|(_, _, v)| *v).collect();
                in_order("stop", order, &stops, &vm_name)
            }
            Self::NothingMoves => {
                let moved: Vec<&str> = inventory
                    .groups
                    .iter()
                    .filter(|(g, _)| history.groups[g.at()].len() > 1)
                    .map(|(_, g)| g.name.as_str())
                    .collect();
                let found = if moved.is_empty() { "nothing moved".into() } else { format!("moved: {}", moved.join(", ")) };
                verdict("no group changes its owner".into(), moved.is_empty(), found)
            }
        }
    }
}

fn runs(
    inventory: &Inventory,
    history: &History,
    vm: VmIx,
    side: Side,
    by: Option<Millis>,
    end: Millis,
) -> (bool, String) {
    let story = &history.vms[vm.at()];
    let stay = story.stays.iter().rev().find(|s| s.until.is_none());
    let Some(stay) = stay else { return (false, "it runs nowhere at the end".into()) };
    let site = &inventory.sites[stay.side.at()].name;
    if story.is_down() {
        return (false, format!("it runs at {site} at the end, but serves nobody"));
    }
    let since = story.down.last().and_then(|d| d.1).unwrap_or(Millis::ZERO).max(stay.from);
    let host = &inventory.hosts[stay.host].name;
    let met = stay.side == side && by.is_none_or(|by| since <= by.min(end));
    let found = if since == Millis::ZERO { format!("on {host} all the time") } else { format!("on {host} since {}", seconds(since)) };
    (met, if stay.side == side { found } else { format!("{found}, at {site}") })
}

fn overlaps(history: &History, vm: VmIx) -> bool {
    let stays = &history.vms[vm.at()].stays;
    stays.iter().enumerate().any(|(n, a)| {
        stays[n + 1..].iter().any(|b| {
            let (a_end, b_end) = (a.until.unwrap_or(Millis(u64::MAX)), b.until.unwrap_or(Millis(u64::MAX)));
            a.from < b_end && b.from < a_end
        })
    })
}

fn owned<'a>(tenures: &[Tenure], owner: Side, by: Option<Millis>, site: &impl Fn(Side) -> &'a str) -> (bool, String) {
    let Some(last) = tenures.last() else { return (false, "nothing is known".into()) };
    let since = if last.from == Millis::ZERO { "all the time".into() } else { format!("since {}", seconds(last.from)) };
    match last.owner {
        Some(now) => (now == owner && by.is_none_or(|by| last.from <= by), format!("{} {since}", site(now))),
        None => (false, format!("nobody {since}")),
    }
}

type Which<'a, K> = (K, Option<Side>, Option<&'a str>);

fn described<'a>(kind: &str, side: Option<Side>, about: Option<&str>, site: &impl Fn(Side) -> &'a str) -> String {
    let about = about.map_or_else(String::new, |a| format!(" about {a}"));
    let at = side.map_or_else(String::new, |s| format!(" at {}", site(s)));
    format!("{kind}{about}{at}")
}

fn alert<'a>(
    inventory: &Inventory,
    history: &History,
    (kind, side, about): Which<'_, AlertKind>,
    by: Option<Millis>,
    at_end: bool,
    site: &impl Fn(Side) -> &'a str,
) -> Verdict {
    let mut fitting = history.alerts.iter().filter(|a| {
        AlertKind::of(&a.alert) == kind
            && side.is_none_or(|s| s == a.side)
            && about.is_none_or(|n| is_about(inventory, &a.alert, n))
            && (!at_end || a.until.is_none())
    });
    let first = fitting.next();
    let stands = if at_end { " that stands at the end" } else { "" };
    let expected =
        format!("alert: {}{}{stands}", described(kind.name(), side, about, site), within(by));
    let met = first.is_some_and(|a| by.is_none_or(|by| a.from <= by));
    let found = first.map_or_else(|| "none".into(), |a| format!("raised at {} after {}", site(a.side), seconds(a.from)));
    Verdict { expected, met, found }
}

fn no_alert<'a>(
    inventory: &Inventory,
    history: &History,
    (kind, side, about): Which<'_, Option<AlertKind>>,
    at_end: bool,
    site: &impl Fn(Side) -> &'a str,
) -> Verdict {
    let fitting: Vec<&str> = history
        .alerts
        .iter()
        .filter(|a| {
            kind.is_none_or(|k| AlertKind::of(&a.alert) == k)
                && side.is_none_or(|s| s == a.side)
                && about.is_none_or(|n| is_about(inventory, &a.alert, n))
                && (!at_end || a.until.is_none())
        })
        .map(|a| AlertKind::of(&a.alert).name())
        .collect();
    let what = kind.map_or_else(|| "alert".into(), |k| format!("{} alert", k.name()));
    let stands = if at_end { " stands at the end" } else { "" };
    let expected = format!("no {}{stands}", described(&what, side, about, site));
    let found = if fitting.is_empty() { "none".into() } else { fitting.join(", ") };
    Verdict { expected, met: fitting.is_empty(), found }
}

/// Each of the VMs once, in this order, counted by what each did last.
fn in_order<'a>(verb: &str, order: &[VmIx], did: &[VmIx], name: &impl Fn(VmIx) -> &'a str) -> Verdict {
    let names = |vms: &[VmIx]| vms.iter().map(|v| name(*v)).collect::<Vec<&str>>().join(", ");
    let last = |v: &VmIx| did.iter().rposition(|d| d == v);
    let places: Vec<Option<usize>> = order.iter().map(last).collect();
    let met = places.iter().all(Option::is_some) && places.is_sorted();
    let found: Vec<VmIx> = did.iter().copied().filter(|v| order.contains(v)).collect();
    let found = if found.is_empty() { "none of them did".into() } else { names(&found) };
    Verdict { expected: format!("{verb} order: {}", names(order)), met, found }
}
