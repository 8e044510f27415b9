//! A record of a topic as it stands there: place, time, and bytes. Knows nothing of what the bytes say.

use super::enums::symbols;
use super::{Micros, PartitionId};
use smallvec::SmallVec;
use std::fmt;

symbols! {
    /// What a record's time means, as files have it.
    TimestampKind {
        /// It has none; the number is -1.
        None = "None",
        /// Its producer's time.
        CreateTime = "CreateTime",
        /// The broker's time when it was appended.
        LogAppendTime = "LogAppendTime",
    }
}

/// Headers of a record that are written to a file and read back: more than a broker with default limits takes in a
/// record that is not compressed. A file of a few hundred kilobytes could otherwise ask for gigabytes.
pub const HEADERS_MAX: usize = 1_000_000;

/// What is known of when a record was written: what the time of its event is held against, and how far it may move the
/// partition's stream time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordTime {
    /// Nothing: Kafka has -1. Its event is not evaluated, and moves no time.
    None,
    /// It was written then. Its event moves stream time up to then and the allowed skew.
    Written(Micros),
    /// It is a line of a file and has no time but its event's, which moves stream time.
    Line,
    /// As [`Self::Line`], but the event's time lies far ahead of the lines around it and moves nothing.
    LineFarAhead,
}

impl RecordTime {
    /// Of a record of a topic, by its timestamp in milliseconds; none where it is below 0.
    #[must_use]
    pub fn of_millis(millis: i64) -> Self {
        if millis < 0 { Self::None } else { Self::Written(Micros::from_millis(millis)) }
    }
}

/// A header. Names may come more than once, and their order counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordHeader<'a> {
    /// Its name's bytes: UTF-8 by Kafka's rules, and whatever a sender likes in fact.
    pub name: &'a [u8],
    /// Its bytes; none is another thing than no bytes.
    pub value: Option<&'a [u8]>,
}

/// Headers of a record; few of them without an allocation.
pub type RecordHeaders<'a> = SmallVec<[RecordHeader<'a>; 4]>;

/// A record of a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicRecord<'a> {
    /// Topic name.
    pub topic: &'a str,
    /// Its partition, from 0.
    pub partition: PartitionId,
    /// Its offset in the partition.
    pub offset: i64,
    /// Milliseconds since 1970; -1: none.
    pub timestamp_millis: i64,
    /// What the time means.
    pub timestamp_kind: TimestampKind,
    /// Its key; none is another thing than no bytes.
    pub key: Option<&'a [u8]>,
    /// Its headers, in order.
    pub headers: RecordHeaders<'a>,
    /// Its value; none is a tombstone.
    pub value: Option<&'a [u8]>,
}

impl TopicRecord<'_> {
    /// Bytes of key, headers and value.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let headers =
            self.headers.iter().map(|header| header.name.len() + header.value.map_or(0, <[u8]>::len));
        self.key.map_or(0, <[u8]>::len) + headers.sum::<usize>() + self.value.map_or(0, <[u8]>::len)
    }
}
