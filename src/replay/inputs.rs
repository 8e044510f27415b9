//! The inputs of one partition side by side, merged by the times of their records as the worker does, and what outcomes say of
//! the order beyond that: each names its record and how far the other inputs were read. Knows no flow.

use super::ReplayError;
use super::compare::Met;
use super::source::{Feed, RecordBuffer, RecordSource};
use super::verify::OpenInput;
use crate::codec::recorded::{self, SourcePlace};
use crate::domain::PartitionId;
use crate::domain::flow::{Flow, Positions};
use smallvec::SmallVec;

/// Next offset of each input.
pub type Offsets = SmallVec<[i64; 4]>;

/// The inputs of a partition, in the flow's order.
pub struct Inputs {
    feeds: Vec<Feed>,
    positions: Offsets,
}

impl Inputs {
    /// Each from its position on.
    pub fn new(
        sources: impl IntoIterator<Item = Box<dyn RecordSource>>,
        positions: &[i64],
    ) -> Result<Self, ReplayError> {
        let feeds = sources.into_iter().map(Feed::new).collect::<Result<_, _>>()?;
        Ok(Self { feeds, positions: positions.into() })
    }

    /// Opens each from its position on.
    pub fn open(open: &OpenInput<'_>, positions: &[i64]) -> Result<Self, ReplayError> {
        let sources = positions.iter().enumerate().map(|(input, position)| open(input, *position));
        Self::new(sources.collect::<Result<Vec<_>, _>>()?, positions)
    }

    /// The record of an input that comes next.
    #[must_use]
    pub fn head(&self, input: usize) -> Option<&RecordBuffer> {
        self.feeds[input].head()
    }

    /// Next offset of each input.
    #[must_use]
    pub fn positions(&self) -> &[i64] {
        &self.positions
    }

    /// The input with the earliest record among those in front of these offsets; of the same time, a later input's comes
    /// first.
    #[must_use]
    pub fn first_before(&self, before: &[i64]) -> Option<usize> {
        let mut first: Option<(usize, i64)> = None;
        for (input, (feed, before)) in self.feeds.iter().zip(before).enumerate() {
            if let Some(head) = feed.head()
                && head.offset < *before
                && first.is_none_or(|(_, least)| head.timestamp_millis <= least)
            {
                first = Some((input, head.timestamp_millis));
            }
        }
        first.map(|(input, _)| input)
    }

    /// Passes over the next record of an input.
    pub fn pass(&mut self, input: usize) -> Result<(), ReplayError> {
        if let Some(head) = self.feeds[input].head() {
            self.positions[input] = head.offset + 1;
        }
        self.feeds[input].advance()
    }
}

/// Next offsets, 0 where nothing was read yet.
#[must_use]
pub fn next_offsets(positions: &Positions, flow: &Flow) -> Offsets {
    let mut offsets = Offsets::from_elem(0, flow.inputs.len());
    offsets.iter_mut().zip(positions.iter()).for_each(|(offset, next)| *offset = next.unwrap_or(0));
    offsets
}

/// The record that an outcome says it is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Its input.
    pub input: usize,
    /// Its offset.
    pub offset: i64,
    /// Next offset of each input before it.
    pub before: Offsets,
}

impl Named {
    /// The record that an outcome says it is of; none where it says none of this partition. `read_up_to` says how far another
    /// input was read, none: that cannot be known.
    #[must_use]
    pub fn of(
        outcome: &[u8],
        partition: PartitionId,
        topics: &[String],
        read_up_to: impl Fn(&SourcePlace<'_>, usize) -> Option<i64>,
    ) -> Option<Self> {
        let place = recorded::place(outcome).filter(|place| place.partition == partition)?;
        let input = topics.iter().position(|topic| topic == place.topic)?;
        let before = (0..topics.len()).map(|other| match other {
            own if own == input => Some(place.offset),
            other => read_up_to(&place, other),
        });
        Some(Self { input, offset: place.offset, before: before.collect::<Option<_>>()? })
    }
}

/// Which record an outcome says it is of: its value, the partition, the topics of the inputs.
pub type ReadNamed = fn(&[u8], PartitionId, &[String]) -> Option<Named>;

/// The recorded outcomes of a partition.
pub struct Outcomes {
    feed: Feed,
    partition: PartitionId,
    topics: Vec<String>,
    read: ReadNamed,
    named: Option<Named>,
    /// Memory of outcomes that were taken out.
    spare: Vec<RecordBuffer>,
}

impl Outcomes {
    /// Those of `feed`, from its head on, of records of these topics.
    #[must_use]
    pub fn new(feed: Feed, partition: PartitionId, topics: Vec<String>, read: ReadNamed) -> Self {
        let mut outcomes = Self { feed, partition, topics, read, named: None, spare: Vec::new() };
        outcomes.look();
        outcomes
    }

    /// The outcome that comes next.
    #[must_use]
    pub fn head(&self) -> Option<&RecordBuffer> {
        self.feed.head()
    }

    /// The record that it says it is of; none where it does not say one of this partition.
    #[must_use]
    pub fn named(&self) -> Option<&Named> {
        self.named.as_ref()
    }

    /// Whether it is of the record at this offset of an input; one that cannot be read is taken for it.
    #[must_use]
    pub fn is_next(&self, (input, offset): (usize, i64)) -> bool {
        let named = self.named.as_ref();
        self.head().is_some() && named.is_none_or(|named| (named.input, named.offset) == (input, offset))
    }

    /// Takes it out.
    pub fn take(&mut self) -> Result<Met, ReplayError> {
        let record = self.spare.pop().unwrap_or_default();
        let mut met = Met { record, is_readable: self.named.is_some() };
        self.feed.swap_head(&mut met.record);
        self.advance()?;
        Ok(met)
    }

    /// Gives back the memory of what was taken out.
    pub fn give_back(&mut self, met: Vec<Met>) {
        self.spare.extend(met.into_iter().map(|met| met.record));
    }

    /// Passes over it.
    pub fn advance(&mut self) -> Result<(), ReplayError> {
        self.feed.advance()?;
        self.look();
        Ok(())
    }

    fn look(&mut self) {
        let value = self.feed.head().and_then(RecordBuffer::value);
        self.named = value.and_then(|value| (self.read)(value, self.partition, &self.topics));
    }
}
