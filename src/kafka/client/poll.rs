//! The next record of a reader that stands outside any group, or its end: shared by the journal's reader and the dump.
//! Such a reader is assigned one partition at a time and reports ends. Never says "end" for a time-out.

use std::time::Duration;

use rdkafka::{
    consumer::{BaseConsumer, Consumer},
    error::{KafkaError, RDKafkaErrorCode},
    message::BorrowedMessage,
};

use super::{
    super::{
        cluster::rights::{Resource, Right},
        failure::{Fault, FaultClass, Operation},
    },
    clock,
    error::{fault, is_of_connections, naming},
    journal::Quiet,
};

/// How long the next record may take to arrive before the read is given up.
const NEXT_TIMEOUT: Duration = Duration::from_secs(30);

/// The next record; none at the end, the stable one under `read_committed`. `what` is read, for the text of a fault.
///
/// # Errors
/// What the client does not try again by itself; retriable where nothing came in time.
pub fn next<'c>(
    consumer: &'c BaseConsumer<Quiet>,
    operation: Operation,
    what: impl Fn() -> String,
) -> Result<Option<BorrowedMessage<'c>>, Fault> {
    let begun = clock::now();
    while begun.elapsed() < NEXT_TIMEOUT {
        match consumer.poll(Duration::from_millis(100)) {
            None => {}
            Some(Ok(message)) => return Ok(Some(message)),
            Some(Err(KafkaError::PartitionEOF(_))) => return Ok(None),
            Some(Err(KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset))) => {
                let text = format!("{}: records were deleted that had yet to be read: try again", what());
                return Err(Fault::new(operation, FaultClass::Setup, text));
            }
            Some(Err(error)) => {
                let fault = naming(fault(operation, &error), &error, Right::Read, || {
                    let topic = consumer
                        .assignment()
                        .ok()
                        .and_then(|list| Some(list.elements().first()?.topic().to_owned()));
                    Resource::Topic(topic.unwrap_or_default())
                });
                if fault.class != FaultClass::Retriable {
                    return Err(fault);
                }
                let level = if is_of_connections(&error) { log::Level::Debug } else { log::Level::Warn };
                log::log!(level, "{fault}: the client tries again by itself");
            }
        }
    }
    let text = format!("no record of {} within {NEXT_TIMEOUT:?}", what());
    Err(Fault::new(operation, FaultClass::Retriable, text))
}
