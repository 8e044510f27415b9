//! Restore: the state of a unit out of its journal, record by record.
//!
//! An entry sets; changes apply to entries that are set; a reset makes void what came before. Reading may begin
//! anywhere before the beginning of a complete rotation, and every gap, foreign record or torn transaction is a refusal:
//! deciding on from a wrong state is worse than not deciding.

use super::layout::{self, LayoutFault};
use super::model::{FoldFault, Model, State};
use super::partition::Partition;
use crate::codec::journal::{Head, JournalFault, read_record};
use crate::domain::PartitionId;
use crate::domain::flow::Unit;

/// Why a journal does not give a state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreFault {
    /// A record cannot be read, or does not fit the state.
    #[error(transparent)]
    Fold(#[from] FoldFault),
    /// A record of another unit.
    #[error(
        "the journal of {expected} holds a record of {flow} partition {partition}: the topic was written by something else, or its partitions were changed"
    )]
    Foreign {
        /// This unit.
        expected: Unit,
        /// The record's flow.
        flow: String,
        /// The record's partition.
        partition: PartitionId,
    },
    /// A transaction is missing, torn or there twice.
    #[error(
        "the journal goes from transaction {last_sequence} part {last_part} to transaction {sequence} part {part}: a transaction is missing, torn or there twice"
    )]
    Gap {
        /// Of the record before.
        last_sequence: u64,
        /// Of the record before.
        last_part: u32,
        /// Of this record.
        sequence: u64,
        /// Of this record.
        part: u32,
    },
    /// Its keys are divided up in another way than the inputs are.
    #[error("{0}")]
    Layout(#[from] LayoutFault),
    /// The journal's beginning is gone and no complete checkpoint rotation follows.
    #[error(
        "the journal begins with transaction {first} and holds no complete checkpoint rotation: its beginning was deleted (check retention and cleanup.policy of the journal topic)"
    )]
    Incomplete {
        /// The first transaction that is there.
        first: u64,
    },
}

impl From<JournalFault> for RestoreFault {
    fn from(fault: JournalFault) -> Self {
        Self::Fold(fault.into())
    }
}

/// Follows a journal into a [`Partition`] that has nothing in it yet.
#[derive(Debug)]
pub struct Restore<M: Model> {
    partition: Partition<M>,
    last: Option<Head>,
    first_sequence: u64,
    /// Whether every entry must be set by now: the journal is there from the first transaction on, or from a reset
    /// whose rotation is complete.
    whole: bool,
    /// The rotation whose beginning was seen, until it is complete.
    begun: Option<u64>,
    complete: bool,
}

impl<M: Model> Restore<M> {
    /// Restores into this partition.
    #[must_use]
    pub fn new(partition: Partition<M>) -> Self {
        Self { partition, last: None, first_sequence: 0, whole: false, begun: None, complete: false }
    }

    /// The head of the last record read: whose transaction it was.
    #[must_use]
    pub fn last(&self) -> Option<&Head> {
        self.last.as_ref()
    }

    /// Whether the state is whole here: a rotation was complete since, and a transaction ends.
    #[must_use]
    pub fn is_at_a_checkpoint(&self) -> bool {
        self.complete && self.last.as_ref().is_some_and(|last| last.part + 1 == last.parts)
    }

    /// Entries restored so far.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.partition.state().entries()
    }

    /// Takes the next record of the journal.
    ///
    /// # Errors
    /// [`RestoreFault`]; the restore is then over.
    pub fn on_record(&mut self, bytes: &[u8]) -> Result<(), RestoreFault> {
        let record = read_record(bytes)?;
        self.follows(&record.head)?;
        if record.head.resets && record.head.part == 0 {
            // What follows counts only once its rotation is complete.
            self.partition.state = self.partition.nothing();
            self.begun = record.head.rotation_begins.then_some(record.head.rotation);
            (self.whole, self.complete) = (false, false);
        }
        let state = &mut self.partition.state;
        let (changes, mut input) = record.changes;
        // An entry that is not set yet comes with the rotation, unless the journal is whole.
        state.fold_changes(changes, &mut input, !self.whole)?;
        state.fold_entries(record.entries, &mut input)?;
        if !input.is_empty() {
            return Err(JournalFault::Damaged("bytes follow after the last entry").into());
        }
        // Back as well: an operator can have set it.
        state.set_time(record.head.stream_time);
        state.note_set_back(record.head.set_back);
        let head = record.head;
        if head.rotation_completes && head.part + 1 == head.parts && self.begun == Some(head.rotation) {
            (self.complete, self.whole) = (true, true);
        }
        self.last = Some(head);
        Ok(())
    }

    fn follows(&mut self, head: &Head) -> Result<(), RestoreFault> {
        let expected = Unit { flow: M::FLOW, partition: self.partition.number() };
        if head.partition != expected.partition
            || head.flow != M::FLOW.name
            || head.positions.iter().len() > M::FLOW.inputs.len()
        {
            let (flow, partition) = (head.flow.clone(), head.partition);
            return Err(RestoreFault::Foreign { expected, flow, partition });
        }
        let follows = match &self.last {
            None => head.part == 0,
            Some(last) if last.part + 1 < last.parts => {
                head.sequence == last.sequence && head.part == last.part + 1
            }
            Some(last) => last.sequence.checked_add(1) == Some(head.sequence) && head.part == 0,
        };
        if let Some(last) = self.last.as_ref().filter(|_| !head.resets) {
            layout::check_partitions(expected, last.partitions, head.partitions)?;
        }
        if !follows || head.part >= head.parts {
            let last = self.last.as_ref();
            return Err(RestoreFault::Gap {
                last_sequence: last.map_or(0, |last| last.sequence),
                last_part: last.map_or(0, |last| last.part),
                sequence: head.sequence,
                part: head.part,
            });
        }
        if self.last.is_none() {
            self.first_sequence = head.sequence;
            self.whole = head.sequence == 1;
        }
        if head.rotation_begins {
            self.begun = Some(head.rotation);
        }
        Ok(())
    }

    /// The unit as the journal has it, to be decided on.
    ///
    /// # Errors
    /// [`RestoreFault::Incomplete`] or [`RestoreFault::Gap`] where the journal does not reach, [`RestoreFault::Layout`]
    /// where it was written for another number of partitions than the inputs have, or by another partitioner.
    pub fn finish(self) -> Result<Partition<M>, RestoreFault> {
        self.finish_for(true)
    }

    /// The unit as the journal has it, whichever of its entries stand elsewhere than their keys.
    ///
    /// # Errors
    /// As [`Self::finish`], but for the partitioner.
    pub fn finish_as_it_is(self) -> Result<Partition<M>, RestoreFault> {
        self.finish_for(false)
    }

    fn finish_for(self, to_decide: bool) -> Result<Partition<M>, RestoreFault> {
        let Self { mut partition, last, first_sequence, whole, complete, .. } = self;
        let Some(last) = last else { return Ok(partition) };
        if !whole && !complete {
            return Err(RestoreFault::Incomplete { first: first_sequence });
        }
        if last.part + 1 != last.parts {
            let (sequence, part) = (last.sequence, last.part);
            return Err(RestoreFault::Gap {
                last_sequence: sequence,
                last_part: part,
                sequence,
                part: last.parts,
            });
        }
        let unit = Unit { flow: M::FLOW, partition: last.partition };
        let division = partition.division();
        partition.strangers = layout::strangers(unit, &last, partition.state(), division, to_decide)?;
        partition.resume_after(&last);
        Ok(partition)
    }
}
