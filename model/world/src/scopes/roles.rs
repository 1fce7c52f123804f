//! Scopes in which every role dies in turn while a group is handed over, with an arbiter: managers, agents, the arbiter.
//! What was being saved is durable as a whole or, a torn tail that is cut, not at all (J6).

use farshore_core::ids::Side;

use super::Named;
use super::takeover::{armed_scope, synchronous};
use crate::scope::{Budget, Fault, Scope};

/// Every scope of this kind, by name.
pub const ALL: &[Named] = &[
    ("managers_die", managers_die),
    ("owners_agent_dies", owners_agent_dies),
    ("peers_agent_dies", peers_agent_dies),
    ("arbiter_dies", arbiter_dies),
];

const LOST: Fault = Fault::LoseLun(Side::One, farshore_core::ids::LunIx(0));

/// Either manager, at any point.
#[must_use]
pub fn managers_die() -> Scope {
    let prose = "A LUN is lost where there is an arbiter; either manager crashes at any point of the hand-over, and what it \
                 was saving is durable or a torn tail.";
    armed_scope("managers_die", prose, synchronous(), &[(Budget::Crash, 1)], &[LOST])
}

fn agent(name: &str, prose: &str, side: Side) -> Scope {
    armed_scope(name, prose, synchronous(), &[], &[LOST, Fault::StopAgent(side), Fault::StartAgent(side)])
}

/// The owner's agent, at any point.
#[must_use]
pub fn owners_agent_dies() -> Scope {
    let prose =
        "A LUN is lost; the owner's agent dies at any point of the hand-over, and starts again from its records.";
    agent("owners_agent_dies", prose, Side::One)
}

/// The peer's agent, at any point.
#[must_use]
pub fn peers_agent_dies() -> Scope {
    let prose =
        "A LUN is lost; the peer's agent dies at any point of the hand-over, and starts again from its records.";
    agent("peers_agent_dies", prose, Side::Two)
}

/// The arbiter, at any point.
#[must_use]
pub fn arbiter_dies() -> Scope {
    let prose = "A LUN is lost; the arbiter dies at any point of the hand-over, and starts again from its records: nothing \
                 waits for it.";
    armed_scope("arbiter_dies", prose, synchronous(), &[], &[LOST, Fault::StopArbiter, Fault::StartArbiter])
}
