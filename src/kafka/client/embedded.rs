//! The embedded broker of `tillgate demo`: the client library's mock cluster on a free port of this machine. For a
//! first look and for tests of the way through; never for anything that must not be lost.
//!
//! What it is not: its transactions are accepted and end in nothing (what is aborted stays visible), it keeps no group
//! offsets that were committed with one, knows neither settings of topics nor the deletion of records, and forgets the
//! oldest records of a partition beyond 5 MiB or 100,000. So a worker must keep its partitions while it lasts.

use crate::kafka::failure::{Fault, FaultClass, Operation};
use rdkafka::bindings::{rd_kafka_handle_mock_cluster, rd_kafka_mock_group_initial_rebalance_delay_ms};
use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, Producer as _};

/// How long a new group waits for further members. The mock's own 3 s are a long part of a first look, but a member that
/// comes too late costs a second less than the session time-out.
const JOIN_DELAY_MILLIS: i32 = 800;

/// A broker inside this process; it ends when it is dropped, which must be after all of its clients.
pub struct Embedded {
    /// The client that the mock cluster belongs to; it sends nothing.
    owner: BaseProducer,
}

impl Embedded {
    /// Starts the broker and makes the topics, each with its number of partitions.
    ///
    /// # Errors
    /// The machine gives no port or thread.
    pub fn start(topics: &[(&str, usize)]) -> Result<Self, Fault> {
        let owner: BaseProducer = ClientConfig::new()
            .set("test.mock.num.brokers", "1")
            .create()
            .map_err(|error| setup_fault(&error))?;
        for (name, partitions) in topics {
            let count = i32::try_from(*partitions).unwrap_or(i32::MAX);
            let cluster = owner.client().mock_cluster().ok_or_else(missing)?;
            cluster.create_topic(name, count, 1).map_err(|error| setup_fault(&error))?;
        }
        // SAFETY: the client is alive, and the cluster belongs to it as long as it is; the call only notes a number.
        unsafe {
            let cluster = rd_kafka_handle_mock_cluster(owner.client().native_ptr());
            if cluster.is_null() {
                return Err(missing());
            }
            rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, JOIN_DELAY_MILLIS);
        }
        Ok(Self { owner })
    }

    /// Where it is found, `host:port`.
    ///
    /// # Errors
    /// It is gone.
    pub fn bootstrap_servers(&self) -> Result<String, Fault> {
        Ok(self.owner.client().mock_cluster().ok_or_else(missing)?.bootstrap_servers())
    }
}

fn missing() -> Fault {
    Fault::new(Operation::Init, FaultClass::Fatal, "the embedded broker did not come up: try again")
}

fn setup_fault(error: &KafkaError) -> Fault {
    Fault::new(Operation::Init, FaultClass::Fatal, format!("the embedded broker did not come up: {error}"))
}
