//! What the partitions of this flow are made of, and where live ones get their schemas.

use super::model::Contacts;
use super::outside::Outside;
use super::rules::Rules;
use super::topics::INPUTS;
use crate::codec::{SchemaLookup, SchemaRef, Schemas, Sparing, UnknownIds, schema_of};
use crate::domain::hashing::Seed;
use crate::pipeline::{Blueprint, InRecord, PartitionSettings, Surroundings};
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
        let schemas = Arc::clone(&self.schemas);
        LiveSchemas { schemas, unknown: UnknownIds::new(self.unknown_ids_max), now: Duration::ZERO }
    }
}

/// The schemas of a live partition, which asks for no more unknown ones than it may.
pub struct LiveSchemas {
    schemas: Arc<dyn Schemas + Send + Sync>,
    /// Ids that nobody knew, of late.
    unknown: UnknownIds,
    /// The time of the batch.
    now: Duration,
}

impl Surroundings<Contacts> for LiveSchemas {
    fn batch_begins(&mut self, now: Duration) {
        self.now = now;
        self.unknown.forget(now);
    }

    fn with<T>(&mut self, after_a_wait: bool, decide: impl FnOnce(Outside<'_>) -> T) -> T {
        // Only after a wait can an id have turned out to be unknown.
        if after_a_wait || !self.unknown.is_empty() {
            let sparing = Sparing::new(&*self.schemas, &mut self.unknown, self.now);
            return decide(Outside::from(&sparing as &dyn Schemas));
        }
        decide(Outside::from(&*self.schemas as &dyn Schemas))
    }

    fn expect(&mut self, record: &InRecord<'_>) {
        let Some(schema) = schema_of(record.value.unwrap_or_default(), record.schema_guid) else { return };
        let schemas = Sparing::new(&*self.schemas, &mut self.unknown, self.now);
        // Asking is all that is wanted.
        let _ = schemas.plain(&schema);
    }

    fn has(&self, _input: usize, schema: &SchemaRef) -> bool {
        !matches!(self.schemas.plain(schema), SchemaLookup::Waiting)
    }
}
