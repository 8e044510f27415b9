//! What a decision costs: decode, decide, encode, and the whole way through the pipeline (apply, undo
//! log, journal and checkpoint slices included), for events of four lines and a million accounts.
//!
//! References in the same run: a generic JSON tree by serde_json.

mod support;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::time::Duration;
use support::Feed;
use tillgate::codec::json;
use tillgate::domain::outcome::Source;
use tillgate::engine::Record;
use tillgate::pipeline::{Input, OutcomeEncoding, Partition};

const ACCOUNTS: u32 = 1_000_000;
const EVENTS: u64 = 200_000;
/// Records a transaction has under load.
const BATCH: usize = 4096;

fn decision(criterion: &mut Criterion) {
    let world = support::world(ACCOUNTS, EVENTS);
    let engine = support::engine();
    let made: Vec<_> = support::records(&world, json::write_pos_event).collect();
    let pos: Vec<_> = made.iter().filter(|made| made.input == Input::PosEvents).collect();
    let bytes = pos.iter().map(|made| made.value.len() as u64).sum::<u64>() / pos.len() as u64;
    eprintln!("{} JSON events, {bytes} bytes on average", pos.len());
    let opened = || {
        let mut partition = support::partition(&engine, OutcomeEncoding::Json);
        let mut feed = Feed::default();
        for (place, made) in support::opening(&world).enumerate() {
            feed.give(&mut partition, &made);
            if place % BATCH == 0 {
                partition.journal("bench");
                partition.committed();
            }
        }
        partition.committed();
        (partition, feed)
    };
    let mut group = criterion.benchmark_group("json");
    group.throughput(Throughput::Elements(1)).measurement_time(Duration::from_secs(4)).sample_size(20);

    let mut next = pos.iter().cycle();
    group.bench_function("reference: serde_json tree", |bencher| {
        bencher.iter_batched(
            || next.next(),
            |made| {
                black_box(serde_json::from_slice::<serde_json::Value>(&made.expect("endless").value).is_ok())
            },
            BatchSize::SmallInput,
        );
    });
    group.bench_function("decode", |bencher| {
        bencher.iter_batched(
            || next.next(),
            |made| black_box(json::read_pos_event(&made.expect("endless").value).is_ok()),
            BatchSize::SmallInput,
        );
    });
    let (partition, _) = opened();
    decide_and_encode(&mut group, &partition, &engine, &pos);

    let mut running: Option<(Partition, Feed, usize)> = None;
    group.bench_function("all: decode, decide, apply, encode, journal", |bencher| {
        bencher.iter_custom(|iterations| {
            let mut spent = Duration::ZERO;
            let mut left = iterations as usize;
            while left > 0 {
                let (partition, feed, place) = running.get_or_insert_with(|| {
                    let (partition, feed) = opened();
                    (partition, feed, 0)
                });
                let end = (*place + BATCH.min(left)).min(made.len());
                #[expect(clippy::disallowed_methods, reason = "a bench measures time")]
                let began = std::time::Instant::now();
                for made in &made[*place..end] {
                    feed.give(partition, made);
                }
                black_box(partition.journal("bench"));
                partition.committed();
                spent += began.elapsed();
                left -= end - *place;
                *place = end;
                if end == made.len() {
                    running = None;
                }
            }
            spent
        });
    });
    group.finish();
}

fn decide_and_encode(
    group: &mut criterion::BenchmarkGroup<'_, criterion::measurement::WallTime>,
    partition: &Partition,
    engine: &tillgate::engine::Engine,
    pos: &[&support::Made],
) {
    let positions = [("account.events".to_owned(), 0)];
    let events: Vec<_> = pos.iter().filter_map(|made| json::read_pos_event(&made.value).ok()).collect();
    let record = |place: usize| Record {
        source: Source {
            topic: "pos.events",
            partition: 0,
            offset: place as i64,
            timestamp_millis: pos[place].timestamp_millis,
        },
        key: str::from_utf8(&pos[place].key).unwrap_or_default(),
        positions: &positions,
    };
    let mut place = 0;
    group.bench_function("decide", |bencher| {
        bencher.iter(|| {
            place = (place + 1) % events.len();
            let record = record(place);
            let Ok(sound) = engine.read(&events[place], &record) else {
                panic!("a generated event is sound")
            };
            black_box(engine.decide(partition.state(), &sound, &record, sound.time));
        });
    });
    let record = record(0);
    let Ok(sound) = engine.read(&events[0], &record) else { panic!("a generated event is sound") };
    let decision = engine.decide(partition.state(), &sound, &record, sound.time);
    let outcome = decision.outcome.unwrap_or_else(|| panic!("a decision has an outcome"));
    assert!(outcome.messages.is_empty(), "{:?}", outcome.messages);
    let mut bytes = Vec::with_capacity(1024);
    group.bench_function("encode", |bencher| {
        bencher.iter(|| {
            bytes.clear();
            json::write_outcome(&outcome, &mut bytes);
            black_box(bytes.len())
        });
    });
}

criterion_group!(benches, decision);
criterion_main!(benches);
