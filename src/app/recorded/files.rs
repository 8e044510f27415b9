//! An export of the topics (`tillgate topics export`) as a replay reads it.

use super::{NothingRecorded, Recording};
use crate::archive::{Archive, ArchivedPartition, ArchivedTopic, Manifest, PartitionReader};
use crate::domain::PartitionId;
use crate::domain::flow::FlowTopics;
use crate::replay::{OUTCOMES, REPLIES, RecordBuffer, RecordSource, Recorded, RecordedReplies, ReplayError};
use std::path::Path;

/// The topics of an export.
pub struct ExportFiles {
    archive: Archive,
    /// The input whose partitions are counted.
    first: String,
    partitions: Vec<PartitionId>,
}

impl ExportFiles {
    /// Opens an export; all partitions of the input `first` where none are named.
    ///
    /// # Errors
    /// It is not complete, or the topic is not in it.
    pub fn open(folder: &Path, first: &str, partitions: &[PartitionId]) -> Result<Self, ReplayError> {
        let archive = Archive::open(folder)?;
        let mut files = Self { archive, first: first.to_owned(), partitions: Vec::new() };
        files.partitions = match partitions {
            [] => files.entries(first)?.iter().map(|entry| entry.partition).collect(),
            some => some.to_vec(),
        };
        Ok(files)
    }

    /// Looks whether these topics are in it, with the partitions that are looked at.
    pub fn holding(self, topics: [&String; 3]) -> Result<Self, ReplayError> {
        for partition in &self.partitions {
            topics.iter().try_for_each(|topic| self.entry(topic, *partition).map(drop))?;
        }
        Ok(self)
    }

    /// What it says of itself.
    pub fn manifest(&self) -> &Manifest {
        self.archive.manifest()
    }

    /// A topic of it.
    pub fn archived(&self, topic: &str) -> Option<&ArchivedTopic> {
        self.archive.topic(topic)
    }

    /// A topic that has to be in it.
    pub fn needed(&self, topic: &str) -> Result<&ArchivedTopic, ReplayError> {
        self.archived(topic).ok_or_else(|| self.missing(topic))
    }

    /// An input from an offset on, and the offset from which it is there.
    pub fn input(
        &self,
        topics: &FlowTopics,
        input: usize,
        partition: PartitionId,
        from: i64,
    ) -> Result<(Box<dyn RecordSource>, i64), ReplayError> {
        match &topics.inputs[input] {
            topic if topics.ticks() == Some(topic.as_str()) && self.archived(topic).is_none() => {
                Ok((Box::new(NothingRecorded), 0))
            }
            topic => self.source(topic, partition, from),
        }
    }

    fn entries(&self, topic: &str) -> Result<&[ArchivedPartition], ReplayError> {
        Ok(&self.needed(topic)?.files)
    }

    fn entry(&self, topic: &str, partition: PartitionId) -> Result<&ArchivedPartition, ReplayError> {
        let found = self.entries(topic)?.iter().find(|entry| entry.partition == partition);
        let missing = || format!("partition {partition} of topic {topic} is not in the export");
        found.ok_or_else(|| ReplayError::Recorded(missing()))
    }

    /// A partition of which nothing was left out.
    fn complete(&self, topic: &str, partition: PartitionId) -> Result<&ArchivedPartition, ReplayError> {
        let entry = self.entry(topic, partition)?;
        let Some(offset) = entry.left_out.first() else { return Ok(entry) };
        Err(ReplayError::Recorded(format!(
            "the export left out {} records of topic {topic}, the first at offset {offset}: verify the cluster",
            entry.left_out.len()
        )))
    }
}

impl Recording for ExportFiles {
    fn partitions(&self) -> Vec<PartitionId> {
        self.partitions.clone()
    }

    fn input_partitions(&self) -> u32 {
        let entries = self.entries(&self.first).unwrap_or_default();
        let whole = PartitionId::all(entries.len()).zip(entries).all(|(own, entry)| entry.partition == own);
        u32::try_from(entries.len()).ok().filter(|_| whole).unwrap_or(0)
    }

    fn input_offsets(&self, topics: &FlowTopics) -> u64 {
        let all = topics.inputs.iter().flat_map(|topic| self.partitions.iter().map(move |of| (topic, *of)));
        all.flat_map(|(topic, partition)| self.entry(topic, partition)).map(|entry| entry.records).sum()
    }

    fn partitions_of(&self, topic: &str) -> Result<Option<u32>, ReplayError> {
        Ok(self.archive.topic(topic).and_then(|found| u32::try_from(found.files.len()).ok()))
    }

    fn missing(&self, topic: &str) -> ReplayError {
        ReplayError::Recorded(format!(
            "topic {topic} is not in the export, and is needed: export it too, or give the name that it has there, by \
             --set topics.NAME=..."
        ))
    }

    fn source(
        &self,
        topic: &str,
        partition: PartitionId,
        from: i64,
    ) -> Result<(Box<dyn RecordSource>, i64), ReplayError> {
        let entry = self.complete(topic, partition)?;
        if entry.last_offset.is_none_or(|last| last < from) {
            return Ok((Box::new(NothingRecorded), entry.begin));
        }
        Ok((source(&self.archive, topic, entry, from)?, entry.begin))
    }

    fn open<'r>(
        &'r self,
        topics: &'r FlowTopics,
        partition: PartitionId,
    ) -> Result<Recorded<'r>, ReplayError> {
        let starts = (0..topics.inputs.len()).map(|input| Ok(self.input(topics, input, partition, 0)?.1));
        let input = move |input: usize, from: i64| Ok(self.input(topics, input, partition, from)?.0);
        let journal = self.archived(&topics.journal);
        let empty = |topic| Ok::<_, ReplayError>(self.entry(topic, partition)?.records == 0);
        if journal.is_some() && empty(&topics.journal)? && !empty(&topics.outputs[OUTCOMES])? {
            return Err(ReplayError::Recorded(format!(
                "the export has outcomes, and nothing of topic {}, which says how far they go: it was trimmed before \
                 it was read; export again while nothing is decided",
                topics.journal
            )));
        }
        // An export from before there were replies has none.
        let replies = self.archived(&topics.outputs[REPLIES]).map(|_| {
            let (source, start) = self.source(&topics.outputs[REPLIES], partition, 0)?;
            Ok::<_, ReplayError>(RecordedReplies { source, start, settled: 0 })
        });
        Ok(Recorded {
            starts: starts.collect::<Result<_, ReplayError>>()?,
            input: Box::new(input),
            outcomes: self.source(&topics.outputs[OUTCOMES], partition, 0)?.0,
            // Outcomes were looked at behind the journal: those that came in between are not of it.
            settled: 0,
            replies: replies.transpose()?,
            journal: journal
                .map(|_| Ok::<_, ReplayError>(self.source(&topics.journal, partition, 0)?.0))
                .transpose()?,
            group: None,
        })
    }
}

fn source(
    archive: &Archive,
    topic: &str,
    entry: &ArchivedPartition,
    from: i64,
) -> Result<Box<dyn RecordSource>, ReplayError> {
    let reader = archive.read(topic, entry)?;
    Ok(Box::new(PartitionFile { reader, from }))
}

/// A partition's file, from an offset on.
struct PartitionFile {
    reader: PartitionReader,
    from: i64,
}

impl RecordSource for PartitionFile {
    fn next(&mut self, record: &mut RecordBuffer) -> Result<bool, ReplayError> {
        while RecordSource::next(&mut self.reader, record)? {
            if record.offset >= self.from {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
