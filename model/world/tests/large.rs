//! Deployments that no model reaches: dozens of groups, hundreds of VMs, generated, with faults. Every property is looked
//! at after every step, and what is left comes to rest.

use farshore_core::ids::{HostIx, Index, LunIx, Side};
use farshore_core::inventory::Readiness;
use farshore_core::spec::{Datastore, Deployment, Group, Lun, Plan, Replica, Site, Span, Vm};
use farshore_world::{Action, Budget, Budgets, Clock, Fault, Rank, Scope, Setup, Start, Trace, Wire, World, scopes};

/// How large.
#[derive(Clone, Copy)]
struct Size {
    groups: u16,
    vms: usize,
    hosts: usize,
}

/// Groups at home at either site, of one or two LUNs, synchronous or in cycles; VMs in tiers, some of which need others;
/// two plans with priorities.
fn deployment(size: Size, rng: &mut fastrand::Rng) -> Deployment {
    let mut to = scopes::named("unhappy").unwrap().deployment;
    let plan = to.plans.remove(0);
    let hosts = |site: &str| (0..size.hosts).map(|h| format!("{site}-host-{h}")).collect::<Vec<_>>();
    to.sites = ["one", "two"]
        .map(|site| {
            let hosts = hosts(site);
            Site::of(site, &format!("{site}-san"), &hosts.iter().map(String::as_str).collect::<Vec<_>>())
        })
        .to_vec();
    (to.luns, to.datastores, to.vms, to.groups) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut unit = 0;
    for g in 0..size.groups {
        let (array, peer) = if rng.bool() { ("one-san", "two-san") } else { ("two-san", "one-san") };
        let synchronous = rng.u8(0..3) > 0;
        let stores: Vec<String> = (0..rng.usize(1..=2)).map(|lun| format!("lun-{g:02}-{lun}")).collect();
        for store in &stores {
            unit += 1;
            let replica = match synchronous {
                true => Replica::synchronous(peer, unit),
                false => Replica::asynchronous(peer, unit, Span::millis(200)),
            };
            to.luns.push(Lun::of(store, array, unit).replicated(replica));
            to.datastores.push(Datastore::of(store, &[store]));
        }
        let stores: Vec<&str> = stores.iter().map(String::as_str).collect();
        let vms = size.vms / usize::from(size.groups);
        for v in 0..vms {
            let disks = if v < stores.len() { &stores[v..=v] } else { &stores[..] };
            let needs = (v > 0 && rng.bool()).then(|| format!("vm-{g:02}-{:02}", rng.usize(0..v)));
            let ready = if rng.bool() { Readiness::Heartbeat } else { Readiness::PowerOn };
            let tier = 1 + u8::try_from(v * 4 / vms).unwrap();
            let name = format!("vm-{g:02}-{v:02}");
            to.vms.push(Vm { tier, ready, depends_on: needs.into_iter().collect(), ..Vm::of(&name, disks) });
        }
        to.groups.push(Group::of(&format!("group-{g:02}"), &stores));
    }
    let names: Vec<&str> = to.groups.iter().map(|g| g.name.as_str()).collect();
    let mut groups = Plan::of("plan", &names).groups;
    groups.iter_mut().for_each(|group| group.priority = rng.u8(1..4));
    to.plans = vec![Plan { groups, ..plan }];
    to
}

fn scope(size: Size, rng: &mut fastrand::Rng) -> Scope {
    let deployment = deployment(size, rng);
    let luns = deployment.luns.len();
    let lose = |lun: &usize| {
        let side = if deployment.luns[*lun].array == "one-san" { Side::One } else { Side::Two };
        (Fault::LoseLun(side, LunIx::from_at(*lun)), 1)
    };
    // A third of the LUNs, whatever else goes wrong.
    let mut which: Vec<usize> = (0..luns).collect();
    rng.shuffle(&mut which);
    let mut faults: Vec<(Fault, u8)> = which[..luns / 3].iter().map(lose).collect();
    let wires = [Wire::Peer(Side::One), Wire::Peer(Side::Two), Wire::Frames(Side::One)];
    faults.extend(wires.into_iter().flat_map(|w| [(Fault::Cut(w), 2), (Fault::Mend(w), 2)]));
    let host = HostIx::from_at(0);
    faults.extend([(Fault::HangHost(host), 1), (Fault::WakeHost(host), 1)]);
    let budgets = Budget::ALL.map(|kind| match kind {
        Budget::SaveFails => (kind, 0),
        Budget::Write | Budget::Cycle => (kind, 20),
        _ => (kind, 4),
    });
    Scope {
        name: "generated".into(),
        prose: "Generated.".into(),
        deployment_name: "generated".into(),
        budgets: Budgets::of(&budgets),
        faults,
        orders: Vec::new(),
        prelude: Vec::new(),
        deployment,
    }
}

/// One walk; how many groups have moved in the end.
fn walk(size: Size, seed: u64, steps: usize) -> usize {
    let mut rng = fastrand::Rng::with_seed(seed);
    let setup = Setup::new(scope(size, &mut rng), Clock::Model).unwrap();
    let start = World::protected(&setup).unwrap();
    let (mut world, mut path) = (start.clone(), Vec::new());
    let told = |path: &[Action], what: &dyn std::fmt::Display| {
        panic!("seed {seed}: {what}\n\n{}", Trace::record(&setup, Start::Protected, &start, path));
    };
    for _ in 0..steps {
        let choices = world.choices(&setup, false);
        let progress = choices.iter().take_while(|c| c.rank == Rank::Progress).count();
        let among = if progress > 0 && rng.u8(0..10) > 0 { progress } else { choices.len() };
        if among == 0 {
            break;
        }
        let action = choices[rng.usize(0..among)].action;
        path.push(action);
        world.apply(&setup, action);
        if let Err(violation) = world.check(&setup) {
            told(&path, &violation);
        }
    }
    world.heal(&setup);
    if let Err(violation) = world.settle(&setup, 100_000) {
        told(&path, &violation);
    }
    let groups = setup.inventory().groups.iter();
    groups.filter(|&(g, group)| world.active(&setup, g).is_some_and(|side| side != group.home)).count()
}

#[test]
fn a_dozen_groups_hold() {
    let moved: usize = (0..8).map(|seed| walk(Size { groups: 12, vms: 60, hosts: 3 }, seed, 1_500)).sum();
    assert!(moved >= 8, "{moved} groups moved");
}

#[test]
fn dozens_of_groups_and_hundreds_of_vms_hold() {
    let moved: usize = (10..12).map(|seed| walk(Size { groups: 48, vms: 336, hosts: 6 }, seed, 3_000)).sum();
    assert!(moved >= 8, "{moved} groups moved");
}
