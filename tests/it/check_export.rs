//! `tillgate check EXPORT` as an analyst runs it: what processes decided on a real Kafka, some of them killed, is decided again
//! to the last byte; with another rule it is told what changed; and what is no export, or lacks something, is refused by name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::support::scene::{Scene, WITHIN, binary, succeed};
use crate::support::{Kafka, Message, Record, eventually, kafka};
use serde_json::{Value, json};
use tillgate::archive::{Archive, MANIFEST, Manifest};
use tillgate::domain::Micros;
use tillgate::domain::hashing::hash128;

/// Topics as a release before this one recorded them: 400 events on two partitions, by two rulesets.
const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recorded/0.1");
const PARTITIONS: u32 = 3;
const FIRST_AMOUNT: &str =
    "checks.limit.first_amount.cap={ EUR = 60, NOK = 600, SEK = 600, DKK = 500, CHF = 60 }";

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Exports all topics into a folder of this name.
fn export(scene: &Scene, name: &str, args: &[&str]) -> PathBuf {
    let folder = scene.path(name);
    let own = ["topics", "export", "--to", folder.to_str().expect("a path")];
    succeed(scene.command(&[&own, args].concat()).output().expect("the binary"));
    folder
}

fn check(scene: &Scene, folder: &Path, args: &[&str]) -> Output {
    scene.command(&["check"]).arg(folder).args(args).output().expect("the binary")
}

/// Summary and outcomes by partition, in their order.
fn checked(scene: &Scene, folder: &Path, args: &[&str]) -> (Value, BTreeMap<i32, Vec<String>>) {
    let file = scene.path("outcomes.jsonl");
    let output = ["--summary", "--json", "--output", file.to_str().expect("a path")];
    let summary = succeed(check(scene, folder, &[&output, args].concat()));
    let mut outcomes: BTreeMap<i32, Vec<String>> = BTreeMap::new();
    for line in std::fs::read_to_string(&file).expect("outcomes").lines() {
        let outcome: Value = serde_json::from_str(line).expect("JSON");
        let partition = outcome["source"]["partition"].as_i64().expect("a partition") as i32;
        outcomes.entry(partition).or_default().push(line.to_owned());
    }
    (serde_json::from_str(&summary).expect("JSON"), outcomes)
}

fn by_partition(records: &[Record]) -> BTreeMap<i32, Vec<String>> {
    let mut found: BTreeMap<i32, Vec<String>> = BTreeMap::new();
    for record in records {
        found.entry(record.partition).or_default().push(record.text().to_owned());
    }
    found
}

/// What two processes decided by one ruleset, the first of them killed; mistakes and aborted records among it.
fn decided(kafka: &'static Kafka) -> Scene {
    let small = ["kafka.batch_events_max=40", "journal.rotation_events_min=300", FIRST_AMOUNT];
    let scene = Scene::new(kafka, PARTITIONS, &small);
    let nonsense = (0..PARTITIONS as i32).map(|partition| Message::new("A", "{}").on(partition)).collect();
    scene.kafka.produce_aborted(&format!("aborted-{}", scene.journal), &scene.pos_events, nonsense);
    let load = ["load", "--count", "2500", "--accounts", "150", "--mistakes", "200", "--seed", "3"];
    succeed(scene.command(&load).output().expect("the binary"));
    let mut killed = scene.start(&[]);
    let member = scene.member();
    eventually(WITHIN, "some events to be decided", || {
        killed.assert_alive();
        (scene.events_decided(&member) > 300).then_some(())
    });
    killed.kill();
    let mut running = scene.start(&[]);
    scene.await_decided(&mut running);
    running.stop();
    scene
}

#[test]
fn what_was_decided_is_decided_again_to_the_last_byte_and_another_rule_shows_what_changes() {
    let Some(kafka) = kafka() else { return };
    let scene = decided(kafka);
    let recorded = kafka.read_committed(&scene.pos_outcomes);
    let folder = export(&scene, "export", &[]);
    let (summary, outcomes) = checked(&scene, &folder, &[]);
    let beside = &summary["besideRecorded"];
    assert_eq!(
        (&beside["identical"], &beside["changed"]),
        (&json!(recorded.len()), &json!(0)),
        "{summary:#}"
    );
    assert!(outcomes == by_partition(&recorded), "the outcomes differ from those recorded");
    assert!(summary["messages"]["pos.first.amount"].as_u64() > Some(5), "{summary:#}");
    assert!(summary["deadLetters"].as_object().is_some_and(|letters| !letters.is_empty()), "{summary:#}");

    // Without a cap nothing is Pending by it; amounts come out exactly.
    let off = ["--set", "checks.limit.first_amount.enabled=false"];
    let (summary, outcomes) = checked(&scene, &folder, &off);
    let beside = &summary["besideRecorded"];
    let rows = beside["changes"].as_array().expect("changes");
    let row = rows.iter().find(|row| row["recorded"] == "Pending" && row["now"] == "Accepted");
    let row = row.unwrap_or_else(|| panic!("{summary:#}"));
    assert_eq!(beside["codes"]["pos.first.amount"]["new"], 0, "{summary:#}");
    assert!(beside["codes"]["pos.first.amount"]["gone"].as_u64() >= row["count"].as_u64(), "{summary:#}");
    let changed: u64 = rows.iter().filter_map(|row| row["count"].as_u64()).sum();
    assert_eq!(beside["changed"], changed, "{summary:#}");
    let first = beside["first"].as_array().expect("the first changes");
    assert_eq!(first.len() as u64, changed.min(20), "{summary:#}");
    let by_source: BTreeMap<(i64, i64), Value> = outcomes
        .values()
        .flatten()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"))
        .filter(|outcome| outcome["source"]["topic"] == *scene.pos_events && outcome["supersedes"].is_null())
        .map(|outcome| {
            let place = |name: &str| outcome["source"][name].as_i64().expect("a number");
            ((place("partition"), place("offset")), outcome)
        })
        .collect();
    let pending = first.iter().filter(|change| change["recorded"]["answer"] == "Pending");
    for change in pending.filter(|change| change["now"]["answer"] == "Accepted") {
        let place = |name: &str| change[name].as_i64().expect("a number");
        let outcome = &by_source[&(place("partition"), place("offset"))];
        assert_eq!(outcome["accountTransactionId"], change["transaction"], "{change:#}");
        assert_eq!(outcome["outcome"], "Accepted", "{change:#}");
    }
    let told = succeed(check(&scene, &folder, &[&["--summary"], &off[..]].concat()));
    let line = format!(
        "  {:<26}{:>12}\n    booked ",
        "Pending -> Accepted",
        row["count"].as_u64().expect("a count")
    );
    assert!(told.contains(&line) && told.contains("the first 20 of "), "{told}");
    // Alike on as many threads as there are, whatever comes first.
    assert_eq!(told, succeed(check(&scene, &folder, &[&["--summary"], &off[..]].concat())));

    // What was recorded in Avro, or is written so, is the same outcomes.
    let avro = export(&scene, "avro", &["--format", "avro"]);
    assert_eq!(checked(&scene, &avro, &[]).0["besideRecorded"]["identical"], recorded.len());
    without_outcomes(&scene);
}

/// Inputs alone are merged by their times, and that is said.
fn without_outcomes(scene: &Scene) {
    let folder = export(scene, "inputs", &["--topic", &scene.pos_events, "--topic", &scene.account_events]);
    let output = check(scene, &folder, &["--summary", "--json"]);
    let said = text(&output.stderr);
    let summary: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(
        (&summary["posEvents"], &summary["besideRecorded"]),
        (&json!(2500), &Value::Null),
        "{summary:#}"
    );
    let wanted =
        format!("topic {} is not in the export: the inputs are merged by their times", scene.pos_outcomes);
    assert!(said.contains(&wanted) && said.contains("holds end when a later record comes"), "{said}");
}

#[test]
fn holds_end_by_recorded_ticks_and_profiles_say_what_they_said_then() {
    let Some(kafka) = kafka() else { return };
    let sets = [
        "profiles.enabled=true",
        "checks.account.unknown=open",
        "checks.pending.hold_time=2s",
        "checks.limit.first_amount.cap={ NOK = 100 }",
    ];
    let scene = Scene::live(kafka, PARTITIONS, &sets);
    let put = ["profiles", "put", "--terminal", "T-1", "--country", "SE"];
    succeed(scene.command(&put).output().expect("the binary"));
    let mut running = scene.start(&[]);
    running.await_ready(2 * PARTITIONS as usize);
    let purchase = |account: &str, id: &str, total: &str| {
        let now = now();
        Message::new(
            account,
            format!(
                r#"{{"accountNumber":"{account}","accountTransactionId":"{id}","eventType":"Purchase","time":"{now}","currency":"NOK","countryCode":"NO","conversationLanguage":"NO","posId":"T-1","nfcId":"chip","totalAmount":{total},"totalTax":0,"items":[]}}"#
            ),
        )
    };
    for (place, account) in ["A-1", "A-2", "A-3", "A-4"].into_iter().enumerate() {
        kafka.produce(&scene.pos_events, vec![purchase(account, &format!("small-{place}"), "10.00")]);
        kafka.produce(&scene.pos_events, vec![purchase(account, &format!("large-{place}"), "150.00")]);
    }
    // The last ones run out by ticks: nothing else comes.
    eventually(WITHIN, "every hold to run out", || {
        let outcomes = kafka.read_committed(&scene.pos_outcomes);
        let with = |text: &str| outcomes.iter().filter(|record| record.text().contains(text)).count();
        let (pending, ended) = (with("\"outcome\":\"Pending\""), with("\"supersedes\":\""));
        (outcomes.len() - ended == 8 && ended == pending && ended >= 4).then_some(())
    });
    scene.await_decided(&mut running);
    running.stop();
    let recorded = kafka.read_committed(&scene.pos_outcomes);
    let folder = export(&scene, "export", &[]);
    let (summary, outcomes) = checked(&scene, &folder, &[]);
    assert_eq!(summary["besideRecorded"]["identical"], recorded.len(), "{summary:#}");
    assert!(outcomes == by_partition(&recorded), "the outcomes differ from those recorded");
    assert!(
        summary["ticks"].as_u64() > Some(0) && summary["toldOfProfiles"].as_u64() > Some(0),
        "{summary:#}"
    );
    assert!(summary["messages"]["pos.terminal.country"].as_u64() > Some(0), "{summary:#}");

    // Without the topic of ticks, of which outcomes tell, nothing is decided otherwise in silence.
    let topics = [&scene.pos_events, &scene.account_events, &scene.pos_outcomes];
    let named = topics.map(|topic| ["--topic", topic.as_str()]).concat();
    let lacking = export(&scene, "lacking", &named);
    let output = check(&scene, &lacking, &["--summary"]);
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("does not fit the inputs") && said.contains(&*scene.ticks), "{said}");
}

#[allow(clippy::disallowed_methods, reason = "an event of long ago would be late")]
fn now() -> Micros {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    Micros(now.as_micros() as i64)
}

#[test]
fn contact_decisions_are_made_again_and_shown_with_another_rule() {
    let Some(kafka) = kafka() else { return };
    let scene = Scene::live(kafka, PARTITIONS, &["contact.enabled=true"]);
    let mut running = scene.start(&[]);
    running.await_ready(2 * PARTITIONS as usize);
    for (place, id) in ["P-1", "P-2", "P-3"].into_iter().enumerate() {
        let account = format!("A-{place}");
        let update = json!({ "id": format!("e-{place}"), "account": account, "eventType": "update", "update": { "partyId": id } });
        kafka.produce(&scene.account_events, vec![Message::new(account.as_str(), update.to_string())]);
    }
    let parties = scene.of_contacts("parties");
    eventually(WITHIN, "the facts of persons", || (kafka.read_committed(&parties).len() >= 3).then_some(()));
    for (place, id) in ["P-1", "P-2", "P-3"].into_iter().enumerate() {
        let request = json!({
            "requestId": format!("r-{id}"), "personId": id, "loanIds": [format!("A-{place}")], "channel": "gui",
            "theme": "opsServicing", "contactDetails": { "kind": "email", "value": "jo@example.org" }
        });
        kafka.produce(&scene.of_contacts("contact_requests"), vec![Message::new(id, request.to_string())]);
    }
    let decisions = scene.of_contacts("contact_decisions");
    eventually(WITHIN, "three decisions", || (kafka.read_committed(&decisions).len() == 3).then_some(()));
    running.stop();
    let folder = export(&scene, "export", &[]);
    let (summary, outcomes) = checked(&scene, &folder, &["--contact"]);
    assert_eq!(summary["besideRecorded"]["identical"], 3, "{summary:#}");
    assert!(
        outcomes == by_partition(&kafka.read_committed(&decisions)),
        "the decisions differ from those recorded"
    );
    let (summary, _) = checked(&scene, &folder, &["--contact", "--set", "contact.jurisdiction=DE"]);
    assert_eq!(summary["besideRecorded"]["identical"], 0, "{summary:#}");
}

/// A copy of the recording, to be spoilt.
fn copy() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for entry in std::fs::read_dir(RECORDED).expect("the recording") {
        let path = entry.expect("an entry").path();
        let to = folder.path().join(path.file_name().expect("a name"));
        if path.is_file() {
            std::fs::copy(&path, &to).expect("a copy");
            continue;
        }
        std::fs::create_dir(&to).expect("a folder");
        for file in std::fs::read_dir(&path).expect("a topic") {
            let file = file.expect("an entry").path();
            std::fs::copy(&file, to.join(file.file_name().expect("a name"))).expect("a copy");
        }
    }
    folder
}

fn manifest(folder: &Path, change: impl FnOnce(&mut Manifest)) {
    let mut manifest = Archive::open(folder).expect("an export").manifest().clone();
    change(&mut manifest);
    let text = serde_json::to_string(&manifest).expect("JSON");
    std::fs::write(folder.join(MANIFEST), text).expect("a file");
}

/// Lets the manifest say what a file is by now, of which so many records were taken away.
fn held_to_its_file(folder: &Path, name: &str, partition: usize, fewer: u64) {
    let text = std::fs::read_to_string(folder.join(MANIFEST)).expect("a manifest");
    let mut manifest: Manifest = serde_json::from_str(&text).expect("a manifest");
    let topic = manifest.topics.iter_mut().find(|topic| topic.topic == name).expect("the topic");
    let entry = &mut topic.files[partition];
    let bytes = std::fs::read(folder.join(&entry.file)).expect("a file");
    entry.records -= fewer;
    entry.bytes = bytes.len() as u64;
    entry.xxh3 = format!("{:032x}", hash128(&bytes));
    std::fs::write(folder.join(MANIFEST), serde_json::to_string(&manifest).expect("JSON")).expect("a file");
}

fn of(args: &[&str], folder: &Path) -> (Option<i32>, String, String) {
    let mut command: Command = binary();
    let output = command.arg("check").arg(folder).args(args).output().expect("the binary");
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[track_caller]
fn assert_refused(folder: &Path, args: &[&str], code: i32, says: &[&str]) {
    let (found, out, said) = of(args, folder);
    assert_eq!(found, Some(code), "{said}");
    assert!(out.is_empty(), "{out}");
    assert!(says.iter().all(|part| said.contains(part)), "{said}");
}

#[test]
fn an_older_recording_is_decided_by_the_rules_of_today() {
    let (code, told, said) = of(&["--summary", "--json"], Path::new(RECORDED));
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("events partition 0 offset 142: dead letter: 400.001"), "{said}");
    let summary: Value = serde_json::from_str(&told).expect("JSON");
    let beside = &summary["besideRecorded"];
    let all = ["identical", "alike", "changed"].map(|name| beside[name].as_u64().expect("a count"));
    assert_eq!((summary["posEvents"].as_u64(), all.iter().sum::<u64>()), (Some(400), 400), "{summary:#}");
    assert!(all[1] > 390, "{summary:#}");
    assert_eq!(beside["recordedRulesets"].as_object().map(serde_json::Map::len), Some(2), "{summary:#}");
}

#[test]
fn what_is_no_export_or_not_whole_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let own = folder.path();
    assert_refused(own, &[], 1, &["manifest.json is not there", "did not complete"]);
    let file = own.join("events.jsonl");
    std::fs::write(&file, "{}\n").expect("a file");
    assert_refused(&file, &[], 2, &["events.jsonl is a file", "--events"]);

    let folder = copy();
    let own = folder.path();
    manifest(own, |manifest| manifest.version = 3);
    assert_refused(own, &[], 1, &["version 3 of the layout, this program reads 1 to 2"]);
    let folder = copy();
    let own = folder.path();
    manifest(own, |manifest| manifest.isolation = "read_uncommitted".to_owned());
    assert_refused(own, &[], 1, &["the export is read_uncommitted", "export again"]);

    let folder = copy();
    let own = folder.path();
    let file = own.join("pos.events/00001.jsonl.zst");
    let mut bytes = std::fs::read(&file).expect("a file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).expect("a file");
    assert_refused(own, &["--summary"], 1, &["pos.events/00001.jsonl.zst: line "]);
    std::fs::write(&file, "cut").expect("a file");
    assert_refused(own, &[], 1, &["pos.events/00001.jsonl.zst has 3 bytes, not ", "it was cut or changed"]);

    let own = Path::new(RECORDED);
    let other = ["--set", "topics.account_events=accounts"];
    assert_refused(own, &other, 1, &["topic accounts is not in the export", "--set topics."]);
    let other = ["--set", "topics.pos_events=events"];
    assert_refused(own, &other, 1, &["topic events is not in the export"]);
    assert_refused(own, &["--contact"], 1, &["topic contact.requests is not in the export"]);
    assert_refused(own, &["--events", "-"], 2, &["cannot be used with"]);
    assert_refused(own, &["--json"], 2, &["--summary"]);
}

#[test]
fn what_would_be_decided_otherwise_is_refused_or_told() {
    let folder = copy();
    let own = folder.path();
    manifest(own, |manifest| {
        let topic = manifest.topics.iter_mut().find(|topic| topic.topic == "pos.events").expect("the topic");
        topic.files[0].left_out.push(3);
    });
    assert_refused(own, &[], 1, &["left out 1 records of topic pos.events, the first at offset 3"]);

    // Of two partitions one was exported: of the account events neither, or both.
    let folder = copy();
    let own = folder.path();
    let drop_first = |manifest: &mut Manifest, name: &str| {
        let topic = manifest.topics.iter_mut().find(|topic| topic.topic == name).expect("the topic");
        topic.files.remove(0);
    };
    manifest(own, |manifest| drop_first(manifest, "account.events"));
    assert_refused(own, &[], 1, &["partition 0 of topic account.events is not in the export"]);
    manifest(own, |manifest| drop_first(manifest, "pos.events"));
    let (code, told, said) = of(&["--summary"], own);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("the export has 1 of 2 partitions: the others are not decided"), "{said}");
    assert!(told.contains("POS events                           ") && !told.contains(" 400\n"), "{told}");

    let folder = copy();
    let own = folder.path();
    manifest(own, |manifest| {
        let topic = manifest.topics.iter_mut().find(|topic| topic.topic == "account.events").expect("it");
        topic.partitions = 4;
    });
    assert_refused(own, &[], 1, &["topic account.events has 4 partitions, and pos.events has 2"]);

    // Without its first records it is decided only where that is asked for.
    let folder = copy();
    let own = folder.path();
    manifest(own, |manifest| {
        let topic = manifest.topics.iter_mut().find(|topic| topic.topic == "pos.events").expect("the topic");
        topic.files[1].begin = 7;
        topic.files[1].first_offset = Some(7);
    });
    let trimmed = own.join("pos.events/00001.jsonl.zst");
    let whole = zstd::decode_all(std::fs::File::open(&trimmed).expect("a file")).expect("zstd");
    let rest: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').skip(7).collect();
    std::fs::write(&trimmed, zstd::encode_all(&rest.concat()[..], 1).expect("zstd")).expect("a file");
    held_to_its_file(own, "pos.events", 1, 7);
    let says = "pos.events partition 1 begins at offset 7 in the export";
    assert_refused(own, &[], 1, &[says, "--trimmed decides them as if nothing had been before"]);
    let (code, told, said) = of(&["--summary", "--json", "--trimmed"], own);
    assert_eq!(code, Some(0), "{said}");
    let summary: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(summary["posEvents"], 393, "{summary:#}");
    assert!(summary["besideRecorded"]["alike"].as_u64() > Some(380), "{summary:#}");

    // An outcome of which the record is gone.
    let folder = copy();
    let own = folder.path();
    let file = own.join("pos.events/00000.jsonl.zst");
    let whole = zstd::decode_all(std::fs::File::open(&file).expect("a file")).expect("zstd");
    let lines: Vec<&[u8]> = whole.split_inclusive(|byte| *byte == b'\n').collect();
    let left = [&lines[..9], &lines[10..]].concat();
    std::fs::write(&file, zstd::encode_all(&left.concat()[..], 1).expect("zstd")).expect("a file");
    held_to_its_file(own, "pos.events", 0, 1);
    assert_refused(own, &["--summary"], 1, &["does not fit the inputs", "pos.events 0/9, is not here"]);

    // The outcomes of other topics.
    let folder = copy();
    let own = folder.path();
    let other = ["--set", "topics.pos_outcomes=pos.dead-letters", "--set", "topics.dead_letters=dead"];
    assert_refused(own, &other, 1, &["pos.dead-letters 0/", "does not say which record of pos.events"]);
}
