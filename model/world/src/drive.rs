//! The pump: facts go into a manager, its effects are carried out. The only place that calls the core.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};

use farshore_core::authority::agent::{AgentFact, SiteAgent};
use farshore_core::authority::arbiter::ArbiterFact;
use farshore_core::detection::corroboration::ArrayAnswer;
use farshore_core::effect::{Effect, Effects};
use farshore_core::error::{Rejected, RestoreError};
use farshore_core::event::Event;
use farshore_core::ids::{HostIx, HostKey, Index, LunIx, LunKey, Side};
use farshore_core::input::{Command, Fact, ProbeId};
use farshore_core::operation::{Op, Seen, Target};
use farshore_core::record::Record;
use farshore_core::time::Instant;
use farshore_core::{Records, RecoveryManager, Site};

use crate::action::Outcome;
use crate::host::Health;
use crate::node::Saving;
use crate::properties;
use crate::reports::Report;
use crate::scope::Wire;
use crate::setup::{Object, Setup};
use crate::world::{Flight, LateClaim, World, put};

/// Facts that one action may cause at most; far above what is possible.
const LIMIT: usize = 1 << 20;

/// What waits for a machine.
#[derive(Debug)]
pub(crate) enum Input {
    Manager(Side, Fact),
    Agent(Side, AgentFact),
    Arbiter(ArbiterFact),
}

/// A world while an action is carried out.
pub(crate) struct Drive<'a> {
    pub(crate) world: &'a mut World,
    pub(crate) setup: &'a Setup,
    pub(crate) out: &'a mut Outcome,
    queue: VecDeque<Input>,
    /// A save has failed and its manager is about to be told: it stops, and that is right (J7).
    pub(crate) may_halt: bool,
}

impl<'a> Drive<'a> {
    pub(crate) fn new(world: &'a mut World, setup: &'a Setup, out: &'a mut Outcome) -> Self {
        Self { world, setup, out, queue: VecDeque::new(), may_halt: false }
    }

    /// A fact for a manager, after those that wait already.
    pub(crate) fn tell(&mut self, side: Side, fact: Fact) {
        self.queue.push_back(Input::Manager(side, fact));
    }

    pub(crate) fn queue(&mut self, input: Input) {
        self.queue.push_back(input);
    }

    /// Before anything that waits.
    pub(crate) fn first(&mut self, input: Input) {
        self.queue.push_front(input);
    }

    /// Hands over facts until none is left.
    pub(crate) fn run(&mut self) {
        let mut left = LIMIT;
        while let Some(input) = self.queue.pop_front() {
            left -= 1;
            if left == 0 {
                return self.world.ghost.breached("L5", "one action causes facts without end");
            }
            match input {
                Input::Manager(side, fact) => self.handle(side, fact),
                Input::Agent(side, fact) => self.agent(side, fact),
                Input::Arbiter(fact) => self.arbiter(fact),
            }
        }
    }

    fn handle(&mut self, side: Side, fact: Fact) {
        if !self.world.node(side).is_up() {
            return;
        }
        properties::before_fact(self.world, self.setup, side, &fact);
        let woken = fact == Fact::Wake;
        let (setup, now) = (self.setup, self.world.now);
        let mut effects = Effects::new();
        let done = self.core(side, |manager, site| manager.handle(site, now, fact, &mut effects));
        self.execute(side, effects);
        let stuck = |m: &RecoveryManager| m.next_deadline().is_some_and(|(at, _)| at <= now);
        if woken && done.is_some() && self.world.node(side).manager.as_ref().is_some_and(stuck) {
            self.world.ghost.breached("L5", "a deadline is still there after it has passed: time stands still");
        }
        let _ = setup;
    }

    /// Calls the core. `None`: it panicked.
    fn core<R>(&mut self, side: Side, call: impl FnOnce(&mut RecoveryManager, &Site) -> R) -> Option<R> {
        let site = self.setup.site(side);
        let manager = self.world.node_mut(side).manager.as_mut()?;
        let result = catch_unwind(AssertUnwindSafe(|| call(manager, site)));
        result.map_err(|panic| self.panicked(side, panic.as_ref())).ok()
    }

    pub(crate) fn panicked(&mut self, side: Side, panic: &(dyn core::any::Any + Send)) {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string));
        self.out.panic = Some(text.unwrap_or_default());
        self.world.node_mut(side).manager = None;
        self.world.ghost.breached("PANIC", "the core panicked");
    }

    /// An operator's command. A rejected one must leave the machine as it was.
    pub(crate) fn command(&mut self, side: Side, mut command: Command) -> Result<(), Rejected> {
        let now = self.world.now;
        if let Command::Force(given) | Command::TakeOver(given) = &mut command
            && let Some(machine) = &self.world.node(side).manager
            && let Some(stake) = machine.stake(self.setup.site(side), given.group)
        {
            // Whoever gives it accepts what is shown at that moment.
            given.waives = stake;
        }
        let before = self.world.node(side).manager.clone();
        let mut effects = Effects::new();
        let forced = if let Command::Force(o) | Command::TakeOver(o) | Command::RollBack(o) = &command {
            Some(o.group)
        } else {
            None
        };
        let result = self.core(side, |manager, site| manager.command(site, now, command, &mut effects));
        match result {
            Some(Ok(())) => {
                if let Some(g) = forced.and_then(|key| self.setup.inventory().groups.find(key)) {
                    self.world.ghost.groups[g.at()].forced += 1;
                }
                self.execute(side, effects);
                Ok(())
            }
            Some(Err(why)) => {
                if before != self.world.node(side).manager || !effects.is_empty() {
                    self.world.ghost.breached("COMMAND", "a rejected command changed the machine");
                }
                Err(why)
            }
            None => Ok(()),
        }
    }

    /// A manager starts from its records.
    pub(crate) fn restart(&mut self, side: Side) {
        let now = self.world.now;
        let node = self.world.node_mut(side);
        if let Some(own) = node.aside.take() {
            // A deputy had the seat.
            let deputy = core::mem::replace(&mut node.records, Records::first_start());
            (node.records, node.saving) = (own.after_deputy(deputy), None);
        }
        self.start(side, now, |_, _, _, _| {});
        self.seat(side);
    }

    /// The agent starts a deputy in the place of a manager that is lost (O10).
    pub(crate) fn start_deputy(&mut self, side: Side) {
        let node = self.world.node_mut(side);
        if node.is_up() || node.dark {
            return;
        }
        if let (None, Some(agent)) = (&node.aside, &node.agent) {
            let fresh = Records::for_deputy(self.setup.site(side), agent.records());
            node.aside = Some(core::mem::replace(&mut node.records, fresh));
        }
        self.start(side, self.world.now, RecoveryManager::deputize);
    }

    /// The agent learns whether the manager is there.
    pub(crate) fn seat(&mut self, side: Side) {
        let node = self.world.node(side);
        if self.setup.site(side).policy.deputy.is_some() && (node.aside.is_none() || !node.is_up()) {
            let there = node.is_up();
            self.queue(Input::Agent(side, AgentFact::Manager(there)));
        }
    }

    fn start(&mut self, side: Side, now: Instant, then: impl Fn(&mut RecoveryManager, &Site, Instant, &mut Effects)) {
        let node = self.world.node_mut(side);
        node.boot += 1;
        node.halted = false;
        let (boot, records) = (node.boot, node.records.clone());
        let site = self.setup.site(side);
        let mut effects = Effects::new();
        let restored = catch_unwind(AssertUnwindSafe(|| {
            let mut manager = RecoveryManager::restore(site, boot, records, now, &mut effects)?;
            then(&mut manager, site, now, &mut effects);
            Ok::<_, RestoreError>(manager)
        }));
        match restored {
            Ok(Ok(manager)) => self.world.node_mut(side).manager = Some(manager),
            Ok(Err(_)) => {
                return self.world.ghost.breached("J5", "a machine could not be restored from its own records");
            }
            Err(panic) => return self.panicked(side, panic.as_ref()),
        }
        self.world.level_again(self.setup, side);
        self.execute(side, effects);
        self.tell_hosts(side);
    }

    /// Carries out effects, in order.
    fn execute(&mut self, side: Side, effects: Effects) {
        for effect in effects {
            match effect {
                Effect::Save { id, batch } => {
                    let node = self.world.node_mut(side);
                    if node.saving.replace(Saving { id, batch }).is_some() {
                        self.world.ghost.breached("J1", "a second save began while one was outstanding");
                    }
                }
                Effect::Send(message) => {
                    properties::before_send(self.world, self.setup, side, &message);
                    if self.world.wire(Wire::Peer(side)) {
                        put(&mut self.world.mail[side.peer().at()], Flight { item: message, late: false });
                    }
                }
                Effect::Do(op) => {
                    properties::before_do(self.world, self.setup, side, &op);
                    self.world.ghost.issued(side, op.id, op.attempt);
                    if self.world.wire(Wire::Orders(side)) {
                        let ops = &mut self.world.desks[side.at()].ops;
                        if self.setup.reduced {
                            // A newer attempt takes the place of one that waits; that both are done costs a budget.
                            ops.retain(|f| f.late || f.item.id != op.id);
                        }
                        put(ops, Flight { item: op, late: false });
                    }
                }
                Effect::Claim(claim) if self.world.claim == LateClaim::Next(side) => {
                    self.world.claim = LateClaim::Held(side, claim);
                }
                Effect::Claim(claim) => self.queue(Input::Agent(side, AgentFact::Claim(claim))),
                Effect::Acquire { group, forced } => {
                    self.queue(Input::Agent(side, AgentFact::Acquire { group, forced }));
                }
                Effect::Acknowledge { lun } => self.acknowledged(side, lun),
                Effect::Event(event) => {
                    properties::on_event(self.world, side, &event);
                    if event == Event::Halted {
                        self.world.node_mut(side).halted = true;
                        if !self.may_halt {
                            self.world.ghost.breached("CHECK", "a machine stopped by itself: an invariant is broken");
                        }
                    }
                    self.out.events.push((side, event));
                }
                request @ (Effect::Poll(_) | Effect::Probe { .. } | Effect::AskArray { .. })
                    if self.setup.at_once && self.world.wire(Wire::Orders(side)) =>
                {
                    self.answer(side, &request);
                }
                request @ (Effect::Poll(_)
                | Effect::Probe { .. }
                | Effect::AskArray { .. }
                | Effect::Observe { .. }) => {
                    if self.world.wire(Wire::Orders(side)) {
                        put(&mut self.world.desks[side.at()].requests, Flight { item: request, late: false });
                    }
                }
            }
        }
    }

    /// What is seen now is told.
    pub(crate) fn answer(&mut self, side: Side, request: &Effect) {
        if self.world.wire(Wire::Answers(side)) {
            for fact in self.world.look(self.setup, side, request) {
                self.tell(side, fact);
            }
        }
    }

    fn acknowledged(&mut self, side: Side, lun: LunKey) {
        let Some(lun) = self.setup.inventory().luns.find(lun) else { return };
        if let Some(copy) = self.world.luns[lun.at()].at_mut(side) {
            for paths in &mut copy.paths {
                // One that is still to be made has not been heard.
                if paths.report != Report::Due {
                    (paths.report, paths.owed) = (Report::Quiet, false);
                }
            }
        }
    }

    /// A batch is durable: the ghost compares what was with what is.
    pub(crate) fn durable(&mut self, side: Side, batch: Vec<Record>) {
        for record in batch {
            if let Record::Group(new) = &record {
                let old = self.world.node(side).record(new.group).cloned();
                properties::on_durable(self.world, self.setup, side, old.as_ref(), new);
            }
            self.world.node_mut(side).records.put(record);
        }
    }

    /// The clock is at `to`: points age, machines whose deadline has come are woken.
    pub(crate) fn advance(&mut self, to: Instant) {
        self.world.age(self.setup, to - self.world.now);
        self.world.now = to;
        self.world.enforce(self.setup, self.out);
        Side::BOTH.into_iter().for_each(|side| self.report_struck(side));
        for side in Side::BOTH {
            let due = |m: &RecoveryManager| m.next_deadline().is_some_and(|(at, _)| at <= to);
            if self.world.node(side).manager.as_ref().is_some_and(due) {
                self.tell(side, Fact::Wake);
                self.run();
            }
            let site = self.setup.site(side);
            let shown = self.world.agents_now(side);
            let due = |a: &SiteAgent| a.next_deadline(site).is_some_and(|at| at <= shown);
            let node = self.world.node(side);
            if node.agent_answers() && node.agent.as_ref().is_some_and(due) {
                self.queue(Input::Agent(side, AgentFact::Wake));
                self.run();
            }
        }
    }
}

impl World {
    /// What a site's adapters see: the facts that answer a request.
    pub(crate) fn look(&self, setup: &Setup, side: Side, request: &Effect) -> Vec<Fact> {
        match *request {
            Effect::Poll(key) => {
                let Some(host) = self.answering(setup, key) else { return Vec::new() };
                let mut facts = Vec::new();
                for &lun in &setup.inventory().hosts[host].luns {
                    facts.extend(self.path_facts(setup, host, lun, None));
                }
                facts
            }
            Effect::Probe { host, lun, probe } => {
                let found = self.answering(setup, host).zip(setup.inventory().luns.find(lun));
                found.map_or_else(Vec::new, |(h, l)| self.path_facts(setup, h, l, Some(probe)))
            }
            Effect::AskArray { array, lun } => {
                let awake = setup.inventory().arrays.find(array).is_some_and(|a| self.arrays[a.at()]);
                let copy = setup.inventory().luns.find(lun).and_then(|l| self.luns[l.at()].at(side));
                let answer = match copy {
                    Some(copy) if awake && copy.present => ArrayAnswer::Present,
                    Some(_) if awake => ArrayAnswer::Lost,
                    _ => ArrayAnswer::Unreachable,
                };
                vec![Fact::Array { array, lun, answer }]
            }
            Effect::Observe { group, target } => {
                vec![Fact::Observed { group, target, seen: self.see(setup, side, group, target) }]
            }
            Effect::Save { .. }
            | Effect::Send(_)
            | Effect::Do(_)
            | Effect::Acknowledge { .. }
            | Effect::Claim(_)
            | Effect::Acquire { .. }
            | Effect::Event(_) => Vec::new(),
        }
    }

    fn see(&self, setup: &Setup, side: Side, group: farshore_core::ids::GroupKey, target: Target) -> Option<Seen> {
        let object = setup.object(target)?;
        if !self.hosts_answer(side, object, None, setup) {
            return None;
        }
        match object {
            Object::Lun(l) => {
                let array = setup.inventory().luns[l].ends[side.at()].as_ref()?.array;
                self.arrays[array.at()].then(|| Seen::Lun(self.lun_seen(setup, side, l)))
            }
            Object::Host(h) => {
                let group = setup.inventory().groups.find(group)?;
                self.host_seen(setup, h, group).map(Seen::Host)
            }
            Object::Vm(v) => Some(Seen::Vm(self.vm_seen(setup, side, v))),
            Object::TestLun(l) if !self.array_answers(setup, side, l) => None,
            Object::TestLun(_) | Object::Step(_) | Object::TestVm(_) | Object::TestStep(_) => {
                self.stage_seen(setup, side, group, object)
            }
        }
    }

    fn array_answers(&self, setup: &Setup, side: Side, lun: LunIx) -> bool {
        let end = setup.inventory().luns[lun].ends[side.at()].as_ref();
        end.is_some_and(|end| self.arrays[end.array.at()])
    }

    /// Whether the adapters would do this now.
    pub(crate) fn op_ready(&self, setup: &Setup, side: Side, op: &Op) -> bool {
        let Some(object) = setup.object(op.id.target) else { return true };
        self.hosts_answer(side, object, Some(op.goal), setup)
            && match object {
                Object::Lun(lun) => self.lun_ready(setup, side, lun, op),
                Object::TestLun(lun) => self.array_answers(setup, side, lun),
                Object::Host(_) | Object::Vm(_) | Object::Step(_) | Object::TestVm(_) | Object::TestStep(_) => true,
            }
    }

    fn answering(&self, setup: &Setup, host: HostKey) -> Option<HostIx> {
        setup.inventory().hosts.find(host).filter(|h| self.hosts[h.at()].health == Health::Up)
    }

    /// What a host says of every path to a LUN.
    pub(crate) fn path_facts(&self, setup: &Setup, host: HostIx, lun: LunIx, probe: Option<ProbeId>) -> Vec<Fact> {
        let side = setup.inventory().hosts[host].side;
        let copy = self.luns[lun.at()].at(side);
        copy.map_or_else(Vec::new, |c| facts(setup, host, lun, probe, c.answers(setup, lun, host, c.present)))
    }

    /// What a host reports: what it says of every path now, and before that the loss that is not acknowledged (G6).
    pub(crate) fn report_facts(&self, setup: &Setup, host: HostIx, lun: LunIx) -> Vec<Fact> {
        let side = setup.inventory().hosts[host].side;
        let Some(copy) = self.luns[lun.at()].at(side) else { return Vec::new() };
        let mut told = Vec::new();
        if copy.present && copy.paths(setup, lun, host).is_some_and(|p| p.owed) {
            told = facts(setup, host, lun, None, copy.answers(setup, lun, host, false));
        }
        told.extend(self.path_facts(setup, host, lun, None));
        told
    }

    /// A manager has started anew: what is a level is reported again.
    fn level_again(&mut self, setup: &Setup, side: Side) {
        for state in &mut self.luns {
            if let Some(copy) = state.at_mut(side) {
                let present = copy.present;
                for paths in copy.paths.iter_mut().filter(|p| p.ails(present) || p.owed) {
                    paths.report = Report::Due;
                    paths.owed |= !present;
                }
            }
        }
        for (v, vm) in setup.inventory().vms.iter() {
            let at = &mut self.vms[v.at()].at[side.at()];
            at.beat = at.on.is_some() && vm.ready.is_told();
        }
    }
}

/// Answers of a host's paths, as facts.
fn facts(
    setup: &Setup,
    host: HostIx,
    lun: LunIx,
    probe: Option<ProbeId>,
    answers: Vec<farshore_core::detection::paths::PathAnswer>,
) -> Vec<Fact> {
    let (host, lun) = (setup.inventory().hosts[host].key, setup.inventory().luns[lun].key);
    (0u8..).zip(answers).map(|(path, answer)| Fact::Path { host, lun, path, probe, answer }).collect()
}
