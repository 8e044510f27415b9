//! The one place of the Kafka part that reads a clock: deadlines and durations, and when to ask a broker what time it is,
//! never anything a decision sees.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Now, for deadlines and durations.
#[allow(clippy::disallowed_methods, reason = "deadlines and latency of the client, no part of a decision")]
pub fn now() -> Instant {
    Instant::now()
}

/// Milliseconds since 1970 by this machine.
#[allow(
    clippy::disallowed_methods,
    reason = "says when to ask a broker what time it is; no part of a decision"
)]
pub fn wall_millis() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
