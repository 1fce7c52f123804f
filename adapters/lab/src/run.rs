//! One run: build, protect, let something happen, wait for the VMs, judge.

mod apart;
mod rehearsal;
mod silent;
mod together;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant as Clock};

use farshore_core::Command;
use farshore_core::event::Event;
use farshore_core::ids::Side;
use farshore_core::inventory::Site as Inventory;
use farshore_core::time::Instant;
use farshore_qemu::array::{Array, Config};
use farshore_qemu::guest::{Disk, LUN_BYTES};
use farshore_qemu::linux::Kernel;
use farshore_qemu::verdict::{self, Said, VmVerdict};
use farshore_qemu::{Cellar, leftovers};

use crate::Scenario;
use crate::deployment::VMS;
use crate::failed::Failed;
use crate::options::{Guest, Interrupted, Notice, Options, Progress};
use crate::parties::Parties;
use crate::recording::Tape;
use crate::report::{Mark, Report};
use crate::site::{Site, Watcher};

/// How directories of runs are called, as far as they have the same name.
const PREFIX: &str = "farshore-lab-";
/// How often it is looked whether somebody pressed Ctrl-C.
const LOOK: Duration = Duration::from_millis(20);

/// The parts of a run, in the order in which they are taken down.
struct Lab<'a> {
    sites: Vec<Site>,
    dir: PathBuf,
    cellar: Arc<Cellar>,
    progress: Progress<'a>,
    interrupted: Interrupted<'a>,
    marks: Marks,
    tape: Option<Tape>,
    /// How many of them have been passed on.
    told: AtomicUsize,
    /// What happened that no manager says.
    happened: Happened,
    /// Does something as soon as a manager says something, before that manager goes on.
    trap: Option<Trap>,
}

/// What managers have said so far.
type Marks = Arc<Mutex<Vec<Mark>>>;
type Happened = Arc<Mutex<Vec<(Instant, &'static str)>>>;
type Trap = Arc<dyn Fn(Side, Event) + Send + Sync>;

/// Ends a cellar on every way out, a panic too.
struct Ending(Arc<Cellar>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// One run. `interrupted` is asked often; once it says yes everything is taken down, whatever is under way.
///
/// # Errors
/// A part that did not do what it should. What was lost or run twice is no error but in the report.
pub fn run(options: &Options, progress: Progress<'_>, interrupted: Interrupted<'_>) -> Result<Report, Failed> {
    for left in leftovers::sweep(&std::env::temp_dir(), PREFIX) {
        eprintln!("farshore: {} was left by a lab that was killed, and is removed", left.display());
    }
    let cellar = Cellar::new();
    let ending = Ending(cellar.clone());
    let temporary = || tempfile::Builder::new().prefix(PREFIX).tempdir().map(tempfile::TempDir::keep);
    let (dir, ticket) = match &options.dir {
        Some(dir) => {
            // Some of the programs go elsewhere.
            let dir = &std::path::absolute(dir).map_err(Failed::Dir)?;
            leftovers::settle(dir);
            std::fs::create_dir_all(dir).map_err(Failed::Dir)?;
            // What guests said in another run would be taken for what they say in this one.
            if std::fs::read_dir(dir).map_err(Failed::Dir)?.next().is_some() {
                return Err(Failed::NotEmpty { dir: dir.clone() });
            }
            (dir.clone(), None)
        }
        None => cellar.directory(temporary).map(|(dir, ticket)| (dir, Some(ticket)))?,
    };
    let in_use = leftovers::mark(&dir)?;
    let recording = |path: &Path| {
        let path = path.to_path_buf();
        move |error| Failed::Recording { path, error }
    };
    let tape = match &options.record {
        Some(path) => Some(Tape::create(path, &options.header()).map_err(recording(path))?),
        None => None,
    };
    let mut lab = Lab {
        sites: Vec::new(),
        dir,
        cellar: cellar.clone(),
        progress,
        interrupted,
        marks: Marks::default(),
        tape,
        told: AtomicUsize::new(0),
        happened: Happened::default(),
        trap: None,
    };
    let result = std::thread::scope(|scope| {
        let (done, ended) = channel::<()>();
        scope.spawn(|| {
            let ended = ended;
            while ended.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                if interrupted() {
                    return cellar.end();
                }
            }
        });
        let result = lab.go(options);
        drop(done);
        result
    });
    lab.sites.iter_mut().for_each(|site| site.manager = None);
    let finished = match (&lab.tape, &options.record) {
        (Some(tape), Some(path)) => tape.finish().map_err(recording(path)),
        (None | Some(_), _) => Ok(()),
    };
    let result = result.and_then(|report| finished.map(|()| report));
    // What fails while everything is taken down fails for that reason.
    let result = if interrupted() { Err(Failed::Interrupted) } else { result };
    let fine = matches!(&result, Ok(report) if report.wrong().is_empty());
    if ticket.is_none() {
        leftovers::keep(&lab.dir);
    }
    if let Some(ticket) = ticket
        && !fine
        && !interrupted()
    {
        cellar.forget(ticket);
        leftovers::keep(&lab.dir);
        eprintln!("farshore: the files of this run are kept in {}", lab.dir.display());
    }
    drop((ending, in_use));
    result
}

impl Lab<'_> {
    fn go(&mut self, options: &Options) -> Result<Report, Failed> {
        if options.scenario.is_armed() { self.go_apart(options) } else { self.go_together(options) }
    }

    fn build(&mut self, options: &Options) -> Result<(), Failed> {
        (self.progress)(Notice::Step("two arrays and their hosts are built"));
        let inventories = Inventory::pair(&options.scenario.deployment(options.mode))?;
        let mut arrays = Vec::new();
        for (at, inventory) in inventories.iter().enumerate() {
            let site = inventory.inventory.sites[at].name.clone();
            let dir = self.dir.join(&site);
            std::fs::create_dir_all(&dir).map_err(Failed::Dir)?;
            let first = at == 0;
            let luns = (1..).zip(VMS).map(|(unit, (vm, _))| (vm.to_string(), unit, first.then(|| vm.to_string())));
            let config =
                Config { site, dir, luns: luns.collect(), mode: options.mode, rate: options.rate, writable: first };
            arrays.push(Array::start(&self.cellar, config)?);
            self.check_interrupt()?;
        }
        Array::pair(&arrays[0], &arrays[1]);
        let kernel = match options.guest {
            Guest::Mini => None,
            Guest::Linux => Some(Kernel::make(&self.dir)?),
        };
        for (inventory, array) in inventories.into_iter().zip(arrays) {
            self.sites.push(Site::start(
                &self.cellar,
                inventory,
                array,
                (&options.accelerator, kernel.clone()),
                self.tape.clone(),
            )?);
        }
        Ok(())
    }

    fn start_guests(&self) -> Result<(), Failed> {
        (self.progress)(Notice::Step("four VMs start at alder"));
        for (at, (vm, _)) in VMS.iter().enumerate() {
            let host = if at % 2 == 0 { "alder-1" } else { "alder-2" };
            self.sites[0].hosts.power_on(vm, host)?;
        }
        self.wait("each VM's first records", 120, || VMS.iter().all(|(vm, _)| self.said(0, vm).acks.len() >= 3))
    }

    /// Writes down what a site's manager says.
    fn watcher(&self, side: Side) -> Watcher {
        let (marks, trap) = (self.marks.clone(), self.trap.clone());
        Arc::new(move |when, event| {
            marks.lock().unwrap_or_else(PoisonError::into_inner).push(Mark { when, side, event });
            if let Some(trap) = &trap {
                trap(side, event);
            }
        })
    }

    fn marks(&self) -> Vec<Mark> {
        self.marks.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn step(&self, what: &'static str) {
        (self.progress)(Notice::Step(what));
    }

    fn start_managers(&mut self, options: &Options, parties: Option<&Parties>) -> Result<(), Failed> {
        self.step("two managers start, and protect what runs");
        let addresses = match parties {
            None => [self.sites[0].address(), self.sites[1].address()],
            Some(parties) => [parties.manager(0), parties.manager(1)],
        };
        for (at, side) in Side::BOTH.into_iter().enumerate() {
            let agent = parties.map(|p| p.agent(at));
            let watcher = self.watcher(side);
            self.sites[at].manage(addresses[1 - at], watcher, agent)?;
        }
        self.wait("the managers' first words", 10, || self.view(0).is_some())?;
        self.protect(options, 0)
    }

    /// Commands a site's manager, until it agrees.
    fn command(&self, at: usize, what: &'static str, command: &Command) -> Result<(), Failed> {
        let manager = self.sites[at].manager.as_ref();
        self.wait(what, 30, || matches!(manager.and_then(|m| m.command(command.clone())), Some(Ok(()))))
    }

    /// Every group is protected, by the site that owns it.
    fn protect(&self, options: &Options, at: usize) -> Result<(), Failed> {
        self.command(at, "the command to protect", &Command::Protect(options.scenario.groups()))?;
        // A slow link takes its time for the first copy.
        let copy = options.rate.map_or(0, |rate| 2 * LUN_BYTES.div_ceil(rate.max(1)));
        self.wait("the protection of the groups", 60 + copy, || self.view(at).is_some_and(|v| v.protected && v.idle))
    }

    /// Every VM runs at a site. `both`: its peer's manager is there too.
    fn await_recovery(&self, (from, to): (Instant, usize), began: Instant, both: bool) -> Result<(), Failed> {
        let up = |vm: &str| self.said(to, vm).acks.iter().filter(|(ms, _)| *ms >= from.0).count() >= 3;
        let done = self.wait("the recovery of every VM", 180, || {
            self.tell(began);
            let given = !both || self.view(1 - to).is_some_and(|v| v.idle);
            let settled = given && self.view(to).is_some_and(|v| v.active && v.idle);
            (VMS.iter().all(|(vm, _)| up(vm)) && settled) || self.is_stuck(both, to)
        });
        self.tell(began);
        done
    }

    /// Whether a group waits for an operator: at the site that takes it; `both`: or at its peer.
    fn is_stuck(&self, both: bool, to: usize) -> bool {
        (0..2).filter(|&at| both || at == to).any(|at| self.view(at).is_some_and(|v| v.needs_operator))
    }

    /// Passes on what managers have said since it was last done.
    fn tell(&self, began: Instant) {
        let all = self.marks();
        let told = self.told.swap(all.len(), Ordering::Relaxed);
        let mut happened = std::mem::take(&mut *self.happened.lock().unwrap_or_else(PoisonError::into_inner));
        let happens = |(when, what): (Instant, _)| (self.progress)(Notice::Happened((when - began).0, what));
        for mark in &all[told..] {
            happened.extract_if(.., |(when, _)| *when <= mark.when).for_each(happens);
            let since = (mark.when >= began).then(|| (mark.when - began).0);
            (self.progress)(Notice::Event(mark.side, since, mark.event));
        }
        happened.into_iter().for_each(happens);
    }

    /// Managers and VMs end: a disk is judged when nobody writes it.
    fn rest(&mut self) {
        for site in &mut self.sites {
            site.manager = None;
            site.hosts.end_all();
        }
    }

    fn judge(&mut self, options: &Options, began: Instant) -> Result<Report, Failed> {
        self.rest();
        let mut vms = Vec::new();
        for (vm, _) in VMS {
            vms.push(verdict::judge(vm, &self.said(0, vm), &self.said(1, vm), &self.disk(1, vm)?));
        }
        Ok(self.report(options, began, vms))
    }

    fn report(&self, options: &Options, began: Instant, vms: Vec<VmVerdict>) -> Report {
        let [first, second] = [0, 1].map(|at| self.access(at));
        let both_writable = verdict::both_writable(&first, &second);
        let mut report = Report::new((options.mode, options.scenario), began, &self.marks(), vms, both_writable);
        if options.scenario == Scenario::Array && !verdict::died_in_between(&first, &second) {
            report.story.push("the array did not die in the midst of the failover".into());
        }
        if options.scenario == Scenario::Apd {
            report.story.extend(silent::story(&self.marks()));
        }
        report
    }

    fn disk(&self, at: usize, vm: &str) -> Result<Disk, Failed> {
        self.sites[at].array.device(vm).map_or_else(|| Ok(Disk::default()), |device| Ok(verdict::disk(&device)?))
    }

    /// What an array has written down about who may write what.
    fn access(&self, at: usize) -> String {
        std::fs::read_to_string(self.sites[at].dir.join("access.jsonl")).unwrap_or_default()
    }

    fn view(&self, at: usize) -> Option<crate::manager::View> {
        self.sites[at].manager.as_ref().and_then(crate::manager::Manager::look)
    }

    fn said(&self, at: usize, vm: &str) -> Said {
        verdict::said(&self.words(at, vm))
    }

    /// What a VM said at a site, line by line.
    fn words(&self, at: usize, vm: &str) -> String {
        std::fs::read_to_string(self.sites[at].dir.join(format!("{vm}.said"))).unwrap_or_default()
    }

    fn check_interrupt(&self) -> Result<(), Failed> {
        if (self.interrupted)() { Err(Failed::Interrupted) } else { Ok(()) }
    }

    fn pause(&self, span: Duration) -> Result<(), Failed> {
        let began = Clock::now();
        while began.elapsed() < span {
            self.check_interrupt()?;
            self.tell_vms();
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn tell_vms(&self) {
        for (vm, _) in VMS {
            let newest = [0, 1].map(|at| self.said(at, vm).acks.last().map(|(_, n)| *n));
            (self.progress)(Notice::Vm(vm, newest));
        }
    }

    fn wait(&self, what: &'static str, seconds: u64, mut happened: impl FnMut() -> bool) -> Result<(), Failed> {
        let began = Clock::now();
        while !happened() {
            self.check_interrupt()?;
            if began.elapsed() > Duration::from_secs(seconds) {
                return Err(Failed::Late { what, seconds, dir: self.dir.clone() });
            }
            self.tell_vms();
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }
}
