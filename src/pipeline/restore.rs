//! Restore: the state of a partition out of its journal, record by record.
//!
//! A full state sets; facts apply to accounts that are set; a reset makes void what came before. Reading may begin
//! anywhere before the beginning of a complete rotation, and every gap, foreign record or torn transaction is a refusal:
//! deciding on from a wrong state is worse than not deciding.

use super::layout::{self, Division, LayoutFault};
use super::partition::Partition;
use crate::codec::journal::{Head, JournalFault, read_account, read_change_into, read_record};
use crate::state::{AT_ONCE, Change, PartitionState, StateFault};

/// Why a journal does not give a state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreFault {
    /// A record cannot be read.
    #[error(transparent)]
    Journal(#[from] JournalFault),
    /// A fact does not fit the state.
    #[error("the journal does not fit together: {0}")]
    State(#[from] StateFault),
    /// A record of another partition.
    #[error(
        "the journal of partition {expected} holds a record of partition {found}: the topic was written by something else, or its partitions were changed"
    )]
    Foreign {
        /// This partition.
        expected: i32,
        /// The record's.
        found: i32,
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

/// Follows a journal into a [`Partition`] that has nothing in it yet.
#[derive(Debug)]
pub struct Restore {
    partition: Partition,
    last: Option<Head>,
    first_sequence: u64,
    /// Whether every account must be set by now: the journal is there from the first transaction on, or from a reset
    /// whose rotation is complete.
    whole: bool,
    /// The rotation whose beginning was seen, until it is complete.
    begun: Option<u64>,
    complete: bool,
}

impl Restore {
    /// Restores into this partition.
    #[must_use]
    pub fn new(partition: Partition) -> Self {
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

    /// Accounts restored so far.
    #[must_use]
    pub fn accounts(&self) -> usize {
        self.partition.state().accounts().len()
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
        let whole = self.whole;
        let state = &mut self.partition.state;
        let (mut left, mut input) = record.changes;
        let mut changes = vec![Change::default(); left.min(AT_ONCE)];
        while left > 0 {
            changes.truncate(left);
            for change in &mut changes {
                read_change_into(&mut input, change)?;
            }
            left -= changes.len();
            // An account that is not set yet comes with the rotation, unless the journal is whole.
            state.apply_all(&changes, !whole)?;
        }
        let mut left = record.accounts;
        let mut accounts = Vec::with_capacity(left.min(AT_ONCE));
        while left > 0 {
            for _ in 0..left.min(AT_ONCE) {
                accounts.push(read_account(&mut input)?);
            }
            left -= accounts.len();
            state.set_all(&mut accounts);
        }
        if !input.is_empty() {
            return Err(JournalFault::Damaged("bytes follow after the last account").into());
        }
        state.advance(record.head.stream_time);
        let head = record.head;
        if head.rotation_completes && head.part + 1 == head.parts && self.begun == Some(head.rotation) {
            (self.complete, self.whole) = (true, true);
        }
        self.last = Some(head);
        Ok(())
    }

    fn follows(&mut self, head: &Head) -> Result<(), RestoreFault> {
        if head.partition != self.partition.number() {
            return Err(RestoreFault::Foreign { expected: self.partition.number(), found: head.partition });
        }
        let follows = match &self.last {
            None => head.part == 0,
            Some(last) if last.part + 1 < last.parts => {
                head.sequence == last.sequence && head.part == last.part + 1
            }
            Some(last) => last.sequence.checked_add(1) == Some(head.sequence) && head.part == 0,
        };
        if let Some(last) = self.last.as_ref().filter(|_| !head.resets) {
            layout::same(head.partition, last.partitions, head.partitions)?;
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

    /// The partition as the journal has it, to be decided on.
    ///
    /// # Errors
    /// [`RestoreFault::Incomplete`] or [`RestoreFault::Gap`] where the journal does not reach, [`RestoreFault::Layout`]
    /// where it was written for another number of partitions than the inputs have, or by another partitioner.
    pub fn finish(self) -> Result<Partition, RestoreFault> {
        self.finish_if(layout::holds)
    }

    /// The partition as the journal has it, whichever of its accounts stand elsewhere than their keys.
    ///
    /// # Errors
    /// As [`Self::finish`], but for the partitioner.
    pub fn finish_as_it_is(self) -> Result<Partition, RestoreFault> {
        self.finish_if(layout::strangers)
    }

    fn finish_if(
        self,
        holds: impl FnOnce(&Head, &PartitionState, Division) -> Result<usize, LayoutFault>,
    ) -> Result<Partition, RestoreFault> {
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
        partition.strangers = holds(&last, partition.state(), partition.division())?;
        partition.resume_after(&last);
        Ok(partition)
    }
}
