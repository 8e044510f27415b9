//! The operations of contact decisions: recording what took place, and asking whether a person may be contacted.

use super::super::bounds::Bounds;
use super::super::contact::{interaction, symbols};
use super::super::fields::{EVENT_ID, NOT_BLANK};
use super::super::node::{Node, node};
use super::answers::{Body, Responses};
use super::components::{part, without_fields};
use super::{body, example, examples, parameters, security};
use crate::domain::limits::{ID_CHARS_MAX, LOANS_MAX};

/// The contract's ids of persons, as it writes them.
const PERSON_ID: &str = r"^ext-|^[A-Z]{2}-[A-Z0-9]+-[A-Z0-9]+|^[0-9]+$";

const CREATE_INTERACTION: &str = "\
Records a contact with a party that took place: a call that was placed, a message, a visit. What it means for later contacts is \
said by its type, channel, outcome and purpose (`contact.reading` of the configuration); the debt that it was about is \
`linkedResourceId` where `linkedResourceType` is `loan` or `account`.

An `Idempotency-Key` counts for its party for 35 days: the same one with the same content is answered as the first one was, \
also while that is under way; with other content it is a conflict. After 503, 504 or a connection that broke, send the same request again.

`occurredAt` must not lie ahead.";

pub(super) fn create_interaction() -> Node {
    let requests = examples(&[("call", "A call that nobody answered", example("call"))]);
    let created = examples(&[("call", "The call is remembered", example("callCreated"))]);
    let answers = Responses::default()
        .with(
            201,
            "It is remembered, now or before.",
            Body::Json { schema: "InteractionCreated", examples: created },
            false,
        )
        .problems(&[400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 500, 503, 504]);
    node!({
        "operationId": "createInteraction",
        "tags": ["Contact"],
        "summary": "Record an interaction",
        "description": (CREATE_INTERACTION),
        "security": (security("interactions:write")),
        "parameters": (parameters(&["Required-Idempotency-Key", "X-Request-Id"])),
        "requestBody": (body("Interaction", "What took place.", requests)),
        "responses": (answers.node())
    })
}

const CAN_INTERACT: &str = "\
Asks whether a person may be contacted now, this way, about this: by the interactions so far, by what is known of the person and of \
the accounts, and by the policy of the person's jurisdiction. The answer is 200 also where it is no: `data.result` says it, and \
`data.reasons` every reason, with `notBefore` where it is known when the reason ends. No answer is legal advice.

`startAt` is a time, or a day where only that is known; left out, it is now. One of `contactId`, `contactExternalId` and \
`contactDetails` is needed; details that are new are remembered as a contact without any consent. `subject` or `theme` is needed.";

pub(super) fn can_interact() -> Node {
    let requests = examples(&[
        ("mayCall", "May we call about this loan?", example("mayCall")),
        ("mayWrite", "May we send this notice on that day?", example("mayWrite")),
        ("newNumber", "May we call this number?", example("newNumber")),
    ]);
    let answers = examples(&[
        ("allowed", "Yes", example("allowed")),
        ("refused", "No: too many calls", example("refused")),
    ]);
    let answers = Responses::default()
        .with(200, "The decision.", Body::Json { schema: "CanInteractAnswer", examples: answers }, false)
        .problems(&[400, 401, 403, 404, 408, 413, 415, 429, 500, 503, 504]);
    node!({
        "operationId": "canInteract",
        "tags": ["Contact"],
        "summary": "Ask whether a person may be contacted",
        "description": (CAN_INTERACT),
        "security": (security("contact:ask")),
        "parameters": (parameters(&["personId", "X-Request-Id"])),
        "requestBody": (body("CanInteract", "How, about what and when.", requests)),
        "responses": (answers.node())
    })
}

pub(super) fn person_id() -> Node {
    node!({
        "name": "personId", "in": "path", "required": true,
        "description": "The person: a number, a country's letters and two parts, or ext- and an id of the lender's own.",
        "schema": { "type": "string", "minLength": 1, "maxLength": (ID_CHARS_MAX), "pattern": (PERSON_ID) },
        "example": "4711"
    })
}

/// The interaction of a request: its id is made for it, and its key is a header.
pub(super) fn interaction_request(bounds: &Bounds) -> Node {
    let schema = without_fields(part(interaction(bounds)), &["eventId", "idempotencyKey"]);
    schema.with("description", "A contact with a party that took place.")
}

pub(super) fn interaction_created(bounds: &Bounds) -> Node {
    let schema = without_fields(part(interaction(bounds)), &["idempotencyKey"]);
    let id = node!({ "description": "The interaction's id.", "type": "string", "pattern": (EVENT_ID) });
    let properties = schema.get("properties").cloned().unwrap_or(Node::Null).with("eventId", id);
    schema
        .with("title", "InteractionCreated")
        .with("description", "An interaction that is remembered.")
        .with("properties", properties)
}

/// The question of a request.
pub(super) fn request(_: &Bounds) -> Node {
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
