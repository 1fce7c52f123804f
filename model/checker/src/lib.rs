//! The model: the real machines in the world of `farshore-world`, explored exhaustively.
//!
//! No protocol logic is here. [`Checked`] is the glue to stateright; [`shortest`] is a second explorer that shares none of
//! it, agrees with it on the number of states, and finds the shortest counter-example; [`mutants`] shows, guard by guard,
//! that the properties would notice.
//!
//! Architecture Invariant: a search that was cut short is an error, never a result.

mod checked;
pub mod limits;
pub mod mutants;
pub mod nightly;
pub mod page;
pub mod pins;
pub mod search;
pub mod shortest;

pub use checked::Checked;
