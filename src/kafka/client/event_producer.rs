//! A plain idempotent producer, for generated load, for records that are imported, and for ticks: never for what tillgate
//! decides, which is transactional.

use super::error::{fault, naming};
use super::log::Heard;
use super::new_record::NewRecord;
use super::{clock, config};
use crate::domain::PartitionId;
use crate::kafka::cluster::rights::{Resource, Right};
use crate::kafka::failure::{Fault, FaultClass, Operation};
use crate::kafka::locked::locked;
use crate::kafka::settings::ClusterSettings;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext};
use rdkafka::{ClientContext, Message};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Records between two looks at what came back.
const POLL_EVERY: u32 = 1_000;
/// How long to wait at once for room or for acknowledgements.
const STEP: Duration = Duration::from_millis(20);

/// What the callbacks note: the first record that did not arrive, and what is wrong with connections.
#[derive(Default)]
struct Reports {
    first: Mutex<Option<Fault>>,
    heard: Heard,
}

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.heard.log(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.heard.error(error, reason);
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, message)) = result {
            let text = format!("a message to {}: {error}", message.topic());
            let fault = Fault::new(Operation::Produce, FaultClass::Setup, text);
            let fault = naming(fault, error, Right::Write, || Resource::Topic(message.topic().to_owned()));
            locked(&self.first).get_or_insert(fault);
        }
    }
}

/// Writes records by key as the senders do (`topics.partitioner`), each once, in order within a partition.
pub struct EventProducer {
    base: BaseProducer<Reports>,
    sent: u32,
}

impl EventProducer {
    /// Prepares the client; nothing is connected yet.
    ///
    /// # Errors
    /// A client setting that is unknown or cannot be used.
    pub fn new(settings: &ClusterSettings) -> Result<Self, Fault> {
        let base = config::event_producer(settings)
            .create_with_context(Reports::default())
            .map_err(|error| config::client_fault(settings, &error))?;
        Ok(Self { base, sent: 0 })
    }

    /// Queues a record, waiting while the queue is full.
    ///
    /// # Errors
    /// The record cannot be queued, or an earlier one did not arrive.
    pub fn send(&mut self, record: &NewRecord<'_>) -> Result<(), Fault> {
        let headers = record.client_headers().map_err(|error| fault(Operation::Produce, &error))?;
        self.queue(record.to_client(headers, ()))
    }

    /// Queues a record for a partition, whose number is its key, at the broker's time or now; first looks at what came back
    /// of earlier ones. Waits while the queue is full.
    ///
    /// # Errors
    /// The record cannot be queued, or an earlier one did not arrive.
    pub fn send_to(&mut self, topic: &str, partition: PartitionId, value: &[u8]) -> Result<(), Fault> {
        self.base.poll(Duration::ZERO);
        self.failure()?;
        let key = partition.to_string();
        self.queue(BaseRecord::to(topic).partition(partition.number()).key(key.as_bytes()).payload(value))
    }

    fn queue(&mut self, mut record: BaseRecord<'_, [u8], [u8]>) -> Result<(), Fault> {
        self.sent = self.sent.wrapping_add(1);
        if self.sent.is_multiple_of(POLL_EVERY) {
            self.base.poll(Duration::ZERO);
            self.failure()?;
        }
        while let Err((error, refused)) = self.base.send(record) {
            if error.rdkafka_error_code() != Some(RDKafkaErrorCode::QueueFull) {
                return Err(fault(Operation::Produce, &error));
            }
            record = refused;
            self.base.poll(STEP);
            self.failure()?;
        }
        Ok(())
    }

    /// Waits until every queued record is acknowledged; the client gives up on one after its own time-out
    /// (`message.timeout.ms`, five minutes).
    ///
    /// # Errors
    /// A record did not arrive.
    pub fn flush(&mut self) -> Result<(), Fault> {
        self.flush_while(|| true)
    }

    /// The same, for `limit` at most, and no longer once `stop` is set.
    ///
    /// # Errors
    /// A record did not arrive, or not in time.
    pub fn flush_within(&mut self, limit: Duration, stop: &AtomicBool) -> Result<(), Fault> {
        let begun = clock::now();
        let goes_on = || begun.elapsed() < limit && !stop.load(Ordering::Acquire);
        self.flush_while(goes_on)?;
        if self.base.in_flight_count() == 0 {
            return Ok(());
        }
        let failed = self.base.context().heard.trouble.all();
        let why = failed.last().map_or_else(
            || {
                "no broker has acknowledged it: look at the partition's leader and at min.insync.replicas \
                 (`kafka-topics.sh --describe`)"
                    .to_owned()
            },
            |failed| failed.text(|_| false),
        );
        let text = format!("not written within {limit:?}: {why}");
        Err(Fault::new(Operation::Flush, FaultClass::Setup, text))
    }

    fn flush_while(&mut self, goes_on: impl Fn() -> bool) -> Result<(), Fault> {
        while self.base.in_flight_count() > 0 && goes_on() {
            match self.base.flush(STEP) {
                Err(error) if error.rdkafka_error_code() != Some(RDKafkaErrorCode::OperationTimedOut) => {
                    return Err(fault(Operation::Flush, &error));
                }
                _ => self.failure()?,
            }
        }
        self.base.poll(Duration::ZERO);
        self.failure()
    }

    fn failure(&self) -> Result<(), Fault> {
        match locked(&self.base.context().first).take() {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }
}
