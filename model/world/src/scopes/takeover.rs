//! Scopes in which the sites cannot talk: leases, promises, takeover (section 5 of the protocol).

use farshore_core::ids::Side;
use farshore_core::spec::{Arbiter, Datastore, Deployment, Group, Lun, Policy, Replica, SitePolicy, Span, Vm, Waits};

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
    ("arbiter_forgets", arbiter_forgets),
    ("handover_cut", handover_cut),
    ("handover_cut_both", handover_cut_both),
    ("arbiter_slow", arbiter_slow),
    ("promise_in_doubt", promise_in_doubt),
    ("peer_forgets", peer_forgets),
    ("async_blind", async_blind),
    ("armed_pdl", armed_pdl),
    ("host_waited_out", host_waited_out),
    ("arbiter_replaced", arbiter_replaced),
    ("arbiter_replaced_apart", arbiter_replaced_apart),
    ("arbiter_replaced_late", arbiter_replaced_late),
    ("agent_paused", agent_paused),
    ("agent_dies", agent_dies),
];

/// A lease of 60 ms, counted as 80 by its giver and handed on as 50, on clocks that drift by a tenth less a little.
///
/// Unlike the other scopes', the times here are multiples of 10 ms: what matters is the order of a lease's stages, and
/// every further phase multiplies the states.
fn arbiter() -> Arbiter {
    Arbiter {
        lease: Span::millis(60),
        drift_ppm: 90_000,
        margin: Span::millis(8),
        site_grace: Span::millis(40),
        automatic: true,
    }
}

fn slow_policy() -> Policy {
    let site = |backoff| SitePolicy { backoff: Some(Span::millis(backoff)), ..SitePolicy::default() };
    Policy {
        cooldown: Span::millis(10),
        waits: Waits {
            resend: Span::millis(20),
            peer_silent: Span::millis(60),
            array_op: Span::millis(20),
            host_op: Span::millis(20),
            observe: Span::millis(10),
            doubt_limit: 1,
            prepare_ttl: Span::millis(80),
        },
        sites: [("one".into(), site(10)), ("two".into(), site(20))].into(),
        arbiter: Some(arbiter()),
        ..policy()
    }
}

/// One group, one LUN, one VM, and an arbiter.
fn armed(replica: Replica) -> Deployment {
    Deployment {
        sites: sites(),
        luns: vec![Lun::of("lun", "san-1", 1).replicated(replica)],
        datastores: vec![Datastore::of("store", &["lun"])],
        vms: vec![Vm::of("db", &["store"])],
        groups: vec![Group::of("shop", &["store"])],
        plans: vec![plan(&["shop"])],
        policy: slow_policy(),
        ..Deployment::default()
    }
}

pub(super) fn synchronous() -> Deployment {
    armed(Replica::synchronous("san-2", 1))
}

pub(super) fn armed_scope(
    name: &str,
    prose: &str,
    deployment: Deployment,
    budgets: &[(Budget, u8)],
    faults: &[Fault],
) -> Scope {
    Scope {
        name: name.into(),
        prose: prose.into(),
        deployment_name: "armed".into(),
        deployment,
        budgets: Budgets::of(budgets),
        faults: faults.iter().map(|&fault| (fault, 1)).collect(),
        orders: Vec::new(),
        prelude: Vec::new(),
    }
}

/// A site goes dark.
#[must_use]
pub fn takeover_sync() -> Scope {
    let prose = "The owner's site goes dark at any moment, while its guest writes; the peer takes the group over once \
                 the lease has run out, and not before.";
    let budgets = [(Budget::Write, 1)];
    armed_scope("takeover_sync", prose, synchronous(), &budgets, &[Fault::LoseSite(Side::One)])
}

/// The same with asynchronous replication.
#[must_use]
pub fn takeover_async() -> Scope {
    let prose = "The owner's site goes dark at any moment of a cycle: what is lost is within the RPO, or nothing is \
                 taken over without an operator.";
    let budgets = [(Budget::Write, 2), (Budget::Cycle, 1)];
    let deployment = armed(Replica::asynchronous("san-2", 1, Span::millis(75)));
    armed_scope("takeover_async", prose, deployment, &budgets, &[Fault::LoseSite(Side::One)])
}

/// A site goes dark and comes back.
#[must_use]
pub fn takeover_return() -> Scope {
    let prose = "The owner's site goes dark and comes back at any moment, before or after its group is taken over: it \
                 starts nothing until it is told its role.";
    let faults = [Fault::LoseSite(Side::One), Fault::ReturnSite(Side::One)];
    armed_scope("takeover_return", prose, synchronous(), &[(Budget::Write, 1)], &faults)
}

/// The owner hears nobody.
#[must_use]
pub fn partition() -> Scope {
    let prose = "Every way out of the owner's site breaks, one by one and one way: the owner is fenced before the peer \
                 takes over, however far the clocks are apart.";
    let faults = [Fault::Cut(Wire::Peer(Side::One)), Fault::Cut(Wire::ToArbiter(Side::One)), Fault::Hasten];
    armed_scope("partition", prose, synchronous(), &[], &faults)
}

/// The owner hears nobody for a while.
#[must_use]
pub fn link_loss() -> Scope {
    let prose = "The owner's site is cut off and heals, at any two moments: what its agent stopped runs again, there or \
                 at the peer.";
    armed_scope("link_loss", prose, synchronous(), &[], &[Fault::Isolate(Side::One), Fault::Rejoin(Side::One)])
}

/// A mirror breaks, then the site is lost.
#[must_use]
pub fn mirror_lost() -> Scope {
    let prose = "The replication link breaks, the guest writes on, and then its site goes dark: a write that the peer \
                 has not is acknowledged only once somebody knows, and then nobody takes over.";
    let faults =
        [Fault::Cut(Wire::Frames(Side::One)), Fault::Cut(Wire::ToArbiter(Side::One)), Fault::LoseSite(Side::One)];
    armed_scope("mirror_lost", prose, synchronous(), &[(Budget::Write, 1)], &faults)
}

/// The same, and something is late.
#[must_use]
pub fn mirror_late() -> Scope {
    let prose = "The replication link breaks, the guest writes on, and then its site goes dark. A letter is late.";
    let faults = [Fault::Cut(Wire::Frames(Side::One)), Fault::LoseSite(Side::One)];
    armed_scope("mirror_late", prose, synchronous(), &[(Budget::Write, 1), (Budget::Late, 1)], &faults)
}

/// The arbiter dies and starts again.
#[must_use]
pub fn arbiter_lost() -> Scope {
    let prose = "The arbiter dies and starts again at any moment; nothing stops for it. Then the owner's site goes dark: \
                 under a standing promise nothing takes over by itself.";
    let faults = [Fault::StopArbiter, Fault::StartArbiter, Fault::LoseSite(Side::One)];
    armed_scope("arbiter_lost", prose, synchronous(), &[], &faults)
}

/// The arbiter dies and starts again while the sites do not hear each other.
#[must_use]
pub fn arbiter_forgets() -> Scope {
    let prose = "The peer does not hear the owner, and the arbiter dies and starts again at any moment: it counts every \
                 lease as just given.";
    let faults = [Fault::Cut(Wire::Peer(Side::One)), Fault::StopArbiter, Fault::StartArbiter];
    armed_scope("arbiter_forgets", prose, synchronous(), &[], &faults)
}

/// An acquire is in doubt while its owner asks for a promise.
#[must_use]
pub fn promise_in_doubt() -> Scope {
    let prose = "The peer hears nothing of the owner and acquires; its letter is late. Then it hears the owner again, which \
                 hears nothing of the arbiter and asks for a promise.";
    let faults = [
        Fault::Cut(Wire::Peer(Side::One)),
        Fault::Mend(Wire::Peer(Side::One)),
        Fault::Cut(Wire::ToArbiter(Side::Two)),
        Fault::Cut(Wire::ToArbiter(Side::One)),
    ];
    armed_scope("promise_in_doubt", prose, synchronous(), &[(Budget::Late, 1)], &faults)
}

/// The peer's agent dies and starts again while the owner lives on its promises.
#[must_use]
pub fn peer_forgets() -> Scope {
    let prose = "The arbiter does not hear the owner, which lives on its peer's promises; the peer's agent dies and \
                 starts again, and then does not hear the owner either.";
    let faults = [
        Fault::Cut(Wire::ToArbiter(Side::One)),
        Fault::StopAgent(Side::Two),
        Fault::StartAgent(Side::Two),
        Fault::Cut(Wire::Peer(Side::One)),
    ];
    armed_scope("peer_forgets", prose, synchronous(), &[], &faults)
}

/// The owner's array tells nothing while its copy falls behind.
#[must_use]
pub fn async_blind() -> Scope {
    let prose = "Replication stops, the owner's array stops telling how far behind it is, and the site goes dark: what \
                 nobody knows permits no takeover.";
    let faults = [
        Fault::Cut(Wire::Frames(Side::One)),
        Fault::SilenceArray(farshore_core::ids::ArrayIx(0)),
        Fault::LoseSite(Side::One),
    ];
    let deployment = armed(Replica::asynchronous("san-2", 1, Span::millis(75)));
    armed_scope("async_blind", prose, deployment, &[(Budget::Write, 1)], &faults)
}

/// A LUN is lost where there is an arbiter.
#[must_use]
pub fn armed_pdl() -> Scope {
    let prose = "A LUN is lost; its group is handed over while leases run, and then its new owner's site goes dark.";
    let faults = [Fault::LoseLun(Side::One, super::lun(0)), Fault::LoseSite(Side::Two)];
    armed_scope("armed_pdl", prose, synchronous(), &[], &faults)
}

/// The sites are parted during a hand-over.
#[must_use]
pub fn handover_cut() -> Scope {
    let prose = "A LUN is lost; while its group is handed over the peer hears the owner no more, and then the arbiter does not.";
    let faults = [
        Fault::LoseLun(Side::One, super::lun(0)),
        Fault::Cut(Wire::Peer(Side::One)),
        Fault::Cut(Wire::ToArbiter(Side::One)),
    ];
    armed_scope("handover_cut", prose, synchronous(), &[], &faults)
}

/// The same, and the owner does not hear the peer.
#[must_use]
pub fn handover_cut_both() -> Scope {
    let prose = "A LUN is lost; while its group is handed over the sites are parted, one way or both, and the owner loses its way \
                 to the arbiter.";
    let mut scope = handover_cut();
    scope.faults.push((Fault::Cut(Wire::Peer(Side::Two)), 1));
    Scope { name: "handover_cut_both".into(), prose: prose.into(), ..scope }
}

/// The arbiter is slow.
#[must_use]
pub fn arbiter_slow() -> Scope {
    let prose = "A letter is late while the way from the arbiter to the owner breaks: acquires in doubt, promises, renewals that come \
                 too late.";
    let faults = [Fault::Cut(Wire::FromArbiter(Side::One)), Fault::Cut(Wire::Peer(Side::One))];
    armed_scope("arbiter_slow", prose, synchronous(), &[(Budget::Late, 1)], &faults)
}

/// A host hangs, and its group has to move.
#[must_use]
pub fn host_waited_out() -> Scope {
    let prose = "One of two hosts hangs, with the VM that runs on it, and the LUN is lost. Nobody can see or fence \
                 what runs there: its authority runs out before the group is released.";
    let mut deployment = synchronous();
    deployment.sites[0] = farshore_core::spec::Site::of("one", "san-1", &["host-1", "host-1b"]);
    let host = farshore_core::ids::HostIx(0);
    let faults = [Fault::HangHost(host), Fault::LoseLun(Side::One, super::lun(0))];
    armed_scope("host_waited_out", prose, deployment, &[], &faults)
}

/// The arbiter is replaced, and armed.
#[must_use]
pub fn arbiter_replaced() -> Scope {
    let prose = "The arbiter is replaced at any moment by one that knows nothing; somebody arms it at either site, in any order, \
                 or at one alone. Then the owner's site goes dark.";
    let faults = [Fault::ReplaceArbiter, Fault::Rearm(Side::One), Fault::Rearm(Side::Two), Fault::LoseSite(Side::One)];
    armed_scope("arbiter_replaced", prose, synchronous(), &[], &faults)
}

/// The arbiter is replaced while the sites are apart.
#[must_use]
pub fn arbiter_replaced_apart() -> Scope {
    let prose = "The owner's site is cut off, and its peer takes over; the arbiter is replaced, the way to it is mended, and \
                 somebody arms it at the site that does not know that it owns nothing any more.";
    let faults = [
        Fault::Isolate(Side::One),
        Fault::ReplaceArbiter,
        Fault::Mend(Wire::ToArbiter(Side::One)),
        Fault::Mend(Wire::FromArbiter(Side::One)),
        Fault::Rearm(Side::One),
    ];
    armed_scope("arbiter_replaced_apart", prose, synchronous(), &[], &faults)
}

/// The arbiter is replaced while the peer acquires, and something is late.
#[must_use]
pub fn arbiter_replaced_late() -> Scope {
    let prose = "The peer hears nothing of the owner and acquires; the arbiter is replaced. A letter is late: what the one \
                 that is gone granted may be heard after the new one.";
    let faults = [Fault::Cut(Wire::Peer(Side::One)), Fault::ReplaceArbiter];
    armed_scope("arbiter_replaced_late", prose, synchronous(), &[(Budget::Late, 1)], &faults)
}

/// An agent is paused, or dies.
#[must_use]
pub fn agent_paused() -> Scope {
    let prose = "The owner's agent is paused at any moment, for any time, and goes on as if none had passed: enforcers \
                 end what nobody renews.";
    let faults = [Fault::PauseAgent(Side::One), Fault::ResumeAgent(Side::One)];
    armed_scope("agent_paused", prose, synchronous(), &[], &faults)
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
    armed_scope("agent_dies", prose, synchronous(), &[], &faults)
}
