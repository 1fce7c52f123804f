//! Arrays: LUN copies, the states they are brought into, what is seen of them. An array decides nothing (J2).

use farshore_core::guard::{self, Guard};
use farshore_core::ids::{Epoch, Index, LunIx, Side};
use farshore_core::inventory::Replication;
use farshore_core::operation::{Failure, Goal, LunSeen, Op, Point, ReplicationSeen, Seen, Token};
use farshore_core::time::Millis;

use crate::action::{Happening, Outcome};
use crate::disk::Content;
use crate::properties;
use crate::reports::Paths;
use crate::scope::Wire;
use crate::setup::Setup;
use crate::world::World;

/// One site's copy of a LUN.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LunCopy {
    /// The array serves it.
    pub present: bool,
    /// VMs may write it, as long as it is present.
    pub writable: bool,
    /// Highest token applied, or recorded for its return; durable.
    pub token: Token,
    /// What is on it.
    pub content: Content,
    /// Complete points that it can be rolled back to, oldest first.
    pub points: Vec<KeptPoint>,
    /// Age, at the loss of the source, of the point that it was last rolled back to.
    pub age: Millis,
    /// Replication frames of lower epochs are refused (F5).
    pub cut: Epoch,
    /// It was lost and is back: new, and not to be used before a full resynchronisation (D4).
    pub fresh: bool,
    /// What was on it before it was overwritten by a reprotect (F8).
    pub tail: Option<Tail>,
    /// Paths from each host that mounts it, in the order of the inventory.
    pub paths: Vec<Paths>,
}

/// A snapshot of what a copy held when it became a target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tail {
    /// The last command of its epoch that asked for it.
    pub token: Token,
    /// What was on the copy at the first of them.
    pub content: Content,
}

/// A complete point of a target.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeptPoint {
    /// Its number, of its consistency set.
    pub point: Point,
    /// How long the source has served since it was taken.
    pub age: Millis,
    /// What was on the source then.
    pub content: Content,
}

/// How far a full or partial resynchronisation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Resync {
    /// None is needed.
    #[default]
    None,
    /// It has not begun; the target is as it was.
    Due,
    /// The target is torn.
    Copying,
    /// This LUN is copied, and waits for the others of its set.
    Copied,
}

/// Replication between the copies of a LUN, as its source knows it. It stays as of the loss of the source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Pair {
    /// The copy that is replicated from; `None`: never yet.
    pub source: Option<Side>,
    /// Epoch that its frames carry.
    pub epoch: Epoch,
    /// The command that started it.
    pub token: Token,
    /// It runs.
    pub running: bool,
    /// Synchronous: every acknowledged write is at the target.
    pub in_sync: bool,
    /// Resynchronisation.
    pub resync: Resync,
    /// The agent has been told that the mirror stalls (O6).
    pub stalled: bool,
}

/// Both copies of a LUN.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LunState {
    /// The copies, by [`Side`].
    pub copies: [Option<LunCopy>; 2],
    /// Replication between them.
    pub pair: Pair,
}

/// Whether an object that keeps `kept` refuses a command with `new` (J2).
#[must_use]
pub fn refuses(kept: Token, new: Token) -> bool {
    guard::on(Guard::J2Token) && if guard::on(Guard::J2Turn) { new < kept } else { new.epoch < kept.epoch }
}

impl LunState {
    /// The copy at a site.
    #[must_use]
    pub const fn at(&self, side: Side) -> Option<&LunCopy> {
        match side {
            Side::One => self.copies[0].as_ref(),
            Side::Two => self.copies[1].as_ref(),
        }
    }

    pub(crate) const fn at_mut(&mut self, side: Side) -> Option<&mut LunCopy> {
        match side {
            Side::One => self.copies[0].as_mut(),
            Side::Two => self.copies[1].as_mut(),
        }
    }

    /// Whether VMs may write the copy at a site.
    #[must_use]
    pub fn writable(&self, side: Side) -> bool {
        self.at(side).is_some_and(|c| c.present && c.writable)
    }

    /// Whether the target takes the source's frames: it is there, VMs cannot write it, and no newer epoch has cut them.
    #[must_use]
    pub fn accepts(&self) -> bool {
        let target = self.pair.source.and_then(|s| self.at(s.peer()));
        target.is_some_and(|t| t.present && !t.writable && t.cut <= self.pair.epoch)
    }

    /// Whether frames flow, if the wire between the arrays is whole.
    #[must_use]
    pub fn flows(&self) -> bool {
        let source = self.pair.source.and_then(|s| self.at(s));
        self.pair.running && source.is_some_and(|s| s.present) && self.accepts()
    }

    /// The newest complete point at the target.
    #[must_use]
    pub fn newest(&self) -> Option<&KeptPoint> {
        self.pair.source.and_then(|s| self.at(s.peer())).and_then(|t| t.points.last())
    }
}

impl World {
    /// Whether a LUN's array would do this now. Otherwise the command waits there.
    pub(crate) fn lun_ready(&self, setup: &Setup, side: Side, lun: LunIx, op: &Op) -> bool {
        let Some(end) = &setup.inventory().luns[lun].ends[side.at()] else { return true };
        if !self.arrays[end.array.at()] {
            return false;
        }
        let state = &self.luns[lun.at()];
        let Some(copy) = state.at(side) else { return true };
        if !copy.present || refuses(copy.token, op.id.token) {
            return true;
        }
        let wire = self.wire(Wire::Frames(side));
        match op.goal {
            Goal::Drained if state.pair.source == Some(side) && state.flows() => {
                let behind = state.pair.resync != Resync::None || (self.is_sync(setup, lun) && !state.pair.in_sync);
                wire && !behind
            }
            Goal::Replicating if state.pair.token == op.id.token && state.flows() => state.pair.resync == Resync::None,
            Goal::Replicating => wire,
            _ => true,
        }
    }

    /// Applies a command to a site's copy of a LUN. `None`: it is under way, and answered later.
    pub(crate) fn apply_lun(
        &mut self,
        setup: &Setup,
        side: Side,
        lun: LunIx,
        op: &Op,
        out: &mut Outcome,
    ) -> Option<Result<Seen, Failure>> {
        let token = op.id.token;
        let Some(copy) = self.luns[lun.at()].at(side) else { return Some(Err(Failure::Unknown)) };
        if refuses(copy.token, token) {
            return Some(Err(Failure::Superseded));
        }
        properties::i7::applied(&mut self.ghost, copy.token, token);
        if !copy.present && op.goal != Goal::ReadOnly {
            return Some(Err(Failure::Lost));
        }
        let was = self.luns[lun.at()].writable(side);
        let done = match op.goal {
            Goal::Drained => self.drain(setup, side, lun),
            Goal::ReplicationStopped => {
                self.stop_replication(setup, side, lun);
                Ok(())
            }
            Goal::ReadOnly => {
                self.copy_mut(side, lun).writable = false;
                self.disks_gone(setup, side, lun);
                Ok(())
            }
            Goal::Cut => {
                let copy = self.copy_mut(side, lun);
                copy.cut = copy.cut.max(token.epoch);
                Ok(())
            }
            Goal::RolledBack { to } => self.roll_back(side, lun, to),
            Goal::TailKept => {
                self.keep_tail(side, lun, token);
                Ok(())
            }
            // The array's own write lease: without authority nothing becomes writable (O3).
            Goal::ReadWrite if !self.enforcers_allow(side, setup.inventory().luns[lun].group) => Err(Failure::Failed),
            Goal::ReadWrite => {
                properties::on_writable(self, setup, side, lun, op, out);
                self.copy_mut(side, lun).writable = true;
                Ok(())
            }
            Goal::Replicating => self.replicate(setup, side, lun, op)?,
            Goal::Fenced
            | Goal::Mounted
            | Goal::Stopped { .. }
            | Goal::Running { .. }
            | Goal::Placeholder
            | Goal::Unregistered
            | Goal::Ran
            | Goal::Copied
            | Goal::CopiedAt { .. }
            | Goal::Gone => Err(Failure::Unknown),
        };
        let now = self.luns[lun.at()].writable(side);
        if was != now {
            out.happened.push(Happening::Writable(side, lun, now));
        }
        Some(done.map(|()| {
            let copy = self.copy_mut(side, lun);
            copy.token = copy.token.max(token);
            Seen::Lun(self.lun_seen(setup, side, lun))
        }))
    }

    /// What the array of a site tells of its copy.
    pub(crate) fn lun_seen(&self, setup: &Setup, side: Side, lun: LunIx) -> LunSeen {
        let state = &self.luns[lun.at()];
        let pair = &state.pair;
        let resync = pair.resync != Resync::None;
        let replication = match (state.at(side), pair.source) {
            (Some(_), Some(source)) if source == side => {
                let newest = state.newest();
                let sync = self.is_sync(setup, lun);
                ReplicationSeen {
                    running: pair.running,
                    in_sync: sync.then_some(pair.in_sync && !resync),
                    lag: newest.filter(|_| !sync && !resync).map(|p| p.age),
                    point: newest.map(|p| p.point),
                    resync,
                }
            }
            (Some(copy), source) => ReplicationSeen {
                running: source.is_some() && pair.running && state.accepts(),
                in_sync: None,
                lag: None,
                point: copy.points.last().map(|p| p.point),
                resync: copy.content.torn,
            },
            (None, _) => ReplicationSeen::default(),
        };
        let copy = state.at(side);
        LunSeen {
            token: copy.map(|c| c.token).unwrap_or_default(),
            present: copy.is_some_and(|c| c.present),
            writable: state.writable(side),
            tail: copy.and_then(|c| c.tail.as_ref()).map(|t| t.token).unwrap_or_default(),
            replication,
        }
    }

    pub(crate) fn is_sync(&self, setup: &Setup, lun: LunIx) -> bool {
        setup.inventory().luns[lun].replication == Some(Replication::Synchronous)
    }

    /// The copy of a LUN at a site that has one.
    pub(crate) fn copy_mut(&mut self, side: Side, lun: LunIx) -> &mut LunCopy {
        self.luns[lun.at()].at_mut(side).expect("the site has a copy of the LUN")
    }

    /// F8: a snapshot, once in an epoch: what came over it since is no tail.
    fn keep_tail(&mut self, side: Side, lun: LunIx, token: Token) {
        let copy = self.copy_mut(side, lun);
        match &mut copy.tail {
            Some(tail) if tail.token.epoch == token.epoch => tail.token = tail.token.max(token),
            Some(_) | None => copy.tail = Some(Tail { token, content: copy.content.clone() }),
        }
    }

    /// A copy is lost: frames end, guests hang on it, hosts have something to report.
    pub(crate) fn lose_lun(&mut self, setup: &Setup, side: Side, lun: LunIx, out: &mut Outcome) {
        let armed = self.third.is_some();
        let state = &mut self.luns[lun.at()];
        let was = state.writable(side);
        let as_target = state.pair.source == Some(side.peer());
        let Some(copy) = state.at_mut(side) else { return };
        copy.present = false;
        copy.report_all();
        if as_target {
            state.pair.running = false;
            // With an arbiter, writes stall until somebody knows (O6).
            state.pair.in_sync &= armed;
        }
        if was {
            out.happened.push(Happening::Writable(side, lun, false));
        }
        self.break_cycle(setup, lun);
        self.disks_gone(setup, side, lun);
    }

    /// It is back: new, and read-only (D4).
    pub(crate) fn return_lun(&mut self, side: Side, lun: LunIx) {
        let copy = self.copy_mut(side, lun);
        (copy.present, copy.writable, copy.fresh) = (true, false, true);
        copy.report_all();
    }
}
