//! What the health pages and metrics can be told about workers and partitions. Written between transactions, read by
//! whoever asks; no part of a decision.

use super::held_back::HeldBack;
use crate::domain::flow::Unit;
use crate::kafka::locked::locked;
use crate::telemetry::standing::{CopyStanding, PartitionStanding, WorkerStanding};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

#[derive(Debug, Default)]
struct HealthState {
    /// What the start is at, before there are workers.
    starting: Option<String>,
    workers: Vec<WorkerStanding>,
    /// By worker.
    trouble: BTreeMap<usize, String>,
    partitions: BTreeMap<Unit, (usize, PartitionStanding)>,
    /// Why partitions stand still whose batches fail again and again, whatever else they are doing.
    stuck: BTreeMap<Unit, String>,
    standby: BTreeMap<Unit, CopyStanding>,
    /// By worker.
    held_back: BTreeMap<usize, Vec<HeldBack>>,
    /// What goes wrong on a partition though it is decided, with its worker.
    warnings: BTreeMap<Unit, (usize, Vec<String>)>,
}

/// Shared by all workers.
#[derive(Debug, Default)]
pub struct Health {
    inner: Mutex<HealthState>,
    /// Turns of each worker's loop.
    turns: Vec<AtomicU64>,
}

impl Health {
    /// For `workers` workers.
    #[must_use]
    pub fn new(workers: usize) -> Self {
        let inner =
            HealthState { workers: vec![WorkerStanding::Starting(None); workers], ..HealthState::default() };
        Self { inner: Mutex::new(inner), turns: (0..workers).map(|_| AtomicU64::new(0)).collect() }
    }

    fn lock(&self) -> MutexGuard<'_, HealthState> {
        locked(&self.inner)
    }

    /// Notes that a worker's loop goes round, or that it is built.
    pub fn note_turn(&self, worker: usize) {
        if let Some(turns) = self.turns.get(worker) {
            turns.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often each worker's loop went round: of one that runs and does not hang, the number grows.
    #[must_use]
    pub fn turns(&self) -> Vec<u64> {
        self.turns.iter().map(|turns| turns.load(Ordering::Relaxed)).collect()
    }

    /// Notes what the start is at; none: it is over.
    pub fn note_start(&self, step: Option<String>) {
        self.lock().starting = step;
    }

    /// What the start is at, before there are workers.
    #[must_use]
    pub fn start_step(&self) -> Option<String> {
        self.lock().starting.clone()
    }

    /// Notes why a worker receives nothing from its brokers; none: it does.
    pub fn trouble(&self, worker: usize, why: Option<String>) {
        let mut inner = self.lock();
        match why {
            Some(why) => inner.trouble.insert(worker, why),
            None => inner.trouble.remove(&worker),
        };
    }

    /// Notes where a worker stands.
    pub fn worker(&self, worker: usize, health: WorkerStanding) {
        if let Some(at) = self.lock().workers.get_mut(worker) {
            *at = health;
        }
    }

    /// Notes where a unit of `worker` stands.
    pub fn partition(&self, worker: usize, unit: Unit, health: PartitionStanding) {
        self.lock().partitions.insert(unit, (worker, health));
    }

    /// Notes that batches of a unit fail again and again, and why; `None`: one has passed. Says whether that is new.
    pub fn stuck(&self, unit: Unit, why: Option<String>) -> bool {
        let mut inner = self.lock();
        match why {
            Some(why) => inner.stuck.insert(unit, why).is_none(),
            None => inner.stuck.remove(&unit).is_some(),
        }
    }

    /// Notes how far a restore is.
    pub fn restoring(&self, unit: Unit, done: i64, of: i64, entries: usize) {
        if let Some((_, health @ PartitionStanding::Restoring { .. })) = self.lock().partitions.get_mut(&unit)
        {
            *health = PartitionStanding::Restoring { done: done.max(0), of, entries };
        }
    }

    /// Notes what goes wrong on the partitions of `worker` though they are decided, all of it.
    pub fn warn(&self, worker: usize, found: BTreeMap<Unit, Vec<String>>) {
        let warnings = &mut self.lock().warnings;
        warnings.retain(|_, (owner, _)| *owner != worker);
        warnings.extend(found.into_iter().map(|(unit, texts)| (unit, (worker, texts))));
    }

    /// What goes wrong on partitions though they are decided, by partition.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        self.lock().warnings.values().flat_map(|(_, texts)| texts.clone()).collect()
    }

    /// Notes where the copies of other processes' partitions stand, all of them.
    pub fn standby(&self, copies: BTreeMap<Unit, CopyStanding>) {
        self.lock().standby = copies;
    }

    /// Notes which inputs of `worker` stand still behind an open transaction of a sender, all of them.
    pub fn held_back(&self, worker: usize, inputs: Vec<HeldBack>) {
        self.lock().held_back.insert(worker, inputs);
    }

    /// The inputs that stand still behind an open transaction of a sender.
    #[must_use]
    pub fn all_held_back(&self) -> Vec<HeldBack> {
        self.lock().held_back.values().flatten().copied().collect()
    }

    /// The copies of other processes' partitions.
    #[must_use]
    pub fn copies(&self) -> BTreeMap<Unit, CopyStanding> {
        self.lock().standby.clone()
    }

    /// Forgets a partition that `worker` has let go; one that another worker has by now stays.
    pub fn forget(&self, worker: usize, unit: Unit) {
        let mut inner = self.lock();
        if inner.partitions.get(&unit).is_some_and(|(owner, _)| *owner == worker) {
            inner.partitions.remove(&unit);
            inner.stuck.remove(&unit);
        }
    }

    /// Forgets all partitions of `worker`.
    pub fn forget_all(&self, worker: usize) {
        let mut inner = self.lock();
        inner.partitions.retain(|_, (owner, _)| *owner != worker);
        inner.held_back.remove(&worker);
        inner.trouble.remove(&worker);
        inner.warnings.retain(|_, (owner, _)| *owner != worker);
    }

    /// All workers, by number, with what keeps them from their brokers.
    #[must_use]
    pub fn workers(&self) -> Vec<WorkerStanding> {
        let inner = self.lock();
        let shown = |(number, worker): (usize, &WorkerStanding)| match worker {
            WorkerStanding::Starting(_) => WorkerStanding::Starting(inner.trouble.get(&number).cloned()),
            WorkerStanding::Running(_) => WorkerStanding::Running(inner.trouble.get(&number).cloned()),
            _ => worker.clone(),
        };
        inner.workers.iter().enumerate().map(shown).collect()
    }

    /// All partitions of this process. One that is stuck is blocked, though it is tried again and again; so is one whose
    /// worker receives nothing from its brokers.
    #[must_use]
    pub fn partitions(&self) -> BTreeMap<Unit, PartitionStanding> {
        let inner = self.lock();
        let shown = |(at, (worker, health)): (&Unit, &(usize, PartitionStanding))| match (
            health,
            inner.stuck.get(at),
        ) {
            (PartitionStanding::Active, None) if inner.trouble.contains_key(worker) => {
                let why = format!("worker {worker} receives nothing from its brokers");
                (*at, PartitionStanding::Blocked(why))
            }
            (PartitionStanding::Active | PartitionStanding::Restoring { .. }, Some(why)) => {
                (*at, PartitionStanding::Blocked(why.clone()))
            }
            _ => (*at, health.clone()),
        };
        inner.partitions.iter().map(shown).collect()
    }

    /// How many partitions each worker decides, by its number.
    #[must_use]
    pub fn active_by_worker(&self) -> Vec<usize> {
        let inner = self.lock();
        let mut counts = vec![0; inner.workers.len()];
        for (worker, health) in inner.partitions.values() {
            if let (PartitionStanding::Active, Some(count)) = (health, counts.get_mut(*worker)) {
                *count += 1;
            }
        }
        counts
    }
}
