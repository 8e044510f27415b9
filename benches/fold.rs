//! What a restore costs without Kafka: the journal of one partition, made in memory as `run` would have left it, is folded
//! again and again on one thread. Nanoseconds for each account, and what the journal is made of.
//!
//! `ACCOUNTS`, `EVENTS` and `RUNS` in the environment change the size.

mod support;

use std::hint::black_box;

use support::Feed;
use tillgate::codec::avro::{self, POS_EVENT_SCHEMA};
use tillgate::codec::journal::read_record;
use tillgate::domain::pos_event::PosEvent;
use tillgate::pos::{OutcomeEncoding, Restore};

/// As in the binary.
#[global_allocator]
static ALLOCATOR: tillgate::allocator::Allocator = tillgate::allocator::Allocator;

/// Records a transaction has under load.
const BATCH: usize = 4096;

fn number(name: &str, default: u32) -> u32 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Nanoseconds that this thread has had of a processor: what else runs beside does not count. Linux alone says it.
fn processor_nanos() -> u128 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat");
    let nanos = text.as_ref().ok().and_then(|text| text.split(' ').next()?.parse().ok());
    nanos.unwrap_or_else(|| panic!("needs Linux's /proc"))
}

fn main() {
    let accounts = number("ACCOUNTS", 131_072);
    let world = support::world(accounts, number("EVENTS", 131_072).into());
    let engine = support::engine();
    let journal = journal(&world, &engine);
    let bytes: usize = journal.iter().map(Vec::len).sum();
    let counts = journal.iter().filter_map(|record| read_record(record).ok());
    let (changes, states) = counts
        .fold((0, 0), |(changes, states), record| (changes + record.changes.0, states + record.entries));
    println!("{} records of {bytes} bytes: {changes} changes, {states} full states", journal.len());
    let mut nanos = Vec::new();
    for _ in 0..number("RUNS", 10) {
        let mut restore = Restore::new(support::partition(&engine, OutcomeEncoding::Json));
        let began = processor_nanos();
        for record in &journal {
            restore.on_record(record).unwrap_or_else(|fault| panic!("{fault}"));
        }
        let partition = restore.finish().unwrap_or_else(|fault| panic!("{fault}"));
        let restored = partition.state().accounts().len() as u128;
        nanos.push((processor_nanos() - began) / restored);
        black_box(partition);
    }
    nanos.sort_unstable();
    println!("{} ns an account (median), {} to {}", nanos[nanos.len() / 2], nanos[0], nanos[nanos.len() - 1]);
}

/// A partition's journal from the beginning of its last complete rotation on.
fn journal(world: &tillgate::load::World, engine: &std::sync::Arc<tillgate::engine::Engine>) -> Vec<Vec<u8>> {
    let header = support::avro_header(POS_EVENT_SCHEMA);
    let write_avro = |event: &PosEvent<'_>, out: &mut Vec<u8>| {
        out.extend_from_slice(&header);
        avro::write_pos_event(event, out).unwrap_or_else(|fault| panic!("{fault}"));
    };
    let mut partition = support::partition(engine, OutcomeEncoding::Json);
    let mut feed = Feed::new();
    // From the beginning of the last complete rotation, and from that of the one under way.
    let (mut journal, mut begun) = (Vec::new(), 0);
    let mut made = support::opening(world).chain(support::records(world, write_avro)).peekable();
    while made.peek().is_some() {
        for made in made.by_ref().take(BATCH) {
            feed.give(&mut partition, &made);
        }
        let batch = partition.journal("bench");
        partition.committed();
        if batch.rotation_begins {
            begun = journal.len();
        }
        journal.extend(batch.records);
        if batch.rotation_completes {
            journal.drain(..std::mem::take(&mut begun));
        }
    }
    journal
}
