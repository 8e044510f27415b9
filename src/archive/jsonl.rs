//! A record as a line of JSON. A value that is JSON stands in the line as it is, so that it can be queried; whatever
//! would not come back byte for byte stands beside it in base64. Never rewrites a byte.

use super::LINE_BYTES_MAX;
use crate::domain::PartitionId;
use crate::domain::record::{HEADERS_MAX, RecordHeader, RecordHeaders, TimestampKind, TopicRecord};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

/// Appends a record's line, its end included.
///
/// # Errors
/// The line would be longer than any reader takes.
pub fn write_line(record: &TopicRecord<'_>, out: &mut Vec<u8>) -> Result<(), String> {
    let begin = out.len();
    out.extend_from_slice(b"{\"topic\":");
    write_text(record.topic, out);
    let timestamp = record.timestamp_millis;
    let numbers =
        format!(",\"partition\":{},\"offset\":{},\"timestamp\":{timestamp}", record.partition, record.offset);
    out.extend_from_slice(numbers.as_bytes());
    out.extend_from_slice(b",\"timestampType\":\"");
    out.extend_from_slice(record.timestamp_kind.symbol().as_bytes());
    out.push(b'"');
    out.push(b',');
    write_bytes("key", record.key, out);
    out.extend_from_slice(b",\"headers\":[");
    for (place, header) in record.headers.iter().enumerate() {
        out.extend_from_slice(if place == 0 { b"{" } else { b",{" });
        write_bytes("name", Some(header.name), out);
        out.push(b',');
        write_bytes("value", header.value, out);
        out.push(b'}');
    }
    out.push(b']');
    match record.value {
        Some(value) if stands_as_it_is(value) => {
            out.extend_from_slice(b",\"value\":");
            out.extend_from_slice(value);
        }
        Some(value) => {
            out.push(b',');
            write_base64("value", value, out);
        }
        None => out.extend_from_slice(b",\"value\":null"),
    }
    out.extend_from_slice(b"}\n");
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

/// Whether the bytes are one JSON text that a reader of the line gets back as it was: nothing around it, on one line,
/// and not the null that stands for a tombstone.
fn stands_as_it_is(value: &[u8]) -> bool {
    match serde_json::from_slice::<&RawValue>(value) {
        Ok(raw) => {
            raw.get().len() == value.len()
                && value != b"null"
                && !value.iter().any(|byte| b"\r\n".contains(byte))
        }
        Err(_) => false,
    }
}

/// `"name":"text"`, or `"nameBase64":"..."` where the bytes are no text.
fn write_bytes(name: &str, bytes: Option<&[u8]>, out: &mut Vec<u8>) {
    let text = match bytes {
        None => None,
        Some(bytes) => match str::from_utf8(bytes) {
            Ok(text) => Some(text),
            Err(_) => return write_base64(name, bytes, out),
        },
    };
    out.extend_from_slice(format!("\"{name}\":").as_bytes());
    match text {
        Some(text) => write_text(text, out),
        None => out.extend_from_slice(b"null"),
    }
}

fn write_base64(name: &str, bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("\"{name}Base64\":\"").as_bytes());
    out.extend_from_slice(STANDARD.encode(bytes).as_bytes());
    out.push(b'"');
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    // A text into a vector: nothing in it can fail.
    let written = serde_json::to_writer(out, text);
    debug_assert!(written.is_ok());
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Line<'a> {
    #[serde(borrow)]
    topic: Cow<'a, str>,
    partition: PartitionId,
    offset: i64,
    timestamp: i64,
    #[serde(borrow)]
    timestamp_type: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "there")]
    key: Option<Option<Cow<'a, str>>>,
    #[serde(borrow, default)]
    key_base64: Option<Cow<'a, str>>,
    #[serde(borrow, deserialize_with = "bounded")]
    headers: Vec<LineHeader<'a>>,
    #[serde(borrow, default, deserialize_with = "there")]
    value: Option<Option<&'a RawValue>>,
    #[serde(borrow, default)]
    value_base64: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct LineHeader<'a> {
    #[serde(borrow, default)]
    name: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    name_base64: Option<Cow<'a, str>>,
    #[serde(borrow, default, deserialize_with = "there")]
    value: Option<Option<Cow<'a, str>>>,
    #[serde(borrow, default)]
    value_base64: Option<Cow<'a, str>>,
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

/// A record out of a line. Its bytes are kept in one place, which the next line is read into again.
#[derive(Debug, Default)]
pub struct DecodedLine {
    bytes: Vec<u8>,
    topic: String,
    partition: PartitionId,
    offset: i64,
    timestamp_millis: i64,
    kind: usize,
    key: Option<Range<usize>>,
    headers: Vec<(Range<usize>, Option<Range<usize>>)>,
    value: Option<Range<usize>>,
}

/// Reads a line, without its end, into `into`.
///
/// # Errors
/// What is wrong with it; never a value of it.
pub fn read_line(line: &[u8], into: &mut DecodedLine) -> Result<(), String> {
    let line: Line<'_> = serde_json::from_slice(line)
        .map_err(|error| format!("column {}: not a record: {}", error.column(), kind_of(&error)))?;
    into.bytes.clear();
    into.headers.clear();
    into.topic.clear();
    into.topic.push_str(&line.topic);
    (into.partition, into.offset, into.timestamp_millis) = (line.partition, line.offset, line.timestamp);
    let kind = TimestampKind::ALL.iter().position(|kind| kind.symbol() == line.timestamp_type);
    into.kind = kind.ok_or("timestampType is not one of None, CreateTime, LogAppendTime")?;
    let text = |field: Option<Option<Cow<'_, str>>>| {
        field.map(|text| text.map(|text| text.into_owned().into_bytes()))
    };
    into.key = into.keep("key", text(line.key), line.key_base64)?;
    for header in line.headers {
        let name = header.name.map(|name| Some(name.into_owned().into_bytes()));
        // Named in one of the two, or refused.
        let name = into.keep("header name", name, header.name_base64)?.unwrap_or_default();
        let value = into.keep("header value", text(header.value), header.value_base64)?;
        into.headers.push((name, value));
    }
    into.value = match (line.value, line.value_base64) {
        (Some(Some(raw)), None) => Some(into.put(raw.get().as_bytes())),
        (value, base64) => into.keep("value", value.map(|raw| raw.map(|raw| raw.get().into())), base64)?,
    };
    Ok(())
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
    fn put(&mut self, bytes: &[u8]) -> Range<usize> {
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        begin..self.bytes.len()
    }

    fn keep(
        &mut self,
        name: &str,
        plain: Option<Option<Vec<u8>>>,
        base64: Option<Cow<'_, str>>,
    ) -> Result<Option<Range<usize>>, String> {
        match (plain, base64) {
            (Some(plain), None) => Ok(plain.map(|bytes| self.put(&bytes))),
            (None, Some(text)) => {
                let begin = self.bytes.len();
                let decoded = STANDARD.decode_vec(text.as_bytes(), &mut self.bytes);
                decoded.map_err(|_| format!("{name}: no base64"))?;
                Ok(Some(begin..self.bytes.len()))
            }
            (Some(_), Some(_)) => Err(format!("{name}: there both plain and in base64")),
            (None, None) => Err(format!("{name}: missing")),
        }
    }

    /// The record.
    #[must_use]
    pub fn record(&self) -> TopicRecord<'_> {
        let bytes = |range: &Option<Range<usize>>| range.clone().map(|range| &self.bytes[range]);
        let header = |(name, value): &(Range<usize>, Option<Range<usize>>)| RecordHeader {
            name: &self.bytes[name.clone()],
            value: bytes(value),
        };
        TopicRecord {
            topic: &self.topic,
            partition: self.partition,
            offset: self.offset,
            timestamp_millis: self.timestamp_millis,
            timestamp_kind: TimestampKind::ALL[self.kind],
            key: bytes(&self.key),
            headers: self.headers.iter().map(header).collect::<RecordHeaders<'_>>(),
            value: bytes(&self.value),
        }
    }
}
