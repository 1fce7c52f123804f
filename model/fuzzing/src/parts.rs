//! Keys, tokens, states and words by bytes: mostly such as the inventory knows, so that a machine listens.

use farshore_core::Site;
use farshore_core::detection::corroboration::ArrayAnswer;
use farshore_core::effect::SaveId;
use farshore_core::ids::{ArrayKey, Digest, Epoch, GroupKey, HostKey, Index, LunKey, PlanKey, Side, Turn, VmKey};
use farshore_core::input::PathAnswer;
use farshore_core::message::{Left, Offer, Progress, Refusal, Scope, Stage, Standing};
use farshore_core::operation::{
    Failure, Goal, HostSeen, LunSeen, OpId, Point, ReplicationSeen, Seen, Step, Target, Token, VmSeen,
};
use farshore_core::policy::{ErrorKind, Remainder};
use farshore_core::time::Millis;

use crate::bytes::Bytes;

/// Chooses parts that fit a site.
pub(crate) struct Parts<'a> {
    pub(crate) site: &'a Site,
}

/// A key that no inventory holds.
const NOBODY: u64 = 0xdead_beef;

impl Parts<'_> {
    pub(crate) fn group(&self, b: &mut Bytes<'_>) -> GroupKey {
        let all: Vec<GroupKey> = self.site.inventory.groups.iter().map(|(_, g)| g.key).collect();
        if b.once_in(40) { GroupKey(NOBODY) } else { b.pick(&all) }
    }

    pub(crate) fn lun(&self, b: &mut Bytes<'_>) -> LunKey {
        let all: Vec<LunKey> = self.site.inventory.luns.iter().map(|(_, l)| l.key).collect();
        if b.once_in(40) { LunKey(NOBODY) } else { b.pick(&all) }
    }

    pub(crate) fn host(&self, b: &mut Bytes<'_>) -> HostKey {
        let all: Vec<HostKey> = self.site.inventory.hosts.iter().map(|(_, h)| h.key).collect();
        if b.once_in(40) { HostKey(NOBODY) } else { b.pick(&all) }
    }

    pub(crate) fn vm(&self, b: &mut Bytes<'_>) -> VmKey {
        let all: Vec<VmKey> = self.site.inventory.vms.iter().map(|(_, v)| v.key).collect();
        if b.once_in(40) { VmKey(NOBODY) } else { b.pick(&all) }
    }

    pub(crate) fn array(&self, b: &mut Bytes<'_>) -> ArrayKey {
        let all: Vec<ArrayKey> = self.site.inventory.arrays.iter().map(|(_, a)| a.key).collect();
        b.pick(&all)
    }

    pub(crate) fn target(&self, b: &mut Bytes<'_>) -> Target {
        match b.below(3) {
            0 => Target::Lun(self.lun(b)),
            1 => Target::Host(self.host(b)),
            _ => Target::Vm(self.vm(b)),
        }
    }

    pub(crate) fn config(&self, b: &mut Bytes<'_>, group: GroupKey) -> Digest {
        let known = self.site.inventory.groups.by_key(group).map_or(Digest(0), |(_, g)| g.hash);
        if b.once_in(10) { Digest(b.number()) } else { known }
    }

    pub(crate) fn offer(&self, b: &mut Bytes<'_>, group: GroupKey) -> Offer {
        let (_, plan) = self.site.inventory.plans.iter().next().expect("a deployment has a plan");
        let (key, hash) = (plan.key, plan.hash);
        let scope = match b.below(4) {
            0 | 1 => Scope::All,
            2 => Scope::Critical(Remainder::Subsequently),
            _ => Scope::Critical(b.pick(&[Remainder::OnRequest, Remainder::Never])),
        };
        Offer {
            plan: if b.once_in(20) { PlanKey(NOBODY) } else { key },
            plan_hash: if b.once_in(20) { Digest(1) } else { hash },
            config: self.config(b, group),
            kind: b.pick(&[ErrorKind::LunLost, ErrorKind::DeviceLost, ErrorKind::SiteLost]),
            scope,
        }
    }

    /// What each LUN of a group was left with: complete, or not.
    pub(crate) fn left(&self, b: &mut Bytes<'_>, group: GroupKey) -> std::collections::BTreeMap<LunKey, Left> {
        let inventory = &self.site.inventory;
        let luns = inventory.groups.by_key(group).map(|(_, g)| g.luns.clone()).unwrap_or_default();
        let mut left = std::collections::BTreeMap::new();
        for lun in luns {
            if b.once_in(10) {
                continue;
            }
            let how = if b.flag() { Left::Drained(Point(b.number())) } else { Left::Undrained };
            left.insert(inventory.luns[lun].key, how);
        }
        left
    }

    pub(crate) fn op_id(&self, b: &mut Bytes<'_>) -> OpId {
        let group = self.group(b);
        OpId { group, token: token(b), plan: self.config(b, group), target: self.target(b) }
    }

    /// A state of an object, of the kind that the target has, or of another.
    pub(crate) fn seen(&self, b: &mut Bytes<'_>, target: Target) -> Seen {
        let kind = if b.once_in(30) { self.target(b) } else { target };
        match kind {
            Target::Lun(_) => Seen::Lun(LunSeen {
                token: token(b),
                present: b.flag(),
                writable: b.flag(),
                tail: token(b),
                replication: replication(b),
            }),
            Target::Host(_) => Seen::Host(HostSeen { token: token(b), running: b.number32(), mounted: b.flag() }),
            Target::Vm(_) => {
                let running_on = b.maybe(|b| self.host(b));
                Seen::Vm(VmSeen { token: token(b), running_on, registered: b.flag() })
            }
        }
    }

    /// What an adapter would see that has just done what it was asked.
    pub(crate) fn done(&self, b: &mut Bytes<'_>, goal: Goal, id: OpId) -> Seen {
        let token = id.token;
        match id.target {
            Target::Lun(_) => {
                let running = matches!(goal, Goal::Replicating | Goal::Drained);
                let to = if let Goal::RolledBack { to } = goal { to } else { Some(Point(u64::from(b.byte() & 3))) };
                let (in_sync, lag) = (Some(!b.once_in(6)), Some(Millis(b.span())));
                let replication = ReplicationSeen { running, in_sync, lag, point: to, resync: b.once_in(10) };
                let writable = goal == Goal::ReadWrite;
                Seen::Lun(LunSeen { token, present: !b.once_in(8), writable, tail: token, replication })
            }
            Target::Host(_) => Seen::Host(HostSeen { token, running: 0, mounted: goal == Goal::Mounted }),
            Target::Vm(_) => {
                let running_on = if let Goal::Running { on } = goal { Some(on) } else { None };
                Seen::Vm(VmSeen { token, running_on, registered: goal != Goal::Unregistered })
            }
        }
    }
}

pub(crate) fn side(b: &mut Bytes<'_>) -> Side {
    b.pick(&Side::BOTH)
}

pub(crate) fn token(b: &mut Bytes<'_>) -> Token {
    const STEPS: [Step; 10] = [
        Step::None,
        Step::Cut,
        Step::RollBack,
        Step::Drain,
        Step::StopReplication,
        Step::Lock,
        Step::Keep,
        Step::Unlock,
        Step::Replicate,
        Step::Register,
    ];
    Token { epoch: Epoch(b.number()), turn: Turn(b.number()), step: b.pick(&STEPS) }
}

pub(crate) fn replication(b: &mut Bytes<'_>) -> ReplicationSeen {
    ReplicationSeen {
        running: b.flag(),
        in_sync: b.maybe(Bytes::flag),
        lag: b.maybe(|b| Millis(b.span())),
        point: b.maybe(|b| Point(b.number())),
        resync: b.flag(),
    }
}

pub(crate) fn path_answer(b: &mut Bytes<'_>) -> PathAnswer {
    match b.below(8) {
        0..=2 => PathAnswer::Sense(vec![0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x25, 0]),
        3 => PathAnswer::Sense(b.some(20)),
        4 => PathAnswer::TargetUnavailable,
        5 => PathAnswer::Silent,
        _ => PathAnswer::Healthy,
    }
}

pub(crate) fn array_answer(b: &mut Bytes<'_>) -> ArrayAnswer {
    b.pick(&[ArrayAnswer::Lost, ArrayAnswer::Present, ArrayAnswer::Unreachable])
}

pub(crate) fn failure(b: &mut Bytes<'_>) -> Failure {
    b.pick(&[Failure::Superseded, Failure::Lost, Failure::Failed, Failure::Unknown])
}

pub(crate) fn refusal(b: &mut Bytes<'_>) -> Refusal {
    b.pick(&[
        Refusal::OldTurn,
        Refusal::Busy,
        Refusal::PlanDiffers,
        Refusal::ConfigDiffers,
        Refusal::NoPlaceholders,
        Refusal::NoMapping,
        Refusal::TargetLost,
        Refusal::TailNotKept,
        Refusal::NoCapacity,
        Refusal::Maintenance,
    ])
}

pub(crate) fn standing(b: &mut Bytes<'_>) -> Standing {
    b.pick(&[Standing::Active, Standing::Standby, Standing::Released])
}

pub(crate) fn stage(b: &mut Bytes<'_>) -> Stage {
    b.pick(&[Stage::Prepare, Stage::Confirm])
}

pub(crate) fn progress(b: &mut Bytes<'_>) -> Progress {
    b.pick(&[Progress::Recovering, Progress::Recovered, Progress::Stopped])
}

pub(crate) fn save_id(b: &mut Bytes<'_>) -> SaveId {
    SaveId { boot: b.number32(), bit: b.flag() }
}

/// The group at this place of an inventory.
pub(crate) fn group_at(site: &Site, at: usize) -> GroupKey {
    site.inventory.groups[Index::from_at(at % site.inventory.groups.len())].key
}
