//! The core's traits on these hosts and arrays: commands run on threads, answers come back as facts.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use farshore_core::Fact;
use farshore_core::detection::corroboration::ArrayAnswer;
use farshore_core::ids::{ArrayKey, GroupKey, HostKey, LunKey, VmKey};
use farshore_core::input::{PathAnswer, ProbeId};
use farshore_core::inventory::Site;
use farshore_core::operation::{Failure, Goal, HostSeen, Op, Seen, Target, VmSeen};
use farshore_core::ports::{Arrays, Hosts as HostsPort};

use crate::array::Array;
use crate::host::{Hosts, VmView};
use crate::probe::Path;
use crate::steps::Steps;
use crate::{Cellar, LabError};

/// How often a host samples its paths by itself.
const SAMPLE: Duration = Duration::from_millis(100);

/// What names stand behind the core's keys, at one site.
#[derive(Debug, Default)]
pub struct Names {
    luns: BTreeMap<LunKey, String>,
    hosts: BTreeMap<HostKey, String>,
    vms: BTreeMap<VmKey, String>,
    groups: BTreeMap<GroupKey, (String, Vec<String>)>,
}

impl Names {
    /// The names of a deployment.
    #[must_use]
    pub fn of(site: &Site) -> Self {
        let i = &site.inventory;
        let vms = |g: &farshore_core::inventory::Group| g.vms.iter().map(|&v| i.vms[v].name.clone()).collect();
        Self {
            luns: i.luns.iter().map(|(_, l)| (l.key, l.name.clone())).collect(),
            hosts: i.hosts.iter().map(|(_, h)| (h.key, h.name.clone())).collect(),
            vms: i.vms.iter().map(|(_, v)| (v.key, v.name.clone())).collect(),
            groups: i.groups.iter().map(|(_, g)| (g.key, (g.name.clone(), vms(g)))).collect(),
        }
    }
}

/// The arrays of one site.
#[derive(Clone, Debug)]
pub struct QemuArrays {
    array: Arc<Array>,
    names: Arc<Names>,
    facts: Sender<Fact>,
}

impl QemuArrays {
    /// Puts an array behind the core's trait.
    #[must_use]
    pub const fn new(array: Arc<Array>, names: Arc<Names>, facts: Sender<Fact>) -> Self {
        Self { array, names, facts }
    }

    fn spawn(&self, work: impl FnOnce(&Self) -> Option<Fact> + Send + 'static) {
        let me = self.clone();
        std::thread::spawn(move || {
            if let Some(fact) = work(&me) {
                let _ = me.facts.send(fact);
            }
        });
    }
}

/// An operation's end as a fact; what nobody can tell is silence (J3).
fn answer(cellar: &Cellar, op: &Op, done: Result<Result<Seen, Failure>, LabError>) -> Option<Fact> {
    match done {
        Ok(outcome) => Some(Fact::Answer { id: op.id, attempt: op.attempt, outcome }),
        Err(error) => {
            cellar.complain(&error);
            None
        }
    }
}

impl Arrays for QemuArrays {
    fn submit(&mut self, op: &Op) {
        let op = *op;
        self.spawn(move |me| {
            let (Target::Lun(lun) | Target::TestLun(lun)) = op.id.target else { return None };
            let (name, token) = (me.names.luns.get(&lun)?, op.id.token);
            let done = if op.id.target.is_of_test() {
                me.array.apply_copy(name, op.goal, token).map(|r| r.map(Seen::Copy))
            } else {
                me.array.apply(name, op.goal, token).map(|r| r.map(Seen::Lun))
            };
            // A dead array answers nothing, also where it was killed in the middle of it.
            if me.array.is_dead() {
                return None;
            }
            answer(me.array.cellar(), &op, done)
        });
    }

    fn observe(&mut self, group: GroupKey, target: Target) {
        self.spawn(move |me| {
            let (Target::Lun(lun) | Target::TestLun(lun)) = target else { return None };
            let name = me.names.luns.get(&lun)?;
            let seen = if target.is_of_test() {
                me.array.observe_copy(name).map(Seen::Copy)
            } else {
                me.array.observe(name).map(Seen::Lun)
            };
            Some(Fact::Observed { group, target, seen })
        });
    }

    fn ask(&mut self, array: ArrayKey, lun: LunKey) {
        self.spawn(move |me| {
            if me.array.is_dead() {
                return None;
            }
            let serves = me.array.serves(me.names.luns.get(&lun)?);
            let answer = if serves { ArrayAnswer::Present } else { ArrayAnswer::Lost };
            Some(Fact::Array { array, lun, answer })
        });
    }
}

/// One path of one host.
type Sampled = (HostKey, LunKey, Arc<Mutex<Path>>);

/// The hosts of one site.
#[derive(Debug)]
pub struct QemuHosts {
    hosts: Arc<Hosts>,
    names: Arc<Names>,
    steps: Arc<Steps>,
    facts: Sender<Fact>,
    paths: Vec<Sampled>,
    acknowledged: Arc<Mutex<Vec<LunKey>>>,
    stop: Arc<AtomicBool>,
    sampler: Option<JoinHandle<()>>,
}

impl QemuHosts {
    /// Puts hosts behind the core's trait and lets each sample its paths; plans run their commands here.
    ///
    /// # Errors
    /// What was run before cannot be read.
    pub fn new(
        hosts: Arc<Hosts>,
        names: Arc<Names>,
        facts: Sender<Fact>,
        site: &Site,
        array: &Array,
    ) -> Result<Self, LabError> {
        let steps = Arc::new(Steps::open(hosts.cellar(), hosts.dir(), site)?);
        let (portal, target) = array.portal();
        let i = &site.inventory;
        let mut paths: Vec<Sampled> = Vec::new();
        for (_, lun) in i.luns.iter() {
            for &host in lun.ends[site.here.at()].iter().flat_map(|end| &end.hosts) {
                let unit = lun.ends[site.here.at()].as_ref().map_or(0, |end| end.unit);
                let initiator = format!("iqn.2026-11.farshore:{}", i.hosts[host].name);
                let path = Arc::new(Mutex::new(Path::new(portal, target, &initiator, unit)));
                paths.push((i.hosts[host].key, lun.key, path));
            }
        }
        let acknowledged = Arc::new(Mutex::new(Vec::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (all, quiet, end, tell) = (paths.clone(), acknowledged.clone(), stop.clone(), facts.clone());
        let sampler = std::thread::spawn(move || watch(&all, &quiet, &end, &tell));
        Ok(Self { hosts, names, steps, facts, paths, acknowledged, stop, sampler: Some(sampler) })
    }

    fn spawn(&self, work: impl FnOnce(&Arc<Hosts>, &Names) -> Option<Fact> + Send + 'static) {
        let (hosts, names, facts) = (self.hosts.clone(), self.names.clone(), self.facts.clone());
        std::thread::spawn(move || {
            if let Some(fact) = work(&hosts, &names) {
                let _ = facts.send(fact);
            }
        });
    }

    /// Samples some paths now.
    fn sample(&self, wanted: impl Fn(HostKey, LunKey) -> bool, probe: Option<ProbeId>) {
        for (host, lun, path) in self.paths.iter().filter(|(h, l, _)| wanted(*h, *l)).cloned() {
            let facts = self.facts.clone();
            std::thread::spawn(move || {
                let answer = path.lock().unwrap_or_else(PoisonError::into_inner).sample();
                let _ = facts.send(Fact::Path { host, lun, path: 0, probe, answer });
            });
        }
    }
}

impl Drop for QemuHosts {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(sampler) = self.sampler.take() {
            let _ = sampler.join();
        }
    }
}

/// Samples every path and reports those that do not answer well, until that is acknowledged (G6).
fn watch(paths: &[Sampled], acknowledged: &Mutex<Vec<LunKey>>, stop: &AtomicBool, facts: &Sender<Fact>) {
    while !stop.load(Ordering::Relaxed) {
        for (host, lun, path) in paths {
            let answer = path.lock().unwrap_or_else(PoisonError::into_inner).sample();
            let known = acknowledged.lock().unwrap_or_else(PoisonError::into_inner).contains(lun);
            if answer != PathAnswer::Healthy && !known {
                let _ = facts.send(Fact::Path { host: *host, lun: *lun, path: 0, probe: None, answer });
            }
        }
        std::thread::sleep(SAMPLE);
    }
}

fn vm_seen(view: &VmView) -> Seen {
    let running_on = view.on.as_deref().map(HostKey::of);
    Seen::Vm(VmSeen { token: view.token, running_on, registered: view.registered })
}

/// Brings a host or a VM into a state.
fn apply(hosts: &Arc<Hosts>, names: &Names, op: &Op) -> Option<Result<Result<Seen, Failure>, LabError>> {
    let token = op.id.token;
    let (group, vms) = names.groups.get(&op.id.group)?;
    let host_seen =
        |v: crate::host::HostView| Seen::Host(HostSeen { token: v.token, running: v.running, mounted: v.mounted });
    Some(match (op.id.target, op.goal) {
        (Target::Host(host), Goal::Fenced | Goal::Mounted) => {
            let mounted = op.goal == Goal::Mounted;
            hosts.set_mounted(names.hosts.get(&host)?, group, vms, mounted, token).map(|r| r.map(host_seen))
        }
        (Target::Vm(vm), Goal::Stopped { grace }) => {
            let grace = grace.map(|g| Duration::from_millis(g.0));
            hosts.stop(names.vms.get(&vm)?, grace, token).map(|r| r.map(|v| vm_seen(&v)))
        }
        (Target::Vm(vm), Goal::Running { on }) => {
            let on = names.hosts.get(&on)?;
            hosts.start(names.vms.get(&vm)?, on, group, token).map(|r| r.map(|v| vm_seen(&v)))
        }
        (Target::Vm(vm), Goal::Placeholder | Goal::Unregistered) => {
            let registered = op.goal == Goal::Placeholder;
            hosts.set_registered(names.vms.get(&vm)?, registered, token).map(|r| r.map(|v| vm_seen(&v)))
        }
        (Target::TestVm(vm), Goal::Running { on }) => {
            let on = names.hosts.get(&on)?;
            hosts.start_copy(names.vms.get(&vm)?, on, token).map(|r| r.map(|v| vm_seen(&v)))
        }
        (Target::TestVm(vm), Goal::Gone) => hosts.end_copy(names.vms.get(&vm)?, token).map(|r| r.map(|v| vm_seen(&v))),
        _ => Ok(Err(Failure::Unknown)),
    })
}

/// Brings a host or a VM into a state, for whoever does not wait for the outcome: a site's agent (O3).
pub fn carry_out(hosts: &Arc<Hosts>, names: &Names, op: &Op) {
    if let Some(Err(error)) = apply(hosts, names, op) {
        hosts.cellar().complain(&error);
    }
}

impl HostsPort for QemuHosts {
    fn submit(&mut self, op: &Op) {
        let (op, steps) = (*op, self.steps.clone());
        self.spawn(move |hosts, names| {
            let (step, test) = match op.id.target {
                Target::Step(step) => (step, false),
                Target::TestStep(step) => (step, true),
                Target::Lun(_) | Target::Host(_) | Target::Vm(_) | Target::TestLun(_) | Target::TestVm(_) => {
                    return answer(hosts.cellar(), &op, apply(hosts, names, &op)?);
                }
            };
            let (group, _) = names.groups.get(&op.id.group)?;
            answer(hosts.cellar(), &op, steps.run(step, group, test, op.id.token).map(|r| r.map(Seen::Step)))
        });
    }

    fn observe(&mut self, group: GroupKey, target: Target) {
        let steps = self.steps.clone();
        self.spawn(move |hosts, names| {
            let seen = match target {
                Target::Step(step) => Seen::Step(steps.seen(step, &names.groups.get(&group)?.0, false)),
                Target::TestStep(step) => Seen::Step(steps.seen(step, &names.groups.get(&group)?.0, true)),
                Target::Host(host) => {
                    let (name, vms) = names.groups.get(&group)?;
                    let v = hosts.host(names.hosts.get(&host)?, name, vms);
                    Seen::Host(HostSeen { token: v.token, running: v.running, mounted: v.mounted })
                }
                Target::Vm(vm) => vm_seen(&hosts.vm(names.vms.get(&vm)?)),
                Target::TestVm(vm) => vm_seen(&hosts.copy(names.vms.get(&vm)?)),
                Target::Lun(_) | Target::TestLun(_) => return None,
            };
            Some(Fact::Observed { group, target, seen: Some(seen) })
        });
    }

    fn poll(&mut self, host: HostKey) {
        self.sample(|h, _| h == host, None);
    }

    fn probe(&mut self, host: HostKey, lun: LunKey, probe: ProbeId) {
        self.sample(|h, l| (h, l) == (host, lun), Some(probe));
    }

    fn acknowledge(&mut self, lun: LunKey) {
        let mut known = self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
        if !known.contains(&lun) {
            known.push(lun);
        }
    }
}
