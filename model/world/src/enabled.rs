//! What can happen next: progress first, in a fixed order.

use std::panic::{AssertUnwindSafe, catch_unwind};

use farshore_core::authority::agent::AgentRecord;
use farshore_core::ids::{HostIx, Index, Side, VmIx};

use crate::action::{Action, Answering, Choice, Delivery, Doing, Rank};
use crate::host::{Guest, Health};
use crate::reports::Report;
use crate::scope::{Budget, Fault, Order, Wire};
use crate::setup::{Clock, Setup};
use crate::world::{LateClaim, World};

impl Doing {
    /// What it spends.
    #[must_use]
    pub const fn cost(self) -> Option<Budget> {
        match self {
            Self::Done => None,
            Self::Mute => Some(Budget::Mute),
            Self::AnswerLate | Self::Late => Some(Budget::Late),
            Self::Twice => Some(Budget::Twice),
            Self::Lost => Some(Budget::Lost),
            Self::Fails => Some(Budget::Fails),
        }
    }
}

/// Collects choices.
struct Choices<'a> {
    world: &'a World,
    all: bool,
    list: Vec<Choice>,
}

impl Choices<'_> {
    fn free(&mut self, rank: Rank, action: Action) {
        self.list.push(Choice { action, rank, cost: None, affordable: true });
    }

    fn costs(&mut self, rank: Rank, budget: Budget, action: Action) {
        let affordable = self.world.budgets.left(budget) > 0;
        if affordable || self.all {
            self.list.push(Choice { action, rank, cost: Some(budget), affordable });
        }
    }

    fn counted(&mut self, rank: Rank, left: u8, action: Action) {
        if left > 0 || self.all {
            self.list.push(Choice { action, rank, cost: None, affordable: left > 0 });
        }
    }
}

impl World {
    /// What can happen next, within the budgets: progress first. Everybody who explores a world chooses among these.
    #[must_use]
    pub fn enabled(&self, setup: &Setup) -> Vec<Action> {
        self.choices(setup, false).into_iter().map(|c| c.action).collect()
    }

    /// Everything that is possible, whether the budgets allow it or not.
    #[must_use]
    pub fn possible(&self, setup: &Setup) -> Vec<Choice> {
        self.choices(setup, true)
    }

    /// What can happen next, with rank and cost; `all`: also what no budget is left for.
    #[must_use]
    pub fn choices(&self, setup: &Setup, all: bool) -> Vec<Choice> {
        let mut to = Choices { world: self, all, list: Vec::new() };
        if self.ghost.breach.is_some() {
            return to.list;
        }
        for side in Side::BOTH {
            self.choose_node(&mut to, side);
            self.choose_mail(&mut to, side);
            self.choose_ops(&mut to, setup, side);
            self.choose_requests(&mut to, setup, side);
        }
        self.choose_letters(&mut to, setup);
        self.choose_reports(&mut to, setup);
        self.choose_replication(&mut to, setup);
        self.choose_faults(&mut to, setup);
        to.list.sort_by_key(|c| c.rank);
        self.choose_time(&mut to, setup);
        to.list.sort_by_key(|c| c.rank);
        to.list
    }

    fn choose_node(&self, to: &mut Choices<'_>, side: Side) {
        let node = self.node(side);
        if node.saving.is_some() {
            if node.is_up() {
                to.free(Rank::Progress, Action::Saved(side));
            }
            for kept in [false, true] {
                to.costs(Rank::Nuisance, Budget::SaveFails, Action::SaveFails { side, kept });
            }
        }
        if node.is_up() {
            let (saving, peer) = (node.saving.is_some(), &self.mail[side.peer().at()]);
            let issues = peer.iter().any(|f| !f.late) || self.desks[side.at()].ops.iter().any(|f| !f.late);
            for kept in [false, true].into_iter().filter(|k| saving || !k) {
                for mute in [false, true].into_iter().filter(|m| issues || !m) {
                    to.costs(Rank::Nuisance, Budget::Crash, Action::Crash { side, kept, mute });
                }
            }
        } else if !node.dark && !node.lost {
            to.free(Rank::Progress, Action::Restart(side));
        }
    }

    fn choose_mail(&self, to: &mut Choices<'_>, side: Side) {
        let whole = self.wire(Wire::Peer(side.peer()));
        for (at, flight) in (0..).zip(&self.mail[side.at()]) {
            let action = |how| Action::Message { to: side, at, how };
            if whole {
                to.free(if flight.late { Rank::Late } else { Rank::Progress }, action(Delivery::Once));
                if !flight.late {
                    to.costs(Rank::Nuisance, Budget::Doubled, action(Delivery::Doubled));
                }
            }
            to.costs(Rank::Nuisance, Budget::Dropped, action(Delivery::Lost));
            if !flight.late {
                to.costs(Rank::Nuisance, Budget::Late, action(Delivery::Late));
            }
        }
    }

    fn choose_letters(&self, to: &mut Choices<'_>, setup: &Setup) {
        // In order, one after another; that one overtakes another costs a budget.
        let first = self.post.iter().position(|f| !f.late && self.wire(f.item.wire()));
        for (at, flight) in (0..).zip(&self.post) {
            let action = |how| Action::Letter { at, how };
            let next = flight.late || !setup.reduced || first == Some(at as usize);
            // What is late has left already: it may arrive even where nothing more is sent.
            if (flight.late || self.wire(flight.item.wire())) && next {
                to.free(if flight.late { Rank::Late } else { Rank::Progress }, action(Delivery::Once));
                if !flight.late {
                    to.costs(Rank::Nuisance, Budget::Doubled, action(Delivery::Doubled));
                }
            }
            to.costs(Rank::Nuisance, Budget::Dropped, action(Delivery::Lost));
            if !flight.late {
                to.costs(Rank::Nuisance, Budget::Late, action(Delivery::Late));
            }
        }
    }

    fn choose_ops(&self, to: &mut Choices<'_>, setup: &Setup, side: Side) {
        for (at, flight) in (0..).zip(&self.desks[side.at()].ops) {
            let action = |how| Action::Op { side, at, how };
            if self.op_ready(setup, side, &flight.item) {
                to.free(if flight.late { Rank::Late } else { Rank::Progress }, action(Doing::Done));
                if !flight.late {
                    to.costs(Rank::Nuisance, Budget::Mute, action(Doing::Mute));
                    to.costs(Rank::Nuisance, Budget::Late, action(Doing::AnswerLate));
                    to.costs(Rank::Nuisance, Budget::Twice, action(Doing::Twice));
                    to.costs(Rank::Nuisance, Budget::Fails, action(Doing::Fails));
                }
            }
            if !flight.late {
                to.costs(Rank::Nuisance, Budget::Late, action(Doing::Late));
                to.costs(Rank::Nuisance, Budget::Lost, action(Doing::Lost));
            }
        }
        for (at, _) in (0..).zip(&self.desks[side.at()].facts) {
            if self.wire(Wire::Answers(side)) {
                to.free(Rank::Late, Action::Arrive { side, at });
            }
        }
    }

    /// Looking changes nothing, so a reduced world looks at one object after the other; another order costs a late answer.
    fn choose_requests(&self, to: &mut Choices<'_>, setup: &Setup, side: Side) {
        for (at, _) in (0..).zip(&self.desks[side.at()].requests) {
            let action = |how| Action::Request { side, at, how };
            if at == 0 || !setup.reduced {
                to.free(Rank::Progress, action(Answering::Now));
            }
            to.costs(Rank::Nuisance, Budget::Unseen, action(Answering::Lost));
            to.costs(Rank::Nuisance, Budget::Late, action(Answering::Late));
        }
    }

    fn choose_reports(&self, to: &mut Choices<'_>, setup: &Setup) {
        for (lun, _) in setup.inventory().luns.iter() {
            for side in Side::BOTH {
                let Some(copy) = self.luns[lun.at()].at(side) else { continue };
                for (&host, paths) in setup.hosts_of(side, lun).iter().zip(&copy.paths) {
                    if !self.can_report(side, host) {
                        continue;
                    }
                    let action = Action::Report { host, lun };
                    match paths.report {
                        Report::Quiet => {}
                        Report::Due => to.free(Rank::Progress, action),
                        Report::Told => to.costs(Rank::Nuisance, Budget::Repeat, action),
                    }
                }
            }
        }
        for (vm, _) in setup.inventory().vms.iter() {
            for side in Side::BOTH.into_iter().filter(|&s| self.can_beat(s, vm)) {
                to.free(Rank::Progress, Action::Beat(side, vm));
            }
        }
    }

    fn choose_replication(&self, to: &mut Choices<'_>, setup: &Setup) {
        for (lun, _) in setup.inventory().luns.iter() {
            if self.can_sync(setup, lun) {
                to.free(Rank::Progress, Action::Sync(lun));
            }
            if self.mirror_news(setup, lun).is_some() {
                to.free(Rank::Progress, Action::Mirror(lun));
            }
            if self.can_land(setup, lun) {
                to.free(Rank::Progress, Action::Land(lun));
            }
        }
        for set in 0..u32::try_from(self.sets.len()).unwrap_or(u32::MAX) {
            if self.can_cycle(setup, set as usize) {
                to.costs(Rank::Work, Budget::Cycle, Action::Cycle(set));
            }
        }
        for (vm, _) in setup.inventory().vms.iter() {
            if Side::BOTH.into_iter().any(|s| self.can_write(setup, s, vm)) {
                to.costs(Rank::Work, Budget::Write, Action::Write(vm));
            }
        }
    }

    /// Reports, heartbeats and replication that go on by themselves.
    pub(crate) fn level_choices(&self, setup: &Setup) -> Vec<Choice> {
        let mut to = Choices { world: self, all: false, list: Vec::new() };
        self.choose_reports(&mut to, setup);
        self.choose_replication(&mut to, setup);
        to.list.retain(|c| c.rank == Rank::Progress);
        to.list
    }

    fn choose_faults(&self, to: &mut Choices<'_>, setup: &Setup) {
        for (&(fault, _), &left) in setup.scope.faults.iter().zip(&self.faults) {
            if self.can_break(setup, fault) {
                to.counted(Rank::Nuisance, left, Action::Fault(fault));
            }
        }
        for ((at, order), &left) in (0..).zip(&setup.scope.orders).zip(&self.orders) {
            if (left > 0 || to.all) && self.would_accept(setup, order) {
                to.counted(Rank::Order, left, Action::Order(at));
            }
        }
    }

    /// Whether a manager would carry a command out. Asks a copy of it.
    fn would_accept(&self, setup: &Setup, order: &Order) -> bool {
        let node = self.node(order.side);
        let Some(mut manager) = node.manager.clone().filter(|_| !node.halted) else { return false };
        let (site, command) = (setup.site(order.side), order.command.clone());
        let mut effects = farshore_core::Effects::new();
        let asked = catch_unwind(AssertUnwindSafe(|| manager.command(site, self.now, command, &mut effects)));
        // A panic is for `apply` to report.
        asked.map_or(true, |answer| answer.is_ok())
    }

    /// Time passes where nothing stands in its way; otherwise that is slow, and has its price.
    fn choose_time(&self, to: &mut Choices<'_>, setup: &Setup) {
        if self.next_deadline(setup).is_none() {
            return;
        }
        if to.list.first().is_some_and(|c| c.rank == Rank::Progress) {
            to.costs(Rank::Time, Budget::Slow, Action::Advance);
        } else {
            to.free(Rank::Time, Action::Advance);
        }
    }

    /// Whether something could happen before time passes.
    pub(crate) fn anything_first(&self, setup: &Setup) -> bool {
        self.choices(setup, false).first().is_some_and(|c| c.rank == Rank::Progress)
    }

    pub(crate) fn can_report(&self, side: Side, host: HostIx) -> bool {
        self.node(side).is_up() && self.wire(Wire::Answers(side)) && self.hosts[host.at()].health == Health::Up
    }

    pub(crate) fn can_beat(&self, side: Side, vm: VmIx) -> bool {
        let at = &self.vms[vm.at()].at[side.at()];
        let up = at.on.is_some_and(|h| self.can_report(side, h));
        up && at.beat && at.guest != Guest::Hung && !at.stuck
    }

    /// Whether a fault would change anything.
    pub(crate) fn can_break(&self, setup: &Setup, fault: Fault) -> bool {
        match fault {
            Fault::LoseLun(side, lun) => self.luns[lun.at()].at(side).is_some_and(|c| c.present),
            Fault::ReturnLun(side, lun) => self.luns[lun.at()].at(side).is_some_and(|c| !c.present),
            Fault::LoseArray(array) | Fault::SilenceArray(array) => self.arrays[array.at()],
            Fault::WakeArray(array) => !self.arrays[array.at()],
            Fault::Path(host, lun, path, says) => {
                let copy = self.luns[lun.at()].at(setup.inventory().hosts[host].side);
                let paths = copy.and_then(|c| c.paths(setup, lun, host));
                paths.is_some_and(|p| {
                    let mut meant = (0u8..).zip(&p.says).filter(|(at, _)| path.is_none_or(|p| p == *at));
                    meant.any(|(_, said)| *said != says)
                })
            }
            Fault::HangHost(host) | Fault::LoseHost(host) => self.hosts[host.at()].health == Health::Up,
            Fault::WakeHost(host) => self.hosts[host.at()].health == Health::Hung,
            Fault::ReturnHost(host) => self.hosts[host.at()].health == Health::Lost,
            Fault::HangGuest(side, vm) => self.vms[vm.at()].at[side.at()].guest == Guest::Booting,
            Fault::LoseSite(side) => !self.node(side).dark,
            Fault::ReturnSite(side) => self.node(side).dark,
            Fault::Isolate(side) => Wire::around(side).into_iter().any(|w| !self.cut[w.at()]),
            Fault::Rejoin(side) => Wire::around(side).into_iter().any(|w| self.cut[w.at()]),
            Fault::LoseManager(side) => !self.node(side).lost && self.node(side).is_up(),
            Fault::ReturnManager(side) => self.node(side).lost && !self.node(side).dark,
            Fault::StopAgent(side) => self.node(side).agent.is_some(),
            Fault::StartAgent(side) => self.node(side).agent.is_none() && !self.node(side).dark,
            Fault::PauseAgent(side) => self.node(side).agent_answers(),
            Fault::ResumeAgent(side) => self.node(side).paused,
            Fault::StopArbiter | Fault::Hasten => self.third.as_ref().is_some_and(|t| t.machine.is_some()),
            Fault::StartArbiter => self.third.as_ref().is_some_and(|t| t.machine.is_none()),
            Fault::Cut(Wire::ToArbiter(_) | Wire::FromArbiter(_)) if self.third.is_none() => false,
            Fault::Cut(wire) => !self.cut[wire.at()],
            Fault::Mend(wire) => self.cut[wire.at()],
            Fault::Keep(store) => self.can_keep(setup, store),
            Fault::Restore(store) => self.can_restore(store),
            Fault::ReplaceArbiter => self.third.is_some(),
            Fault::ClaimArrives => {
                matches!(self.claim, LateClaim::Held(side, _) if self.node(side).agent_answers())
            }
            Fault::Rearm(side) => {
                let refused = |r: &AgentRecord| r.arbiter.is_some_and(|known| known.refused && !known.rearmed);
                self.node(side).agent_answers() && self.node(side).agent_records.iter().any(refused)
            }
            // A clock that begins at zero again and again has no rate.
            Fault::Slip(..) | Fault::Jump(..) => self.third.is_some() && setup.clock == Clock::Real,
        }
    }
}
