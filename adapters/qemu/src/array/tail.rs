//! The divergent tail of a copy that becomes a target (F8): a copy of its medium, made once in an epoch.

use std::fs::{self, File};

use farshore_core::operation::Token;

use super::unit::Unit;
use super::{Array, lock};
use crate::LabError;

impl Array {
    /// Keeps what is on a LUN beside it, before it is overwritten. One that was kept in this epoch stays as it is.
    pub(super) fn keep_tail(&self, unit: &mut Unit, token: Token) -> Result<(), LabError> {
        let refused = |reason: &str| LabError::Refused {
            monitor: self.config.site.clone(),
            command: format!("keeping the tail of {}", unit.lun),
            reason: reason.into(),
        };
        if unit.is_writable() {
            return Err(refused("it is writable"));
        }
        let kept = lock(&self.tokens).of(&object(&unit.lun));
        if kept.epoch != token.epoch {
            let medium = self.config.dir.join(format!("{}.img", unit.stack));
            let tail = self.config.dir.join(format!("{}.tail-{}", unit.lun, token.epoch.0));
            let new = tail.with_extension("new");
            let what = || format!("copying {} to {}", medium.display(), tail.display());
            if unit.node == unit.stack {
                fs::copy(&medium, &new).map_err(LabError::io(what()))?;
            } else {
                // It was taken over, and lies on several layers: what they show together.
                let node = format!("tail-{}", unit.lun);
                self.copy_to(unit, &new, &node)?;
            }
            File::open(&new).and_then(|file| file.sync_all()).map_err(LabError::io(what()))?;
            fs::rename(&new, &tail).map_err(LabError::io(what()))?;
        }
        lock(&self.tokens).record(&object(&unit.lun), token)
    }
}

/// Under which name the token of a kept tail is recorded.
pub(super) fn object(lun: &str) -> String {
    format!("tail {lun}")
}
