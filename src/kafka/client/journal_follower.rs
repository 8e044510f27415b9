//! Follows many partitions of the journal with one client, outside the group, for the standby: committed records as they
//! come. Never waits for one partition while another has something.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
};

use super::{
    super::{
        failure::{Fault, FaultClass, Operation},
        port::{Followed, JournalFollower},
        settings::Settings,
    },
    config,
    error::fault,
    journal::{Quiet, open},
    watermarks,
};

/// A follower of journals.
pub struct Trail {
    consumer: BaseConsumer<Quiet>,
    settings: Arc<Settings>,
    followed: BTreeSet<i32>,
}

impl Trail {
    /// Opens one; nothing is followed yet.
    pub fn open(settings: Arc<Settings>) -> Result<Self, Fault> {
        let consumer = open(config::journal_follower(&settings))?;
        Ok(Self { consumer, settings, followed: BTreeSet::new() })
    }

    fn one(&self, partition: i32, offset: Offset) -> Result<TopicPartitionList, Fault> {
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition_offset(&self.settings.topics.journal, partition, offset)
            .map_err(|error| fault(Operation::Restore, &error))?;
        Ok(list)
    }
}

impl JournalFollower for Trail {
    fn follow(&mut self, partition: i32, offset: Option<i64>) -> Result<(), Fault> {
        self.leave(partition)?;
        let list = self.one(partition, offset.map_or(Offset::Beginning, Offset::Offset))?;
        self.consumer.incremental_assign(&list).map_err(|error| fault(Operation::Restore, &error))?;
        self.followed.insert(partition);
        Ok(())
    }

    fn leave(&mut self, partition: i32) -> Result<(), Fault> {
        if !self.followed.remove(&partition) {
            return Ok(());
        }
        let list = self.one(partition, Offset::Invalid)?;
        self.consumer.incremental_unassign(&list).map_err(|error| fault(Operation::Restore, &error))
    }

    fn next(&mut self, timeout: Duration, each: &mut dyn FnMut(i32, i64, &[u8])) -> Result<Followed, Fault> {
        match self.consumer.poll(timeout) {
            None => Ok(Followed::Nothing),
            Some(Ok(message)) => {
                each(message.partition(), message.offset(), message.payload().unwrap_or_default());
                Ok(Followed::Record)
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => Ok(Followed::End(partition)),
            Some(Err(error)) => {
                let fault = fault(Operation::Restore, &error);
                if fault.class != FaultClass::Retriable {
                    return Err(fault);
                }
                log::warn!("standby: {fault}: the client tries again by itself");
                Ok(Followed::Nothing)
            }
        }
    }

    fn end(&self, partition: i32) -> Option<i64> {
        watermarks::last_known(&self.consumer, &self.settings.topics.journal, partition).map(|(_, end)| end)
    }
}
