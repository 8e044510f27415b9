//! Contact decisions on a real Kafka and over HTTP, as a back office uses them: what account events tell of persons, interactions
//! that count once, and answers that are committed.

use super::gateway::Client;
use super::replay_kafka::instead;
use crate::support::kafka;
use crate::support::scene::{Scene, WITHIN, succeed};
use crate::support::{Message, Record, eventually};
use serde_json::{Value, json};

const PARTITIONS: u32 = 3;

fn parties(scene: &Scene, args: &[&str]) -> String {
    let mut command = scene.command(&["parties"]);
    succeed(command.args(args).output().expect("the binary"))
}

fn party(id: &str) -> Value {
    json!({
        "partyId": id, "jurisdiction": "US", "timeZones": ["America/New_York"],
        "contacts": [{ "contactId": "phone", "kind": "phone", "value": "+1 555 0100" }]
    })
}

/// Everything that was recorded is decided again alike.
fn replayed(scene: &Scene, args: &[&str]) -> Value {
    let mut command = scene.command(&["replay", "--verify", "--json"]);
    let output = command.args(args).output().expect("the binary");
    let text = String::from_utf8_lossy(&output.stdout);
    let report: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    let contact = &report["contact"];
    assert_eq!((&report["identical"], &contact["identical"]), (&json!(true), &json!(true)), "{report}");
    report
}

#[test]
fn a_back_office_records_calls_and_asks_whether_it_may_call_again() {
    let Some(kafka) = kafka() else { return };
    let sets =
        ["contact.enabled=true", "journal.rotation_events_min=1", "journal.checkpoint_events_per_account=1"];
    let scene = Scene::live(kafka, 1, &sets);
    let (mut running, mut gateway) = (scene.start(&[]), scene.start_gateway(&[]));
    running.await_ready(2);
    let client = Client::of(&mut gateway);
    parties(&scene, &["put", &party("4711").to_string()]);
    let update = json!({ "account": "A-1", "eventType": "update", "update": { "partyId": "4711" } });
    assert_eq!(client.account_event(None, &update).status, 200);

    let ask = |with: Value| {
        let mut body = json!({
            "loanId": "A-1", "channel": "voice", "theme": "opsCollDebt", "contactId": "phone", "startAt": "2026-03-02T17:00:00Z"
        });
        for (name, value) in with.as_object().expect("an object") {
            body[name] = value.clone();
        }
        client.post("/people/4711/can-interact", &[], &body.to_string())
    };
    // The account becomes known by way of its own flow.
    eventually(WITHIN, "the account to be known of the person", || {
        let answer = ask(json!({}));
        assert_eq!((answer.status, &answer.body["status"]), (200, &json!(200)), "{answer:?}");
        answer.body["data"]["result"].as_bool().filter(|result| *result)
    });

    let call = |key: &str, with: Value| {
        let mut body = json!({
            "partyId": "4711", "channel": "contact-center", "type": "outbound-call", "purpose": "collection",
            "outcome": "conversation", "occurredAt": "2026-03-02T15:00:00Z", "linkedResourceType": "account",
            "linkedResourceId": "A-1"
        });
        for (name, value) in with.as_object().expect("an object") {
            body[name] = value.clone();
        }
        client.post("/v1/interactions", &[("idempotency-key", key)], &body.to_string())
    };
    let first = call("k-1", json!({}));
    assert_eq!(first.status, 201, "{first:?}");
    let id = first.body["eventId"].as_str().expect("an id");
    assert!(id.starts_with("evt_") && id.len() == 30, "{id}");
    let again = call("k-1", json!({}));
    assert_eq!((again.status, &again.body), (201, &first.body), "a repeat is answered as the first");
    assert_eq!(call("k-1", json!({ "outcome": "busy" })).status, 409);
    assert_eq!(call("k-2", json!({ "occurredAt": "2126-03-02T15:00:00Z" })).status, 422);
    let without = client.post("/v1/interactions", &[], "{}");
    assert_eq!(without.status, 400, "{without:?}");

    let refused = ask(json!({}));
    assert_eq!(refused.body["data"]["result"], false, "{refused:?}");
    let reasons = &refused.body["data"]["reasons"];
    assert_eq!(reasons[0]["code"], "contact.frequency.conversation");
    assert_eq!(reasons[0]["notBefore"], "2026-03-09T04:00:00Z");
    assert_eq!(reasons.as_array().map(Vec::len), Some(1), "the refused repeat did not count: {reasons}");
    assert_eq!(client.post("/people/nobody/can-interact", &[], "{}").status, 400);

    replayed(&scene, &[]);
    replayed(&scene, &["--from", "checkpoint"]);
    let known: Value = serde_json::from_str(&parties(&scene, &["get", "4711"])).expect("JSON");
    assert_eq!(known["accounts"], json!([{ "account": "A-1", "statuses": [] }]));
    assert_eq!(known["interactions"][0]["is"], json!(["placed", "conversation"]), "{known}");
    assert_eq!(known["interactions"].as_array().map(Vec::len), Some(1), "{known}");
    gateway.stop();
    running.stop();
}

#[test]
fn an_account_that_changes_its_party_is_the_others_at_once() {
    let Some(kafka) = kafka() else { return };
    let scene = Scene::live(kafka, PARTITIONS, &["contact.enabled=true"]);
    let mut running = scene.start(&[]);
    running.await_ready(2 * PARTITIONS as usize);
    let events = [
        json!({ "id": "e-1", "account": "A-1", "eventType": "update", "update": { "partyId": "P-1" } }),
        json!({ "id": "e-2", "account": "A-1", "eventType": "flag", "flag": { "name": "frozen", "set": true } }),
        json!({ "id": "e-3", "account": "A-1", "eventType": "update", "update": { "partyId": "P-2" } }),
    ];
    let messages = events.iter().map(|event| Message::new("A-1", event.to_string())).collect::<Vec<_>>();
    kafka.produce(&scene.account_events, messages);
    let facts = eventually(WITHIN, "the facts of both persons", || {
        let records = kafka.read_committed(&scene.of_contacts("parties"));
        let mut facts: Vec<Value> =
            records.iter().filter_map(|record| serde_json::from_str(record.text()).ok()).collect();
        facts.sort_by_key(ToString::to_string);
        (facts.len() == 4).then_some(facts)
    });
    let expected = [
        json!({ "partyId": "P-1", "account": "A-1" }),
        json!({ "partyId": "P-1", "account": "A-1", "statuses": ["frozen"] }),
        json!({ "partyId": "P-1", "account": "A-1", "withdrawn": true }),
        json!({ "partyId": "P-2", "account": "A-1", "statuses": ["frozen"] }),
    ];
    let mut expected = expected.to_vec();
    expected.sort_by_key(ToString::to_string);
    assert_eq!(facts, expected);
    // Requests by Kafka, each with its decision: of the one nothing is known any more.
    for id in ["P-1", "P-2"] {
        let request = json!({
            "requestId": format!("r-{id}"), "personId": id, "loanIds": ["A-1"], "channel": "gui", "theme": "opsServicing",
            "contactDetails": { "kind": "email", "value": "jo@example.org" }
        });
        kafka.produce(&scene.of_contacts("contact_requests"), vec![Message::new(id, request.to_string())]);
    }
    let codes = eventually(WITHIN, "two decisions", || {
        let records = kafka.read_committed(&scene.of_contacts("contact_decisions"));
        let decisions = records.iter().filter_map(|record| serde_json::from_str::<Value>(record.text()).ok());
        let mut codes: Vec<String> = decisions
            .map(|decision| format!("{} {}", decision["personId"], decision["reasons"][0]["code"]))
            .collect();
        codes.sort();
        (codes.len() == 2).then_some(codes)
    });
    assert_eq!(codes, [r#""P-1" "contact.request.person""#, r#""P-2" "contact.status.account""#]);
    running.stop();
    let report = replayed(&scene, &[]);
    assert_eq!(report["contact"]["decisions"]["identical"], 2, "{report}");
    assert_eq!(report["contact"]["parties"], 1, "nothing is known of P-1 any more: {report}");
    // What was exported is replayed alike; with a decision that nobody made it is not.
    let folder = scene.path("export");
    let to = folder.to_str().expect("a path");
    succeed(scene.command(&["topics", "export", "--to", to]).output().expect("the binary"));
    replayed(&scene, &["--files", to]);
    let decisions = scene.of_contacts("contact_decisions");
    let made = kafka.read_committed(&decisions);
    kafka.produce(
        &decisions,
        vec![Message::new("P-1", made[0].text().replace("false", "true")).on(made[0].partition)],
    );
    let found = scene.command(&["replay", "--verify"]).output().expect("the binary");
    let told = String::from_utf8_lossy(&found.stdout);
    assert!(!found.status.success() && told.contains("a further decision on a request"), "{told}");
}

/// What is found wrong once records stand in the place of those of a topic: tallies of dead letters and of results, and all that
/// is told.
fn found(scene: &Scene, setting: &str, name: &str, records: Vec<Record>) -> ([u64; 6], String) {
    let set = instead(scene, setting, name, records);
    let run = |args: &[&str]| {
        let mut command = scene.command(&["replay", "--verify"]);
        let output = command.args(["--set", &set]).args(args).output().expect("the binary");
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let report: Value = serde_json::from_str(&run(&["--json"])).expect("JSON");
    let contact = &report["contact"];
    let count = |tally: &str, what: &str| contact[tally][what].as_u64().expect("a number");
    let kinds = ["different", "missing", "unexpected"];
    let [letters, results] = ["deadLetters", "results"].map(|tally| kinds.map(|what| count(tally, what)));
    ([letters, results].concat().try_into().expect("six"), run(&[]))
}

#[test]
fn dead_letters_and_results_of_this_flow_are_held_against_their_inputs() {
    let Some(kafka) = kafka() else { return };
    let scene = Scene::live(kafka, PARTITIONS, &["contact.enabled=true"]);
    let mut running = scene.start(&[]);
    running.await_ready(2 * PARTITIONS as usize);
    let people = (0..12).map(|number| format!("P-{number}"));
    let unreadable =
        |number: usize, id: String| Message::new(id, "{").header("requestId", format!("r-{number}"));
    let interactions: Vec<Message> =
        people.clone().enumerate().map(|(number, id)| unreadable(number, id)).collect();
    kafka.produce(&scene.of_contacts("interactions"), interactions);
    let of_another: Vec<Message> =
        people.map(|id| Message::new(id, party("somebody else").to_string())).collect();
    kafka.produce(&scene.of_contacts("party_records"), of_another);
    let [letters, results] = [("contact_dead_letters", 24), ("interaction_results", 12)]
        .map(|(topic, count)| kafka.await_committed(&scene.of_contacts(topic), count, WITHIN));
    // A request tells how far the other inputs were.
    let request = json!({ "requestId": "r", "personId": "P-1", "channel": "gui", "theme": "opsServicing" });
    kafka.produce(&scene.of_contacts("contact_requests"), vec![Message::new("P-1", request.to_string())]);
    kafka.await_committed(&scene.of_contacts("contact_decisions"), 1, WITHIN);
    running.stop();
    let report = replayed(&scene, &[]);
    let contact = &report["contact"];
    assert_eq!(
        (&contact["deadLetters"]["identical"], &contact["results"]["identical"]),
        (&json!(24), &json!(12)),
        "{report}"
    );
    let folder = scene.path("export");
    let to = folder.to_str().expect("a path");
    succeed(scene.command(&["topics", "export", "--to", to]).output().expect("the binary"));
    assert_eq!(replayed(&scene, &["--files", to])["contact"]["deadLetters"]["identical"], 24);

    let at = letters
        .iter()
        .position(|letter| letter.header("source.topic") == Some(&scene.of_contacts("party_records")));
    let at = at.expect("a letter of a party record");
    let source = |letter: &Record| {
        let said = |name| letter.header(name).expect("a header").to_owned();
        format!("input       {} {}/{}", said("source.topic"), said("source.partition"), said("source.offset"))
    };
    let mut removed = letters.clone();
    removed.remove(at);
    let (count, told) = found(&scene, "contact_dead_letters", "removed", removed);
    assert!(count == [0, 1, 0, 0, 0, 0] && told.contains(&source(&letters[at])), "{told}");
    let mut changed = letters.clone();
    changed[at].value = Some(b"{}".to_vec());
    let (count, told) = found(&scene, "contact_dead_letters", "changed", changed);
    assert!(count == [1, 0, 0, 0, 0, 0] && told.contains("other bytes than the input's"), "{told}");
    let mut twice = letters.clone();
    twice.push(letters[at].clone());
    let (count, told) = found(&scene, "contact_dead_letters", "twice", twice);
    assert!(count == [0; 6] && told.contains("has one already"), "{told}");
    let mut removed = results.clone();
    removed.remove(3);
    let (count, told) = found(&scene, "interaction_results", "result-removed", removed);
    assert!(count == [0, 0, 0, 0, 1, 0] && told.contains("a reply is missing"), "{told}");
    let mut changed = results.clone();
    changed[3].value = Some(results[3].text().replace("refused", "applied").into_bytes());
    let (count, told) = found(&scene, "interaction_results", "result-changed", changed);
    assert!(count == [0, 0, 0, 1, 0, 0] && told.contains("result\n    recorded  \"applied\""), "{told}");
}
