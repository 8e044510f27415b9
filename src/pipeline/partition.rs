//! A unit's records, one after another: what is decided is applied and journalled, and can be put back until it is kept.

use super::decider::NextTick;
use super::journal::{BatchJournal, BatchReach, JournalBatch};
use super::layout::{Division, Misplaced};
use super::model::{Effects, Keyed, Model, State};
use super::{DecisionSink, InputRecord, Outbound};
use crate::codec::SchemaRef;
use crate::codec::journal::Head;
use crate::codec::tick::{Tick, UnitTimes, write_tick};
use crate::domain::cut::cut_to;
use crate::domain::flow::{Flow, Positions, Unit};
use crate::domain::limits;
use crate::domain::{Micros, PartitionId};

/// What a unit needs to know besides its model.
#[derive(Clone, Copy, Debug)]
pub struct PartitionSettings {
    /// One entry goes into the journal as a whole per so many consumed records.
    pub checkpoint_records_per_entry: u32,
    /// Records from the beginning of one checkpoint rotation to that of the next, at least: with few entries one would
    /// otherwise begin with every transaction, and each asks the broker for an offset.
    pub rotation_records_min: u32,
    /// Longest journal record, bytes.
    pub journal_record_bytes_max: usize,
    /// How senders divide keys up, as the journal says it. A record whose key belongs elsewhere is not decided.
    pub division: Division,
}

impl PartitionSettings {
    /// Of a unit whose journal nobody keeps: one of files, or one that is decided again.
    #[must_use]
    pub fn unjournalled(division: Division) -> Self {
        Self {
            checkpoint_records_per_entry: u32::MAX,
            rotation_records_min: u32::MAX,
            journal_record_bytes_max: usize::MAX,
            division,
        }
    }
}

/// One unit: its model, its state, what the batch has changed, and where its inputs stand.
#[derive(Debug)]
pub struct Partition<M: Model> {
    model: M,
    partition: PartitionId,
    settings: PartitionSettings,
    pub(super) state: M::State,
    pub(super) journal: BatchJournal,
    positions: Positions,
    committed_positions: Positions,
    /// When the last record was appended by its broker's time in milliseconds, now and as of the last commit; none where
    /// that is not known.
    appended: Option<i64>,
    committed_appended: Option<i64>,
    /// Entries that stand elsewhere than their keys, as of the restore: no record reaches them.
    pub(super) strangers: usize,
}

/// Why a record was not taken in. Nothing was changed by it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Interrupt {
    /// The writer's schema is not known yet.
    #[error("the schema {0} has not come from the registry yet")]
    NeedsSchema(SchemaRef),
    /// The state and the program disagree: the state must be dropped and restored.
    #[error("the state of the partition is broken: {0}")]
    State(String),
}

impl<M: Model> Partition<M> {
    /// A unit with nothing in its state.
    #[must_use]
    pub fn of(model: M, partition: PartitionId, settings: PartitionSettings) -> Self {
        Self {
            state: model.empty(),
            journal: BatchJournal::new(M::FLOW, &settings),
            model,
            partition,
            settings,
            positions: Positions::none(M::FLOW),
            committed_positions: Positions::none(M::FLOW),
            appended: None,
            committed_appended: None,
            strangers: 0,
        }
    }

    /// Lets stream time begin here: for inputs that are not a topic's.
    pub fn begin_at(&mut self, time: Micros) {
        self.state.advance(time);
        self.state.keep();
    }

    /// What decides, to be changed between batches.
    pub fn model_mut(&mut self) -> &mut M {
        &mut self.model
    }

    /// The state, to look at.
    #[must_use]
    pub fn state(&self) -> &M::State {
        &self.state
    }

    /// Next offset per input; none where nothing was read yet.
    #[must_use]
    pub fn positions(&self) -> &Positions {
        &self.positions
    }

    /// Which unit it is.
    #[must_use]
    pub fn unit(&self) -> Unit {
        Unit { flow: M::FLOW, partition: self.partition }
    }

    /// Takes a record in: what it leads to goes to `out`, what it changes into state and journal.
    ///
    /// # Errors
    /// [`Interrupt`]; the record then counts as not read.
    pub fn on_record<'o>(
        &mut self,
        outside: impl Into<M::Outside<'o>>,
        record: &InputRecord<'_>,
        out: &mut dyn DecisionSink<M>,
    ) -> Result<(), Interrupt> {
        match key_of(M::FLOW, record) {
            Err((code, why)) => dead_letter(out, record, code, &why),
            Ok(key) => {
                // Some of its own inputs have the numbers of partitions as keys.
                let of_others = !M::FLOW.numbered.contains(&record.input);
                let division = Some(self.settings.division).filter(|_| of_others);
                let misplaced =
                    division.and_then(|division| division.misplaced(key.as_bytes(), self.partition));
                let (model, keyed, mut effects) = self.parts(record, key, misplaced.as_ref(), out);
                model.decide(outside.into(), &keyed, &mut effects)?;
                if let Some(misplaced) = misplaced {
                    out.misplaced(record, &misplaced);
                }
            }
        }
        self.read(record);
        Ok(())
    }

    /// Gives up on a record on which the program failed again and again: a dead letter, and the answer that the flow has
    /// for it.
    pub fn on_failed_record(&mut self, record: &InputRecord<'_>, out: &mut dyn DecisionSink<M>) {
        out.dead_letter(record, "500", "the record could not be judged because of an internal error");
        if let Ok(key) = key_of(M::FLOW, record) {
            let (model, keyed, mut effects) = self.parts(record, key, None, out);
            model.give_up(&keyed, &mut effects);
        }
        self.read(record);
    }

    /// What decides, the record at hand, and what it may change: borrows of different fields.
    fn parts<'p>(
        &'p mut self,
        record: &'p InputRecord<'p>,
        key: &'p str,
        misplaced: Option<&'p Misplaced>,
        out: &'p mut dyn DecisionSink<M>,
    ) -> (&'p mut M, Keyed<'p>, Effects<'p, M>) {
        let unit = self.unit();
        let Self { model, state, journal, positions, .. } = self;
        (model, Keyed { unit, record, key, misplaced, positions }, Effects { state, journal, out, record })
    }

    fn read(&mut self, record: &InputRecord<'_>) {
        self.positions[record.input] = Some(record.offset + 1);
        self.journal.count_consumed();
    }

    /// What goes out at the end of a batch, before its journal records: what is said of all its records together.
    pub fn end_batch(&mut self, send: &mut dyn FnMut(&Outbound<'_>)) {
        self.model.end_batch(&self.state, send);
    }

    /// The batch's journal records. `writer` is the producer's transactional id. Empty where nothing was read.
    pub fn journal(&mut self, writer: &str) -> JournalBatch {
        let (before, positions, appended) = (&self.committed_positions, &self.positions, self.appended);
        let read = BatchReach { before, positions, appended };
        self.journal.finish(self.partition, self.model.ruleset(), writer, read, &self.state)
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
        self.committed_positions.clone_from(&self.positions);
        self.committed_appended = self.appended;
    }

    /// The batch is aborted: puts everything back.
    pub fn aborted(&mut self) {
        self.model.drop_batch();
        self.state.undo();
        self.journal.aborted();
        self.positions.clone_from(&self.committed_positions);
        self.appended = self.committed_appended;
    }

    /// The record that was decided last was appended at this time of its broker, in milliseconds; none where it has
    /// another's time.
    pub fn read_at(&mut self, appended: Option<i64>) {
        self.appended = appended.map(|millis| self.appended.map_or(millis, |last| last.max(millis)));
    }

    /// The tick that is due next, as of the last commit; none where nothing waits for time to pass.
    #[must_use]
    pub fn next_tick(&self) -> Option<NextTick> {
        M::FLOW.ticks?;
        let due = self.state.next_due()?;
        let stream_time = self.state.stream_time();
        let passed = UnitTimes { stream_time, last_record: self.appended.map(Micros::from_millis) };
        // Brokers' times are in whole milliseconds.
        let due_millis = passed.reaches_from(due).map(|from| from.plus(Micros(999)).millis());
        Some(NextTick { due_millis, value: write_tick(&Tick::Passed(passed)) })
    }

    /// By what keys belong on partitions.
    #[must_use]
    pub fn division(&self) -> Division {
        self.settings.division
    }

    /// Judges keys by this from the next record on; call it between batches.
    pub fn divide_by(&mut self, division: Division) {
        self.settings.division = division;
    }

    /// Entries that stood elsewhere than their keys when the state was restored, at least: no record reaches them.
    #[must_use]
    pub fn strangers(&self) -> usize {
        self.strangers
    }

    /// A state with nothing in it.
    pub(super) fn nothing(&self) -> M::State {
        self.model.empty()
    }

    /// Numbers of the last committed transaction in the journal and of its last checkpoint rotation; 0: none yet.
    #[must_use]
    pub fn journalled(&self) -> (u64, u64) {
        (self.journal.sequence, self.journal.rotation.number)
    }

    /// Its number.
    #[must_use]
    pub fn number(&self) -> PartitionId {
        self.partition
    }

    /// Goes on after the last transaction of the journal; the next batch begins a new rotation.
    pub(super) fn resume_after(&mut self, last: &Head) {
        self.journal.sequence = last.sequence;
        self.journal.ruleset = Some(last.ruleset).filter(|ruleset| *ruleset != 0);
        self.journal.rotation.number = last.rotation;
        self.positions = last.positions.clone().with_later_inputs(M::FLOW);
        self.committed_positions.clone_from(&self.positions);
        (self.appended, self.committed_appended) = (last.appended, last.appended);
        self.state.keep();
    }
}

/// A dead letter whose words are bounded: names out of a writer's schema can be of any length.
pub(super) fn dead_letter<M: Model>(
    out: &mut dyn DecisionSink<M>,
    record: &InputRecord<'_>,
    code: &'static str,
    message: &str,
) {
    out.dead_letter(record, code, &cut_to(message, limits::DEAD_LETTER_MESSAGE_CHARS_MAX));
}

/// The key as text. Without it a record is of nobody and has no answer.
fn key_of<'r>(flow: &Flow, record: &InputRecord<'r>) -> Result<&'r str, (&'static str, String)> {
    let what = if flow.numbered.contains(&record.input) { "partition" } else { flow.key };
    let Some(key) = record.key else {
        return Err(("400.001", format!("the record has no key, which is the {what} it is for")));
    };
    let Ok(key) = str::from_utf8(key) else {
        return Err(("400.001", "the record's key is not UTF-8".to_owned()));
    };
    if key.trim().is_empty() {
        return Err(("400.001", format!("the record's key, the {what} it is for, is blank")));
    }
    if key.chars().count() > limits::ID_CHARS_MAX {
        return Err((
            "400.005",
            format!("the record's key is longer than {} characters", limits::ID_CHARS_MAX),
        ));
    }
    Ok(key)
}
