//! Looks at journals and group from outside: the last record of each journal, all of them side by side; whether the group
//! has members. Changes nothing that is decided.

use std::time::Duration;

use rdkafka::{
    Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, CommitMode, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
};

use super::{
    super::{
        failure::{Fault, FaultClass, Operation},
        port::{InputPartition, Positions, Unit},
    },
    Cluster, clock, config,
    error::fault,
    journal::{Quiet, open},
};

use crate::domain::flow::Flow;

/// How long one question to the cluster may take.
const ASK_TIMEOUT: Duration = Duration::from_secs(10);
/// How long nothing at all may come of what must be there.
const NEXT_TIMEOUT: Duration = Duration::from_secs(30);
/// Offsets before the end of a journal that are looked through at first; eight times as many where all of them are
/// markers and records of aborted transactions.
const BACK: i64 = 8;

/// A journal partition whose last record is looked for.
struct Sought {
    partition: i32,
    start: i64,
    stable: i64,
    back: i64,
}

impl Cluster {
    /// The last committed record of a flow's first so many journal partitions; none where there is none.
    ///
    /// # Errors
    /// The journals cannot be read.
    pub fn last_journal_records(&self, flow: &Flow, partitions: u32) -> Result<Vec<Option<Vec<u8>>>, Fault> {
        let all: Vec<i32> = (0..i32::try_from(partitions).unwrap_or(i32::MAX)).collect();
        self.last_records_of(flow, &all)
    }

    /// The same of one journal partition.
    ///
    /// # Errors
    /// The journal cannot be read.
    pub fn last_journal_record(&self, unit: Unit) -> Result<Option<Vec<u8>>, Fault> {
        Ok(self.last_records_of(unit.flow, &[unit.partition])?.pop().flatten())
    }

    fn last_records_of(&self, flow: &Flow, partitions: &[i32]) -> Result<Vec<Option<Vec<u8>>>, Fault> {
        let topic = &self.settings.topics.of(flow).journal;
        let consumer = open(config::journal_reader(&self.settings))?;
        let mut sought = Vec::new();
        for &partition in partitions {
            let watermarks = consumer.fetch_watermarks(topic, partition, ASK_TIMEOUT);
            let (start, stable) = watermarks.map_err(|error| {
                let fault = fault(Operation::Check, &error);
                let text = format!("the ends of topic {topic} partition {partition}: {}", fault.text);
                Fault { text, ..fault }
            })?;
            sought.push(Sought { partition, start, stable, back: BACK });
        }
        let mut last: Vec<Option<Vec<u8>>> = vec![None; sought.len()];
        let place_of = |partition: i32| partitions.iter().position(|known| *known == partition);
        sought.retain(|journal| journal.start < journal.stable);
        while !sought.is_empty() {
            let from = |journal: &Sought| (journal.stable - journal.back).max(journal.start);
            let starts = sought.iter().map(|journal| (journal.partition, from(journal)));
            read_to_ends(&consumer, topic, starts, &mut |partition, record| {
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
        let consumer = open(config::journal_reader(&self.settings))?;
        let mut list = TopicPartitionList::with_capacity(1);
        let added = list.add_partition_offset(
            self.settings.topics.input(at),
            at.unit.partition,
            Offset::Offset(position),
        );
        match added.and_then(|()| consumer.commit(&list, CommitMode::Sync)) {
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

/// Reads every partition from its start to its end as of now.
fn read_to_ends(
    consumer: &BaseConsumer<Quiet>,
    topic: &str,
    starts: impl Iterator<Item = (i32, i64)>,
    each: &mut dyn FnMut(i32, &[u8]),
) -> Result<(), Fault> {
    let mut list = TopicPartitionList::new();
    for (partition, start) in starts {
        list.add_partition_offset(topic, partition, Offset::Offset(start))
            .map_err(|error| fault(Operation::Check, &error))?;
    }
    consumer.assign(&list).map_err(|error| fault(Operation::Check, &error))?;
    let mut open = list.count();
    let mut heard = clock::now();
    while open > 0 {
        match consumer.poll(Duration::from_millis(100)) {
            None if heard.elapsed() < NEXT_TIMEOUT => continue,
            None => {
                let text = format!("nothing comes of {open} partitions of {topic} within {NEXT_TIMEOUT:?}");
                return Err(Fault::new(Operation::Check, FaultClass::Retriable, text));
            }
            Some(Ok(message)) => each(message.partition(), message.payload().unwrap_or_default()),
            Some(Err(KafkaError::PartitionEOF(_))) => open -= 1,
            Some(Err(error)) => {
                let fault = fault(Operation::Check, &error);
                if fault.class != FaultClass::Retriable {
                    return Err(fault);
                }
                log::warn!("{fault}: the client tries again by itself");
                continue;
            }
        }
        heard = clock::now();
    }
    Ok(())
}
