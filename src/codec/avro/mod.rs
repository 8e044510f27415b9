//! Avro: a writer's schema is compiled to a plan that reads its datums straight into our types; outcomes
//! and events are written as our own schemas have them. A schema comes from outside like any record: it never panics.
//!
//! Fields are matched by name, as Avro's schema resolution says; our schemas have no aliases. A record is
//! read without a value tree in between, its texts borrowed, so that decoding stays far below a microsecond.

pub(super) mod compile;
mod container;
mod container_reader;
pub(super) mod datum;
mod decimal;
pub(super) mod leaves;
mod outcome;
mod plain;
pub(super) mod plan;
mod recorded;
pub(super) mod schema;
mod skip;
mod topic_record;
pub(super) mod write;

pub use container::{Codec, Container};
pub use container_reader::{ContainerFault, ContainerReader};
pub use outcome::{OutcomeLayout, write_outcome, write_outcome_as};
pub use plain::PlainPlan;
pub use recorded::{outcome_evidence, outcome_fields, outcome_layout, outcome_place};
pub use topic_record::{TopicRecordLayout, take_topic_record, write_topic_record};
pub use write::Unwritable;

use super::account_event::{AccountEventFields, LooseAccountEvent};
use super::fault::Read;
use super::pos_event::PosEventFields;
use super::record::RecordFields;
use super::{DecodeError, json};
use crate::domain::account_event::AccountEvent;
use crate::domain::pos_event::PosEvent;
use apache_avro::rabin::Rabin;
use datum::DatumReader;
use leaves::Leaf;
use plan::RecordPlan;
use schema::WriterSchema;
use skip::Skip;

/// Our schema of POS events.
pub const POS_EVENT_SCHEMA: &str = include_str!("../../../schemas/pos_event.avsc");
/// Our schema of account events.
pub const ACCOUNT_EVENT_SCHEMA: &str = include_str!("../../../schemas/account_event.avsc");
/// Our schema of outcomes; what a registry gets.
pub const POS_OUTCOME_SCHEMA: &str = include_str!("../../../schemas/pos_outcome.avsc");

/// Our schemas of interactions, contact requests and party records.
pub const CONTACT_SCHEMAS: [&str; 3] = [
    include_str!("../../../schemas/interaction.avsc"),
    include_str!("../../../schemas/contact_request.avsc"),
    include_str!("../../../schemas/party_record.avsc"),
];

/// The first versions of the three, in the same order: what releases before `correctsTransactionId` and `detail` wrote.
pub const FIRST_SCHEMAS: [&str; 3] = [
    include_str!("../../../schemas/pos_event_1.avsc"),
    include_str!("../../../schemas/account_event_1.avsc"),
    include_str!("../../../schemas/pos_outcome_1.avsc"),
];

/// Our schema of archived records.
pub const TOPIC_RECORD_SCHEMA: &str = include_str!("../../../schemas/topic_record.avsc");
/// Its first version, which exports of before have.
pub const TOPIC_RECORD_SCHEMA_1: &str = include_str!("../../../schemas/topic_record_1.avsc");

/// CRC-64-AVRO of the canonical form of a schema of ours, as single-object encoding carries it.
///
/// # Errors
/// Where the text is no Avro schema: the reason.
pub fn fingerprint(schema: &str) -> Result<u64, String> {
    let schema =
        apache_avro::Schema::parse_str(schema).map_err(|error| format!("no Avro schema: {error}"))?;
    let bytes = schema.fingerprint::<Rabin>().bytes;
    bytes.try_into().map(u64::from_le_bytes).map_err(|_| "the fingerprint has not 8 bytes".to_owned())
}

/// Appends `event` as a datum of `schemas/pos_event.avsc`.
///
/// # Errors
/// Where the schema has no place for the event: a required field is absent, a decimal has more digits
/// than its scale, a value is none. A symbol that the contract does not have is written as `Unrecognized`.
pub fn write_pos_event(event: &PosEvent<'_>, out: &mut Vec<u8>) -> Result<(), Unwritable> {
    PosEventFields::write(event, out)
}

/// Appends `event` as a datum of `schemas/account_event.avsc`.
///
/// # Errors
/// Where `created_at` is absent: the schema requires it.
pub fn write_account_event(event: &AccountEvent, out: &mut Vec<u8>) -> Result<(), Unwritable> {
    AccountEventFields::write(&LooseAccountEvent::of(event), out)
}

/// How values of one writer's schema are read as the record that these fields fill.
#[derive(Debug)]
pub struct EventPlan<F>(ValueFormat<F>);

/// How values of one writer's schema are read as [`PosEvent`].
pub type PosEventPlan = EventPlan<PosEventFields>;
/// How values of one writer's schema are read as [`AccountEvent`].
pub type AccountEventPlan = EventPlan<AccountEventFields>;

/// What stands behind a schema's id.
#[derive(Debug)]
enum ValueFormat<F> {
    Avro {
        record: RecordPlan<F>,
        /// Of the writer's types, for what is passed over.
        shapes: Box<[Skip]>,
        size: usize,
    },
    Json,
}

impl<F: RecordFields> EventPlan<F> {
    /// Compiles a writer's schema.
    ///
    /// # Errors
    /// Where the text is no schema, or Avro's rules do not let it be read as ours: the reason, with the field.
    pub fn compile(writer: &str) -> Result<Self, String> {
        /// What a type, field, branch or symbol of a schema takes in a plan at most, bytes, its own text apart.
        const PART_BYTES_MAX: usize = 256;
        let schema = WriterSchema::read(writer)?;
        let record = RecordPlan::compile(&schema, schema.root()).map_err(|fault| {
            format!("the writer's schema cannot be read as {}: {}", F::NAME, fault.to_text())
        })?;
        let size = writer.len() + PART_BYTES_MAX * schema.parts();
        Ok(Self(ValueFormat::Avro { record, shapes: schema.shapes(), size }))
    }

    /// For values that the registry says are JSON: the contract is held against them, not the writer's schema.
    #[must_use]
    pub fn of_json() -> Self {
        Self(ValueFormat::Json)
    }

    /// Bytes it takes in memory, at most.
    #[must_use]
    pub fn size(&self) -> usize {
        match &self.0 {
            ValueFormat::Avro { size, .. } => *size,
            ValueFormat::Json => 0,
        }
    }

    #[inline]
    fn record<'a>(&self, value: &'a [u8]) -> Read<F::Record<'a>> {
        match &self.0 {
            ValueFormat::Avro { record: plan, shapes, .. } => {
                let mut reader = DatumReader::new(value, shapes);
                let mut record = F::Record::default();
                plan.read_into(&mut reader, &mut record)?;
                reader.end()?;
                Ok(record)
            }
            ValueFormat::Json => json::read_record::<F>(value),
        }
    }
}

impl PosEventPlan {
    /// Reads one value, the whole of `value`.
    ///
    /// # Errors
    /// [`DecodeError::Fault`] with the field that the value broke in.
    pub fn read<'a>(&self, value: &'a [u8]) -> Result<PosEvent<'a>, DecodeError> {
        Ok(self.record(value)?)
    }
}

impl AccountEventPlan {
    /// Reads one value, the whole of `value`.
    ///
    /// # Errors
    /// [`DecodeError::Fault`] with the field that the value broke in, or that the contract misses.
    pub fn read(&self, value: &[u8]) -> Result<AccountEvent, DecodeError> {
        Ok(self.record(value)?.strict()?)
    }
}
