//! What the worker and its clients can be told, with the defaults and their reasons. Filled by the configuration.

use std::{collections::BTreeMap, time::Duration};

use super::failure::Destination;
pub use crate::config::{GroupProtocol, OnLostInput};
use crate::{
    config::{self, Secret},
    domain::partitioner::Partitioner,
    pipeline::Input,
};

/// Names of the topics.
#[derive(Clone, Debug)]
pub struct Topics {
    /// Input: point-of-sale events.
    pub pos_events: String,
    /// Input: account events.
    pub account_events: String,
    /// Output: outcomes.
    pub pos_outcomes: String,
    /// Output: records that could not be read.
    pub dead_letters: String,
    /// The state journal.
    pub journal: String,
    /// The rulesets that decided, by hash, and from where on each of them did.
    pub rulesets: String,
}

impl Topics {
    /// The name of an input.
    #[must_use]
    pub fn input(&self, input: Input) -> &str {
        match input {
            Input::PosEvents => &self.pos_events,
            Input::AccountEvents => &self.account_events,
        }
    }

    /// Which output `topic` is, of the four that workers write to.
    #[must_use]
    pub fn destination(&self, topic: &str) -> Destination {
        match topic {
            topic if topic == self.pos_outcomes => Destination::Outcomes,
            topic if topic == self.dead_letters => Destination::DeadLetters,
            topic if topic == self.rulesets => Destination::Rulesets,
            _ => Destination::Journal,
        }
    }
}

impl Default for Topics {
    fn default() -> Self {
        Self {
            pos_events: "pos.events".into(),
            account_events: "account.events".into(),
            pos_outcomes: "pos.outcomes".into(),
            dead_letters: "pos.dead-letters".into(),
            journal: "tillgate.journal".into(),
            rulesets: "tillgate.rulesets".into(),
        }
    }
}

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

impl From<&config::Settings> for Settings {
    fn from(all: &config::Settings) -> Self {
        let (kafka, topics) = (&all.kafka, &all.topics);
        Self {
            bootstrap_servers: kafka.bootstrap_servers.clone(),
            group_id: kafka.group_id.clone(),
            group_protocol: kafka.group_protocol,
            instance: kafka.group_instance_id.clone().unwrap_or_else(host_and_process),
            static_membership: kafka.group_instance_id.is_some(),
            transactional_id_prefix: kafka.transactional_id_prefix.clone(),
            workers: kafka.workers,
            topics: Topics {
                pos_events: topics.pos_events.clone(),
                account_events: topics.account_events.clone(),
                pos_outcomes: topics.pos_outcomes.clone(),
                dead_letters: topics.dead_letters.clone(),
                journal: topics.journal.clone(),
                rulesets: topics.rulesets.clone(),
            },
            partitioner: topics.partitioner,
            batch: BatchLimits {
                events: kafka.batch_events_max,
                bytes: kafka.batch_bytes_max,
                time: kafka.batch_time_max,
            },
            message_bytes_max: kafka.message_bytes_max,
            journal_record_bytes_max: all.journal.record_bytes_max,
            consumer_queue_bytes_max: kafka.consumer_queue_bytes_max,
            producer_queue_bytes_max: kafka.producer_queue_bytes_max,
            transaction_timeout: kafka.transaction_timeout,
            socket_timeout: kafka.socket_timeout,
            session_timeout: kafka.session_timeout,
            restores_at_once: kafka.restores_at_once,
            standby: kafka.standby,
            stuck_after: kafka.stuck_after,
            failures_per_record_max: kafka.failures_per_record_max,
            on_lost_input: kafka.on_lost_input,
            check_topic_configs: true,
            client: kafka.librdkafka.clone(),
        }
    }
}

/// A name that no other process of the group has, for one that was given none.
fn host_and_process() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .ok()
        .or_else(|| std::env::var("HOSTNAME").ok())
        .unwrap_or_default();
    let host = match host.trim() {
        "" => "host",
        name => name,
    };
    format!("{host}-{}", std::process::id())
}
