//! What the partitions of this flow are made of, and where live ones get their schemas.

use super::model::Contacts;
use super::rules::Rules;
use super::topics::INPUTS;
use crate::codec::{LiveSchemas, SchemaLookup, SchemaRef, Schemas, schema_of};
use crate::domain::hashing::Seed;
use crate::pipeline::{Blueprint, InputRecord, PartitionSettings, Surroundings};
use std::sync::Arc;
use std::time::Duration;

/// Makes the parts of the flow's units.
#[derive(Clone)]
pub struct Setup {
    /// How units are journalled and divided up.
    pub settings: PartitionSettings,
    /// What decides.
    pub rules: Arc<Rules>,
    /// Topics of the inputs, in their order.
    pub topics: [String; INPUTS],
    /// For looking persons up.
    pub seed: Seed,
    /// Writers' schemas.
    pub schemas: Arc<dyn Schemas + Send + Sync>,
    /// Unknown schema ids that a partition asks for within a minute.
    pub unknown_ids_max: usize,
}

impl Blueprint for Setup {
    type Model = Contacts;
    type Surroundings = LiveSchemas;

    fn model(&self) -> Contacts {
        Contacts::new(Arc::clone(&self.rules), self.topics.clone(), self.seed)
    }

    fn settings(&self) -> PartitionSettings {
        self.settings
    }

    fn surroundings(&self) -> LiveSchemas {
        LiveSchemas::new(Arc::clone(&self.schemas), self.unknown_ids_max)
    }
}

impl Surroundings<Contacts> for LiveSchemas {
    fn batch_begins(&mut self, now: Duration) {
        self.batch_begins(now);
    }

    fn with<T>(&mut self, after_a_wait: bool, decide: impl FnOnce(&dyn Schemas) -> T) -> T {
        self.with(after_a_wait, decide)
    }

    fn expect(&mut self, record: &InputRecord<'_>) {
        let Some(schema) = schema_of(record.value.unwrap_or_default(), record.schema_guid) else { return };
        // Asking is all that is wanted.
        let _ = self.sparing().plain(&schema);
    }

    fn has(&self, _input: usize, schema: &SchemaRef) -> bool {
        !matches!(self.unbounded().plain(schema), SchemaLookup::Waiting)
    }
}
