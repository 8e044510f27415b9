//! Lets a producer send what it has queued, without waiting for its linger time. Unsafe code is needed here: the client
//! library's safe flush does not wait inside the call, so it may be over before any broker's thread has looked at the flag.

use rdkafka::bindings::rd_kafka_flush;
use rdkafka::producer::{BaseProducer, Producer as _, ProducerContext};

/// The least that a flush waits for acknowledgements, in milliseconds: long enough for brokers' threads to look.
const STEP_MILLIS: i32 = 1;

/// Sends what is queued, and waits a moment for all acknowledgements; reports are left for the producer's poll.
pub fn send_now<C: ProducerContext>(producer: &BaseProducer<C>) {
    // SAFETY: the client is alive as long as the borrow. That not all is acknowledged yet is no error.
    unsafe { rd_kafka_flush(producer.client().native_ptr(), STEP_MILLIS) };
}
