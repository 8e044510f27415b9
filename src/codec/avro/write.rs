//! Writing Avro: values as our own schemas have them, appended to a buffer.

use super::decimal;
use crate::domain::decimal::Rounding;
use crate::domain::varint::Varint;
use crate::domain::{Amount, Decimal, Field, Micros};

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
pub(super) fn size(value: usize, out: &mut Vec<u8>) {
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
pub(super) fn branch(some: bool, out: &mut Vec<u8>) {
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

/// A list in one block.
pub(super) fn list<T>(
    values: &[T],
    out: &mut Vec<u8>,
    write: impl Fn(&T, &mut Vec<u8>) -> Result<(), Unwritable>,
) -> Result<(), Unwritable> {
    if !values.is_empty() {
        size(values.len(), out);
        for value in values {
            write(value, out)?;
        }
    }
    size(0, out);
    Ok(())
}

pub(super) fn required_text(
    field: &'static str,
    value: Option<&str>,
    out: &mut Vec<u8>,
) -> Result<(), Unwritable> {
    text(value.ok_or(Unwritable { field, reason: "is absent" })?, out);
    Ok(())
}

pub(super) fn required_time(
    field: &'static str,
    value: Option<Micros>,
    out: &mut Vec<u8>,
) -> Result<(), Unwritable> {
    long(value.ok_or(Unwritable { field, reason: "is absent or no time" })?.0, out);
    Ok(())
}

/// `index` gives a symbol's place; place 0 is `Unrecognized` in all enums that are read open.
pub(super) fn required_symbol<T: Copy>(
    field: &'static str,
    value: &Field<'_, T>,
    index: fn(T) -> usize,
    out: &mut Vec<u8>,
) -> Result<(), Unwritable> {
    match value {
        Field::Value(value) => size(index(*value), out),
        Field::Invalid(_) => size(0, out),
        Field::Absent => return Err(Unwritable { field, reason: "is absent" }),
    }
    Ok(())
}

pub(super) fn optional_symbol<T: Copy>(value: &Field<'_, T>, index: fn(T) -> usize, out: &mut Vec<u8>) {
    branch(!value.is_absent(), out);
    match value {
        Field::Value(value) => size(index(*value), out),
        Field::Invalid(_) => size(0, out),
        Field::Absent => {}
    }
}

pub(super) fn required_decimal(
    field: &'static str,
    value: &Field<'_, Decimal>,
    scale: u8,
    out: &mut Vec<u8>,
) -> Result<(), Unwritable> {
    let value = value.value().ok_or(Unwritable { field, reason: "is absent or no decimal of 18 digits" })?;
    if value.decimals() > scale {
        return Err(Unwritable { field, reason: "has more decimals than the schema" });
    }
    let scaled = value.quantize(scale, Rounding::Down);
    let scaled = scaled.ok_or(Unwritable { field, reason: "has more digits than the schema" })?;
    decimal::write(scaled.units(), out);
    Ok(())
}

pub(super) fn optional_decimal(
    field: &'static str,
    value: &Field<'_, Decimal>,
    scale: u8,
    out: &mut Vec<u8>,
) -> Result<(), Unwritable> {
    branch(!value.is_absent(), out);
    if value.is_absent() { Ok(()) } else { required_decimal(field, value, scale, out) }
}
