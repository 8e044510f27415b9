//! Proves the ground the other broker tests stand on: what `support` starts is a real Kafka with real transactions.
//! Never tests tillgate itself.

use std::time::Duration;

use crate::support::proxy::{Cut, Hold, Kind, Proxy, Until};
use crate::support::{Message, kafka, kafka_cluster};
use rdkafka::consumer::{BaseConsumer, Consumer};

#[test]
fn keeps_partition_time_key_value_and_headers_of_a_record() {
    let Some(kafka) = kafka() else { return };
    let topic = kafka.topic("harness");
    kafka.create_topic(&topic, 3, &[("cleanup.policy", "compact")]);
    let written = Message::new("account", "value").on(2).at(1_600_000_000_000).header("trace", "x");
    let tombstone = Message { value: None, ..written.clone() };
    kafka.produce(&topic, [written, tombstone]);

    let read = kafka.read_committed(&topic);

    assert_eq!(read.len(), 2);
    assert_eq!((read[0].partition, read[0].offset), (2, 0));
    assert_eq!(read[0].timestamp, 1_600_000_000_000);
    assert_eq!(read[0].key.as_deref(), Some(b"account".as_slice()));
    assert_eq!((read[0].text(), read[0].header("trace")), ("value", Some("x")));
    assert_eq!(read[1].value, None);
}

#[test]
fn shows_committed_records_and_hides_aborted_ones() {
    let Some(kafka) = kafka() else { return };
    let topic = kafka.topic("harness");
    kafka.create_topic(&topic, 1, &[]);
    let one = |value: &str| vec![Message::new("k", value)];

    kafka.produce_aborted(&topic, &topic, one("aborted first"));
    kafka.produce_committed(&topic, &topic, one("committed"));
    kafka.produce_aborted(&topic, &topic, one("aborted last"));
    let read = kafka.read_committed(&topic);

    let values: Vec<&str> = read.iter().map(|record| record.text()).collect();
    assert_eq!(values, ["committed"]);
    // three records and three markers: the end is not one past the last record
    assert_eq!(kafka.ends(&topic)[&0], 6);
}

#[test]
fn waits_for_records_that_come_later() {
    let Some(kafka) = kafka() else { return };
    let topic = kafka.topic("harness");
    kafka.create_topic(&topic, 4, &[]);
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| kafka.await_committed(&topic, 1_000, Duration::from_secs(30)));
        let records = (0..1_000).map(|n: u32| Message::new(n.to_string(), n.to_string()));
        kafka.produce_committed(&topic, &topic, records.collect());
        assert_eq!(reader.join().expect("the reader").len(), 1_000);
    });
}

#[test]
fn takes_messages_of_eight_mebibytes_where_a_topic_says_so() {
    let Some(kafka) = kafka() else { return };
    let topic = kafka.topic("harness");
    kafka.create_topic(&topic, 1, &[("max.message.bytes", "8388608")]);
    kafka.produce(&topic, [Message::new("k", vec![b'x'; 8_000_000])]);
    assert_eq!(kafka.read_committed(&topic)[0].text().len(), 8_000_000);
}

#[test]
fn registry_gives_a_registered_schema_back_by_its_id() {
    let Some(kafka) = kafka() else { return };
    let registry = kafka.registry();
    let schema = r#"{"type":"record","name":"Harness","fields":[{"name":"id","type":"string"}]}"#;
    let subject = format!("{registry}/subjects/{}-value/versions", kafka.topic("harness"));

    let registered: serde_json::Value = ureq::post(&subject)
        .send_json(serde_json::json!({ "schema": schema }))
        .expect("a registration")
        .body_mut()
        .read_json()
        .expect("an answer in JSON");
    let found: serde_json::Value = ureq::get(format!("{registry}/schemas/ids/{}", registered["id"]))
        .call()
        .expect("the schema")
        .body_mut()
        .read_json()
        .expect("an answer in JSON");

    assert_eq!(found["schema"], schema);
}

#[test]
fn a_killed_broker_comes_back_with_its_records() {
    let Some(kafka) = kafka_cluster(1) else {
        return;
    };
    let topic = kafka.topic("harness");
    kafka.create_topic(&topic, 1, &[]);
    kafka.produce(&topic, [Message::new("k", "kept")]);

    kafka.kill_broker(1);
    kafka.start_broker(1);

    assert_eq!(kafka.read_committed(&topic)[0].text(), "kept");
}

#[test]
fn the_proxy_stands_before_every_broker_and_bends_what_passes() {
    let Some(kafka) = kafka_cluster(3) else { return };
    let topic = kafka.topic("harness");
    kafka.create_topic(&topic, 6, &[]);
    let proxy = Proxy::before(kafka.bootstrap());
    let through = kafka.through(&proxy);
    let client: BaseConsumer = through.client().set("group.id", "none").create().expect("a client");
    let metadata = client.fetch_metadata(Some(&topic), Duration::from_secs(30)).expect("the metadata");
    let named = metadata.brokers().iter().map(|broker| format!("{}:{}", broker.host(), broker.port()));
    let mut named: Vec<String> = named.collect();
    named.sort();
    let bootstrap = proxy.bootstrap();
    let mut expected: Vec<&str> = bootstrap.split(',').collect();
    expected.sort_unstable();
    assert_eq!(named, expected, "all brokers under the proxy's ports");

    let records = || (0..6).map(|n| Message::new("k", "v").on(n)).collect();
    proxy.delay(Duration::from_millis(5), Duration::from_millis(5));
    through.produce_committed(&topic, &topic, records());
    proxy.delay(Duration::ZERO, Duration::ZERO);
    assert_eq!((proxy.count(Kind::Commit), proxy.count(Kind::Abort)), (1, 0));

    // The client sends the commit again on a new connection; the first one comes after that was answered.
    let after = Until::After { kind: Kind::Commit, nth: 1 };
    let held = proxy.hold(Hold { cut: Cut::Connection, until: after, ..Hold::next(Kind::Commit) });
    through.produce_committed(&topic, &topic, records());
    assert!(proxy.count(Kind::Commit) >= 3, "sent again");
    crate::support::eventually(Duration::from_secs(30), "an answer", || held.is_answered().then_some(()));

    proxy.lose_answer(Kind::Abort, Cut::Connection);
    through.produce_aborted(&topic, &topic, records());
    assert!(proxy.count(Kind::Abort) >= 2, "sent again");

    proxy.freeze();
    std::thread::scope(|scope| {
        let frozen = scope.spawn(|| through.produce_committed(&topic, &topic, records()));
        proxy.broker(1).cut();
        proxy.thaw();
        frozen.join().expect("a commit");
    });
    assert_eq!(kafka.read_committed(&topic).len(), 18);
    assert_eq!(through.read_committed(&topic).len(), 18);
}

#[test]
fn reads_shared_events_plain_and_compressed() {
    let Some(shared) = crate::support::shared() else {
        return;
    };
    let first = |path: &str| {
        let line = crate::support::read_jsonl(shared.join(path)).next();
        let line = line.expect("a line");
        serde_json::from_str::<serde_json::Value>(&line).expect("JSON")
    };
    assert!(first("data/invoices/labels.jsonl").is_object());
    assert!(first("data/handbook/events_2018-06.jsonl.zst")["totalAmount"].is_number());
}
