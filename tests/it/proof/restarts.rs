//! Stops of every kind in the middle of the work: what is committed in the end is what one uninterrupted run commits.

use std::collections::BTreeMap;

use tillgate::codec::journal::read_record;

use super::june::June;
use super::{OPEN, as_lines, assert_each_once, by_partition, decided, produce};
use crate::support::scene::{Running, Scene, WITHIN};
use crate::support::{Record, eventually, kafka, shared};

const PARTITIONS: u32 = 4;
const EVENTS: usize = 25_000;
/// Rotations of 625 events, some time apart, and many transactions in each: so small that the work takes long enough to
/// be stopped in the middle of it, however late a busy machine lets this test look.
const SMALL: [&str; 6] = [
    OPEN,
    "kafka.batch_events_max=10",
    // Little of one input in the client's memory: batches so small take longer through much of it than the other input
    // is waited for, and it is behind it.
    "kafka.librdkafka.max.partition.fetch.bytes=65536",
    "journal.checkpoint_events_per_account=1",
    "journal.rotation_events_min=1500",
    "journal.record_bytes_max=400KiB",
];
/// A member that is killed comes back to its place at once.
const STATIC: [&str; 2] = ["kafka.group_protocol=classic", "kafka.group_instance_id=proof"];

#[test]
fn stopped_half_way_restored_from_the_journal_and_gone_on_gives_the_same_bytes() {
    let (Some(kafka), Some(shared)) = (kafka(), shared()) else { return };
    let june = June::read(&shared, EVENTS);
    let whole = Scene::new(kafka, PARTITIONS, &[OPEN]);
    produce(&whole, &june, as_lines);
    let expected = decided(&whole);
    assert_each_once(&whole, &by_partition(&expected, |record| record.text().to_owned()));

    let stopped = whole.beside(PARTITIONS, &SMALL);
    let count = june.events.len() as i64;
    let member = stopped.member();
    let mut running = stopped.start(&[]);
    await_events(&stopped, &mut running, count / 8);
    running.stop();
    let half = stopped.events_decided(&member);
    assert!((count / 8..count).contains(&half), "stopped after {half} of {count}");
    assert_same_bytes(&decided(&stopped), &expected);

    let killed = whole.beside(PARTITIONS, &[&SMALL[..], &STATIC].concat());
    let stops = kill_again_and_again(&killed, count);
    assert_same_bytes(&decided(&killed), &expected);
    assert!(stops.within_rotation > 0 && stops.outside > 0, "{stops:?}");
    let dead_letters = kafka.read_committed(&whole.dead_letters).len();
    for scene in [&stopped, &killed] {
        assert_eq!(kafka.read_committed(&scene.dead_letters).len(), dead_letters);
        let cut = kafka.read_stable(&scene.journal).iter().all(|record| record.offset > 0);
        assert!(cut, "the journal was cut off behind complete rotations");
    }
}

/// Where in the journals of the partitions stops fell.
#[derive(Debug, Default)]
struct Stops {
    within_rotation: usize,
    outside: usize,
}

/// Starts and kills until most of the work is done.
fn kill_again_and_again(scene: &Scene, count: i64) -> Stops {
    let member = scene.member();
    let mut stops = Stops::default();
    // Knuth's constants, and a seed.
    let mut random = 20_180_601_u64;
    for life in 0.. {
        let before = scene.events_decided(&member);
        if before > count * 4 / 5 {
            break;
        }
        let mut running = scene.start(&[]);
        if life % 4 == 3 {
            eventually(WITHIN, "a restore", || {
                running.assert_alive();
                running.says("restoring").then_some(())
            });
        } else {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let some = (random >> 33) as i64;
            // A short life ends within the rotation that it begins with, a long one mostly behind it.
            let events = if life % 2 == 0 { some % 1_500 } else { 6_000 + some % 8_000 };
            await_events(scene, &mut running, (before + 1 + events).min(count));
        }
        running.kill();
        count_stops(&scene.kafka.read_stable(&scene.journal), &mut stops);
    }
    stops
}

fn count_stops(journal: &[Record], stops: &mut Stops) {
    let mut within: BTreeMap<i32, bool> = BTreeMap::new();
    for record in journal {
        let head = read_record(record.value.as_deref().expect("a value")).expect("a record").head;
        let within = within.entry(record.partition).or_default();
        *within = (*within || head.rotation_begins) && !head.rotation_completes;
    }
    stops.within_rotation += within.values().filter(|within| **within).count();
    stops.outside += within.values().filter(|within| !**within).count();
}

fn await_events(scene: &Scene, running: &mut Running, count: i64) {
    let member = scene.member();
    eventually(WITHIN, &format!("{count} decided events; {}", running.log_path().display()), || {
        running.assert_alive();
        (scene.events_decided(&member) >= count).then_some(())
    });
}

fn assert_same_bytes(found: &[Record], expected: &[Record]) {
    let bytes = |record: &Record| (record.partition, record.key.clone(), record.value.clone());
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(bytes(found), bytes(expected), "{}\n{}", found.text(), expected.text());
    }
    assert_eq!(found.len(), expected.len());
}
