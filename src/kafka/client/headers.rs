//! Reads all headers of a record, and makes such. Unsafe code is needed here: the safe header iterator of the client
//! library panics on a header name that is not UTF-8, which anybody who may produce could send, and its safe way to make
//! one takes no such name. Never more headers than a record may have.

use crate::domain::record::{HEADERS_MAX, RecordHeader, RecordHeaders};
use rdkafka::bindings::{
    rd_kafka_header_add, rd_kafka_header_get_all, rd_kafka_headers_t, rd_kafka_message_headers,
};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::message::{BorrowedHeaders, BorrowedMessage, OwnedHeaders};
use rdkafka::types::RDKafkaRespErr;
use std::ffi::{CStr, c_char, c_void};

/// The record's headers, in order. A name ends where a nul byte stands in it: the client library tells no more of it.
///
/// # Errors
/// They are damaged, or more than a record may have.
pub fn all<'m>(message: &'m BorrowedMessage<'_>) -> Result<RecordHeaders<'m>, String> {
    let mut found = RecordHeaders::new();
    let mut headers: *mut rd_kafka_headers_t = std::ptr::null_mut();
    // SAFETY: the message is alive as long as the borrow; the headers belong to it.
    match unsafe { rd_kafka_message_headers(message.ptr(), &raw mut headers) } {
        RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR => {}
        RDKafkaRespErr::RD_KAFKA_RESP_ERR__NOENT => return Ok(found),
        _ => return Err("its headers are damaged: the client library cannot read them".to_owned()),
    }
    // SAFETY: as above.
    let each = unsafe { each(headers) };
    found.extend(each.take(HEADERS_MAX + 1));
    match found.len() <= HEADERS_MAX {
        true => Ok(found),
        false => Err(format!("it has more than {HEADERS_MAX} headers")),
    }
}

/// The headers of a record that is held or lent, in order.
pub fn of(headers: &BorrowedHeaders) -> impl Iterator<Item = RecordHeader<'_>> {
    // SAFETY: what is borrowed stands for the headers themselves, by its address alone, and they live as long.
    unsafe { each(std::ptr::from_ref(headers).cast()) }
}

/// The headers of a list, in order.
///
/// # Safety
/// The list must live as long as `'h`.
unsafe fn each<'h>(list: *const rd_kafka_headers_t) -> impl Iterator<Item = RecordHeader<'h>> {
    (0..).map_while(move |place| {
        let mut name: *const c_char = std::ptr::null();
        let mut value: *const c_void = std::ptr::null();
        let mut length: usize = 0;
        // SAFETY: the list is alive, as the caller promises; the call only sets the three.
        let answer =
            unsafe { rd_kafka_header_get_all(list, place, &raw mut name, &raw mut value, &raw mut length) };
        if answer != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR || name.is_null() {
            return None;
        }
        // SAFETY: name and value belong to the list; the client ends every name in a nul and gives the value's length.
        let (name, value) = unsafe {
            let value = (!value.is_null()).then(|| std::slice::from_raw_parts(value.cast::<u8>(), length));
            (CStr::from_ptr(name), value)
        };
        Some(RecordHeader { name: name.to_bytes(), value })
    })
}

/// Headers for a record that is to be sent; names must be without nul bytes.
///
/// # Errors
/// The client library refuses one of them.
pub fn to_client(headers: &[RecordHeader<'_>]) -> KafkaResult<OwnedHeaders> {
    let made = OwnedHeaders::new_with_capacity(headers.len());
    // What is borrowed stands for the headers themselves, by its address alone.
    let list = std::ptr::from_ref(made.as_borrowed()).cast::<rd_kafka_headers_t>().cast_mut();
    for header in headers {
        let value = header.value.map_or(std::ptr::null(), <[u8]>::as_ptr);
        // SAFETY: the list is alive as long as `made`, which nobody else has; names and values are copied by the call,
        // which reads as many bytes as it is told.
        let answer = unsafe {
            rd_kafka_header_add(
                list,
                header.name.as_ptr().cast(),
                header.name.len().cast_signed(),
                value.cast(),
                header.value.map_or(0, <[u8]>::len).cast_signed(),
            )
        };
        if answer != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
            return Err(KafkaError::MessageProduction(answer.into()));
        }
    }
    Ok(made)
}
