//! What operations share: schemas, parameters, headers, and how callers prove who they are.

use super::super::bounds::FormBounds;
use super::super::fields::{ACCOUNT_EVENT_ID, HEADER_CHARS_MAX, NOT_BLANK, TRANSACTION_ID};
use super::super::node::{Node, node};
use super::super::records;
use super::{component, contact, example, problems, purpose};
use crate::config::Scope;
use crate::domain::limits::ID_CHARS_MAX;

/// Visible characters, spaces between them.
const HEADER: &str = "^[!-~]([ -~]*[!-~])?$";

pub(super) fn components(bounds: &FormBounds) -> Node {
    node!({
        "securitySchemes": (security_schemes()),
        "parameters": (parameters()),
        "headers": (headers()),
        "schemas": (schemas(bounds)),
        "responses": (problems::responses())
    })
}

fn security_schemes() -> Node {
    let scopes: Vec<String> =
        Scope::ALL.iter().map(|scope| format!("- `{scope}`: {}", purpose(*scope))).collect();
    let bearer = format!(
        "A signed token (JWT) of the issuer that the operator trusts. Its claim `scope` names what the caller may:\n\n{}",
        scopes.join("\n")
    );
    node!({
        "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": (bearer) },
        "apiKey": {
            "type": "apiKey", "in": "header", "name": "X-Api-Key",
            "description": "A key that the operator gave to the caller, with the same scopes."
        }
    })
}

fn parameters() -> Node {
    let header = |name: &str, description: &str, example: &str| {
        node!({
            "name": (name), "in": "header", "required": false,
            "description": (description),
            "schema": (header_text()),
            "example": (example)
        })
    };
    let account =
        node!({ "type": "string", "minLength": 1, "maxLength": (ID_CHARS_MAX), "pattern": (NOT_BLANK) });
    node!({
        "accountNumber": {
            "name": "accountNumber", "in": "path", "required": true,
            "description": "The account.",
            "schema": (account),
            "example": (example("purchase").copy_of("/accountNumber"))
        },
        "transactionId": {
            "name": "transactionId", "in": "path", "required": true,
            "description": "transactionId of an answer.",
            "schema": { "type": "string", "pattern": (TRANSACTION_ID) },
            "example": (example("accepted").copy_of("/transactionId"))
        },
        "Idempotency-Key": (header(
            "Idempotency-Key",
            "A key of the caller's own for this event: with it, sending it again within 35 days is safe.",
            "pay-2025-01-06-000318",
        )),
        "personId": (contact::person_id()),
        "Required-Idempotency-Key": (header(
            "Idempotency-Key",
            "A key of the caller's own for this interaction: sending it again within 35 days is safe.",
            "call-2026-03-02-000318",
        ).with("required", true)),
        "X-Request-Id": (header(
            "X-Request-Id",
            "An id of the caller's own for this request; the answer repeats it. One is made where there is none.",
            "till-17-4711",
        ))
    })
}

fn header_text() -> Node {
    node!({ "type": "string", "minLength": 1, "maxLength": (HEADER_CHARS_MAX), "pattern": (HEADER) })
}

fn headers() -> Node {
    let header =
        |description: &str, schema: Node| node!({ "description": (description), "schema": (schema) });
    let seconds = node!({ "type": "integer", "minimum": 0 });
    let text = node!({ "type": "string" });
    node!({
        "X-Request-Id": (header("That of the request, or one that was made for it.", header_text())),
        "Retry-After": (header("After how many seconds a repeat may help.", seconds)),
        "WWW-Authenticate": (header("How to prove who one is.", text))
    })
}

fn schemas(bounds: &FormBounds) -> Node {
    let message = message(bounds);
    let messages =
        node!({ "type": "array", "minItems": 1, "items": (component("schemas", "RiskCheckMessage")) });
    node!({
        "PosEvent": (pos_event(bounds)),
        "Answer": (answer(bounds)),
        "RiskCheckMessage": (message),
        "RiskCheckMessages": (messages),
        "AccountEvent": (account_event(bounds)),
        "AccountEventCreated": (account_event_created(bounds)),
        "Interaction": (contact::interaction_request(bounds)),
        "InteractionCreated": (contact::interaction_created(bounds)),
        "CanInteract": (contact::request(bounds)),
        "CanInteractAnswer": (contact::answer()),
        "Problem": (problem())
    })
}

/// A schema as it stands within the document, which names the dialect of all.
pub(super) fn part(schema: Node) -> Node {
    schema.without(&["$schema"])
}

/// The event of a request: its account is in the path.
fn pos_event(bounds: &FormBounds) -> Node {
    let schema = part(records::pos_event(bounds));
    let schema = without_fields(schema, &["accountNumber"]);
    schema.with("description", "A purchase, withdrawal or other event at a point of sale.")
}

/// What a till is told of an outcome.
fn answer(bounds: &FormBounds) -> Node {
    let outcome = records::pos_outcome(bounds);
    let told = ["eventAdded", "transactionId", "outcome", "riskCheckMessages"];
    let properties: Node =
        told.into_iter().map(|name| (name, outcome.copy_of(&format!("/properties/{name}")))).collect();
    let messages = outcome.copy_of("/properties/riskCheckMessages/description");
    let messages = node!({ "description": (messages), "type": "array", "items": (component("schemas", "RiskCheckMessage")) });
    node!({
        "title": "Answer",
        "description": "The decision on an event.",
        "type": "object",
        "properties": (properties.with("riskCheckMessages", messages)),
        "required": (told.to_vec())
    })
}

/// A message without what is for analysts alone.
fn message(bounds: &FormBounds) -> Node {
    let outcome = records::pos_outcome(bounds);
    without_fields(outcome.copy_of("/properties/riskCheckMessages/items"), &["detail"])
}

/// The event of a request: the gateway gives it id and time, and its key is a header.
fn account_event(bounds: &FormBounds) -> Node {
    let schema = part(records::account_event_request(bounds));
    without_fields(schema, &["id", "idempotencyKey", "createdAt"]).with(
        "description",
        "A change of an account's standing. Exactly the object that eventType names is set.",
    )
}

fn account_event_created(bounds: &FormBounds) -> Node {
    let schema = without_fields(part(records::account_event(bounds)), &["idempotencyKey"]);
    let id = node!({ "description": "The event's id.", "type": "string", "pattern": (ACCOUNT_EVENT_ID) });
    let created = node!({ "description": "When it was created.", "type": "string", "format": "date-time" });
    let properties = schema.copy_of("/properties");
    schema
        .with("title", "AccountEventCreated")
        .with("description", "An account event that was applied.")
        .with("properties", properties.with("id", id).with("createdAt", created))
        .with("required", vec!["id", "account", "eventType", "createdAt"])
}

fn problem() -> Node {
    node!({
        "title": "Problem",
        "description": "Why there is no answer (RFC 9457).",
        "type": "object",
        "properties": {
            "type": {
                "description": "What kind of problem it is; about:blank where the status says it all.",
                "type": "string", "format": "uri-reference"
            },
            "title": { "description": "The kind of problem, in words.", "type": "string" },
            "status": { "description": "The HTTP status.", "type": "integer", "minimum": 400, "maximum": 599 },
            "detail": { "description": "What is wrong with this request, and what to do.", "type": "string" }
        },
        "required": ["type", "title", "status", "detail"]
    })
}

pub(super) fn without_fields(schema: Node, names: &[&str]) -> Node {
    let properties = schema.copy_of("/properties").without(names);
    let required = schema.items_of("required").iter().cloned();
    let required: Vec<Node> =
        required.filter(|name| name.text().is_none_or(|name| !names.contains(&name))).collect();
    schema.with("properties", properties).with("required", required)
}
