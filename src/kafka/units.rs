//! A flow's units as the worker loop sees them, whatever the flow is: what comes of their records, and what it counts as.
//! Counts of a batch are published once it is committed, so that a batch done again counts once.

use super::misplaced::Astray;
use crate::codec::SchemaRef;
use crate::domain::PartitionId;
use crate::domain::flow::{Flow, Positions};
use crate::pipeline::{
    Blueprint, Counted, Decider, Deciders, DecisionSink, Division, Folded, InputRecord, Interrupt,
    JournalBatch, MessageSink, Misplaced, Model, NextTick, Outbound, Partition, Restore, Restoring,
    Surroundings, check_record,
};
use crate::telemetry;
use std::time::Duration;

/// Makes the units of one flow.
pub struct Units<B>(B);

impl<B: Blueprint> Units<B> {
    /// Out of these parts.
    #[must_use]
    pub fn of(blueprint: B) -> Self {
        Self(blueprint)
    }
}

impl<B: Blueprint> Deciders for Units<B> {
    fn flow(&self) -> &'static Flow {
        B::Model::FLOW
    }

    fn restoring(&self, partition: PartitionId) -> Box<dyn Restoring> {
        let empty = Partition::of(self.0.model(), partition, self.0.settings());
        Box::new(RestoringUnit::<B> { restore: Restore::new(empty), surroundings: self.0.surroundings() })
    }

    fn division(&self) -> Division {
        self.0.settings().division
    }

    fn check_last(&self, record: &[u8]) -> Result<(), String> {
        check_record::<B::Model>(record, self.division()).map_err(|fault| fault.to_string())
    }
}

/// A unit that is read from its journal.
struct RestoringUnit<B: Blueprint> {
    restore: Restore<B::Model>,
    surroundings: B::Surroundings,
}

impl<B: Blueprint> Restoring for RestoringUnit<B> {
    fn on_record(&mut self, record: &[u8]) -> Result<(), String> {
        self.restore.on_record(record).map_err(|fault| fault.to_string())
    }

    fn entries(&self) -> usize {
        self.restore.entries()
    }

    fn writer(&self) -> Option<&str> {
        self.restore.last().map(|head| &*head.writer)
    }

    fn finish(self: Box<Self>) -> Result<Box<dyn Decider>, String> {
        let Self { restore, surroundings } = *self;
        let partition = restore.finish().map_err(|fault| fault.to_string())?;
        Ok(Box::new(DecidingUnit::<B> {
            partition,
            surroundings,
            waits_for: None,
            counts: Counts::default(),
            misplaced: Astray::of(B::Model::FLOW),
            astray: Astray::of(B::Model::FLOW),
            said: Vec::new(),
        }))
    }

    fn finish_as_it_is(self: Box<Self>) -> Result<Box<dyn Folded>, String> {
        let partition = self.restore.finish_as_it_is().map_err(|fault| fault.to_string())?;
        Ok(Box::new(partition))
    }
}

/// A unit that decides.
struct DecidingUnit<B: Blueprint> {
    partition: Partition<B::Model>,
    surroundings: B::Surroundings,
    /// The schema that the last interrupted record waits for, and the record's input.
    waits_for: Option<(usize, SchemaRef)>,
    counts: Counts,
    /// Misplaced records of the batch, and of all that are committed.
    misplaced: Astray,
    astray: Astray,
    /// What records of the batch did that people should know.
    said: Vec<String>,
}

impl<B: Blueprint> Decider for DecidingUnit<B> {
    fn batch_begins(&mut self, now: Duration) {
        self.surroundings.batch_begins(now);
    }

    fn on_record(&mut self, record: &InputRecord<'_>, sink: &mut dyn MessageSink) -> Result<(), Interrupt> {
        let Self { partition, surroundings, waits_for, counts, misplaced, said, .. } = self;
        let mut out = Counting { counts, misplaced, said, sink };
        let taken =
            surroundings.with(waits_for.is_some(), |outside| partition.on_record(outside, record, &mut out));
        match &taken {
            Ok(()) => self.waits_for = None,
            Err(Interrupt::NeedsSchema(schema)) => self.waits_for = Some((record.input, *schema)),
            Err(Interrupt::State(_)) => {}
        }
        taken
    }

    fn read_at(&mut self, appended: Option<i64>) {
        self.partition.read_at(appended);
    }

    fn next_tick(&self) -> Option<NextTick> {
        self.partition.next_tick()
    }

    fn expect(&mut self, record: &InputRecord<'_>) {
        self.surroundings.expect(record);
    }

    fn can_go_on(&self) -> bool {
        self.waits_for.is_none_or(|(input, schema)| self.surroundings.has(input, &schema))
    }

    fn on_failed_record(&mut self, record: &InputRecord<'_>, sink: &mut dyn MessageSink) {
        let Self { partition, counts, misplaced, said, .. } = self;
        partition.on_failed_record(record, &mut Counting { counts, misplaced, said, sink });
    }

    fn end_batch(&mut self, sink: &mut dyn MessageSink) {
        self.partition.end_batch(&mut |outbound| sink.send(outbound));
    }

    fn rotation_begins(&self) -> bool {
        self.partition.rotation_begins()
    }

    fn journal(&mut self, writer: &str) -> JournalBatch {
        self.partition.journal(writer)
    }

    fn committed(&mut self) {
        self.partition.committed();
        self.counts.drain(..).for_each(|counted| publish(B::Model::FLOW, counted));
        self.astray.take(&mut self.misplaced);
        for what in self.said.drain(..) {
            log::warn!("{}: {what}", self.partition.unit());
        }
    }

    fn aborted(&mut self) {
        self.partition.aborted();
        self.counts.clear();
        self.said.clear();
        self.misplaced = Astray::of(B::Model::FLOW);
    }

    fn positions(&self) -> Positions {
        self.partition.positions().clone()
    }

    fn entries(&self) -> usize {
        Folded::entries(&self.partition)
    }

    fn warnings(&self) -> Vec<String> {
        let Division { partitioner, partitions } = self.partition.division();
        let strangers = self.partition.strangers();
        let strangers = (strangers > 0).then(|| {
            format!(
                "{}: at least {strangers} of its {} belong on other partitions by topics.partitioner = \"{}\", so \
                 no event reaches them: `tillgate topics repartition --partitions {partitions} --dry-run` lists them",
                self.partition.unit(),
                B::Model::FLOW.entries,
                partitioner.name()
            )
        });
        self.astray.warning().into_iter().chain(strangers).collect()
    }
}

/// What a batch counts as, and how often. The list stays as short as the flow's names.
type Counts = Vec<(Counted, u64)>;

fn count(counts: &mut Counts, counted: Counted) {
    match counts.iter_mut().find(|(found, _)| *found == counted) {
        Some((_, count)) => *count += 1,
        None => counts.push((counted, 1)),
    }
}

fn publish(flow: &Flow, (counted, count): (Counted, u64)) {
    match counted {
        Counted::Answer(name) => telemetry::answers(flow, name, count),
        Counted::Message(code) => telemetry::codes(flow, code.as_str(), count),
        Counted::DeadLetter(code) => telemetry::dead_letters(code, count),
    }
}

/// Counts on the way to the sink.
struct Counting<'a> {
    counts: &'a mut Counts,
    misplaced: &'a mut Astray,
    said: &'a mut Vec<String>,
    sink: &'a mut dyn MessageSink,
}

impl<M: Model> DecisionSink<M> for Counting<'_> {
    fn send(&mut self, decided: &M::Decided<'_>, outbound: &Outbound<'_>) {
        M::counts(decided, &mut |counted| count(self.counts, counted));
        self.sink.send(outbound);
    }

    fn reply(&mut self, outbound: &Outbound<'_>) {
        self.sink.send(outbound);
    }

    fn dead_letter(&mut self, record: &InputRecord<'_>, code: &'static str, message: &str) {
        count(self.counts, Counted::DeadLetter(code));
        self.sink.dead_letter(record, code, message);
    }

    fn misplaced(&mut self, record: &InputRecord<'_>, misplaced: &Misplaced) {
        self.misplaced.add(record.input, record.offset, misplaced);
    }

    fn note(&mut self, record: &InputRecord<'_>, what: &str) {
        let input = M::FLOW.inputs[record.input];
        self.said.push(format!("{what} ({input} offset {})", record.offset));
    }
}
