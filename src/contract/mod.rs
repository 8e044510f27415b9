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
pub use bounds::Bounds;
pub use node::Node;
pub use openapi::openapi;
pub use page::page;

use crate::codec::avro::{ACCOUNT_EVENT_SCHEMA, POS_EVENT_SCHEMA, POS_OUTCOME_SCHEMA};
use crate::config::Settings;

/// A record that has a JSON Schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Schema {
    /// POS events.
    PosEvent,
    /// Account events.
    AccountEvent,
    /// Outcomes.
    PosOutcome,
    /// Interactions.
    Interaction,
    /// Contact requests.
    ContactRequest,
    /// Contact decisions.
    ContactDecision,
    /// Party records.
    PartyRecord,
    /// Facts of a person's accounts.
    PartyFact,
    /// Results of account events and of interactions.
    AccountResult,
    /// Profile records.
    ProfileRecord,
    /// Published profiles.
    Profile,
    /// Ticks.
    Tick,
    /// The headers of dead letters.
    DeadLetterHeaders,
}

impl Schema {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::PosEvent,
        Self::AccountEvent,
        Self::PosOutcome,
        Self::Interaction,
        Self::ContactRequest,
        Self::ContactDecision,
        Self::PartyRecord,
        Self::PartyFact,
        Self::AccountResult,
        Self::ProfileRecord,
        Self::Profile,
        Self::Tick,
        Self::DeadLetterHeaders,
    ];

    /// The name of its file in `schemas/`.
    #[must_use]
    pub fn file(self) -> &'static str {
        match self {
            Self::PosEvent => "pos_event.schema.json",
            Self::AccountEvent => "account_event.schema.json",
            Self::PosOutcome => "pos_outcome.schema.json",
            Self::Interaction => "interaction.schema.json",
            Self::ContactRequest => "contact_request.schema.json",
            Self::ContactDecision => "contact_decision.schema.json",
            Self::PartyRecord => "party_record.schema.json",
            Self::PartyFact => "party_fact.schema.json",
            Self::AccountResult => "account_result.schema.json",
            Self::ProfileRecord => "profile_record.schema.json",
            Self::Profile => "profile.schema.json",
            Self::Tick => "tick.schema.json",
            Self::DeadLetterHeaders => "dead_letter_headers.schema.json",
        }
    }

    /// The file of its Avro schema, and its text; none where it is JSON alone.
    #[must_use]
    pub fn avro(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::PosEvent => Some(("pos_event.avsc", POS_EVENT_SCHEMA)),
            Self::AccountEvent => Some(("account_event.avsc", ACCOUNT_EVENT_SCHEMA)),
            Self::PosOutcome => Some(("pos_outcome.avsc", POS_OUTCOME_SCHEMA)),
            _ => None,
        }
    }

    /// Its name.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::PosEvent => "PosEvent",
            Self::AccountEvent => "AccountEvent",
            Self::PosOutcome => "PosOutcome",
            Self::Interaction => "Interaction",
            Self::ContactRequest => "ContactRequest",
            Self::ContactDecision => "ContactDecision",
            Self::PartyRecord => "PartyRecord",
            Self::PartyFact => "PartyFact",
            Self::AccountResult => "AccountResult",
            Self::ProfileRecord => "ProfileRecord",
            Self::Profile => "Profile",
            Self::Tick => "Tick",
            Self::DeadLetterHeaders => "DeadLetterHeaders",
        }
    }

    /// The schema itself.
    #[must_use]
    pub fn node(self, bounds: &Bounds) -> Node {
        match self {
            Self::PosEvent => records::pos_event(bounds),
            Self::AccountEvent => records::account_event(bounds),
            Self::PosOutcome => records::pos_outcome(bounds),
            Self::Interaction => contact::interaction(bounds),
            Self::ContactRequest => contact::contact_request(bounds),
            Self::ContactDecision => contact::contact_decision(bounds),
            Self::PartyRecord => contact::party_record(bounds),
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
pub fn files(settings: &Settings) -> Vec<(&'static str, String)> {
    let bounds = Bounds::of(&settings.checks);
    let documents = [
        ("openapi.json", openapi(&bounds).to_string()),
        ("asyncapi.json", asyncapi(&settings.kafka, &settings.topics).to_string()),
    ];
    let schemas = Schema::ALL.map(|schema| (schema.file(), schema.node(&bounds).to_string()));
    let avro =
        [Schema::PosEvent, Schema::AccountEvent, Schema::PosOutcome].into_iter().filter_map(Schema::avro);
    let avro = avro.chain(contact::AVRO).map(|(file, text)| (file, text.to_owned()));
    documents.into_iter().chain(schemas).chain(avro).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_says_which_record_it_is_of() {
        let settings = crate::config::load(&crate::config::Sources::default()).expect("the defaults");
        let bounds = Bounds::of(&settings.checks);
        for schema in Schema::ALL {
            let node = schema.node(&bounds);
            assert_eq!(node.get("title").and_then(Node::text), Some(schema.title()));
        }
    }
}
