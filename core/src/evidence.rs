//! What a LUN that cannot be drained must show before its group may move (F2a).

use crate::inventory::Replication;
use crate::operation::ReplicationSeen;
use crate::time::Millis;

/// Whether the copy at the peer is good enough, as of the loss; otherwise the age of the newest consistent copy, or
/// `None` where that is unknown. Unknown satisfies nothing.
///
/// # Errors
/// The loss estimate that an operator would have to accept.
pub fn suffices(replication: Option<Replication>, seen: &ReplicationSeen) -> Result<(), Option<Millis>> {
    match replication {
        None => Err(None),
        Some(Replication::Synchronous) => match seen.in_sync {
            Some(true) if !seen.resync => Ok(()),
            Some(true | false) | None => Err(seen.lag),
        },
        // A resynchronisation that has an earlier complete point can be rolled back to it; its lag counts from there.
        Some(Replication::Asynchronous { rpo }) => match (seen.lag, seen.point) {
            (Some(lag), Some(_)) if lag <= rpo => Ok(()),
            (lag, Some(_)) => Err(lag),
            (_, None) => Err(None),
        },
    }
}
