//! Events in which the operator gives a command.

use farshore_core::input::Command;
use farshore_core::plan::Reply;

use super::{Act, Resolved};
use crate::scenario::error::Nonsense;
use crate::scenario::file::{AnswerFile, Deed, GroupAt, VmAt};
use crate::scenario::names::Names;
use crate::scope::word;
use farshore_core::waiver::{Override, Waiver};

pub(super) fn order(names: &Names<'_>, deed: &Deed) -> Result<Resolved, Nonsense> {
    let (verb, group, vm) = match deed {
        Deed::Protect(g) => ("protects", Some(g), None),
        Deed::Release(g) => ("releases", Some(g), None),
        Deed::Cancel(g) => ("cancels the failover of", Some(g), None),
        Deed::Force(g) => ("accepts the loss and forces", Some(g), None),
        Deed::Retry(g) => ("tries again with", Some(g), None),
        Deed::Unprotect(g) => ("unprotects", Some(g), None),
        Deed::Pause(g) => ("pauses the run of", Some(g), None),
        Deed::Resume(g) => ("resumes the run of", Some(g), None),
        Deed::Migrate(g) => ("moves", Some(g), None),
        Deed::TakeOver(g) => ("takes over", Some(g), None),
        Deed::Commit(g) => ("commits the recovery of", Some(g), None),
        Deed::RollBack(g) => ("gives up what was written since the recovery, and rolls back", Some(g), None),
        Deed::Test(g) => ("tests the plan of", Some(g), None),
        Deed::EndTest(g) => ("ends the test of", Some(g), None),
        Deed::Answer(a) => return answer(names, a),
        Deed::StartRemainder(g) => ("starts the rest of", Some(g), None),
        Deed::RetryVm(v) => ("tries again to start", None, Some(v)),
        Deed::SkipVm(v) => ("goes on without", None, Some(v)),
        Deed::Maintenance(m) => {
            let side = names.site(&m.site)?;
            let words =
                format!("the operator turns maintenance mode {} at {}", if m.on { "on" } else { "off" }, m.site);
            return Ok((words, Some(side), Act::Order(vec![side], Command::Maintenance(m.on))));
        }
        _ => unreachable!("only commands"),
    };
    let (name, site, home, command) = match (group, vm) {
        (Some(GroupAt { group, site }), _) => {
            let ix = names.group(group)?;
            let info = &names.inventory.groups[ix];
            let key = info.key;
            let command = match deed {
                Deed::Protect(_) => Command::Protect(vec![key]),
                Deed::Release(_) => Command::Release(key),
                Deed::Cancel(_) => Command::Cancel(key),
                Deed::Force(_) => Command::Force(word(key)),
                Deed::Retry(_) => Command::Retry(key),
                Deed::Unprotect(_) => Command::Unprotect(key),
                Deed::Pause(_) => Command::Pause(key),
                Deed::Resume(_) => Command::Resume(key),
                Deed::Migrate(_) => Command::Migrate(key),
                Deed::Commit(_) => Command::Commit(key),
                Deed::RollBack(_) => Command::RollBack(Override { waives: Waiver::Writes, ..word(key) }),
                Deed::Test(_) => Command::Test(key),
                Deed::EndTest(_) => Command::EndTest(key),
                Deed::TakeOver(_) => Command::TakeOver(word(key)),
                _ => Command::StartRemainder(key),
            };
            (group, site, info.home, command)
        }
        (None, Some(VmAt { vm, site })) => {
            let ix = names.vm(vm)?;
            let info = &names.inventory.vms[ix];
            let command =
                if matches!(deed, Deed::RetryVm(_)) { Command::RetryVm(info.key) } else { Command::SkipVm(info.key) };
            (vm, site, info.home, command)
        }
        (None, None) => unreachable!("a group or a VM"),
    };
    let words = format!("the operator {verb} {name}");
    // Where no site is named, at home, and where that does not take it at the other.
    let sides = match site {
        Some(site) => vec![names.site(site)?],
        None => vec![home, home.peer()],
    };
    Ok((words, None, Act::Order(sides, command)))
}

fn answer(names: &Names<'_>, a: &AnswerFile) -> Result<Resolved, Nonsense> {
    let info = &names.inventory.groups[names.group(&a.group)?];
    let step = names.step(&a.step)?;
    let says = match a.reply {
        Reply::Continue => "go on",
        Reply::Retry => "try again",
        Reply::Abort => "stop",
    };
    let words = format!("the operator says to step {} of {}: {says}", a.step, a.group);
    let sides = match &a.site {
        Some(site) => vec![names.site(site)?],
        None => vec![info.home.peer(), info.home],
    };
    Ok((words, None, Act::Order(sides, Command::AnswerStep { group: info.key, step, reply: a.reply })))
}
