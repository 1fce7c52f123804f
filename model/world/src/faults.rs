//! Faults: what a scope or a scenario lets go wrong, carried out.

use farshore_core::authority::agent::AgentFact;
use farshore_core::event::Alert;
use farshore_core::ids::{HostIx, Index, Side};
use farshore_core::input::Fact;
use farshore_core::inventory::Host;

use crate::drive::{Drive, Input};
use crate::host::{Guest, Health};
use crate::reports::{Report, Says};
use crate::scope::{Fault, Wire};
use crate::world::LateClaim;

impl Drive<'_> {
    pub(crate) fn fault(&mut self, fault: Fault) -> bool {
        if !self.world.can_break(self.setup, fault) {
            return false;
        }
        if let Some(at) = self.setup.scope.faults.iter().position(|(f, _)| *f == fault) {
            let left = &mut self.world.faults[at];
            *left = left.saturating_sub(1);
        }
        let (setup, world) = (self.setup, &mut *self.world);
        match fault {
            Fault::LoseLun(side, lun) => world.lose_lun(setup, side, lun, self.out),
            Fault::ReturnLun(side, lun) => world.return_lun(side, lun),
            Fault::LoseArray(array) => {
                world.arrays[array.at()] = false;
                let info = &setup.inventory().arrays[array];
                for &lun in &info.luns {
                    if world.luns[lun.at()].at(info.side).is_some_and(|c| c.present) {
                        world.lose_lun(setup, info.side, lun, self.out);
                    }
                }
            }
            Fault::SilenceArray(array) => world.arrays[array.at()] = false,
            Fault::WakeArray(array) => world.arrays[array.at()] = true,
            Fault::Path(host, lun, path, says) => {
                let side = setup.inventory().hosts[host].side;
                let Some(copy) = world.luns[lun.at()].at_mut(side) else { return false };
                let Some(paths) = copy.paths_mut(setup, lun, host) else { return false };
                paths.report = Report::Due;
                for (at, said) in paths.says.iter_mut().enumerate() {
                    if path.is_none_or(|p| usize::from(p) == at) {
                        *said = says;
                    }
                }
                paths.claimed |= paths.all_lost(true);
                paths.hushed |= paths.says.iter().all(|said| *said == Says::Silent);
            }
            Fault::HangHost(host) => {
                world.hosts[host.at()].health = Health::Hung;
                world.ghost.ailed[host.at()] = true;
            }
            Fault::WakeHost(host) => world.hosts[host.at()].health = Health::Up,
            Fault::LoseHost(host) => {
                world.lose_host(setup, host, self.out);
                world.ghost.ailed[host.at()] = true;
                self.tell_hosts(setup.inventory().hosts[host].side);
            }
            Fault::ReturnHost(host) => {
                world.return_host(setup, host);
                self.tell_hosts(setup.inventory().hosts[host].side);
            }
            Fault::HangGuest(side, vm) => world.vms[vm.at()].at[side.at()].guest = Guest::Hung,
            Fault::Cut(wire) => world.cut[wire.at()] = true,
            Fault::Mend(wire) => {
                world.cut[wire.at()] = false;
                if let Wire::Answers(side) = wire {
                    self.tell_hosts(side);
                }
            }
            Fault::Keep(store) => world.keep(store),
            Fault::Restore(store) => world.restore_kept(store),
            Fault::ClaimArrives => {
                if let LateClaim::Held(side, claim) = core::mem::take(&mut world.claim) {
                    self.queue(Input::Agent(side, AgentFact::Claim(claim)));
                }
            }
            Fault::ReplaceArbiter => {
                world.replace_arbiter();
                self.start_arbiter();
            }
            Fault::Rearm(side) => self.queue(Input::Agent(side, AgentFact::Rearm)),
            Fault::Slip(holder, drift) => world.slip_clock(holder, drift),
            Fault::Jump(holder, by) => world.jump_clock(holder, by),
            Fault::LoseSite(_)
            | Fault::ReturnSite(_)
            | Fault::Isolate(_)
            | Fault::Rejoin(_)
            | Fault::LoseManager(_)
            | Fault::ReturnManager(_)
            | Fault::StopAgent(_)
            | Fault::StartAgent(_)
            | Fault::PauseAgent(_)
            | Fault::ResumeAgent(_)
            | Fault::StopArbiter
            | Fault::StartArbiter
            | Fault::Hasten => self.authority_fault(fault),
        }
        true
    }

    /// The site's HA tells its manager which hosts are lost (D5), and which it still believes lost that are there.
    pub(crate) fn tell_hosts(&mut self, side: Side) {
        let site = self.setup.site(side);
        let Some(manager) = &self.world.node(side).manager else { return };
        if !self.world.wire(Wire::Answers(side)) {
            return;
        }
        let alerts = manager.status(site).alerts;
        let here = site.inventory.hosts.iter().filter(|(_, h)| h.side == side);
        let level = |(h, info): (HostIx, &Host)| {
            let up = self.world.hosts[h.at()].health != Health::Lost;
            let believed = alerts.contains(&Alert::HostLost { host: info.key });
            (up == believed).then_some(Fact::Host { host: info.key, up })
        };
        let news: Vec<Fact> = here.filter_map(level).collect();
        news.into_iter().for_each(|fact| self.tell(side, fact));
    }

    /// Sites, agents, the arbiter.
    fn authority_fault(&mut self, fault: Fault) {
        let (setup, world) = (self.setup, &mut *self.world);
        match fault {
            Fault::LoseSite(side) => world.lose_site(setup, side, self.out),
            Fault::ReturnSite(side) => {
                world.return_site(setup, side);
                self.start_agent(side);
            }
            Fault::Isolate(side) => Wire::around(side).into_iter().for_each(|w| world.cut[w.at()] = true),
            Fault::Rejoin(side) => Wire::around(side).into_iter().for_each(|w| world.cut[w.at()] = false),
            Fault::LoseManager(side) => {
                self.crash(side, false, false);
                self.world.node_mut(side).lost = true;
            }
            Fault::ReturnManager(side) => {
                let lost = core::mem::take(&mut self.world.node_mut(side).lost);
                if lost {
                    self.restart(side);
                }
            }
            Fault::StopAgent(side) => {
                let node = world.node_mut(side);
                (node.agent, node.paused) = (None, false);
                node.agent_alerts.clear();
                if node.aside.is_some() {
                    // A deputy is a part of its process.
                    (node.manager, node.saving) = (None, None);
                    world.desks[side.at()].requests.clear();
                }
            }
            Fault::StartAgent(side) => self.start_agent(side),
            Fault::PauseAgent(side) => world.node_mut(side).paused = true,
            Fault::ResumeAgent(side) => {
                world.node_mut(side).paused = false;
                self.queue(Input::Agent(side, AgentFact::Wake));
                self.report_struck(side);
            }
            Fault::StopArbiter => {
                if let Some(third) = &mut world.third {
                    std::sync::Arc::make_mut(third).machine = None;
                }
            }
            Fault::StartArbiter => self.start_arbiter(),
            Fault::Hasten => {
                let policy = setup.site(Side::One).policy.arbiter;
                if let (Some(third), Some(policy)) = (&mut world.third, policy)
                    && let Some(machine) = &mut std::sync::Arc::make_mut(third).machine
                {
                    machine.hasten(policy.leases.slip());
                }
            }
            _ => {}
        }
    }
}
