//! Events about what hosts report, and when.

use farshore_core::time::Millis;

use super::{Act, Disturbance, How, Resolved, Struck, says};
use crate::scenario::error::Nonsense;
use crate::scenario::file::{LateReports, PathsFile, RepeatFile};
use crate::scenario::names::Names;
use crate::scope::Fault;

pub(super) fn paths(names: &Names<'_>, p: &PathsFile) -> Result<Resolved, Nonsense> {
    let (host, lun) = (names.host(&p.host)?, names.lun(&p.lun)?);
    let path = p.path.map_or_else(String::new, |n| format!(", path {n},"));
    let words = format!("{}{path} says of LUN {}: {}", p.host, p.lun, says(p.say.0));
    let side = names.inventory.hosts[host].side;
    Ok((words, Some(side), Act::Faults(vec![Fault::Path(host, lun, p.path, p.say.0)])))
}

pub(super) fn repeat(names: &Names<'_>, r: RepeatFile) -> Result<Resolved, Nonsense> {
    let lun = names.lun(&r.lun)?;
    let home = names.inventory.luns[lun].home;
    let hosts = match &r.host {
        Some(host) => vec![names.host(host)?],
        None => names.inventory.luns[lun].ends[home.at()].as_ref().map_or_else(Vec::new, |e| e.hosts.clone()),
    };
    let who = r.host.unwrap_or_else(|| "every host".into());
    let words = format!("{who} reports LUN {} {} times more", r.lun, r.times);
    let pause = r.every.map_or(Millis(10), |e| e.0);
    let side = hosts.first().map(|&h| names.inventory.hosts[h].side);
    Ok((words, side, Act::Repeat(hosts, lun, r.times, pause)))
}

pub(super) fn late(names: &Names<'_>, l: LateReports) -> Result<Resolved, Nonsense> {
    let host = l.host.as_ref().map(|h| names.host(h)).transpose()?;
    let lun = l.lun.as_ref().map(|n| names.lun(n)).transpose()?;
    let who = l.host.map_or_else(|| "hosts".into(), |h| format!("host {h}"));
    let what = Struck::Report { host, lun };
    let words = format!("from now on, reports of {who} are late");
    Ok((words, None, Act::Disturb(Disturbance { what, how: How::Slow(l.by), left: None })))
}
