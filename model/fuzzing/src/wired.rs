//! What managers, agents and the arbiter say to each other, by bytes.

use farshore_core::authority::Authority;
use farshore_core::authority::agent::{AgentRecord, Claim, Doubt, Enforcers, Known, Told};
use farshore_core::authority::arbiter::ArbiterRecord;
use farshore_core::authority::proof::{Proof, Stamp};
use farshore_core::authority::wire::{Answer, Ask, Denial, Note, Reply, Request, Say, Want};
use farshore_core::ids::{Epoch, GroupKey, Turn};
use farshore_core::message::{Body, Message, Standing};
use farshore_core::time::{Instant, Millis};
use serde_json::json;

use crate::bytes::Bytes;
use crate::parts::{self, Parts};

/// Where a group is, so that what is said is to the point more often than not.
#[derive(Clone, Copy)]
pub(crate) struct Hint {
    pub(crate) epoch: Epoch,
    pub(crate) turn: Turn,
    pub(crate) boot: u32,
    pub(crate) now: Instant,
}

impl Hint {
    pub(crate) fn epoch(self, b: &mut Bytes<'_>) -> Epoch {
        match b.below(8) {
            0..=4 => self.epoch,
            5 => self.epoch.next(),
            6 => Epoch(self.epoch.0.saturating_sub(1)),
            _ => Epoch(b.number()),
        }
    }

    pub(crate) fn turn(self, b: &mut Bytes<'_>) -> Turn {
        if b.below(4) > 0 { self.turn } else { Turn(b.number()) }
    }

    pub(crate) fn stamp(self, b: &mut Bytes<'_>) -> Stamp {
        match b.below(4) {
            0 | 1 => Stamp { boot: self.boot, sent: self.now, nth: u16::from(b.byte() & 3) },
            2 => Stamp { boot: self.boot, sent: Instant(self.now.0.saturating_sub(b.span())), nth: 0 },
            _ => Stamp { boot: b.number32(), sent: Instant(b.number()), nth: u16::from(b.byte()) },
        }
    }
}

/// Any authority, also one that no machine would reach. It can be read only, as a store or a link brings it.
pub(crate) fn authority(b: &mut Bytes<'_>, epoch: Epoch, turn: Turn) -> Authority {
    let standing = parts::standing(b);
    let peer_turn = if b.once_in(4) { b.number() } else { 0 };
    let value = json!({ "epoch": epoch, "turn": turn, "standing": standing, "peer_turn": peer_turn });
    serde_json::from_value(value).expect("an authority")
}

/// What no agent would say.
pub(crate) fn enforcers(b: &mut Bytes<'_>) -> Enforcers {
    b.pick(&[Enforcers::Served, Enforcers::Served, Enforcers::Withheld, Enforcers::Expired])
}

pub(crate) fn wild_told(b: &mut Bytes<'_>, group: GroupKey, hint: Hint) -> Told {
    let (epoch, turn) = (hint.epoch(b), hint.turn(b));
    let authority = authority(b, epoch, turn);
    Told { group, authority, live: b.flag(), fenced: b.once_in(4), known: b.flag(), enforcers: enforcers(b) }
}

/// What an agent may say to a manager that believes `mine`: the same; a turn that it has taken by itself; that the peer
/// owns the group; or that this site does.
pub(crate) fn told(b: &mut Bytes<'_>, group: GroupKey, mine: Authority) -> Told {
    let standing = mine.standing();
    let (standing, epoch, turn) = match (b.below(4), standing) {
        (1, Standing::Active) => (standing, mine.epoch(), mine.turn().next()),
        (2, _) => (Standing::Standby, mine.epoch().next(), Turn(0)),
        (3, Standing::Standby) => (Standing::Active, mine.epoch().next(), Turn(1)),
        _ => (standing, mine.epoch(), mine.turn()),
    };
    let value = json!({ "epoch": epoch, "turn": turn, "standing": standing, "peer_turn": 0 });
    let authority: Authority = serde_json::from_value(value).expect("an authority");
    let live = authority.is_active() && b.below(4) > 0;
    Told { group, authority, live, fenced: b.once_in(6), known: b.flag(), enforcers: enforcers(b) }
}

pub(crate) fn claim(b: &mut Bytes<'_>, group: GroupKey, hint: Hint, mine: Authority) -> Claim {
    let from = b.maybe(|b| if b.below(4) > 0 { mine } else { authority(b, hint.epoch, hint.turn) });
    let (epoch, turn) = (hint.epoch(b), hint.turn(b));
    let turn = if b.flag() { turn.next() } else { turn };
    Claim { group, from, want: authority(b, epoch, turn), withhold: b.once_in(4) }
}

pub(crate) fn message(b: &mut Bytes<'_>, parts: &Parts<'_>, group: GroupKey, hint: Hint) -> Message {
    let (epoch, turn) = (hint.epoch(b), hint.turn(b));
    let body = match b.below(12) {
        0 => Body::Ask,
        1 => Body::Tell { standing: parts::standing(b) },
        2 => Body::Shield { turn, config: parts.config(b, group) },
        3 => Body::Shielded { turn },
        4 => Body::Prepare { turn, stage: parts::stage(b), offer: parts.offer(b, group) },
        5 => Body::Ready { turn, stage: parts::stage(b) },
        6 => Body::Refused { turn, reason: parts::refusal(b) },
        7 => Body::Abort { turn },
        10 => Body::Unshield { turn },
        11 => Body::Unshielded { turn },
        8 => Body::Handover { turn, offer: parts.offer(b, group), luns: parts.left(b, group) },
        _ => Body::Taken { progress: parts::progress(b) },
    };
    Message { group, epoch, body }
}

pub(crate) fn proof(b: &mut Bytes<'_>) -> Proof {
    match b.below(4) {
        0 => Proof::Unknown,
        1 => Proof::Unfit { lag: b.maybe(|b| Millis(b.span())) },
        2 => Proof::Fit { lag: None, spare: None },
        _ => Proof::Fit { lag: b.maybe(|b| Millis(b.span())), spare: b.maybe(|b| Millis(b.span())) },
    }
}

pub(crate) fn denial(b: &mut Bytes<'_>) -> Denial {
    match b.below(8) {
        0 => Denial::Epoch,
        1 => Denial::Owner,
        2 => Denial::Held,
        3 => Denial::Withdrawn,
        4 => Denial::Promised,
        5 => Denial::Manual,
        6 => Denial::Config,
        _ => Denial::Proof(proof(b)),
    }
}

fn outcome(b: &mut Bytes<'_>) -> Result<(), Denial> {
    if b.flag() { Ok(()) } else { Err(denial(b)) }
}

pub(crate) fn request(b: &mut Bytes<'_>, parts: &Parts<'_>, group: GroupKey, hint: Hint) -> Request {
    let (from, epoch) = (parts::side(b), hint.epoch(b));
    let ask = match b.below(8) {
        0..=2 => Ask::Renew { stamp: hint.stamp(b), proof: proof(b), config: parts.config(b, group) },
        3 => Ask::Join { config: parts.config(b, group) },
        4..=6 => Ask::Acquire { k: b.number32(), config: parts.config(b, group), forced: b.once_in(4) },
        _ => Ask::Withdraw { k: b.number32() },
    };
    let arbiter = if b.once_in(10) { Some(b.number32()) } else { b.maybe(|_| 1) };
    Request { from, group, epoch, arbiter, ask }
}

pub(crate) fn reply(b: &mut Bytes<'_>, group: GroupKey, hint: Hint, k: u32) -> Reply {
    let k = if b.below(4) > 0 { k } else { b.number32() };
    let answer = match b.below(6) {
        0..=2 => Answer::Leased(hint.stamp(b)),
        3 => Answer::Record,
        4 => Answer::Wait { k },
        _ => Answer::Evaluated { k, outcome: outcome(b) },
    };
    let incarnation = if b.once_in(30) { b.number32() } else { 1 };
    Reply { group, incarnation, epoch: hint.epoch(b), owner: parts::side(b), armed: b.flag(), answer }
}

pub(crate) fn note(b: &mut Bytes<'_>, group: GroupKey, hint: Hint) -> Note {
    let say = match b.below(6) {
        0..=2 => Say::Alive {
            stamp: hint.stamp(b),
            proof: proof(b),
            want: b.maybe(|b| b.pick(&[Want::Live, Want::Standing])),
            returned: b.maybe(Bytes::number32),
        },
        3 => Say::Promise { stamp: hint.stamp(b), standing: b.maybe(Bytes::number32) },
        4 => Say::Noted(hint.stamp(b)),
        _ => Say::Owner(parts::side(b)),
    };
    Note { group, epoch: hint.epoch(b), say }
}

pub(crate) fn agent_record(b: &mut Bytes<'_>, group: GroupKey) -> AgentRecord {
    let hint = Hint { epoch: Epoch(b.number()), turn: Turn(b.number()), boot: b.number32(), now: Instant(b.number()) };
    AgentRecord {
        authority: authority(b, hint.epoch, hint.turn),
        fenced: b.once_in(4),
        held: b.maybe(Bytes::number32),
        returned: b.maybe(Bytes::number32),
        given: b.maybe(Bytes::number32),
        number: b.number32(),
        promised: b.maybe(|b| (hint.stamp(b), proof(b))),
        acquire: b.maybe(|b| Doubt { k: b.number32(), forced: b.flag() }),
        k: b.number32(),
        arbiter: b.maybe(|b| Known {
            incarnation: b.number32(),
            epoch: hint.epoch(b),
            refused: b.once_in(4),
            rearmed: b.flag(),
        }),
        ..AgentRecord::first(group, b.flag())
    }
}

pub(crate) fn arbiter_record(b: &mut Bytes<'_>, parts: &Parts<'_>, group: GroupKey) -> ArbiterRecord {
    let hint = Hint { epoch: Epoch(b.number()), turn: Turn(0), boot: b.number32(), now: Instant(b.number()) };
    ArbiterRecord {
        group,
        epoch: hint.epoch,
        owner: parts::side(b),
        config: [b.maybe(|b| parts.config(b, group)), b.maybe(|b| parts.config(b, group))],
        proof: proof(b),
        stamp: hint.stamp(b),
        last: [b.maybe(|b| (b.number32(), outcome(b))), b.maybe(|b| (b.number32(), outcome(b)))],
    }
}
