//! Sorts the client's errors into the worker's fault classes: the one place that looks at error codes.

use crate::kafka::cluster::rights::{Resource, Right};
use crate::kafka::failure::{Fault, FaultClass, Operation};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// The fault that an error of the client means.
pub fn fault(operation: Operation, error: &KafkaError) -> Fault {
    let text = match error {
        // The client's own text shows the value, which may be a password.
        KafkaError::ClientConfig(_, _, property, _) => {
            format!("librdkafka has no property '{property}', or not such a value: see its CONFIGURATION.md")
        }
        other => other.to_string(),
    };
    Fault::new(operation, class(error), text)
}

/// The same fault, with the right that is missing where the error says that one is.
pub fn naming(found: Fault, error: &KafkaError, right: Right, resource: impl FnOnce() -> Resource) -> Fault {
    match error.rdkafka_error_code() {
        Some(
            RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::GroupAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed,
        ) => found.lacking(resource(), right),
        _ => found,
    }
}

/// Whether an error tells of connections alone: the client tries again by itself, and its log says what is wrong.
pub fn is_of_connections(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::AllBrokersDown
                | RDKafkaErrorCode::BrokerTransportFailure
                | RDKafkaErrorCode::Authentication
                | RDKafkaErrorCode::SSL
                | RDKafkaErrorCode::Resolve
                | RDKafkaErrorCode::OperationTimedOut
        )
    )
}

fn class(error: &KafkaError) -> FaultClass {
    match error {
        KafkaError::Transaction(inner) if inner.is_fatal() => match inner.code() {
            code if is_fenced(code) => FaultClass::Fenced,
            _ => FaultClass::Fatal,
        },
        KafkaError::Transaction(inner) if inner.txn_requires_abort() => FaultClass::NeedsAbort,
        KafkaError::Transaction(inner) if inner.is_retriable() => FaultClass::Retriable,
        KafkaError::Transaction(inner) => by_code(inner.code()),
        KafkaError::MessageConsumptionFatal(code) if is_fenced(*code) => FaultClass::Fenced,
        KafkaError::MessageConsumptionFatal(_) => FaultClass::Fatal,
        // Fetching of that partition has ended for good. The worker is rebuilt, and its restore says what is lost.
        KafkaError::MessageConsumption(RDKafkaErrorCode::AutoOffsetReset) => FaultClass::Fatal,
        // The consumer goes on by itself after everything else it reports.
        KafkaError::MessageConsumption(code) if needs_a_person(*code) => FaultClass::Setup,
        KafkaError::MessageConsumption(_) => FaultClass::Retriable,
        KafkaError::MessageProduction(code) => match code {
            RDKafkaErrorCode::QueueFull => FaultClass::Retriable,
            RDKafkaErrorCode::Fatal => FaultClass::Fatal,
            code if is_fenced(*code) => FaultClass::Fenced,
            _ => FaultClass::NeedsAbort,
        },
        KafkaError::ClientConfig(..) | KafkaError::ClientCreation(_) | KafkaError::Nul(_) => {
            FaultClass::Setup
        }
        other => other.rdkafka_error_code().map_or(FaultClass::Retriable, by_code),
    }
}

fn by_code(code: RDKafkaErrorCode) -> FaultClass {
    match code {
        code if is_fenced(code) => FaultClass::Fenced,
        code if needs_a_person(code) => FaultClass::Setup,
        RDKafkaErrorCode::Fatal | RDKafkaErrorCode::State | RDKafkaErrorCode::InvalidArgument => {
            FaultClass::Fatal
        }
        _ => FaultClass::Retriable,
    }
}

fn is_fenced(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::Fenced
            | RDKafkaErrorCode::ProducerFenced
            | RDKafkaErrorCode::InvalidProducerEpoch
            | RDKafkaErrorCode::FencedInstanceId
            | RDKafkaErrorCode::UnreleasedInstanceId
    )
}

fn needs_a_person(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::GroupAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed
            | RDKafkaErrorCode::TransactionalIdAuthorizationFailed
            | RDKafkaErrorCode::InvalidSessionTimeout
            | RDKafkaErrorCode::InvalidTransactionTimeout
            | RDKafkaErrorCode::InvalidGroupId
            | RDKafkaErrorCode::GroupMaxSizeReached
            | RDKafkaErrorCode::InconsistentGroupProtocol
            | RDKafkaErrorCode::PolicyViolation
            | RDKafkaErrorCode::UnsupportedVersion
            | RDKafkaErrorCode::UnsupportedFeature
            | RDKafkaErrorCode::UnsupportedAssignor
    )
}
