//! One run: build, protect, lose a LUN, wait for the VMs, judge.

mod apart;

use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant as Clock};

use farshore_core::Command;
use farshore_core::error::{Rejected, RestoreError};
use farshore_core::event::Event;
use farshore_core::ids::{GroupKey, Side};
use farshore_core::inventory::{ConfigError, Site as Inventory};
use farshore_core::time::Instant;
use farshore_journal::JournalError;
use farshore_qemu::array::{Array, Config, Mode};
use farshore_qemu::guest::LUN_BYTES;
use farshore_qemu::linux::Kernel;
use farshore_qemu::verdict::{self, Said};
use farshore_qemu::{Cellar, LabError, clock, leftovers};
use thiserror::Error;

use crate::deployment::{LOST, VMS, armed, deployment};
use crate::parties::Parties;
use crate::report::{Mark, Report};
use crate::site::{Site, Watcher};

/// What a run is to be like.
#[derive(Clone, Debug)]
pub struct Options {
    /// How LUNs are replicated.
    pub mode: Mode,
    /// Limit of the replication link per LUN, bytes per second.
    pub rate: Option<u64>,
    /// Where its files go; `None`: a temporary directory that is removed after a run that went well.
    pub dir: Option<PathBuf>,
    /// How long the VMs run protected before the loss.
    pub calm: Duration,
    /// QEMU's accelerator.
    pub accelerator: String,
    /// What runs in the VMs.
    pub guest: Guest,
    /// What goes wrong.
    pub scenario: Scenario,
    /// This program, of which the arbiter, agents and guards are further processes.
    pub exe: PathBuf,
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scenario {
    /// A LUN is lost for good, and its group is handed over.
    #[default]
    Lun,
    /// Everything at the first site is killed at once, and its group is taken over.
    Site,
    /// The first site's manager alone is lost: nothing stops.
    Manager,
    /// Every wire out of the first site is cut, and mended after its group has been taken over.
    Partition,
    /// The arbiter is killed, and started again: nothing stops.
    Arbiter,
    /// The first site's agent is killed, and a standby takes its place: nothing stops.
    Agent,
}

impl Scenario {
    /// Whether VMs stay where they are.
    #[must_use]
    pub const fn stays(self) -> bool {
        matches!(self, Self::Manager | Self::Arbiter | Self::Agent)
    }

    /// What is run.
    #[must_use]
    pub fn deployment(self, mode: Mode) -> farshore_core::spec::Deployment {
        if self == Self::Lun { deployment(mode) } else { armed(mode) }
    }
}

/// What runs in the VMs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Guest {
    /// 512 bytes in the boot sector of the VM's LUN.
    #[default]
    Mini,
    /// A kernel of Debian's with an initramfs of its own.
    Linux,
}

impl Default for Options {
    fn default() -> Self {
        let calm = Duration::from_millis(1500);
        Self {
            mode: Mode::Synchronous,
            rate: None,
            dir: None,
            calm,
            accelerator: "tcg".into(),
            guest: Guest::Mini,
            scenario: Scenario::Lun,
            exe: std::env::current_exe().unwrap_or_default(),
        }
    }
}

/// What a run is doing, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A step of the lab itself.
    Step(&'static str),
    /// A manager told something: site, milliseconds since the loss (`None`: before it), what.
    Event(Side, Option<u64>, Event),
    /// The LUN is lost now.
    Lost,
    /// A VM's newest acknowledged record at each site.
    Vm(&'static str, [Option<u32>; 2]),
}

/// Who is told what a run is doing.
pub type Progress<'a> = &'a (dyn Fn(Notice) + Send + Sync);

/// Why a run came to nothing.
#[derive(Debug, Error)]
pub enum Failed {
    /// A real part did not do what it should.
    #[error(transparent)]
    Part(#[from] LabError),
    /// The journal could not be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The link could not be opened.
    #[error("the managers' link cannot be opened: {0}")]
    Link(std::io::Error),
    /// The lab's own deployment is not valid.
    #[error("the lab's deployment is not valid: {0}")]
    Config(#[from] ConfigError),
    /// A manager did not start.
    #[error("a manager did not start: {0}")]
    Restore(#[from] RestoreError),
    /// A command was rejected.
    #[error("a manager rejected a command: {0}")]
    Rejected(#[from] Rejected),
    /// The work directory cannot be made.
    #[error("the work directory cannot be made: {0}")]
    Dir(std::io::Error),
    /// There are files in the work directory.
    #[error("{} is not empty: remove it, or name another directory to keep the files in", dir.display())]
    NotEmpty {
        /// The directory.
        dir: PathBuf,
    },
    /// Something did not happen in time.
    #[error("{what} did not happen within {seconds} s; the files of the run are in {dir}")]
    Late {
        /// What.
        what: &'static str,
        /// How long it was waited for.
        seconds: u64,
        /// Where to look.
        dir: PathBuf,
    },
    /// Somebody pressed Ctrl-C.
    #[error("interrupted; everything was taken down")]
    Interrupted,
}

/// Whether the run is to be given up.
pub type Interrupted<'a> = &'a (dyn Fn() -> bool + Sync);

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
}

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
    let mut lab = Lab { sites: Vec::new(), dir, cellar: cellar.clone(), progress, interrupted };
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

/// Writes down what a site's manager says.
fn watcher(side: Side, marks: &Arc<Mutex<Vec<Mark>>>) -> Watcher {
    let marks = marks.clone();
    Arc::new(move |when, event| {
        marks.lock().unwrap_or_else(PoisonError::into_inner).push(Mark { when, side, event });
    })
}

impl Lab<'_> {
    fn go(&mut self, options: &Options) -> Result<Report, Failed> {
        let marks: Arc<Mutex<Vec<Mark>>> = Arc::default();
        if options.scenario != Scenario::Lun {
            return self.go_apart(options);
        }
        self.build(options)?;
        self.start_guests()?;
        self.protect(options, &marks, None)?;
        (self.progress)(Notice::Step("the VMs run, protected"));
        self.pause(options.calm)?;
        let lost_at = clock::now();
        self.sites[0].array.lose(LOST)?;
        (self.progress)(Notice::Lost);
        self.await_recovery(&marks, lost_at, true)?;
        let marks = marks.lock().unwrap_or_else(PoisonError::into_inner).clone();
        self.judge(options, lost_at, &marks)
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
            self.sites.push(Site::start(&self.cellar, inventory, array, (&options.accelerator, kernel.clone()))?);
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

    fn protect(
        &mut self,
        options: &Options,
        marks: &Arc<Mutex<Vec<Mark>>>,
        parties: Option<&Parties>,
    ) -> Result<(), Failed> {
        (self.progress)(Notice::Step("two managers start, and protect the group"));
        let addresses = match parties {
            None => [self.sites[0].address(), self.sites[1].address()],
            Some(parties) => [parties.manager(0), parties.manager(1)],
        };
        for (at, side) in Side::BOTH.into_iter().enumerate() {
            let agent = parties.map(|p| p.agent(at));
            self.sites[at].manage(addresses[1 - at], watcher(side, marks), agent)?;
        }
        let verified = || self.view(0).is_some();
        self.wait("the managers' first words", 10, verified)?;
        let manager = self.sites[0].manager.as_ref();
        self.wait("the command to protect", 10, || {
            let command = Command::Protect(vec![GroupKey::of("shop")]);
            matches!(manager.and_then(|m| m.command(command)), Some(Ok(())))
        })?;
        // A slow link takes its time for the first copy.
        let copy = options.rate.map_or(0, |rate| 2 * LUN_BYTES.div_ceil(rate.max(1)));
        self.wait("the protection of the group", 60 + copy, || self.view(0).is_some_and(|v| v.protected && v.idle))
    }

    fn await_recovery(&self, marks: &Arc<Mutex<Vec<Mark>>>, lost_at: Instant, both: bool) -> Result<(), Failed> {
        let mut told = 0;
        let mut tell = || {
            let all = marks.lock().unwrap_or_else(PoisonError::into_inner);
            for mark in &all[told..] {
                let since = (mark.when >= lost_at).then(|| (mark.when - lost_at).0);
                (self.progress)(Notice::Event(mark.side, since, mark.event));
            }
            told = all.len();
        };
        let done = self.wait("the recovery of every VM", 180, || {
            tell();
            let up = VMS.iter().all(|(vm, _)| self.said(1, vm).acks.len() >= 3);
            let given = !both || self.view(0).is_some_and(|v| v.idle);
            let settled = given && self.view(1).is_some_and(|v| v.active && v.idle);
            let stuck = (usize::from(!both)..2).any(|at| self.view(at).is_some_and(|v| v.needs_operator));
            (up && settled) || stuck
        });
        tell();
        done
    }

    fn judge(&mut self, options: &Options, lost_at: Instant, marks: &[Mark]) -> Result<Report, Failed> {
        // Managers and VMs first: a disk is judged when nobody writes it.
        for site in &mut self.sites {
            site.manager = None;
            site.hosts.end_all();
        }
        let mut vms = Vec::new();
        for (vm, _) in VMS {
            let disk = match self.sites[1].array.device(vm) {
                Some(device) => verdict::disk(&device)?,
                None => Default::default(),
            };
            vms.push(verdict::judge(vm, &self.said(0, vm), &self.said(1, vm), &disk));
        }
        Ok(Report::new((options.mode, options.scenario), lost_at, marks, vms, self.both_writable()))
    }

    /// I1, from the arrays' own logs.
    fn both_writable(&self) -> Vec<String> {
        let log = |at: usize| std::fs::read_to_string(self.sites[at].dir.join("access.jsonl")).unwrap_or_default();
        verdict::both_writable(&log(0), &log(1))
    }

    fn view(&self, at: usize) -> Option<crate::manager::View> {
        self.sites[at].manager.as_ref().and_then(crate::manager::Manager::look)
    }

    fn said(&self, at: usize, vm: &str) -> Said {
        let text = std::fs::read_to_string(self.sites[at].dir.join(format!("{vm}.said")));
        verdict::said(&text.unwrap_or_default())
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
