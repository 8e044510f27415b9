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
        decider::{Deciders, Division, Restoring},
        failure::{Fault, FaultClass, Operation},
        partitions::Partitions,
        port::{Broker, JournalReader, TransactionalProducer},
        settings::Settings,
        transaction::again,
    },
    ASK_FOR, Passed, refused,
    stray::{Dropped, stray},
};
use crate::{
    codec::journal::Head,
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
    /// Accounts that were left out: named, and not at home.
    pub dropped: u64,
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
    to: Division,
    dropped: &'a Dropped,
    resets: Vec<Reset>,
    written: Written,
}

/// Takes a state, and answers the group meanwhile.
pub type Take<'t> = dyn FnMut(&Partition, &mut dyn FnMut() -> Result<(), Fault>) -> Result<(), Fault> + 't;

impl<'a, B: Broker> Writing<'a, B> {
    /// Goes on after `heads`, one for each new partition.
    pub fn new(
        producer: &'a B::Producer,
        heads: Vec<Head>,
        to: Division,
        dropped: &'a Dropped,
        record_bytes_max: usize,
    ) -> Self {
        let piece = (record_bytes_max / 2).min(OPEN_BYTES_MAX / heads.len().max(1));
        let resets = heads.into_iter().map(|head| Reset::after(head, piece)).collect();
        Self { producer, to, dropped, resets, written: Written::default() }
    }

    fn record(&mut self, partition: u32, record: &[u8]) -> Result<(), Fault> {
        self.written.records += 1;
        self.written.bytes += record.len() as u64;
        self.producer.journal(i32::try_from(partition).unwrap_or(i32::MAX), record)
    }

    /// Writes the accounts of an old partition where they belong now.
    pub fn partition(
        &mut self,
        partition: &Partition,
        answer: &mut dyn FnMut() -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let (own, from) = (partition.number(), partition.division());
        let Division { partitioner, partitions: to } = self.to;
        for (place, account) in partition.state().accounts().iter().enumerate() {
            if place.is_multiple_of(ANSWER_EVERY) {
                answer()?;
            }
            if let Some(stray) = stray(account, own, from) {
                if !self.dropped.has(&stray) {
                    return Err(refused(&format!(
                        "partition {own} has an account that does not belong there, which was not there before: run this \
                         again"
                    )));
                }
                self.written.dropped += 1;
                continue;
            }
            let home = partitioner.partition_of(account.number.as_bytes(), to);
            self.written.accounts += 1;
            self.written.moved += u64::from(i32::try_from(home) != Ok(own));
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
/// then on they stay as they are, since nobody else is in the group.
///
/// # Errors
/// A journal cannot be asked; an open transaction does not end.
pub fn settle(
    cluster: &Cluster,
    settings: &Settings,
    partitions: u32,
    answer: &mut dyn FnMut() -> Result<(), Fault>,
) -> Result<(), Fault> {
    for partition in 0..i32::try_from(partitions).unwrap_or(i32::MAX) {
        let begun = cluster.now();
        loop {
            let ends = again(cluster, ASK_FOR, || cluster.ends(&settings.topics.journal, partition))?;
            if ends.stable >= ends.high {
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
    Ok(())
}

/// Folds the journals of the `heads` and hands each state to `take`, as it is. `answer` is called often, `progress` is told
/// how many offsets are read. What is added to the journals meanwhile is not committed, and not read.
///
/// # Errors
/// A journal is refused, or differs from what its last head said.
pub fn fold<B: Broker>(
    broker: &B,
    partitions: &Partitions,
    restores_at_once: usize,
    heads: &[Option<Head>],
    take: &mut Take<'_>,
    answer: &mut dyn FnMut() -> Result<(), Fault>,
    progress: &mut dyn FnMut(i64),
) -> Result<(), Fault> {
    let from = partitions.division().partitions;
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
                    let state = folded?;
                    same(partition, &state, heads)?;
                    return take(&state, answer);
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
) -> Result<Partition, Fault> {
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
    state.finish_as_it_is().map_err(refused)
}

/// The new journals go on after the heads as they were read: a journal that went on meanwhile would be forked.
fn same(partition: i32, state: &Partition, heads: &[Option<Head>]) -> Result<(), Fault> {
    let head = usize::try_from(partition).ok().and_then(|place| heads.get(place)).cloned().flatten();
    let head = head.unwrap_or_default();
    let found = (state.journalled(), state.positions(), state.state().stream_time());
    if found == ((head.sequence, head.rotation), head.positions, head.stream_time) {
        return Ok(());
    }
    let text = format!("the journal of partition {partition} went on meanwhile: run this again");
    Err(Fault::new(Operation::Restore, FaultClass::Setup, text))
}
