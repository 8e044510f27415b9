//! The public contracts' JSON: events read and written, outcomes written.
//!
//! Numbers are exact decimals from token to token. Unknown members are passed over; a member we know
//! that comes twice is a fault, because two readers could take different ones.

pub(super) mod leaves;
mod members;
mod outcome;
mod peek;
mod readable;
pub(super) mod reader;
mod reply;
pub(super) mod write;

pub use members::Members;
pub use outcome::write_outcome;
pub use peek::{Peek, peek_account_event, peek_pos_event};
pub use readable::read_readable;
pub use reply::{ReadReply, read_reply, write_reply};

use super::DecodeError;
use super::account_event::{AccountEventFields, LooseAccountEvent};
use super::fault::Read;
use super::pos_event::PosEventFields;
use super::record::RecordFields;
use crate::domain::account_event::AccountEvent;
use crate::domain::pos_event::PosEvent;
use leaves::read_object;
use reader::JsonReader;
use write::Writer;

/// Reads one event, the whole of `bytes`.
///
/// # Errors
/// [`DecodeError::Fault`] where the bytes are no JSON object, a member has the wrong type, or a known
/// member comes twice.
pub fn read_pos_event(bytes: &[u8]) -> Result<PosEvent<'_>, DecodeError> {
    Ok(read_record::<PosEventFields>(bytes)?)
}

/// Reads one event, the whole of `bytes`.
///
/// # Errors
/// [`DecodeError::Fault`]: 400.002 where a required field is missing, 400.004 where the event's type or
/// time is none, 400.001 for everything else that cannot be read.
pub fn read_account_event(bytes: &[u8]) -> Result<AccountEvent, DecodeError> {
    Ok(read_record::<AccountEventFields>(bytes)?.strict()?)
}

/// Appends `event` to `out`, in the contract's field order; what is absent is left out.
///
/// What is no value is written as it was, so that a reader sees the same fault: a number token as a
/// number, anything else as a string.
pub fn write_pos_event(event: &PosEvent<'_>, out: &mut Vec<u8>) {
    write_record::<PosEventFields>(event, out);
}

/// Appends `event` to `out`, in the contract's field order; what is absent is left out.
pub fn write_account_event(event: &AccountEvent, out: &mut Vec<u8>) {
    write_record::<AccountEventFields>(&LooseAccountEvent::of(event), out);
}

pub(super) fn read_record<F: RecordFields>(bytes: &[u8]) -> Read<F::Record<'_>> {
    let mut reader = JsonReader::new(bytes)?;
    let mut record = F::Record::default();
    read_object::<F>(&mut reader, &mut record)?;
    reader.end()?;
    Ok(record)
}

pub(super) fn write_record<F: RecordFields>(record: &F::Record<'_>, out: &mut Vec<u8>) {
    let mut object = Writer::object(out);
    F::write_members(record, &mut object);
    object.end();
}
