//! All paths down (D2): no evidence of a loss, and no reason to be quiet about it. That of a whole array, whose management
//! is silent too, is a failure after a while.

use alloc::vec::Vec;

use super::RecoveryManager;
use super::incident::{Why, recheck};
use crate::detection::corroboration::ArrayAnswer;
use crate::detection::paths::HostView;
use crate::effect::{Effect, Effects};
use crate::event::{Alert, Event};
use crate::ids::{ArrayIx, ArrayKey, HostIx, LunIx};
use crate::inventory::Site;
use crate::time::{Instant, Millis};

/// An array of which no host reaches any LUN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Unreached {
    /// When it counts as failed; `None`: it does.
    fails: Option<Instant>,
    /// When its management is asked again.
    ask: Instant,
}

impl Unreached {
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.fails.map(|at| at.min(self.ask))
    }

    pub(super) fn shift(&mut self, by: Millis) {
        for at in self.fails.iter_mut().chain([&mut self.ask]) {
            *at = Instant(at.0.saturating_sub(by.0));
        }
    }
}

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
            let told = self.site_record.alerts.contains(&alert);
            self.clear(effects, alert);
            if healthy && told {
                // D4: what counted as lost meanwhile is new.
                self.back(site, now, effects, lun, false);
            }
        }
        self.watch_array(site, now, effects, end.array, (lun, down));
        if down && !self.site_record.alerts.contains(&alert) {
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

    /// How long an array must be out of reach until it counts as failed; `None`: it never does.
    fn apd_span(site: &Site) -> Option<Millis> {
        let limits = &site.policy.limits;
        (limits.apd_delay > Millis::ZERO).then(|| limits.apd_timeout + limits.apd_delay)
    }

    /// A LUN of an array is down at every host, or is not: whether all of them are.
    fn watch_array(
        &mut self,
        site: &Site,
        now: Instant,
        effects: &mut Effects,
        array: ArrayIx,
        (lun, down): (LunIx, bool),
    ) {
        let Some(span) = Self::apd_span(site) else { return };
        if !down {
            if let Some(luns) = self.luns_down.get_mut(&array) {
                luns.remove(&lun);
            }
            self.unreached.remove(&array);
            return;
        }
        let luns = self.luns_down.entry(array).or_default();
        luns.insert(lun);
        if luns.len() == site.inventory.arrays[array].luns.len() && !self.unreached.contains_key(&array) {
            let unreached = Unreached { fails: Some(now + span), ask: now + recheck(site) };
            self.unreached.insert(array, unreached);
            ask(site, effects, array);
        }
    }

    /// An array's management has said something: it is not gone, whatever its paths do.
    pub(super) fn management(&mut self, site: &Site, now: Instant, array: ArrayKey, answer: ArrayAnswer) {
        let found = site.inventory.arrays.find(array).and_then(|array| self.unreached.get_mut(&array));
        match (found, answer, Self::apd_span(site)) {
            (Some(unreached), ArrayAnswer::Present | ArrayAnswer::Lost, Some(span)) => {
                unreached.fails = unreached.fails.map(|_| now + span);
            }
            (Some(_) | None, ArrayAnswer::Present | ArrayAnswer::Lost | ArrayAnswer::Unreachable, _) => {}
        }
    }

    /// Arrays whose management is to be asked, or that count as failed now.
    pub(super) fn arrays_due(&mut self, site: &Site, now: Instant, effects: &mut Effects) {
        let due = |u: &Unreached| u.deadline().is_some_and(|at| at <= now);
        let arrays: Vec<ArrayIx> = self.unreached.iter().filter(|(_, u)| due(u)).map(|(&array, _)| array).collect();
        for array in arrays {
            let Some(unreached) = self.unreached.get_mut(&array) else { continue };
            if unreached.fails.is_some_and(|at| at <= now) {
                unreached.fails = None;
                self.array_failed(site, now, effects, array);
            } else {
                unreached.ask = now + recheck(site);
                ask(site, effects, array);
            }
        }
    }

    /// D2, D5: its LUNs mark their groups, like lost ones.
    fn array_failed(&mut self, site: &Site, now: Instant, effects: &mut Effects, array: ArrayIx) {
        let info = &site.inventory.arrays[array];
        effects.push(Effect::Event(Event::ArrayFailed { array: info.key }));
        let mut marked = false;
        for &lun in &info.luns {
            marked |= self.mark(site, now, effects, lun, Why::CutOff);
        }
        if marked {
            self.site_record.incident = self.site_record.incident.wrapping_add(1);
            self.site_durability.touch();
        }
    }
}

/// Asks an array's management for any of its LUNs.
fn ask(site: &Site, effects: &mut Effects, array: ArrayIx) {
    let info = &site.inventory.arrays[array];
    if let Some(&lun) = info.luns.first() {
        effects.push(Effect::AskArray { array: info.key, lun: site.inventory.luns[lun].key });
    }
}
