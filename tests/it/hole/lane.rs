//! A worker on topics of its own behind a proxy of its own, on which one schedule after another is played.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use tillgate::domain::PartitionId;
use tillgate::kafka::client::Cluster;
use tillgate::kafka::health::Health;
use tillgate::kafka::run_on;
use tillgate::kafka::settings::ClusterSettings;
use tillgate::pipeline::Deciders;
use tillgate::telemetry::standing::PartitionStanding;

use super::bent::{Bent, Conduct};
use super::checker::{Finding, GroupOffsets, findings};
use super::schedule::Schedule;
use crate::run::echo::Echoes;
use crate::support::process::{WITHIN, scene};
use crate::support::proxy::{Held, Hold, Kind, Proxy};
use crate::support::{Kafka, Message, eventually};

/// Partitions of the input: a transaction spans both, so that it can be torn between them.
const PARTITIONS: usize = 2;

/// How one schedule went.
pub struct Played {
    /// Which of its holds caught a request.
    pub caught: Vec<bool>,
    /// What the broker answered to each of them.
    pub answers: Vec<Option<i16>>,
    /// What is torn.
    pub findings: Vec<Finding>,
    /// What the proxy saw.
    pub story: Vec<String>,
}

pub struct Lane<'a> {
    kafka: &'a Kafka,
    proxy: Proxy,
    settings: ClusterSettings,
    conduct: Arc<Conduct>,
    group: GroupOffsets,
    running: Option<Running>,
    produced: [i64; PARTITIONS],
}

struct Running {
    health: Arc<Health>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl<'a> Lane<'a> {
    /// Starts a worker, with the defence or without, whose clients give up a request after `socket` and a transaction
    /// after `transaction`.
    pub fn new(kafka: &'a Kafka, defended: bool, [socket, transaction]: [Duration; 2]) -> Self {
        let proxy = Proxy::before(kafka.bootstrap());
        let settings = scene(kafka, PARTITIONS).with(|kafka| {
            (kafka.socket_timeout, kafka.transaction_timeout) = (socket, transaction);
            kafka.bootstrap_servers = proxy.bootstrap();
        });
        let mut lane = Lane {
            kafka,
            proxy,
            group: GroupOffsets::of(kafka, &settings),
            settings,
            conduct: Arc::new(Conduct::new(defended)),
            running: None,
            produced: [0; PARTITIONS],
        };
        lane.start();
        lane
    }

    /// Starts the worker, which restores; what it refuses to go on from.
    pub fn start(&mut self) -> BTreeMap<PartitionId, String> {
        let settings = Arc::new(self.settings.clone());
        let cluster = Cluster::new(Arc::clone(&settings)).expect("a cluster");
        let broker = Arc::new(Bent { cluster, conduct: Arc::clone(&self.conduct) });
        let health = Arc::new(Health::new(1));
        let stop = Arc::new(AtomicBool::new(false));
        let (its_health, its_stop) = (Arc::clone(&health), Arc::clone(&stop));
        let flows: Vec<Arc<dyn Deciders>> = vec![Arc::new(Echoes::default())];
        let work = move || run_on(broker, settings, flows, its_health, &its_stop);
        self.running = Some(Running { health, stop, thread: std::thread::spawn(work) });
        eventually(WITHIN, "every partition to be restored or refused", || {
            let found = self.partitions();
            let restoring =
                |health: &PartitionStanding| matches!(health, PartitionStanding::Restoring { .. });
            (found.len() == PARTITIONS && !found.values().any(restoring)).then_some(())
        });
        self.blocked()
    }

    /// Ends the worker in good order.
    pub fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop.store(true, Ordering::Release);
            assert!(running.thread.join().is_ok(), "the worker's thread panicked");
        }
    }

    fn partitions(&self) -> BTreeMap<PartitionId, PartitionStanding> {
        let of_process = self.running.as_ref().map(|running| running.health.partitions()).unwrap_or_default();
        of_process.into_iter().map(|(unit, health)| (unit.partition, health)).collect()
    }

    fn blocked(&self) -> BTreeMap<PartitionId, String> {
        let blocked = |(partition, health)| match health {
            PartitionStanding::Blocked(text) => Some((partition, text)),
            _ => None,
        };
        self.partitions().into_iter().filter_map(blocked).collect()
    }

    /// Plays a schedule: spurts of events, one transaction after another, until every held request has been delivered;
    /// then says what the topics show.
    pub fn play(&mut self, schedule: &Schedule) -> Played {
        self.conduct.abort(&schedule.aborts);
        drop(self.proxy.take_story());
        let held: Vec<Held> = schedule.holds.iter().map(|hold| self.proxy.hold(*hold)).collect();
        for events in &schedule.spurts {
            self.feed(*events);
            self.await_decided();
            // Ends with the transaction that a late request met: a further one could heal what it did.
            if held.iter().all(Held::is_answered) {
                break;
            }
        }
        self.conduct.abort(&BTreeMap::new());
        let caught: Vec<bool> = held.iter().map(Held::is_caught).collect();
        held.iter().for_each(Held::release);
        for held in held.iter().filter(|held| held.is_caught()) {
            eventually(WITHIN, "the broker's answer to a late request", || held.is_answered().then_some(()));
        }
        self.await_decided();
        let code = |(hold, held): (&Hold, &Held)| error_code(hold.kind, &held.answer()?);
        let answers = schedule.holds.iter().zip(&held).map(code).collect();
        let findings = findings(self.kafka, &self.settings, &self.group, &self.produced);
        Played { caught, answers, findings, story: self.proxy.take_story() }
    }

    /// Produces events, one partition after the other.
    pub fn feed(&mut self, events: usize) {
        let begin: i64 = self.produced.iter().sum();
        let records = (0..events).map(|n| {
            let partition = (begin as usize + n) % PARTITIONS;
            self.produced[partition] += 1;
            Message::new("a", "event").on(partition as i32)
        });
        let records: Vec<Message> = records.collect();
        self.kafka.produce(self.settings.topics.pos_events(), records);
    }

    /// Waits until the worker has committed all events, or refuses a partition.
    pub fn await_decided(&self) {
        let mut looks = 0;
        eventually(WITHIN, "every event to be decided", || {
            let all = |of: &dyn Fn(PartitionId) -> Option<i64>| {
                let mut ends = PartitionId::all(PARTITIONS).zip(self.produced);
                ends.all(|(partition, end)| end == 0 || of(partition) == Some(end))
            };
            if all(&|partition| self.conduct.committed(partition)) || !self.blocked().is_empty() {
                return Some(());
            }
            // A commit of which the worker was not told shows in the group alone.
            looks += 1;
            if looks % 16 != 0 {
                return None;
            }
            let group = self.group.read(PARTITIONS)?;
            all(&|partition| group.get(&partition.number()).copied()).then_some(())
        });
    }
}

/// The error code of an answer, 0 where there is none, in the versions that librdkafka speaks: at a fixed place, or with
/// the last partition and three empty lists of tagged fields behind it.
fn error_code(kind: Kind, answer: &[u8]) -> Option<i16> {
    let code = match kind {
        Kind::Commit | Kind::Abort | Kind::AddOffsetsToTxn => answer.get(8..10)?,
        Kind::TxnOffsetCommit => answer.get(answer.len().checked_sub(5)?..answer.len() - 3)?,
        Kind::AddPartitionsToTxn => answer.get(answer.len().checked_sub(2)?..)?,
        _ => return None,
    };
    Some(i16::from_be_bytes(code.try_into().ok()?))
}

impl Drop for Lane<'_> {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop.store(true, Ordering::Release);
            let _ = running.thread.join();
        }
    }
}
