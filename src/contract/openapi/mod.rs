//! The OpenAPI document of the gateway: what `/openapi.json` serves. Every field, symbol and bound comes from where the code
//! has it; the words are here. Never promises what the gateway does not hold: `tests/it/contract.rs` decides its examples.

mod components;
mod contact;
mod operations;
mod problems;

use super::bounds::FormBounds;
use super::node::{Node, node};
use crate::config::Scope;
use operations::{DocumentedOperation, OPERATIONS};
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
    EXAMPLES.copy_of(&format!("/{name}"))
}

/// A reference to a component.
fn component(kind: &str, name: &str) -> Node {
    Node::reference(&format!("#/components/{kind}/{name}"))
}

/// The whole document.
#[must_use]
pub fn openapi(bounds: &FormBounds) -> Node {
    let path = |operation: &DocumentedOperation| {
        (operation.path, Node::from_iter([(operation.method, operation.node())]))
    };
    let paths: Node = OPERATIONS.iter().map(path).collect();
    node!({
        "openapi": (VERSION),
        "info": {
            "title": "tillgate",
            "version": (env!("CARGO_PKG_VERSION")),
            "summary": "Risk-checks point-of-sale events, and answers while the till waits.",
            "description": (INFO)
        },
        "servers": [{ "url": "/", "description": "The gateway that serves this document." }],
        "tags": [
            { "name": "POS events", "description": "What happened at a till, and the answer to it." },
            { "name": "Account events", "description": "What changed an account's standing." },
            { "name": "Contact", "description": "Contacts with persons that took place, and whether one may." }
        ],
        "paths": (paths),
        "components": (components::components(bounds))
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
