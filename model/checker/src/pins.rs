//! What CI explores, and how many states each scope has. A change that moves a number is looked at, not overwritten.

/// A scope and its pinned number of unique states.
#[derive(Clone, Copy, Debug)]
pub struct Pin {
    /// Name of the scope in `farshore-world`.
    pub scope: &'static str,
    /// Unique states.
    pub states: usize,
}

const fn pin(scope: &'static str, states: usize) -> Pin {
    Pin { scope, states }
}

/// Every scope that CI exhausts, in this order.
pub const PINS: &[Pin] = &[
    pin("both_arrays_lost", 1737),
    pin("pdl_doubt", 104442),
    pin("pdl_both", 382545),
    pin("pdl_doubled", 402457),
    pin("pdl_twice", 459584),
    pin("pdl_abort", 486511),
    pin("pdl_crash", 2014006),
];

/// Milestones of kinds of failure that none of these scopes holds; random walks and scenarios meet them.
pub const ELSEWHERE: &[&str] = &[];
