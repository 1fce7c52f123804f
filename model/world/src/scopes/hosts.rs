//! Scopes of hosts that contradict each other (D3, I19): probes are numbered on for as long as that lasts.

use farshore_core::ids::{ArrayIx, HostIx, Index, Side};
use farshore_core::spec::{Deployment, Site};

use super::{Named, lose, lun, pair};
use crate::reports::{GONE, Says};
use crate::scope::{Budget, Budgets, Fault, Scope};

/// Every scope of this kind, by name.
pub const ALL: &[Named] =
    &[("lying_host", lying_host), ("host_takes_back", host_takes_back), ("lying_host_blind", lying_host_blind)];

fn host(at: usize) -> HostIx {
    HostIx::from_at(at)
}

/// Two hosts at the owner, the first of which may lie.
fn witnesses() -> Deployment {
    let mut deployment = pair();
    deployment.sites[0] = Site::of("one", "san-1", &["host-1", "host-1b"]);
    deployment
}

fn of(name: &str, prose: &str, budgets: &[(Budget, u8)], faults: &[Fault]) -> Scope {
    Scope {
        name: name.into(),
        prose: prose.into(),
        deployment_name: "pair with two hosts".into(),
        deployment: witnesses(),
        budgets: Budgets::of(budgets),
        faults: faults.iter().map(|&fault| (fault, 1)).collect(),
        orders: Vec::new(),
        prelude: Vec::new(),
    }
}

fn lies() -> Fault {
    Fault::Path(host(0), lun(0), None, GONE)
}

fn takes_back() -> Fault {
    Fault::Path(host(0), lun(0), None, Says::Truth)
}

/// Two hosts at the owner, one of which lies.
#[must_use]
pub fn lying_host() -> Scope {
    let prose = "One of two hosts sees a LUN as lost that the other sees well; then it is lost indeed.";
    let faults = [lies(), takes_back(), Fault::HangHost(host(1)), Fault::WakeHost(host(1)), lose(Side::One, 0).0];
    of("lying_host", prose, &[(Budget::Repeat, 1), (Budget::Slow, 1)], &faults)
}

/// It lies, and takes it back.
#[must_use]
pub fn host_takes_back() -> Scope {
    let prose = "One of two hosts sees a LUN as lost that the other sees well, and sees it well again at any point, or never: \
                 a contradiction, probed for as long as it lasts, and no failover.";
    of("host_takes_back", prose, &[], &[lies(), takes_back()])
}

/// It lies, and the array, which knows better, is silent.
#[must_use]
pub fn lying_host_blind() -> Scope {
    let prose = "One of two hosts sees a LUN as lost that the other sees well, and sees it well again at any point, or never; \
                 the array's management is silent from any point on: the other host alone speaks against a failover.";
    of("lying_host_blind", prose, &[], &[lies(), takes_back(), Fault::SilenceArray(ArrayIx(0))])
}
