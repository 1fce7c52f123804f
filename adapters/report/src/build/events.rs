//! What each event of a manager adds.

use farshore_core::choosing;
use farshore_core::detection::corroboration::Finding;
use farshore_core::event::{Alert, Event};
use farshore_core::gate;
use farshore_core::ids::{GroupIx, GroupKey, LunKey, Side};
use farshore_core::plan::OnFailure;
use farshore_core::policy::ErrorKind;
use farshore_core::record::TakePhase;
use farshore_core::time::Millis;
use farshore_core::waiver::Override;

use super::draft::{Chosen, Draft, Kind, Part};
use super::{Builder, Window};
use crate::report::Approval;

impl Builder<'_> {
    pub(super) fn event(&mut self, at: Millis, side: Side, event: &Event) {
        match *event {
            Event::LossSeen { host, lun } => {
                let window = self.window(side);
                window.begin.get_or_insert(at);
                window.seen.push((lun, host, at));
            }
            Event::WindowOpened => drop(self.window(side).begin.get_or_insert(at)),
            Event::WindowClosed { .. } => self.windows[side.at()].closed = true,
            Event::Concluded { lun, finding } => self.concluded(at, side, lun, finding),
            Event::Marked { group, lun, epoch } => {
                if let Some(g) = self.site.inventory.groups.find(group) {
                    self.marked(at, side, g, (lun, epoch));
                }
            }
            Event::PlanChosen { group, plan, rule, kind, scope } => {
                if let Some(g) = self.site.inventory.groups.find(group) {
                    let chosen = Chosen { at: Some(at), plan, rule, kind, scope };
                    self.chosen(at, side, g, chosen);
                }
            }
            Event::Giving { group, phase, .. } => {
                if let Some(g) = self.site.inventory.groups.find(group) {
                    self.goes_on(at, side, g, side);
                    if let Some(m) = self.of_group(g) {
                        m.phase(at, side, Part::Giving(phase));
                    }
                }
            }
            Event::Taking { group, phase, .. } => {
                if let Some(g) = self.site.inventory.groups.find(group) {
                    self.taking(at, side, g, phase);
                }
            }
            Event::Refused { group, .. } | Event::Aborted { group, .. } | Event::Committed { group } => {
                let text = self.words.event(side, event).unwrap_or_default();
                if let Some(m) = self.of_key(group) {
                    m.remarks.push((at, side, event.rule(), text));
                    if matches!(event, Event::Aborted { .. }) {
                        m.aborted = true;
                        m.gives_up(at, side);
                    }
                }
            }
            Event::Doubt(op) => {
                let text = self.words.event(side, event).unwrap_or_default();
                if let Some(m) = self.of_key(op.id.group).filter(|m| m.ended.is_none()) {
                    m.remarks.push((at, side, event.rule(), text));
                }
            }
            Event::Settled { group, .. } => {
                if let Some(m) = self.of_key(group) {
                    m.rests(at, side);
                    if m.ended.is_none() && m.ends_with(side) {
                        m.ended = Some(at);
                    }
                }
            }
            Event::VmReady { vm, host } => {
                let found = (self.site.inventory.vms.find(vm), self.site.inventory.hosts.find(host));
                if let (Some(vm), Some(host)) = found {
                    self.start_over(vm, at);
                    if let Some(m) = self.of_vm(vm) {
                        let line = m.vms.entry(vm).or_default();
                        (line.ready, line.failed, line.host, line.side) = (Some(at), None, Some(host), Some(side));
                    }
                }
            }
            Event::StepOver { group, step, verdict } => self.step_over(at, side, group, step, verdict),
            Event::Testing { .. }
            | Event::TestCopyFailed { .. }
            | Event::TestVmReady { .. }
            | Event::TestVmFailed { .. }
            | Event::TestCleared { .. } => self.tested(at, side, event),
            Event::Overridden(given) => self.overridden(at, side, given),
            Event::Raised(alert) => self.raised(at, side, alert),
            Event::Cleared(alert) => self.cleared(at, side, alert),
            // These follow from or lead to something that is told, or stand in the timeline only.
            Event::SenseUnreadable { .. }
            | Event::Protected { .. }
            | Event::NoLongerProtected { .. }
            | Event::ArrayFailed { .. }
            | Event::LateAnswer { .. }
            | Event::Halted => {}
        }
    }

    fn of_key(&mut self, key: GroupKey) -> Option<&mut super::Move> {
        let g = self.site.inventory.groups.find(key)?;
        self.of_group(g)
    }

    /// The window that is open at a site; a closed one is over.
    fn window(&mut self, side: Side) -> &mut Window {
        let window = &mut self.windows[side.at()];
        if window.closed {
            *window = Window::default();
        }
        window
    }

    /// D3. A lost LUN goes on being lost: finding the same again is no incident, and adds only who saw it.
    fn concluded(&mut self, at: Millis, side: Side, lun: LunKey, finding: Finding) {
        let by: Vec<_> = self.windows[side.at()].seen.iter().filter(|s| s.0 == lun).map(|s| (s.1, s.2)).collect();
        let begin = self.windows[side.at()].begin.unwrap_or(at);
        let incident = match self.known.get(&(side, lun)) {
            Some(&(same, incident)) if same == finding => incident,
            Some(_) | None => match self.windows[side.at()].incident {
                Some(incident) => incident,
                None => {
                    self.incidents.push(Draft::new(begin, side, Kind::Contradicted));
                    self.incidents.len() - 1
                }
            },
        };
        let news = self.known.insert((side, lun), (finding, incident)).is_none_or(|(was, _)| was != finding);
        if news {
            self.windows[side.at()].incident = Some(incident);
        }
        let draft = &mut self.incidents[incident];
        if finding == Finding::Confirmed && draft.kind == Kind::Contradicted {
            draft.kind = Kind::Error(ErrorKind::LunLost);
        }
        let said = draft.evidence.entry(lun).or_default();
        for (host, at) in by {
            if said.by.iter().all(|(h, _)| *h != host) {
                said.by.push((host, at));
            }
        }
        said.finding.get_or_insert((finding, at));
    }

    fn marked(&mut self, at: Millis, side: Side, g: GroupIx, (lun, epoch): (LunKey, farshore_core::ids::Epoch)) {
        let open = self.of_group(g).is_some_and(|m| m.ended.is_none() && m.from == side);
        if !open {
            let incident = match self.windows[side.at()].incident {
                Some(incident) => incident,
                None => self.incident(at, side, Kind::Error(ErrorKind::LunLost)),
            };
            self.begin(at, g, side, incident);
        }
        let gone = self.site.inventory.luns.find(lun).and_then(|l| Some((l, *self.gone.get(&(side, l))?)));
        if let Some(m) = self.of_group(g) {
            m.marked.push((at, lun, epoch));
            if let Some((l, gone)) = gone {
                m.luns.entry(l).or_default().gone = Some(gone);
            }
        }
    }

    /// M4. What a group was marked for begins its move; what nothing marked begins here.
    fn chosen(&mut self, at: Millis, side: Side, g: GroupIx, chosen: Chosen) {
        let before = self.of_group(g).map(|m| (m.ended.is_some(), m.incident, m.chosen.is_some()));
        match (before, chosen.kind) {
            (Some((false, _, _)), _) => {}
            (Some((true, incident, _)), ErrorKind::LunLost | ErrorKind::DeviceLost) => {
                self.begin(at, g, side, incident);
            }
            (Some(_) | None, kind) => {
                let incident = self.incident(at, side, Kind::Error(kind));
                self.begin(at, g, side, incident);
            }
        }
        let again = before.is_some_and(|(ended, _, chosen)| !ended && chosen);
        let Some(m) = self.of_group(g) else { return };
        m.chosen = Some(chosen);
        if again {
            m.remarks.push((at, side, "M4", "a plan is chosen again: a new try".into()));
            m.aborted = false;
        }
        let incident = m.incident;
        let draft = &mut self.incidents[incident];
        // What began as a lost LUN turns out to be an array; what began as a stop, to be the loss of its manager.
        if matches!(draft.kind, Kind::Error(ErrorKind::LunLost) | Kind::Unrenewed | Kind::Before) {
            draft.kind = Kind::Error(chosen.kind);
        }
    }

    /// A move that nothing has begun had begun before the notes do.
    fn goes_on(&mut self, at: Millis, side: Side, g: GroupIx, from: Side) {
        if self.of_group(g).is_none() {
            let incident = self.incident(at, side, Kind::Before);
            self.begin(at, g, from, incident);
        }
    }

    fn taking(&mut self, at: Millis, side: Side, g: GroupIx, phase: TakePhase) {
        let open = self.of_group(g).is_some_and(|m| m.ended.is_none());
        match phase {
            // O11: what nobody gives is taken, and its plan is chosen without a word.
            TakePhase::Acquiring { .. } if !open => {
                let incident = self.incident(at, side.peer(), Kind::Error(ErrorKind::SiteLost));
                self.begin(at, g, side.peer(), incident);
            }
            TakePhase::Stopping | TakePhase::PuttingBack if !open => {
                let incident = self.incident(at, side, Kind::Unrenewed);
                self.begin(at, g, side, incident);
            }
            TakePhase::Acquiring { .. }
            | TakePhase::Stopping
            | TakePhase::PuttingBack
            | TakePhase::Reserved
            | TakePhase::Cutting
            | TakePhase::Promoting
            | TakePhase::Starting
            | TakePhase::Waiting => self.goes_on(at, side, g, side.peer()),
        }
        let silent = matches!(phase, TakePhase::Acquiring { .. }).then(|| self.for_silent(g)).flatten();
        let Some(m) = self.current.get(&g).and_then(|&n| self.moves.get_mut(n)) else { return };
        let incident = &mut self.incidents[m.incident];
        if silent.is_some() && incident.kind == Kind::Unrenewed {
            // The owner stopped, and its site was silent: one incident.
            (incident.kind, m.aborted) = (Kind::Error(ErrorKind::SiteLost), false);
        }
        m.phase(at, side, Part::Taking(phase));
        m.taken |= side != m.from && matches!(phase, TakePhase::Cutting);
        m.chosen = m.chosen.or(silent);
    }

    /// The plan by which a silent site's group is taken over (M4).
    fn for_silent(&self, g: GroupIx) -> Option<Chosen> {
        let (inventory, policy) = (&self.site.inventory, &self.site.policy);
        let recovery = policy.recovery_of(inventory.groups[g].home);
        let (plan, rule) = choosing::choose(policy, g, ErrorKind::SiteLost, recovery.kind())?;
        let vms = &inventory.groups[g].vms;
        let critical = match vms.iter().filter(|&&v| inventory.vms[v].critical).count() {
            0 => gate::Critical::None,
            n if n == vms.len() => gate::Critical::All,
            _ => gate::Critical::Some,
        };
        let scope = gate::gate(recovery, critical).scope;
        Some(Chosen { at: None, plan: inventory.plans[plan].key, rule, kind: ErrorKind::SiteLost, scope })
    }

    fn overridden(&mut self, at: Millis, side: Side, given: Override) {
        let Some(g) = self.site.inventory.groups.find(given.group) else { return };
        let by = [Some(given.by), given.second].into_iter().flatten().map(|o| o.0).collect();
        let site = self.words.site(side).to_string();
        self.approved(g, Approval { at: at.0, site, by, forced: true, what: given.waives.to_string() });
    }

    fn raised(&mut self, at: Millis, side: Side, alert: Alert) {
        let standing = |a: &&mut (Side, Alert, Millis, Option<Millis>)| a.0 == side && a.1 == alert && a.3.is_none();
        if self.alerts.iter_mut().find(standing).is_some() {
            return;
        }
        self.alerts.push((side, alert, at, None));
        match alert {
            Alert::NeedsOperator { group, why } => {
                if let Some(m) = self.of_key(group) {
                    m.latches.push((side, why, at, None));
                }
            }
            Alert::Loss { lun, lag } => {
                let Some(l) = self.site.inventory.luns.find(lun) else { return };
                if let Some(m) = self.giving(l) {
                    m.luns.entry(l).or_default().estimate = lag;
                }
            }
            Alert::VmDown { vm } => {
                let Some(vm) = self.site.inventory.vms.find(vm) else { return };
                self.start_over(vm, at);
                let inventory = &self.site.inventory;
                if let Some(m) = self.of_vm(vm) {
                    m.vms.entry(vm).or_default().failed = Some(at);
                    let plan = m.chosen.and_then(|c| inventory.plans.by_key(c.plan));
                    let said = inventory.vms[vm].on_failure.or(plan.map(|(_, plan)| plan.start.on_failure));
                    if said == Some(OnFailure::Ask) {
                        m.asks.push((vm, at, None));
                    }
                }
            }
            Alert::Unprotected { datastore } => {
                let name = self.words.datastore(datastore).to_string();
                let window = self.windows[side.at()].incident;
                let incident = window.unwrap_or_else(|| self.incident(at, side, Kind::Error(ErrorKind::LunLost)));
                self.incidents[incident].unprotected.push(name);
            }
            Alert::Prompt { group, step } => self.prompted(at, group, step, true),
            Alert::StepDown { group, step } => self.step_down(at, group, step, true),
            // A LUN that is back may be lost anew (D4).
            Alert::Returned { lun } => drop(self.known.remove(&(side, lun))),
            // They are told in the table of alerts, and nowhere else.
            Alert::Held { .. }
            | Alert::HostLost { .. }
            | Alert::RpoBehind { .. }
            | Alert::OutOfSync { .. }
            | Alert::Uncommitted { .. }
            | Alert::Testing { .. }
            | Alert::TestFailed { .. }
            | Alert::TestLeft { .. }
            | Alert::ManagerLost
            | Alert::PeerSilent { .. }
            | Alert::InDoubt { .. }
            | Alert::OpFailed { .. }
            | Alert::RecoveryLunLost { .. }
            | Alert::Contradicted { .. }
            | Alert::AllPathsDown { .. }
            | Alert::Unrenewed { .. }
            | Alert::ArbiterNew { .. }
            | Alert::TakeoverOff { .. }
            | Alert::TakeoverDenied { .. }
            | Alert::Stranger { .. } => {}
        }
    }

    fn cleared(&mut self, at: Millis, side: Side, alert: Alert) {
        if let Some(a) = self.alerts.iter_mut().find(|a| a.0 == side && a.1 == alert && a.3.is_none()) {
            a.3 = Some(at);
        }
        if let Alert::Prompt { group, step } = alert {
            self.prompted(at, group, step, false);
        }
        if let Alert::StepDown { group, step } = alert {
            self.step_down(at, group, step, false);
        }
        if let Alert::VmDown { vm } = alert
            && let Some(vm) = self.site.inventory.vms.find(vm)
        {
            self.answered(vm, at);
        }
        if let Alert::NeedsOperator { group, why } = alert
            && let Some(m) = self.of_key(group)
        {
            let latch = m.latches.iter_mut().find(|l| l.0 == side && l.1 == why && l.3.is_none());
            if let Some(latch) = latch {
                latch.3 = Some(at);
            }
        }
    }
}
