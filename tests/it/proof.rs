//! The main job, end to end: the built binary on a real Kafka, as an operator would run it, over a month of real input.
//! Never looks inside: records in, records out, signals, pages, exit codes.

mod avro;
mod bad_input;
mod handover;
pub mod june;
mod latency;
mod operation;
mod overload;
mod registry;
mod registry_secured;
mod restarts;
mod ticks;

use std::collections::BTreeMap;

use crate::support::scene::Scene;
use crate::support::{Record, kafka};
use avro::Registered;
use june::{June, message};
use serde::Deserialize;
use serde_json::Value;

const POS_EVENT: &str = include_str!("../../schemas/pos_event.avsc");
const ACCOUNT_EVENT: &str = include_str!("../../schemas/account_event.avsc");
const OPEN: &str = "checks.account.unknown=open";

/// What of an outcome says where it came from.
#[derive(Deserialize)]
struct Whence {
    source: Source,
    supersedes: Option<String>,
    outcome: String,
}

#[derive(Deserialize)]
struct Source {
    topic: String,
    partition: i32,
    offset: i64,
}

fn whence(outcome: &str) -> Whence {
    serde_json::from_str(outcome).unwrap_or_else(|error| panic!("{error}: {outcome}"))
}

/// Outcomes by partition, in their order.
type ByPartition = BTreeMap<i32, Vec<String>>;

/// What `tillgate check` says of the same records on the same topics.
fn checked(scene: &Scene, june: &June, partitions: u32) -> ByPartition {
    let [events, account_events, outcomes] = ["events", "accounts", "outcomes"].map(|name| scene.path(name));
    june.write(&events, &account_events);
    let mut check = scene.command(&["check", "--partitions", &partitions.to_string()]);
    check.arg("--events").arg(events).arg("--account-events").arg(account_events);
    let said = check.arg("--output").arg(&outcomes).output().expect("the binary");
    let talk = String::from_utf8_lossy(&said.stderr).into_owned();
    crate::support::scene::succeed(said);
    assert_eq!(talk.matches(": dead letter: ").count(), june.dead_letters, "{talk}");
    let text = std::fs::read_to_string(outcomes).expect("the outcomes");
    let mut checked = ByPartition::new();
    for line in text.lines() {
        checked.entry(whence(line).source.partition).or_default().push(line.to_owned());
    }
    checked
}

/// Panics at the first outcome that differs, and names the fields in which it does.
fn assert_same(found: &ByPartition, expected: &ByPartition) {
    for (partition, expected) in expected {
        let found = found.get(partition).map_or(&[][..], Vec::as_slice);
        for (place, (found, expected)) in found.iter().zip(expected).enumerate() {
            if found != expected {
                let fields =
                    |text: &str| serde_json::from_str::<BTreeMap<String, Value>>(text).expect("JSON");
                let (found, expected) = (fields(found), fields(expected));
                let names = found.keys().chain(expected.keys());
                let differ: Vec<_> = names.filter(|name| found.get(*name) != expected.get(*name)).collect();
                panic!("partition {partition} outcome {place}: {differ:?}\n{found:#?}\n{expected:#?}");
            }
        }
        assert_eq!(found.len(), expected.len(), "partition {partition}");
    }
    assert_eq!(found.len(), expected.len(), "partitions");
}

/// Every POS event of the topic has exactly one outcome of its own, in the order of offsets.
fn assert_each_once(scene: &Scene, outcomes: &ByPartition) {
    for (partition, end) in scene.kafka.ends(&scene.pos_events) {
        let outcomes = outcomes.get(&partition).map_or(&[][..], Vec::as_slice);
        let own = outcomes.iter().map(|outcome| whence(outcome)).filter(|whence| whence.supersedes.is_none());
        let own = own.map(|Whence { source, .. }| (source.topic, source.partition, source.offset));
        let expected = (0..end).map(|offset| (scene.pos_events.clone(), partition, offset));
        assert!(own.eq(expected), "partition {partition}");
    }
}

/// Every kind of answer is there: else equality would prove little.
fn assert_all_kinds(outcomes: &ByPartition) {
    let mut verdicts: BTreeMap<String, usize> = BTreeMap::new();
    let mut superseding = 0;
    for outcome in outcomes.values().flatten() {
        let whence = whence(outcome);
        superseding += usize::from(whence.supersedes.is_some());
        *verdicts.entry(whence.outcome).or_default() += 1;
    }
    let all = ["Accepted", "NotEvaluated", "Pending", "Rejected"];
    assert!(verdicts.keys().eq(all), "{verdicts:?}");
    assert!(superseding > 0, "{verdicts:?}");
    for code in [
        "400.002",
        "400.100",
        "400.102",
        "200.903",
        "200.912",
        "pos.item.gross",
        "pos.total.tax",
        "pos.currency.country",
        "pos.currency.account",
        "pos.idempotency.repeat",
        "pos.duplicate",
        "pos.account.stopped",
        "pos.account.dunning",
        "pos.account.closed",
        "pos.account.default",
        "pos.account.flag",
    ] {
        let code = format!("\"code\":\"{code}\"");
        let found = outcomes.values().flatten().any(|outcome| outcome.contains(&code));
        assert!(found, "no {code} among {verdicts:?}");
    }
}

fn by_partition(records: &[Record], text: impl Fn(&Record) -> String) -> ByPartition {
    let mut outcomes = ByPartition::new();
    for record in records {
        outcomes.entry(record.partition).or_default().push(text(record));
    }
    outcomes
}

/// Puts the inputs into the topics of `scene` before anything reads them, as `bytes` has their values.
fn produce(scene: &Scene, june: &June, bytes: impl Fn(&[String], bool) -> Vec<Vec<u8>>) {
    for (topic, lines, accounts) in
        [(&scene.account_events, &june.account_events, true), (&scene.pos_events, &june.events, false)]
    {
        let values = bytes(lines, accounts);
        let messages = lines.iter().zip(values).map(|(line, value)| message(line, value));
        scene.kafka.produce(topic, messages);
    }
}

/// The lines as they are.
fn as_lines(lines: &[String], _accounts: bool) -> Vec<Vec<u8>> {
    lines.iter().map(|line| line.clone().into_bytes()).collect()
}

/// Lets `run` decide all that there is, and stops it.
fn decided(scene: &Scene) -> Vec<Record> {
    let mut running = scene.start(&[]);
    let outcomes = scene.await_decided(&mut running);
    running.stop();
    assert_eq!(scene.kafka.read_committed(&scene.pos_outcomes).len(), outcomes.len(), "nothing after");
    outcomes
}

#[test]
fn june_of_the_handbook_is_decided_once_and_as_check_decides_it() {
    const PARTITIONS: u32 = 8;
    let (Some(kafka), Some(shared)) = (kafka(), crate::support::shared()) else { return };
    let june = June::read(&shared, june::EVENTS);
    assert!(june.events.len() > june::EVENTS);

    let scene = Scene::new(kafka, PARTITIONS, &[OPEN]);
    produce(&scene, &june, as_lines);
    let expected = checked(&scene, &june, PARTITIONS);
    assert_each_once(&scene, &expected);
    assert_all_kinds(&expected);
    let outcomes = decided(&scene);
    assert_same(&by_partition(&outcomes, |record| record.text().to_owned()), &expected);
    assert_eq!(kafka.read_committed(&scene.dead_letters).len(), june.dead_letters);
    drop((outcomes, expected));

    let registry = format!("registry.url={}", kafka.registry());
    let scene = Scene::new(kafka, PARTITIONS, &[OPEN, "output.format=avro", &registry]);
    let pos_event = Registered::new(kafka, &format!("{}-value", scene.pos_events), POS_EVENT);
    let account_event = Registered::new(kafka, &format!("{}-value", scene.account_events), ACCOUNT_EVENT);
    produce(&scene, &june, |lines, accounts| {
        if accounts { account_event.encode_all(lines) } else { pos_event.encode_all(lines) }
    });
    let expected = checked(&scene, &june, PARTITIONS);
    let outcomes = decided(&scene);
    let outcome = Registered::latest(kafka, &format!("{}-value", scene.pos_outcomes));
    let found = by_partition(&outcomes, |record| outcome.decode(record.value.as_deref().expect("a value")));
    assert_same(&found, &expected);
    assert_eq!(kafka.read_committed(&scene.dead_letters).len(), june.dead_letters);
}
