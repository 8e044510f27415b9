//! What a dead letter carries: the record as it came, and headers that say what was wrong and where it stood.

use super::{
    decider::InRecord,
    failure::Fault,
    port::{Broker, Header, TransactionalProducer},
    settings::Topics,
};

/// Header: the code of the catalogue.
pub const ERROR_CODE: &str = "error.code";
/// Header: what was wrong, in words.
pub const ERROR_MESSAGE: &str = "error.message";
/// Header: topic the record came from.
pub const SOURCE_TOPIC: &str = "source.topic";
/// Header: its partition.
pub const SOURCE_PARTITION: &str = "source.partition";
/// Header: its offset.
pub const SOURCE_OFFSET: &str = "source.offset";
/// Header: how often it was tried.
pub const ATTEMPT: &str = "attempt";
/// Header: size of the value where it had to be cut.
pub const VALUE_BYTES: &str = "value.bytes";

/// Sends `record`, lent as `lent`, to the dead letters. A value above `value_bytes_max` is cut.
///
/// # Errors
/// The producer does not take it.
pub fn send<B: Broker>(
    producer: &B::Producer,
    topics: &Topics,
    value_bytes_max: usize,
    lent: &<B::Consumer as super::port::GroupConsumer>::Record<'_>,
    record: &InRecord<'_>,
    verdict: &Verdict<'_>,
) -> Result<(), Fault> {
    let partition = record.partition.to_string();
    let offset = record.offset.to_string();
    let attempt = verdict.attempt.to_string();
    let value_bytes = record.value.map_or(0, <[u8]>::len);
    let size = value_bytes.to_string();
    let topic = topics.input(record.input);
    let headers = [
        Header { name: ERROR_CODE, value: verdict.code.as_bytes() },
        Header { name: ERROR_MESSAGE, value: verdict.message.as_bytes() },
        Header { name: SOURCE_TOPIC, value: topic.as_bytes() },
        Header { name: SOURCE_PARTITION, value: partition.as_bytes() },
        Header { name: SOURCE_OFFSET, value: offset.as_bytes() },
        Header { name: ATTEMPT, value: attempt.as_bytes() },
        Header { name: VALUE_BYTES, value: size.as_bytes() },
    ];
    let cut = value_bytes > value_bytes_max;
    let count = if cut { headers.len() } else { headers.len() - 1 };
    producer.dead_letter(lent, value_bytes.min(value_bytes_max), &headers[..count])
}

/// Why a record is a dead letter.
#[derive(Clone, Copy, Debug)]
pub struct Verdict<'a> {
    /// The code of the catalogue.
    pub code: &'a str,
    /// In words.
    pub message: &'a str,
    /// How often the record was tried.
    pub attempt: u32,
}
