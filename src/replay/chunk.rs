//! Records in the order in which they are decided, some thousand at a time: what reading threads hand to deciding ones.

use super::source::RecordBuffer;
use crate::codec::NoSchema;
use crate::domain::record::RecordTime;
use crate::domain::{Micros, PartitionId};
use crate::pipeline::InputRecord;
use crate::pos::{FLOW, Input};
use std::fmt;

/// A chunk of very long records ends early.
const BYTES_MAX: usize = 8 << 20;

/// A record of a chunk: where its bytes are, and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct ChunkRecord {
    /// Which input.
    pub input: Input,
    /// Its partition.
    pub partition: PartitionId,
    /// Its offset in the partition.
    pub offset: i64,
    /// Its time, milliseconds.
    pub timestamp_millis: i64,
    /// What it is.
    pub kind: RecordOrigin,
    key: Option<Bytes>,
    value: Option<Bytes>,
    request_id: Option<Bytes>,
    schema_guid: Option<[u8; 16]>,
    /// Its recorded outcomes among those of the chunk.
    outcomes: (usize, usize),
}

/// Where bytes begin and end in those of the chunk.
type Bytes = (usize, usize);

/// What a record is.
#[derive(Clone, Copy, Debug)]
pub enum RecordOrigin {
    /// A line of a file.
    Line {
        /// Its number, from 1.
        number: u64,
        /// When it is of; none where it does not say.
        time: Option<Micros>,
        /// Whether the lines after it confirm that time: if not, it moves stream time by so much as a line may alone.
        confirmed: bool,
    },
    /// A record of a topic.
    Record {
        /// Whether it was given up because the program failed on it again and again.
        given_up: bool,
        /// Why its schema could not be had, among the reasons of the chunk.
        no_schema: Option<usize>,
    },
}

/// Where a record stands, as people are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum InputPlace {
    /// A line of a file, from 1.
    Line(u64),
    /// Partition and offset.
    Record(PartitionId, i64),
}

impl fmt::Display for InputPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(number) => write!(f, "line {number}"),
            Self::Record(partition, offset) => write!(f, "partition {partition} offset {offset}"),
        }
    }
}

impl ChunkRecord {
    /// Where it stands.
    #[must_use]
    pub fn at(&self) -> InputPlace {
        match self.kind {
            RecordOrigin::Line { number, .. } => InputPlace::Line(number),
            RecordOrigin::Record { .. } => InputPlace::Record(self.partition, self.offset),
        }
    }
}

/// Some records in the order they are decided in.
#[derive(Debug, Default)]
pub struct Chunk {
    /// The records.
    pub entries: Vec<ChunkRecord>,
    bytes: Vec<u8>,
    outcomes: Vec<Bytes>,
    no_schemas: Vec<NoSchema>,
}

impl Chunk {
    /// Whether it has so many records, or as many bytes as it may have.
    #[must_use]
    pub fn is_full(&self, most: usize) -> bool {
        self.entries.len() >= most || self.bytes.len() >= BYTES_MAX
    }

    fn put(&mut self, bytes: &[u8]) -> Bytes {
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        (begin, self.bytes.len())
    }

    /// Adds a line, with the key that its record would have and where it would stand: input, partition, offset.
    pub fn push_line(
        &mut self,
        (input, partition, offset): (Input, PartitionId, i64),
        (key, value): (&[u8], &[u8]),
        millis: i64,
        kind: RecordOrigin,
    ) {
        let key = (!key.is_empty()).then(|| self.put(key));
        let value = Some(self.put(value));
        self.entries.push(ChunkRecord {
            input,
            partition,
            offset,
            timestamp_millis: millis,
            kind,
            key,
            value,
            request_id: None,
            schema_guid: None,
            outcomes: (0, 0),
        });
    }

    /// Adds a record of a topic; `given_up` and `no_schema` are what its dead letter says.
    pub fn push_record(
        &mut self,
        (input, partition): (Input, PartitionId),
        record: &RecordBuffer,
        given_up: bool,
        no_schema: Option<NoSchema>,
    ) {
        let asked = FLOW.asked.contains(&(input as usize));
        let [key, value, request_id] = [record.key(), record.value(), record.request_id().filter(|_| asked)]
            .map(|bytes| bytes.map(|bytes| self.put(bytes)));
        let no_schema = no_schema.map(|why| {
            self.no_schemas.push(why);
            self.no_schemas.len() - 1
        });
        self.entries.push(ChunkRecord {
            input,
            partition,
            offset: record.offset,
            timestamp_millis: record.timestamp_millis,
            kind: RecordOrigin::Record { given_up, no_schema },
            key,
            value,
            request_id,
            schema_guid: record.schema_guid(),
            outcomes: (self.outcomes.len(), self.outcomes.len()),
        });
    }

    /// Adds a recorded outcome of the record that was added last.
    pub fn push_outcome(&mut self, value: &[u8]) {
        let bytes = self.put(value);
        self.outcomes.push(bytes);
        if let Some(entry) = self.entries.last_mut() {
            entry.outcomes.1 = self.outcomes.len();
        }
    }

    /// A record as the pipeline takes it, with what is known of its time.
    #[must_use]
    pub fn record(&self, entry: &ChunkRecord, time: RecordTime) -> InputRecord<'_> {
        let bytes = |bytes: Option<Bytes>| bytes.map(|(begin, end)| &self.bytes[begin..end]);
        InputRecord {
            input: entry.input as usize,
            partition: entry.partition,
            offset: entry.offset,
            timestamp_millis: entry.timestamp_millis,
            time,
            key: bytes(entry.key),
            value: bytes(entry.value),
            schema_guid: entry.schema_guid,
            request_id: bytes(entry.request_id),
        }
    }

    /// The recorded outcomes of a record, in their order.
    pub fn outcomes(&self, entry: &ChunkRecord) -> impl DoubleEndedIterator<Item = &[u8]> {
        let (begin, end) = entry.outcomes;
        self.outcomes[begin..end].iter().map(|(begin, end)| &self.bytes[*begin..*end])
    }

    /// Why the schema of a record could not be had.
    #[must_use]
    pub fn no_schema(&self, place: usize) -> &NoSchema {
        &self.no_schemas[place]
    }
}
