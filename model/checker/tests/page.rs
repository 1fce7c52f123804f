//! `docs/verification.md` says what the tables in the code say.

use farshore_model::nightly::{HEADER, Row, TABLE, merged, rows};
use farshore_model::page;
use farshore_model::pins::{NIGHTLY, PINS};

#[test]
fn the_page_is_of_these_properties_and_scopes() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/verification.md");
    let text = std::fs::read_to_string(path).expect("docs/verification.md");
    let again = "print it anew: cargo run --profile checking -p farshore-model -- page > docs/verification.md";
    assert!(text.contains(&page::properties()), "{again}");
    assert!(text.contains(&page::scopes()), "{again}");
}

/// A row of a scope that is pinned otherwise now, or was given up, would be a claim that nobody has seen.
#[test]
fn the_table_of_the_nightly_run_is_of_these_pins() {
    let rows = rows(TABLE);
    assert_eq!(rows.len() + 1, TABLE.lines().count(), "every line is a row");
    for row in &rows {
        let pin = PINS.iter().chain(NIGHTLY).find(|pin| pin.scope == row.scope);
        assert!(row.exhausted && pin.is_some_and(|pin| pin.states == row.states), "{row:?} is not what is pinned");
    }
    assert_eq!(merged(TABLE, &[]), TABLE);
}

#[test]
fn rows_are_read_as_they_are_written() {
    let row = Row { scope: "pdl_both".into(), states: 7, depth: 3, seconds: 2, peak: Some(11), exhausted: true };
    let silent = Row { peak: None, exhausted: false, ..row.clone() };
    for row in [&row, &silent] {
        assert_eq!(Row::read(&row.line()).as_ref(), Some(row));
    }
    assert_eq!(Row::read("no row"), None);
    let again = merged(&merged("", &[silent]), std::slice::from_ref(&row));
    assert_eq!(again, format!("{HEADER}\n{}\n", row.line()), "the newer row stands");
}
