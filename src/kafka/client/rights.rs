//! What this principal may do to topics, as the brokers say, through a part of librdkafka's admin interface that its Rust
//! binding does not have. Asks only. Never asks a coordinator by that interface: librdkafka 2.12 ends the process by an
//! assertion where one does not answer in time.

use super::admin::{Admin, TIMEOUT};
use super::{clock, events};
use crate::kafka::cluster::rights::{Allowed, Right};
use crate::kafka::failure::{Fault, FaultClass, Operation};
use rdkafka::bindings as raw;
use rdkafka::bindings::{rd_kafka_AclOperation_t as AclOperation, rd_kafka_admin_op_t as AdminOp};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::types::RDKafkaRespErr;
use std::collections::BTreeSet;
use std::ffi::{CStr, CString};
use std::os::raw::c_char;
use std::ptr::NonNull;
use std::time::Duration;

/// How long is waited at once for an answer, between looks at whether everything is to stop.
const STEP_MILLIS: i32 = 100;

impl Admin {
    /// What may be done to each topic.
    ///
    /// # Errors
    /// The brokers do not answer.
    pub fn allowed_on_topics(&self, names: &[&str]) -> Result<Vec<Allowed>, Fault> {
        let names: Vec<CString> = names.iter().map(|name| c_name(name)).collect::<Result<_, _>>()?;
        let mut pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
        // SAFETY: names and pointers outlive the collection, which copies them; each object is freed once, below; the
        // result lives as long as its event.
        unsafe {
            let topics = raw::rd_kafka_TopicCollection_of_topic_names(pointers.as_mut_ptr(), pointers.len());
            let event = self.ask(AdminOp::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS, |client, options, queue| {
                raw::rd_kafka_DescribeTopics(client, topics, options, queue);
            });
            raw::rd_kafka_TopicCollection_destroy(topics);
            let event = event?;
            let mut count = 0;
            let result = raw::rd_kafka_event_DescribeTopics_result(event.0.as_ptr());
            let described = raw::rd_kafka_DescribeTopics_result_topics(result, &raw mut count);
            let mut found = vec![Allowed::Untold; names.len()];
            for place in 0..count {
                let topic = *described.add(place);
                let name = CStr::from_ptr(raw::rd_kafka_TopicDescription_name(topic));
                let Some(at) = names.iter().position(|other| other.as_c_str() == name) else { continue };
                let error = raw::rd_kafka_error_code(raw::rd_kafka_TopicDescription_error(topic));
                let mut operations = 0;
                let first = raw::rd_kafka_TopicDescription_authorized_operations(topic, &raw mut operations);
                found[at] = allowed(error, first, operations);
            }
            Ok(found)
        }
    }

    /// Asks one question on a queue of its own, and waits for the answer.
    ///
    /// # Safety
    /// `question` puts its request on the queue, and keeps neither of its arguments.
    unsafe fn ask(
        &self,
        kind: AdminOp,
        question: impl FnOnce(*mut raw::rd_kafka_t, *mut raw::rd_kafka_AdminOptions_t, *mut raw::rd_kafka_queue_t),
    ) -> Result<AdminAnswer, Fault> {
        let client = self.client().native_ptr();
        let millis = i32::try_from(TIMEOUT.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the client outlives this call; queue and options are freed below, an answer that comes later with it.
        unsafe {
            let options = raw::rd_kafka_AdminOptions_new(client, kind);
            let told = raw::rd_kafka_AdminOptions_set_include_authorized_operations(options, 1);
            if !told.is_null() {
                raw::rd_kafka_error_destroy(told);
            }
            raw::rd_kafka_AdminOptions_set_request_timeout(options, millis, std::ptr::null_mut(), 0);
            let queue = raw::rd_kafka_queue_new(client);
            question(client, options, queue);
            let begun = clock::now();
            let mut event = None;
            while event.is_none() && begun.elapsed() < TIMEOUT && !self.is_to_stop() {
                event = NonNull::new(raw::rd_kafka_queue_poll(queue, STEP_MILLIS)).map(AdminAnswer);
                events::serve(self.client(), Duration::ZERO);
            }
            raw::rd_kafka_queue_destroy(queue);
            raw::rd_kafka_AdminOptions_destroy(options);
            let untold = |text: &str| Fault::new(Operation::Check, FaultClass::Retriable, text);
            let event = event.ok_or_else(|| untold("the brokers do not say which rights there are"))?;
            let code = raw::rd_kafka_event_error(event.0.as_ptr());
            if code == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
                return Ok(event);
            }
            let words = events::text(raw::rd_kafka_event_error_string(event.0.as_ptr()));
            Err(untold(&format!("the brokers do not say which rights there are: {words}")))
        }
    }
}

/// An answer, freed once.
struct AdminAnswer(NonNull<raw::rd_kafka_event_t>);

impl Drop for AdminAnswer {
    fn drop(&mut self) {
        // SAFETY: it is ours, and used no more.
        unsafe { raw::rd_kafka_event_destroy(self.0.as_ptr()) };
    }
}

fn c_name(name: &str) -> Result<CString, Fault> {
    CString::new(name).map_err(|_nul| Fault::setup(format!("the name '{}' holds a nul", name.escape_debug())))
}

/// # Safety
/// `first` is null or points to `count` operations.
unsafe fn allowed(error: RDKafkaRespErr, first: *const AclOperation, count: usize) -> Allowed {
    match RDKafkaErrorCode::from(error) {
        RDKafkaErrorCode::TopicAuthorizationFailed => return Allowed::These(BTreeSet::new()),
        RDKafkaErrorCode::UnknownTopicOrPartition => return Allowed::Absent,
        RDKafkaErrorCode::NoError => {}
        _ => return Allowed::Untold,
    }
    if first.is_null() {
        return Allowed::Untold;
    }
    // SAFETY: as the caller promises.
    let operations = unsafe { std::slice::from_raw_parts(first, count) };
    Allowed::These(operations.iter().filter_map(|operation| right(*operation)).collect())
}

const fn right(operation: AclOperation) -> Option<Right> {
    Some(match operation {
        AclOperation::RD_KAFKA_ACL_OPERATION_READ => Right::Read,
        AclOperation::RD_KAFKA_ACL_OPERATION_WRITE => Right::Write,
        AclOperation::RD_KAFKA_ACL_OPERATION_CREATE => Right::Create,
        AclOperation::RD_KAFKA_ACL_OPERATION_DELETE => Right::Delete,
        AclOperation::RD_KAFKA_ACL_OPERATION_ALTER => Right::Alter,
        AclOperation::RD_KAFKA_ACL_OPERATION_DESCRIBE => Right::Describe,
        AclOperation::RD_KAFKA_ACL_OPERATION_DESCRIBE_CONFIGS => Right::DescribeConfigs,
        AclOperation::RD_KAFKA_ACL_OPERATION_ALTER_CONFIGS => Right::AlterConfigs,
        _ => return None,
    })
}
