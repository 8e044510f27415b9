//! The partitions of a run, spread over threads: every partition is decided in order, by one thread.

use super::changes::{Answer, Changes};
use super::chunk::{Chunk, ChunkRecord, InputPlace, RecordOrigin};
use super::outcomes::{RecordedProfiles, encoded_as};
use super::summary::Summary;
use crate::codec::Schemas;
use crate::domain::outcome::Outcome;
use crate::domain::record::RecordTime;
use crate::domain::{Micros, PartitionId};
use crate::engine::{Engine, FileTimes};
use crate::pipeline::{DecisionSink, InputRecord, Interrupt, Outbound};
use crate::pos::{Input, Outside, Partition, PartitionOptions, Pos, ProfileSource};
use crate::profiles::OfflineProfiles;
use std::sync::Arc;
use std::time::Duration;

/// What one worker made of a chunk.
#[derive(Debug, Default)]
pub struct ChunkAnswers {
    /// Encoded outcomes, one after another.
    pub bytes: Vec<u8>,
    /// For each outcome: place of its record in the chunk, and where it ends in `bytes`.
    pub ends: Vec<(usize, usize)>,
    /// Records that gave no outcome: input, where it stands, why.
    pub dead_letters: Vec<(Input, InputPlace, String)>,
    /// Counts of this chunk.
    pub summary: Summary,
    /// The state broke: partition and message.
    pub broken: Option<(PartitionId, String)>,
}

/// One thread's partitions: those whose number leaves its own when divided by the number of threads.
pub struct CheckWorker {
    place: usize,
    of: usize,
    partitions: Vec<Partition>,
    files: FileTimes,
    /// Topics of the inputs.
    topics: [String; 3],
    /// Whether outcomes are held beside recorded ones.
    pub compares: bool,
    /// The shared profiles, where there are such and this worker is the only one.
    pub profiles: Option<OfflineProfiles>,
}

/// Records after which the undo log is dropped, where nothing else says that a batch ends.
pub(super) const KEEP_EVERY: u64 = 4_096;
/// How long a schema is waited for: so often, with such a pause.
const SCHEMA_TRIES: u32 = 3_000;
const SCHEMA_PAUSE: Duration = Duration::from_millis(10);

impl CheckWorker {
    /// The worker in this place among so many. Stream time of its partitions begins at `begins_at`.
    pub fn new(
        (place, of): (usize, usize),
        partitions: u32,
        engine: &Arc<Engine>,
        options: &PartitionOptions,
        begins_at: Option<Micros>,
    ) -> Self {
        let partition = |number| {
            let mut partition = Partition::new(engine.clone(), number, options.clone());
            if let Some(time) = begins_at {
                partition.begin_at(time);
            }
            partition
        };
        let own = PartitionId::all(partitions).filter(|number| number.index() % of == place);
        let partitions = own.map(partition).collect();
        let topics = options.topics.clone();
        Self { place, of, partitions, files: engine.files(), topics, compares: false, profiles: None }
    }

    /// Decides the worker's own records of a chunk.
    pub fn decide(&mut self, chunk: &Chunk, schemas: &dyn Schemas) -> ChunkAnswers {
        let mut answers = ChunkAnswers::default();
        answers.summary.changes = self.compares.then(Changes::default);
        let mut since_kept = 0;
        for (place, entry) in chunk.entries.iter().enumerate() {
            if entry.partition.index() % self.of != self.place {
                continue;
            }
            if let Err(broken) = self.take(chunk, (place, entry), schemas, &mut answers) {
                answers.broken = Some((entry.partition, broken));
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

    /// Takes in one record.
    fn take(
        &mut self,
        chunk: &Chunk,
        (place, entry): (usize, &ChunkRecord),
        schemas: &dyn Schemas,
        answers: &mut ChunkAnswers,
    ) -> Result<(), String> {
        let partition = &mut self.partitions[entry.partition.index() / self.of];
        let time = time_of(entry, partition.state().stream_time(), self.files);
        let record = chunk.record(entry, time);
        answers.summary.count_record(entry.input, time == RecordTime::LineFarAhead);
        let recorded = if self.compares { chunk.outcomes(entry).collect() } else { Vec::new() };
        let topic = &*self.topics[entry.input as usize];
        let mut collect = Collect {
            answers,
            place,
            topic,
            entry,
            recorded,
            now: Vec::new(),
            letter: None,
            answered: false,
        };
        // A record's own comes last, behind those of holds that ended.
        let told = RecordedProfiles::of(chunk.outcomes(entry).next_back());
        let (mut schemas, mut given_up) = (schemas, false);
        let board = match entry.kind {
            RecordOrigin::Line { .. } => {
                self.profiles.as_ref().map(|local| local.board() as &dyn ProfileSource)
            }
            RecordOrigin::Record { given_up: failed, no_schema } => {
                given_up = failed;
                if let Some(reason) = no_schema {
                    schemas = chunk.no_schema(reason);
                }
                told.is_there().then_some(&told as &dyn ProfileSource)
            }
        };
        if given_up {
            partition.on_failed_record(&record, &mut collect);
        } else {
            let outside = Outside { schemas, profiles: board };
            once_known(record.offset, || partition.on_record(outside, &record, &mut collect))?;
        }
        collect.finish();
        answers.summary.told_of_profiles += u64::from(told.said_anything.get());
        self.profiles.as_mut().map_or(Ok(()), |profiles| tell_profiles(partition, profiles))
    }
}

/// What is known of a record's time; stream time is 0 before a line has said when it is of.
fn time_of(entry: &ChunkRecord, now: Micros, files: FileTimes) -> RecordTime {
    match entry.kind {
        RecordOrigin::Record { .. } => RecordTime::of_millis(entry.timestamp_millis),
        RecordOrigin::Line { time: Some(time), confirmed: false, .. }
            if now > Micros(0) && files.is_far(time, now) =>
        {
            RecordTime::LineFarAhead
        }
        RecordOrigin::Line { .. } => RecordTime::Line,
    }
}

/// Takes in the record at this offset once its schema is known.
///
/// # Errors
/// The registry does not answer, or the state broke.
pub fn once_known<T>(offset: i64, mut take: impl FnMut() -> Result<T, Interrupt>) -> Result<T, String> {
    for _ in 0..SCHEMA_TRIES {
        match take() {
            Err(Interrupt::NeedsSchema(_)) => std::thread::sleep(SCHEMA_PAUSE),
            taken => return taken.map_err(|interrupt| format!("offset {offset}: {interrupt}")),
        }
    }
    Err(format!("the registry does not answer for the schema of offset {offset}"))
}

/// Tells the shared profiles what was seen.
fn tell_profiles(partition: &mut Partition, profiles: &mut OfflineProfiles) -> Result<(), String> {
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
    answers: &'w mut ChunkAnswers,
    place: usize,
    topic: &'w str,
    entry: &'w ChunkRecord,
    /// Recorded outcomes of the record that none of now was held beside yet.
    recorded: Vec<&'w [u8]>,
    /// Outcomes of now that are not as one of these.
    now: Vec<Answer>,
    /// Code of the record's dead letter.
    letter: Option<&'static str>,
    /// Whether the record has an outcome.
    answered: bool,
}

impl Collect<'_> {
    /// Holds an outcome beside the recorded one.
    fn compare(&mut self, outcome: &Outcome<'_>, value: &[u8]) {
        let is_same = |recorded: &&[u8]| match encoded_as(recorded, outcome, value) {
            Some(encoded) => encoded == **recorded,
            None => value == *recorded,
        };
        if let Some(same) = self.recorded.iter().position(is_same) {
            self.recorded.remove(same);
            self.answers.summary.changes.iter_mut().for_each(|changes| changes.identical += 1);
            return;
        }
        self.now.push(Answer::of(outcome));
    }

    /// Nothing more comes of the record: holds what is left of both sides beside each other. Ids of outcomes say nothing, for
    /// they hang on the ruleset; the record's own outcome comes last, behind those of holds that ended.
    fn finish(mut self) {
        if let Some(code) = self.letter.filter(|_| !self.answered) {
            self.answers.summary.count_unanswered(self.entry.input, code);
        }
        let Some(changes) = &mut self.answers.summary.changes else { return };
        let read = self.recorded.iter().filter_map(|value| Answer::read(value));
        let mut recorded: Vec<Answer> = read.collect();
        changes.unreadable += (self.recorded.len() - recorded.len()) as u64;
        let mut pairs = Vec::with_capacity(self.now.len());
        while let Some(now) = self.now.pop() {
            let same = recorded.iter().rposition(|recorded| recorded.of == now.of);
            pairs.push((same.map(|same| recorded.remove(same)), Some(now)));
        }
        let gone = recorded.into_iter().map(|recorded| (Some(recorded), None));
        let at = (self.topic, self.entry.partition, self.entry.offset);
        for (recorded, now) in gone.chain(pairs.into_iter().rev()) {
            changes.count(self.place, at, recorded, now);
        }
    }
}

impl DecisionSink<Pos> for Collect<'_> {
    fn send(&mut self, outcome: &Outcome<'_>, outbound: &Outbound<'_>) {
        let value = outbound.value.unwrap_or_default();
        self.answered = true;
        self.answers.summary.count_outcome(outcome);
        if self.answers.summary.changes.is_some() {
            self.compare(outcome, value);
        }
        self.answers.bytes.extend_from_slice(value);
        self.answers.ends.push((self.place, self.answers.bytes.len()));
    }

    fn dead_letter(&mut self, record: &InputRecord<'_>, code: &'static str, message: &str) {
        self.letter = Some(code);
        self.answers.summary.count_dead_letter(code);
        let letter = (Input::at(record.input), self.entry.at(), format!("{code} {message}"));
        self.answers.dead_letters.push(letter);
    }
}
