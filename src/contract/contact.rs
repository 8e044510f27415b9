//! JSON Schemas of the records of contact decisions, out of their Avro schemas and the words here.

use super::bounds::Bounds;
use super::fields::{Field, Kind, NOT_BLANK};
use super::node::{Node, node};
use super::records::{Records, Writer, avro, headed};
use crate::contact::{Channel, ContactKind, InteractionChannel, SUBJECTS, Status, Theme};
use crate::domain::limits::{ID_CHARS_MAX, LOANS_MAX, PARTY_LIST_MAX, PARTY_WORDS_MAX};

const INTERACTION: &str = include_str!("../../schemas/interaction.avsc");
const CONTACT_REQUEST: &str = include_str!("../../schemas/contact_request.avsc");
const CONTACT_DECISION: &str = include_str!("../../schemas/contact_decision.avsc");
const PARTY_RECORD: &str = include_str!("../../schemas/party_record.avsc");

/// The Avro schemas: names of their files, and their texts.
pub(super) const AVRO: [(&str, &str); 4] = [
    ("interaction.avsc", INTERACTION),
    ("contact_request.avsc", CONTACT_REQUEST),
    ("contact_decision.avsc", CONTACT_DECISION),
    ("party_record.avsc", PARTY_RECORD),
];

/// `interactions`
#[must_use]
pub fn interaction(bounds: &Bounds) -> Node {
    let schema = Records { writer: Writer::Others, bounds }.record(&avro(INTERACTION));
    headed(with_enum(schema, "channel", InteractionChannel::ALL[1..].iter().map(|one| one.symbol())))
}

/// `contact.requests`
#[must_use]
pub fn contact_request(bounds: &Bounds) -> Node {
    headed(Records { writer: Writer::Others, bounds }.record(&avro(CONTACT_REQUEST)))
}

/// `contact.decisions`
#[must_use]
pub fn contact_decision(bounds: &Bounds) -> Node {
    headed(Records { writer: Writer::Tillgate, bounds }.record(&avro(CONTACT_DECISION)))
}

/// `party.records`
#[must_use]
pub fn party_record(bounds: &Bounds) -> Node {
    headed(Records { writer: Writer::Others, bounds }.record(&avro(PARTY_RECORD)))
}

/// A fact of an account, as the flow of POS events tells it.
#[must_use]
pub fn party_fact() -> Node {
    let id = |what: &str| node!({ "description": (what), "type": "string", "minLength": 1, "maxLength": (ID_CHARS_MAX), "pattern": (NOT_BLANK) });
    let symbols: Vec<&str> = Status::ALL.iter().map(|status| status.symbol()).collect();
    headed(node!({
        "title": "PartyFact",
        "description": "Whose an account is, and what it is. Record key: partyId.",
        "type": "object",
        "properties": {
            "partyId": (id("The person.")),
            "account": (id("The account.")),
            "statuses": { "description": "What it is.", "type": "array", "items": { "type": "string", "enum": (symbols) } },
            "withdrawn": { "description": "It is another person's from now on.", "type": "boolean" }
        },
        "required": ["partyId", "account"]
    }))
}

/// The symbols of channels, themes, subjects and kinds of contacts: what a request over HTTP may say.
pub(super) fn symbols(field: &str) -> Vec<&'static str> {
    match field {
        "channel" => Channel::ALL.iter().map(|one| one.symbol()).collect(),
        "theme" => Theme::ALL.iter().map(|one| one.symbol()).collect(),
        "subject" => SUBJECTS.to_vec(),
        _ => ContactKind::ALL.iter().map(|one| one.symbol()).collect(),
    }
}

fn with_enum(schema: Node, field: &str, symbols: impl Iterator<Item = &'static str>) -> Node {
    let properties = schema.get("properties").cloned().unwrap_or(Node::Null);
    let property = properties.get(field).cloned().unwrap_or_else(Node::object);
    let symbols: Vec<&str> = symbols.collect();
    let properties = properties.with(field, property.with("type", "string").with("enum", symbols));
    schema.with("properties", properties)
}

/// Every field of the records, in their order.
#[rustfmt::skip]
pub(super) const FIELDS: &[Field] = &[
    Field("Interaction.eventId", "", Kind::EventId),
    Field("Interaction.partyId", "The person. Also the record's key, which it has to equal.", Kind::AccountEventId),
    Field("Interaction.channel", "Where it took place.", Kind::Any),
    Field("Interaction.type", "What it was, such as outbound-call: contact.reading says what that means.", Kind::AccountEventId),
    Field("Interaction.occurredAt", "When it took place: RFC 3339, with an offset.", Kind::Any),
    Field("Interaction.purpose", "What for, such as collection.", Kind::Message),
    Field("Interaction.outcome", "What came of it, such as no-answer.", Kind::Message),
    Field("Interaction.agentId", "Who was there on the lender's side.", Kind::Message),
    Field("Interaction.linkedResourceType", "What it was about: loan or account for a debt.", Kind::Message),
    Field("Interaction.linkedResourceId", "Which one of these.", Kind::AccountEventId),
    Field("Interaction.idempotencyKey", "", Kind::Key),

    Field("ContactRequest.requestId", "The decision says it again.", Kind::AccountEventId),
    Field("ContactRequest.personId", "The person. Also the record's key, which it has to equal.", Kind::AccountEventId),
    Field("ContactRequest.loanIds", "What the contact is about.", Kind::List(LOANS_MAX)),
    Field("ContactRequest.channel", "How the person is to be contacted.", Kind::Any),
    Field("ContactRequest.subject", "Of the message: a subject of the contract.", Kind::Message),
    Field("ContactRequest.theme", "Why: a theme of the contract.", Kind::Message),
    Field("ContactRequest.startAt", "When; left out, it is the record's time.", Kind::Any),
    Field("ContactRequest.startDate", "", Kind::Any),
    Field("ContactRequest.isAutodialed", "Whether a machine dials, or a recording speaks.", Kind::Any),
    Field("ContactRequest.contactId", "By which of the person's contacts.", Kind::AccountEventId),
    Field("ContactRequest.contactExternalId", "The same by the lender's own id.", Kind::AccountEventId),
    Field("ContactRequest.contactDetails", "", Kind::Any),
    Field("ContactDetails.kind", "", Kind::Message),
    Field("ContactDetails.value", "The number or the address.", Kind::AccountEventId),

    Field("ContactDecision.requestId", "Of the request.", Kind::Any),
    Field("ContactDecision.personId", "The person.", Kind::Any),
    Field("ContactDecision.result", "Whether the person may be contacted.", Kind::Any),
    Field("ContactDecision.reasons", "Every reason why not, in the order of docs/contact.md.", Kind::Any),
    Field("ContactDecision.source", "The record that was decided on.", Kind::Any),
    Field("ContactDecision.positions", "The next offset of each other input, by topic.", Kind::Any),
    Field("ContactDecision.ruleset", "Hash of the rules that decided.", Kind::Ruleset),
    Field("ContactReason.code", "A code that never changes.", Kind::Code),
    Field("ContactReason.message", "The same in words.", Kind::Message),
    Field("ContactReason.notBefore", "", Kind::Any),

    Field("PartyRecord.partyId", "The person. Also the record's key, which it has to equal.", Kind::AccountEventId),
    Field("PartyRecord.jurisdiction", "", Kind::Any),
    Field("PartyRecord.timeZones", "", Kind::List(PARTY_WORDS_MAX)),
    Field("PartyRecord.places", "", Kind::List(PARTY_WORDS_MAX)),
    Field("PartyRecord.contacts", "By what the person is reached.", Kind::List(PARTY_LIST_MAX)),
    Field("PartyRecord.loans", "Loans, with and without an account here.", Kind::List(PARTY_LIST_MAX)),
    Field("PartyRecord.cases", "What speaks against contacts.", Kind::List(PARTY_LIST_MAX)),
    Field("PartyRecord.inconvenientTimes", "When contacts are inconvenient, in the person's local time.", Kind::List(PARTY_LIST_MAX)),
    Field("PartyRecord.inconvenientPlaces", "", Kind::List(PARTY_WORDS_MAX)),
    Field("Contact.contactId", "Its id.", Kind::AccountEventId),
    Field("Contact.externalId", "", Kind::Any),
    Field("Contact.kind", "", Kind::Any),
    Field("Contact.value", "The number or the address.", Kind::Any),
    Field("Contact.place", "", Kind::Any),
    Field("Contact.timeZones", "", Kind::List(PARTY_WORDS_MAX)),
    Field("Contact.consentAutodialedCall", "", Kind::Any),
    Field("Contact.optedOut", "", Kind::List(PARTY_WORDS_MAX)),
    Field("PartyLoan.loanId", "", Kind::AccountEventId),
    Field("PartyLoan.externalId", "", Kind::Any),
    Field("PartyLoan.statuses", "", Kind::List(PARTY_WORDS_MAX)),
    Field("PartyCase.caseId", "Its id.", Kind::AccountEventId),
    Field("PartyCase.kind", "", Kind::Any),
    Field("PartyCase.from", "", Kind::Any),
    Field("PartyCase.until", "", Kind::Any),
    Field("PartyCase.channels", "", Kind::List(PARTY_WORDS_MAX)),
    Field("PartyCase.themes", "", Kind::List(PARTY_WORDS_MAX)),
    Field("PartyCase.loanIds", "", Kind::List(PARTY_WORDS_MAX)),
    Field("InconvenientTime.days", "", Kind::List(PARTY_WORDS_MAX)),
    Field("InconvenientTime.from", "", Kind::TimeOfDay),
    Field("InconvenientTime.to", "", Kind::TimeOfDay),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::{CaseKind, DAYS};

    #[test]
    fn words_of_the_avro_schemas_are_those_of_the_code() {
        let says = |words: Vec<&str>| {
            let words = words.join(", ");
            assert!(PARTY_RECORD.contains(&words), "party_record.avsc does not say {words}");
        };
        says(CaseKind::ALL.iter().map(|kind| kind.symbol()).collect());
        says(Status::ALL.iter().map(|status| status.symbol()).collect());
        says(ContactKind::ALL.iter().map(|kind| kind.symbol()).collect());
        says(Channel::ELECTRONIC.iter().map(|channel| channel.symbol()).collect());
        says(DAYS.to_vec());
    }
}
