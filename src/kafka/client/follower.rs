//! Reads committed records of topics as they come, outside any group: what a consumer of the outcomes would see. Commits
//! nothing and decides nothing.

use super::dump::record_of;
use super::reader::{AtEnd, Isolation, TopicReader};
use crate::domain::PartitionId;
use crate::domain::record::TopicRecord;
use crate::kafka::failure::{Fault, Operation};
use crate::kafka::port::Followed;
use crate::kafka::settings::ClusterSettings;
use rdkafka::Offset;
use std::time::Duration;

/// A reader of topics.
pub struct Follower(TopicReader);

impl Follower {
    /// Follows partitions, each from its offset on; where that is gone, from the first record that is there.
    ///
    /// # Errors
    /// A client setting that is unknown, or the client cannot be made.
    pub fn open<'t>(
        settings: &ClusterSettings,
        places: impl IntoIterator<Item = (&'t str, PartitionId, i64)>,
    ) -> Result<Self, Fault> {
        let reader = TopicReader::open(settings, Isolation::Committed, AtEnd::Tell, Operation::Consume)?;
        let places = places.into_iter();
        reader.read(places.map(|(topic, partition, offset)| (topic, partition, Offset::Offset(offset))))?;
        Ok(Self(reader))
    }

    /// Hands the next record to `each`, waiting for one up to `timeout`. One whose headers cannot be read comes without any.
    /// Tells of a partition, by its number alone, each time that it has no more for now.
    ///
    /// # Errors
    /// What the client does not try again by itself.
    pub fn next<T>(
        &self,
        timeout: Duration,
        each: impl FnOnce(&TopicRecord<'_>) -> T,
    ) -> Result<Followed<T, PartitionId>, Fault> {
        Ok(match self.0.poll(timeout)? {
            Followed::Record(message) => Followed::Record(each(&record_of(&message).0)),
            Followed::End(partition) => Followed::End(partition),
            Followed::Nothing => Followed::Nothing,
        })
    }
}
