//! Decides the records of a batch, unit by unit, into the open transaction: messages, journals, and the positions that go
//! with them.

use super::gather::recycle;
use super::lane::{LaneEnd, LaneSink, LargestMessages, decide_lane, end_batch};
use super::merge::Lanes;
use super::owned::{OwnedUnits, RotationStep};
use super::{Detached, SharedByWorkers};
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
    /// The units of which records were decided.
    pub units: Vec<DecidedUnit>,
    /// Their next offsets, to go with the transaction.
    pub positions: Vec<(InputPartition, i64)>,
    /// The largest messages.
    pub largest: LargestMessages,
    /// Records of the batch.
    pub events: usize,
    /// Why it cannot be committed.
    pub fault: Option<Fault>,
}

/// What a batch did to one unit.
pub struct DecidedUnit {
    /// The unit, and its positions before and after: what fails if the batch does.
    pub tried: FailedBatch,
    /// How far it came.
    pub end: LaneEnd,
    /// The broker's time of the last tick among its records.
    pub ticked: Option<i64>,
    /// The first journal record of this worker is among what is sent.
    pub claims: bool,
    /// What it does to the unit's checkpoint rotation.
    pub rotation: Option<RotationStep>,
}

/// Decides the records of a batch.
pub fn decide<B: Broker>(
    records: &[<B::Consumer as GroupConsumer>::Record<'_>],
    idle: Duration,
    lanes: &Lanes,
    owned: &mut OwnedUnits<Detached<B>>,
    consumer: &B::Consumer,
    transactions: &Transactions<B>,
    shared: &SharedByWorkers<B>,
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
        let end = decide_lane::<B>(decider, lane, &ended, records, &mut sink);
        let end = end_batch(decider, end, &mut sink);
        let fault = sink.take_fault();
        let ticked = lane.last_of(unit.flow.ticks).and_then(|last| records[last as usize].appended_millis());
        let tried = FailedBatch { unit, from, until: decider.positions() };
        let mut of_unit = DecidedUnit { tried, end, ticked, claims: false, rotation: None };
        let written = match &of_unit.end {
            LaneEnd::Broken(fault) => Err(fault.clone()),
            _ => journal(&mut of_unit, decider, transactions, shared, fault).map(|any| {
                of_unit.claims = any && !claimed;
                let positions = unit.inputs().zip(of_unit.tried.until.iter()).filter(|_| any);
                decided.positions.extend(positions.filter_map(|(at, position)| Some((at, position?))));
            }),
        };
        decided.units.push(of_unit);
        if let Err(fault) = written {
            decided.fault = Some(fault);
            break;
        }
    }
    decided
}

/// Writes down what a unit's state has become, and says whether that is anything; `fault` is what went wrong before.
fn journal<B: Broker>(
    of_unit: &mut DecidedUnit,
    decider: &mut dyn Decider,
    transactions: &Transactions<B>,
    shared: &SharedByWorkers<B>,
    fault: Option<Fault>,
) -> Result<bool, Fault> {
    let (unit, producer) = (of_unit.tried.unit, transactions.producer());
    let start = rotation_start(&*shared.broker, decider, unit);
    let journal = decider.journal(transactions.writer());
    let journaled = journal.records.iter().try_for_each(|record| producer.journal(unit, record));
    let noted = journal.ruleset_change.map_or(Ok(()), |change| producer.ruleset_change(unit, &change));
    let (begins, completes) = (journal.rotation_begins, journal.rotation_completes);
    of_unit.rotation = (begins || completes).then_some(RotationStep { begins, start, completes });
    fault.map_or(journaled.and(noted), Err).map(|()| !journal.records.is_empty())
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
pub type HeldRecords<B> = Vec<(Unit, Vec<Detached<B>>)>;

/// What the batch left of the units that wait for an input, by unit, and the list's memory; the rest goes back to the
/// client.
pub fn take_undecided<B: Broker>(
    decided: &Decided,
    mut records: Vec<<B::Consumer as GroupConsumer>::Record<'_>>,
) -> (HeldRecords<B>, Vec<Detached<B>>) {
    let awaits = |of: &&DecidedUnit| matches!(of.end, LaneEnd::AwaitsInput(_));
    let awaiting = decided.units.iter().filter(awaits);
    let mut awaiting: Vec<_> = awaiting.map(|of| (of.tried.unit, &of.tried.until, Vec::new())).collect();
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
