//! What a flow brings along: its state, how it decides, and the bytes of both. Everything else about a unit is in
//! [`super::Partition`]. Names no flow.

use super::journal::BatchJournal;
use super::layout::Misplaced;
use super::partition::{Interrupt, PartitionSettings};
use super::{DecisionSink, InputRecord, Outbound};
use crate::codec::SchemaRef;
use crate::codec::journal::{ByteReader, ByteWriter, JournalFault};
use crate::domain::code::Code;
use crate::domain::flow::{Flow, Positions, Unit};
use crate::domain::{Micros, SetBack};
use std::fmt;
use std::time::Duration;

/// What a flow does with its records.
pub trait Model: fmt::Debug + Sized + Send + 'static {
    /// The flow.
    const FLOW: &'static Flow;
    /// The state of a unit.
    type State: State;
    /// What decisions take from outside the unit: all of it is recorded, or recorded in what is decided.
    type Outside<'a>: Copy;
    /// A decision before it is bytes.
    type Decided<'a>;

    /// A state with nothing in it.
    fn empty(&self) -> Self::State;

    /// Hash of the rules that decide; 0: there are none.
    fn ruleset(&self) -> u128;

    /// Decides a record: what it changes and sends goes to `effects`.
    ///
    /// # Errors
    /// [`Interrupt`]; nothing was changed then, and the record counts as not read.
    fn decide(
        &mut self,
        outside: Self::Outside<'_>,
        record: &Keyed<'_>,
        effects: &mut Effects<'_, Self>,
    ) -> Result<(), Interrupt>;

    /// Answers a record on which the program failed again and again, where it has an answer. Its dead letter is written.
    fn give_up(&mut self, record: &Keyed<'_>, effects: &mut Effects<'_, Self>);

    /// Sends what is said of all records of a batch together, and forgets it: the batch ends with it.
    fn end_batch(&mut self, _state: &Self::State, _send: &mut dyn FnMut(&Outbound<'_>)) {}

    /// Forgets what [`Self::end_batch`] would send: the batch is undone.
    fn drop_batch(&mut self) {}

    /// What a decision counts as, for metrics.
    fn counts(_decided: &Self::Decided<'_>, _count: &mut dyn FnMut(Counted)) {}
}

/// What is counted of records, by names of which there are few.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Counted {
    /// An answer, by its kind.
    Answer(&'static str),
    /// A message of an answer, by its code.
    Message(Code),
    /// A dead letter, by its code.
    DeadLetter(&'static str),
}

/// Makes the parts of a flow's units.
pub trait Blueprint: Send + Sync + 'static {
    /// What decides.
    type Model: Model;
    /// What a live unit decides with.
    type Surroundings: Surroundings<Self::Model> + 'static;

    /// What decides.
    fn model(&self) -> Self::Model;
    /// How units are journalled and divided up.
    fn settings(&self) -> PartitionSettings;
    /// What a live unit decides with.
    fn surroundings(&self) -> Self::Surroundings;
}

/// What a live unit decides with: what comes from outside may not be there yet, and how much is asked for is bounded.
pub trait Surroundings<M: Model>: Send {
    /// Records come at `now`, which runs on from any start.
    fn batch_begins(&mut self, _now: Duration) {}
    /// Calls `decide` with what is known now. `after_a_wait`: the record has waited for a schema.
    fn with<T>(&mut self, after_a_wait: bool, decide: impl FnOnce(M::Outside<'_>) -> T) -> T;
    /// Asks for what it takes to read a record that comes later.
    fn expect(&mut self, _record: &InputRecord<'_>) {}
    /// Whether it is known by now what a schema is, or that there is none. Cheap.
    fn has(&self, _input: usize, _schema: &SchemaRef) -> bool {
        true
    }
}

/// A record with its key, and what stands around it.
#[derive(Clone, Copy, Debug)]
pub struct Keyed<'r> {
    /// The unit that reads it.
    pub unit: Unit,
    /// The record.
    pub record: &'r InputRecord<'r>,
    /// Its key: what its flow says that keys name.
    pub key: &'r str,
    /// Where its key belongs, if that is not here. Its state is elsewhere then, and nothing may be decided by this one.
    pub misplaced: Option<&'r Misplaced>,
    /// The next offset of each input before this record.
    pub positions: &'r Positions,
}

/// The state of a unit: an entry for each key, each in a slot from 0 on without gaps.
pub trait State: fmt::Debug + Send + 'static {
    /// What happens to one entry.
    type Change<'a>: fmt::Debug;

    /// The unit's time: it only goes on, unless an operator sets it back.
    fn stream_time(&self) -> Micros;
    /// Lets time go on to `time`, if that is later.
    fn advance(&mut self, time: Micros);
    /// Sets time, back as well.
    fn set_time(&mut self, time: Micros);
    /// How far time is to be set back.
    fn set_back(&self) -> Option<SetBack> {
        None
    }
    /// Notes how far time is to be set back, with a record of which an answer tells where it stood among the others.
    fn note_set_back(&mut self, _set_back: Option<SetBack>) {}
    /// At which time something happens by time alone; none where nothing waits for it.
    fn next_due(&self) -> Option<Micros> {
        None
    }

    /// How many entries there are.
    fn entries(&self) -> usize;
    /// The key of the entry in a slot.
    fn key(&self, slot: u32) -> Option<&str>;

    /// Makes a change.
    ///
    /// # Errors
    /// It does not fit the state, in words: the program is wrong, never the input.
    fn apply(&mut self, change: &Self::Change<'_>) -> Result<(), String>;
    /// What was changed since the last call of either is kept.
    fn keep(&mut self);
    /// What was changed since the last call of either is put back.
    fn undo(&mut self);

    /// Appends a change.
    fn write_change(change: &Self::Change<'_>, out: &mut ByteWriter);
    /// Appends the entry in a slot as a whole, if there is one.
    fn write_entry(&self, slot: u32, out: &mut ByteWriter);

    /// Makes so many changes as [`Self::write_change`] wrote them. `pass_over`: those of entries that are not there are
    /// left out, since they come as a whole later.
    ///
    /// # Errors
    /// [`FoldFault`].
    fn fold_changes(
        &mut self,
        count: usize,
        input: &mut ByteReader<'_>,
        pass_over: bool,
    ) -> Result<(), FoldFault>;
    /// Sets so many entries as [`Self::write_entry`] wrote them.
    ///
    /// # Errors
    /// The bytes are damaged.
    fn fold_entries(&mut self, count: usize, input: &mut ByteReader<'_>) -> Result<(), JournalFault>;
    /// The keys of so many changes and entries.
    ///
    /// # Errors
    /// The bytes are damaged.
    fn keys(changes: usize, entries: usize, input: &mut ByteReader<'_>) -> Result<Vec<String>, JournalFault>;
}

/// Why a record of a journal does not go into a state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FoldFault {
    /// It cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalFault),
    /// A change does not fit the state.
    #[error("the journal does not fit together: {0}")]
    State(String),
}

/// What a record may change and send.
pub struct Effects<'p, M: Model> {
    pub(super) state: &'p mut M::State,
    pub(super) journal: &'p mut BatchJournal,
    pub(super) out: &'p mut dyn DecisionSink<M>,
    pub(super) record: &'p InputRecord<'p>,
}

impl<M: Model> Effects<'_, M> {
    /// The state as it is now.
    #[must_use]
    pub fn state(&self) -> &M::State {
        self.state
    }

    /// Lets the unit's time go on.
    pub fn advance(&mut self, time: Micros) {
        self.state.advance(time);
    }

    /// Sets the unit's time, back as well: what an operator asks for.
    pub fn set_time(&mut self, time: Micros) {
        self.state.set_time(time);
    }

    /// Notes how far the unit's time is to be set back, by a record that comes later.
    pub fn note_set_back(&mut self, set_back: Option<SetBack>) {
        self.state.note_set_back(set_back);
    }

    /// Tells people what was done by this record, once it is committed.
    pub fn say(&mut self, what: &str) {
        self.out.note(self.record, what);
    }

    /// Makes a change, and writes it into the journal.
    ///
    /// # Errors
    /// [`Interrupt::State`]: it does not fit.
    pub fn change(&mut self, change: &<M::State as State>::Change<'_>) -> Result<(), Interrupt> {
        self.state.apply(change).map_err(Interrupt::State)?;
        self.journal.change::<M::State>(change);
        Ok(())
    }

    /// Sends the reply that the record's sender asked for.
    pub fn reply(&mut self, outbound: &Outbound<'_>) {
        self.out.reply(outbound);
    }

    /// Sends what was decided.
    pub fn send(&mut self, decided: &M::Decided<'_>, outbound: &Outbound<'_>) {
        self.out.send(decided, outbound);
        self.journal.count_outcome();
    }

    /// Sends the record to the dead letters.
    pub fn dead_letter(&mut self, code: &'static str, message: &str) {
        super::partition::dead_letter(self.out, self.record, code, message);
    }
}
