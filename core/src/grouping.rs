//! Grouping failures that belong together (G1 to G6): adaptive polling, a sliding window, or the patent's fixed one.
//!
//! Nothing here waits for an answer. Whether a poll was empty is told by what has come when the next one is due, so a
//! lost answer stalls neither the polls nor the window.

use alloc::collections::BTreeMap;

use crate::detection::corroboration::{ArrayAnswer, Case, Finding};
use crate::ids::{HostIx, LunIx};
use crate::input::ProbeId;
use crate::policy::{Grouping as Policy, Mode};
use crate::time::{Instant, Millis};

/// The poll schedule, and the open group if there is one.
///
/// Volatile: a restart loses it, and hosts report again what was not acknowledged (G6).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Grouping {
    /// The next poll; `None` where hosts only push, and in a fixed window, where the short timer polls.
    poll: Option<Instant>,
    window: Option<Window>,
    /// A group that was over when a failure came that opened the next one, until [`Grouping::due`] hands it out.
    over: Option<Window>,
}

/// An open group of failures: a set keyed by LUN, so a flood of messages is bounded by the inventory (G5).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    cases: BTreeMap<LunIx, Case>,
    short: Instant,
    long: Instant,
    /// Poll interval of a sliding window (G3).
    interval: Millis,
    /// A failure has joined since the last poll: it was not empty.
    found: bool,
}

/// Why grouping wants to be woken. In the order in which they fire at one time: a group that is over is not polled for.
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
    /// G2: the first failure opens the group and starts both timers.
    fn open(policy: &Policy, now: Instant, lun: LunIx, case: Case) -> Self {
        Self {
            cases: BTreeMap::from([(lun, case)]),
            short: now + policy.short,
            long: now + policy.long,
            interval: policy.min_poll,
            found: true,
        }
    }

    /// G4: either timer has fired. In `fixed` mode the short one fires for good only after an empty poll (G3).
    fn is_over(&self, policy: &Policy, now: Instant) -> bool {
        let empty = match policy.mode {
            Mode::Sliding => true,
            Mode::Fixed => !self.found,
        };
        self.long <= now || (self.short <= now && empty)
    }

    fn deadline(&self) -> (Instant, GroupTimer) {
        (self.long, GroupTimer::Long).min((self.short, GroupTimer::Short))
    }

    /// What is concluded about each LUN of the group, in order (D3).
    pub fn findings(&self) -> impl Iterator<Item = (LunIx, Finding)> + '_ {
        self.cases.iter().map(|(&lun, case)| (lun, case.finding()))
    }
}

impl Grouping {
    /// Nothing has failed (G1).
    #[must_use]
    pub fn new(policy: &Policy, now: Instant) -> Self {
        Self { poll: polled(policy, now + policy.idle_poll), window: None, over: None }
    }

    /// Whether a group is open.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.window.is_some()
    }

    /// LUNs of the open group whose verdict still hangs on the word of one host or none (D3). Answers get lost, and a
    /// unit attention is none (D1): worth probing again with every poll.
    pub fn undecided(&self) -> impl Iterator<Item = LunIx> + '_ {
        let cases = self.window.iter().flat_map(|w| &w.cases);
        cases.filter(|(_, case)| case.is_open()).map(|(&lun, _)| lun)
    }

    /// A host sees a LUN as lost. Whether that is new to the open group: then the LUN is to be probed, with this number.
    ///
    /// G4: one that comes when the group is over, before [`Grouping::due`] has said so, opens the next group. G5: one
    /// that a group holds already is evidence and no further failure.
    pub fn failure(&mut self, policy: &Policy, now: Instant, lun: LunIx, host: HostIx, probe: ProbeId) -> bool {
        if let Some(case) = self.case(lun) {
            case.lost_at(host);
            return false;
        }
        let case = Case::new(host, probe);
        if self.over.is_none() {
            self.over = self.window.take_if(|w| w.is_over(policy, now));
        }
        match &mut self.window {
            None => {
                self.window = Some(Window::open(policy, now, lun, case));
                self.poll = match policy.mode {
                    Mode::Sliding => polled(policy, now + policy.min_poll),
                    Mode::Fixed => None,
                };
            }
            Some(window) => {
                window.cases.insert(lun, case);
                window.found = true;
                // G3: a further failure restarts the short timer and halves the interval.
                if policy.mode == Mode::Sliding {
                    window.short = now + policy.short;
                    window.interval = Millis(window.interval.0 / 2).max(policy.min_poll);
                    self.poll = self.poll.map(|at| at.min(now + window.interval));
                }
            }
        }
        true
    }

    /// Whether the open group holds this LUN as lost, and no well-sampled answer speaks against it.
    #[must_use]
    pub fn undisputed(&self, lun: LunIx) -> bool {
        self.window.as_ref().and_then(|w| w.cases.get(&lun)).is_some_and(|case| !case.is_disputed())
    }

    /// A path answered well, to this probe.
    pub fn healthy(&mut self, lun: LunIx, probe: Option<ProbeId>) {
        if let Some(case) = self.case(lun) {
            case.healthy(probe);
        }
    }

    /// A host that saw a LUN as lost does not any more: it takes its own word back (D3).
    pub fn withdrawn(&mut self, lun: LunIx, host: HostIx) {
        if let Some(case) = self.case(lun) {
            case.withdrawn(host);
        }
    }

    /// An array's management has answered.
    pub fn array(&mut self, lun: LunIx, answer: ArrayAnswer) {
        if let Some(case) = self.case(lun) {
            case.array(answer);
        }
    }

    /// The nearest deadline and why.
    #[must_use]
    pub fn next_deadline(&self) -> Option<(Instant, GroupTimer)> {
        let over = self.over.as_ref().map(Window::deadline);
        let window = self.window.as_ref().map(Window::deadline);
        let poll = self.poll.map(|at| (at, GroupTimer::Poll));
        [over, window, poll].into_iter().flatten().min()
    }

    /// Takes what is due now; to be called until nothing is. A group that is over closes before anything is polled.
    pub fn due(&mut self, policy: &Policy, now: Instant) -> Due {
        if let Some(over) = self.over.take() {
            return Due::Closed(over);
        }
        if let Some(closed) = self.window.take_if(|w| w.is_over(policy, now)) {
            *self = Self::new(policy, now);
            return Due::Closed(closed);
        }
        match (&mut self.window, policy.mode) {
            // G3, the patent's figure 3: one poll per short timer. It is not over, so the last one was not empty.
            (Some(window), Mode::Fixed) if window.short <= now => {
                window.found = false;
                window.short = now + policy.short;
                if policy.idle_poll > Millis::ZERO { Due::Poll } else { Due::Nothing }
            }
            (Some(window), Mode::Sliding) if self.poll.is_some_and(|at| at <= now) => {
                if !core::mem::take(&mut window.found) {
                    // G3: an empty poll doubles the interval.
                    let longest = Millis(policy.short.0 / 2).max(policy.min_poll);
                    window.interval = (window.interval * 2).min(longest);
                }
                self.poll = Some(now + window.interval);
                Due::Poll
            }
            (None, Mode::Sliding | Mode::Fixed) if self.poll.is_some_and(|at| at <= now) => {
                self.poll = polled(policy, now + policy.idle_poll);
                Due::Poll
            }
            (Some(_) | None, Mode::Sliding | Mode::Fixed) => Due::Nothing,
        }
    }

    /// Moves every deadline earlier by `by`.
    pub fn shift(&mut self, by: Millis) {
        let back = |at: &mut Instant| *at = Instant(at.0.saturating_sub(by.0));
        self.poll.iter_mut().for_each(back);
        for window in self.window.iter_mut().chain(&mut self.over) {
            back(&mut window.short);
            back(&mut window.long);
        }
    }

    /// Numbers of probes that cases go by.
    pub(crate) fn probes(&self) -> impl Iterator<Item = ProbeId> + '_ {
        self.window.iter().chain(&self.over).flat_map(|w| w.cases.values()).map(Case::probe)
    }

    /// Probes get other numbers.
    pub(crate) fn renumber(&mut self, to: impl Fn(ProbeId) -> ProbeId) {
        let windows = self.window.iter_mut().chain(&mut self.over);
        windows.flat_map(|w| w.cases.values_mut()).for_each(|case| case.renumber(&to));
    }

    /// The case of a LUN. It is in one group at most (G4), which may be over and not yet handed out.
    fn case(&mut self, lun: LunIx) -> Option<&mut Case> {
        let over = self.over.as_mut().and_then(|w| w.cases.get_mut(&lun));
        over.or_else(|| self.window.as_mut().and_then(|w| w.cases.get_mut(&lun)))
    }
}

/// The time of the next poll, where the manager polls at all (G1).
fn polled(policy: &Policy, at: Instant) -> Option<Instant> {
    (policy.idle_poll > Millis::ZERO).then_some(at)
}
