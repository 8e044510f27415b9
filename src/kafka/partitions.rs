//! The pipeline as the worker loop sees it, and what its outcomes count as. Counts of a batch are published once it is
//! committed, so that a batch done again counts once.

use std::{sync::Arc, time::Duration};

use super::{
    decider::{Decider, Deciders, Division, InRecord, Input, Interrupted, JournalBatch, Restoring, Sink},
    misplaced::Astray,
};
use crate::{
    codec::{Answer, SchemaRef, Schemas, Sparing, UnknownIds, schema_of},
    domain::outcome::Outcome,
    engine::Engine,
    pipeline::{Interrupt, Misplaced, Output, Partition, PartitionOptions, Restore, check_record},
    telemetry,
};

/// Makes the pipelines of partitions.
pub struct Partitions {
    engine: Arc<Engine>,
    options: PartitionOptions,
    schemas: Arc<dyn Schemas + Send + Sync>,
    unknown_ids_max: usize,
}

impl Partitions {
    /// With this engine, these options, and the schemas that are known.
    #[must_use]
    pub fn new(
        engine: Arc<Engine>,
        options: PartitionOptions,
        schemas: Arc<dyn Schemas + Send + Sync>,
    ) -> Self {
        Self { engine, options, schemas, unknown_ids_max: usize::MAX }
    }

    /// With a bound on how many unknown schema ids a partition asks for within a minute.
    #[must_use]
    pub fn asking_for_unknown_ids(mut self, most: usize) -> Self {
        self.unknown_ids_max = most;
        self
    }
}

impl Deciders for Partitions {
    type Decider = Live;
    type Restoring = Reading;

    fn restoring(&self, partition: i32) -> Reading {
        let empty = Partition::new(Arc::clone(&self.engine), partition, self.options.clone());
        Reading {
            restore: Restore::new(empty),
            schemas: Arc::clone(&self.schemas),
            unknown_ids_max: self.unknown_ids_max,
        }
    }

    fn division(&self) -> Division {
        self.options.division()
    }

    fn check_last(&self, record: &[u8]) -> Result<(), String> {
        check_record(record, self.options.division()).map_err(|fault| fault.to_string())
    }
}

/// A partition that is read from its journal.
pub struct Reading {
    restore: Restore,
    schemas: Arc<dyn Schemas + Send + Sync>,
    unknown_ids_max: usize,
}

impl Reading {
    /// The state as the journal has it, whichever of its accounts stand elsewhere than their keys: to be looked at, never
    /// to be decided on.
    ///
    /// # Errors
    /// As [`Restoring::finish`], but for the partitioner.
    pub fn finish_as_it_is(self) -> Result<Partition, String> {
        self.restore.finish_as_it_is().map_err(|fault| fault.to_string())
    }
}

impl Restoring for Reading {
    type Decider = Live;

    fn on_record(&mut self, record: &[u8]) -> Result<(), String> {
        self.restore.on_record(record).map_err(|fault| fault.to_string())
    }

    fn accounts(&self) -> usize {
        self.restore.accounts()
    }

    fn writer(&self) -> Option<&str> {
        self.restore.last().map(|head| &*head.writer)
    }

    fn finish(self) -> Result<Live, String> {
        let partition = self.restore.finish().map_err(|fault| fault.to_string())?;
        Ok(Live {
            partition,
            schemas: self.schemas,
            waits_for: None,
            unknown: UnknownIds::new(self.unknown_ids_max),
            now: Duration::ZERO,
            counts: Counts::default(),
            astray: Astray::default(),
        })
    }
}

/// A partition that decides.
pub struct Live {
    partition: Partition,
    schemas: Arc<dyn Schemas + Send + Sync>,
    /// The schema that the last interrupted record waits for.
    waits_for: Option<(Input, SchemaRef)>,
    /// Ids that nobody knew, of late.
    unknown: UnknownIds,
    /// The time of the batch.
    now: Duration,
    counts: Counts,
    astray: Astray,
}

impl Live {
    /// The partition, to look at.
    #[must_use]
    pub fn partition(&self) -> &Partition {
        &self.partition
    }
}

/// Whether it is known what a schema is, or that there is none; asks for it where it is not.
fn is_answered(schemas: &dyn Schemas, input: Input, schema: &SchemaRef) -> bool {
    match input {
        Input::PosEvents => !matches!(schemas.pos_event(schema), Answer::Waiting),
        Input::AccountEvents => !matches!(schemas.account_event(schema), Answer::Waiting),
    }
}

impl Decider for Live {
    fn batch_begins(&mut self, now: Duration) {
        self.now = now;
        self.unknown.forget(now);
    }

    fn on_record(&mut self, record: &InRecord<'_>, sink: &mut dyn Sink) -> Result<(), Interrupted> {
        let mut out = Counting { counts: &mut self.counts, sink };
        let sparing;
        // Only after a wait can an id have turned out to be unknown.
        let schemas: &dyn Schemas = if self.waits_for.is_some() || !self.unknown.is_empty() {
            sparing = Sparing::new(&*self.schemas, &mut self.unknown, self.now);
            &sparing
        } else {
            &*self.schemas
        };
        let taken = self.partition.on_record(schemas, record, &mut out);
        if taken.is_ok() {
            self.waits_for = None;
        }
        taken.map_err(|interrupt| match interrupt {
            Interrupt::NeedsSchema(schema) => {
                self.waits_for = Some((record.input, schema));
                Interrupted::NeedsSchema
            }
            Interrupt::State(fault) => Interrupted::Broken(fault.to_string()),
        })
    }

    fn expect(&mut self, record: &InRecord<'_>) {
        let Some(schema) = schema_of(record.value.unwrap_or_default(), record.schema_guid) else { return };
        let schemas = Sparing::new(&*self.schemas, &mut self.unknown, self.now);
        // Asking is all that is wanted.
        let _ = is_answered(&schemas, record.input, &schema);
    }

    fn can_go_on(&self) -> bool {
        self.waits_for.is_none_or(|(input, schema)| is_answered(&*self.schemas, input, &schema))
    }

    fn on_condemned(&mut self, record: &InRecord<'_>, sink: &mut dyn Sink) {
        let mut out = Counting { counts: &mut self.counts, sink };
        self.partition.on_failed_record(record, &mut out);
    }

    fn rotation_begins(&self) -> bool {
        self.partition.rotation_begins()
    }

    fn journal(&mut self, writer: &str) -> JournalBatch {
        self.partition.journal(writer)
    }

    fn committed(&mut self) {
        self.partition.committed();
        self.counts.publish();
        self.astray.take(&mut self.counts.misplaced);
    }

    fn aborted(&mut self) {
        self.partition.aborted();
        self.counts.forget();
    }

    fn positions(&self) -> [Option<i64>; 2] {
        self.partition.positions()
    }

    fn accounts(&self) -> usize {
        self.partition.state().accounts().len()
    }

    fn warnings(&self) -> Vec<String> {
        let Division { partitioner, partitions } = self.partition.division();
        let strangers = self.partition.strangers();
        let strangers = (strangers > 0).then(|| {
            format!(
                "partition {}: at least {strangers} of its accounts belong on other partitions by topics.partitioner = \"{}\", so \
                 no event reaches them: `tillgate topics repartition --partitions {partitions} --dry-run` lists them",
                self.partition.number(),
                partitioner.name()
            )
        });
        self.astray.warning().into_iter().chain(strangers).collect()
    }
}

/// What a batch counts as. The lists stay as short as the catalogue.
#[derive(Default)]
struct Counts {
    verdicts: Vec<(&'static str, u64)>,
    codes: Vec<(&'static str, u64)>,
    dead_letters: Vec<(&'static str, u64)>,
    misplaced: Astray,
}

fn count(counts: &mut Vec<(&'static str, u64)>, name: &'static str) {
    match counts.iter_mut().find(|(found, _)| *found == name) {
        Some((_, count)) => *count += 1,
        None => counts.push((name, 1)),
    }
}

impl Counts {
    fn publish(&mut self) {
        self.verdicts.drain(..).for_each(|(name, count)| telemetry::events(name, count));
        self.codes.drain(..).for_each(|(code, count)| telemetry::messages(code, count));
        self.dead_letters.drain(..).for_each(|(code, count)| telemetry::dead_letters(code, count));
    }

    fn forget(&mut self) {
        self.verdicts.clear();
        self.codes.clear();
        self.dead_letters.clear();
        self.misplaced = Astray::default();
    }
}

/// Counts on the way to the sink.
struct Counting<'a> {
    counts: &'a mut Counts,
    sink: &'a mut dyn Sink,
}

impl Output for Counting<'_> {
    fn outcome(&mut self, outcome: &Outcome<'_>, key: &[u8], value: &[u8]) {
        count(&mut self.counts.verdicts, outcome.verdict.symbol());
        for message in &outcome.messages {
            count(&mut self.counts.codes, message.code);
        }
        self.sink.outcome(key, value);
    }

    fn dead_letter(&mut self, record: &InRecord<'_>, code: &'static str, message: &str) {
        count(&mut self.counts.dead_letters, code);
        self.sink.dead_letter(record, code, message);
    }

    fn misplaced(&mut self, record: &InRecord<'_>, misplaced: &Misplaced) {
        self.counts.misplaced.add(record.input, record.offset, misplaced);
    }
}
