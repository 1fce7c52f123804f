//! All paths down (D2): no evidence of a loss, and no reason to be quiet about it.

use alloc::vec::Vec;

use super::RecoveryManager;
use crate::detection::paths::HostView;
use crate::effect::Effects;
use crate::event::Alert;
use crate::ids::{HostIx, LunIx};
use crate::inventory::Site;
use crate::time::Instant;

impl RecoveryManager {
    /// A path has said something of a LUN: whether any host of this site still reaches it. Who has said nothing yet, since
    /// this manager started, is no witness either way (L6).
    pub(super) fn watch(
        &mut self,
        site: &Site,
        now: Instant,
        effects: &mut Effects,
        (host, lun): (HostIx, LunIx),
        healthy: bool,
    ) {
        let l = &site.inventory.luns[lun];
        let Some(end) = &l.ends[site.here.at()] else { return };
        let alert = Alert::AllPathsDown { lun: l.key };
        let lost = self.detector.view(lun, host) == HostView::PermanentLoss;
        let down = end.hosts.iter().all(|&h| self.detector.view(lun, h) == HostView::AllPathsDown);
        if healthy || lost {
            self.down.remove(&lun);
            self.clear(effects, alert);
        } else if down && !self.site_record.alerts.contains(&alert) {
            self.down.entry(lun).or_insert(now + site.policy.limits.apd_timeout);
        }
    }

    /// LUNs that nobody has reached for long.
    pub(super) fn down_due(&mut self, site: &Site, now: Instant, effects: &mut Effects) {
        let due: Vec<LunIx> = self.down.iter().filter(|&(_, &at)| at <= now).map(|(&lun, _)| lun).collect();
        for lun in due {
            self.down.remove(&lun);
            self.raise(effects, Alert::AllPathsDown { lun: site.inventory.luns[lun].key });
        }
    }
}
