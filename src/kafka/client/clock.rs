//! The one place of the Kafka part that reads a clock: deadlines and durations, never anything a decision sees.

use std::time::Instant;

/// Now, for deadlines and durations.
#[allow(clippy::disallowed_methods, reason = "deadlines and latency of the client, no part of a decision")]
pub fn now() -> Instant {
    Instant::now()
}
