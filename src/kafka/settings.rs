//! What the worker and its clients can be told: the configuration's `[kafka]`, and what stands elsewhere.

pub use crate::config::{BatchLimits, GroupProtocol, KafkaSettings, OnLostInput};
use crate::config::{JournalSettings, Secret};
pub use crate::domain::flow::{FlowTopics, Topics};
use crate::domain::partitioner::Partitioner;

/// Everything the Kafka part needs to know.
#[derive(Clone, Debug)]
pub struct ClusterSettings {
    /// `[kafka]`
    pub kafka: KafkaSettings,
    /// Name of this process among those of the group; with the worker's number it makes the transactional id, so two
    /// processes must not share it.
    pub instance: String,
    /// Topic names.
    pub topics: Topics,
    /// How senders divide keys up among the partitions of the inputs.
    pub partitioner: Partitioner,
    /// Largest journal record, in bytes.
    pub journal_record_bytes_max: usize,
    /// Check cleanup and retention of topics at start; off for the embedded broker, which cannot tell.
    pub check_topic_configs: bool,
}

impl Default for ClusterSettings {
    fn default() -> Self {
        Self {
            kafka: KafkaSettings::default(),
            instance: "1".into(),
            topics: Topics::default(),
            partitioner: Partitioner::default(),
            journal_record_bytes_max: JournalSettings::default().record_bytes_max,
            check_topic_configs: true,
        }
    }
}

impl ClusterSettings {
    /// The same with a change to `[kafka]`.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut KafkaSettings)) -> Self {
        change(&mut self.kafka);
        self
    }

    /// The transactional id of a worker.
    #[must_use]
    pub fn transactional_id(&self, worker: usize) -> String {
        format!("{}-{}-{worker}", self.kafka.transactional_id_prefix, self.instance)
    }

    /// Whether connections are protected by TLS.
    #[must_use]
    pub fn with_tls(&self) -> bool {
        let protocol = self.kafka.librdkafka.get("security.protocol").map(Secret::expose);
        protocol.is_some_and(|protocol| protocol.to_ascii_lowercase().ends_with("ssl"))
    }
}
