//! A manager's way to its site's agent in another process.

use std::net::SocketAddr;
use std::sync::mpsc::Sender;

use farshore_core::authority::agent::Claim;
use farshore_core::ids::GroupKey;
use farshore_core::ports::Agent;
use farshore_core::{Fact, Instant};

use super::{FromAgent, ToAgent, Wire};

/// The way; what the agent says comes as facts.
pub(crate) struct Remote(Wire);

impl Remote {
    pub(crate) fn to(agent: SocketAddr, facts: Sender<Fact>) -> Self {
        let hello = serde_json::to_string(&ToAgent::Manager).ok();
        Self(Wire::to(agent, hello, move |said| {
            let fact = match said {
                FromAgent::Told(told) => Fact::Authority(told),
                FromAgent::Denied { group, why } => Fact::Denied { group, why },
                FromAgent::Silent(silent) => Fact::Silent(silent),
                FromAgent::Left { .. } | FromAgent::Record(_) => return,
            };
            let _ = facts.send(fact);
        }))
    }
}

impl Agent for Remote {
    fn claim(&mut self, _: Instant, claim: Claim) {
        self.0.send(&ToAgent::Claim(claim));
    }

    fn acquire(&mut self, _: Instant, group: GroupKey, forced: bool) {
        self.0.send(&ToAgent::Acquire { group, forced });
    }
}
