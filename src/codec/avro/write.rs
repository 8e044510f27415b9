//! Writing Avro: values as our own schemas have them, appended to a buffer.

use super::decimal;
use crate::domain::varint::Varint;
use crate::domain::{Amount, Micros};

/// Why a value has no place in the schema.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {reason}: Avro has no place for it")]
pub struct Unwritable {
    /// The field's name.
    pub field: &'static str,
    /// What is the matter with it.
    pub reason: &'static str,
}

pub(super) fn long(value: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(Varint::of_signed(value).bytes());
}

/// A length, an index or a count: none of ours is beyond 63 bits.
pub(in crate::codec) fn size(value: usize, out: &mut Vec<u8>) {
    long(value as i64, out);
}

pub(super) fn boolean(value: bool, out: &mut Vec<u8>) {
    out.push(u8::from(value));
}

pub(super) fn text(value: &str, out: &mut Vec<u8>) {
    size(value.len(), out);
    out.extend_from_slice(value.as_bytes());
}

/// The branch of a union of null and one type.
pub(in crate::codec) fn branch(some: bool, out: &mut Vec<u8>) {
    out.push(u8::from(some) << 1);
}

pub(super) fn optional_text(value: Option<&str>, out: &mut Vec<u8>) {
    branch(value.is_some(), out);
    if let Some(value) = value {
        text(value, out);
    }
}

pub(super) fn optional_time(value: Option<Micros>, out: &mut Vec<u8>) {
    branch(value.is_some(), out);
    if let Some(Micros(micros)) = value {
        long(micros, out);
    }
}

/// An amount; its four decimals are those of the schema.
pub(super) fn optional_amount(value: Option<Amount>, out: &mut Vec<u8>) {
    branch(value.is_some(), out);
    if let Some(value) = value {
        decimal::write(value.ten_thousandths(), out);
    }
}

/// An array or map in one block.
pub(super) fn list<T>(values: &[T], out: &mut Vec<u8>, write: impl Fn(&T, &mut Vec<u8>)) {
    if !values.is_empty() {
        size(values.len(), out);
        values.iter().for_each(|value| write(value, out));
    }
    size(0, out);
}
