//! What a decision costs: decode, decide, encode, and the whole way through the pipeline (apply, undo
//! log, journal and checkpoint slices included), for events of four lines and a million accounts.
//!
//! References in the same run: the same event as a generic value tree (serde_json, apache-avro).
//! `EVENTS` and `ACCOUNTS` in the environment change the size.

mod support;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;
use support::{Feed, Made};
use tillgate::codec::avro::{self, POS_EVENT_SCHEMA, PosEventPlan};
use tillgate::codec::json;
use tillgate::domain::ProfileView;
use tillgate::domain::outcome::Source;
use tillgate::domain::pos_event::PosEvent;
use tillgate::domain::record::RecordTime;
use tillgate::engine::{Engine, RecordContext};
use tillgate::load::World;
use tillgate::pos::{Input, OutcomeEncoding, Partition};

/// As in the binary.
#[global_allocator]
static ALLOCATOR: tillgate::allocator::Allocator = tillgate::allocator::Allocator;

/// Records a transaction has under load.
const BATCH: usize = 4096;
/// Single-object encoding: two marker bytes and the schema's fingerprint.
const HEADER: usize = 10;

fn number(name: &str, default: u32) -> u32 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn decision(criterion: &mut Criterion) {
    let world = support::world(number("ACCOUNTS", 1_000_000), number("EVENTS", 200_000).into());
    let engine = support::engine();
    let plan = PosEventPlan::compile(POS_EVENT_SCHEMA).unwrap_or_else(|fault| panic!("{fault}"));
    let header = support::avro_header(POS_EVENT_SCHEMA);
    let write_avro = |event: &PosEvent<'_>, out: &mut Vec<u8>| {
        out.extend_from_slice(&header);
        avro::write_pos_event(event, out).unwrap_or_else(|fault| panic!("{fault}"));
    };
    let schema = apache_avro::Schema::parse_str(POS_EVENT_SCHEMA).unwrap_or_else(|fault| panic!("{fault}"));

    let generic = apache_avro::reader::datum::GenericDatumReader::builder(&schema).build();
    let generic = generic.unwrap_or_else(|fault| panic!("{fault}"));

    let mut group = criterion.benchmark_group("avro");
    group.throughput(Throughput::Elements(1));
    let made: Vec<_> = support::records(&world, write_avro).collect();
    let pos = pos_values(&made);
    each(&mut group, "reference: apache-avro value tree", &pos, |value| {
        generic.read_value(&mut &value[HEADER..]).is_ok()
    });
    each(&mut group, "decode", &pos, |value| plan.read(&value[HEADER..]).is_ok());
    let events: Vec<_> = pos.iter().filter_map(|value| plan.read(&value[HEADER..]).ok()).collect();
    let partition = opened(&world, &engine, OutcomeEncoding::Json).0;
    decide(&mut group, &partition, &engine, &made, &events);
    encode(&mut group, &partition, &engine, &made, &events, avro::write_outcome);
    all(&mut group, &world, &engine, &made, &OutcomeEncoding::Avro(vec![0, 0, 0, 0, 1]));
    group.finish();

    let mut group = criterion.benchmark_group("json");
    group.throughput(Throughput::Elements(1));
    let made: Vec<_> = support::records(&world, json::write_pos_event).collect();
    let pos = pos_values(&made);
    each(&mut group, "reference: serde_json value tree", &pos, |value| {
        serde_json::from_slice::<serde_json::Value>(value).is_ok()
    });
    each(&mut group, "decode", &pos, |value| json::read_pos_event(value).is_ok());
    encode(&mut group, &partition, &engine, &made, &events, json::write_outcome);
    drop(partition);
    all(&mut group, &world, &engine, &made, &OutcomeEncoding::Json);
    group.finish();
}

fn pos_values(made: &[Made]) -> Vec<&[u8]> {
    let values: Vec<_> =
        made.iter().filter(|made| made.input == Input::PosEvents).map(|made| &*made.value).collect();
    let bytes: usize = values.iter().map(|value| value.len()).sum();
    println!("{} events, {} bytes on average", values.len(), bytes / values.len());
    values
}

/// A partition whose accounts are open.
fn opened(world: &World, engine: &Arc<Engine>, encoding: OutcomeEncoding) -> (Partition, Feed) {
    let mut partition = support::partition(engine, encoding);
    let mut feed = Feed::new();
    for made in support::opening(world) {
        feed.give(&mut partition, &made);
        partition.committed();
    }
    (partition, feed)
}

fn each(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    values: &[&[u8]],
    read: impl Fn(&[u8]) -> bool,
) {
    let mut place = 0;
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            place = (place + 1) % values.len();
            assert!(read(black_box(values[place])));
        });
    });
}

fn at<'a>(made: &'a Made, positions: &'a [(String, i64)]) -> RecordContext<'a> {
    let timestamp_millis = made.timestamp_millis;
    let source = Source { topic: "pos.events", partition: 0.into(), offset: 7, timestamp_millis };
    let time = RecordTime::of_millis(timestamp_millis);
    RecordContext {
        source,
        key: str::from_utf8(&made.key).unwrap_or_default(),
        time,
        positions,
        asked: false,
    }
}

fn decide(
    group: &mut BenchmarkGroup<'_, WallTime>,
    partition: &Partition,
    engine: &Engine,
    made: &[Made],
    events: &[PosEvent<'_>],
) {
    let positions = [("account.events".to_owned(), 0)];
    let made: Vec<_> = made.iter().filter(|made| made.input == Input::PosEvents).collect();
    let mut place = 0;
    group.bench_function("decide", |bencher| {
        bencher.iter(|| {
            place = (place + 1) % events.len();
            let record = at(made[place], &positions);
            let Ok(sound) = engine.read(&events[place], &record) else {
                panic!("a generated event is sound")
            };
            black_box(engine.decide(
                partition.state(),
                &sound,
                &record,
                (sound.time, &ProfileView::default()),
            ));
        });
    });
}

fn encode(
    group: &mut BenchmarkGroup<'_, WallTime>,
    partition: &Partition,
    engine: &Engine,
    made: &[Made],
    events: &[PosEvent<'_>],
    write: impl Fn(&tillgate::domain::outcome::Outcome<'_>, &mut Vec<u8>),
) {
    let positions = [("account.events".to_owned(), 0)];
    let made = made.iter().find(|made| made.input == Input::PosEvents);
    let record = at(made.unwrap_or_else(|| panic!("there are events")), &positions);
    let Ok(sound) = engine.read(&events[0], &record) else { panic!("a generated event is sound") };
    let decision = engine.decide(partition.state(), &sound, &record, (sound.time, &ProfileView::default()));
    let outcome = decision.outcome.unwrap_or_else(|| panic!("a decision has an outcome"));
    let mut bytes = Vec::with_capacity(1024);
    group.bench_function("encode", |bencher| {
        bencher.iter(|| {
            bytes.clear();
            write(black_box(&outcome), &mut bytes);
            black_box(bytes.len())
        });
    });
}

/// Records through the pipeline in batches; a new partition where the run is used up.
fn all(
    group: &mut BenchmarkGroup<'_, WallTime>,
    world: &World,
    engine: &Arc<Engine>,
    made: &[Made],
    encoding: &OutcomeEncoding,
) {
    let mut running: Option<(Partition, Feed, usize)> = None;
    group.sample_size(10).measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_millis(500));
    group.bench_function("all: decode, decide, apply, encode, journal", |bencher| {
        bencher.iter_custom(|iterations| {
            // Whole batches: a transaction of one record is not what is measured.
            let batches = (iterations as usize).div_ceil(BATCH);
            let mut spent = Duration::ZERO;
            for _ in 0..batches {
                let (partition, feed, place) = running.get_or_insert_with(|| {
                    let (partition, feed) = opened(world, engine, encoding.clone());
                    (partition, feed, 0)
                });
                #[expect(clippy::disallowed_methods, reason = "a bench measures time")]
                let began = std::time::Instant::now();
                for made in &made[*place..*place + BATCH] {
                    feed.give(partition, made);
                }
                black_box(partition.journal("bench"));
                partition.committed();
                spent += began.elapsed();
                *place += BATCH;
                if *place + BATCH > made.len() {
                    running = None;
                }
            }
            spent.mul_f64(iterations as f64 / (batches * BATCH) as f64)
        });
    });
}

criterion_group!(benches, decision);
criterion_main!(benches);
