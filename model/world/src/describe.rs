//! Actions in words: names, never indices. Two actions of one world never read alike.

use std::collections::BTreeMap;
use std::fmt::Write;

use farshore_core::authority::proof::{Proof, Stamp};
use farshore_core::authority::wire::{Answer, Ask, Note, Reply, Request, Say};
use farshore_core::effect::Effect;
use farshore_core::ids::{GroupKey, Side, StepKey};
use farshore_core::input::{Command, Fact};
use farshore_core::message::{Body, Message, Stage};
use farshore_core::operation::{Goal, Op, OpId, Step, Target};

use crate::action::{Action, Answering, Choice, Delivery, Doing};
use crate::reports::Says;
use crate::scope::{Fault, Holder, Store, Wire};
use crate::setup::Setup;
use crate::third::Letter;
use crate::world::World;

impl World {
    /// An action of this world in words, the same that traces use.
    #[must_use]
    pub fn describe(&self, setup: &Setup, action: Action) -> String {
        let choices = self.possible(setup);
        let texts = self.texts(setup, &choices);
        let at = choices.iter().position(|c| c.action == action);
        at.map_or_else(|| self.text(setup, action), |at| texts[at].clone())
    }

    /// The action that these words mean, if it is possible.
    #[must_use]
    pub fn find_action(&self, setup: &Setup, text: &str) -> Option<Action> {
        if let Some(ms) = text.strip_prefix("the clock is at ").and_then(|t| t.strip_suffix(" ms")) {
            return ms.parse().ok().map(|ms| Action::AdvanceTo(farshore_core::Instant(ms)));
        }
        let choices = self.possible(setup);
        let at = self.texts(setup, &choices).iter().position(|t| t == text);
        at.map(|at| choices[at].action)
    }

    /// Texts of choices; those that would read alike are numbered.
    fn texts(&self, setup: &Setup, choices: &[Choice]) -> Vec<String> {
        let mut seen: BTreeMap<String, u32> = BTreeMap::new();
        let number = |choice: &Choice| {
            let text = self.text(setup, choice.action);
            let n = seen.entry(text.clone()).or_insert(0);
            *n += 1;
            if *n == 1 { text } else { format!("{text} #{n}") }
        };
        choices.iter().map(number).collect()
    }

    fn text(&self, setup: &Setup, action: Action) -> String {
        let n = Names(setup);
        match action {
            Action::Saved(side) => format!("{} saves", n.site(side)),
            Action::SaveFails { side, kept } => {
                format!("{} fails to save{}", n.site(side), pick(kept, ", but it is kept"))
            }
            Action::Message { to, at, how } => {
                let Some(flight) = self.mail[to.at()].get(at as usize) else { return "-".into() };
                let what = match how {
                    Delivery::Once => "gets",
                    Delivery::Doubled => "gets, and may again,",
                    Delivery::Lost => "never gets",
                    Delivery::Late => "gets late",
                };
                format!("{} {what}{}: {}", n.site(to), pick(flight.late, " at last"), n.message(&flight.item))
            }
            Action::Op { side, at, how } => {
                let Some(flight) = self.desks[side.at()].ops.get(at as usize) else { return "-".into() };
                let what = match how {
                    Doing::Done => "does",
                    Doing::Mute => "does without an answer",
                    Doing::AnswerLate => "does, answering late",
                    Doing::Twice => "does, and may again",
                    Doing::Lost => "never does",
                    Doing::Late => "does late",
                    Doing::Fails => "fails to do",
                };
                format!("{} {what}{}: {}", n.site(side), pick(flight.late, " at last"), n.op(&flight.item))
            }
            Action::Request { side, at, how } => {
                let Some(flight) = self.desks[side.at()].requests.get(at as usize) else { return "-".into() };
                let what = match how {
                    Answering::Now => "answers",
                    Answering::Lost => "never answers",
                    Answering::Late => "looks, and answers late",
                };
                format!("{} {what}: {}", n.site(side), n.request(&flight.item))
            }
            Action::Arrive { side, at } => {
                let Some(fact) = self.desks[side.at()].facts.get(at as usize) else { return "-".into() };
                format!("{} hears at last: {}", n.site(side), n.fact(fact))
            }
            Action::Crash { side, kept, mute } => {
                let kept = pick(kept, ", the batch is kept");
                format!("{} crashes{kept}{}", n.site(side), pick(mute, ", what it issued is lost"))
            }
            Action::Restart(side) => format!("{} restarts", n.site(side)),
            Action::Letter { at, how } => {
                let Some(flight) = self.post.get(at as usize) else { return "-".into() };
                let what = match how {
                    Delivery::Once => "arrives",
                    Delivery::Doubled => "arrives, and may again",
                    Delivery::Lost => "is lost",
                    Delivery::Late => "is late",
                };
                format!("{} {what}{}", n.letter(self.now, &flight.item), pick(flight.late, " at last"))
            }
            Action::Mirror(lun) => format!("the array tells the agent of the mirror of {}", n.lun(lun)),
            Action::Report { host, lun } => format!("{} reports {}", n.host(host), n.lun(lun)),
            Action::Beat(side, vm) => format!("{} beats at {}", n.vm(vm), n.site(side)),
            Action::Sync(lun) => format!("{} resynchronises", n.lun(lun)),
            Action::Cycle(set) => {
                let luns: Vec<&str> = setup.sets[set as usize].luns.iter().map(|&l| n.lun(l)).collect();
                format!("a cycle begins: {}", luns.join(", "))
            }
            Action::Land(lun) => format!("{} completes its cycle", n.lun(lun)),
            Action::Write(vm) => format!("{} writes", n.vm(vm)),
            Action::Fault(fault) => n.fault(fault),
            Action::Order(at) => setup.scope.orders.get(at as usize).map_or_else(String::new, |order| {
                format!("order at {}: {}", n.site(order.side), n.command(&order.command))
            }),
            Action::Advance => "time passes".into(),
            Action::AdvanceTo(to) => format!("the clock is at {} ms", to.0),
        }
    }
}

const fn pick(yes: bool, text: &str) -> &str {
    if yes { text } else { "" }
}

const fn proof_word(proof: Proof) -> &'static str {
    match proof {
        Proof::Unknown => "unknown",
        Proof::Unfit { .. } => "unfit",
        Proof::Fit { .. } => "fit",
    }
}

/// Names of what keys and indices mean.
struct Names<'a>(&'a Setup);

impl Names<'_> {
    fn site(&self, side: Side) -> &str {
        &self.0.inventory().sites[side.at()].name
    }

    fn host(&self, host: farshore_core::ids::HostIx) -> &str {
        &self.0.inventory().hosts[host].name
    }

    fn lun(&self, lun: farshore_core::ids::LunIx) -> &str {
        &self.0.inventory().luns[lun].name
    }

    fn vm(&self, vm: farshore_core::ids::VmIx) -> &str {
        &self.0.inventory().vms[vm].name
    }

    fn group(&self, key: GroupKey) -> &str {
        self.0.inventory().groups.by_key(key).map_or("?", |(_, g)| &g.name)
    }

    fn step(&self, key: StepKey) -> &str {
        let mut plans = self.0.inventory().plans.iter();
        plans.find_map(|(_, plan)| plan.step(key)).map_or("?", |step| &step.name)
    }

    fn target(&self, target: Target) -> String {
        let inventory = self.0.inventory();
        match target {
            Target::Lun(key) => format!("lun {}", inventory.luns.by_key(key).map_or("?", |(_, l)| &l.name)),
            Target::Host(key) => format!("host {}", inventory.hosts.by_key(key).map_or("?", |(_, h)| &h.name)),
            Target::Vm(key) => format!("vm {}", inventory.vms.by_key(key).map_or("?", |(_, v)| &v.name)),
            Target::TestLun(key) => format!("test copy of {}", self.target(Target::Lun(key))),
            Target::TestVm(key) => format!("test copy of {}", self.target(Target::Vm(key))),
            Target::Step(key) => format!("step {}", self.step(key)),
            Target::TestStep(key) => format!("tested step {}", self.step(key)),
        }
    }

    fn op(&self, op: &Op) -> String {
        let goal = match op.goal {
            Goal::Drained => "drained".into(),
            Goal::ReplicationStopped => "not replicating".into(),
            Goal::ReadOnly => "read-only".into(),
            Goal::Cut => "cut off".into(),
            Goal::RolledBack { to: None } => "as received".into(),
            Goal::RolledBack { to: Some(point) } => format!("at point {}", point.0),
            Goal::TailKept => "kept as it was".into(),
            Goal::ReadWrite => "writable".into(),
            Goal::Replicating => "replicating".into(),
            Goal::Fenced => "fenced".into(),
            Goal::Mounted => "mounted".into(),
            Goal::Stopped { grace: None } => "off at once".into(),
            Goal::Stopped { grace: Some(grace) } => format!("stopped within {} ms", grace.0),
            Goal::Running { on } => format!("running on {}", self.target(Target::Host(on))),
            Goal::Placeholder => "a placeholder".into(),
            Goal::Unregistered => "not registered".into(),
            Goal::Ran => "run".into(),
            Goal::Copied => "made".into(),
            Goal::CopiedAt { point } => format!("made of point {}", point.0),
            Goal::Gone => "gone".into(),
        };
        let id = self.id(&op.id);
        format!("{} {goal} {id}, attempt {}.{}", self.target(op.id.target), op.attempt / 256, op.attempt % 256)
    }

    fn id(&self, id: &OpId) -> String {
        format!("({} e{} t{})", self.group(id.group), id.token.epoch.0, id.token.turn.0)
    }

    fn message(&self, message: &Message) -> String {
        let mut text = format!("{} e{} ", self.group(message.group), message.epoch.0);
        let stage = |stage| match stage {
            Stage::Prepare => "prepare",
            Stage::Confirm => "confirm",
        };
        let written = match &message.body {
            Body::Ask => write!(text, "ask"),
            Body::Tell { standing } => write!(text, "tell {standing:?}"),
            Body::Shield { turn, .. } => write!(text, "shield t{}", turn.0),
            Body::Shielded { turn } => write!(text, "shielded t{}", turn.0),
            Body::Unshield { turn } => write!(text, "unshield t{}", turn.0),
            Body::Unshielded { turn } => write!(text, "unshielded t{}", turn.0),
            Body::Prepare { turn, stage: s, .. } => write!(text, "{} t{}", stage(*s), turn.0),
            Body::Ready { turn, stage: s } => write!(text, "ready to {} t{}", stage(*s), turn.0),
            Body::Refused { turn, reason } => write!(text, "refused t{} {reason:?}", turn.0),
            Body::Abort { turn } => write!(text, "abort t{}", turn.0),
            Body::Handover { turn, .. } => write!(text, "handover t{}", turn.0),
            Body::Taken { progress } => write!(text, "taken {progress:?}"),
        };
        debug_assert!(written.is_ok());
        text
    }

    /// A letter; times in it are told by their age.
    fn letter(&self, now: farshore_core::Instant, letter: &Letter) -> String {
        let age = |stamp: Stamp| format!("{}.{}.{}", stamp.boot, (now - stamp.sent).0, stamp.nth);
        match letter {
            Letter::Ask(Request { from, group, epoch, ask, .. }) => {
                let ask = match ask {
                    Ask::Renew { stamp, proof, .. } => format!("renew {} {}", age(*stamp), proof_word(*proof)),
                    Ask::Join { .. } => "join".into(),
                    Ask::Withdraw { k } => format!("withdraw {k}"),
                    Ask::Acquire { k, forced, .. } => format!("acquire {k}{}", pick(*forced, " by force")),
                };
                format!("{} e{} {ask}, {} to arbiter,", self.group(*group), epoch.0, self.site(*from))
            }
            Letter::Reply(to, Reply { group, epoch, owner, answer, .. }) => {
                let answer = match answer {
                    Answer::Leased(stamp) => format!("leased {}", age(*stamp)),
                    Answer::Record => "record".into(),
                    Answer::Wait { k } => format!("acquire {k} waits"),
                    Answer::Evaluated { k, outcome } => {
                        format!("acquire {k} {}", if outcome.is_ok() { "granted" } else { "denied" })
                    }
                };
                let (group, owner, to) = (self.group(*group), self.site(*owner), self.site(*to));
                format!("{group} e{} of {owner}: {answer}, arbiter to {to},", epoch.0)
            }
            Letter::Note(to, Note { group, epoch, say }) => {
                let say = match say {
                    Say::Alive { stamp, proof, want, returned } => {
                        let want = want.map_or_else(String::new, |w| format!(", wants {w:?}"));
                        let returned = returned.map_or_else(String::new, |r| format!(", returns {r}"));
                        format!("alive {} {}{want}{returned}", age(*stamp), proof_word(*proof))
                    }
                    Say::Promise { stamp, standing: None } => format!("promise {}", age(*stamp)),
                    Say::Promise { stamp, standing: Some(n) } => format!("standing promise {n}, {}", age(*stamp)),
                    Say::Noted(stamp) => format!("noted {}", age(*stamp)),
                    Say::Owner(side) => format!("{} owns it", self.site(*side)),
                };
                format!("{} e{} {say}, to agent of {},", self.group(*group), epoch.0, self.site(*to))
            }
        }
    }

    fn request(&self, request: &Effect) -> String {
        match request {
            Effect::Poll(host) => format!("poll {}", self.target(Target::Host(*host))),
            Effect::Probe { host, lun, probe } => {
                let (host, lun) = (self.target(Target::Host(*host)), self.target(Target::Lun(*lun)));
                format!("probe {} of {host} to {lun}", probe.0)
            }
            Effect::AskArray { lun, .. } => format!("array of {}", self.target(Target::Lun(*lun))),
            Effect::Observe { group, target } => format!("observe {} for {}", self.target(*target), self.group(*group)),
            _ => "?".into(),
        }
    }

    fn fact(&self, fact: &Fact) -> String {
        match fact {
            Fact::Answer { id, attempt, outcome } => {
                let step: Step = id.token.step;
                let (target, of) = (self.target(id.target), self.id(id));
                let how = if outcome.is_ok() { "done" } else { "failed" };
                format!("{target} {step:?} {of}, attempt {}.{}: {how}", attempt / 256, attempt % 256)
            }
            Fact::Observed { group, target, seen } => {
                let seen = if seen.is_some() { "seen" } else { "not seen" };
                format!("{} {seen} for {}", self.target(*target), self.group(*group))
            }
            Fact::Path { host, lun, path, .. } => {
                format!("path {path} of {} to {}", self.target(Target::Host(*host)), self.target(Target::Lun(*lun)))
            }
            Fact::Array { lun, .. } => format!("array of {}", self.target(Target::Lun(*lun))),
            Fact::TestHeartbeat(vm) => format!("heartbeat of {}", self.target(Target::TestVm(*vm))),
            Fact::Heartbeat(vm) => format!("heartbeat of {}", self.target(Target::Vm(*vm))),
            other => format!("{other:?}"),
        }
    }

    fn fault(&self, fault: Fault) -> String {
        let inventory = self.0.inventory();
        let array = |a| inventory.arrays[a].name.as_str();
        match fault {
            Fault::LoseLun(side, lun) => format!("{} is lost at {}", self.lun(lun), self.site(side)),
            Fault::ReturnLun(side, lun) => format!("{} is back at {}", self.lun(lun), self.site(side)),
            Fault::LoseArray(a) => format!("array {} is lost", array(a)),
            Fault::SilenceArray(a) => format!("array {} falls silent", array(a)),
            Fault::WakeArray(a) => format!("array {} answers again", array(a)),
            Fault::Path(host, lun, path, says) => {
                let path = path.map_or_else(|| "every path".into(), |p| format!("path {p}"));
                let says = match says {
                    Says::Truth => "tells the truth".into(),
                    Says::Healthy => "says healthy".into(),
                    Says::Sense(key, code, qualifier) => format!("says {key:x}h/{code:02x}h/{qualifier:02x}h"),
                    Says::Garbage => "says garbage".into(),
                    Says::Unavailable => "says target unavailable".into(),
                    Says::Silent => "says nothing".into(),
                };
                format!("{path} of {} to {} {says}", self.host(host), self.lun(lun))
            }
            Fault::HangHost(h) => format!("host {} hangs", self.host(h)),
            Fault::WakeHost(h) => format!("host {} answers again", self.host(h)),
            Fault::LoseHost(h) => format!("host {} is lost", self.host(h)),
            Fault::ReturnHost(h) => format!("host {} is back", self.host(h)),
            Fault::HangGuest(side, vm) => format!("the guest of {} hangs at {}", self.vm(vm), self.site(side)),
            Fault::LoseSite(side) => format!("site {} goes dark", self.site(side)),
            Fault::ReturnSite(side) => format!("site {} has power again", self.site(side)),
            Fault::Isolate(side) => format!("site {} is cut off", self.site(side)),
            Fault::Rejoin(side) => format!("site {} is reached again", self.site(side)),
            Fault::LoseManager(side) => format!("the manager of {} is lost", self.site(side)),
            Fault::ReturnManager(side) => format!("the manager of {} is back", self.site(side)),
            Fault::StopAgent(side) => format!("the agent of {} dies", self.site(side)),
            Fault::StartAgent(side) => format!("the agent of {} starts", self.site(side)),
            Fault::PauseAgent(side) => format!("the agent of {} is paused", self.site(side)),
            Fault::ResumeAgent(side) => format!("the agent of {} goes on", self.site(side)),
            Fault::StopArbiter => "the arbiter dies".into(),
            Fault::StartArbiter => "the arbiter starts".into(),
            Fault::Hasten => "the arbiter's clock has run ahead".into(),
            Fault::Cut(wire) => format!("cut: {}", self.wire(wire)),
            Fault::Mend(wire) => format!("mended: {}", self.wire(wire)),
            Fault::Keep(store) => format!("copied: {}", self.store(store)),
            Fault::Restore(store) => format!("put back from the copy: {}", self.store(store)),
            Fault::ClaimArrives => "a manager's claim arrives late".into(),
            Fault::ReplaceArbiter => "the arbiter is replaced by a new one".into(),
            Fault::Rearm(side) => format!("somebody arms the new arbiter at {}", self.site(side)),
            Fault::Slip(holder, drift) => format!("the clock of {} drifts by {drift} ppm", self.holder(holder)),
            Fault::Jump(holder, by) => format!("the clock of {} jumps ahead by {} ms", self.holder(holder), by.0),
        }
    }

    fn store(&self, store: Store) -> String {
        match store {
            Store::Journal(side) => format!("the journal of {}", self.site(side)),
            Store::Authority(holder) => format!("the store of {}", self.holder(holder)),
        }
    }

    fn holder(&self, holder: Holder) -> String {
        match holder {
            Holder::Agent(side) => format!("the agent of {}", self.site(side)),
            Holder::Arbiter => "the arbiter".into(),
        }
    }

    fn wire(&self, wire: Wire) -> String {
        match wire {
            Wire::Peer(from) => format!("messages from {}", self.site(from)),
            Wire::Frames(from) => format!("replication from {}", self.site(from)),
            Wire::Orders(side) => format!("commands at {}", self.site(side)),
            Wire::Answers(side) => format!("answers at {}", self.site(side)),
            Wire::ToArbiter(side) => format!("letters from {} to the arbiter", self.site(side)),
            Wire::FromArbiter(side) => format!("letters from the arbiter to {}", self.site(side)),
        }
    }

    fn command(&self, command: &Command) -> String {
        let vm = |key| self.target(Target::Vm(key));
        match command {
            Command::Protect(groups) => {
                let names: Vec<&str> = groups.iter().map(|&g| self.group(g)).collect();
                format!("protect {}", names.join(", "))
            }
            Command::Pause(g) => format!("pause {}", self.group(*g)),
            Command::Resume(g) => format!("resume {}", self.group(*g)),
            Command::Unprotect(g) => format!("unprotect {}", self.group(*g)),
            Command::Release(g) => format!("release {}", self.group(*g)),
            Command::Cancel(g) => format!("cancel {}", self.group(*g)),
            Command::Force(o) => format!("force {}", self.group(o.group)),
            Command::Retry(g) => format!("retry {}", self.group(*g)),
            Command::StartRemainder(g) => format!("start the remainder of {}", self.group(*g)),
            Command::RetryVm(v) => format!("retry {}", vm(*v)),
            Command::SkipVm(v) => format!("skip {}", vm(*v)),
            Command::Commit(g) => format!("commit {}", self.group(*g)),
            Command::RollBack(o) => format!("roll {} back", self.group(o.group)),
            Command::Test(g) => format!("test the plan of {}", self.group(*g)),
            Command::EndTest(g) => format!("end the test of {}", self.group(*g)),
            Command::AnswerStep { group, step, reply } => {
                format!("answer step {} of {}: {reply:?}", self.step(*step), self.group(*group))
            }
            Command::Migrate(g) => format!("migrate {}", self.group(*g)),
            Command::TakeOver(o) => format!("take over {}", self.group(o.group)),
            Command::Maintenance(on) => format!("maintenance {}", if *on { "on" } else { "off" }),
        }
    }
}
