//! `tillgate replay --verify` as an operator runs it: over the topics of a real Kafka that real processes wrote, killed,
//! restarted with another ruleset and another encoding in between, and over an export of them.

use std::process::Output;

use crate::support::scene::{Scene, WITHIN};
use crate::support::{Kafka, Message, Record, eventually, kafka};
use serde_json::{Value, json};

const PARTITIONS: u32 = 3;
const SMALL: [&str; 4] = [
    "kafka.batch_events_max=40",
    "journal.checkpoint_events_per_account=1",
    "journal.rotation_events_min=300",
    "journal.record_bytes_max=400KiB",
];
const FIRST: [&str; 1] =
    ["checks.limit.first_amount.cap={ EUR = 60, NOK = 600, SEK = 600, DKK = 500, CHF = 60 }"];
const SECOND: [&str; 3] =
    ["checks.basket.line_tolerance=0.50", "output.format=avro", "output.avro_framing=single_object"];

/// Generated events, mistakes among them, with an aborted transaction before them.
fn load(scene: &Scene, seed: u32, format: &str) {
    let nonsense = (0..PARTITIONS as i32).map(|partition| Message::new("A", "{}").on(partition)).collect();
    scene.kafka.produce_aborted(&format!("aborted-{}-{seed}", scene.journal), &scene.pos_events, nonsense);
    let seed = seed.to_string();
    let mut load = scene.command(&["load", "--count", "2500", "--accounts", "150", "--mistakes", "200"]);
    crate::support::scene::succeed(
        load.args(["--seed", &seed, "--format", format]).output().expect("the binary"),
    );
}

/// Account events whose senders ask. Of five in a row the first is applied, the second was before, the third has other content
/// under the same id, the fourth is refused, the last applied.
fn ask(scene: &Scene, first: u32, count: u32) {
    let asked = (first..first + count).map(|number| {
        let five = number / 5;
        let (id, amount) = match number % 5 {
            0 | 1 => (five * 5, 100),
            2 => (five * 5, 200),
            3 => (number, -1),
            _ => (number, 300),
        };
        let account = format!("asked-{}", five % 7);
        let event = json!({ "id": format!("e-{id}"), "account": account, "eventType": "limit", "limit": { "amount": amount } });
        Message::new(account, event.to_string()).header("requestId", format!("r-{number}"))
    });
    scene.kafka.produce(&scene.account_events, asked.collect::<Vec<_>>());
}

fn replay(scene: &Scene, args: &[&str]) -> Output {
    scene.command(&["replay", "--verify"]).args(args).output().expect("the binary")
}

#[track_caller]
fn report(scene: &Scene, args: &[&str]) -> Value {
    let output = replay(scene, &[&["--json"], args].concat());
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let report: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {errors}"));
    let identical = report["identical"].as_bool().expect("an answer");
    assert_eq!(output.status.code(), Some(i32::from(!identical)), "{errors}");
    report
}

#[track_caller]
fn assert_identical(report: &Value, outcomes: usize) {
    assert_eq!(report["identical"], true, "{report:#}");
    assert_eq!(report["outcomes"]["identical"], outcomes, "{report:#}");
}

/// What three processes decided, one after another: the first is killed, the last has other rules and writes Avro.
fn decided(kafka: &'static Kafka) -> Scene {
    let scene = Scene::new(kafka, PARTITIONS, &SMALL);
    load(&scene, 1, "json");
    ask(&scene, 0, 40);
    let mut killed = scene.start(&FIRST);
    let member = scene.member();
    eventually(WITHIN, "some events to be decided", || {
        killed.assert_alive();
        (scene.events_decided(&member) > 300).then_some(())
    });
    killed.kill();
    let mut first = scene.start(&FIRST);
    scene.await_decided(&mut first);
    first.stop();
    load(&scene, 2, "avro");
    ask(&scene, 40, 40);
    let mut second = scene.start(&SECOND);
    scene.await_decided(&mut second);
    second.stop();
    scene
}

#[test]
fn what_processes_decided_is_decided_again_to_the_last_byte_over_topics_and_their_export() {
    let Some(kafka) = kafka() else { return };
    let scene = decided(kafka);
    let (outcomes, letters) =
        (kafka.read_committed(&scene.pos_outcomes), kafka.read_committed(&scene.dead_letters));
    let is_avro = |record: &&Record| record.value.as_ref().is_some_and(|value| value[0] == 0xc3);
    let avro = outcomes.iter().filter(is_avro).count();
    assert!(avro > 1_000 && outcomes.len() - avro > 1_000 && letters.len() > 20);

    let output = replay(&scene, &[]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let count = outcomes.len();
    assert!(text.starts_with(&format!("{count} of {count} outcomes identical\n")), "{text}");
    let count = letters.len();
    assert!(text.contains(&format!("{count} of {count} dead letters identical\n")), "{text}");
    assert!(text.contains("80 of 80 replies to account events identical\n"), "{text}");

    let folder = scene.path("export");
    let to = folder.to_str().expect("a path");
    crate::support::scene::succeed(
        scene.command(&["topics", "export", "--to", to]).output().expect("the binary"),
    );
    assert_identical(&report(&scene, &["--files", to]), outcomes.len());

    // Of a journal that was trimmed away before it was exported nothing is left that says how far outcomes go.
    let trimmed = kafka.topic("trimmed-journal");
    kafka.create_topic(&trimmed, PARTITIONS as i32, &[]);
    let (journal, folder) = (format!("topics.journal={trimmed}"), scene.path("export-trimmed"));
    let to = folder.to_str().expect("a path");
    let mut export = scene.command(&["topics", "export", "--to", to]);
    crate::support::scene::succeed(export.args(["--set", &journal]).output().expect("the binary"));
    let refused = report(&scene, &["--files", to, "--set", &journal]);
    let why = refused["partitions"][0]["stopped"].to_string();
    assert!(why.contains("was trimmed before it was read"), "{refused:#}");

    let altered = |name: &str, alter: fn(&mut Vec<Record>)| {
        let mut records = outcomes.clone();
        alter(&mut records);
        report(&scene, &["--set", &instead(&scene, "pos_outcomes", name, records)])
    };
    let report = altered("flipped", |records| {
        let value = records[500].value.as_mut().expect("a value");
        let text = String::from_utf8(std::mem::take(value)).expect("JSON");
        *value = text.replacen("\"eventAdded\":", "\"eventAdded\": ", 1).into_bytes();
    });
    assert_eq!((&report["outcomes"]["different"], &report["torn"]), (&1.into(), &0.into()), "{report:#}");
    let report = altered("removed", |records| drop(records.remove(records.len() - 20)));
    assert_eq!(report["outcomes"]["missing"], 1, "{report:#}");
    let report = altered("doubled", |records| {
        let at = records.len() - 20;
        records.insert(at, records[at].clone());
    });
    assert_eq!(report["outcomes"]["unexpected"], 1, "{report:#}");
}

/// Records in a topic of their own, and the setting by which they stand for those of another, with everything else as it was.
pub fn instead(scene: &Scene, setting: &str, name: &str, records: Vec<Record>) -> String {
    let topic = scene.kafka.topic(name);
    scene.kafka.create_topic(&topic, PARTITIONS as i32, &[]);
    let messages = records.into_iter().map(|record| Message {
        partition: Some(record.partition),
        key: record.key,
        value: record.value,
        headers: record.headers,
        ..Message::default()
    });
    scene.kafka.produce(&topic, messages);
    format!("topics.{setting}={topic}")
}

/// A scene in which sixty account events asked for a reply, and their replies.
fn answered(kafka: &'static Kafka) -> (Scene, Vec<Record>) {
    let scene = Scene::new(kafka, PARTITIONS, &SMALL);
    ask(&scene, 0, 60);
    let running = scene.start(&[]);
    let replies = kafka.await_committed(&scene.account_results, 60, WITHIN);
    running.stop();
    (scene, replies)
}

/// A row of what is found wrong with replies, and the text of the first difference.
#[track_caller]
fn wrong(report: &Value) -> ([u64; 3], String) {
    assert_eq!(
        (&report["identical"], &report["outcomes"]["different"]),
        (&false.into(), &0.into()),
        "{report:#}"
    );
    let count = |name: &str| report["replies"][name].as_u64().expect("a number");
    let partitions = report["partitions"].as_array().expect("partitions");
    let first = partitions.iter().find(|partition| !partition["first"].is_null()).expect("a difference");
    (["different", "missing", "unexpected"].map(count), first["first"].to_string())
}

#[test]
fn replies_to_account_events_are_given_again_and_what_is_wrong_with_them_is_named() {
    let Some(kafka) = kafka() else { return };
    let (scene, replies) = answered(kafka);
    for from in ["beginning", "checkpoint"] {
        let report = report(&scene, &["--from", from]);
        assert_eq!(report["identical"], true, "{report:#}");
        let skipped: i64 = report["partitions"]
            .as_array()
            .expect("partitions")
            .iter()
            .map(|partition| partition["from"][1].as_i64().unwrap_or(0))
            .sum();
        assert_eq!(report["replies"]["identical"], 60 - skipped, "{report:#}");
    }

    let results = |fate: &str| {
        replies.iter().filter(|reply| reply.text().contains(&format!("\"result\":\"{fate}\""))).count()
    };
    assert!(["applied", "repeat", "conflict", "refused"].iter().all(|fate| results(fate) > 1));
    let altered = |name: &str, alter: fn(&mut Vec<Record>)| {
        let mut records = replies.clone();
        alter(&mut records);
        wrong(&report(&scene, &["--set", &instead(&scene, "account_results", name, records)]))
    };
    let (count, told) = altered("reply-removed", |replies| drop(replies.remove(20)));
    assert_eq!(count, [0, 1, 0], "{told}");
    let of = |reply: &Record| {
        serde_json::from_str::<Value>(reply.text()).expect("JSON")["source"]["offset"].clone()
    };
    let input = format!("{} {}/{}", scene.account_events, replies[20].partition, of(&replies[20]));
    assert!(told.contains("a reply is missing") && told.contains(&input), "{told}");
    let (count, told) = altered("reply-changed", |replies| {
        let at = replies
            .iter()
            .position(|reply| reply.text().contains("\"refused\""))
            .expect("one that was refused");
        replies[at].value = Some(replies[at].text().replace("\"refused\"", "\"applied\"").into_bytes());
    });
    assert_eq!(count, [1, 0, 0], "{told}");
    let changed = replies.iter().position(|reply| reply.text().contains("\"refused\"")).expect("one");
    let place =
        replies[..changed].iter().filter(|reply| reply.partition == replies[changed].partition).count();
    assert!(
        told.contains(&format!("{}/{place}\"", replies[changed].partition))
            && told.contains("\"field\":\"result\""),
        "{told}"
    );
    let (count, told) = altered("reply-twice", |replies| replies.push(replies[5].clone()));
    assert_eq!(count, [0, 0, 1], "{told}");
    let (count, told) = altered("reply-of-another", |replies| {
        let text = replies[30].text().replacen("\"requestId\":\"r-", "\"requestId\":\"q-", 1);
        replies[30].value = Some(text.into_bytes());
    });
    assert!(count == [1, 0, 0] && told.contains("\"field\":\"requestId\""), "{told}");
}

#[test]
fn replies_that_retention_has_deleted_or_that_were_never_recorded_are_no_difference() {
    let Some(kafka) = kafka() else { return };
    let (scene, replies) = answered(kafka);
    let gone = |report: &Value| -> (Value, i64, String) {
        let partitions = report["partitions"].as_array().expect("partitions");
        assert_eq!(report["identical"], true, "{report:#}");
        let gone = partitions.iter().filter_map(|partition| partition["repliesGone"].as_i64()).sum();
        let notes = partitions.iter().map(|partition| partition["notes"].to_string()).collect();
        (report["replies"]["identical"].clone(), gone, notes)
    };
    // An export without the topic, as one from before there was such a topic.
    let folder = scene.path("export-without-replies");
    let to = folder.to_str().expect("a path");
    let mut export = scene.command(&["topics", "export", "--to", to]);
    let topics = [
        &scene.pos_events,
        &scene.account_events,
        &scene.ticks,
        &scene.pos_outcomes,
        &scene.dead_letters,
        &scene.journal,
        &scene.rulesets,
    ];
    for topic in topics {
        export.args(["--topic", topic]);
    }
    crate::support::scene::succeed(export.output().expect("the binary"));
    let (identical, count, notes) = gone(&report(&scene, &["--files", to]));
    assert_eq!((identical, count), (0.into(), 60));
    assert!(notes.contains("was not recorded"), "{notes}");
    let nowhere = format!("topics.account_results={}", kafka.topic("never-made"));
    let (identical, count, _) = gone(&report(&scene, &["--set", &nowhere]));
    assert_eq!((identical, count), (0.into(), 60));

    let of_one: Vec<&Record> =
        replies.iter().filter(|reply| reply.partition == replies[0].partition).collect();
    let kept = of_one.len() / 2;
    kafka.delete_records(&scene.account_results, of_one[0].partition, of_one[of_one.len() - kept].offset);
    let (identical, count, notes) = gone(&report(&scene, &[]));
    let deleted = of_one.len() - kept;
    assert_eq!((identical, count), ((60 - deleted).into(), deleted as i64), "{notes}");
    assert!(
        notes.contains(&format!("has lost what was before offset {}", of_one[deleted].offset)),
        "{notes}"
    );
    // The same of an export of what is left.
    let folder = scene.path("export-of-what-is-left");
    let to = folder.to_str().expect("a path");
    crate::support::scene::succeed(
        scene.command(&["topics", "export", "--to", to]).output().expect("the binary"),
    );
    let (identical, count, _) = gone(&report(&scene, &["--files", to]));
    assert_eq!((identical, count), ((60 - deleted).into(), deleted as i64));
}

#[test]
fn begins_at_a_checkpoint_where_retention_has_deleted_inputs() {
    let Some(kafka) = kafka() else { return };
    let scene = decided(kafka);
    let trimmed = kafka.read_stable(&scene.journal).iter().all(|record| record.offset > 0);
    assert!(trimmed, "the journal was cut off behind complete rotations");
    let whole = report(&scene, &["--from", "checkpoint"]);
    assert_eq!(whole["identical"], true, "{whole:#}");
    let partitions = whole["partitions"].as_array().expect("partitions").clone();
    assert!(partitions.iter().all(|partition| partition["from"][0].as_i64() > Some(0)), "{whole:#}");

    for partition in &partitions {
        let number = partition["partition"].as_i64().expect("a number") as i32;
        let before = partition["from"][0].as_i64().expect("an offset") - 1;
        kafka.delete_records(&scene.pos_events, number, before);
    }
    let refused = report(&scene, &[]);
    let why = refused["partitions"][0]["stopped"].as_str().expect("a reason").to_owned();
    assert!(why.contains("is deleted: --from checkpoint can verify from positions"), "{why}");
    assert_eq!(report(&scene, &["--from", "checkpoint"])["outcomes"], whole["outcomes"]);

    let other = kafka.topic("no-rulesets");
    kafka.create_topic(&other, 1, &[]);
    let rulesets = format!("topics.rulesets={other}");
    let folder = scene.path("rulesets");
    let to = folder.to_str().expect("a path");
    let missing = report(&scene, &["--from", "checkpoint", "--set", &rulesets]);
    for (whole, missing) in partitions.iter().zip(missing["partitions"].as_array().expect("partitions")) {
        let why = missing["stopped"].to_string();
        // Where the journal ends at the checkpoint nothing is decided behind it, and no ruleset needed.
        let needed = whole["transactions"].as_u64() > Some(0);
        let told = why.contains("is not kept: write it by the configuration of then");
        assert_eq!(told, needed, "{whole:#}, {missing:#}");
    }
    // The changes are in the journal from the checkpoint on; the rulesets come from a folder.
    for sets in [&FIRST[..], &SECOND] {
        let mut keep = scene.command(&["config", "ruleset", "--to", to]);
        for set in sets {
            keep.args(["--set", set]);
        }
        crate::support::scene::succeed(keep.output().expect("the binary"));
    }
    let kept = report(&scene, &["--from", "checkpoint", "--set", &rulesets, "--rulesets", to]);
    assert_eq!(kept["outcomes"], whole["outcomes"], "{kept:#}");
}
