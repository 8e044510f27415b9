//! Whether a state stands where its keys are: a key belongs to one partition among so many, and to another among more.
//!
//! A journal says how many partitions the inputs had when it was written. A state that was written for another number is
//! never decided on: part of its accounts are written to elsewhere by now. Journals of format version 1 do not say it;
//! there the accounts themselves do.

use super::restore::RestoreFault;
use crate::codec::journal::{Head, JournalFault, read_account, read_change, read_record};
use crate::domain::partitioner::partition_of;
use crate::state::PartitionState;

/// The state was written for another number of partitions than the inputs have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayoutFault {
    /// The journal says so.
    #[error(
        "the journal of partition {partition} was written for inputs of {written} partitions, and they have {now}: {}",
        remedy(*written, *now)
    )]
    Written {
        /// The partition.
        partition: i32,
        /// How many partitions the inputs had when the journal was written.
        written: u32,
        /// How many they have as far as this process knows.
        now: u32,
    },
    /// Its accounts say so: the journal is of format version 1.
    #[error(
        "the journal of partition {partition} has {accounts} accounts that belong to other partitions, now that the \
         inputs have {now}: {}",
        remedy(0, *now)
    )]
    Strangers {
        /// The partition.
        partition: i32,
        /// How many such accounts were found.
        accounts: usize,
        /// How many partitions the inputs have as far as this process knows.
        now: u32,
    },
}

fn remedy(written: u32, now: u32) -> String {
    if written > now {
        return format!(
            "a process that was started before the inputs grew must be started again; inputs that were made anew must \
             have {written} partitions"
        );
    }
    format!(
        "the accounts must follow their keys before anything is decided: stop the senders and every tillgate, then \
         `tillgate topics repartition --partitions {now}` (see \"More partitions\" in docs/operations.md)"
    )
}

/// Holds two numbers of partitions against each other; 0: not known.
pub(super) fn same(partition: i32, written: u32, now: u32) -> Result<(), LayoutFault> {
    if written == 0 || now == 0 || written == now {
        return Ok(());
    }
    Err(LayoutFault::Written { partition, written, now })
}

/// Whether the state that a journal ended with may be decided on; `now` 0: not known.
pub(super) fn holds(last: &Head, state: &PartitionState, now: u32) -> Result<(), LayoutFault> {
    same(last.partition, last.partitions, now)?;
    if last.partitions != 0 || now == 0 {
        return Ok(());
    }
    let numbers = state.accounts().iter().map(|account| account.number.as_str());
    at_home(last.partition, numbers, now)
}

fn at_home<'a>(partition: i32, numbers: impl Iterator<Item = &'a str>, now: u32) -> Result<(), LayoutFault> {
    let strange = |number: &&str| i32::try_from(partition_of(number.as_bytes(), now)) != Ok(partition);
    match numbers.filter(strange).count() {
        0 => Ok(()),
        accounts => Err(LayoutFault::Strangers { partition, accounts, now }),
    }
}

/// Looks at one record of a journal alone, at its last one before anything is restored: whether it was written for
/// `now` partitions.
///
/// # Errors
/// [`RestoreFault::Layout`] where it was not; [`RestoreFault::Journal`] where it cannot be read.
pub fn check_record(bytes: &[u8], now: u32) -> Result<(), RestoreFault> {
    let record = read_record(bytes)?;
    let partition = record.head.partition;
    same(partition, record.head.partitions, now)?;
    if record.head.partitions != 0 || now == 0 {
        return Ok(());
    }
    let (count, mut input) = record.changes;
    let changed = (0..count).map(|_| Ok(read_change(&mut input)?.account.into()));
    let mut numbers = changed.collect::<Result<Vec<String>, JournalFault>>()?;
    for _ in 0..record.accounts {
        numbers.push(read_account(&mut input)?.number.into());
    }
    Ok(at_home(partition, numbers.iter().map(String::as_str), now)?)
}
