//! Where a decoder asks for a writer's schema. What is behind it (a registry, a list) is not known here.

use super::avro::{
    self, ACCOUNT_EVENT_SCHEMA, AccountEventPlan, CONTACT_SCHEMAS, FIRST_SCHEMAS, POS_EVENT_SCHEMA,
    PlainPlan, PosEventPlan,
};
use super::framing::SchemaRef;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Knows writers' schemas, compiled. Answers at once and never waits for anybody.
pub trait Schemas {
    /// The plan for POS events that were written with this schema.
    fn pos_event(&self, schema: &SchemaRef) -> SchemaLookup<Arc<PosEventPlan>>;
    /// The plan for account events that were written with this schema.
    fn account_event(&self, schema: &SchemaRef) -> SchemaLookup<Arc<AccountEventPlan>>;

    /// The plan for records of other flows that were written with this schema.
    fn plain(&self, schema: &SchemaRef) -> SchemaLookup<Arc<PlainPlan>>;

    /// Whether the answer is there or under way: asking then costs nobody anything.
    fn is_at_hand(&self, _schema: &SchemaRef, _kind: EventKind) -> bool {
        true
    }
}

/// Knows no schema, for a reason that was recorded when a record could not be read: what a registry said then is not asked
/// for again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoSchema(pub String);

impl Schemas for NoSchema {
    fn pos_event(&self, _: &SchemaRef) -> SchemaLookup<Arc<PosEventPlan>> {
        SchemaLookup::Unknown(self.0.clone())
    }

    fn account_event(&self, _: &SchemaRef) -> SchemaLookup<Arc<AccountEventPlan>> {
        SchemaLookup::Unknown(self.0.clone())
    }

    fn plain(&self, _: &SchemaRef) -> SchemaLookup<Arc<PlainPlan>> {
        SchemaLookup::Unknown(self.0.clone())
    }
}

/// What a schema is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// POS events.
    PosEvent,
    /// Account events.
    AccountEvent,
    /// Records of other flows.
    Plain,
}

/// What is known of a schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemaLookup<T> {
    /// Here it is.
    Known(T),
    /// There is none, or none that can be read as ours: the reason, for the dead letter.
    Unknown(String),
    /// Under way, or whoever knows it cannot be reached: ask again.
    Waiting,
}

/// The schemas that need no registry: our own by their fingerprints, and those that were added.
#[derive(Debug, Default)]
pub struct KnownSchemas {
    pos_event: BTreeMap<SchemaRef, Arc<PosEventPlan>>,
    account_event: BTreeMap<SchemaRef, Arc<AccountEventPlan>>,
    plain: BTreeMap<SchemaRef, Arc<PlainPlan>>,
}

impl KnownSchemas {
    /// Our own schemas, and their first versions.
    ///
    /// # Errors
    /// Where they are no schemas: a fault of the build.
    pub fn new() -> Result<Self, String> {
        let mut known = Self::default();
        let [first_pos_event, first_account_event, _] = FIRST_SCHEMAS;
        for schema in [first_pos_event, POS_EVENT_SCHEMA] {
            known.add_pos_event(SchemaRef::Fingerprint(avro::fingerprint(schema)?), schema)?;
        }
        for schema in [first_account_event, ACCOUNT_EVENT_SCHEMA] {
            known.add_account_event(SchemaRef::Fingerprint(avro::fingerprint(schema)?), schema)?;
        }
        for schema in CONTACT_SCHEMAS {
            let reference = SchemaRef::Fingerprint(avro::fingerprint(schema)?);
            known.plain.insert(reference, Arc::new(PlainPlan::compile(schema)?));
        }
        Ok(known)
    }

    /// Adds a writer's schema of POS events.
    ///
    /// # Errors
    /// Where it cannot be read as ours: the reason.
    pub fn add_pos_event(&mut self, reference: SchemaRef, schema: &str) -> Result<(), String> {
        self.pos_event.insert(reference, Arc::new(PosEventPlan::compile(schema)?));
        Ok(())
    }

    /// Adds a writer's schema of account events.
    ///
    /// # Errors
    /// Where it cannot be read as ours: the reason.
    pub fn add_account_event(&mut self, reference: SchemaRef, schema: &str) -> Result<(), String> {
        self.account_event.insert(reference, Arc::new(AccountEventPlan::compile(schema)?));
        Ok(())
    }
}

impl Schemas for KnownSchemas {
    fn pos_event(&self, schema: &SchemaRef) -> SchemaLookup<Arc<PosEventPlan>> {
        look_up(&self.pos_event, schema)
    }

    fn account_event(&self, schema: &SchemaRef) -> SchemaLookup<Arc<AccountEventPlan>> {
        look_up(&self.account_event, schema)
    }

    fn plain(&self, schema: &SchemaRef) -> SchemaLookup<Arc<PlainPlan>> {
        look_up(&self.plain, schema)
    }
}

fn look_up<T>(known: &BTreeMap<SchemaRef, Arc<T>>, schema: &SchemaRef) -> SchemaLookup<Arc<T>> {
    match known.get(schema) {
        Some(plan) => SchemaLookup::Known(Arc::clone(plan)),
        None => SchemaLookup::Unknown(format!("{schema} is not known here")),
    }
}
