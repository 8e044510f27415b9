//! Whether records and states stand where their keys are: a key belongs to one partition among so many by one
//! partitioner, and to another among more, or by another.
//!
//! A journal says how many partitions the inputs had when it was written, and by what keys were divided up. A state that
//! was written for another number is never decided on: part of its entries are written to elsewhere by now. What a
//! journal of an earlier release does not say, its entries do.

use super::model::{Model, State};
use super::restore::RestoreFault;
use crate::codec::journal::{Head, read_record};
use crate::domain::PartitionId;
use crate::domain::flow::Unit;
use crate::domain::partitioner::Partitioner;
use std::fmt;

/// By what keys belong on partitions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Division {
    /// How senders divide keys up.
    pub partitioner: Partitioner,
    /// Among how many partitions; 0: not known, and no key is judged.
    pub partitions: u32,
}

impl Division {
    /// Everything is in one partition.
    pub const UNDIVIDED: Self = Self { partitioner: Partitioner::Murmur2, partitions: 1 };

    /// As a journal's head has it: no key was judged where it does not say by what.
    #[must_use]
    pub fn of(head: &Head) -> Self {
        let partitions = if head.partitioner.is_some() { head.partitions } else { 0 };
        Self { partitioner: head.partitioner.unwrap_or_default(), partitions }
    }

    /// Where a record with this key should stand, if that is not on `partition`.
    #[must_use]
    pub fn misplaced(self, key: &[u8], partition: PartitionId) -> Option<Misplaced> {
        let Self { partitioner, partitions } = self;
        if partitions == 0 || partitioner.is_home(key, partition, partitions) {
            return None;
        }
        let fits_other = partitioner.other().is_home(key, partition, partitions);
        let belongs_on = partitioner.partition_of(key, partitions);
        Some(Misplaced { stands_on: partition, belongs_on, partitioner, fits_other })
    }
}

/// A record, or an entry of a state, whose key belongs on another partition than the one it stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Misplaced {
    /// Where it stands.
    pub stands_on: PartitionId,
    /// Where it should.
    pub belongs_on: PartitionId,
    /// By what.
    pub partitioner: Partitioner,
    /// Whether the other known partitioner would put it where it stands.
    pub fits_other: bool,
}

/// What to do about keys that are not divided up by `partitioner`: they are by the other one, or nobody knows by what.
#[must_use]
pub fn mend(partitioner: Partitioner, by_other: bool) -> String {
    let (name, other) = (partitioner.name(), partitioner.other());
    let by = match other {
        _ if !by_other => {
            return format!(
                "their senders divide keys up neither by murmur2 nor by crc32, choose partitions by themselves, or have not \
                 learnt of new partitions: they must divide keys up by {name} (librdkafka's partitioner={})",
                partitioner.librdkafka()
            );
        }
        Partitioner::Murmur2 => "murmur2 (the default of Java clients)",
        Partitioner::Crc32 => "crc32 (librdkafka's default `consistent_random`)",
    };
    format!(
        "the senders divide keys up by {by}: set their `partitioner` to {}, or topics.partitioner = \"{}\" on a fresh \
         start",
        partitioner.librdkafka(),
        other.name()
    )
}

/// Both partitions and the mend.
impl fmt::Display for Misplaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { stands_on, belongs_on, partitioner, fits_other } = self;
        write!(
            f,
            "the record stands on partition {stands_on}, and its key belongs on partition {belongs_on} by \
             topics.partitioner = \"{}\": {}",
            partitioner.name(),
            mend(*partitioner, *fits_other)
        )
    }
}

/// The state was written for another number of partitions than the inputs have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayoutFault {
    /// The journal says so.
    #[error(
        "the journal of {unit} was written for inputs of {written} partitions, and they have {now}: {}",
        remedy(*unit, *written, *now)
    )]
    Written {
        /// The unit.
        unit: Unit,
        /// How many partitions the inputs had when the journal was written.
        written: u32,
        /// How many they have as far as this process knows.
        now: u32,
    },
    /// Its entries say so: the journal is of format version 1.
    #[error(
        "the journal of {unit} has {found} {} that belong to other partitions, now that the inputs have {now}: {}",
        unit.flow.entries,
        remedy(*unit, 0, *now)
    )]
    Strangers {
        /// The unit.
        unit: Unit,
        /// How many such entries were found.
        found: usize,
        /// How many partitions the inputs have as far as this process knows.
        now: u32,
    },
    /// Its entries stand where the other partitioner puts them.
    #[error(
        "the journal of {unit} has {found} {} that do not belong there by topics.partitioner = \"{}\"{}: set \
         topics.partitioner = \"{}\" if the senders do so too; otherwise `tillgate topics repartition --partitions {now}` \
         lists them, and drops what you name (see \"Keys on the wrong partition\" in docs/operations.md)",
        unit.flow.entries,
        partitioner.name(),
        written_by(*partitioner, *said),
        partitioner.other().name()
    )]
    Divided {
        /// The unit.
        unit: Unit,
        /// How many such entries were found.
        found: usize,
        /// The setting.
        partitioner: Partitioner,
        /// Whether the journal says that it was written by the other one; otherwise most of its entries do.
        said: bool,
        /// How many partitions the inputs have.
        now: u32,
    },
}

fn written_by(partitioner: Partitioner, said: bool) -> String {
    let other = partitioner.other().name();
    if said {
        format!(", and was written with \"{other}\"")
    } else {
        format!(", and more of them do by \"{other}\"")
    }
}

fn remedy(unit: Unit, written: u32, now: u32) -> String {
    if written > now {
        return format!(
            "a process that was started before the inputs grew must be started again; inputs that were recreated must \
             have {written} partitions"
        );
    }
    format!(
        "the {} must follow their keys before anything is decided: stop the senders and every tillgate, then \
         `tillgate topics repartition --partitions {now}` (see \"More partitions\" in docs/operations.md)",
        unit.flow.entries
    )
}

/// Holds two numbers of partitions against each other; 0: not known.
pub(super) fn check_partitions(unit: Unit, written: u32, now: u32) -> Result<(), LayoutFault> {
    if written == 0 || now == 0 || written == now {
        return Ok(());
    }
    Err(LayoutFault::Written { unit, written, now })
}

/// Whether the state that a journal ended with is of as many partitions as there are now, and how many of its entries stand
/// elsewhere than their keys all the same: single ones do no harm, since no record reaches them. `to_decide` on, it must not
/// be divided up by the other partitioner besides.
pub(super) fn strangers(
    unit: Unit,
    last: &Head,
    state: &impl State,
    division: Division,
    to_decide: bool,
) -> Result<usize, LayoutFault> {
    let Division { partitioner, partitions: now } = division;
    check_partitions(unit, last.partitions, now)?;
    let found = strange(last, state, division);
    let other = partitioner.other();
    let by_other = || strange(last, state, Division { partitioner: other, ..division }) < found;
    if to_decide && found > 0 && last.partitioner.map_or_else(by_other, |written| written == other) {
        let said = last.partitioner.is_some();
        return Err(LayoutFault::Divided { unit, found, partitioner, said, now });
    }
    // Format version 1: nobody knows of how many partitions it is.
    if found > 0 && last.partitions == 0 {
        return Err(LayoutFault::Strangers { unit, found, now });
    }
    Ok(found)
}

/// How many entries are looked at where the journal says that keys were judged as they are now: none can have come to stand
/// elsewhere since, and looking at a million would cost a restore what they all fold in.
const LOOKED_AT: usize = 4_096;

/// How many entries of a state do not belong on its partition; at least so many where they were judged like this.
fn strange(last: &Head, state: &impl State, now: Division) -> usize {
    let entries = state.entries();
    let judged = last.partitioner == Some(now.partitioner);
    let step = if judged { entries.div_ceil(LOOKED_AT).max(1) } else { 1 };
    let keys = (0..entries as u32).step_by(step).filter_map(|slot| state.key(slot));
    count(last.partition, keys, now)
}

fn count<'a>(partition: PartitionId, keys: impl Iterator<Item = &'a str>, now: Division) -> usize {
    if now.partitions == 0 {
        return 0;
    }
    let strange = |key: &&str| !now.partitioner.is_home(key.as_bytes(), partition, now.partitions);
    keys.filter(strange).count()
}

/// Looks at one record of a journal alone, at its last one before anything is restored: whether it was written for as many
/// partitions as there are now, and with entries where the partitioner puts them.
///
/// # Errors
/// [`RestoreFault::Layout`] where it was not; [`RestoreFault::Fold`] where it cannot be read.
pub fn check_record<M: Model>(bytes: &[u8], division: Division) -> Result<(), RestoreFault> {
    let Division { partitioner, partitions: now } = division;
    let record = read_record(bytes)?;
    let Head { partition, partitions, partitioner: written, .. } = record.head;
    let unit = Unit { flow: M::FLOW, partition };
    check_partitions(unit, partitions, now)?;
    let by_other = written == Some(partitioner.other());
    if partitions != 0 && !by_other {
        return Ok(());
    }
    let (changes, mut input) = record.changes;
    let keys = M::State::keys(changes, record.entries, &mut input)?;
    match count(partition, keys.iter().map(String::as_str), division) {
        0 => Ok(()),
        found if by_other => Err(LayoutFault::Divided { unit, found, partitioner, said: true, now }.into()),
        found => Err(LayoutFault::Strangers { unit, found, now }.into()),
    }
}
