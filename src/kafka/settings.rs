//! What the worker and its clients can be told, with the defaults and their reasons. Filled by the configuration.

use std::{collections::BTreeMap, time::Duration};

pub use crate::config::{GroupProtocol, OnLostInput};
pub use crate::domain::flow::{FlowTopics, Topics};
use crate::{config::Secret, domain::partitioner::Partitioner};

/// When a batch is full. Whatever comes first; an empty local queue ends it before.
#[derive(Clone, Copy, Debug)]
pub struct BatchLimits {
    /// Records. 10,000 a transaction reached twice the rate of 2,000 and still commits within 50 ms.
    pub events: usize,
    /// Key and value bytes.
    pub bytes: usize,
    /// Time since the first record.
    pub time: Duration,
}

impl Default for BatchLimits {
    fn default() -> Self {
        Self { events: 10_000, bytes: 16 << 20, time: Duration::from_millis(100) }
    }
}

/// Everything the Kafka part needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Brokers to ask first, `host:port,...`.
    pub bootstrap_servers: String,
    /// The consumer group.
    pub group_id: String,
    /// How partitions are shared.
    pub group_protocol: GroupProtocol,
    /// Name of this process among those of the group; with the worker's number it makes the transactional id, so two
    /// processes must not share it.
    pub instance: String,
    /// Keep the place in the group over a restart (static membership).
    pub static_membership: bool,
    /// First part of the transactional ids.
    pub transactional_id_prefix: String,
    /// Operating-system threads, each with its own consumer, producer and state.
    pub workers: usize,
    /// Topic names.
    pub topics: Topics,
    /// How senders divide keys up among the partitions of the inputs.
    pub partitioner: Partitioner,
    /// When a batch is full.
    pub batch: BatchLimits,
    /// Largest record that is read, and passed on as a dead letter, in bytes.
    pub message_bytes_max: usize,
    /// Largest journal record, in bytes.
    pub journal_record_bytes_max: usize,
    /// Bytes of records that a worker's consumer keeps ahead; it fetches no more while they are there.
    pub consumer_queue_bytes_max: usize,
    /// Bytes of messages that a worker's producer keeps; while they are there, what decides waits.
    pub producer_queue_bytes_max: usize,
    /// How long a transaction may stay open before the broker aborts it.
    pub transaction_timeout: Duration,
    /// How long a request may take; a commit longer than half of it spends the producer.
    pub socket_timeout: Duration,
    /// Classic protocol only: how long a member may be silent.
    pub session_timeout: Duration,
    /// Partitions restored at the same time, per worker.
    pub restores_at_once: usize,
    /// Copies of the state of partitions that others decide: 0 none, 1 follow their journals.
    pub standby: usize,
    /// How long an open transaction may hold back what is taken over before its writer counts as dead and is fenced.
    pub stuck_after: Duration,
    /// How often the decision of the same record may fail before it is passed over as a dead letter.
    pub failures_per_record_max: u32,
    /// What is done about input that was deleted before it was decided.
    pub on_lost_input: OnLostInput,
    /// Write ticks, so that time passes on partitions where nothing comes.
    pub ticks: bool,
    /// Check cleanup and retention of topics at start; off for the embedded broker, which cannot tell.
    pub check_topic_configs: bool,
    /// Settings passed to librdkafka as they are (SASL, TLS, ...).
    pub client: BTreeMap<String, Secret>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            bootstrap_servers: "localhost:9092".into(),
            group_id: "tillgate".into(),
            group_protocol: GroupProtocol::Consumer,
            instance: "1".into(),
            static_membership: false,
            transactional_id_prefix: "tillgate".into(),
            workers: 1,
            topics: Topics::default(),
            partitioner: Partitioner::default(),
            batch: BatchLimits::default(),
            message_bytes_max: 8 << 20,
            journal_record_bytes_max: 900 << 10,
            consumer_queue_bytes_max: 64 << 20,
            producer_queue_bytes_max: 64 << 20,
            transaction_timeout: Duration::from_secs(10),
            socket_timeout: Duration::from_secs(5),
            session_timeout: Duration::from_secs(6),
            restores_at_once: 4,
            standby: 0,
            stuck_after: Duration::from_millis(500),
            failures_per_record_max: 3,
            on_lost_input: OnLostInput::Stop,
            ticks: true,
            check_topic_configs: true,
            client: BTreeMap::new(),
        }
    }
}

impl Settings {
    /// The transactional id of a worker.
    #[must_use]
    pub fn transactional_id(&self, worker: usize) -> String {
        format!("{}-{}-{worker}", self.transactional_id_prefix, self.instance)
    }

    /// Whether connections are protected by TLS.
    #[must_use]
    pub fn with_tls(&self) -> bool {
        let protocol = self.client.get("security.protocol").map(Secret::expose);
        protocol.is_some_and(|protocol| protocol.to_ascii_lowercase().ends_with("ssl"))
    }
}
