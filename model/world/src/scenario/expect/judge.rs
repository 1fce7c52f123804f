//! Whether expectations are met.

use farshore_core::event::Alert;
use farshore_core::ids::{Epoch, Index, Side, VmIx};
use farshore_core::inventory::Inventory;
use farshore_core::operation::Target;
use farshore_core::record::{StepVerdict, TestPhase};
use farshore_core::spec::Span;
use farshore_core::time::Millis;

use super::{Expectation, OfVm, Verdict};
use crate::scenario::history::{History, Tenure};
use crate::scenario::kinds::AlertKind;

/// Whether an alert is about something of this name.
fn is_about(inventory: &Inventory, alert: &Alert, name: &str) -> bool {
    let group = |key| inventory.groups.by_key(key).is_some_and(|(_, x)| x.name == name);
    let lun = |key| inventory.luns.by_key(key).is_some_and(|(_, x)| x.name == name);
    let vm = |key| inventory.vms.by_key(key).is_some_and(|(_, x)| x.name == name);
    let host = |key| inventory.hosts.by_key(key).is_some_and(|(_, x)| x.name == name);
    let step = |key| {
        let found = inventory.plans.iter().find_map(|(_, plan)| plan.step(key));
        found.is_some_and(|step| step.name == name)
    };
    let target = |t| match t {
        Target::Lun(key) => lun(key),
        Target::Host(key) => host(key),
        Target::Vm(key) | Target::TestVm(key) => vm(key),
        Target::TestLun(key) => lun(key),
        Target::Step(key) | Target::TestStep(key) => step(key),
    };
    match *alert {
        Alert::NeedsOperator { group: g, .. }
        | Alert::Held { group: g, .. }
        | Alert::PeerSilent { group: g }
        | Alert::Unrenewed { group: g }
        | Alert::ArbiterNew { group: g }
        | Alert::TakeoverOff { group: g }
        | Alert::TakeoverDenied { group: g, .. } => group(g),
        Alert::Loss { lun: l, .. }
        | Alert::RecoveryLunLost { lun: l }
        | Alert::Contradicted { lun: l }
        | Alert::AllPathsDown { lun: l }
        | Alert::RpoBehind { lun: l, .. }
        | Alert::OutOfSync { lun: l }
        | Alert::Returned { lun: l } => lun(l),
        Alert::InDoubt { group: g, target: t } | Alert::OpFailed { group: g, target: t, .. } => group(g) || target(t),
        Alert::VmDown { vm: v } => vm(v),
        Alert::Prompt { group: g, step: s } | Alert::StepDown { group: g, step: s } => group(g) || step(s),
        Alert::Uncommitted { group: g }
        | Alert::Testing { group: g }
        | Alert::TestFailed { group: g }
        | Alert::TestLeft { group: g } => group(g),
        Alert::HostLost { host: h } => host(h),
        Alert::ManagerLost => false,
        Alert::Unprotected { datastore } => inventory.datastores.by_key(datastore).is_some_and(|(_, x)| x.name == name),
        Alert::Stranger { host: h, lun: l } => host(h) || lun(l),
    }
}

/// Seconds, as a person reads them.
pub(crate) fn seconds(t: Millis) -> String {
    format!("{}.{}s", t.0 / 1000, t.0 % 1000 / 100)
}

const fn step_word(verdict: StepVerdict) -> &'static str {
    match verdict {
        StepVerdict::Done => "done",
        StepVerdict::Skipped => "skipped",
        StepVerdict::Asked => "asked",
    }
}

const fn phase_word(phase: TestPhase) -> &'static str {
    match phase {
        TestPhase::Copying => "copying",
        TestPhase::Starting => "starting",
        TestPhase::Running => "running",
        TestPhase::Clearing => "clearing",
    }
}

fn within(by: Option<Millis>) -> String {
    by.map_or_else(String::new, |by| format!(" by {}", Span(by)))
}

impl Expectation {
    /// The time that it names.
    pub(crate) const fn by(&self) -> Option<Millis> {
        match self {
            Self::Vm(_, OfVm::RunsAt { by, .. })
            | Self::Owner { by, .. }
            | Self::Alert { by, .. }
            | Self::Step { by, .. }
            | Self::Test { by, .. } => *by,
            _ => None,
        }
    }

    /// Whether it was met.
    pub(crate) fn judge(&self, inventory: &Inventory, history: &History, end: Millis) -> Verdict {
        let site = |s: Side| inventory.sites[s.at()].name.as_str();
        let vm_name = |v: VmIx| inventory.vms[v].name.as_str();
        let verdict = |expected: String, met: bool, found: String| Verdict { expected, met, found };
        match self {
            Self::Vm(vm, claim) => claim.judge(inventory, history, end, *vm),
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
            Self::Step { step, name, ends, by } => {
                let found = history.steps.iter().find(|(_, _, s, _)| s == step);
                let met = found.is_some_and(|(at, _, _, v)| v == ends && by.is_none_or(|by| *at <= by));
                let found = found.map_or_else(
                    || "it never was".into(),
                    |(at, _, _, verdict)| format!("{} after {}", step_word(*verdict), seconds(*at)),
                );
                verdict(format!("step {name} is {}{}", step_word(*ends), within(*by)), met, found)
            }
            Self::Test { group, reaches, by } => {
                let group = &inventory.groups[*group];
                let mut phases = history.tests.iter().filter(|(_, g, _)| *g == group.key);
                let found = match reaches {
                    Some(_) => phases.find(|(_, _, phase)| phase == reaches),
                    // At the end: what was cleared and begun anew is not cleared.
                    None => phases.next_back().filter(|(_, _, phase)| phase.is_none()),
                };
                let met = found.is_some_and(|(at, ..)| by.is_none_or(|by| *at <= by));
                let what = reaches.map_or_else(|| "leaves nothing".into(), |p| format!("is {}", phase_word(p)));
                let found = found.map_or_else(|| "not so".into(), |(at, ..)| format!("since {}", seconds(*at)));
                verdict(format!("the test of {} {what}{}", group.name, within(*by)), met, found)
            }
            Self::NothingMoves => {
                let moved: Vec<&str> = inventory
                    .groups
                    .iter()
                    .filter(|(g, _)| history.groups[g.at()].len() > 1)
                    .map(|(_, g)| g.name.as_str())
                    .collect();
                let found =
                    if moved.is_empty() { "nothing moved".into() } else { format!("moved: {}", moved.join(", ")) };
                verdict("no group changes its owner".into(), moved.is_empty(), found)
            }
        }
    }
}

impl OfVm {
    fn judge(&self, inventory: &Inventory, history: &History, end: Millis, vm: VmIx) -> Verdict {
        let name = inventory.vms[vm].name.as_str();
        let story = &history.vms[vm.at()];
        let (expected, met, found) = match *self {
            Self::RunsAt { side, by } => {
                let (met, found) = runs(inventory, history, vm, side, by, end);
                (format!("{name} runs at {}{}", inventory.sites[side.at()].name, within(by)), met, found)
            }
            Self::StaysDown => {
                let found = if story.is_down() { "it serves nobody" } else { "it serves at the end" };
                (format!("{name} is down at the end"), story.is_down(), found.into())
            }
            Self::Downtime { below } => {
                let downtime = story.downtime(end);
                let expected = format!("{name} is down for less than {}", Span(below));
                (expected, downtime < below, format!("down for {}", seconds(downtime)))
            }
            Self::WritesLost { most } => {
                let expected = match most {
                    0 => format!("{name} loses no acknowledged write"),
                    n => format!("{name} loses at most {n} acknowledged writes"),
                };
                (expected, story.lost <= most, format!("{} lost", story.lost))
            }
            Self::TailKept => {
                let found = match story.kept {
                    Some(kept) => format!("{kept} of {} are in a snapshot", story.lost),
                    None => "there is no snapshot".into(),
                };
                let met = story.kept.is_some_and(|kept| kept >= story.lost);
                (format!("what {name} lost was kept at the site that had it"), met, found)
            }
            Self::NeverTwice => {
                let twice = overlaps(history, vm);
                let found = if twice { "it ran in two places at once" } else { "never" };
                (format!("{name} never runs twice"), !twice, found.into())
            }
            Self::NeverStops => {
                let met = story.down.is_empty() && story.stays.len() == 1;
                let found = if met { "never".into() } else { format!("down for {}", seconds(story.downtime(end))) };
                (format!("{name} never stops"), met, found)
            }
        };
        Verdict { expected, met, found }
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
    let found = if since == Millis::ZERO {
        format!("on {host} all the time")
    } else {
        format!("on {host} since {}", seconds(since))
    };
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
    let expected = format!("alert: {}{}{stands}", described(kind.name(), side, about, site), within(by));
    let met = first.is_some_and(|a| by.is_none_or(|by| a.from <= by));
    let found =
        first.map_or_else(|| "none".into(), |a| format!("raised at {} after {}", site(a.side), seconds(a.from)));
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
