//! A host that is lost (D5): people are told, and nothing is started. What ran on it is the site's own HA's to start.

use super::RecoveryManager;
use crate::effect::Effects;
use crate::event::Alert;
use crate::ids::HostKey;
use crate::inventory::Site;

impl RecoveryManager {
    /// The site's HA says whether a host is there. A host of the other site is none of ours.
    pub(super) fn host(&mut self, site: &Site, effects: &mut Effects, host: HostKey, up: bool) {
        let ours = site.inventory.hosts.by_key(host).is_some_and(|(_, h)| h.side == site.here);
        let alert = Alert::HostLost { host };
        if up {
            self.clear(effects, alert);
        } else if ours {
            self.raise(effects, alert);
        }
    }
}
