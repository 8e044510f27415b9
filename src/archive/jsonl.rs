//! A record as a line of JSON. A value that is JSON stands in the line as it is, so that it can be queried; whatever
//! would not come back byte for byte stands beside it in base64. Never rewrites a byte.

use super::LINE_BYTES_MAX;
use crate::domain::PartitionId;
use crate::domain::record::{HEADERS_MAX, RecordHeader, RecordHeaders, TimestampKind, TopicRecord};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// A field that may be null, or not there because its base64 is.
type Nullable<T> = Option<Option<T>>;

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ExportedLine<'a> {
    #[serde(borrow)]
    topic: Cow<'a, str>,
    partition: PartitionId,
    offset: i64,
    timestamp: i64,
    #[serde(borrow)]
    timestamp_type: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "there", skip_serializing_if = "Option::is_none")]
    key: Nullable<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    key_base64: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "bounded")]
    headers: Vec<LineHeader<'a>>,
    #[serde(borrow, default, deserialize_with = "there", skip_serializing_if = "Option::is_none")]
    value: Nullable<&'a RawValue>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    value_base64: Option<Cow<'a, str>>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LineHeader<'a> {
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    name_base64: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "there", skip_serializing_if = "Option::is_none")]
    value: Nullable<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    value_base64: Option<Cow<'a, str>>,
}

/// Appends a record's line, its end included.
///
/// # Errors
/// The line would be longer than any reader takes.
pub fn write_line(record: &TopicRecord<'_>, out: &mut Vec<u8>) -> Result<(), String> {
    let begin = out.len();
    let (key, key_base64) = as_text(record.key);
    let headers = record.headers.iter().map(|header| {
        let (name, name_base64) = as_text(Some(header.name));
        let (value, value_base64) = as_text(header.value);
        LineHeader { name: name.flatten(), name_base64, value, value_base64 }
    });
    let as_it_is = record.value.and_then(as_it_is);
    let (value, value_base64) = match record.value {
        None => (Some(None), None),
        Some(bytes) => match as_it_is {
            Some(raw) => (Some(Some(raw)), None),
            None => (None, Some(base64(bytes))),
        },
    };
    let line = ExportedLine {
        topic: record.topic.into(),
        partition: record.partition,
        offset: record.offset,
        timestamp: record.timestamp_millis,
        timestamp_type: record.timestamp_kind.symbol().into(),
        key,
        key_base64,
        headers: headers.collect(),
        value,
        value_base64,
    };
    // Into memory nothing fails.
    let written = serde_json::to_writer(&mut *out, &line);
    debug_assert!(written.is_ok());
    out.push(b'\n');
    match out.len() - begin {
        length if length <= LINE_BYTES_MAX => Ok(()),
        length => {
            out.truncate(begin);
            Err(format!(
                "a line of {length} bytes, at most {LINE_BYTES_MAX} can be read back: export as avro"
            ))
        }
    }
}

/// The bytes where they are one JSON text that a reader of the line gets back as it was: nothing around it, on one line,
/// and not the null that stands for a tombstone.
fn as_it_is(value: &[u8]) -> Option<&RawValue> {
    let raw = serde_json::from_slice::<&RawValue>(value).ok()?;
    let stands = raw.get().len() == value.len() && value != b"null";
    (stands && !value.iter().any(|byte| b"\r\n".contains(byte))).then_some(raw)
}

/// Bytes as text; in base64 where they are none.
fn as_text(bytes: Option<&[u8]>) -> (Nullable<Cow<'_, str>>, Option<Cow<'_, str>>) {
    match bytes.map(|bytes| str::from_utf8(bytes).map_err(|_| bytes)) {
        None => (Some(None), None),
        Some(Ok(text)) => (Some(Some(text.into())), None),
        Some(Err(bytes)) => (None, Some(base64(bytes))),
    }
}

fn base64(bytes: &[u8]) -> Cow<'static, str> {
    STANDARD.encode(bytes).into()
}

/// Tells a field that is null from one that is not there.
fn there<'de, D: Deserializer<'de>, T: Deserialize<'de>>(field: D) -> Result<Option<T>, D::Error> {
    T::deserialize(field).map(Some)
}

/// A list of at most as many headers as a record may have: none beyond is held.
fn bounded<'de, D: Deserializer<'de>>(list: D) -> Result<Vec<LineHeader<'de>>, D::Error> {
    struct Bounded;
    impl<'de> Visitor<'de> for Bounded {
        type Value = Vec<LineHeader<'de>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "at most {HEADERS_MAX} headers")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut headers = Vec::new();
            while let Some(header) = list.next_element()? {
                if headers.len() == HEADERS_MAX {
                    return Err(A::Error::invalid_length(HEADERS_MAX + 1, &self));
                }
                headers.push(header);
            }
            Ok(headers)
        }
    }
    list.deserialize_seq(Bounded)
}

/// A record out of a line.
#[derive(Debug)]
pub struct DecodedLine {
    topic: String,
    partition: PartitionId,
    offset: i64,
    timestamp_millis: i64,
    timestamp_kind: TimestampKind,
    key: Option<Vec<u8>>,
    headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    value: Option<Vec<u8>>,
}

/// Reads a line, without its end.
///
/// # Errors
/// What is wrong with it; never a value of it.
pub fn read_line(line: &[u8]) -> Result<DecodedLine, String> {
    let line: ExportedLine<'_> = serde_json::from_slice(line)
        .map_err(|error| format!("column {}: not a record: {}", error.column(), kind_of(&error)))?;
    let kind = TimestampKind::ALL.iter().find(|kind| kind.symbol() == line.timestamp_type).copied();
    let text = |text: Cow<'_, str>| text.into_owned().into_bytes();
    let header = |header: LineHeader<'_>| {
        // Named in one of the two, or refused.
        let name = bytes("header name", header.name.map(Some), text, header.name_base64)?.unwrap_or_default();
        Ok((name, bytes("header value", header.value, text, header.value_base64)?))
    };
    Ok(DecodedLine {
        timestamp_kind: kind.ok_or("timestampType is not one of None, CreateTime, LogAppendTime")?,
        topic: line.topic.into_owned(),
        partition: line.partition,
        offset: line.offset,
        timestamp_millis: line.timestamp,
        key: bytes("key", line.key, text, line.key_base64)?,
        headers: line.headers.into_iter().map(header).collect::<Result<_, String>>()?,
        value: bytes("value", line.value, |raw| raw.get().into(), line.value_base64)?,
    })
}

/// The bytes of a field that stands there plain or in base64.
fn bytes<T>(
    name: &str,
    plain: Nullable<T>,
    of: impl Fn(T) -> Vec<u8>,
    base64: Option<Cow<'_, str>>,
) -> Result<Option<Vec<u8>>, String> {
    match (plain, base64) {
        (Some(plain), None) => Ok(plain.map(of)),
        (None, Some(text)) => {
            STANDARD.decode(text.as_bytes()).map(Some).map_err(|_| format!("{name}: no base64"))
        }
        (Some(_), Some(_)) => Err(format!("{name}: there both plain and in base64")),
        (None, None) => Err(format!("{name}: missing")),
    }
}

/// The parser's words, without its place, and without what it found: that may be an account number.
fn kind_of(error: &serde_json::Error) -> &'static str {
    match error.classify() {
        serde_json::error::Category::Data => {
            "a field is missing, unknown, there twice or of another type, or headers are too many"
        }
        serde_json::error::Category::Eof => "the line breaks off",
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => "no JSON",
    }
}

impl DecodedLine {
    /// The record.
    #[must_use]
    pub fn record(&self) -> TopicRecord<'_> {
        let headers = self.headers.iter();
        let headers = headers.map(|(name, value)| RecordHeader { name, value: value.as_deref() });
        TopicRecord {
            topic: &self.topic,
            partition: self.partition,
            offset: self.offset,
            timestamp_millis: self.timestamp_millis,
            timestamp_kind: self.timestamp_kind,
            key: self.key.as_deref(),
            headers: headers.collect::<RecordHeaders<'_>>(),
            value: self.value.as_deref(),
        }
    }
}
