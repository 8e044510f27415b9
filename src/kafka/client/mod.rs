//! Kafka over librdkafka: the only folder that names the client library.
//!
//! It turns the worker's words (`port`) into calls and the client's errors into fault classes. It decides nothing:
//! what a fault leads to stands in `failure`.

mod admin;
mod certificate;
mod clock;
mod config;
mod consumer;
mod dump;
mod embedded;
mod error;
mod event_producer;
mod events;
mod follower;
mod headers;
mod journal;
mod journal_follower;
mod letter_headers;
mod log;
mod new_record;
mod outbox;
mod place;
mod producer;
mod reader;
mod receipts;
mod rights;
mod send_now;
mod tail;
mod trouble;
mod unstable;
mod watermarks;

use super::failure::{Destination, Fault, FaultClass, Operation};
use super::port::{Broker, JournalEnds, MessageLimits, Unit};
use super::settings::{ClusterSettings, FlowTopics};
use crate::domain::PartitionId;
use crate::domain::flow::Flow;
use crate::kafka::locked::locked;
pub use admin::{Admin, MAX_MESSAGE, TopicState};
pub use config::PRODUCED_AT_ONCE_BYTES_MAX;
pub use dump::{Dump, Span};
pub use embedded::Embedded;
pub use event_producer::EventProducer;
pub use follower::Follower;
use journal::Asker;
pub use new_record::NewRecord;
pub use reader::Isolation;
pub use receipts::{NotWritten, OnReceipt, ReceiptProducer};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

/// How long a worker waits for the end of a journal, which it asks for within a transaction: three times this at most.
const END_WITHIN: Duration = Duration::from_millis(500);
/// How long no worker asks again after there was no answer.
const END_PAUSE: Duration = Duration::from_secs(5);

/// What a batch of one record takes besides its key, value and headers: 61 bytes of its own head, and the record's
/// lengths, time and offset. Topics limit batches.
const BATCH_FRAMING_BYTES: usize = 128;

/// A Kafka cluster, reached through librdkafka.
pub struct Cluster {
    settings: Arc<ClusterSettings>,
    admin: Arc<Admin>,
    asker: OnceLock<Arc<Asker>>,
    /// Writes ticks; made with the first one.
    ticks: Mutex<Option<EventProducer>>,
    /// When the end of a journal was last asked for in vain.
    unanswered: Mutex<Option<Instant>>,
    begun: Instant,
}

impl Cluster {
    /// Prepares the clients; nothing is connected yet.
    ///
    /// # Errors
    /// A client setting that is unknown or cannot be used.
    pub fn new(settings: Arc<ClusterSettings>) -> Result<Self, Fault> {
        Self::prepared(settings, None)
    }

    /// The same for a process that starts: it waits longer for its brokers, and no longer once `stop` is set.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn until(settings: Arc<ClusterSettings>, stop: Arc<AtomicBool>) -> Result<Self, Fault> {
        Self::prepared(settings, Some(stop))
    }

    fn prepared(settings: Arc<ClusterSettings>, stop: Option<Arc<AtomicBool>>) -> Result<Self, Fault> {
        let admin = Arc::new(Admin::new(&settings, stop)?);
        Ok(Self {
            settings,
            admin,
            asker: OnceLock::new(),
            ticks: Mutex::default(),
            unanswered: Mutex::default(),
            begun: clock::now(),
        })
    }

    /// Topics and their settings.
    #[must_use]
    pub fn admin(&self) -> &Admin {
        &self.admin
    }

    /// How far a partition of any topic reaches.
    ///
    /// # Errors
    /// The cluster cannot be reached or does not allow to look.
    pub fn ends(&self, topic: &str, partition: PartitionId) -> Result<JournalEnds, Fault> {
        self.asker()?.ends(topic, partition)
    }

    /// Where the records of this time (milliseconds since 1970) and later begin in each of these partitions; where there are
    /// none, its end.
    ///
    /// # Errors
    /// The cluster cannot be reached or does not allow to look.
    pub fn offsets_since(
        &self,
        topic: &str,
        partitions: &[PartitionId],
        millis: i64,
    ) -> Result<Vec<(PartitionId, i64)>, Fault> {
        self.asker()?.offsets_since(topic, partitions, millis)
    }

    /// A reader of whole partitions.
    ///
    /// # Errors
    /// The client cannot be made.
    pub fn dump(&self, isolation: Isolation) -> Result<Dump, Fault> {
        Dump::open(&self.settings, self.asker()?, isolation)
    }

    /// Whether the group may be seen, as far as that can be told.
    ///
    /// # Errors
    /// The client cannot be made.
    pub fn sees_group(&self) -> Result<bool, Fault> {
        Ok(self.asker()?.sees_group())
    }

    fn asker(&self) -> Result<Arc<Asker>, Fault> {
        if let Some(asker) = self.asker.get() {
            return Ok(Arc::clone(asker));
        }
        let made = Arc::new(Asker::new(&self.settings)?);
        Ok(Arc::clone(self.asker.get_or_init(|| made)))
    }
}

impl Broker for Cluster {
    type Consumer = consumer::Member;
    type Producer = producer::Producer;
    type Journal = journal::UnitJournal;
    type Follower = journal_follower::Trail;

    fn consumer(&self, worker: usize) -> Result<Self::Consumer, Fault> {
        // Finds the group's coordinator while the member joins, so that the first restore need not wait for it.
        let asker = self.asker()?;
        self.spawn(format!("asker-{worker}"), Box::new(move || asker.find_group()));
        consumer::Member::join(&self.settings, worker)
    }

    fn producer(&self, transactional_id: &str) -> Result<Self::Producer, Fault> {
        producer::Producer::init(&self.settings, transactional_id)
    }

    fn journal(&self, unit: Unit) -> Result<Self::Journal, Fault> {
        journal::UnitJournal::open(self.asker()?, Arc::clone(&self.settings), unit)
    }

    fn follower(&self) -> Result<Self::Follower, Fault> {
        Ok(journal_follower::Trail::new(Arc::clone(&self.settings)))
    }

    fn message_limits(&self) -> Result<MessageLimits, Fault> {
        if !self.settings.check_topic_configs {
            return Ok(MessageLimits::default());
        }
        let topics = &self.settings.topics;
        let of = |FlowTopics { flow, .. }: &FlowTopics| {
            let outputs = topics.outputs(flow).map(|output| Destination::Output(flow, output));
            outputs.chain([Destination::DeadLetters(flow)]).collect::<Vec<_>>()
        };
        let destinations: Vec<Destination> = topics.flows.iter().flat_map(of).collect();
        let names: Vec<&str> = destinations.iter().map(|destination| destination.topic(topics)).collect();
        let found = self.admin.topics(&names, true)?;
        let limit = |(destination, name): (Destination, &&str)| {
            let bytes = found.get(*name)?.message_bytes_max()?;
            Some((destination, bytes.saturating_sub(BATCH_FRAMING_BYTES)))
        };
        Ok(MessageLimits(destinations.into_iter().zip(&names).filter_map(limit).collect()))
    }

    fn input_partitions(&self, flow: &'static Flow) -> Result<u32, Fault> {
        let names: Vec<&str> = self.settings.topics.of(flow).input_names().collect();
        let found = self.admin.topics(&names, false)?;
        let most = found.values().map(|topic| topic.partitions).max().unwrap_or(0);
        Ok(u32::try_from(most).unwrap_or(u32::MAX))
    }

    fn journal_end(&self, unit: Unit) -> Result<i64, Fault> {
        let unanswered = || locked(&self.unanswered);
        if unanswered().is_some_and(|since| since.elapsed() < END_PAUSE) {
            let text = format!("the end of a journal was asked for in vain less than {END_PAUSE:?} ago");
            return Err(Fault::new(Operation::Trim, FaultClass::Retriable, text));
        }
        let topic = &self.settings.topics.of(unit.flow).journal;
        let end = self.admin.end(topic, unit.partition, Operation::Trim, END_WITHIN);
        *unanswered() = end.is_err().then(clock::now);
        end
    }

    fn trim_journal(&self, unit: Unit, before: i64) {
        if !self.settings.check_topic_configs {
            // The embedded broker cannot cut off anything.
            return;
        }
        let (admin, partition) = (Arc::clone(&self.admin), unit.partition);
        let topic = self.settings.topics.of(unit.flow).journal.clone();
        self.spawn(
            format!("trim-{}-{partition}", unit.flow.name),
            Box::new(move || {
                // Not cut off now, cut off with a later rotation: more to read, nothing lost. A copy that is away may
                // end with records that no other has. When it is back it drops them, but not those before the start
                // of the log; and once it leads, it takes their transactions for open, for ever.
                match admin.is_whole(&topic, partition) {
                    Ok(false) => ::log::info!(
                        "the journal of {unit}: a copy is not in sync: cut off behind a later rotation"
                    ),
                    whole => {
                        if let Err(error) = whole.and_then(|_| admin.delete_before(&topic, partition, before))
                        {
                            ::log::warn!("the journal of {unit}: {error}");
                        }
                    }
                }
            }),
        );
    }

    fn tick(&self, unit: Unit, value: &[u8]) -> Result<(), Fault> {
        let Some(topic) = self.settings.topics.of(unit.flow).ticks() else { return Ok(()) };
        let mut ticks = locked(&self.ticks);
        let mut producer = match ticks.take() {
            Some(made) => made,
            None => EventProducer::new(&self.settings)?,
        };
        // One that has failed may have failed for good: the next tick makes another.
        producer.send_to(topic, unit.partition, value)?;
        *ticks = Some(producer);
        Ok(())
    }

    fn wall_millis(&self) -> i64 {
        clock::wall_millis()
    }

    fn now(&self) -> Duration {
        self.begun.elapsed()
    }

    fn wait(&self, time: Duration) {
        std::thread::sleep(time);
    }

    fn spawn(&self, name: String, job: Box<dyn FnOnce() + Send>) {
        if let Err(error) = std::thread::Builder::new().name(name.clone()).spawn(job) {
            ::log::error!("the system gives no thread for {name}: {error}");
        }
    }
}
