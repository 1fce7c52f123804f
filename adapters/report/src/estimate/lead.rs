//! What comes before VMs start: detection, giving, taking (F1 to F5).

use farshore_core::Site;
use farshore_core::ids::{LunIx, Side, VmIx};
use farshore_core::time::Millis;

use super::assume::{Assumptions, Step};
use super::{Cause, Going};

/// One phase, in the order in which they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) phase: &'static str,
    pub(super) rule: &'static str,
    pub(super) takes: Millis,
}

const fn part(phase: &'static str, rule: &'static str, takes: Millis) -> Part {
    Part { phase, rule, takes }
}

/// From the failure to the moment at which a group could go.
pub(super) fn before(site: &Site, assume: &Assumptions, cause: Cause) -> Vec<Part> {
    let takes = |step| assume.takes(step);
    match cause {
        // G2 to G4: nothing more comes for `short`, and after `long` nothing is waited for.
        Cause::Lost => {
            let window = site.policy.grouping.short.min(site.policy.grouping.long);
            vec![part("detect", "D2", takes(Step::Report)), part("group", "G4", window + takes(Step::Save))]
        }
        // O2, O11: silent for long enough, and its lease has run out as the arbiter counts it.
        Cause::SiteLost => {
            let arbiter = site.policy.arbiter;
            let silent = arbiter.map_or(Millis::ZERO, |a| a.site_grace.max(a.leases.given()));
            let asked = takes(Step::Message) * 2 + takes(Step::Save);
            vec![part("silence and lease", "O11", silent), part("acquire", "O4", asked)]
        }
        Cause::Planned => Vec::new(),
    }
}

/// From going to the start of the first VM.
pub(super) fn lead(site: &Site, assume: &Assumptions, going: &Going) -> Vec<Part> {
    let takes = |step| assume.takes(step);
    let there_and_back = takes(Step::Message) * 2 + takes(Step::Save) * 2;
    let mut parts = Vec::new();
    if going.cause != Cause::SiteLost {
        parts.push(part("prepare", "F1", there_and_back));
        parts.push(part("stop VMs", "F2", stops(site, assume, going)));
        parts.push(part("fence, drain, lock", "F2", locks(site, assume, going) + takes(Step::Save)));
        parts.push(part("confirm", "F3", there_and_back));
        parts.push(part("release, hand over", "F3", takes(Step::Message) + takes(Step::Save)));
    }
    let luns = || site.inventory.groups[going.group].luns.iter().copied();
    let longest = |step: Step| luns().map(|l| of_lun(site, assume, step, l)).max().unwrap_or_default();
    parts.push(part("cut", "F5", longest(Step::Cut) + takes(Step::Save)));
    let mounts = of_hosts(site, assume, going, going.from.peer(), Step::Mount);
    let promote = longest(Step::RollBack) + longest(Step::ReadWrite) + mounts + takes(Step::Save);
    parts.push(part("promote, mount", "F5", promote));
    parts
}

fn of_lun(site: &Site, assume: &Assumptions, step: Step, lun: LunIx) -> Millis {
    assume.of(step, &site.inventory.luns[lun].name)
}

fn of_hosts(site: &Site, assume: &Assumptions, going: &Going, side: Side, step: Step) -> Millis {
    let hosts = &site.inventory.groups[going.group].hosts[side.at()];
    hosts.iter().map(|&h| assume.of(step, &site.inventory.hosts[h].name)).max().unwrap_or_default()
}

/// F2: VMs with a lost disk are powered off while their LUNs are locked; then the others stop, in stop order.
fn stops(site: &Site, assume: &Assumptions, going: &Going) -> Millis {
    let inventory = &site.inventory;
    let plan = &inventory.plans[going.plan];
    let on_lost = |v: VmIx| inventory.vms[v].luns.iter().any(|l| going.lost.contains(l));
    let locked = going.lost.iter().map(|&l| of_lun(site, assume, Step::ReadOnly, l)).max().unwrap_or_default();
    let mut ends: Vec<(VmIx, Millis)> = Vec::new();
    for &vm in inventory.groups[going.group].vms.iter().rev() {
        let v = &inventory.vms[vm];
        let off = assume.of(Step::PowerOff, &v.name);
        let end = if on_lost(vm) {
            off
        } else {
            let first = |other: &VmIx| {
                let other = &inventory.vms[*other];
                other.tier > v.tier || other.depends_on.contains(&vm)
            };
            let begin = ends.iter().filter(|(other, _)| first(other)).map(|(_, end)| *end).max().unwrap_or_default();
            let stop = assume.of(Step::Stop, &v.name);
            begin.max(locked) + if stop <= plan.stop.grace { stop } else { plan.stop.grace + off }
        };
        ends.push((vm, end));
    }
    ends.into_iter().map(|(_, end)| end).max().unwrap_or_default().max(locked)
}

/// F2: hosts let go; then every LUN that still works drains, stops replicating and is locked.
fn locks(site: &Site, assume: &Assumptions, going: &Going) -> Millis {
    let fence = of_hosts(site, assume, going, going.from, Step::Fence);
    let luns = site.inventory.groups[going.group].luns.iter().filter(|l| !going.lost.contains(l));
    let steps = [Step::Drain, Step::StopReplication, Step::ReadOnly];
    let one = |&l: &LunIx| steps.into_iter().fold(Millis::ZERO, |sum, step| sum + of_lun(site, assume, step, l));
    fence + luns.map(one).max().unwrap_or_default()
}
