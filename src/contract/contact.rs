//! JSON Schemas of the records of contact decisions, out of their Avro schemas and the words here.

use super::bounds::FormBounds;
use super::fields::{Bound, Field, NOT_BLANK};
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
pub(super) const FIELDS: &[Field] = &[
    Field("Interaction.eventId", "", Bound::EventId),
    Field("Interaction.partyId", "The person. Also the record's key, which it has to equal.", Bound::AccountEventId),
    Field("Interaction.channel", "Where it took place.", Bound::Any),
    Field("Interaction.type", "What it was, such as outbound-call: contact.reading says what that means.", Bound::AccountEventId),
    Field("Interaction.occurredAt", "When it took place: RFC 3339, with an offset.", Bound::Any),
    Field("Interaction.purpose", "What for, such as collection.", Bound::Message),
    Field("Interaction.outcome", "What came of it, such as no-answer.", Bound::Message),
    Field("Interaction.agentId", "Who was there on the lender's side.", Bound::Message),
    Field("Interaction.linkedResourceType", "What it was about: loan or account for a debt.", Bound::Message),
    Field("Interaction.linkedResourceId", "Which one of these.", Bound::AccountEventId),
    Field("Interaction.idempotencyKey", "", Bound::Key),

    Field("ContactRequest.requestId", "The decision says it again.", Bound::AccountEventId),
    Field("ContactRequest.personId", "The person. Also the record's key, which it has to equal.", Bound::AccountEventId),
    Field("ContactRequest.loanIds", "What the contact is about.", Bound::List(LOANS_MAX)),
    Field("ContactRequest.channel", "How the person is to be contacted.", Bound::Any),
    Field("ContactRequest.subject", "Of the message: a subject of the contract.", Bound::Message),
    Field("ContactRequest.theme", "Why: a theme of the contract.", Bound::Message),
    Field("ContactRequest.startAt", "When; left out, it is the record's time.", Bound::Any),
    Field("ContactRequest.startDate", "", Bound::Any),
    Field("ContactRequest.isAutodialed", "Whether a machine dials, or a recording speaks.", Bound::Any),
    Field("ContactRequest.contactId", "By which of the person's contacts.", Bound::AccountEventId),
    Field("ContactRequest.contactExternalId", "The same by the lender's own id.", Bound::AccountEventId),
    Field("ContactRequest.contactDetails", "", Bound::Any),
    Field("ContactDetails.kind", "", Bound::Message),
    Field("ContactDetails.value", "The number or the address.", Bound::AccountEventId),

    Field("ContactDecision.requestId", "Of the request.", Bound::Any),
    Field("ContactDecision.personId", "The person.", Bound::Any),
    Field("ContactDecision.result", "Whether the person may be contacted.", Bound::Any),
    Field("ContactDecision.reasons", "Every reason why not, in the order of docs/contact.md.", Bound::Any),
    Field("ContactDecision.source", "The record that was decided on.", Bound::Any),
    Field("ContactDecision.positions", "The next offset of each other input, by topic.", Bound::Any),
    Field("ContactDecision.ruleset", "Hash of the rules that decided.", Bound::Ruleset),
    Field("ContactReason.code", "A code that never changes.", Bound::Code),
    Field("ContactReason.message", "The same in words.", Bound::Message),
    Field("ContactReason.notBefore", "", Bound::Any),

    Field("PartyRecord.partyId", "The person. Also the record's key, which it has to equal.", Bound::AccountEventId),
    Field("PartyRecord.jurisdiction", "", Bound::Any),
    Field("PartyRecord.timeZones", "", Bound::List(PARTY_WORDS_MAX)),
    Field("PartyRecord.places", "", Bound::List(PARTY_WORDS_MAX)),
    Field("PartyRecord.contacts", "By what the person is reached.", Bound::List(PARTY_LIST_MAX)),
    Field("PartyRecord.loans", "Loans, with and without an account here.", Bound::List(PARTY_LIST_MAX)),
    Field("PartyRecord.cases", "What speaks against contacts.", Bound::List(PARTY_LIST_MAX)),
    Field("PartyRecord.inconvenientTimes", "When contacts are inconvenient, in the person's local time.", Bound::List(PARTY_LIST_MAX)),
    Field("PartyRecord.inconvenientPlaces", "", Bound::List(PARTY_WORDS_MAX)),
    Field("Contact.contactId", "Its id.", Bound::AccountEventId),
    Field("Contact.externalId", "", Bound::Any),
    Field("Contact.kind", "", Bound::Any),
    Field("Contact.value", "The number or the address.", Bound::Any),
    Field("Contact.place", "", Bound::Any),
    Field("Contact.timeZones", "", Bound::List(PARTY_WORDS_MAX)),
    Field("Contact.consentAutodialedCall", "", Bound::Any),
    Field("Contact.optedOut", "", Bound::List(PARTY_WORDS_MAX)),
    Field("PartyLoan.loanId", "", Bound::AccountEventId),
    Field("PartyLoan.externalId", "", Bound::Any),
    Field("PartyLoan.statuses", "", Bound::List(PARTY_WORDS_MAX)),
    Field("PartyCase.caseId", "Its id.", Bound::AccountEventId),
    Field("PartyCase.kind", "", Bound::Any),
    Field("PartyCase.from", "", Bound::Any),
    Field("PartyCase.until", "", Bound::Any),
    Field("PartyCase.channels", "", Bound::List(PARTY_WORDS_MAX)),
    Field("PartyCase.themes", "", Bound::List(PARTY_WORDS_MAX)),
    Field("PartyCase.loanIds", "", Bound::List(PARTY_WORDS_MAX)),
    Field("InconvenientTime.days", "", Bound::List(PARTY_WORDS_MAX)),
    Field("InconvenientTime.from", "", Bound::TimeOfDay),
    Field("InconvenientTime.to", "", Bound::TimeOfDay),
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
