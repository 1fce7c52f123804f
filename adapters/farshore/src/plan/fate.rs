//! What the managers decided in a run, group by group.

use std::collections::BTreeMap;

use farshore_core::event::{Alert, Event};
use farshore_core::ids::{GroupIx, HostIx, Index, LunIx, PlanIx, Side, VmIx};
use farshore_core::inventory::Inventory;
use farshore_core::message::Scope;
use farshore_core::policy::ErrorKind;
use farshore_core::record::{GivePhase, Hold, TakePhase};
use farshore_core::{Site, choosing, gate, placement};
use farshore_report::estimate::{Cause, Going};
use farshore_report::words::Words;
use farshore_world::scenario::{Run, What};

/// What would become of one group.
pub(super) struct Fate {
    pub(super) group: GroupIx,
    pub(super) from: Side,
    /// LUNs that it is marked for (M1).
    pub(super) by: Vec<String>,
    pub(super) chosen: Option<Chosen>,
    pub(super) hold: Option<Hold>,
    /// Why it does not move by itself.
    pub(super) why: Option<String>,
    pub(super) moved: bool,
    /// Where its VMs are started, or would be if somebody let it go.
    pub(super) placement: BTreeMap<VmIx, HostIx>,
}

/// A plan, and why it is this one (M4).
#[derive(Clone, Copy)]
pub(super) struct Chosen {
    pub(super) plan: PlanIx,
    pub(super) rule: u32,
    pub(super) kind: ErrorKind,
    pub(super) scope: Scope,
}

impl Fate {
    fn new(inventory: &Inventory, group: GroupIx) -> Self {
        let (from, by, placement) = (inventory.groups[group].home, Vec::new(), BTreeMap::new());
        Self { group, from, by, chosen: None, hold: None, why: None, moved: false, placement }
    }

    /// What an estimate needs of it. `None`: no plan was chosen, or nothing would start.
    pub(super) fn going(&self, site: &Site, lost: &[(Side, LunIx)]) -> Option<Going> {
        let chosen = self.chosen?;
        let luns = &site.inventory.groups[self.group].luns;
        let lost = luns.iter().copied().filter(|l| lost.contains(&(self.from, *l)));
        let cause = match chosen.kind {
            ErrorKind::SiteLost => Cause::SiteLost,
            ErrorKind::Planned | ErrorKind::ManagerLost | ErrorKind::RollBack => Cause::Planned,
            ErrorKind::LunLost | ErrorKind::DeviceLost | ErrorKind::HostLost => Cause::Lost,
        };
        let known = self.moved || (self.hold.is_some() && self.why.is_none());
        (known && !self.placement.is_empty()).then(|| Going {
            group: self.group,
            from: self.from,
            cause,
            plan: chosen.plan,
            scope: chosen.scope,
            hold: self.hold,
            lost: lost.collect(),
            placement: self.placement.clone(),
        })
    }

    pub(super) fn priority(&self, inventory: &Inventory) -> u8 {
        let groups = self.chosen.map_or(&[][..], |c| &inventory.plans[c.plan].groups);
        groups.iter().find(|(g, _)| *g == self.group).map_or(1, |(_, p)| *p)
    }
}

/// What the managers decided, by group, in the order of priority.
pub(super) fn fates(site: &Site, run: &Run) -> Vec<Fate> {
    let inventory = &site.inventory;
    let mut fates: Vec<Fate> = Vec::new();
    for entry in &run.history.entries {
        let (What::Event(event), Some(side)) = (&entry.what, entry.side) else { continue };
        read(site, &mut fates, side, event);
    }
    let mut room = vec![0; inventory.hosts.len()];
    for fate in &mut fates {
        fate.moved = run.history.groups[fate.group.at()].iter().any(|t| t.owner == Some(fate.from.peer()));
        // Room is counted in the order in which it was taken.
        // A VM may wait for a person who answers a step, and nobody does here: its room is kept all the same.
        if fate.moved {
            let placed = placement::place(site, fate.from.peer(), &inventory.groups[fate.group], &room);
            let found = |(vm, host)| Some((inventory.vms.find(vm)?, inventory.hosts.find(host)?));
            fate.placement = placed.unwrap_or_default().into_iter().filter_map(found).collect();
        }
        for (_, side, vm) in &run.history.starts {
            let stays = &run.history.vms[vm.at()].stays;
            let stay = stays.iter().find(|s| s.side == *side);
            if let Some(stay) = stay.filter(|s| s.side != fate.from && inventory.vms[*vm].group == Some(fate.group)) {
                fate.placement.insert(*vm, stay.host);
            }
        }
        for (vm, host) in &fate.placement {
            room[host.at()] += inventory.vms[*vm].memory;
        }
    }
    // What somebody has to let go is placed as it would be if that happened now.
    for fate in fates.iter_mut().filter(|f| !f.moved && f.hold.is_some()) {
        let placed = placement::place(site, fate.from.peer(), &inventory.groups[fate.group], &room);
        let Ok(placed) = placed else { continue };
        placement::count(site, &placed, &mut room, u64::saturating_add);
        let found = |(vm, host)| Some((inventory.vms.find(vm)?, inventory.hosts.find(host)?));
        fate.placement = placed.into_iter().filter_map(found).collect();
    }
    fates.sort_by_key(|f| f.priority(inventory));
    fates
}

fn read(site: &Site, fates: &mut Vec<Fate>, side: Side, event: &Event) {
    let inventory = &site.inventory;
    let key = match *event {
        Event::Marked { group, .. }
        | Event::PlanChosen { group, .. }
        | Event::Giving { group, .. }
        | Event::Refused { group, .. }
        | Event::Raised(Alert::NeedsOperator { group, .. })
        | Event::Taking { group, phase: TakePhase::Acquiring { .. }, .. } => group,
        _ => return,
    };
    let Some(group) = inventory.groups.find(key) else { return };
    let at = fates.iter().position(|f| f.group == group).unwrap_or_else(|| {
        fates.push(Fate::new(inventory, group));
        fates.len() - 1
    });
    let fate = &mut fates[at];
    match *event {
        Event::Marked { lun, .. } => fate.by.push(Words(inventory).lun(lun).into()),
        Event::PlanChosen { plan, rule, kind, scope, .. } => {
            let plan = inventory.plans.find(plan);
            fate.chosen = plan.map(|plan| Chosen { plan, rule, kind, scope });
        }
        Event::Giving { phase: GivePhase::Held(hold), .. } => fate.hold = Some(hold),
        Event::Raised(Alert::NeedsOperator { why, .. }) => {
            fate.why = Some(why.to_string());
            // At a silent site nothing is chosen aloud (O11).
            if side != fate.from {
                fate.chosen = fate.chosen.or_else(|| for_silent(site, group));
            }
        }
        Event::Refused { reason, .. } => fate.why = Some(reason.to_string()),
        Event::Taking { .. } => fate.chosen = fate.chosen.or_else(|| for_silent(site, group)),
        _ => {}
    }
}

/// The plan by which a silent site's group is taken over (M4).
fn for_silent(site: &Site, group: GroupIx) -> Option<Chosen> {
    let (inventory, policy) = (&site.inventory, &site.policy);
    let recovery = policy.recovery_of(inventory.groups[group].home);
    let (plan, rule) = choosing::choose(policy, group, ErrorKind::SiteLost, recovery.kind())?;
    let vms = &inventory.groups[group].vms;
    let critical = match vms.iter().filter(|&&v| inventory.vms[v].critical).count() {
        0 => gate::Critical::None,
        n if n == vms.len() => gate::Critical::All,
        _ => gate::Critical::Some,
    };
    Some(Chosen { plan, rule, kind: ErrorKind::SiteLost, scope: gate::gate(recovery, critical).scope })
}

/// VMs that lose their storage and are in no group (M2).
pub(super) fn unprotected(inventory: &Inventory, run: &Run) -> Vec<String> {
    let down = |v: &VmIx| run.history.vms[v.at()].is_down() && inventory.vms[*v].group.is_none();
    inventory.vms.indices().filter(down).map(|v| inventory.vms[v].name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use farshore_core::spec::Deployment;
    use farshore_core::time::Millis;
    use farshore_report::estimate::estimate;
    use farshore_world::config;
    use farshore_world::scenario::{Pace, Scenario, WhatIf};

    use super::*;
    use crate::plan::assume::simulated;

    /// Two groups of six VMs each in two tiers, priorities, dependencies, a pause between tiers, steps, and few slots.
    fn crowded() -> Deployment {
        let mut text = String::from(
            "[[site]]\nname = \"alder\"\narrays = [\"alder-san\"]\nhosts = [\"alder-1\", \"alder-2\"]\n\
             [[site]]\nname = \"birch\"\narrays = [\"birch-san\"]\nhosts = [{ name = \"birch-1\", max-concurrent-starts = 1 }, \
             { name = \"birch-2\", max-concurrent-starts = 2 }]\n\
             [[plan]]\nname = \"all\"\ngroups = [\"one\", { group = \"two\", priority = 2 }]\ntier-delay = \"3s\"\n\
             [[plan.step]]\nname = \"go\"\nwhen = \"first\"\nprompt = \"Go?\"\ntimeout = \"4s\"\n\
             [[plan.step]]\nname = \"check\"\nafter-vm = \"one-4\"\ngroup = \"one\"\ncommand = [\"check\"]\n\
             [[plan.step]]\nname = \"settle\"\nbefore-tier = 2\ndelay = \"2s\"\n\
             [[plan.step]]\nname = \"name\"\nwhen = \"last\"\ncommand = [\"name\"]\n",
        );
        for (unit, group) in (1..).zip(["one", "two"]) {
            text += &format!(
                "[[lun]]\nname = \"{group}\"\narray = \"alder-san\"\nunit = {unit}\n\
                 replica = {{ array = \"birch-san\", unit = {unit}, mode = \"synchronous\" }}\n\
                 [[datastore]]\nname = \"{group}\"\nluns = [\"{group}\"]\n[[group]]\nname = \"{group}\"\ndatastores = [\"{group}\"]\n"
            );
            for n in 1..=6 {
                let (tier, ready) = (1 + n % 2, if n % 3 == 0 { "power-on" } else { "heartbeat" });
                let needs = if n == 6 { format!("depends-on = [\"{group}-4\"]\n") } else { String::new() };
                text += &format!(
                    "[[vm]]\nname = \"{group}-{n}\"\ndatastores = [\"{group}\"]\ntier = {tier}\nready = \"{ready}\"\n{needs}"
                );
            }
        }
        config::deployment(&text, "crowded").unwrap_or_else(|e| panic!("{e}"))
    }

    fn of_file(name: &str) -> Deployment {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs").join(name);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        config::deployment(&text, name).unwrap_or_else(|e| panic!("{e}"))
    }

    /// When each VM is ready in simulated runs lies between the estimates for the shortest and the longest times.
    fn bounds(deployment: &Deployment, what: impl Fn(&Scenario) -> (WhatIf, Vec<(Side, LunIx)>)) {
        let calm = Scenario::what_if(deployment.clone(), "it", &WhatIf::Copies(Vec::new())).expect("it is valid");
        let (what, lost) = what(&calm);
        let scenario = Scenario::what_if(deployment.clone(), "it", &what).expect("it is valid");
        let site = scenario.setup.site(Side::One);
        for seed in 1..=4 {
            let run = scenario.run(seed, Some(WhatIf::at() + Millis::secs(600))).expect("it runs");
            let goings: Vec<Going> = fates(site, &run).iter().filter_map(|f| f.going(site, &lost)).collect();
            assert!(!goings.is_empty(), "something moves");
            let of = |pick| estimate(site, &simulated(&Pace::default(), pick), &goings);
            let (least, most) = (of(|b| b.least), of(|b| b.most));
            let mut seen = BTreeSet::new();
            for entry in &run.history.entries {
                let What::Event(Event::VmReady { vm, .. }) = entry.what else { continue };
                let name = Words(&site.inventory).vm(vm);
                let at = entry.at.0 - WhatIf::at().0;
                let find = |e: &farshore_report::estimate::Estimate| {
                    let mut vms = e.groups.iter().flat_map(|g| &g.vms);
                    vms.find(|v| v.vm == name).map(|v| v.ready).expect("it is in the estimate")
                };
                let (from, until) = (find(&least), find(&most));
                assert!(
                    (from..=until).contains(&at),
                    "{name}, seed {seed}: ready after {at} ms, not {from} to {until}"
                );
                seen.insert(vm);
            }
            let vms: usize = goings.iter().map(|g| site.inventory.groups[g.group].vms.len()).sum();
            assert_eq!(seen.len(), vms, "every VM is ready");
        }
    }

    fn lun(calm: &Scenario, names: &[&str]) -> (WhatIf, Vec<(Side, LunIx)>) {
        let lost: Vec<_> = names.iter().map(|n| calm.lun(n).expect("there")).collect();
        (WhatIf::Copies(lost.clone()), lost)
    }

    #[test]
    fn f6_an_estimate_bounds_what_happens_when_slots_are_few() {
        bounds(&crowded(), |calm| lun(calm, &["one", "two"]));
    }

    #[test]
    fn f8_an_estimate_bounds_a_planned_move() {
        bounds(&crowded(), |calm| (WhatIf::Migrate(calm.group("two").expect("there")), Vec::new()));
    }

    #[test]
    fn o11_an_estimate_bounds_a_takeover() {
        bounds(&of_file("scenarios/deployments/armed.toml"), |calm| {
            (WhatIf::Site(calm.site("alder").expect("there")), Vec::new())
        });
    }

    #[test]
    fn f2_an_estimate_bounds_a_group_of_which_one_lun_is_lost() {
        bounds(&of_file("scenarios/deployments/town.toml"), |calm| lun(calm, &["mail-lun", "shop-lun"]));
    }
}
