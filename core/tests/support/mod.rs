//! Two real managers, joined by hand: what one site's hosts and arrays hold is a map, messages lie in a list until they
//! are carried, and a save is durable when the test says so. No clock runs but the one that a test moves.
#![allow(dead_code, unused_imports, reason = "each file of tests uses its part")]

pub(crate) mod happens;
mod objects;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use farshore_core::authority::agent::{Enforcers, Told};
use farshore_core::effect::SaveId;
use farshore_core::error::Rejected;
use farshore_core::event::{Alert, Event};
use farshore_core::ids::{GroupKey, LunKey, VmKey};
use farshore_core::input::PathAnswer;
use farshore_core::inventory::Site;
use farshore_core::message::{Body, Message};
use farshore_core::operation::{Op, Target};
use farshore_core::record::{GivePhase, GroupRecord, Record, TakePhase, Work};
use farshore_core::spec::{self, Datastore, Deployment, Group, Lun, Plan, Replica, Span, Vm};
use farshore_core::{Command, Effect, Effects, Fact, Instant, Millis, Records, RecoveryManager};

pub(crate) use objects::{Fault, Objects, lun, vm};

/// The site that owns every group at first.
pub(crate) const ALDER: usize = 0;
/// Its peer.
pub(crate) const BIRCH: usize = 1;

/// A deployment with these groups, each of one synchronous LUN and a datastore of the same name, without VMs.
pub(crate) fn groups(names: &[&str]) -> Deployment {
    let lun = |(unit, name): (u16, &&str)| {
        Lun::of(name, "alder-san", unit).replicated(Replica::synchronous("birch-san", unit))
    };
    let mut deployment = Deployment {
        sites: vec![
            spec::Site::of("alder", "alder-san", &["alder-1", "alder-2"]),
            spec::Site::of("birch", "birch-san", &["birch-1", "birch-2"]),
        ],
        luns: (1..).zip(names).map(lun).collect(),
        datastores: names.iter().map(|name| Datastore::of(name, &[name])).collect(),
        groups: names.iter().map(|name| Group::of(name, &[name])).collect(),
        plans: vec![Plan::of("all", names)],
        ..Deployment::default()
    };
    deployment.policy.grouping.idle_poll = Span::default(); // Hosts push.
    deployment.policy.rpo_check = Span::default();
    deployment
}

/// The usual one: the group `shop` with a database and what depends on it.
pub(crate) fn shop() -> Deployment {
    let mut deployment = groups(&["shop"]);
    let web = Vm { depends_on: vec!["shop-db".into()], ..Vm::of("shop-web", &["shop"]) };
    deployment.vms = vec![Vm::of("shop-db", &["shop"]), web];
    deployment
}

/// One site: its manager, what is durable, what its hosts and arrays hold, and what waits to be told.
pub(crate) struct Node {
    pub(crate) site: Site,
    pub(crate) machine: RecoveryManager,
    pub(crate) boot: u32,
    pub(crate) disk: Records,
    /// The batch that is being saved.
    pub(crate) saving: Option<(SaveId, Vec<Record>)>,
    /// Saves become durable by themselves.
    pub(crate) durable: bool,
    pub(crate) objects: Objects,
    pub(crate) facts: VecDeque<Fact>,
    /// Everything that the manager wanted done since the test last looked.
    pub(crate) log: Effects,
    /// Every record that was ever durable.
    pub(crate) history: Vec<Records>,
    /// Everything that the manager was told since the test last looked, and when.
    pub(crate) tape: Vec<(u64, Input)>,
}

/// What a manager is told.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    Fact(Fact),
    Command(Command),
}

/// The two sites and the mail between them.
pub(crate) struct Pair {
    pub(crate) now: u64,
    pub(crate) nodes: [Node; 2],
    /// Messages on their way to each site.
    pub(crate) mail: [VecDeque<Message>; 2],
    /// Whether mail is carried by itself.
    pub(crate) link: bool,
}

impl Node {
    fn start(site: Site) -> Self {
        let (disk, mut log) = (Records::first_start(), Effects::new());
        let machine = RecoveryManager::restore(&site, 1, disk.clone(), Instant(0), &mut log).unwrap();
        let objects = Objects::new(&site);
        Self {
            site,
            machine,
            boot: 1,
            history: vec![disk.clone()],
            disk,
            saving: None,
            durable: true,
            objects,
            facts: VecDeque::new(),
            log,
            tape: Vec::new(),
        }
    }

    pub(crate) fn record(&self, group: &str) -> &GroupRecord {
        let g = self.site.inventory.groups.find(GroupKey::of(group)).unwrap();
        self.machine.status(&self.site).groups[g.0 as usize].record
    }

    pub(crate) fn giving(&self, group: &str) -> Option<GivePhase> {
        match &self.record(group).work {
            Work::Give(give) => Some(give.phase),
            _ => None,
        }
    }

    pub(crate) fn taking(&self, group: &str) -> Option<TakePhase> {
        match &self.record(group).work {
            Work::Take(take) => Some(take.phase),
            _ => None,
        }
    }

    pub(crate) fn active(&self, group: &str) -> bool {
        self.record(group).authority.is_active()
    }

    pub(crate) fn alerts(&self) -> Vec<Alert> {
        self.machine.status(&self.site).alerts
    }

    pub(crate) fn runs(&self, name: &str) -> bool {
        self.objects.runs(VmKey::of(name))
    }

    pub(crate) fn writable(&self, name: &str) -> bool {
        self.objects.lun(LunKey::of(name)).writable
    }

    /// Operations asked for since the test last looked.
    pub(crate) fn ops(&self) -> Vec<Op> {
        self.log.iter().filter_map(|e| if let Effect::Do(op) = e { Some(*op) } else { None }).collect()
    }

    pub(crate) fn ops_on(&self, target: Target) -> Vec<Op> {
        self.ops().into_iter().filter(|op| op.id.target == target).collect()
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.log.iter().filter_map(|e| if let Effect::Event(e) = e { Some(*e) } else { None }).collect()
    }

    pub(crate) fn sent(&self) -> Vec<Message> {
        self.log.iter().filter_map(|e| if let Effect::Send(m) = e { Some(m.clone()) } else { None }).collect()
    }

    /// VMs in the order in which they became ready, by name.
    pub(crate) fn came_up(&self) -> Vec<String> {
        let ready = self.events().into_iter().filter_map(|e| match e {
            Event::VmReady { vm, .. } => self.site.inventory.vms.by_key(vm).map(|(_, vm)| vm.name.clone()),
            _ => None,
        });
        ready.collect()
    }
}

impl Pair {
    /// Both managers, started, and each told by the other that it knows nothing else.
    pub(crate) fn new(deployment: &Deployment) -> Self {
        let nodes = Site::pair(deployment).unwrap().map(Node::start);
        let mut pair = Self { now: 0, nodes, mail: [VecDeque::new(), VecDeque::new()], link: true };
        (0..2).for_each(|at| pair.route(at, 0));
        pair.settle();
        pair.clear_logs();
        pair
    }

    /// The same, with every group protected.
    pub(crate) fn protected(deployment: &Deployment) -> Self {
        let mut pair = Self::new(deployment);
        let all = deployment.groups.iter().map(|g| GroupKey::of(&g.name)).collect();
        pair.command(ALDER, Command::Protect(all)).unwrap();
        pair.clear_logs();
        pair
    }

    pub(crate) fn clear_logs(&mut self) {
        self.nodes.iter_mut().for_each(|node| node.log.clear());
    }

    /// Tells a manager something; what it wants done is routed, but nothing that follows from it is told yet.
    pub(crate) fn fact(&mut self, at: usize, fact: Fact) -> Effects {
        let node = &mut self.nodes[at];
        let from = node.log.len();
        node.tape.push((self.now, Input::Fact(fact.clone())));
        node.machine.handle(&node.site, Instant(self.now), fact, &mut node.log);
        node.machine.check(&node.site).unwrap();
        self.route(at, from);
        self.nodes[at].log[from..].to_vec()
    }

    /// Gives a command and lets everything happen that follows at this time.
    pub(crate) fn command(&mut self, at: usize, command: Command) -> Result<(), Rejected> {
        let done = self.order(at, command);
        self.settle();
        done
    }

    /// Gives a command, and no more.
    pub(crate) fn order(&mut self, at: usize, command: Command) -> Result<(), Rejected> {
        let node = &mut self.nodes[at];
        let from = node.log.len();
        node.tape.push((self.now, Input::Command(command.clone())));
        let done = node.machine.command(&node.site, Instant(self.now), command, &mut node.log);
        self.route(at, from);
        done
    }

    fn route(&mut self, at: usize, from: usize) {
        let node = &mut self.nodes[at];
        for effect in node.log.iter().skip(from).cloned() {
            match effect {
                Effect::Save { id, batch } => {
                    assert!(node.saving.replace((id, batch)).is_none(), "J1: one batch at a time");
                }
                Effect::Send(message) => self.mail[1 - at].push_back(message),
                Effect::Probe { host, lun, probe } => {
                    let answer = if node.objects.is_lost(lun) { lost() } else { PathAnswer::Healthy };
                    node.facts.push_back(Fact::Path { host, lun, path: 0, probe: Some(probe), answer });
                }
                Effect::AskArray { array, lun } => {
                    let answer = node.objects.array_says(lun);
                    node.facts.push_back(Fact::Array { array, lun, answer });
                }
                Effect::Do(op) => node.facts.extend(node.objects.apply(&op)),
                Effect::Observe { group, target } => node.facts.extend(node.objects.look(group, target)),
                // An agent that gives what it is asked for; `model/world` has the real one.
                Effect::Claim(claim) => {
                    let authority = claim.want.bare();
                    let told = Told {
                        group: claim.group,
                        authority,
                        live: true,
                        fenced: false,
                        known: false,
                        enforcers: if claim.withhold { Enforcers::Withheld } else { Enforcers::Served },
                    };
                    node.facts.push_front(Fact::Authority(told));
                }
                Effect::Poll(_) | Effect::Acknowledge { .. } | Effect::Acquire { .. } | Effect::Event(_) => {}
            }
        }
        if node.durable {
            let saved = node.save();
            node.facts.extend(saved);
        }
    }

    /// One thing that can happen without time passing, if there is one. What a site is told by its own comes first.
    pub(crate) fn step(&mut self) -> bool {
        for at in 0..2 {
            let fact = self.nodes[at].facts.pop_front();
            let mail = if fact.is_none() && self.link { self.mail[at].pop_front() } else { None };
            if let Some(fact) = fact.or(mail.map(Fact::Message)) {
                self.fact(at, fact);
                return true;
            }
        }
        false
    }

    /// Everything that can happen without time passing.
    pub(crate) fn settle(&mut self) {
        assert!((0..10_000).any(|_| !self.step()), "it never settles");
    }

    /// On to the next deadline of either, if it is not after this.
    pub(crate) fn wake(&mut self, until: u64) -> bool {
        let deadline = |node: &Node| node.machine.next_deadline().map(|(at, _)| at.0);
        let Some(at) = self.nodes.iter().filter_map(deadline).min().filter(|&at| at <= until) else { return false };
        self.now = self.now.max(at);
        for at in 0..2 {
            self.fact(at, Fact::Wake);
        }
        true
    }

    /// Lets this many milliseconds pass.
    pub(crate) fn pass(&mut self, millis: u64) {
        let until = self.now + millis;
        self.settle();
        while self.wake(until) {
            self.settle();
        }
        self.now = until;
    }

    /// Goes on until something holds, step by step; two hours at most.
    pub(crate) fn until(&mut self, holds: impl Fn(&Self) -> bool) {
        let (until, mut steps) = (self.now + 7_200_000, 0);
        while !holds(self) {
            steps += 1;
            let more = steps < 100_000 && (self.step() || self.wake(until));
            assert!(more, "it never came to hold: {:#?}", self.nodes.each_ref().map(Node::alerts));
        }
    }

    /// Every host of a site sees a LUN lost.
    pub(crate) fn lose(&mut self, at: usize, name: &str) {
        let key = LunKey::of(name);
        let node = &mut self.nodes[at];
        node.objects.lose(key);
        node.report(key);
        self.settle();
    }

    /// Time passes until the group of failures is closed.
    pub(crate) fn conclude(&mut self) {
        self.settle();
        self.until(|p| p.nodes.iter().all(|n| !n.machine.status(&n.site).window_open));
        self.settle();
    }

    /// A LUN of alder's is lost for good, and the failover runs up to where this holds.
    pub(crate) fn lose_until(&mut self, name: &str, holds: impl Fn(&Self) -> bool) {
        self.lose(ALDER, name);
        self.until(holds);
    }

    /// A manager stops and starts again from what is durable; hosts repeat what they see.
    pub(crate) fn restart(&mut self, at: usize) {
        let node = &mut self.nodes[at];
        node.boot += 1;
        node.saving = None;
        node.facts.clear();
        let from = node.log.len();
        let now = Instant(self.now);
        node.machine = RecoveryManager::restore(&node.site, node.boot, node.disk.clone(), now, &mut node.log).unwrap();
        for lun in node.objects.lost() {
            node.report(lun);
        }
        self.route(at, from);
    }

    pub(crate) fn recovered(&self, vms: &[&str]) -> bool {
        vms.iter().all(|vm| self.nodes[BIRCH].runs(vm))
    }

    /// The last message to a site of this kind, taken off its way.
    pub(crate) fn intercept(&mut self, to: usize, which: impl Fn(&Body) -> bool) -> Message {
        let at = self.mail[to].iter().rposition(|m| which(&m.body)).expect("such a message is on its way");
        self.mail[to].remove(at).unwrap()
    }
}

impl Node {
    /// Makes the outstanding batch durable.
    pub(crate) fn save(&mut self) -> Option<Fact> {
        let (id, batch) = self.saving.take()?;
        batch.into_iter().for_each(|record| self.disk.put(record));
        self.history.push(self.disk.clone());
        Some(Fact::Saved(id))
    }

    fn report(&mut self, key: LunKey) {
        let lun = &self.site.inventory.luns[self.site.inventory.luns.find(key).unwrap()];
        for &host in &lun.ends[self.site.here.at()].as_ref().unwrap().hosts {
            let host = self.site.inventory.hosts[host].key;
            self.facts.push_back(Fact::Path { host, lun: key, path: 0, probe: None, answer: lost() });
        }
    }
}

pub(crate) fn lost() -> PathAnswer {
    PathAnswer::Sense(vec![0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x25, 0])
}

/// Names of a map's keys are not needed here: how many of each.
pub(crate) fn count<T: Ord>(of: impl IntoIterator<Item = T>) -> BTreeMap<T, usize> {
    let mut counts = BTreeMap::new();
    of.into_iter().for_each(|x| *counts.entry(x).or_default() += 1);
    counts
}

pub(crate) fn set<T: Ord>(of: impl IntoIterator<Item = T>) -> BTreeSet<T> {
    of.into_iter().collect()
}

pub(crate) const fn secs(s: u64) -> Millis {
    Millis::secs(s)
}
