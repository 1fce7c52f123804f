//! A test's copies of LUNs (F8): files of their own, each of one moment, while replication goes on.

use std::fs::File;
use std::path::Path;

use farshore_core::operation::{CopySeen, Failure, Goal, Point, Token};
use serde_json::json;

use super::cycle::CYCLE;
use super::unit::Unit;
use super::{Array, Mode, lock};
use crate::copies::{file, name, object, remove};
use crate::{LabError, copies, guest};

impl Array {
    /// Makes or removes a test's copy of a LUN. Commands below the highest that was applied to it are refused (J2).
    ///
    /// # Errors
    /// Why it was not; definite. What is not known in time is an error of the inner result: nobody can tell.
    pub fn apply_copy(&self, lun: &str, goal: Goal, token: Token) -> Result<Result<CopySeen, Failure>, LabError> {
        let Some(unit) = self.units.get(lun) else { return Ok(Err(Failure::Unknown)) };
        let mut unit = lock(unit);
        if let Err(superseded) = lock(&self.tokens).admits(&object(lun), token) {
            return Ok(Err(superseded));
        }
        // A higher token is another copy; one that was made for an older command is none of it.
        let same = lock(&self.tokens).of(&object(lun)) == token;
        lock(&self.tokens).record(&object(lun), token)?;
        let wanted = match goal {
            Goal::Copied => None,
            Goal::CopiedAt { point } => Some(point),
            Goal::Gone => {
                remove(&file(&self.config.dir, lun))?;
                unit.copy = None;
                return Ok(Ok(self.seen_copy(&unit)));
            }
            Goal::Drained
            | Goal::ReplicationStopped
            | Goal::ReadOnly
            | Goal::Cut
            | Goal::RolledBack { .. }
            | Goal::TailKept
            | Goal::ReadWrite
            | Goal::Replicating
            | Goal::Fenced
            | Goal::Mounted
            | Goal::Stopped { .. }
            | Goal::Running { .. }
            | Goal::Placeholder
            | Goal::Unregistered
            | Goal::Ran => return Ok(Err(Failure::Unknown)),
        };
        // Once it is there VMs may have written it: it is not made a second time under one command.
        let there = match (&unit.copy, wanted) {
            (Some(copy), Some(point)) => copy.point == Some(point),
            (Some(_), None) => same,
            (None, _) => false,
        };
        if there {
            return Ok(Ok(self.seen_copy(&unit)));
        }
        if unit.lost {
            return Ok(Err(Failure::Lost));
        }
        match self.make_copy(&mut unit, wanted) {
            Ok(()) => Ok(Ok(self.seen_copy(&unit))),
            Err(refused @ LabError::Refused { .. }) => {
                self.complain(&format!("the copy of {lun} at {}: {refused}", self.config.site));
                Ok(Err(Failure::Failed))
            }
            Err(error) => Err(error),
        }
    }

    /// What is seen of a test's copy of a LUN; nothing, of an array that is dead.
    #[must_use]
    pub fn observe_copy(&self, lun: &str) -> Option<CopySeen> {
        if self.is_dead() {
            return None;
        }
        Some(self.seen_copy(&lock(self.units.get(lun)?)))
    }

    fn seen_copy(&self, unit: &Unit) -> CopySeen {
        let token = lock(&self.tokens).of(&object(&unit.lun));
        CopySeen { token, exists: unit.copy.is_some(), point: unit.copy.and_then(|copy| copy.point) }
    }

    fn make_copy(&self, unit: &mut Unit, wanted: Option<Point>) -> Result<(), LabError> {
        let has = unit.target.point.map(Point);
        let refused = |reason: String| LabError::Refused {
            monitor: self.config.site.clone(),
            command: format!("copying {}", unit.lun),
            reason,
        };
        if wanted.is_some() && wanted != has {
            return Err(refused(format!("it keeps only its last complete point, {has:?}")));
        }
        if self.config.mode == Mode::Asynchronous && has.is_none() {
            return Err(refused("it has no complete point".into()));
        }
        let dir = copies::dir(&self.config.dir);
        std::fs::create_dir_all(&dir).map_err(LabError::io(format!("making {}", dir.display())))?;
        unit.copy = None;
        let (to, node) = (file(&self.config.dir, &unit.lun), name(&unit.lun));
        self.copy_to(unit, &to, &node)?;
        unit.copy = Some(Copy { point: has });
        Ok(())
    }

    /// Copies what a recovery LUN holds into a file, as of one moment: what is written meanwhile is copied before it is
    /// overwritten. Asynchronous: its last complete point, which is merged down first. The next one waits for the lock
    /// that the caller holds, so nothing is written below.
    pub(super) fn copy_to(&self, unit: &mut Unit, to: &Path, node: &str) -> Result<(), LabError> {
        self.end_merge(unit, false)?;
        let made = File::create(to).and_then(|file| file.set_len(guest::LUN_BYTES));
        made.map_err(LabError::io(format!("making {}", to.display())))?;
        self.back.execute("blockdev-add", json!({ "driver": "file", "node-name": node, "filename": to }))?;
        let copied = self.back_up(unit, node);
        self.back.delete_node(node)?;
        if !matches!(copied, Ok(true)) {
            remove(to)?;
        }
        if copied? {
            return Ok(());
        }
        let (monitor, command) = (self.config.site.clone(), format!("copying {}", unit.lun));
        Err(LabError::Refused { monitor, command, reason: "the job failed; see its log".into() })
    }

    fn back_up(&self, unit: &Unit, node: &str) -> Result<bool, LabError> {
        let job = json!({ "job-id": node, "device": unit.node, "target": node, "sync": "full",
            "on-source-error": "report", "on-target-error": "report", "auto-dismiss": false });
        self.back.execute("blockdev-backup", job)?;
        let ended = self.back.conclude(node, CYCLE);
        if ended.is_err() {
            let _ = self.back.execute("block-job-cancel", json!({ "device": node, "force": true }));
            let _ = self.back.conclude(node, crate::qmp::PATIENCE);
        }
        ended
    }

    /// Nodes and jobs of tests that are left in its daemon, in words.
    ///
    /// # Errors
    /// The daemon does not answer.
    pub fn copies_left(&self) -> Result<Vec<String>, LabError> {
        let mut left = Vec::new();
        for (what, query, key) in [("node", "query-named-block-nodes", "node-name"), ("job", "query-jobs", "id")] {
            let all = self.back.execute(query, json!({}))?;
            let names = all.as_array().into_iter().flatten().filter_map(|one| one[key].as_str());
            left.extend(names.filter(|one| one.starts_with(&name(""))).map(|one| format!("the {what} {one}")));
        }
        Ok(left)
    }

    /// What a recovery LUN holds now, in a file, for the verdict.
    ///
    /// # Errors
    /// It cannot be copied.
    pub fn save_copy(&self, lun: &str, to: &Path) -> Result<(), LabError> {
        let Some(unit) = self.units.get(lun) else { return Ok(()) };
        let mut unit = lock(unit);
        self.copy_to(&mut unit, to, &format!("verdict-{lun}"))
    }
}

/// A test's copy of a LUN.
#[derive(Clone, Copy, Debug)]
pub(super) struct Copy {
    /// The point that it was made of.
    point: Option<Point>,
}
