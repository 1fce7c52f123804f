//! Where a fuzzed world begins: deployments with and without an arbiter, protected and at rest.

use std::sync::OnceLock;

use farshore_core::ids::{ArrayIx, HostIx, Index, LunIx, Side};
use farshore_core::inventory::Readiness;
use farshore_core::spec::{Datastore, Group, Lun, Plan, Replica, Site, Span, Vm};
use farshore_world::scope::Scope;
use farshore_world::{Budget, Budgets, Clock, Fault, Setup, Wire, World, scopes};

/// A beginning, made when it is first chosen.
pub(super) struct Beginning {
    name: &'static str,
    scope: fn() -> Scope,
    made: OnceLock<(Setup, World)>,
}

impl Beginning {
    const fn of(name: &'static str, scope: fn() -> Scope) -> Self {
        Self { name, scope, made: OnceLock::new() }
    }

    pub(super) const fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn with<R>(&self, act: impl FnOnce(&Setup, &World) -> R) -> R {
        let (setup, world) = self.made.get_or_init(|| {
            let setup = Setup::new((self.scope)(), Clock::Model).expect("a valid deployment");
            let world = World::protected(&setup).expect("the groups get protected");
            (setup, world)
        });
        act(setup, world)
    }
}

/// All of them.
pub(super) static BEGINNINGS: [Beginning; 7] = [
    Beginning::of("two groups", scopes::unhappy),
    Beginning::of("two groups and an arbiter", || armed(scopes::unhappy())),
    Beginning::of("four groups", four),
    Beginning::of("four groups and an arbiter", || armed(four())),
    Beginning::of("two hosts, one of which lies", || with_all(scopes::hosts::lying_host())),
    Beginning::of("a consistency set", || with_all(scopes::pdl_async())),
    Beginning::of("a consistency set and an arbiter", || armed(scopes::pdl_async())),
];

/// The same with the arbiter, and the timers, of the scopes in which the sites cannot talk.
fn armed(mut scope: Scope) -> Scope {
    let sites = scope.deployment.policy.sites.clone();
    scope.deployment.policy = scopes::takeover::takeover_sync().deployment.policy;
    scope.deployment.policy.sites = sites;
    for replica in scope.deployment.luns.iter_mut().filter_map(|l| l.replica.as_mut()) {
        // What may be lost is counted to the end of a lease (O5).
        replica.rpo = replica.rpo.map(|rpo| rpo.max(Span::millis(200)));
    }
    with_all(scope)
}

/// The same, with everything that can go wrong.
fn with_all(mut scope: Scope) -> Scope {
    let inventory = Setup::new(scope.clone(), Clock::Model).expect("a valid deployment");
    let inventory = inventory.inventory();
    let mut faults: Vec<Fault> = scope.faults.iter().map(|&(fault, _)| fault).collect();
    for side in Side::BOTH {
        for lun in (0..inventory.luns.len()).map(LunIx::from_at) {
            faults.extend([Fault::LoseLun(side, lun), Fault::ReturnLun(side, lun)]);
        }
    }
    for array in (0..inventory.arrays.len()).map(ArrayIx::from_at) {
        faults.extend([Fault::LoseArray(array), Fault::SilenceArray(array), Fault::WakeArray(array)]);
    }
    for host in (0..inventory.hosts.len()).map(HostIx::from_at) {
        faults.extend([Fault::HangHost(host), Fault::WakeHost(host), Fault::LoseHost(host), Fault::ReturnHost(host)]);
    }
    faults.extend(Wire::ALL.into_iter().flat_map(|wire| [Fault::Cut(wire), Fault::Mend(wire)]));
    if scope.deployment.policy.arbiter.is_some() {
        for side in Side::BOTH {
            faults.extend([Fault::LoseSite(side), Fault::ReturnSite(side), Fault::Isolate(side), Fault::Rejoin(side)]);
            faults.extend([Fault::StopAgent(side), Fault::StartAgent(side)]);
            faults.extend([Fault::PauseAgent(side), Fault::ResumeAgent(side)]);
        }
        faults.extend([Fault::StopArbiter, Fault::StartArbiter, Fault::Hasten]);
    }
    faults.sort_unstable();
    faults.dedup();
    scope.faults = faults.into_iter().map(|fault| (fault, 1)).collect();
    scope.budgets = Budgets::of(&Budget::ALL.map(|kind| match kind {
        Budget::SaveFails => (kind, 0),
        Budget::Write | Budget::Cycle => (kind, 8),
        _ => (kind, 2),
    }));
    scope
}

/// Four groups, two at home at each site: both kinds of replication, two tiers, two LUNs under one VM, two hosts each.
fn four() -> Scope {
    let mut scope = scopes::unhappy();
    let to = &mut scope.deployment;
    to.sites = vec![Site::of("one", "san-1", &["host-1", "host-2"]), Site::of("two", "san-2", &["host-3", "host-4"])];
    (to.luns, to.datastores, to.vms, to.groups) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut names = Vec::new();
    for group in 0..4_u16 {
        let (array, peer) = if group % 2 == 0 { ("san-1", "san-2") } else { ("san-2", "san-1") };
        let name = format!("group-{group}");
        let mut stores = Vec::new();
        for lun in 0..2 {
            let (unit, lun) = (group * 2 + lun, format!("lun-{group}-{lun}"));
            let replica = match group {
                0 | 1 => Replica::synchronous(peer, unit),
                _ => Replica::asynchronous(peer, unit, Span::millis(200)),
            };
            to.luns.push(Lun::of(&lun, array, unit).replicated(replica));
            to.datastores.push(Datastore::of(&lun, &[&lun]));
            stores.push(lun);
        }
        let both: Vec<&str> = stores.iter().map(String::as_str).collect();
        let (db, app, web) = (format!("db-{group}"), format!("app-{group}"), format!("web-{group}"));
        to.vms.push(Vm { tier: 1, ready: Readiness::Heartbeat, ..Vm::of(&db, &both) });
        to.vms.push(Vm { tier: 2, depends_on: vec![db], ..Vm::of(&app, &both[..1]) });
        to.vms.push(Vm { tier: 2, ..Vm::of(&web, &both[1..]) });
        to.groups.push(Group::of(&name, &both));
        names.push(name);
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let plan = to.plans.remove(0);
    to.plans = vec![Plan { groups: Plan::of("plan", &names).groups, ..plan }];
    scope.name = "four".into();
    scope.orders.clear();
    scope.faults.clear();
    with_all(scope)
}
