//! The timeline: what the scenario does to the world, and when.

mod authority;
mod disturb;
mod links;
mod order;
mod reports;
mod stores;

use core::ops::Range;

use farshore_core::ids::{ArrayIx, HostIx, LunIx, Side, VmIx};
use farshore_core::input::Command;
use farshore_core::inventory::Inventory;
use farshore_core::operation::Target;
use farshore_core::time::Millis;

use super::error::Nonsense;
use super::file::{Between, Deed, EventFile, LunAt, SiteOnly, VmAt};
use super::kinds::Verb;
use super::names::Names;
use crate::reports::{GONE, Says};
use crate::scope::{Fault, Store, Wire};

/// One thing that the scenario does.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    /// When, from the beginning.
    pub(crate) at: Millis,
    /// What, in words.
    pub(crate) words: String,
    /// Where, if it is at one site.
    pub(crate) side: Option<Side>,
    /// What.
    pub(crate) act: Act,
}

/// What the runner does for an event.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Things break or come back, in order.
    Faults(Vec<Fault>),
    /// A guest never becomes ready, whenever it starts.
    HangGuest(Side, VmIx),
    /// A manager crashes, and may start again after a while.
    Crash(Side, Option<Millis>),
    /// It starts again.
    Restart(Side),
    /// It starts again from the copy of its journal.
    Return(Side),
    /// A store is copied.
    Keep(Store),
    /// Wires are cut for a while, and whole for a while, so many times.
    Flap { wires: Vec<Wire>, down: Between, up: Between, times: u32 },
    /// Hosts repeat their reports, so often, with this pause.
    Repeat(Vec<HostIx>, LunIx, u32, Millis),
    /// From now on, some things go wrong.
    Disturb(Disturbance),
    /// From now on, nothing more goes wrong that did not yet.
    Calm,
    /// The operator gives a command at the first of these sites that takes it.
    Order(Vec<Side>, Command),
}

/// Things that go wrong when they come.
#[derive(Clone, Debug)]
pub(crate) struct Disturbance {
    pub(crate) what: Struck,
    pub(crate) how: How,
    /// How often it still strikes; `None`: always.
    pub(crate) left: Option<u32>,
}

/// What is struck.
#[derive(Clone, Debug)]
pub(crate) enum Struck {
    Op { verb: Option<Verb>, target: Option<Target>, side: Option<Side> },
    Mail { from: Option<Side> },
    Letter { wires: Vec<Wire> },
    Report { host: Option<HostIx>, lun: Option<LunIx> },
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    Slow(Between),
    Fail,
    Hang,
    Mute,
    AnswerLate(Between),
    Twice(Between),
    Lose,
}

/// Puts the events of a file in order of time. `third`: there is an arbiter.
pub(crate) fn plan(
    inventory: &Inventory,
    third: bool,
    events: Vec<(Range<usize>, EventFile)>,
) -> Result<Vec<Planned>, Nonsense> {
    let mut planned = Vec::new();
    for (place, event) in events {
        let at = event.at.0;
        let (span, deed) = event.deed().map_err(|given| match given.as_slice() {
            [] => Nonsense::new(
                &place,
                "this event does nothing",
                "say what happens, such as `lose-lun = \"NAME\"`; docs/scenario-format.md lists the keys",
            ),
            given => Nonsense::new(
                &place,
                format!("this event does several things: {}", given.join(", ")),
                "write an [[event]] for each; they may have the same `at`",
            ),
        })?;
        let names = Names::new(inventory, &span);
        let (words, side, act) = deed_of(&names, third, deed)?;
        planned.push(Planned { at, words, side, act });
    }
    planned.sort_by_key(|p| p.at);
    Ok(planned)
}

type Resolved = (String, Option<Side>, Act);

fn deed_of(names: &Names<'_>, third: bool, deed: Deed) -> Result<Resolved, Nonsense> {
    match deed {
        Deed::LoseLun(lun) => lose_lun(names, &lun),
        Deed::ReturnLun(lun) => {
            let (side, ix) = lun_at(names, &lun)?;
            let mut faults = vec![Fault::ReturnLun(side, ix)];
            faults.extend(paths(names.inventory, side, ix, Says::Truth));
            Ok((format!("LUN {} comes back", lun.lun), Some(side), Act::Faults(faults)))
        }
        Deed::Paths(p) => reports::paths(names, &p),
        Deed::RepeatReports(r) => reports::repeat(names, r),
        Deed::LateReports(l) => reports::late(names, l),
        Deed::HangGuest(vm) => hang_guest(names, &vm),
        Deed::CrashManager(m) => crash(names, &m),
        Deed::RestartManager(m) => restart(names, &m),
        Deed::Cut(link) => links::cut(names, third, &link),
        Deed::Mend(link) => links::mend(names, third, &link),
        Deed::Flap(flap) => links::flap(names, third, flap),
        Deed::LoseLetters(f) => links::letters(names, third, "lose-letters", &f),
        Deed::LateLetters(f) => links::letters(names, third, "late-letters", &f),
        Deed::DoubleLetters(f) => links::letters(names, third, "double-letters", &f),
        Deed::SnapshotManager(_)
        | Deed::RestoreManager(_)
        | Deed::SnapshotAgent(_)
        | Deed::RestoreAgent(_)
        | Deed::SnapshotArbiter(_)
        | Deed::RestoreArbiter(_)
        | Deed::ReplaceArbiter(_)
        | Deed::Rearm(_) => stores::store(names, third, &deed),
        Deed::SlipClock(_) | Deed::JumpClock(_) => stores::clock(names, third, &deed),
        Deed::EndDisturbances(on) => calm(names, on),
        Deed::LoseArray(_)
        | Deed::SilenceArray(_)
        | Deed::WakeArray(_)
        | Deed::CutArray(_)
        | Deed::ReconnectArray(_)
        | Deed::LoseHost(_)
        | Deed::ReturnHost(_)
        | Deed::HangHost(_)
        | Deed::WakeHost(_) => device(names, &deed),
        Deed::LoseSite(_)
        | Deed::ReturnSite(_)
        | Deed::IsolateSite(_)
        | Deed::RejoinSite(_)
        | Deed::StopAgent(_)
        | Deed::StartAgent(_)
        | Deed::PauseAgent(_)
        | Deed::ResumeAgent(_)
        | Deed::StopArbiter(_)
        | Deed::StartArbiter(_) => authority::authority(names, &deed),
        Deed::SlowOperations(_)
        | Deed::FailOperations(_)
        | Deed::HangOperations(_)
        | Deed::LoseAnswers(_)
        | Deed::LateAnswers(_)
        | Deed::DoubleOperations(_)
        | Deed::LoseMessages(_)
        | Deed::LateMessages(_)
        | Deed::DoubleMessages(_) => disturb::disturbance(names, deed),
        Deed::Protect(_)
        | Deed::Unprotect(_)
        | Deed::Pause(_)
        | Deed::Resume(_)
        | Deed::Migrate(_)
        | Deed::Release(_)
        | Deed::Cancel(_)
        | Deed::Force(_)
        | Deed::Retry(_)
        | Deed::TakeOver(_)
        | Deed::StartRemainder(_)
        | Deed::RetryVm(_)
        | Deed::SkipVm(_)
        | Deed::Answer(_)
        | Deed::Commit(_)
        | Deed::RollBack(_)
        | Deed::Test(_)
        | Deed::EndTest(_)
        | Deed::Maintenance(_) => order::order(names, &deed),
    }
}

fn lun_at(names: &Names<'_>, lun: &LunAt) -> Result<(Side, LunIx), Nonsense> {
    let ix = names.lun(&lun.lun)?;
    let info = &names.inventory.luns[ix];
    let side = names.site_or(lun.site.as_ref(), info.home)?;
    if info.ends[side.at()].is_none() {
        let site = &names.inventory.sites[side.at()].name;
        let problem = format!("LUN `{}` has no copy at {site}", lun.lun);
        return Err(Nonsense::new(names.at, problem, "leave `site` out, or give the LUN a replica in the deployment"));
    }
    Ok((side, ix))
}

fn vm_at(names: &Names<'_>, vm: &VmAt) -> Result<(Side, VmIx), Nonsense> {
    let ix = names.vm(&vm.vm)?;
    let side = names.site_or(vm.site.as_ref(), names.inventory.vms[ix].home.peer())?;
    Ok((side, ix))
}

/// Every path of every host to a copy says this.
fn paths(inventory: &Inventory, side: Side, lun: LunIx, says: Says) -> Vec<Fault> {
    let hosts = inventory.luns[lun].ends[side.at()].as_ref().map_or(&[][..], |e| &e.hosts);
    hosts.iter().map(|&host| Fault::Path(host, lun, None, says)).collect()
}

fn lose_lun(names: &Names<'_>, lun: &LunAt) -> Result<Resolved, Nonsense> {
    let (side, ix) = lun_at(names, lun)?;
    let sense = lun.sense.map_or(GONE, |s| s.0);
    let mut faults = Vec::new();
    if sense != GONE {
        faults = paths(names.inventory, side, ix, sense);
    }
    faults.push(Fault::LoseLun(side, ix));
    let words = format!("LUN {} is lost for good; its paths say {}", lun.lun, says(sense));
    Ok((words, Some(side), Act::Faults(faults)))
}

fn crash(names: &Names<'_>, m: &SiteOnly) -> Result<Resolved, Nonsense> {
    let side = names.site(&m.site)?;
    let act = Act::Crash(side, m.restart_after.map(|s| s.0));
    Ok((format!("the manager of {} crashes", m.site), Some(side), act))
}

fn restart(names: &Names<'_>, m: &SiteOnly) -> Result<Resolved, Nonsense> {
    let side = names.site(&m.site)?;
    Ok((format!("the manager of {} starts again", m.site), Some(side), Act::Restart(side)))
}

fn calm(names: &Names<'_>, on: bool) -> Result<Resolved, Nonsense> {
    let nothing = || {
        let help = "write `end-disturbances = true`, or leave it out";
        Nonsense::new(names.at, "an event that does nothing", help)
    };
    if on { Ok(("nothing is disturbed any more".into(), None, Act::Calm)) } else { Err(nothing()) }
}

fn hang_guest(names: &Names<'_>, vm: &VmAt) -> Result<Resolved, Nonsense> {
    let (side, ix) = vm_at(names, vm)?;
    let site = &names.inventory.sites[side.at()].name;
    Ok((format!("from now on, {} never becomes ready at {site}", vm.vm), Some(side), Act::HangGuest(side, ix)))
}

fn device(names: &Names<'_>, deed: &Deed) -> Result<Resolved, Nonsense> {
    let array = |name: &String| names.array(name).map(|ix| (ix, names.inventory.arrays[ix].side));
    let host = |name: &String| names.host(name).map(|ix| (ix, names.inventory.hosts[ix].side));
    if let Deed::CutArray(n) | Deed::ReconnectArray(n) = deed {
        let (ix, side) = array(n)?;
        return Ok(reach(names.inventory, n, ix, side, matches!(deed, Deed::CutArray(_))));
    }
    let (words, side, fault) = match deed {
        Deed::LoseArray(n) => {
            let (ix, side) = array(n)?;
            (format!("array {n} is lost for good, with all its LUNs"), side, Fault::LoseArray(ix))
        }
        Deed::SilenceArray(n) => {
            let (ix, side) = array(n)?;
            (format!("the management of array {n} stops answering"), side, Fault::SilenceArray(ix))
        }
        Deed::WakeArray(n) => {
            let (ix, side) = array(n)?;
            (format!("the management of array {n} answers again"), side, Fault::WakeArray(ix))
        }
        Deed::LoseHost(n) => {
            let (ix, side) = host(n)?;
            (format!("host {n} is lost, with the VMs on it"), side, Fault::LoseHost(ix))
        }
        Deed::ReturnHost(n) => {
            let (ix, side) = host(n)?;
            (format!("host {n} is back, empty"), side, Fault::ReturnHost(ix))
        }
        Deed::HangHost(n) => {
            let (ix, side) = host(n)?;
            (format!("host {n} answers nothing any more; its VMs run on"), side, Fault::HangHost(ix))
        }
        Deed::WakeHost(n) => {
            let (ix, side) = host(n)?;
            (format!("host {n} answers again"), side, Fault::WakeHost(ix))
        }
        _ => unreachable!("only devices"),
    };
    Ok((words, Some(side), Act::Faults(vec![fault])))
}

/// No host reaches an array by any path, nor its management; or all do again.
fn reach(inventory: &Inventory, name: &str, array: ArrayIx, side: Side, cut: bool) -> Resolved {
    let says = if cut { Says::Silent } else { Says::Truth };
    let mut faults = vec![if cut { Fault::SilenceArray(array) } else { Fault::WakeArray(array) }];
    faults.extend(inventory.arrays[array].luns.iter().flat_map(|&lun| paths(inventory, side, lun, says)));
    let how = if cut { "reaches array {} any more, by any path" } else { "reaches array {} again" };
    let who = if cut { "nobody" } else { "everybody" };
    (format!("{who} {}", how.replace("{}", name)), Some(side), Act::Faults(faults))
}

/// What a path says, in words.
pub(crate) fn says(says: Says) -> String {
    match says {
        Says::Truth => "what is true".into(),
        Says::Healthy => "healthy".into(),
        Says::Sense(key, code, qualifier) => format!("{key:X}h/{code:02X}h/{qualifier:02X}h"),
        Says::Garbage => "bytes that are no sense data".into(),
        Says::Unavailable => "target unavailable".into(),
        Says::Silent => "nothing".into(),
    }
}
