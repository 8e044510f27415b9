//! Bytes to values and back: the formats of the wire. Pure: no network, no files, no clock.
//!
//! What a value says is not judged here: a decoder fails only where the bytes cannot be read, and
//! then says which field they broke in.

mod account_event;
pub mod avro;
mod bounded;
mod decode;
mod encoding;
mod fault;
mod framing;
pub mod journal;
pub mod json;
mod pos_event;
pub mod read_outcome;
mod record;
pub mod recorded;
pub mod rulesets;
mod schemas;
pub mod tick;
mod unknown_ids;

pub use bounded::write_bounded;
pub use decode::{decode_account_event, decode_plain, decode_pos_event, readable, schema_of};
pub use encoding::foreign_encoding;
pub use framing::{SCHEMA_ID_HEADER, SchemaRef, frame_with_fingerprint, frame_with_id, guid_of_header};
pub use schemas::{EventKind, KnownSchemas, NoSchema, SchemaLookup, Schemas};
pub use unknown_ids::LiveSchemas;

/// Why a record's value gives no event.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes cannot be read, now or ever: a dead letter.
    #[error("{message}")]
    Fault {
        /// Code of the check catalogue (400.001, 400.002, 400.004).
        code: &'static str,
        /// What is wrong, the field first; never the value of a field that a customer is known by.
        message: String,
        /// Path of the field, such as `items[2].quantity`.
        field: Option<String>,
    },
    /// The writer's schema is not there yet: ask again later.
    #[error("waiting for {0} from the schema registry")]
    NeedsSchema(SchemaRef),
}
