//! The partitions of a file run, spread over threads: every partition is decided in order, by one thread.

use super::merge::Chunk;
use super::summary::Summary;
use crate::codec::Schemas;
use crate::domain::Micros;
use crate::domain::outcome::Outcome;
use crate::domain::record::RecordTime;
use crate::engine::{Engine, Files};
use crate::pipeline::{InRecord, Outbound, Output};
use crate::pos::{Input, Outside, Partition, PartitionOptions, Pos, ProfileSource};
use crate::profiles::Local;
use std::sync::Arc;

/// What one worker made of a chunk.
#[derive(Debug, Default)]
pub struct Answers {
    /// Encoded outcomes, one after another.
    pub bytes: Vec<u8>,
    /// For each outcome: place of its record in the chunk, and where it ends in `bytes`.
    pub ends: Vec<(usize, usize)>,
    /// Records that gave no outcome: input, line, why.
    pub dead_letters: Vec<(Input, u64, String)>,
    /// Counts of this chunk.
    pub summary: Summary,
    /// The state broke: partition and message.
    pub broken: Option<(i32, String)>,
}

/// One thread's partitions: those whose number leaves its own when divided by the number of threads.
pub struct Worker {
    place: usize,
    of: usize,
    partitions: Vec<Partition>,
    files: Files,
    /// The shared profiles, where there are such and this worker is the only one.
    pub profiles: Option<Local>,
}

/// Records after which the batch's undo log is dropped.
const KEEP_EVERY: usize = 4096;

impl Worker {
    /// The worker in this place among so many. Stream time of its partitions begins at `begins_at`.
    pub fn new(
        (place, of): (usize, usize),
        partitions: u32,
        engine: &Arc<Engine>,
        options: &PartitionOptions,
        begins_at: Option<Micros>,
    ) -> Self {
        let partition = |number: u32| {
            let mut partition = Partition::new(engine.clone(), number as i32, options.clone());
            if let Some(time) = begins_at {
                partition.begin_at(time);
            }
            partition
        };
        let own = (0..partitions).filter(|number| *number as usize % of == place);
        Self { place, of, partitions: own.map(partition).collect(), files: engine.files(), profiles: None }
    }

    /// Decides the worker's own records of a chunk.
    pub fn decide(&mut self, chunk: &Chunk, schemas: &dyn Schemas) -> Answers {
        let mut answers = Answers::default();
        let mut since_kept = 0;
        for (place, entry) in chunk.entries.iter().enumerate() {
            if entry.partition as usize % self.of != self.place {
                continue;
            }
            let partition = &mut self.partitions[entry.partition as usize / self.of];
            // 0 before a line has said when it is of.
            let now = partition.state().stream_time();
            let is_far = entry
                .time
                .is_some_and(|time| !entry.confirmed && now > Micros(0) && self.files.is_far(time, now));
            let record = InRecord {
                input: entry.input as usize,
                partition: entry.partition as i32,
                offset: entry.offset,
                timestamp_millis: entry.timestamp_millis,
                time: if is_far { RecordTime::LineFarAhead } else { RecordTime::Line },
                key: chunk.key(entry),
                value: Some(chunk.value(entry)),
                schema_guid: None,
                request_id: None,
            };
            answers.summary.count_record(entry.input, is_far);
            let mut collect =
                Collect { answers: &mut answers, place, line: entry.line, letter: None, answered: false };
            let board = self.profiles.as_ref().map(|profiles| profiles.board() as &dyn ProfileSource);
            let taken = partition.on_record(Outside { schemas, profiles: board }, &record, &mut collect);
            if let Some(code) = collect.letter.filter(|_| !collect.answered) {
                answers.summary.count_unanswered(entry.input, code);
            }
            if let Err(interrupt) = taken {
                answers.broken = Some((record.partition, interrupt.to_string()));
                return answers;
            }
            if let Some(profiles) = &mut self.profiles
                && let Err(why) = tell(partition, profiles)
            {
                answers.broken = Some((record.partition, why));
                return answers;
            }
            since_kept += 1;
            if since_kept == KEEP_EVERY {
                since_kept = 0;
                self.partitions.iter_mut().for_each(Partition::committed);
            }
        }
        self.partitions.iter_mut().for_each(Partition::committed);
        answers
    }
}

/// Tells the shared profiles what was seen.
fn tell(partition: &mut Partition, profiles: &mut Local) -> Result<(), String> {
    let mut told = Ok(());
    partition.end_batch(&mut |outbound| {
        let observed = profiles.observe(outbound.value.unwrap_or_default());
        if told.is_ok() {
            told = observed;
        }
    });
    told
}

struct Collect<'w> {
    answers: &'w mut Answers,
    place: usize,
    line: u64,
    /// Code of the record's dead letter.
    letter: Option<&'static str>,
    /// Whether the record has an outcome.
    answered: bool,
}

impl Output<Pos> for Collect<'_> {
    fn send(&mut self, outcome: &Outcome<'_>, outbound: &Outbound<'_>) {
        self.answered = true;
        self.answers.summary.count_outcome(outcome);
        self.answers.bytes.extend_from_slice(outbound.value.unwrap_or_default());
        self.answers.ends.push((self.place, self.answers.bytes.len()));
    }

    fn dead_letter(&mut self, record: &InRecord<'_>, code: &'static str, message: &str) {
        self.letter = Some(code);
        self.answers.summary.count_dead_letter(code);
        self.answers.dead_letters.push((Input::at(record.input), self.line, format!("{code} {message}")));
    }
}
