//! Runs in which both sites live and can talk: a LUN or an array is lost, or nothing is and a group moves all the same.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use farshore_core::Command;
use farshore_core::event::{Alert, Event};
use farshore_core::ids::{LunKey, Side};
use farshore_core::record::GivePhase;
use farshore_core::time::Instant;
use farshore_qemu::{clock, trip};

use super::Lab;
use crate::deployment::{LOST, VMS};
use crate::options::{Notice, Options};
use crate::parties::Parties;
use crate::report::Report;
use crate::{Failed, Scenario};

impl Lab<'_> {
    pub(super) fn go_together(&mut self, options: &Options) -> Result<Report, Failed> {
        self.build(options)?;
        if options.scenario == Scenario::Array {
            self.set_trap(options.scenario.groups().len());
        }
        self.start_guests()?;
        self.start_managers(options, None)?;
        self.step("the VMs run, protected");
        self.pause(options.calm)?;
        let began = clock::now();
        match options.scenario {
            Scenario::Lun => self.lose(began)?,
            Scenario::Array => self.array(began)?,
            Scenario::Planned
            | Scenario::Failback
            | Scenario::Test
            | Scenario::Apd
            | Scenario::Site
            | Scenario::Manager
            | Scenario::Partition
            | Scenario::Arbiter
            | Scenario::Agent => {}
        }
        self.judge(options, began)
    }

    fn begins(&self, what: &'static str) {
        (self.progress)(Notice::Happened(0, what));
    }

    /// A LUN is lost, and its group is handed over.
    pub(super) fn lose(&self, began: Instant) -> Result<(), Failed> {
        self.sites[0].array.lose(LOST)?;
        self.begins("LUN db1 is lost for good: its medium fails, its logical unit is deleted");
        self.await_recovery((began, 1), began, true)
    }

    /// Nothing is lost; somebody asks for it.
    pub(super) fn planned(&self, options: &Options, began: Instant) -> Result<(), Failed> {
        self.begins("somebody asks for the group to move to birch; nothing has failed");
        self.migrate(options, 0)?;
        self.await_recovery((began, 1), began, true)?;
        // Long enough to see whether anything starts at alder.
        self.pause(Duration::from_secs(1))
    }

    fn migrate(&self, options: &Options, from: usize) -> Result<(), Failed> {
        for group in options.scenario.groups() {
            self.command(from, "the command to move the group", &Command::Migrate(group))?;
        }
        Ok(())
    }

    /// A LUN is lost, its group is handed over, and comes back.
    pub(super) fn failback(&self, options: &Options, parties: &Parties, began: Instant) -> Result<(), Failed> {
        self.lose(began)?;
        if !self.is_stuck(true, 1) {
            self.home(options, began)?;
        }
        if self.is_stuck(true, 0) {
            return Ok(());
        }
        self.step("alder protects the group again, and it is armed again, as before the loss");
        self.protect(options, 0)?;
        self.await_arming(parties)
    }

    /// What was lost is replaced, and protected from the other side; then everything moves back.
    fn home(&self, options: &Options, began: Instant) -> Result<(), Failed> {
        self.step("the lost LUN is replaced by an empty one");
        self.sites[0].array.replace(LOST)?;
        let returned = Event::Raised(Alert::Returned { lun: LunKey::of(LOST) });
        self.wait("alder's seeing of the new LUN", 60, || {
            self.tell(began);
            self.marks().iter().any(|m| m.side == Side::One && m.event == returned)
        })?;
        self.step("birch protects the group: it replicates to alder");
        self.protect(options, 1)?;
        self.tell(began);
        self.step("the VMs run at birch, protected");
        self.pause(options.calm)?;
        self.step("somebody asks for the group to move back to alder");
        let asked = clock::now();
        self.migrate(options, 1)?;
        self.await_recovery((asked, 0), began, true)
    }

    pub(super) fn judge_trip(&mut self, options: &Options, began: Instant) -> Result<Report, Failed> {
        self.rest();
        let mut vms = Vec::new();
        for (vm, _) in VMS {
            let said = [0, 1].map(|at| self.words(at, vm));
            vms.push(trip::judge_trip(vm, [&said[0], &said[1]], &[0, 1, 0], &self.disk(0, vm)?));
        }
        Ok(self.report(options, began, vms))
    }

    /// Every LUN of alder's array is lost at once.
    fn array(&self, began: Instant) -> Result<(), Failed> {
        std::thread::scope(|scope| {
            let lost: Vec<_> = VMS.iter().map(|(vm, _)| scope.spawn(|| self.sites[0].array.lose(vm))).collect();
            lost.into_iter().filter_map(|one| one.join().ok()).collect::<Result<(), _>>()
        })?;
        self.begins("every LUN of alder's array is lost for good, at once");
        self.await_recovery((began, 1), began, true)
    }

    /// Alder's array dies as soon as all that is asked of it before the release has been answered: its manager, which has
    /// just said so of the last group, goes on only once the array is dead.
    fn set_trap(&mut self, groups: usize) {
        let (array, still) = (self.sites[0].array.clone(), AtomicUsize::new(0));
        let happened = self.happened.clone();
        self.trap = Some(Arc::new(move |side, event| {
            let confirming = matches!(event, Event::Giving { phase: GivePhase::Confirming, .. });
            if side == Side::One && confirming && still.fetch_add(1, Ordering::Relaxed) + 1 == groups {
                happened
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push((clock::now(), "the array dies: all of it is killed"));
                array.kill();
            }
        }));
    }
}
