//! Settings and topics of one test of the worker on a real Kafka, and a process of it in a thread.
//! Never knows what is decided: the test hands the deciders in.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tillgate::domain::PartitionId;
use tillgate::kafka::cluster::{plan_row, topics};
use tillgate::kafka::failure::Fault;
use tillgate::kafka::health::Health;
use tillgate::kafka::settings::{ClusterSettings, KafkaSettings, Topics};
use tillgate::kafka::{client::Cluster, run};
use tillgate::pipeline::Deciders;
use tillgate::telemetry::standing::PartitionStanding;

use super::{Kafka, eventually};

/// How long anything may take on a machine that is busy with a build.
pub const WITHIN: Duration = Duration::from_secs(120);

/// Topics and group of one test.
pub fn scene(kafka: &Kafka, partitions: usize) -> ClusterSettings {
    let name = kafka.topic("run");
    let settings = settings_of(kafka.bootstrap(), &name);
    let cluster = Cluster::new(Arc::new(settings.clone())).expect("a cluster");
    // Records of 1970, as some tests send, are not deleted at the broker's next look.
    let input = &[("max.message.bytes", "8388608"), ("retention.ms", "-1")];
    for topic in settings.topics.inputs() {
        kafka.create_topic(topic, partitions as i32, input);
    }
    let layout = &topics::TopicLayout { partitions, ..topics::TopicLayout::default() };
    // One broker may not have heard yet of the topics that another one shows.
    let rows = eventually(WITHIN, "every broker to show the inputs", || {
        let rows = topics::plan(cluster.admin(), &settings, layout).ok()?;
        let is_input = |topic: &str| settings.topics.inputs().any(|input| input == topic);
        let is_made =
            |row: &plan_row::PlanRow| row.action == plan_row::PlanAction::Create && is_input(&row.topic);
        (!rows.iter().any(is_made)).then_some(rows)
    });
    topics::apply(cluster.admin(), &settings, layout, &rows).expect("the topics");
    eventually(WITHIN, "the topics to be as planned", || topics::verify(cluster.admin(), &settings).ok());
    settings
}

/// The settings of the group of this name: one worker.
pub fn settings_of(bootstrap: &str, name: &str) -> ClusterSettings {
    let kafka = KafkaSettings {
        bootstrap_servers: bootstrap.to_owned(),
        group_id: name.to_owned(),
        transactional_id_prefix: name.to_owned(),
        workers: 1,
        ..KafkaSettings::default()
    };
    ClusterSettings { kafka, topics: named(name), ..ClusterSettings::default() }
}

/// The topics of the group of this name.
pub fn named(name: &str) -> Topics {
    Topics::of_pos(
        [format!("{name}.events"), format!("{name}.accounts"), format!("{name}.ticks")],
        [format!("{name}.outcomes"), format!("{name}.results")],
        format!("{name}.dead"),
        format!("{name}.journal"),
        format!("{name}.rulesets"),
    )
}

/// A running process, in a thread; it ends when dropped.
pub struct Running {
    pub health: Arc<Health>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<(), Fault>>>,
}

impl Running {
    /// Starts one that decides by `deciders`.
    pub fn start<D: Deciders + 'static>(settings: &ClusterSettings, deciders: Arc<D>) -> Self {
        Self::start_all(settings, vec![deciders])
    }

    /// The same for several flows, in the order of the settings.
    pub fn start_all(settings: &ClusterSettings, flows: Vec<Arc<dyn Deciders>>) -> Self {
        let health = Arc::new(Health::new(settings.kafka.workers));
        let stop = Arc::new(AtomicBool::new(false));
        let (settings, its_health, its_stop) = (settings.clone(), Arc::clone(&health), Arc::clone(&stop));
        let thread = std::thread::spawn(move || {
            run(settings, &["of a test".to_owned()], Box::new(|_| flows), &[], its_health, &its_stop)
        });
        Running { health, stop, thread: Some(thread) }
    }

    /// Asks it to stop, after which it must end well.
    pub fn stop(mut self) {
        self.stop.store(true, Ordering::Release);
        self.thread.take().expect("stopped once").join().expect("no panic").expect("a start");
    }

    /// The partitions that it decides.
    pub fn active(&self) -> Vec<PartitionId> {
        let partitions = self.health.partitions().into_iter();
        let active = partitions.filter(|(_, health)| *health == PartitionStanding::Active);
        active.map(|(unit, _)| unit.partition).collect()
    }

    /// Waits until it decides on so many partitions, and has no other.
    pub fn await_active(&self, count: usize) -> Vec<PartitionId> {
        eventually(WITHIN, &format!("{count} active partitions"), || {
            let active = self.active();
            (active.len() == count && self.health.partitions().len() == count).then_some(active)
        })
    }

    /// Waits until a partition stands still for a reason with this part.
    pub fn await_blocked(&self, partition: impl Into<PartitionId>, part: &str) {
        let partition = partition.into();
        eventually(WITHIN, &format!("partition {partition} to be blocked: {part}"), || {
            let partitions = self.health.partitions();
            match partitions.iter().find(|(unit, _)| unit.partition == partition)?.1 {
                PartitionStanding::Blocked(text) if text.contains(part) => Some(()),
                _ => None,
            }
        });
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
