//! What moves a unit's records asks of it: whoever reads topics knows neither events nor decisions. Nothing behind these
//! traits does I/O, and a decider can put its state back to the last commit at any time.

use super::journal::JournalBatch;
use super::layout::Division;
use super::{InputRecord, Interrupt, Model, Partition, State};
use crate::codec::journal::{ByteWriter, Head};
use crate::domain::PartitionId;
use crate::domain::flow::{Flow, Positions, Unit};
use std::time::Duration;

/// A header of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// Name, ASCII.
    pub name: &'static str,
    /// Value bytes.
    pub value: &'a [u8],
}

/// A message that a decision sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outbound<'a> {
    /// The place of the output among those of the flow.
    pub output: usize,
    /// On which partition; none: where its key belongs.
    pub partition: Option<PartitionId>,
    /// Key bytes.
    pub key: &'a [u8],
    /// Value bytes; none for a tombstone.
    pub value: Option<&'a [u8]>,
    /// Headers, in order.
    pub headers: &'a [Header<'a>],
}

impl Outbound<'_> {
    /// Bytes of key, value and headers in a message.
    #[must_use]
    pub fn bytes(&self) -> usize {
        use crate::domain::dead_letter::header_bytes;
        let headers =
            self.headers.iter().map(|header| header_bytes(header.name.as_bytes(), Some(header.value)));
        self.key.len() + self.value.map_or(0, <[u8]>::len) + headers.sum::<usize>()
    }
}

/// Takes what a record leads to.
pub trait MessageSink {
    /// A message to send.
    fn send(&mut self, outbound: &Outbound<'_>);
    /// The record itself goes to the dead letters.
    fn dead_letter(&mut self, record: &InputRecord<'_>, code: &str, message: &str);
}

/// A tick that is worth writing: something waits for a unit's time to pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextTick {
    /// From which time of the brokers on, in milliseconds; none where nobody knows how much has passed, which the next
    /// tick itself makes known.
    pub due_millis: Option<i64>,
    /// Its value.
    pub value: Vec<u8>,
}

/// The state of one unit, which decides its records.
pub trait Decider: Send {
    /// Records come at `now`, which runs on from any start. Nothing is decided by it, but how much is asked for is bounded
    /// over time.
    fn batch_begins(&mut self, _now: Duration) {}

    /// Decides a record.
    ///
    /// # Errors
    /// [`Interrupt`]: the record counts as not read.
    fn on_record(&mut self, record: &InputRecord<'_>, sink: &mut dyn MessageSink) -> Result<(), Interrupt>;

    /// The record that was decided last was appended at this time of its broker, in milliseconds; none where it has
    /// another's time.
    fn read_at(&mut self, _appended: Option<i64>) {}

    /// The tick that is due next; none where nothing waits for time to pass. Call it between batches.
    fn next_tick(&self) -> Option<NextTick> {
        None
    }

    /// Asks for what it takes to read a record that comes later: the one before it waits for its schema.
    fn expect(&mut self, _record: &InputRecord<'_>) {}

    /// Whether the record that was interrupted last can be read now, as far as is known. Cheap.
    fn can_go_on(&self) -> bool {
        true
    }

    /// Passes over a record on which the decision failed again and again: a dead letter, and the flow's answer where it
    /// has one.
    fn on_failed_record(&mut self, record: &InputRecord<'_>, sink: &mut dyn MessageSink);

    /// Sends what is said of all records of the batch together: the batch ends with it.
    fn end_batch(&mut self, _sink: &mut dyn MessageSink) {}

    /// Whether the next [`Self::journal`] begins a checkpoint rotation.
    fn rotation_begins(&self) -> bool;

    /// Journal records of the batch so far; none where nothing was consumed.
    fn journal(&mut self, writer: &str) -> JournalBatch;

    /// The batch is committed.
    fn committed(&mut self);

    /// The batch is aborted: state as of the last commit.
    fn aborted(&mut self);

    /// Next offsets as of the state.
    fn positions(&self) -> Positions;

    /// Entries held, for the metrics.
    fn entries(&self) -> usize;

    /// What goes wrong here though it decides, in words, with what to do.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A state that is being read from its journal.
pub trait Restoring: Send {
    /// Folds the next journal record in.
    ///
    /// # Errors
    /// The journal does not fit together; in words, with what to do.
    fn on_record(&mut self, record: &[u8]) -> Result<(), String>;

    /// Entries folded so far, for progress; 0 where they are not counted.
    fn entries(&self) -> usize {
        0
    }

    /// The transactional id that wrote the last record folded in, as [`Decider::journal`] was given it.
    fn writer(&self) -> Option<&str>;

    /// The state as the journal has it.
    ///
    /// # Errors
    /// As [`Self::on_record`].
    fn finish(self: Box<Self>) -> Result<Box<dyn Decider>, String>;

    /// The state as the journal has it, whichever of its entries stand elsewhere than their keys: to be looked at, never
    /// to be decided on.
    ///
    /// # Errors
    /// As [`Self::finish`], but for the partitioner.
    fn finish_as_it_is(self: Box<Self>) -> Result<Box<dyn Folded>, String>;
}

/// A state that was read from its journal, to be looked at.
pub trait Folded: Send {
    /// Whose state it is.
    fn unit(&self) -> Unit;
    /// By what its keys belong on partitions.
    fn division(&self) -> Division;
    /// Numbers of the last committed transaction in the journal and of its last checkpoint rotation, positions and time:
    /// as they stand in the head of the journal's last record.
    fn is_as(&self, last: &Head) -> bool;
    /// How many entries there are.
    fn entries(&self) -> usize;
    /// The key of the entry in a slot.
    fn key(&self, slot: u32) -> Option<&str>;
    /// Appends the entry in a slot.
    fn write_entry(&self, slot: u32, out: &mut ByteWriter);
    /// The state itself, for whoever knows the flow.
    fn state(&self) -> &dyn std::any::Any;
}

impl<M: Model> Folded for Partition<M>
where
    M::State: 'static,
{
    fn unit(&self) -> Unit {
        Unit { flow: M::FLOW, partition: self.number() }
    }

    fn division(&self) -> Division {
        Partition::division(self)
    }

    fn is_as(&self, last: &Head) -> bool {
        self.journalled() == (last.sequence, last.rotation)
            && *self.positions() == last.positions.clone().with_later_inputs(M::FLOW)
            && self.state.stream_time() == last.stream_time
            && self.state.set_back() == last.set_back
    }

    fn entries(&self) -> usize {
        self.state.entries()
    }

    fn key(&self, slot: u32) -> Option<&str> {
        self.state.key(slot)
    }

    fn write_entry(&self, slot: u32, out: &mut ByteWriter) {
        self.state.write_entry(slot, out);
    }

    fn state(&self) -> &dyn std::any::Any {
        &self.state
    }
}

/// Makes the states of a flow's units.
pub trait Deciders: Send + Sync {
    /// The flow.
    fn flow(&self) -> &'static Flow;

    /// A state for `partition` with nothing in it.
    fn restoring(&self, partition: PartitionId) -> Box<dyn Restoring>;

    /// By what keys belong on partitions, as of when these were made; where the number is not known, nothing is held
    /// against it.
    fn division(&self) -> Division {
        Division::default()
    }

    /// Whether a journal that ends in this record may be gone on from.
    ///
    /// # Errors
    /// It was written for another number of partitions, or by another partitioner; in words, with what to do.
    fn check_last(&self, _record: &[u8]) -> Result<(), String> {
        Ok(())
    }
}
