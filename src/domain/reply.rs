//! What became of a record whose sender asked to be told: by a header `requestId`, as the HTTP gateway sets it.

use super::Micros;
use super::enums::symbols;
use super::outcome::Source;
use std::fmt;

/// The header by which a sender asks for a reply, which says its value again.
pub const REQUEST_ID: &str = "requestId";
/// Its characters at most; a longer one asks for nothing.
pub const REQUEST_ID_CHARS_MAX: usize = 80;

symbols! {
    /// What became of it, as replies have it.
    Fate {
        /// It was applied.
        Applied = "applied",
        /// It was applied before, by its id or its idempotency key: nothing changed.
        Repeat = "repeat",
        /// An event of other content was applied under its id or idempotency key: nothing changed.
        Conflict = "conflict",
        /// It cannot be applied: nothing changed.
        Refused = "refused",
    }
}

/// The reply to one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reply<'a> {
    /// Of the request.
    pub request_id: &'a str,
    /// What became of it.
    pub fate: Fate,
    /// Id of the event; none where it has none that can be read, and of a repeat by its idempotency key where it was applied
    /// under another id.
    pub id: Option<&'a str>,
    /// When the event was created; of a repeat, when that was that was applied.
    pub created_at: Option<Micros>,
    /// Why it was not applied: the code of its dead letter.
    pub code: Option<&'a str>,
    /// The same in words.
    pub message: Option<&'a str>,
    /// Where the event stands.
    pub source: Source<'a>,
}
