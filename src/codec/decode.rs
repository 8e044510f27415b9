//! A record's value to an event, by the framing it is recognised to have.

use super::fault::FieldFault;
use super::framing::{Framed, SchemaRef, recognise};
use super::{DecodeError, SchemaLookup, Schemas, json};
use crate::domain::account_event::AccountEvent;
use crate::domain::pos_event::{PosEvent, Readable};
use std::borrow::Cow;

/// Reads a record's value as POS event, whatever its framing; `guid` is that of the record's
/// [`super::SCHEMA_ID_HEADER`] header.
///
/// # Errors
/// [`DecodeError`]: a fault in the bytes, or a schema that is still under way.
pub fn decode_pos_event<'a>(
    schemas: &dyn Schemas,
    value: &'a [u8],
    guid: Option<[u8; 16]>,
) -> Result<PosEvent<'a>, DecodeError> {
    match recognise(value, guid)? {
        Framed::Json(text) => json::read_pos_event(text),
        Framed::Behind(schema, datum) => known_schema(schemas.pos_event(&schema), schema)?.read(datum),
    }
}

/// What can be read of a value that cannot be decoded as POS event.
#[must_use]
pub fn readable(value: &[u8], guid: Option<[u8; 16]>) -> Readable {
    match recognise(value, guid) {
        Ok(Framed::Json(text)) => json::read_readable(text),
        _ => Readable::default(),
    }
}

/// Reads a record's value as account event, whatever its framing; `guid` is that of the record's
/// [`super::SCHEMA_ID_HEADER`] header.
///
/// # Errors
/// [`DecodeError`]: a fault in the bytes, or a schema that is still under way.
pub fn decode_account_event(
    schemas: &dyn Schemas,
    value: &[u8],
    guid: Option<[u8; 16]>,
) -> Result<AccountEvent, DecodeError> {
    match recognise(value, guid)? {
        Framed::Json(text) => json::read_account_event(text),
        Framed::Behind(schema, datum) => known_schema(schemas.account_event(&schema), schema)?.read(datum),
    }
}

/// A record of another flow as JSON, whatever its framing; `guid` is that of the record's [`super::SCHEMA_ID_HEADER`] header.
///
/// # Errors
/// [`DecodeError`]: a fault in the bytes, or a schema that is still under way.
pub fn decode_plain<'v>(
    schemas: &dyn Schemas,
    value: &'v [u8],
    guid: Option<[u8; 16]>,
) -> Result<Cow<'v, [u8]>, DecodeError> {
    match recognise(value, guid)? {
        Framed::Json(text) => Ok(Cow::Borrowed(text)),
        Framed::Behind(schema, datum) => known_schema(schemas.plain(&schema), schema)?.json(datum),
    }
}

/// The schema that it takes to read a value; none where it takes none.
#[must_use]
pub fn schema_of(value: &[u8], guid: Option<[u8; 16]>) -> Option<SchemaRef> {
    match recognise(value, guid) {
        Ok(Framed::Behind(schema, _)) => Some(schema),
        _ => None,
    }
}

fn known_schema<T>(answer: SchemaLookup<T>, schema: SchemaRef) -> Result<T, DecodeError> {
    match answer {
        SchemaLookup::Known(plan) => Ok(plan),
        SchemaLookup::Unknown(reason) => Err(FieldFault::unreadable(reason).into()),
        SchemaLookup::Waiting => Err(DecodeError::NeedsSchema(schema)),
    }
}
