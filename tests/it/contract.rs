//! The documents in `schemas/` are those that the code makes, and say what it does: `UPDATE_GOLDEN=1` writes them again, and a
//! reviewer reads the difference. What a validator that is not ours says of them: `tests/contract/run.sh`.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};
use tillgate::codec::json::{read_account_event, read_pos_event, write_account_event};
use tillgate::codec::tick::{Tick, UnitTimes, write_tick};
use tillgate::config::{self, Settings, Sources};
use tillgate::contract::{self, FormBounds, Node, RecordSchema};
use tillgate::domain::Micros;
use tillgate::domain::enums::CountryCode;
use tillgate::profiles::{
    ChipRecord, Published, PublishedChip, PublishedDay, PublishedTerminal, ReferenceRecord, SeenAccount,
    SeenPlace, read_line,
};

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn defaults() -> Settings {
    config::load(&Sources::default()).expect("the defaults are sound")
}

fn openapi() -> Node {
    contract::openapi(&FormBounds::of(&defaults().checks))
}

fn tillgate(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tillgate")).args(args).output().expect("the binary")
}

/// Holds a file to what it should be, or writes it.
fn hold(file: &Path, text: &str) {
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(file, text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        return;
    }
    let is = fs::read_to_string(file).unwrap_or_default();
    assert!(is == text, "{} is not what the code makes: UPDATE_GOLDEN=1 writes it anew", file.display());
}

#[test]
fn documents_in_schemas_are_what_the_code_makes() {
    let folder = root().join("schemas");
    let files = contract::files(&defaults());
    for (name, text) in &files {
        hold(&folder.join(name), text);
    }
    for entry in fs::read_dir(folder).expect("the folder") {
        let name = entry.expect("an entry").file_name().into_string().expect("a name");
        let is_made = files.iter().any(|(made, _)| *made == name);
        assert!(is_made || !name.ends_with(".json"), "nothing makes schemas/{name}");
    }
}

/// One record a line: the schema that it is of, and whether it is one.
fn sample(samples: &mut String, schema: RecordSchema, valid: bool, record: &str) {
    let file = schema.file();
    let schema = file.trim_end_matches(".schema.json");
    // Writing into a text does not fail.
    let _ = writeln!(samples, "{{\"schema\":\"{schema}\",\"valid\":{valid},\"record\":{record}}}");
}

fn samples_of_time(samples: &mut String) {
    let time = |seconds: i64| Micros(1_790_000_000_000_000 + seconds * 1_000_000);
    let ticks = [
        Tick::Passed(UnitTimes { stream_time: time(0), last_record: Some(time(7)) }),
        Tick::Passed(UnitTimes { stream_time: time(0), last_record: None }),
        Tick::SetTime { to: time(1), stands: Some(time(2)), by: "a \"person\"".to_owned() },
        Tick::SetTime { to: time(1), stands: None, by: String::new() },
    ];
    for tick in ticks {
        let text = String::from_utf8(write_tick(&tick)).expect("JSON");
        sample(samples, RecordSchema::Tick, true, &text);
    }
    sample(samples, RecordSchema::Tick, false, r#"{"kind":"soon"}"#);
    sample(samples, RecordSchema::Tick, false, r#"{"kind":"passed"}"#);
}

fn samples_of_profiles(samples: &mut String) {
    for line in [
        r#"{"posId":"T-1","disabled":true,"country":"NO","position":"59.913868,10.752245"}"#,
        r#"{"posId":"T-2","position":"-0.5,-179.999999"}"#,
        r#"{"nfcId":"C-1","blocked":true}"#,
    ] {
        let (_, record) = read_line(line).expect("a line");
        sample(samples, RecordSchema::ProfileRecord, true, &record.expect("a record").json());
    }
    for (kind, record) in [
        (tillgate::profiles::ProfileKind::Terminal, r#"{"country":"XX"}"#),
        (tillgate::profiles::ProfileKind::Terminal, r#"{"position":"north"}"#),
        (tillgate::profiles::ProfileKind::Terminal, r#"{"colour":"red"}"#),
    ] {
        ReferenceRecord::read(kind, record.as_bytes()).expect_err("no record");
        sample(samples, RecordSchema::ProfileRecord, false, record);
    }
    let seen =
        |place| SeenAccount { account: 0x0123_4567_89ab_cdef, time: Micros(1_790_000_000_125_000), place };
    let place = SeenPlace { time: Micros(1_790_000_000_000_000), country: CountryCode::No, terminal: 7 };
    let (_, record) = read_line(r#"{"posId":"T-1","country":"SE"}"#).expect("a line");
    let Some(ReferenceRecord::Terminal(record)) = record else { panic!("a terminal's record") };
    let profiles = [
        Published::Terminal(PublishedTerminal::default()),
        Published::Terminal(PublishedTerminal {
            pos_id: Some("T-1".to_owned()),
            record: Some(record),
            name: Some("Grocery Leipzig 11".to_owned()),
            country: Some(CountryCode::De),
            accounts: vec![seen(None)],
            days: vec![PublishedDay { day: 20_718, judged: 12, confirmed: 1 }],
        }),
        Published::Chip(PublishedChip {
            record: Some(ChipRecord { blocked: true }),
            registered: vec![1, u64::MAX],
            accounts: vec![seen(Some(place)), seen(None)],
        }),
    ];
    for profile in profiles {
        sample(samples, RecordSchema::Profile, true, &profile.json());
    }
    sample(samples, RecordSchema::Profile, false, r#"{"kind":"chip","registered":["1"]}"#);
}

fn samples_of_accounts(samples: &mut String) {
    let openapi = openapi();
    let examples =
        openapi.at("/paths/~1v1~1account_events/post/requestBody/content/application~1json/examples");
    for (_, example) in examples.expect("examples").members() {
        // What the gateway adds.
        let event =
            example.get("value").expect("a value").clone().with("id", "acc_evt_4bfe0ca9a48f10cd4583b50c");
        let event =
            event.with("createdAt", "2025-01-06T09:30:00.125Z").with("idempotencyKey", "till-17-4711");
        let read = read_account_event(event.to_string().as_bytes()).expect("an account event");
        let mut text = Vec::new();
        write_account_event(&read, &mut text);
        sample(samples, RecordSchema::AccountEvent, true, &String::from_utf8(text).expect("JSON"));
    }
    for event in [
        r#"{"id":"a","account":"A","eventType":"payment"}"#,
        r#"{"id":"a","account":"A","eventType":"close","limit":{"amount":1}}"#,
        r#"{"id":"a","account":"A","eventType":"limit","limit":{"amount":"1"}}"#,
        r#"{"id":"a","account":" ","eventType":"close"}"#,
        r#"{"id":"a","account":"A","eventType":"unrecognized"}"#,
    ] {
        read_account_event(event.as_bytes()).expect_err("no account event");
        sample(samples, RecordSchema::AccountEvent, false, event);
    }
    let source = r#""source":{"topic":"account.events","partition":3,"offset":4711}"#;
    for (valid, text) in [
        (
            true,
            r#"{"requestId":"r-1","result":"applied","id":"acc_evt_4bfe0ca9a48f10cd4583b50c","createdAt":"2025-01-06T09:30:00.125Z",SOURCE}"#,
        ),
        (
            true,
            r#"{"requestId":"r-2","result":"refused","code":"400.001","message":"it ends too soon",SOURCE}"#,
        ),
        (
            true,
            r#"{"requestId":"r-2","result":"repeat","id":null,"createdAt":null,"code":null,"message":null,SOURCE}"#,
        ),
        (false, r#"{"requestId":"r-3","result":"lost",SOURCE}"#),
        (false, r#"{"result":"applied",SOURCE}"#),
    ] {
        sample(samples, RecordSchema::AccountResult, valid, &text.replace("SOURCE", source));
    }
}

#[test]
fn samples_for_the_validator_are_what_the_code_writes() {
    let mut samples = String::new();
    samples_of_time(&mut samples);
    samples_of_profiles(&mut samples);
    samples_of_accounts(&mut samples);
    hold(&root().join("tests/contract/samples.jsonl"), &samples);
}

#[test]
fn every_topic_has_a_channel() {
    let settings = defaults();
    let asyncapi = contract::asyncapi(&settings.kafka, &settings.topics);
    let others = ["partitioner", "partitions", "replication_factor"];
    for row in settings.describe() {
        let Some(name) = row.key.strip_prefix("topics.") else { continue };
        if name.contains('.') || others.contains(&name) {
            continue;
        }
        let address = asyncapi.at(&format!("/channels/{name}/address")).and_then(Node::text);
        assert_eq!(address, Some(row.value.trim_matches('"')), "{}: src/contract/asyncapi.rs", row.key);
    }
}

/// The examples of the operation that adds an event.
fn examples(pointer: &str) -> Vec<(String, Value)> {
    let openapi = openapi();
    let operation = "/paths/~1api~1v3~1customer-account~1{accountNumber}~1event/post";
    let content = openapi.at(&format!("{operation}{pointer}/content/application~1json/examples"));
    let value = |(name, example): &(String, Node)| {
        let value = example.get("value").expect("a value").to_string();
        (name.clone(), serde_json::from_str(&value).expect("JSON"))
    };
    content.expect("examples").members().iter().map(value).collect()
}

#[test]
fn examples_are_answered_as_they_say() {
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let answers: Vec<(String, Value)> =
        ["/responses/200", "/responses/400"].iter().flat_map(|pointer| examples(pointer)).collect();
    let faults = fs::read_to_string(root().join("src/contract/examples.json")).expect("the examples");
    let all: Value = serde_json::from_str(&faults).expect("JSON");
    let mut events = String::new();
    let mut accounts = String::new();
    let pairs = [
        ("purchase", "accepted"),
        ("offByACent", "rejected"),
        ("needsSsn", "pending"),
        ("withFormFaults", "formFaults"),
    ];
    for (event, _) in pairs {
        let event = &all[event];
        read_pos_event(event.to_string().as_bytes()).expect("an event");
        let account = &event["accountNumber"];
        let knows = |what: &str, name: &str, value: Value| json!({ "id": format!("{name}-{account}"), "account": account, "eventType": what, what: value, "createdAt": "2025-01-05T06:00:00Z" });
        let currency = if account == "40700000006970" { "EUR" } else { "NOK" };
        let ssn_known = account != "40700000010101";
        let _ = writeln!(accounts, "{}", knows("limit", "l", json!({ "amount": 1_150_000 })));
        let _ = writeln!(
            accounts,
            "{}",
            knows("update", "u", json!({ "currency": currency, "ssnKnown": ssn_known }))
        );
        let _ = writeln!(events, "{event}");
    }
    let [events_file, accounts_file] =
        ["events.jsonl", "accounts.jsonl"].map(|name| scratch.path().join(name));
    fs::write(&events_file, events).expect("the events");
    fs::write(&accounts_file, accounts).expect("the account events");
    let [events_file, accounts_file] =
        [&events_file, &accounts_file].map(|file| file.to_str().expect("a path"));
    let checked = tillgate(&["check", "--events", events_file, "--account-events", accounts_file]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let outcomes: Vec<Value> = String::from_utf8_lossy(&checked.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).expect("an outcome"))
        .collect();
    for (event, answer) in pairs {
        let outcome = outcomes
            .iter()
            .find(|outcome| outcome["accountTransactionId"] == all[event]["accountTransactionId"]);
        let mut outcome = outcome.expect("an outcome").clone();
        for message in outcome["riskCheckMessages"].as_array_mut().expect("messages") {
            message.as_object_mut().expect("a message").remove("detail");
        }
        let (_, says) = answers.iter().find(|(name, _)| name == answer).expect("an answer");
        if says.is_array() {
            assert_eq!(*says, outcome["riskCheckMessages"], "{answer}");
            continue;
        }
        for field in ["eventAdded", "outcome", "riskCheckMessages"] {
            assert_eq!(says[field], outcome[field], "{answer}: {field}");
        }
    }
}

#[test]
fn the_command_prints_what_is_kept_and_heeds_the_configuration() {
    for (document, file) in [("openapi", "openapi.json"), ("asyncapi", "asyncapi.json")] {
        let printed = tillgate(&["contract", document]);
        let kept = fs::read_to_string(root().join("schemas").join(file)).expect("the document");
        assert_eq!(String::from_utf8(printed.stdout).expect("text"), kept, "{file}");
    }
    let printed = tillgate(&["contract", "openapi", "--set", "checks.form.length.items_max=77"]);
    let openapi: Value = serde_json::from_slice(&printed.stdout).expect("JSON");
    assert_eq!(openapi.pointer("/components/schemas/PosEvent/properties/items/maxItems"), Some(&json!(77)));
    let printed = tillgate(&["contract", "asyncapi", "--set", "topics.pos_events=tills.events"]);
    let asyncapi: Value = serde_json::from_slice(&printed.stdout).expect("JSON");
    assert_eq!(asyncapi.pointer("/channels/pos_events/address"), Some(&json!("tills.events")));
    let scratch = tempfile::tempdir().expect("a scratch folder");
    let folder = scratch.path().join("made").to_str().expect("a path").to_owned();
    let written = tillgate(&["contract", "schemas", &folder]);
    assert!(written.status.success(), "{}", String::from_utf8_lossy(&written.stderr));
    for (name, text) in contract::files(&defaults()) {
        assert_eq!(fs::read_to_string(Path::new(&folder).join(&name)).expect("a file"), text, "{name}");
    }
}

#[test]
fn the_page_shows_every_operation_and_needs_nothing_from_elsewhere() {
    let openapi = openapi();
    let page = contract::page(&openapi);
    for (path, methods) in openapi.get("paths").expect("paths").members() {
        assert!(page.contains(path.as_str()), "{path}");
        for (_, operation) in methods.members() {
            let summary = operation.get("summary").and_then(Node::text).expect("a summary");
            assert!(page.contains(summary), "{summary}");
        }
    }
    for field in
        ["items[].unitPrice", "riskCheckMessages[].code", "update.resolve.granted", "<code>503</code>"]
    {
        assert!(page.contains(field), "{field}");
    }
    for foreign in ["<script", "<link", "<img", "@import", "url(", "http:", "https:"] {
        assert!(!page.contains(foreign), "{foreign}");
    }
}

#[test]
fn texts_of_a_document_cannot_break_out_of_the_page() {
    let evil = Node::object()
        .with("title", "<script>&\"")
        .with("version", "1")
        .with("description", "`<b>` **<i>**\n\n- <u>");
    let page = contract::page(&Node::object().with("info", evil));
    assert!(page.contains("&lt;script&gt;&amp;&quot;") && page.contains("<code>&lt;b&gt;</code>"), "{page}");
    assert!(
        !page.contains("<script") && !page.contains("<b>") && !page.contains("<i>") && !page.contains("<u>")
    );
}
