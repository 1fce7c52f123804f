//! What a host guard and an array's write lease have in common: they let a group run for what its agent has left, and
//! count from the sending of their own question (O2). When that has run out they end it, without anybody's help (O3).

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use farshore_core::ids::{Epoch, GroupKey};
use farshore_core::time::{Instant, Millis};
use farshore_qemu::clock;

use super::{FromAgent, ToAgent, Wire};

/// In how many looks in a row something must be there without authority before it is ended, where there was none before:
/// it may have been started under authority that the enforcer has not been told of yet.
const LOOKS: u32 = 3;

/// What is enforced on.
pub(crate) trait Held {
    /// Whether there is anything to end.
    fn runs(&self) -> bool;
    /// Ends it.
    fn end(&self);
    /// The enforcer lives.
    fn feed(&self) {}
}

/// Enforces until told to stop.
pub(crate) struct Enforcer {
    wire: Wire,
    answers: Receiver<(u64, Millis, Epoch)>,
    group: GroupKey,
    period: Duration,
    asked: BTreeMap<u64, Instant>,
    last: u64,
    until: Option<Instant>,
    /// Of the authority that it had last.
    epoch: Epoch,
}

impl Enforcer {
    /// Asks an agent about a group, several times in a renewal.
    pub(crate) fn new(agent: SocketAddr, group: GroupKey, renewal: Millis) -> Self {
        let (tell, answers) = channel();
        let wire = Wire::to(agent, None, move |said| {
            if let FromAgent::Left { n, ms: Some(ms), epoch } = said {
                let _ = tell.send((n, Millis(ms), epoch));
            }
        });
        let period = Duration::from_millis((renewal.0 / 10).max(10));
        Self { wire, answers, group, period, asked: BTreeMap::new(), last: 0, until: None, epoch: Epoch::default() }
    }

    /// Enforces on what is held.
    pub(crate) fn run(mut self, held: &impl Held, stop: impl Fn() -> bool) {
        let (mut was_covered, mut looks, mut report) = (false, 0, false);
        while !stop() {
            held.feed();
            self.ask();
            let covered = self.until.is_some_and(|until| until > clock::now());
            if covered {
                (looks, report) = (0, false);
            } else {
                looks = if held.runs() { looks + 1 } else { 0 };
                if looks >= LOOKS || (was_covered && looks > 0) {
                    held.end();
                    report = true;
                }
                // What was not there when authority ran out, because it had been moved, nobody has ended.
                if report {
                    self.wire.send(&ToAgent::Enforced { group: self.group, epoch: self.epoch });
                }
            }
            was_covered = covered;
        }
    }

    /// Asks, and takes answers until the next question is due, or authority has run out.
    fn ask(&mut self) {
        let sent = clock::now();
        self.last += 1;
        self.asked.insert(self.last, sent);
        self.asked.retain(|n, _| *n + 100 > self.last);
        self.wire.send(&ToAgent::Left { group: self.group, n: self.last });
        let next = sent + Millis(u64::try_from(self.period.as_millis()).unwrap_or(u64::MAX));
        loop {
            let now = clock::now();
            let due = self.until.filter(|&until| until > now).map_or(next, |until| until.min(next));
            if due <= now {
                return;
            }
            if let Ok((n, ms, epoch)) = self.answers.recv_timeout(Duration::from_millis((due - now).0))
                && let Some(asked) = self.asked.get(&n)
            {
                self.until = self.until.max(Some(*asked + ms));
                self.epoch = self.epoch.max(epoch);
            }
        }
    }
}
