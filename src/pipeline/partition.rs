//! A partition's records, one after another: what is decided is applied, encoded and journalled.

use super::journal::{Journal, JournalBatch};
use super::layout::Division;
use super::{InRecord, Input, OutcomeEncoding, Output};
use crate::codec::journal::Head;
use crate::codec::{self, DecodeError, SchemaRef, Schemas};
use crate::domain::Micros;
use crate::domain::cut::cut_to;
use crate::domain::enums::Verdict;
use crate::domain::hashing::{Seed, hash64};
use crate::domain::limits;
use crate::domain::outcome::{Outcome, Source};
use crate::domain::partitioner::Partitioner;
use crate::engine::{Decision, Engine, Record, Unavailable};
use crate::state::{PartitionState, StateFault};
use std::sync::Arc;

/// What a partition needs to know besides the engine.
#[derive(Clone, Debug)]
pub struct PartitionOptions {
    /// Names of the input topics (POS events, account events), as outcomes give them.
    pub topics: [String; 2],
    /// How outcomes are encoded.
    pub encoding: OutcomeEncoding,
    /// One account's full state goes into the journal per so many consumed records.
    pub checkpoint_events_per_account: u32,
    /// Records from the beginning of one checkpoint rotation to that of the next, at least: with few accounts one would
    /// else begin with every transaction, and each asks the broker for an offset.
    pub rotation_events_min: u32,
    /// Longest journal record, bytes.
    pub journal_record_bytes_max: usize,
    /// How many partitions the inputs have, as the journal says it; 0: not known, and no key is judged.
    pub input_partitions: u32,
    /// How senders divide keys up among them. A record whose key belongs elsewhere is not decided.
    pub partitioner: Partitioner,
    /// For the account table alone; nothing that comes out depends on it.
    pub table_seed: Seed,
}

impl PartitionOptions {
    /// By what keys belong on partitions.
    #[must_use]
    pub fn division(&self) -> Division {
        Division { partitioner: self.partitioner, partitions: self.input_partitions }
    }
}

/// One input partition: its state, what the batch has changed, and where its inputs stand.
#[derive(Debug)]
pub struct Partition {
    engine: Arc<Engine>,
    partition: i32,
    options: PartitionOptions,
    pub(super) state: PartitionState,
    pub(super) journal: Journal,
    /// Next offset per input, as the outcome's `positions` gives it: that of one input for outcomes of the other.
    next: [Vec<(String, i64)>; 2],
    /// Next offset per input; none where nothing was read yet.
    pub(super) positions: [Option<i64>; 2],
    committed_positions: [Option<i64>; 2],
    /// Accounts that stand elsewhere than their keys, as of the restore: no event reaches them.
    pub(super) strangers: usize,
    encoded: Vec<u8>,
}

/// Why a record was not taken in. Nothing was changed by it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Interrupt {
    /// The writer's schema is not known yet.
    #[error("the schema {0} has not come from the registry yet")]
    NeedsSchema(SchemaRef),
    /// The state and the program disagree: the state must be dropped and restored.
    #[error("the state of the partition is broken: {0}")]
    State(#[from] StateFault),
}

impl Partition {
    /// A partition with nothing in it.
    #[must_use]
    pub fn new(engine: Arc<Engine>, partition: i32, options: PartitionOptions) -> Self {
        let next = options.topics.each_ref().map(|topic| vec![(topic.clone(), 0)]);
        let (journal, options_seed) = (Journal::new(&options), options.table_seed);
        Self {
            engine,
            partition,
            options,
            state: PartitionState::new(options_seed),
            journal,
            next,
            positions: [None; 2],
            committed_positions: [None; 2],
            strangers: 0,
            encoded: Vec::new(),
        }
    }

    /// Lets stream time begin here: for inputs that are not a topic's.
    pub fn begin_at(&mut self, time: Micros) {
        self.state.advance(time);
        self.state.keep();
    }

    /// The state, to look at.
    #[must_use]
    pub fn state(&self) -> &PartitionState {
        &self.state
    }

    /// Next offset per input (POS events, account events); none where nothing was read yet.
    #[must_use]
    pub fn positions(&self) -> [Option<i64>; 2] {
        self.positions
    }

    /// Takes a record in: its outcomes and dead letters go to `out`, its facts into state and journal.
    ///
    /// # Errors
    /// [`Interrupt`]; the record then counts as not read.
    pub fn on_record(
        &mut self,
        schemas: &dyn Schemas,
        record: &InRecord<'_>,
        out: &mut dyn Output,
    ) -> Result<(), Interrupt> {
        match key_of(record) {
            Err((code, why)) => dead_letter(out, record, code, &why),
            Ok(key) => {
                let misplaced = self.options.division().misplaced(key.as_bytes(), self.partition);
                match (record.input, &misplaced) {
                    (Input::PosEvents, _) => {
                        self.pos_event(schemas, record, key, misplaced.is_some(), out)?
                    }
                    (Input::AccountEvents, None) => self.account_event(schemas, record, key, out)?,
                    (Input::AccountEvents, Some(misplaced)) => {
                        dead_letter(out, record, UNAVAILABLE, &misplaced.to_string());
                    }
                }
                if let Some(misplaced) = misplaced {
                    out.misplaced(record, &misplaced);
                }
            }
        }
        self.read(record);
        Ok(())
    }

    /// Gives up on a record on which the program failed again and again: dead letter, and NotEvaluated 500.
    pub fn on_failed_record(&mut self, record: &InRecord<'_>, out: &mut dyn Output) {
        out.dead_letter(record, "500", "the record could not be judged because of an internal error");
        if let (Ok(key), Input::PosEvents) = (key_of(record), record.input) {
            let (engine, at, mut effects) = self.parts(record, key);
            effects.publish_unjudged(engine.failed(&at, digest_of(record)), out);
        }
        self.read(record);
    }

    /// Decides by another ruleset from the next record on; call it between batches.
    pub fn decide_by(&mut self, engine: Arc<Engine>) {
        self.engine = engine;
    }

    /// The batch's journal records. `writer` is the producer's transactional id. Empty where nothing was read.
    pub fn journal(&mut self, writer: &str) -> JournalBatch {
        let positions = [self.committed_positions, self.positions];
        self.journal.finish(self.partition, self.engine.ruleset_hash(), writer, positions, &self.state)
    }

    /// Whether the next [`Partition::journal`] begins a checkpoint rotation: the end offset of the
    /// journal's partition before it is where the journal may be trimmed once the rotation is complete.
    #[must_use]
    pub fn rotation_begins(&self) -> bool {
        self.journal.rotation_begins()
    }

    /// The batch is committed: forgets how things were before.
    pub fn committed(&mut self) {
        self.state.keep();
        self.journal.committed();
        self.committed_positions = self.positions;
    }

    /// The batch is aborted: puts everything back.
    pub fn aborted(&mut self) {
        self.state.undo();
        self.journal.aborted();
        self.set_positions(self.committed_positions);
    }

    /// By what keys belong on partitions.
    #[must_use]
    pub fn division(&self) -> Division {
        self.options.division()
    }

    /// Judges keys by this from the next record on; call it between batches.
    pub fn divide_by(&mut self, Division { partitioner, partitions }: Division) {
        (self.options.partitioner, self.options.input_partitions) = (partitioner, partitions);
    }

    /// Accounts that stood elsewhere than their keys when the state was restored, at least: no event reaches them.
    #[must_use]
    pub fn strangers(&self) -> usize {
        self.strangers
    }

    /// A state with nothing in it.
    pub(super) fn nothing(&self) -> PartitionState {
        PartitionState::new(self.options.table_seed)
    }

    /// Numbers of the last committed transaction in the journal and of its last checkpoint rotation; 0: none yet.
    #[must_use]
    pub fn journalled(&self) -> (u64, u64) {
        (self.journal.sequence, self.journal.rotation.number)
    }

    /// Its number.
    #[must_use]
    pub fn number(&self) -> i32 {
        self.partition
    }

    /// Goes on after the last transaction of the journal; the next batch begins a new rotation.
    pub(super) fn resume_after(&mut self, last: &Head) {
        self.journal.sequence = last.sequence;
        self.journal.ruleset = Some(last.ruleset).filter(|ruleset| *ruleset != 0);
        self.journal.rotation.number = last.rotation;
        self.set_positions(last.positions);
        self.committed_positions = last.positions;
        self.state.keep();
    }

    pub(super) fn set_positions(&mut self, positions: [Option<i64>; 2]) {
        self.positions = positions;
        for (next, position) in self.next.iter_mut().zip(positions) {
            next[0].1 = position.unwrap_or(0);
        }
    }

    fn read(&mut self, record: &InRecord<'_>) {
        let place = record.input as usize;
        self.positions[place] = Some(record.offset + 1);
        self.next[place][0].1 = record.offset + 1;
        self.journal.count_consumed();
    }

    /// The engine, the record at hand, and what it may change: three borrows of different fields.
    fn parts<'p>(&'p mut self, record: &InRecord<'_>, key: &'p str) -> (&'p Engine, Record<'p>, Effects<'p>) {
        let Self { engine, options, state, journal, next, encoded, .. } = self;
        let source = Source {
            topic: &options.topics[record.input as usize],
            partition: record.partition,
            offset: record.offset,
            timestamp_millis: record.timestamp_millis,
        };
        let at = Record { source, key, time: record.time, positions: &next[record.input.other() as usize] };
        (engine, at, Effects { state, journal, encoding: &options.encoding, encoded })
    }

    fn pos_event(
        &mut self,
        schemas: &dyn Schemas,
        record: &InRecord<'_>,
        key: &str,
        is_misplaced: bool,
        out: &mut dyn Output,
    ) -> Result<(), Interrupt> {
        let decoded = codec::decode_pos_event(schemas, record.value.unwrap_or_default(), record.schema_guid);
        let (engine, at, mut effects) = self.parts(record, key);
        let event = match decoded {
            Ok(event) => event,
            Err(DecodeError::NeedsSchema(schema)) => return Err(Interrupt::NeedsSchema(schema)),
            Err(DecodeError::Fault { code, message, field }) => {
                dead_letter(out, record, code, &message);
                let outcome = engine.undecodable(&at, digest_of(record), &message, field.as_deref());
                effects.publish_unjudged(outcome, out);
                return Ok(());
            }
        };
        if is_misplaced {
            effects.publish_unjudged(engine.unavailable(&event, &at, Unavailable::Elsewhere), out);
            return Ok(());
        }
        let sound = match engine.read(&event, &at) {
            Ok(sound) => sound,
            Err(outcome) => {
                effects.publish_unjudged(outcome, out);
                return Ok(());
            }
        };
        if !engine.has_room(effects.state, &sound) {
            effects.publish_unjudged(engine.unavailable(&event, &at, Unavailable::NoRoom), out);
            return Ok(());
        }
        let now = engine.time_with(effects.state, &sound, &at);
        let mut decision = engine.decide(effects.state, &sound, &at, now);
        // What cannot be evaluated moves no time; whether it can does not hang on the holds that run out.
        let evaluated = decision.outcome.as_ref().is_some_and(|own| own.verdict != Verdict::NotEvaluated);
        if evaluated && effects.advance(engine, &at, || Engine::digest(&event), now, out)? {
            decision = engine.decide(effects.state, &sound, &at, now);
        }
        effects.carry_out(decision, out)?;
        Ok(())
    }

    fn account_event(
        &mut self,
        schemas: &dyn Schemas,
        record: &InRecord<'_>,
        key: &str,
        out: &mut dyn Output,
    ) -> Result<(), Interrupt> {
        let decoded =
            codec::decode_account_event(schemas, record.value.unwrap_or_default(), record.schema_guid);
        let (engine, at, mut effects) = self.parts(record, key);
        let event = match decoded {
            Ok(event) => event,
            Err(DecodeError::NeedsSchema(schema)) => return Err(Interrupt::NeedsSchema(schema)),
            Err(DecodeError::Fault { code, message, .. }) => {
                dead_letter(out, record, code, &message);
                return Ok(());
            }
        };
        let now = engine.time_with_account_event(effects.state, &event, &at);
        let mut applied = engine.apply_account_event(effects.state, &event, &at);
        // Only what applies moves time: neither a dead letter nor an event that was applied before.
        let applies = applied.as_ref().is_ok_and(|decision| decision.change.is_some());
        if applies && effects.advance(engine, &at, || hash64(event.id.as_bytes()), now, out)? {
            applied = engine.apply_account_event(effects.state, &event, &at);
        }
        match applied {
            Ok(decision) => effects.carry_out(decision, out)?,
            Err(refusal) => dead_letter(out, record, refusal.code, &refusal.message),
        }
        Ok(())
    }
}

/// A dead letter whose words are bounded: names out of a writer's schema can be of any length.
fn dead_letter(out: &mut dyn Output, record: &InRecord<'_>, code: &'static str, message: &str) {
    out.dead_letter(record, code, &cut_to(message, limits::DEAD_LETTER_MESSAGE_CHARS_MAX));
}

/// Code of the dead letter of an account event whose account is not here.
const UNAVAILABLE: &str = "pos.state.unavailable";

/// The key as text: the account. Without it a record has no account and no outcome.
fn key_of<'r>(record: &InRecord<'r>) -> Result<&'r str, (&'static str, String)> {
    let Some(key) = record.key else {
        return Err(("400.001", "the record has no key, which is the account it is for".to_owned()));
    };
    let Ok(key) = str::from_utf8(key) else {
        return Err(("400.001", "the record's key is not UTF-8".to_owned()));
    };
    if key.trim().is_empty() {
        return Err(("400.001", "the record's key, the account it is for, is blank".to_owned()));
    }
    if key.chars().count() > limits::ID_CHARS_MAX {
        return Err((
            "400.005",
            format!("the record's key is longer than {} characters", limits::ID_CHARS_MAX),
        ));
    }
    Ok(key)
}

/// Digest of a record's bytes, for ids that no event's content is behind.
fn digest_of(record: &InRecord<'_>) -> u64 {
    hash64(record.value.unwrap_or_default())
}

/// What a record may change.
struct Effects<'p> {
    state: &'p mut PartitionState,
    journal: &'p mut Journal,
    encoding: &'p OutcomeEncoding,
    encoded: &'p mut Vec<u8>,
}

impl Effects<'_> {
    /// Lets stream time go on to `now`, and the holds run out that have until then; whether one did. `digest` is of what
    /// moves it.
    fn advance(
        &mut self,
        engine: &Engine,
        at: &Record<'_>,
        digest: impl FnOnce() -> u64,
        now: Micros,
        out: &mut dyn Output,
    ) -> Result<bool, StateFault> {
        self.state.advance(now);
        if self.state.expired_hold(now).is_none() {
            return Ok(false);
        }
        let digest = digest();
        for ordinal in 1..=limits::EXPIRIES_PER_INPUT_MAX as u32 {
            let Some(ended) = engine.expire(self.state, at, digest, ordinal, now) else {
                break;
            };
            self.carry_out(ended, out)?;
        }
        Ok(true)
    }

    /// Applies a decision, writes its facts into the journal and its outcome to `out`.
    fn carry_out(&mut self, decision: Decision<'_>, out: &mut dyn Output) -> Result<(), StateFault> {
        if let Some(change) = &decision.change {
            self.state.apply(&change.account, &change.facts)?;
            self.journal.change(change);
        }
        if let Some(outcome) = &decision.outcome {
            self.publish(outcome, out);
        }
        Ok(())
    }

    /// An outcome without a decision still says which state of the account it leaves alone.
    fn publish_unjudged(&mut self, mut outcome: Outcome<'_>, out: &mut dyn Output) {
        let account = self.state.accounts().get(&outcome.account_number);
        outcome.account_revision = account.map_or(0, |account| account.revision);
        self.publish(&outcome, out);
    }

    /// Encodes an outcome into what its topic surely takes.
    fn publish(&mut self, outcome: &Outcome<'_>, out: &mut dyn Output) {
        self.encode(outcome);
        if self.encoded.len() > limits::OUTCOME_BYTES_MAX {
            let mut outcome = outcome.clone();
            outcome.shorten();
            self.encode(&outcome);
        }
        out.outcome(outcome, outcome.account_number.as_bytes(), self.encoded);
        self.journal.count_outcome();
    }

    fn encode(&mut self, outcome: &Outcome<'_>) {
        self.encoded.clear();
        match self.encoding {
            OutcomeEncoding::Json => codec::json::write_outcome(outcome, self.encoded),
            OutcomeEncoding::Avro(framing) => {
                self.encoded.extend_from_slice(framing);
                codec::avro::write_outcome(outcome, self.encoded);
            }
        }
    }
}
