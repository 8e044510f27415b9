//! Grants rights on a secured broker, through the part of librdkafka's admin interface that its Rust binding does not
//! have.

use std::ffi::{CStr, CString};
use std::ptr::NonNull;

use rdkafka::bindings as raw;
use rdkafka::bindings::{
    rd_kafka_AclOperation_t as Operation, rd_kafka_AclPermissionType_t as Permission,
    rd_kafka_ResourcePatternType_t as Pattern, rd_kafka_ResourceType_t as Type,
};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::types::RDKafkaRespErr;
use tillgate::kafka::cluster::rights::{Needed, Resource, Right};

use super::Kafka;

const WITHIN_MILLIS: i32 = 30_000;

/// Lets `principal` do this and nothing else.
///
/// # Panics
/// When the broker refuses.
pub fn grant(kafka: &Kafka, principal: &str, rights: &[Needed]) {
    let client: BaseConsumer = kafka.client().set("group.id", "acl").create().expect("a client");
    let principal = CString::new(format!("User:{principal}")).expect("no nul");
    let host = c"*";
    // SAFETY: every text outlives the call that copies it, and every object is freed once.
    unsafe {
        let client = client.client().native_ptr();
        let mut bindings: Vec<_> = rights
            .iter()
            .map(|Needed { resource, right }| {
                let (kind, name, pattern) = named(resource);
                let name = CString::new(name).expect("no nul");
                let operation = operation(*right);
                let allow = Permission::RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW;
                let mut error = [0; 256];
                let binding = raw::rd_kafka_AclBinding_new(
                    kind,
                    name.as_ptr(),
                    pattern,
                    principal.as_ptr(),
                    host.as_ptr(),
                    operation,
                    allow,
                    error.as_mut_ptr(),
                    error.len(),
                );
                assert!(!binding.is_null(), "{:?}", CStr::from_ptr(error.as_ptr()));
                binding
            })
            .collect();
        let queue = raw::rd_kafka_queue_new(client);
        raw::rd_kafka_CreateAcls(client, bindings.as_mut_ptr(), bindings.len(), std::ptr::null(), queue);
        let event = NonNull::new(raw::rd_kafka_queue_poll(queue, WITHIN_MILLIS)).expect("an answer");
        let no_error = RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR;
        assert_eq!(raw::rd_kafka_event_error(event.as_ptr()), no_error);
        let mut count = 0;
        let result = raw::rd_kafka_event_CreateAcls_result(event.as_ptr());
        let results = raw::rd_kafka_CreateAcls_result_acls(result, &raw mut count);
        assert_eq!(count, rights.len());
        for (place, right) in rights.iter().enumerate() {
            let error = raw::rd_kafka_acl_result_error(*results.add(place));
            assert_eq!(raw::rd_kafka_error_code(error), no_error, "{right:?}");
        }
        raw::rd_kafka_event_destroy(event.as_ptr());
        raw::rd_kafka_queue_destroy(queue);
        bindings.into_iter().for_each(|binding| raw::rd_kafka_AclBinding_destroy(binding));
    }
}

fn named(resource: &Resource) -> (Type, String, Pattern) {
    let literal = Pattern::RD_KAFKA_RESOURCE_PATTERN_LITERAL;
    match resource {
        Resource::Topic(name) => (Type::RD_KAFKA_RESOURCE_TOPIC, name.clone(), literal),
        Resource::Group(name) => (Type::RD_KAFKA_RESOURCE_GROUP, name.clone(), literal),
        Resource::TransactionalId(prefix) => {
            let prefixed = Pattern::RD_KAFKA_RESOURCE_PATTERN_PREFIXED;
            (Type::RD_KAFKA_RESOURCE_TRANSACTIONAL_ID, prefix.clone(), prefixed)
        }
        Resource::Cluster => (Type::RD_KAFKA_RESOURCE_BROKER, "kafka-cluster".to_owned(), literal),
    }
}

fn operation(right: Right) -> Operation {
    match right {
        Right::Read => Operation::RD_KAFKA_ACL_OPERATION_READ,
        Right::Write => Operation::RD_KAFKA_ACL_OPERATION_WRITE,
        Right::Create => Operation::RD_KAFKA_ACL_OPERATION_CREATE,
        Right::Delete => Operation::RD_KAFKA_ACL_OPERATION_DELETE,
        Right::Alter => Operation::RD_KAFKA_ACL_OPERATION_ALTER,
        Right::Describe => Operation::RD_KAFKA_ACL_OPERATION_DESCRIBE,
        Right::DescribeConfigs => Operation::RD_KAFKA_ACL_OPERATION_DESCRIBE_CONFIGS,
        Right::AlterConfigs => Operation::RD_KAFKA_ACL_OPERATION_ALTER_CONFIGS,
    }
}

/// Takes one right away that was granted.
///
/// # Panics
/// When the broker refuses.
pub fn revoke(kafka: &Kafka, principal: &str, needed: &Needed) {
    let client: BaseConsumer = kafka.client().set("group.id", "acl").create().expect("a client");
    let principal = CString::new(format!("User:{principal}")).expect("no nul");
    let (kind, name, pattern) = named(&needed.resource);
    let name = CString::new(name).expect("no nul");
    // SAFETY: as above.
    unsafe {
        let client = client.client().native_ptr();
        let mut error = [0; 256];
        let mut filter = raw::rd_kafka_AclBindingFilter_new(
            kind,
            name.as_ptr(),
            pattern,
            principal.as_ptr(),
            std::ptr::null(),
            operation(needed.right),
            Permission::RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW,
            error.as_mut_ptr(),
            error.len(),
        );
        assert!(!filter.is_null(), "{:?}", CStr::from_ptr(error.as_ptr()));
        let queue = raw::rd_kafka_queue_new(client);
        raw::rd_kafka_DeleteAcls(client, &raw mut filter, 1, std::ptr::null(), queue);
        let event = NonNull::new(raw::rd_kafka_queue_poll(queue, WITHIN_MILLIS)).expect("an answer");
        assert_eq!(raw::rd_kafka_event_error(event.as_ptr()), RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR);
        raw::rd_kafka_event_destroy(event.as_ptr());
        raw::rd_kafka_queue_destroy(queue);
        raw::rd_kafka_AclBinding_destroy(filter);
    }
}
