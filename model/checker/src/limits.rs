//! What one exploration may take, and what it took.

use std::time::Duration;

/// No scope needs more memory than this, in KiB: 4 GiB.
pub const MEMORY: u64 = 4 << 20;

/// What one exploration may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most memory that the process ever held, in KiB.
    pub memory: u64,
    /// How long it may take.
    pub time: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { memory: MEMORY, time: None }
    }
}

/// The most memory that this process ever held, in KiB, as Linux tells; `None` elsewhere.
#[must_use]
pub fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}
