//! Reads partitions whole: records from one offset up to another, as they stood when the reader was told where to stop.
//! Aborted records and markers are passed over, and no record ends the reading, whatever it is. Never waits for records that
//! are yet to come: positions are compared, and what takes an offset without being a record is known by the partition's end.

use super::journal::Asker;
use super::reader::{Isolation, TopicReader};
use super::{config, headers};
use crate::domain::PartitionId;
use crate::domain::record::{RecordHeaders, TimestampKind, TopicRecord};
use crate::kafka::failure::{Fault, FaultClass, Operation};
use crate::kafka::settings::ClusterSettings;
use rdkafka::message::BorrowedMessage;
use rdkafka::{Message, Offset, Timestamp};
use std::sync::Arc;

/// Offsets of a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Topic.
    pub topic: String,
    /// Partition, from 0.
    pub partition: PartitionId,
    /// The first offset that is read.
    pub begin: i64,
    /// The first offset that is not read any more: not beyond what [`Isolation::end`] says.
    pub end: i64,
}

/// A reader of one partition at a time, outside any group.
///
/// # Example
/// ```no_run
/// # use tillgate::kafka::{client::{Cluster, Isolation, Span}, failure::Fault};
/// # use tillgate::domain::PartitionId;
/// # fn dump(cluster: &Cluster) -> Result<(), Fault> {
/// let partition = PartitionId::new(0);
/// let ends = cluster.ends("pos.events", partition)?;
/// let mut dump = cluster.dump(Isolation::Committed)?;
/// dump.read(Span { topic: "pos.events".into(), partition, begin: ends.start, end: ends.stable })?;
/// while let Some(offset) = dump.next(|record| record.offset)? {
///     println!("{offset}");
/// }
/// # Ok(())
/// # }
/// ```
pub struct Dump {
    reader: TopicReader,
    asker: Arc<Asker>,
    isolation: Isolation,
    span: Span,
    /// The offset behind the last record.
    next: i64,
    /// The partition's leader was asked whether it has all up to the end.
    confirmed: bool,
    /// Why the last record came without its headers.
    lost_headers: Option<String>,
}

impl Dump {
    pub(super) fn open(
        settings: &ClusterSettings,
        asker: Arc<Asker>,
        isolation: Isolation,
    ) -> Result<Self, Fault> {
        let reader = TopicReader::with(&config::dump(settings, isolation), Operation::Consume)?;
        let (span, lost_headers) = (Span::default(), None);
        Ok(Self { reader, asker, isolation, span, next: 0, confirmed: false, lost_headers })
    }

    /// Goes to the beginning of a span; the next records are its.
    ///
    /// # Errors
    /// There is no such partition.
    pub fn read(&mut self, span: Span) -> Result<(), Fault> {
        (self.next, self.confirmed, self.span) = (span.begin, false, span);
        if self.next < self.span.end { self.go_to_next() } else { Ok(()) }
    }

    fn go_to_next(&self) -> Result<(), Fault> {
        self.reader.read([(self.span.topic.as_str(), self.span.partition, Offset::Offset(self.next))])
    }

    /// Hands the next record to `each`; nothing at the end of the span. A record whose headers cannot be read comes without
    /// any, as for whoever decides it, and [`Self::lost_headers`] says why.
    ///
    /// # Errors
    /// What the client does not try again by itself; records that were deleted meanwhile.
    pub fn next<T>(&mut self, each: impl FnOnce(&TopicRecord<'_>) -> T) -> Result<Option<T>, Fault> {
        let Span { topic, partition, end, .. } = &self.span;
        while self.next < *end {
            let what = || format!("topic {topic} partition {partition} from offset {}", self.next);
            let Some(message) = self.reader.next(what)? else {
                // Offsets up to the end that hold no record: a marker, aborted or compacted records. Unless a leader
                // that is new did not know yet how far it reaches; one that answers the question does.
                if self.confirmed {
                    break;
                }
                let reaches = self.isolation.end(self.asker.ends(topic, *partition)?);
                if reaches < *end {
                    let text = format!("topic {topic} partition {partition} ends at {reaches}, not at {end}");
                    return Err(Fault::new(Operation::Consume, FaultClass::Setup, text));
                }
                self.confirmed = true;
                self.go_to_next()?;
                continue;
            };
            if message.offset() >= *end {
                break;
            }
            let (record, lost_headers) = record_of(&message);
            self.lost_headers = lost_headers;
            self.next = record.offset + 1;
            return Ok(Some(each(&record)));
        }
        self.next = *end;
        Ok(None)
    }

    /// Hands every record of a partition to `each`, up to where that ends now; says where.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub fn whole(
        &mut self,
        topic: &str,
        partition: PartitionId,
        mut each: impl FnMut(&TopicRecord<'_>),
    ) -> Result<i64, Fault> {
        let ends = self.asker.ends(topic, partition)?;
        let end = self.isolation.end(ends);
        self.read(Span { topic: topic.to_owned(), partition, begin: ends.start, end })?;
        while self.next(&mut each)?.is_some() {}
        Ok(end)
    }

    /// Hands the record at an offset to `each`; nothing where there is none, or none any more.
    ///
    /// # Errors
    /// As [`Self::next`].
    pub fn record_at<T>(
        &mut self,
        topic: &str,
        partition: PartitionId,
        offset: i64,
        each: impl FnOnce(&TopicRecord<'_>) -> T,
    ) -> Result<Option<T>, Fault> {
        let ends = self.asker.ends(topic, partition)?;
        if !(ends.start..self.isolation.end(ends)).contains(&offset) {
            return Ok(None);
        }
        self.read(Span { topic: topic.to_owned(), partition, begin: offset, end: offset + 1 })?;
        self.next(each)
    }

    /// Why the last record came without its headers; none where it came whole.
    #[must_use]
    pub fn lost_headers(&self) -> Option<&str> {
        self.lost_headers.as_deref()
    }
}

/// A message as a record of its topic; without headers where they cannot be read, and why.
pub(super) fn record_of<'m>(message: &'m BorrowedMessage<'_>) -> (TopicRecord<'m>, Option<String>) {
    let (headers, lost_headers) = match headers::all(message) {
        Ok(headers) => (headers, None),
        Err(why) => (RecordHeaders::new(), Some(why)),
    };
    let (timestamp_kind, timestamp_millis) = match message.timestamp() {
        Timestamp::NotAvailable => (TimestampKind::None, -1),
        Timestamp::CreateTime(millis) => (TimestampKind::CreateTime, millis),
        Timestamp::LogAppendTime(millis) => (TimestampKind::LogAppendTime, millis),
    };
    let record = TopicRecord {
        topic: message.topic(),
        partition: message.partition().into(),
        offset: message.offset(),
        timestamp_millis,
        timestamp_kind,
        key: message.key(),
        headers,
        value: message.payload(),
    };
    (record, lost_headers)
}
