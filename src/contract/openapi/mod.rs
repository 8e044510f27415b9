//! The OpenAPI document of the gateway: what `/openapi.json` serves. Every field, symbol and bound comes from where the code
//! has it; the words are here. Never promises what the gateway does not hold: `tests/it/contract.rs` decides its examples.

mod answers;
mod components;
mod contact;

use super::bounds::Bounds;
use super::node::{Node, node};
use crate::config::Scope;
use answers::{Body, Responses};
use std::sync::LazyLock;

/// The version of OpenAPI that the document is written in.
const VERSION: &str = "3.1.0";

/// What a scope is for.
fn purpose(scope: Scope) -> &'static str {
    match scope {
        Scope::EventsWrite => "send POS events",
        Scope::EventsRead => "read the latest outcome of an event",
        Scope::AccountEventsWrite => "send account events",
        Scope::InteractionsWrite => "record interactions",
        Scope::ContactAsk => "ask whether a person may be contacted",
    }
}

static EXAMPLES: LazyLock<Node> =
    LazyLock::new(|| Node::parse(include_str!("../examples.json")).unwrap_or(Node::Null));

/// One of the examples: an event, or an answer.
pub(super) fn example(name: &str) -> Node {
    EXAMPLES.get(name).cloned().unwrap_or(Node::Null)
}

/// Examples as a media type has them: the name of each, its title, and its value.
fn examples(named: &[(&str, &str, Node)]) -> Node {
    named.iter().fold(Node::object(), |examples, (name, summary, value)| {
        examples.with(name, node!({ "summary": (*summary), "value": (value.clone()) }))
    })
}

/// The whole document.
#[must_use]
pub fn openapi(bounds: &Bounds) -> Node {
    node!({
        "openapi": (VERSION),
        "info": (info()),
        "servers": [{ "url": "/", "description": "The gateway that serves this document." }],
        "tags": [
            { "name": "POS events", "description": "What happened at a till, and the answer to it." },
            { "name": "Account events", "description": "What changed an account's standing." },
            { "name": "Contact", "description": "Contacts with persons that took place, and whether one may." }
        ],
        "paths": {
            "/api/v3/customer-account/{accountNumber}/event": { "post": (add_event()) },
            "/api/v3/customer-account/{accountNumber}/event/{transactionId}": { "get": (latest_outcome()) },
            "/v1/account_events": { "post": (create_account_event()) },
            "/v1/interactions": { "post": (contact::create_interaction()) },
            "/people/{personId}/can-interact": { "post": (contact::can_interact()) }
        },
        "components": (components::components(bounds))
    })
}

fn info() -> Node {
    node!({
        "title": "tillgate",
        "version": (env!("CARGO_PKG_VERSION")),
        "summary": "Risk-checks point-of-sale events, and answers while the till waits.",
        "description": (INFO)
    })
}

const INFO: &str = "\
tillgate decides on events of points of sale by the state of the customer's account: Accepted, Pending or Rejected, with every \
reason, and what the till can do next.

**Who may.** Each request carries a token (`Authorization: Bearer`) or a key (`X-Api-Key`) that has the scope named at the \
operation.

**Repeats.** Whoever has no answer sends the same request again. A POS event with an `accountTransactionId` is booked once: \
a repeat is answered as the first one stands now. An account event or an interaction with an `Idempotency-Key` applies once within 35 days. \
Without either, a repeat is a new event.

**Amounts** are JSON numbers, exact decimals in major units; those of account events are whole numbers of minor units (cents). \
`x-decimals-max` says how many decimals are taken; zeros at the end do not count.

**Fields** that are not listed are passed over. `null` is as if the field were not there.

**Problems** other than the answers of an operation's contract are `application/problem+json` (RFC 9457). Where a repeat \
helps, `Retry-After` says after how many seconds.

**Tracing.** Each answer has `X-Request-Id`: that of the request, or one that was made for it.";

fn parameters(names: &[&str]) -> Node {
    let reference = |name: &&str| Node::reference(&format!("#/components/parameters/{name}"));
    names.iter().map(reference).collect::<Vec<_>>().into()
}

fn security(scope: &str) -> Node {
    node!([{ "bearer": [(scope)] }, { "apiKey": [(scope)] }])
}

/// A JSON body that has to be there.
fn body(schema: &str, description: &str, examples: Node) -> Node {
    let schema = Node::reference(&format!("#/components/schemas/{schema}"));
    node!({
        "description": (description),
        "required": true,
        "content": { "application/json": { "schema": (schema), "examples": (examples) } }
    })
}

const ADD_EVENT: &str = "\
Sends a POS event and waits for the answer. The HTTP status says whether the event could be judged, `outcome` what was decided: \
a refusal is 200 as well.

- **Accepted**: booked.
- **Pending**: waits for the step that `actionCode` names; the amount is held on the limit meanwhile. Ask for the latest outcome \
later.
- **Rejected**: not booked. `riskCheckMessages` has every reason.
- **NotEvaluated**: could not be judged. What is wrong with the form of an event is answered 400 instead, all faults together.

A repeat with the same `accountTransactionId` and the same content books nothing and is answered as the first one stands now, \
with the message `pos.idempotency.repeat`; with other content it is Rejected (`400.100`). An event without the id is a new event \
each time it is sent: give it one, and after 503, 504 or a connection that broke send the same request again.";

fn add_event() -> Node {
    let event = |name: &str| example(name).without(&["accountNumber"]);
    let requests = examples(&[
        ("purchase", "Two lines, one with a discount", event("purchase")),
        ("offByACent", "A total that is off by a cent", event("offByACent")),
        ("needsSsn", "An amount for which Norway needs a known social security number", event("needsSsn")),
    ]);
    let outcomes = examples(&[
        ("accepted", "Booked", example("accepted")),
        ("pending", "Waits for the customer", example("pending")),
        ("rejected", "Refused: a total that is off by a cent", example("rejected")),
    ]);
    let faults = examples(&[(
        "formFaults",
        "A field is missing, another has an unknown symbol",
        example("formFaults"),
    )]);
    let answers = Responses::default()
        .with(200, "The decision.", Body::Json { schema: "Answer", examples: outcomes }, true)
        .with(
            400,
            "The event cannot be judged: every fault of its form. What is wrong with a header is told as a problem.",
            Body::Json { schema: "RiskCheckMessages", examples: faults },
            false,
        )
        .or_problem(400)
        .problems(&[401, 403, 408, 413, 415, 429, 500, 503, 504]);
    node!({
        "operationId": "addEvent",
        "tags": ["POS events"],
        "summary": "Add an event",
        "description": (ADD_EVENT),
        "security": (security("events:write")),
        "parameters": (parameters(&["accountNumber", "X-Request-Id"])),
        "requestBody": (body("PosEvent", "The event. Its account is that of the path.", requests)),
        "responses": (answers.node())
    })
}

const LATEST_OUTCOME: &str = "\
The outcome of an event as it stands now, by the `transactionId` of the answer to it: of a Pending one that was granted, refused \
or ran out, the later outcome. 404 where the account has no such event, and where it is older than what the gateway keeps; for a moment also where another gateway \
has just answered it: the \
outcomes topic has them all.";

fn latest_outcome() -> Node {
    let outcomes = examples(&[
        ("accepted", "Booked", example("accepted")),
        ("pending", "Still waits for the customer", example("pending")),
    ]);
    let answers = Responses::default()
        .with(200, "The latest outcome.", Body::Json { schema: "Answer", examples: outcomes }, false)
        .problems(&[400, 401, 403, 404, 408, 413, 415, 429, 500, 503, 504]);
    node!({
        "operationId": "latestOutcome",
        "tags": ["POS events"],
        "summary": "Look up the latest outcome",
        "description": (LATEST_OUTCOME),
        "security": (security("events:read")),
        "parameters": (parameters(&["accountNumber", "transactionId", "X-Request-Id"])),
        "responses": (answers.node())
    })
}

const CREATE_ACCOUNT_EVENT: &str = "\
Changes an account's standing. `eventType` says what changed, and the object of that name how (`cashAdvance` for `cash_advance`); \
no other may be set. The first event of an account opens it.

With an `Idempotency-Key` a repeat within 35 days changes nothing and is answered 200 again; the same key with other content is a \
conflict. Without a key a repeat is a new event: a payment would be booked twice. After 503, 504 or a \
connection that broke, send the same request again, with the same key.

What an account's standing does not allow is refused with the reason: a payment to reverse that is not known, a step of a Pending \
outcome that was over before, another currency while there is a balance.";

fn create_account_event() -> Node {
    let requests = examples(&[
        ("payment", "A payment", example("payment")),
        ("flag", "A flag that stops the account", example("flag")),
        ("cashAdvance", "Cash that was paid out", example("advance")),
        ("default", "The account fell into default", example("default")),
        ("close", "The account is closed", example("close")),
        ("limit", "A new limit", example("limit")),
        ("masterData", "Master data", example("master")),
        ("granted", "The customer finished the step of a Pending outcome", example("granted")),
    ]);
    let created = examples(&[("payment", "The payment was booked", example("paid"))]);
    let answers = Responses::default()
        .with(
            200,
            "It was applied, now or before.",
            Body::Json { schema: "AccountEventCreated", examples: created },
            false,
        )
        .problems(&[400, 401, 403, 408, 409, 413, 415, 422, 429, 500, 503, 504]);
    node!({
        "operationId": "createAccountEvent",
        "tags": ["Account events"],
        "summary": "Create an account event",
        "description": (CREATE_ACCOUNT_EVENT),
        "security": (security("account-events:write")),
        "parameters": (parameters(&["Idempotency-Key", "X-Request-Id"])),
        "requestBody": (body("AccountEvent", "The event.", requests)),
        "responses": (answers.node())
    })
}
