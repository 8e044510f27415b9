//! Archived records as Avro datums of `schemas/topic_record.avsc`, straight from and to bytes, and from those of its
//! first version. Never holds more headers than a record may have, whatever a datum says of itself.

use super::datum::DatumReader;
use super::write::{branch, long, size, text};
use crate::codec::fault::{FieldFault, Read};
use crate::domain::PartitionId;
use crate::domain::record::{HEADERS_MAX, RecordHeader, RecordHeaders, TimestampKind, TopicRecord};

/// The versions of the schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopicRecordLayout {
    /// `schemas/topic_record_1.avsc`: headers' names are texts.
    First,
    /// `schemas/topic_record.avsc`: a name that is no text stands in `nameBytes`.
    Second,
}

/// Appends a record's datum, of the latest layout.
pub fn write_topic_record(record: &TopicRecord<'_>, out: &mut Vec<u8>) {
    text(record.topic, out);
    long(record.partition.into(), out);
    long(record.offset, out);
    long(record.timestamp_millis, out);
    long(record.timestamp_kind as i64, out);
    optional_bytes(record.key, out);
    if !record.headers.is_empty() {
        size(record.headers.len(), out);
        for header in &record.headers {
            let name = str::from_utf8(header.name);
            text(name.unwrap_or_default(), out);
            optional_bytes(header.value, out);
            optional_bytes(name.is_err().then_some(header.name), out);
        }
    }
    size(0, out);
    optional_bytes(record.value, out);
}

fn optional_bytes(value: Option<&[u8]>, out: &mut Vec<u8>) {
    branch(value.is_some(), out);
    if let Some(value) = value {
        size(value.len(), out);
        out.extend_from_slice(value);
    }
}

/// Takes a record's datum from the front of `block`.
///
/// # Errors
/// What is wrong with it.
pub fn take_topic_record<'a>(
    block: &mut &'a [u8],
    layout: TopicRecordLayout,
) -> Result<TopicRecord<'a>, String> {
    let mut input = DatumReader::new(block, &[]);
    let record = read(&mut input, layout).map_err(|fault| fault.to_text())?;
    *block = &block[block.len() - input.left()..];
    Ok(record)
}

fn read<'a>(input: &mut DatumReader<'a, '_>, layout: TopicRecordLayout) -> Read<TopicRecord<'a>> {
    let topic = input.text()?;
    let partition = PartitionId::new(input.int()?);
    let offset = input.long()?;
    let timestamp_millis = input.long()?;
    let kind = input.size()?;
    let Some(timestamp_kind) = TimestampKind::ALL.get(kind).copied() else {
        return Err(FieldFault::unreadable(format!("timestampType: there is no symbol {kind}")));
    };
    let key = read_optional_bytes(input).map_err(|fault| fault.in_field("key"))?;
    let headers = read_headers(input, layout).map_err(|fault| fault.in_field("headers"))?;
    let value = read_optional_bytes(input).map_err(|fault| fault.in_field("value"))?;
    Ok(TopicRecord { topic, partition, offset, timestamp_millis, timestamp_kind, key, headers, value })
}

fn read_headers<'a>(input: &mut DatumReader<'a, '_>, layout: TopicRecordLayout) -> Read<RecordHeaders<'a>> {
    let mut headers = RecordHeaders::new();
    loop {
        let (count, _) = input.block()?;
        if count == 0 {
            return Ok(headers);
        }
        if count > HEADERS_MAX - headers.len() {
            return Err(FieldFault::unreadable(format!("more than {HEADERS_MAX} of them")));
        }
        for _ in 0..count {
            headers.push(read_header(input, layout)?);
        }
    }
}

fn read_header<'a>(input: &mut DatumReader<'a, '_>, layout: TopicRecordLayout) -> Read<RecordHeader<'a>> {
    let text = input.text()?;
    let value = read_optional_bytes(input)?;
    let bytes = match layout {
        TopicRecordLayout::First => None,
        TopicRecordLayout::Second => read_optional_bytes(input)?,
    };
    if bytes.is_some() && !text.is_empty() {
        return Err(FieldFault::unreadable("both name and nameBytes"));
    }
    Ok(RecordHeader { name: bytes.unwrap_or(text.as_bytes()), value })
}

fn read_optional_bytes<'a>(input: &mut DatumReader<'a, '_>) -> Read<Option<&'a [u8]>> {
    match input.size()? {
        0 => Ok(None),
        1 => input.prefixed().map(Some),
        branch => Err(FieldFault::unreadable(format!("there is no branch {branch}"))),
    }
}
