//! Makes a report of a stream of notes: who said what about which group, put in order.

mod draft;
mod events;
mod finish;
mod steps;

use std::collections::BTreeMap;

use farshore_core::Site;
use farshore_core::detection::corroboration::Finding;
use farshore_core::event::Alert;
use farshore_core::ids::{GroupIx, HostIx, HostKey, LunIx, LunKey, Side, VmIx};
use farshore_core::input::Command;
use farshore_core::time::Millis;

use crate::note::{Note, What};
use crate::report::{Approval, OrderLine, Report};
use crate::words::Words;
use draft::{Draft, Kind};
pub(crate) use draft::{Move, Part, PhaseDraft};

/// What a report is about.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// One line.
    pub title: &'a str,
    /// What was run.
    pub source: &'a str,
    /// When it ended.
    pub end: Millis,
}

/// The report of what happened. Notes are in order of time; of a pair of sites, either one's [`Site`] will do.
#[must_use]
pub fn report(about: About<'_>, site: &Site, notes: &[Note]) -> Report {
    let mut builder = Builder::new(site);
    for note in notes {
        builder.note(note);
    }
    builder.finish(about)
}

/// What a site's manager collects in one group of failures (G2 to G4).
#[derive(Clone, Debug, Default)]
struct Window {
    begin: Option<Millis>,
    closed: bool,
    seen: Vec<(LunKey, HostKey, Millis)>,
    incident: Option<usize>,
}

/// A start of a VM, for what waits on its host.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    pub(crate) vm: VmIx,
    pub(crate) host: HostIx,
    pub(crate) asked: Millis,
    pub(crate) over: Option<Millis>,
}

pub(crate) struct Builder<'a> {
    pub(crate) site: &'a Site,
    pub(crate) words: Words<'a>,
    incidents: Vec<Draft>,
    moves: Vec<Move>,
    current: BTreeMap<GroupIx, usize>,
    windows: [Window; 2],
    known: BTreeMap<(Side, LunKey), (Finding, usize)>,
    alerts: Vec<(Side, Alert, Millis, Option<Millis>)>,
    orders: Vec<OrderLine>,
    pending: BTreeMap<GroupIx, Vec<Approval>>,
    down: BTreeMap<VmIx, Millis>,
    gone: BTreeMap<(Side, LunIx), Millis>,
    starts: Vec<Start>,
    tests: Vec<draft::TestDraft>,
}

impl<'a> Builder<'a> {
    fn new(site: &'a Site) -> Self {
        Self {
            site,
            words: Words(&site.inventory),
            incidents: Vec::new(),
            moves: Vec::new(),
            current: BTreeMap::new(),
            windows: [Window::default(), Window::default()],
            known: BTreeMap::new(),
            alerts: Vec::new(),
            orders: Vec::new(),
            pending: BTreeMap::new(),
            down: BTreeMap::new(),
            gone: BTreeMap::new(),
            starts: Vec::new(),
            tests: Vec::new(),
        }
    }

    fn note(&mut self, note: &Note) {
        let at = note.at;
        match (&note.what, note.side) {
            (What::Event(event), Some(side)) => self.event(at, side, event),
            (What::Ordered(command), Some(side)) => self.ordered(at, side, command),
            (What::Lost(lun), Some(side)) => drop(self.gone.insert((side, *lun), at)),
            (What::Asked(vm, host), Some(side)) => self.asked(at, side, *vm, *host),
            (What::Left(lun, left, seen), Some(side)) => {
                if let Some(m) = self.giving(*lun).filter(|m| m.from == side) {
                    m.luns.entry(*lun).or_default().left = Some((*left, *seen));
                }
            }
            (What::Promoted(lun, age), Some(side)) => {
                if let Some(m) = self.giving(*lun).filter(|m| m.from != side) {
                    m.luns.entry(*lun).or_default().promoted = Some(*age);
                }
            }
            (What::Started(vm, _), _) => {
                self.start_over(*vm, at);
                if let Some(m) = self.of_vm(*vm) {
                    m.vms.entry(*vm).or_default().started = Some(at);
                }
            }
            (What::Down(vm), _) => {
                self.down.entry(*vm).or_insert(at);
                if let Some(m) = self.of_vm(*vm) {
                    m.vms.entry(*vm).or_default().down.get_or_insert(at);
                }
            }
            (What::Serving(vm), _) => drop(self.down.remove(vm)),
            (What::Held(vm, held), _) => {
                if let Some(m) = self.with_data_of(*vm) {
                    let ended = m.ended.is_some();
                    let line = m.vms.entry(*vm).or_default();
                    line.held = line.held.filter(|_| ended).or(Some(*held));
                }
            }
            (What::Gone(vm, lost, age), _) => {
                if let Some(m) = self.with_data_of(*vm) {
                    let vm = m.vms.entry(*vm).or_default();
                    vm.lost = Some(vm.lost.unwrap_or(0) + lost);
                    vm.lost_age = vm.lost_age.max(*age);
                }
            }
            // What is known of a site and does not say of which tells nothing.
            (
                What::Event(_)
                | What::Ordered(_)
                | What::Lost(_)
                | What::Asked(..)
                | What::Left(..)
                | What::Promoted(..),
                None,
            ) => {}
        }
    }

    pub(crate) fn moves(&self) -> impl Iterator<Item = &Move> {
        self.moves.iter()
    }

    pub(crate) fn starts(&self) -> impl Iterator<Item = &Start> {
        self.starts.iter()
    }

    /// The move that a group is in now.
    fn of_group(&mut self, group: GroupIx) -> Option<&mut Move> {
        let at = *self.current.get(&group)?;
        self.moves.get_mut(at)
    }

    fn of_vm(&mut self, vm: VmIx) -> Option<&mut Move> {
        let group = self.site.inventory.vms[vm].group?;
        self.of_group(group).filter(|m| m.ended.is_none())
    }

    /// The move that what is counted of a VM's writes belongs to: the one that goes on, or, where it is counted
    /// afterwards, the last one that moved its data.
    fn with_data_of(&mut self, vm: VmIx) -> Option<&mut Move> {
        let group = self.site.inventory.vms[vm].group?;
        let current = *self.current.get(&group)?;
        let moved = self.moves.iter().rposition(|m| m.group == group && m.taken);
        let at = if self.moves[current].ended.is_none() { current } else { moved.unwrap_or(current) };
        self.moves.get_mut(at)
    }

    fn giving(&mut self, lun: LunIx) -> Option<&mut Move> {
        let group = self.site.inventory.luns[lun].group?;
        self.of_group(group).filter(|m| m.ended.is_none())
    }

    fn asked(&mut self, at: Millis, side: Side, vm: VmIx, host: HostIx) {
        self.starts.push(Start { vm, host, asked: at, over: None });
        if let Some(m) = self.of_vm(vm) {
            let line = m.vms.entry(vm).or_default();
            if line.side.is_some_and(|s| s != side) {
                // It was put back at its owner before: that start is another one.
                (line.asked, line.started, line.ready, line.failed) = (None, None, None, None);
            }
            line.asked.get_or_insert(at);
            line.host = Some(host);
            line.side = Some(side);
        }
    }

    /// An operator has said what is to become of a VM.
    fn answered(&mut self, vm: VmIx, at: Millis) {
        if let Some(m) = self.of_vm(vm) {
            for (_, _, until) in m.asks.iter_mut().filter(|a| a.0 == vm) {
                until.get_or_insert(at);
            }
        }
    }

    fn start_over(&mut self, vm: VmIx, at: Millis) {
        if let Some(start) = self.starts.iter_mut().rev().find(|s| s.vm == vm) {
            start.over.get_or_insert(at);
        }
    }

    /// A move begins: in an incident that there is, or in one of its own.
    fn begin(&mut self, at: Millis, group: GroupIx, from: Side, incident: usize) -> &mut Move {
        let mut new = Move::new(at, group, from, incident);
        new.approvals = self.pending.remove(&group).unwrap_or_default();
        for &vm in &self.site.inventory.groups[group].vms {
            if let Some(&since) = self.down.get(&vm) {
                new.vms.entry(vm).or_default().down = Some(since);
            }
        }
        for &lun in &self.site.inventory.groups[group].luns {
            new.luns.entry(lun).or_default().gone = self.gone.get(&(from, lun)).copied();
        }
        self.current.insert(group, self.moves.len());
        self.moves.push(new);
        let last = self.moves.len() - 1;
        &mut self.moves[last]
    }

    /// The incident of this kind at this site that still goes on, or a new one.
    fn incident(&mut self, at: Millis, side: Side, kind: Kind) -> usize {
        let open = |(n, d): (usize, &Draft)| {
            let mut own = self.moves.iter().filter(|m| m.incident == n);
            let goes_on = d.begin == at || own.any(|m| m.ended.is_none());
            (d.side == side && d.kind == kind && goes_on).then_some(n)
        };
        if let Some(n) = self.incidents.iter().enumerate().rev().find_map(open) {
            return n;
        }
        self.incidents.push(Draft::new(at, side, kind));
        self.incidents.len() - 1
    }

    fn ordered(&mut self, at: Millis, side: Side, command: &Command) {
        let site = self.words.site(side).to_string();
        let what = self.words.command(command);
        self.orders.push(OrderLine { at: at.0, site: site.clone(), what: what.clone() });
        let find = |key| self.site.inventory.groups.find(key);
        let of_vm = |key| self.site.inventory.vms.by_key(key).and_then(|(_, vm)| vm.group);
        let group = match command {
            Command::Migrate(g)
            | Command::Release(g)
            | Command::Cancel(g)
            | Command::Retry(g)
            | Command::StartRemainder(g)
            | Command::Pause(g)
            | Command::Resume(g)
            | Command::Commit(g)
            | Command::AnswerStep { group: g, .. } => find(*g),
            Command::RetryVm(vm) | Command::SkipVm(vm) => of_vm(*vm),
            // These are told as overrides, with who gave them (I22).
            Command::Force(_) | Command::TakeOver(_) | Command::RollBack(_) => None,
            // These move nothing.
            Command::Protect(_)
            | Command::Unprotect(_)
            | Command::Maintenance(_)
            | Command::Test(_)
            | Command::EndTest(_) => None,
        };
        if let Command::RetryVm(vm) | Command::SkipVm(vm) = command
            && let Some(vm) = self.site.inventory.vms.find(*vm)
        {
            self.answered(vm, at);
        }
        if let Some(group) = group {
            self.approved(group, Approval { at: at.0, site, by: Vec::new(), forced: false, what });
        }
    }

    /// For the move that goes on, or for the one that begins with it.
    fn approved(&mut self, group: GroupIx, approval: Approval) {
        match self.of_group(group).filter(|m| m.ended.is_none()) {
            Some(m) => m.approvals.push(approval),
            None => self.pending.entry(group).or_default().push(approval),
        }
    }
}
