//! What was recorded, for a replay: the topics of a cluster, or their export. Writes nothing.

mod cluster;
mod files;

pub use cluster::ClusterTopics;
pub use files::ExportFiles;

use crate::config::TopicSettings;
use crate::domain::PartitionId;
use crate::domain::flow::FlowTopics;
use crate::replay::{Beside, Letters, RecordBuffer, RecordSource, Recorded, ReplayError, Rulebook};
use std::sync::Arc;

/// Recorded topics.
pub trait Recording: Sync {
    /// The partitions of the inputs that are looked at.
    fn partitions(&self) -> Vec<PartitionId>;

    /// How many partitions the inputs have, with those that are not looked at; 0: not known.
    fn input_partitions(&self) -> u32;

    /// Offsets of all their inputs, for progress.
    fn input_offsets(&self, topics: &FlowTopics) -> u64;

    /// How many partitions a topic has; none where it was not recorded.
    fn partitions_of(&self, topic: &str) -> Result<Option<u32>, ReplayError>;

    /// What is said of a topic that was not recorded, and has to be.
    fn missing(&self, topic: &str) -> ReplayError;

    /// A partition of a topic as it stands now, from an offset on, and the offset from which it is there.
    fn source(
        &self,
        topic: &str,
        partition: PartitionId,
        from: i64,
    ) -> Result<(Box<dyn RecordSource>, i64), ReplayError>;

    /// What was recorded of a partition of a flow.
    fn open<'r>(
        &'r self,
        topics: &'r FlowTopics,
        partition: PartitionId,
    ) -> Result<Recorded<'r>, ReplayError>;
}

/// A topic of which nothing was recorded.
pub struct NothingRecorded;

impl RecordSource for NothingRecorded {
    fn next(&mut self, _record: &mut RecordBuffer) -> Result<bool, ReplayError> {
        Ok(false)
    }
}

/// A topic that is read on as often as need be.
struct RecordsOfTopic<'r> {
    recording: &'r dyn Recording,
    topic: &'r str,
    /// What is to be read next of each partition.
    next: Vec<i64>,
}

impl<'r> RecordsOfTopic<'r> {
    fn from_the_beginning(recording: &'r dyn Recording, topic: &'r str) -> Result<Self, ReplayError> {
        let partitions = recording.partitions_of(topic)?.ok_or_else(|| recording.missing(topic))?;
        Ok(Self { recording, topic, next: vec![0; partitions as usize] })
    }

    /// Hands what has come since the last call to `each`, with its partition; nothing where the oldest records of one were
    /// deleted.
    fn each(
        &mut self,
        mut each: impl FnMut(PartitionId, Option<&RecordBuffer>) -> Result<(), String>,
    ) -> Result<(), ReplayError> {
        let mut record = RecordBuffer::default();
        for (partition, next) in PartitionId::all(self.next.len()).zip(&mut self.next) {
            let (mut source, start) = self.recording.source(self.topic, partition, *next)?;
            if start > *next {
                each(partition, None).map_err(ReplayError::Recorded)?;
            }
            while source.next(&mut record)? {
                *next = record.offset + 1;
                each(partition, Some(&record)).map_err(ReplayError::Recorded)?;
            }
        }
        Ok(())
    }
}

/// A topic of dead letters.
pub struct LettersTopic<'r> {
    topic: RecordsOfTopic<'r>,
    /// Topics of the records that they are of.
    inputs: &'r [String],
    /// The partitions of those that are of interest.
    wanted: Vec<PartitionId>,
}

impl<'r> LettersTopic<'r> {
    /// From its beginning.
    pub fn open(
        recording: &'r dyn Recording,
        of: &'r FlowTopics,
        wanted: Vec<PartitionId>,
    ) -> Result<Self, ReplayError> {
        let topic = RecordsOfTopic::from_the_beginning(recording, &of.dead_letters)?;
        Ok(Self { topic, inputs: &of.inputs, wanted })
    }

    /// Adds what has come since the last call.
    pub fn read_on(&mut self, letters: &mut Letters) -> Result<(), ReplayError> {
        let (inputs, wanted) = (self.inputs, &self.wanted);
        self.topic.each(|partition, record| match record {
            Some(record) => letters.add(partition, record, inputs, |source| wanted.contains(&source)),
            None => {
                letters.has_lost(partition);
                Ok(())
            }
        })
    }
}

/// What is read on beside the partitions: rulesets, which may be known from elsewhere too, and dead letters.
pub fn beside<'r>(
    recording: &'r dyn Recording,
    topics: &'r TopicSettings,
    rulebook: Rulebook,
    (of, partitions): (&'r FlowTopics, Vec<PartitionId>),
) -> Result<Beside<'r>, ReplayError> {
    let mut rulesets = RecordsOfTopic::from_the_beginning(recording, &topics.rulesets)?;
    let mut read = LettersTopic::open(recording, of, partitions)?;
    let read_on = move |rulebook: &mut Rulebook, letters: &mut Letters| {
        rulesets.each(|_, record| {
            if let Some(record) = record {
                rulebook.add_record(record.key().unwrap_or_default(), record.value());
            }
            Ok(())
        })?;
        read.read_on(letters)
    };
    let rulebook = Arc::new(rulebook);
    Ok(Beside { rulebook, letters: Letters::of(&of.dead_letters), read_on: Box::new(read_on) })
}
