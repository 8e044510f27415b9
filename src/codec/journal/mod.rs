//! The bytes of the state journal: one record per transaction and partition, split where it grows too long.
//!
//! A record is a head (whose state, which transaction, positions, stream time, rotation), the facts
//! of the batch, and a checkpoint slice: the full state of the next accounts of the rotation.
//!
//! Version 2 is written; whatever was written stays readable. Version 1 knew neither ruleset nor number of partitions
//! nor `resets`.

mod bytes;
mod facts;
mod snapshot;

pub use bytes::{Reader, Writer};
pub use facts::{read_change, read_change_into, write_change};
pub use snapshot::{read_account, write_account};

use crate::domain::Micros;
use crate::domain::partitioner::Partitioner;

/// The version that is written.
pub const VERSION: u8 = 2;

/// Why a journal record cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JournalFault {
    /// It ends too early.
    #[error("the journal record ends too early")]
    Truncated,
    /// Its bytes make no sense.
    #[error("the journal record is damaged: {0}")]
    Damaged(&'static str),
    /// A newer program wrote it.
    #[error(
        "the journal record has format version {0}, this program reads up to {VERSION}: run the newer one"
    )]
    Version(u8),
}

/// What stands at the head of every record.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Head {
    /// The input partition whose state this is.
    pub partition: i32,
    /// How many partitions the inputs had when it was written: a key belongs to a partition only among so many. 0: not
    /// known (version 1).
    pub partitions: u32,
    /// By what keys belonged to partitions when it was written; none: an older program wrote it, which judged no key.
    pub partitioner: Option<Partitioner>,
    /// Hash of the ruleset that decided the batch. 0: not known (version 1).
    pub ruleset: u128,
    /// Number of the transaction in this partition's journal, from 1, without gaps.
    pub sequence: u64,
    /// Part of the transaction's records, from 0.
    pub part: u32,
    /// How many records the transaction has in this journal partition.
    pub parts: u32,
    /// Transactional id of the writer.
    pub writer: String,
    /// Stream time after the batch.
    pub stream_time: Micros,
    /// Next offset per input topic (POS events, account events); none where nothing was ever read.
    pub positions: [Option<i64>; 2],
    /// Input records that the transaction consumed.
    pub consumed: u64,
    /// Outcomes that the transaction published.
    pub outcomes: u64,
    /// Number of the checkpoint rotation that the slice belongs to.
    pub rotation: u64,
    /// Whether the rotation begins with this transaction.
    pub rotation_begins: bool,
    /// Whether the rotation is complete with this transaction.
    pub rotation_completes: bool,
    /// Whether the state begins anew with this transaction: nothing that was folded before holds. It begins a rotation.
    pub resets: bool,
}

/// A record, its lists still in bytes.
#[derive(Clone, Debug)]
pub struct Record<'a> {
    /// The head.
    pub head: Head,
    /// Facts: to be read with [`read_change`], so many.
    pub changes: (usize, Reader<'a>),
    /// Full states follow the facts: to be read with [`read_account`], so many.
    pub accounts: usize,
}

/// Writes a record: head, `changes` (encoded) and `accounts` (encoded).
#[must_use]
pub fn write_record(head: &Head, changes: (usize, &[u8]), accounts: (usize, &[u8])) -> Vec<u8> {
    let mut out = Writer(Vec::with_capacity(changes.1.len() + accounts.1.len() + head.writer.len() + 64));
    out.byte(VERSION);
    out.signed(head.partition.into());
    out.unsigned(head.partitions.into());
    out.wide(head.ruleset);
    out.unsigned(head.sequence);
    out.unsigned(head.part.into());
    out.unsigned(head.parts.into());
    out.text(&head.writer);
    out.signed(head.stream_time.0);
    for position in head.positions {
        out.signed(position.unwrap_or(-1));
    }
    out.unsigned(head.consumed);
    out.unsigned(head.outcomes);
    out.unsigned(head.rotation);
    out.byte(
        u8::from(head.rotation_begins)
            | u8::from(head.rotation_completes) << 1
            | u8::from(head.resets) << 2
            | partitioner_bits(head.partitioner),
    );
    out.unsigned(changes.0 as u64);
    out.unsigned(accounts.0 as u64);
    out.0.extend_from_slice(changes.1);
    out.0.extend_from_slice(accounts.1);
    out.0
}

/// Reads a record's head.
///
/// # Errors
/// [`JournalFault`] where the bytes are damaged or of a newer version.
pub fn read_record(bytes: &[u8]) -> Result<Record<'_>, JournalFault> {
    let mut input = Reader::new(bytes);
    let version = input.byte()?;
    if !(1..=VERSION).contains(&version) {
        return Err(JournalFault::Version(version));
    }
    let number = |value: u64| {
        u32::try_from(value).map_err(|_| JournalFault::Damaged("a part or partition number is too large"))
    };
    let partition = i32::try_from(input.signed()?)
        .map_err(|_| JournalFault::Damaged("the partition number is too large"))?;
    let mut head = Head { partition, ..Head::default() };
    if version >= 2 {
        head.partitions = number(input.unsigned()?)?;
        head.ruleset = input.wide()?;
    }
    head.sequence = input.unsigned()?;
    head.part = number(input.unsigned()?)?;
    head.parts = number(input.unsigned()?)?;
    head.writer = input.text()?.to_owned();
    head.stream_time = Micros(input.signed()?);
    for position in &mut head.positions {
        *position = Some(input.signed()?).filter(|offset| *offset >= 0);
    }
    head.consumed = input.unsigned()?;
    head.outcomes = input.unsigned()?;
    head.rotation = input.unsigned()?;
    let flags = input.byte()?;
    head.rotation_begins = flags & 1 != 0;
    head.rotation_completes = flags & 2 != 0;
    head.resets = flags & 4 != 0;
    head.partitioner =
        Partitioner::ALL.into_iter().find(|known| partitioner_bits(Some(*known)) == flags & 24);
    let changes = input.count()?;
    let accounts = input.count()?;
    Ok(Record { head, changes: (changes, input), accounts })
}

/// Two bits of the flags: whether keys are judged, and by what. Earlier programs wrote 0 there and pass over them.
fn partitioner_bits(partitioner: Option<Partitioner>) -> u8 {
    match partitioner {
        None => 0,
        Some(Partitioner::Murmur2) => 8,
        Some(Partitioner::Crc32) => 24,
    }
}
