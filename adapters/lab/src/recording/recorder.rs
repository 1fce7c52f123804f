//! Parts that write down what is asked of them. A pump asks for nothing but its machine's effects, in order.

use farshore_core::Fact;
use farshore_core::authority::agent::Claim;
use farshore_core::effect::{Effect, SaveId};
use farshore_core::event::Event;
use farshore_core::ids::{ArrayKey, GroupKey, HostKey, LunKey};
use farshore_core::input::ProbeId;
use farshore_core::message::Message;
use farshore_core::operation::{Op, Target};
use farshore_core::ports::{Agent, Arrays, Hosts, Journal, Link, Parts, Watch};
use farshore_core::record::Record;
use farshore_core::time::Instant;

use super::{Told, Track};

/// A part of a pump, and the track that it writes to.
#[derive(Debug)]
pub(crate) struct Recorded<P> {
    part: P,
    track: Track,
}

impl Track {
    /// All parts of a pump, each of which writes to this track.
    #[allow(clippy::type_complexity, reason = "the type says what it does: each part, recorded")]
    pub(crate) fn record<H, A, J, L, G, W>(
        &self,
        parts: Parts<H, A, J, L, G, W>,
    ) -> Parts<Recorded<H>, Recorded<A>, Recorded<J>, Recorded<L>, Recorded<G>, Recorded<W>> {
        let Parts { hosts, arrays, journal, link, agent, watch } = parts;
        Parts {
            hosts: self.part(hosts),
            arrays: self.part(arrays),
            journal: self.part(journal),
            link: self.part(link),
            agent: self.part(agent),
            watch: self.part(watch),
        }
    }

    fn part<P>(&self, part: P) -> Recorded<P> {
        Recorded { part, track: self.clone() }
    }
}

impl<P: Hosts> Hosts for Recorded<P> {
    fn submit(&mut self, op: &Op) {
        self.track.wants(|| Effect::Do(*op));
        self.part.submit(op);
    }

    fn observe(&mut self, group: GroupKey, target: Target) {
        self.track.wants(|| Effect::Observe { group, target });
        self.part.observe(group, target);
    }

    fn poll(&mut self, host: HostKey) {
        self.track.wants(|| Effect::Poll(host));
        self.part.poll(host);
    }

    fn probe(&mut self, host: HostKey, lun: LunKey, probe: ProbeId) {
        self.track.wants(|| Effect::Probe { host, lun, probe });
        self.part.probe(host, lun, probe);
    }

    fn acknowledge(&mut self, lun: LunKey) {
        self.track.wants(|| Effect::Acknowledge { lun });
        self.part.acknowledge(lun);
    }
}

impl<P: Arrays> Arrays for Recorded<P> {
    fn submit(&mut self, op: &Op) {
        self.track.wants(|| Effect::Do(*op));
        self.part.submit(op);
    }

    fn observe(&mut self, group: GroupKey, target: Target) {
        self.track.wants(|| Effect::Observe { group, target });
        self.part.observe(group, target);
    }

    fn ask(&mut self, array: ArrayKey, lun: LunKey) {
        self.track.wants(|| Effect::AskArray { array, lun });
        self.part.ask(array, lun);
    }
}

impl<P: Journal> Journal for Recorded<P> {
    fn save(&mut self, id: SaveId, batch: Vec<Record>) {
        self.track.wants(|| Effect::Save { id, batch: batch.clone() });
        self.part.save(id, batch);
    }
}

impl<P: Link> Link for Recorded<P> {
    fn send(&mut self, message: Message) {
        self.track.wants(|| Effect::Send(message.clone()));
        self.part.send(message);
    }
}

impl<P: Agent> Agent for Recorded<P> {
    fn claim(&mut self, now: Instant, claim: Claim) {
        self.track.wants(|| Effect::Claim(claim));
        self.part.claim(now, claim);
    }

    fn acquire(&mut self, now: Instant, group: GroupKey, forced: bool) {
        self.track.wants(|| Effect::Acquire { group, forced });
        self.part.acquire(now, group, forced);
    }

    fn next_fact(&mut self) -> Option<Fact> {
        let fact = self.part.next_fact()?;
        self.track.told_meanwhile(|| Told::Fact(fact.clone()));
        Some(fact)
    }
}

impl<P: Watch> Watch for Recorded<P> {
    fn event(&mut self, event: Event) {
        self.track.wants(|| Effect::Event(event));
        self.part.event(event);
    }
}
