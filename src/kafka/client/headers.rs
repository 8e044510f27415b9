//! Reads all headers of a record. Unsafe code is needed here: the safe header iterator of the client library panics on
//! a header name that is not UTF-8, which anybody who may produce could send.

use std::ffi::{CStr, c_char, c_void};

use rdkafka::{
    bindings::{rd_kafka_header_get_all, rd_kafka_headers_t, rd_kafka_message_headers},
    message::BorrowedMessage,
    types::RDKafkaRespErr,
};

use crate::domain::record::{RecordHeader, RecordHeaders};

/// The record's headers, in order; nothing where a name is no UTF-8 or the headers are damaged.
pub fn all<'m>(message: &'m BorrowedMessage<'_>) -> Option<RecordHeaders<'m>> {
    let mut found = RecordHeaders::new();
    let mut headers: *mut rd_kafka_headers_t = std::ptr::null_mut();
    // SAFETY: the message is alive as long as the borrow; the headers belong to it.
    match unsafe { rd_kafka_message_headers(message.ptr(), &raw mut headers) } {
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR => {}
        RDKafkaRespErr::RD_KAFKA_RESP_ERR__NOENT => return Some(found),
        _ => return None,
    }
    loop {
        let mut name: *const c_char = std::ptr::null();
        let mut value: *const c_void = std::ptr::null();
        let mut length: usize = 0;
        // SAFETY: as above; the call only sets the three.
        let answer = unsafe {
            rd_kafka_header_get_all(headers, found.len(), &raw mut name, &raw mut value, &raw mut length)
        };
        if answer != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR || name.is_null() {
            return Some(found);
        }
        // SAFETY: name and value belong to the headers, which live as long as the message's borrow; the client ends
        // every name in a nul and gives the value's length.
        let (name, value) = unsafe {
            let value = (!value.is_null()).then(|| std::slice::from_raw_parts(value.cast::<u8>(), length));
            (CStr::from_ptr(name), value)
        };
        found.push(RecordHeader { name: name.to_str().ok()?, value });
    }
}
