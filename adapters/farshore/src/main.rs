//! The farshore binary.
fn main() {}
