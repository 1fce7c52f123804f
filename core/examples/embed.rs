//! Another product's hosts and arrays behind the two traits: here they do at once whatever they are asked.
//! Two sites, one LUN pair, two VMs; the LUN is lost, and the VMs run at the other site.
use std::{cell::RefCell, collections::BTreeMap, collections::VecDeque, rc::Rc};

use farshore_core::authority::agent::AgentRecord;
use farshore_core::ids::*;
use farshore_core::operation::*;
use farshore_core::ports::{Arrays, Hosts, Journal, Link, OwnAgent, Parts, Pump};
use farshore_core::spec::{Datastore, Deployment, Group, Lun, Replica, Site, Vm};
use farshore_core::{
    Command, Fact, Instant, Records, effect::SaveId, event::Event, input::*, inventory, message::Message,
};
use farshore_core::{detection::corroboration::ArrayAnswer, record::Record};

/// One site's inventory of what is on and off, and the facts that wait to be told.
#[derive(Default)]
struct Product {
    facts: VecDeque<Fact>,
    sent: Vec<Message>,
    seen: BTreeMap<Target, Seen>,
    lost: bool,
}
#[derive(Clone, Default)]
struct Shared(Rc<RefCell<Product>>);

impl Product {
    fn now(&self, target: Target) -> Seen {
        let lun = LunSeen {
            token: Token::default(),
            present: true,
            writable: false,
            tail: Token::default(),
            replication: ReplicationSeen::default(),
        };
        self.seen.get(&target).copied().unwrap_or(match target {
            Target::Lun(_) => Seen::Lun(lun),
            Target::Host(_) => Seen::Host(HostSeen { token: Token::default(), running: 0, mounted: false }),
            Target::Vm(_) => Seen::Vm(VmSeen { token: Token::default(), running_on: None, registered: true }),
            // Commands of plans, and tests: for products that have them.
            Target::Step(_) | Target::TestStep(_) => Seen::Step(StepSeen::default()),
            Target::TestLun(_) => Seen::Copy(CopySeen::default()),
            Target::TestVm(_) => Seen::Vm(VmSeen { token: Token::default(), running_on: None, registered: false }),
        })
    }
    fn apply(&mut self, op: &Op) {
        let mut seen = self.now(op.id.target);
        match &mut seen {
            // J2: a real adapter keeps the token durably, and refuses lower ones.
            Seen::Lun(l) => {
                (l.token, l.present) = (op.id.token, !self.lost);
                l.replication.running = op.goal == Goal::Replicating;
                (l.replication.in_sync, l.replication.point) = (Some(true), Some(Point(1)));
                l.writable = op.goal == Goal::ReadWrite;
            }
            Seen::Host(h) => (h.token, h.mounted) = (op.id.token, op.goal == Goal::Mounted),
            Seen::Vm(v) => {
                v.token = op.id.token;
                v.registered = op.goal != Goal::Gone;
                v.running_on = if let Goal::Running { on } = op.goal { Some(on) } else { None };
            }
            Seen::Step(s) => (s.token, s.ran) = (op.id.token, true),
            Seen::Copy(c) => (c.token, c.exists) = (op.id.token, op.goal != Goal::Gone),
        }
        self.seen.insert(op.id.target, seen);
        self.facts.push_back(Fact::Answer { id: op.id, attempt: op.attempt, outcome: Ok(seen) });
    }
    fn look(&mut self, group: GroupKey, target: Target) {
        let seen = Some(self.now(target));
        self.facts.push_back(Fact::Observed { group, target, seen });
    }
}
impl Hosts for Shared {
    fn submit(&mut self, op: &Op) {
        self.0.borrow_mut().apply(op);
    }
    fn observe(&mut self, group: GroupKey, target: Target) {
        self.0.borrow_mut().look(group, target);
    }
    fn poll(&mut self, _: HostKey) {} // This product's hosts push.
    fn probe(&mut self, host: HostKey, lun: LunKey, probe: ProbeId) {
        let answer = if self.0.borrow().lost { PathAnswer::TargetUnavailable } else { PathAnswer::Healthy };
        self.0.borrow_mut().facts.push_back(Fact::Path { host, lun, path: 0, probe: Some(probe), answer });
    }
    fn acknowledge(&mut self, _: LunKey) {}
}
impl Arrays for Shared {
    fn submit(&mut self, op: &Op) {
        self.0.borrow_mut().apply(op);
    }
    fn observe(&mut self, group: GroupKey, target: Target) {
        self.0.borrow_mut().look(group, target);
    }
    fn ask(&mut self, array: ArrayKey, lun: LunKey) {
        let answer = if self.0.borrow().lost { ArrayAnswer::Lost } else { ArrayAnswer::Present };
        self.0.borrow_mut().facts.push_back(Fact::Array { array, lun, answer });
    }
}
/// A journal and a link come ready-made with Farshore; here, a map that forgets and a list.
impl Journal for Shared {
    fn save(&mut self, id: SaveId, _: Vec<Record>) {
        self.0.borrow_mut().facts.push_back(Fact::Saved(id));
    }
}
impl Link for Shared {
    fn send(&mut self, message: Message) {
        self.0.borrow_mut().sent.push(message);
    }
}

pub(crate) fn main() -> Result<(), Box<dyn std::error::Error>> {
    let deployment = Deployment {
        sites: vec![Site::of("alder", "alder-san", &["alder-1"]), Site::of("birch", "birch-san", &["birch-1"])],
        luns: vec![Lun::of("shop", "alder-san", 1).replicated(Replica::synchronous("birch-san", 1))],
        datastores: vec![Datastore::of("shop", &["shop"])],
        vms: vec![Vm::of("shop-db", &["shop"]), Vm::of("shop-web", &["shop"])],
        groups: vec![Group::of("shop", &["shop"])],
        ..Deployment::default()
    };
    let products = [Shared::default(), Shared::default()];
    let mut now = Instant(0);
    let mut pumps = Vec::new();
    for (site, product) in inventory::Site::pair(&deployment)?.into_iter().zip(&products) {
        let name = site.inventory.sites[site.here.at()].name.clone();
        let watch = move |event: Event| println!("{name:>6} {:>4}  {event:?}", event.rule());
        let p = product.clone();
        let agent = OwnAgent::start(&site, 1, Vec::new(), |_: &[AgentRecord]| true, now)?;
        let parts = Parts { hosts: p.clone(), arrays: p.clone(), journal: p.clone(), link: p, agent, watch };
        pumps.push(Pump::start(site, 1, Records::first_start(), now, parts)?);
    }
    let recovered = |products: &[Shared; 2]| {
        [VmKey::of("shop-db"), VmKey::of("shop-web")].iter().all(|&vm| {
            matches!(products[1].0.borrow().now(Target::Vm(vm)), Seen::Vm(VmSeen { running_on: Some(_), .. }))
        })
    };
    let mut quiet = 0;
    while quiet < 50 && !recovered(&products) {
        let mut busy = false;
        for (at, pump) in pumps.iter_mut().enumerate() {
            let (facts, mail) = (
                std::mem::take(&mut products[at].0.borrow_mut().facts),
                std::mem::take(&mut products[1 - at].0.borrow_mut().sent),
            );
            for fact in facts.into_iter().chain(mail.into_iter().map(Fact::Message)) {
                busy = true;
                pump.fact(now, fact);
            }
        }
        if busy {
            continue;
        }
        quiet += 1;
        if quiet == 1 {
            pumps[0].command(now, Command::Protect(vec![GroupKey::of("shop")]))?;
        }
        if quiet == 2 {
            products[0].0.borrow_mut().lost = true; // The array's LUN is gone for good.
            let (host, lun) = (HostKey::of("alder-1"), LunKey::of("shop"));
            pumps[0].fact(
                now,
                Fact::Path {
                    host,
                    lun,
                    path: 0,
                    probe: None,
                    answer: PathAnswer::Sense(vec![0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x25, 0]),
                },
            );
        }
        // Nothing left to do at this time: on to the next deadline.
        now = pumps.iter().filter_map(Pump::deadline).map(|(at, _)| at).min().unwrap_or(now).max(now);
        for pump in &mut pumps {
            pump.fact(now, Fact::Wake);
        }
    }
    assert!(recovered(&products), "the VMs did not come up at birch");
    println!("recovered at birch, {} ms after the loss at the latest", now.0);
    Ok(())
}
