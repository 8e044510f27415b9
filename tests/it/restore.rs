//! Restores beside the work, on a real Kafka: what goes on meanwhile, and what a copy that was kept warm spares and must
//! never change. The decision is a small stand-in that numbers what it decides. Never tests what a decision says.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::run::echo::Echoes;
use crate::support::process::{self, WITHIN, scene};
use crate::support::{Kafka, Message, Record, eventually, kafka};
use tillgate::domain::PartitionId;
use tillgate::kafka::port::{Flow, Unit};
use tillgate::kafka::settings::ClusterSettings;
use tillgate::pipeline::{Decider, Deciders, Folded, Restoring};
use tillgate::pos::FLOW;
use tillgate::telemetry::standing::{CopyStanding, PartitionStanding};

/// What a test knows of the folds of one process, and how it holds them.
#[derive(Default)]
struct Folds {
    /// Journal records folded, by partition.
    folded: Mutex<BTreeMap<PartitionId, usize>>,
    /// A fold of this partition is at its gate.
    at_gate: AtomicBool,
    /// The partition whose folds wait at a gate.
    held: Mutex<Option<PartitionId>>,
    let_go: Condvar,
}

impl Folds {
    fn of(&self, partition: PartitionId) -> usize {
        self.folded.lock().expect("no poison").get(&partition).copied().unwrap_or(0)
    }

    fn hold(&self, partition: PartitionId) {
        *self.held.lock().expect("no poison") = Some(partition);
    }

    fn let_go(&self) {
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.let_go.notify_all();
    }

    fn pass_gate(&self, partition: PartitionId) {
        let here = |held: &mut Option<PartitionId>| {
            let here = *held == Some(partition);
            self.at_gate.fetch_or(here, Ordering::AcqRel);
            here
        };
        drop(self.let_go.wait_while(self.held.lock().expect("no poison"), here).expect("no poison"));
    }
}

fn unit(partition: PartitionId) -> Unit {
    Unit { flow: &FLOW, partition }
}

/// Echoes whose folds are counted.
struct Counted {
    echoes: Echoes,
    folds: Arc<Folds>,
}

impl Deciders for Counted {
    fn flow(&self) -> &'static Flow {
        &FLOW
    }

    fn restoring(&self, partition: PartitionId) -> Box<dyn Restoring> {
        let (echo, folds) = (self.echoes.restoring(partition), Arc::clone(&self.folds));
        Box::new(Folding { echo, partition, folds })
    }
}

struct Folding {
    echo: Box<dyn Restoring>,
    partition: PartitionId,
    folds: Arc<Folds>,
}

impl Restoring for Folding {
    fn on_record(&mut self, record: &[u8]) -> Result<(), String> {
        self.folds.pass_gate(self.partition);
        *self.folds.folded.lock().expect("no poison").entry(self.partition).or_default() += 1;
        self.echo.on_record(record)
    }

    fn writer(&self) -> Option<&str> {
        self.echo.writer()
    }

    fn finish(self: Box<Self>) -> Result<Box<dyn Decider>, String> {
        self.echo.finish()
    }

    fn finish_as_it_is(self: Box<Self>) -> Result<Box<dyn Folded>, String> {
        self.echo.finish_as_it_is()
    }
}

/// A running process whose folds are counted.
struct Running {
    folds: Arc<Folds>,
    process: Option<process::Running>,
}

impl Running {
    fn start(settings: &ClusterSettings, folds: Arc<Folds>) -> Self {
        let counted = Counted { echoes: Echoes::default(), folds: Arc::clone(&folds) };
        Running { folds, process: Some(process::Running::start(settings, Arc::new(counted))) }
    }

    fn stop(mut self) {
        self.process.take().expect("stopped once").stop();
    }

    /// Waits until the copy of a partition is as asked for.
    fn await_copy(&self, partition: PartitionId, what: &str, is: impl Fn(&CopyStanding) -> bool) {
        eventually(WITHIN, &format!("the copy of partition {partition} to be {what}"), || {
            self.health.copies().get(&unit(partition)).is_some_and(&is).then_some(())
        });
    }
}

impl Deref for Running {
    type Target = process::Running;

    fn deref(&self) -> &process::Running {
        self.process.as_ref().expect("not stopped")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // The process ends after this, and could not while it waits at the gate.
        self.folds.let_go();
    }
}

/// Two processes that decided 200 events on a partition each, of which the second keeps copies of the other's.
struct Neighbours {
    settings: ClusterSettings,
    one: Running,
    two: Running,
    /// The partition of the first, and of the second.
    theirs: PartitionId,
    ours: PartitionId,
}

impl Neighbours {
    fn start(kafka: &Kafka) -> Self {
        let settings = scene(kafka, 2);
        let second =
            ClusterSettings { instance: "2".into(), ..settings.clone() }.with(|kafka| kafka.standby = 1);
        let one = Running::start(&settings, Arc::default());
        kafka.produce(settings.topics.pos_events(), events(200));
        kafka.await_committed(settings.topics.pos_outcomes(), 200, WITHIN);
        let two = Running::start(&second, Arc::default());
        let (theirs, ours) = (one.await_active(1)[0], two.await_active(1)[0]);
        Neighbours { settings, one, two, theirs, ours }
    }
}

fn events(count: usize) -> Vec<Message> {
    (0..count).map(|n| Message::new(format!("a{n}"), "event").on((n % 2) as i32)).collect()
}

/// The numbers of each partition's outcomes: 1, 2, 3 ... without gap or repeat.
fn assert_each_once(outcomes: &[Record], per_partition: usize) {
    for partition in 0..2 {
        let own = outcomes.iter().filter(|outcome| outcome.partition == partition);
        let number = |outcome: &Record| outcome.text().split(':').nth(2).expect("a number").to_owned();
        let numbers: Vec<String> = own.map(number).collect();
        let expected: Vec<String> = (1..=per_partition).map(|number| number.to_string()).collect();
        assert_eq!(numbers, expected, "partition {partition}");
    }
}

fn journal_records(kafka: &Kafka, settings: &ClusterSettings, partition: PartitionId) -> usize {
    let records = kafka.read_committed(settings.topics.journal());
    records.iter().filter(|record| record.partition == partition.number()).count()
}

#[test]
fn one_partition_is_decided_while_another_is_still_restored() {
    let Some(kafka) = kafka() else { return };
    let settings = scene(kafka, 2);
    kafka.produce(settings.topics.pos_events(), events(200));
    let running = Running::start(&settings, Arc::default());
    kafka.await_committed(settings.topics.pos_outcomes(), 200, WITHIN);
    running.stop();

    let folds: Arc<Folds> = Arc::default();
    folds.hold(1.into());
    let running = Running::start(&settings, Arc::clone(&folds));
    eventually(WITHIN, "the restore of partition 1 to begin", || {
        folds.at_gate.load(Ordering::Acquire).then_some(())
    });
    kafka.produce(settings.topics.pos_events(), events(200));
    // What partition 1 has to do waits; partition 0 does not wait for it.
    kafka.await_committed(settings.topics.pos_outcomes(), 300, WITHIN);
    assert_eq!(running.active(), [0.into()]);
    assert!(matches!(
        running.health.partitions().get(&unit(1.into())),
        Some(PartitionStanding::Restoring { .. })
    ));
    folds.let_go();
    let outcomes = kafka.await_committed(settings.topics.pos_outcomes(), 400, WITHIN);
    running.stop();
    assert_each_once(&outcomes, 200);
}

#[test]
fn a_warm_copy_spares_the_journal_that_it_has_folded() {
    let Some(kafka) = kafka() else { return };
    let Neighbours { settings, one, two, theirs, ours } = Neighbours::start(kafka);
    let topics = &settings.topics;
    kafka.produce(topics.pos_events(), events(200));
    kafka.await_committed(topics.pos_outcomes(), 400, WITHIN);
    let written = journal_records(kafka, &settings, theirs);
    two.await_copy(theirs, "up to date", |copy| {
        copy.warm && copy.lag == Some(0) && two.folds.of(theirs) >= written
    });
    assert!(!two.health.copies().contains_key(&unit(ours)), "what is decided here needs no copy");
    let folded = two.folds.of(theirs);

    one.stop();
    two.await_active(2);
    assert_eq!(two.folds.of(theirs), folded, "nothing is read a second time");
    eventually(WITHIN, "no copy of what is decided here", || two.health.copies().is_empty().then_some(()));
    kafka.produce(topics.pos_events(), events(200));
    let outcomes = kafka.await_committed(topics.pos_outcomes(), 600, WITHIN);
    two.stop();
    assert_each_once(&outcomes, 300);
}

#[test]
fn a_copy_follows_again_what_was_let_go() {
    let Some(kafka) = kafka() else { return };
    let first = scene(kafka, 2).with(|kafka| kafka.standby = 1);
    let second = ClusterSettings { instance: "2".into(), ..first.clone() };
    let one = Running::start(&first, Arc::default());
    one.await_active(2);
    kafka.produce(first.topics.pos_events(), events(200));
    kafka.await_committed(first.topics.pos_outcomes(), 200, WITHIN);
    // Twice away and back again.
    for round in 1..=2 {
        let two = Running::start(&second, Arc::default());
        let away = two.await_active(1)[0];
        kafka.produce(first.topics.pos_events(), events(200));
        kafka.await_committed(first.topics.pos_outcomes(), 200 + round * 400 - 200, WITHIN);
        let written = journal_records(kafka, &first, away);
        one.await_copy(away, "up to date", |copy| copy.warm && copy.lag == Some(0));
        eventually(WITHIN, "all of it to be folded", || (one.folds.of(away) >= written).then_some(()));
        two.stop();
        one.await_active(2);
        kafka.produce(first.topics.pos_events(), events(200));
        kafka.await_committed(first.topics.pos_outcomes(), 200 + round * 400, WITHIN);
    }
    let outcomes = kafka.read_committed(first.topics.pos_outcomes());
    one.stop();
    assert_each_once(&outcomes, 500);
}

#[test]
fn a_copy_is_given_up_where_the_journal_does_not_fit_together_and_the_restore_says_why() {
    let Some(kafka) = kafka() else { return };
    let Neighbours { settings, one, two, theirs, .. } = Neighbours::start(kafka);
    two.await_copy(theirs, "warm", |copy| copy.warm);

    kafka.produce(settings.topics.journal(), [Message::new("", "4711 1 1 - - somebody").on(theirs)]);
    two.await_copy(theirs, "given up", |copy| {
        copy.refused.as_ref().is_some_and(|why| why.contains("record 4711 follows"))
    });
    one.stop();
    two.await_blocked(theirs, "record 4711 follows");
    two.stop();
}
