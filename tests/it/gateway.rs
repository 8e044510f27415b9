//! Requests over HTTP on a real Kafka: what a till and a back office get, and that no answer of success comes before what it says
//! is committed.

use std::time::Duration;

use crate::support::kafka;
use crate::support::process::WITHIN;
use crate::support::scene::{Running, Scene};
use serde_json::{Value, json};

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    retry_after: Option<String>,
    pub body: Value,
}

impl Answer {
    fn codes(&self) -> Vec<&str> {
        let list = if self.body.is_array() { &self.body } else { &self.body["riskCheckMessages"] };
        list.as_array().expect("messages").iter().filter_map(|message| message["code"].as_str()).collect()
    }
}

/// A client of one gateway.
#[derive(Clone)]
pub struct Client {
    address: String,
    agent: ureq::Agent,
}

impl Client {
    pub fn of(gateway: &mut Running) -> Self {
        let agent = ureq::Agent::config_builder().http_status_as_error(false).timeout_global(Some(WITHIN));
        Self { address: gateway.address(), agent: agent.build().into() }
    }

    pub fn post(&self, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = self
            .agent
            .post(format!("http://{}{path}", self.address))
            .header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request.send(body))
    }

    fn event(&self, account: &str, body: &Value) -> Answer {
        self.post(&format!("/api/v3/customer-account/{account}/event"), &[], &body.to_string())
    }

    fn transaction(&self, account: &str, id: &Value) -> Answer {
        let id = id.as_str().expect("an id");
        let path = format!("/api/v3/customer-account/{account}/event/{id}");
        answer(self.agent.get(format!("http://{}{path}", self.address)).call())
    }

    pub fn account_event(&self, key: Option<&str>, body: &Value) -> Answer {
        let headers: Vec<(&str, &str)> = key.map(|key| ("idempotency-key", key)).into_iter().collect();
        self.post("/v1/account_events", &headers, &body.to_string())
    }

    /// Opens an account with a limit; the time at which that was.
    fn open(&self, account: &str) -> String {
        let limit = json!({ "account": account, "eventType": "limit", "limit": { "amount": 100_000 } });
        let answer = self.account_event(None, &limit);
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body["createdAt"].as_str().expect("a time").to_owned()
    }
}

fn answer(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Answer {
    let mut answer = answer.expect("an answer");
    let header = answer.headers().get("retry-after").and_then(|value| value.to_str().ok());
    let retry_after = header.map(str::to_owned);
    let text = answer.body_mut().read_to_string().expect("a body");
    let body = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    Answer { status: answer.status().as_u16(), retry_after, body }
}

fn purchase(id: &str, time: &str) -> Value {
    json!({
        "eventType": "Purchase", "time": time, "posId": format!("P-{id}"), "totalAmount": 10.0, "totalTax": 2.0,
        "currency": "EUR", "accountTransactionId": id, "countryCode": "DE", "conversationLanguage": "DE",
        "items": [{
            "itemId": "1", "itemDescription": "Coffee", "unitCode": "pcs", "quantity": 1, "unitPrice": 10.0,
            "netAmount": 8.0, "taxAmount": 2.0, "grossAmount": 10.0
        }]
    })
}

#[test]
fn a_purchase_is_answered_with_its_outcome_found_again_and_booked_once() {
    let Some(kafka) = kafka() else { return };
    let scene = Scene::live(kafka, 3, &[]);
    let (mut running, mut gateway) = (scene.start(&[]), scene.start_gateway(&[]));
    running.await_ready(3);
    let client = Client::of(&mut gateway);
    let now = client.open("A");

    let mut first = purchase("T-1", &now);
    first["accountNumber"] = "of somebody else".into();
    let accepted = client.event("A", &first);
    assert_eq!((accepted.status, &accepted.body["outcome"]), (200, &json!("Accepted")), "{accepted:?}");
    assert_eq!(accepted.body["eventAdded"], true);
    let again = client.event("A", &first);
    assert_eq!(again.body["transactionId"], accepted.body["transactionId"], "the first one's");
    assert_eq!((&again.body["outcome"], again.codes()), (&json!("Accepted"), vec!["pos.idempotency.repeat"]));
    let found = client.transaction("A", &accepted.body["transactionId"]);
    assert_eq!((found.status, &found.body["outcome"]), (200, &json!("Accepted")));
    assert_eq!(client.transaction("B", &accepted.body["transactionId"]).status, 404, "it is another's");
    let outcomes = kafka.read_committed(&scene.pos_outcomes);
    assert_eq!(outcomes.iter().filter(|outcome| outcome.text().contains("\"postedAmount\"")).count(), 1);

    // One that a restarted gateway has read out of the topic.
    gateway.stop();
    let mut gateway = scene.start_gateway(&[]);
    let client = Client::of(&mut gateway);
    let found = crate::support::eventually(WITHIN, "the history to be read", || {
        let found = client.transaction("A", &accepted.body["transactionId"]);
        (found.status != 503).then_some(found)
    });
    assert_eq!((found.status, &found.body["transactionId"]), (200, &accepted.body["transactionId"]));
    gateway.stop();
    running.stop();
}

#[test]
fn what_is_not_judged_or_refused_is_answered_as_the_contract_says() {
    let Some(kafka) = kafka() else { return };
    let scene = Scene::live(kafka, 2, &["output.format=avro", "output.avro_framing=single_object"]);
    let (mut running, mut gateway) =
        (scene.start(&[]), scene.start_gateway(&["gateway.body_bytes_max=4KiB"]));
    let mut open = scene.start_gateway(&["gateway.disclose=true"]);
    running.await_ready(2);
    let client = Client::of(&mut gateway);
    let now = client.open("A");
    let with = |member: &str, value: Value| {
        let mut event = purchase("T", &now);
        event[member] = value;
        event
    };

    let wrong = client.event("A", &with("countryCode", json!("XX")));
    assert_eq!((wrong.status, wrong.codes()), (400, vec!["400.004"]), "{wrong:?}");
    assert_eq!(wrong.body[0]["fieldReference"], "countryCode");
    let several = client.event("A", &json!({ "eventType": "Purchase" }));
    assert_eq!((several.status, several.codes().len()), (400, 5), "{several:?}");
    let later = client.event("A", &with("time", json!("2100-01-01T00:00:00Z")));
    assert_eq!((later.status, &later.body["outcome"]), (200, &json!("NotEvaluated")), "{later:?}");
    for body in ["[]", "{", "null", "\"x\"", "{\"items\":[[[[[["] {
        let answer = client.post("/api/v3/customer-account/A/event", &[], body);
        assert_eq!((answer.status, answer.codes()), (400, vec!["400.001"]), "{body} {answer:?}");
    }
    assert_eq!(client.post("/api/v3/customer-account/A/event", &[], "").status, 400);
    assert_eq!(client.event(&"x".repeat(100), &purchase("T", &now)).status, 200);
    for account in ["%20", &"x".repeat(101)] {
        assert_eq!(client.event(account, &purchase("T", &now)).status, 400, "{account}");
    }
    assert_eq!(client.event("A", &with("posName", "x".repeat(5_000).into())).status, 413);
    let two_types = [("content-type", "text/plain")];
    assert_eq!(client.post("/api/v3/customer-account/A/event", &two_types, "{}").status, 415);

    // Why the account is refused is between the customer and its keeper.
    let stop = json!({ "account": "A", "eventType": "flag", "flag": { "name": "stopped", "set": true } });
    assert_eq!(client.account_event(None, &stop).status, 200);
    let refused = client.event("A", &purchase("T-2", &now));
    assert_eq!((refused.status, &refused.body["outcome"]), (200, &json!("Rejected")), "{refused:?}");
    assert_eq!(refused.codes(), ["pos.account.refused"]);
    assert!(!refused.body.to_string().contains("stopped"), "{refused:?}");
    let told = Client::of(&mut open).event("A", &purchase("T-3", &now));
    assert_eq!(told.codes(), ["pos.account.stopped"]);
    assert!(!told.body.to_string().contains("detail"), "{told:?}");
    gateway.stop();
    open.stop();
    running.stop();
}

#[test]
fn an_account_event_with_a_key_counts_once_however_often_it_is_sent() {
    let Some(kafka) = kafka() else { return };
    let scene = Scene::live(kafka, 2, &[]);
    let (mut running, mut gateway) = (scene.start(&[]), scene.start_gateway(&[]));
    let mut other = scene.start_gateway(&[]);
    running.await_ready(2);
    let clients = [Client::of(&mut gateway), Client::of(&mut other)];
    clients[0].open("A");

    let advance =
        json!({ "account": "A", "eventType": "cash_advance", "cashAdvance": { "amount": 500 }, "more": 1 });
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let ask = |number: usize| {
            let (client, advance) = (&clients[number % 2], &advance);
            scope.spawn(move || client.account_event(Some("key-1"), advance))
        };
        let asking: Vec<_> = (0..12).map(ask).collect();
        asking.into_iter().map(|asked| asked.join().expect("an answer")).collect()
    });
    for answer in &answers {
        assert_eq!((answer.status, &answer.body), (200, &answers[0].body), "the first answer again");
    }
    let id = answers[0].body["id"].as_str().expect("an id");
    assert!(id.starts_with("acc_evt_") && id.len() == 32, "{id}");
    assert_eq!(answers[0].body["cashAdvance"], json!({ "amount": 500 }));
    assert!(answers[0].body.get("more").is_none() && answers[0].body.get("idempotencyKey").is_none());

    let mut dearer = advance.clone();
    dearer["cashAdvance"]["amount"] = 501.into();
    let conflict = clients[1].account_event(Some("key-1"), &dearer);
    assert_eq!(conflict.status, 409, "{conflict:?}");
    dearer["account"] = "B".into();
    assert_eq!(clients[1].account_event(Some("key-1"), &dearer).status, 200, "a key counts for its account");

    let ids = [None, None].map(|key| clients[0].account_event(key, &advance).body["id"].clone());
    assert_ne!(ids[0], ids[1], "without a key each is a new event");
    let applied = kafka.read_committed(&scene.account_results);
    let applied = applied.iter().filter(|reply| reply.text().contains(r#""result":"applied""#));
    assert_eq!(applied.count(), 1 + 1 + 1 + 2);
    gateway.stop();
    other.stop();
    running.stop();
}

#[test]
fn an_account_event_that_cannot_be_applied_is_never_answered_with_success() {
    let Some(kafka) = kafka() else { return };
    let scene = Scene::live(kafka, 2, &[]);
    let (mut running, mut gateway) = (scene.start(&[]), scene.start_gateway(&[]));
    running.await_ready(2);
    let client = Client::of(&mut gateway);
    client.open("A");
    let of = |event_type: &str, name: &str, payload: Value| json!({ "account": "A", "eventType": event_type, name: payload });
    for (status, says, body) in [
        (400, "eventType", json!({ "account": "A" })),
        (400, "account", json!({ "eventType": "close", "close": {} })),
        (
            400,
            "account",
            of("close", "close", json!({}))
                .as_object()
                .map(|event| {
                    let mut event = event.clone();
                    event.insert("account".to_owned(), " ".into());
                    Value::Object(event)
                })
                .expect("an object"),
        ),
        (400, "cashAdvance", json!({ "account": "A", "eventType": "cash_advance" })),
        (400, "payment.amount", of("payment", "payment", json!({ "status": "success" }))),
        (400, "limit", of("limit", "limit", json!({ "amount": 1.5 }))),
        (400, "refund", of("refund", "refund", json!({}))),
        (400, "payment.amount", of("payment", "payment", json!({ "amount": 0, "status": "success" }))),
        (422, "reversed", of("payment", "payment", json!({ "amount": 7, "status": "reversed" }))),
        (400, "update.currency", of("update", "update", json!({ "currency": "XXX" }))),
        (400, "twice", of("limit", "limit", json!({ "amount": 1 }))),
        (
            422,
            "resolve",
            of("update", "update", json!({ "resolve": { "transactionId": "txn_0", "granted": true } })),
        ),
    ] {
        let text = body.to_string().replace(r#"{"amount":1}"#, r#"{"amount":1,"amount":2}"#);
        let answer = client.post("/v1/account_events", &[], &text);
        assert_eq!(answer.status, status, "{body} {answer:?}");
        assert!(
            answer.body["detail"].as_str().is_some_and(|detail| detail.contains(says)),
            "{says}: {answer:?}"
        );
    }
    for key in ["", &"k".repeat(81), "\u{e9}"] {
        let answer = client.account_event(Some(key), &of("close", "close", json!({})));
        assert_eq!(answer.status, 400, "{key:?}");
    }
    gateway.stop();
    running.stop();
}

#[test]
fn what_waits_is_found_as_it_ended() {
    let Some(kafka) = kafka() else { return };
    let scene = Scene::live(kafka, 2, &[]);
    let (mut running, mut gateway) = (scene.start(&[]), scene.start_gateway(&[]));
    running.await_ready(2);
    let client = Client::of(&mut gateway);
    let now = client.open("A");
    let review = json!({ "account": "A", "eventType": "flag", "flag": { "name": "review", "set": true } });
    assert_eq!(client.account_event(None, &review).status, 200);
    let pending = client.event("A", &purchase("T-1", &now));
    assert_eq!(pending.body["outcome"], "Pending", "{pending:?}");
    let id = pending.body["transactionId"].clone();
    let resolve = json!({ "transactionId": id, "granted": true });
    let granted = json!({ "account": "A", "eventType": "update", "update": { "resolve": resolve } });
    assert_eq!(client.account_event(None, &granted).status, 200);
    // The reply comes on another topic than the outcome.
    let ended = crate::support::eventually(WITHIN, "the later outcome", || {
        let ended = client.transaction("A", &id);
        (ended.body["outcome"] != "Pending").then_some(ended)
    });
    assert_eq!(
        (&ended.body["outcome"], &ended.body["transactionId"]),
        (&json!("Accepted"), &id),
        "{ended:?}"
    );
    let again = client.event("A", &purchase("T-1", &now));
    assert_eq!(
        (&again.body["outcome"], &again.body["transactionId"]),
        (&json!("Accepted"), &id),
        "{again:?}"
    );
    gateway.stop();
    running.stop();
}

#[test]
fn nothing_is_answered_with_success_before_somebody_has_decided_it() {
    let Some(kafka) = kafka() else { return };
    let scene = Scene::live(kafka, 1, &["checks.account.unknown=open"]);
    let mut gateway = scene.start_gateway(&["gateway.answer_within=300ms"]);
    let client = Client::of(&mut gateway);
    let limit = json!({ "account": "A", "eventType": "limit", "limit": { "amount": 100_000 } });
    let answer = client.account_event(Some("key"), &limit);
    assert_eq!((answer.status, answer.retry_after.as_deref()), (504, Some("1")), "{answer:?}");
    let mut running = scene.start(&[]);
    running.await_ready(1);
    let answer = crate::support::eventually(Duration::from_secs(30), "an answer", || {
        let answer = client.account_event(Some("key"), &limit);
        (answer.status != 504).then_some(answer)
    });
    assert_eq!(answer.status, 200, "{answer:?}");
    let replies = kafka.read_committed(&scene.account_results);
    let results = |fate: &str| {
        replies.iter().filter(|reply| reply.text().contains(&format!(r#""result":"{fate}""#))).count()
    };
    assert_eq!(results("applied"), 1, "the first one, of which nobody heard");
    assert!(results("repeat") > 0);
    gateway.stop();
    running.stop();
}
