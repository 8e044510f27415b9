//! The inputs of one partition side by side, merged by the times of their records as the worker does, and what outcomes say of
//! the order beyond that: each names its record and how far the other inputs were read. Knows no flow.

use super::ReplayError;
use super::source::{Feed, Kept, Source};
use super::verify::OpenInput;
use crate::codec::recorded::{self, SourcePlace};
use crate::domain::PartitionId;
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
    ///
    /// # Errors
    /// [`ReplayError`] where a first record cannot be read.
    pub fn new(
        sources: impl IntoIterator<Item = Box<dyn Source>>,
        positions: &[i64],
    ) -> Result<Self, ReplayError> {
        let feeds = sources.into_iter().map(Feed::new).collect::<Result<_, _>>()?;
        Ok(Self { feeds, positions: positions.into() })
    }

    /// Opens each from its position on.
    ///
    /// # Errors
    /// [`ReplayError`] where one cannot be opened.
    pub fn open(open: &OpenInput<'_>, positions: &[i64]) -> Result<Self, ReplayError> {
        let sources = positions.iter().enumerate().map(|(input, position)| open(input, *position));
        Self::new(sources.collect::<Result<Vec<_>, _>>()?, positions)
    }

    /// The record of an input that comes next.
    #[must_use]
    pub fn head(&self, input: usize) -> Option<&Kept> {
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
    ///
    /// # Errors
    /// [`ReplayError`] where the one after it cannot be read.
    pub fn pass(&mut self, input: usize) -> Result<(), ReplayError> {
        if let Some(head) = self.feeds[input].head() {
            self.positions[input] = head.offset + 1;
        }
        self.feeds[input].advance()
    }
}

/// Offsets of inputs, of which there are so many.
#[must_use]
pub fn array<const N: usize>(offsets: &[i64]) -> [i64; N] {
    std::array::from_fn(|input| offsets.get(input).copied().unwrap_or(0))
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

/// How far an outcome says that an input was read, by the topics of the inputs; none: that cannot be known.
pub type ReadUpTo = fn(&SourcePlace<'_>, &[String], usize) -> Option<i64>;

/// The recorded outcomes of a partition.
pub struct Outcomes {
    feed: Feed,
    partition: PartitionId,
    topics: Vec<String>,
    read_up_to: ReadUpTo,
    named: Option<Named>,
}

impl Outcomes {
    /// Those of `feed`, from its head on, of records of these topics.
    #[must_use]
    pub fn new(feed: Feed, partition: PartitionId, topics: Vec<String>, read_up_to: ReadUpTo) -> Self {
        let mut outcomes = Self { feed, partition, topics, read_up_to, named: None };
        outcomes.look();
        outcomes
    }

    /// The outcome that comes next.
    #[must_use]
    pub fn head(&self) -> Option<&Kept> {
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

    /// Passes over it.
    ///
    /// # Errors
    /// [`ReplayError`] where the one after it cannot be read.
    pub fn advance(&mut self) -> Result<(), ReplayError> {
        self.feed.advance()?;
        self.look();
        Ok(())
    }

    fn look(&mut self) {
        let place = self.feed.head().and_then(Kept::value).and_then(recorded::place);
        self.named = place.filter(|place| place.partition == self.partition).and_then(|place| {
            let input = self.topics.iter().position(|topic| topic == place.topic)?;
            let before = (0..self.topics.len()).map(|other| match other {
                own if own == input => Some(place.offset),
                other => (self.read_up_to)(&place, &self.topics, other),
            });
            Some(Named { input, offset: place.offset, before: before.collect::<Option<_>>()? })
        });
    }
}
