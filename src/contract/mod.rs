//! Documents that machines read: OpenAPI of the gateway, AsyncAPI of the topics, JSON Schemas of the records, and a page for
//! people. They come out of the Avro schemas, the limits, the settings and the words beside them, always in the same bytes; those
//! in `schemas/` are of the default configuration. Reads no file, serves nothing, checks no record.

mod asyncapi;
mod bounds;
mod contact;
mod fields;
mod node;
mod openapi;
mod others;
mod page;
mod records;

pub use asyncapi::asyncapi;
pub use bounds::FormBounds;
pub use node::Node;
pub use openapi::openapi;
pub use page::page;

use crate::codec::avro::{ACCOUNT_EVENT_SCHEMA, POS_EVENT_SCHEMA, POS_OUTCOME_SCHEMA};
use crate::config::Settings;
use crate::domain::enums::symbols;
use records::{WrittenBy, of_avro};
use std::fmt;

symbols! {
    /// A record that has a JSON Schema, by the schema's title.
    RecordSchema {
        /// POS events.
        PosEvent = "PosEvent",
        /// Account events.
        AccountEvent = "AccountEvent",
        /// Outcomes.
        PosOutcome = "PosOutcome",
        /// Interactions.
        Interaction = "Interaction",
        /// Contact requests.
        ContactRequest = "ContactRequest",
        /// Contact decisions.
        ContactDecision = "ContactDecision",
        /// Party records.
        PartyRecord = "PartyRecord",
        /// Facts of a person's accounts.
        PartyFact = "PartyFact",
        /// Results of account events and of interactions.
        AccountResult = "AccountResult",
        /// Profile records.
        ProfileRecord = "ProfileRecord",
        /// Published profiles.
        Profile = "Profile",
        /// Ticks.
        Tick = "Tick",
        /// The headers of dead letters.
        DeadLetterHeaders = "DeadLetterHeaders",
    }
}

impl RecordSchema {
    /// The name of its file in `schemas/`.
    #[must_use]
    pub fn file(self) -> String {
        self.file_of("schema.json")
    }

    /// Its name in small letters, with an underscore before each further word, and this ending.
    fn file_of(self, ending: &str) -> String {
        let mut name = String::new();
        for letter in self.symbol().chars() {
            if letter.is_ascii_uppercase() && !name.is_empty() {
                name.push('_');
            }
            name.push(letter.to_ascii_lowercase());
        }
        format!("{name}.{ending}")
    }

    /// The text of its Avro schema; none where it is JSON alone.
    fn avro(self) -> Option<&'static str> {
        Some(match self {
            Self::PosEvent => POS_EVENT_SCHEMA,
            Self::AccountEvent => ACCOUNT_EVENT_SCHEMA,
            Self::PosOutcome => POS_OUTCOME_SCHEMA,
            Self::Interaction => contact::INTERACTION,
            Self::ContactRequest => contact::CONTACT_REQUEST,
            Self::ContactDecision => contact::CONTACT_DECISION,
            Self::PartyRecord => contact::PARTY_RECORD,
            _ => return None,
        })
    }

    /// The schema itself.
    #[must_use]
    pub fn node(self, bounds: &FormBounds) -> Node {
        match self {
            Self::PosEvent => records::pos_event(bounds),
            Self::AccountEvent => records::account_event(bounds),
            Self::PosOutcome => records::pos_outcome(bounds),
            Self::Interaction => contact::interaction(bounds),
            Self::ContactRequest => of_avro(contact::CONTACT_REQUEST, WrittenBy::Others, bounds),
            Self::ContactDecision => of_avro(contact::CONTACT_DECISION, WrittenBy::Tillgate, bounds),
            Self::PartyRecord => of_avro(contact::PARTY_RECORD, WrittenBy::Others, bounds),
            Self::PartyFact => contact::party_fact(),
            Self::AccountResult => others::account_result(),
            Self::ProfileRecord => others::profile_record(),
            Self::Profile => others::profile(),
            Self::Tick => others::tick(),
            Self::DeadLetterHeaders => others::dead_letter_headers(),
        }
    }
}

/// All documents for one folder, with the Avro schemas that they refer to: names of files, and their texts.
#[must_use]
pub fn files(settings: &Settings) -> Vec<(String, String)> {
    let bounds = FormBounds::of(&settings.checks);
    let documents = [
        ("openapi.json".to_owned(), openapi(&bounds).to_string()),
        ("asyncapi.json".to_owned(), asyncapi(&settings.kafka, &settings.topics).to_string()),
    ];
    let all = RecordSchema::ALL.iter();
    let schemas = all.clone().map(|schema| (schema.file(), schema.node(&bounds).to_string()));
    let avro = all.filter_map(|schema| Some((schema.file_of("avsc"), schema.avro()?.to_owned())));
    documents.into_iter().chain(schemas).chain(avro).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_says_which_record_it_is_of() {
        let settings = crate::config::load(&crate::config::Sources::default()).expect("the defaults");
        let bounds = FormBounds::of(&settings.checks);
        for schema in RecordSchema::ALL {
            let node = schema.node(&bounds);
            assert_eq!(node.get("title").and_then(Node::text), Some(schema.symbol()));
        }
    }
}
