//! Whether a transaction that has not ended holds positions of the group. Unsafe code is needed here: the safe question
//! for committed positions waits until it has ended, and gives up in the same way when the coordinator is silent.

use rdkafka::TopicPartitionList;
use rdkafka::bindings::{
    rd_kafka_AdminOptions_destroy, rd_kafka_AdminOptions_new, rd_kafka_AdminOptions_set_request_timeout,
    rd_kafka_AdminOptions_set_require_stable_offsets, rd_kafka_ListConsumerGroupOffsets,
    rd_kafka_ListConsumerGroupOffsets_destroy, rd_kafka_ListConsumerGroupOffsets_new,
    rd_kafka_ListConsumerGroupOffsets_result_groups, rd_kafka_admin_op_t, rd_kafka_error_code,
    rd_kafka_error_destroy, rd_kafka_event_ListConsumerGroupOffsets_result, rd_kafka_event_destroy,
    rd_kafka_event_error, rd_kafka_event_t, rd_kafka_group_result_error, rd_kafka_group_result_partitions,
    rd_kafka_queue_destroy, rd_kafka_queue_new, rd_kafka_queue_poll,
};
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::types::RDKafkaRespErr;
use std::ffi::CString;
use std::time::Duration;

/// The longest that the client may take over a question. One that it gives up itself while it looks for the coordinator is
/// answered again when that is found, out of memory that was freed (librdkafka 2.12.1: `rd_kafka_admin_coord_request` and
/// `rd_kafka_coord_req_fail` both let go of it). So whoever asks gives up instead.
const NEVER_MILLIS: i32 = 3_600_000;

/// Asks the group's coordinator whether any of the positions in `list` are held.
///
/// # Errors
/// It does not answer within `timeout`, or refuses.
pub fn is_held<C: ClientContext>(
    client: &Client<C>,
    group: &str,
    list: &TopicPartitionList,
    timeout: Duration,
) -> KafkaResult<bool> {
    let group = CString::new(group)?;
    let millis = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
    // SAFETY: client, name and list live as long as the borrows; all else is made here and destroyed once, the event,
    // which owns the answer, after it was read.
    unsafe {
        let options = rd_kafka_AdminOptions_new(
            client.native_ptr(),
            rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS,
        );
        let refused = rd_kafka_AdminOptions_set_require_stable_offsets(options, 1);
        if !refused.is_null() {
            rd_kafka_error_destroy(refused);
        }
        rd_kafka_AdminOptions_set_request_timeout(options, NEVER_MILLIS, std::ptr::null_mut(), 0);
        let mut asked = rd_kafka_ListConsumerGroupOffsets_new(group.as_ptr(), list.ptr());
        let queue = rd_kafka_queue_new(client.native_ptr());
        rd_kafka_ListConsumerGroupOffsets(client.native_ptr(), &raw mut asked, 1, options, queue);
        let event = rd_kafka_queue_poll(queue, millis);
        let held = read(event);
        if !event.is_null() {
            rd_kafka_event_destroy(event);
        }
        rd_kafka_queue_destroy(queue);
        rd_kafka_ListConsumerGroupOffsets_destroy(asked);
        rd_kafka_AdminOptions_destroy(options);
        held.map_err(KafkaError::OffsetFetch)
    }
}

/// What the answer says.
///
/// # Safety
/// `event` is null or an event of the client that lives as long as the call.
unsafe fn read(event: *mut rd_kafka_event_t) -> Result<bool, RDKafkaErrorCode> {
    const NONE: RDKafkaRespErr = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR;
    if event.is_null() {
        return Err(RDKafkaErrorCode::OperationTimedOut);
    }
    // SAFETY: the event lives as long as the call, and everything here belongs to it; lists are read as long as they are.
    unsafe {
        let error = rd_kafka_event_error(event);
        let result = rd_kafka_event_ListConsumerGroupOffsets_result(event);
        if error != NONE || result.is_null() {
            return Err(error.into());
        }
        let mut count = 0;
        let groups = rd_kafka_ListConsumerGroupOffsets_result_groups(result, &raw mut count);
        let mut held = false;
        for at in 0..count {
            let group = *groups.add(at);
            let error = rd_kafka_group_result_error(group);
            if !error.is_null() {
                return Err(rd_kafka_error_code(error).into());
            }
            let partitions = rd_kafka_group_result_partitions(group);
            if partitions.is_null() {
                continue;
            }
            for at in 0..usize::try_from((*partitions).cnt).unwrap_or(0) {
                match (*(*partitions).elems.add(at)).err {
                    RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT => held = true,
                    error if error != NONE => return Err(error.into()),
                    _ => {}
                }
            }
        }
        Ok(held)
    }
}
