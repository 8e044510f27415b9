//! A producer that says of each record where it stands, or why it does not: for whoever must not answer before. Idempotent, so
//! that a record is written once however often the client sends it; never for what tillgate decides.

use super::error::fault;
use super::new_record::NewRecord;
use super::{config, log as client_log};
use crate::kafka::failure::{Fault, Operation};
use crate::kafka::settings::ClusterSettings;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{Producer as _, ProducerContext, ThreadedProducer};
use rdkafka::{ClientContext, Message};
use std::time::Duration;

/// Why it is not known where a record stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotWritten {
    /// It was not written, and will not be: the brokers cannot take it now.
    Away(String),
    /// It was not written: it is larger than its topic takes.
    TooLarge,
    /// It may have been written.
    Unknown(String),
}

/// Takes the offset of a record once its partition's leader has it.
pub type OnReceipt = Box<dyn FnOnce(Result<i64, NotWritten>) + Send + Sync>;

struct Receipts;

impl ClientContext for Receipts {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, line: &str) {
        client_log::pass_on(level, facility, line);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // Its log lines say the same.
        ::log::debug!(target: "librdkafka", "{error}: {reason}");
    }
}

impl ProducerContext for Receipts {
    type DeliveryOpaque = Box<OnReceipt>;

    fn delivery(&self, result: &DeliveryResult<'_>, then: Box<OnReceipt>) {
        then(match result {
            Ok(message) if message.offset() >= 0 => Ok(message.offset()),
            // Sent twice and written once: the broker no longer says where.
            Ok(_) => Err(NotWritten::Unknown("it was written, and the broker does not say where".to_owned())),
            Err((error, _)) => Err(not_written(error)),
        });
    }
}

/// A record whose time is over may have been sent; of others the client says that they were not taken.
fn not_written(error: &KafkaError) -> NotWritten {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::MessageSizeTooLarge | RDKafkaErrorCode::InvalidMessageSize) => {
            NotWritten::TooLarge
        }
        Some(
            RDKafkaErrorCode::QueueFull
            | RDKafkaErrorCode::UnknownPartition
            | RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::TopicAuthorizationFailed,
        ) => NotWritten::Away(error.to_string()),
        _ => NotWritten::Unknown(error.to_string()),
    }
}

/// The producer. Records of one partition are written in the order in which they are sent.
pub struct ReceiptProducer(ThreadedProducer<Receipts>);

impl ReceiptProducer {
    /// Prepares the client, which gives a record up that is not written `within` this time; nothing is connected yet.
    ///
    /// # Errors
    /// A client setting that is unknown or cannot be used.
    pub fn new(settings: &ClusterSettings, within: Duration) -> Result<Self, Fault> {
        let made = config::receipt_producer(settings, within).create_with_context(Receipts);
        made.map(Self).map_err(|error| config::client_fault(settings, &error))
    }

    /// Sends a record; `then` is called once, from a thread of the client, and does not block.
    pub fn send(&self, record: &NewRecord<'_>, then: OnReceipt) {
        let headers = match record.client_headers() {
            Ok(headers) => headers,
            Err(error) => return then(Err(NotWritten::Away(error.to_string()))),
        };
        if let Err((error, refused)) = self.0.send(record.to_client(headers, Box::new(then))) {
            (refused.delivery_opaque)(Err(match not_written(&error) {
                // The client did not take it, so it was not sent.
                NotWritten::Unknown(why) => NotWritten::Away(why),
                known => known,
            }));
        }
    }

    /// Waits until it is known of all records whether they stand, for `within` at most.
    ///
    /// # Errors
    /// It is not known of all.
    pub fn flush(&self, within: Duration) -> Result<(), Fault> {
        self.0.flush(within).map_err(|error| fault(Operation::Flush, &error))
    }
}
