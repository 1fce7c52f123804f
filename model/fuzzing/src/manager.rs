//! The recovery manager, told whatever bytes say: answers to what it asked, and things that nobody would say.

mod facts;

use std::collections::BTreeMap;

use farshore_core::effect::SaveId;
use farshore_core::ids::GroupKey;
use farshore_core::inventory::Site;
use farshore_core::operation::{Op, Target};
use farshore_core::record::Record;
use farshore_core::time::Instant;
use farshore_core::{Effect, Effects, Fact, Records, RecoveryManager};

use crate::bytes::Bytes;
use crate::known;
use crate::parts::Parts;
use crate::trace;
use crate::wired::Hint;

/// Steps of one run at most.
const STEPS: usize = 400;
/// What waits to be answered at most; older things are lost, as the outside loses them.
const WAITING: usize = 48;

/// A manager, and what is outside of it.
pub(crate) struct Run<'a> {
    pub(crate) site: &'a Site,
    pub(crate) machine: RecoveryManager,
    pub(crate) now: Instant,
    boot: u32,
    disk: Records,
    saving: Option<(SaveId, Vec<Record>)>,
    /// A save of this machine has failed: it stands still.
    failed: bool,
    /// It was started from records that no machine has saved, or its own agent lies to it: it may find that what it knows
    /// does not hold together, and stop.
    dubious: bool,
    waiting: Vec<Effect>,
    last: BTreeMap<Target, Op>,
}

/// Whatever a manager is told, it does not panic; as long as its own agent is honest, it holds every invariant that it can see, asks for one save at a time, and
/// a command that it rejects changes nothing. It always wants to be woken later than now. What is durable starts another.
pub fn run(bytes: &[u8]) {
    let mut b = Bytes::new(bytes);
    let sites = known::sites();
    let pair = &sites[b.below(sites.len())];
    let mut run = Run::first(&pair[b.below(2)]);
    run.dubious = b.once_in(4);
    for _ in 0..STEPS {
        if b.is_over() {
            break;
        }
        run.step(&mut b);
    }
    run.restart(true);
}

/// Starts a manager from records that may never have been saved, and lets bytes go on.
pub(crate) fn started(site: &Site, records: Records, b: &mut Bytes<'_>) {
    let mut effects = Effects::new();
    let now = Instant(1_000_000);
    let Ok(machine) = RecoveryManager::restore(site, 1, records.clone(), now, &mut effects) else { return };
    let (saving, last) = (None, BTreeMap::new());
    let (failed, dubious, waiting) = (false, true, Vec::new());
    let mut run = Run { site, machine, now, boot: 1, disk: records, saving, failed, dubious, waiting, last };
    run.take(effects);
    for _ in 0..STEPS {
        if b.is_over() {
            break;
        }
        run.step(b);
    }
}

impl<'a> Run<'a> {
    fn first(site: &'a Site) -> Self {
        let (disk, mut effects) = (Records::first_start(), Effects::new());
        let now = Instant(1_000_000);
        let machine = RecoveryManager::restore(site, 1, disk.clone(), now, &mut effects).expect("a first start");
        let (saving, last) = (None, BTreeMap::new());
        let (failed, dubious, waiting) = (false, false, Vec::new());
        let mut run = Self { site, machine, now, boot: 1, disk, saving, failed, dubious, waiting, last };
        run.take(effects);
        run
    }

    pub(crate) fn parts(&self) -> Parts<'a> {
        Parts { site: self.site }
    }

    pub(crate) fn hint(&self, group: GroupKey) -> Hint {
        let status = self.machine.status(self.site);
        let authority = status.groups.iter().find(|g| g.record.group == group).map(|g| g.record.authority);
        let (epoch, turn) = authority.map_or_else(Default::default, |a| (a.epoch(), a.turn().max(a.peer_turn())));
        Hint { epoch, turn, boot: self.boot, now: self.now }
    }

    fn step(&mut self, b: &mut Bytes<'_>) {
        match b.below(16) {
            0..=5 => self.answer(b),
            6 | 7 => self.saved(b),
            8 | 9 => self.any_fact(b),
            10 => self.loss(b),
            11 => {
                self.now = Instant(self.now.0.saturating_add(b.span()));
                self.tell(Fact::Wake);
            }
            12 => {
                if let Some((at, _)) = self.machine.next_deadline() {
                    self.now = self.now.max(at);
                    self.tell(Fact::Wake);
                }
            }
            13 | 14 => self.command(b),
            _ => {
                if b.once_in(8) {
                    let kept = b.flag();
                    self.restart(kept);
                }
            }
        }
    }

    fn saved(&mut self, b: &mut Bytes<'_>) {
        let Some((id, batch)) = self.saving.take() else { return };
        if b.once_in(100) {
            self.failed = true;
            return self.tell(Fact::SaveFailed(id));
        }
        batch.into_iter().for_each(|record| self.disk.put(record));
        self.tell(Fact::Saved(id));
    }

    /// Tells it something, and looks at what it makes of it.
    pub(crate) fn tell(&mut self, fact: Fact) {
        let mut twin = self.machine.clone();
        let (mut effects, mut again) = (Effects::new(), Effects::new());
        self.machine.handle(self.site, self.now, fact.clone(), &mut effects);
        trace(|| format!("{:?}: {fact:?}\n    {effects:?}", self.now));
        twin.handle(self.site, self.now, fact, &mut again);
        assert!(twin == self.machine && again == effects, "the same fact has the same effects");
        self.take(effects);
    }

    fn command(&mut self, b: &mut Bytes<'_>) {
        let command = facts::command(&self.parts(), b);
        let (mut effects, before) = (Effects::new(), self.machine.clone());
        let done = self.machine.command(self.site, self.now, command.clone(), &mut effects);
        trace(|| format!("{:?}: {command:?}: {done:?}\n    {effects:?}", self.now));
        if let Err(why) = done {
            assert!(self.machine == before, "{command:?} was rejected ({why}) and changed something");
            assert!(effects.is_empty(), "{command:?} was rejected ({why}) and had effects: {effects:?}");
        }
        self.take(effects);
    }

    /// Stops and starts again from what is durable. With `kept` the batch under way is durable too.
    fn restart(&mut self, kept: bool) {
        if let Some((_, batch)) = self.saving.take()
            && kept
        {
            batch.into_iter().for_each(|record| self.disk.put(record));
        }
        self.boot += 1;
        let mut effects = Effects::new();
        let start = RecoveryManager::restore(self.site, self.boot, self.disk.clone(), self.now, &mut effects);
        self.machine = start.expect("J5: what was saved can be started from");
        trace(|| format!("{:?}: restart\n    {effects:?}", self.now));
        (self.failed, self.waiting) = (false, Vec::new());
        let status = self.machine.status(self.site);
        for record in self.disk.groups.iter().filter(|_| !self.dubious) {
            assert!(status.groups.iter().any(|g| g.record == record), "J5: what was saved is known again");
        }
        self.take(effects);
    }

    fn take(&mut self, effects: Effects) {
        let status = self.machine.status(self.site);
        let stopped = self.failed || (self.dubious && status.halted);
        assert_eq!(status.halted, stopped, "it stops for good after a failed save, and not otherwise");
        if !status.halted {
            assert_eq!(self.machine.check(self.site), Ok(()));
        }
        let deadline = self.machine.next_deadline();
        assert!(deadline.is_none_or(|(at, _)| at > self.now), "{deadline:?} is not after {:?}", self.now);
        let inventory = &self.site.inventory;
        let objects = inventory.groups.len() + inventory.luns.len() + inventory.hosts.len() + inventory.vms.len();
        assert!(effects.len() < 32 * objects, "I18: {} effects at once", effects.len());
        for effect in effects {
            match effect {
                Effect::Save { id, batch } => {
                    assert!(self.saving.replace((id, batch)).is_none(), "J1: one save at a time");
                }
                Effect::Event(_) | Effect::Acknowledge { .. } => {}
                other => {
                    if let Effect::Do(op) = &other {
                        self.last.insert(op.id.target, *op);
                    }
                    self.waiting.push(other);
                }
            }
        }
        let over = self.waiting.len().saturating_sub(WAITING);
        self.waiting.drain(..over);
    }

    pub(crate) fn waiting(&mut self, b: &mut Bytes<'_>) -> Option<Effect> {
        (!self.waiting.is_empty()).then(|| {
            let at = b.below(self.waiting.len());
            self.waiting.remove(at)
        })
    }

    pub(crate) fn last(&self, target: Target) -> Option<Op> {
        self.last.get(&target).copied()
    }
}
