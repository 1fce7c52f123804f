//! Scopes in which the sites cannot talk: leases, promises, takeover (section 5 of the protocol).

use farshore_core::ids::Side;
use farshore_core::spec::{Arbiter, Datastore, Deployment, Group, Lun, Replica, Span, Vm};

use super::{Named, plan, policy, sites};
use crate::scope::{Budget, Budgets, Fault, Scope, Wire};

/// Every scope of this kind, by name.
pub const ALL: &[Named] = &[
    ("takeover_sync", takeover_sync),
    ("takeover_async", takeover_async),
    ("takeover_return", takeover_return),
    ("partition", partition),
    ("link_loss", link_loss),
    ("mirror_lost", mirror_lost),
    ("mirror_late", mirror_late),
    ("arbiter_lost", arbiter_lost),
    ("arbiter_slow", arbiter_slow),
    ("agent_paused", agent_paused),
    ("agent_dies", agent_dies),
];

/// A lease of 60 ms in the model's time, on clocks that drift by a tenth less a little.
fn arbiter() -> Arbiter {
    Arbiter {
        lease: Span::millis(60),
        drift_ppm: 90_000,
        margin: Span::millis(3),
        site_grace: Span::millis(37),
        automatic: true,
    }
}

/// One group, one LUN, one VM, and an arbiter.
fn armed(replica: Replica) -> Deployment {
    let mut policy = policy();
    policy.arbiter = Some(arbiter());
    Deployment {
        sites: sites(),
        luns: vec![Lun::of("lun", "san-1", 1).replicated(replica)],
        datastores: vec![Datastore::of("store", &["lun"])],
        vms: vec![Vm::of("db", &["store"])],
        groups: vec![Group::of("shop", &["store"])],
        plans: vec![plan(&["shop"])],
        policy,
        ..Deployment::default()
    }
}

fn synchronous() -> Deployment {
    armed(Replica::synchronous("san-2", 1))
}

fn scope(name: &str, prose: &str, deployment: Deployment, budgets: &[(Budget, u8)], faults: &[Fault]) -> Scope {
    Scope {
        name: name.into(),
        prose: prose.into(),
        deployment_name: "armed".into(),
        deployment,
        budgets: Budgets::of(budgets),
        faults: faults.iter().map(|&fault| (fault, 1)).collect(),
        orders: Vec::new(),
    }
}

/// A site goes dark.
#[must_use]
pub fn takeover_sync() -> Scope {
    let prose = "The owner's site goes dark at any moment, while its guest writes; the peer takes the group over once \
                 the lease has run out, and not before.";
    let budgets = [(Budget::Write, 1)];
    scope("takeover_sync", prose, synchronous(), &budgets, &[Fault::LoseSite(Side::One)])
}

/// The same with asynchronous replication.
#[must_use]
pub fn takeover_async() -> Scope {
    let prose = "The owner's site goes dark at any moment of a cycle: what is lost is within the RPO, or nothing is \
                 taken over without an operator.";
    let budgets = [(Budget::Write, 2), (Budget::Cycle, 1)];
    let deployment = armed(Replica::asynchronous("san-2", 1, Span::millis(75)));
    scope("takeover_async", prose, deployment, &budgets, &[Fault::LoseSite(Side::One)])
}

/// A site goes dark and comes back.
#[must_use]
pub fn takeover_return() -> Scope {
    let prose = "The owner's site goes dark and comes back at any moment, before or after its group is taken over: it \
                 starts nothing until it is told its role.";
    let faults = [Fault::LoseSite(Side::One), Fault::ReturnSite(Side::One)];
    scope("takeover_return", prose, synchronous(), &[(Budget::Write, 1)], &faults)
}

/// The owner hears nobody.
#[must_use]
pub fn partition() -> Scope {
    let prose = "Every way out of the owner's site breaks, one by one and one way: the owner is fenced before the peer \
                 takes over, however far the clocks are apart.";
    let faults = [Fault::Cut(Wire::Peer(Side::One)), Fault::Cut(Wire::ToArbiter(Side::One)), Fault::Hasten];
    scope("partition", prose, synchronous(), &[], &faults)
}

/// The owner hears nobody for a while.
#[must_use]
pub fn link_loss() -> Scope {
    let prose = "The owner's site is cut off and heals, at any two moments: what its agent stopped runs again, there or \
                 at the peer.";
    scope("link_loss", prose, synchronous(), &[], &[Fault::Isolate(Side::One), Fault::Rejoin(Side::One)])
}

/// A mirror breaks, then the site is lost.
#[must_use]
pub fn mirror_lost() -> Scope {
    let prose = "The replication link breaks, the guest writes on, and then its site goes dark: a write that the peer \
                 has not is acknowledged only once somebody knows, and then nobody takes over.";
    let faults =
        [Fault::Cut(Wire::Frames(Side::One)), Fault::Cut(Wire::ToArbiter(Side::One)), Fault::LoseSite(Side::One)];
    scope("mirror_lost", prose, synchronous(), &[(Budget::Write, 1)], &faults)
}

/// The same, and something is late.
#[must_use]
pub fn mirror_late() -> Scope {
    let prose = "The replication link breaks, the guest writes on, and then its site goes dark. A letter is late.";
    let faults = [Fault::Cut(Wire::Frames(Side::One)), Fault::LoseSite(Side::One)];
    scope("mirror_late", prose, synchronous(), &[(Budget::Write, 1), (Budget::Late, 1)], &faults)
}

/// The arbiter dies and starts again.
#[must_use]
pub fn arbiter_lost() -> Scope {
    let prose = "The arbiter dies and starts again at any moment; nothing stops for it. Then the owner's site goes dark: \
                 under a standing promise nothing takes over by itself.";
    let faults = [Fault::StopArbiter, Fault::StartArbiter, Fault::LoseSite(Side::One)];
    scope("arbiter_lost", prose, synchronous(), &[], &faults)
}

/// The arbiter is slow.
#[must_use]
pub fn arbiter_slow() -> Scope {
    let prose = "A letter is late while the ways from the arbiter break: acquires in doubt, promises, renewals that come \
                 too late.";
    let faults = [
        Fault::Cut(Wire::FromArbiter(Side::One)),
        Fault::Cut(Wire::FromArbiter(Side::Two)),
        Fault::Cut(Wire::Peer(Side::One)),
    ];
    scope("arbiter_slow", prose, synchronous(), &[(Budget::Late, 1)], &faults)
}

/// An agent is paused, or dies.
#[must_use]
pub fn agent_paused() -> Scope {
    let prose = "The owner's agent is paused at any moment, for any time, and goes on as if none had passed: enforcers \
                 end what nobody renews.";
    let faults = [Fault::PauseAgent(Side::One), Fault::ResumeAgent(Side::One)];
    scope("agent_paused", prose, synchronous(), &[], &faults)
}

/// An agent dies.
#[must_use]
pub fn agent_dies() -> Scope {
    let prose = "Either agent dies at any moment and starts again from its records.";
    let faults = [
        Fault::StopAgent(Side::One),
        Fault::StartAgent(Side::One),
        Fault::StopAgent(Side::Two),
        Fault::StartAgent(Side::Two),
    ];
    scope("agent_dies", prose, synchronous(), &[], &faults)
}
