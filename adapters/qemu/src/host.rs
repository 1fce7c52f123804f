//! Hosts: names under which QEMU processes run, each VM on its own libiscsi session.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use farshore_core::operation::{Failure, Token};
use serde_json::json;

use crate::linux::Kernel;
use crate::machine::{About, Machine};
use crate::tokens::Tokens;
use crate::{Cellar, LabError};

/// A VM, as the hosts of one site know it.
#[derive(Clone, Debug)]
pub struct VmConfig {
    /// Its name.
    pub name: String,
    /// The LUN that is its disk.
    pub lun: String,
    /// Its logical unit.
    pub unit: u16,
}

/// The hosts of one site.
pub struct Hosts {
    cellar: Arc<Cellar>,
    site: String,
    dir: PathBuf,
    portal: SocketAddr,
    target: String,
    pub(crate) accelerator: String,
    /// A kernel that is booted instead of the disk's own 512-byte guest.
    pub(crate) kernel: Option<Kernel>,
    pub(crate) vms: BTreeMap<String, VmConfig>,
    state: Mutex<State>,
    /// Told each time a guest has acknowledged a record.
    pub(crate) beat: Beat,
}

/// Told whose guest has acknowledged a record.
type Beat = Box<dyn Fn(&str, Kind) + Send + Sync>;

impl std::fmt::Debug for Hosts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hosts").field("site", &self.site).finish_non_exhaustive()
    }
}

pub(crate) struct State {
    running: BTreeMap<String, Running>,
    /// Of tests: registered nowhere, and no guard's to end.
    pub(crate) copies: BTreeMap<String, Running>,
    registered: BTreeSet<String>,
    /// Host and group of which the datastores are mounted.
    mounted: BTreeSet<String>,
    pub(crate) tokens: Tokens,
}

pub(crate) struct Running {
    pub(crate) host: String,
    pub(crate) machine: Machine,
}

/// Whose guest has acknowledged a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A VM's.
    Vm,
    /// A test's copy of it.
    Copy,
}

/// What a host of a group shows: token, VMs that run, mounted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostView {
    /// Highest token applied for the group.
    pub token: Token,
    /// VMs of the group that run on it.
    pub running: u32,
    /// The group's datastores are mounted.
    pub mounted: bool,
}

/// What the site shows of a VM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VmView {
    /// Highest token applied.
    pub token: Token,
    /// The host that runs it.
    pub on: Option<String>,
    /// It is registered here.
    pub registered: bool,
}

/// What becomes of a command: done, refused for good, or (outer error) nobody can tell.
pub type Done<T> = Result<Result<T, Failure>, LabError>;

impl Hosts {
    /// The hosts of a site, with nothing running.
    ///
    /// # Errors
    /// The token file cannot be read.
    pub fn new(
        (cellar, site): (&Arc<Cellar>, &str),
        dir: PathBuf,
        (portal, target): (SocketAddr, &str),
        (accelerator, kernel): (&str, Option<Kernel>),
        vms: Vec<VmConfig>,
        beat: impl Fn(&str, Kind) + Send + Sync + 'static,
    ) -> Result<Arc<Self>, LabError> {
        let tokens = Tokens::open(dir.join("hosts.tokens"))?;
        let state = State {
            running: BTreeMap::new(),
            copies: BTreeMap::new(),
            registered: BTreeSet::new(),
            mounted: BTreeSet::new(),
            tokens,
        };
        Ok(Arc::new(Self {
            cellar: cellar.clone(),
            site: site.into(),
            dir,
            portal,
            target: target.into(),
            accelerator: accelerator.into(),
            kernel,
            vms: vms.into_iter().map(|vm| (vm.name.clone(), vm)).collect(),
            state: Mutex::new(state),
            beat: Box::new(beat),
        }))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        // A guest that powered itself off, or a process that died, is no longer there.
        state.running.retain(|_, vm| vm.machine.runs());
        state.copies.retain(|_, vm| vm.machine.runs());
        state
    }

    /// Starts a VM on a host, unless it runs at this site already.
    ///
    /// # Errors
    /// QEMU does not come up: nobody can tell whether the guest began to run.
    pub fn start(self: &Arc<Self>, vm: &str, host: &str, group: &str, token: Token) -> Done<VmView> {
        let Some(config) = self.vms.get(vm) else { return Ok(Err(Failure::Unknown)) };
        let mut state = self.state();
        let (of_vm, of_host) = (format!("vm {vm}"), format!("host {host} {group}"));
        let admitted = state.tokens.admits(&of_vm, token).and_then(|()| state.tokens.admits(&of_host, token));
        if let Err(superseded) = admitted {
            return Ok(Err(superseded));
        }
        state.tokens.record(&of_vm, token)?;
        if !state.running.contains_key(vm) {
            if !state.mounted.contains(&of_host) {
                return Ok(Err(Failure::Failed));
            }
            match self.launch(config, host) {
                Ok(running) => drop(state.running.insert(vm.into(), running)),
                Err(LabError::Ended { .. }) => return Ok(Err(Failure::Failed)),
                Err(error) => return Err(error),
            }
        }
        state.registered.insert(vm.into());
        Ok(Ok(view(&state, vm)))
    }

    /// Starts a VM at its owner before anything is protected.
    ///
    /// # Errors
    /// QEMU does not come up.
    pub fn power_on(self: &Arc<Self>, vm: &str, host: &str) -> Result<(), LabError> {
        if let Some(config) = self.vms.get(vm) {
            let running = self.launch(config, host)?;
            let mut state = self.state();
            state.running.insert(vm.into(), running);
            state.registered.insert(vm.into());
        }
        Ok(())
    }

    fn launch(self: &Arc<Self>, vm: &VmConfig, host: &str) -> Result<Running, LabError> {
        let runs = self.runs_of(host);
        std::fs::create_dir_all(&runs).map_err(LabError::io(format!("making {}", runs.display())))?;
        let disk = json!({ "driver": "iscsi", "node-name": "d0", "transport": "tcp",
            "portal": self.portal.to_string(), "target": self.target, "lun": vm.unit,
            "initiator-name": format!("iqn.2026-11.farshore:{}-{}", self.site, vm.name) });
        let (hosts, name) = (Arc::downgrade(self), vm.name.clone());
        let beat = move || {
            if let Some(hosts) = hosts.upgrade() {
                (hosts.beat)(&name, Kind::Vm);
            }
        };
        let pid = runs.join(format!("{}.pid", vm.name));
        let about = About { name: &vm.name, sockets: &self.dir, said: &self.dir, pid: Some(pid), disk };
        let machine = Machine::start(&self.cellar, (&self.accelerator, self.kernel.as_ref()), &about, beat)?;
        Ok(Running { host: host.into(), machine })
    }

    /// Stops a VM, wherever it is at this site: the guest is asked, QEMU is asked, the process is ended.
    ///
    /// # Errors
    /// The token cannot be recorded.
    pub fn stop(&self, vm: &str, grace: Option<Duration>, token: Token) -> Done<VmView> {
        if !self.vms.contains_key(vm) {
            return Ok(Err(Failure::Unknown));
        }
        let running = {
            let mut state = self.state();
            let of_vm = format!("vm {vm}");
            if let Err(superseded) = state.tokens.admits(&of_vm, token) {
                return Ok(Err(superseded));
            }
            state.tokens.record(&of_vm, token)?;
            state.running.remove(vm)
        };
        if let Some(running) = running {
            running.machine.end(grace);
        }
        Ok(Ok(view(&self.state(), vm)))
    }

    /// Registers a VM, powered off, or takes its registration away; there is no autostart.
    ///
    /// # Errors
    /// The token cannot be recorded.
    pub fn set_registered(&self, vm: &str, registered: bool, token: Token) -> Done<VmView> {
        if !self.vms.contains_key(vm) {
            return Ok(Err(Failure::Unknown));
        }
        let mut state = self.state();
        let of_vm = format!("vm {vm}");
        if let Err(superseded) = state.tokens.admits(&of_vm, token) {
            return Ok(Err(superseded));
        }
        if state.running.contains_key(vm) {
            return Ok(Err(Failure::Failed));
        }
        state.tokens.record(&of_vm, token)?;
        if registered {
            state.registered.insert(vm.into());
        } else {
            state.registered.remove(vm);
        }
        Ok(Ok(view(&state, vm)))
    }

    /// A host runs no VM of a group any more, and holds nothing of it open; or its datastores are mounted.
    ///
    /// # Errors
    /// The token cannot be recorded.
    pub fn set_mounted(&self, host: &str, group: &str, vms: &[String], mounted: bool, token: Token) -> Done<HostView> {
        let of_host = format!("host {host} {group}");
        let ended: Vec<Running> = {
            let mut state = self.state();
            if let Err(superseded) = state.tokens.admits(&of_host, token) {
                return Ok(Err(superseded));
            }
            state.tokens.record(&of_host, token)?;
            if mounted {
                state.mounted.insert(of_host.clone());
                Vec::new()
            } else {
                state.mounted.remove(&of_host);
                let here: Vec<&String> =
                    vms.iter().filter(|vm| state.running.get(*vm).is_some_and(|r| r.host == host)).collect();
                here.into_iter().filter_map(|vm| state.running.remove(vm)).collect()
            }
        };
        ended.into_iter().for_each(|running| running.machine.end(None));
        Ok(Ok(self.host(host, group, vms)))
    }

    /// What a host shows of a group.
    #[must_use]
    pub fn host(&self, host: &str, group: &str, vms: &[String]) -> HostView {
        let state = self.state();
        let of_host = format!("host {host} {group}");
        let running = vms.iter().filter(|vm| state.running.get(*vm).is_some_and(|r| r.host == host)).count();
        HostView {
            token: state.tokens.of(&of_host),
            running: u32::try_from(running).unwrap_or(u32::MAX),
            mounted: state.mounted.contains(&of_host),
        }
    }

    /// Where a host keeps the process ids of its VMs, for its guard.
    #[must_use]
    pub fn runs_of(&self, host: &str) -> PathBuf {
        self.dir.join(format!("{host}.run"))
    }

    /// What the site shows of a VM.
    #[must_use]
    pub fn vm(&self, vm: &str) -> VmView {
        view(&self.state(), vm)
    }

    /// Where its files are.
    pub(crate) fn dir(&self) -> &std::path::Path {
        &self.dir
    }

    /// Where everything that runs is written down.
    pub(crate) const fn cellar(&self) -> &Arc<Cellar> {
        &self.cellar
    }

    /// Ends every VM, for the end of the lab.
    pub fn end_all(&self) {
        let (running, copies) = {
            let mut state = self.state();
            (std::mem::take(&mut state.running), std::mem::take(&mut state.copies))
        };
        running.into_values().chain(copies.into_values()).for_each(|vm| vm.machine.end(None));
    }
}

fn view(state: &State, vm: &str) -> VmView {
    let on = state.running.get(vm).map(|r| r.host.clone());
    VmView { token: state.tokens.of(&format!("vm {vm}")), on, registered: state.registered.contains(vm) }
}
