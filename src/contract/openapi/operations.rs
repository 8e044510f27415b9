//! The operations of the gateway: what each is for, what it takes and what it answers. Words and lists alone; what a body looks
//! like is said by the components that these name.

use super::super::node::{Node, node};
use super::{component, example};
use crate::config::Scope;

/// What may be asked for.
pub(super) struct DocumentedOperation {
    pub(super) path: &'static str,
    /// The HTTP method, in small letters.
    pub(super) method: &'static str,
    id: &'static str,
    tag: &'static str,
    summary: &'static str,
    description: &'static str,
    scope: Scope,
    /// Names among the components.
    parameters: &'static [&'static str],
    /// What its body is; none: it has none.
    body: Option<(&'static str, BodySchema)>,
    /// Its answers that are no problems.
    answers: &'static [DocumentedAnswer],
    /// The statuses of its problems.
    problems: &'static [u16],
}

/// JSON of a schema.
struct BodySchema {
    /// Its name among the components.
    schema: &'static str,
    /// The name of each, its title, and its name in `examples.json`.
    examples: &'static [(&'static str, &'static str, &'static str)],
}

struct DocumentedAnswer {
    status: u16,
    description: &'static str,
    content: BodySchema,
    /// The latest outcome can be asked for by what it says.
    is_linked: bool,
    /// It may be a problem as well: what is wrong is not what was sent but the request around it.
    or_problem: bool,
}

/// An answer with JSON of this schema, and nothing else to it.
const fn answer(
    status: u16,
    description: &'static str,
    schema: &'static str,
    examples: &'static [(&'static str, &'static str, &'static str)],
) -> DocumentedAnswer {
    DocumentedAnswer {
        status,
        description,
        content: BodySchema { schema, examples },
        is_linked: false,
        or_problem: false,
    }
}

#[rustfmt::skip]
pub(super) const OPERATIONS: &[DocumentedOperation] = &[
    DocumentedOperation {
        path: "/api/v3/customer-account/{accountNumber}/event",
        method: "post",
        id: "addEvent",
        tag: "POS events",
        summary: "Add an event",
        description: ADD_EVENT,
        scope: Scope::EventsWrite,
        parameters: &["accountNumber", "X-Request-Id"],
        body: Some(("The event. Its account is that of the path.", BodySchema { schema: "PosEvent", examples: &[
            ("purchase", "Two lines, one with a discount", "purchase"),
            ("offByACent", "A total that is off by a cent", "offByACent"),
            ("needsSsn", "An amount for which Norway needs a known social security number", "needsSsn"),
        ] })),
        answers: &[
            DocumentedAnswer { is_linked: true, ..answer(200, "The decision.", "Answer", &[
                ("accepted", "Booked", "accepted"),
                ("pending", "Waits for the customer", "pending"),
                ("rejected", "Refused: a total that is off by a cent", "rejected"),
            ]) },
            DocumentedAnswer { or_problem: true, ..answer(
                400,
                "The event cannot be judged: every fault of its form. What is wrong with a header is told as a problem.",
                "RiskCheckMessages",
                &[("formFaults", "A field is missing, another has an unknown symbol", "formFaults")],
            ) },
        ],
        problems: &[401, 403, 408, 413, 415, 429, 500, 503, 504],
    },
    DocumentedOperation {
        path: "/api/v3/customer-account/{accountNumber}/event/{transactionId}",
        method: "get",
        id: "latestOutcome",
        tag: "POS events",
        summary: "Look up the latest outcome",
        description: LATEST_OUTCOME,
        scope: Scope::EventsRead,
        parameters: &["accountNumber", "transactionId", "X-Request-Id"],
        body: None,
        answers: &[answer(200, "The latest outcome.", "Answer", &[
            ("accepted", "Booked", "accepted"),
            ("pending", "Still waits for the customer", "pending"),
        ])],
        problems: &[400, 401, 403, 404, 408, 413, 415, 429, 500, 503, 504],
    },
    DocumentedOperation {
        path: "/v1/account_events",
        method: "post",
        id: "createAccountEvent",
        tag: "Account events",
        summary: "Create an account event",
        description: CREATE_ACCOUNT_EVENT,
        scope: Scope::AccountEventsWrite,
        parameters: &["Idempotency-Key", "X-Request-Id"],
        body: Some(("The event.", BodySchema { schema: "AccountEvent", examples: &[
            ("payment", "A payment", "payment"),
            ("flag", "A flag that stops the account", "flag"),
            ("cashAdvance", "Cash that was paid out", "advance"),
            ("default", "The account fell into default", "default"),
            ("close", "The account is closed", "close"),
            ("limit", "A new limit", "limit"),
            ("masterData", "Master data", "master"),
            ("granted", "The customer finished the step of a Pending outcome", "granted"),
        ] })),
        answers: &[answer(200, "It was applied, now or before.", "AccountEventCreated", &[
            ("payment", "The payment was booked", "paid"),
        ])],
        problems: &[400, 401, 403, 408, 409, 413, 415, 422, 429, 500, 503, 504],
    },
    DocumentedOperation {
        path: "/v1/interactions",
        method: "post",
        id: "createInteraction",
        tag: "Contact",
        summary: "Record an interaction",
        description: CREATE_INTERACTION,
        scope: Scope::InteractionsWrite,
        parameters: &["Required-Idempotency-Key", "X-Request-Id"],
        body: Some(("What took place.", BodySchema { schema: "Interaction", examples: &[
            ("call", "A call that nobody answered", "call"),
        ] })),
        answers: &[answer(201, "It is remembered, now or before.", "InteractionCreated", &[
            ("call", "The call is remembered", "callCreated"),
        ])],
        problems: &[400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 500, 503, 504],
    },
    DocumentedOperation {
        path: "/people/{personId}/can-interact",
        method: "post",
        id: "canInteract",
        tag: "Contact",
        summary: "Ask whether a person may be contacted",
        description: CAN_INTERACT,
        scope: Scope::ContactAsk,
        parameters: &["personId", "X-Request-Id"],
        body: Some(("How, about what and when.", BodySchema { schema: "CanInteract", examples: &[
            ("mayCall", "May we call about this loan?", "mayCall"),
            ("mayWrite", "May we send this notice on that day?", "mayWrite"),
            ("newNumber", "May we call this number?", "newNumber"),
        ] })),
        answers: &[answer(200, "The decision.", "CanInteractAnswer", &[
            ("allowed", "Yes", "allowed"),
            ("refused", "No: too many calls", "refused"),
        ])],
        problems: &[400, 401, 403, 404, 408, 413, 415, 429, 500, 503, 504],
    },
];

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

const LATEST_OUTCOME: &str = "\
The outcome of an event as it stands now, by the `transactionId` of the answer to it: of a Pending one that was granted, refused \
or ran out, the later outcome. 404 where the account has no such event, and where it is older than what the gateway keeps; for a moment also where another gateway \
has just answered it: the \
outcomes topic has them all.";

const CREATE_ACCOUNT_EVENT: &str = "\
Changes an account's standing. `eventType` says what changed, and the object of that name how (`cashAdvance` for `cash_advance`); \
no other may be set. The first event of an account opens it.

With an `Idempotency-Key` a repeat within 35 days changes nothing and is answered 200 again; the same key with other content is a \
conflict. Without a key a repeat is a new event: a payment would be booked twice. After 503, 504 or a \
connection that broke, send the same request again, with the same key.

What an account's standing does not allow is refused with the reason: a payment to reverse that is not known, a step of a Pending \
outcome that was over before, another currency while there is a balance.";

const CREATE_INTERACTION: &str = "\
Records a contact with a party that took place: a call that was placed, a message, a visit. What it means for later contacts is \
said by its type, channel, outcome and purpose (`contact.reading` of the configuration); the debt that it was about is \
`linkedResourceId` where `linkedResourceType` is `loan` or `account`.

An `Idempotency-Key` counts for its party for 35 days: the same one with the same content is answered as the first one was, \
also while that is under way; with other content it is a conflict. After 503, 504 or a connection that broke, send the same request again.

`occurredAt` must not lie ahead.";

const CAN_INTERACT: &str = "\
Asks whether a person may be contacted now, this way, about this: by the interactions so far, by what is known of the person and of \
the accounts, and by the policy of the person's jurisdiction. The answer is 200 also where it is no: `data.result` says it, and \
`data.reasons` every reason, with `notBefore` where it is known when the reason ends. No answer is legal advice.

`startAt` is a time, or a day where only that is known; left out, it is now. One of `contactId`, `contactExternalId` and \
`contactDetails` is needed; details that are new are remembered as a contact without any consent. `subject` or `theme` is needed.";

impl DocumentedOperation {
    pub(super) fn node(&self) -> Node {
        let parameters: Vec<Node> =
            self.parameters.iter().map(|name| component("parameters", name)).collect();
        let body = self.body.as_ref().map(|(description, content)| {
            let content = node!({ "application/json": (content.node()) });
            node!({ "description": (*description), "required": true, "content": (content) })
        });
        let own = self.answers.iter().map(|answer| (answer.status, answer.node()));
        let problem = |status: &u16| (*status, component("responses", &status.to_string()));
        let mut responses: Vec<(u16, Node)> = own.chain(self.problems.iter().map(problem)).collect();
        responses.sort_by_key(|(status, _)| *status);
        let responses: Node =
            responses.into_iter().map(|(status, response)| (status.to_string(), response)).collect();
        let scope = self.scope.symbol();
        node!({
            "operationId": (self.id),
            "tags": [(self.tag)],
            "summary": (self.summary),
            "description": (self.description),
            "security": [{ "bearer": [(scope)] }, { "apiKey": [(scope)] }],
            "parameters": (parameters)
        })
        .with_some("requestBody", body)
        .with("responses", responses)
    }
}

impl BodySchema {
    fn node(&self) -> Node {
        // The account of a POS event is in the path.
        let value = |name: &str| example(name).without(&["accountNumber"]);
        let examples = self.examples.iter();
        let examples: Node = examples
            .map(|(name, title, kept)| (*name, node!({ "summary": (*title), "value": (value(kept)) })))
            .collect();
        node!({ "schema": (component("schemas", self.schema)), "examples": (examples) })
    }
}

impl DocumentedAnswer {
    fn node(&self) -> Node {
        let problem = self.or_problem.then(|| node!({ "schema": (component("schemas", "Problem")) }));
        let content = node!({ "application/json": (self.content.node()) });
        let link = self.is_linked.then(|| {
            node!({ "latestOutcome": {
                "operationId": "latestOutcome",
                "parameters": {
                    "accountNumber": "$request.path.accountNumber",
                    "transactionId": "$response.body#/transactionId"
                },
                "description": "The outcome as it stands later, such as that of a Pending one."
            } })
        });
        node!({
            "description": (self.description),
            "headers": { "X-Request-Id": (component("headers", "X-Request-Id")) },
            "content": (content.with_some("application/problem+json", problem))
        })
        .with_some("links", link)
    }
}
