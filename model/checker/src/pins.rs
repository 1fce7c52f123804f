//! What CI explores, and how many states each scope has. A change that moves a number is looked at, not overwritten.

/// A scope and its pinned number of unique states.
#[derive(Clone, Copy, Debug)]
pub struct Pin {
    /// Name of the scope in `farshore-world`.
    pub scope: &'static str,
    /// Unique states.
    pub states: usize,
    /// Milestones that this scope meets; every other milestone is met by another scope.
    pub meets: &'static [&'static str],
}

/// Every scope, in the order in which CI explores them.
pub const PINS: &[Pin] = &[];
