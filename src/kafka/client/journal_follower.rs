//! Follows the journals of many units, outside the group, for the standby: committed records as they come. A client for
//! each flow, because the end of a partition comes without its topic's name. Never waits for one unit while another has
//! something.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::KafkaError,
};

use super::{
    super::{
        failure::{Fault, FaultClass, Operation},
        port::{Followed, JournalFollower, Unit},
        settings::Settings,
    },
    config,
    error::fault,
    journal::{Quiet, open},
    watermarks,
};
use crate::domain::flow::Flow;

/// A follower of journals.
pub struct Trail {
    settings: Arc<Settings>,
    flows: Vec<OfFlow>,
    /// Which of them is waited for next.
    turn: usize,
}

struct OfFlow {
    flow: &'static Flow,
    topic: String,
    consumer: BaseConsumer<Quiet>,
    followed: BTreeSet<i32>,
}

impl Trail {
    /// Nothing is followed yet.
    pub fn new(settings: Arc<Settings>) -> Self {
        Self { settings, flows: Vec::new(), turn: 0 }
    }

    fn of(&mut self, flow: &'static Flow) -> Result<&mut OfFlow, Fault> {
        let known = self.flows.iter().position(|of| of.flow == flow);
        let known = match known {
            Some(known) => known,
            None => {
                let consumer = open(config::journal_follower(&self.settings))?;
                let topic = self.settings.topics.of(flow).journal.clone();
                self.flows.push(OfFlow { flow, topic, consumer, followed: BTreeSet::new() });
                self.flows.len() - 1
            }
        };
        Ok(&mut self.flows[known])
    }
}

impl OfFlow {
    fn one(&self, partition: i32, offset: Offset) -> Result<TopicPartitionList, Fault> {
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition_offset(&self.topic, partition, offset)
            .map_err(|error| fault(Operation::Restore, &error))?;
        Ok(list)
    }

    fn leave(&mut self, partition: i32) -> Result<(), Fault> {
        if !self.followed.remove(&partition) {
            return Ok(());
        }
        let list = self.one(partition, Offset::Invalid)?;
        self.consumer.incremental_unassign(&list).map_err(|error| fault(Operation::Restore, &error))
    }

    fn next(&self, timeout: Duration, each: &mut dyn FnMut(Unit, i64, &[u8])) -> Result<Followed, Fault> {
        let unit = |partition| Unit { flow: self.flow, partition };
        match self.consumer.poll(timeout) {
            None => Ok(Followed::Nothing),
            Some(Ok(message)) => {
                each(unit(message.partition()), message.offset(), message.payload().unwrap_or_default());
                Ok(Followed::Record)
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => Ok(Followed::End(unit(partition))),
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
}

impl JournalFollower for Trail {
    fn follow(&mut self, unit: Unit, offset: Option<i64>) -> Result<(), Fault> {
        let of = self.of(unit.flow)?;
        of.leave(unit.partition)?;
        let list = of.one(unit.partition, offset.map_or(Offset::Beginning, Offset::Offset))?;
        of.consumer.incremental_assign(&list).map_err(|error| fault(Operation::Restore, &error))?;
        of.followed.insert(unit.partition);
        Ok(())
    }

    fn leave(&mut self, unit: Unit) -> Result<(), Fault> {
        self.of(unit.flow)?.leave(unit.partition)
    }

    fn next(&mut self, timeout: Duration, each: &mut dyn FnMut(Unit, i64, &[u8])) -> Result<Followed, Fault> {
        let count = self.flows.len();
        if count == 0 {
            std::thread::sleep(timeout);
            return Ok(Followed::Nothing);
        }
        // Each in turn, and only the last one is waited for.
        for step in 1..=count {
            self.turn = (self.turn + 1) % count;
            let wait = if step == count { timeout } else { Duration::ZERO };
            match self.flows[self.turn].next(wait, each)? {
                Followed::Nothing => {}
                found => return Ok(found),
            }
        }
        Ok(Followed::Nothing)
    }

    fn end(&self, unit: Unit) -> Option<i64> {
        let of = self.flows.iter().find(|of| of.flow == unit.flow)?;
        watermarks::last_known(&of.consumer, &of.topic, unit.partition).map(|(_, end)| end)
    }
}
