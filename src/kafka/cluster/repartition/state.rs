//! The state itself: folded journal by journal, several side by side, and written again where its keys belong now.
//!
//! Memory: the entries of as many partitions as are folded side by side and one more, and one open record for each
//! new partition, all of them together at most [`OPEN_BYTES_MAX`] and one entry each.

use super::stray::{Dropped, stray};
use super::{ASK_FOR, PassedOver};
use crate::codec::journal::Head;
use crate::domain::PartitionId;
use crate::domain::flow::{Flow, Positions, Unit};
use crate::kafka::client::Cluster;
use crate::kafka::failure::{Fault, FaultClass, Operation};
use crate::kafka::locked::locked;
use crate::kafka::port::{Broker, JournalReader, TransactionalProducer};
use crate::kafka::settings::ClusterSettings;
use crate::kafka::transaction::retry;
use crate::pipeline::{Deciders, Division, Folded, Reset};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

/// Bytes of all open records together.
const OPEN_BYTES_MAX: usize = 64 << 20;
/// How often the group is answered while journals are read or waited for.
const LOOK: Duration = Duration::from_millis(100);
/// Entries between two answers to the group.
const ANSWER_EVERY: usize = 4_096;

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Entries of the state.
    pub entries: u64,
    /// Those of them that have another partition than before.
    pub moved: u64,
    /// Entries that were left out: named, and not where they belong.
    pub dropped: u64,
    /// Journal records.
    pub records: u64,
    /// Their bytes.
    pub bytes: u64,
    /// What was gone past.
    pub passed: Vec<PassedOver>,
}

/// Writes the journals of the new partitions into the open transaction.
pub struct Writing<'a, B: Broker> {
    producer: &'a B::Producer,
    flow: &'static Flow,
    to: Division,
    dropped: &'a Dropped,
    resets: Vec<Reset>,
    written: Written,
}

/// Takes a state, and answers the group meanwhile.
pub type Take<'t> = dyn FnMut(&dyn Folded, &mut dyn FnMut() -> Result<(), Fault>) -> Result<(), Fault> + 't;

impl<'a, B: Broker> Writing<'a, B> {
    /// Goes on after `heads`, one for each new partition.
    pub fn new(
        producer: &'a B::Producer,
        flow: &'static Flow,
        heads: Vec<Head>,
        to: Division,
        dropped: &'a Dropped,
        record_bytes_max: usize,
    ) -> Self {
        let piece = (record_bytes_max / 2).min(OPEN_BYTES_MAX / heads.len().max(1));
        let resets = heads.into_iter().map(|head| Reset::after(head, piece)).collect();
        Self { producer, flow, to, dropped, resets, written: Written::default() }
    }

    fn record(&mut self, partition: PartitionId, record: &[u8]) -> Result<(), Fault> {
        self.written.records += 1;
        self.written.bytes += record.len() as u64;
        self.producer.journal(Unit { flow: self.flow, partition }, record)
    }

    /// Writes the entries of an old partition where they belong now.
    pub fn partition(
        &mut self,
        state: &dyn Folded,
        answer: &mut dyn FnMut() -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let (own, from) = (state.unit().partition, state.division());
        let Division { partitioner, partitions: to } = self.to;
        for slot in 0..u32::try_from(state.entries()).unwrap_or(u32::MAX) {
            if (slot as usize).is_multiple_of(ANSWER_EVERY) {
                answer()?;
            }
            if let Some(stray) = stray(state, slot, from) {
                if !self.dropped.has(&stray) {
                    return Err(Fault::setup(format!(
                        "{} has an entry that does not belong there, which was not there before: run this again",
                        state.unit()
                    )));
                }
                self.written.dropped += 1;
                continue;
            }
            let Some(key) = state.key(slot) else { continue };
            let home = partitioner.partition_of(key.as_bytes(), to);
            self.written.entries += 1;
            self.written.moved += u64::from(home != own);
            let reset = self.resets.get_mut(home.index());
            let record = reset.and_then(|reset| reset.add(|out| state.write_entry(slot, out)));
            if let Some(record) = record {
                self.record(home, &record)?;
            }
        }
        Ok(())
    }

    /// Completes the new journals.
    pub fn finish(mut self) -> Result<Written, Fault> {
        for (partition, reset) in PartitionId::all(self.resets.len()).zip(std::mem::take(&mut self.resets)) {
            self.record(partition, &reset.finish())?;
        }
        Ok(self.written)
    }
}

/// Waits until no transaction is open on the first `partitions` journals of a flow, and ends those of writers that are gone: from
/// then on they stay as they are, since nobody else is in the group.
///
/// # Errors
/// A journal cannot be asked; an open transaction does not end.
pub fn settle(
    cluster: &Cluster,
    settings: &ClusterSettings,
    flow: &'static Flow,
    partitions: u32,
    answer: &mut dyn FnMut() -> Result<(), Fault>,
) -> Result<(), Fault> {
    let topic = &settings.topics.of(flow).journal;
    for partition in PartitionId::all(partitions) {
        let begun = cluster.now();
        loop {
            let ends = retry(cluster, ASK_FOR, || cluster.ends(topic, partition))?;
            if ends.stable >= ends.high {
                break;
            }
            let held = cluster.now() - begun;
            if held >= settings.kafka.transaction_timeout * 2 {
                let text = format!("a transaction on journal partition {partition} does not end");
                return Err(Fault::setup(text));
            }
            if held >= settings.kafka.stuck_after {
                let mut journal = cluster.journal(Unit { flow, partition })?;
                if let Some(writer) = retry(cluster, ASK_FOR, || journal.open_writer(ends.stable))? {
                    log::warn!("partition {partition}: aborting the open transaction of {writer}");
                    drop(retry(cluster, ASK_FOR, || cluster.producer(&writer))?);
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
    deciders: &dyn Deciders,
    restores_at_once: usize,
    heads: &[Option<Head>],
    take: &mut Take<'_>,
    answer: &mut dyn FnMut() -> Result<(), Fault>,
    progress: &mut dyn FnMut(i64),
) -> Result<(), Fault> {
    let from = deciders.division().partitions;
    let (wanted, read) = (AtomicBool::new(true), AtomicI64::new(0));
    let waiting = Mutex::new(PartitionId::all(from));
    let (sender, receiver) = sync_channel(0);
    std::thread::scope(|scope| {
        for _ in 0..restores_at_once.max(1) {
            let (sender, wanted, read, waiting) = (sender.clone(), &wanted, &read, &waiting);
            scope.spawn(move || {
                let next = || locked(waiting).next();
                while let Some(partition) = next() {
                    let folded = fold_one(broker, deciders, partition, wanted, read);
                    if sender.send(folded).is_err() {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut each = |_| loop {
            progress(read.load(Ordering::Relaxed));
            match receiver.recv_timeout(LOOK) {
                Ok(folded) => {
                    let state = folded?;
                    check_unchanged(&*state, heads)?;
                    return take(&*state, answer);
                }
                Err(RecvTimeoutError::Timeout) => answer()?,
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(Fault::setup("reading the journals panicked: report it with the log"));
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
    deciders: &dyn Deciders,
    partition: PartitionId,
    wanted: &AtomicBool,
    read: &AtomicI64,
) -> Result<Box<dyn Folded>, Fault> {
    let unit = Unit { flow: deciders.flow(), partition };
    let refused = |why: String| Fault::setup(format!("journal of {unit}: {why}"));
    let mut state = deciders.restoring(partition);
    let mut journal = broker.journal(unit)?;
    let ends = retry(broker, ASK_FOR, || journal.ends())?;
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
fn check_unchanged(state: &dyn Folded, heads: &[Option<Head>]) -> Result<(), Fault> {
    let unit = state.unit();
    let head = heads.get(unit.partition.index()).cloned().flatten();
    let nothing = || Head { positions: Positions::none(unit.flow), ..Head::default() };
    if state.is_as(&head.unwrap_or_else(nothing)) {
        return Ok(());
    }
    let text = format!("the journal of {unit} went on meanwhile: run this again");
    Err(Fault::new(Operation::Restore, FaultClass::Setup, text))
}
