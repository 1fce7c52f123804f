//! What is on its way, for a scheduler that gives everything a delay by what it is and whom it concerns.

use std::hash::{DefaultHasher, Hash, Hasher};

use farshore_core::effect::Effect;
use farshore_core::ids::{Index, Side};

use crate::action::{Action, Answering, Delivery, Doing};
use crate::setup::{Object, Setup};
use crate::world::World;

/// What kind of thing is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A batch of records, to the disk.
    Save,
    /// A message, to the other site's manager.
    Message,
    /// A message between agents and arbiter.
    Letter,
    /// An array's news of a mirror.
    Mirror,
    /// A command, at an array or a host.
    Op,
    /// An observation.
    Observe,
    /// A poll.
    Poll,
    /// A probe.
    Probe,
    /// A question to an array.
    AskArray,
    /// An answer that was held back.
    Answer,
    /// A host's report.
    Report,
    /// A guest's heartbeat.
    Beat,
    /// A resynchronisation: its beginning, or its end.
    Sync,
    /// The delta of a cycle.
    Land,
    /// A manager that is down.
    Restart,
}

/// One thing that is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InFlight {
    /// The same for as long as it is on its way, whatever else happens.
    pub id: u64,
    /// What kind of thing.
    pub kind: Kind,
    /// The site whose manager waits for it, or is to get it.
    pub side: Side,
    /// The object that it concerns.
    pub object: Option<Object>,
    /// It was declared late, lost in the model's sense: nothing waits for it.
    pub late: bool,
    /// Whether it could arrive now, as far as wires, arrays and hosts are concerned.
    pub ready: bool,
    /// What makes it arrive, in the world as it is.
    pub action: Action,
}

fn id(kind: Kind, side: Side, item: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    (kind, side, item).hash(&mut hasher);
    hasher.finish()
}

impl World {
    /// Everything that is on its way, in a fixed order. O(n).
    #[must_use]
    pub fn in_flight(&self, setup: &Setup) -> Vec<InFlight> {
        let mut list = Vec::new();
        for side in Side::BOTH {
            self.managers_in_flight(side, &mut list);
            self.adapters_in_flight(setup, side, &mut list);
        }
        for (at, flight) in (0..).zip(&self.post) {
            let side = match flight.item {
                crate::third::Letter::Ask(request) => request.from,
                crate::third::Letter::Reply(to, _) | crate::third::Letter::Note(to, _) => to,
            };
            let action = Action::Letter { at, how: Delivery::Once };
            let ready = self.wire(flight.item.wire());
            let id = id(Kind::Letter, side, flight);
            list.push(InFlight { id, kind: Kind::Letter, side, object: None, late: flight.late, ready, action });
        }
        self.storage_in_flight(setup, &mut list);
        list
    }

    fn managers_in_flight(&self, side: Side, list: &mut Vec<InFlight>) {
        let node = self.node(side);
        let item = |kind, id, action| InFlight { id, kind, side, object: None, late: false, ready: true, action };
        if let Some(saving) = &node.saving {
            let action = Action::Saved(side);
            list.push(InFlight { ready: node.is_up(), ..item(Kind::Save, id(Kind::Save, side, saving.id), action) });
        }
        if !node.is_up() && !node.dark {
            list.push(item(Kind::Restart, id(Kind::Restart, side, node.boot), Action::Restart(side)));
        }
        let ready = self.wire(crate::scope::Wire::Peer(side.peer()));
        for (at, flight) in (0..).zip(&self.mail[side.at()]) {
            let action = Action::Message { to: side, at, how: Delivery::Once };
            let item = item(Kind::Message, id(Kind::Message, side, flight), action);
            list.push(InFlight { late: flight.late, ready, ..item });
        }
    }

    fn adapters_in_flight(&self, setup: &Setup, side: Side, list: &mut Vec<InFlight>) {
        let desk = &self.desks[side.at()];
        for (at, flight) in (0..).zip(&desk.ops) {
            let action = Action::Op { side, at, how: Doing::Done };
            let object = setup.object(flight.item.id.target);
            let ready = self.op_ready(setup, side, &flight.item);
            let id = id(Kind::Op, side, flight);
            list.push(InFlight { id, kind: Kind::Op, side, object, late: flight.late, ready, action });
        }
        for (at, flight) in (0..).zip(&desk.requests) {
            let inventory = setup.inventory();
            let (kind, object) = match &flight.item {
                Effect::Poll(host) => (Kind::Poll, inventory.hosts.find(*host).map(Object::Host)),
                Effect::Probe { host, .. } => (Kind::Probe, inventory.hosts.find(*host).map(Object::Host)),
                Effect::AskArray { lun, .. } => (Kind::AskArray, inventory.luns.find(*lun).map(Object::Lun)),
                Effect::Observe { target, .. } => (Kind::Observe, setup.object(*target)),
                _ => continue,
            };
            let action = Action::Request { side, at, how: Answering::Now };
            let id = id(kind, side, flight);
            list.push(InFlight { id, kind, side, object, late: flight.late, ready: true, action });
        }
        let ready = self.wire(crate::scope::Wire::Answers(side));
        for (at, fact) in (0..).zip(&desk.facts) {
            let (kind, action) = (Kind::Answer, Action::Arrive { side, at });
            list.push(InFlight { id: id(kind, side, fact), kind, side, object: None, late: true, ready, action });
        }
    }

    fn storage_in_flight(&self, setup: &Setup, list: &mut Vec<InFlight>) {
        for choice in self.level_choices(setup) {
            let (kind, side, object) = match choice.action {
                Action::Report { host, .. } => {
                    (Kind::Report, setup.inventory().hosts[host].side, Some(Object::Host(host)))
                }
                Action::Beat(side, vm) => (Kind::Beat, side, Some(Object::Vm(vm))),
                Action::Mirror(lun) => {
                    let source = self.luns[lun.at()].pair.source.unwrap_or(Side::One);
                    (Kind::Mirror, source, Some(Object::Lun(lun)))
                }
                Action::Sync(lun) | Action::Land(lun) => {
                    let source = self.luns[lun.at()].pair.source.unwrap_or(Side::One);
                    let land = matches!(choice.action, Action::Land(_));
                    (if land { Kind::Land } else { Kind::Sync }, source, Some(Object::Lun(lun)))
                }
                _ => continue,
            };
            // A resynchronisation begins, and then ends: two things. So is each delta.
            let phase = match object {
                Some(Object::Lun(lun)) => {
                    let set = setup.set_of(lun).map(|s| self.sets[s].last);
                    (Some(self.luns[lun.at()].pair.resync), set)
                }
                _ => (None, None),
            };
            let id = id(kind, side, (choice.action, phase));
            list.push(InFlight { id, kind, side, object, late: false, ready: true, action: choice.action });
        }
    }
}
