//! The other direction (F8): a copy that VMs wrote takes frames, after a migration, or new, after a loss (D4).

use std::fs::File;

use farshore_core::ids::Epoch;
use rustix::fs::{Advice, fadvise};
use serde_json::json;

use super::unit::{Receiver, Source, Unit, view};
use super::{Array, Mode, lock, start_medium};
use crate::{LabError, guest};

impl Receiver {
    /// F5: frames of lower epochs than the one in which this copy was taken.
    pub(super) fn refuses(&self, epoch: Epoch) -> bool {
        self.cut.is_some_and(|cut| epoch < cut)
    }
}

impl Array {
    /// Target: what it knows of the time when it was a source is over. A copy that VMs may write, or that was taken in a
    /// later epoch than the frames are of, is none.
    pub(super) fn become_target(&self, lun: &str, epoch: Epoch) -> Result<(), LabError> {
        let Some(unit) = self.units.get(lun) else { return Ok(()) };
        let mut unit = lock(unit);
        if unit.lost || unit.target.refuses(epoch) || unit.writable_to_vms() || unit.source.running {
            let reason = "it takes no frames: it is lost, writable, a source itself, or was taken over".into();
            return Err(LabError::Refused {
                monitor: self.config.site.clone(),
                command: format!("replicating {lun}"),
                reason,
            });
        }
        unit.source = Source::default();
        if self.config.mode == Mode::Asynchronous {
            self.show_nothing(&unit)?;
        }
        Ok(())
    }

    /// Points are merged under what VMs would see, and nobody may read it then.
    fn show_nothing(&self, unit: &Unit) -> Result<(), LabError> {
        let nothing = format!("{}-nothing", unit.stack);
        let node = json!({ "driver": "null-co", "node-name": nothing, "size": guest::LUN_BYTES });
        match self.back.execute("blockdev-add", node) {
            Err(LabError::Refused { reason, .. }) if reason.contains("Duplicate") => {}
            other => drop(other?),
        }
        let moved = json!({ "driver": "raw", "node-name": view(&unit.stack), "file": nothing });
        self.back.execute("blockdev-reopen", json!({ "options": [moved] })).map(drop)
    }

    /// What the kernel keeps of the file that VMs see is older than what has been replicated since.
    pub(super) fn forget_what_was_read(unit: &Unit) -> Result<(), LabError> {
        let Some(device) = unit.device() else { return Ok(()) };
        let what = || format!("reading {} anew", device.display());
        let file = File::open(&device).map_err(LabError::io(what()))?;
        fadvise(&file, 0, None, Advice::DontNeed).map_err(|e| LabError::io(what())(e.into()))
    }

    /// A lost LUN is replaced by an empty one, read-only and under the same number: D4 calls it new. So is everything
    /// under it: a daemon may hold a write to the lost one for good.
    ///
    /// # Errors
    /// A part that does not start, or a daemon that refuses.
    pub fn replace(&self, lun: &str) -> Result<(), LabError> {
        let Some(unit) = self.units.get(lun) else { return Ok(()) };
        let mut unit = lock(unit);
        if !unit.lost {
            return Ok(());
        }
        let stack = format!("{}-new", unit.stack);
        guest::format(&self.config.dir.join(format!("{stack}.img")), None)?;
        let medium = start_medium(&self.cellar, &self.config.dir, &stack)?;
        lock(&self.media).push(medium);
        self.attach(&stack)?;
        (unit.node, unit.stack) = (stack.clone(), stack);
        (unit.lost, unit.source, unit.target.point) = (false, Source::default(), None);
        self.present(&mut unit, false)
    }
}
