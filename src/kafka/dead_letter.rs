//! What a dead letter carries: the record as it came, and headers that say what was wrong and where it stood. What does
//! not fit into the topic is left out and said so; what is left when everything is left out always fits.

use super::failure::Fault;
use super::port::{Broker, GroupConsumer, Header, LentRecord, LetterRecord, TransactionalProducer};
use super::settings::Topics;
use crate::domain::dead_letter::{
    ATTEMPT, ERROR_CODE, ERROR_MESSAGE, HEADER_FRAMING_BYTES, HEADERS_BYTES, KEY_BYTES, SOURCE_OFFSET,
    SOURCE_PARTITION, SOURCE_TOPIC, VALUE_BYTES, header_bytes,
};
use crate::pipeline::InputRecord;

/// A key is an id; a longer one makes room for the value.
const KEY_BYTES_MAX: usize = 1 << 10;

/// How large a dead letter may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LetterRoom {
    /// The whole message at most so many bytes, its value at most so many.
    Bytes {
        /// Key, value and headers.
        message_max: usize,
        /// The value alone.
        value_max: usize,
    },
    /// Nothing but what is said about the record: a letter with more of it was refused.
    Nothing,
}

/// Sends `record`, lent as `lent`, to the dead letters, with as much of it as there is room for.
///
/// # Errors
/// The producer does not take it.
pub fn send<B: Broker>(
    producer: &B::Producer,
    topics: &Topics,
    room: LetterRoom,
    lent: &<B::Consumer as GroupConsumer>::Record<'_>,
    record: &InputRecord<'_>,
    verdict: &DeadLetterReason<'_>,
) -> Result<usize, Fault> {
    let partition = record.partition.to_string();
    let offset = record.offset.to_string();
    let attempt = verdict.attempt.to_string();
    let topic = topics.input(lent.source());
    let said = [
        (ERROR_CODE, verdict.code),
        (ERROR_MESSAGE, verdict.message),
        (SOURCE_TOPIC, topic),
        (SOURCE_PARTITION, &partition),
        (SOURCE_OFFSET, &offset),
        (ATTEMPT, &attempt),
    ];
    let said_bytes: usize =
        said.iter().map(|(name, text)| header_bytes(name.as_bytes(), Some(text.as_bytes()))).sum();
    let size = RecordSize {
        key: record.key.map_or(0, <[u8]>::len),
        value: record.value.map(<[u8]>::len),
        headers: lent.headers_bytes(),
    };
    let kept = size.kept(room, said_bytes);
    let left_out = size.left_out(kept).map(|(name, bytes)| (name, bytes.map(|bytes| bytes.to_string())));
    let left_out = left_out.iter().filter_map(|(name, bytes)| Some((*name, bytes.as_deref()?)));
    let headers: Vec<Header<'_>> = said
        .into_iter()
        .chain(left_out)
        .map(|(name, text)| Header { name, value: text.as_bytes() })
        .collect();
    producer.dead_letter(lent, kept, &headers)?;
    Ok(size.bytes(kept) + said_bytes)
}

/// The bytes of a record's parts.
#[derive(Clone, Copy, Debug)]
struct RecordSize {
    key: usize,
    value: Option<usize>,
    headers: usize,
}

impl RecordSize {
    /// What there is room for beside `said` bytes of our own: the value before the key, the key before the headers.
    fn kept(self, room: LetterRoom, said: usize) -> LetterRecord {
        let LetterRoom::Bytes { message_max, value_max } = room else {
            return LetterRecord { headers: false, key: false, value_bytes: None };
        };
        // What may be said of what is left out is no longer than this.
        let sizes = 3 * (HEADERS_BYTES.len() + 20 + HEADER_FRAMING_BYTES);
        let room = message_max.saturating_sub(said + sizes);
        let value = self.value.unwrap_or(0).min(value_max);
        let key = self.key <= KEY_BYTES_MAX.min(room) || self.key + value <= room;
        let left = room - if key { self.key } else { 0 };
        let headers = self.headers + value <= left;
        LetterRecord { headers, key, value_bytes: self.value.map(|_| value.min(left)) }
    }

    /// The sizes of the parts that are not whole.
    fn left_out(self, kept: LetterRecord) -> [(&'static str, Option<usize>); 3] {
        let value = self.value.filter(|bytes| kept.value_bytes != Some(*bytes));
        [
            (VALUE_BYTES, value),
            (KEY_BYTES, (!kept.key && self.key > 0).then_some(self.key)),
            (HEADERS_BYTES, (!kept.headers && self.headers > 0).then_some(self.headers)),
        ]
    }

    fn bytes(self, kept: LetterRecord) -> usize {
        let [key, headers] = [(kept.key, self.key), (kept.headers, self.headers)];
        let part = |(kept, bytes): (bool, usize)| if kept { bytes } else { 0 };
        part(key) + part(headers) + kept.value_bytes.unwrap_or(0)
    }
}

/// Why a record is a dead letter.
#[derive(Clone, Copy, Debug)]
pub struct DeadLetterReason<'a> {
    /// The code of the catalogue.
    pub code: &'a str,
    /// In words.
    pub message: &'a str,
    /// How often the record was tried.
    pub attempt: u32,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ROOM: LetterRoom = LetterRoom::Bytes { message_max: 100_000, value_max: 90_000 };

    fn kept(key: usize, value: Option<usize>, headers: usize) -> (bool, Option<usize>, bool) {
        let kept = RecordSize { key, value, headers }.kept(ROOM, 400);
        (kept.key, kept.value_bytes, kept.headers)
    }

    #[test]
    fn gives_up_the_headers_first_then_a_long_key_then_the_end_of_the_value() {
        assert_eq!(kept(10, Some(50_000), 1_000), (true, Some(50_000), true));
        assert_eq!(kept(10, Some(50_000), 9_000_000), (true, Some(50_000), false));
        assert_eq!(kept(60_000, Some(50_000), 10), (false, Some(50_000), true));
        assert_eq!(kept(60_000, Some(30_000), 10), (true, Some(30_000), true));
        assert_eq!(kept(10, Some(1_000_000), 0), (true, Some(90_000), true));
        assert_eq!(kept(900, None, 9_000_000), (true, None, false));
        let nothing = RecordSize { key: 1, value: Some(1), headers: 1 }.kept(LetterRoom::Nothing, 400);
        assert_eq!(nothing, LetterRecord { headers: false, key: false, value_bytes: None });
    }

    proptest! {
        #[test]
        fn fits_whatever_the_record_is(
            key in 0usize..3_000_000,
            value in prop::option::of(0usize..3_000_000),
            headers in 0usize..10_000_000,
            message_max in 2_000usize..2_000_000,
        ) {
            let size = RecordSize { key, value, headers };
            let said = 1_500;
            let kept = size.kept(LetterRoom::Bytes { message_max, value_max: 1_000_000 }, said);
            let left_out: usize = size
                .left_out(kept)
                .iter()
                .filter_map(|(name, bytes)| Some(name.len() + (*bytes)?.to_string().len() + HEADER_FRAMING_BYTES))
                .sum();
            prop_assert!(size.bytes(kept) + said + left_out <= message_max);
        }
    }
}
