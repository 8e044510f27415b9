//! Reads partitions whole: records from one offset up to another, as they stood when the reader was told where to stop.
//! Aborted records and markers are passed over, and no record ends the reading, whatever it is. Never waits for records that are yet to come: positions are compared,
//! and what takes an offset without being a record is known by the partition's end.

use std::sync::Arc;

use rdkafka::{
    Message, Offset, Timestamp, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
};

use super::{
    super::{
        failure::{Fault, FaultClass, Operation},
        port::JournalEnds,
        settings::Settings,
    },
    config,
    error::fault,
    headers,
    journal::{Asker, Quiet},
    poll,
};
use crate::domain::record::{RecordHeaders, TimestampKind, TopicRecord};

/// Which records are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isolation {
    /// Those of committed transactions and of none: what every reader of outcomes must see.
    Committed,
    /// Those of open and aborted transactions too.
    Uncommitted,
}

impl Isolation {
    /// Kafka's name for it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Committed => "read_committed",
            Self::Uncommitted => "read_uncommitted",
        }
    }

    /// Where a reader of this kind stops.
    #[must_use]
    pub const fn end(self, ends: JournalEnds) -> i64 {
        match self {
            Self::Committed => ends.stable,
            Self::Uncommitted => ends.high,
        }
    }
}

/// Offsets of a partition.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Topic.
    pub topic: String,
    /// Partition, from 0.
    pub partition: i32,
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
/// # fn dump(cluster: &Cluster) -> Result<(), Fault> {
/// let ends = cluster.ends("pos.events", 0)?;
/// let mut dump = cluster.dump(Isolation::Committed)?;
/// dump.read(Span { topic: "pos.events".into(), partition: 0, begin: ends.start, end: ends.stable })?;
/// while let Some(offset) = dump.next(|record| record.offset)? {
///     println!("{offset}");
/// }
/// # Ok(())
/// # }
/// ```
pub struct Dump {
    consumer: BaseConsumer<Quiet>,
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
    pub(super) fn open(settings: &Settings, asker: Arc<Asker>, isolation: Isolation) -> Result<Self, Fault> {
        let consumer = config::dump(settings, isolation)
            .create_with_context(Quiet)
            .map_err(|error| fault(Operation::Consume, &error))?;
        let (span, lost_headers) = (Span::default(), None);
        Ok(Self { consumer, asker, isolation, span, next: 0, confirmed: false, lost_headers })
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
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition_offset(&self.span.topic, self.span.partition, Offset::Offset(self.next))
            .and_then(|()| self.consumer.assign(&list))
            .map_err(|error| fault(Operation::Consume, &error))
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
            let Some(message) = poll::next(&self.consumer, Operation::Consume, what)? else {
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
            let offset = message.offset();
            if offset >= *end {
                break;
            }
            let (headers, lost_headers) = match headers::all(&message) {
                Ok(headers) => (headers, None),
                Err(why) => (RecordHeaders::new(), Some(why)),
            };
            self.lost_headers = lost_headers;
            let (timestamp_kind, timestamp_millis) = match message.timestamp() {
                Timestamp::NotAvailable => (TimestampKind::None, -1),
                Timestamp::CreateTime(millis) => (TimestampKind::CreateTime, millis),
                Timestamp::LogAppendTime(millis) => (TimestampKind::LogAppendTime, millis),
            };
            self.next = offset + 1;
            return Ok(Some(each(&TopicRecord {
                topic,
                partition: *partition,
                offset,
                timestamp_millis,
                timestamp_kind,
                key: message.key(),
                headers,
                value: message.payload(),
            })));
        }
        self.next = *end;
        Ok(None)
    }

    /// Why the last record came without its headers; none where it came whole.
    #[must_use]
    pub fn lost_headers(&self) -> Option<&str> {
        self.lost_headers.as_deref()
    }
}
