//! Where a worker, a partition and a copy stand: noted by whoever moves records, shown by metrics and pages. Knows neither
//! Kafka nor HTTP, and is no part of a decision.

use std::time::Duration;

/// Where a worker stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WorkerStanding {
    /// Without a place in the group yet, and what is wrong, if anything.
    Starting(Option<String>),
    /// In its loop, and why nothing comes from its brokers, if nothing does.
    Running(Option<String>),
    /// Given up for now, and why; it is rebuilt by itself, after a pause.
    Rebuilding(String),
    /// Has not gone round its loop for so long: it hangs in a call.
    Hanging(Duration),
    /// Ended; nothing starts it again.
    Stopped,
}

/// Where a partition stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartitionStanding {
    /// Its journal is read: so many offsets of so many.
    Restoring {
        /// Read so far.
        done: i64,
        /// There were at the start; 0: not known yet.
        of: i64,
        /// Entries so far.
        entries: usize,
    },
    /// Deciding.
    Active,
    /// Not deciding, and why; goes on by itself (registry) or needs a person (torn).
    Blocked(String),
}

impl PartitionStanding {
    /// The names of all states.
    pub const STATES: [&str; 3] = ["restoring", "active", "blocked"];

    /// The name of the state on pages and in metrics.
    #[must_use]
    pub fn state(&self) -> &'static str {
        let [restoring, active, blocked] = Self::STATES;
        match self {
            Self::Restoring { .. } => restoring,
            Self::Active => active,
            Self::Blocked(_) => blocked,
        }
    }
}

/// Where the copy of a partition stands that another process decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CopyStanding {
    /// It has been at the end of its journal.
    pub warm: bool,
    /// Journal offsets that are not folded yet; none: not known yet.
    pub lag: Option<i64>,
    /// Entries so far.
    pub entries: usize,
    /// Why there is none at present.
    pub refused: Option<String>,
}
