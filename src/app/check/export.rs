//! An export of the topics as `tillgate check` decides it: the inputs of a flow with what was decided on them. What is missing
//! of it is an error, or told: never decided otherwise in silence.

use crate::app::AppError;
use crate::app::recorded::{ExportFiles, LettersTopic, Recording};
use crate::config::Settings;
use crate::domain::PartitionId;
use crate::domain::flow::FlowTopics;
use crate::replay::{Letters, OUTCOMES, Order, RecordedTopic, ReplayError, find_reset, starts_over};
use std::io::Write;
use std::path::Path;

/// Partitions that a topic may have: as many as `topics repartition` makes. A manifest could say any number.
const PARTITIONS_MAX: u32 = 10_000;

/// An opened export.
pub(in crate::app) struct Export {
    files: ExportFiles,
    topics: FlowTopics,
    /// How many partitions the inputs have.
    partitions: u32,
}

fn wrong<T>(text: String) -> Result<T, AppError> {
    Err(AppError::Replay(ReplayError::Recorded(text)))
}

impl Export {
    /// Opens it, and looks whether all is there; where it is `trimmed`, what came before its beginning need not be.
    ///
    /// # Errors
    /// It is none, not complete, or of another tillgate; a topic or a partition is missing; it does not
    /// begin with the first record.
    pub(in crate::app) fn open(folder: &Path, topics: FlowTopics, trimmed: bool) -> Result<Self, AppError> {
        if folder.is_file() {
            let text = format!(
                "{0} is a file, and an export is a folder: give events by --events {0}",
                folder.display()
            );
            return Err(AppError::Usage(text));
        }
        let files = ExportFiles::open(folder, &topics.inputs[0], &[])?;
        let isolation = &files.manifest().isolation;
        if isolation != "read_committed" {
            return wrong(format!(
                "the export is {isolation}: it holds records that were aborted and never decided; export again without \
                 --isolation"
            ));
        }
        let partitions = files.archived(&topics.inputs[0]).map_or(0, |topic| topic.partitions);
        let export = Self { files, topics, partitions };
        export.look(trimmed)?;
        Ok(export)
    }

    fn look(&self, trimmed: bool) -> Result<(), AppError> {
        let (first, all) = (&self.topics.inputs[0], self.partitions);
        if self.files.partitions().is_empty() || all > PARTITIONS_MAX {
            return wrong(format!(
                "topic {first} has {all} partitions, and {} of them are in the export: at least one is needed, and at most \
                 {PARTITIONS_MAX} are decided",
                self.files.partitions().len()
            ));
        }
        for topic in &self.topics.inputs {
            if self.topics.ticks() == Some(topic.as_str()) && self.files.archived(topic).is_none() {
                continue;
            }
            let found = self.files.needed(topic)?;
            if found.partitions != all {
                return wrong(format!(
                    "topic {topic} has {} partitions, and {first} has {all}: what belongs together must stand on the same",
                    found.partitions
                ));
            }
            for partition in self.files.partitions() {
                let (_, start) = self.files.source(topic, partition, 0)?;
                if start > 0 && !trimmed {
                    return wrong(format!(
                        "topic {topic} partition {partition} begins at offset {start} in the export: what came before is \
                         deleted, or was not exported, so balances, windows and holds of then are not known, and events \
                         would be decided otherwise than they were; --trimmed decides them as if nothing had been before"
                    ));
                }
            }
        }
        if self.files.archived(&self.topics.journal).is_none() {
            return Ok(());
        }
        for partition in self.files.partitions() {
            let (mut journal, _) = self.files.source(&self.topics.journal, partition, 0)?;
            if let Some(sequence) = find_reset(&mut *journal)? {
                return Err(starts_over(sequence).into());
            }
        }
        Ok(())
    }

    /// How many partitions the inputs have.
    pub(in crate::app) fn partitions(&self) -> u32 {
        self.partitions
    }

    /// The partitions that are in the export.
    pub(in crate::app) fn present(&self) -> Vec<PartitionId> {
        self.files.partitions()
    }

    /// Records of the inputs, for progress.
    pub(super) fn records(&self) -> u64 {
        let topics = self.topics.inputs.iter().filter_map(|topic| self.files.archived(topic));
        topics.flat_map(|topic| &topic.files).map(|entry| entry.records).sum()
    }

    /// Whether it has what was decided.
    pub(in crate::app) fn has_outcomes(&self) -> bool {
        self.files.archived(&self.topics.outputs[OUTCOMES]).is_some()
    }

    /// Says on standard error what is not as in the run that was recorded.
    pub(in crate::app) fn tell(&self, settings: &Settings) -> Result<(), AppError> {
        let mut err = std::io::stderr();
        let (present, all) = (self.files.partitions().len(), self.partitions);
        if present < all as usize {
            writeln!(err, "the export has {present} of {all} partitions: the others are not decided")?;
        }
        if self.has_outcomes() {
            return Ok(());
        }
        let topic = &self.topics.outputs[OUTCOMES];
        writeln!(
            err,
            "topic {topic} is not in the export: the inputs are merged by their times alone, which need not be the order \
             in which they were decided, and there is nothing to compare with"
        )?;
        if settings.profiles.enabled && self.topics.ticks().is_some() {
            writeln!(
                err,
                "nor does anything say what was known of terminals and chips: nothing is taken to be known"
            )?;
        }
        if let Some(ticks) = self.topics.ticks().filter(|ticks| self.files.archived(ticks).is_none()) {
            writeln!(err, "topic {ticks} is not in the export: holds end when a later record comes")?;
        }
        Ok(())
    }

    /// The dead letters, as far as they are in the export.
    pub(in crate::app) fn letters(&self) -> Result<Letters, ReplayError> {
        let mut letters = Letters::of(&self.topics.dead_letters);
        if self.files.archived(&self.topics.dead_letters).is_some() {
            let wanted = self.files.partitions();
            LettersTopic::open(&self.files, &self.topics, wanted)?.read_on(&mut letters)?;
        }
        Ok(letters)
    }

    /// A partition in the order in which it was decided.
    pub(in crate::app) fn order(&self, partition: PartitionId) -> Result<Order, ReplayError> {
        let topics = &self.topics;
        let inputs = topics.inputs.iter().enumerate().map(|(input, topic)| {
            let (source, start) = self.files.input(topics, input, partition, 0)?;
            Ok(RecordedTopic { topic: topic.clone(), source, start })
        });
        let inputs = inputs.collect::<Result<Vec<_>, ReplayError>>()?;
        let outcomes = self.has_outcomes().then(|| {
            let outcomes = &topics.outputs[OUTCOMES];
            Ok::<_, ReplayError>((outcomes.clone(), self.files.source(outcomes, partition, 0)?.0))
        });
        let outcomes = outcomes.transpose()?;
        Order::new(partition, inputs, outcomes)
    }
}
