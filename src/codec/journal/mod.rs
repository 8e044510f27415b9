//! The bytes of the state journal: one record per transaction and unit, split where it grows too long.
//!
//! A record is a head (whose state, which transaction, positions, stream time, rotation), the changes
//! of the batch, and a checkpoint slice: the next entries of the rotation as a whole. What changes and entries are is the
//! flow's: `facts` and `snapshot` are those of POS events.
//!
//! Version 4 is written; whatever was written stays readable (`old`). Version 3 kept less of an event, and did not know when
//! a unit's last record was appended; version 2 knew one flow, of two inputs, and kept messages by the number of their
//! check; version 1 neither ruleset nor number of partitions nor `resets`.

mod bytes;
mod facts;
mod numbered;
mod old;
mod pieces;
mod snapshot;

pub use bytes::{ByteReader, ByteWriter};
pub use facts::{read_change, read_change_into, write_change};
pub use snapshot::{read_account, write_account};

use crate::domain::flow::Positions;
use crate::domain::partitioner::Partitioner;
use crate::domain::{Micros, PartitionId, SetBack};

/// The version that is written.
pub const VERSION: u8 = 4;
/// The flow of versions 1 and 2, and how many inputs it has.
pub const FIRST_FLOW: &str = "pos";
const FIRST_FLOW_INPUTS: usize = 2;

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
    /// The name of the flow whose state this is.
    pub flow: String,
    /// The partition whose state this is.
    pub partition: PartitionId,
    /// How many partitions the inputs had when it was written: a key belongs to a partition only among so many. 0: not
    /// known (version 1).
    pub partitions: u32,
    /// By what keys belonged to partitions when it was written; none: an older program wrote it, which judged no key.
    pub partitioner: Option<Partitioner>,
    /// Hash of the ruleset that decided the batch. 0: not known (version 1).
    pub ruleset: u128,
    /// Number of the transaction in this unit's journal, from 1, without gaps.
    pub sequence: u64,
    /// Part of the transaction's records, from 0.
    pub part: u32,
    /// How many records the transaction has in this journal partition.
    pub parts: u32,
    /// Transactional id of the writer.
    pub writer: String,
    /// Stream time after the batch.
    pub stream_time: Micros,
    /// How far the next record that is answered sets it back (from version 4 on).
    pub set_back: Option<SetBack>,
    /// Next offset per input, in the flow's order; none where nothing was ever read.
    pub positions: Positions,
    /// When the last record read was appended, by its broker's time in milliseconds; none where that is not known
    /// (version 3 and before).
    pub appended: Option<i64>,
    /// Input records that the transaction consumed.
    pub consumed: u64,
    /// Answers that the transaction published.
    pub outcomes: u64,
    /// Number of the checkpoint rotation that the slice belongs to.
    pub rotation: u64,
    /// Whether the rotation begins with this transaction.
    pub rotation_begins: bool,
    /// Whether the rotation is complete with this transaction.
    pub rotation_completes: bool,
    /// Whether the state starts over with this transaction: nothing that was folded before holds. It begins a rotation.
    pub resets: bool,
}

/// A record, its lists still in bytes.
#[derive(Clone, Debug)]
pub struct JournalRecord<'a> {
    /// The head.
    pub head: Head,
    /// So many changes, and where they begin.
    pub changes: (usize, ByteReader<'a>),
    /// So many entries follow the changes.
    pub entries: usize,
}

/// Writes a record: head, `changes` (encoded) and `entries` (encoded).
#[must_use]
pub fn write_record(head: &Head, changes: (usize, &[u8]), entries: (usize, &[u8])) -> Vec<u8> {
    let texts = head.flow.len() + head.writer.len();
    let mut out = ByteWriter(Vec::with_capacity(changes.1.len() + entries.1.len() + texts + 64));
    out.byte(VERSION);
    out.text(&head.flow);
    out.signed(head.partition.into());
    out.unsigned(head.partitions.into());
    out.wide(head.ruleset);
    out.unsigned(head.sequence);
    out.unsigned(head.part.into());
    out.unsigned(head.parts.into());
    out.text(&head.writer);
    out.signed(head.stream_time.0);
    out.unsigned(head.positions.iter().len() as u64);
    for position in head.positions.iter() {
        out.signed(position.unwrap_or(-1));
    }
    out.signed(head.appended.unwrap_or(-1));
    out.byte(head.set_back.map_or(0, |back| if back.by.is_none() { 1 } else { 2 }));
    if let Some(SetBack { to, by }) = head.set_back {
        out.signed(to.0);
        by.iter().for_each(|by| out.signed(by.0));
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
    out.unsigned(entries.0 as u64);
    out.0.extend_from_slice(changes.1);
    out.0.extend_from_slice(entries.1);
    out.0
}

/// Reads a record's head.
///
/// # Errors
/// [`JournalFault`] where the bytes are damaged or of a newer version.
pub fn read_record(bytes: &[u8]) -> Result<JournalRecord<'_>, JournalFault> {
    let mut input = ByteReader::new(bytes);
    let version = input.byte()?;
    if !(1..=VERSION).contains(&version) {
        return Err(JournalFault::Version(version));
    }
    let mut input = input.of_version(version);
    let number = |value: u64| {
        u32::try_from(value).map_err(|_| JournalFault::Damaged("a part or partition number is too large"))
    };
    let flow = if version >= 3 { input.text()? } else { FIRST_FLOW };
    let partition = PartitionId::try_from(input.signed()?)
        .map_err(|_| JournalFault::Damaged("the partition number is too large"))?;
    let mut head = Head { flow: flow.to_owned(), partition, ..Head::default() };
    if version >= 2 {
        head.partitions = number(input.unsigned()?)?;
        head.ruleset = input.wide()?;
    }
    head.sequence = input.unsigned()?;
    head.part = number(input.unsigned()?)?;
    head.parts = number(input.unsigned()?)?;
    head.writer = input.text()?.to_owned();
    head.stream_time = Micros(input.signed()?);
    let inputs = if version >= 3 { input.count()? } else { FIRST_FLOW_INPUTS };
    let mut position = || Ok(Some(input.signed()?).filter(|offset| *offset >= 0));
    head.positions = (0..inputs).map(|_| position()).collect::<Result<_, JournalFault>>()?;
    if version >= 4 {
        head.appended = Some(input.signed()?).filter(|millis| *millis >= 0);
        head.set_back = match input.byte()? {
            0 => None,
            1 => Some(SetBack { to: Micros(input.signed()?), by: None }),
            2 => Some(SetBack { to: Micros(input.signed()?), by: Some(Micros(input.signed()?)) }),
            _ => return Err(JournalFault::Damaged("time is set back in no known way")),
        };
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
    let entries = input.count()?;
    Ok(JournalRecord { head, changes: (changes, input), entries })
}

/// Two bits of the flags: whether keys are judged, and by what. Earlier programs wrote 0 there and pass over them.
fn partitioner_bits(partitioner: Option<Partitioner>) -> u8 {
    match partitioner {
        None => 0,
        Some(Partitioner::Murmur2) => 8,
        Some(Partitioner::Crc32) => 24,
    }
}
