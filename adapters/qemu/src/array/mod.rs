//! A storage array of real parts.

mod copy;
mod cycle;
mod daemon;
mod front;
mod reverse;
mod tail;
mod unit;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use farshore_core::operation::{Failure, Goal, LunSeen, Token};
use serde_json::json;

use crate::clock;
use crate::process::Process;
use crate::tokens::Tokens;
use crate::{Cellar, LabError, guest};
use daemon::Daemon;
use front::Target;
use unit::Unit;

/// How a LUN is replicated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Each write is acknowledged when both copies have it.
    Synchronous,
    /// Deltas follow, each from a point in time.
    Asynchronous,
}

/// What an array is made of.
#[derive(Clone, Debug)]
pub struct Config {
    /// The site.
    pub site: String,
    /// Where its files go; it exists.
    pub dir: PathBuf,
    /// Its LUNs: name, unit, and the VM whose guest is written on it, where it is a new protected LUN.
    pub luns: Vec<(String, u16, Option<String>)>,
    /// How they are replicated.
    pub mode: Mode,
    /// Limit of the way to the peer, bytes per second.
    pub rate: Option<u64>,
    /// Whether VMs may write its LUNs from the start: it is the owner's.
    pub writable: bool,
}

/// A running array.
#[derive(Debug)]
pub struct Array {
    cellar: Arc<Cellar>,
    config: Config,
    back: Daemon,
    front: Daemon,
    target: Target,
    nbd: SocketAddr,
    units: BTreeMap<String, Mutex<Unit>>,
    tokens: Mutex<Tokens>,
    log: Mutex<File>,
    peer: OnceLock<Weak<Self>>,
    /// Where its peer reaches it for replication, if not at its own port.
    door: OnceLock<SocketAddr>,
    media: Mutex<Vec<Process>>,
    /// It has lost its power: it answers nothing.
    dead: AtomicBool,
}

/// First port that is handed out on a lab's own address.
const FIRST_PORT: u16 = 7000;

/// A port that nobody else takes, also while nothing listens on it yet: a part may start late, or end and start again.
///
/// Every process has a loopback address of its own in 127.64.0.0/10, by its id, and hands out each port there once. What
/// the kernel picks for others, on 127.0.0.1, is never one of these.
///
/// # Errors
/// There is none left.
pub fn own_port() -> Result<SocketAddr, LabError> {
    static NEXT: AtomicU16 = AtomicU16::new(FIRST_PORT);
    let address = Ipv4Addr::from_bits(0x7f40_0000 | (std::process::id() & 0x003f_ffff));
    loop {
        let port = NEXT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |port| port.checked_add(1));
        let port = port.map_err(|_| LabError::io("finding a free port")(ErrorKind::AddrNotAvailable.into()))?;
        // Something may listen on this port of every address.
        if TcpListener::bind((address, port)).is_ok() {
            return Ok((address, port).into());
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Array {
    /// Builds an array: media, daemons, target, and every LUN on it.
    ///
    /// # Errors
    /// A part that does not start; what had started is ended.
    pub fn start(cellar: &Arc<Cellar>, config: Config) -> Result<Arc<Self>, LabError> {
        let dir = config.dir.clone();
        let mut media = Vec::new();
        for (lun, _, vm) in &config.luns {
            guest::format(&dir.join(format!("{lun}.img")), vm.as_deref())?;
            media.push(start_medium(cellar, &dir, lun)?);
        }
        let back = Daemon::start(cellar, &dir, "back")?;
        let nbd = own_port()?;
        let address =
            json!({ "type": "inet", "data": { "host": nbd.ip().to_string(), "port": nbd.port().to_string() } });
        back.execute("nbd-server-start", json!({ "addr": address }))?;
        let front = Daemon::start(cellar, &dir, "front")?;
        let target = Target::start(cellar, &dir, &config.site, own_port()?)?;
        let log = dir.join("access.jsonl");
        let log = File::create(&log).map_err(LabError::io(format!("making {}", log.display())))?;
        let tokens = Mutex::new(Tokens::open(dir.join("luns.tokens"))?);
        let units = config.luns.iter().map(|(lun, unit, _)| (lun.clone(), Mutex::new(Unit::new(lun, *unit)))).collect();
        let array = Self {
            cellar: cellar.clone(),
            back,
            front,
            target,
            nbd,
            units,
            tokens,
            log: Mutex::new(log),
            peer: OnceLock::new(),
            door: OnceLock::new(),
            media: Mutex::new(media),
            dead: AtomicBool::new(false),
            config,
        };
        for unit in array.units.values() {
            let mut unit = lock(unit);
            array.attach(&unit.stack)?;
            array.present(&mut unit, array.config.writable)?;
        }
        Ok(Arc::new(array))
    }

    /// Lets two arrays know each other.
    pub fn pair(one: &Arc<Self>, two: &Arc<Self>) {
        let _ = one.peer.set(Arc::downgrade(two));
        let _ = two.peer.set(Arc::downgrade(one));
    }

    fn peer(&self) -> Option<Arc<Self>> {
        self.peer.get().and_then(Weak::upgrade)
    }

    /// Where its target listens, and the target's name.
    #[must_use]
    pub fn portal(&self) -> (SocketAddr, &str) {
        (self.target.portal, &self.target.name)
    }

    /// Where its files are.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.config.dir
    }

    /// Where everything that it is made of is written down.
    pub(crate) fn cellar(&self) -> &Cellar {
        &self.cellar
    }

    /// The file under which the LUN can be read, as VMs see it.
    #[must_use]
    pub fn device(&self, lun: &str) -> Option<PathBuf> {
        lock(self.units.get(lun)?).device()
    }

    /// Opens the medium of a LUN, under the names of its stack.
    fn attach(&self, stack: &str) -> Result<(), LabError> {
        let socket = self.config.dir.join(format!("{stack}.media"));
        let medium = json!({ "driver": "nbd", "node-name": format!("{stack}-m"), "reconnect-delay": 0,
            "server": { "type": "unix", "path": socket } });
        self.back.execute("blockdev-add", medium)?;
        let node = json!({ "driver": "raw", "node-name": stack, "file": format!("{stack}-m") });
        self.back.execute("blockdev-add", node)?;
        let shown = self.shown_first(stack);
        if shown != stack {
            let nothing = json!({ "driver": "null-co", "node-name": shown, "size": guest::LUN_BYTES });
            self.back.execute("blockdev-add", nothing)?;
        }
        let view = json!({ "driver": "raw", "node-name": unit::view(stack), "file": shown });
        self.back.execute("blockdev-add", view).map(drop)
    }

    /// What VMs would see of a LUN from the start. A copy that takes deltas shows nothing until it is taken: points are
    /// merged under it, and nobody may read it then.
    fn shown_first(&self, stack: &str) -> String {
        let takes_deltas = self.config.mode == Mode::Asynchronous && !self.config.writable;
        if takes_deltas { format!("{stack}-nothing") } else { stack.into() }
    }

    /// Brings a LUN into a state. Commands below the highest that was applied are refused (J2).
    ///
    /// # Errors
    /// Why it was not; definite. What is not known in time is an error of the inner result: nobody can tell.
    pub fn apply(&self, lun: &str, goal: Goal, token: Token) -> Result<Result<LunSeen, Failure>, LabError> {
        let Some(unit) = self.units.get(lun) else { return Ok(Err(Failure::Unknown)) };
        let mut unit = lock(unit);
        if let Err(superseded) = lock(&self.tokens).admits(lun, token) {
            return Ok(Err(superseded));
        }
        if unit.lost && goal != Goal::ReadOnly {
            return Ok(Err(Failure::Lost));
        }
        lock(&self.tokens).record(lun, token)?;
        let applied = match goal {
            Goal::ReadOnly if unit.lost => Ok(()),
            Goal::ReadOnly => self.set_writable(&mut unit, false),
            Goal::ReadWrite => self.make_writable(&mut unit),
            Goal::Replicating => self.replicate(&mut unit, token.epoch),
            Goal::Drained => self.drain(&mut unit),
            Goal::ReplicationStopped => self.stop_replication(&mut unit),
            Goal::Cut => self.cut(&mut unit, token.epoch),
            Goal::RolledBack { to } => Self::roll_back(&unit, to),
            Goal::TailKept => self.keep_tail(&mut unit, token),
            Goal::Fenced
            | Goal::Mounted
            | Goal::Stopped { .. }
            | Goal::Running { .. }
            | Goal::Placeholder
            | Goal::Unregistered
            | Goal::Ran
            | Goal::Copied
            | Goal::CopiedAt { .. }
            | Goal::Gone => return Ok(Err(Failure::Unknown)),
        };
        match applied {
            Ok(()) => Ok(Ok(self.seen(&unit))),
            Err(refused @ LabError::Refused { .. }) => {
                self.complain(&format!("{lun} at {}: {refused}", self.config.site));
                Ok(Err(Failure::Failed))
            }
            Err(error) => Err(error),
        }
    }

    /// What is to be seen of a LUN; nothing, of an array that is dead.
    #[must_use]
    pub fn observe(&self, lun: &str) -> Option<LunSeen> {
        if self.is_dead() {
            return None;
        }
        let unit = lock(self.units.get(lun)?);
        Some(self.seen(&unit))
    }

    /// Whether the array still serves a LUN.
    #[must_use]
    pub fn serves(&self, lun: &str) -> bool {
        self.units.get(lun).is_some_and(|u| !lock(u).lost)
    }

    /// Loses a LUN for good: its medium fails and its logical unit is deleted, so that every path answers 5h/25h/00h.
    ///
    /// # Errors
    /// The target daemon refuses.
    pub fn lose(&self, lun: &str) -> Result<(), LabError> {
        let Some(unit) = self.units.get(lun) else { return Ok(()) };
        let mut unit = lock(unit);
        let fail = self.config.dir.join(format!("{}.FAIL", unit.stack));
        File::create(&fail).map_err(LabError::io(format!("making {}", fail.display())))?;
        let in_sync = self.in_sync(&unit);
        unit.lose(in_sync);
        self.target.delete(unit.number)?;
        self.note(lun, "lost");
        // While the peer still answers: a daemon waits for one that does not, and with it every other LUN.
        self.stop_replication(&mut unit)
    }

    /// Its own write lease has run out: no LUN is writable to VMs any more (O3). Nobody's command, so without a token.
    pub fn withdraw(&self) {
        for unit in self.units.values() {
            if let Err(error) = self.set_writable(&mut lock(unit), false) {
                self.complain(&error);
            }
        }
    }

    /// Whether VMs may write a LUN of it.
    #[must_use]
    pub fn any_writable(&self) -> bool {
        self.units.values().any(|unit| lock(unit).is_writable())
    }

    /// Writes to a LUN need not be mirrored any more (O6).
    ///
    /// # Errors
    /// The daemon refuses.
    pub fn degrade(&self, lun: &str) -> Result<(), LabError> {
        self.units.get(lun).map_or(Ok(()), |unit| self.stop_replication(&mut lock(unit)))
    }

    /// The array loses its power: every program of it is killed, and nothing is written down by it any more.
    pub fn kill(&self) {
        self.dead.store(true, Ordering::Relaxed);
        self.target.kill();
        self.front.kill();
        self.back.kill();
        lock(&self.media).iter().for_each(Process::kill);
        // Nobody can write what nobody serves.
        self.units.keys().for_each(|lun| self.note(lun, "dark"));
    }

    /// Whether it has lost its power.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    /// What goes wrong with an array that is dead goes wrong for that reason.
    fn complain(&self, of: &impl std::fmt::Display) {
        if !self.is_dead() {
            self.cellar.complain(of);
        }
    }

    /// Its own port for replication.
    #[must_use]
    pub const fn replication_address(&self) -> SocketAddr {
        self.nbd
    }

    /// Its peer reaches it by another address from now on.
    pub fn reached_by(&self, address: SocketAddr) {
        let _ = self.door.set(address);
    }

    fn door(&self) -> SocketAddr {
        *self.door.get().unwrap_or(&self.nbd)
    }

    /// One line of the array's own log of who may write what, for the verdict.
    fn note(&self, lun: &str, access: &str) {
        let token = lock(&self.tokens).of(lun);
        let line =
            json!({ "ms": clock::now().0, "lun": lun, "access": access, "epoch": token.epoch.0, "turn": token.turn.0 });
        let _ = writeln!(lock(&self.log), "{line}");
    }
}

fn start_medium(cellar: &Arc<Cellar>, dir: &Path, lun: &str) -> Result<Process, LabError> {
    let path = |end: &str| dir.join(format!("{lun}.{end}")).display().to_string();
    let socket = path("media");
    let args = ["-f", "-U", &socket, "--filter=error", "file", &path("img"), "error=EIO", "error-rate=100%"];
    let mut args: Vec<String> = args.map(Into::into).to_vec();
    args.push(format!("error-file={}", path("FAIL")));
    let medium = Process::start(cellar, "nbdkit", "nbdkit", &args, &dir.join(format!("{lun}.nbdkit.log")))?;
    let socket = PathBuf::from(socket);
    medium.until("its socket", crate::qmp::PATIENCE, || std::os::unix::net::UnixStream::connect(&socket).is_ok())?;
    Ok(medium)
}
