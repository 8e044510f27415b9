//! Writing to and reading from topics of a test, as the broker's other users would.
//! Never judges what it reads: that is the test's.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::{ClientContext, DefaultClientContext};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{BorrowedMessage, Header, Headers, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DeliveryResult, Producer, ProducerContext, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tillgate::domain::record::{RecordHeader, TopicRecord};

use super::eventually;
use super::kafka::Kafka;

const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// How long a broker may take of which it is not known whether it lives.
const ASK_AGAIN: Duration = Duration::from_secs(2);
/// Longer than any open transaction lives (`transaction.timeout.ms` is 60 s by default).
const DECIDED_WITHIN: Duration = Duration::from_secs(90);

/// A record to be produced.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Message {
    /// None: the key's partition, as Kafka's default partitioner takes it.
    pub partition: Option<i32>,
    /// Milliseconds since 1970; None: when it is produced.
    pub timestamp: Option<i64>,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Message {
    pub fn new(key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> Self {
        Message { key: Some(key.into()), value: Some(value.into()), ..Message::default() }
    }

    pub fn on(mut self, partition: impl Into<i32>) -> Self {
        self.partition = Some(partition.into());
        self
    }

    /// Sets the record's time, in milliseconds since 1970.
    pub fn at(mut self, timestamp: i64) -> Self {
        self.timestamp = Some(timestamp);
        self
    }

    pub fn header(mut self, name: &str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name.to_owned(), Some(value.into())));
        self
    }
}

/// A record as a consumer saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    pub partition: i32,
    pub offset: i64,
    /// Milliseconds since 1970.
    pub timestamp: i64,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(String, Option<Vec<u8>>)>,
}

impl Record {
    /// The value as text; empty where there is none.
    ///
    /// # Panics
    /// When it is not UTF-8.
    pub fn text(&self) -> &str {
        std::str::from_utf8(self.value.as_deref().unwrap_or_default()).expect("a text value")
    }

    /// The first header of that name, as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(found, _)| found == name)?;
        std::str::from_utf8(value.as_deref()?).ok()
    }
}

/// As the program reads it.
impl From<&TopicRecord<'_>> for Record {
    fn from(record: &TopicRecord<'_>) -> Self {
        let header = |header: &RecordHeader<'_>| {
            (String::from_utf8_lossy(header.name).into_owned(), header.value.map(Vec::from))
        };
        Record {
            partition: record.partition.number(),
            offset: record.offset,
            timestamp: record.timestamp_millis,
            key: record.key.map(Vec::from),
            value: record.value.map(Vec::from),
            headers: record.headers.iter().map(header).collect(),
        }
    }
}

impl Kafka {
    /// Produces records outside of any transaction and waits until all are acknowledged, in order within a partition.
    ///
    /// # Panics
    /// When one is not delivered.
    pub fn produce(&self, topic: &str, records: impl IntoIterator<Item = Message>) {
        let producer = self.producer(None);
        send(&producer, topic, records);
        check_delivered(&producer);
    }

    /// Produces records in one transaction of `transactional_id` and commits it.
    ///
    /// # Panics
    /// When a step fails.
    pub fn produce_committed(&self, id: &str, topic: &str, records: Vec<Message>) {
        let producer = self.begin(id);
        send(&producer, topic, records);
        check_delivered(&producer);
        producer.commit_transaction(ANSWER_WITHIN).expect("the commit");
    }

    /// Produces records in one transaction of `transactional_id` and aborts it after all are on the broker.
    ///
    /// # Panics
    /// When a step fails.
    pub fn produce_aborted(&self, id: &str, topic: &str, records: Vec<Message>) {
        let producer = self.begin(id);
        send(&producer, topic, records);
        check_delivered(&producer);
        producer.abort_transaction(ANSWER_WITHIN).expect("the abort");
    }

    /// Deletes the records of a partition before offset `before`, as retention would.
    ///
    /// # Panics
    /// When the broker refuses.
    pub fn delete_records(&self, topic: &str, partition: i32, before: i64) {
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(topic, partition, Offset::Offset(before)).expect("an offset");
        let admin: AdminClient<DefaultClientContext> = self.client().create().expect("an admin client");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let options = AdminOptions::new().operation_timeout(Some(ANSWER_WITHIN));
        let deleted = runtime.block_on(admin.delete_records(&list, &options)).expect("an answer");
        for element in deleted.elements() {
            element.error().unwrap_or_else(|error| panic!("{topic} {partition}: {error}"));
        }
    }

    /// Every committed record of a topic, by partition and offset: up to the high watermark as it was when asked. Waits
    /// for transactions that are still open before it.
    ///
    /// # Panics
    /// When a partition cannot be read or a transaction stays open.
    pub fn read_committed(&self, topic: &str) -> Vec<Record> {
        let ends = self.ends(topic);
        let reader = self.reader("read_committed");
        await_stable(&reader, topic, &ends);
        read_to_ends(&reader, topic, ends.len())
    }

    /// Hands every committed record of a topic to `each`, in the order of offsets within a partition, without keeping
    /// them: up to the high watermark as it was when asked, once no transaction is open before it.
    ///
    /// # Panics
    /// When a partition cannot be read or a transaction stays open.
    pub fn each_committed(&self, topic: &str, each: impl FnMut(Record)) {
        let ends = self.ends(topic);
        let reader = self.reader("read_committed");
        await_stable(&reader, topic, &ends);
        each_to_ends(&reader, topic, ends.len(), each);
    }

    /// Every committed record before the first transaction that is still open, by partition and offset.
    ///
    /// # Panics
    /// When a partition cannot be read.
    pub fn read_stable(&self, topic: &str) -> Vec<Record> {
        let partitions = self.ends(topic).len();
        read_to_ends(&self.reader("read_committed"), topic, partitions)
    }

    /// Waits until at least `count` committed records are in the topic, then answers as [`Kafka::read_committed`].
    ///
    /// # Panics
    /// When there are not as many within `within`.
    pub fn await_committed(&self, topic: &str, count: usize, within: Duration) -> Vec<Record> {
        let reader = self.reader("read_committed");
        assign_all(&reader, topic, self.ends(topic).len());
        let mut seen = 0;
        eventually(within, &format!("{count} records in {topic}"), || {
            while seen < count {
                match reader.poll(Duration::from_millis(100))? {
                    Ok(_) => seen += 1,
                    Err(KafkaError::PartitionEOF(_)) => {}
                    Err(error) if passes(&error) => {}
                    Err(error) => panic!("{topic} cannot be read: {error}"),
                }
            }
            Some(())
        });
        self.read_committed(topic)
    }

    /// Every partition's high watermark, open transactions and all.
    pub fn ends(&self, topic: &str) -> BTreeMap<i32, i64> {
        let client = self.reader("read_uncommitted");
        // asked again where a broker has just been killed
        let partitions = eventually(ANSWER_WITHIN, &format!("topic {topic}"), || {
            let metadata = client.fetch_metadata(Some(topic), ANSWER_WITHIN).ok()?;
            let count = metadata.topics().first()?.partitions().len();
            (count > 0).then_some(count as i32)
        });
        let end = |partition| {
            eventually(ANSWER_WITHIN * 3, &format!("the end of {topic}"), || {
                // The client goes by the leader it was told of, even where that was killed since: it is told again.
                client.fetch_metadata(Some(topic), ASK_AGAIN).ok()?;
                let (_, end) = client.fetch_watermarks(topic, partition, ASK_AGAIN).ok()?;
                Some((partition, end))
            })
        };
        (0..partitions).map(end).collect()
    }

    fn reader(&self, isolation: &str) -> BaseConsumer {
        // librdkafka reads partitions by hand only with a group's name, which is never joined here.
        self.client()
            .set("group.id", "test-reader")
            .set("enable.auto.commit", "false")
            .set("enable.partition.eof", "true")
            .set("isolation.level", isolation)
            .set("fetch.wait.max.ms", "20")
            .set("auto.offset.reset", "error")
            .create()
            .expect("a reader")
    }

    fn producer(&self, transactional_id: Option<&str>) -> ThreadedProducer<Deliveries> {
        let mut config = self.client();
        config
            .set("enable.idempotence", "true")
            .set("linger.ms", "2")
            // the one the Java clients use by default, so that tests put records where gateways would
            .set("partitioner", "murmur2_random");
        if let Some(id) = transactional_id {
            config.set("transactional.id", id);
        }
        config.create_with_context(Deliveries::default()).expect("a producer")
    }

    fn begin(&self, transactional_id: &str) -> ThreadedProducer<Deliveries> {
        let producer = self.producer(Some(transactional_id));
        producer.init_transactions(ANSWER_WITHIN).expect("init_transactions");
        producer.begin_transaction().expect("begin_transaction");
        producer
    }
}

/// What could not be delivered.
#[derive(Default)]
struct Deliveries {
    failures: Mutex<Vec<String>>,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, _)) = result {
            let mut failures = self.failures.lock().expect("the failures' lock");
            failures.push(error.to_string());
        }
    }
}

fn send(producer: &ThreadedProducer<Deliveries>, topic: &str, records: impl IntoIterator<Item = Message>) {
    for message in records {
        let mut headers = OwnedHeaders::new_with_capacity(message.headers.len());
        for (key, value) in &message.headers {
            let value = value.as_ref();
            headers = headers.insert(Header { key, value });
        }
        let mut record = BaseRecord::<[u8], [u8]>::to(topic).headers(headers);
        record.key = message.key.as_deref();
        record.payload = message.value.as_deref();
        record.partition = message.partition;
        record.timestamp = message.timestamp;
        while let Err((error, refused)) = producer.send(record) {
            let full = error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
            assert!(full, "{topic}: {error}");
            producer.flush(ANSWER_WITHIN).expect("acknowledgements that make room");
            record = refused;
        }
    }
}

fn check_delivered(producer: &ThreadedProducer<Deliveries>) {
    producer.flush(ANSWER_WITHIN).expect("acknowledgements");
    let context = producer.context();
    let failures = context.failures.lock().expect("the failures' lock");
    assert!(failures.is_empty(), "not delivered: {failures:?}");
}

fn assign_all(reader: &BaseConsumer, topic: &str, partitions: usize) {
    let mut list = TopicPartitionList::new();
    list.add_partition_range(topic, 0, partitions as i32 - 1);
    list.set_all_offsets(Offset::Beginning).expect("the beginnings");
    reader.assign(&list).expect("the assignment");
}

fn await_stable(reader: &BaseConsumer, topic: &str, ends: &BTreeMap<i32, i64>) {
    // The end that a read_committed client is told is the last stable offset. Markers and aborted records take
    // offsets that no reader sees, so the end is known by the partition's end-of-file, not by a last offset.
    eventually(DECIDED_WITHIN, &format!("open transactions of {topic} to end"), || {
        let stable = ends.iter().all(|(&partition, &end)| {
            let found = reader.fetch_watermarks(topic, partition, ANSWER_WITHIN);
            found.is_ok_and(|(_, stable)| stable >= end)
        });
        stable.then_some(())
    });
}

fn read_to_ends(reader: &BaseConsumer, topic: &str, partitions: usize) -> Vec<Record> {
    let mut records = Vec::new();
    each_to_ends(reader, topic, partitions, |record| records.push(record));
    records.sort_by_key(|record| (record.partition, record.offset));
    records
}

fn each_to_ends(reader: &BaseConsumer, topic: &str, partitions: usize, mut each: impl FnMut(Record)) {
    assign_all(reader, topic, partitions);
    let mut open: std::collections::BTreeSet<i32> = (0..partitions as i32).collect();
    while !open.is_empty() {
        match reader.poll(ANSWER_WITHIN) {
            Some(Ok(message)) => each(own(&message)),
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                open.remove(&partition);
            }
            Some(Err(error)) if passes(&error) => {}
            Some(Err(error)) => panic!("{topic} cannot be read: {error}"),
            None => panic!("{topic}: nothing comes from partitions {open:?}"),
        }
    }
}

/// Whether a reader gets over this by itself: a broker is away.
fn passes(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::Resolve
        )
    )
}

fn own(message: &BorrowedMessage<'_>) -> Record {
    let headers = message.headers().map(|headers| {
        let own = |header: Header<'_, &[u8]>| (header.key.to_owned(), header.value.map(Vec::from));
        headers.iter().map(own).collect()
    });
    Record {
        partition: message.partition(),
        offset: message.offset(),
        timestamp: message.timestamp().to_millis().unwrap_or(-1),
        key: message.key().map(Vec::from),
        value: message.payload().map(Vec::from),
        headers: headers.unwrap_or_default(),
    }
}
