//! Reading partitions whole from a real Kafka: what a committed reader may see, byte for byte, up to an end that was
//! fixed before, and nothing beyond it.

use crate::support::{Kafka, Message, Record, kafka};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use std::sync::Arc;
use std::time::Duration;
use tillgate::domain::PartitionId;
use tillgate::domain::record::TimestampKind;
use tillgate::kafka::client::{Cluster, Isolation, Span};
use tillgate::kafka::settings::ClusterSettings;

/// Records of old times, which a broker would delete within its first minute.
const KEPT: &[(&str, &str)] = &[("retention.ms", "-1")];
const WITHIN: Duration = Duration::from_secs(60);

fn cluster(kafka: &Kafka) -> Cluster {
    let bootstrap = kafka.bootstrap().to_owned();
    let settings = ClusterSettings::default().with(|kafka| kafka.bootstrap_servers = bootstrap);
    Cluster::new(Arc::new(settings)).expect("a cluster")
}

fn whole(cluster: &Cluster, topic: &str, partition: impl Into<PartitionId>, isolation: Isolation) -> Span {
    let partition = partition.into();
    let ends = cluster.ends(topic, partition).expect("the ends");
    Span { topic: topic.to_owned(), partition, begin: ends.start, end: isolation.end(ends) }
}

/// Reads spans one after another with one reader.
fn read(cluster: &Cluster, isolation: Isolation, spans: Vec<Span>) -> Vec<Record> {
    let mut dump = cluster.dump(isolation).expect("a reader");
    let mut records = Vec::new();
    for span in spans {
        dump.read(span).expect("the beginning");
        while let Some(record) = dump.next(|record| Record::from(record)).expect("a record") {
            records.push(record);
        }
        assert_eq!(dump.next(|record| Record::from(record)).expect("the end"), None, "the end stays the end");
    }
    records
}

fn texts(records: &[Record]) -> Vec<&str> {
    records.iter().map(Record::text).collect()
}

fn one(value: &str) -> Vec<Message> {
    vec![Message::new("k", value)]
}

#[test]
fn reads_keys_headers_times_and_values_byte_for_byte() {
    let Some(kafka) = kafka() else { return };
    let topic = kafka.topic("dump");
    kafka.create_topic(&topic, 2, KEPT);
    let headers = vec![
        ("twice".to_owned(), Some(b"one".to_vec())),
        ("twice".to_owned(), None),
        ("empty".to_owned(), Some(Vec::new())),
        (String::new(), Some(vec![0, 255, 10])),
    ];
    let bytes = vec![0xff, 0, b'\n', 0xc3];
    let written = [
        Message { key: None, value: Some(bytes.clone()), ..Message::default() }.on(1).at(1_600_000_000_000),
        Message { key: Some(Vec::new()), value: Some(Vec::new()), headers, ..Message::default() }
            .on(1)
            .at(-1),
        Message { key: Some(bytes), value: None, ..Message::default() }.on(1).at(1),
    ];
    kafka.produce(&topic, written.clone());

    let cluster = cluster(kafka);
    let spans = PartitionId::all(2)
        .map(|partition| whole(&cluster, &topic, partition, Isolation::Committed))
        .collect();
    let records = read(&cluster, Isolation::Committed, spans);

    assert_eq!(records.len(), written.len());
    for (offset, (record, message)) in records.into_iter().zip(written).enumerate() {
        let expected = Record {
            partition: 1,
            offset: offset as i64,
            timestamp: message.timestamp.expect("given above"),
            key: message.key,
            value: message.value,
            headers: message.headers,
        };
        assert_eq!(record, expected);
    }
}

#[test]
fn tells_the_kinds_of_time_apart() {
    let Some(kafka) = kafka() else { return };
    let (created, appended) = (kafka.topic("dump"), kafka.topic("dump"));
    kafka.create_topic(&created, 1, KEPT);
    kafka.create_topic(&appended, 1, &[("message.timestamp.type", "LogAppendTime"), ("retention.ms", "-1")]);
    kafka.produce(&created, [Message::new("k", "v").at(5), Message::new("k", "v").at(-1)]);
    kafka.produce(&appended, [Message::new("k", "v").at(5)]);

    let cluster = cluster(kafka);
    let mut dump = cluster.dump(Isolation::Committed).expect("a reader");
    let mut kinds = Vec::new();
    for topic in [&created, &appended] {
        dump.read(whole(&cluster, topic, 0, Isolation::Committed)).expect("the beginning");
        while let Some(kind) = dump.next(|record| record.timestamp_kind).expect("a record") {
            kinds.push(kind);
        }
    }
    assert_eq!(kinds, [TimestampKind::CreateTime, TimestampKind::None, TimestampKind::LogAppendTime]);
}

#[test]
fn passes_over_aborted_records_and_markers_and_stops_before_an_open_transaction() {
    let Some(kafka) = kafka() else { return };
    let topic = kafka.topic("dump");
    kafka.create_topic(&topic, 1, KEPT);
    kafka.produce_aborted(&topic, &topic, one("aborted first"));
    kafka.produce_committed(&topic, &topic, one("committed"));
    kafka.produce_aborted(&topic, &topic, one("aborted last"));
    let cluster = cluster(kafka);
    let settled = whole(&cluster, &topic, 0, Isolation::Committed);
    assert_eq!((settled.begin, settled.end), (0, 6));
    assert_eq!(texts(&read(&cluster, Isolation::Committed, vec![settled])), ["committed"]);

    let open: BaseProducer =
        kafka.client().set("transactional.id", format!("{topic}-open")).create().expect("a producer");
    open.init_transactions(WITHIN).expect("an id");
    open.begin_transaction().expect("a transaction");
    open.send(BaseRecord::<str, str>::to(&topic).payload("open")).expect("room");
    open.flush(WITHIN).expect("acknowledgements");
    kafka.produce(&topic, one("behind it"));

    let committed = whole(&cluster, &topic, 0, Isolation::Committed);
    assert_eq!(committed.end, 6);
    assert_eq!(texts(&read(&cluster, Isolation::Committed, vec![committed])), ["committed"]);
    let all = whole(&cluster, &topic, 0, Isolation::Uncommitted);
    assert_eq!(all.end, 8);
    let seen = read(&cluster, Isolation::Uncommitted, vec![all]);
    assert_eq!(texts(&seen), ["aborted first", "committed", "aborted last", "open", "behind it"]);
    open.abort_transaction(WITHIN).expect("the end");
}

#[test]
fn stops_at_the_end_as_it_was_although_more_has_come() {
    let Some(kafka) = kafka() else { return };
    let topic = kafka.topic("dump");
    kafka.create_topic(&topic, 1, KEPT);
    kafka.produce_committed(&topic, &topic, one("before"));
    let cluster = cluster(kafka);
    let before = whole(&cluster, &topic, 0, Isolation::Committed);
    kafka.produce_committed(&topic, &topic, one("after"));
    kafka.produce(&topic, (0..100).flat_map(|_| one("after")));

    let later = Span { begin: before.end, end: before.end + 3, ..before.clone() };
    let nothing = Span { begin: 7, end: 7, ..before.clone() };
    let records = read(&cluster, Isolation::Committed, vec![before.clone(), nothing, later, before]);
    assert_eq!(texts(&records), ["before", "after", "after", "before"]);
}

#[test]
fn says_where_a_topic_ends_before_it_should_or_has_lost_its_beginning() {
    let Some(kafka) = kafka() else { return };
    let topic = kafka.topic("dump");
    kafka.create_topic(&topic, 1, KEPT);
    kafka.produce(&topic, (0..10).flat_map(|_| one("v")));
    let cluster = cluster(kafka);
    let span = whole(&cluster, &topic, 0, Isolation::Committed);

    kafka.delete_records(&topic, 0, 4);

    let fault = |span: Span| {
        let mut dump = cluster.dump(Isolation::Committed).expect("a reader");
        dump.read(span).expect("the beginning");
        loop {
            match dump.next(|_| ()) {
                Ok(Some(())) => {}
                Ok(None) => panic!("no fault"),
                Err(fault) => return fault.text,
            }
        }
    };
    let gone = fault(span.clone());
    assert!(gone.contains("partition 0 from offset 0: records were deleted"), "{gone}");
    let short = fault(Span { begin: 4, end: 11, ..span });
    assert!(short.contains("ends at 10, not at 11"), "{short}");
}
