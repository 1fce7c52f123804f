//! Guard mutants: a rule that keeps a property is switched off, and the model must notice.

use farshore_core::guard::{self, Guard};

use crate::Checked;
use crate::shortest::{Defects, Shortest, explore};

/// A guard, the scope that shows what it is for, which breaks without it.
#[derive(Clone, Copy, Debug)]
pub struct Mutant {
    /// The guard.
    pub guard: Guard,
    /// The scope.
    pub scope: &'static str,
}

/// Every guard that a scope is known to need. `docs/model.md` names the others.
pub const MUTANTS: &[Mutant] = &[
    Mutant { guard: Guard::D3, scope: "lying_host_blind" },
    Mutant { guard: Guard::M1Side, scope: "both_arrays_lost" },
    Mutant { guard: Guard::M1Epoch, scope: "lying_host" },
    Mutant { guard: Guard::M5, scope: "lost_again" },
    Mutant { guard: Guard::F1Turn, scope: "pdl_abort" },
    Mutant { guard: Guard::F2Evidence, scope: "pdl_doubt" },
    Mutant { guard: Guard::F2Everywhere, scope: "pdl_doubt" },
    Mutant { guard: Guard::F2a, scope: "pdl_out_of_sync" },
    Mutant { guard: Guard::F2Expiry, scope: "host_waited_out" },
    Mutant { guard: Guard::F3Order, scope: "pdl_doubt" },
    Mutant { guard: Guard::F3Confirm, scope: "pdl_doubt" },
    Mutant { guard: Guard::F5Order, scope: "partition" },
    Mutant { guard: Guard::J1, scope: "pdl_crash" },
    Mutant { guard: Guard::J2Token, scope: "pdl_abort" },
    Mutant { guard: Guard::J2Turn, scope: "pdl_abort" },
    Mutant { guard: Guard::J3, scope: "pdl_doubt" },
    Mutant { guard: Guard::J5, scope: "stores_of_old" },
    Mutant { guard: Guard::O1, scope: "partition" },
    Mutant { guard: Guard::O2Margin, scope: "partition" },
    Mutant { guard: Guard::O2HandOn, scope: "partition" },
    Mutant { guard: Guard::O4Evidence, scope: "mirror_lost" },
    Mutant { guard: Guard::O5Lease, scope: "partition" },
    Mutant { guard: Guard::O5Evidence, scope: "mirror_lost" },
    Mutant { guard: Guard::O6Order, scope: "mirror_lost" },
    Mutant { guard: Guard::O6Sequence, scope: "mirror_late" },
    Mutant { guard: Guard::O6Unknown, scope: "async_blind" },
    Mutant { guard: Guard::O7Arbiter, scope: "arbiter_forgets" },
    Mutant { guard: Guard::O7Peer, scope: "peer_forgets" },
    Mutant { guard: Guard::O7Both, scope: "arbiter_replaced_apart" },
    Mutant { guard: Guard::O4Promise, scope: "acquire_then_promise" },
    Mutant { guard: Guard::O4Notice, scope: "acquire_then_notice" },
    Mutant { guard: Guard::O5Once, scope: "acquire_withdrawn" },
    Mutant { guard: Guard::O5Epoch, scope: "acquire_of_old" },
    Mutant { guard: Guard::O8Order, scope: "lease_comes_late" },
    Mutant { guard: Guard::O8Number, scope: "promise_comes_late" },
    Mutant { guard: Guard::O10Turn, scope: "claim_comes_late" },
    Mutant { guard: Guard::F3NoReturn, scope: "released_for_good" },
    Mutant { guard: Guard::F4Forward, scope: "takeover_return" },
];

/// Explores a scope without a guard. Guards are the whole process's: one mutant at a time.
#[must_use]
pub fn without(guard: Guard, checked: &Checked) -> Shortest {
    guard::remove(Some(guard));
    let found = explore(checked, Defects::Safety);
    guard::remove(None);
    found
}
