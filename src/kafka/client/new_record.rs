//! A record that is to be written, as the producers take it that decide nothing. Never says how it is written.

use super::headers;
use crate::domain::PartitionId;
use crate::domain::record::{RecordHeader, TopicRecord};
use rdkafka::error::KafkaResult;
use rdkafka::message::OwnedHeaders;
use rdkafka::producer::BaseRecord;
use rdkafka::util::IntoOpaque;

/// A record that is to be written.
#[derive(Clone, Copy, Debug, Default)]
pub struct NewRecord<'r> {
    /// Topic name.
    pub topic: &'r str,
    /// Partition number, from 0; none: where its key belongs (`topics.partitioner`).
    pub partition: Option<PartitionId>,
    /// Its time in milliseconds since 1970; none, and 0, which the client takes for it: now.
    pub timestamp_millis: Option<i64>,
    /// Key bytes.
    pub key: Option<&'r [u8]>,
    /// Value bytes; none: a tombstone.
    pub value: Option<&'r [u8]>,
    /// Headers, in order; names without nul bytes.
    pub headers: &'r [RecordHeader<'r>],
}

impl<'r> NewRecord<'r> {
    /// A record without headers that goes where its key belongs.
    #[must_use]
    pub fn by_key(topic: &'r str, key: Option<&'r [u8]>, value: &'r [u8], timestamp_millis: i64) -> Self {
        let timestamp_millis = Some(timestamp_millis);
        Self { topic, partition: None, timestamp_millis, key, value: Some(value), headers: &[] }
    }

    /// A record as it is, for `topic`: on its own partition number and at its own time.
    #[must_use]
    pub fn as_it_is(topic: &'r str, record: &'r TopicRecord<'_>) -> Self {
        Self {
            topic,
            partition: Some(record.partition),
            timestamp_millis: Some(record.timestamp_millis),
            key: record.key,
            value: record.value,
            headers: &record.headers,
        }
    }

    /// Its headers as the client takes them; none where it has none.
    ///
    /// # Errors
    /// The client refuses one of them.
    pub(super) fn client_headers(&self) -> KafkaResult<Option<OwnedHeaders>> {
        (!self.headers.is_empty()).then(|| headers::to_client(self.headers)).transpose()
    }

    /// As the client takes it, with its headers and what comes back with the report.
    pub(super) fn to_client<O: IntoOpaque>(
        self,
        headers: Option<OwnedHeaders>,
        delivery_opaque: O,
    ) -> BaseRecord<'r, [u8], [u8], O> {
        let Self { topic, partition, timestamp_millis: timestamp, key, value: payload, .. } = self;
        let partition = partition.map(PartitionId::number);
        BaseRecord { topic, partition, payload, key, timestamp, headers, delivery_opaque }
    }
}
