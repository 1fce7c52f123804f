//! The site agent, told whatever bytes say.

use farshore_core::authority::agent::{AgentEffect, AgentFact, AgentRecord, SiteAgent};
use farshore_core::effect::SaveId;
use farshore_core::ids::{GroupKey, LunKey};
use farshore_core::inventory::Site;
use farshore_core::operation::ReplicationSeen;
use farshore_core::time::Instant;

use crate::bytes::Bytes;
use crate::known;
use crate::parts::{self, Parts};
use crate::trace;
use crate::wired::{self, Hint};

/// Steps of one run at most.
const STEPS: usize = 400;

struct Run<'a> {
    site: &'a Site,
    machine: SiteAgent,
    now: Instant,
    boot: u32,
    disk: Vec<AgentRecord>,
    saving: Option<(SaveId, Vec<AgentRecord>)>,
    reading: Vec<GroupKey>,
}

/// Whatever an agent is told, it does not panic, stops only after a failed save, hands on no more than a lease, says
/// nothing of a group whose record is not durable, and its epochs only grow.
pub fn run(bytes: &[u8]) {
    let mut b = Bytes::new(bytes);
    let sites = known::sites();
    let pair = &sites[b.below(sites.len())];
    let mut run = Run::first(&pair[b.below(2)]);
    if b.once_in(4) {
        run.disk = run.any_records(&mut b);
        run.restart();
    }
    for _ in 0..STEPS {
        if b.is_over() {
            break;
        }
        run.step(&mut b);
    }
    run.restart();
}

impl<'a> Run<'a> {
    fn first(site: &'a Site) -> Self {
        let (now, mut effects) = (Instant(1_000_000), Vec::new());
        let machine = SiteAgent::restore(site, 1, Vec::new(), now, &mut effects).expect("a first start");
        let mut run = Self { site, machine, now, boot: 1, disk: Vec::new(), saving: None, reading: Vec::new() };
        run.take(effects);
        run
    }

    fn any_records(&self, b: &mut Bytes<'_>) -> Vec<AgentRecord> {
        (0..self.site.inventory.groups.len()).map(|at| wired::agent_record(b, parts::group_at(self.site, at))).collect()
    }

    fn restart(&mut self) {
        self.saving = None;
        self.boot = self.boot.wrapping_add(1);
        let mut effects = Vec::new();
        let start = SiteAgent::restore(self.site, self.boot, self.disk.clone(), self.now, &mut effects);
        self.machine = start.expect("what was saved can be started from");
        self.take(effects);
    }

    fn step(&mut self, b: &mut Bytes<'_>) {
        let parts = Parts { site: self.site };
        let group = parts.group(b);
        let record = self.machine.record(self.site, group).copied();
        let (epoch, turn) = record.map_or_else(Default::default, |r| (r.authority.epoch(), r.authority.turn()));
        let hint = Hint { epoch, turn, boot: self.boot, now: self.now };
        let fact = match b.below(20) {
            0..=2 => {
                self.now = Instant(self.now.0.saturating_add(b.span()));
                AgentFact::Wake
            }
            3 | 4 => {
                self.now = self.now.max(self.machine.next_deadline(self.site).unwrap_or(self.now));
                AgentFact::Wake
            }
            5..=7 => match self.saving.take() {
                Some((id, batch)) => self.saved(b, id, batch),
                None => AgentFact::Saved(parts::save_id(b)),
            },
            8..=10 => AgentFact::Reply(wired::reply(b, group, hint, record.map_or(0, |r| r.k))),
            11..=13 => AgentFact::Note(wired::note(b, group, hint)),
            14 => {
                let group = self.reading.pop().unwrap_or(group);
                AgentFact::Read { group, luns: self.luns(b, group) }
            }
            15 => AgentFact::Mirror { lun: parts.lun(b), broken: b.flag() },
            16 => AgentFact::Enforced(group),
            17 => {
                let first = AgentRecord::first(group, true).authority;
                AgentFact::Claim(wired::claim(b, group, hint, record.map_or(first, |r| r.authority)))
            }
            18 => AgentFact::Acquire { group, forced: b.once_in(4) },
            _ => {
                if b.once_in(8) {
                    self.restart();
                }
                return;
            }
        };
        self.tell(fact);
    }

    fn saved(&mut self, b: &mut Bytes<'_>, id: SaveId, batch: Vec<AgentRecord>) -> AgentFact {
        if b.once_in(100) {
            return AgentFact::SaveFailed(id);
        }
        for record in batch {
            self.disk.retain(|r| r.group != record.group);
            self.disk.push(record);
        }
        AgentFact::Saved(id)
    }

    /// What arrays say of a group's LUNs: some of them, in any state.
    fn luns(&self, b: &mut Bytes<'_>, group: GroupKey) -> Vec<(LunKey, Option<ReplicationSeen>)> {
        let inventory = &self.site.inventory;
        let luns = inventory.groups.by_key(group).map(|(_, g)| g.luns.clone()).unwrap_or_default();
        let fit = ReplicationSeen { running: true, in_sync: Some(true), ..ReplicationSeen::default() };
        luns.into_iter()
            .map(|l| {
                let seen = if b.flag() { Some(fit) } else { b.maybe(parts::replication) };
                (inventory.luns[l].key, seen)
            })
            .collect()
    }

    fn tell(&mut self, fact: AgentFact) {
        let failed = matches!(fact, AgentFact::SaveFailed(_));
        let before: Vec<AgentRecord> = self.records();
        let (mut twin, was) = (self.machine.clone(), self.machine.is_halted());
        let (mut effects, mut again) = (Vec::new(), Vec::new());
        self.machine.handle(self.site, self.now, fact.clone(), &mut effects);
        trace(|| format!("{:?}: {fact:?}\n    {effects:?}", self.now));
        twin.handle(self.site, self.now, fact, &mut again);
        assert!(twin == self.machine && again == effects, "the same fact has the same effects");
        assert!(
            self.machine.is_halted() == (was || failed),
            "it stops for good after a failed save, and not otherwise"
        );
        for (old, new) in before.iter().zip(self.records()) {
            assert!(old.authority.epoch() <= new.authority.epoch(), "I7: an epoch went back: {old:?}, {new:?}");
        }
        self.take(effects);
        if failed {
            self.restart();
        }
    }

    fn records(&self) -> Vec<AgentRecord> {
        let groups = self.site.inventory.groups.iter();
        groups.filter_map(|(_, g)| self.machine.record(self.site, g.key).copied()).collect()
    }

    fn take(&mut self, effects: Vec<AgentEffect>) {
        let deadline = self.machine.next_deadline(self.site);
        assert!(deadline.is_none_or(|at| at > self.now), "{deadline:?} is not after {:?}", self.now);
        for effect in effects {
            match effect {
                AgentEffect::Save { id, batch } => {
                    assert!(self.saving.replace((id, batch)).is_none(), "J1: one save at a time");
                }
                AgentEffect::Read(group) => {
                    self.reading.truncate(8);
                    self.reading.push(group);
                }
                AgentEffect::Ask(_)
                | AgentEffect::Say(_)
                | AgentEffect::Do(_)
                | AgentEffect::Degrade(_)
                | AgentEffect::Tell(_)
                | AgentEffect::Deny { .. }
                | AgentEffect::Silent(_)
                | AgentEffect::Deputy(_)
                | AgentEffect::Event(_) => {}
            }
        }
        let Some(arbiter) = &self.site.policy.arbiter else { return };
        for (_, group) in self.site.inventory.groups.iter() {
            let left = self.machine.authority(self.site, self.now, group.key);
            assert!(left.is_none_or(|left| left <= arbiter.leases.length()), "O2: more than a lease is handed on");
        }
    }
}
