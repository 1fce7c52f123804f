//! One group's failover at one site: what is durable (its record), what is not (its run), and the steps between.
//!
//! Architecture Invariant: effects of a group are derived from its record and its run, and only while the record is
//! durable. A restart is the ordinary path with an empty run.

mod ask;
mod authority;
mod commit;
mod course;
mod give;
mod learn;
mod messages;
mod operations;
mod pause;
pub mod placement;
mod protect;
mod quiesce;
mod rpo;
mod start;
mod steps;
mod take;
mod test;
mod unprotect;

use alloc::collections::{BTreeMap, BTreeSet};

pub(crate) use course::Course;
pub(crate) use operations::OpRun;
pub(crate) use placement::place;

use crate::authority::agent::Told;
use crate::effect::{Effect, Effects};
use crate::event::{Alert, Event};
use crate::guard::{self, Guard};
use crate::ids::{Epoch, GroupIx, HostIx, LunKey, Turn};
use crate::inventory::{Group, Site};
use crate::message::{Body, Left, Message, Progress, Stage};
use crate::operation::{Point, ReplicationSeen, Target};
use crate::record::{GivePhase, GroupRecord, Latch, TakePhase, Work};
use crate::time::{Instant, Millis};

/// What a step is given: the inventory, the time, the buffer for effects, and what groups share.
pub(crate) struct Cx<'a> {
    pub(crate) site: &'a Site,
    pub(crate) now: Instant,
    pub(crate) boot: u32,
    pub(crate) out: &'a mut Effects,
    pub(crate) slots: &'a mut Slots,
    pub(crate) maintenance: bool,
}

impl Cx<'_> {
    pub(crate) fn event(&mut self, event: Event) {
        self.out.push(Effect::Event(event));
    }
}

/// VMs that may be starting on each host at once (F6).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Slots {
    /// Starts under way, by host.
    pub(crate) starting: alloc::vec::Vec<u16>,
    /// Groups that wait for a host.
    pub(crate) waiting: BTreeSet<(HostIx, GroupIx)>,
    /// Hosts on which a start ended since this was last looked at.
    pub(crate) freed: BTreeSet<HostIx>,
    /// Memory that placements hold, by host, MiB (M6).
    pub(crate) held: alloc::vec::Vec<u64>,
}

/// Whether a record is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Durability {
    /// It is.
    Clean,
    /// It has changed since it was last saved.
    Dirty,
    /// It is being saved as it is.
    Saving,
    /// It is being saved, and has changed since.
    SavingOlder,
}

impl Durability {
    pub(crate) fn touch(&mut self) {
        *self = match self {
            Self::Clean | Self::Dirty => Self::Dirty,
            Self::Saving | Self::SavingOlder => Self::SavingOlder,
        };
    }
}

/// What a group waits for besides operations. One deadline each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wait {
    /// The peer has not answered: ask again.
    Resend,
    /// The peer has not answered for long: alert (O9).
    Silent,
    /// The next try after a refusal (M6).
    Backoff,
    /// The end of a reservation (F1).
    Ttl,
    /// A held incident becomes an alert (M3).
    Hold,
    /// The end of the cooldown (M5).
    Cooldown,
    /// The pause between two tiers (F6).
    Tier,
    /// An operation is in doubt, or is tried or observed again (J3).
    Operation,
    /// A started VM is not ready in time (F6).
    Ready,
    /// A prompt counts as answered, or a delay is over (F6).
    Step,
    /// A recovery is committed by itself (F10).
    Commit,
    /// The agent has not answered a claim (O10).
    Claim,
    /// The peer's copies are looked at (F2a).
    Rpo,
}

/// What a deputy has done with a group that its site owns (O10).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) enum Led {
    /// Nothing.
    #[default]
    Not,
    /// Put back what may have been left half done.
    InOrder,
    /// Moved it, or tried to.
    Moved,
}

/// What is lost in a restart, and found again by asking and observing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Run {
    /// What the agent has said last (O10).
    pub(crate) told: Option<Told>,
    /// The acquire has been asked for, and not refused (O4).
    pub(crate) acquiring: bool,
    /// The record has been compared with the peer's (J5).
    pub(crate) verified: bool,
    /// What a deputy has done with it (O10).
    pub(crate) led: Led,
    /// The open workflow is older than this machine: observe before doing (J5).
    pub(crate) observe_first: bool,
    /// The operation on each object. At most one (I12).
    pub(crate) ops: BTreeMap<Target, OpRun>,
    /// Deadlines.
    pub(crate) waits: BTreeMap<Wait, Instant>,
    /// Points that drained LUNs reached (F2).
    pub(crate) drained: BTreeMap<LunKey, Point>,
    /// Last complete points of recovery LUNs, as seen when they were cut (F5).
    pub(crate) points: BTreeMap<LunKey, Option<Point>>,
    /// Replication of LUNs that could not be drained, as of their loss (F2a).
    pub(crate) undrained: BTreeMap<LunKey, ReplicationSeen>,
    /// How far VMs have started (F6).
    pub(crate) starts: course::Starts,
    /// The same of a test (F8).
    pub(crate) test_starts: course::Starts,
    /// Points that a test's copies are at (F8).
    pub(crate) copied: BTreeMap<LunKey, Option<Point>>,
    /// The peer asked what this site knows; told once it is durable (J5).
    pub(crate) tell: bool,
    /// An answer that the peer waits for, to be sent once the record is durable.
    pub(crate) reply: Option<Reply>,
    /// A reservation at the peer that is to be ended (F1).
    pub(crate) abort: Option<Turn>,
    /// How far the peer says its recovery is (F9).
    pub(crate) progress: Option<Progress>,
    /// LUNs whose reports may end once the record is durable (G6).
    pub(crate) acknowledge: BTreeSet<LunKey>,
    /// LUNs whose copies are being looked at (F2a).
    pub(crate) looked: BTreeSet<LunKey>,
    /// A lost LUN answers again: it is given the recorded token (D4).
    pub(crate) returned: BTreeSet<LunKey>,
}

/// What is answered to the peer once the record is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Reply {
    Shielded,
    Unshielded,
    Ready(Stage),
    Taken,
}

/// A group at one site.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct GroupState {
    pub(crate) record: GroupRecord,
    pub(crate) durability: Durability,
    pub(crate) run: Run,
}

impl GroupState {
    /// A group that has no record yet.
    pub(crate) fn first(group: &Group, home: bool) -> Self {
        Self::of(GroupRecord::first(group.key, home))
    }

    /// A group as its record left it.
    pub(crate) fn of(record: GroupRecord) -> Self {
        let observe_first = record.work != Work::Idle || record.test.is_some();
        let run = Run { observe_first, verified: !guard::on(Guard::J5), ..Run::default() };
        Self { record, durability: Durability::Clean, run }
    }

    /// Whether effects may be derived: what they follow from is durable (J1, I10), and is what the agent holds (O10).
    pub(crate) fn clean(&self) -> bool {
        (self.durability == Durability::Clean || !guard::on(Guard::J1)) && self.authorized()
    }

    /// Notes that the record has changed.
    pub(crate) fn touch(&mut self) {
        self.durability.touch();
    }

    pub(crate) fn raise(&mut self, cx: &mut Cx<'_>, alert: Alert) {
        if self.record.alerts.insert(alert) {
            self.touch();
            cx.event(Event::Raised(alert));
        }
    }

    pub(crate) fn clear(&mut self, cx: &mut Cx<'_>, over: impl Fn(&Alert) -> bool) {
        let gone: alloc::vec::Vec<Alert> = self.record.alerts.iter().copied().filter(|a| over(a)).collect();
        for alert in gone {
            self.record.alerts.remove(&alert);
            self.touch();
            cx.event(Event::Cleared(alert));
        }
    }

    /// Nothing more is done without an operator.
    pub(crate) fn latch(&mut self, cx: &mut Cx<'_>, why: Latch) {
        if self.record.latch != Some(why) {
            self.clear(cx, |a| matches!(a, Alert::NeedsOperator { .. }));
            self.record.latch = Some(why);
            self.touch();
        }
        self.raise(cx, Alert::NeedsOperator { group: self.record.group, why });
    }

    pub(crate) fn unlatch(&mut self, cx: &mut Cx<'_>) {
        if self.record.latch.take().is_some() {
            self.touch();
        }
        self.clear(cx, |a| matches!(a, Alert::NeedsOperator { .. } | Alert::Loss { .. } | Alert::Held { .. }));
    }

    /// Opens, changes or ends the workflow. What the run held for the phase before is dropped; operations that are in
    /// doubt are not (J3).
    pub(crate) fn enter(&mut self, cx: &mut Cx<'_>, work: Work) {
        // F8: the real thing ends a test.
        if work != Work::Idle {
            self.end_test(cx);
        }
        self.run.waits.retain(|w, _| matches!(w, Wait::Cooldown | Wait::Operation | Wait::Claim | Wait::Commit));
        self.run.acquiring = false;
        self.clear(cx, |a| matches!(a, Alert::PeerSilent { .. } | Alert::Held { .. }));
        self.run.observe_first = false;
        let group = self.record.group;
        let authority = self.record.authority;
        match &work {
            Work::Give(give) => {
                cx.event(Event::Giving { group, turn: authority.turn(), phase: give.phase });
            }
            Work::Take(take) => {
                cx.event(Event::Taking { group, epoch: authority.epoch(), phase: take.phase });
            }
            Work::Idle => {
                self.forget();
                cx.event(Event::Settled { group, epoch: authority.epoch() });
            }
            Work::Protect(_) | Work::Shield { .. } | Work::Unprotect | Work::Unshield { .. } | Work::StandDown => {}
        }
        let pausable = pause::can_pause(&work);
        self.record.work = work;
        self.touch();
        if self.is_paused() && !pausable {
            self.unlatch(cx);
        }
    }

    /// Drops what a workflow learned; operations that may still take effect stay (J3).
    pub(crate) fn forget(&mut self) {
        self.run.ops.retain(|target, op| target.is_of_test() || op.let_go());
        self.run.drained.clear();
        self.run.points.clear();
        self.run.undrained.clear();
        self.run.starts = course::Starts::default();
        self.run.progress = None;
    }

    /// Moves the giving side on.
    pub(crate) fn give_phase(&mut self, cx: &mut Cx<'_>, phase: GivePhase) {
        if let Work::Give(give) = &self.record.work {
            let mut give = give.clone();
            give.phase = phase;
            self.enter(cx, Work::Give(give));
        }
    }

    /// Moves the taking side on.
    pub(crate) fn take_phase(&mut self, cx: &mut Cx<'_>, phase: TakePhase) {
        if let Work::Take(take) = &self.record.work {
            let mut take = take.clone();
            take.phase = phase;
            self.enter(cx, Work::Take(take));
        }
    }

    /// Adds the room that a restored record holds (M6).
    pub(crate) fn count_room(&self, site: &Site, slots: &mut Slots) {
        placement::count(site, &self.record.placement, &mut slots.held, u64::saturating_add);
    }

    /// Changes which hosts the group has room on (M6).
    pub(crate) fn hold_room(&mut self, cx: &mut Cx<'_>, placement: placement::Placement) {
        if self.record.placement != placement {
            placement::count(cx.site, &self.record.placement, &mut cx.slots.held, u64::saturating_sub);
            placement::count(cx.site, &placement, &mut cx.slots.held, u64::saturating_add);
            self.record.placement = placement;
            self.touch();
        }
    }

    /// LUNs that are lost in the present epoch.
    pub(crate) fn is_lost(&self, lun: LunKey) -> bool {
        self.record.marks.get(&lun) == Some(&self.record.authority.epoch())
    }

    /// One that is lost and may be writable all the same: nobody has said what has become of it (D2).
    pub(crate) fn is_cut_off(&self, lun: LunKey) -> bool {
        self.is_lost(lun) && self.record.cut_off.contains(&lun)
    }

    /// M1: marks end with the epoch.
    pub(crate) fn unmark(&mut self) {
        self.record.marks.clear();
        self.record.cut_off.clear();
    }

    pub(crate) fn any_lost(&self) -> bool {
        self.record.marks.values().any(|&e| e == self.record.authority.epoch())
    }

    /// Epoch and turn of what this site does now.
    pub(crate) fn now(&self) -> (Epoch, Turn) {
        (self.record.authority.epoch(), self.record.authority.turn())
    }

    pub(crate) fn send(&self, cx: &mut Cx<'_>, epoch: Epoch, body: Body) {
        cx.out.push(Effect::Send(Message { group: self.record.group, epoch, body }));
    }

    pub(crate) fn wait(&mut self, wait: Wait, until: Instant) {
        self.run.waits.entry(wait).or_insert(until);
    }

    /// The nearest deadline and why.
    pub(crate) fn deadline(&self) -> Option<(Instant, Wait)> {
        let waits = self.run.waits.iter().map(|(&w, &at)| (at, w));
        let ops = self.run.ops.values().filter_map(OpRun::deadline).map(|at| (at, Wait::Operation));
        let starts = [&self.run.starts, &self.run.test_starts].into_iter().flat_map(course::Starts::deadlines);
        waits.chain(ops).chain(starts).min()
    }

    /// Moves every deadline earlier.
    pub(crate) fn shift(&mut self, by: Millis) {
        let back = |at: &mut Instant| *at = Instant(at.0.saturating_sub(by.0));
        self.run.waits.values_mut().for_each(back);
        self.run.starts.shift(by);
        self.run.test_starts.shift(by);
        self.run.ops.values_mut().for_each(|op| op.shift(by));
    }

    /// One step: whatever the present phase can do now. Called after everything that touches the group.
    pub(crate) fn step(&mut self, cx: &mut Cx<'_>, g: GroupIx) {
        self.claim(cx);
        if self.clean() {
            self.tell_what_is_known(cx);
        }
        if !self.run.verified {
            self.ask_whats_known(cx);
            return;
        }
        self.settle_returned(cx, g);
        if self.clean() {
            self.say_what_is_due(cx);
        }
        match &self.record.work {
            _ if self.is_paused() => {}
            Work::Idle => {}
            Work::Protect(phase) => self.step_protect(cx, g, *phase),
            Work::Shield { turn } => self.step_shield(cx, g, *turn),
            Work::Unprotect => self.step_unprotect(cx, g),
            Work::Unshield { turn } => self.step_unshield(cx, g, *turn),
            Work::StandDown => self.step_stand_down(cx, g),
            Work::Give(give) => self.step_give(cx, g, give.phase),
            Work::Take(take) => self.step_take(cx, g, take.phase),
        }
        self.step_test(cx, g);
        self.window_deadline(cx);
        self.step_rpo(cx);
        if self.clean() {
            self.say_what_is_due(cx);
        }
    }

    /// What this site's copy of each LUN was left with, where it was drained.
    pub(crate) fn left(&self, lun: LunKey) -> Left {
        self.run.drained.get(&lun).map_or(Left::Undrained, |&p| Left::Drained(p))
    }
}
