//! A partition's recorded topics in memory, written by the pipeline as a worker would: batches, some of them aborted and
//! done again, transactions that end in markers, dead letters with their headers. Alterations are the tests'.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tillgate::codec::KnownSchemas;
use tillgate::codec::journal::read_record;
use tillgate::codec::rulesets::{hash_of, hash_text, write_change};
use tillgate::config::{Sources, load};
use tillgate::domain::dead_letter::{
    ATTEMPT, ERROR_CODE, ERROR_MESSAGE, SOURCE_OFFSET, SOURCE_PARTITION, SOURCE_TOPIC,
};
use tillgate::domain::flow::Topics;
use tillgate::domain::outcome::Outcome;
use tillgate::domain::record::{RecordHeader, TimestampKind, TopicRecord};
use tillgate::domain::reply::REQUEST_ID;
use tillgate::engine::Engine;
use tillgate::load::draw::Draw;
use tillgate::pipeline::{DecisionSink, InputRecord, Outbound};
use tillgate::pos::{FLOW, INPUTS, Input, Partition, PartitionOptions, Pos};
use tillgate::replay::{
    Beside, Ground, Letters, RecordBuffer, RecordSource, Recorded, RecordedReplies, ReplayError, ReplayFrom,
    Report, Rulebook, VerifyOptions, verify,
};

use crate::support::stream::{Fed, SCHEMAS, options};

/// A record of any topic.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rec {
    pub offset: i64,
    pub timestamp_millis: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Rec {
    pub fn keep(&self, kept: &mut RecordBuffer) {
        let headers = self.headers.iter();
        kept.set(&TopicRecord {
            topic: "",
            partition: 0.into(),
            offset: self.offset,
            timestamp_millis: self.timestamp_millis,
            timestamp_kind: TimestampKind::CreateTime,
            key: self.key.as_deref(),
            headers: headers
                .map(|(name, value)| RecordHeader { name: name.as_bytes(), value: Some(value) })
                .collect(),
            value: self.value.as_deref(),
        });
    }
}

/// Everything that was recorded of partition 0.
#[derive(Clone, Debug, Default)]
pub struct Tape {
    pub inputs: [Vec<Rec>; INPUTS],
    pub starts: [i64; INPUTS],
    pub outcomes: Vec<Rec>,
    pub letters: Vec<Rec>,
    /// The oldest of them were deleted.
    pub letters_trimmed: bool,
    /// Replies to account events; none where their topic was not recorded.
    pub replies: Option<Vec<Rec>>,
    /// Offset from which replies are there.
    pub replies_start: i64,
    /// Those below belong to transactions that the journal has.
    pub replies_settled: i64,
    /// Once replies are read up to the first offset, what is before the second is deleted.
    pub replies_trimmed: Option<(i64, i64)>,
    pub journal: Vec<Rec>,
    /// Once the journal is read up to the first offset, what is before the second is deleted.
    pub trimmed: Option<(i64, i64)>,
    /// How often that happens, each time that the partition is opened: by default always.
    pub trims: Option<usize>,
    /// Outcomes below this offset belong to transactions that the journal has; by default all.
    pub settled: Option<i64>,
    /// What the group had committed when the journal's end was looked at, if that is known.
    pub group: Option<[i64; INPUTS]>,
    pub rulesets: Vec<(String, String)>,
}

/// An engine and its text.
pub fn ruleset(sets: &[&str]) -> (Arc<Engine>, String) {
    let overrides = sets.iter().map(|set| (*set).to_owned()).collect();
    let settings =
        load(&Sources { overrides, ..Sources::default() }).unwrap_or_else(|faults| panic!("{faults}"));
    let text = settings.canonical_text().to_owned();
    (Arc::new(Engine::new(settings.checks, settings.texts, &text)), text)
}

/// Writes a tape. It is under way: what a batch made goes to the tape once the batch is committed.
pub struct Recorder {
    pub partition: Partition,
    pub tape: Tape,
    draw: Draw,
    options: PartitionOptions,
    batch: Batch,
}

#[derive(Default)]
struct Batch {
    attempt: u32,
    /// By which the sender of the record at hand asked for a reply.
    asked: Option<Vec<u8>>,
    outcomes: Vec<(Vec<u8>, Vec<u8>)>,
    letters: Vec<Rec>,
    replies: Vec<(Vec<u8>, Vec<u8>)>,
}

/// Who sends every second account event asks for a reply, by its offset.
fn request_id(fed: &Fed) -> Option<String> {
    let asks = fed.input == Input::AccountEvents && fed.offset % 2 == 0;
    asks.then(|| format!("request-{}", fed.offset))
}

impl Recorder {
    /// With small checkpoints, so that a short journal has some.
    pub fn new((engine, text): &(Arc<Engine>, String), seed: u64, options: PartitionOptions) -> Self {
        let mut recorder = Self {
            partition: Partition::new(Arc::clone(engine), 0.into(), options.clone()),
            tape: Tape { replies: Some(Vec::new()), replies_settled: i64::MAX, ..Tape::default() },
            draw: Draw::of_slot(seed, 11),
            options,
            batch: Batch::default(),
        };
        recorder.keep(text);
        recorder
    }

    fn keep(&mut self, text: &str) {
        self.tape.rulesets.push((hash_text(hash_of(text)), text.to_owned()));
    }

    /// Another process takes over: another ruleset, perhaps another encoding.
    pub fn hand_over(&mut self, (engine, text): &(Arc<Engine>, String), options: PartitionOptions) {
        let mut restore =
            tillgate::pos::Restore::new(Partition::new(Arc::clone(engine), 0.into(), options.clone()));
        for record in &self.tape.journal {
            restore.on_record(record.value.as_deref().expect("a value")).expect("a journal");
        }
        self.partition = restore.finish().expect("a journal");
        self.options = options;
        self.keep(text);
    }

    /// Decides a part of a history in batches; `failing` is given up at its offset, as after a defect.
    pub fn record(&mut self, history: &[Fed], failing: Option<(Input, i64)>) {
        let mut rest = history;
        while !rest.is_empty() {
            let (batch, after) = rest.split_at((self.draw.between(1, 30) as usize).min(rest.len()));
            if self.draw.per_mille(200) {
                self.decide(batch, failing);
                self.partition.journal("aborted");
                self.partition.aborted();
                self.batch = Batch::default();
            }
            self.decide(batch, failing);
            self.commit();
            rest = after;
        }
        for fed in history {
            let (offset, key, value) = (fed.offset, fed.key.clone(), fed.value.clone());
            let mut headers = vec![("trace".to_owned(), b"\x00t".to_vec())];
            headers.extend(request_id(fed).map(|id| (REQUEST_ID.to_owned(), id.into_bytes())));
            let timestamp_millis = fed.timestamp_millis;
            self.tape.inputs[fed.input as usize].push(Rec { offset, timestamp_millis, key, value, headers });
        }
    }

    fn decide(&mut self, batch: &[Fed], failing: Option<(Input, i64)>) {
        for fed in batch {
            let request_id = request_id(fed);
            let request_id = request_id.as_ref().map(String::as_bytes);
            let record = InputRecord { request_id, ..fed.record() };
            self.batch.asked = request_id.map(<[u8]>::to_vec);
            if failing == Some((fed.input, fed.offset)) {
                self.batch.attempt = 4;
                self.partition.on_failed_record(&record, &mut self.batch);
            } else {
                self.batch.attempt = 1;
                let taken = self.partition.on_record(&*SCHEMAS, &record, &mut self.batch);
                taken.unwrap_or_else(|interrupt| panic!("{fed:?}: {interrupt}"));
            }
        }
    }

    fn commit(&mut self) {
        let journal = self.partition.journal("tillgate-test-0");
        self.partition.committed();
        let batch = std::mem::take(&mut self.batch);
        for (key, value) in batch.outcomes {
            append(&mut self.tape.outcomes, Rec { key: Some(key), value: Some(value), ..Rec::default() });
        }
        for (key, value) in batch.replies {
            let reply = Rec { key: Some(key), value: Some(value), ..Rec::default() };
            append(self.tape.replies.get_or_insert_default(), reply);
        }
        for letter in batch.letters {
            append(&mut self.tape.letters, letter);
        }
        for record in journal.records {
            append(&mut self.tape.journal, Rec { value: Some(record), ..Rec::default() });
        }
        if let Some(change) = journal.ruleset_change {
            self.tape.rulesets.push(write_change("pos", 0.into(), &change));
        }
        let Tape { outcomes, letters, replies, journal, .. } = &mut self.tape;
        for topic in [outcomes, letters, replies.get_or_insert_default(), journal] {
            // The marker of the transaction takes an offset.
            if let Some(last) = topic.last_mut() {
                last.timestamp_millis = -1;
            }
        }
    }
}

pub fn append(topic: &mut Vec<Rec>, record: Rec) {
    let next = topic.last().map_or(0, |last| last.offset + if last.timestamp_millis == -1 { 2 } else { 1 });
    topic.push(Rec { offset: next, ..record });
}

impl DecisionSink<Pos> for Batch {
    fn send(&mut self, _outcome: &Outcome<'_>, outbound: &Outbound<'_>) {
        let (key, value) = (outbound.key, outbound.value.unwrap_or_default());
        self.outcomes.push((key.to_vec(), value.to_vec()));
    }

    fn reply(&mut self, outbound: &Outbound<'_>) {
        self.replies.push((outbound.key.to_vec(), outbound.value.unwrap_or_default().to_vec()));
    }

    fn dead_letter(&mut self, record: &InputRecord<'_>, code: &'static str, message: &str) {
        let mut own = vec![("trace".to_owned(), b"\x00t".to_vec())];
        own.extend(self.asked.iter().map(|id| (REQUEST_ID.to_owned(), id.clone())));
        let topic = &options().topics[record.input];
        self.letters.push(letter(record, topic, own, self.attempt, (code, message)));
    }
}

/// The dead letter of a record with these headers of its own.
pub fn letter(
    record: &InputRecord<'_>,
    topic: &str,
    mut headers: Vec<(String, Vec<u8>)>,
    attempt: u32,
    (code, message): (&str, &str),
) -> Rec {
    let numbers = [record.partition.to_string(), record.offset.to_string(), attempt.to_string()];
    let [partition, offset, attempt] = numbers;
    let said = [
        (ERROR_CODE, code),
        (ERROR_MESSAGE, message),
        (SOURCE_TOPIC, topic),
        (SOURCE_PARTITION, &partition),
        (SOURCE_OFFSET, &offset),
        (ATTEMPT, &attempt),
    ];
    headers.extend(said.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())));
    let (key, value) = (record.key.map(<[u8]>::to_vec), record.value.map(<[u8]>::to_vec));
    Rec { key, value, headers, ..Rec::default() }
}

/// Records, and where reading fails once because those before a later offset are deleted meanwhile.
struct Reading {
    records: std::vec::IntoIter<Rec>,
    trimmed: Option<(i64, i64)>,
}

impl RecordSource for Reading {
    fn next(&mut self, record: &mut RecordBuffer) -> Result<bool, ReplayError> {
        let next = self.records.as_slice().first();
        if let (Some((at, _)), Some(next)) = (self.trimmed, next)
            && next.offset >= at
        {
            return Err(ReplayError::Recorded("records were deleted".to_owned()));
        }
        Ok(self.records.next().map(|rec| rec.keep(record)).is_some())
    }

    fn start_over(&mut self) -> Result<bool, ReplayError> {
        let Some((_, start)) = self.trimmed.take() else { return Ok(false) };
        while self.records.as_slice().first().is_some_and(|next| next.offset < start) {
            self.records.next();
        }
        Ok(true)
    }
}

pub fn source(records: Vec<Rec>) -> Box<dyn RecordSource> {
    source_trimmed(records, None)
}

/// Once records are read up to the first offset, what is before the second is deleted.
pub fn source_trimmed(records: Vec<Rec>, trimmed: Option<(i64, i64)>) -> Box<dyn RecordSource> {
    Box::new(Reading { records: records.into_iter(), trimmed })
}

impl Tape {
    /// What a replay of it finds.
    pub fn verify(&self, from: ReplayFrom) -> Report {
        let mut rulebook = Rulebook::default();
        for (key, value) in &self.rulesets {
            rulebook.add_record(key.as_bytes(), Some(value.as_bytes()));
        }
        let letters = Letters::of("pos.dead-letters");
        let mut read = false;
        let read_on = |_: &mut Rulebook, letters: &mut Letters| {
            self.read_letters(letters, std::mem::replace(&mut read, true));
            Ok(())
        };
        let opened = AtomicUsize::new(0);
        let progress = AtomicU64::new(0);
        let schemas = KnownSchemas::new().expect("schemas");
        verify(&VerifyOptions {
            partitions: vec![0.into()],
            threads: 2,
            from,
            ground: Ground {
                topics: Topics::default().of(&FLOW).clone(),
                schemas: &schemas,
                progress: &progress,
                division: options().division(),
                table_seed: options().table_seed,
            },
            beside: Beside { rulebook: Arc::new(rulebook), letters, read_on: Box::new(read_on) }.into(),
            open: Box::new(|_| Ok(self.open(opened.fetch_add(1, Ordering::Relaxed)))),
        })
    }

    fn read_letters(&self, letters: &mut Letters, again: bool) {
        let mut kept = RecordBuffer::default();
        if self.letters_trimmed {
            letters.has_lost(0.into());
        }
        for letter in self.letters.iter().filter(|_| !again) {
            letter.keep(&mut kept);
            letters
                .add(0.into(), &kept, &options().topics, |partition| partition == 0.into())
                .expect("few letters");
        }
    }

    /// Opens it, so many times after the first.
    fn open(&self, times: usize) -> Recorded<'_> {
        let trimmed = self.trimmed.filter(|_| self.trims.is_none_or(|trims| times < trims));
        Recorded {
            input: Box::new(|input, from| {
                Ok(source(self.inputs[input].iter().filter(|rec| rec.offset >= from).cloned().collect()))
            }),
            starts: self.starts.to_vec(),
            outcomes: source(self.outcomes.clone()),
            settled: self.settled.unwrap_or(i64::MAX),
            replies: self.replies.clone().map(|replies| RecordedReplies {
                source: source_trimmed(replies, self.replies_trimmed),
                start: self.replies_start,
                settled: self.replies_settled,
            }),
            journal: Some(source_trimmed(self.journal.clone(), trimmed)),
            group: self.group.map(|offsets| [offsets.map(Some).into(), offsets.map(Some).into()]),
        }
    }

    /// Positions after each transaction of the journal, and whether a rotation is complete with it.
    pub fn transactions(&self) -> Vec<([i64; INPUTS], bool, bool)> {
        let heads = self
            .journal
            .iter()
            .map(|rec| read_record(rec.value.as_deref().expect("a value")).expect("a record").head);
        let heads = heads.filter(|head| head.part + 1 == head.parts);
        heads
            .map(|head| {
                let positions = Input::offsets(&head.positions);
                (positions, head.rotation_begins, head.rotation_completes)
            })
            .collect()
    }
}
