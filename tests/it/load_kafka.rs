//! `tillgate load` into a real Kafka: every record arrives once, on the partition of its key, at its own time, and is
//! the record that the same seed gives elsewhere. Which partition that is, the linked librdkafka says.

use crate::support::{Record, kafka};
use assert_cmd::Command;
use std::collections::BTreeMap;
use tillgate::codec::{KnownSchemas, decode_account_event};
use tillgate::domain::Micros;
use tillgate::domain::partitioner::Partitioner;
use tillgate::load::{Encoder, Generated, LoadSettings, MistakeShares, World};

const PARTITIONS: u32 = 3;

/// Times and values by key, in order; those without key under nothing.
type Values = BTreeMap<Option<Vec<u8>>, Vec<(i64, Vec<u8>)>>;

#[test]
fn load_writes_to_kafka_what_the_seed_gives() {
    let Some(kafka) = kafka() else { return };
    let (pos_events, account_events) = (kafka.topic("load-pos"), kafka.topic("load-account"));
    for topic in [&pos_events, &account_events] {
        // Its records are of the past, which the broker would delete while the test reads them.
        kafka.create_topic(topic, PARTITIONS as i32, &[("retention.ms", "-1")]);
    }
    let report = Command::cargo_bin("tillgate")
        .expect("the binary")
        .args("load --count 4000 --accounts 200 --seed 7 --mistakes 300 --format avro --step 10ms".split(' '))
        .args(["--start", "2026-01-01T00:00:00Z"])
        .args(["--set", &format!("kafka.bootstrap_servers={}", kafka.bootstrap())])
        .args(["--set", &format!("topics.pos_events={pos_events}")])
        .args(["--set", &format!("topics.account_events={account_events}")])
        .assert()
        .success();
    let report = String::from_utf8_lossy(&report.get_output().stderr).into_owned();
    assert!(report.starts_with("4000 POS events"), "{report}");

    let settings = LoadSettings {
        count: 4_000,
        accounts: 200,
        seed: 7,
        mistakes: MistakeShares::even(300),
        step: Micros(10_000),
        start: Micros::parse_rfc3339("2026-01-01T00:00:00Z").expect("a time"),
        ..LoadSettings::default()
    };
    let (mut expected, mut expected_accounts) = (Values::new(), 0);
    let world = World::new(settings);
    let encoder = Encoder::avro_single_object().expect("our schemas");
    expected_accounts += world.opening_events().count();
    for generated in world.generate() {
        match generated {
            Generated::Account { .. } => expected_accounts += 1,
            Generated::Pos(record) => {
                let mut value = Vec::new();
                encoder.pos_record(&record, &mut value).expect("has a place");
                expected.entry(record.key).or_default().push((record.time.0 / 1_000, value));
            }
        }
    }

    let schemas = KnownSchemas::new().expect("our schemas");
    let mut found = Values::new();
    for record in kafka.read_committed(&pos_events) {
        if let Some(key) = &record.key {
            assert_eq!(record.partition, Partitioner::Murmur2.partition_of(key, PARTITIONS).number());
        }
        let value = record.value.expect("a value");
        found.entry(record.key).or_default().push((record.timestamp, value));
    }
    if let (Some(found), Some(expected)) = (found.get_mut(&None), expected.get_mut(&None)) {
        found.sort();
        expected.sort();
    }
    assert_eq!(found, expected);
    let accounts = kafka.read_committed(&account_events);
    assert_eq!(accounts.len(), expected_accounts);
    for record in accounts {
        let event = decode_account_event(&schemas, &record.value.expect("a value"), None).expect("decodes");
        assert_eq!(record.key, Some(event.account.into_bytes()));
        assert_eq!(record.timestamp, event.created_at.expect("a time").0 / 1_000);
    }
}

/// The client's own partitioner puts records where we say that keys belong, by the other setting too.
#[test]
fn keys_belong_where_librdkafka_puts_them() {
    let Some(kafka) = kafka() else { return };
    let topics = [kafka.topic("load-pos"), kafka.topic("load-account")];
    for topic in &topics {
        kafka.create_topic(topic, 7, &[]);
    }
    Command::cargo_bin("tillgate")
        .expect("the binary")
        .args("load --count 1 --accounts 500 --mistakes 0 --set topics.partitioner=crc32".split(' '))
        .args(["--set", &format!("kafka.bootstrap_servers={}", kafka.bootstrap())])
        .args(["--set", &format!("topics.pos_events={}", topics[0])])
        .args(["--set", &format!("topics.account_events={}", topics[1])])
        .assert()
        .success();
    let records = kafka.read_committed(&topics[1]);
    assert!(records.len() >= 500);
    let is_home = |partitioner: Partitioner| {
        let home = |record: &&Record| {
            partitioner.is_home(record.key.as_deref().expect("a key"), record.partition.into(), 7)
        };
        records.iter().filter(home).count()
    };
    assert_eq!(is_home(Partitioner::Crc32), records.len());
    assert!(is_home(Partitioner::Murmur2) < records.len() / 4, "it is not the same");
}
