//! The real states of partitions, with what goes wrong around them: a registry that is down, records on which the
//! decision panics. And the mistakes that the simulation must find: each breaks one rule that exactly once rests on, in
//! this wrapper or in the simulated client. Nothing of it is in the program.

use std::sync::Arc;

use tillgate::codec::SchemaRef;
use tillgate::codec::journal::{
    ByteWriter, JournalRecord, read_account, read_change, read_record, write_account, write_record,
};
use tillgate::domain::PartitionId;
use tillgate::kafka::port::{Flow, Positions, Unit};
use tillgate::pipeline::{
    Decider, Deciders, Division, Folded, InputRecord, Interrupt, JournalBatch, MessageSink, Model, NextTick,
    Restoring, State,
};
use tillgate::pos;
use xxhash_rust::xxh3::xxh3_64;

use super::world::Sim;
use crate::support::tally;

/// A planted mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// An abort does not undo the state.
    SkipUndo,
    /// Offsets are committed beside the transaction.
    OffsetsOutside,
    /// A restore leaves the last journal record out.
    RestoreShort,
    /// Refusals of a fenced producer or a member that was put out count as success.
    IgnoreFence,
    /// A producer that was disturbed goes on.
    BeginAgain,
    /// Outcomes are published beside the transaction.
    PublishOutside,
    /// Offsets are added without a look at the member's place in the group.
    ForgetMembership,
    /// A restore takes the group's offsets while a transaction holds some.
    UnstableOffsets,
    /// A complete rotation cuts the whole journal off.
    TrimTooMuch,
    /// A restore that is held up by positions waits until the broker gives their transaction up.
    FenceNobody,
    /// A standby's copy leaves the facts of some records out, and says that it has folded them.
    StandbyForgets,
    /// What account events tell contact decisions is left out now and then.
    LoseFact,
    /// A contact decision is sent twice now and then.
    DecideTwice,
    /// A standby's copy says that it has folded one record more than it has. Not a mistake that can do harm: a restore
    /// finds out.
    StandbyShort,
}

/// One record in so many is poison, where a run has poison.
const POISON_EVERY: u64 = 97;
/// One record in so many needs an answer of the registry.
const SCHEMA_EVERY: u64 = 5;

/// Whether the decision panics on these bytes, each time.
pub fn is_poison(value: Option<&[u8]>) -> bool {
    xxh3_64(value.unwrap_or_default()).is_multiple_of(POISON_EVERY)
}

/// A journal record as it is but for its changes; those of the other flows keep theirs.
pub fn without_facts(unit: Unit, record: &[u8]) -> Vec<u8> {
    let JournalRecord { head, changes: (changes, mut rest), entries } =
        read_record(record).expect("a record");
    let mut states = ByteWriter::default();
    if *unit.flow == pos::FLOW {
        for _ in 0..changes {
            read_change(&mut rest).expect("a change");
        }
        for _ in 0..entries {
            write_account(&mut states, &read_account(&mut rest).expect("an account"));
        }
    } else if *unit.flow != tally::FLOW {
        return record.to_vec();
    } else {
        let mut shops = tally::Tally::<tally::Now>::default().empty();
        shops.fold_changes(changes, &mut rest, true).expect("changes");
        shops = tally::Tally::<tally::Now>::default().empty();
        shops.fold_entries(entries, &mut rest).expect("entries");
        (0..entries as u32).for_each(|slot| shops.write_entry(slot, &mut states));
    }
    write_record(&head, (0, &[]), (entries, &states.0))
}

/// What goes wrong around the states of a process.
#[derive(Clone)]
pub struct Trouble {
    pub sim: Arc<Sim>,
    pub bug: Option<Bug>,
    pub poison: bool,
}

/// The real states, with their trouble.
pub struct Planted {
    pub real: Box<dyn Deciders>,
    pub trouble: Trouble,
}

impl Deciders for Planted {
    fn flow(&self) -> &'static Flow {
        self.real.flow()
    }

    fn restoring(&self, partition: PartitionId) -> Box<dyn Restoring> {
        let (real, trouble) = (self.real.restoring(partition), self.trouble.clone());
        Box::new(PlantedReading { real, trouble, last: None })
    }

    fn division(&self) -> Division {
        self.real.division()
    }

    fn check_last(&self, record: &[u8]) -> Result<(), String> {
        self.real.check_last(record)
    }
}

pub struct PlantedReading {
    real: Box<dyn Restoring>,
    trouble: Trouble,
    last: Option<Vec<u8>>,
}

impl Restoring for PlantedReading {
    fn on_record(&mut self, record: &[u8]) -> Result<(), String> {
        if self.trouble.bug != Some(Bug::RestoreShort) {
            return self.real.on_record(record);
        }
        match self.last.replace(record.to_vec()) {
            Some(before) => self.real.on_record(&before),
            None => Ok(()),
        }
    }

    fn writer(&self) -> Option<&str> {
        self.real.writer()
    }

    fn finish(self: Box<Self>) -> Result<Box<dyn Decider>, String> {
        Ok(Box::new(PlantedLive { real: self.real.finish()?, trouble: self.trouble }))
    }

    fn finish_as_it_is(self: Box<Self>) -> Result<Box<dyn Folded>, String> {
        self.real.finish_as_it_is()
    }
}

pub struct PlantedLive {
    real: Box<dyn Decider>,
    trouble: Trouble,
}

impl Decider for PlantedLive {
    fn on_record(&mut self, record: &InputRecord<'_>, sink: &mut dyn MessageSink) -> Result<(), Interrupt> {
        if self.trouble.poison && is_poison(record.value) {
            *self.trouble.sim.world().faults.entry("decision panicked").or_default() += 1;
            // As a panic, without a word on standard error.
            std::panic::resume_unwind(Box::new("poison"));
        }
        let needs_schema = xxh3_64(record.value.unwrap_or_default()).is_multiple_of(SCHEMA_EVERY);
        if needs_schema && self.trouble.sim.world().registry_is_down() {
            *self.trouble.sim.world().faults.entry("schema missing").or_default() += 1;
            return Err(Interrupt::NeedsSchema(SchemaRef::Id(1)));
        }
        self.real.on_record(record, sink)
    }

    fn read_at(&mut self, appended: Option<i64>) {
        self.real.read_at(appended);
    }

    fn next_tick(&self) -> Option<NextTick> {
        self.real.next_tick()
    }

    fn expect(&mut self, record: &InputRecord<'_>) {
        self.real.expect(record);
    }

    fn can_go_on(&self) -> bool {
        !self.trouble.sim.world().registry_is_down() && self.real.can_go_on()
    }

    fn on_failed_record(&mut self, record: &InputRecord<'_>, sink: &mut dyn MessageSink) {
        self.real.on_failed_record(record, sink);
    }

    fn end_batch(&mut self, sink: &mut dyn MessageSink) {
        self.real.end_batch(sink);
    }

    fn rotation_begins(&self) -> bool {
        self.real.rotation_begins()
    }

    fn journal(&mut self, writer: &str) -> JournalBatch {
        self.real.journal(writer)
    }

    fn committed(&mut self) {
        self.real.committed();
    }

    fn aborted(&mut self) {
        if self.trouble.bug == Some(Bug::SkipUndo) {
            // As the next batch would do after a commit: what was decided stays.
            return self.real.committed();
        }
        self.real.aborted();
    }

    fn positions(&self) -> Positions {
        self.real.positions()
    }

    fn entries(&self) -> usize {
        self.real.entries()
    }
}
