//! The answers of an operation. What a status means, whether a repeat helps and what it looks like stands here once for all
//! operations.

use super::super::node::{Node, node};

/// The body of an answer that is no problem.
pub(super) enum Body {
    /// JSON of this schema.
    Json {
        /// Its name among the components.
        schema: &'static str,
        /// Examples of it.
        examples: Node,
    },
}

/// A problem that any operation may answer.
struct Problem {
    status: u16,
    /// As RFC 9110 calls it.
    title: &'static str,
    description: &'static str,
    /// What the example says.
    detail: &'static str,
    /// After how many seconds the example says that a repeat helps.
    retry_after: Option<i64>,
}

const PROBLEMS: [Problem; 13] = [
    Problem {
        status: 400,
        title: "Bad Request",
        description: "The request cannot be read, or something in it is missing or of the wrong form: the detail says what.",
        detail: "payment.amount is required and missing or blank",
        retry_after: None,
    },
    Problem {
        status: 401,
        title: "Unauthorized",
        description: "No token and no key, or one that is not known, has expired, or is for another service.",
        detail: "an access token or an API key is needed",
        retry_after: None,
    },
    Problem {
        status: 403,
        title: "Forbidden",
        description: "The caller is known and has not the scope that the operation needs.",
        detail: "the client has not the scope that this needs",
        retry_after: None,
    },
    Problem {
        status: 404,
        title: "Not Found",
        description: "The account has no such event, or it is older than what the gateway keeps; or contact decisions are switched off here.",
        detail: "no such event of this account is known here",
        retry_after: None,
    },
    Problem {
        status: 408,
        title: "Request Timeout",
        description: "The request did not arrive whole in time. Nothing was decided.",
        detail: "the body took too long",
        retry_after: None,
    },
    Problem {
        status: 409,
        title: "Conflict",
        description: "The Idempotency-Key was used for an event of other content: give this one a key of its own.",
        detail: "an event of other content was applied under this idempotencyKey: give it one of its own",
        retry_after: None,
    },
    Problem {
        status: 413,
        title: "Content Too Large",
        description: "The body is larger than the gateway takes.",
        detail: "the body is larger than gateway.body_bytes_max",
        retry_after: None,
    },
    Problem {
        status: 415,
        title: "Unsupported Media Type",
        description: "The body is not application/json, or has a Content-Encoding.",
        detail: "send application/json",
        retry_after: None,
    },
    Problem {
        status: 422,
        title: "Unprocessable Content",
        description: "What is known of the account or the person does not allow it: the detail says why.",
        detail: "no payment of 32.00 is known that was not reversed",
        retry_after: None,
    },
    Problem {
        status: 429,
        title: "Too Many Requests",
        description: "The caller sends more than it may. Nothing was decided.",
        detail: "more requests than gateway.rate_per_client allows",
        retry_after: Some(1),
    },
    Problem {
        status: 500,
        title: "Internal Server Error",
        description: "A fault of the gateway. What became of an event is not known: a repeat with its id or key is safe.",
        detail: "the request could not be answered: a fault of the gateway",
        retry_after: None,
    },
    Problem {
        status: 503,
        title: "Service Unavailable",
        description: "The gateway is starting or stopping, has too much to do, or does not reach Kafka. A repeat of an event with its id or key is safe.",
        detail: "too many requests are under way",
        retry_after: Some(1),
    },
    Problem {
        status: 504,
        title: "Gateway Timeout",
        description: "No decision came in time. An event may be decided yet: a repeat with its id or key is safe, and is answered as soon as it is decided.",
        detail: "the answer took too long; what was sent may be decided all the same",
        retry_after: Some(1),
    },
];

/// The answers of one operation, by status.
#[derive(Default)]
pub(super) struct Responses(Vec<(u16, Node)>);

impl Responses {
    /// An answer of the operation's own. `is_linked`: the latest outcome can be asked for by what it says.
    pub(super) fn with(mut self, status: u16, description: &str, body: Body, is_linked: bool) -> Self {
        let Body::Json { schema, examples } = body;
        let schema = Node::reference(&format!("#/components/schemas/{schema}"));
        let answer = node!({
            "description": (description),
            "headers": (headers(&["X-Request-Id"])),
            "content": { "application/json": { "schema": (schema), "examples": (examples) } }
        });
        let link = node!({ "latestOutcome": {
            "operationId": "latestOutcome",
            "parameters": {
                "accountNumber": "$request.path.accountNumber",
                "transactionId": "$response.body#/transactionId"
            },
            "description": "The outcome as it stands later, such as that of a Pending one."
        } });
        self.0.push((status, answer.with_some("links", is_linked.then_some(link))));
        self
    }

    /// The answer of a status may be a problem as well: what is wrong is not the event but the request around it.
    pub(super) fn or_problem(mut self, status: u16) -> Self {
        let schema = Node::reference("#/components/schemas/Problem");
        for (_, answer) in self.0.iter_mut().filter(|(known, _)| *known == status) {
            let content = answer.get("content").cloned().unwrap_or_else(Node::object);
            let content = content.with("application/problem+json", node!({ "schema": (schema.clone()) }));
            *answer = answer.clone().with("content", content);
        }
        self
    }

    /// Problems of these statuses.
    pub(super) fn problems(mut self, statuses: &[u16]) -> Self {
        for status in statuses {
            self.0.push((*status, Node::reference(&format!("#/components/responses/{status}"))));
        }
        self
    }

    /// As the operation has them.
    pub(super) fn node(mut self) -> Node {
        self.0.sort_by_key(|(status, _)| *status);
        let by_status =
            |answers: Node, (status, answer): (u16, Node)| answers.with(&status.to_string(), answer);
        self.0.into_iter().fold(Node::object(), by_status)
    }
}

fn headers(names: &[&str]) -> Node {
    names.iter().fold(Node::object(), |headers, name| {
        headers.with(name, Node::reference(&format!("#/components/headers/{name}")))
    })
}

/// All problems, as components.
pub(super) fn responses() -> Node {
    PROBLEMS.iter().fold(Node::object(), |responses, problem| {
        let names: &[&str] = match (problem.status, problem.retry_after) {
            (401 | 403, _) => &["X-Request-Id", "WWW-Authenticate"],
            (_, Some(_)) => &["X-Request-Id", "Retry-After"],
            _ => &["X-Request-Id"],
        };
        let example = node!({
            "type": "about:blank",
            "title": (problem.title),
            "status": (i64::from(problem.status)),
            "detail": (problem.detail)
        });
        let schema = Node::reference("#/components/schemas/Problem");
        let response = node!({
            "description": (problem.description),
            "headers": (headers(names)),
            "content": { "application/problem+json": { "schema": (schema), "example": (example) } }
        });
        responses.with(&problem.status.to_string(), response)
    })
}
