//! Reads the schema GUID header of a record. Unsafe code is needed here: the safe header iterator of the client
//! library panics on a header name that is not UTF-8, which anybody who may produce could send.

use crate::codec::{SCHEMA_ID_HEADER, guid_of_header};
use rdkafka::bindings::{rd_kafka_header_get_last, rd_kafka_headers_t, rd_kafka_message_headers};
use rdkafka::message::BorrowedMessage;
use rdkafka::types::RDKafkaRespErr;

/// The schema GUID of the header [`SCHEMA_ID_HEADER`].
pub fn value_schema_guid(message: &BorrowedMessage<'_>) -> Option<[u8; 16]> {
    let mut headers: *mut rd_kafka_headers_t = std::ptr::null_mut();
    let mut value: *const std::ffi::c_void = std::ptr::null();
    let mut length: usize = 0;
    // SAFETY: the message is alive as long as the borrow; the headers and the value found in them belong to it, and
    // are only read before this function returns. The name is a nul-terminated constant.
    let bytes = unsafe {
        if rd_kafka_message_headers(message.ptr(), &raw mut headers)
            != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR
        {
            return None;
        }
        if rd_kafka_header_get_last(headers, SCHEMA_ID_HEADER.as_ptr(), &raw mut value, &raw mut length)
            != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR
            || value.is_null()
        {
            return None;
        }
        std::slice::from_raw_parts(value.cast::<u8>(), length)
    };
    guid_of_header(bytes)
}
