//! Looks at journals and group from outside: the last record of each journal, all of them side by side; whether the group
//! has members. Changes nothing that is decided.

use super::Cluster;
use super::error::fault;
use super::reader::{AtEnd, Isolation, TopicReader};
use crate::domain::PartitionId;
use crate::domain::flow::Flow;
use crate::kafka::failure::{Fault, Operation};
use crate::kafka::port::{InputPartition, Positions, Unit};
use rdkafka::consumer::{CommitMode, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};

/// Offsets before the end of a journal that are looked through at first; eight times as many where all of them are
/// markers and records of aborted transactions.
const BACK: i64 = 8;

/// A journal partition whose last record is looked for.
struct Sought {
    partition: PartitionId,
    start: i64,
    stable: i64,
    back: i64,
}

impl Cluster {
    fn reader(&self) -> Result<TopicReader, Fault> {
        TopicReader::open(&self.settings, Isolation::Committed, AtEnd::Stop, Operation::Check)
    }

    /// The last committed record of each of these journal partitions of a flow; none where there is none.
    ///
    /// # Errors
    /// The journals cannot be read.
    pub fn last_journal_records(
        &self,
        flow: &Flow,
        partitions: &[PartitionId],
    ) -> Result<Vec<Option<Vec<u8>>>, Fault> {
        let topic = &self.settings.topics.of(flow).journal;
        let reader = self.reader()?;
        let mut sought = Vec::new();
        for &partition in partitions {
            let (start, stable) = reader.ends(topic, partition)?;
            sought.push(Sought { partition, start, stable, back: BACK });
        }
        let mut last: Vec<Option<Vec<u8>>> = vec![None; sought.len()];
        let place_of = |partition: PartitionId| partitions.iter().position(|known| *known == partition);
        sought.retain(|journal| journal.start < journal.stable);
        while !sought.is_empty() {
            let from = |journal: &Sought| (journal.stable - journal.back).max(journal.start);
            let starts: Vec<_> = sought.iter().map(|journal| (journal.partition, from(journal))).collect();
            reader.read_to_ends(topic, &starts, |partition, record| {
                if let Some(place) = place_of(partition) {
                    last[place] = Some(record.to_vec());
                }
            })?;
            let found =
                |journal: &Sought| place_of(journal.partition).is_some_and(|place| last[place].is_some());
            sought.retain(|journal| !found(journal) && from(journal) > journal.start);
            sought.iter_mut().for_each(|journal| journal.back = journal.back.saturating_mul(8));
        }
        Ok(last)
    }

    /// The group's committed positions of a unit's inputs.
    ///
    /// # Errors
    /// The group's coordinator cannot be asked; retriable while a transaction holds offsets.
    pub fn group_positions(&self, unit: Unit) -> Result<Positions, Fault> {
        self.asker()?.positions(unit)
    }

    /// Whether the group has members: brokers take positions from somebody who is none only while there are none. So
    /// `position` must be what is committed at `at`.
    ///
    /// # Errors
    /// The group's coordinator cannot be asked.
    pub fn group_has_members(&self, at: InputPartition, position: i64) -> Result<bool, Fault> {
        let reader = self.reader()?;
        let mut list = TopicPartitionList::with_capacity(1);
        let added = list.add_partition_offset(
            self.settings.topics.input(at),
            at.unit.partition.number(),
            Offset::Offset(position),
        );
        match added.and_then(|()| reader.consumer.commit(&list, CommitMode::Sync)) {
            Ok(()) => Ok(false),
            Err(error) => match error.rdkafka_error_code() {
                Some(
                    RDKafkaErrorCode::UnknownMemberId
                    | RDKafkaErrorCode::RebalanceInProgress
                    | RDKafkaErrorCode::IllegalGeneration,
                ) => Ok(true),
                _ => Err(fault(Operation::Check, &error)),
            },
        }
    }

    /// Deletes the records of the journal of `unit` before `before`, and waits for it.
    ///
    /// # Errors
    /// The broker refuses.
    pub fn cut_journal(&self, unit: Unit, before: i64) -> Result<(), Fault> {
        self.admin.delete_before(&self.settings.topics.of(unit.flow).journal, unit.partition, before)
    }
}
