//! The brokers of a run: which of them coordinates what, killing one and bringing it back whole.
//! Never kills a second one before the first is back in sync: the promises hold for one broker at a time.

use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};

use crate::support::{Kafka, eventually};

/// How many brokers there are: the least that can lose one and still write to two.
pub const BROKERS: u16 = 3;
const WITHIN: Duration = Duration::from_secs(180);
const ASK: Duration = Duration::from_secs(5);

pub struct Cluster {
    pub kafka: &'static Kafka,
    client: BaseConsumer,
}

impl Cluster {
    pub fn new(kafka: &'static Kafka) -> Self {
        let client = kafka.client().set("group.id", "torture").create().expect("a client");
        let cluster = Cluster { kafka, client };
        cluster.await_whole();
        cluster
    }

    /// The broker that coordinates a group.
    pub fn group_coordinator(&self, group: &str) -> u16 {
        self.keeper("__consumer_offsets", group)
    }

    /// The broker that coordinates the transactions of an id.
    pub fn transaction_coordinator(&self, id: &str) -> u16 {
        self.keeper("__transaction_state", id)
    }

    /// The leader of the partition of `topic` that keeps what has this name.
    fn keeper(&self, topic: &str, name: &str) -> u16 {
        eventually(WITHIN, &format!("the leader of {topic} for {name}"), || {
            let metadata = self.client.fetch_metadata(Some(topic), ASK).ok()?;
            let partitions = metadata.topics().first()?.partitions();
            let number = java_hash(name).checked_rem(partitions.len() as i32)?;
            let leader = partitions.iter().find(|partition| partition.id() == number)?.leader();
            u16::try_from(leader).ok()
        })
    }

    /// `kill -9`.
    pub fn kill(&self, broker: u16) {
        self.kafka.kill_broker(broker);
    }

    /// Starts a killed broker again once the others have seen that it was gone, and waits until it has caught up.
    pub fn bring_back(&self, broker: u16) {
        eventually(WITHIN, &format!("broker {broker} to be missed"), || {
            let metadata = self.client.fetch_metadata(None, ASK).ok()?;
            let gone = metadata.brokers().iter().all(|found| found.id() != i32::from(broker));
            gone.then_some(())
        });
        self.kafka.start_broker(broker);
        self.await_whole();
    }

    /// Waits until all brokers are there and every partition has all its replicas in sync.
    pub fn await_whole(&self) {
        eventually(WITHIN, "all brokers, and every partition in sync", || {
            let metadata = self.client.fetch_metadata(None, ASK).ok()?;
            let mut partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
            let whole =
                partitions.all(|found| found.leader() >= 0 && found.isr().len() == found.replicas().len());
            (whole && metadata.brokers().len() == usize::from(BROKERS)).then_some(())
        });
    }

    /// Frees the disk of topics that are checked.
    pub fn delete(&self, topics: &[&str]) {
        let admin: AdminClient<DefaultClientContext> = self.kafka.client().create().expect("an admin client");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let options = AdminOptions::new().operation_timeout(Some(ASK));
        for result in runtime.block_on(admin.delete_topics(topics, &options)).expect("an answer") {
            result.unwrap_or_else(|(topic, error)| panic!("{topic} cannot be deleted: {error}"));
        }
    }
}

/// The hash by which Kafka finds the partition of a group or a transactional id: Java's of a string, without its sign.
fn java_hash(text: &str) -> i32 {
    let hash = text.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(unit.into()));
    hash & i32::MAX
}

#[test]
fn hashes_names_as_java_does() {
    // what String.hashCode gives: -2098971392 for the first
    assert_eq!(java_hash("tillgate"), 48_512_256);
    assert_eq!(java_hash("torture-group-1"), 28_999_393);
}
