//! Grouping failures that belong together (G1 to G6): adaptive polling, a sliding window, or the patent's fixed one.

use alloc::collections::BTreeMap;

use crate::detection::corroboration::{ArrayAnswer, Case, Finding};
use crate::ids::{HostIx, LunIx};
use crate::input::ProbeId;
use crate::policy::{Grouping as Policy, Mode};
use crate::time::{Instant, Millis};

/// The poll schedule, and the open group if there is one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Grouping {
    /// The next poll; `None` where hosts only push.
    poll: Option<Instant>,
    interval: Millis,
    /// A failure was found since the last poll.
    found: bool,
    window: Option<Window>,
}

/// An open group of failures: a set keyed by LUN, so a flood of messages is bounded by the inventory (G5).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    cases: BTreeMap<LunIx, Case>,
    short: Instant,
    long: Instant,
}

/// Why grouping wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupTimer {
    /// The long timer: never extended (G4).
    Long,
    /// The short timer: restarted by each failure (G3).
    Short,
    /// The next poll (G1).
    Poll,
}

/// What is due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing.
    Nothing,
    /// Hosts are polled now (G1).
    Poll,
    /// The group has closed; what arrives from now on opens the next one (G4).
    Closed(Window),
}

impl Window {
    /// What is concluded about each LUN of the group, in order (D3).
    pub fn findings(&self) -> impl Iterator<Item = (LunIx, Finding)> + '_ {
        self.cases.iter().map(|(&lun, case)| (lun, case.finding()))
    }
}

impl Grouping {
    /// Nothing has failed.
    #[must_use]
    pub fn new(policy: &Policy, now: Instant) -> Self {
        let poll = (policy.idle_poll > Millis::ZERO).then(|| now + policy.idle_poll);
        Self { poll, interval: policy.idle_poll, found: false, window: None }
    }

    /// Whether a group is open.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.window.is_some()
    }

    /// A host sees a LUN as lost. Whether that is new to the open group: then the LUN is to be probed, with this number.
    pub fn failure(&mut self, policy: &Policy, now: Instant, lun: LunIx, host: HostIx, probe: ProbeId) -> bool {
        let Some(window) = &mut self.window else {
            // G2: the first failure opens the group.
            let cases = BTreeMap::from([(lun, Case::new(host, probe))]);
            self.window = Some(Window { cases, short: now + policy.short, long: now + policy.long });
            self.interval = policy.min_poll;
            self.found = true;
            self.poll = (policy.idle_poll > Millis::ZERO).then(|| now + self.pause(policy));
            return true;
        };
        if let Some(case) = window.cases.get_mut(&lun) {
            case.lost_at(host);
            return false;
        }
        // G3: a further failure joins, restarts the short timer and halves the interval.
        window.cases.insert(lun, Case::new(host, probe));
        self.found = true;
        if policy.mode == Mode::Sliding {
            window.short = now + policy.short;
            self.interval = Millis(self.interval.0 / 2).max(policy.min_poll);
            self.poll = self.poll.map(|at| at.min(now + self.interval));
        }
        true
    }

    /// A path answered well, to this probe.
    pub fn healthy(&mut self, lun: LunIx, probe: Option<ProbeId>) {
        if let Some(case) = self.window.as_mut().and_then(|w| w.cases.get_mut(&lun)) {
            case.healthy(probe);
        }
    }

    /// An array's management has answered.
    pub fn array(&mut self, lun: LunIx, answer: ArrayAnswer) {
        if let Some(case) = self.window.as_mut().and_then(|w| w.cases.get_mut(&lun)) {
            case.array(answer);
        }
    }

    /// The nearest deadline and why.
    #[must_use]
    pub fn next_deadline(&self) -> Option<(Instant, GroupTimer)> {
        let window = self.window.as_ref();
        let long = window.map(|w| (w.long, GroupTimer::Long));
        let short = window.map(|w| (w.short, GroupTimer::Short));
        let poll = self.poll.map(|at| (at, GroupTimer::Poll));
        [long, short, poll].into_iter().flatten().min()
    }

    /// Takes what is due now; to be called until nothing is.
    pub fn due(&mut self, policy: &Policy, now: Instant) -> Due {
        match (self.next_deadline(), policy.mode) {
            (Some((at, _)), _) if at > now => Due::Nothing,
            (None, _) => Due::Nothing,
            (Some((_, GroupTimer::Poll)), _) => self.poll_due(policy, now),
            // G4: the group closes when either timer fires.
            (Some((_, GroupTimer::Short | GroupTimer::Long)), Mode::Sliding)
            | (Some((_, GroupTimer::Long)), Mode::Fixed) => self.close(policy, now),
            // The patent's figure 3: one poll per short timer; an empty one closes the group.
            (Some((_, GroupTimer::Short)), Mode::Fixed) => match &mut self.window {
                Some(window) if core::mem::take(&mut self.found) => {
                    window.short = now + policy.short;
                    if policy.idle_poll > Millis::ZERO { Due::Poll } else { self.due(policy, now) }
                }
                Some(_) | None => self.close(policy, now),
            },
        }
    }

    fn close(&mut self, policy: &Policy, now: Instant) -> Due {
        let closed = self.window.take();
        *self = Self::new(policy, now);
        closed.map_or(Due::Nothing, Due::Closed)
    }

    /// G1, G3: the next poll. Whether the last one was empty is told by what has come since: an answer that is lost
    /// stalls nothing.
    fn poll_due(&mut self, policy: &Policy, now: Instant) -> Due {
        if self.window.is_some() && policy.mode == Mode::Sliding && !core::mem::take(&mut self.found) {
            let longest = Millis(policy.short.0 / 2).max(policy.min_poll);
            self.interval = (self.interval * 2).min(longest);
        }
        self.poll = Some(now + self.pause(policy));
        Due::Poll
    }

    /// How long until the next poll. In `fixed` mode the short timer polls while a group is open.
    fn pause(&self, policy: &Policy) -> Millis {
        match (&self.window, policy.mode) {
            (None, _) => policy.idle_poll,
            (Some(_), Mode::Sliding) => self.interval,
            (Some(_), Mode::Fixed) => policy.long + policy.short,
        }
    }

    /// Moves every deadline earlier by `by`.
    pub fn shift(&mut self, by: Millis) {
        let back = |at: &mut Instant| *at = Instant(at.0.saturating_sub(by.0));
        self.poll.iter_mut().for_each(back);
        if let Some(window) = &mut self.window {
            back(&mut window.short);
            back(&mut window.long);
        }
    }
}
