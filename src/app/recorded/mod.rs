//! What was recorded, for a replay: the topics of a cluster, or their export. Writes nothing.

mod cluster;
mod files;

pub use cluster::Cluster;
pub use files::Files;

use crate::config::TopicSettings;
use crate::replay::{Kept, Letters, Recorded, ReplayError, Rulebook, Source};

/// Takes a record and the partition it stands in.
type Each<'e> = dyn FnMut(i32, &Kept) -> Result<(), ReplayError> + 'e;

/// Recorded topics.
pub trait Recording: Sync {
    /// The partitions of the inputs that are looked at.
    fn partitions(&self) -> Vec<i32>;

    /// How many partitions the inputs have, with those that are not looked at; 0: not known.
    fn input_partitions(&self) -> u32;

    /// Offsets of all their inputs, for progress.
    fn input_offsets(&self) -> u64;

    /// Hands all records of a topic to `each`, partition after partition.
    ///
    /// # Errors
    /// The topic is not there or cannot be read; what `each` says.
    fn each_of(&self, topic: &str, each: &mut Each<'_>) -> Result<(), ReplayError>;

    /// How many partitions a topic has; none where it was not recorded.
    ///
    /// # Errors
    /// It cannot be asked.
    fn partitions_of(&self, topic: &str) -> Result<Option<u32>, ReplayError>;

    /// A partition of a topic as it stands now, from an offset on, and the offset from which it is there.
    ///
    /// # Errors
    /// It cannot be opened.
    fn source(&self, topic: &str, partition: i32, from: i64) -> Result<(Box<dyn Source>, i64), ReplayError>;

    /// What was recorded of a partition.
    ///
    /// # Errors
    /// It cannot be opened.
    fn open(&self, partition: i32) -> Result<Recorded, ReplayError>;
}

/// A topic of which nothing was recorded.
pub struct Nothing;

impl Source for Nothing {
    fn next(&mut self, _record: &mut Kept) -> Result<bool, ReplayError> {
        Ok(false)
    }
}

/// The rulesets and their changes.
///
/// # Errors
/// As [`Recording::each_of`].
pub fn read_rulesets(
    recording: &dyn Recording,
    topics: &TopicSettings,
    rulebook: &mut Rulebook,
) -> Result<(), ReplayError> {
    recording.each_of(&topics.rulesets, &mut |_, record| {
        rulebook.add_record(record.key().unwrap_or_default(), record.value());
        Ok(())
    })
}

/// A topic of dead letters that is read on as often as need be.
pub struct LettersTopic<'r> {
    recording: &'r dyn Recording,
    topic: &'r str,
    /// What is to be read next of each partition.
    next: Vec<i64>,
    /// Topics of the records that they are of, and the partitions of those that are of interest.
    of: (&'r [String], &'r [i32]),
}

impl<'r> LettersTopic<'r> {
    /// From its beginning.
    ///
    /// # Errors
    /// It is not there.
    pub fn open(
        recording: &'r dyn Recording,
        topic: &'r str,
        of: (&'r [String], &'r [i32]),
    ) -> Result<Self, ReplayError> {
        let partitions = recording.partitions_of(topic)?;
        let partitions = partitions
            .ok_or_else(|| ReplayError::Recorded(format!("there is no topic {topic}: a replay needs it")))?;
        Ok(Self { recording, topic, next: vec![0; partitions as usize], of })
    }

    /// Adds what has come since the last call.
    ///
    /// # Errors
    /// It cannot be read; there are too many.
    pub fn read_on(&mut self, letters: &mut Letters) -> Result<(), ReplayError> {
        let (inputs, wanted) = self.of;
        let mut record = Kept::default();
        for (partition, next) in (0..).zip(&mut self.next) {
            let (mut source, start) = self.recording.source(self.topic, partition, *next)?;
            if start > *next {
                letters.has_lost(partition);
            }
            while source.next(&mut record)? {
                *next = record.offset + 1;
                let added = letters.add(partition, &record, inputs, |source| wanted.contains(&source));
                added.map_err(ReplayError::Recorded)?;
            }
        }
        Ok(())
    }
}
