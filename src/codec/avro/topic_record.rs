//! Archived records as Avro datums of `schemas/topic_record.avsc`, straight from and to bytes.

use super::input::Input;
use super::write::{branch, long, size, text};
use crate::codec::fault::{Fault, Read};
use crate::domain::record::{RecordHeader, RecordHeaders, TimestampKind, TopicRecord};

/// Appends a record's datum.
pub fn write_topic_record(record: &TopicRecord<'_>, out: &mut Vec<u8>) {
    text(record.topic, out);
    long(i64::from(record.partition), out);
    long(record.offset, out);
    long(record.timestamp_millis, out);
    long(record.timestamp_kind as i64, out);
    optional_bytes(record.key, out);
    if !record.headers.is_empty() {
        size(record.headers.len(), out);
        for header in &record.headers {
            text(header.name, out);
            optional_bytes(header.value, out);
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
pub fn take_topic_record<'a>(block: &mut &'a [u8]) -> Result<TopicRecord<'a>, String> {
    let mut input = Input::new(block, &[]);
    let record = read(&mut input).map_err(|fault| fault.to_text())?;
    *block = &block[block.len() - input.left()..];
    Ok(record)
}

fn read<'a>(input: &mut Input<'a, '_>) -> Read<TopicRecord<'a>> {
    let topic = input.text()?;
    let partition = input.int()? as i32;
    let offset = input.long()?;
    let timestamp_millis = input.long()?;
    let kind = input.size()?;
    let Some(timestamp_kind) = TimestampKind::ALL.get(kind).copied() else {
        return Err(Fault::unreadable(format!("timestampType: there is no symbol {kind}")));
    };
    let key = read_optional_bytes(input).map_err(|fault| fault.in_field("key"))?;
    let headers = read_headers(input).map_err(|fault| fault.in_field("headers"))?;
    let value = read_optional_bytes(input).map_err(|fault| fault.in_field("value"))?;
    Ok(TopicRecord { topic, partition, offset, timestamp_millis, timestamp_kind, key, headers, value })
}

fn read_headers<'a>(input: &mut Input<'a, '_>) -> Read<RecordHeaders<'a>> {
    let mut headers = RecordHeaders::new();
    loop {
        let (count, _) = input.block()?;
        if count == 0 {
            return Ok(headers);
        }
        for _ in 0..count {
            let name = input.text()?;
            headers.push(RecordHeader { name, value: read_optional_bytes(input)? });
        }
    }
}

fn read_optional_bytes<'a>(input: &mut Input<'a, '_>) -> Read<Option<&'a [u8]>> {
    match input.size()? {
        0 => Ok(None),
        1 => input.prefixed().map(Some),
        branch => Err(Fault::unreadable(format!("there is no branch {branch}"))),
    }
}
