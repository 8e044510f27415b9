//! Two files as one stream: merged by their times, account events first where equal, and given
//! partitions and offsets as Kafka would.

use super::ReplayError;
use super::lines::Lines;
use crate::codec::json::{peek_account_event, peek_pos_event};
use crate::domain::Micros;
use crate::domain::partitioner::partition_of;
use crate::pipeline::Input;

/// A record of a chunk: where its bytes are, and where it would stand in Kafka.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Which input.
    pub input: Input,
    /// Its partition.
    pub partition: u32,
    /// Its offset in the partition.
    pub offset: i64,
    /// Its time, milliseconds.
    pub timestamp_millis: i64,
    /// Line number in its file, from 1.
    pub line: u64,
    /// Where its key ends and its value begins in the chunk's bytes; the key is none where it is empty.
    key: (usize, usize),
    value: (usize, usize),
}

/// Some records in the order they are decided in.
#[derive(Debug, Default)]
pub struct Chunk {
    /// The records.
    pub entries: Vec<Entry>,
    bytes: Vec<u8>,
}

impl Chunk {
    /// A record's key; none where its line does not say.
    #[must_use]
    pub fn key(&self, entry: &Entry) -> Option<&[u8]> {
        let key = &self.bytes[entry.key.0..entry.key.1];
        (!key.is_empty()).then_some(key)
    }

    /// A record's value: the line.
    #[must_use]
    pub fn value(&self, entry: &Entry) -> &[u8] {
        &self.bytes[entry.value.0..entry.value.1]
    }
}

/// The next line of one input, with what it says of itself.
struct Head {
    bytes: Vec<u8>,
    line: u64,
    account: String,
    time: Micros,
}

struct Side {
    input: Input,
    lines: Lines,
    head: Option<Head>,
    /// Time of a line that says none: that of the line before.
    last_time: Micros,
    offsets: Vec<i64>,
}

impl Side {
    fn new(input: Input, lines: Lines, partitions: u32) -> Result<Self, ReplayError> {
        let head = Head { bytes: Vec::new(), line: 0, account: String::new(), time: Micros(0) };
        let offsets = vec![0; partitions as usize];
        let mut side = Self { input, lines, head: Some(head), last_time: Micros(0), offsets };
        side.advance()?;
        Ok(side)
    }

    fn advance(&mut self) -> Result<(), ReplayError> {
        let Some(head) = &mut self.head else { return Ok(()) };
        match self.lines.next(&mut head.bytes)? {
            None => self.head = None,
            Some(line) => {
                let peek = match self.input {
                    Input::PosEvents => peek_pos_event(&head.bytes),
                    Input::AccountEvents => peek_account_event(&head.bytes),
                };
                self.last_time = peek.time.unwrap_or(self.last_time);
                head.account.clear();
                head.account.push_str(peek.account.as_deref().unwrap_or_default());
                (head.line, head.time) = (line, self.last_time);
            }
        }
        Ok(())
    }

    /// Moves the head into the chunk.
    fn take(&mut self, chunk: &mut Chunk, partitions: u32) -> Result<(), ReplayError> {
        if let Some(head) = &self.head {
            let begin = chunk.bytes.len();
            chunk.bytes.extend_from_slice(head.account.as_bytes());
            let middle = chunk.bytes.len();
            chunk.bytes.extend_from_slice(&head.bytes);
            let partition = partition_of(head.account.as_bytes(), partitions);
            let offset = &mut self.offsets[partition as usize];
            chunk.entries.push(Entry {
                input: self.input,
                partition,
                offset: *offset,
                timestamp_millis: head.time.0.div_euclid(1_000),
                line: head.line,
                key: (begin, middle),
                value: (middle, chunk.bytes.len()),
            });
            *offset += 1;
        }
        self.advance()
    }
}

/// Merges the inputs.
pub struct Merge {
    pos_events: Side,
    account_events: Option<Side>,
    partitions: u32,
}

impl Merge {
    /// Merges these files into a stream of so many partitions.
    ///
    /// # Errors
    /// [`ReplayError`] where a first line cannot be read.
    pub fn new(
        pos_events: Lines,
        account_events: Option<Lines>,
        partitions: u32,
    ) -> Result<Self, ReplayError> {
        let side = |lines| Side::new(Input::AccountEvents, lines, partitions);
        let account_events = account_events.map(side).transpose()?;
        Ok(Self {
            pos_events: Side::new(Input::PosEvents, pos_events, partitions)?,
            account_events,
            partitions,
        })
    }

    /// The next records, at most so many; none at the end.
    ///
    /// # Errors
    /// [`ReplayError`] where a line cannot be read.
    pub fn chunk(&mut self, most: usize) -> Result<Option<Chunk>, ReplayError> {
        /// A chunk of very long lines ends early.
        const BYTES_MAX: usize = 8 << 20;
        let mut chunk = Chunk::default();
        while chunk.entries.len() < most && chunk.bytes.len() < BYTES_MAX {
            let pos_time = self.pos_events.head.as_ref().map(|head| head.time);
            let account_time =
                self.account_events.as_ref().and_then(|side| side.head.as_ref()).map(|head| head.time);
            match (pos_time, account_time, &mut self.account_events) {
                (Some(pos), Some(account), Some(side)) if account <= pos => {
                    side.take(&mut chunk, self.partitions)?
                }
                (None, Some(_), Some(side)) => side.take(&mut chunk, self.partitions)?,
                (Some(_), ..) => self.pos_events.take(&mut chunk, self.partitions)?,
                (None, ..) => break,
            }
        }
        Ok((!chunk.entries.is_empty()).then_some(chunk))
    }
}
