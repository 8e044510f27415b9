//! Generated records as bytes, in the format that was asked for.

use super::basket::decimal;
use super::generator::{PosRecord, TillContent};
use crate::codec::avro::{self, ACCOUNT_EVENT_SCHEMA, POS_EVENT_SCHEMA};
use crate::codec::{frame_with_fingerprint, frame_with_id, json};
use crate::domain::Field;
use crate::domain::account_event::AccountEvent;
use crate::domain::pos_event::PosEvent;
use std::borrow::Cow;
use thiserror::Error;

/// The format of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoder {
    /// JSON as the public contracts write it.
    Json,
    /// Avro by the schemas of this package.
    Avro {
        /// What begins a POS event.
        pos_event: AvroPrefix,
        /// What begins an account event.
        account_event: AvroPrefix,
    },
}

/// What begins an Avro record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AvroPrefix {
    /// The registry's prefix with the id of the registered schema.
    SchemaId(u32),
    /// The single-object prefix with the schema's fingerprint.
    SingleObject(u64),
}

/// A record that the format has no place for: a fault of the generator or of a schema.
#[derive(Debug, Error)]
#[error("a generated record cannot be written as avro: {0}")]
pub struct EncodeError(String);

impl Encoder {
    /// Avro in single-object encoding, which needs no registry.
    ///
    /// # Errors
    /// [`EncodeError`] where a schema of this package is none: a fault of the build.
    pub fn avro_single_object() -> Result<Self, EncodeError> {
        let framing = |schema| avro::fingerprint(schema).map(AvroPrefix::SingleObject).map_err(EncodeError);
        Ok(Self::Avro {
            pos_event: framing(POS_EVENT_SCHEMA)?,
            account_event: framing(ACCOUNT_EVENT_SCHEMA)?,
        })
    }

    /// Appends the value of a POS record to `out`. Where Avro has no place for what is missing, it is blank.
    ///
    /// # Errors
    /// [`EncodeError`] where the format has no place for the event all the same.
    pub fn pos_record(&self, record: &PosRecord<'_>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        match (&record.content, self) {
            (TillContent::Bytes(bytes), _) => out.extend_from_slice(bytes),
            (TillContent::Event(event), Self::Json) => json::write_pos_event(event, out),
            (TillContent::Event(event), Self::Avro { pos_event, .. }) => {
                pos_event.begin(out);
                let datum = out.len();
                if avro::write_pos_event(event, out).is_err() {
                    out.truncate(datum);
                    avro::write_pos_event(&blanked(event), out).map_err(no_place)?;
                }
            }
        }
        Ok(())
    }

    /// Appends the value of an account event to `out`.
    ///
    /// # Errors
    /// [`EncodeError`] where the format has no place for the event.
    pub fn account_event(&self, event: &AccountEvent, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        match self {
            Self::Json => json::write_account_event(event, out),
            Self::Avro { account_event, .. } => {
                account_event.begin(out);
                avro::write_account_event(event, out).map_err(no_place)?;
            }
        }
        Ok(())
    }
}

impl AvroPrefix {
    fn begin(self, out: &mut Vec<u8>) {
        match self {
            Self::SchemaId(id) => frame_with_id(id, out),
            Self::SingleObject(fingerprint) => frame_with_fingerprint(fingerprint, out),
        }
    }
}

fn no_place(fault: avro::Unwritable) -> EncodeError {
    EncodeError(fault.to_string())
}

/// The event with blank texts for those that Avro requires. A missing number makes the line's description blank: the
/// answer is the same.
fn blanked<'a>(event: &PosEvent<'a>) -> PosEvent<'a> {
    const BLANK: Cow<'_, str> = Cow::Borrowed("");
    let mut event = event.clone();
    event.account_number.get_or_insert(BLANK);
    for item in &mut event.items {
        item.item_id.get_or_insert(BLANK);
        item.item_description.get_or_insert(BLANK);
        item.unit_code.get_or_insert(BLANK);
        for number in [&mut item.quantity, &mut item.unit_price] {
            if number.is_absent() {
                *number = Field::Value(decimal(1, 0));
                item.item_description = Some(BLANK);
            }
        }
    }
    event
}
