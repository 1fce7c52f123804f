//! `--report DIR`: what a run leaves for operators to read, as Markdown and as JSON.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use farshore_core::ids::{LunKey, Side, VmKey};
use farshore_core::inventory::Site;
use farshore_core::time::Millis;
use farshore_lab::Notice;
use farshore_report::{About, Note, Report, What};
use farshore_world::action::Happening;
use farshore_world::scenario::{Entry, Noted, Run, Scenario, What as Told};

/// The report of a run of a scenario.
pub(crate) fn of(scenario: &Scenario, run: &Run) -> Report {
    let source = format!("{}, seed {}", scenario.file, run.seed);
    let about = About { title: &scenario.title, source: &source, end: run.end };
    farshore_report::report(about, scenario.setup.site(Side::One), &notes(run))
}

/// What a report needs of a notice of the lab's. Times are counted from the loss.
pub(crate) fn heard(notice: &Notice) -> Option<Note> {
    match *notice {
        Notice::Event(side, Some(ms), event) => {
            Some(Note { at: Millis(ms), side: Some(side), what: What::Event(event) })
        }
        // The lab protects its group before it begins.
        Notice::Event(_, None, _) | Notice::Step(_) | Notice::Happened(..) | Notice::Vm(..) => None,
    }
}

/// The report of a run of the lab: what managers said while it ran, and what the disks say of data afterwards.
pub(crate) fn of_lab(run: &farshore_lab::Report, mut notes: Vec<Note>) -> Result<Report> {
    let [site, _] = Site::pair(&run.scenario.deployment(run.mode))?;
    if run.scenario == farshore_lab::Scenario::Lun
        && let Some(lun) = site.inventory.luns.find(LunKey::of(farshore_lab::LOST))
    {
        notes.insert(0, Note { at: Millis::ZERO, side: Some(Side::One), what: What::Lost(lun) });
    }
    let end = notes.last().map_or(Millis::ZERO, |n| n.at);
    for vm in &run.vms {
        let Some(ix) = site.inventory.vms.find(VmKey::of(&vm.vm)) else { continue };
        let kept = What::Held(ix, vm.acked.saturating_sub(vm.lost));
        let gone = What::Gone(ix, vm.lost, Some(Millis(vm.lost_ms)));
        notes.extend([kept, gone].map(|what| Note { at: end, side: None, what }));
    }
    let title = match run.scenario {
        farshore_lab::Scenario::Lun => "Lab: a LUN is lost for good",
        farshore_lab::Scenario::Planned => "Lab: a group is moved, and nothing is lost",
        farshore_lab::Scenario::Test => "Lab: a plan is tested on copies",
        farshore_lab::Scenario::Failback => "Lab: a group comes home after a loss",
        farshore_lab::Scenario::Array => "Lab: an array dies in the midst of the failover",
        farshore_lab::Scenario::Apd => "Lab: an array falls silent, and an operator forces its group",
        farshore_lab::Scenario::Site => "Lab: a site is lost at once",
        farshore_lab::Scenario::Manager => "Lab: a manager alone is lost",
        farshore_lab::Scenario::Partition => "Lab: a site is cut off",
        farshore_lab::Scenario::Arbiter => "Lab: the arbiter is killed and started again",
        farshore_lab::Scenario::Agent => "Lab: an agent is killed, and a standby takes its place",
    };
    let source = format!(
        "farshore lab, {} replication",
        match run.mode {
            farshore_lab::Mode::Synchronous => "synchronous",
            farshore_lab::Mode::Asynchronous => "asynchronous",
        }
    );
    Ok(farshore_report::report(About { title, source: &source, end }, &site, &notes))
}

/// Writes a report as `NAME.md` and `NAME.json`; the folder is made where there is none.
pub(crate) fn write(dir: &Path, name: &str, report: &Report) -> Result<PathBuf> {
    std::fs::create_dir_all(dir).with_context(|| format!("{}", dir.display()))?;
    let page = dir.join(format!("{name}.md"));
    std::fs::write(&page, report.markdown()).with_context(|| format!("{}", page.display()))?;
    let json = dir.join(format!("{name}.json"));
    let text = serde_json::to_string_pretty(report).context("the report as JSON")?;
    std::fs::write(&json, text + "\n").with_context(|| format!("{}", json.display()))?;
    Ok(page)
}

/// The name of a run's report: its scenario's, and the seed where there are several runs.
pub(crate) fn name(scenario: &Scenario, run: &Run, several: bool) -> String {
    let stem = Path::new(&scenario.file).file_stem().map_or_else(|| "scenario".into(), |s| s.to_string_lossy());
    if several { format!("{stem}-seed-{}", run.seed) } else { stem.into_owned() }
}

/// Timeline and ledger of a run, in one order.
fn notes(run: &Run) -> Vec<Note> {
    let mut lines: Vec<_> = run.history.ledger.lines.iter().collect();
    lines.sort_by_key(|line| line.after);
    let mut lines = lines.into_iter().peekable();
    let mut notes = Vec::new();
    for (at, entry) in run.history.entries.iter().enumerate() {
        while let Some(line) = lines.next_if(|line| line.after <= at) {
            notes.push(Note { at: line.at, side: line.side, what: noted(&line.what) });
        }
        notes.extend(told(entry));
    }
    notes.extend(lines.map(|line| Note { at: line.at, side: line.side, what: noted(&line.what) }));
    notes
}

fn noted(what: &Noted) -> What {
    match what {
        Noted::Ordered(command) => What::Ordered(command.clone()),
        Noted::Lost(lun) => What::Lost(*lun),
        Noted::Asked(vm, host) => What::Asked(*vm, *host),
        Noted::Left(lun, left, seen) => What::Left(*lun, *left, *seen),
        Noted::Promoted(lun, age) => What::Promoted(*lun, *age),
        Noted::Held(vm, held) => What::Held(*vm, *held),
    }
}

fn told(entry: &Entry) -> Option<Note> {
    let (side, what) = match &entry.what {
        Told::Event(event) => (entry.side, What::Event(*event)),
        Told::Happening(Happening::Started(side, vm, host)) => (Some(*side), What::Started(*vm, *host)),
        Told::Happening(Happening::WritesLost(vm, lost)) => (None, What::Gone(*vm, *lost, None)),
        Told::Down(vm) => (None, What::Down(*vm)),
        Told::Serving(vm) => (None, What::Serving(*vm)),
        // The story is told by the scenario; what the rest says, managers say, too.
        Told::Story(_) | Told::Rejected(_) | Told::Happening(Happening::Stopped(..) | Happening::Writable(..)) => {
            return None;
        }
    };
    Some(Note { at: entry.at, side, what })
}
