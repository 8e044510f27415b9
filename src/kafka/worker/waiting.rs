//! How long a unit waits for an input of which the broker has more, before it decides without.

use crate::domain::flow::InputPartition;
use std::time::Duration;

/// How long a unit waits for an input of which the broker has more, before it decides without: that input may be
/// out of reach. Counted is only the time in which nothing at all came: while records wait in the client, those of the
/// missing input are among them.
const BEHIND_MAX: Duration = Duration::from_secs(1);
/// The same where a single offset is missing: most likely the marker at the end of a transaction, which never comes.
const MARKER_MAX: Duration = Duration::from_millis(100);
/// Wait where something always comes, and for an input that was never fetched: no unit may stand still for ever.
const BUSY_MAX: Duration = Duration::from_secs(60);

/// A wait for one input.
#[derive(Clone, Copy, Debug)]
pub struct Wait {
    /// Since when.
    pub since: Duration,
    /// How long of it nothing came.
    idle: Duration,
    /// The wait is over: decided without until the input comes.
    pub over: bool,
}

impl Wait {
    /// Begins now.
    pub fn new(since: Duration) -> Self {
        Self { since, idle: Duration::ZERO, over: false }
    }

    /// Nothing came of the input at `at` for `idle`, though so many offsets are there; none: that is not known.
    pub fn lengthen(&mut self, at: InputPartition, missing: Option<i64>, idle: Duration, now: Duration) {
        self.idle += idle;
        let most = match missing {
            Some(1) => MARKER_MAX,
            Some(_) => BEHIND_MAX,
            // Its broker has not answered yet: nothing is known of what it has.
            None => BUSY_MAX,
        };
        let over = self.over || self.idle >= most || now >= self.since + BUSY_MAX;
        if over && !self.over && missing != Some(1) {
            let missing = match missing {
                Some(offsets) => format!("{offsets} offsets of {}", at.name()),
                None => format!("{}, of which nothing is known,", at.name()),
            };
            log::warn!("{}: {missing} do not come: deciding without them", at.unit);
        }
        self.over = over;
    }
}
