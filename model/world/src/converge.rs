//! Liveness as a safety property: once faults stop and links heal, everything comes to rest, recovered or alerted.

use farshore_core::event::Alert;
use farshore_core::ids::{GroupIx, Index, Side, VmIx};
use farshore_core::record::{GivePhase, Work};

use crate::action::{Action, Rank};
use crate::host::{Guest, Health};
use crate::properties::Violation;
use crate::scope::{Budgets, Fault, Wire};
use crate::setup::Setup;
use crate::world::World;

impl World {
    /// Faults stop, links heal, hosts and arrays' managements answer again, managers start again; what is late is late
    /// no more. Lost LUNs stay lost, and hosts that lie go on lying.
    pub fn heal(&mut self, setup: &Setup) {
        self.budgets = Budgets::NONE;
        self.faults.fill(0);
        self.orders.fill(0);
        for (host, _) in setup.inventory().hosts.iter() {
            match self.hosts[host.at()].health {
                Health::Up => {}
                Health::Hung => drop(self.apply(setup, Action::Fault(Fault::WakeHost(host)))),
                Health::Lost => drop(self.apply(setup, Action::Fault(Fault::ReturnHost(host)))),
            }
        }
        for side in Side::BOTH {
            for fault in
                [Fault::ReturnSite(side), Fault::ResumeAgent(side), Fault::StartAgent(side), Fault::ReturnManager(side)]
            {
                self.apply(setup, Action::Fault(fault));
            }
        }
        self.apply(setup, Action::Fault(Fault::StartArbiter));
        for wire in Wire::ALL {
            self.apply(setup, Action::Fault(Fault::Mend(wire)));
        }
        self.arrays.fill(true);
        self.no_longer_late();
    }

    fn no_longer_late(&mut self) {
        for mail in &mut self.mail {
            mail.iter_mut().for_each(|f| f.late = false);
            mail.sort();
            mail.dedup();
        }
        self.post.iter_mut().for_each(|f| f.late = false);
        self.post.sort();
        self.post.dedup();
        for desk in &mut self.desks {
            desk.ops.iter_mut().for_each(|f| f.late = false);
            desk.ops.sort();
            desk.ops.dedup();
            desk.requests.iter_mut().for_each(|f| f.late = false);
        }
    }

    /// Whether the world comes to rest by itself within so many actions, once it is [healed](Self::heal): every loss
    /// ends in its VMs recovered or an alert (L1), every group is active at one site or needs an operator (L2, I20),
    /// every doubt is resolved or escalated (L3), grouping ends (L4), nothing waits for each other (L5).
    ///
    /// # Errors
    /// What does not come to rest, or a property that breaks on the way.
    pub fn converges(&self, setup: &Setup, limit: usize) -> Result<(), Violation> {
        let mut world = self.clone();
        world.heal(setup);
        world.settle(setup, limit).map(drop)
    }

    /// Acts fairly until everything rests: whatever can happen happens in turn, then time passes. How many actions it
    /// took.
    ///
    /// # Errors
    /// What does not come to rest within the limit, or a property that breaks on the way.
    pub fn settle(&mut self, setup: &Setup, limit: usize) -> Result<usize, Violation> {
        let mut steps = 0;
        let mut unrest = None;
        while steps < limit {
            steps += self.run_progress(setup, limit - steps)?;
            unrest = self.unrest(setup).err();
            if unrest.is_none() {
                return Ok(steps);
            }
            if !self.apply(setup, Action::Advance).applied {
                break;
            }
            self.check(setup)?;
            steps += 1;
        }
        Err(unrest.unwrap_or(Violation { property: "L5", what: "things happen without end".into() }))
    }

    /// Lets everything happen that happens by itself, in turn, while time stands still.
    ///
    /// # Errors
    /// A property that breaks on the way.
    pub fn run_progress(&mut self, setup: &Setup, limit: usize) -> Result<usize, Violation> {
        for step in 0..limit {
            let choices = self.choices(setup, false);
            let free = choices.iter().take_while(|c| matches!(c.rank, Rank::Progress | Rank::Late)).count();
            if free == 0 {
                return Ok(step);
            }
            // In turn: what comes first in the order does not starve what comes last.
            self.apply(setup, choices[step % free].action);
            self.check(setup)?;
        }
        Ok(limit)
    }

    /// Whether everything rests.
    ///
    /// # Errors
    /// What does not.
    pub fn unrest(&self, setup: &Setup) -> Result<(), Violation> {
        let violation = |property, what: String| Err(Violation { property, what });
        for side in Side::BOTH {
            let node = self.node(side);
            let Some(manager) = node.manager.as_ref().filter(|_| !node.halted) else {
                return violation("L5", "a manager is down".into());
            };
            if manager.status(setup.site(side)).window_open {
                return violation("L4", "a group of failures stays open".into());
            }
        }
        let alerts = Side::BOTH.map(|side| {
            let manager = self.node(side).manager.as_ref();
            let mut alerts = manager.map_or_else(Vec::new, |m| m.status(setup.site(side)).alerts);
            alerts.extend(&self.node(side).agent_alerts);
            alerts
        });
        for (g, group) in setup.inventory().groups.iter() {
            if let Err((property, what)) = self.group_unrest(setup, &alerts, g) {
                return violation(property, format!("group {}: {what}", group.name));
            }
        }
        for (lun, info) in setup.inventory().luns.iter().filter(|(_, l)| l.group.is_none()) {
            let lost = Side::BOTH.into_iter().any(|s| self.luns[lun.at()].at(s).is_some_and(|c| !c.present));
            let datastore = setup.inventory().datastores[info.datastore].key;
            if lost && !alerts.iter().flatten().any(|a| *a == (Alert::Unprotected { datastore })) {
                return violation("L1", format!("lun {}: lost, and no alert", info.name));
            }
        }
        Ok(())
    }

    fn group_unrest(
        &self,
        setup: &Setup,
        alerts: &[Vec<Alert>; 2],
        g: GroupIx,
    ) -> Result<(), (&'static str, &'static str)> {
        let inventory = setup.inventory();
        let group = &inventory.groups[g];
        let about = |a: &&Alert| about(setup, a, g);
        let alerted = alerts.iter().flatten().any(|a| about(&a));
        let says = |s: &Side| self.record(setup, *s, g).map_or(group.home == *s, |r| r.authority.is_active());
        // What came from an old copy, and was never confirmed, makes nobody active (J5, J6).
        let active = |s: &Side| says(s) && self.is_its_own(*s, group.key);
        let mut owners = Side::BOTH.into_iter().filter(active);
        let owner = match (owners.next(), owners.next()) {
            (Some(owner), None) => owner,
            (None, _) if alerted => return Ok(()),
            (None, _) => return Err(("I20", "active nowhere, and no alert")),
            (Some(_), Some(_)) => return Err(("I20", "active at both sites")),
        };
        for side in Side::BOTH {
            let work = self.record(setup, side, g).map(|r| &r.work);
            let over = match work {
                None | Some(Work::Idle) => true,
                Some(Work::Give(give)) => matches!(give.phase, GivePhase::Held(_)),
                Some(
                    Work::Protect(_)
                    | Work::Shield { .. }
                    | Work::Unprotect
                    | Work::Unshield { .. }
                    | Work::Take(_)
                    | Work::StandDown,
                ) => false,
            };
            if !over && !alerted {
                return Err(("L2", "a workflow neither ends nor raises an alert"));
            }
        }
        // F8: what a test made is there for as long as its record is.
        let tested = |s: &Side| self.record(setup, *s, g).is_some_and(|r| r.test.is_some());
        if self.test_left(setup, g) && !Side::BOTH.iter().any(tested) {
            return Err(("I17", "a test has left something behind"));
        }
        let clearing = |s: &Side| {
            let test = self.record(setup, *s, g).and_then(|r| r.test.as_ref());
            test.is_some_and(|t| t.phase != farshore_core::record::TestPhase::Running)
        };
        if Side::BOTH.iter().any(clearing) && !alerted {
            return Err(("L2", "a test neither comes to rest nor raises an alert"));
        }
        let gone = |l: &&farshore_core::ids::LunIx| self.luns[l.at()].at(owner).is_some_and(|c| !c.present);
        if group.luns.iter().any(|l| gone(&l)) && !alerted {
            return Err(("L1", "a LUN is lost at the owner, and there is neither a failover nor an alert"));
        }
        // What a lost host ran is the business of the site's own HA (D5).
        let ailed = group.hosts[owner.at()].iter().any(|h| self.ghost.ailed[h.at()]);
        let well = |v: &VmIx| {
            let at = &self.vms[v.at()].at[owner.at()];
            ailed || (self.runs(owner, *v) && at.guest == Guest::Up && !at.stuck)
        };
        if !group.vms.iter().all(well) && !alerted {
            return Err(("L1", "a VM does not run, and no alert says so"));
        }
        let other = |l: &&farshore_core::ids::LunIx| {
            let copy = self.luns[l.at()].at(owner.peer());
            let protected = self
                .record(setup, owner.peer(), g)
                .is_some_and(|r| r.protection == farshore_core::record::Protection::Protected);
            copy.is_some_and(|c| !c.present) && protected
        };
        if group.luns.iter().any(|l| other(&l)) {
            return Err(("L1", "a recovery LUN is lost, and its group counts as protected"));
        }
        Ok(())
    }
}

/// Whether an alert tells people about a group, one of its LUNs or one of its VMs.
fn about(setup: &Setup, alert: &Alert, g: GroupIx) -> bool {
    let inventory = setup.inventory();
    let key = inventory.groups[g].key;
    let of_lun = |lun| inventory.luns.by_key(lun).is_some_and(|(_, l)| l.group == Some(g));
    match *alert {
        Alert::NeedsOperator { group, .. }
        | Alert::Held { group, .. }
        | Alert::PeerSilent { group }
        | Alert::Unrenewed { group }
        | Alert::ArbiterNew { group }
        | Alert::TakeoverOff { group }
        | Alert::TakeoverDenied { group, .. }
        | Alert::InDoubt { group, .. }
        | Alert::OpFailed { group, .. }
        | Alert::Prompt { group, .. }
        | Alert::StepDown { group, .. } => group == key,
        // A test tells nothing of the group itself.
        Alert::Uncommitted { .. } | Alert::Testing { .. } | Alert::TestFailed { .. } | Alert::TestLeft { .. } => false,
        Alert::Loss { lun, .. }
        | Alert::RecoveryLunLost { lun }
        | Alert::Contradicted { lun }
        | Alert::AllPathsDown { lun }
        | Alert::Returned { lun } => of_lun(lun),
        Alert::VmDown { vm } => inventory.vms.by_key(vm).is_some_and(|(_, v)| v.group == Some(g)),
        Alert::Unprotected { .. }
        | Alert::Stranger { .. }
        | Alert::ManagerLost
        | Alert::HostLost { .. }
        | Alert::RpoBehind { .. }
        | Alert::OutOfSync { .. } => false,
    }
}
