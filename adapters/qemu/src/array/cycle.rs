//! Asynchronous replication in cycles: each brings the peer from one point in time to the next.
//!
//! The source copies what has changed since the last cycle, as of one moment (copy before write). The target takes it
//! into an overlay on its last complete point: a cycle that does not end leaves the point as it was. A complete overlay
//! is the new point; it is merged down while the next one is written.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant as Clock};

use farshore_core::ids::Epoch;
use farshore_core::operation::Point;
use farshore_core::{Instant, Millis};
use serde_json::json;

use super::daemon::add_overlay;
use super::unit::{Unit, not_drained};
use super::{Array, lock};
use crate::qmp::PATIENCE;
use crate::{LabError, clock, guest};

/// Pause between two cycles.
const PAUSE: Duration = Duration::from_millis(250);
/// How long one cycle may take, besides what the rate of the link makes of it.
pub(super) const CYCLE: Duration = Duration::from_secs(20);

/// What the source knows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct State {
    /// The last complete point at the peer.
    pub(super) point: Option<u64>,
    /// Its age; as of the loss, where the source is lost.
    pub(super) lag: Option<Millis>,
}

/// The cycles of one LUN.
#[derive(Debug)]
pub(super) struct Cycles {
    shared: Mutex<Shared>,
    changed: Condvar,
    stop: AtomicBool,
    thread: Mutex<Option<JoinHandle<()>>>,
    lun: String,
    stack: String,
    site: String,
    /// The node whose content is copied.
    node: String,
    epoch: Epoch,
}

#[derive(Debug, Default)]
struct Shared {
    point: Option<u64>,
    began: Option<Instant>,
    /// Cycles that were asked for without a pause.
    hurry: bool,
    /// Cycles begun and ended.
    begun: u64,
    ended: u64,
    failed: bool,
}

impl Cycles {
    pub(super) fn state(&self, lost_at: Option<Instant>) -> State {
        let shared = lock(&self.shared);
        let until = lost_at.unwrap_or_else(clock::now);
        State { point: shared.point, lag: shared.point.and(shared.began).map(|began| until - began) }
    }

    /// One more cycle, begun from now on, and its end.
    pub(super) fn drain(&self, within: Duration) -> Result<(), LabError> {
        let mut shared = lock(&self.shared);
        shared.hurry = true;
        let target = shared.begun + 1;
        self.changed.notify_all();
        let limit = Clock::now() + within;
        while shared.ended < target {
            let left = limit.saturating_duration_since(Clock::now());
            if left.is_zero() || shared.failed {
                return Err(not_drained(&self.site, &self.lun));
            }
            shared = self.changed.wait_timeout(shared, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        Ok(())
    }

    /// No further cycle; the one that is under way is given up.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
        self.changed.notify_all();
        if let Some(thread) = lock(&self.thread).take() {
            let _ = thread.join();
        }
    }

    fn stopped(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

impl Drop for Cycles {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

impl Array {
    /// Source: cycles begin.
    pub(super) fn start_cycles(&self, unit: &mut Unit, peer: &Arc<Self>, epoch: Epoch) {
        let way = peer.replication_port();
        let cycles = Arc::new(Cycles {
            shared: Mutex::new(Shared::default()),
            changed: Condvar::new(),
            stop: AtomicBool::new(false),
            thread: Mutex::new(None),
            lun: unit.lun.clone(),
            stack: unit.stack.clone(),
            site: self.config.site.clone(),
            node: unit.node.clone(),
            epoch,
        });
        unit.source.cycles = Some(cycles.clone());
        let me = peer.peer.get().cloned().unwrap_or_default();
        let (there, of) = (Arc::downgrade(peer), cycles.clone());
        let thread = std::thread::spawn(move || run(&me, &there, &of, &way));
        *lock(&cycles.thread) = Some(thread);
    }

    /// Source: one cycle. Copies the whole LUN, or what has changed since the last one that was complete; whether it did.
    ///
    /// The rate limits what the cycle copies, not what a guest's write makes it copy at once: that would be the guest's
    /// delay.
    fn copy(
        &self,
        of: &Cycles,
        whole: bool,
        way: &serde_json::Value,
        stopped: impl Fn() -> bool,
    ) -> Result<bool, LabError> {
        let (lun, stack, from) = (&of.lun, &of.stack, &of.node);
        let (node, job, bitmap) = (format!("to-{stack}"), format!("cycle-{stack}"), format!("since-{stack}"));
        let to = json!({ "driver": "nbd", "node-name": node, "server": way, "export": format!("repl-{lun}"),
            "reconnect-delay": 0 });
        self.back.execute("blockdev-add", to)?;
        let backup = |sync: &str| {
            let mut data = json!({ "job-id": job, "device": from, "target": node, "sync": sync,
                "on-source-error": "report", "on-target-error": "report", "auto-dismiss": false,
                "speed": self.config.rate.unwrap_or(0) });
            if sync == "bitmap" {
                data["bitmap"] = json!(bitmap);
                data["bitmap-mode"] = json!("on-success");
            }
            json!({ "type": "blockdev-backup", "data": data })
        };
        let mut actions = vec![backup(if whole { "full" } else { "bitmap" })];
        if whole {
            let old = self.back.execute("block-dirty-bitmap-remove", json!({ "node": from, "name": bitmap }));
            if !matches!(old, Ok(_) | Err(LabError::Refused { .. })) {
                return old.map(|_| false);
            }
            let add = json!({ "node": from, "name": bitmap });
            actions.insert(0, json!({ "type": "block-dirty-bitmap-add", "data": add }));
        }
        let began = self.back.execute("transaction", json!({ "actions": actions }));
        let limit = CYCLE + self.config.rate.map_or(Duration::ZERO, time_of_lun);
        let ended = began.and_then(|_| {
            let clock = Clock::now();
            loop {
                match self.back.job(&job)? {
                    Some(now) if now["status"] == "concluded" => break,
                    None => break,
                    Some(_) if stopped() || clock.elapsed() > limit => {
                        // Whatever it has copied lies in an overlay that nobody will read.
                        let _ = self.back.execute("block-job-cancel", json!({ "device": job, "force": true }));
                        let _ = self.back.conclude(&job, PATIENCE);
                        return Ok(false);
                    }
                    Some(_) => std::thread::sleep(Duration::from_millis(3)),
                }
            }
            self.back.conclude(&job, PATIENCE)
        });
        self.back.delete_node(&node)?;
        ended
    }

    /// Target: an overlay for the next cycle; its number, unless frames of this epoch are cut.
    fn begin_cycle(&self, lun: &str, epoch: Epoch) -> Result<Option<u64>, LabError> {
        let Some(unit) = self.units.get(lun) else { return Ok(None) };
        let mut unit = lock(unit);
        if unit.target.refuses(epoch) || unit.writable_to_vms() {
            return Ok(None);
        }
        self.drop_delta(&mut unit)?;
        let next = unit.target.last + 1;
        let node = format!("{}-d{next}", unit.stack);
        let file = self.config.dir.join(format!("{node}.qcow2"));
        add_overlay(&self.back, &file, &node, &unit.node, guest::LUN_BYTES)?;
        let id = format!("repl-{lun}");
        let export = json!({ "type": "nbd", "id": id, "node-name": node, "name": id, "writable": true });
        self.back.execute("block-export-add", export)?;
        unit.target.open = true;
        unit.target.delta = Some(next);
        if unit.node != unit.stack {
            let merge = json!({ "job-id": merge(&unit.stack), "device": node, "top-node": unit.node, "base-node": unit.stack,
                "auto-dismiss": false });
            self.back.execute("block-commit", merge)?;
            unit.target.merging = true;
        }
        Ok(Some(next))
    }

    /// Target: the cycle is complete, its overlay is the new point.
    fn end_cycle(&self, lun: &str, cycle: u64, epoch: Epoch) -> Result<bool, LabError> {
        let Some(unit) = self.units.get(lun) else { return Ok(false) };
        let mut unit = lock(unit);
        if unit.target.delta != Some(cycle) || unit.target.refuses(epoch) {
            return Ok(false);
        }
        self.back.delete_export(&format!("repl-{lun}"))?;
        self.end_merge(&mut unit, false)?;
        unit.target.delta = None;
        (unit.target.point, unit.target.last) = (Some(cycle), cycle);
        unit.node = format!("{}-d{cycle}", unit.stack);
        Ok(true)
    }

    /// Target: an unfinished overlay is thrown away.
    fn drop_delta(&self, unit: &mut Unit) -> Result<(), LabError> {
        let Some(delta) = unit.target.delta else { return Ok(()) };
        self.back.delete_export(&format!("repl-{}", unit.lun))?;
        self.end_merge(unit, true)?;
        let node = format!("{}-d{delta}", unit.stack);
        self.back.delete_node(&node)?;
        self.back.delete_node(&format!("{node}-f"))?;
        unit.target.delta = None;
        Ok(())
    }

    /// Target: the last point but one is merged down, or (`give_up`) stays where it is: read through its overlay it is
    /// the same, however far the merge has come.
    pub(super) fn end_merge(&self, unit: &mut Unit, give_up: bool) -> Result<(), LabError> {
        if !std::mem::take(&mut unit.target.merging) {
            return Ok(());
        }
        let job = merge(&unit.stack);
        if give_up && self.back.job(&job)?.is_some_and(|now| now["status"] != "concluded") {
            let _ = self.back.execute("block-job-cancel", json!({ "device": job, "force": true }));
            return self.back.conclude(&job, PATIENCE).map(drop);
        }
        if self.back.conclude(&job, CYCLE)? {
            let merged = std::mem::replace(&mut unit.node, unit.stack.clone());
            self.back.delete_node(&merged)?;
            self.back.delete_node(&format!("{merged}-f"))?;
            let _ = std::fs::remove_file(self.config.dir.join(format!("{merged}.qcow2")));
        }
        Ok(())
    }

    /// F5: frames of lower epochs are refused from now on; an unfinished cycle is given up.
    pub(super) fn cut(&self, unit: &mut Unit, epoch: Epoch) -> Result<(), LabError> {
        unit.target.cut = Some(epoch);
        self.drop_delta(unit)?;
        self.back.delete_export(&format!("repl-{}", unit.lun))?;
        unit.target.open = false;
        Ok(())
    }

    /// F5: the copy is at its last complete point already; it keeps no other.
    pub(super) fn roll_back(unit: &Unit, to: Option<Point>) -> Result<(), LabError> {
        match to {
            Some(Point(to)) if unit.target.point != Some(to) => {
                let reason = format!("it keeps only its last complete point, {:?}", unit.target.point);
                Err(LabError::Refused { monitor: unit.lun.clone(), command: format!("rolling back to {to}"), reason })
            }
            Some(_) | None => Ok(()),
        }
    }
}

/// How long a link of some bytes per second takes for a LUN.
fn time_of_lun(rate: u64) -> Duration {
    Duration::from_secs(guest::LUN_BYTES.div_ceil(rate.max(1)))
}

fn merge(stack: &str) -> String {
    format!("merge-{stack}")
}

/// Source: cycle after cycle, until told to stop or lost.
fn run(source: &Weak<Array>, target: &Weak<Array>, cycles: &Cycles, way: &serde_json::Value) {
    let mut whole = true;
    while !cycles.stopped() {
        let (Some(from), Some(to)) = (source.upgrade(), target.upgrade()) else { return };
        if from.cellar.closed() {
            return;
        }
        let began = clock::now();
        lock(&cycles.shared).begun += 1;
        let mut one = || -> Result<Option<u64>, LabError> {
            let Some(number) = to.begin_cycle(&cycles.lun, cycles.epoch)? else { return Ok(None) };
            if !from.copy(cycles, whole, way, || cycles.stopped())? {
                return Ok(None);
            }
            // The source has forgotten what it copied: unless the peer takes it, all is copied again.
            whole = true;
            whole = !to.end_cycle(&cycles.lun, number, cycles.epoch)?;
            Ok((!whole).then_some(number))
        };
        let done = one();
        if let Err(error) = &done
            && !cycles.stopped()
        {
            from.complain(&format!("a cycle of {} came to nothing: {error}", cycles.lun));
        }
        drop((from, to));
        let mut shared = lock(&cycles.shared);
        match done {
            Ok(Some(number)) => {
                (shared.point, shared.began, shared.failed) = (Some(number), Some(began), false);
                shared.ended = shared.begun;
            }
            Ok(None) | Err(_) => shared.failed = true,
        }
        cycles.changed.notify_all();
        if !shared.hurry && !cycles.stopped() {
            let waited = cycles.changed.wait_timeout(shared, PAUSE).unwrap_or_else(PoisonError::into_inner);
            shared = waited.0;
        }
        shared.hurry = false;
    }
}
