//! What the benches share: a generated run as records, and a partition that knows its accounts.
#![allow(dead_code, reason = "every bench uses its own part of this module")]

use std::sync::Arc;
use tillgate::codec::{KnownSchemas, json};
use tillgate::config::{Settings, Sources, load};
use tillgate::domain::hashing::Seed;
use tillgate::domain::outcome::Outcome;
use tillgate::domain::partitioner::Partitioner;
use tillgate::domain::pos_event::PosEvent;
use tillgate::domain::record::RecordTime;
use tillgate::engine::Engine;
use tillgate::load::{Generated, LoadSettings, MistakeShares, TillContent, World};
use tillgate::pipeline::{DecisionSink, InputRecord, Outbound};
use tillgate::pos::{Input, OutcomeEncoding, Partition, PartitionOptions, Pos};

/// A record of the run: which input, key, value, time.
pub struct Made {
    pub input: Input,
    pub key: Vec<u8>,
    pub value: Vec<u8>,
    pub timestamp_millis: i64,
}

/// A run over so many accounts, correct events only, four lines on average.
pub fn world(accounts: u32, count: u64) -> World {
    World::new(LoadSettings {
        accounts,
        count,
        mistakes: MistakeShares::NONE,
        step: LoadSettings::step_for(accounts),
        ..LoadSettings::default()
    })
}

/// The events that open the accounts.
pub fn opening(world: &World) -> impl Iterator<Item = Made> {
    world.opening_events().map(|event| {
        let mut value = Vec::new();
        json::write_account_event(&event, &mut value);
        let timestamp_millis = event.created_at.map_or(0, |time| time.0 / 1_000);
        Made { input: Input::AccountEvents, key: event.account.into_bytes(), value, timestamp_millis }
    })
}

/// The run's records; POS events encoded by `encode`.
pub fn records(world: &World, encode: impl Fn(&PosEvent<'_>, &mut Vec<u8>)) -> impl Iterator<Item = Made> {
    world.generate().map(move |generated| {
        let mut value = Vec::new();
        match generated {
            Generated::Account { event, time } => {
                json::write_account_event(&event, &mut value);
                let key = event.account.into_bytes();
                Made { input: Input::AccountEvents, key, value, timestamp_millis: time.0 / 1_000 }
            }
            Generated::Pos(record) => {
                match &record.content {
                    TillContent::Event(event) => encode(event, &mut value),
                    TillContent::Bytes(bytes) => value.clone_from(bytes),
                }
                let (key, timestamp_millis) = (record.key.unwrap_or_default(), record.time.0 / 1_000);
                Made { input: Input::PosEvents, key, value, timestamp_millis }
            }
        }
    })
}

/// The default settings.
pub fn settings() -> Settings {
    load(&Sources::default()).unwrap_or_else(|faults| panic!("{faults}"))
}

/// The engine of the default settings.
pub fn engine() -> Arc<Engine> {
    let settings = settings();
    Arc::new(Engine::new(settings.checks.clone(), settings.texts.clone(), settings.canonical_text()))
}

/// An empty partition.
pub fn partition(engine: &Arc<Engine>, encoding: OutcomeEncoding) -> Partition {
    let options = PartitionOptions {
        topics: ["pos.events", "account.events", "tillgate.ticks"].map(str::to_owned),
        encoding,
        checkpoint_events_per_account: 2,
        rotation_events_min: 100_000,
        journal_record_bytes_max: 900 << 10,
        input_partitions: 1,
        partitioner: Partitioner::Murmur2,
        profiles: None,
        parties: None,
        table_seed: Seed([1, 2]),
    };
    Partition::new(engine.clone(), 0.into(), options)
}

/// Offsets of both inputs, and a count of what came out.
pub struct Feed {
    schemas: KnownSchemas,
    offsets: [i64; 2],
    pub outcomes: u64,
    pub bytes: u64,
}

impl DecisionSink<Pos> for Feed {
    fn send(&mut self, _outcome: &Outcome<'_>, outbound: &Outbound<'_>) {
        self.outcomes += 1;
        self.bytes += outbound.value.map_or(0, <[u8]>::len) as u64;
    }

    fn dead_letter(&mut self, _record: &InputRecord<'_>, code: &'static str, message: &str) {
        panic!("dead letter {code}: {message}");
    }
}

impl Feed {
    /// Nothing read yet; our own schemas are known.
    pub fn new() -> Self {
        let schemas = KnownSchemas::new().unwrap_or_else(|fault| panic!("{fault}"));
        Self { schemas, offsets: [0; 2], outcomes: 0, bytes: 0 }
    }

    /// Gives a record to the partition.
    pub fn give(&mut self, partition: &mut Partition, made: &Made) {
        let offset = self.offsets[made.input as usize];
        self.offsets[made.input as usize] += 1;
        let record = InputRecord {
            input: made.input as usize,
            partition: 0.into(),
            offset,
            timestamp_millis: made.timestamp_millis,
            time: RecordTime::of_millis(made.timestamp_millis),
            key: Some(&made.key),
            value: Some(&made.value),
            schema_guid: None,
            request_id: None,
        };
        let schemas = std::mem::take(&mut self.schemas);
        partition.on_record(&schemas, &record, self).unwrap_or_else(|interrupt| panic!("{interrupt}"));
        self.schemas = schemas;
    }
}

/// The single-object header of a schema.
pub fn avro_header(schema: &str) -> Vec<u8> {
    let fingerprint = tillgate::codec::avro::fingerprint(schema).unwrap_or_else(|fault| panic!("{fault}"));
    let mut header = vec![0xc3, 0x01];
    header.extend_from_slice(&fingerprint.to_le_bytes());
    header
}
