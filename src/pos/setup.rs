//! What the partitions of this flow are made of, and where live ones get their schemas.

use super::{Input, OutcomeEncoding, Outside, Pos, ProfileSource};
use crate::codec::{LiveSchemas, SchemaLookup, SchemaRef, Schemas, schema_of};
use crate::domain::hashing::Seed;
use crate::domain::partitioner::Partitioner;
use crate::engine::Engine;
use crate::pipeline::{Blueprint, Division, InputRecord, PartitionSettings, Surroundings};
use crate::profiles::Board;
use std::sync::Arc;
use std::time::Duration;

/// What a partition needs to know besides the engine.
#[derive(Clone, Debug)]
pub struct PartitionOptions {
    /// Names of the input topics (POS events, account events, ticks), as outcomes give them.
    pub topics: [String; 3],
    /// How outcomes are encoded.
    pub encoding: OutcomeEncoding,
    /// One account's full state goes into the journal per so many consumed records.
    pub checkpoint_events_per_account: u32,
    /// Records from the beginning of one checkpoint rotation to that of the next, at least.
    pub rotation_events_min: u32,
    /// Longest journal record, bytes.
    pub journal_record_bytes_max: usize,
    /// How many partitions the inputs have, as the journal says it; 0: not known, and no key is judged.
    pub input_partitions: u32,
    /// How senders divide keys up among them. A record whose key belongs elsewhere is not decided.
    pub partitioner: Partitioner,
    /// How shared profiles are divided up among their partitions; none: there are none.
    pub profiles: Option<Division>,
    /// How persons are divided up among the partitions of contact decisions; none: there are none.
    pub parties: Option<Division>,
    /// For the account table alone; nothing that comes out depends on it.
    pub table_seed: Seed,
}

impl PartitionOptions {
    /// For partitions of which nobody writes a journal, and which tell no other flow anything.
    #[must_use]
    pub fn unjournalled(
        topics: [String; 3],
        encoding: OutcomeEncoding,
        division: Division,
        table_seed: Seed,
    ) -> Self {
        Self {
            topics,
            encoding,
            checkpoint_events_per_account: u32::MAX,
            rotation_events_min: u32::MAX,
            journal_record_bytes_max: usize::MAX,
            input_partitions: division.partitions,
            partitioner: division.partitioner,
            profiles: None,
            parties: None,
            table_seed,
        }
    }

    /// By what keys belong on partitions.
    #[must_use]
    pub fn division(&self) -> Division {
        Division { partitioner: self.partitioner, partitions: self.input_partitions }
    }

    /// What every flow needs of it.
    #[must_use]
    pub fn settings(&self) -> PartitionSettings {
        PartitionSettings {
            checkpoint_records_per_entry: self.checkpoint_events_per_account,
            rotation_records_min: self.rotation_events_min,
            journal_record_bytes_max: self.journal_record_bytes_max,
            division: self.division(),
        }
    }
}

/// Makes the parts of partitions.
pub struct Setup {
    engine: Arc<Engine>,
    options: PartitionOptions,
    schemas: Arc<dyn Schemas + Send + Sync>,
    profiles: Option<Arc<Board>>,
    unknown_ids_max: usize,
}

impl Setup {
    /// With this engine, these options, and the schemas that are known.
    #[must_use]
    pub fn new(
        engine: Arc<Engine>,
        options: PartitionOptions,
        schemas: Arc<dyn Schemas + Send + Sync>,
    ) -> Self {
        Self { engine, options, schemas, profiles: None, unknown_ids_max: usize::MAX }
    }

    /// With the shared profiles as this process has read them.
    #[must_use]
    pub fn reading(mut self, profiles: Option<Arc<Board>>) -> Self {
        self.profiles = profiles;
        self
    }

    /// With a bound on how many unknown schema ids a partition asks for within a minute.
    #[must_use]
    pub fn asking_for_unknown_ids(mut self, most: usize) -> Self {
        self.unknown_ids_max = most;
        self
    }
}

impl Blueprint for Setup {
    type Model = Pos;
    type Surroundings = LiveOutside;

    fn model(&self) -> Pos {
        Pos::new(Arc::clone(&self.engine), self.options.clone())
    }

    fn settings(&self) -> PartitionSettings {
        self.options.settings()
    }

    fn surroundings(&self) -> LiveOutside {
        let schemas = LiveSchemas::new(Arc::clone(&self.schemas), self.unknown_ids_max);
        LiveOutside { schemas, profiles: self.profiles.clone() }
    }
}

/// What a live partition takes from outside.
pub struct LiveOutside {
    schemas: LiveSchemas,
    profiles: Option<Arc<Board>>,
}

impl Surroundings<Pos> for LiveOutside {
    fn batch_begins(&mut self, now: Duration) {
        self.schemas.batch_begins(now);
    }

    fn with<T>(&mut self, after_a_wait: bool, decide: impl FnOnce(Outside<'_>) -> T) -> T {
        let profiles = self.profiles.as_deref().map(|board| board as &dyn ProfileSource);
        self.schemas.with(after_a_wait, |schemas| decide(Outside { schemas, profiles }))
    }

    fn expect(&mut self, record: &InputRecord<'_>) {
        let Some(schema) = schema_of(record.value.unwrap_or_default(), record.schema_guid) else { return };
        // Asking is all that is wanted.
        let _ = is_answered(&self.schemas.sparing(), record.input, &schema);
    }

    fn has(&self, input: usize, schema: &SchemaRef) -> bool {
        is_answered(self.schemas.unbounded(), input, schema)
    }
}

/// Whether it is known what a schema is, or that there is none; asks for it where it is not.
fn is_answered(schemas: &dyn Schemas, input: usize, schema: &SchemaRef) -> bool {
    match Input::at(input) {
        Input::PosEvents => !matches!(schemas.pos_event(schema), SchemaLookup::Waiting),
        Input::AccountEvents => !matches!(schemas.account_event(schema), SchemaLookup::Waiting),
        Input::Ticks => true,
    }
}
