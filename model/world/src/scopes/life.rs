//! Scopes in which nothing has failed at first: an operator moves a group, protects it the other way round, and moves it
//! home (F8, P1); or a site's manager is lost alone, and its agent's deputy moves the group (O10).

use farshore_core::ids::{GroupKey, Side};
use farshore_core::input::Command;
use farshore_core::spec::{Deputy, Span};

use super::{Named, lose, pair};
use crate::scope::{Budget, Budgets, Fault, Order, Scope, Wire};

/// Every scope of this kind, by name.
pub const ALL: &[Named] = &[
    ("migration_aborted", migration_aborted),
    ("migration_crash", migration_crash),
    ("migration_cut", migration_cut),
    ("migration_lost", migration_lost),
    ("migration_aborted_late", migration_aborted_late),
    ("failback", failback),
    ("unprotect", unprotect),
    ("failback_crash", failback_crash),
    ("failback_late", failback_late),
    ("pdl_out_of_sync", pdl_out_of_sync),
    ("manager_lost", manager_lost),
    ("manager_lost_late", manager_lost_late),
];

fn shop() -> GroupKey {
    GroupKey::of("shop")
}

fn migrate(side: Side) -> Order {
    Order { side, command: Command::Migrate(shop()), times: 1 }
}

fn cancel() -> Order {
    Order { side: Side::One, command: Command::Cancel(shop()), times: 1 }
}

fn life(name: &str, prose: &str, budgets: Budgets, faults: &[(Fault, u8)], orders: Vec<Order>) -> Scope {
    Scope {
        name: name.into(),
        prose: prose.into(),
        deployment_name: "pair".into(),
        deployment: pair(),
        budgets,
        faults: faults.to_vec(),
        orders,
        prelude: Vec::new(),
    }
}

/// Errors and a cancel at every step of a migration.
#[must_use]
pub fn migration_aborted() -> Scope {
    let prose = "An operator moves a group and cancels that at any point; one command fails, is never done, or is done \
                 and its answer is lost.";
    let budgets = Budgets::of(&[(Budget::Fails, 1), (Budget::Lost, 1), (Budget::Mute, 1)]).at_most(1);
    life("migration_aborted", prose, budgets, &[], vec![migrate(Side::One), cancel()])
}

/// A cancel at every step of a migration, and something is late.
#[must_use]
pub fn migration_aborted_late() -> Scope {
    let prose = "An operator moves a group and cancels that at any point; one message, command or answer is late, and one \
                 is doubled.";
    let budgets = Budgets::of(&[(Budget::Late, 1), (Budget::Doubled, 1), (Budget::Twice, 1)]).at_most(2);
    life("migration_aborted_late", prose, budgets, &[], vec![migrate(Side::One), cancel()])
}

/// A manager crashes at any step of a migration.
#[must_use]
pub fn migration_crash() -> Scope {
    let prose = "An operator moves a group and cancels that at any point; either manager crashes at any point.";
    life("migration_crash", prose, Budgets::of(&[(Budget::Crash, 1)]), &[], vec![migrate(Side::One), cancel()])
}

/// The link breaks at any step of a migration.
#[must_use]
pub fn migration_cut() -> Scope {
    let prose =
        "An operator moves a group; the link breaks at any point, one way or the other, and is mended at any point.";
    let cut = [Side::One, Side::Two].map(|side| [Fault::Cut(Wire::Peer(side)), Fault::Mend(Wire::Peer(side))]);
    let faults: Vec<(Fault, u8)> = cut.into_iter().flatten().map(|fault| (fault, 1)).collect();
    life("migration_cut", prose, Budgets::NONE, &faults, vec![migrate(Side::One)])
}

/// A LUN is lost at any step of a migration.
#[must_use]
pub fn migration_lost() -> Scope {
    let prose = "An operator moves a group, and its LUN is lost at any point; one message, command or answer is late.";
    let faults = [lose(Side::One, 0)];
    life("migration_lost", prose, Budgets::of(&[(Budget::Late, 1)]), &faults, vec![migrate(Side::One)])
}

/// There, protected the other way round, and back.
#[must_use]
pub fn failback() -> Scope {
    let prose = "An operator moves a group, protects it the other way round, and moves it home; one command \
                 is never done, or done and its answer is lost, or a message is lost.";
    let budgets = Budgets::of(&[(Budget::Lost, 1), (Budget::Mute, 1), (Budget::Dropped, 1)]).at_most(1);
    life("failback", prose, budgets, &[], there_and_back())
}

fn there_and_back() -> Vec<Order> {
    let protect = Order { side: Side::Two, command: Command::Protect(vec![shop()]), times: 1 };
    vec![migrate(Side::One), protect, migrate(Side::Two)]
}

/// The same, and a manager crashes.
#[must_use]
pub fn failback_crash() -> Scope {
    let prose = "An operator moves a group, protects it the other way round, and moves it home; either manager crashes at \
                 any point.";
    life("failback_crash", prose, Budgets::of(&[(Budget::Crash, 1)]), &[], there_and_back())
}

/// The same, and something is late.
#[must_use]
pub fn failback_late() -> Scope {
    let prose = "An operator moves a group, protects it the other way round, and moves it home; one message, command or \
                 answer is late.";
    life("failback_late", prose, Budgets::of(&[(Budget::Late, 1)]), &[], there_and_back())
}

/// Protected no more, and again.
#[must_use]
pub fn unprotect() -> Scope {
    let prose = "An operator unprotects a group, and may protect it again; two of these: a message is lost, \
                 doubled or late, a command or its answer is lost or late, or fails, either manager crashes.";
    let kinds =
        [Budget::Dropped, Budget::Doubled, Budget::Late, Budget::Lost, Budget::Mute, Budget::Fails, Budget::Crash];
    let budgets = Budgets::of(&kinds.map(|kind| (kind, 1))).at_most(2);
    let order = |command| Order { side: Side::One, command, times: 1 };
    let orders = vec![order(Command::Unprotect(shop())), order(Command::Protect(vec![shop()]))];
    life("unprotect", prose, budgets, &[], orders)
}

/// A LUN is lost whose copy is behind.
#[must_use]
pub fn pdl_out_of_sync() -> Scope {
    let prose = "The replication link breaks, the guest writes on, and the LUN is lost: what the peer does not have is not given up \
                 without an operator's word.";
    let faults = [(Fault::Cut(Wire::Frames(Side::One)), 1), lose(Side::One, 0)];
    life("pdl_out_of_sync", prose, Budgets::of(&[(Budget::Write, 1)]), &faults, Vec::new())
}

/// A manager is lost alone, and may be back.
#[must_use]
pub fn manager_lost() -> Scope {
    let prose = "A manager is lost alone; its agent starts a deputy, which moves the group; the manager is back at any \
                 point, or stays away.";
    deputy("manager_lost", prose, Budgets::NONE)
}

/// The same, and something is late.
#[must_use]
pub fn manager_lost_late() -> Scope {
    let prose = "A manager is lost alone; its agent starts a deputy, which moves the group; the manager is back at any \
                 point, or stays away; one message, command or answer is late, also from before.";
    deputy("manager_lost_late", prose, Budgets::of(&[(Budget::Late, 1)]))
}

fn deputy(name: &'static str, prose: &'static str, budgets: Budgets) -> Scope {
    let faults = [(Fault::LoseManager(Side::One), 1), (Fault::ReturnManager(Side::One), 1)];
    let mut scope = life(name, prose, budgets, &faults, Vec::new());
    scope.deployment.policy.deputy = Some(Deputy { grace: Span::millis(37) });
    scope.deployment_name = "pair with deputies".into();
    scope
}
