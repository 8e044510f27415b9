//! Topics: what there is, creating and altering them, cutting the journal off.

use super::error::{fault, naming};
use super::log::Heard;
use super::trouble::ConnectionFault;
use super::{certificate, clock, config, events, watermarks};
use crate::domain::PartitionId;
use crate::kafka::cluster::rights::{Needed, Resource, Right};
use crate::kafka::failure::{Fault, FaultClass, Operation};
use crate::kafka::settings::ClusterSettings;
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, ConfigResourceResult, ConfigSource, NewPartitions, NewTopic,
    ResourceSpecifier, TopicReplication,
};
use rdkafka::client::Client;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::metadata::Metadata;
use rdkafka::{ClientContext, Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The setting of a topic that limits the size of a batch of records.
pub const MAX_MESSAGE: &str = "max.message.bytes";
/// How long a question may take.
pub(super) const TIMEOUT: Duration = Duration::from_secs(15);
/// How long a question is asked at once: the client hears nothing meanwhile of why it waits. Doubled for brokers that
/// are connected and slow.
const SLICE: Duration = Duration::from_millis(250);
/// How long brokers that close connections, as with another security protocol, may do so before that counts as the
/// settings'; and how long others may take where one of them cannot be reached by the settings there are.
const DOUBT: Duration = Duration::from_secs(3);
/// How long brokers that cannot be reached are asked, where a person waits for the answer.
const PATIENCE: Duration = Duration::from_millis(3_500);
/// When it is said for the first time that nobody answers.
const TOLD_AFTER: Duration = Duration::from_secs(2);
/// How long a topic may take to show its new settings.
const ALTERED_WITHIN: Duration = Duration::from_secs(5);
/// How often it is looked whether everything is to stop.
const STEP: Duration = Duration::from_millis(100);
/// How long a single broker may take, one of which may be gone without the others having noticed.
const BROKER_TIMEOUT: Duration = Duration::from_secs(3);

/// Settings in the order they were asked for; none where one is not told.
pub type Values<const N: usize> = [Option<String>; N];

/// A topic as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TopicState {
    /// Number of partitions.
    pub partitions: usize,
    /// Those of them that have no leader.
    pub leaderless: Vec<PartitionId>,
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

/// Asks and changes topics.
pub struct Admin {
    client: AdminClient<Heard>,
    settings: Arc<ClusterSettings>,
    /// Where a process starts that may wait for its brokers, and be stopped meanwhile.
    stop: Option<Arc<AtomicBool>>,
    /// Brokers have answered.
    reached: AtomicBool,
}

impl Admin {
    /// Prepares the client.
    pub(super) fn new(settings: &Arc<ClusterSettings>, stop: Option<Arc<AtomicBool>>) -> Result<Self, Fault> {
        let client = config::admin(settings)
            .create_with_context(Heard::default())
            .map_err(|error| config::client_fault(settings, &error))?;
        Ok(Self { client, settings: Arc::clone(settings), stop, reached: AtomicBool::new(false) })
    }

    pub(super) fn client(&self) -> &Client<impl ClientContext> {
        self.client.inner()
    }

    /// Whether what is asked is of no use any more.
    pub(super) fn is_to_stop(&self) -> bool {
        self.stop.as_ref().is_some_and(|stop| stop.load(Ordering::Acquire))
    }

    /// Asks for one topic, or for all: naming one could create it. Whoever does not get an answer is told why.
    fn metadata(&self, topic: Option<&str>, operation: Operation) -> Result<Metadata, Fault> {
        let client = self.client.inner();
        let trouble = &client.context().trouble;
        let begun = clock::now();
        let mut slice = SLICE;
        let mut told = false;
        loop {
            let answer = client.fetch_metadata(topic, slice);
            events::serve(client, Duration::ZERO);
            let error = match answer {
                Ok(metadata) => {
                    trouble.forget();
                    self.reached.store(true, Ordering::Relaxed);
                    return Ok(metadata);
                }
                Err(error) => error,
            };
            let mut found = fault(operation, &error);
            if error.rdkafka_error_code() == Some(RDKafkaErrorCode::UnsupportedFeature) {
                let at = &self.settings.kafka.bootstrap_servers;
                found.text = format!(
                    "what answers at kafka.bootstrap_servers {at} is no broker, but perhaps a controller: give the \
                     address of a broker's listener ({})",
                    found.text
                );
            }
            if found.class != FaultClass::Retriable || self.is_to_stop() {
                return Err(found);
            }
            if error.rdkafka_error_code() == Some(RDKafkaErrorCode::OperationTimedOut) {
                slice = (slice * 2).min(TIMEOUT);
            }
            let waited = begun.elapsed();
            let failed = trouble.all();
            let all_failed = failed.len() >= self.settings.kafka.bootstrap_servers.split(',').count();
            let is_set = |name: &str| self.settings.kafka.librdkafka.contains_key(name);
            let needs_a_person = failed.iter().find(|failed| {
                failed.class() == FaultClass::Setup || (failed.is_suspicious() && waited >= DOUBT)
            });
            // What worked before is not put right by the settings.
            if let Some(failed) = needs_a_person
                && (all_failed || waited >= DOUBT)
                && !self.reached.load(Ordering::Relaxed)
            {
                let of_certificate = (failed.kind == ConnectionFault::Certificate)
                    .then(|| certificate::fault(&failed.broker, &self.settings))
                    .flatten();
                let text = of_certificate
                    .map_or_else(|| failed.text(is_set), |what| format!("broker {}: {what}", failed.broker));
                return Err(Fault::new(operation, FaultClass::Setup, text));
            }
            let patience = if self.stop.is_none() && all_failed { PATIENCE } else { TIMEOUT };
            let why = failed.last().map_or_else(|| found.text.clone(), |failed| failed.text(is_set));
            if waited >= patience {
                let text = format!(
                    "no answer from kafka.bootstrap_servers {}: {why}",
                    self.settings.kafka.bootstrap_servers
                );
                return Err(Fault::new(operation, FaultClass::Retriable, text));
            }
            if waited >= TOLD_AFTER && !std::mem::replace(&mut told, true) {
                log::warn!(
                    "no answer yet from kafka.bootstrap_servers {}: {why}",
                    self.settings.kafka.bootstrap_servers
                );
            }
        }
    }

    /// The named topics as they are; a missing one is left out. `with_settings`: also what they are set to.
    ///
    /// # Errors
    /// The cluster cannot be reached or does not allow to look.
    pub fn topics(&self, names: &[&str], with_settings: bool) -> Result<BTreeMap<String, TopicState>, Fault> {
        let metadata = self.metadata(None, Operation::Check)?;
        let mut found: BTreeMap<String, TopicState> = metadata
            .topics()
            .iter()
            .filter(|topic| names.contains(&topic.name()) && topic.error().is_none())
            .map(|topic| {
                let leaderless = topic.partitions().iter().filter(|partition| partition.leader() < 0);
                let state = TopicState {
                    partitions: topic.partitions().len(),
                    leaderless: leaderless.map(|partition| partition.id().into()).collect(),
                    ..TopicState::default()
                };
                (topic.name().to_owned(), state)
            })
            .collect();
        if with_settings && !found.is_empty() {
            self.settings_of(&mut found)?;
        }
        Ok(found)
    }

    /// How many partitions a topic has; 0: it is missing.
    ///
    /// # Errors
    /// As [`Self::topics`].
    pub fn partitions(&self, topic: &str) -> Result<usize, Fault> {
        Ok(self.topics(&[topic], false)?.get(topic).map_or(0, |topic| topic.partitions))
    }

    /// The name that the cluster gave itself; none where it does not say.
    #[must_use]
    pub fn cluster_id(&self) -> Option<String> {
        self.client.inner().fetch_cluster_id(TIMEOUT)
    }

    /// How many brokers there are.
    ///
    /// # Errors
    /// The cluster cannot be reached.
    pub fn brokers(&self) -> Result<usize, Fault> {
        Ok(self.metadata(None, Operation::Check)?.brokers().len())
    }

    /// What each broker has the settings `names` set to; none where it does not say: not allowed, out of reach, or no
    /// such setting.
    ///
    /// # Errors
    /// The cluster cannot be reached.
    pub fn broker_settings<const N: usize>(&self, names: [&str; N]) -> Result<Vec<(i32, Values<N>)>, Fault> {
        let metadata = self.metadata(None, Operation::Check)?;
        let options = AdminOptions::new().request_timeout(Some(BROKER_TIMEOUT));
        // Each is asked itself, all at the same time.
        let numbers: Vec<i32> = metadata.brokers().iter().map(|broker| broker.id()).collect();
        let brokers: Vec<_> = numbers.iter().map(|number| ResourceSpecifier::Broker(*number)).collect();
        let asked: Vec<_> =
            brokers.iter().map(|broker| self.client.describe_configs([broker], &options)).collect();
        let values = |answer: Result<Vec<ConfigResourceResult>, Fault>| {
            let resources = answer.unwrap_or_default();
            let mut entries = resources.into_iter().flatten().flat_map(|resource| resource.entries);
            let entries: Vec<_> = entries.by_ref().collect();
            names.map(|name| entries.iter().find(|entry| entry.name == name)?.value.clone())
        };
        Ok(numbers.into_iter().zip(asked.into_iter().map(|answer| values(self.wait(answer)))).collect())
    }

    fn settings_of(&self, found: &mut BTreeMap<String, TopicState>) -> Result<(), Fault> {
        let names: Vec<String> = found.keys().cloned().collect();
        let asked: Vec<_> = names.iter().map(|name| ResourceSpecifier::Topic(name)).collect();
        let answers = self.wait(self.client.describe_configs(&asked, &options()))?;
        for (name, answer) in names.iter().zip(answers) {
            let resource = answer
                .map_err(|code| refusal("reading the settings of", Right::DescribeConfigs, name, code))?;
            // The binding leaves out what the broker says of a single topic: where it refuses, nothing is there.
            if resource.entries.is_empty() {
                let code = RDKafkaErrorCode::TopicAuthorizationFailed;
                return Err(refusal("reading the settings of", Right::DescribeConfigs, name, code));
            }
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
        let results = self.wait(self.client.create_topics([&topic], &options()))?;
        each("creating", Right::Create, results)
    }

    /// Adds partitions up to `partitions`.
    ///
    /// # Errors
    /// The cluster refuses.
    pub fn grow(&self, name: &str, partitions: usize) -> Result<(), Fault> {
        let asked = NewPartitions::new(name, partitions);
        let results = self.wait(self.client.create_partitions([&asked], &options()))?;
        each("adding partitions to", Right::Alter, results)
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
        let results = self.wait(self.client.alter_configs([&asked], &options()))?;
        for result in results {
            result.map_err(|(_, code)| refusal("altering", Right::AlterConfigs, name, code))?;
        }
        // The binding leaves out what the broker says of a single topic: so it is looked whether it took them.
        let begun = clock::now();
        loop {
            let mut found = BTreeMap::from([(name.to_owned(), TopicState::default())]);
            self.settings_of(&mut found)?;
            let is = |key: &str| found.get(name)?.settings.get(key).cloned();
            let Some((key, should)) = changes.iter().find(|(key, should)| is(key).as_ref() != Some(*should))
            else {
                return Ok(());
            };
            if begun.elapsed() > ALTERED_WITHIN {
                let right = Needed { resource: Resource::Topic(name.to_owned()), right: Right::AlterConfigs };
                let is = is(key).unwrap_or_default();
                let text = format!("topic {name} still has {key}={is} and not {should}: {}", right.missing());
                return Err(Fault::setup(text));
            }
            std::thread::sleep(STEP);
        }
    }

    /// Deletes topics.
    ///
    /// # Errors
    /// The cluster refuses.
    pub fn delete(&self, names: &[&str]) -> Result<(), Fault> {
        let results = self.wait(self.client.delete_topics(names, &options()))?;
        each("deleting", Right::Delete, results)
    }

    /// The end of a partition's committed part. Waits three times `timeout` at most.
    pub(super) fn end(
        &self,
        topic: &str,
        partition: PartitionId,
        operation: Operation,
        timeout: Duration,
    ) -> Result<i64, Fault> {
        watermarks::ask(self.client.inner(), topic, partition, timeout)
            .map(|(_, high)| high)
            .map_err(|error| fault(operation, &error))
    }

    /// Whether every copy of a partition is in sync with its leader.
    pub(super) fn is_whole(&self, topic: &str, partition: PartitionId) -> Result<bool, Fault> {
        let metadata = self.metadata(Some(topic), Operation::Trim)?;
        let mut partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
        let found = partitions.find(|found| found.id() == partition.number());
        Ok(found.is_some_and(|found| found.isr().len() == found.replicas().len()))
    }

    /// Deletes the records of a partition before `before`.
    pub(super) fn delete_before(
        &self,
        topic: &str,
        partition: PartitionId,
        before: i64,
    ) -> Result<(), Fault> {
        let mut list = TopicPartitionList::with_capacity(1);
        list.add_partition_offset(topic, partition.number(), Offset::Offset(before))
            .map_err(|error| fault(Operation::Trim, &error))?;
        let answer = self.wait(self.client.delete_records(&list, &options()))?;
        for element in answer.elements() {
            element.error().map_err(|error| {
                let found = fault(Operation::Trim, &error);
                naming(found, &error, Right::Delete, || Resource::Topic(topic.to_owned()))
            })?;
        }
        Ok(())
    }

    /// Waits for an answer of the admin client, whose own thread brings it.
    fn wait<T>(&self, answer: impl Future<Output = Result<T, KafkaError>>) -> Result<T, Fault> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|error| Fault::new(Operation::Check, FaultClass::Fatal, error.to_string()))?;
        runtime.block_on(async {
            let mut answer = std::pin::pin!(answer);
            loop {
                let within = tokio::time::timeout(STEP, answer.as_mut()).await;
                events::serve(self.client.inner(), Duration::ZERO);
                match within {
                    Ok(answer) => return answer.map_err(|error| fault(Operation::Check, &error)),
                    Err(_) if self.is_to_stop() => {
                        let text = "the brokers had not answered when the process was asked to end";
                        return Err(Fault::new(Operation::Check, FaultClass::Retriable, text));
                    }
                    Err(_) => {}
                }
            }
        })
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(TIMEOUT)).operation_timeout(Some(TIMEOUT))
}

fn each(
    doing: &str,
    right: Right,
    results: Vec<Result<String, (String, RDKafkaErrorCode)>>,
) -> Result<(), Fault> {
    for result in results {
        match result {
            // Somebody made it since it was looked for: what it is like, whoever made it last has to look at.
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) | Ok(_) => {}
            Err((name, code)) => return Err(refusal(doing, right, &name, code)),
        }
    }
    Ok(())
}

fn refusal(doing: &str, right: Right, name: &str, code: RDKafkaErrorCode) -> Fault {
    let fault = Fault::setup(format!("{doing} topic {name}: {code}"));
    match code {
        RDKafkaErrorCode::TopicAuthorizationFailed | RDKafkaErrorCode::ClusterAuthorizationFailed => {
            fault.lacking(Resource::Topic(name.to_owned()), right)
        }
        _ => fault,
    }
}
