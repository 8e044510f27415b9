//! Recorded topics as one stream of records: some partitions at a time, by the times of the records that come next, each
//! partition in the order in which it was decided. The same topics give the same stream on every machine.

use super::ReplayError;
use super::chunk::Chunk;
use super::journal::unfoldable;
use super::letters::{Letter, Letters, LettersOf};
use super::order::Order;
use super::source::{RecordBuffer, RecordSource};
use crate::codec::journal::read_record;
use crate::domain::PartitionId;
use crate::pos::{INPUTS, Input};
use std::collections::VecDeque;

/// Partitions that are read at a time: of each, four files are open, with a few hundred kilobytes in memory.
const OPEN_MAX: usize = 16;

/// Opens a partition.
pub type OpenPartition<'a> = dyn Fn(PartitionId) -> Result<Order, ReplayError> + Sync + 'a;

/// Recorded inputs and what was decided on them.
pub struct RecordedTopics<'a> {
    /// The partitions, in the order in which they begin.
    pub partitions: Vec<PartitionId>,
    /// Opens one.
    pub open: &'a OpenPartition<'a>,
    /// The recorded dead letters.
    pub letters: Letters,
}

/// Reads them.
pub struct TopicsReader<'a> {
    left: VecDeque<PartitionId>,
    open: &'a OpenPartition<'a>,
    letters: Letters,
    under_way: Vec<OpenedPartition>,
}

struct OpenedPartition {
    partition: PartitionId,
    order: Order,
    letters: LettersOf,
}

impl<'a> RecordedTopics<'a> {
    /// From the first record on.
    #[must_use]
    pub fn read(self) -> TopicsReader<'a> {
        let Self { partitions, open, letters } = self;
        TopicsReader { left: partitions.into(), open, letters, under_way: Vec::new() }
    }
}

impl TopicsReader<'_> {
    /// The next records, at most so many; none at the end.
    pub fn chunk(&mut self, most: usize) -> Result<Option<Chunk>, ReplayError> {
        let mut chunk = Chunk::default();
        while !chunk.is_full(most) {
            self.open_next()?;
            let heads = self.under_way.iter().enumerate().filter_map(|(place, part)| {
                let (_, head) = part.order.head()?;
                Some((head.timestamp_millis, part.partition, place))
            });
            let Some((.., first)) = heads.min() else { break };
            let part = &mut self.under_way[first];
            part.pass(&mut chunk)?;
            if part.order.head().is_none() {
                self.under_way.remove(first);
            }
        }
        Ok((!chunk.entries.is_empty()).then_some(chunk))
    }

    /// Opens further partitions where there is room for them.
    fn open_next(&mut self) -> Result<(), ReplayError> {
        while self.under_way.len() < OPEN_MAX
            && let Some(partition) = self.left.pop_front()
        {
            let (order, letters) = ((self.open)(partition)?, self.letters.take(partition, INPUTS));
            if order.head().is_some() {
                self.under_way.push(OpenedPartition { partition, order, letters });
            }
        }
        Ok(())
    }
}

impl OpenedPartition {
    /// Moves the next record into the chunk.
    fn pass(&mut self, chunk: &mut Chunk) -> Result<(), ReplayError> {
        let Some((input, record)) = self.order.head() else { return Ok(()) };
        let letter = self.letters.take(input, record.offset);
        push(chunk, (Input::at(input), self.partition), record, letter.as_ref());
        self.order.pass(&mut |outcome| chunk.push_outcome(outcome))
    }
}

/// The transaction of a journal with which the state starts over, if there is one.
///
/// # Errors
/// [`ReplayError`] where the journal cannot be read.
pub fn find_reset(journal: &mut dyn RecordSource) -> Result<Option<u64>, ReplayError> {
    let mut record = RecordBuffer::default();
    while journal.next(&mut record)? {
        let read = read_record(record.value().unwrap_or_default());
        let head = read.or_else(|fault| unfoldable(&record, fault))?.head;
        if head.resets {
            return Ok(Some(head.sequence));
        }
    }
    Ok(None)
}

fn push(chunk: &mut Chunk, at: (Input, PartitionId), record: &RecordBuffer, letter: Option<&Letter>) {
    let given_up = letter.is_some_and(Letter::is_of_a_failure);
    chunk.push_record(at, record, given_up, letter.and_then(|letter| letter.no_schema(record)));
}
