//! A unit's way from record bytes to the bytes of its outputs and of its journal, whatever its flow is of.
//!
//! key -> decide -> apply -> encode, with undo, journal and checkpoint rotation. What a flow does with its records is its
//! [`Model`]; what stands here knows none of them. Pure: whoever calls it reads and writes the records. `run`, `check`,
//! `replay`, `demo`, the benches and the simulation all go through here, so that they cannot differ.

mod decider;
mod journal;
mod layout;
mod model;
mod partition;
mod reset;
mod restore;
mod slots;

pub use decider::{Decider, Deciders, Folded, Header, MessageSink, NextTick, Outbound, Restoring};
pub use journal::JournalBatch;
pub use layout::{Division, LayoutFault, Misplaced, check_record, mend};
pub use model::{Blueprint, Counted, Effects, FoldFault, Keyed, Model, State, Surroundings};
pub use partition::{Interrupt, Partition, PartitionSettings};
pub use reset::Reset;
pub use restore::{Restore, RestoreFault};
pub use slots::{SlotChange, SlotEntry, Slots};

use crate::domain::PartitionId;
use crate::domain::record::RecordTime;
use crate::domain::reply::REQUEST_ID_CHARS_MAX;

/// An input record as it stands in its topic.
#[derive(Clone, Copy, Debug)]
pub struct InputRecord<'a> {
    /// The place of its input among those of the flow.
    pub input: usize,
    /// Partition number, from 0.
    pub partition: PartitionId,
    /// Offset in its partition, from 0.
    pub offset: i64,
    /// Its timestamp as what comes of it names it, milliseconds; -1: none.
    pub timestamp_millis: i64,
    /// What is known of when it was written.
    pub time: RecordTime,
    /// Key bytes.
    pub key: Option<&'a [u8]>,
    /// Its value; none for a tombstone.
    pub value: Option<&'a [u8]>,
    /// The writer's schema, where a header names it by GUID.
    pub schema_guid: Option<[u8; 16]>,
    /// By which its sender asks for a reply, where a header has one and its input is one of [`Flow::asked`].
    ///
    /// [`Flow::asked`]: crate::domain::flow::Flow::asked
    pub request_id: Option<&'a [u8]>,
}

impl<'a> InputRecord<'a> {
    /// A line of a file, which has no record time, with the key that its record would have.
    #[must_use]
    pub fn of_line(input: usize, offset: i64, key: &'a [u8], value: Option<&'a [u8]>) -> Self {
        Self {
            input,
            partition: PartitionId::new(0),
            offset,
            timestamp_millis: -1,
            time: RecordTime::Line,
            key: Some(key),
            value,
            schema_guid: None,
            request_id: None,
        }
    }

    /// By which its sender asks for a reply, where that is a text that can be said again.
    #[must_use]
    pub fn request_id(&self) -> Option<&'a str> {
        let id = str::from_utf8(self.request_id?).ok()?;
        (1..=REQUEST_ID_CHARS_MAX).contains(&id.chars().count()).then_some(id)
    }
}

/// Takes what a topic of which only the latest record of each key counts says.
pub trait Latest: Send + Sync {
    /// A key has this value from now on; none: it is gone.
    ///
    /// # Errors
    /// It cannot be read, in words: what was there before stays.
    fn set(&self, key: &[u8], value: Option<&[u8]>) -> Result<(), String>;
}

/// Where results go.
pub trait DecisionSink<M: Model> {
    /// What was decided, and the message that says it.
    fn send(&mut self, decided: &M::Decided<'_>, outbound: &Outbound<'_>);
    /// A message beside what was decided, of a record whose sender asked for it.
    fn reply(&mut self, _outbound: &Outbound<'_>) {}
    /// A record that goes to the dead letters.
    fn dead_letter(&mut self, record: &InputRecord<'_>, code: &'static str, message: &str);
    /// The record stood elsewhere than its key belongs, and was answered so: to be counted and told.
    fn misplaced(&mut self, _record: &InputRecord<'_>, _misplaced: &Misplaced) {}
    /// What the record did that people should know: to be told once it is committed.
    fn note(&mut self, _record: &InputRecord<'_>, _what: &str) {}
}
