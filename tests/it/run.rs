//! The worker on a real Kafka: exactly one outcome for every event whatever is stopped, killed or moved, and nothing
//! that stops a partition that need not stand still. The decision is a small stand-in that numbers what it decides.
//! Never tests what a decision says.

mod away;
mod broker_settings;
pub mod echo;
mod flows;
mod lost_input;
mod lost_track;
mod taken_over;
mod too_large;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::support::process::{Running, WITHIN, scene, settings_of};
use crate::support::proxy::{Cut, Hold, Kind, Proxy};
use crate::support::{Kafka, Message, Record, eventually, kafka, kafka_cluster};
use echo::{Echoes, Switches};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::{Offset, TopicPartitionList};
use tillgate::kafka::failure::FaultClass;
use tillgate::kafka::health::Health;
use tillgate::kafka::port::{Broker, GroupConsumer, Rebalance};
use tillgate::kafka::settings::{BatchLimits, ClusterSettings, GroupProtocol};
use tillgate::kafka::{Flows, client::Cluster, run};

/// Settings of a worker in another process, which a test kills.
const CHILD: &str = "TILLGATE_TEST_CHILD";

/// For a start, whatever the number of partitions.
fn flows(echoes: Echoes) -> Flows {
    Box::new(|_| vec![Arc::new(echoes)])
}

/// Starts a process of echoes.
fn start(settings: &ClusterSettings, switches: &Arc<Switches>) -> Running {
    Running::start(settings, Arc::new(Echoes { switches: Arc::clone(switches) }))
}

fn events(partitions: usize, count: usize) -> Vec<Message> {
    (0..count).map(|n| Message::new(format!("a{n}"), "event").on((n % partitions) as i32)).collect()
}

/// Every event's offset has exactly one outcome on its partition, and the numbers have neither gap nor repeat.
fn assert_each_once(outcomes: &[Record], per_partition: &BTreeMap<i32, usize>) {
    let mut numbers: BTreeMap<i32, Vec<(i64, u64)>> = BTreeMap::new();
    for outcome in outcomes {
        let fields: Vec<&str> = outcome.text().split(':').collect();
        assert_eq!(fields[0], outcome.partition.to_string(), "outcome on the event's partition");
        let (offset, number) = (fields[1].parse().expect("an offset"), fields[2].parse().expect("a number"));
        numbers.entry(outcome.partition).or_default().push((offset, number));
    }
    for (partition, count) in per_partition {
        let found = numbers.get(partition).map_or(&[][..], Vec::as_slice);
        let expected: Vec<u64> = (1..=*count as u64).collect();
        let numbered: Vec<u64> = found.iter().map(|(_, number)| *number).collect();
        assert_eq!(numbered, expected, "partition {partition}");
        assert!(
            found.windows(2).all(|pair| pair[0].0 < pair[1].0),
            "partition {partition}: order of offsets"
        );
    }
}

fn even(partitions: usize, count: usize) -> BTreeMap<i32, usize> {
    (0..partitions as i32).map(|partition| (partition, count / partitions)).collect()
}

#[test]
fn decides_every_event_once_over_stop_and_start() {
    let Some(kafka) = kafka() else { return };
    let settings = scene(kafka, 4).with(|kafka| kafka.workers = 2);
    let switches = Arc::default();
    kafka.produce(settings.topics.pos_events(), events(4, 2_000));
    for round in 1..=3 {
        let running = start(&settings, &switches);
        kafka.produce(settings.topics.pos_events(), events(4, 2_000));
        running.await_active(4);
        kafka.await_committed(settings.topics.pos_outcomes(), round * 1_500, WITHIN);
        running.stop();
    }
    let running = start(&settings, &switches);
    let outcomes = kafka.await_committed(settings.topics.pos_outcomes(), 8_000, WITHIN);
    running.stop();
    assert_each_once(&outcomes, &even(4, 8_000));
}

/// The most events that one transaction took in, of `count` that came while it was busy with another.
fn largest_batch(kafka: &Kafka, count: usize, batch: BatchLimits) -> u64 {
    let settings = scene(kafka, 1).with(|kafka| kafka.batch = batch);
    let switches: Arc<Switches> = Arc::default();
    kafka.produce(settings.topics.pos_events(), [Message::new("a", "gate").on(0)]);
    let running = start(&settings, &switches);
    eventually(WITHIN, "the gate", || switches.at_gate.load(Ordering::Acquire).then_some(()));
    kafka.produce(settings.topics.pos_events(), events(1, count));
    switches.gate_open.store(true, Ordering::Release);
    let outcomes = kafka.await_committed(settings.topics.pos_outcomes(), count, WITHIN);
    running.stop();
    assert_each_once(&outcomes, &even(1, count));
    let journal = kafka.read_committed(settings.topics.journal());
    let events_so_far = journal.iter().map(|record| {
        let events = record.text().split(' ').nth(1).expect("a count of events");
        events.parse::<u64>().expect("a number")
    });
    let so_far: Vec<u64> = std::iter::once(0).chain(events_so_far).collect();
    so_far.windows(2).map(|pair| pair[1] - pair[0]).max().expect("a transaction")
}

#[test]
fn a_batch_ends_at_each_of_its_limits() {
    let Some(kafka) = kafka() else { return };
    let wide = BatchLimits { events: 10_000, bytes: 16 << 20, time: Duration::from_secs(60) };
    let free = largest_batch(kafka, 2_000, wide);
    assert!(free > 64, "without limits the largest batch had {free} events: the rest shows nothing");
    // A transaction for every ten: fewer events show it as well.
    assert!(largest_batch(kafka, 300, BatchLimits { events: 10, ..wide }) <= 10);
    // Keys of up to five bytes, values of five.
    assert!(largest_batch(kafka, 300, BatchLimits { bytes: 60, ..wide }) <= 10);
    // The clock is looked at every 64 records.
    assert!(largest_batch(kafka, 2_000, BatchLimits { time: Duration::ZERO, ..wide }) <= 64);
}

#[test]
fn merges_account_events_by_record_time_and_restores_what_they_changed() {
    let Some(kafka) = kafka() else { return };
    let settings = scene(kafka, 1);
    let account = |time| Message::new("a", "account").on(0).at(time);
    let event = |time| Message::new("a", "event").on(0).at(time);
    kafka.produce(settings.topics.account_events(), [account(1_000), account(3_000)]);
    kafka.produce(settings.topics.pos_events(), [event(1_000), event(2_000), event(3_000), event(4_000)]);
    let switches = Arc::default();
    let running = start(&settings, &switches);
    kafka.await_committed(settings.topics.pos_outcomes(), 4, WITHIN);
    running.stop();
    let running = start(&settings, &switches);
    kafka.produce(settings.topics.pos_events(), [event(5_000)]);
    let outcomes = kafka.await_committed(settings.topics.pos_outcomes(), 5, WITHIN);
    running.stop();
    assert_each_once(&outcomes, &even(1, 5));
    let last = outcomes.last().map(Record::text);
    assert_eq!(last, Some("0:4:5:2"));
}

#[test]
fn moves_partitions_from_one_process_to_two_and_back() {
    let Some(kafka) = kafka() else { return };
    let first = scene(kafka, 4);
    let second = ClusterSettings { instance: "2".into(), ..first.clone() };
    let switches = Arc::default();
    let one = start(&first, &switches);
    one.await_active(4);
    kafka.produce(first.topics.pos_events(), events(4, 4_000));
    let two = start(&second, &switches);
    one.await_active(2);
    two.await_active(2);
    kafka.produce(first.topics.pos_events(), events(4, 4_000));
    kafka.await_committed(first.topics.pos_outcomes(), 6_000, WITHIN);
    kafka.produce(first.topics.pos_events(), events(4, 4_000));
    two.stop();
    one.await_active(4);
    let outcomes = kafka.await_committed(first.topics.pos_outcomes(), 12_000, WITHIN);
    one.stop();
    assert_each_once(&outcomes, &even(4, 12_000));
}

#[test]
fn moves_partitions_with_the_classic_protocol_too() {
    let Some(kafka) = kafka() else { return };
    let first = scene(kafka, 4).with(|kafka| kafka.group_protocol = GroupProtocol::Classic);
    let second = ClusterSettings { instance: "2".into(), ..first.clone() };
    let switches = Arc::default();
    let one = start(&first, &switches);
    kafka.produce(first.topics.pos_events(), events(4, 2_000));
    one.await_active(4);
    let two = start(&second, &switches);
    one.await_active(2);
    two.await_active(2);
    kafka.produce(first.topics.pos_events(), events(4, 2_000));
    one.stop();
    let outcomes = kafka.await_committed(first.topics.pos_outcomes(), 4_000, WITHIN);
    two.stop();
    assert_each_once(&outcomes, &even(4, 4_000));
}

#[test]
fn sends_what_cannot_be_read_to_the_dead_letters_and_goes_on() {
    let Some(kafka) = kafka() else { return };
    let settings = scene(kafka, 1);
    let mut huge = vec![0_u8; 7 << 20];
    huge[1] = 7;
    let garbage = Message::new("k", huge.clone()).on(0).header("own", "kept");
    let tombstone = Message { value: None, ..Message::new("t", "").on(0) };
    let event = Message::new("a", "event").on(0);
    kafka.produce(settings.topics.pos_events(), [event.clone(), garbage, tombstone, event]);
    let running = start(&settings, &Arc::default());
    let outcomes = kafka.await_committed(settings.topics.pos_outcomes(), 2, WITHIN);
    let letters = kafka.await_committed(settings.topics.dead_letters(), 2, WITHIN);
    running.stop();
    assert_each_once(&outcomes, &even(1, 2));
    let find =
        |key: &[u8]| letters.iter().find(|letter| letter.key.as_deref() == Some(key)).expect("a letter");
    let letter = find(b"k");
    assert!(letter.value.as_deref() == Some(&huge[..]), "the value as it was");
    assert_eq!(letter.header("own"), Some("kept"));
    assert_eq!(letter.header("error.code"), Some("400.001"));
    assert_eq!(letter.header("error.message"), Some("cannot be decoded"));
    assert_eq!(letter.header("source.topic"), Some(settings.topics.pos_events()));
    assert_eq!(letter.header("source.partition"), Some("0"));
    assert_eq!(letter.header("source.offset"), Some("1"));
    assert_eq!(letter.header("attempt"), Some("1"));
    assert_eq!(letter.header("value.bytes"), None);
    assert_eq!(find(b"t").value, None);
}

#[test]
fn cuts_a_dead_letter_that_is_larger_than_may_be_passed_on() {
    let Some(kafka) = kafka() else { return };
    let settings = scene(kafka, 1).with(|kafka| kafka.message_bytes_max = 100_000);
    kafka.produce(settings.topics.pos_events(), [Message::new("k", vec![0_u8; 250_000]).on(0)]);
    let running = start(&settings, &Arc::default());
    let letters = kafka.await_committed(settings.topics.dead_letters(), 1, WITHIN);
    running.stop();
    assert_eq!(letters[0].value.as_ref().map(Vec::len), Some(100_000));
    assert_eq!(letters[0].header("value.bytes"), Some("250000"));
}

#[test]
fn holds_only_the_partition_that_waits_for_a_schema() {
    let Some(kafka) = kafka() else { return };
    let settings = scene(kafka, 2);
    let on = |partition, value: &str| Message::new("a", value).on(partition);
    kafka.produce(
        settings.topics.pos_events(),
        [on(0, "event"), on(0, "schema"), on(0, "event"), on(1, "event"), on(1, "event")],
    );
    let switches: Arc<Switches> = Arc::default();
    let running = start(&settings, &switches);
    running.await_blocked(0, "schema");
    kafka.produce(settings.topics.pos_events(), [on(1, "event")]);
    let outcomes = kafka.await_committed(settings.topics.pos_outcomes(), 4, WITHIN);
    assert_each_once(&outcomes, &[(0, 1), (1, 3)].into());
    switches.registry_up.store(true, Ordering::Release);
    let outcomes = kafka.await_committed(settings.topics.pos_outcomes(), 6, WITHIN);
    running.stop();
    assert_each_once(&outcomes, &[(0, 3), (1, 3)].into());
    assert!(kafka.read_committed(settings.topics.dead_letters()).is_empty());
}

#[test]
fn passes_over_a_record_whose_decision_panics_each_time() {
    let Some(kafka) = kafka() else { return };
    let settings = scene(kafka, 2);
    let on = |partition, value: &str| Message::new("a", value).on(partition);
    kafka.produce(
        settings.topics.pos_events(),
        [on(0, "event"), on(0, "panic"), on(0, "event"), on(1, "event"), on(1, "event")],
    );
    let running = start(&settings, &Arc::default());
    let outcomes = kafka.await_committed(settings.topics.pos_outcomes(), 4, WITHIN);
    let letters = kafka.await_committed(settings.topics.dead_letters(), 1, WITHIN);
    running.stop();
    assert_each_once(&outcomes, &even(2, 4));
    assert_eq!(letters[0].header("error.code"), Some("500"));
    assert_eq!(letters[0].header("attempt"), Some("4"));
}

#[test]
fn refuses_inputs_of_different_partition_counts_and_a_journal_that_deletes() {
    let Some(kafka) = kafka() else { return };
    let settings = scene(kafka, 2);
    let other = kafka.topic("run");
    kafka.create_topic(&other, 3, &[]);
    let (mut counts, mut deleting) = (settings.clone(), settings);
    counts.topics.flows[0].inputs[1].clone_from(&other);
    deleting.topics.flows[0].journal = other;
    for (settings, part) in [(counts, "must have the same number"), (deleting, "retention.ms")] {
        let health = Arc::new(Health::new(1));
        let refused =
            run(settings, &["of a test".to_owned()], flows(Echoes::default()), &[], health, &Arc::default());
        let text = refused.expect_err("a refusal").to_string();
        assert!(text.contains(part), "{text}");
    }
}

#[test]
fn refuses_a_partition_whose_group_offsets_differ_from_the_journal() {
    let Some(kafka) = kafka() else { return };
    let settings = scene(kafka, 2);
    kafka.produce(settings.topics.pos_events(), events(2, 20));
    let switches = Arc::default();
    let running = start(&settings, &switches);
    kafka.await_committed(settings.topics.pos_outcomes(), 20, WITHIN);
    running.stop();

    let meddler: BaseConsumer =
        kafka.client().set("group.id", &settings.kafka.group_id).create().expect("a consumer");
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(settings.topics.pos_events(), 1, Offset::Offset(3)).expect("an offset");
    eventually(WITHIN, "the group to be empty", || meddler.commit(&list, CommitMode::Sync).ok());

    kafka.produce(settings.topics.pos_events(), events(2, 20));
    let running = start(&settings, &switches);
    running.await_blocked(1, "torn");
    let outcomes = kafka.await_committed(settings.topics.pos_outcomes(), 30, WITHIN);
    running.stop();
    assert_each_once(&outcomes, &[(0, 20), (1, 10)].into());
}

#[test]
fn takes_over_at_once_from_a_process_killed_within_a_transaction() {
    let Some(kafka) = kafka() else { return };
    let first = scene(kafka, 2).with(|kafka| kafka.group_protocol = GroupProtocol::Classic);
    let name = first.kafka.group_id.clone();
    let mut child = OtherProcess(
        Command::new(std::env::current_exe().expect("this program"))
            .args(["--exact", "run::worker_of_another_process", "--nocapture"])
            .env(CHILD, format!("{} {name}", kafka.bootstrap()))
            .stdout(Stdio::piped())
            .spawn()
            .expect("another process"),
    );
    let output = BufReader::new(child.0.stdout.take().expect("piped"));
    let (sender, hung) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            if line.contains("HUNG") {
                let _ = sender.send(());
            }
        }
    });
    let mut produced = 0;
    // What is as large is sent before the positions are added.
    let large = || (0..2).map(|n| Message::new(format!("a{n}"), "large 100000").on(n)).collect::<Vec<_>>();
    eventually(WITHIN, "the other process to hang", || {
        kafka.produce(first.topics.pos_events(), large());
        produced += 2;
        hung.try_recv().ok()
    });
    await_open_transaction(kafka, first.topics.journal());
    drop(child);
    reader.join().expect("no panic");

    // Another instance, so that its own start does not settle what the dead one left open; and a transaction that
    // would stay open longer than this test waits.
    let second = ClusterSettings { instance: "2".into(), ..first };
    let running = start(&second, &Arc::default());
    let outcomes = kafka.await_committed(second.topics.pos_outcomes(), produced, WITHIN);
    running.stop();
    assert_each_once(&outcomes, &even(2, produced));
}

#[test]
fn cuts_the_journal_off_behind_complete_rotations_and_restores_from_the_rest() {
    let Some(kafka) = kafka() else { return };
    let settings = scene(kafka, 1);
    let switches: Arc<Switches> = Arc::default();
    switches.rotate.store(true, Ordering::Release);
    let reader: BaseConsumer = kafka.client().set("group.id", "none").create().expect("a reader");
    let begin = || reader.fetch_watermarks(settings.topics.journal(), 0, WITHIN).expect("the watermarks").0;
    let running = start(&settings, &switches);
    let mut produced = 0;
    eventually(WITHIN, "a journal without its beginning", || {
        kafka.produce(settings.topics.pos_events(), events(1, 10));
        produced += 10;
        (begin() > 0).then_some(())
    });
    running.stop();
    let running = start(&settings, &switches);
    kafka.produce(settings.topics.pos_events(), events(1, 10));
    let outcomes = kafka.await_committed(settings.topics.pos_outcomes(), produced + 10, WITHIN);
    running.stop();
    assert_each_once(&outcomes, &even(1, produced + 10));
}

#[test]
fn rebuilds_a_fenced_worker_and_goes_on() {
    let Some(kafka) = kafka() else { return };
    let settings = scene(kafka, 2);
    let running = start(&settings, &Arc::default());
    kafka.produce(settings.topics.pos_events(), events(2, 100));
    kafka.await_committed(settings.topics.pos_outcomes(), 100, WITHIN);
    let cluster = Cluster::new(Arc::new(settings.clone())).expect("a cluster");
    drop(cluster.producer(&settings.transactional_id(0)).expect("a producer of the same id"));
    kafka.produce(settings.topics.pos_events(), events(2, 100));
    let outcomes = kafka.await_committed(settings.topics.pos_outcomes(), 200, WITHIN);
    running.await_active(2);
    running.stop();
    assert_each_once(&outcomes, &even(2, 200));
}

#[test]
fn goes_on_where_it_was_when_the_broker_dies_and_comes_back() {
    let Some(kafka) = kafka_cluster(1) else { return };
    let settings = scene(&kafka, 4).with(|kafka| kafka.workers = 2);
    let running = start(&settings, &Arc::default());
    running.await_active(4);
    let (events_topic, stop) = (settings.topics.pos_events().to_owned(), AtomicBool::new(false));
    let produced = std::thread::scope(|scope| {
        let producing = scope.spawn(|| {
            let mut produced = 0;
            while !stop.load(Ordering::Acquire) {
                kafka.produce(&events_topic, events(4, 400));
                produced += 400;
            }
            produced
        });
        kafka.await_committed(settings.topics.pos_outcomes(), 2_000, WITHIN);
        kafka.kill_broker(1);
        kafka.start_broker(1);
        let seen = kafka.read_committed(settings.topics.pos_outcomes()).len();
        kafka.await_committed(settings.topics.pos_outcomes(), seen + 2_000, WITHIN);
        stop.store(true, Ordering::Release);
        producing.join().expect("no panic")
    });
    let outcomes = kafka.await_committed(settings.topics.pos_outcomes(), produced, WITHIN);
    assert_each_once(&outcomes, &even(4, produced));
    // Stops also where nobody can be told.
    kafka.kill_broker(1);
    running.stop();
}

/// The hole: a commit whose answer is lost is sent again; the first one arrives late and commits what is open then.
/// Those of clients that go through `proxy` and give nothing up within a test.
fn patient(settings: ClusterSettings, proxy: &Proxy) -> ClusterSettings {
    settings.with(|kafka| {
        kafka.bootstrap_servers = proxy.bootstrap();
        (kafka.socket_timeout, kafka.transaction_timeout) =
            (Duration::from_secs(60), Duration::from_secs(60));
    })
}

#[test]
fn never_lets_a_late_commit_end_a_later_transaction() {
    let Some(kafka) = kafka() else { return };
    let proxy = Proxy::before(kafka.bootstrap());
    let settings = scene(kafka, 1);
    let (events, outcomes) =
        (settings.topics.pos_events().to_owned(), settings.topics.pos_outcomes().to_owned());
    let through = patient(settings, &proxy);
    let on = |value: &str| Message::new("a", value).on(0);
    let switches: Arc<Switches> = Arc::default();
    let running = start(&through, &switches);
    kafka.produce(&events, [on("event")]);
    kafka.await_committed(&outcomes, 1, WITHIN);
    let inits = proxy.count(Kind::InitProducerId);

    let commit = proxy.hold(Hold { cut: Cut::Connection, ..Hold::next(Kind::Commit) });
    kafka.produce(&events, [on("event")]);
    eventually(WITHIN, "a held commit", || commit.is_caught().then_some(()));
    kafka.await_committed(&outcomes, 2, WITHIN);

    // A transaction that stays open at the gate with an outcome on the broker, and will be aborted by the panic.
    let before = kafka.ends(&outcomes)[&0];
    kafka.produce_committed(
        &outcomes.replace("outcomes", "gate"),
        &events,
        vec![on("event"), on("gate"), on("panic")],
    );
    eventually(WITHIN, "the gate", || switches.at_gate.load(Ordering::Acquire).then_some(()));
    eventually(WITHIN, "an outcome of the open transaction", || {
        (kafka.ends(&outcomes)[&0] > before).then_some(())
    });
    commit.release();
    eventually(WITHIN, "the broker's answer to the late commit", || commit.is_answered().then_some(()));
    switches.gate_open.store(true, Ordering::Release);

    kafka.await_committed(through.topics.dead_letters(), 1, WITHIN);
    let outcomes = kafka.read_committed(&outcomes);
    running.stop();
    assert_each_once(&outcomes, &even(1, 3));
    assert!(proxy.count(Kind::InitProducerId) > inits, "the producer was replaced");
}

/// Kafka 4.2 takes the positions of a transaction that names no member, by either protocol, while the group has others:
/// so a client that has no place, or lost it, must never hand in what it has.
#[test]
fn gives_out_no_membership_without_a_place_in_the_group() {
    let Some(kafka) = kafka() else { return };
    let scene = scene(kafka, 1);
    for group_protocol in [GroupProtocol::Consumer, GroupProtocol::Classic] {
        let group_id = kafka.topic("run");
        let settings =
            scene.clone().with(|kafka| (kafka.group_protocol, kafka.group_id) = (group_protocol, group_id));
        let cluster = Cluster::new(Arc::new(settings)).expect("a cluster");
        let member = cluster.consumer(0).expect("a member");
        let fault = member.membership().map(drop).expect_err("no place yet");
        assert_eq!(fault.class, FaultClass::NeedsAbort, "{fault}");
        eventually(WITHIN, "a place", || {
            assert!(member.poll(Duration::from_millis(50)).expect("no fault").is_none());
            for change in member.take_changes() {
                if let Rebalance::Assigned(partitions) = change {
                    member.assign(&partitions).expect("an answer");
                }
            }
            member.membership().ok()
        });
        member.leave();
    }
}

/// A process that was out of reach for longer than its session comes back with a transaction under way.
#[test]
fn never_commits_for_a_member_that_was_put_out_of_the_group_meanwhile() {
    let Some(kafka) = kafka() else { return };
    let proxy = Proxy::before(kafka.bootstrap());
    let second = ClusterSettings { instance: "2".into(), ..scene(kafka, 1) }
        .with(|kafka| kafka.group_protocol = GroupProtocol::Classic);
    let first = ClusterSettings { instance: "1".into(), ..patient(second.clone(), &proxy) };
    let (events, outcomes) = (second.topics.pos_events().to_owned(), second.topics.pos_outcomes().to_owned());
    let on = |value: &str| Message::new("a", value).on(0);
    let switches: Arc<Switches> = Arc::default();
    let one = start(&first, &switches);
    kafka.produce(&events, [on("event")]);
    kafka.await_committed(&outcomes, 1, WITHIN);
    let (seen, journaled) = (kafka.ends(&outcomes)[&0], kafka.ends(second.topics.journal())[&0]);
    kafka.produce_committed(&outcomes.replace("outcomes", "gate"), &events, vec![on("event"), on("gate")]);
    eventually(WITHIN, "the gate", || switches.at_gate.load(Ordering::Acquire).then_some(()));
    eventually(WITHIN, "an outcome of the open transaction", || {
        (kafka.ends(&outcomes)[&0] > seen).then_some(())
    });

    proxy.freeze();
    let open: Arc<Switches> = Arc::default();
    open.gate_open.store(true, Ordering::Release);
    let two = start(&second, &open);
    two.await_active(1);
    eventually(WITHIN, "the other process to decide", || {
        (kafka.ends(second.topics.journal())[&0] > journaled).then_some(())
    });
    proxy.thaw();
    eventually(WITHIN, "the first to hear of it", || proxy.put_out().then_some(()));
    switches.gate_open.store(true, Ordering::Release);

    kafka.await_committed(&outcomes, 2, WITHIN);
    kafka.produce(&events, [on("event")]);
    let outcomes = kafka.await_committed(&outcomes, 3, WITHIN);
    one.stop();
    two.stop();
    assert_each_once(&outcomes, &even(1, 3));
}

/// A process of this test, killed at its end at the latest.
struct OtherProcess(Child);

impl Drop for OtherProcess {
    fn drop(&mut self) {
        self.0.kill().and_then(|()| self.0.wait()).expect("a kill");
    }
}

fn await_open_transaction(kafka: &Kafka, topic: &str) {
    let reader: BaseConsumer = kafka
        .client()
        .set("group.id", "none")
        .set("isolation.level", "read_committed")
        .create()
        .expect("a reader");
    eventually(WITHIN, "an open transaction", || {
        kafka
            .ends(topic)
            .into_iter()
            .any(|(partition, high)| {
                reader.fetch_watermarks(topic, partition, WITHIN).is_ok_and(|(_, stable)| stable < high)
            })
            .then_some(())
    });
}

/// Not a test: the process that [`takes_over_at_once_from_a_process_killed_within_a_transaction`] kills.
#[test]
fn worker_of_another_process() {
    let Ok(given) = std::env::var(CHILD) else { return };
    let (bootstrap, name) = given.split_once(' ').expect("address and name");
    let settings = settings_of(bootstrap, name).with(|kafka| {
        kafka.group_protocol = GroupProtocol::Classic;
        kafka.transaction_timeout = Duration::from_secs(300);
    });
    let switches: Arc<Switches> = Arc::default();
    switches.hang.store(true, Ordering::Release);
    let echoes = flows(Echoes { switches });
    run(settings, &["of a test".to_owned()], echoes, &[], Arc::new(Health::new(1)), &Arc::default())
        .expect("a start");
}
