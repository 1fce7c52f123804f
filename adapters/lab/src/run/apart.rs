//! Runs in which sites cannot talk, a party is gone, or a group moves and nobody else must take it for lost: with an arbiter, agents and guards, each a process of its own.

use std::time::Duration;

use farshore_core::authority::proof::Proof;
use farshore_core::ids::Side;
use farshore_core::time::{Instant, Millis};
use farshore_qemu::{clock, verdict};

use super::Lab;
use crate::deployment::VMS;
use crate::options::Options;
use crate::parties::Parties;
use crate::report::Report;
use crate::{Failed, Scenario};

impl Lab<'_> {
    pub(super) fn go_apart(&mut self, options: &Options) -> Result<Report, Failed> {
        self.build(options)?;
        self.step("the arbiter and two agents start");
        let mut parties = Parties::start(&self.cellar, (&options.exe, &self.dir), options.mode, &self.sites)?;
        self.wait("alder's first lease", 60, || parties.has_authority(0))?;
        let policy = self.sites[0].inventory().policy.arbiter;
        let renewal = policy.map_or(Millis(500), |arbiter| arbiter.leases.renewal());
        let lease = Duration::from_millis(renewal.0 * 6);
        parties.enforce(&self.sites, renewal)?;
        self.start_guests()?;
        self.start_managers(options, Some(&parties))?;
        self.await_arming(&parties)?;
        self.step("the VMs run, protected and armed");
        self.pause(options.calm)?;
        let lost_at = clock::now();
        let mut wrong = Vec::new();
        match options.scenario {
            Scenario::Lun | Scenario::Array => {}
            Scenario::Planned => self.planned(options, lost_at)?,
            Scenario::Failback => self.failback(options, &parties, lost_at)?,
            Scenario::Test => wrong = self.rehearse(options, lost_at)?,
            Scenario::Apd => self.apd(options, lost_at)?,
            Scenario::Site => self.site(&mut parties, lost_at)?,
            Scenario::Partition => self.partition(&parties, lost_at)?,
            Scenario::Manager => self.manager(&parties, lease)?,
            Scenario::Arbiter => self.arbiter(&mut parties, lease)?,
            Scenario::Agent => self.agent(&mut parties, lease)?,
        }
        let over = clock::now();
        if options.scenario.stays() {
            self.pause(Duration::from_secs(1))?;
        }
        match options.scenario {
            Scenario::Manager | Scenario::Arbiter | Scenario::Agent => self.judge_stayed(options, (lost_at, over)),
            Scenario::Test => self.judge_rehearsed(options, (lost_at, over), wrong),
            Scenario::Failback => self.judge_trip(options, lost_at),
            Scenario::Lun
            | Scenario::Planned
            | Scenario::Array
            | Scenario::Apd
            | Scenario::Site
            | Scenario::Partition => self.judge(options, lost_at),
        }
    }

    /// The arbiter has the owner's proof, and what both sites know of the group.
    pub(super) fn await_arming(&self, parties: &Parties) -> Result<(), Failed> {
        self.wait("the arming of the group", 60, || {
            parties.recorded().is_some_and(|r| r.armed() && matches!(r.proof, Proof::Fit { .. }))
        })
    }

    /// Everything at alder is killed at once.
    fn site(&mut self, parties: &mut Parties, lost_at: Instant) -> Result<(), Failed> {
        self.step("everything at alder is killed: VMs, guards, agent, array, manager");
        parties.lose_site(0);
        self.sites[0].hosts.end_all();
        self.sites[0].array.kill();
        self.sites[0].manager = None;
        self.await_recovery((lost_at, 1), lost_at, false)
    }

    /// Every wire out of alder is cut, and mended later.
    fn partition(&self, parties: &Parties, lost_at: Instant) -> Result<(), Failed> {
        self.step("every wire out of alder is cut: to the arbiter, to the other agent, manager and array");
        parties.cut_off(0, true);
        self.await_recovery((lost_at, 1), lost_at, false)?;
        self.step("the wires are mended");
        parties.cut_off(0, false);
        self.wait("alder's learning that its group has moved", 120, || {
            self.view(0).is_some_and(|v| !v.active) && parties.held(0).is_some_and(|r| r.stands_by())
        })?;
        // Long enough to see whether it starts anything.
        self.pause(Duration::from_secs(3))
    }

    /// Alder's manager is lost, for three leases.
    fn manager(&mut self, parties: &Parties, lease: Duration) -> Result<(), Failed> {
        self.step("alder's manager is lost, and nothing else");
        self.sites[0].manager = None;
        self.pause(lease * 3)?;
        self.step("it starts again, from its journal");
        let watcher = self.watcher(Side::One);
        self.sites[0].manage(parties.manager(1), watcher, Some(parties.agent(0)))?;
        self.wait("the manager's return", 60, || self.view(0).is_some_and(|v| v.active && v.idle && v.protected))
    }

    /// The arbiter is killed, for three leases after a standing promise is given.
    fn arbiter(&self, parties: &mut Parties, lease: Duration) -> Result<(), Failed> {
        self.step("the arbiter is killed");
        parties.lose_arbiter();
        self.wait("a standing promise", 60, || parties.held(0).is_some_and(|r| r.held.is_some()))?;
        self.step("alder lives on birch's standing promise: nothing takes over by itself");
        self.pause(lease * 3)?;
        self.step("the arbiter starts again, from its store");
        parties.start_arbiter(false)?;
        self.wait("a lease, and the promise given back", 60, || {
            parties.held(0).is_some_and(|r| r.held.is_none()) && parties.has_authority(0)
        })?;
        self.wait("the arming of the group", 60, || parties.recorded().is_some_and(|r| r.armed()))
    }

    /// Alder's agent is killed; its standby has the store, and a lease, before the enforcers' authority runs out.
    fn agent(&self, parties: &mut Parties, lease: Duration) -> Result<(), Failed> {
        self.step("alder's agent is killed; another process waits for its store");
        parties.lose_agent(0);
        self.wait("the standby's first lease", 60, || parties.has_authority(0))?;
        self.step("it has the store, and a lease");
        self.pause(lease * 3)?;
        self.wait("the arming of the group", 60, || parties.recorded().is_some_and(|r| r.armed()))
    }

    pub(super) fn judge_stayed(
        &mut self,
        options: &Options,
        (lost_at, over): (Instant, Instant),
    ) -> Result<Report, Failed> {
        self.rest();
        let mut vms = Vec::new();
        for (vm, _) in VMS {
            let (text, disk) = (self.words(0, vm), self.disk(0, vm)?);
            vms.push(verdict::judge_stayed(vm, &text, &self.said(1, vm), &disk, over.0));
        }
        Ok(self.report(options, lost_at, vms))
    }
}
