//! What came of a run, as text and as JSON.

use std::collections::{BTreeMap, BTreeSet};

use farshore_core::detection::corroboration::Finding;
use farshore_core::event::Event;
use farshore_core::ids::{Index, LunIx, LunKey, Side};
use farshore_core::inventory::Inventory;
use farshore_core::record::GivePhase;
use farshore_core::time::Millis;
use farshore_world::action::Happening;
use farshore_world::scenario::{AlertKind, Entry, Run, Scenario, What};
use serde_json::{Value, json};

use crate::style::{Look, Style, Table, wrap};
use crate::words::{Words, clock, span};

/// One line of the timeline, in words.
struct Line {
    at: Millis,
    side: Option<Side>,
    rule: &'static str,
    text: String,
    look: Look,
}

/// Everything that came of a run.
pub(crate) fn text(scenario: &Scenario, run: &Run, style: Style) -> String {
    let mut text = format!("{}\n\n", style.paint(Look::Bold, &scenario.title));
    if !scenario.about.trim().is_empty() {
        text.push_str(&wrap(&scenario.about, 96, "  "));
        text.push('\n');
    }
    let inventory = scenario.setup.inventory();
    for part in [
        timeline(inventory, run, style),
        vms(inventory, run, style),
        groups(inventory, run, style),
        alerts(inventory, run, style),
        verdicts(run, style),
    ] {
        text.push_str(&part);
        text.push('\n');
    }
    text
}

fn timeline(inventory: &Inventory, run: &Run, style: Style) -> String {
    let mut table = Table::new(&["time", "site", "rule", "what happened"]);
    let site = |s: Option<Side>| s.map_or("", |s| inventory.sites[s.at()].name.as_str());
    for line in lines(inventory, run) {
        let cells = [clock(line.at), site(line.side).into(), line.rule.into(), line.text];
        let look = line.look;
        table.looks(cells.into_iter().enumerate().map(|(n, c)| (if n == 2 { Look::Dim } else { look }, c)).collect());
    }
    table.text(style)
}

/// The timeline without what only repeats.
fn lines(inventory: &Inventory, run: &Run) -> Vec<Line> {
    let words = Words(inventory);
    let entries = &run.history.entries;
    let old = old_news(entries);
    let mut lines: Vec<Line> = Vec::new();
    for (at, entry) in entries.iter().enumerate().filter(|(at, _)| !old.contains(at)) {
        let Some(line) = line(words, entries, at, entry) else { continue };
        let mut same_time = lines.iter().rev().take_while(|l| l.at == line.at);
        if !same_time.any(|l| l.side == line.side && l.text == line.text) {
            lines.push(line);
        }
    }
    lines
}

/// A window for failures, as a site's manager told of it.
#[derive(Default)]
struct Window {
    told: Vec<usize>,
    concluded: bool,
    news: bool,
}

/// Windows that only find again what the same site found before: a lost LUN goes on being lost.
fn old_news(entries: &[Entry]) -> BTreeSet<usize> {
    let mut old = BTreeSet::new();
    for side in Side::BOTH {
        let mut known: BTreeMap<LunKey, Finding> = BTreeMap::new();
        let mut window = Window::default();
        let mut close = |window: &mut Window| {
            let window = core::mem::take(window);
            if window.concluded && !window.news {
                old.extend(window.told);
            }
        };
        for (at, entry) in entries.iter().enumerate().filter(|(_, e)| e.side == Some(side)) {
            match &entry.what {
                What::Event(Event::WindowOpened) => {
                    close(&mut window);
                    window.told.push(at);
                }
                What::Event(Event::WindowClosed { .. }) => window.told.push(at),
                What::Event(Event::Concluded { lun, finding }) => {
                    window.told.push(at);
                    window.concluded = true;
                    window.news |= known.insert(*lun, *finding) != Some(*finding);
                }
                _ => {}
            }
        }
        close(&mut window);
    }
    old
}

fn line(words: Words<'_>, entries: &[Entry], at: usize, entry: &Entry) -> Option<Line> {
    let vm = |v| words.0.vms[v].name.as_str();
    let (rule, text, look) = match &entry.what {
        What::Story(story) => ("", story.clone(), Look::Story),
        What::Rejected(why) => ("", format!("not done: {why}"), Look::Bad),
        What::Event(event) => {
            if passes(entries, at, entry, event) {
                return None;
            }
            let look = match event {
                Event::Raised(_) | Event::Halted => Look::Bad,
                Event::VmReady { .. } => Look::Good,
                _ => Look::Plain,
            };
            (event.rule(), words.event(entry.side?, event)?, look)
        }
        What::Happening(happening) => {
            let (rule, text) = happened(words.0, *happening);
            (rule, text, Look::Plain)
        }
        What::Down(v) => {
            // A VM that is stopped is told as such.
            let stopped = |e: &Entry| matches!(e.what, What::Happening(Happening::Stopped(_, w)) if w == *v);
            if entries[..at].iter().rev().take_while(|e| e.at == entry.at).any(stopped) {
                return None;
            }
            ("", format!("{} hangs: it can't write to its disks", vm(*v)), Look::Plain)
        }
        What::Serving(v) => {
            // A VM that was started anew is told as ready.
            let since = entries[..at].iter().rev().take_while(|e| !matches!(e.what, What::Down(w) if w == *v));
            let started = |e: &Entry| matches!(e.what, What::Happening(Happening::Started(_, w, _)) if w == *v);
            if since.into_iter().any(started) {
                return None;
            }
            ("", format!("{} goes on: its disks are back", vm(*v)), Look::Good)
        }
    };
    Some(Line { at: entry.at, side: entry.side, rule, text, look })
}

/// A group that is queued and goes on at the same instant has not waited.
fn passes(entries: &[Entry], at: usize, entry: &Entry, event: &Event) -> bool {
    let Event::Giving { group, phase: GivePhase::Queued, .. } = event else { return false };
    let goes_on = |e: &Entry| matches!(&e.what, What::Event(Event::Giving { group: g, .. }) if g == group);
    entries[at + 1..].iter().take_while(|e| e.at == entry.at).any(goes_on)
}

fn happened(inventory: &Inventory, happening: Happening) -> (&'static str, String) {
    let lun = |l: LunIx| inventory.luns[l].name.as_str();
    match happening {
        Happening::Started(_, vm, host) => {
            ("F6", format!("{} starts on {}", inventory.vms[vm].name, inventory.hosts[host].name))
        }
        Happening::Stopped(_, vm) => ("F2", format!("{} is off", inventory.vms[vm].name)),
        Happening::Writable(_, l, true) => ("F5", format!("LUN {} is writable here", lun(l))),
        Happening::Writable(_, l, false) => ("F2", format!("LUN {} is not writable here any more", lun(l))),
        Happening::WritesLost(vm, writes) => {
            ("F2a", format!("{writes} acknowledged writes of {} are given up", inventory.vms[vm].name))
        }
    }
}

fn vms(inventory: &Inventory, run: &Run, style: Style) -> String {
    let mut table = Table::new(&["VM", "ran on", "down for", "writes lost"]);
    for (v, vm) in inventory.vms.iter() {
        let story = &run.history.vms[v.at()];
        let mut ran = String::new();
        for stay in &story.stays {
            if !ran.is_empty() {
                ran.push_str(", then ");
            }
            let site = &inventory.sites[stay.side.at()].name;
            let until = stay.until.map_or_else(String::new, |u| format!(" until {}", clock(u)));
            let from = if stay.from == Millis::ZERO { String::new() } else { format!(" from {}", clock(stay.from)) };
            ran.push_str(&format!("{} ({site}){from}{until}", inventory.hosts[stay.host].name));
        }
        let still = if story.is_down() { ", and still is" } else { "" };
        let down = match story.downtime(run.end) {
            Millis::ZERO => "never".into(),
            time => format!("{}{still}", span(time)),
        };
        let look = if story.is_down() { Look::Bad } else { Look::Plain };
        let lost = (if story.lost > 0 { Look::Bad } else { Look::Plain }, story.lost.to_string());
        table.looks(vec![(Look::Plain, vm.name.clone()), (Look::Plain, ran), (look, down), lost]);
    }
    table.text(style)
}

fn groups(inventory: &Inventory, run: &Run, style: Style) -> String {
    let mut table = Table::new(&["group", "owner", "since", "epoch", "waits for an operator"]);
    for (g, group) in inventory.groups.iter() {
        let Some(now) = run.history.groups[g.at()].last() else { continue };
        let owner = now.owner.map_or("nobody", |s| inventory.sites[s.at()].name.as_str());
        let since = if now.from == Millis::ZERO { "the beginning".into() } else { clock(now.from) };
        let latches = run.history.latches.iter().filter(|(of, _, _)| *of == g);
        let waits: Vec<String> =
            latches.map(|(_, s, why)| format!("at {}: {why}", inventory.sites[s.at()].name)).collect();
        let waits = if waits.is_empty() { "no".into() } else { waits.join("; ") };
        table.row(vec![group.name.clone(), owner.into(), since, now.epoch.0.to_string(), waits]);
    }
    table.text(style)
}

fn alerts(inventory: &Inventory, run: &Run, style: Style) -> String {
    if run.history.alerts.is_empty() {
        return "  No alerts.\n".into();
    }
    let words = Words(inventory);
    let mut table = Table::new(&["alert at", "from", "until", "what"]);
    for alert in &run.history.alerts {
        let until = alert.until.map_or_else(|| "it stands".into(), clock);
        let look = if alert.until.is_none() { Look::Bad } else { Look::Plain };
        let site = words.site(alert.side).to_string();
        let what = words.alert(alert.side, &alert.alert);
        table.looks(vec![(Look::Plain, site), (Look::Plain, clock(alert.from)), (look, until), (Look::Plain, what)]);
    }
    table.text(style)
}

fn verdicts(run: &Run, style: Style) -> String {
    let mut text = String::new();
    let width = run.verdicts.iter().map(|v| v.expected.chars().count()).max().unwrap_or(0);
    for verdict in &run.verdicts {
        let (mark, look) = if verdict.met { ("✓", Look::Good) } else { ("✗", Look::Bad) };
        let fill = " ".repeat(width - verdict.expected.chars().count());
        let found = style.paint(Look::Dim, &verdict.found);
        text.push_str(&format!("  {} {}{fill}  {found}\n", style.paint(look, mark), verdict.expected));
    }
    if let Some(broken) = &run.broken {
        let line = format!("✗ {} is broken: {}", broken.property, broken.what);
        text.push_str(&format!("  {}\n", style.paint(Look::Bad, line)));
    } else {
        text.push_str(&format!("  {} no rule of the protocol was broken\n", style.paint(Look::Good, "✓")));
    }
    text
}

/// The same for machines. Times are milliseconds from the beginning.
pub(crate) fn json(scenario: &Scenario, run: &Run) -> Value {
    let inventory = scenario.setup.inventory();
    let site = |s: Side| inventory.sites[s.at()].name.as_str();
    let timeline: Vec<Value> = lines(inventory, run)
        .into_iter()
        .map(|l| json!({ "at": l.at.0, "site": l.side.map(site), "rule": rule(l.rule), "text": l.text }))
        .collect();
    let vms: Vec<Value> = inventory
        .vms
        .iter()
        .map(|(v, vm)| {
            let story = &run.history.vms[v.at()];
            let stays: Vec<Value> = story
                .stays
                .iter()
                .map(|s| {
                    let host = &inventory.hosts[s.host].name;
                    json!({ "site": site(s.side), "host": host, "from": s.from.0, "until": s.until.map(|u| u.0) })
                })
                .collect();
            json!({
                "name": vm.name, "ran": stays, "downtime": story.downtime(run.end).0, "down": story.is_down(),
                "writes-lost": story.lost,
            })
        })
        .collect();
    let groups: Vec<Value> = inventory
        .groups
        .iter()
        .map(|(g, group)| {
            let tenures: Vec<Value> = run.history.groups[g.at()]
                .iter()
                .map(|t| json!({ "from": t.from.0, "owner": t.owner.map(site), "epoch": t.epoch.0 }))
                .collect();
            let latches = run.history.latches.iter().filter(|(of, _, _)| *of == g);
            let waits: Vec<Value> =
                latches.map(|(_, s, why)| json!({ "site": site(*s), "why": why.to_string() })).collect();
            json!({ "name": group.name, "owners": tenures, "needs-operator": waits })
        })
        .collect();
    let words = Words(inventory);
    let alerts: Vec<Value> = run
        .history
        .alerts
        .iter()
        .map(|a| {
            let (kind, text) = (AlertKind::of(&a.alert).name(), words.alert(a.side, &a.alert));
            json!({ "site": site(a.side), "kind": kind, "from": a.from.0, "until": a.until.map(|u| u.0), "text": text })
        })
        .collect();
    let verdicts: Vec<Value> =
        run.verdicts.iter().map(|v| json!({ "expected": v.expected, "met": v.met, "found": v.found })).collect();
    let broken = run.broken.as_ref().map(|b| json!({ "rule": b.property.to_string(), "what": b.what.to_string() }));
    json!({
        "file": scenario.file, "title": scenario.title, "seed": run.seed, "end": run.end.0, "passed": run.passed(),
        "timeline": timeline, "vms": vms, "groups": groups, "alerts": alerts, "expectations": verdicts,
        "broken": broken,
    })
}

fn rule(rule: &str) -> Option<&str> {
    (!rule.is_empty()).then_some(rule)
}
