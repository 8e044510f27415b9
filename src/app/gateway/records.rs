//! The gateway's topics: records go out by a producer with receipts, outcomes and replies come in by followers; and how the
//! process stands, for its pages.

use super::Endpoints;
use crate::domain::partitioner::Partitioner;
use crate::domain::record::{RecordHeader, TopicRecord};
use crate::domain::reply::REQUEST_ID;
use crate::gateway::read_model::ReadModel;
use crate::gateway::records::{InputTopic, InputWriter, NotWritten, OnWritten, RecordPlace};
use crate::gateway::{AdminSource, ProcessStanding};
use crate::kafka::client::{self, Cluster, NewRecord, ReceiptProducer};
use crate::kafka::failure::Fault;
use crate::kafka::followed::{Taker, retry_at_start};
use crate::kafka::settings::ClusterSettings;
use crate::telemetry;
use crate::telemetry::exporter::Exporter;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What is wrong with topics at present, by their names.
#[derive(Debug, Default)]
pub(super) struct Troubles(Mutex<BTreeMap<String, String>>);

impl Troubles {
    fn set(&self, topic: &str, why: Option<&str>) {
        let mut troubles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match why {
            Some(why) => troubles.insert(topic.to_owned(), why.to_owned()),
            None => troubles.remove(topic),
        };
    }

    fn all(&self) -> Vec<String> {
        let troubles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        troubles.iter().map(|(topic, why)| format!("topic {topic}: {why}")).collect()
    }
}

/// The inputs, as the gateway writes them.
pub(super) struct InputTopics {
    cluster: Cluster,
    producer: ReceiptProducer,
    /// In the order of [`InputTopic`]; those of contact decisions only where such are made.
    names: Vec<String>,
    partitions: Vec<AtomicU32>,
    partitioner: Partitioner,
    troubles: Arc<Troubles>,
}

impl InputTopics {
    /// The inputs of these names, in the order of [`InputTopic`]; a record that is not written `within` this time is given up.
    pub(super) fn open(
        cluster: Cluster,
        settings: &ClusterSettings,
        (names, within): (&[&str], Duration),
        troubles: &Arc<Troubles>,
        stop: &AtomicBool,
    ) -> Result<Self, Fault> {
        let topics = Self {
            cluster,
            producer: ReceiptProducer::new(settings, within)?,
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            partitions: names.iter().map(|_| AtomicU32::new(0)).collect(),
            partitioner: settings.partitioner,
            troubles: Arc::clone(troubles),
        };
        retry_at_start(&topics.cluster, stop, || topics.find_partitions())?;
        Ok(topics)
    }

    fn find_partitions(&self) -> Result<(), Fault> {
        let names: Vec<&str> = self.names.iter().map(String::as_str).collect();
        let found = self.cluster.admin().topics(&names, false)?;
        for (name, partitions) in names.iter().zip(&self.partitions) {
            let count = found.get(*name).map_or(0, |topic| topic.partitions);
            partitions.store(u32::try_from(count).unwrap_or(u32::MAX), Ordering::Release);
            let missing = (count == 0).then_some("it is missing: create it with `tillgate topics create`");
            self.troubles.set(name, missing);
        }
        Ok(())
    }

    /// Looks whether there are more partitions. Where brokers do not answer, what was known stays.
    pub(super) fn look(&self) {
        if let Err(fault) = self.find_partitions() {
            tracing::debug!(%fault, "it cannot be seen how many partitions the inputs have");
        }
    }

    /// Waits until it is known of all records whether they stand.
    pub(super) fn flush(&self, within: Duration) {
        if let Err(fault) = self.producer.flush(within) {
            tracing::warn!(%fault, "records were under way at the end");
        }
    }
}

impl InputWriter for InputTopics {
    fn write(&self, input: InputTopic, key: &str, value: &[u8], request_id: Option<&str>, then: OnWritten) {
        let place = input as usize;
        let (Some(name), Some(count)) = (self.names.get(place), self.partitions.get(place)) else {
            return then(Err(NotWritten::Away("contact decisions are switched off".to_owned())));
        };
        let count = count.load(Ordering::Acquire);
        if count == 0 {
            return then(Err(NotWritten::Away(format!("topic {name} has no partitions"))));
        }
        let partition = self.partitioner.partition_of(key.as_bytes(), count);
        let header =
            request_id.map(|id| RecordHeader { name: REQUEST_ID.as_bytes(), value: Some(id.as_bytes()) });
        self.producer.send(
            &NewRecord {
                topic: name,
                partition: Some(partition),
                timestamp_millis: None,
                key: Some(key.as_bytes()),
                value: Some(value),
                headers: header.as_slice(),
            },
            Box::new(move |written| {
                then(match written {
                    Ok(offset) => Ok(RecordPlace { input, partition, offset }),
                    Err(client::NotWritten::Away(why)) => Err(NotWritten::Away(why)),
                    Err(client::NotWritten::TooLarge) => Err(NotWritten::TooLarge),
                    Err(client::NotWritten::Unknown(why)) => Err(NotWritten::Unknown(why)),
                });
            }),
        );
    }
}

/// Takes what is read of a topic into the model.
pub(super) struct TopicTaker {
    model: Arc<ReadModel>,
    troubles: Arc<Troubles>,
    topic: String,
    take: fn(&ReadModel, &TopicRecord<'_>) -> Result<(), String>,
    /// Whether the history of transactions is read of it.
    has_history: bool,
}

impl TopicTaker {
    /// Of outcomes.
    pub(super) fn of_outcomes(model: &Arc<ReadModel>, troubles: &Arc<Troubles>, topic: &str) -> Self {
        let take = |model: &ReadModel, record: &TopicRecord<'_>| {
            model.take_outcome(record.value.unwrap_or_default(), record.timestamp_millis)
        };
        Self::of(model, troubles, topic, take, true)
    }

    /// Of replies to account events.
    pub(super) fn of_replies(model: &Arc<ReadModel>, troubles: &Arc<Troubles>, topic: &str) -> Self {
        let take = |model: &ReadModel, record: &TopicRecord<'_>| {
            model.take_reply(InputTopic::AccountEvents, record.value.unwrap_or_default())
        };
        Self::of(model, troubles, topic, take, false)
    }

    /// Of replies to interactions.
    pub(super) fn of_interactions(model: &Arc<ReadModel>, troubles: &Arc<Troubles>, topic: &str) -> Self {
        let take = |model: &ReadModel, record: &TopicRecord<'_>| {
            model.take_reply(InputTopic::Interactions, record.value.unwrap_or_default())
        };
        Self::of(model, troubles, topic, take, false)
    }

    /// Of contact decisions.
    pub(super) fn of_decisions(model: &Arc<ReadModel>, troubles: &Arc<Troubles>, topic: &str) -> Self {
        Self::of(
            model,
            troubles,
            topic,
            |model, record| model.take_decision(record.value.unwrap_or_default()),
            false,
        )
    }

    fn of(
        model: &Arc<ReadModel>,
        troubles: &Arc<Troubles>,
        topic: &str,
        take: fn(&ReadModel, &TopicRecord<'_>) -> Result<(), String>,
        has_history: bool,
    ) -> Self {
        let (model, troubles) = (Arc::clone(model), Arc::clone(troubles));
        Self { model, troubles, topic: topic.to_owned(), take, has_history }
    }
}

impl Taker for TopicTaker {
    fn take(&self, record: &TopicRecord<'_>) {
        if let Err(why) = (self.take)(&self.model, record) {
            passed_over(record, &why);
        }
    }

    fn caught_up(&self) {
        if self.has_history {
            self.model.caught_up();
            let (transactions, bytes) = self.model.size();
            tracing::info!(transactions, bytes, "the history of transactions is read");
        }
    }

    fn trouble(&self, why: Option<&str>) {
        self.troubles.set(&self.topic, why);
    }
}

fn passed_over(record: &TopicRecord<'_>, why: &str) {
    let TopicRecord { topic, partition, offset, .. } = record;
    let partition = partition.number();
    tracing::warn!(topic, partition, offset, why, "a record is passed over: it is not one of tillgate's");
}

/// How the process stands.
pub(super) struct Pages {
    exporter: Exporter,
    troubles: Arc<Troubles>,
    model: Arc<ReadModel>,
    stop: Arc<AtomicBool>,
}

impl Pages {
    pub(super) fn new(exporter: Exporter, endpoints: &Endpoints, stop: &Arc<AtomicBool>) -> Self {
        let (troubles, model) = (Arc::clone(&endpoints.troubles), Arc::clone(&endpoints.model));
        Self { exporter, troubles, model, stop: Arc::clone(stop) }
    }
}

impl AdminSource for Pages {
    fn metrics(&self) -> String {
        let (transactions, bytes) = self.model.size();
        telemetry::http::history(transactions, bytes);
        self.exporter.render()
    }

    fn standing(&self) -> ProcessStanding {
        let is_read = self.model.is_caught_up();
        let reading = "the history of transactions is still being read: until then requests for one may be answered with 503";
        ProcessStanding {
            stopping: self.stop.load(Ordering::Acquire),
            troubles: self.troubles.all(),
            warnings: (!is_read).then(|| reading.to_owned()).into_iter().collect(),
            ..ProcessStanding::default()
        }
    }

    fn upkeep(&self) {
        self.exporter.upkeep();
    }
}
