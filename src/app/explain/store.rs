//! Where outcomes and events are looked for: a cluster, an export of its topics, or the files of `tillgate check`. Writes
//! nothing and judges nothing.

use crate::app::AppError;
use crate::archive::Archive;
use crate::codec::json::peek_pos_event;
use crate::config::TopicSettings;
use crate::domain::{Micros, PartitionId};
use crate::explain::outcome::ExplainedOutcome;
use crate::kafka::client::{Cluster, Dump, Isolation};
use crate::kafka::cluster::rights::{self, Task};
use crate::kafka::settings::ClusterSettings;
use crate::replay::{RecordBuffer, RecordSource, open};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Takes an outcome with its partition and offset.
pub type Each<'e> = dyn FnMut(PartitionId, &RecordBuffer) + 'e;

/// Where outcomes and events are.
pub trait OutcomeStore {
    /// Hands over every outcome; of the account's partition of today alone, where one is named and that is quicker.
    fn outcomes(&mut self, account: Option<&str>, each: &mut Each<'_>) -> Result<(), AppError>;

    /// The POS event that an outcome is for; none where it is gone.
    fn event(&mut self, answer: &ExplainedOutcome) -> Result<Option<RecordBuffer>, AppError>;
}

/// The topics of a cluster.
pub struct OfCluster {
    cluster: Cluster,
    topics: TopicSettings,
    dump: Dump,
}

impl OfCluster {
    /// Looks whether the topics may be read.
    ///
    /// # Errors
    /// The cluster cannot be asked, or a right is missing.
    pub fn new(settings: &crate::config::Settings) -> Result<Self, AppError> {
        let kafka: Arc<ClusterSettings> = Arc::new(settings.into());
        let topics = settings.topics.clone();
        let cluster = Cluster::new(Arc::clone(&kafka))?;
        rights::verify(&cluster, &kafka, Task::Read(&[&topics.pos_outcomes, &topics.pos_events]))?;
        let dump = cluster.dump(Isolation::Committed)?;
        Ok(Self { cluster, topics, dump })
    }

    fn partitions(&self, topic: &str) -> Result<u32, AppError> {
        let found = self.cluster.admin().topics(&[topic], false)?;
        let partitions = found.get(topic).map(|topic| topic.partitions);
        let missing = || AppError::Topics(format!("there is no topic {topic}: see the settings in [topics]"));
        Ok(u32::try_from(partitions.ok_or_else(missing)?).unwrap_or(u32::MAX))
    }
}

impl OutcomeStore for OfCluster {
    fn outcomes(&mut self, account: Option<&str>, each: &mut Each<'_>) -> Result<(), AppError> {
        let inputs = self.partitions(&self.topics.pos_events)?;
        let all = PartitionId::all(self.partitions(&self.topics.pos_outcomes)?);
        let own = account.map(|account| self.topics.partitioner.partition_of(account.as_bytes(), inputs));
        let mut record = RecordBuffer::default();
        for partition in all.filter(|partition| own.is_none_or(|own| own == *partition)) {
            self.dump.whole(&self.topics.pos_outcomes, partition, |found| {
                record.set(found);
                each(partition, &record);
            })?;
        }
        Ok(())
    }

    fn event(&mut self, answer: &ExplainedOutcome) -> Result<Option<RecordBuffer>, AppError> {
        let (partition, offset) = (answer.source.partition, answer.source.offset);
        let topic = &self.topics.pos_events;
        if answer.source.topic != *topic {
            return Ok(None);
        }
        let found = self.dump.record_at(topic, partition, offset, |found| {
            let mut record = RecordBuffer::default();
            record.set(found);
            record
        });
        Ok(found?)
    }
}

/// An export of the topics.
pub struct OfArchive {
    archive: Archive,
    topics: TopicSettings,
}

impl OfArchive {
    /// Opens an export.
    pub fn open(folder: &Path, topics: &TopicSettings) -> Result<Self, AppError> {
        Ok(Self { archive: Archive::open(folder)?, topics: topics.clone() })
    }
}

impl OutcomeStore for OfArchive {
    fn outcomes(&mut self, _: Option<&str>, each: &mut Each<'_>) -> Result<(), AppError> {
        let topic = &self.topics.pos_outcomes;
        let files = self.archive.topic(topic).map_or(&[][..], |topic| &topic.files);
        for entry in files {
            each_record(self.archive.read(topic, entry)?, |record| {
                each(entry.partition, record);
                true
            })?;
        }
        Ok(())
    }

    fn event(&mut self, answer: &ExplainedOutcome) -> Result<Option<RecordBuffer>, AppError> {
        let topic = &self.topics.pos_events;
        let files = self.archive.topic(topic).map_or(&[][..], |topic| &topic.files);
        let entry = files.iter().find(|entry| entry.partition == answer.source.partition);
        let Some(entry) = entry.filter(|_| answer.source.topic == *topic) else { return Ok(None) };
        let mut found = None;
        each_record(self.archive.read(topic, entry)?, |record| {
            found = Some(record).filter(|record| record.offset == answer.source.offset).cloned();
            found.is_none()
        })?;
        Ok(found)
    }
}

/// The files of `tillgate check`: its events, and its outcomes in JSON Lines. An event is found by what it says, for several
/// partitions number their lines from 1 again.
pub struct OfLines {
    outcomes: PathBuf,
    events: PathBuf,
}

impl OfLines {
    /// Of these files.
    pub fn new(outcomes: &Path, events: &Path) -> Self {
        Self { outcomes: outcomes.to_owned(), events: events.to_owned() }
    }
}

impl OutcomeStore for OfLines {
    fn outcomes(&mut self, _: Option<&str>, each: &mut Each<'_>) -> Result<(), AppError> {
        each_record(open(&self.outcomes)?, |record| {
            each(PartitionId::new(0), record);
            true
        })
    }

    fn event(&mut self, answer: &ExplainedOutcome) -> Result<Option<RecordBuffer>, AppError> {
        let time = answer.event_time.as_deref().and_then(Micros::parse_rfc3339);
        let id = answer.account_transaction_id.as_deref().unwrap_or_default();
        let mut found = None;
        each_record(open(&self.events)?, |record| {
            let line = record.value().unwrap_or_default();
            let peek = peek_pos_event(line);
            let is_it = peek.account.as_deref().unwrap_or_default()
                == answer.account_number.as_deref().unwrap_or_default()
                && peek.time == time
                && contains(line, id.as_bytes());
            if is_it {
                found = Some(record.clone());
            }
            !is_it
        })?;
        Ok(found)
    }
}

/// Hands over the records of a source, as long as `each` goes on.
fn each_record(
    mut source: impl RecordSource,
    mut each: impl FnMut(&RecordBuffer) -> bool,
) -> Result<(), AppError> {
    let mut record = RecordBuffer::default();
    while source.next(&mut record)? && each(&record) {}
    Ok(())
}

/// Whether these bytes stand somewhere in others.
pub fn contains(bytes: &[u8], part: &[u8]) -> bool {
    part.is_empty() || bytes.windows(part.len()).any(|window| window == part)
}
