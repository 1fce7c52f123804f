//! The one clock: milliseconds since the machine started, suspended time included (O2).

use farshore_core::Instant;
use rustix::time::{ClockId, clock_gettime};

/// Now.
#[must_use]
pub fn now() -> Instant {
    let t = clock_gettime(ClockId::Boottime);
    let ms = t.tv_sec.saturating_mul(1000).saturating_add(t.tv_nsec / 1_000_000);
    Instant(u64::try_from(ms).unwrap_or(0))
}
