//! Detection: from what paths answer to what a host sees (D1 to D3). Levels in, changes out.

pub mod corroboration;
pub mod paths;
pub mod sense;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::ids::{HostIx, LunIx};
use crate::inventory::Site;
use paths::{HostView, PathAnswer, Said};
use sense::{Meaning, SenseError};

/// What every path last said, for LUNs at hosts where some path is not well: nothing is kept of the others. Lost in a
/// restart: hosts repeat (G6).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Detector {
    ailing: BTreeMap<(LunIx, HostIx), Vec<Said>>,
}

/// What a report changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noticed {
    /// Nothing.
    Nothing,
    /// The host sees permanent loss, and did not before.
    Lost,
    /// It still does.
    StillLost,
    /// A path answers well.
    Healthy {
        /// Every path had said permanent loss before.
        was_lost: bool,
    },
    /// A path says that it is to be probed again, or others have yet to answer.
    ProbeAgain,
    /// Sense bytes that cannot be read: reported, no evidence.
    Unreadable(SenseError),
    /// The host is not configured to mount this LUN, or has no such path: an alert, no evidence (D3).
    Stranger,
}

impl Detector {
    /// Takes one path's answer (D1, D2). What cannot be read, and what is no answer, leaves what the path last said.
    pub fn report(&mut self, site: &Site, host: HostIx, lun: LunIx, path: u8, answer: &PathAnswer) -> Noticed {
        let end = site.inventory.luns[lun].ends[site.here.at()].as_ref();
        // D3: who is not configured to mount the LUN, or has no such path, gives no evidence.
        let Some(end) = end.filter(|e| e.hosts.contains(&host) && path < e.paths) else { return Noticed::Stranger };
        let said = match answer {
            PathAnswer::Healthy => Said::Healthy,
            PathAnswer::Silent => Said::Down,
            PathAnswer::TargetUnavailable => Said::Lost,
            PathAnswer::Sense(bytes) => match sense::parse(bytes).map(sense::classify) {
                Err(error) => return Noticed::Unreadable(error),
                Ok(Meaning::AskAgain) => return Noticed::ProbeAgain,
                Ok(Meaning::DeviceLoss) => Said::Lost,
                Ok(Meaning::Other) => Said::Down,
            },
        };
        self.note(lun, host, usize::from(path), usize::from(end.paths), said)
    }

    fn note(&mut self, lun: LunIx, host: HostIx, path: usize, paths: usize, said: Said) -> Noticed {
        let before = self.view(lun, host);
        if said == Said::Healthy && !self.ailing.contains_key(&(lun, host)) {
            return Noticed::Healthy { was_lost: false };
        }
        let known = self.ailing.entry((lun, host)).or_insert_with(|| alloc::vec![Said::Nothing; paths]);
        if let Some(last) = known.get_mut(path) {
            *last = said;
        }
        if known.iter().all(|s| matches!(s, Said::Healthy | Said::Nothing)) {
            self.ailing.remove(&(lun, host));
        }
        match (before, self.view(lun, host)) {
            (HostView::PermanentLoss, HostView::PermanentLoss) => Noticed::StillLost,
            (_, HostView::PermanentLoss) => Noticed::Lost,
            (before, HostView::Healthy) if said == Said::Healthy => {
                Noticed::Healthy { was_lost: before == HostView::PermanentLoss }
            }
            (_, HostView::Unknown) => Noticed::ProbeAgain,
            (_, HostView::Healthy | HostView::AllPathsDown) => Noticed::Nothing,
        }
    }

    /// A LUN at a host (D2).
    #[must_use]
    pub fn view(&self, lun: LunIx, host: HostIx) -> HostView {
        self.ailing.get(&(lun, host)).map_or(HostView::Healthy, |paths| paths::view(paths))
    }

    /// Hosts that see a LUN as permanently lost.
    pub fn lost_at(&self, lun: LunIx) -> impl Iterator<Item = HostIx> + '_ {
        let of_lun = self.ailing.range((lun, HostIx(0))..=(lun, HostIx(u32::MAX)));
        of_lun.filter(|(_, said)| paths::view(said) == HostView::PermanentLoss).map(|(&(_, host), _)| host)
    }
}
