//! `tillgate explain`: an id leads to the decision, its event and what came of it, wherever these were recorded.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recorded/0.1");

fn tillgate(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tillgate")).args(args).output().expect("the binary")
}

fn explained(args: &[&str]) -> String {
    let output = tillgate(&[&["explain"], args].concat());
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    assert!(output.status.success(), "{args:?}: {}", text(output.stderr));
    text(output.stdout)
}

/// A basket of three lines: the second is 0.40 too much, and the total with it.
const WRONG: &str = r#"{"accountNumber":"A","accountTransactionId":"4711","eventType":"Purchase","time":"2026-01-05T09:00:00Z","currency":"EUR","countryCode":"AT","conversationLanguage":"DE","totalTax":0,"totalAmount":9.40,"posId":"P","items":[{"itemId":"1","itemDescription":"Bread","unitCode":"C62","quantity":1,"unitPrice":3,"grossAmount":3.00},{"itemId":"2","itemDescription":"Milk","unitCode":"C62","quantity":2,"unitPrice":1.5,"grossAmount":3.40},{"itemId":"3","itemDescription":"Salt","unitCode":"C62","quantity":3,"unitPrice":1,"grossAmount":3.00}]}"#;
const WAITS: &str = r#"{"accountNumber":"A","accountTransactionId":"4712","eventType":"Purchase","time":"2026-01-05T10:00:00Z","currency":"EUR","countryCode":"AT","conversationLanguage":"EN","totalAmount":1500,"posId":"P"}"#;
const LATER: &str = r#"{"accountNumber":"B","eventType":"Info","time":"2026-01-06T09:00:00Z","currency":"EUR","countryCode":"AT","conversationLanguage":"EN","totalAmount":0,"posId":"Q"}
{"accountNumber":"A","eventType":"Info","time":"2026-01-06T11:00:00Z","currency":"EUR","countryCode":"AT","conversationLanguage":"EN","totalAmount":0,"posId":"P"}"#;

/// Events and what `tillgate check` made of them.
fn files(folder: &Path) -> [String; 2] {
    let path = |name: &str| folder.join(name).to_str().expect("UTF-8").to_owned();
    let [events, outcomes] = [path("events.jsonl"), path("outcomes.jsonl")];
    std::fs::write(&events, [WRONG, WAITS, LATER].join("\n")).expect("a file");
    let set = "checks.account.unknown=open";
    let checked = tillgate(&["check", "--events", &events, "--output", &outcomes, "--set", set]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    [events, outcomes]
}

#[test]
fn shows_the_basket_with_what_is_wrong_and_what_each_reader_was_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let [events, outcomes] = files(folder.path());
    let page = explained(&["4711", "--outcomes", &outcomes, "--events", &events]);
    for part in [
        "Rejected 4711  check 8, basket.item_gross",
        "Milk",
        "≠ 3.00",
        "3.00 = 1.50 x 2",
        "3.40, 0.40 too much",
        "merchant   pos.item.gross:",
        "customer   DE: ",
        "action     Unavailable: nothing the customer can do",
        "booked     nothing; balance",
        "for pos.events [0] @ 0",
    ] {
        assert!(page.contains(part), "{part}:\n{page}");
    }
    assert!(!page.contains('\u{1b}'), "no colours but on a terminal");
}

#[test]
fn follows_a_pending_event_to_its_end_by_either_id() {
    let folder = tempfile::tempdir().expect("a folder");
    let [events, outcomes] = files(folder.path());
    let page = explained(&["4712", "--account", "A", "--outcomes", &outcomes, "--events", &events]);
    let verdicts: Vec<&str> = page.lines().filter(|line| line.contains(" 4712  ")).collect();
    assert_eq!(verdicts, ["Pending 4712  check 31, limit.first_amount", "Rejected 4712  pending"]);
    assert!(page.contains("held on the limit for 24 h at most"), "{page}");
    let recorded = std::fs::read_to_string(&outcomes).expect("outcomes");
    let all = recorded.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let ended = all.into_iter().find(|outcome| outcome["supersedes"].is_string()).expect("it ran out");
    let id = ended["transactionId"].as_str().expect("an id");
    assert_eq!(explained(&[id, "--outcomes", &outcomes, "--events", &events]), page);
    let missing =
        tillgate(&["explain", "4712", "--account", "B", "--outcomes", &outcomes, "--events", &events]);
    let said = String::from_utf8_lossy(&missing.stderr);
    assert_eq!(missing.status.code(), Some(1));
    assert!(said.contains("none of 5 outcomes") && said.contains("account \"B\""), "{said}");
}

#[test]
fn reads_an_export_whatever_its_outcomes_are_written_in() {
    let ids = one_in_json_and_one_in_avro();
    for id in &ids {
        let page = explained(&[id, "--files", RECORDED]);
        assert!(page.contains("account ") && page.contains(&format!("outcome    {id}")), "{id}:\n{page}");
        assert!(!page.contains("its event"), "it is there: {page}");
    }
    assert_eq!(ids.len(), 2);
}

/// The ids of two recorded outcomes.
fn one_in_json_and_one_in_avro() -> Vec<String> {
    let mut found = Vec::new();
    let archive = tillgate::archive::Archive::open(Path::new(RECORDED)).expect("the recording");
    let topic = archive.topic("pos.outcomes").expect("outcomes");
    for is_json in [true, false] {
        'files: for entry in &topic.files {
            let mut reader = archive.read("pos.outcomes", entry).expect("a file");
            while let Some(record) = reader.next().expect("a record") {
                let value = record.value.expect("an outcome");
                let is_wanted = (value[0] == b'{') == is_json;
                let fields = tillgate::codec::recorded::fields(value).expect("an outcome");
                let id = fields.iter().find(|(path, _)| path == "transactionId");
                if let (true, Some((_, id))) = (is_wanted, id) {
                    found.push(id.trim_matches('"').to_owned());
                    break 'files;
                }
            }
        }
    }
    found
}
