//! Everything that a run has made on this machine, in order; and the one way in which it is all taken away.
//!
//! Programs, mounts and directories are written down here when they are made, whoever holds them afterwards. Ending the
//! cellar does not ask who still uses them: what is under way just fails, and nothing new can be made.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::mount::{UnmountFlags, unmount};
use rustix::process::{Pid, Signal, kill_process};

use crate::LabError;

/// How long the machine may take to let go of what was killed.
const LET_GO: Duration = Duration::from_secs(10);
/// How often something that gives no sign is looked at.
const LOOK: Duration = Duration::from_millis(1);

/// A child that its owner and the cellar can both end. Nobody waits while holding the lock.
pub(crate) type Shared = Arc<Mutex<Child>>;

/// Something that is to be taken away.
#[derive(Debug)]
enum Thing {
    Child(Shared),
    Mount(PathBuf),
    Directory(PathBuf),
}

/// What a run has made.
#[derive(Debug, Default)]
pub struct Cellar {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    closed: bool,
    next: u64,
    things: BTreeMap<u64, Thing>,
}

/// Under which something is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(u64);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Inner {
    /// Makes something, unless it is too late, and writes it down.
    fn make<T>(
        &mut self,
        what: impl FnOnce() -> String,
        make: impl FnOnce() -> Result<(Thing, T), LabError>,
    ) -> Result<(Ticket, T), LabError> {
        if self.closed {
            return Err(LabError::Closed { what: what() });
        }
        let (thing, made) = make()?;
        let ticket = self.next;
        self.next += 1;
        self.things.insert(ticket, thing);
        Ok((Ticket(ticket), made))
    }
}

impl Cellar {
    /// An empty one.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Whether everything is being taken away, or has been.
    #[must_use]
    pub fn closed(&self) -> bool {
        lock(&self.inner).closed
    }

    /// Makes a temporary directory.
    ///
    /// # Errors
    /// It cannot be made; or the cellar is closed.
    pub fn directory(&self, make: impl FnOnce() -> std::io::Result<PathBuf>) -> Result<(PathBuf, Ticket), LabError> {
        let what = || "making the work directory".to_string();
        let (ticket, path) = lock(&self.inner).make(what, || {
            let path = make().map_err(LabError::io(what()))?;
            Ok((Thing::Directory(path.clone()), path))
        })?;
        Ok((path, ticket))
    }

    /// Writes down a place where something is about to be mounted.
    ///
    /// # Errors
    /// The cellar is closed.
    pub(crate) fn mount(&self, at: &Path) -> Result<Ticket, LabError> {
        let what = || format!("mounting on {}", at.display());
        lock(&self.inner).make(what, || Ok((Thing::Mount(at.into()), ()))).map(|(ticket, ())| ticket)
    }

    /// Starts a program that dies with us, also if we are killed.
    pub(crate) fn spawn(
        &self,
        program: &str,
        prepare: impl FnOnce(&mut Command),
    ) -> Result<(Shared, Ticket), LabError> {
        let what = || format!("starting {program}");
        let mut command = Command::new(find("setpriv")?);
        command.args(["--pdeathsig", "KILL", "--"]).arg(find(program)?);
        prepare(&mut command);
        let (ticket, child) = lock(&self.inner).make(what, || {
            let child = Arc::new(Mutex::new(spawn(command).map_err(LabError::io(what()))?));
            Ok((Thing::Child(child.clone()), child))
        })?;
        Ok((child, ticket))
    }

    /// Runs a short program to its end; its standard output.
    ///
    /// # Errors
    /// It is not installed, or failed; or the cellar is closed.
    pub(crate) fn run(&self, program: &str, args: &[&str], env: Option<(&str, &Path)>) -> Result<String, LabError> {
        let (child, ticket) = self.spawn(program, |command| {
            command.args(args).envs(env).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        })?;
        let (mut out, mut err) = (String::new(), String::new());
        let pipes = {
            let mut child = lock(&child);
            (child.stdout.take(), child.stderr.take())
        };
        // Both end with the program, however that comes about.
        if let (Some(mut o), Some(mut e)) = pipes {
            let read = o.read_to_string(&mut out).and_then(|_| e.read_to_string(&mut err));
            read.map_err(LabError::io(format!("reading what {program} says")))?;
        }
        let status = loop {
            if let Some(status) = lock(&child).try_wait().map_err(LabError::io(format!("running {program}")))? {
                break status;
            }
            std::thread::sleep(LOOK);
        };
        self.forget(ticket);
        if status.success() {
            return Ok(out);
        }
        let reason = err.lines().next().map_or_else(|| status.to_string(), Into::into);
        Err(LabError::Refused { monitor: program.into(), command: args.join(" "), reason })
    }

    /// Tells people what went wrong, unless it goes wrong because everything is being taken away.
    pub(crate) fn complain(&self, of: &impl std::fmt::Display) {
        if !self.closed() {
            eprintln!("farshore: {of}");
        }
    }

    /// Something is gone, or is to stay when everything else goes.
    pub fn forget(&self, ticket: Ticket) {
        lock(&self.inner).things.remove(&ticket.0);
    }

    /// Takes everything away, the newest first. Once this returns nothing is left, and nothing can be made any more.
    pub fn end(&self) {
        let things = {
            let mut inner = lock(&self.inner);
            inner.closed = true;
            std::mem::take(&mut inner.things)
        };
        // All are told to end before any is waited for: one may be held by a request to another.
        for thing in things.values().rev() {
            if let Thing::Child(child) = thing {
                signal(child);
            }
        }
        for thing in things.values().rev() {
            if let Thing::Child(child) = thing {
                wait(child, LET_GO);
            }
        }
        // Nobody can mount anything any more: whoever was about to is gone.
        for thing in things.values().rev() {
            match thing {
                Thing::Child(_) => {}
                Thing::Mount(at) => release(at),
                Thing::Directory(path) => remove(path),
            }
        }
    }
}

/// Kills a child. One that has not been waited for keeps its id, so this reaches it or nobody.
pub(crate) fn signal(child: &Shared) {
    let mut child = lock(child);
    if matches!(child.try_wait(), Ok(None))
        && let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw)
    {
        let _ = kill_process(pid, Signal::KILL);
    }
}

/// Waits until a child has ended; whether it has.
pub(crate) fn wait(child: &Shared, within: Duration) -> bool {
    let began = Instant::now();
    while matches!(lock(child).try_wait(), Ok(None)) {
        if began.elapsed() > within {
            return false;
        }
        std::thread::sleep(LOOK);
    }
    true
}

/// Releases what is mounted somewhere, also if whoever serves it is dead.
pub(crate) fn release(at: &Path) {
    while unmount(at, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW).is_ok() {}
}

/// Removes a directory. Threads whose work has just failed may still be writing there: until it is gone.
pub(crate) fn remove(path: &Path) {
    let began = Instant::now();
    while let Err(error) = std::fs::remove_dir_all(path) {
        if error.kind() == std::io::ErrorKind::NotFound {
            return;
        }
        if began.elapsed() > LET_GO {
            eprintln!("farshore: {} could not be removed ({error}): remove it by hand", path.display());
            return;
        }
        std::thread::sleep(LOOK);
    }
}

/// Where a program is; the directories of the super-user are looked through too.
fn find(program: &str) -> Result<PathBuf, LabError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    let mut found = dirs.map(|dir| dir.join(program)).filter(|file| file.is_file());
    found.next().ok_or_else(|| LabError::Missing { program: program.into() })
}

type Order = (Command, Sender<std::io::Result<Child>>);

/// `setpriv --pdeathsig` binds a child to the *thread* that starts it: one that never ends starts them all.
fn spawn(command: Command) -> std::io::Result<Child> {
    static STARTER: LazyLock<Mutex<Sender<Order>>> = LazyLock::new(|| {
        let (orders, taken) = channel::<Order>();
        std::thread::spawn(move || {
            for (mut command, answer) in taken {
                let _ = answer.send(command.spawn());
            }
        });
        Mutex::new(orders)
    });
    let gone = || std::io::Error::other("the thread that starts programs is gone");
    let (answer, answered) = channel();
    lock(&STARTER).send((command, answer)).map_err(|_| gone())?;
    answered.recv().map_err(|_| gone())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::process::Process;

    fn sleeper(cellar: &Arc<Cellar>, dir: &Path) -> Result<Process, LabError> {
        Process::start(cellar, "sleeper", "sleep", &["3600".into()], &dir.join("log"))
    }

    #[test]
    fn nothing_is_left_whoever_holds_it_and_nothing_new_is_made() {
        let cellar = Cellar::new();
        let (dir, _) = cellar.directory(|| tempfile::tempdir().map(tempfile::TempDir::keep)).expect("a directory");
        let held = sleeper(&cellar, &dir).expect("started");
        assert!(held.runs());
        cellar.end();
        assert!(!held.runs());
        assert!(!dir.exists());
        let elsewhere = tempfile::tempdir().expect("a directory");
        assert!(matches!(sleeper(&cellar, elsewhere.path()), Err(LabError::Closed { .. })));
        assert!(matches!(cellar.run("true", &[], None), Err(LabError::Closed { .. })));
    }

    #[test]
    fn what_ended_or_is_to_stay_is_forgotten() {
        let cellar = Cellar::new();
        let (dir, ticket) = cellar.directory(|| tempfile::tempdir().map(tempfile::TempDir::keep)).expect("a directory");
        drop(sleeper(&cellar, &dir).expect("started"));
        assert_eq!(cellar.run("echo", &["yes"], None).expect("run"), "yes\n");
        cellar.forget(ticket);
        assert!(lock(&cellar.inner).things.is_empty());
        cellar.end();
        std::fs::remove_dir_all(dir).expect("it is still there");
    }

    #[test]
    fn a_program_that_fails_is_told_with_its_words() {
        let cellar = Cellar::new();
        let failed = cellar.run("ls", &["/farshore/no/such/file"], None).expect_err("no such file");
        assert!(failed.to_string().contains("/farshore/no/such/file"), "{failed}");
        let missing = cellar.run("farshore-no-such-program", &[], None).expect_err("no such program");
        assert!(matches!(missing, LabError::Missing { .. }), "{missing}");
    }
}
