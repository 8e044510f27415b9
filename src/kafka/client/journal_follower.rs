//! Follows the journals of many units, outside the group, for the standby: committed records as they come. A client for
//! each flow, because the end of a partition comes without its topic's name. Never waits for one unit while another has
//! something.

use super::reader::{AtEnd, Isolation, TopicReader};
use super::watermarks;
use crate::domain::PartitionId;
use crate::domain::flow::Flow;
use crate::kafka::failure::{Fault, Operation};
use crate::kafka::port::{Followed, JournalFollower, Unit};
use crate::kafka::settings::ClusterSettings;
use rdkafka::{Message, Offset};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// A follower of journals.
pub struct Trail {
    settings: Arc<ClusterSettings>,
    flows: Vec<FlowTrail>,
    /// Which of them is waited for next.
    turn: usize,
}

struct FlowTrail {
    flow: &'static Flow,
    topic: String,
    reader: TopicReader,
    followed: BTreeSet<PartitionId>,
}

impl Trail {
    /// Nothing is followed yet.
    pub fn new(settings: Arc<ClusterSettings>) -> Self {
        Self { settings, flows: Vec::new(), turn: 0 }
    }

    fn of(&mut self, flow: &'static Flow) -> Result<&mut FlowTrail, Fault> {
        let known = self.flows.iter().position(|of| of.flow == flow);
        let known = match known {
            Some(known) => known,
            None => {
                let (isolation, at_end) = (Isolation::Committed, AtEnd::Tell);
                let reader = TopicReader::open(&self.settings, isolation, at_end, Operation::Restore)?;
                let topic = self.settings.topics.of(flow).journal.clone();
                self.flows.push(FlowTrail { flow, topic, reader, followed: BTreeSet::new() });
                self.flows.len() - 1
            }
        };
        Ok(&mut self.flows[known])
    }
}

impl FlowTrail {
    fn leave(&mut self, partition: PartitionId) -> Result<(), Fault> {
        if self.followed.remove(&partition) { self.reader.leave(&self.topic, partition) } else { Ok(()) }
    }

    fn next(
        &self,
        timeout: Duration,
        each: &mut dyn FnMut(Unit, i64, &[u8]),
    ) -> Result<Followed<(), Unit>, Fault> {
        let unit = |partition| Unit { flow: self.flow, partition };
        Ok(match self.reader.poll(timeout)? {
            Followed::Nothing => Followed::Nothing,
            Followed::Record(message) => {
                each(
                    unit(message.partition().into()),
                    message.offset(),
                    message.payload().unwrap_or_default(),
                );
                Followed::Record(())
            }
            Followed::End(partition) => Followed::End(unit(partition)),
        })
    }
}

impl JournalFollower for Trail {
    fn follow(&mut self, unit: Unit, offset: Option<i64>) -> Result<(), Fault> {
        let of = self.of(unit.flow)?;
        of.leave(unit.partition)?;
        of.reader.add(&of.topic, unit.partition, offset.map_or(Offset::Beginning, Offset::Offset))?;
        of.followed.insert(unit.partition);
        Ok(())
    }

    fn leave(&mut self, unit: Unit) -> Result<(), Fault> {
        let of = self.flows.iter_mut().find(|of| of.flow == unit.flow);
        of.map_or(Ok(()), |of| of.leave(unit.partition))
    }

    fn next(
        &mut self,
        timeout: Duration,
        each: &mut dyn FnMut(Unit, i64, &[u8]),
    ) -> Result<Followed<(), Unit>, Fault> {
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
        watermarks::last_known(&of.reader.consumer, &of.topic, unit.partition).map(|(_, end)| end)
    }
}
