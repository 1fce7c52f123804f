//! `farshore lab`: real VMs on real replicated storage, a real loss, and a verdict read from the disks.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use farshore_core::event::Event;
use farshore_core::inventory::Site;
use farshore_core::record::GivePhase;
use farshore_core::time::Millis;
use farshore_lab::{Failed, Guest, Mode, Notice, Options, Phase, Report, Scenario, VMS, run};
use serde_json::{Value, json};

use crate::report;
use crate::style::{Look, Style, Table};
use crate::words::{Words, clock, milliseconds};

/// Build two sites of real parts on this machine, let something go wrong, and judge from the disks. Needs root.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// What goes wrong.
    #[arg(long, value_enum, default_value_t = Wrong::Lun)]
    scenario: Wrong,
    /// How LUNs are replicated.
    #[arg(long, value_enum, default_value_t = Replication::Sync)]
    replication: Replication,
    /// What runs in the VMs.
    #[arg(long, value_enum, default_value_t = Inside::Mini)]
    guest: Inside,
    /// Limit of the replication link, bytes per second and LUN; K, M and G may follow: 2M.
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    rate: Option<u64>,
    /// How many times in a row.
    #[arg(long, default_value_t = 1)]
    runs: u32,
    /// How long the VMs run protected before the loss, milliseconds.
    #[arg(long, default_value_t = 1500, value_name = "MS")]
    calm: u64,
    /// Keep the files of the runs here.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Write down what each manager is told and wants, for `farshore replay`; of several runs, each with its number.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// QEMU's accelerator.
    #[arg(long, default_value = "tcg")]
    accelerator: String,
    /// Print the results as JSON.
    #[arg(long)]
    json: bool,
    /// Leave a report of each run here, as Markdown and as JSON; docs/operations.md describes it.
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Wrong {
    /// A LUN is lost for good, and its group is handed over.
    Lun,
    /// Nothing is lost: a group is moved, because somebody asks for it.
    Planned,
    /// Nothing is lost, and nothing moves: the plan of a group is tested on copies, while the group runs.
    Test,
    /// A LUN is lost, its group is handed over, protected in the other direction, and moved back.
    Failback,
    /// Every LUN of an array is lost at once, and the array dies in the midst of the failover of its groups.
    Array,
    /// An array dies without a word, and an operator forces its group: nobody can read how good the copies are.
    Apd,
    /// Everything at the first site is killed at once, and its group is taken over.
    Site,
    /// The first site's manager alone is lost: nothing stops.
    Manager,
    /// Every wire out of the first site is cut: it stops what it runs before the second takes over.
    Partition,
    /// The arbiter is killed, and started again: nothing stops.
    Arbiter,
    /// The first site's agent is killed, and a standby takes its place: nothing stops.
    Agent,
}

impl Wrong {
    const fn scenario(self) -> Scenario {
        match self {
            Self::Lun => Scenario::Lun,
            Self::Planned => Scenario::Planned,
            Self::Test => Scenario::Test,
            Self::Failback => Scenario::Failback,
            Self::Array => Scenario::Array,
            Self::Apd => Scenario::Apd,
            Self::Site => Scenario::Site,
            Self::Manager => Scenario::Manager,
            Self::Partition => Scenario::Partition,
            Self::Arbiter => Scenario::Arbiter,
            Self::Agent => Scenario::Agent,
        }
    }
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(crate) enum Replication {
    /// A write is acknowledged when both copies have it: nothing may be lost.
    Sync,
    /// Deltas follow: what was not replicated of the lost LUN is lost, within its RPO, and nothing of the others.
    Async,
}

impl Replication {
    pub(crate) const fn mode(self) -> Mode {
        match self {
            Self::Sync => Mode::Synchronous,
            Self::Async => Mode::Asynchronous,
        }
    }
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Inside {
    /// 512 bytes in the boot sector of the VM's LUN: up in a fraction of a second.
    Mini,
    /// A kernel of Debian's with an initramfs of its own (`scripts/setup-lab.sh --linux-guest`).
    Linux,
}

/// Exit code of a run that was interrupted, as shells have it: 128 and SIGINT.
const INTERRUPTED_CODE: u8 = 130;

/// Set by Ctrl-C, SIGTERM or SIGHUP; the lab looks at it often, and takes everything down.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Runs the lab.
pub(crate) fn run_lab(args: &Args) -> Result<ExitCode> {
    ctrlc::set_handler(|| INTERRUPTED.store(true, Ordering::Relaxed)).context("catching Ctrl-C")?;
    let (mode, scenario) = (args.replication.mode(), args.scenario.scenario());
    let style = Style::of_stdout();
    let mut reports = Vec::new();
    for n in 1..=args.runs {
        if args.runs > 1 && !args.json {
            println!("{}", style.paint(Look::Bold, format!("run {n} of {}", args.runs)));
        }
        let options = Options {
            mode,
            rate: args.rate,
            dir: args.keep.as_ref().map(|dir| dir.join(n.to_string())),
            calm: Duration::from_millis(args.calm),
            accelerator: args.accelerator.clone(),
            guest: match args.guest {
                Inside::Mini => Guest::Mini,
                Inside::Linux => Guest::Linux,
            },
            scenario,
            record: args.record.as_ref().map(|path| if args.runs > 1 { numbered(path, n) } else { path.clone() }),
            exe: std::env::current_exe().context("finding this program")?,
        };
        let screen = Arc::new(Mutex::new(Screen::new((mode, scenario), style, args.json)?));
        let tell = screen.clone();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let hear = heard.clone();
        let progress = move |notice| {
            hear.lock().unwrap_or_else(PoisonError::into_inner).extend(report::heard(&notice));
            tell.lock().unwrap_or_else(PoisonError::into_inner).tell(&notice);
        };
        let report = run(&options, &progress, &|| INTERRUPTED.load(Ordering::Relaxed));
        screen.lock().unwrap_or_else(PoisonError::into_inner).erase();
        if matches!(report, Err(Failed::Interrupted)) {
            eprintln!("farshore: {}", Failed::Interrupted);
            return Ok(ExitCode::from(INTERRUPTED_CODE));
        }
        let report = report?;
        if !args.json {
            print!("{}", verdict(&report, style));
        }
        if let Some(dir) = &args.report {
            let notes = core::mem::take(&mut *heard.lock().unwrap_or_else(PoisonError::into_inner));
            let name = if args.runs > 1 { format!("lab-{n}") } else { "lab".into() };
            let page = report::write(dir, &name, &report::of_lab(&report, notes)?)?;
            eprintln!("  report: {}", page.display());
        }
        let good = report.wrong().is_empty();
        reports.push(report);
        if !good {
            break;
        }
    }
    if args.json {
        println!("{:#}", json!({ "runs": reports.iter().map(as_json).collect::<Vec<_>>() }));
    } else if reports.len() > 1 {
        print!("{}", medians(&reports, style));
    }
    let good = reports.iter().all(|r| r.wrong().is_empty());
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// The file of one of several runs.
fn numbered(path: &Path, n: u32) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(format!(".{n}"));
    name.into()
}

/// Reads a number of bytes.
fn bytes(text: &str) -> Result<u64, String> {
    let (digits, unit) = match text.char_indices().last() {
        Some((at, 'k' | 'K')) => (&text[..at], 1 << 10),
        Some((at, 'm' | 'M')) => (&text[..at], 1 << 20),
        Some((at, 'g' | 'G')) => (&text[..at], 1 << 30),
        _ => (text, 1),
    };
    let number = digits.parse::<u64>().ok().and_then(|n| n.checked_mul(unit)).filter(|&n| n > 0);
    number.ok_or_else(|| "a number from 1 on, with K, M or G after it if need be".into())
}

/// What is seen while it runs: a timeline, and on a terminal a table of the VMs under it.
struct Screen {
    site: Site,
    style: Style,
    quiet: bool,
    live: bool,
    lines: usize,
    newest: [[Option<u32>; 2]; VMS.len()],
    drawn: Instant,
}

impl Screen {
    fn new((mode, scenario): (Mode, Scenario), style: Style, quiet: bool) -> Result<Self> {
        let [site, _] = Site::pair(&scenario.deployment(mode))?;
        let live = std::io::stdout().is_terminal() && !quiet;
        let newest = [[None; 2]; VMS.len()];
        Ok(Self { site, style, quiet, live, lines: 0, newest, drawn: Instant::now() })
    }

    fn tell(&mut self, notice: &Notice) {
        if self.quiet {
            return;
        }
        match *notice {
            Notice::Step(what) => self.line(&format!("  {}", self.style.paint(Look::Dim, what))),
            Notice::Happened(ms, what) => {
                self.line(&format!("  {}  alder        {}", milliseconds(ms), self.style.paint(Look::Story, what)));
            }
            // Before the loss; and a queue of one group.
            Notice::Event(_, None, _) | Notice::Event(_, _, Event::Giving { phase: GivePhase::Queued, .. }) => {}
            Notice::Event(side, Some(ms), event) => {
                let words = Words(&self.site.inventory);
                if let Some(text) = words.event(side, &event) {
                    let (site, rule) = (words.site(side), self.style.paint(Look::Dim, event.rule()));
                    let at = milliseconds(ms);
                    self.line(&format!("  {at}  {site:<6} {rule:<4}  {text}"));
                }
            }
            Notice::Vm(vm, newest) => {
                if let Some(at) = VMS.iter().position(|(name, _)| *name == vm) {
                    self.newest[at] = newest;
                }
                if self.live && self.drawn.elapsed() > Duration::from_millis(200) {
                    self.draw();
                }
            }
        }
    }

    fn line(&mut self, text: &str) {
        self.erase();
        println!("{text}");
    }

    fn draw(&mut self) {
        self.erase();
        let mut table = Table::new(&["VM", "newest record at alder", "at birch"]);
        for ((vm, _), newest) in VMS.iter().zip(self.newest) {
            let [one, two] = newest.map(|n| n.map_or_else(|| "-".into(), |n| n.to_string()));
            table.row(vec![(*vm).into(), one, two]);
        }
        let text = format!("\n{}", table.text(self.style));
        self.lines = text.lines().count();
        print!("{text}");
        let _ = std::io::stdout().flush();
        self.drawn = Instant::now();
    }

    /// Takes the table away.
    fn erase(&mut self) {
        if self.lines > 0 {
            print!("\x1b[{}A\x1b[J", self.lines);
            self.lines = 0;
            let _ = std::io::stdout().flush();
        }
    }
}

/// Head of a column.
const AT_ALDER: &str = "told durable at alder";

/// What a run that held has kept.
const fn promise(scenario: Scenario, mode: Mode) -> &'static str {
    match (scenario, mode) {
        (Scenario::Manager | Scenario::Arbiter | Scenario::Agent, _) => {
            "no VM stopped, and every record that a guest was told is durable is on its disk"
        }
        (Scenario::Test, _) => {
            "no VM stopped, every copy ran on from what it was copied of, and nothing of it is left or on another disk"
        }
        (Scenario::Planned, _)
        | (Scenario::Lun | Scenario::Array | Scenario::Apd | Scenario::Site | Scenario::Partition, Mode::Synchronous) => {
            "every record that a guest was told is durable is on birch's copy"
        }
        (Scenario::Failback, Mode::Synchronous) => {
            "every record that a guest was told is durable, at birch or before at alder, is on alder's copy"
        }
        (Scenario::Failback, Mode::Asynchronous) => {
            "every record of both directions is on alder's copy, but for what the lost LUN lost, within its RPO"
        }
        (Scenario::Lun, Mode::Asynchronous) => {
            "nothing is lost on the LUNs that could be drained; the lost LUN's loss is within its RPO"
        }
        (Scenario::Array | Scenario::Apd | Scenario::Site | Scenario::Partition, Mode::Asynchronous) => {
            "what is lost is within the RPO"
        }
    }
}

/// The verdict of one run.
fn verdict(report: &Report, style: Style) -> String {
    let mut text = String::from("\n  read from the disks and the logs:\n\n");
    let heads = match report.scenario {
        Scenario::Test => [AT_ALDER, "its copy goes on from", "longest pause"],
        Scenario::Manager | Scenario::Arbiter | Scenario::Agent => [AT_ALDER, "goes on at birch from", "longest pause"],
        Scenario::Failback => ["told durable at birch", "goes on at alder from", "longest down for"],
        Scenario::Lun | Scenario::Planned | Scenario::Array | Scenario::Apd | Scenario::Site | Scenario::Partition => {
            [AT_ALDER, "goes on at birch from", "down for"]
        }
    };
    let [acked, resumed, down] = heads;
    let mut table = Table::new(&["VM", acked, resumed, "records lost", down]);
    for vm in &report.vms {
        let lost = if vm.lost == 0 { "0".into() } else { format!("{} ({} ms)", vm.lost, vm.lost_ms) };
        let resumed = vm.resumed.map_or_else(|| "-".into(), |n| n.to_string());
        let down = vm.downtime_ms.map_or_else(|| "-".into(), |ms| format!("{ms} ms"));
        table.row(vec![vm.vm.clone(), vm.acked.to_string(), resumed, lost, down]);
    }
    text += &table.text(style);
    text += "\n";
    let wrong = report.wrong();
    if wrong.is_empty() {
        let promise = promise(report.scenario, report.mode);
        for line in [promise, "each VM ran at one site at a time", "no LUN was ever writable at both sites"] {
            text += &format!("  {} {line}\n", style.paint(Look::Good, "✓"));
        }
    }
    for line in wrong {
        text += &format!("  {} {line}\n", style.paint(Look::Bad, "✗"));
    }
    let what = if report.has_phases() { "from there to the last VM" } else { "longest without a record" };
    text += &format!("  {what}: {}\n", clock(Millis(report.total_ms())));
    text
}

/// Minimum, median and maximum of each phase over runs.
fn medians(reports: &[Report], style: Style) -> String {
    let row = |name: &str, mut all: Vec<u64>| {
        all.sort_unstable();
        let at = |i: usize| all.get(i).map_or_else(|| "-".into(), ToString::to_string);
        vec![name.into(), at(0), at(all.len() / 2), at(all.len().saturating_sub(1))]
    };
    let mut table = Table::new(&["phase", "min ms", "median ms", "max ms"]);
    for phase in Phase::ALL.into_iter().filter(|p| reports.iter().any(|r| r.phases.iter().any(|(q, _)| p == q))) {
        let all = reports.iter().flat_map(|r| r.phases.iter().filter(|(p, _)| *p == phase).map(|(_, ms)| *ms));
        table.row(row(phase.name(), all.collect()));
    }
    table.row(row("in all", reports.iter().map(Report::total_ms).collect()));
    let lost = |r: &Report| r.vms.iter().map(|v| u64::from(v.lost)).sum();
    table.row(row("records lost", reports.iter().map(lost).collect()));
    let good = reports.iter().filter(|r| r.wrong().is_empty()).count();
    format!("\n  {good} of {} runs held\n\n{}", reports.len(), table.text(style))
}

fn as_json(report: &Report) -> Value {
    let vms = report.vms.iter().map(|vm| {
        json!({ "vm": vm.vm, "acked": vm.acked, "resumed": vm.resumed, "lost": vm.lost, "lost-ms": vm.lost_ms,
            "downtime-ms": vm.downtime_ms, "wrong": vm.wrong })
    });
    let phases = report.phases.iter().map(|(phase, ms)| json!({ "phase": phase.name(), "ms": ms }));
    json!({ "vms": vms.collect::<Vec<_>>(), "phases": phases.collect::<Vec<_>>(), "total-ms": report.total_ms(),
        "both-writable": report.both_writable, "wrong": report.wrong() })
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn rates_have_units() {
        let read = ["700", "300k", "2M", "1G"].map(bytes);
        assert_eq!(read, [Ok(700), Ok(300 << 10), Ok(2 << 20), Ok(1 << 30)]);
        for wrong in ["", "0", "M", "-1", "2Mb", "2.5M", "ä", "99999999999G"] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }
}
