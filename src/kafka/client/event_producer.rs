//! A plain idempotent producer, for generated load, for records that are imported, and for ticks: never for what tillgate
//! decides, which is transactional.

use super::error::{fault, naming};
use super::trouble::Trouble;
use super::{clock, config, headers, log as client_log};
use crate::domain::PartitionId;
use crate::domain::record::{RecordHeader, TopicRecord};
use crate::kafka::cluster::rights::{Resource, Right};
use crate::kafka::failure::{Fault, FaultClass, Operation};
use crate::kafka::settings::Settings;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _, ProducerContext};
use rdkafka::{ClientContext, Message};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Records between two looks at what came back.
const POLL_EVERY: u32 = 1_000;
/// How long to wait at once for room or for acknowledgements.
const STEP: Duration = Duration::from_millis(20);

/// What the callbacks note: the first record that did not arrive, and what is wrong with connections.
#[derive(Default)]
struct Reports {
    first: Mutex<Option<Fault>>,
    trouble: Trouble,
}

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        self.trouble.on_log(facility, line);
        client_log::pass_on(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // Its log lines say the same.
        ::log::debug!(target: "librdkafka", "{error}: {reason}");
    }
}

impl ProducerContext for Reports {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if let Err((error, message)) = result {
            let text = format!("a message to {}: {error}", message.topic());
            let fault = Fault::new(Operation::Produce, FaultClass::Setup, text);
            let fault = naming(fault, error, Right::Write, || Resource::Topic(message.topic().to_owned()));
            self.first.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(fault);
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
    pub fn new(settings: &Settings) -> Result<Self, Fault> {
        let base = config::event_producer(settings)
            .create_with_context(Reports::default())
            .map_err(|error| config::client_fault(settings, &error))?;
        Ok(Self { base, sent: 0 })
    }

    /// Queues a record, waiting while the queue is full.
    ///
    /// # Errors
    /// The record cannot be queued, or an earlier one did not arrive.
    pub fn send(
        &mut self,
        topic: &str,
        key: Option<&[u8]>,
        value: &[u8],
        timestamp_millis: i64,
    ) -> Result<(), Fault> {
        self.send_with(topic, key, value, timestamp_millis, None)
    }

    /// As [`Self::send`], with one header, if any.
    ///
    /// # Errors
    /// As there.
    pub fn send_with(
        &mut self,
        topic: &str,
        key: Option<&[u8]>,
        value: &[u8],
        timestamp_millis: i64,
        header: Option<RecordHeader<'_>>,
    ) -> Result<(), Fault> {
        let mut record = BaseRecord::<[u8], [u8]>::to(topic).payload(value).timestamp(timestamp_millis);
        record.key = key;
        let headers = header.map(|header| headers::to_client(&[header])).transpose();
        record.headers = headers.map_err(|error| fault(Operation::Produce, &error))?;
        self.queue(record)
    }

    /// Queues a record as it is for `topic`, on its own partition number and at its own time, waiting while the queue is
    /// full. Headers' names must be without nul bytes, and the time another than 0, which the client takes for "now".
    ///
    /// # Errors
    /// The record cannot be queued, or an earlier one did not arrive.
    pub fn send_as_it_is(&mut self, topic: &str, source: &TopicRecord<'_>) -> Result<(), Fault> {
        let mut record = BaseRecord::<[u8], [u8]>::to(topic)
            .partition(source.partition.number())
            .timestamp(source.timestamp_millis);
        (record.key, record.payload) = (source.key, source.value);
        if !source.headers.is_empty() {
            let made =
                headers::to_client(&source.headers).map_err(|error| fault(Operation::Produce, &error))?;
            record.headers = Some(made);
        }
        self.queue(record)
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
        let failed = self.base.context().trouble.all();
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
        match self.base.context().first.lock().unwrap_or_else(PoisonError::into_inner).take() {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }
}
