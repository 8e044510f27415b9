//! A transaction on the journal that the brokers have lost track of (docs/operations.md): nobody can end it, and nobody
//! else must pay for it. The brokers here are sound; what they say of one journal is bent.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;

use tillgate::kafka::failure::Fault;
use tillgate::kafka::port::{JournalEnds, JournalReader, Positions, Unit};
use tillgate::kafka::run_on;

use super::*;

/// What is bent, and what was asked for.
#[derive(Default)]
struct Track {
    /// The journal is said to be held from its beginning on.
    lost: AtomicBool,
    /// How often its ends were asked for.
    asked: AtomicUsize,
    /// Transactional ids of the producers that were made.
    producers: Mutex<Vec<String>>,
}

struct Brokers {
    cluster: Cluster,
    track: Arc<Track>,
}

impl Broker for Brokers {
    type Consumer = <Cluster as Broker>::Consumer;
    type Producer = <Cluster as Broker>::Producer;
    type Journal = Reader;
    type Follower = <Cluster as Broker>::Follower;

    fn consumer(&self, worker: usize) -> Result<Self::Consumer, Fault> {
        self.cluster.consumer(worker)
    }

    fn producer(&self, transactional_id: &str) -> Result<Self::Producer, Fault> {
        self.track.producers.lock().expect("the lock").push(transactional_id.to_owned());
        self.cluster.producer(transactional_id)
    }

    fn journal(&self, unit: Unit) -> Result<Reader, Fault> {
        Ok(Reader { journal: self.cluster.journal(unit)?, track: Arc::clone(&self.track) })
    }

    fn follower(&self) -> Result<Self::Follower, Fault> {
        self.cluster.follower()
    }

    fn journal_end(&self, unit: Unit) -> Result<i64, Fault> {
        self.cluster.journal_end(unit)
    }

    fn trim_journal(&self, unit: Unit, before: i64) {
        self.cluster.trim_journal(unit, before);
    }

    fn tick(&self, unit: Unit, value: &[u8]) -> Result<(), Fault> {
        self.cluster.tick(unit, value)
    }

    fn wall_millis(&self) -> i64 {
        self.cluster.wall_millis()
    }

    fn now(&self) -> Duration {
        self.cluster.now()
    }

    fn wait(&self, time: Duration) {
        self.cluster.wait(time);
    }

    fn spawn(&self, name: String, job: Box<dyn FnOnce() + Send>) {
        self.cluster.spawn(name, job);
    }
}

struct Reader {
    journal: <Cluster as Broker>::Journal,
    track: Arc<Track>,
}

impl JournalReader for Reader {
    fn ends(&mut self) -> Result<JournalEnds, Fault> {
        let ends = self.journal.ends()?;
        self.track.asked.fetch_add(1, Ordering::Relaxed);
        let stable = if self.track.lost.load(Ordering::Acquire) { ends.start } else { ends.stable };
        Ok(JournalEnds { stable, ..ends })
    }

    fn read_from(&mut self, offset: i64) -> Result<(), Fault> {
        self.journal.read_from(offset)
    }

    fn next(&mut self, each: &mut dyn FnMut(i64, &[u8])) -> Result<bool, Fault> {
        self.journal.next(each)
    }

    fn open_writer(&mut self, offset: i64) -> Result<Option<String>, Fault> {
        self.journal.open_writer(offset)
    }

    fn open_output(&mut self) -> Result<Option<(usize, i64)>, Fault> {
        self.journal.open_output()
    }

    fn committed(&mut self, within: Duration) -> Result<Option<Positions>, Fault> {
        self.journal.committed(within)
    }

    fn input_ends(&mut self) -> Result<Vec<Range<i64>>, Fault> {
        self.journal.input_ends()
    }
}

#[test]
fn fences_once_where_a_transaction_never_ends_and_goes_on_when_it_does() {
    let Some(kafka) = kafka() else { return };
    let first = scene(kafka, 1);
    let running = start(&first, &Arc::default());
    kafka.produce(first.topics.pos_events(), events(1, 10));
    kafka.await_committed(first.topics.pos_outcomes(), 10, WITHIN);
    running.stop();

    let second = ClusterSettings { instance: "2".into(), ..first.clone() }.with(|kafka| {
        (kafka.transaction_timeout, kafka.stuck_after) = (Duration::from_secs(1), Duration::from_millis(100));
    });
    let track = Arc::new(Track { lost: AtomicBool::new(true), ..Track::default() });
    let (health, stop) = (Arc::new(Health::new(1)), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let settings = Arc::new(second.clone());
        let cluster = Cluster::new(Arc::clone(&settings)).expect("a cluster");
        let broker = Arc::new(Brokers { cluster, track: Arc::clone(&track) });
        let (deciders, its_health, stop) = (Arc::new(Echoes::default()), Arc::clone(&health), &stop);
        scope.spawn(move || run_on(broker, settings, vec![deciders], its_health, stop));
        // It looks every 20 ms: this takes many times `transaction_timeout`.
        eventually(WITHIN, "many looks at the journal", || {
            (track.asked.load(Ordering::Relaxed) >= 300).then_some(())
        });
        track.lost.store(false, Ordering::Release);
        kafka.produce(second.topics.pos_events(), events(1, 10));
        let outcomes = kafka.await_committed(second.topics.pos_outcomes(), 20, WITHIN);
        stop.store(true, Ordering::Release);
        assert_each_once(&outcomes, &even(1, 20));
    });
    let made = track.producers.lock().expect("the lock");
    let of_first = made.iter().filter(|id| **id == first.transactional_id(0)).count();
    assert_eq!(of_first, 1, "{made:?}");
}
