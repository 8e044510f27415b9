//! What the operations of contact decisions take and answer: an interaction that took place, and whether a person may be
//! contacted.

use super::super::bounds::FormBounds;
use super::super::contact::{interaction, symbols};
use super::super::fields::{EVENT_ID, NOT_BLANK};
use super::super::node::{Node, node};
use super::components::{part, without_fields};
use crate::domain::limits::{ID_CHARS_MAX, LOANS_MAX};

/// The contract's ids of persons, as it writes them.
const PERSON_ID: &str = r"^ext-|^[A-Z]{2}-[A-Z0-9]+-[A-Z0-9]+|^[0-9]+$";

pub(super) fn person_id() -> Node {
    node!({
        "name": "personId", "in": "path", "required": true,
        "description": "The person: a number, a country's letters and two parts, or ext- and an id of the lender's own.",
        "schema": { "type": "string", "minLength": 1, "maxLength": (ID_CHARS_MAX), "pattern": (PERSON_ID) },
        "example": "4711"
    })
}

/// The interaction of a request: its id is made for it, and its key is a header.
pub(super) fn interaction_request(bounds: &FormBounds) -> Node {
    let schema = without_fields(part(interaction(bounds)), &["eventId", "idempotencyKey"]);
    schema.with("description", "A contact with a party that took place.")
}

pub(super) fn interaction_created(bounds: &FormBounds) -> Node {
    let schema = without_fields(part(interaction(bounds)), &["idempotencyKey"]);
    let id = node!({ "description": "The interaction's id.", "type": "string", "pattern": (EVENT_ID) });
    let properties = schema.copy_of("/properties").with("eventId", id);
    schema
        .with("title", "InteractionCreated")
        .with("description", "An interaction that is remembered.")
        .with("properties", properties)
}

/// The question of a request.
pub(super) fn request(_: &FormBounds) -> Node {
    let id = |what: &str| node!({ "description": (what), "type": ["string", "null"], "minLength": 1, "maxLength": (ID_CHARS_MAX), "pattern": (NOT_BLANK) });
    let required_id =
        node!({ "type": "string", "minLength": 1, "maxLength": (ID_CHARS_MAX), "pattern": (NOT_BLANK) });
    let or_null =
        |field: &str| symbols(field).into_iter().map(Node::from).chain([Node::Null]).collect::<Vec<_>>();
    let one_of = |names: &[&str]| {
        let there = |name: &&str| {
            let property = Node::object().with(name, node!({ "not": { "type": "null" } }));
            node!({ "required": [(*name)], "properties": (property) })
        };
        Node::List(names.iter().map(there).collect())
    };
    node!({
        "title": "CanInteract",
        "description": "How, about what and when a person is to be contacted.",
        "type": "object",
        "properties": {
            "loanId": (id("What the contact is about: an account, or a loan of the party record.")),
            "loanIds": { "description": "The same for several.", "type": ["array", "null"], "maxItems": (LOANS_MAX - 1), "items": (required_id.clone()) },
            "channel": { "description": "How.", "type": "string", "enum": (symbols("channel")) },
            "subject": { "description": "The subject of the message; it may imply a theme.", "type": ["string", "null"], "enum": (or_null("subject")) },
            "theme": { "description": "Why.", "type": ["string", "null"], "enum": (or_null("theme")) },
            "startAt": {
                "description": "When: RFC 3339, or a day where the time of day does not matter.",
                "anyOf": [{ "type": "string", "format": "date-time" }, { "type": "string", "format": "date" }, { "type": "null" }]
            },
            "isAutodialed": { "description": "Whether a machine dials, or a recording speaks.", "type": ["boolean", "null"] },
            "contactId": (id("By which of the person's contacts.")),
            "contactExternalId": (id("The same by the lender's own id.")),
            "contactDetails": {
                "description": "The contact itself: matched to one of the person's, otherwise a new one.",
                "type": ["object", "null"],
                "properties": {
                    "kind": { "description": "What it is.", "type": "string", "enum": (symbols("kind")) },
                    "value": (required_id.with("description", "The number or the address."))
                },
                "required": ["kind", "value"]
            }
        },
        "required": ["channel"],
        "allOf": [
            { "anyOf": (one_of(&["subject", "theme"])) },
            { "anyOf": (one_of(&["contactId", "contactExternalId", "contactDetails"])) }
        ]
    })
}

pub(super) fn answer() -> Node {
    let reason = node!({
        "type": "object",
        "properties": {
            "code": { "description": "A code that never changes.", "type": "string", "maxLength": (ID_CHARS_MAX) },
            "message": { "description": "The same in words.", "type": "string" },
            "notBefore": {
                "description": "When this reason alone would stop holding, where that is known.",
                "type": "string", "format": "date-time"
            }
        },
        "required": ["code", "message"]
    });
    node!({
        "title": "CanInteractAnswer",
        "description": "Whether the person may be contacted.",
        "type": "object",
        "properties": {
            "status": { "description": "The HTTP status.", "type": "integer", "enum": [200] },
            "message": { "description": "OK.", "type": "string" },
            "data": {
                "type": "object",
                "properties": {
                    "result": { "description": "true: the person may be contacted.", "type": "boolean" },
                    "reasons": { "description": "Every reason why not.", "type": "array", "items": (reason) },
                    "requestId": { "description": "The id of the request in contact.requests and contact.decisions.", "type": "string" }
                },
                "required": ["result", "reasons", "requestId"]
            }
        },
        "required": ["status", "message", "data"]
    })
}
