//! `docs/verification.md` says what the tables in the code say.

use farshore_model::page;

#[test]
fn the_page_is_of_these_properties_and_scopes() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/verification.md");
    let text = std::fs::read_to_string(path).expect("docs/verification.md");
    let again = "print it anew: cargo run --profile checking -p farshore-model -- page > docs/verification.md";
    assert!(text.contains(&page::properties()), "{again}");
    assert!(text.contains(&page::scopes()), "{again}");
}
