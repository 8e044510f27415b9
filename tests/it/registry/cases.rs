//! The cases of `../shared/cases/avro`: each record, its writer's schema behind a registry, and what must come out.

use super::*;
use crate::support::shared;
use crate::support::stream::{Published, engine, of_the_catalogue, options};
use std::path::Path;
use tillgate::codec::{DecodeError, decode_pos_event};
use tillgate::domain::Micros;
use tillgate::domain::enums::Verdict;
use tillgate::pipeline::{InputRecord, Interrupt};
use tillgate::pos::{Input, Partition};

/// What a case's record leads to.
struct Answered {
    verdict: Verdict,
    /// Code and field of each message.
    messages: Vec<(&'static str, Option<String>)>,
    posted: Option<String>,
    dead_letter: Option<String>,
    /// The event's own id.
    id: Option<String>,
}

fn bytes_of(path: &Path) -> Vec<u8> {
    let text = std::fs::read_to_string(path).unwrap();
    let digits = text.trim().as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// The case's record through a partition whose registry has the case's schema under every id.
fn answered(folder: &Path) -> Answered {
    let name = folder.file_name().unwrap().to_str().unwrap();
    let schema = std::fs::read_to_string(folder.join("schema.json")).unwrap();
    let mut answer = serde_json::json!({ "schema": schema });
    match name {
        "json-schema-framing" => answer["schemaType"] = "JSON".into(),
        "schema-with-a-reference" => {
            let item =
                serde_json::json!({"name": "tillgate.v1.PosItem", "subject": "pos-item", "version": 1});
            answer["references"] = serde_json::json!([item]);
        }
        _ => {}
    }
    let server = Server::start(move |_| Reply::Answer(200, answer.to_string()));
    let registry = server.registry();
    let value = bytes_of(&folder.join("value.hex"));
    let account = eventually(SOON, "the schema", || match decode_pos_event(&registry, &value, None) {
        Err(DecodeError::NeedsSchema(_)) => None,
        read => Some(read.ok().and_then(|event| event.account_number).unwrap_or("K".into())),
    });
    let timestamp = Micros::parse_rfc3339("2026-11-26T12:37:31Z").unwrap().0 / 1_000;
    let record = InputRecord {
        input: Input::PosEvents as usize,
        partition: 0.into(),
        offset: 0,
        timestamp_millis: timestamp,
        time: tillgate::domain::record::RecordTime::of_millis(timestamp),
        key: Some(account.as_bytes()),
        value: Some(&value),
        schema_guid: None,
        request_id: None,
    };
    let engine = engine(&["checks.account.unknown=open"]);
    let mut partition = Partition::new(engine, 0.into(), options());
    let mut published = Published::at(Input::PosEvents, 0);
    eventually(SOON, "the schema", || match partition.on_record(&registry, &record, &mut published) {
        Ok(()) => Some(()),
        Err(Interrupt::NeedsSchema(_)) => None,
        Err(other) => panic!("{name}: {other}"),
    });
    let [said] = &published.outcomes[..] else { panic!("{name}: {published:?}") };
    Answered {
        verdict: said.verdict,
        messages: said
            .messages
            .iter()
            .map(|message| (of_the_catalogue(&message.code), message.field.as_ref().map(ToString::to_string)))
            .collect(),
        posted: said.posted.map(|posted| posted.to_string()),
        id: serde_json::from_slice::<serde_json::Value>(&said.value).unwrap()["accountTransactionId"]
            .as_str()
            .map(str::to_owned),
        dead_letter: published.dead_letters.first().map(|(_, code, why)| format!("{code} {why}")),
    }
}

#[test]
fn every_shared_case_is_answered_as_it_expects() {
    let Some(shared) = shared() else { return };
    let mut others = 0;
    for folder in std::fs::read_dir(shared.join("cases/avro")).unwrap() {
        let folder = folder.unwrap().path();
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let Answered { verdict, messages, posted, dead_letter, id } = answered(&folder);
        let told = format!("{name}: {verdict:?} {messages:?} {posted:?} {dead_letter:?} {id:?}");
        let unread = |words: &[&str]| {
            let letter = dead_letter.as_deref().unwrap_or_default();
            assert!(
                letter.starts_with("400.001 ") && words.iter().all(|word| letter.contains(word)),
                "{told}"
            );
            assert_eq!(verdict, Verdict::NotEvaluated, "{told}");
        };
        match name.as_str() {
            "decimals-as-double" => unread(&["items.quantity: expected a decimal, found double"]),
            "enums-as-strings" => unread(&["eventType: expected an enum, found string"]),
            "record-of-another-name" => unread(&["PosEvent", "ConnectDefault"]),
            "schema-with-a-reference" => unread(&["refers to other schemas", "not supported"]),
            "null-where-ours-is-required" => {
                assert_eq!((verdict, dead_letter.as_deref()), (Verdict::NotEvaluated, None), "{told}");
                assert_eq!(messages, [("400.002", Some("items[0].quantity".to_owned()))], "{told}");
                assert!(id.is_some(), "{told}");
            }
            "json-schema-framing" => {
                assert_eq!((verdict, dead_letter.as_deref()), (Verdict::NotEvaluated, None), "{told}");
                assert!(
                    messages.iter().all(|(code, _)| *code == "400.002") && !messages.is_empty(),
                    "{told}"
                );
            }
            // About the record's time, not its schema.
            name if name.starts_with("record-time") => others += 1,
            _ => {
                assert_eq!((verdict, posted.as_deref()), (Verdict::Accepted, Some("12.00")), "{told}");
                assert_eq!(dead_letter, None, "{told}");
            }
        }
    }
    assert_eq!(others, 2);
}
