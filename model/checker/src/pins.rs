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
    pin("both_arrays_lost", 6190),
    pin("pdl_doubt", 104436),
    pin("pdl_both", 382545),
    pin("pdl_doubled", 402457),
    pin("pdl_twice", 459584),
    pin("pdl_abort", 713002),
    pin("pdl_crash", 336554),
];

/// Milestones of kinds of failure that none of these scopes holds. Golden scripts, random walks and scenarios meet them;
/// the scopes `pdl_async`, `lying_host` and `unhappy` hold them, and are too large for CI.
pub const ELSEWHERE: &[&str] =
    &["confirm-refused", "late-answer", "forced", "writes-lost", "torn", "contradicted", "returned", "halted"];
