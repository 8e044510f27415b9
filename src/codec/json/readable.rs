//! What can be read of a POS event that cannot be decoded: enough for the till to tell which of its events the answer is to.

use crate::domain::Micros;
use crate::domain::enums::{EventType, Language};
use crate::domain::pos_event::Readable;
use serde::Deserialize;
use serde_json::Value;

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ReadableMembers {
    account_transaction_id: Value,
    event_type: Value,
    time: Value,
    conversation_language: Value,
}

/// Reads what has the right type, and passes over the rest. Nothing where the text is no JSON object, or has a member twice.
#[must_use]
pub fn read_readable(text: &[u8]) -> Readable {
    let members: ReadableMembers = serde_json::from_slice(text).unwrap_or_default();
    Readable {
        account_transaction_id: members.account_transaction_id.as_str().map(str::to_owned),
        event_type: members.event_type.as_str().and_then(EventType::from_symbol),
        time: members.time.as_str().and_then(Micros::parse_rfc3339),
        language: members.conversation_language.as_str().and_then(Language::from_symbol),
    }
}
