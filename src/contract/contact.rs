//! JSON Schemas of the records of contact decisions, out of their Avro schemas and the words here.

use super::bounds::FormBounds;
use super::fields::{Bound, FieldSchema, NOT_BLANK};
use super::node::{Node, node};
use super::records::{WrittenBy, headed, of_avro};
use crate::contact::{Channel, ContactKind, InteractionChannel, SUBJECTS, Status, Theme};
use crate::domain::limits::{ID_CHARS_MAX, LOANS_MAX, PARTY_LIST_MAX, PARTY_WORDS_MAX};

pub(super) const INTERACTION: &str = include_str!("../../schemas/interaction.avsc");
pub(super) const CONTACT_REQUEST: &str = include_str!("../../schemas/contact_request.avsc");
pub(super) const CONTACT_DECISION: &str = include_str!("../../schemas/contact_decision.avsc");
pub(super) const PARTY_RECORD: &str = include_str!("../../schemas/party_record.avsc");

/// `interactions`, of the channels that there are.
pub(super) fn interaction(bounds: &FormBounds) -> Node {
    let schema = of_avro(INTERACTION, WrittenBy::Others, bounds);
    let channels: Vec<&str> = InteractionChannel::ALL[1..].iter().map(|one| one.symbol()).collect();
    let channel = schema.copy_of("/properties/channel").with("type", "string").with("enum", channels);
    let properties = schema.copy_of("/properties").with("channel", channel);
    schema.with("properties", properties)
}

/// A fact of an account, as the flow of POS events tells it.
pub(super) fn party_fact() -> Node {
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

/// Every field of the records, in their order.
#[rustfmt::skip]
pub(super) const FIELDS: &[FieldSchema] = &[
    FieldSchema("Interaction.eventId", "", Bound::EventId),
    FieldSchema("Interaction.partyId", "The person. Also the record's key, which it has to equal.", Bound::AccountEventId),
    FieldSchema("Interaction.channel", "Where it took place.", Bound::Any),
    FieldSchema("Interaction.type", "What it was, such as outbound-call: contact.reading says what that means.", Bound::AccountEventId),
    FieldSchema("Interaction.occurredAt", "When it took place: RFC 3339, with an offset.", Bound::Any),
    FieldSchema("Interaction.purpose", "What for, such as collection.", Bound::Message),
    FieldSchema("Interaction.outcome", "What came of it, such as no-answer.", Bound::Message),
    FieldSchema("Interaction.agentId", "Who was there on the lender's side.", Bound::Message),
    FieldSchema("Interaction.linkedResourceType", "What it was about: loan or account for a debt.", Bound::Message),
    FieldSchema("Interaction.linkedResourceId", "Which one of these.", Bound::AccountEventId),
    FieldSchema("Interaction.idempotencyKey", "", Bound::Key),

    FieldSchema("ContactRequest.requestId", "The decision says it again.", Bound::AccountEventId),
    FieldSchema("ContactRequest.personId", "The person. Also the record's key, which it has to equal.", Bound::AccountEventId),
    FieldSchema("ContactRequest.loanIds", "What the contact is about.", Bound::List(LOANS_MAX)),
    FieldSchema("ContactRequest.channel", "How the person is to be contacted.", Bound::Any),
    FieldSchema("ContactRequest.subject", "Of the message: a subject of the contract.", Bound::Message),
    FieldSchema("ContactRequest.theme", "Why: a theme of the contract.", Bound::Message),
    FieldSchema("ContactRequest.startAt", "When; left out, it is the record's time.", Bound::Any),
    FieldSchema("ContactRequest.startDate", "", Bound::Any),
    FieldSchema("ContactRequest.isAutodialed", "Whether a machine dials, or a recording speaks.", Bound::Any),
    FieldSchema("ContactRequest.contactId", "By which of the person's contacts.", Bound::AccountEventId),
    FieldSchema("ContactRequest.contactExternalId", "The same by the lender's own id.", Bound::AccountEventId),
    FieldSchema("ContactRequest.contactDetails", "", Bound::Any),
    FieldSchema("ContactDetails.kind", "", Bound::Message),
    FieldSchema("ContactDetails.value", "The number or the address.", Bound::AccountEventId),

    FieldSchema("ContactDecision.requestId", "Of the request.", Bound::Any),
    FieldSchema("ContactDecision.personId", "The person.", Bound::Any),
    FieldSchema("ContactDecision.result", "Whether the person may be contacted.", Bound::Any),
    FieldSchema("ContactDecision.reasons", "Every reason why not, in the order of docs/contact.md.", Bound::Any),
    FieldSchema("ContactDecision.source", "The record that was decided on.", Bound::Any),
    FieldSchema("ContactDecision.positions", "The next offset of each other input, by topic.", Bound::Any),
    FieldSchema("ContactDecision.ruleset", "Hash of the rules that decided.", Bound::Ruleset),
    FieldSchema("ContactReason.code", "A code that never changes.", Bound::Code),
    FieldSchema("ContactReason.message", "The same in words.", Bound::Message),
    FieldSchema("ContactReason.notBefore", "", Bound::Any),

    FieldSchema("PartyRecord.partyId", "The person. Also the record's key, which it has to equal.", Bound::AccountEventId),
    FieldSchema("PartyRecord.jurisdiction", "", Bound::Any),
    FieldSchema("PartyRecord.timeZones", "", Bound::List(PARTY_WORDS_MAX)),
    FieldSchema("PartyRecord.places", "", Bound::List(PARTY_WORDS_MAX)),
    FieldSchema("PartyRecord.contacts", "By what the person is reached.", Bound::List(PARTY_LIST_MAX)),
    FieldSchema("PartyRecord.loans", "Loans, with and without an account here.", Bound::List(PARTY_LIST_MAX)),
    FieldSchema("PartyRecord.cases", "What speaks against contacts.", Bound::List(PARTY_LIST_MAX)),
    FieldSchema("PartyRecord.inconvenientTimes", "When contacts are inconvenient, in the person's local time.", Bound::List(PARTY_LIST_MAX)),
    FieldSchema("PartyRecord.inconvenientPlaces", "", Bound::List(PARTY_WORDS_MAX)),
    FieldSchema("Contact.contactId", "Its id.", Bound::AccountEventId),
    FieldSchema("Contact.externalId", "", Bound::Any),
    FieldSchema("Contact.kind", "", Bound::Any),
    FieldSchema("Contact.value", "The number or the address.", Bound::Any),
    FieldSchema("Contact.place", "", Bound::Any),
    FieldSchema("Contact.timeZones", "", Bound::List(PARTY_WORDS_MAX)),
    FieldSchema("Contact.consentAutodialedCall", "", Bound::Any),
    FieldSchema("Contact.optedOut", "", Bound::List(PARTY_WORDS_MAX)),
    FieldSchema("PartyLoan.loanId", "", Bound::AccountEventId),
    FieldSchema("PartyLoan.externalId", "", Bound::Any),
    FieldSchema("PartyLoan.statuses", "", Bound::List(PARTY_WORDS_MAX)),
    FieldSchema("PartyCase.caseId", "Its id.", Bound::AccountEventId),
    FieldSchema("PartyCase.kind", "", Bound::Any),
    FieldSchema("PartyCase.from", "", Bound::Any),
    FieldSchema("PartyCase.until", "", Bound::Any),
    FieldSchema("PartyCase.channels", "", Bound::List(PARTY_WORDS_MAX)),
    FieldSchema("PartyCase.themes", "", Bound::List(PARTY_WORDS_MAX)),
    FieldSchema("PartyCase.loanIds", "", Bound::List(PARTY_WORDS_MAX)),
    FieldSchema("InconvenientTime.days", "", Bound::List(PARTY_WORDS_MAX)),
    FieldSchema("InconvenientTime.from", "", Bound::TimeOfDay),
    FieldSchema("InconvenientTime.to", "", Bound::TimeOfDay),
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
