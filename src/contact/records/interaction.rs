//! An interaction: a contact with a party that took place.

use super::{RecordFault, check_id, check_text, read};
use crate::contact::words::InteractionChannel;
use crate::domain::Micros;
use crate::domain::hashing::digest64;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A contact with a party that took place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Interaction {
    /// `evt_` and a ULID; the same one applies once.
    pub event_id: String,
    /// The person.
    pub party_id: String,
    /// Where it took place, a symbol of the contract.
    pub channel: String,
    /// What it was.
    #[serde(rename = "type")]
    pub kind: String,
    /// When.
    pub occurred_at: Micros,
    /// What for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// What came of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
    /// Who was there on the lender's side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// What it was about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linked_resource_type: Option<String>,
    /// Which one of these.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub linked_resource_id: Option<String>,
    /// Of the request that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
}

impl Interaction {
    /// Out of the value of a record.
    ///
    /// # Errors
    /// It cannot be used: why.
    pub fn read(value: &[u8]) -> Result<Self, RecordFault> {
        let read: Self = read(value)?;
        read.check()?;
        Ok(read)
    }

    fn check(&self) -> Result<(), RecordFault> {
        if EventId::parse(&self.event_id).is_none() {
            let form = "an id is evt_ and the 26 characters of a ULID";
            return Err(RecordFault::of_form("eventId", form));
        }
        check_id("partyId", &self.party_id)?;
        check_id("type", &self.kind)?;
        for (field, text) in [
            ("channel", Some(&self.channel)),
            ("purpose", self.purpose.as_ref()),
            ("outcome", self.outcome.as_ref()),
            ("agentId", self.agent_id.as_ref()),
            ("linkedResourceType", self.linked_resource_type.as_ref()),
        ] {
            check_text(field, text.map(String::as_str))?;
        }
        for (field, id) in
            [("linkedResourceId", &self.linked_resource_id), ("idempotencyKey", &self.idempotency_key)]
        {
            id.as_deref().map_or(Ok(()), |id| check_id(field, id))?;
        }
        Ok(())
    }

    /// Where it took place.
    #[must_use]
    pub fn channel(&self) -> InteractionChannel {
        // As Avro has it: its symbols have no hyphens.
        let symbol = if self.channel == "contact_center" { "contact-center" } else { &self.channel };
        InteractionChannel::from_symbol(symbol).unwrap_or(InteractionChannel::Unrecognized)
    }

    /// A digest of all that it says, but for its ids.
    #[must_use]
    pub fn content(&self) -> u64 {
        let own = Self { event_id: String::new(), idempotency_key: None, ..self.clone() };
        digest64(&serde_json::to_vec(&own).unwrap_or_default())
    }
}

/// The id of an interaction, in 128 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventId(pub u128);

const PREFIX: &str = "evt_";
/// Crockford's base 32.
const LETTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LENGTH: usize = 26;

impl EventId {
    /// A ULID of this time and this chance.
    #[must_use]
    pub fn new(millis: u64, random: u128) -> Self {
        Self(u128::from(millis) << 80 | random & ((1 << 80) - 1))
    }

    /// Out of its text, in capitals or small letters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let letters = text.strip_prefix(PREFIX)?.as_bytes();
        // 26 letters hold 130 bits: the first says no more than 3.
        if letters.len() != LENGTH || letters[0] > b'7' {
            return None;
        }
        letters.iter().try_fold(Self(0), |Self(bits), letter| {
            let digit = LETTERS.iter().position(|known| *known == letter.to_ascii_uppercase())?;
            Some(Self(bits << 5 | digit as u128))
        })
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PREFIX)?;
        for place in (0..LENGTH).rev() {
            write!(f, "{}", char::from(LETTERS[(self.0 >> (5 * place)) as usize & 31]))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_as_they_are_written() {
        let text = "evt_01JQ9MVH9K1MSA6D0H8N7ZQ5RQ";
        let id = EventId::parse(text).expect("an id");
        assert_eq!(id.to_string(), text);
        assert_eq!(EventId::parse(&text.to_lowercase().replace("EVT", "evt")), Some(id));
        assert_eq!(
            EventId::parse(&EventId::new(1_700_000_000_000, u128::MAX).to_string()).map(|id| id.0 >> 80),
            Some(1_700_000_000_000)
        );
        for wrong in [
            "evt_",
            "evt_81JQ9MVH9K1MSA6D0H8N7ZQ5RQ",
            "evt_01JQ9MVH9K1MSA6D0H8N7ZQ5RU",
            "01JQ9MVH9K1MSA6D0H8N7ZQ5RQ",
        ] {
            assert_eq!(EventId::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn content_is_all_but_the_ids() {
        let text = r#"{"eventId":"evt_01JQ9MVH9K1MSA6D0H8N7ZQ5RQ","partyId":"P-1","channel":"contact-center","type":"outbound-call","occurredAt":"2026-03-02T09:00:00Z","idempotencyKey":"k"}"#;
        let one = Interaction::read(text.as_bytes()).expect("an interaction");
        let other = Interaction { event_id: "x".to_owned(), idempotency_key: None, ..one.clone() };
        assert_eq!(one.content(), other.content());
        assert_ne!(one.content(), Interaction { outcome: Some("busy".to_owned()), ..one.clone() }.content());
        assert_eq!(serde_json::to_string(&one).expect("JSON"), text);
        assert_eq!(one.channel(), InteractionChannel::ContactCenter);
    }
}
