//! The harness itself: two explorers agree, a removed guard is noticed, a scope that is not there is named.

use farshore_model::Checked;
use farshore_model::limits::Limits;
use farshore_model::mutants::{MUTANTS, without};
use farshore_model::pins::PINS;
use farshore_model::search::exhaust;
use farshore_model::shortest::{Defects, Shortest, explore};

/// Guards are the whole process's: what removes one must not run beside what does not. Hence one test.
#[test]
fn two_explorers_agree_and_a_mutant_is_noticed() {
    let smallest = PINS.iter().min_by_key(|p| p.states).unwrap();
    let load = || Checked::load(smallest.scope).unwrap();
    let found = exhaust(load(), smallest.scope, Limits::default()).unwrap();
    assert_eq!(found.states, smallest.states, "stateright on {}", smallest.scope);
    match explore(&load(), Defects::All) {
        Shortest::Sound(states) => assert_eq!(states, smallest.states, "the second explorer on {}", smallest.scope),
        Shortest::Defect { violation, .. } => panic!("{violation}"),
    }
    // J3: the mutant with one of the shortest ways.
    let mutant = MUTANTS.iter().find(|m| format!("{:?}", m.guard) == "J3").unwrap();
    let checked = Checked::load(mutant.scope).unwrap();
    assert!(matches!(without(mutant.guard, &checked), Shortest::Defect { .. }), "nothing notices that J3 is gone");
}

#[test]
fn a_scope_that_is_not_there_is_named() {
    let error = Checked::load("pdl_crush").unwrap_err().to_string();
    assert!(error.contains("pdl_crush") && error.contains("pdl_crash"), "{error}");
}
