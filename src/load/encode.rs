//! Generated records as bytes, in the format that was asked for.

use super::generator::{Content, PosRecord};
use crate::codec::json;
use crate::domain::account_event::AccountEvent;

/// The format of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoder {
    /// JSON as the public contracts write it.
    Json,
}

impl Encoder {
    /// Appends the value of a POS record to `out`.
    pub fn pos_record(&self, record: &PosRecord<'_>, out: &mut Vec<u8>) {
        match (&record.content, self) {
            (Content::Bytes(bytes), _) => out.extend_from_slice(bytes),
            (Content::Event(event), Self::Json) => json::write_pos_event(event, out),
        }
    }

    /// Appends the value of an account event to `out`.
    pub fn account_event(&self, event: &AccountEvent, out: &mut Vec<u8>) {
        match self {
            Self::Json => json::write_account_event(event, out),
        }
    }
}
