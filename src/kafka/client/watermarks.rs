//! How far a partition reaches: as the broker says now, or out of the client's memory as it was last fetched.

use crate::domain::PartitionId;
use rdkafka::bindings::rd_kafka_get_watermark_offsets;
use rdkafka::client::{Client, ClientContext};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaResult;
use rdkafka::types::RDKafkaRespErr;
use std::ffi::CString;
use std::time::Duration;

/// How long the leader that the client knows may take, before it is asked whether there is another.
const FIRST_TRY: Duration = Duration::from_millis(500);

/// First offset and end offset, asked of the partition's leader. Waits a little longer than twice `timeout` at most.
///
/// The client goes by the leader that it was told last, for as long as its metadata lives (15 minutes), even once that
/// broker is gone: then it waits for it, or calls the partition unknown. So it is told again, and asked once more.
pub fn ask<C: ClientContext>(
    client: &Client<C>,
    topic: &str,
    partition: PartitionId,
    timeout: Duration,
) -> KafkaResult<(i64, i64)> {
    let partition = partition.number();
    client.fetch_watermarks(topic, partition, timeout.min(FIRST_TRY)).or_else(|_stale| {
        client.fetch_metadata(Some(topic), timeout)?;
        client.fetch_watermarks(topic, partition, timeout)
    })
}

/// First offset and end offset; none where the partition was not fetched yet.
pub fn last_known<C: ConsumerContext>(
    consumer: &BaseConsumer<C>,
    topic: &str,
    partition: PartitionId,
) -> Option<(i64, i64)> {
    let topic = CString::new(topic).ok()?;
    let (mut low, mut high) = (-1, -1);
    // SAFETY: the client is alive as long as the borrow, the name ends in a nul, and both numbers outlive the call.
    let error = unsafe {
        rd_kafka_get_watermark_offsets(
            consumer.client().native_ptr(),
            topic.as_ptr(),
            partition.number(),
            &raw mut low,
            &raw mut high,
        )
    };
    (error == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0).then_some((low, high))
}
