//! The settings of a run as the Kafka part takes them.

use crate::config;
use crate::kafka::settings::{BatchLimits, Settings, Topics};

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
            topics: Topics::of_pos(
                topics.pos_inputs(),
                topics.pos_outcomes.clone(),
                topics.dead_letters.clone(),
                topics.journal.clone(),
                topics.rulesets.clone(),
            ),
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
            ticks: kafka.ticks,
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
