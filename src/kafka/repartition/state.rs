//! The state itself: folded journal by journal, several side by side, and written anew where its keys belong now.
//!
//! Memory: the accounts of as many partitions as are folded side by side and one more, and one open record for each
//! new partition, all of them together at most [`OPEN_BYTES_MAX`] and one account each.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc::{RecvTimeoutError, sync_channel},
    },
    time::Duration,
};

use super::{
    super::{
        decider::Deciders,
        failure::{Fault, FaultClass, Operation},
        health::{Health, PartitionHealth},
        partitions::{Live, Partitions},
        port::{Broker, TransactionalProducer},
        restore::{RestoreError, restore},
        worker::Shared,
    },
    Passed, Progress, refused,
};
use crate::{
    codec::journal::Head,
    domain::partitioner::partition_of,
    pipeline::{Partition, Reset},
};

/// Bytes of all open records together.
const OPEN_BYTES_MAX: usize = 64 << 20;
/// How often the group is answered while journals are read.
const LOOK: Duration = Duration::from_millis(100);
/// Accounts between two answers to the group.
const ANSWER_EVERY: usize = 4_096;

/// A journal that is about to be read.
const BEGUN: PartitionHealth = PartitionHealth::Restoring { done: 0, of: 0, accounts: 0 };

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Accounts of the state.
    pub accounts: u64,
    /// Those of them that have another partition than before.
    pub moved: u64,
    /// Journal records.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What was gone past.
    pub passed: Vec<Passed>,
}

/// Writes the journals of the new partitions into the open transaction.
pub struct Writing<'a, B: Broker> {
    producer: &'a B::Producer,
    to: u32,
    resets: Vec<Reset>,
    written: Written,
}

impl<'a, B: Broker> Writing<'a, B> {
    /// Goes on after `heads`, one for each new partition.
    pub fn new(producer: &'a B::Producer, heads: Vec<Head>, record_bytes_max: usize) -> Self {
        let to = u32::try_from(heads.len()).unwrap_or(u32::MAX);
        let piece = (record_bytes_max / 2).min(OPEN_BYTES_MAX / heads.len().max(1));
        let resets = heads.into_iter().map(|head| Reset::after(head, piece)).collect();
        Self { producer, to, resets, written: Written::default() }
    }

    fn record(&mut self, partition: u32, record: &[u8]) -> Result<(), Fault> {
        self.written.records += 1;
        self.written.bytes += record.len() as u64;
        self.producer.journal(i32::try_from(partition).unwrap_or(i32::MAX), record)
    }

    /// Writes the accounts of an old partition where they belong now.
    fn partition(
        &mut self,
        partition: &Partition,
        from: u32,
        answer: &mut dyn FnMut() -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let own = u32::try_from(partition.number()).unwrap_or(u32::MAX);
        for (place, account) in partition.state().accounts().iter().enumerate() {
            if place.is_multiple_of(ANSWER_EVERY) {
                answer()?;
            }
            let key = account.number.as_bytes();
            if partition_of(key, from) != own {
                return Err(refused(&format!(
                    "partition {own} has an account that does not belong there among {from} partitions: the senders \
                     divide keys up by something else than murmur2, so nobody knows where their events will come now; \
                     nothing was changed but the number of partitions"
                )));
            }
            let home = partition_of(key, self.to);
            self.written.accounts += 1;
            self.written.moved += u64::from(home != own);
            let record = self.resets.get_mut(home as usize).and_then(|reset| reset.add(account));
            if let Some(record) = record {
                self.record(home, &record)?;
            }
        }
        Ok(())
    }

    /// Completes the new journals.
    pub fn finish(mut self) -> Result<Written, Fault> {
        for (partition, reset) in (0..).zip(std::mem::take(&mut self.resets)) {
            self.record(partition, &reset.finish())?;
        }
        Ok(self.written)
    }
}

/// Folds the journals of the `heads` and hands each state to `writing`. `answer` is called often.
///
/// # Errors
/// A journal is refused, or differs from what its last head said.
pub fn fold<B: Broker>(
    shared: &Shared<B, Partitions>,
    heads: &[Option<Head>],
    writing: &mut Writing<'_, B>,
    answer: &mut dyn FnMut() -> Result<(), Fault>,
    progress: &mut dyn FnMut(Progress),
) -> Result<(), Fault> {
    let from = shared.deciders.input_partitions();
    let health = &*shared.health;
    let wanted = AtomicBool::new(true);
    let waiting = Mutex::new(0..i32::try_from(from).unwrap_or(i32::MAX));
    let (sender, receiver) = sync_channel(0);
    std::thread::scope(|scope| {
        for _ in 0..shared.settings.restores_at_once.max(1) {
            let (sender, wanted, waiting) = (sender.clone(), &wanted, &waiting);
            scope.spawn(move || {
                let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
                while let Some(partition) = next() {
                    health.partition(0, partition, BEGUN);
                    let restored = restore(shared, partition, wanted);
                    if sender.send((partition, restored.map(|(live, _)| live))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut each = |done: u32| loop {
            match receiver.recv_timeout(LOOK) {
                Ok((partition, restored)) => {
                    let live = restored.map_err(fault_of)?;
                    same(partition, &live, heads)?;
                    writing.partition(live.partition(), from, answer)?;
                    health.forget(0, partition);
                    return Ok(());
                }
                Err(RecvTimeoutError::Timeout) => {
                    answer()?;
                    progress(Progress::Folding { done, of: from, offsets: offsets(health) });
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(refused("reading the journals panicked: report it with the log"));
                }
            }
        };
        let result = (0..from).try_for_each(&mut each);
        wanted.store(false, Ordering::Release);
        // Lets go of whoever waits with a state that nobody takes.
        drop(receiver);
        result
    })
}

/// Journal offsets read and there, of the journals under way.
fn offsets(health: &Health) -> (i64, i64) {
    health.partitions().values().fold((0, 0), |(done, of), health| match health {
        PartitionHealth::Restoring { done: own, of: own_of, .. } => (done + own, of + own_of),
        _ => (done, of),
    })
}

/// The new journals go on after the heads as they were read: a journal that went on meanwhile would be forked.
fn same(partition: i32, live: &Live, heads: &[Option<Head>]) -> Result<(), Fault> {
    let head = usize::try_from(partition).ok().and_then(|place| heads.get(place)).cloned().flatten();
    let head = head.unwrap_or_default();
    let partition_state = live.partition();
    let found =
        (partition_state.journalled(), partition_state.positions(), partition_state.state().stream_time());
    if found == ((head.sequence, head.rotation), head.positions, head.stream_time) {
        return Ok(());
    }
    let text = format!("the journal of partition {partition} went on meanwhile: run this again");
    Err(Fault::new(Operation::Restore, FaultClass::Setup, text))
}

fn fault_of(error: RestoreError) -> Fault {
    match error {
        RestoreError::Fault(fault) => fault,
        RestoreError::NotWanted => refused("given up"),
        RestoreError::Refused(why) => refused(&why),
    }
}
