//! What the hosts and arrays of one site hold, and what they answer. They do at once what they are asked, and refuse
//! lower tokens (J2), but for the faults that a test puts in.

use std::collections::{BTreeMap, BTreeSet};

use farshore_core::Fact;
use farshore_core::detection::corroboration::ArrayAnswer;
use farshore_core::ids::{GroupKey, LunKey, VmKey};
use farshore_core::inventory::Site;
use farshore_core::operation::{
    CopySeen, Failure, Goal, HostSeen, LunSeen, Op, Point, ReplicationSeen, Seen, StepSeen, Target, Token, VmSeen,
};

/// What is wrong with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Commands do not arrive; it can be observed.
    Deaf,
    /// Commands are carried out, and not answered; it can be observed.
    Mute,
    /// Commands do not arrive, and nothing is observed.
    Dead,
    /// Commands fail, definitely.
    Fails,
}

pub(crate) struct Objects {
    seen: BTreeMap<(GroupKey, Target), Seen>,
    lost: BTreeSet<LunKey>,
    pub(crate) faults: BTreeMap<Target, Fault>,
    /// No array has room for a snapshot.
    pub(crate) no_room: bool,
    pub(crate) array: Option<ArrayAnswer>,
    /// Newest points of LUNs that a test copies.
    pub(crate) newest: BTreeMap<Target, Point>,
}

pub(crate) fn lun(name: &str) -> Target {
    Target::Lun(LunKey::of(name))
}

pub(crate) fn vm(name: &str) -> Target {
    Target::Vm(VmKey::of(name))
}

impl Objects {
    /// Home groups run here; the others lie still.
    pub(crate) fn new(site: &Site) -> Self {
        let (inventory, token) = (&site.inventory, Token::default());
        let mut seen = BTreeMap::new();
        for (_, group) in inventory.groups.iter() {
            let home = group.home == site.here;
            for &l in &group.luns {
                let replication = ReplicationSeen::default();
                let lun = Seen::Lun(LunSeen { token, present: true, writable: home, tail: token, replication });
                seen.insert((group.key, Target::Lun(inventory.luns[l].key)), lun);
            }
            for &h in &group.hosts[site.here.at()] {
                let host = Seen::Host(HostSeen { token, running: 0, mounted: home });
                seen.insert((group.key, Target::Host(inventory.hosts[h].key)), host);
            }
            for &v in &group.vms {
                let vm = &inventory.vms[v];
                let place = vm.place[site.here.at()].as_ref().filter(|_| home);
                let running_on = place.map(|p| inventory.hosts[p.hosts[0]].key);
                let here = Seen::Vm(VmSeen { token, running_on, registered: home });
                seen.insert((group.key, Target::Vm(vm.key)), here);
            }
        }
        Self {
            seen,
            lost: BTreeSet::new(),
            faults: BTreeMap::new(),
            no_room: false,
            array: None,
            newest: BTreeMap::new(),
        }
    }

    pub(crate) fn lose(&mut self, key: LunKey) {
        self.lost.insert(key);
        self.change(key, |lun| lun.present = false);
    }

    pub(crate) fn lost(&self) -> Vec<LunKey> {
        self.lost.iter().copied().collect()
    }

    pub(crate) fn is_lost(&self, lun: LunKey) -> bool {
        self.lost.contains(&lun)
    }

    /// What is known of the replication of a LUN.
    pub(crate) fn replication(&mut self, key: LunKey, change: impl Fn(&mut ReplicationSeen)) {
        self.change(key, |lun| change(&mut lun.replication));
    }

    fn change(&mut self, key: LunKey, change: impl Fn(&mut LunSeen)) {
        for ((_, target), seen) in &mut self.seen {
            if let Seen::Lun(lun) = seen
                && *target == Target::Lun(key)
            {
                change(lun);
            }
        }
    }

    pub(crate) fn lun(&self, key: LunKey) -> LunSeen {
        let found = self.seen.iter().find_map(|((_, target), seen)| match seen {
            Seen::Lun(lun) if *target == Target::Lun(key) => Some(*lun),
            _ => None,
        });
        found.unwrap()
    }

    pub(crate) fn runs(&self, key: VmKey) -> bool {
        self.seen
            .iter()
            .any(|((_, t), s)| *t == Target::Vm(key) && matches!(s, Seen::Vm(VmSeen { running_on: Some(_), .. })))
    }

    pub(crate) fn seen(&self, group: &str, target: Target) -> Seen {
        self.seen[&(GroupKey::of(group), target)]
    }

    pub(crate) fn array_says(&self, lun: LunKey) -> ArrayAnswer {
        self.array.unwrap_or(if self.is_lost(lun) { ArrayAnswer::Lost } else { ArrayAnswer::Present })
    }

    /// Carries a command out; what is answered.
    pub(crate) fn apply(&mut self, op: &Op) -> Option<Fact> {
        let fault = self.faults.get(&op.id.target).copied();
        let outcome = match fault {
            Some(Fault::Deaf | Fault::Dead) => return None,
            Some(Fault::Fails) => Err(Failure::Failed),
            Some(Fault::Mute) | None => self.carry_out(op),
        };
        let answer = Fact::Answer { id: op.id, attempt: op.attempt, outcome };
        (fault != Some(Fault::Mute)).then_some(answer)
    }

    fn carry_out(&mut self, op: &Op) -> Result<Seen, Failure> {
        let lost = matches!(op.id.target, Target::Lun(l) if self.is_lost(l));
        if let Some(fresh) = fresh(op.id.target) {
            self.seen.entry((op.id.group, op.id.target)).or_insert(fresh);
        }
        let seen = self.seen.get_mut(&(op.id.group, op.id.target)).ok_or(Failure::Unknown)?;
        match seen {
            Seen::Lun(l) => {
                if op.id.token < l.token {
                    return Err(Failure::Superseded);
                }
                if lost && op.goal != Goal::ReadOnly {
                    return Err(Failure::Lost);
                }
                if op.goal == Goal::TailKept && self.no_room {
                    return Err(Failure::Failed);
                }
                l.token = op.id.token;
                if op.goal == Goal::TailKept {
                    l.tail = op.id.token;
                }
                change_lun(l, op.goal);
            }
            Seen::Host(h) => {
                if op.id.token < h.token {
                    return Err(Failure::Superseded);
                }
                (h.token, h.mounted) = (op.id.token, op.goal == Goal::Mounted);
            }
            Seen::Vm(v) => {
                if op.id.token < v.token {
                    return Err(Failure::Superseded);
                }
                (v.token, v.registered) = (op.id.token, !matches!(op.goal, Goal::Gone | Goal::Unregistered));
                v.running_on = if let Goal::Running { on } = op.goal { Some(v.running_on.unwrap_or(on)) } else { None };
            }
            Seen::Step(s) => (s.token, s.ran) = (op.id.token, true),
            Seen::Copy(c) => {
                (c.token, c.exists) = (op.id.token, op.goal != Goal::Gone);
                c.point = match op.goal {
                    Goal::CopiedAt { point } => Some(point),
                    _ => self.newest.get(&op.id.target).copied(),
                };
            }
        }
        Ok(*seen)
    }

    pub(crate) fn look(&self, group: GroupKey, target: Target) -> Option<Fact> {
        let seen = self.seen.get(&(group, target)).copied().or_else(|| fresh(target));
        (self.faults.get(&target) != Some(&Fault::Dead)).then_some(Fact::Observed { group, target, seen })
    }
}

/// What is not there before it is asked for.
fn fresh(target: Target) -> Option<Seen> {
    match target {
        Target::Lun(_) | Target::Host(_) | Target::Vm(_) => None,
        Target::Step(_) | Target::TestStep(_) => Some(Seen::Step(StepSeen::default())),
        Target::TestLun(_) => Some(Seen::Copy(CopySeen::default())),
        Target::TestVm(_) => Some(Seen::Vm(VmSeen { token: Token::default(), running_on: None, registered: false })),
    }
}

fn change_lun(lun: &mut LunSeen, goal: Goal) {
    let replication = &mut lun.replication;
    match goal {
        Goal::Replicating => {
            let point = replication.point.or(Some(Point(1)));
            let lag = Some(farshore_core::Millis::ZERO);
            *replication = ReplicationSeen { running: true, in_sync: Some(true), lag, point, resync: false };
        }
        Goal::Drained => replication.point = replication.point.map(|p| Point(p.0 + 1)),
        Goal::ReplicationStopped | Goal::Cut => replication.running = false,
        Goal::RolledBack { to } => replication.point = to.or(replication.point),
        Goal::ReadOnly => lun.writable = false,
        Goal::ReadWrite => lun.writable = true,
        Goal::TailKept
        | Goal::Fenced
        | Goal::Mounted
        | Goal::Stopped { .. }
        | Goal::Running { .. }
        | Goal::Placeholder
        | Goal::Unregistered
        | Goal::Ran
        | Goal::Copied
        | Goal::CopiedAt { .. }
        | Goal::Gone => {}
    }
}
