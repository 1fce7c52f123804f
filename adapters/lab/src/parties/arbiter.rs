//! The arbiter, a process of its own: the core's [`Arbiter`] on a store and a listener.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};

use farshore_core::authority::arbiter::{Arbiter, ArbiterEffect, ArbiterFact};
use farshore_core::ids::GroupKey;
use farshore_core::inventory::Site;
use farshore_journal::Store;
use farshore_qemu::array::Mode;
use farshore_qemu::clock;

use super::{Caller, Ear, FromArbiter, ToArbiter};
use crate::deployment::armed;
use crate::failed::Failed;

/// What an arbiter is told.
#[derive(Clone, Debug)]
pub struct ArbiterArgs {
    /// How LUNs are replicated.
    pub mode: Mode,
    /// Where it listens.
    pub listen: SocketAddr,
    /// Its store.
    pub store: PathBuf,
    /// It never ran before: the store is made. A lost store can't pass for that.
    pub first: bool,
}

struct Serving {
    machine: Arbiter,
    store: Store,
    callers: [Option<Caller>; 2],
}

/// Runs an arbiter, until its store fails.
///
/// # Errors
/// Its store or its address cannot be used.
pub fn run_arbiter(args: &ArbiterArgs) -> Result<(), Failed> {
    let [site, _] = Site::pair(&armed(args.mode))?;
    let Some(policy) = site.policy.arbiter else { return Ok(()) };
    let open = if args.first { Store::create } else { Store::open };
    let store = open(&args.store, "arbiter")?;
    let (boot, records) = (store.next_boot()?, store.arbiter()?);
    let machine = Arbiter::restore(policy.leases, boot, records, clock::now());
    let (tell, heard) = channel();
    let _ear = Ear::start(args.listen, move |caller, said: ToArbiter| drop(tell.send((caller.clone(), said))))
        .map_err(Failed::Link)?;
    Serving { machine, store, callers: [None, None] }.serve(&heard)
}

impl Serving {
    fn serve(mut self, heard: &Receiver<(Caller, ToArbiter)>) -> Result<(), Failed> {
        while let Ok((caller, said)) = heard.recv() {
            match said {
                ToArbiter::Look(group) => self.look(&caller, group),
                ToArbiter::Ask(request) => {
                    self.callers[request.from.at()] = Some(caller);
                    self.handle(ArbiterFact::Request(request))?;
                }
            }
        }
        Ok(())
    }

    fn look(&self, caller: &Caller, group: GroupKey) {
        caller.say(&FromArbiter::Record(self.machine.record(group).copied()));
    }

    fn handle(&mut self, fact: ArbiterFact) -> Result<(), Failed> {
        let mut facts = vec![fact];
        while let Some(fact) = facts.pop() {
            let mut effects = Vec::new();
            self.machine.handle(clock::now(), fact, &mut effects);
            for effect in effects {
                match effect {
                    ArbiterEffect::Reply(side, reply) => {
                        if let Some(caller) = &self.callers[side.at()] {
                            caller.say(&FromArbiter::Reply(reply));
                        }
                    }
                    ArbiterEffect::Save { id, batch } => {
                        // J7: what is durable is unknown then, and the process ends.
                        self.store.save_arbiter(&batch)?;
                        facts.push(ArbiterFact::Saved(id));
                    }
                }
            }
        }
        Ok(())
    }
}
