//! Reads committed records of whole topics from their beginning or their end, outside any group: what a consumer of the
//! outcomes would see. Commits nothing and decides nothing.

use std::time::Duration;

use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    message::BorrowedMessage,
};

use super::{
    super::{
        failure::{Fault, FaultClass, Operation},
        settings::Settings,
    },
    clock, config,
    error::fault,
    headers,
    journal::Quiet,
};

/// How long to wait for one record that must be there.
const READ_TIMEOUT: Duration = Duration::from_secs(5);

/// A record as a reader sees it.
#[derive(Clone, Copy)]
pub struct Followed<'a> {
    /// Its topic.
    pub topic: &'a str,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its value; empty for a tombstone.
    pub value: &'a [u8],
    message: &'a BorrowedMessage<'a>,
}

impl<'a> Followed<'a> {
    /// The value of the first header of this name; none where the headers cannot be read.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a [u8]> {
        headers::all(self.message).ok()?.iter().find(|header| header.name == name.as_bytes())?.value
    }
}

/// A reader of topics.
pub struct Follower {
    consumer: BaseConsumer<Quiet>,
}

impl Follower {
    /// Follows every partition of `topics`, given with their numbers of partitions; none to only [`Self::record_at`].
    ///
    /// # Errors
    /// A client setting that is unknown, or the client cannot be made.
    pub fn open(settings: &Settings, topics: &[(&str, usize)]) -> Result<Self, Fault> {
        let consumer: BaseConsumer<Quiet> = config::follower(settings)
            .create_with_context(Quiet)
            .map_err(|error| fault(Operation::Consume, &error))?;
        let follower = Self { consumer };
        let mut list = TopicPartitionList::new();
        for (topic, partitions) in topics {
            list.add_partition_range(topic, 0, i32::try_from(*partitions).unwrap_or(i32::MAX) - 1);
        }
        list.set_all_offsets(Offset::Beginning).map_err(|error| fault(Operation::Consume, &error))?;
        follower.assign(&list)?;
        Ok(follower)
    }

    /// Follows every partition of `topics` from its end as of now on.
    ///
    /// # Errors
    /// As [`Self::open`], or the brokers do not answer.
    pub fn open_at_end(settings: &Settings, topics: &[(&str, usize)]) -> Result<Self, Fault> {
        let follower = Self::open(settings, &[])?;
        let mut list = TopicPartitionList::new();
        for (topic, partitions) in topics {
            for partition in 0..i32::try_from(*partitions).unwrap_or(i32::MAX) {
                follower
                    .consumer
                    .fetch_watermarks(topic, partition, READ_TIMEOUT)
                    .and_then(|(_, end)| list.add_partition_offset(topic, partition, Offset::Offset(end)))
                    .map_err(|error| fault(Operation::Consume, &error))?;
            }
        }
        follower.assign(&list)?;
        Ok(follower)
    }

    fn assign(&self, list: &TopicPartitionList) -> Result<(), Fault> {
        self.consumer.assign(list).map_err(|error| fault(Operation::Consume, &error))
    }

    /// Hands the next record to `each`; false where none came within `timeout`.
    ///
    /// # Errors
    /// What the client does not try again by itself.
    pub fn next(&self, timeout: Duration, each: impl FnOnce(Followed<'_>)) -> Result<bool, Fault> {
        match self.consumer.poll(timeout) {
            None => Ok(false),
            Some(Ok(message)) => {
                each(Followed {
                    topic: message.topic(),
                    partition: message.partition(),
                    offset: message.offset(),
                    value: message.payload().unwrap_or_default(),
                    message: &message,
                });
                Ok(true)
            }
            Some(Err(error)) => {
                let fault = fault(Operation::Consume, &error);
                if fault.class == FaultClass::Retriable { Ok(false) } else { Err(fault) }
            }
        }
    }

    /// The value of one record; nothing where it is gone. From then on only this partition is followed.
    ///
    /// # Errors
    /// What the client does not try again by itself.
    pub fn record_at(&self, topic: &str, partition: i32, offset: i64) -> Result<Option<Vec<u8>>, Fault> {
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition_offset(topic, partition, Offset::Offset(offset))
            .map_err(|error| fault(Operation::Consume, &error))?;
        self.assign(&list)?;
        let begun = clock::now();
        while begun.elapsed() < READ_TIMEOUT {
            match self.consumer.poll(Duration::from_millis(50)) {
                Some(Ok(message)) if message.topic() == topic && message.partition() == partition => {
                    let found = (message.offset() == offset).then(|| message.payload().map(<[u8]>::to_vec));
                    return Ok(found.flatten());
                }
                Some(Err(error)) => {
                    let fault = fault(Operation::Consume, &error);
                    if fault.class != FaultClass::Retriable {
                        return Err(fault);
                    }
                }
                _ => {}
            }
        }
        Ok(None)
    }
}
