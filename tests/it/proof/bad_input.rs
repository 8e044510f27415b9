//! Records that no till should send, each between good ones of the same partition: answered, and passed.

use serde_json::Value;

use super::avro::Registered;
use super::june::{self, June};
use super::{OPEN, POS_EVENT, decided};
use crate::support::scene::Scene;
use crate::support::{Message, Record, kafka, read_jsonl, shared};

/// What a record must lead to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Accepted,
    /// An outcome NotEvaluated of this code, and no dead letter.
    NotEvaluated(&'static str),
    /// The same, and a dead letter of the code.
    DeadLetter(&'static str),
    /// A dead letter of this code and no outcome: there is no account.
    DeadLetterOnly(&'static str),
}

use Answer::{Accepted, DeadLetter, DeadLetterOnly, NotEvaluated};

#[test]
fn bad_input_is_answered_and_stops_no_partition() {
    let (Some(kafka), Some(shared)) = (kafka(), shared()) else { return };
    let june = June::read(&shared, 400);
    let mut good = june.events.iter();
    let pos_event = Registered::new(kafka, &kafka.topic("pos-event"), POS_EVENT);
    let foreign = r#"{"type":"record","name":"Weather","fields":[{"name":"degrees","type":"long"}]}"#;
    let foreign = Registered::new(kafka, &kafka.topic("weather"), foreign).id;
    let baskets = read_jsonl(shared.join("data/baskets/uci_online_retail_events.jsonl.zst"));
    let basket = baskets.max_by_key(|line| line.matches("\"itemId\"").count()).expect("a basket");
    assert_eq!(basket.matches("\"itemId\"").count(), 1_114);

    let mut records: Vec<(Message, Answer)> = Vec::new();
    let mut next = || good.next().expect("enough of them").clone();
    for (make, answer) in bad(&pos_event, foreign) {
        let line = next();
        records.push((june::message(&line, line.clone()), Accepted));
        let line = next();
        records.push((make(june::message(&line, line.clone()), &line), answer));
        let line = next();
        records.push((june::message(&line, pos_event.encode(&line)), Accepted));
    }
    records.push((june::message(&basket, basket.clone()).at(1_530_000_000_000), NotEvaluated("400.003")));
    let last = next();
    records.push((june::message(&last, last.clone()), Accepted));

    let registry = format!("registry.url={}", kafka.registry());
    let scene = Scene::new(kafka, 1, &[OPEN, "checks.time.late.enabled=false", &registry]);
    kafka.produce(&scene.pos_events, records.iter().map(|(message, _)| message.clone().on(0)));
    let outcomes = decided(&scene);
    let dead_letters = kafka.read_committed(&scene.dead_letters);
    assert_answers(&scene, &records, &outcomes, &dead_letters);
}

type Spoil = Box<dyn Fn(Message, &str) -> Message>;

/// How good records are spoilt, and what is the answer.
fn bad(pos_event: &Registered, foreign: u32) -> Vec<(Spoil, Answer)> {
    let id = pos_event.id;
    let encoded = pos_event.encoder();
    let with = |value: fn(&str) -> Vec<u8>| -> Spoil {
        Box::new(move |message, line| Message { value: Some(value(line)), ..message })
    };
    let framed = |id: u32| -> Spoil {
        let encode = encoded.clone();
        Box::new(move |message, line| {
            let mut value = encode(line);
            value[1..5].copy_from_slice(&id.to_be_bytes());
            Message { value: Some(value), ..message }
        })
    };
    let truncated: Spoil = {
        let encode = encoded.clone();
        Box::new(move |message, line| {
            let mut value = encode(line);
            assert_eq!(value[1..5], id.to_be_bytes());
            value.truncate(value.len() / 2);
            Message { value: Some(value), ..message }
        })
    };
    vec![
        (truncated, DeadLetter("400.001")),
        (framed(0x7fff_fff0), DeadLetter("400.001")),
        (framed(foreign), DeadLetter("400.001")),
        (with(|_| garbage(b'{')), DeadLetter("400.001")),
        (with(|_| garbage(0xc3)), DeadLetter("400.001")),
        (with(|line| put(line, "\"currency\"", "\"posId\":\"P\",\"currency\"")), DeadLetter("400.001")),
        (with(nested), DeadLetter("400.001")),
        (with(|line| put(line, "\"quantity\":1", "\"quantity\":NaN")), DeadLetter("400.001")),
        (with(|line| put(line, "\"quantity\":1", "\"quantity\":1e400")), NotEvaluated("400.003")),
        (with(|line| put(line, "card transaction", "card\0transaction")), DeadLetter("400.001")),
        (with(|line| put(line, "card transaction", "card\\u0000transaction")), Accepted),
        (with(|line| put(line, "card transaction", "\\u0000")), NotEvaluated("400.002")),
        (with(|line| put(line, "\"Purchase\"", "\"Giveaway\"")), NotEvaluated("400.004")),
        // As large as a topic takes: its outcome must not be.
        (
            with(|line| {
                let id = format!("\"accountTransactionId\":\"{}", "x".repeat(1_040_000));
                put(line, "\"accountTransactionId\":\"", &id)
            }),
            NotEvaluated("400.005"),
        ),
        (
            Box::new(|message, _| {
                let headers = (0..20_000).map(|_| ("error.code".to_owned(), Some(vec![b'h'; 20]))).collect();
                Message { value: Some(vec![b'{']), headers, ..message }
            }),
            DeadLetter("400.001"),
        ),
        (Box::new(|message, _| Message { value: None, ..message }), DeadLetter("400.001")),
        (Box::new(|message, _| Message { value: Some(Vec::new()), ..message }), DeadLetter("400.001")),
        (Box::new(|message, _| Message { key: None, ..message }), DeadLetterOnly("400.001")),
        (
            Box::new(|message, _| Message { key: Some(b"another".to_vec()), ..message }),
            NotEvaluated("400.003"),
        ),
    ]
}

fn put(line: &str, part: &str, other: &str) -> Vec<u8> {
    assert!(line.contains(part), "{part}: {line}");
    line.replacen(part, other, 1).into_bytes()
}

fn nested(line: &str) -> Vec<u8> {
    let deep = format!("\"more\":{}{},\"currency\"", "[".repeat(100_000), "]".repeat(100_000));
    put(line, "\"currency\"", &deep)
}

/// As much as a topic takes by default, beginning with this byte.
fn garbage(first: u8) -> Vec<u8> {
    let mut state = 7_u32;
    let next = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    std::iter::once(first).chain(std::iter::repeat_with(next)).take(1_048_000).collect()
}

fn assert_answers(
    scene: &Scene,
    records: &[(Message, Answer)],
    outcomes: &[Record],
    dead_letters: &[Record],
) {
    let by_offset = |offset: usize| {
        let own = outcomes.iter().map(|outcome| (outcome, json(outcome)));
        let mut own =
            own.filter(|(_, said)| said["source"]["offset"] == offset && said["supersedes"].is_null());
        let (found, more) = (own.next(), own.next());
        assert!(more.is_none(), "offset {offset} has two outcomes");
        found
    };
    for (offset, (message, answer)) in records.iter().enumerate() {
        let outcome = by_offset(offset);
        let named = offset.to_string();
        let letter = dead_letters.iter().find(|letter| letter.header("source.offset") == Some(&named));
        let (verdict, code, dead) = match answer {
            Accepted => (Some("Accepted"), None, false),
            NotEvaluated(code) => (Some("NotEvaluated"), Some(*code), false),
            DeadLetter(code) => (Some("NotEvaluated"), Some(*code), true),
            DeadLetterOnly(code) => (None, Some(*code), true),
        };
        let told = outcome.as_ref().map(|(_, said)| said.to_string()).unwrap_or_default();
        let said = outcome.as_ref().map(|(_, said)| said["outcome"].as_str().expect("a verdict"));
        assert_eq!(said, verdict, "offset {offset}: {told}");
        if let Some((record, said)) = &outcome {
            assert_eq!(record.key, message.key, "offset {offset}");
            let found = said["riskCheckMessages"][0]["code"].as_str();
            assert_eq!(found, code, "offset {offset}: {told}");
        }
        assert_eq!(letter.is_some(), dead, "offset {offset}: {told}");
        if let Some(letter) = letter {
            assert_eq!(letter.header("error.code"), code, "offset {offset}");
            assert!(letter.header("error.message").is_some_and(|text| !text.is_empty()), "offset {offset}");
            assert_eq!(letter.header("source.topic"), Some(&*scene.pos_events));
            assert_eq!(letter.header("source.partition"), Some("0"));
            assert!(letter.key == message.key && letter.value == message.value, "offset {offset}: as it was");
        }
    }
    let dead = records.iter().filter(|(_, answer)| matches!(answer, DeadLetter(_) | DeadLetterOnly(_)));
    assert_eq!(dead_letters.len(), dead.count());
}

fn json(record: &Record) -> Value {
    serde_json::from_str(record.text()).expect("JSON")
}
