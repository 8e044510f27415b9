//! Whether a consumer is a member of its group at present: the client library gives its membership away unseen.

use rdkafka::bindings::{
    rd_kafka_consumer_group_metadata, rd_kafka_consumer_group_metadata_destroy,
    rd_kafka_consumer_group_metadata_generation_id, rd_kafka_consumer_group_metadata_member_id,
};
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};

/// Whether the consumer holds a place in its group: a member id and a generation. A member that was put out forgets
/// both, and the broker takes the positions of a transaction that names neither without any check.
pub fn has_place<C: ConsumerContext>(consumer: &BaseConsumer<C>) -> bool {
    // SAFETY: the client lives as long as the borrow; the metadata is ours, is read while it lives, and destroyed once.
    unsafe {
        let metadata = rd_kafka_consumer_group_metadata(consumer.client().native_ptr());
        if metadata.is_null() {
            return false;
        }
        let member_id = rd_kafka_consumer_group_metadata_member_id(metadata);
        let named = !member_id.is_null() && *member_id != 0;
        let generation = rd_kafka_consumer_group_metadata_generation_id(metadata);
        rd_kafka_consumer_group_metadata_destroy(metadata);
        named && generation > 0
    }
}
