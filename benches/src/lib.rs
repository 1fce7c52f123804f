//! Two managers with hosts and arrays that do at once what they are asked: what is measured is the core alone.

use std::collections::VecDeque;

use farshore_core::authority::agent::{Enforcers, Told};
use farshore_core::detection::corroboration::ArrayAnswer;
use farshore_core::ids::{HostKey, LunKey};
use farshore_core::input::PathAnswer;
use farshore_core::inventory::Site;
use farshore_core::operation::{
    CopySeen, Goal, HostSeen, LunSeen, Op, Point, ReplicationSeen, Seen, StepSeen, Target, VmSeen,
};
use farshore_core::spec::{Datastore, Deployment, Group, Host, Lun, Memory, Replica, Vm};
use farshore_core::{Command, Effect, Effects, Fact, Instant, Records, RecoveryManager};

/// Sense data of a LUN that is gone: illegal request, logical unit not supported.
const GONE: [u8; 14] = [0x70, 0, 5, 0, 0, 0, 0, 10, 0, 0, 0, 0, 0x25, 0];

/// Two sites; so many groups of one LUN and ten VMs each, all at the first.
///
/// # Panics
/// Never for numbers that fit an inventory.
#[must_use]
pub fn deployment(groups: u16) -> Deployment {
    let names: Vec<String> = (0..groups).map(|g| format!("g{g:05}")).collect();
    let site = |name: &str, array: &str, host: &str| {
        let host = Host { memory: Memory(1 << 30), max_concurrent_starts: u16::MAX, ..Host::named(host) };
        let mut site = farshore_core::spec::Site::of(name, array, &[]);
        site.hosts = vec![host];
        site
    };
    let vms = |group: &String| (0..10).map(|v| Vm::of(&format!("{group}-{v}"), &[group])).collect::<Vec<_>>();
    Deployment {
        sites: vec![site("alder", "alder-san", "alder-1"), site("birch", "birch-san", "birch-1")],
        luns: names
            .iter()
            .zip(1..)
            .map(|(name, unit)| Lun::of(name, "alder-san", unit).replicated(Replica::synchronous("birch-san", unit)))
            .collect(),
        datastores: names.iter().map(|name| Datastore::of(name, &[name])).collect(),
        vms: names.iter().flat_map(vms).collect(),
        groups: names.iter().map(|name| Group::of(name, &[name])).collect(),
        ..Deployment::default()
    }
}

/// One site: its machine, and the answers on their way to it.
#[derive(Clone)]
struct End {
    site: Site,
    machine: RecoveryManager,
    facts: VecDeque<Fact>,
    lost: bool,
    started: usize,
}

/// A pair of sites.
#[derive(Clone)]
pub struct Pair {
    ends: Vec<End>,
    now: Instant,
    /// Facts handled so far.
    pub handled: usize,
}

impl Pair {
    /// A protected pair that rests.
    ///
    /// # Panics
    /// A deployment that is not valid.
    #[must_use]
    pub fn protected(deployment: &Deployment) -> Self {
        let mut pair = Self { ends: Vec::new(), now: Instant(0), handled: 0 };
        let mut outs = Vec::new();
        for site in Site::pair(deployment).expect("a valid deployment") {
            let mut effects = Effects::new();
            let machine = RecoveryManager::restore(&site, 1, Records::first_start(), Instant(0), &mut effects)
                .expect("a first start restores");
            pair.ends.push(End { site, machine, facts: VecDeque::new(), lost: false, started: 0 });
            outs.push(effects);
        }
        for (at, effects) in outs.into_iter().enumerate() {
            pair.execute(at, effects);
        }
        while pair.handle_one() {}
        let groups = pair.ends[0].site.inventory.groups.iter().map(|(_, g)| g.key).collect();
        let mut effects = Effects::new();
        let end = &mut pair.ends[0];
        end.machine.command(&end.site, pair.now, Command::Protect(groups), &mut effects).expect("protectable");
        pair.execute(0, effects);
        while pair.handle_one() {}
        pair
    }

    /// Every LUN of the first site is lost at once; runs until so many VMs are starting at the second. The time of the
    /// machines jumps to the next deadline whenever nothing else is left to do.
    ///
    /// # Panics
    /// If they never start.
    pub fn lose_all_and_start(&mut self, vms: usize) {
        let host = HostKey::of("alder-1");
        self.ends[0].lost = true;
        let luns: Vec<LunKey> = self.ends[0].site.inventory.luns.iter().map(|(_, l)| l.key).collect();
        for lun in luns {
            let answer = PathAnswer::Sense(GONE.to_vec());
            self.ends[0].facts.push_back(Fact::Path { host, lun, path: 0, probe: None, answer });
        }
        while self.ends[1].started < vms {
            if !self.handle_one() {
                let next = self.ends.iter().filter_map(|e| e.machine.next_deadline()).map(|(at, _)| at).min();
                self.now = next.expect("something is due").max(self.now);
                self.ends.iter_mut().for_each(|e| e.facts.push_back(Fact::Wake));
            }
        }
    }

    fn handle_one(&mut self) -> bool {
        for at in 0..2 {
            let end = &mut self.ends[at];
            if let Some(fact) = end.facts.pop_front() {
                let mut effects = Effects::new();
                end.machine.handle(&end.site, self.now, fact, &mut effects);
                self.handled += 1;
                self.execute(at, effects);
                return true;
            }
        }
        false
    }

    fn execute(&mut self, at: usize, effects: Effects) {
        for effect in effects {
            let (mine, theirs) = self.ends.split_at_mut(1);
            let (end, peer) = if at == 0 { (&mut mine[0], &mut theirs[0]) } else { (&mut theirs[0], &mut mine[0]) };
            match effect {
                Effect::Save { id, .. } => end.facts.push_back(Fact::Saved(id)),
                Effect::Send(message) => peer.facts.push_back(Fact::Message(message)),
                Effect::Do(op) => {
                    end.started += usize::from(matches!(op.goal, Goal::Running { .. }));
                    let outcome = Ok(done(&op, end.lost));
                    end.facts.push_back(Fact::Answer { id: op.id, attempt: op.attempt, outcome });
                }
                Effect::Observe { group, target } => {
                    end.facts.push_back(Fact::Observed { group, target, seen: None });
                }
                Effect::Probe { host, lun, probe } => {
                    let gone = PathAnswer::Sense(GONE.to_vec());
                    let answer = if end.lost { gone } else { PathAnswer::Healthy };
                    end.facts.push_back(Fact::Path { host, lun, path: 0, probe: Some(probe), answer });
                }
                Effect::AskArray { array, lun } => {
                    let answer = if end.lost { ArrayAnswer::Lost } else { ArrayAnswer::Present };
                    end.facts.push_back(Fact::Array { array, lun, answer });
                }
                Effect::Claim(claim) => {
                    let authority = claim.want.bare();
                    let told = Told {
                        group: claim.group,
                        authority,
                        live: true,
                        fenced: false,
                        known: false,
                        enforcers: Enforcers::Served,
                    };
                    end.facts.push_front(Fact::Authority(told));
                }
                Effect::Poll(_) | Effect::Acknowledge { .. } | Effect::Acquire { .. } | Effect::Event(_) => {}
            }
        }
    }
}

/// What is seen once an operation is done.
fn done(op: &Op, lost: bool) -> Seen {
    let token = op.id.token;
    match op.id.target {
        Target::Lun(_) => {
            let running = op.goal == Goal::Replicating;
            let point = Some(Point(1));
            let replication = ReplicationSeen { running, in_sync: Some(true), lag: None, point, resync: false };
            Seen::Lun(LunSeen { token, present: !lost, writable: op.goal == Goal::ReadWrite, tail: token, replication })
        }
        Target::Host(_) => Seen::Host(HostSeen { token, running: 0, mounted: op.goal == Goal::Mounted }),
        Target::Vm(_) => {
            let running_on = if let Goal::Running { on } = op.goal { Some(on) } else { None };
            Seen::Vm(VmSeen { token, running_on, registered: true })
        }
        // The benchmarks' plans have no steps, and nobody tests them.
        Target::Step(_) | Target::TestStep(_) => Seen::Step(StepSeen { token, ran: true }),
        Target::TestLun(_) => Seen::Copy(CopySeen { token, exists: op.goal != Goal::Gone, point: None }),
        Target::TestVm(_) => Seen::Vm(VmSeen { token, running_on: None, registered: op.goal != Goal::Gone }),
    }
}
