//! The settings of a run as the Kafka part takes them.

use crate::config::{self, TopicSettings};
use crate::kafka::settings::{ClusterSettings, FlowTopics, Topics};
use crate::pos;

impl From<&config::Settings> for ClusterSettings {
    fn from(all: &config::Settings) -> Self {
        let (kafka, topics) = (&all.kafka, &all.topics);
        Self {
            kafka: kafka.clone(),
            instance: kafka.group_instance_id.clone().unwrap_or_else(host_and_process),
            topics: topics_of(all),
            partitioner: topics.partitioner,
            journal_record_bytes_max: all.journal.record_bytes_max,
            check_topic_configs: true,
        }
    }
}

/// The topics of the flows that these settings have.
fn topics_of(settings: &config::Settings) -> Topics {
    let names = &settings.topics;
    let mut topics = Topics { flows: vec![pos_topics(names)], rulesets: names.rulesets.clone() };
    if settings.profiles.enabled {
        topics.flows.push(Topics::of_profiles(
            [names.observations.clone(), names.profile_records.clone()],
            names.profiles.clone(),
            names.profile_dead_letters.clone(),
            names.profile_journal.clone(),
        ));
    }
    if settings.contact.enabled {
        topics.flows.push(contact_topics(names));
    }
    topics
}

/// The topics of POS events.
pub(super) fn pos_topics(names: &TopicSettings) -> FlowTopics {
    FlowTopics {
        flow: &pos::FLOW,
        inputs: names.pos_inputs().into(),
        outputs: vec![names.pos_outcomes.clone(), names.account_results.clone()],
        dead_letters: names.dead_letters.clone(),
        journal: names.journal.clone(),
    }
}

/// The topics of contact decisions.
pub(super) fn contact_topics(names: &TopicSettings) -> FlowTopics {
    Topics::of_contact(
        names.contact_inputs(),
        [names.contact_decisions.clone(), names.interaction_results.clone()],
        names.contact_dead_letters.clone(),
        names.contact_journal.clone(),
    )
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_of_the_kafka_part_are_those_of_the_configuration() {
        let read =
            ClusterSettings::from(&config::load(&config::Sources::default()).expect("the embedded files"));
        let default = ClusterSettings { instance: read.instance.clone(), ..ClusterSettings::default() };
        assert_eq!(format!("{default:?}"), format!("{read:?}"));
        assert_eq!(default.kafka.workers, 2, "not what stands in for a fault");
    }
}
