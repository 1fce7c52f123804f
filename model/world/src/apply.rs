//! Carrying out an action.

use farshore_core::authority::agent::AgentFact;
use farshore_core::effect::Effect;
use farshore_core::ids::{HostIx, Index, LunIx, Side, VmIx};
use farshore_core::input::Fact;
use farshore_core::operation::{Failure, Goal, Op, OpId, Seen, Target};

use crate::action::{Action, Answering, Delivery, Doing, Outcome};
use crate::drive::Drive;
use crate::host::Guest;
use crate::reports::Report;
use crate::scope::{Budget, Wire};
use crate::setup::{Clock, Object, Setup};
use crate::world::{Flight, World, put};

impl World {
    /// Carries out an action: the only way to change a world. An action that is not possible changes nothing. A world
    /// in which a property is broken stays as it is.
    pub fn apply(&mut self, setup: &Setup, action: Action) -> Outcome {
        let mut out = Outcome::default();
        if self.ghost.breach.is_some() {
            return out;
        }
        let mut drive = Drive::new(self, setup, &mut out);
        let applied = drive.act(action);
        drive.run();
        out.applied = applied;
        if applied {
            self.normalise(setup);
        }
        out
    }
}

impl Drive<'_> {
    /// Whether it was possible.
    fn act(&mut self, action: Action) -> bool {
        match action {
            Action::Saved(side) => self.saved(side),
            Action::SaveFails { side, kept } => self.save_fails(side, kept),
            Action::Message { to, at, how } => self.message(to, at as usize, how),
            Action::Letter { at, how } => self.letter(at as usize, how),
            Action::Mirror(lun) => self.mirror(lun),
            Action::Op { side, at, how } => self.op(side, at as usize, how),
            Action::Request { side, at, how } => self.request(side, at as usize, how),
            Action::Arrive { side, at } => self.arrive(side, at as usize),
            Action::Report { host, lun } => self.report(host, lun),
            Action::Beat(side, vm) => self.beat(side, vm),
            Action::Sync(lun) => {
                let can = self.world.can_sync(self.setup, lun);
                if can {
                    self.world.sync(self.setup, lun);
                }
                can
            }
            Action::Cycle(set) => {
                let can = self.world.can_cycle(self.setup, set as usize);
                if can {
                    self.world.budgets.spend(Budget::Cycle);
                    self.world.cycle(self.setup, set as usize);
                }
                can
            }
            Action::Land(lun) => {
                let can = self.world.can_land(self.setup, lun);
                if can {
                    self.world.land(self.setup, lun);
                }
                can
            }
            Action::Write(vm) => {
                let side = Side::BOTH.into_iter().find(|&s| self.world.can_write(self.setup, s, vm));
                if let Some(side) = side {
                    self.world.budgets.spend(Budget::Write);
                    self.world.write(self.setup, side, vm);
                }
                side.is_some()
            }
            Action::Crash { side, kept, mute } => self.crash(side, kept, mute),
            Action::Restart(side) => {
                let node = self.world.node(side);
                let down = (!node.is_up() || node.aside.is_some()) && !node.dark;
                if down {
                    if self.world.node(side).agent.is_none() && self.world.node(side).boot == 0 {
                        self.first_start(side);
                    }
                    self.restart(side);
                }
                down
            }
            Action::Fault(fault) => self.fault(fault),
            Action::Order(at) => self.order(at as usize),
            Action::Advance => self.advance_to_deadline(),
            Action::AdvanceTo(to) => {
                let can = self.setup.clock == Clock::Real && to >= self.world.now;
                if can {
                    self.advance(to);
                }
                can
            }
        }
    }

    fn saved(&mut self, side: Side) -> bool {
        let Some(saving) = self.world.node_mut(side).saving.take() else { return false };
        self.durable(side, saving.batch);
        self.tell(side, Fact::Saved(saving.id));
        true
    }

    fn save_fails(&mut self, side: Side, kept: bool) -> bool {
        let Some(saving) = self.world.node_mut(side).saving.take() else { return false };
        self.world.budgets.spend(Budget::SaveFails);
        if kept {
            self.durable(side, saving.batch);
        }
        self.may_halt = true;
        self.tell(side, Fact::SaveFailed(saving.id));
        self.run();
        self.may_halt = false;
        true
    }

    fn message(&mut self, to: Side, at: usize, how: Delivery) -> bool {
        let mail = &mut self.world.mail[to.at()];
        if at >= mail.len() {
            return false;
        }
        let flight = mail.remove(at);
        match how {
            Delivery::Once => self.tell(to, Fact::Message(flight.item)),
            Delivery::Doubled => {
                put(mail, Flight { item: flight.item.clone(), late: true });
                self.world.budgets.spend(Budget::Doubled);
                self.tell(to, Fact::Message(flight.item));
            }
            Delivery::Lost => self.world.budgets.spend(Budget::Dropped),
            Delivery::Late => {
                put(mail, Flight { late: true, ..flight });
                self.world.budgets.spend(Budget::Late);
            }
        }
        true
    }

    /// The very first start of a site: its agent first, and the arbiter, which both need.
    fn first_start(&mut self, side: Side) {
        if self.world.third.as_ref().is_some_and(|t| t.machine.is_none() && t.boot == 0) {
            self.start_arbiter();
        }
        self.start_agent(side);
        self.run();
    }

    fn letter(&mut self, at: usize, how: Delivery) -> bool {
        let post = &mut self.world.post;
        if at >= post.len() {
            return false;
        }
        let flight = post.remove(at);
        match how {
            Delivery::Once => self.deliver(flight.item),
            Delivery::Doubled => {
                put(post, Flight { late: true, ..flight });
                self.world.budgets.spend(Budget::Doubled);
                self.deliver(flight.item);
            }
            Delivery::Lost => self.world.budgets.spend(Budget::Dropped),
            Delivery::Late => {
                put(post, Flight { late: true, ..flight });
                self.world.budgets.spend(Budget::Late);
            }
        }
        true
    }

    fn mirror(&mut self, lun: LunIx) -> bool {
        let Some((side, broken)) = self.world.mirror_news(self.setup, lun) else { return false };
        self.world.luns[lun.at()].pair.stalled = broken;
        let lun = self.setup.inventory().luns[lun].key;
        self.queue(crate::drive::Input::Agent(side, AgentFact::Mirror { lun, broken }));
        true
    }

    fn op(&mut self, side: Side, at: usize, how: Doing) -> bool {
        let desk = &mut self.world.desks[side.at()];
        let Some(&flight) = desk.ops.get(at) else { return false };
        let op = flight.item;
        let needs = !matches!(how, Doing::Lost | Doing::Late);
        if needs && !self.world.op_ready(self.setup, side, &op) {
            return false;
        }
        let desk = &mut self.world.desks[side.at()];
        desk.ops.remove(at);
        if let Some(budget) = how.cost() {
            self.world.budgets.spend(budget);
        }
        match how {
            Doing::Lost => return true,
            Doing::Late => {
                put(&mut self.world.desks[side.at()].ops, Flight { item: op, late: true });
                return true;
            }
            Doing::Fails => {
                self.answer_op(side, &op, Err(Failure::Failed), false);
                return true;
            }
            Doing::Done | Doing::Mute | Doing::AnswerLate | Doing::Twice => {}
        }
        let Some(outcome) = self.carry_out(side, &op) else {
            put(&mut self.world.desks[side.at()].ops, flight);
            return true;
        };
        if how == Doing::Twice {
            put(&mut self.world.desks[side.at()].ops, Flight { item: op, late: true });
        }
        if how != Doing::Mute {
            self.answer_op(side, &op, outcome, how == Doing::AnswerLate);
        }
        true
    }

    fn answer_op(&mut self, side: Side, op: &Op, outcome: Result<Seen, Failure>, late: bool) {
        if let (Target::Vm(key), Ok(_)) = (op.id.target, outcome) {
            self.beat_again(side, key);
        }
        let fact = Fact::Answer { id: op.id, attempt: op.attempt, outcome };
        let boots = matches!((op.id.target, op.goal, outcome), (Target::TestVm(_), Goal::Running { .. }, Ok(_)));
        if late {
            put(&mut self.world.desks[side.at()].facts, fact);
        } else if self.world.wire(Wire::Answers(side)) {
            self.tell(side, fact);
            // A test's guest is up as soon as it runs.
            if let (true, Target::TestVm(key)) = (boots, op.id.target) {
                self.tell(side, Fact::TestHeartbeat(key));
            }
        }
    }

    /// `None`: it is under way.
    fn carry_out(&mut self, side: Side, op: &Op) -> Option<Result<Seen, Failure>> {
        match self.setup.object(op.id.target) {
            None => Some(Err(Failure::Unknown)),
            Some(Object::Lun(lun)) => self.world.apply_lun(self.setup, side, lun, op, self.out),
            Some(Object::Host(host)) => Some(self.world.apply_host(self.setup, host, op, self.out)),
            Some(Object::Vm(vm)) => Some(self.world.apply_vm(self.setup, side, vm, op, self.out)),
            Some(Object::TestLun(lun)) => Some(self.world.apply_test_lun(self.setup, side, lun, op)),
            Some(Object::TestVm(vm)) => Some(self.world.apply_test_vm(self.setup, side, vm, op)),
            Some(Object::Step(_) | Object::TestStep(_)) => Some(self.world.apply_step(self.setup, side, op)),
        }
    }

    fn request(&mut self, side: Side, at: usize, how: Answering) -> bool {
        let requests = &mut self.world.desks[side.at()].requests;
        if at >= requests.len() {
            return false;
        }
        let request = requests.remove(at).item;
        if let Effect::Observe { target: Target::Vm(key), .. } = request {
            self.beat_again(side, key);
        }
        if let (Answering::Now, Effect::Observe { target: Target::TestVm(key), .. }) = (how, &request) {
            self.answer(side, &request);
            let running = self.setup.inventory().vms.find(*key).and_then(|v| self.world.stage.vms.get(&(side, v)));
            if running.is_some_and(|v| v.on.is_some()) {
                self.tell(side, Fact::TestHeartbeat(*key));
            }
            return true;
        }
        match how {
            Answering::Now => self.answer(side, &request),
            Answering::Lost => self.world.budgets.spend(Budget::Unseen),
            Answering::Late => {
                self.world.budgets.spend(Budget::Late);
                for fact in self.world.look(self.setup, side, &request) {
                    put(&mut self.world.desks[side.at()].facts, fact);
                }
            }
        }
        true
    }

    fn arrive(&mut self, side: Side, at: usize) -> bool {
        let facts = &mut self.world.desks[side.at()].facts;
        if at >= facts.len() {
            return false;
        }
        let fact = facts.remove(at);
        if let Fact::Answer { id: OpId { target: Target::Vm(key), .. }, .. }
        | Fact::Observed { target: Target::Vm(key), .. } = fact
        {
            self.beat_again(side, key);
        }
        self.tell(side, fact);
        true
    }

    fn report(&mut self, host: HostIx, lun: LunIx) -> bool {
        let side = self.setup.inventory().hosts[host].side;
        if !self.world.can_report(side, host) {
            return false;
        }
        let Some(copy) = self.world.luns[lun.at()].at_mut(side) else { return false };
        let present = copy.present;
        let Some(paths) = copy.paths_mut(self.setup, lun, host) else { return false };
        match paths.report {
            Report::Quiet => return false,
            Report::Due => paths.report = if paths.ails(present) { Report::Told } else { Report::Quiet },
            Report::Told => self.world.budgets.spend(Budget::Repeat),
        }
        for fact in self.world.report_facts(self.setup, host, lun) {
            self.tell(side, fact);
        }
        true
    }

    fn beat(&mut self, side: Side, vm: VmIx) -> bool {
        if !self.world.can_beat(side, vm) {
            return false;
        }
        let at = &mut self.world.vms[vm.at()].at[side.at()];
        (at.beat, at.guest) = (false, Guest::Up);
        self.tell(side, Fact::Heartbeat(self.setup.inventory().vms[vm].key));
        true
    }

    /// A heartbeat is a level: after anything that the manager learns of the VM it comes again.
    fn beat_again(&mut self, side: Side, key: farshore_core::ids::VmKey) {
        let Some((v, vm)) = self.setup.inventory().vms.by_key(key) else { return };
        let at = &mut self.world.vms[v.at()].at[side.at()];
        at.beat = at.on.is_some() && vm.ready.is_told();
    }

    pub(crate) fn crash(&mut self, side: Side, kept: bool, mute: bool) -> bool {
        if self.world.node(side).manager.is_none() {
            return false;
        }
        self.world.budgets.spend(Budget::Crash);
        let saving = self.world.node_mut(side).saving.take();
        if let Some(saving) = saving.filter(|_| kept) {
            self.durable(side, saving.batch);
        }
        let node = self.world.node_mut(side);
        (node.manager, node.halted) = (None, false);
        let desk = &mut self.world.desks[side.at()];
        desk.requests.clear();
        if mute {
            desk.ops.retain(|f| f.late);
            self.world.mail[side.peer().at()].retain(|f| f.late);
        }
        self.seat(side);
        true
    }

    fn order(&mut self, at: usize) -> bool {
        let Some(order) = self.setup.scope.orders.get(at) else { return false };
        if !self.world.node(order.side).is_up() {
            return false;
        }
        match self.command(order.side, order.command.clone()) {
            Ok(()) => {
                let left = &mut self.world.orders[at];
                *left = left.saturating_sub(1);
                true
            }
            Err(why) => {
                self.out.rejected = Some(why);
                false
            }
        }
    }

    fn advance_to_deadline(&mut self) -> bool {
        let Some(next) = self.world.next_deadline(self.setup) else { return false };
        if self.world.anything_first(self.setup) {
            self.world.budgets.spend(Budget::Slow);
        }
        self.advance(next.max(self.world.now));
        true
    }
}
