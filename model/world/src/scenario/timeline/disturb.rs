//! Events after which operations and messages go wrong.

use farshore_core::operation::Target;

use super::{Act, Disturbance, How, Resolved, Struck};
use crate::scenario::error::Nonsense;
use crate::scenario::file::{Between, Deed, MailFile, OpsFile};
use crate::scenario::kinds::Verb;
use crate::scenario::names::Names;

/// How late something is where the file does not say: between these.
const LATE: Between = Between::ms(20_000, 60_000);

pub(super) fn disturbance(names: &Names<'_>, deed: Deed) -> Result<Resolved, Nonsense> {
    let late = |by: Option<Between>| by.unwrap_or(LATE);
    let ops = |f: OpsFile, how: How, words: &str| operations(names, &f, how, words);
    let mail = |f: MailFile, how: How, words: &str| messages(names, &f, how, words);
    match deed {
        Deed::SlowOperations(f) => {
            let how = How::Slow(late(f.by));
            ops(f, how, "is slow")
        }
        Deed::FailOperations(f) => ops(f, How::Fail, "fails"),
        Deed::HangOperations(f) => ops(f, How::Hang, "hangs"),
        Deed::LoseAnswers(f) => ops(f, How::Mute, "is done and its answer is lost"),
        Deed::LateAnswers(f) => {
            let how = How::AnswerLate(late(f.by));
            ops(f, how, "is done and its answer is late")
        }
        Deed::DoubleOperations(f) => {
            let how = How::Twice(late(f.by));
            ops(f, how, "is done, and later once more")
        }
        Deed::LoseMessages(f) => mail(f, How::Lose, "are lost"),
        Deed::LateMessages(f) => {
            let how = How::Slow(late(f.by));
            mail(f, how, "are late")
        }
        Deed::DoubleMessages(f) => {
            let how = How::Twice(late(f.by));
            mail(f, how, "arrive, and later once more")
        }
        _ => unreachable!("only disturbances"),
    }
}

fn often(times: Option<u32>) -> String {
    match times {
        None => String::new(),
        Some(1) => " once".into(),
        Some(n) => format!(" {n} times"),
    }
}

fn operations(names: &Names<'_>, f: &OpsFile, how: How, words: &str) -> Result<Resolved, Nonsense> {
    let target = f.target.as_ref().map(|t| target(names, t, f.kind)).transpose()?;
    let side = f.site.as_ref().map(|s| names.site(s)).transpose()?;
    let verb = f.kind.map_or("every operation on", |v| v.words());
    let whom = f.target.clone().unwrap_or_else(|| "anything".into());
    let site = f.site.as_ref().map_or_else(String::new, |s| format!(" at {s}"));
    let words = format!("from now on, {verb} {whom}{site} {words}{}", often(f.times));
    let what = Struck::Op { verb: f.kind, target, side };
    Ok((words, side, Act::Disturb(Disturbance { what, how, left: f.times })))
}

fn messages(names: &Names<'_>, f: &MailFile, how: How, words: &str) -> Result<Resolved, Nonsense> {
    let from = f.from.as_ref().map(|s| names.site(s)).transpose()?;
    let who = f.from.as_ref().map_or_else(|| "both managers".into(), |s| format!("the manager of {s}"));
    let count = f.times.map_or_else(String::new, |n| format!("{n} "));
    let words = format!("from now on, {count}messages of {who} {words}");
    Ok((words, from, Act::Disturb(Disturbance { what: Struck::Mail { from }, how, left: f.times })))
}

/// A LUN, VM or host: of which there is one of that name, and to which such an operation is done.
fn target(names: &Names<'_>, name: &str, kind: Option<Verb>) -> Result<Target, Nonsense> {
    let i = names.inventory;
    let of_test = name.strip_prefix("test/");
    let vm = || match of_test {
        Some(name) => names.vm(name).map(|v| Target::TestVm(i.vms[v].key)),
        None => names.vm(name).map(|v| Target::Vm(i.vms[v].key)),
    };
    let lun = || match of_test {
        Some(name) => names.lun(name).map(|l| Target::TestLun(i.luns[l].key)),
        None => names.lun(name).map(|l| Target::Lun(i.luns[l].key)),
    };
    let host = || names.host(name).map(|h| Target::Host(i.hosts[h].key));
    let step = || names.step(name).map(Target::Step);
    match kind {
        Some(Verb::Run) => step(),
        Some(Verb::Stop | Verb::PowerOff | Verb::Start | Verb::Register | Verb::Unregister) => vm(),
        Some(Verb::Fence | Verb::Mount) => host(),
        Some(Verb::TakeAway) => vm().or_else(|_| lun()),
        Some(
            Verb::Drain
            | Verb::StopReplication
            | Verb::ReadOnly
            | Verb::Cut
            | Verb::RollBack
            | Verb::KeepTail
            | Verb::ReadWrite
            | Verb::Replicate
            | Verb::Copy,
        ) => lun(),
        None => vm().or_else(|_| lun()).or_else(|_| host()).or_else(|_| step()).map_err(|_| {
            let problem = format!("the deployment has no VM, LUN or host called `{name}`");
            Nonsense::new(names.at, problem, "an operation is done to one of these; leave `target` out for all of them")
        }),
    }
}
