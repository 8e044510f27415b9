//! One input partition's way from record bytes to outcome bytes and journal bytes.
//!
//! decode -> decide -> apply -> encode, with undo, journal and checkpoint rotation. Pure like the
//! engine: whoever calls it reads and writes the records. `run`, `check`, `demo`, the benches and
//! the simulation all go through here, so that they cannot differ.

mod journal;
mod layout;
mod partition;
mod reset;
mod restore;

pub use journal::JournalBatch;
pub use layout::{Division, LayoutFault, Misplaced, check_record, mend};
pub use partition::{Interrupt, Partition, PartitionOptions};
pub use reset::Reset;
pub use restore::{Restore, RestoreFault};

use crate::domain::outcome::Outcome;
use crate::domain::record::RecordTime;

/// Which input topic a record came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Input {
    /// POS events.
    PosEvents,
    /// Account events.
    AccountEvents,
}

impl Input {
    /// Both, in the order of positions.
    pub const ALL: [Self; 2] = [Self::PosEvents, Self::AccountEvents];

    /// Its name in settings and metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::PosEvents => "pos_events",
            Self::AccountEvents => "account_events",
        }
    }

    /// The other input of the same partition.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::PosEvents => Self::AccountEvents,
            Self::AccountEvents => Self::PosEvents,
        }
    }
}

/// An input record as it stands in its topic.
#[derive(Clone, Copy, Debug)]
pub struct InRecord<'a> {
    /// Its topic.
    pub input: Input,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its timestamp as its outcomes name it, milliseconds; -1: none.
    pub timestamp_millis: i64,
    /// What is known of when it was written.
    pub time: RecordTime,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value; none for a tombstone.
    pub value: Option<&'a [u8]>,
    /// The writer's schema, where a header names it by GUID.
    pub schema_guid: Option<[u8; 16]>,
}

/// Where results go.
pub trait Output {
    /// An outcome, encoded, under its account as key.
    fn outcome(&mut self, outcome: &Outcome<'_>, key: &[u8], value: &[u8]);
    /// A record that goes to the dead letters.
    fn dead_letter(&mut self, record: &InRecord<'_>, code: &'static str, message: &str);
    /// The record stood elsewhere than its key belongs, and was answered so: to be counted and told.
    fn misplaced(&mut self, _record: &InRecord<'_>, _misplaced: &Misplaced) {}
}

/// How outcomes are encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutcomeEncoding {
    /// JSON as the public contract writes it.
    Json,
    /// Avro by the contract's schema, behind these bytes (registry prefix, single-object header, or nothing).
    Avro(Vec<u8>),
}
