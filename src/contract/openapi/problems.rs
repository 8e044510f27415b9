//! The problems that operations answer. What a status means, whether a repeat helps and what it looks like stands here once for
//! all operations.

use super::super::node::{Node, node};
use super::component;

/// Each status, what RFC 9110 calls it, whether a repeat helps after the second that `Retry-After` says, what it means here, and
/// the detail of its example.
#[rustfmt::skip]
const PROBLEMS: [(u16, &str, bool, &str, &str); 13] = [
    (400, "Bad Request", false,
        "The request cannot be read, or something in it is missing or of the wrong form: the detail says what.",
        "payment.amount is required and missing or blank"),
    (401, "Unauthorized", false,
        "No token and no key, or one that is not known, has expired, or is for another service.",
        "an access token or an API key is needed"),
    (403, "Forbidden", false,
        "The caller is known and has not the scope that the operation needs.",
        "the client has not the scope that this needs"),
    (404, "Not Found", false,
        "The account has no such event, or it is older than what the gateway keeps; or contact decisions are switched off here.",
        "no such event of this account is known here"),
    (408, "Request Timeout", false,
        "The request did not arrive whole in time. Nothing was decided.",
        "the body took too long"),
    (409, "Conflict", false,
        "The Idempotency-Key was used for an event of other content: give this one a key of its own.",
        "an event of other content was applied under this idempotencyKey: give it one of its own"),
    (413, "Content Too Large", false,
        "The body is larger than the gateway takes.",
        "the body is larger than gateway.body_bytes_max"),
    (415, "Unsupported Media Type", false,
        "The body is not application/json, or has a Content-Encoding.",
        "send application/json"),
    (422, "Unprocessable Content", false,
        "What is known of the account or the person does not allow it: the detail says why.",
        "no payment of 32.00 is known that was not reversed"),
    (429, "Too Many Requests", true,
        "The caller sends more than it may. Nothing was decided.",
        "more requests than gateway.rate_per_client allows"),
    (500, "Internal Server Error", false,
        "A fault of the gateway. What became of an event is not known: a repeat with its id or key is safe.",
        "the request could not be answered: a fault of the gateway"),
    (503, "Service Unavailable", true,
        "The gateway is starting or stopping, has too much to do, or does not reach Kafka. A repeat of an event with its id or key is safe.",
        "too many requests are under way"),
    (504, "Gateway Timeout", true,
        "No decision came in time. An event may be decided yet: a repeat with its id or key is safe, and is answered as soon as it is decided.",
        "the answer took too long; what was sent may be decided all the same"),
];

/// All problems, as components.
pub(super) fn responses() -> Node {
    let response = |(status, title, may_repeat, description, detail): (u16, &str, bool, &str, &str)| {
        let headers: &[&str] = match status {
            401 | 403 => &["X-Request-Id", "WWW-Authenticate"],
            _ if may_repeat => &["X-Request-Id", "Retry-After"],
            _ => &["X-Request-Id"],
        };
        let headers: Node = headers.iter().map(|name| (*name, component("headers", name))).collect();
        let example =
            node!({ "type": "about:blank", "title": (title), "status": (status), "detail": (detail) });
        let content = node!({ "schema": (component("schemas", "Problem")), "example": (example) });
        let response = node!({
            "description": (description),
            "headers": (headers),
            "content": { "application/problem+json": (content) }
        });
        (status.to_string(), response)
    };
    PROBLEMS.into_iter().map(response).collect()
}
