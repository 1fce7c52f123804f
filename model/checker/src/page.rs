//! `docs/verification.md`, as far as it follows from tables in the code.

use core::fmt::Write as _;

use farshore_core::guard::Guard;
use farshore_world::properties::ALWAYS;
use farshore_world::{Prelude, scopes};

use crate::mutants::MUTANTS;
use crate::nightly::{TABLE, rows};
use crate::pins::{NIGHTLY, PINS, Pin};

/// What a guard mutant was found to break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The guard.
    pub guard: Guard,
    /// The scope.
    pub scope: &'static str,
    /// Length of the shortest way, and what breaks at its end; `None`: nothing does.
    pub breaks: Option<(usize, String)>,
    /// States that were looked at.
    pub states: usize,
}

/// Every property, in the order in which it is asked.
#[must_use]
pub fn properties() -> String {
    let mut text = String::from("| Property | What must hold in every state |\n|---|---|\n");
    for property in ALWAYS {
        let _ = writeln!(text, "| {} | {} |", property.name, property.rule);
    }
    text
}

/// Every pinned scope, and what its last exploration took.
#[must_use]
pub fn scopes() -> String {
    let mut text = String::from(
        "| Scope | What happens | Unique states | Run by | Seconds | Peak MiB |\n|---|---|---|---|---|---|\n",
    );
    let rows = rows(TABLE);
    for (pins, by) in [(PINS, "`ci`"), (NIGHTLY, "`nightly`")] {
        for Pin { scope, states } in pins {
            let Some(named) = scopes::named(scope) else { continue };
            let from = |p: &[Prelude]| if p.is_empty() { "" } else { " *(begins in the middle of the story)*" };
            let row = rows.iter().find(|row| row.scope == *scope && row.states == *states && row.exhausted);
            let took = row.map_or_else(|| "-".into(), |row| row.seconds.to_string());
            let peak = row.and_then(|row| row.peak).map_or_else(|| "-".into(), |mib| mib.to_string());
            let (prose, from, states) = (&named.prose, from(&named.prelude), grouped(*states));
            let _ = writeln!(text, "| `{scope}` | {prose}{from} | {states} | {by} | {took} | {peak} |");
        }
    }
    let sum = |pins: &[Pin]| pins.iter().map(|p| p.states).sum::<usize>();
    let _ = writeln!(
        text,
        "\nIn all {} states in `ci`, {} in `nightly`. Seconds and memory are of the last run of `nightly --table \
         model/checker/nightly.tsv`, on whatever machine that was; `-`: not seen by it since the number was pinned.",
        grouped(sum(PINS)),
        grouped(sum(PINS) + sum(NIGHTLY))
    );
    text
}

/// What guard mutants were found to break.
#[must_use]
pub fn mutants(found: &[Found]) -> String {
    let mut text = String::from("| Without | Scope | Steps | States | Breaks |\n|---|---|---|---|---|\n");
    for Found { guard, scope, breaks, states } in found {
        let (steps, what) = match breaks {
            Some((steps, what)) => (steps.to_string(), what.as_str()),
            None => ("-".into(), "nothing: a hole in the model"),
        };
        let _ = writeln!(text, "| {guard:?} | `{scope}` | {steps} | {} | {what} |", grouped(*states));
    }
    let without: Vec<String> =
        Guard::ALL.iter().filter(|g| MUTANTS.iter().all(|m| m.guard != **g)).map(|g| format!("{g:?}")).collect();
    let left = match &without[..] {
        [] => "Every switch has a scope that needs it.".into(),
        _ => format!("A switch and no scope that needs it yet, which is a hole in the model: {}.", without.join(", ")),
    };
    let _ = writeln!(text, "\n{left}");
    text
}

/// The whole page.
#[must_use]
pub fn page(found: &[Found]) -> String {
    format!(
        "# Verification\n\nWhat is checked, how far, and how we know that it would be noticed. This page is printed by\n\n```sh\ncargo run \
         --profile checking -p farshore-model -- page > docs/verification.md\n```\n\n[The model](model.md) says how to read it, \
         what is left out, and what it does not show.\n\n## Properties\n\n{}\nBesides: what each machine checks by itself, that \
         the core does not panic, and that every state comes to rest once faults stop (L1 to L5).\n\n## Scopes\n\n{}\n## Guard \
         mutants\n\nEach rule is switched off in a checking build, and the second explorer must find what breaks, by the \
         shortest way; `mutants --script GUARD` prints it.\n\n{}",
        properties(),
        scopes(),
        mutants(found)
    )
}

/// A number with its thousands apart.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
