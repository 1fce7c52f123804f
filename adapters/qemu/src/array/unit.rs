//! One LUN of an array: how VMs see it, and synchronous replication. Asynchronous replication is next door.

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use farshore_core::Instant;
use farshore_core::ids::Epoch;
use farshore_core::operation::{LunSeen, Point, ReplicationSeen};
use serde_json::json;

use super::front::Mount;
use super::{Array, Mode, lock};
use crate::process::Process;
use crate::{LabError, clock};

/// How long a drain may take before nobody can tell how it ends.
const DRAIN: Duration = Duration::from_secs(25);

/// How often, and how long apart, a mirror with a write on its way is looked at before it counts as behind.
const LOOKS: u32 = 20;
const LOOK: Duration = Duration::from_millis(3);

/// What is copied at once over a limited link, bytes; and what that lets through at once when it was idle. The limiter is
/// ever slower with requests that are longer.
const AT_ONCE: u64 = 16 * 1024;

/// What an array knows of a LUN.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) lun: String,
    /// What its nodes, jobs and files are called by: like the LUN, until it is replaced.
    pub(super) stack: String,
    pub(super) number: u16,
    /// Permanently lost.
    pub(super) lost: bool,
    writable: bool,
    mount: Option<Mount>,
    /// The node that VMs see: the LUN itself, or the last complete point on top of it.
    pub(super) node: String,
    pub(super) source: Source,
    pub(super) target: Receiver,
    /// A test's copy of it.
    pub(super) copy: Option<super::copy::Copy>,
}

/// Replication from this copy.
#[derive(Debug, Default)]
pub(super) struct Source {
    pub(super) running: bool,
    /// Synchronous: as of the loss.
    in_sync: Option<bool>,
    /// Asynchronous: the thread that replicates in cycles.
    pub(super) cycles: Option<Arc<super::cycle::Cycles>>,
    pub(super) lost_at: Option<Instant>,
    /// The limited way to the peer.
    pub(super) wan: Option<Process>,
}

/// Replication into this copy.
#[derive(Debug, Default)]
pub(super) struct Receiver {
    /// Frames of lower epochs are refused.
    pub(super) cut: Option<Epoch>,
    pub(super) open: bool,
    /// The last complete point of the present replication.
    pub(super) point: Option<u64>,
    /// Number of the last overlay that became part of this copy, of whatever replication.
    pub(super) last: u64,
    /// The point before is being merged down.
    pub(super) merging: bool,
    /// The overlay that a cycle writes to.
    pub(super) delta: Option<u64>,
}

impl Unit {
    pub(super) const fn is_writable(&self) -> bool {
        self.writable && !self.lost
    }

    pub(super) fn new(lun: &str, number: u16) -> Self {
        Self {
            lun: lun.into(),
            stack: lun.into(),
            number,
            lost: false,
            writable: false,
            mount: None,
            node: lun.into(),
            source: Source::default(),
            target: Receiver::default(),
            copy: None,
        }
    }

    pub(super) const fn writable_to_vms(&self) -> bool {
        self.writable
    }

    pub(super) fn device(&self) -> Option<PathBuf> {
        self.mount.as_ref().map(|m| m.path.clone())
    }

    pub(super) fn lose(&mut self, in_sync: Option<bool>) {
        self.lost = true;
        self.writable = false;
        self.source.in_sync = in_sync;
        self.source.lost_at = Some(clock::now());
    }
}

impl Array {
    /// What is to be seen of a LUN.
    pub(super) fn seen(&self, unit: &Unit) -> LunSeen {
        let token = lock(&self.tokens).of(&unit.lun);
        let cycles = unit.source.cycles.as_ref().map(|c| c.state(unit.source.lost_at));
        let receiving = unit.target.open;
        let replication = match (self.config.mode, cycles) {
            (Mode::Asynchronous, Some(state)) => ReplicationSeen {
                running: unit.source.running,
                in_sync: None,
                lag: state.lag,
                point: state.point.map(Point),
                resync: state.point.is_none(),
            },
            (Mode::Asynchronous, None) => ReplicationSeen {
                running: receiving,
                point: unit.target.point.map(Point),
                resync: receiving && unit.target.point.is_none(),
                ..ReplicationSeen::default()
            },
            (Mode::Synchronous, _) => {
                let in_sync = if unit.lost { unit.source.in_sync } else { self.in_sync(unit) };
                let running = unit.source.running || receiving;
                let resync = unit.source.running && in_sync != Some(true);
                ReplicationSeen { running, in_sync, lag: None, point: None, resync }
            }
        };
        let tail = lock(&self.tokens).of(&super::tail::object(&unit.lun));
        LunSeen { token, present: !unit.lost, writable: unit.writable && !unit.lost, tail, replication }
    }

    /// Synchronous, at the source: every acknowledged write is at the peer. Told by the mirror job; where the monitor
    /// does not say so itself, by a job that is ready, well, and has nothing left.
    pub(super) fn in_sync(&self, unit: &Unit) -> Option<bool> {
        if self.config.mode == Mode::Asynchronous || !unit.source.running {
            return None;
        }
        let job = format!("mirror-{}", unit.stack);
        // Where QEMU does not say it itself, a write on its way looks like one that is missing: it is looked at again.
        for _ in 0..LOOKS {
            let job = self.back.block_job(&job).ok()??;
            let well = job["ready"] == true && job["io-status"] == "ok" && job["paused"] == false;
            let synced = job.get("actively-synced").map_or(job["len"] == job["offset"], |synced| *synced == true);
            if !well || synced {
                return Some(well && synced);
            }
            std::thread::sleep(LOOK);
        }
        Some(false)
    }

    /// Shows a LUN to VMs: through the front daemon, as a file, as a logical unit. Once and for all: what VMs may do is
    /// the target's to say, and what they see is a view that can be moved to another node under them.
    pub(super) fn present(&self, unit: &mut Unit, writable: bool) -> Result<(), LabError> {
        let (stack, export) = (&unit.stack, format!("front-{}", unit.stack));
        let nbd = json!({ "type": "nbd", "id": export, "node-name": view(stack), "name": export, "writable": true });
        self.back.execute("block-export-add", nbd)?;
        let server = json!({ "type": "inet", "host": self.nbd.ip().to_string(), "port": self.nbd.port().to_string() });
        let node = json!({ "driver": "nbd", "node-name": stack, "server": server, "export": export,
            "reconnect-delay": 0 });
        self.front.execute("blockdev-add", node)?;
        let mount = Mount::new(&self.cellar, self.config.dir.join(format!("{stack}.dev")))?;
        let fuse = json!({ "type": "fuse", "id": stack, "node-name": stack, "mountpoint": mount.path,
            "writable": true, "growable": false });
        self.front.execute("block-export-add", fuse)?;
        self.target.add(unit.number, &mount.path)?;
        unit.mount = Some(mount);
        self.target.set_writable(unit.number, writable)?;
        unit.writable = writable;
        self.note(&unit.lun, if writable { "read-write" } else { "read-only" });
        Ok(())
    }

    pub(super) fn set_writable(&self, unit: &mut Unit, writable: bool) -> Result<(), LabError> {
        if unit.writable != writable {
            self.target.set_writable(unit.number, writable)?;
            unit.writable = writable;
            self.note(&unit.lun, if writable { "read-write" } else { "read-only" });
        }
        Ok(())
    }

    /// VMs see the last complete point from now on, and may write it.
    pub(super) fn make_writable(&self, unit: &mut Unit) -> Result<(), LabError> {
        if unit.writable {
            return Ok(());
        }
        if self.config.mode == Mode::Asynchronous {
            let moved = json!({ "driver": "raw", "node-name": view(&unit.stack), "file": unit.node });
            self.back.execute("blockdev-reopen", json!({ "options": [moved] }))?;
        }
        Self::forget_what_was_read(unit)?;
        self.set_writable(unit, true)?;
        // What VMs write is no point of any replication.
        unit.target.point = None;
        Ok(())
    }

    /// P1: replicates to the peer's copy. Goes on where it runs.
    pub(super) fn replicate(&self, unit: &mut Unit, epoch: Epoch) -> Result<(), LabError> {
        if unit.source.running {
            return Ok(());
        }
        let Some(peer) = self.peer() else { return Ok(()) };
        peer.become_target(&unit.lun, epoch)?;
        match self.config.mode {
            Mode::Asynchronous => self.start_cycles(unit, &peer, epoch),
            Mode::Synchronous => {
                peer.open_for_frames(&unit.lun)?;
                let (job, node) = (format!("mirror-{}", unit.stack), format!("to-{}", unit.stack));
                let to = self.way_to_peer(unit, &peer)?;
                let to = json!({ "driver": "nbd", "node-name": node, "server": to,
                    "export": format!("repl-{}", unit.lun), "reconnect-delay": 10 });
                self.back.delete_node(&node)?;
                self.back.execute("blockdev-add", to)?;
                let mut mirror = json!({ "job-id": job, "device": view(&unit.stack), "target": node, "sync": "full",
                    "copy-mode": "write-blocking", "on-source-error": "stop", "on-target-error": "stop",
                    "auto-dismiss": false });
                if self.config.rate.is_some() {
                    mirror["granularity"] = json!(AT_ONCE);
                    mirror["buf-size"] = json!(AT_ONCE);
                }
                self.back.execute("blockdev-mirror", mirror)?;
            }
        }
        unit.source.running = true;
        Ok(())
    }

    /// Where this array takes frames.
    pub(super) fn replication_port(&self) -> serde_json::Value {
        let door = self.door();
        json!({ "type": "inet", "host": door.ip().to_string(), "port": door.port().to_string() })
    }

    /// Synchronous: the peer's replication port; behind a program that delays what comes too fast, where there is a limit.
    /// What is zero costs nothing there.
    fn way_to_peer(&self, unit: &mut Unit, peer: &Self) -> Result<serde_json::Value, LabError> {
        let Some(rate) = self.config.rate else { return Ok(peer.replication_port()) };
        let socket = self.config.dir.join(format!("{}.wan", unit.stack));
        if unit.source.wan.as_ref().is_none_or(|wan| !wan.runs()) {
            let _ = std::fs::remove_file(&socket);
            let uri = format!("uri=nbd://{}/repl-{}", peer.door(), unit.lun);
            let burst = AT_ONCE.saturating_mul(1000).div_ceil(rate.max(1)).max(200);
            let burst = format!("burstiness={}.{:03}", burst / 1000, burst % 1000);
            let rate = format!("rate={}", rate.saturating_mul(8));
            let at = socket.display().to_string();
            let args = ["-f", "-U", &at, "--filter=rate", "nbd", &uri, &rate, &burst];
            let log = self.config.dir.join(format!("{}.wan.log", unit.stack));
            let wan = Process::start(&self.cellar, "nbdkit", "nbdkit", &args.map(Into::into), &log)?;
            // Its socket is there before it listens.
            wan.until("its socket", crate::qmp::PATIENCE, || UnixStream::connect(&socket).is_ok())?;
            unit.source.wan = Some(wan);
        }
        Ok(json!({ "type": "unix", "path": socket }))
    }

    /// Target: frames are taken, onto the LUN itself.
    fn open_for_frames(&self, lun: &str) -> Result<(), LabError> {
        let Some(unit) = self.units.get(lun) else { return Ok(()) };
        let mut unit = lock(unit);
        if !unit.target.open {
            let id = format!("repl-{lun}");
            let export = json!({ "type": "nbd", "id": id, "node-name": unit.stack, "name": id, "writable": true });
            self.back.execute("block-export-add", export)?;
            unit.target.open = true;
        }
        Ok(())
    }

    /// F2: everything that was written is at the peer.
    pub(super) fn drain(&self, unit: &mut Unit) -> Result<(), LabError> {
        if !unit.source.running {
            return Ok(());
        }
        if let Some(cycles) = unit.source.cycles.clone() {
            return cycles.drain(DRAIN);
        }
        let job = format!("mirror-{}", unit.stack);
        self.back.execute("block-job-cancel", json!({ "device": job }))?;
        let complete = self.back.conclude(&job, DRAIN)?;
        self.forget_way(unit)?;
        unit.source.running = false;
        if complete { Ok(()) } else { Err(not_drained(&self.config.site, &unit.lun)) }
    }

    /// F2: replication from this copy has ended.
    pub(super) fn stop_replication(&self, unit: &mut Unit) -> Result<(), LabError> {
        if let Some(cycles) = unit.source.cycles.clone() {
            cycles.stop();
            unit.source.running = false;
            return Ok(());
        }
        let job = format!("mirror-{}", unit.stack);
        if self.back.job(&job)?.is_some() {
            self.back.execute("block-job-cancel", json!({ "device": job, "force": true }))?;
            self.back.conclude(&job, crate::qmp::PATIENCE)?;
        }
        self.forget_way(unit)?;
        unit.source.running = false;
        Ok(())
    }

    fn forget_way(&self, unit: &mut Unit) -> Result<(), LabError> {
        self.back.delete_node(&format!("to-{}", unit.stack))?;
        unit.source.wan = None;
        Ok(())
    }
}

/// The node through which VMs see a LUN.
pub(super) fn view(stack: &str) -> String {
    format!("{stack}-view")
}

pub(super) fn not_drained(site: &str, lun: &str) -> LabError {
    let reason = "the last delta did not reach the peer".into();
    LabError::Refused { monitor: site.into(), command: format!("draining {lun}"), reason }
}
