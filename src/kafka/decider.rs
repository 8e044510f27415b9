//! What the worker loop asks of the pure part: the state of one partition that decides its records.
//!
//! The loop knows neither events nor outcomes. Whatever stands behind [`Decider`] does no I/O and can put its state
//! back to the last commit at any time. `partitions` puts the pipeline behind it; tests put something smaller.

use std::time::Duration;

pub use crate::codec::rulesets::RulesetChange;
use crate::domain::partitioner::Partitioner;
pub use crate::pipeline::{Division, InRecord, Input, JournalBatch};

/// Takes what a record leads to.
pub trait Sink {
    /// An outcome to publish on the record's partition.
    fn outcome(&mut self, key: &[u8], value: &[u8]);
    /// The record itself goes to the dead letters.
    fn dead_letter(&mut self, record: &InRecord<'_>, code: &str, message: &str);
}

/// Why a record was not decided. Nothing was changed by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Interrupted {
    /// It cannot be read before the schema registry has answered; the same record must come again.
    NeedsSchema,
    /// State and program disagree; the state must be restored.
    Broken(String),
}

/// The state of one input partition.
pub trait Decider: Send + 'static {
    /// Records come at `now`, which runs on from any start. Nothing is decided by it, but how much is asked for is bounded
    /// over time.
    fn batch_begins(&mut self, _now: Duration) {}
    /// Decides a record.
    ///
    /// # Errors
    /// [`Interrupted`]: the record counts as not read.
    fn on_record(&mut self, record: &InRecord<'_>, sink: &mut dyn Sink) -> Result<(), Interrupted>;

    /// Asks for what it takes to read a record that comes later: the one before it waits for its schema.
    fn expect(&mut self, _record: &InRecord<'_>) {}
    /// Whether the record that was interrupted last can be read now, as far as is known. Cheap.
    fn can_go_on(&self) -> bool {
        true
    }
    /// Passes over a record on which the decision failed again and again: dead letter, and NotEvaluated where it has
    /// an account.
    fn on_condemned(&mut self, record: &InRecord<'_>, sink: &mut dyn Sink);

    /// Whether the next [`Self::journal`] begins a checkpoint rotation.
    fn rotation_begins(&self) -> bool;

    /// Journal records of the batch so far; none where nothing was consumed.
    fn journal(&mut self, writer: &str) -> JournalBatch;

    /// The batch is committed.
    fn committed(&mut self);

    /// The batch is aborted: state as of the last commit.
    fn aborted(&mut self);

    /// Next offsets as of the state, by input.
    fn positions(&self) -> [Option<i64>; 2];

    /// Accounts held, for the metrics.
    fn accounts(&self) -> usize;

    /// What goes wrong here though it decides, in words, with what to do.
    fn warnings(&self) -> Vec<String> {
        Vec::new()
    }
}

/// A state that is being read from its journal.
pub trait Restoring: Send + 'static {
    /// What it becomes.
    type Decider: Decider;

    /// Folds the next journal record in.
    ///
    /// # Errors
    /// The journal does not fit together; in words, with what to do.
    fn on_record(&mut self, record: &[u8]) -> Result<(), String>;

    /// Accounts folded so far, for progress; 0 where they are not counted.
    fn accounts(&self) -> usize {
        0
    }

    /// The transactional id that wrote the last record folded in, as [`Decider::journal`] was given it.
    fn writer(&self) -> Option<&str>;

    /// The state as the journal has it.
    ///
    /// # Errors
    /// As [`Self::on_record`].
    fn finish(self) -> Result<Self::Decider, String>;
}

/// Makes the states of partitions.
pub trait Deciders: Send + Sync + 'static {
    /// The state of one partition.
    type Decider: Decider;
    /// The same while it is restored.
    type Restoring: Restoring<Decider = Self::Decider>;
    /// A state for `partition` with nothing in it.
    fn restoring(&self, partition: i32) -> Self::Restoring;

    /// By what keys belong on partitions, as of when these were made; where the number is not known, nothing is held
    /// against it.
    fn division(&self) -> Division {
        Division { partitioner: Partitioner::default(), partitions: 0 }
    }

    /// Whether a journal that ends in this record may be gone on from.
    ///
    /// # Errors
    /// It was written for another number of partitions, or by another partitioner; in words, with what to do.
    fn check_last(&self, _record: &[u8]) -> Result<(), String> {
        Ok(())
    }
}
