//! A record's value to an event, by the framing it is recognised to have.

use super::framing::{Framed, recognise};
use super::{DecodeError, json};
use crate::domain::account_event::AccountEvent;
use crate::domain::pos_event::PosEvent;

/// The writers' schemas that are known.
pub trait Schemas {}

/// No schema is known: JSON only.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSchemas;

impl Schemas for NoSchemas {}

/// Reads a POS event, whatever its framing.
///
/// # Errors
/// [`DecodeError`] where the value is no event, or its schema is not known yet.
pub fn decode_pos_event<'a>(
    _schemas: &dyn Schemas,
    value: &'a [u8],
    guid: Option<[u8; 16]>,
) -> Result<PosEvent<'a>, DecodeError> {
    match recognise(value, guid)? {
        Framed::Json(value) => json::read_pos_event(value),
        Framed::Avro(schema, _) => Err(DecodeError::NeedsSchema(schema)),
    }
}

/// Reads an account event, whatever its framing.
///
/// # Errors
/// [`DecodeError`] where the value is no event, or its schema is not known yet.
pub fn decode_account_event(
    _schemas: &dyn Schemas,
    value: &[u8],
    guid: Option<[u8; 16]>,
) -> Result<AccountEvent, DecodeError> {
    match recognise(value, guid)? {
        Framed::Json(value) => json::read_account_event(value),
        Framed::Avro(schema, _) => Err(DecodeError::NeedsSchema(schema)),
    }
}
