//! `tillgate replay --verify` as an operator runs it: over the topics of a real Kafka that real processes wrote, killed,
//! restarted with another ruleset and another encoding in between, and over an export of them.

use std::process::Output;

use crate::support::scene::{Scene, WITHIN};
use crate::support::{Kafka, Message, Record, eventually, kafka};
use serde_json::Value;

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

    // Each in a topic of its own, with everything else as it was.
    let altered = |name: &str, alter: fn(&mut Vec<Record>)| {
        let mut records = outcomes.clone();
        alter(&mut records);
        let topic = kafka.topic(name);
        kafka.create_topic(&topic, PARTITIONS as i32, &[]);
        let messages = records.into_iter().map(|record| Message {
            partition: Some(record.partition),
            key: record.key,
            value: record.value,
            ..Message::default()
        });
        kafka.produce(&topic, messages);
        report(&scene, &["--set", &format!("topics.pos_outcomes={topic}")])
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
