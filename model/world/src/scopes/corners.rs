//! Corners: scopes that begin in the middle of a story, because one late letter matters there, and a search from the
//! ordinary beginning would not be over before the story is.

use farshore_core::ids::{GroupKey, Side};
use farshore_core::input::Command;

use super::Named;
use super::takeover::{armed_scope, synchronous};
use crate::prelude::{Awaited, Held, Prelude};
use crate::scope::{Budget, Budgets, Fault, Holder, Scope, Store, Wire, word};

/// Every scope of this kind, by name.
pub const ALL: &[Named] = &[
    ("promise_comes_late", promise_comes_late),
    ("lease_comes_late", lease_comes_late),
    ("acquire_then_promise", acquire_then_promise),
    ("acquire_then_notice", acquire_then_notice),
    ("acquire_withdrawn", acquire_withdrawn),
    ("acquire_of_old", acquire_of_old),
    ("released_for_good", released_for_good),
    ("claim_comes_late", claim_comes_late),
    ("lost_again", lost_again),
    ("stores_of_old", stores_of_old),
];

fn shop() -> Command {
    Command::Migrate(GroupKey::of("shop"))
}

fn protect() -> Command {
    Command::Protect(vec![GroupKey::of("shop")])
}

const TO_OWNER: Fault = Fault::Cut(Wire::Peer(Side::Two));

fn corner(name: &str, prose: &str, budgets: &[(Budget, u8)], faults: &[Fault], prelude: &[Prelude]) -> Scope {
    Scope { prelude: prelude.to_vec(), ..armed_scope(name, prose, synchronous(), budgets, faults) }
}

/// O8: a promise that was given back arrives once more.
#[must_use]
pub fn promise_comes_late() -> Scope {
    let prose = "The arbiter was lost and is back; the owner lived on a standing promise, and has given it back. A copy of the \
                 promise is still on its way. The owner is cut off.";
    let prelude = [
        Prelude::Fault(Fault::StopArbiter),
        Prelude::Hold(Held::StandingPromise(Side::One)),
        Prelude::Until(Awaited::StandingPromise(Side::One)),
        Prelude::Fault(Fault::StartArbiter),
        Prelude::Until(Awaited::Lease(Side::One)),
    ];
    corner("promise_comes_late", prose, &[], &[Fault::Isolate(Side::One), TO_OWNER], &prelude)
}

/// O8: a lease that has long run out arrives.
#[must_use]
pub fn lease_comes_late() -> Scope {
    let prose = "The arbiter is lost, and the owner lives on a standing promise. A lease that the arbiter gave before is still on \
                 its way. The owner is cut off.";
    let prelude = [
        Prelude::Hold(Held::Lease(Side::One)),
        Prelude::Fault(Fault::StopArbiter),
        Prelude::Until(Awaited::StandingPromise(Side::One)),
    ];
    corner("lease_comes_late", prose, &[], &[Fault::Isolate(Side::One), Fault::StartArbiter], &prelude)
}

/// The peer hears nothing and has acquired; its letter is late, and its way to the arbiter is cut.
fn in_doubt() -> [Prelude; 4] {
    [
        Prelude::Until(Awaited::Fit(Side::Two)),
        Prelude::Fault(Fault::Cut(Wire::Peer(Side::One))),
        Prelude::Hold(Held::Acquire(Side::Two)),
        Prelude::Fault(Fault::Cut(Wire::ToArbiter(Side::Two))),
    ]
}

/// O4: the owner asks for a promise while an acquire is in doubt.
#[must_use]
pub fn acquire_then_promise() -> Scope {
    let prose = "The peer heard nothing of the owner and has acquired; its letter is late. Neither reaches the arbiter any more. \
                 Then the peer hears the owner again, whose agent dies, starts again, and asks for a promise.";
    let faults = [
        Fault::Mend(Wire::Peer(Side::One)),
        Fault::StopAgent(Side::One),
        Fault::StartAgent(Side::One),
        Fault::Mend(Wire::ToArbiter(Side::Two)),
    ];
    let mut prelude = in_doubt().to_vec();
    prelude.push(Prelude::Fault(Fault::Cut(Wire::ToArbiter(Side::One))));
    corner("acquire_then_promise", prose, &[], &faults, &prelude)
}

/// O4: the owner says that its mirror is broken while an acquire is in doubt.
#[must_use]
pub fn acquire_then_notice() -> Scope {
    let prose = "The peer heard nothing of the owner and has acquired; its letter is late, and it reaches the arbiter no more, \
                 nor does the owner. Then it hears the owner again, whose mirror breaks, and whose guest writes.";
    let faults = [
        Fault::Mend(Wire::Peer(Side::One)),
        Fault::Cut(Wire::Frames(Side::One)),
        Fault::Mend(Wire::ToArbiter(Side::Two)),
    ];
    let mut prelude = in_doubt().to_vec();
    prelude.push(Prelude::Fault(Fault::Cut(Wire::ToArbiter(Side::One))));
    corner("acquire_then_notice", prose, &[(Budget::Write, 1)], &faults, &prelude)
}

/// O5: an acquire arrives after it was withdrawn.
#[must_use]
pub fn acquire_withdrawn() -> Scope {
    let prose = "The peer heard nothing of the owner and has acquired; its letter is late. It heard the owner again and has \
                 withdrawn. Then the owner loses its way to the arbiter; its agent dies and starts again, and lives on promises.";
    let prelude = [
        Prelude::Until(Awaited::Fit(Side::Two)),
        Prelude::Fault(Fault::Cut(Wire::Peer(Side::One))),
        Prelude::Hold(Held::Acquire(Side::Two)),
        Prelude::Fault(Fault::Mend(Wire::Peer(Side::One))),
        Prelude::Until(Awaited::NoDoubt(Side::Two)),
    ];
    let faults = [Fault::Cut(Wire::ToArbiter(Side::One)), Fault::StopAgent(Side::One), Fault::StartAgent(Side::One)];
    corner("acquire_withdrawn", prose, &[], &faults, &prelude)
}

/// O5: an acquire of an old epoch arrives.
#[must_use]
pub fn acquire_of_old() -> Scope {
    let prose = "The group was released to the peer, which heard nothing more, and took it by force; its letter is late. It heard \
                 of the release after all; the group was moved back. Then the letter arrives, two epochs late.";
    let prelude = [
        Prelude::Until(Awaited::Fit(Side::Two)),
        Prelude::Order(Side::One, shop()),
        Prelude::Until(Awaited::Released(Side::One)),
        Prelude::Fault(Fault::Cut(Wire::Peer(Side::One))),
        Prelude::Until(Awaited::NeedsOperator(Side::Two)),
        Prelude::Order(Side::Two, Command::TakeOver(word(GroupKey::of("shop")))),
        Prelude::Hold(Held::Acquire(Side::Two)),
        Prelude::Fault(Fault::Cut(Wire::ToArbiter(Side::Two))),
        Prelude::Fault(Fault::Mend(Wire::Peer(Side::One))),
        Prelude::Until(Awaited::Moved(Side::Two, 2)),
        Prelude::Order(Side::Two, protect()),
        Prelude::Until(Awaited::Settled(Side::Two, 2)),
        Prelude::Order(Side::Two, shop()),
        Prelude::Until(Awaited::Moved(Side::One, 3)),
        Prelude::Order(Side::One, protect()),
        Prelude::Until(Awaited::Settled(Side::One, 3)),
        Prelude::Fault(Fault::Mend(Wire::ToArbiter(Side::Two))),
    ];
    corner("acquire_of_old", prose, &[], &[Fault::Cut(Wire::ToArbiter(Side::One))], &prelude)
}

/// F3: who has released takes nothing back before the new owner has a lease.
#[must_use]
pub fn released_for_good() -> Scope {
    let prose = "The group was moved to the peer, which does not hear the arbiter and lives on the release. Then it is heard by \
                 nobody any more.";
    let prelude = [
        Prelude::Fault(Fault::Cut(Wire::FromArbiter(Side::Two))),
        Prelude::Order(Side::One, shop()),
        Prelude::Until(Awaited::Moved(Side::Two, 2)),
        Prelude::Order(Side::Two, protect()),
        Prelude::Until(Awaited::Settled(Side::Two, 2)),
    ];
    let faults = [Fault::Cut(Wire::ToArbiter(Side::Two)), Fault::Cut(Wire::Peer(Side::Two))];
    corner("released_for_good", prose, &[], &faults, &prelude)
}

/// O10: a claim that a manager made long ago reaches its agent.
#[must_use]
pub fn claim_comes_late() -> Scope {
    let prose = "The owner's manager claimed a turn; the claim is late, and was made again. The migration is called off, or goes \
                 on; then the claim arrives.";
    let prelude = [
        Prelude::Until(Awaited::Fit(Side::Two)),
        Prelude::LateClaim(Side::One),
        Prelude::Order(Side::One, shop()),
        Prelude::Until(Awaited::Claimed),
    ];
    corner("claim_comes_late", prose, &[], &[Fault::ClaimArrives, Fault::Cut(Wire::Peer(Side::Two))], &prelude)
}

/// M5: taken over, protected anew, and lost within the cooldown.
#[must_use]
pub fn lost_again() -> Scope {
    let prose = "The owner's site was lost and is back; its group was taken over, and is protected the other way round. Its LUN is \
                 lost there within the cooldown: it does not move again by itself.";
    let prelude = [
        Prelude::Until(Awaited::Fit(Side::Two)),
        Prelude::Fault(Fault::LoseSite(Side::One)),
        Prelude::Until(Awaited::Moved(Side::Two, 2)),
        Prelude::Fault(Fault::ReturnSite(Side::One)),
        Prelude::Until(Awaited::StandsBy(Side::One, 2)),
        Prelude::Order(Side::Two, protect()),
        Prelude::Until(Awaited::Settled(Side::Two, 2)),
    ];
    let mut scope = corner("lost_again", prose, &[], &[Fault::LoseLun(Side::Two, super::lun(0))], &prelude);
    scope.deployment.policy.cooldown = farshore_core::spec::Span::millis(59_990);
    scope
}

/// J5: a manager and its agent start from copies of before the release.
#[must_use]
pub fn stores_of_old() -> Scope {
    let prose = "Somebody copied the stores of the owner's manager and agent in the middle of a migration. The group was \
                 released, and the peer has it. The owner's manager and agent start from the copies, which say that the \
                 migration may still be called off; somebody calls it off.";
    let store = [Store::Journal(Side::One), Store::Authority(Holder::Agent(Side::One))];
    let prelude = [
        Prelude::Order(Side::One, shop()),
        Prelude::Until(Awaited::Quiesces(Side::One)),
        Prelude::Fault(Fault::Keep(store[0])),
        Prelude::Fault(Fault::Keep(store[1])),
        Prelude::Until(Awaited::Released(Side::One)),
        Prelude::Fault(Fault::Cut(Wire::Peer(Side::Two))),
        Prelude::Until(Awaited::Moved(Side::Two, 2)),
        Prelude::Fault(Fault::LoseManager(Side::One)),
        Prelude::Fault(Fault::StopAgent(Side::One)),
        Prelude::Fault(Fault::Restore(store[0])),
        Prelude::Fault(Fault::Restore(store[1])),
    ];
    let faults = [Fault::StartAgent(Side::One), Fault::ReturnManager(Side::One), Fault::Mend(Wire::Peer(Side::Two))];
    Scope {
        name: "stores_of_old".into(),
        prose: prose.into(),
        deployment_name: "pair".into(),
        deployment: super::pair(),
        budgets: Budgets::of(&[(Budget::Dropped, 1)]),
        faults: faults.map(|fault| (fault, 1)).to_vec(),
        orders: vec![super::order(Side::One, Command::Cancel(GroupKey::of("shop")))],
        prelude: prelude.to_vec(),
    }
}
