//! Events about sites, their agents and the arbiter (section 5 of the protocol).

use super::{Act, Resolved};
use crate::scenario::error::Nonsense;
use crate::scenario::file::Deed;
use crate::scenario::names::Names;
use crate::scope::Fault;

pub(super) fn authority(names: &Names<'_>, deed: &Deed) -> Result<Resolved, Nonsense> {
    let site = |name: &String| names.site(name);
    let (words, side, fault) = match deed {
        Deed::LoseSite(n) => {
            (format!("site {n} is lost: power, hosts, arrays, manager, agent"), site(n)?, Fault::LoseSite(site(n)?))
        }
        Deed::ReturnSite(n) => (format!("site {n} has power again"), site(n)?, Fault::ReturnSite(site(n)?)),
        Deed::IsolateSite(n) => {
            (format!("site {n} is cut off from its peer and from the arbiter"), site(n)?, Fault::Isolate(site(n)?))
        }
        Deed::RejoinSite(n) => (format!("site {n} is reached again"), site(n)?, Fault::Rejoin(site(n)?)),
        Deed::StopAgent(n) => (format!("the agent of {n} dies"), site(n)?, Fault::StopAgent(site(n)?)),
        Deed::StartAgent(n) => (format!("the agent of {n} starts again"), site(n)?, Fault::StartAgent(site(n)?)),
        Deed::PauseAgent(n) => (format!("the agent of {n} is paused"), site(n)?, Fault::PauseAgent(site(n)?)),
        Deed::ResumeAgent(n) => (format!("the agent of {n} goes on"), site(n)?, Fault::ResumeAgent(site(n)?)),
        Deed::StopArbiter(true) => return Ok(arbiter("the arbiter dies", Fault::StopArbiter)),
        Deed::StartArbiter(true) => return Ok(arbiter("the arbiter starts again", Fault::StartArbiter)),
        _ => {
            return Err(Nonsense::new(
                names.at,
                "an event that does nothing",
                "write `stop-arbiter = true` or `start-arbiter = true`, or leave it out",
            ));
        }
    };
    Ok((words, Some(side), Act::Faults(vec![fault])))
}

fn arbiter(words: &str, fault: Fault) -> Resolved {
    (words.into(), None, Act::Faults(vec![fault]))
}
