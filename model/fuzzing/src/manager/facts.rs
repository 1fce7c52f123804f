//! What a manager is told.

use farshore_core::authority::agent::{Claim, Told};
use farshore_core::effect::Effect;
use farshore_core::ids::GroupKey;
use farshore_core::input::{Command, Fact, PathAnswer, ProbeId};
use farshore_core::message::{Body, Message, Progress, Standing};
use farshore_core::operation::{Op, Target};
use farshore_core::time::Millis;
use farshore_core::waiver::{Operator, Override, Waiver};

use super::Run;
use crate::bytes::Bytes;
use crate::parts::{self, Parts};
use crate::wired;

impl Run<'_> {
    /// Something that it asked for is answered: mostly as it should be.
    pub(super) fn answer(&mut self, b: &mut Bytes<'_>) {
        let Some(asked) = self.waiting(b) else { return };
        let parts = self.parts();
        let fact = match asked {
            Effect::Do(op) => self.answer_op(b, op),
            Effect::Observe { group, target } => {
                let last = self.last(target);
                let seen = match last {
                    Some(op) if b.below(4) > 0 => Some(parts.done(b, op.goal, op.id)),
                    _ => b.maybe(|b| parts.seen(b, target)),
                };
                Fact::Observed { group, target, seen }
            }
            Effect::Probe { host, lun, probe } => {
                let probe = if b.once_in(10) { ProbeId(b.number32()) } else { probe };
                let (path, answer) = (b.byte() % 3, parts::path_answer(b));
                Fact::Path { host, lun, path, probe: Some(probe), answer }
            }
            Effect::AskArray { array, lun } => Fact::Array { array, lun, answer: parts::array_answer(b) },
            Effect::Poll(host) => {
                let (lun, path, answer) = (parts.lun(b), b.byte() % 3, parts::path_answer(b));
                Fact::Path { host, lun, path, probe: None, answer }
            }
            Effect::Claim(claim) => Fact::Authority(self.grant(b, claim)),
            Effect::Acquire { group, .. } => {
                if b.flag() {
                    Fact::Denied { group, why: wired::denial(b) }
                } else {
                    Fact::Authority(self.told(b, group))
                }
            }
            Effect::Send(message) => Fact::Message(reply(b, &message)),
            Effect::Save { .. } | Effect::Acknowledge { .. } | Effect::Event(_) => return,
        };
        self.tell(fact);
    }

    fn answer_op(&mut self, b: &mut Bytes<'_>, op: Op) -> Fact {
        let parts = self.parts();
        let outcome = match b.below(8) {
            0..=5 => Ok(parts.done(b, op.goal, op.id)),
            6 => Ok(parts.seen(b, op.id.target)),
            _ => Err(parts::failure(b)),
        };
        let attempt = if b.once_in(12) { b.number32() } else { op.attempt };
        Fact::Answer { id: op.id, attempt, outcome }
    }

    fn told(&self, b: &mut Bytes<'_>, group: GroupKey) -> Told {
        let status = self.machine.status(self.site);
        match status.groups.iter().find(|g| g.record.group == group) {
            Some(known) if !self.dubious => wired::told(b, group, known.record.authority),
            Some(_) | None => wired::wild_told(b, group, self.hint(group)),
        }
    }

    fn grant(&self, b: &mut Bytes<'_>, claim: Claim) -> Told {
        if b.once_in(10) {
            return self.told(b, claim.group);
        }
        Told {
            group: claim.group,
            authority: claim.want.bare(),
            live: true,
            fenced: b.once_in(20),
            known: true,
            enforcers: wired::enforcers(b),
        }
    }

    /// Every host sees a LUN as lost, or as well.
    pub(super) fn loss(&mut self, b: &mut Bytes<'_>) {
        let lun = self.parts().lun(b);
        let lost = b.below(4) > 0;
        let inventory = &self.site.inventory;
        let Some((_, info)) = inventory.luns.by_key(lun) else { return };
        let Some(end) = &info.ends[self.site.here.at()] else { return };
        for &host in &end.hosts {
            for path in 0..end.paths {
                let answer = if lost { PathAnswer::TargetUnavailable } else { PathAnswer::Healthy };
                self.tell(Fact::Path { host: inventory.hosts[host].key, lun, path, probe: None, answer });
            }
        }
    }

    /// Anything at all.
    pub(super) fn any_fact(&mut self, b: &mut Bytes<'_>) {
        let parts = self.parts();
        let group = parts.group(b);
        let hint = self.hint(group);
        let fact = match b.below(17) {
            0..=5 => Fact::Message(wired::message(b, &parts, group, hint)),
            6 => Fact::Authority(self.told(b, group)),
            7 => Fact::Denied { group, why: wired::denial(b) },
            8 => Fact::Silent(b.flag()),
            9 => Fact::Heartbeat(parts.vm(b)),
            10 => {
                let (id, attempt) = (parts.op_id(b), b.number32());
                let outcome = if b.flag() { Ok(parts.seen(b, id.target)) } else { Err(parts::failure(b)) };
                Fact::Answer { id, attempt, outcome }
            }
            11 => {
                let target: Target = parts.target(b);
                Fact::Observed { group, target, seen: b.maybe(|b| parts.seen(b, target)) }
            }
            12 => Fact::Array { array: parts.array(b), lun: parts.lun(b), answer: parts::array_answer(b) },
            13 => Fact::Saved(other(self, b)),
            14 => Fact::SaveFailed(other(self, b)),
            15 => Fact::Host { host: parts.host(b), up: b.flag() },
            _ => {
                let (host, lun, path) = (parts.host(b), parts.lun(b), b.byte());
                let probe = b.maybe(|b| ProbeId(b.number32()));
                Fact::Path { host, lun, path, probe, answer: parts::path_answer(b) }
            }
        };
        self.tell(fact);
    }
}

/// A save that is not the one under way.
fn other(run: &Run<'_>, b: &mut Bytes<'_>) -> farshore_core::effect::SaveId {
    let mut id = parts::save_id(b);
    if run.saving.as_ref().is_some_and(|(saving, _)| *saving == id) {
        id.bit = !id.bit;
    }
    id
}

/// The peer does what it is asked, or does not.
fn reply(b: &mut Bytes<'_>, message: &Message) -> Message {
    let refuses = b.once_in(6);
    let mut epoch = message.epoch;
    let body = match message.body {
        Body::Ask => Body::Tell { standing: parts::standing(b) },
        Body::Shield { turn, .. } => Body::Shielded { turn },
        Body::Unshield { turn } => Body::Unshielded { turn },
        Body::Prepare { turn, .. } if refuses => Body::Refused { turn, reason: parts::refusal(b) },
        Body::Prepare { turn, stage, .. } => Body::Ready { turn, stage },
        Body::Handover { .. } => {
            epoch = epoch.next();
            Body::Taken { progress: parts::progress(b) }
        }
        Body::Tell { standing: Standing::Released } | Body::Abort { .. } => Body::Ask,
        Body::Tell { .. }
        | Body::Shielded { .. }
        | Body::Unshielded { .. }
        | Body::Ready { .. }
        | Body::Refused { .. } => Body::Tell { standing: parts::standing(b) },
        Body::Taken { .. } => Body::Taken { progress: Progress::Recovered },
    };
    Message { group: message.group, epoch, body }
}

fn word(b: &mut Bytes<'_>, group: GroupKey) -> Override {
    let loss = b.maybe(|b| Millis(b.number()));
    let waives = match b.below(8) {
        0 => Waiver::Evidence { loss },
        1 => Waiver::Takeover { loss },
        2 => Waiver::Fence,
        3 => Waiver::Journal,
        4 | 5 => Waiver::Evidence { loss: None },
        _ => Waiver::Takeover { loss: None },
    };
    Override { group, waives, by: Operator(1), second: b.maybe(|b| Operator(b.number32() % 3)) }
}

pub(super) fn command(parts: &Parts<'_>, b: &mut Bytes<'_>) -> Command {
    let group = parts.group(b);
    match b.below(15) {
        12 => Command::Unprotect(group),
        13 => Command::Pause(group),
        14 => Command::Resume(group),
        0 => Command::Protect((0..b.below(3)).map(|_| parts.group(b)).collect()),
        1 | 2 => Command::Protect(vec![group]),
        3 => Command::Release(group),
        4 => Command::Cancel(group),
        5 => Command::Force(word(b, group)),
        6 => Command::Retry(group),
        7 => Command::StartRemainder(group),
        8 => Command::RetryVm(parts.vm(b)),
        9 => Command::SkipVm(parts.vm(b)),
        10 => Command::TakeOver(word(b, group)),
        _ => Command::Maintenance(b.flag()),
    }
}
