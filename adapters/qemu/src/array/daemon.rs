//! A qemu-storage-daemon, and what it is told.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::process::Process;
use crate::qmp::{PATIENCE, Qmp};
use crate::{Cellar, LabError};

/// A running daemon with its monitor.
#[derive(Debug)]
pub(super) struct Daemon {
    name: String,
    monitor: Mutex<Qmp>,
    process: Process,
}

impl Daemon {
    /// Starts a daemon. It is connected to only once its pid file is there: earlier the handshake may hang for good.
    ///
    /// # Errors
    /// It does not start, or does not answer.
    pub(super) fn start(cellar: &Arc<Cellar>, dir: &Path, name: &str) -> Result<Self, LabError> {
        let (socket, pid) = (dir.join(format!("{name}.qmp")), dir.join(format!("{name}.pid")));
        let args = [
            "--chardev".into(),
            format!("socket,id=q,path={},server=on,wait=off", socket.display()),
            "--monitor".into(),
            "chardev=q".into(),
            "--pidfile".into(),
            pid.display().to_string(),
        ];
        let log = dir.join(format!("{name}.log"));
        let process = Process::start(cellar, name, "qemu-storage-daemon", &args, &log)?;
        process.until("its pid file", PATIENCE, || pid.exists())?;
        let monitor = Mutex::new(Qmp::connect(name, &socket)?);
        Ok(Self { name: name.into(), monitor, process })
    }

    /// Ends it at once.
    pub(super) fn kill(&self) {
        self.process.kill();
    }

    fn monitor(&self) -> MutexGuard<'_, Qmp> {
        self.monitor.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Executes a command.
    ///
    /// # Errors
    /// A refusal, or silence.
    #[allow(clippy::needless_pass_by_value, reason = "arguments are made for the call")]
    pub(super) fn execute(&self, command: &str, arguments: Value) -> Result<Value, LabError> {
        self.monitor().execute(command, &arguments)
    }

    /// Ends an export and waits until it is gone.
    ///
    /// # Errors
    /// The daemon refuses, or does not answer. An export that is not there is gone.
    pub(super) fn delete_export(&self, id: &str) -> Result<(), LabError> {
        let has = |daemon: &Self| -> Result<bool, LabError> {
            let exports = daemon.execute("query-block-exports", json!({}))?;
            Ok(exports.as_array().is_some_and(|all| all.iter().any(|e| e["id"] == id)))
        };
        if !has(self)? {
            return Ok(());
        }
        self.execute("block-export-del", json!({ "id": id, "mode": "hard" }))?;
        self.poll(&format!("the end of export {id}"), PATIENCE, || Ok((!has(self)?).then_some(())))
    }

    /// Removes a node; one that is not there is gone.
    ///
    /// # Errors
    /// The daemon refuses because it is in use, or does not answer.
    pub(super) fn delete_node(&self, node: &str) -> Result<(), LabError> {
        match self.execute("blockdev-del", json!({ "node-name": node })) {
            Err(LabError::Refused { reason, .. }) if reason.contains("Failed to find node") => Ok(()),
            other => other.map(drop),
        }
    }

    /// What a job is doing; `None`: there is none.
    ///
    /// # Errors
    /// The daemon does not answer.
    pub(super) fn job(&self, id: &str) -> Result<Option<Value>, LabError> {
        let jobs = self.execute("query-jobs", json!({}))?;
        Ok(jobs.as_array().and_then(|all| all.iter().find(|j| j["id"] == id).cloned()))
    }

    /// The block job's view of a job; `None`: there is none, or it has ended.
    ///
    /// # Errors
    /// The daemon does not answer.
    pub(super) fn block_job(&self, id: &str) -> Result<Option<Value>, LabError> {
        let jobs = self.execute("query-block-jobs", json!({}))?;
        Ok(jobs.as_array().and_then(|all| all.iter().find(|j| j["device"] == id).cloned()))
    }

    /// Waits until a job has concluded and dismisses it; whether it ended without an error.
    ///
    /// # Errors
    /// It takes too long, or the daemon does not answer.
    pub(super) fn conclude(&self, id: &str, within: Duration) -> Result<bool, LabError> {
        let ended = self.poll(&format!("the end of job {id}"), within, || {
            Ok(match self.job(id)? {
                None => Some(Value::Null),
                Some(job) if job["status"] == "concluded" => Some(job),
                Some(_) => None,
            })
        })?;
        if ended.is_null() {
            return Ok(true);
        }
        self.execute("job-dismiss", json!({ "id": id }))?;
        Ok(ended.get("error").is_none())
    }

    /// Looks until there is something to see.
    ///
    /// # Errors
    /// It takes too long, or looking fails.
    pub(super) fn poll<T>(
        &self,
        what: &str,
        within: Duration,
        mut look: impl FnMut() -> Result<Option<T>, LabError>,
    ) -> Result<T, LabError> {
        let began = Instant::now();
        loop {
            if let Some(seen) = look()? {
                return Ok(seen);
            }
            if began.elapsed() > within {
                let ms = u64::try_from(within.as_millis()).unwrap_or(u64::MAX);
                return Err(LabError::Timeout { what: format!("{}: {what}", self.name), ms });
            }
            std::thread::sleep(Duration::from_millis(3));
        }
    }
}

/// Makes an empty overlay file and opens it over a node.
///
/// # Errors
/// The daemon refuses, or does not answer.
pub(super) fn add_overlay(daemon: &Daemon, file: &PathBuf, node: &str, over: &str, size: u64) -> Result<(), LabError> {
    let _ = std::fs::remove_file(file);
    let (protocol, job) = (format!("{node}-f"), format!("make-{node}"));
    let create = |options: Value| -> Result<(), LabError> {
        daemon.execute("blockdev-create", json!({ "job-id": job, "options": options }))?;
        if daemon.conclude(&job, PATIENCE)? {
            return Ok(());
        }
        let reason = "the job failed; see its log".into();
        Err(LabError::Refused { monitor: daemon.name.clone(), command: format!("making {}", file.display()), reason })
    };
    create(json!({ "driver": "file", "filename": file, "size": 0 }))?;
    daemon.execute("blockdev-add", json!({ "driver": "file", "node-name": protocol, "filename": file }))?;
    create(json!({ "driver": "qcow2", "file": protocol, "size": size }))?;
    daemon
        .execute("blockdev-add", json!({ "driver": "qcow2", "node-name": node, "file": protocol, "backing": over }))?;
    Ok(())
}
