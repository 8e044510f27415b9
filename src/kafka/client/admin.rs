//! Topics: what there is, creating and altering them, cutting the journal off.

use std::{collections::BTreeMap, future::Future, time::Duration};

use rdkafka::{
    ClientContext, Offset, TopicPartitionList,
    admin::{
        AdminClient, AdminOptions, AlterConfig, ConfigResourceResult, ConfigSource, NewPartitions, NewTopic,
        ResourceSpecifier, TopicReplication,
    },
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
};

use super::{
    super::{
        failure::{Fault, FaultClass, Operation},
        settings::Settings,
    },
    config,
    error::fault,
    log as client_log, watermarks,
};

/// The setting of a topic that limits the size of a batch of records.
pub const MAX_MESSAGE: &str = "max.message.bytes";
const TIMEOUT: Duration = Duration::from_secs(15);
/// How long a single broker may take, one of which may be gone without the others having noticed.
const BROKER_TIMEOUT: Duration = Duration::from_secs(3);

/// A topic as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicState {
    /// Number of partitions.
    pub partitions: usize,
    /// Effective settings.
    pub settings: BTreeMap<String, String>,
    /// The settings made for this topic alone.
    pub own_settings: BTreeMap<String, String>,
}

impl TopicState {
    /// The largest batch of records that it takes, in bytes; none where that is not known.
    #[must_use]
    pub fn message_bytes_max(&self) -> Option<usize> {
        self.settings.get(MAX_MESSAGE)?.parse().ok()
    }
}

struct Quiet;

impl ClientContext for Quiet {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        client_log::pass_on(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // Its log lines say the same.
        log::debug!(target: "librdkafka", "{error}: {reason}");
    }
}

/// Asks and changes topics.
pub struct Admin {
    client: AdminClient<Quiet>,
    bootstrap_servers: String,
}

impl Admin {
    /// Prepares the client.
    pub(super) fn new(settings: &Settings) -> Result<Self, Fault> {
        let client = config::admin(settings)
            .create_with_context(Quiet)
            .map_err(|error| fault(Operation::Check, &error))?;
        Ok(Self { client, bootstrap_servers: settings.bootstrap_servers.clone() })
    }

    /// The named topics as they are; a missing one is left out. `with_settings`: also what they are set to.
    ///
    /// # Errors
    /// The cluster cannot be reached or does not allow to look.
    pub fn topics(&self, names: &[&str], with_settings: bool) -> Result<BTreeMap<String, TopicState>, Fault> {
        // All topics are asked for: naming one could create it.
        let metadata = self
            .client
            .inner()
            .fetch_metadata(None, TIMEOUT)
            .map_err(|error| self.unanswered(fault(Operation::Check, &error)))?;
        let mut found: BTreeMap<String, TopicState> = metadata
            .topics()
            .iter()
            .filter(|topic| names.contains(&topic.name()) && topic.error().is_none())
            .map(|topic| {
                let state = TopicState { partitions: topic.partitions().len(), ..TopicState::default() };
                (topic.name().to_owned(), state)
            })
            .collect();
        if with_settings && !found.is_empty() {
            self.settings_of(&mut found)?;
        }
        Ok(found)
    }

    /// The first question of most commands: where nobody answers it, it is said who was asked.
    fn unanswered(&self, fault: Fault) -> Fault {
        if fault.class != FaultClass::Retriable {
            return fault;
        }
        let text =
            format!("no answer from kafka.bootstrap_servers {} ({})", self.bootstrap_servers, fault.text);
        Fault { text, ..fault }
    }

    /// The name that the cluster gave itself; none where it does not say.
    #[must_use]
    pub fn cluster_id(&self) -> Option<String> {
        self.client.inner().fetch_cluster_id(TIMEOUT)
    }

    /// What each broker has `name` set to; none where it does not say: not allowed, out of reach, or no such setting.
    ///
    /// # Errors
    /// The cluster cannot be reached.
    pub fn broker_setting(&self, name: &str) -> Result<Vec<(i32, Option<String>)>, Fault> {
        let metadata = self
            .client
            .inner()
            .fetch_metadata(None, TIMEOUT)
            .map_err(|error| fault(Operation::Check, &error))?;
        let options = AdminOptions::new().request_timeout(Some(BROKER_TIMEOUT));
        // Each is asked itself, all at the same time.
        let numbers: Vec<i32> = metadata.brokers().iter().map(|broker| broker.id()).collect();
        let brokers: Vec<_> = numbers.iter().map(|number| ResourceSpecifier::Broker(*number)).collect();
        let asked: Vec<_> =
            brokers.iter().map(|broker| self.client.describe_configs([broker], &options)).collect();
        let value = |answer: Result<Vec<ConfigResourceResult>, Fault>| {
            let entries = answer.ok()?.into_iter().flatten().flat_map(|resource| resource.entries);
            entries.filter(|entry| entry.name == name).find_map(|entry| entry.value)
        };
        Ok(numbers.iter().copied().zip(asked.into_iter().map(|answer| value(wait(answer)))).collect())
    }

    fn settings_of(&self, found: &mut BTreeMap<String, TopicState>) -> Result<(), Fault> {
        let names: Vec<String> = found.keys().cloned().collect();
        let asked: Vec<_> = names.iter().map(|name| ResourceSpecifier::Topic(name)).collect();
        let answers = wait(self.client.describe_configs(&asked, &options()))?;
        for (name, answer) in names.iter().zip(answers) {
            let resource = answer.map_err(|code| refused("reading the settings of", name, code))?;
            let Some(state) = found.get_mut(name) else { continue };
            for entry in resource.entries {
                let Some(value) = entry.value else { continue };
                if entry.source == ConfigSource::DynamicTopic {
                    state.own_settings.insert(entry.name.clone(), value.clone());
                }
                state.settings.insert(entry.name, value);
            }
        }
        Ok(())
    }

    /// Creates a topic. `replication` below 1: the cluster's default.
    ///
    /// # Errors
    /// The cluster refuses.
    pub fn create(
        &self,
        name: &str,
        partitions: usize,
        replication: i32,
        settings: &BTreeMap<String, String>,
    ) -> Result<(), Fault> {
        let count = i32::try_from(partitions).unwrap_or(i32::MAX);
        let replication = if replication < 1 { -1 } else { replication };
        let mut topic = NewTopic::new(name, count, TopicReplication::Fixed(replication));
        for (key, value) in settings {
            topic = topic.set(key, value);
        }
        let results = wait(self.client.create_topics([&topic], &options()))?;
        each("creating", results)
    }

    /// Adds partitions up to `partitions`.
    ///
    /// # Errors
    /// The cluster refuses.
    pub fn grow(&self, name: &str, partitions: usize) -> Result<(), Fault> {
        let asked = NewPartitions::new(name, partitions);
        let results = wait(self.client.create_partitions([&asked], &options()))?;
        each("adding partitions to", results)
    }

    /// Changes settings of a topic, keeping the ones it has of its own.
    ///
    /// # Errors
    /// The cluster refuses.
    pub fn alter(
        &self,
        name: &str,
        own: &BTreeMap<String, String>,
        changes: &BTreeMap<String, String>,
    ) -> Result<(), Fault> {
        // The request replaces all own settings of the topic, so the present ones go with it.
        let mut all = own.clone();
        all.extend(changes.iter().map(|(key, value)| (key.clone(), value.clone())));
        let mut asked = AlterConfig::new(ResourceSpecifier::Topic(name));
        for (key, value) in &all {
            asked = asked.set(key, value);
        }
        let results = wait(self.client.alter_configs([&asked], &options()))?;
        for result in results {
            result.map_err(|(_, code)| refused("altering", name, code))?;
        }
        Ok(())
    }

    /// Deletes topics.
    ///
    /// # Errors
    /// The cluster refuses.
    pub fn delete(&self, names: &[&str]) -> Result<(), Fault> {
        let results = wait(self.client.delete_topics(names, &options()))?;
        each("deleting", results)
    }

    /// The end of a partition's committed part. Waits three times `timeout` at most.
    pub(super) fn end(
        &self,
        topic: &str,
        partition: i32,
        operation: Operation,
        timeout: Duration,
    ) -> Result<i64, Fault> {
        watermarks::ask(self.client.inner(), topic, partition, timeout)
            .map(|(_, high)| high)
            .map_err(|error| fault(operation, &error))
    }

    /// Whether every copy of a partition is in sync with its leader.
    pub(super) fn is_whole(&self, topic: &str, partition: i32) -> Result<bool, Fault> {
        let metadata = self
            .client
            .inner()
            .fetch_metadata(Some(topic), TIMEOUT)
            .map_err(|error| fault(Operation::Trim, &error))?;
        let mut partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
        let found = partitions.find(|found| found.id() == partition);
        Ok(found.is_some_and(|found| found.isr().len() == found.replicas().len()))
    }

    /// Deletes the records of a partition before `before`.
    pub(super) fn delete_before(&self, topic: &str, partition: i32, before: i64) -> Result<(), Fault> {
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition_offset(topic, partition, Offset::Offset(before))
            .map_err(|error| fault(Operation::Trim, &error))?;
        let answer = wait(self.client.delete_records(&list, &options()))?;
        for element in answer.elements() {
            element.error().map_err(|error| fault(Operation::Trim, &error))?;
        }
        Ok(())
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(TIMEOUT)).operation_timeout(Some(TIMEOUT))
}

fn each(doing: &str, results: Vec<Result<String, (String, RDKafkaErrorCode)>>) -> Result<(), Fault> {
    for result in results {
        result.map_err(|(name, code)| refused(doing, &name, code))?;
    }
    Ok(())
}

fn refused(doing: &str, name: &str, code: RDKafkaErrorCode) -> Fault {
    Fault::new(Operation::Check, FaultClass::Setup, format!("{doing} topic '{name}': {code}"))
}

/// Waits for an answer of the admin client, whose own thread brings it.
fn wait<T>(answer: impl Future<Output = Result<T, KafkaError>>) -> Result<T, Fault> {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(|error| Fault::new(Operation::Check, FaultClass::Fatal, error.to_string()))?
        .block_on(answer)
        .map_err(|error| fault(Operation::Check, &error))
}
