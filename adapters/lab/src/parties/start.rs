//! Starting the parties, losing them, and cutting the wires between them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use farshore_core::authority::agent::AgentRecord;
use farshore_core::authority::arbiter::ArbiterRecord;
use farshore_core::ids::GroupKey;
use farshore_core::time::Millis;
use farshore_qemu::array::{Array, Mode, own_port};
use farshore_qemu::process::Process;
use farshore_qemu::{Cellar, LabError};

use super::enforcer::{Enforcer, Held};
use super::relay::Relay;
use super::wire::ask_once;
use super::{Ear, FromAgent, FromArbiter, ToAgent, ToArbiter, office};
use crate::failed::Failed;
use crate::site::Site;

/// How a site is called on the command line of its parts.
const SITES: [&str; 2] = ["alder", "birch"];

/// An array's own write lease: a thread of the array's, until it is dropped.
struct WriteLease(Arc<AtomicBool>);

impl Drop for WriteLease {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

struct Luns(Arc<Array>);

impl Held for Luns {
    fn runs(&self) -> bool {
        self.0.any_writable()
    }

    fn end(&self) {
        self.0.withdraw();
    }
}

/// Everything of a run besides managers, hosts and arrays.
pub(crate) struct Parties {
    cellar: Arc<Cellar>,
    exe: PathBuf,
    dir: PathBuf,
    mode: Mode,
    arbiter: Option<Process>,
    arbiter_at: SocketAddr,
    agents: Vec<Option<Process>>,
    /// A second agent at each site, which waits for the first to end.
    standbys: Vec<Option<Process>>,
    agents_at: [SocketAddr; 2],
    guards: [Vec<Process>; 2],
    leases: [Option<WriteLease>; 2],
    offices: Vec<Ear>,
    /// Ways from each site to the arbiter, and to each site's agent, manager and array.
    to_arbiter: [Relay; 2],
    to_agent: [Relay; 2],
    to_manager: [Relay; 2],
    to_array: [Relay; 2],
}

impl Parties {
    /// Starts the arbiter and both agents.
    ///
    /// # Errors
    /// A party that does not start.
    pub(crate) fn start(
        cellar: &Arc<Cellar>,
        (exe, dir): (&Path, &Path),
        mode: Mode,
        sites: &[Site],
    ) -> Result<Self, Failed> {
        let (arbiter_at, agents_at) = (own_port()?, [own_port()?, own_port()?]);
        let relay = |there| Relay::to(there).map_err(Failed::Link);
        let [one, two] = sites else { return Err(Failed::Link(std::io::ErrorKind::InvalidInput.into())) };
        let offices = [one, two].map(|site| site.office().map_err(Failed::Link));
        let offices: Vec<Ear> = offices.into_iter().collect::<Result<_, _>>()?;
        let to_array = [relay(one.array.replication_address())?, relay(two.array.replication_address())?];
        one.array.reached_by(to_array[0].address());
        two.array.reached_by(to_array[1].address());
        let mut parties = Self {
            cellar: cellar.clone(),
            exe: exe.into(),
            dir: dir.into(),
            mode,
            arbiter: None,
            arbiter_at,
            agents: Vec::new(),
            standbys: Vec::new(),
            agents_at,
            guards: [Vec::new(), Vec::new()],
            leases: [None, None],
            offices,
            to_arbiter: [relay(arbiter_at)?, relay(arbiter_at)?],
            to_agent: [relay(agents_at[0])?, relay(agents_at[1])?],
            to_manager: [relay(one.address())?, relay(two.address())?],
            to_array,
        };
        parties.start_arbiter(true)?;
        for (at, _) in SITES.iter().enumerate() {
            let (agent, standby) = (parties.start_agent(at, false)?, parties.start_agent(at, true)?);
            parties.agents.push(Some(agent));
            parties.standbys.push(Some(standby));
        }
        Ok(parties)
    }

    fn part(&self, kind: &str, log: &str, args: &[(&str, String)], flag: Option<&str>) -> Result<Process, LabError> {
        let mode = if self.mode == Mode::Synchronous { "sync" } else { "async" };
        let mut words: Vec<String> = ["lab-part", kind, "--replication", mode].map(Into::into).to_vec();
        words.extend(args.iter().flat_map(|(name, value)| [format!("--{name}"), value.clone()]));
        words.extend(flag.map(|flag| format!("--{flag}")));
        let log = self.dir.join(format!("{log}.log"));
        Process::start(&self.cellar, kind, &self.exe.display().to_string(), &words, &log)
    }

    fn store(&self, name: &str) -> String {
        self.dir.join(format!("{name}.store")).display().to_string()
    }

    /// Starts the arbiter, for the first time or from its store.
    ///
    /// # Errors
    /// It does not start.
    pub(crate) fn start_arbiter(&mut self, first: bool) -> Result<(), LabError> {
        let args = [("listen", self.arbiter_at.to_string()), ("store", self.store("arbiter"))];
        self.arbiter = Some(self.part("arbiter", "arbiter", &args, first.then_some("first"))?);
        Ok(())
    }

    fn start_agent(&self, at: usize, standby: bool) -> Result<Process, LabError> {
        let name = format!("agent-{}", SITES[at]);
        let args = [
            ("site", SITES[at].into()),
            ("listen", self.agents_at[at].to_string()),
            ("arbiter", self.to_arbiter[at].address().to_string()),
            ("peer", self.to_agent[1 - at].address().to_string()),
            ("office", self.offices[at].address().to_string()),
            ("store", self.store(&name)),
        ];
        let log = if standby { format!("{name}-standby") } else { name };
        self.part("agent", &log, &args, if standby { Some("standby") } else { Some("first") })
    }

    /// Starts a guard for every host, and every array's write lease.
    ///
    /// # Errors
    /// A guard that does not start.
    pub(crate) fn enforce(&mut self, sites: &[Site], renewal: Millis) -> Result<(), LabError> {
        for (at, site) in sites.iter().enumerate() {
            for host in [1, 2].map(|n| format!("{}-{n}", SITES[at])) {
                let runs = site.hosts.runs_of(&host).display().to_string();
                let args = [("agent", self.agents_at[at].to_string()), ("runs", runs)];
                self.guards[at].push(self.part("guard", &format!("guard-{host}"), &args, None)?);
            }
            let stop = Arc::new(AtomicBool::new(false));
            let enforcer = Enforcer::new(self.agents_at[at], GroupKey::of("shop"), renewal);
            let (luns, over) = (Luns(site.array.clone()), stop.clone());
            std::thread::spawn(move || enforcer.run(&luns, || over.load(Ordering::Relaxed)));
            self.leases[at] = Some(WriteLease(stop));
        }
        Ok(())
    }

    /// A site is lost: its agent, its guards, its array's lease. Its VMs and its array are the caller's to end.
    pub(crate) fn lose_site(&mut self, at: usize) {
        self.standbys[at] = None;
        self.agents[at] = None;
        self.guards[at].clear();
        self.leases[at] = None;
    }

    /// A site's agent is lost; another process takes its place.
    pub(crate) fn lose_agent(&mut self, at: usize) {
        self.agents[at] = None;
    }

    /// The arbiter is lost.
    pub(crate) fn lose_arbiter(&mut self) {
        self.arbiter = None;
    }

    /// Every wire out of a site is cut, or mended.
    pub(crate) fn cut_off(&self, at: usize, cut: bool) {
        self.to_arbiter[at].cut(cut);
        for ways in [&self.to_agent, &self.to_manager, &self.to_array] {
            ways.iter().for_each(|way| way.cut(cut));
        }
    }

    /// Where the site's agent listens.
    pub(crate) const fn agent(&self, at: usize) -> SocketAddr {
        self.agents_at[at]
    }

    /// The way to a site's manager.
    pub(crate) const fn manager(&self, at: usize) -> SocketAddr {
        self.to_manager[at].address()
    }

    /// Whether a site has authority over the group.
    pub(crate) fn has_authority(&self, at: usize) -> bool {
        let ask = ToAgent::Left { group: GroupKey::of("shop"), n: 0 };
        matches!(ask_once(self.agents_at[at], &ask), Some(FromAgent::Left { ms: Some(_), .. }))
    }

    /// What is durable at a site's agent.
    pub(crate) fn held(&self, at: usize) -> Option<AgentRecord> {
        match ask_once(self.agents_at[at], &ToAgent::Look(GroupKey::of("shop"))) {
            Some(FromAgent::Record(record)) => record,
            _ => None,
        }
    }

    /// What the arbiter has recorded.
    pub(crate) fn recorded(&self) -> Option<ArbiterRecord> {
        match ask_once(self.arbiter_at, &ToArbiter::Look(GroupKey::of("shop"))) {
            Some(FromArbiter::Record(record)) => record,
            _ => None,
        }
    }
}

impl Site {
    fn office(&self) -> std::io::Result<Ear> {
        office::open(self.inventory(), &self.array, &self.hosts)
    }
}
