//! Decides the records of a batch, unit by unit, into the open transaction: messages, journals, and the positions that go
//! with them.

use super::gather::recycle;
use super::lane::{LaneEnd, LaneSink, LargestMessages, decide_lane, end_batch};
use super::merge::{Lane, Lanes, PerInput};
use super::owned::{OwnedUnits, RotationStep};
use super::{Detached, Shared};
use crate::domain::flow::Unit;
use crate::kafka::failure::Fault;
use crate::kafka::port::{Broker, GroupConsumer, InputPartition, LentRecord, TransactionalProducer};
use crate::kafka::suspect::FailedBatch;
use crate::kafka::transaction::Transactions;
use crate::pipeline::Decider;
use std::time::Duration;

/// How a batch ended before the transaction is ended.
#[derive(Default)]
pub struct Decided {
    /// Next offsets, to go with the transaction.
    pub positions: Vec<(InputPartition, i64)>,
    /// Units among them whose last committed journal record is not this worker's yet.
    pub claimed: Vec<Unit>,
    /// Units that wait for a schema.
    pub waiting: Vec<Unit>,
    /// Units that wait for inputs, and which.
    pub awaiting: Vec<(Unit, PerInput<usize>)>,
    /// Units whose state must not be used again.
    pub broken: Vec<Unit>,
    /// Units of which records were decided, and the broker's time of the last tick among them.
    pub came: Vec<(Unit, Option<i64>)>,
    /// What it does to checkpoint rotations.
    pub rotations: Vec<RotationStep>,
    /// What fails if the batch does.
    pub tried: Vec<FailedBatch>,
    /// The largest messages.
    pub largest: LargestMessages,
    /// Records of the batch.
    pub events: usize,
    /// Why it cannot be committed.
    pub fault: Option<Fault>,
}

/// Decides the records of a batch.
pub fn decide<B: Broker>(
    records: &[<B::Consumer as GroupConsumer>::Record<'_>],
    idle: Duration,
    lanes: &Lanes,
    owned: &mut OwnedUnits<Detached<B>>,
    consumer: &B::Consumer,
    transactions: &Transactions<B>,
    shared: &Shared<B>,
) -> Decided {
    let mut decided = Decided { events: records.len(), ..Decided::default() };
    let (now, limits) = (shared.broker.now(), shared.limits());
    for lane in lanes.lanes() {
        let ended = owned.exhausted(consumer, lane.unit, &lane.present(), idle, now);
        let claimed = owned.is_claimed(lane.unit);
        // Records of a unit that is not ours to decide: it is read again once it is.
        let Some(decider) = owned.active(lane.unit) else { continue };
        let Decided { largest, .. } = &mut decided;
        let (producer, unit) = (transactions.producer(), lane.unit);
        let mut sink =
            LaneSink::<B>::new(producer, &shared.settings, &shared.suspects, &limits, unit, largest);
        let from = decider.positions();
        decider.batch_begins(now);
        let lane_end = decide_lane::<B>(decider, lane, &ended, records, &mut sink);
        let lane_end = end_batch(decider, lane_end, &mut sink);
        let fault = sink.take_fault();
        let ticked = lane.last_of(unit.flow.ticks).and_then(|last| records[last as usize].appended_millis());
        decided.came.push((unit, ticked));
        decided.tried.push(FailedBatch { unit, from, until: decider.positions() });
        match lane_end {
            LaneEnd::Done => {}
            LaneEnd::AwaitsInput(missing) => decided.awaiting.push((unit, missing)),
            LaneEnd::NeedsSchema => decided.waiting.push(unit),
            LaneEnd::Broken(fault) => {
                decided.broken.push(unit);
                decided.fault = Some(fault);
                return decided;
            }
        }
        if let Err(fault) = journal(&mut decided, lane, decider, transactions, shared, fault, claimed) {
            decided.fault = Some(fault);
            return decided;
        }
    }
    decided
}

/// Writes down what a unit's state has become; `fault` is what went wrong before.
fn journal<B: Broker>(
    decided: &mut Decided,
    lane: &Lane,
    decider: &mut dyn Decider,
    transactions: &Transactions<B>,
    shared: &Shared<B>,
    fault: Option<Fault>,
    claimed: bool,
) -> Result<(), Fault> {
    let (unit, producer) = (lane.unit, transactions.producer());
    let start = rotation_start(&*shared.broker, decider, unit);
    let journal = decider.journal(transactions.writer());
    let journaled = journal.records.iter().try_for_each(|record| producer.journal(unit, record));
    let noted = journal.ruleset_change.map_or(Ok(()), |change| producer.ruleset_change(unit, &change));
    if journal.rotation_begins || journal.rotation_completes {
        let (begins, completes) = (journal.rotation_begins, journal.rotation_completes);
        decided.rotations.push(RotationStep { unit, begins, start, completes });
    }
    fault.map_or(journaled.and(noted), Err)?;
    if journal.records.is_empty() {
        return Ok(());
    }
    if !claimed {
        decided.claimed.push(unit);
    }
    let positions = decider.positions();
    let positions = unit.inputs().zip(positions.iter()).filter_map(|(at, position)| Some((at, position?)));
    decided.positions.extend(positions);
    Ok(())
}

/// Where the journal ends before a rotation begins. This worker alone writes it, and has written nothing of this batch.
fn rotation_start<B: Broker>(broker: &B, decider: &dyn Decider, unit: Unit) -> Option<i64> {
    if !decider.rotation_begins() {
        return None;
    }
    match broker.journal_end(unit) {
        Ok(end) => Some(end),
        // Not cut off after this rotation then: more to read, nothing lost.
        Err(fault) => {
            log::warn!("{unit}: {fault}");
            None
        }
    }
}

/// Records that are held beyond their batch, by unit.
pub type Held<B> = Vec<(Unit, Vec<Detached<B>>)>;

/// What the batch left of the units that wait for an input, by unit, and the list's memory; the rest goes back to the
/// client.
pub fn take_undecided<B: Broker>(
    owned: &mut OwnedUnits<Detached<B>>,
    decided: &Decided,
    mut records: Vec<<B::Consumer as GroupConsumer>::Record<'_>>,
) -> (Held<B>, Vec<Detached<B>>) {
    let awaiting = decided.awaiting.iter().filter_map(|(unit, _)| {
        let positions = owned.active(*unit)?.positions();
        Some((*unit, positions, Vec::new()))
    });
    let mut awaiting: Vec<_> = awaiting.collect();
    for record in records.drain(..) {
        let source = record.source();
        let held = awaiting.iter_mut().find(|(unit, ..)| *unit == source.unit);
        if let Some((_, positions, held)) = held
            && positions[source.input].is_none_or(|position| record.offset() >= position)
        {
            held.push(<B::Consumer as GroupConsumer>::detach(record));
        }
    }
    (awaiting.into_iter().map(|(unit, _, held)| (unit, held)).collect(), recycle(records))
}
