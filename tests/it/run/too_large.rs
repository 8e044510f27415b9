//! Results that a topic does not take for their size, which nobody knew before they were sent: the record at fault is found
//! and passed, the others are decided as if it had not been there, and no worker is lost over it.

use std::collections::BTreeMap;
use std::sync::Arc;

use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use tillgate::kafka::client::Cluster;
use tillgate::kafka::settings::ClusterSettings;
use tillgate::telemetry::standing::WorkerStanding;

use super::{assert_each_once, start};
use crate::support::process::{Running, WITHIN, scene};
use crate::support::{Kafka, Message, Record, eventually, kafka};

/// Sets what a topic takes at most, behind the back of who runs, and waits until the broker has it.
fn limit(settings: &ClusterSettings, topic: &str, bytes: usize) {
    let cluster = Cluster::new(Arc::new(settings.clone())).expect("a cluster");
    let (name, bytes) = ("max.message.bytes".to_owned(), bytes.to_string());
    let own = |cluster: &Cluster| {
        let found = cluster.admin().topics(&[topic], true).ok()?;
        found.get(topic).map(|topic| topic.own_settings.clone())
    };
    let before = eventually(WITHIN, "the topic's settings", || own(&cluster));
    cluster.admin().alter(topic, &before, &[(name.clone(), bytes.clone())].into()).expect("altered");
    eventually(WITHIN, "the topic's limit", || (own(&cluster)?.get(&name)? == &bytes).then_some(()));
}

/// One partition whose worker decides and has committed a first event.
fn running(kafka: &Kafka) -> (ClusterSettings, Running) {
    let settings = scene(kafka, 1);
    let running = start(&settings, &Arc::default());
    kafka.produce(settings.topics.pos_events(), [event()]);
    kafka.await_committed(settings.topics.pos_outcomes(), 1, WITHIN);
    (settings, running)
}

fn event() -> Message {
    Message::new("a", "event").on(0)
}

fn large(bytes: usize) -> Message {
    Message::new("a", format!("large {bytes}")).on(0)
}

/// No worker gave up, and every event but those of `given_up` has its outcome.
fn assert_passed(running: &Running, outcomes: &[Record], letters: &[Record], given_up: &[&str]) {
    assert_eq!(running.health.workers(), [WorkerStanding::Running(None)]);
    let found: Vec<_> = letters.iter().filter_map(|letter| letter.header("source.offset")).collect();
    assert_eq!(found, given_up);
    assert!(letters.iter().all(|letter| letter.header("error.code") == Some("500")));
    assert_each_once(outcomes, &BTreeMap::from([(0, outcomes.len())]));
}

#[test]
fn an_outcome_that_its_topic_does_not_take_is_passed_and_costs_nobody_else_anything() {
    let Some(kafka) = kafka() else { return };
    let (settings, running) = running(kafka);
    limit(&settings, settings.topics.pos_outcomes(), 100_000);
    let burst = [event(), event(), large(300_000), event(), event(), large(200_000), event(), event()];
    kafka.produce(settings.topics.pos_events(), burst);
    let outcomes = kafka.await_committed(settings.topics.pos_outcomes(), 7, WITHIN);
    let letters = kafka.await_committed(settings.topics.dead_letters(), 2, WITHIN);
    assert_passed(&running, &outcomes, &letters, &["3", "6"]);
    running.stop();
}

#[test]
fn outcomes_that_are_too_large_only_together_are_all_delivered() {
    let Some(kafka) = kafka() else { return };
    let (settings, running) = running(kafka);
    limit(&settings, settings.topics.pos_outcomes(), 20_000);
    kafka.produce(settings.topics.pos_events(), (0..60).map(|_| large(5_000)));
    let outcomes = kafka.await_committed(settings.topics.pos_outcomes(), 61, WITHIN);
    assert_passed(&running, &outcomes, &kafka.read_committed(settings.topics.dead_letters()), &[]);
    running.stop();
}

#[test]
fn a_dead_letter_leaves_out_what_its_topic_does_not_take() {
    let Some(kafka) = kafka() else { return };
    let (settings, running) = running(kafka);
    // Nine megabytes of header are a few kilobytes on the wire, and far more than any topic takes when they are read.
    let producer: BaseProducer = kafka
        .client()
        .set("compression.type", "gzip")
        .set("message.max.bytes", "20000000")
        .create()
        .expect("a producer");
    let bomb = vec![b'h'; 9 << 20];
    let headers = OwnedHeaders::new().insert(Header { key: "bomb", value: Some(&bomb) });
    let record = BaseRecord::to(settings.topics.pos_events()).partition(0).key("k").payload(&[0_u8, 1]);
    producer.send(record.headers(headers)).map_err(|(error, _)| error).expect("queued");
    producer.flush(WITHIN).expect("delivered");
    let forged = Message::new("f", vec![0_u8, 2]).on(0).header("error.code", "forged").header("own", "kept");
    kafka.produce(settings.topics.pos_events(), [forged, event()]);

    let outcomes = kafka.await_committed(settings.topics.pos_outcomes(), 2, WITHIN);
    let letters = kafka.await_committed(settings.topics.dead_letters(), 2, WITHIN);
    assert_each_once(&outcomes, &BTreeMap::from([(0, 2)]));
    assert_eq!(running.health.workers(), [WorkerStanding::Running(None)]);
    running.stop();
    let find =
        |key: &[u8]| letters.iter().find(|letter| letter.key.as_deref() == Some(key)).expect("a letter");
    let bomb = find(b"k");
    assert_eq!((bomb.value.as_deref(), bomb.header("bomb")), (Some(&[0, 1][..]), None));
    assert_eq!(bomb.header("error.code"), Some("400.001"));
    assert!(
        bomb.header("headers.bytes").is_some_and(|bytes| bytes.parse::<usize>().is_ok_and(|n| n > 9 << 20))
    );
    let forged = find(b"f");
    assert_eq!(forged.header("error.code"), Some("400.001"), "the first of that name is ours");
    assert_eq!((forged.header("sender.error.code"), forged.header("own")), (Some("forged"), Some("kept")));
}

#[test]
fn a_partition_whose_batches_fail_again_and_again_is_blocked_until_one_passes() {
    let Some(kafka) = kafka() else { return };
    let (settings, running) = running(kafka);
    // Room for the markers of transactions, and for nothing else.
    limit(&settings, settings.topics.journal(), 100);
    kafka.produce(settings.topics.pos_events(), [event(), event()]);
    running
        .await_blocked(0, "tries in a row to go on at pos_events 1, account_events none, ticks none failed");
    limit(&settings, settings.topics.journal(), 1_000_000);
    running.await_active(1);
    let outcomes = kafka.await_committed(settings.topics.pos_outcomes(), 3, WITHIN);
    running.stop();
    assert_each_once(&outcomes, &BTreeMap::from([(0, 3)]));
    assert!(kafka.read_committed(settings.topics.dead_letters()).is_empty());
}
