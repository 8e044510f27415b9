//! Records as `check` and a replay read them, one at a time in memory: partitions of topics, of a cluster or an export, and
//! files of lines, all by one trait. What the records say is not known here.

use super::ReplayError;
use crate::archive::PartitionReader;
use crate::codec::{SCHEMA_ID_HEADER, guid_of_header};
use crate::domain::PartitionId;
use crate::domain::flow::Flow;
use crate::domain::record::{RecordTime, TopicRecord};
use crate::domain::reply::REQUEST_ID;
use crate::pipeline::InputRecord;

/// A record as it was recorded, its memory kept for the next one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordBuffer {
    /// Its offset.
    pub offset: i64,
    /// Its timestamp, milliseconds; -1: none.
    pub timestamp_millis: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    /// Its headers, in order.
    pub headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    /// Buffers that are not in use.
    spare: Vec<Vec<u8>>,
}

impl RecordBuffer {
    /// Takes over what `record` says.
    pub fn set(&mut self, record: &TopicRecord<'_>) {
        self.offset = record.offset;
        self.timestamp_millis = record.timestamp_millis;
        self.spare.extend(self.key.take());
        self.spare.extend(self.value.take());
        self.key = record.key.map(|bytes| filled(self.spare.pop(), bytes));
        self.value = record.value.map(|bytes| filled(self.spare.pop(), bytes));
        self.headers.clear();
        let headers = record.headers.iter();
        self.headers.extend(headers.map(|header| (header.name.to_vec(), header.value.map(<[u8]>::to_vec))));
    }

    /// Becomes a line of a file, which has nothing but a value: the memory for it, empty.
    pub(super) fn line(&mut self) -> &mut Vec<u8> {
        self.timestamp_millis = -1;
        self.spare.extend(self.key.take());
        self.headers.clear();
        let value = self.value.get_or_insert_default();
        value.clear();
        value
    }

    /// Its key.
    #[must_use]
    pub fn key(&self) -> Option<&[u8]> {
        self.key.as_deref()
    }

    /// Its value; none for a tombstone.
    #[must_use]
    pub fn value(&self) -> Option<&[u8]> {
        self.value.as_deref()
    }

    /// The schema's GUID, where a header names it: the last of that name, as for whoever decided.
    #[must_use]
    pub fn schema_guid(&self) -> Option<[u8; 16]> {
        let header = self.headers.iter().rfind(|(name, _)| name == SCHEMA_ID_HEADER.as_bytes())?;
        guid_of_header(header.1.as_deref()?)
    }

    /// The record as the pipeline takes it, of this input of a flow.
    #[must_use]
    pub fn as_input_record(&self, flow: &Flow, input: usize, partition: PartitionId) -> InputRecord<'_> {
        InputRecord {
            input,
            partition,
            offset: self.offset,
            timestamp_millis: self.timestamp_millis,
            time: RecordTime::of_millis(self.timestamp_millis),
            key: self.key(),
            value: self.value(),
            schema_guid: self.schema_guid(),
            request_id: self.request_id().filter(|_| flow.asked.contains(&input)),
        }
    }

    /// By which its sender asked for a reply: the last header of that name, as for whoever decided.
    #[must_use]
    pub fn request_id(&self) -> Option<&[u8]> {
        self.headers.iter().rfind(|(name, _)| name == REQUEST_ID.as_bytes())?.1.as_deref()
    }
}

fn filled(buffer: Option<Vec<u8>>, bytes: &[u8]) -> Vec<u8> {
    let mut buffer = buffer.unwrap_or_default();
    buffer.clear();
    buffer.extend_from_slice(bytes);
    buffer
}

/// The records of one partition of one topic in the order of their offsets, or the lines of one file.
pub trait RecordSource {
    /// Reads the next record into `record`; false at the end.
    ///
    /// # Errors
    /// [`ReplayError`] where it cannot be read.
    fn next(&mut self, record: &mut RecordBuffer) -> Result<bool, ReplayError>;

    /// Goes to the first record that is still there, where records were deleted that had yet to be read, as those of a
    /// journal that is trimmed meanwhile; false where that is not so.
    ///
    /// # Errors
    /// [`ReplayError`] where it cannot be asked.
    fn start_over(&mut self) -> Result<bool, ReplayError> {
        Ok(false)
    }
}

/// A partition of an export.
impl RecordSource for PartitionReader {
    fn next(&mut self, record: &mut RecordBuffer) -> Result<bool, ReplayError> {
        let found = Self::next(self)?;
        found.iter().for_each(|found| record.set(found));
        Ok(found.is_some())
    }
}

/// A source and the record that comes next.
pub struct Feed {
    source: Box<dyn RecordSource>,
    head: RecordBuffer,
    there: bool,
    started_over: bool,
    lost_its_end: bool,
}

impl Feed {
    /// Reads the first record.
    pub fn new(source: Box<dyn RecordSource>) -> Result<Self, ReplayError> {
        let mut feed = Self {
            source,
            head: RecordBuffer::default(),
            there: false,
            started_over: false,
            lost_its_end: false,
        };
        feed.advance_or_start_over()?;
        Ok(feed)
    }

    /// Passes over the record that comes next; true where it went to the first one that is still there instead, because
    /// those after it were deleted meanwhile.
    pub fn advance_or_start_over(&mut self) -> Result<bool, ReplayError> {
        match self.advance() {
            Ok(()) => Ok(false),
            Err(error) if !self.source.start_over()? => Err(error),
            Err(_) => {
                self.advance()?;
                (self.started_over, self.lost_its_end) = (true, !self.there);
                Ok(true)
            }
        }
    }

    /// Whether records were deleted that had yet to be read, and it went on with those after them.
    #[must_use]
    pub fn started_over(&self) -> bool {
        self.started_over
    }

    /// Whether no record was left of those.
    #[must_use]
    pub fn lost_its_end(&self) -> bool {
        self.lost_its_end
    }

    /// The record that comes next.
    #[must_use]
    pub fn head(&self) -> Option<&RecordBuffer> {
        self.there.then_some(&self.head)
    }

    /// Moves it into `record`, before it is passed over.
    pub fn swap_head(&mut self, record: &mut RecordBuffer) {
        std::mem::swap(&mut self.head, record);
    }

    /// Passes over it.
    pub fn advance(&mut self) -> Result<(), ReplayError> {
        self.there = self.source.next(&mut self.head)?;
        Ok(())
    }
}
