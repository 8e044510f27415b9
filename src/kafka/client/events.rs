//! Handles what a client of the admin kind has queued: nobody else does, and its log lines would gather in memory for as
//! long as it lives, with the reasons why it cannot connect among them.

use rdkafka::bindings::{
    RD_KAFKA_EVENT_ERROR, RD_KAFKA_EVENT_LOG, rd_kafka_event_destroy, rd_kafka_event_error,
    rd_kafka_event_error_string, rd_kafka_event_log, rd_kafka_event_type, rd_kafka_queue_destroy,
    rd_kafka_queue_get_main, rd_kafka_queue_poll,
};
use rdkafka::client::{Client, ClientContext};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;
use std::borrow::Cow;
use std::ffi::CStr;
use std::os::raw::c_char;
use std::time::Duration;

/// Events handled at once; what is left waits for the next call.
const AT_ONCE_MAX: usize = 10_000;

/// Hands all that is queued to the client's context, waiting for the first of it as long as `wait`.
pub fn serve<C: ClientContext>(client: &Client<C>, wait: Duration) {
    // SAFETY: the client is alive as long as the borrow; the queue is given back below.
    let queue = unsafe { rd_kafka_queue_get_main(client.native_ptr()) };
    let mut millis = i32::try_from(wait.as_millis()).unwrap_or(i32::MAX);
    for _ in 0..AT_ONCE_MAX {
        // SAFETY: the queue is ours until it is destroyed below.
        let event = unsafe { rd_kafka_queue_poll(queue, millis) };
        if event.is_null() {
            break;
        }
        millis = 0;
        // SAFETY: the event is not null, and ours until it is destroyed; texts are copied or used before.
        unsafe {
            match rd_kafka_event_type(event) {
                RD_KAFKA_EVENT_LOG => {
                    let (mut facility, mut line): (*const c_char, *const c_char) =
                        (std::ptr::null(), std::ptr::null());
                    let mut level = 0;
                    if rd_kafka_event_log(event, &raw mut facility, &raw mut line, &raw mut level) == 0 {
                        let level = severity(level);
                        client.context().log(level, text(facility).trim(), text(line).trim());
                    }
                }
                RD_KAFKA_EVENT_ERROR => {
                    let error = KafkaError::Global(rd_kafka_event_error(event).into());
                    client.context().error(error, text(rd_kafka_event_error_string(event)).trim());
                }
                _ => {}
            }
            rd_kafka_event_destroy(event);
        }
    }
    // SAFETY: it is used no more.
    unsafe { rd_kafka_queue_destroy(queue) };
}

/// A level of syslog.
const fn severity(level: i32) -> RDKafkaLogLevel {
    match level {
        ..=3 => RDKafkaLogLevel::Error,
        4 => RDKafkaLogLevel::Warning,
        5 => RDKafkaLogLevel::Notice,
        6 => RDKafkaLogLevel::Info,
        _ => RDKafkaLogLevel::Debug,
    }
}

/// A text of the client's, lossily.
///
/// # Safety
/// `text` is null or ends in a nul and lives as long as what is returned.
pub unsafe fn text<'a>(text: *const c_char) -> Cow<'a, str> {
    if text.is_null() {
        return Cow::Borrowed("");
    }
    // SAFETY: as the caller promises.
    unsafe { CStr::from_ptr(text) }.to_string_lossy()
}
