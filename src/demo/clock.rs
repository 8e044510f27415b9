//! The one place of the demo that reads clocks: the records' times, latency, and when to draw. No decision sees them
//! but as the times of records.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Now, milliseconds since the epoch: what Kafka stamps records with.
#[allow(
    clippy::disallowed_methods,
    reason = "records are stamped as a till would, and latency is taken from that"
)]
pub(super) fn millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Now, to measure from.
#[allow(clippy::disallowed_methods, reason = "pace and drawing, no part of a decision")]
pub(super) fn now() -> Instant {
    Instant::now()
}
