//! A site's agent, a process of its own: the core's [`SiteAgent`] on a store, a listener, and ways to the arbiter, to its
//! peer and to its site's hosts and arrays.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use farshore_core::authority::agent::{AgentEffect, AgentFact, SiteAgent};
use farshore_core::ids::{Epoch, GroupKey, Side};
use farshore_core::inventory::Site;
use farshore_journal::Store;
use farshore_qemu::array::Mode;
use farshore_qemu::clock;

use super::{Caller, Ear, FromAgent, FromArbiter, FromOffice, ToAgent, ToArbiter, ToOffice, Wire};
use crate::deployment::armed;
use crate::failed::Failed;

/// What an agent is told.
#[derive(Clone, Debug)]
pub struct AgentArgs {
    /// How LUNs are replicated.
    pub mode: Mode,
    /// Its site.
    pub side: Side,
    /// Where it listens.
    pub listen: SocketAddr,
    /// The way to the arbiter.
    pub arbiter: SocketAddr,
    /// The way to the peer's agent.
    pub peer: SocketAddr,
    /// Where its site's hosts and arrays are told what to do.
    pub office: SocketAddr,
    /// Its store.
    pub store: PathBuf,
    /// It never ran before: the store is made. A lost store can't pass for that.
    pub first: bool,
    /// Another process may be the site's agent now: it is waited for, and its place taken when it ends.
    pub standby: bool,
}

/// How often a standby looks whether the agent is still there.
const LOOK: Duration = Duration::from_millis(20);

/// The store, which one process has at a time: who has it is the agent.
fn take(args: &AgentArgs, name: &str) -> Result<Store, Failed> {
    if args.first {
        return Ok(Store::create(&args.store, name)?);
    }
    loop {
        match Store::open(&args.store, name) {
            Err(error) if args.standby && (error.in_use() || !args.store.exists()) => std::thread::sleep(LOOK),
            opened => return Ok(opened?),
        }
    }
}

enum Heard {
    Fact(AgentFact),
    Manager(Caller),
    Enforced(GroupKey, Epoch),
    Left(Caller, GroupKey, u64),
    Look(Caller, GroupKey),
}

struct Serving {
    site: Site,
    machine: SiteAgent,
    store: Store,
    arbiter: Wire,
    peer: Wire,
    office: Wire,
    manager: Option<Caller>,
}

/// Runs an agent, until its store fails.
///
/// # Errors
/// Its store or its address cannot be used.
pub fn run_agent(args: &AgentArgs) -> Result<(), Failed> {
    let sites = Site::pair(&armed(args.mode))?;
    let site = sites[args.side.at()].clone();
    let name = site.inventory.sites[args.side.at()].name.clone();
    let store = take(args, &name)?;
    let (boot, records) = (store.next_boot()?, store.authority()?);
    let (tell, heard) = channel();
    let mut effects = Vec::new();
    let machine = SiteAgent::restore(&site, boot, records, clock::now(), &mut effects)?;
    let (replies, reads) = (tell.clone(), tell.clone());
    let arbiter = Wire::to(args.arbiter, None, move |said| {
        if let FromArbiter::Reply(reply) = said {
            let _ = replies.send(Heard::Fact(AgentFact::Reply(reply)));
        }
    });
    let office = Wire::to(args.office, None, move |FromOffice::Read { group, luns }| {
        let _ = reads.send(Heard::Fact(AgentFact::Read { group, luns }));
    });
    let peer = Wire::to(args.peer, None, |_: FromAgent| {});
    let mut serving = Serving { site, machine, store, arbiter, peer, office, manager: None };
    serving.carry_out(effects)?;
    let _ear = Ear::start(args.listen, move |caller, said| hear(&tell, caller, said)).map_err(Failed::Link)?;
    serving.serve(&heard)
}

fn hear(tell: &Sender<Heard>, caller: &Caller, said: ToAgent) {
    let heard = match said {
        ToAgent::Manager => Heard::Manager(caller.clone()),
        ToAgent::Claim(claim) => Heard::Fact(AgentFact::Claim(claim)),
        ToAgent::Acquire { group, forced } => Heard::Fact(AgentFact::Acquire { group, forced }),
        ToAgent::Enforced { group, epoch } => Heard::Enforced(group, epoch),
        ToAgent::Note(note) => Heard::Fact(AgentFact::Note(note)),
        ToAgent::Left { group, n } => Heard::Left(caller.clone(), group, n),
        ToAgent::Look(group) => Heard::Look(caller.clone(), group),
    };
    let _ = tell.send(heard);
}

impl Serving {
    fn serve(mut self, heard: &Receiver<Heard>) -> Result<(), Failed> {
        loop {
            let due = self.machine.next_deadline(&self.site);
            let wait = due.map_or(60_000, |at| (at - clock::now()).0);
            match heard.recv_timeout(Duration::from_millis(wait)) {
                Ok(Heard::Fact(fact)) => self.handle(fact)?,
                Ok(Heard::Manager(caller)) => self.manager = Some(caller),
                Ok(Heard::Left(caller, group, n)) => {
                    let left = self.machine.authority(&self.site, clock::now(), group);
                    caller.say(&FromAgent::Left { n, ms: left.map(|left| left.0), epoch: self.epoch(group) });
                }
                // What ended in another epoch is no news of this one.
                Ok(Heard::Enforced(group, epoch)) if epoch != self.epoch(group) => {}
                Ok(Heard::Enforced(group, _)) => self.handle(AgentFact::Enforced(group))?,
                Ok(Heard::Look(caller, group)) => {
                    caller.say(&FromAgent::Record(self.machine.record(&self.site, group).copied()));
                }
                Err(RecvTimeoutError::Timeout) => self.handle(AgentFact::Wake)?,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    fn epoch(&self, group: GroupKey) -> Epoch {
        self.machine.record(&self.site, group).map_or(Epoch::default(), |record| record.authority.epoch())
    }

    fn handle(&mut self, fact: AgentFact) -> Result<(), Failed> {
        let mut effects = Vec::new();
        self.machine.handle(&self.site, clock::now(), fact, &mut effects);
        self.carry_out(effects)
    }

    fn carry_out(&mut self, effects: Vec<AgentEffect>) -> Result<(), Failed> {
        for effect in effects {
            match effect {
                AgentEffect::Save { id, batch } => {
                    // J7: what is durable is unknown then, and the process ends.
                    self.store.save_authority(&batch)?;
                    self.handle(AgentFact::Saved(id))?;
                }
                AgentEffect::Ask(request) => self.arbiter.send(&ToArbiter::Ask(request)),
                AgentEffect::Say(note) => self.peer.send(&ToAgent::Note(note)),
                AgentEffect::Read(group) => self.office.send(&ToOffice::Read(group)),
                AgentEffect::Do(op) => self.office.send(&ToOffice::Do(op)),
                AgentEffect::Degrade(lun) => self.office.send(&ToOffice::Degrade(lun)),
                AgentEffect::Tell(told) => self.tell_manager(&FromAgent::Told(told)),
                AgentEffect::Deny { group, why } => self.tell_manager(&FromAgent::Denied { group, why }),
                AgentEffect::Silent(silent) => self.tell_manager(&FromAgent::Silent(silent)),
                AgentEffect::Event(event) => println!("{} {event:?}", clock::now().0),
                // The lab's deployment leaves a manager that is lost alone to people (O10).
                AgentEffect::Deputy(_) => {}
            }
        }
        Ok(())
    }

    fn tell_manager(&self, said: &FromAgent) {
        if let Some(manager) = &self.manager {
            manager.say(said);
        }
    }
}
