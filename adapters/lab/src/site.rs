//! One site: an array, hosts, a manager with its journal and its way to the peer.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};

use farshore_core::authority::agent::{AgentRecord, Claim};
use farshore_core::event::Event;
use farshore_core::ids::{GroupKey, VmKey};
use farshore_core::inventory::Site as Inventory;
use farshore_core::ports::{Agent, AgentStore, OwnAgent, Parts, Pump};
use farshore_core::{Fact, Instant};
use farshore_journal::{Store, Writer};
use farshore_link::{Listener, Peer};
use farshore_qemu::array::Array;
use farshore_qemu::host::{Hosts, Kind, VmConfig};
use farshore_qemu::linux::Kernel;
use farshore_qemu::ports::{Names, QemuArrays, QemuHosts};
use farshore_qemu::{Cellar, clock};

use crate::failed::Failed;
use crate::manager::{Input, Manager};
use crate::parties::Remote;
use crate::recording::{Tape, Told, Track};

/// Told of each event of a manager, with the time.
pub(crate) type Watcher = Arc<dyn Fn(Instant, Event) + Send + Sync>;

/// A site of real parts. Its manager goes first, then its VMs, then its array.
pub(crate) struct Site {
    pub(crate) manager: Option<Manager>,
    listener: Listener,
    pub(crate) hosts: Arc<Hosts>,
    pub(crate) array: Arc<Array>,
    pub(crate) dir: PathBuf,
    inventory: Inventory,
    /// Where facts go: to the manager that runs, or nowhere.
    inputs: Arc<Mutex<Option<Sender<Input>>>>,
    facts: Sender<Fact>,
    managed: bool,
    /// Where its managers are recorded.
    tape: Option<Tape>,
}

impl Site {
    /// Hosts on an array, and an ear for the peer.
    pub(crate) fn start(
        cellar: &Arc<Cellar>,
        inventory: Inventory,
        array: Arc<Array>,
        boot: (&str, Option<Kernel>),
        tape: Option<Tape>,
    ) -> Result<Self, Failed> {
        let inputs: Arc<Mutex<Option<Sender<Input>>>> = Arc::default();
        let (facts, told) = channel::<Fact>();
        let on = inputs.clone();
        std::thread::spawn(move || {
            for fact in told {
                if let Some(on) = on.lock().unwrap_or_else(PoisonError::into_inner).as_ref() {
                    let _ = on.send(Input::Fact(fact));
                }
            }
        });
        let name = inventory.inventory.sites[inventory.here.at()].name.clone();
        let i = &inventory.inventory;
        let unit = |vm: &farshore_core::inventory::Vm| {
            let end = i.luns[vm.luns[0]].ends[inventory.here.at()].as_ref();
            end.map_or(0, |end| end.unit)
        };
        let vms = i
            .vms
            .iter()
            .map(|(_, vm)| VmConfig { name: vm.name.clone(), lun: i.luns[vm.luns[0]].name.clone(), unit: unit(vm) })
            .collect();
        let beats = facts.clone();
        let beat = move |vm: &str, kind| {
            let fact = match kind {
                Kind::Vm => Fact::Heartbeat,
                Kind::Copy => Fact::TestHeartbeat,
            };
            let _ = beats.send(fact(VmKey::of(vm)));
        };
        let dir = array.dir().to_path_buf();
        let hosts = Hosts::new((cellar, &name), dir.clone(), array.portal(), boot, vms, beat)?;
        let ear = facts.clone();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let listener = Listener::start(any, move |fact| drop(ear.send(fact))).map_err(Failed::Link)?;
        Ok(Self { manager: None, listener, hosts, array, dir, inventory, inputs, facts, managed: false, tape })
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.listener.address()
    }

    pub(crate) const fn inventory(&self) -> &Inventory {
        &self.inventory
    }

    /// Starts the manager, on a journal of its own, or again from it. Its agent is a process somewhere, or a part of it.
    pub(crate) fn manage(&mut self, peer: SocketAddr, watch: Watcher, agent: Option<SocketAddr>) -> Result<(), Failed> {
        let (inputs, pending) = channel();
        let site = self.inventory.clone();
        let name = site.inventory.sites[site.here.at()].name.clone();
        let open = if self.managed { Store::open } else { Store::create };
        let store = open(&self.dir.join("manager.journal"), &name)?;
        self.managed = true;
        let boot = store.next_boot()?;
        let records = store.records()?;
        let answers = self.facts.clone();
        let names = Arc::new(Names::of(&site));
        let parts = Parts {
            hosts: QemuHosts::new(self.hosts.clone(), names.clone(), self.facts.clone(), &site, &self.array)?,
            arrays: QemuArrays::new(self.array.clone(), names, self.facts.clone()),
            journal: Writer::start(store, move |fact| drop(answers.send(fact))),
            link: Peer::connect(peer),
            agent: match agent {
                None => AnyAgent(Box::new(own_agent(&self.dir, &site, &name)?)),
                Some(at) => AnyAgent(Box::new(Remote::to(at, self.facts.clone()))),
            },
            watch: move |event: Event| watch(clock::now(), event),
        };
        *self.inputs.lock().unwrap_or_else(PoisonError::into_inner) = Some(inputs.clone());
        let track = Track::new(self.tape.clone(), &name);
        let (now, parts) = (clock::now(), track.record(parts));
        track.told(now, || Told::Start { boot, records: records.clone() });
        let pump = Pump::start(site, boot, records, now, parts)?;
        track.done();
        self.manager = Some(Manager::start((inputs, pending), move || pump, track));
        Ok(())
    }
}

/// An agent of either kind.
struct AnyAgent(Box<dyn Agent + Send>);

impl Agent for AnyAgent {
    fn claim(&mut self, now: Instant, claim: Claim) {
        self.0.claim(now, claim);
    }

    fn acquire(&mut self, now: Instant, group: GroupKey, forced: bool) {
        self.0.acquire(now, group, forced);
    }

    fn next_fact(&mut self) -> Option<Fact> {
        self.0.next_fact()
    }
}

/// The site's agent, with a store of its own.
fn own_agent(dir: &Path, site: &Inventory, name: &str) -> Result<OwnAgent<impl AgentStore + use<>>, Failed> {
    let store = Store::create(&dir.join("agent.journal"), name)?;
    let (boot, records) = (store.next_boot()?, store.authority()?);
    let save =
        move |batch: &[AgentRecord]| store.save_authority(batch).inspect_err(|e| eprintln!("farshore: {e}")).is_ok();
    Ok(OwnAgent::start(site, boot, records, save, clock::now())?)
}

impl Drop for Site {
    fn drop(&mut self) {
        self.manager = None;
        self.hosts.end_all();
    }
}
