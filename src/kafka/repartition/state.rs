//! The state itself: folded journal by journal, several side by side, and written anew where its keys belong now.
//!
//! Memory: the accounts of as many partitions as are folded side by side and one more, and one open record for each
//! new partition, all of them together at most [`OPEN_BYTES_MAX`] and one account each.

use std::{
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
        mpsc::{RecvTimeoutError, sync_channel},
    },
    time::Duration,
};

use super::{
    super::{
        client::Cluster,
        decider::{Deciders, Restoring},
        failure::{Fault, FaultClass, Operation},
        partitions::{Live, Partitions},
        port::{Broker, JournalReader, TransactionalProducer},
        settings::Settings,
        transaction::again,
    },
    ASK_FOR, Passed, refused,
};
use crate::{
    codec::journal::Head,
    domain::partitioner::partition_of,
    pipeline::{Partition, Reset},
};

/// Bytes of all open records together.
const OPEN_BYTES_MAX: usize = 64 << 20;
/// How often the group is answered while journals are read or waited for.
const LOOK: Duration = Duration::from_millis(100);
/// Accounts between two answers to the group.
const ANSWER_EVERY: usize = 4_096;

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

/// Waits until no transaction is open on the first `partitions` journals, and ends those of writers that are gone: from
/// then on they stay as they are, since nobody else is in the group. Says how many offsets they have together.
///
/// # Errors
/// A journal cannot be asked; an open transaction does not end.
pub fn settle(
    cluster: &Cluster,
    settings: &Settings,
    partitions: u32,
    answer: &mut dyn FnMut() -> Result<(), Fault>,
) -> Result<i64, Fault> {
    let mut offsets = 0;
    for partition in 0..i32::try_from(partitions).unwrap_or(i32::MAX) {
        let begun = cluster.now();
        loop {
            let ends = again(cluster, ASK_FOR, || cluster.ends(&settings.topics.journal, partition))?;
            if ends.stable >= ends.high {
                offsets += ends.high - ends.start;
                break;
            }
            let held = cluster.now() - begun;
            if held >= settings.transaction_timeout * 2 {
                let text = format!("a transaction on journal partition {partition} does not end");
                return Err(refused(&text));
            }
            if held >= settings.stuck_after {
                let mut journal = cluster.journal(partition)?;
                if let Some(writer) = again(cluster, ASK_FOR, || journal.open_writer(ends.stable))? {
                    log::warn!("partition {partition}: aborting the open transaction of {writer}");
                    drop(again(cluster, ASK_FOR, || cluster.producer(&writer))?);
                }
            }
            answer()?;
            cluster.wait(LOOK);
        }
    }
    Ok(offsets)
}

/// Folds the journals of the `heads` and hands each state to `writing`. `answer` is called often, `progress` is told how
/// many offsets are read. The journals are settled; what `writing` adds to them meanwhile is not committed, and not read.
///
/// # Errors
/// A journal is refused, or differs from what its last head said.
pub fn fold<B: Broker>(
    broker: &B,
    partitions: &Partitions,
    restores_at_once: usize,
    heads: &[Option<Head>],
    writing: &mut Writing<'_, B>,
    answer: &mut dyn FnMut() -> Result<(), Fault>,
    progress: &mut dyn FnMut(i64),
) -> Result<(), Fault> {
    let from = partitions.input_partitions();
    let (wanted, read) = (AtomicBool::new(true), AtomicI64::new(0));
    let waiting = Mutex::new(0..i32::try_from(from).unwrap_or(i32::MAX));
    let (sender, receiver) = sync_channel(0);
    std::thread::scope(|scope| {
        for _ in 0..restores_at_once.max(1) {
            let (sender, wanted, read, waiting) = (sender.clone(), &wanted, &read, &waiting);
            scope.spawn(move || {
                let next = || waiting.lock().unwrap_or_else(PoisonError::into_inner).next();
                while let Some(partition) = next() {
                    let folded = fold_one(broker, partitions, partition, wanted, read);
                    if sender.send((partition, folded)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut each = |_| loop {
            progress(read.load(Ordering::Relaxed));
            match receiver.recv_timeout(LOOK) {
                Ok((partition, folded)) => {
                    let live = folded?;
                    same(partition, &live, heads)?;
                    return writing.partition(live.partition(), from, answer);
                }
                Err(RecvTimeoutError::Timeout) => answer()?,
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

/// The state of one journal, up to its stable end.
fn fold_one<B: Broker>(
    broker: &B,
    partitions: &Partitions,
    partition: i32,
    wanted: &AtomicBool,
    read: &AtomicI64,
) -> Result<Live, Fault> {
    let refused = |why: String| refused(&format!("journal of partition {partition}: {why}"));
    let mut state = partitions.restoring(partition);
    let mut journal = broker.journal(partition)?;
    let ends = again(broker, ASK_FOR, || journal.ends())?;
    let mut more = ends.start < ends.stable;
    let mut next = ends.start;
    if more {
        journal.read_from(ends.start)?;
    }
    while more && wanted.load(Ordering::Acquire) {
        let mut fault = None;
        more = journal.next(&mut |offset, record| {
            fault = state.on_record(record).err();
            read.fetch_add(offset + 1 - next, Ordering::Relaxed);
            next = offset + 1;
        })?;
        if let Some(fault) = fault {
            return Err(refused(fault));
        }
    }
    state.finish().map_err(refused)
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
