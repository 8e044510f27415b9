//! Reads committed records of whole topics from their beginning or their end, outside any group: what a consumer of the
//! outcomes would see. Commits nothing and decides nothing.

use super::error::fault;
use super::reader::{AtEnd, Isolation, Polled, TopicReader};
use super::{clock, headers};
use crate::domain::PartitionId;
use crate::kafka::failure::{Fault, Operation};
use crate::kafka::settings::Settings;
use rdkafka::consumer::Consumer;
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message, Offset, TopicPartitionList};
use std::time::Duration;

/// How long to wait for one record that must be there.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// A record as a reader sees it.
#[derive(Clone, Copy)]
pub struct FollowedRecord<'a> {
    /// Topic name.
    pub topic: &'a str,
    /// Partition number, from 0.
    pub partition: PartitionId,
    /// Offset in its partition, from 0.
    pub offset: i64,
    /// Its value; empty for a tombstone.
    pub value: &'a [u8],
    message: &'a BorrowedMessage<'a>,
}

impl<'a> FollowedRecord<'a> {
    /// Its key; empty where it has none.
    #[must_use]
    pub fn key(&self) -> &'a [u8] {
        self.message.key().unwrap_or_default()
    }

    /// Its time in milliseconds since 1970; -1: none.
    #[must_use]
    pub fn timestamp_millis(&self) -> i64 {
        self.message.timestamp().to_millis().unwrap_or(-1)
    }

    /// Its value; none for a tombstone.
    #[must_use]
    pub fn value_or_tombstone(&self) -> Option<&'a [u8]> {
        self.message.payload()
    }

    /// The value of the first header of this name; none where the headers cannot be read.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        headers::all(self.message).ok()?.iter().find(|header| header.name == name.as_bytes())?.value
    }
}

/// What came of a topic that is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FollowerPoll {
    /// A record, which was handed over.
    Record,
    /// Of this partition all was read that is there now.
    End(PartitionId),
    /// Nothing in time.
    Nothing,
}

/// A reader of topics.
pub struct Follower {
    reader: TopicReader,
}

impl Follower {
    /// Follows every partition of `topics`, given with their numbers of partitions; none to only [`Self::record_at`].
    ///
    /// # Errors
    /// A client setting that is unknown, or the client cannot be made.
    pub fn open(settings: &Settings, topics: &[(&str, usize)]) -> Result<Self, Fault> {
        let reader = TopicReader::open(settings, Isolation::Committed, AtEnd::Wait, Operation::Consume)?;
        reader.read(all(topics).map(|(topic, partition)| (topic, partition, Offset::Beginning)))?;
        Ok(Self { reader })
    }

    /// Follows the partitions of a topic, each from its offset on.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_from(settings: &Settings, topic: &str, offsets: &[i64]) -> Result<Self, Fault> {
        let follower = Self::open(settings, &[])?;
        let places = PartitionId::all(offsets.len())
            .zip(offsets)
            .map(|(partition, offset)| (topic, partition, Offset::Offset(*offset)));
        follower.reader.read(places)?;
        Ok(follower)
    }

    /// Follows partitions of one topic, each from its offset on, and tells with [`Self::next_or_end`] where they end.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_telling(
        settings: &Settings,
        topic: &str,
        places: &[(PartitionId, i64)],
    ) -> Result<Self, Fault> {
        let reader = TopicReader::open(settings, Isolation::Committed, AtEnd::Tell, Operation::Consume)?;
        reader.read(places.iter().map(|(partition, offset)| (topic, *partition, Offset::Offset(*offset))))?;
        Ok(Self { reader })
    }

    /// Where the records of this time (milliseconds since 1970) and later begin in each of these partitions.
    ///
    /// # Errors
    /// As [`Self::open`], or the brokers do not answer.
    pub fn places_since(
        settings: &Settings,
        topic: &str,
        partitions: &[PartitionId],
        millis: i64,
    ) -> Result<Vec<(PartitionId, i64)>, Fault> {
        // Asked first: what is written meanwhile to a partition without such records is read from here on.
        let ends = Self::ends(settings, topic, partitions)?;
        let follower = Self::open(settings, &[])?;
        let mut list = TopicPartitionList::new();
        let found = partitions
            .iter()
            .try_for_each(|partition| {
                list.add_partition_offset(topic, partition.number(), Offset::Offset(millis))
            })
            .and_then(|()| follower.reader.consumer.offsets_for_times(list, READ_TIMEOUT))
            .map_err(|error| fault(Operation::Consume, &error))?;
        ends.into_iter()
            .map(|(partition, end)| {
                let at = found.find_partition(topic, partition.number());
                // A broker that has just started may answer for some partitions alone.
                if let Some(error) = at.as_ref().and_then(|at| at.error().err()) {
                    let fault = fault(Operation::Consume, &error);
                    let text = format!("the places of topic {topic} partition {partition}: {}", fault.text);
                    return Err(Fault { text, ..fault });
                }
                match at.map(|at| at.offset()) {
                    Some(Offset::Offset(offset)) => Ok((partition, offset)),
                    _ => Ok((partition, end)),
                }
            })
            .collect()
    }

    /// Where each of these partitions ends now.
    ///
    /// # Errors
    /// As [`Self::places_since`].
    pub fn ends(
        settings: &Settings,
        topic: &str,
        partitions: &[PartitionId],
    ) -> Result<Vec<(PartitionId, i64)>, Fault> {
        let follower = Self::open(settings, &[])?;
        let end = |partition: &PartitionId| Ok((*partition, follower.reader.ends(topic, *partition)?.1));
        partitions.iter().map(end).collect()
    }

    /// Follows every partition of `topics` from its end as of now on.
    ///
    /// # Errors
    /// As [`Self::open`], or the brokers do not answer.
    pub fn open_at_end(settings: &Settings, topics: &[(&str, usize)]) -> Result<Self, Fault> {
        let follower = Self::open(settings, &[])?;
        let mut places = Vec::new();
        for (topic, partition) in all(topics) {
            let (_, end) = follower.reader.ends(topic, partition)?;
            places.push((topic, partition, Offset::Offset(end)));
        }
        follower.reader.read(places)?;
        Ok(follower)
    }

    /// Hands the next record to `each`; false where none came within `timeout`.
    ///
    /// # Errors
    /// What the client does not try again by itself.
    pub fn next(&self, timeout: Duration, each: impl FnOnce(FollowedRecord<'_>)) -> Result<bool, Fault> {
        Ok(self.next_or_end(timeout, each)? == FollowerPoll::Record)
    }

    /// The same, telling ends besides where it was opened so.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub fn next_or_end(
        &self,
        timeout: Duration,
        each: impl FnOnce(FollowedRecord<'_>),
    ) -> Result<FollowerPoll, Fault> {
        let message = match self.reader.poll(timeout)? {
            Polled::Record(message) => message,
            Polled::End(partition) => return Ok(FollowerPoll::End(partition)),
            Polled::Nothing => return Ok(FollowerPoll::Nothing),
        };
        each(FollowedRecord {
            topic: message.topic(),
            partition: message.partition().into(),
            offset: message.offset(),
            value: message.payload().unwrap_or_default(),
            message: &message,
        });
        Ok(FollowerPoll::Record)
    }

    /// The value of one record; nothing where it is gone. From then on only this partition is followed.
    ///
    /// # Errors
    /// What the client does not try again by itself.
    pub fn record_at(
        &self,
        topic: &str,
        partition: PartitionId,
        offset: i64,
    ) -> Result<Option<Vec<u8>>, Fault> {
        self.reader.read([(topic, partition, Offset::Offset(offset))])?;
        let begun = clock::now();
        while begun.elapsed() < READ_TIMEOUT {
            if let Polled::Record(message) = self.reader.poll(Duration::from_millis(50))?
                && (message.topic(), message.partition()) == (topic, partition.number())
            {
                let found = (message.offset() == offset).then(|| message.payload().map(<[u8]>::to_vec));
                return Ok(found.flatten());
            }
        }
        Ok(None)
    }
}

/// Every partition of `topics`.
fn all<'t>(topics: &[(&'t str, usize)]) -> impl Iterator<Item = (&'t str, PartitionId)> {
    topics.iter().flat_map(|(topic, partitions)| {
        PartitionId::all(*partitions).map(move |partition| (*topic, partition))
    })
}
