//! Avro: a writer's schema is compiled to a plan that reads its datums straight into our types; outcomes
//! and events are written as our own schemas have them. A schema comes from outside like any record: it never panics.
//!
//! Fields are matched by name, as Avro's schema resolution says; our schemas have no aliases. A record is
//! read without a value tree in between, its texts borrowed, so that decoding stays far below a microsecond.

mod account_event;
mod compile;
mod container;
mod container_reader;
mod decimal;
mod input;
mod leaves;
mod outcome;
mod plain;
mod plan;
mod pos_event;
mod recorded;
mod schema;
mod skip;
mod topic_record;
mod write;

pub use account_event::write_account_event;
pub use container::{Codec, Container};
pub use container_reader::{ContainerFault, ContainerReader};
pub use outcome::{OutcomeLayout, write_outcome, write_outcome_as};
pub use plain::PlainPlan;
pub use pos_event::write_pos_event;
pub use recorded::{outcome_evidence, outcome_fields, outcome_layout, outcome_place};
pub use topic_record::{TopicRecordLayout, take_topic_record, write_topic_record};
pub use write::Unwritable;

use super::account_event::LooseAccountEvent;
use super::fault::Read;
use super::{DecodeError, json};
use crate::domain::account_event::AccountEvent;
use crate::domain::pos_event::PosEvent;
use account_event::AccountField;
use apache_avro::rabin::Rabin;
use input::Input;
use plan::{Fields, RecordPlan};
use pos_event::EventField;
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

/// How values of one writer's schema are read as [`PosEvent`].
#[derive(Debug)]
pub struct PosEventPlan(Written<EventField>);

/// How values of one writer's schema are read as [`AccountEvent`].
#[derive(Debug)]
pub struct AccountEventPlan(Written<AccountField>);

impl PosEventPlan {
    /// Compiles a writer's schema.
    ///
    /// # Errors
    /// Where the text is no schema, or Avro's rules do not let it be read as ours: the reason, with the field.
    pub fn compile(writer: &str) -> Result<Self, String> {
        Plan::compile(writer).map(Written::Avro).map(Self)
    }

    /// For values that the registry says are JSON: the contract is held against them, not the writer's schema.
    #[must_use]
    pub fn of_json() -> Self {
        Self(Written::Json)
    }

    /// Reads one value, the whole of `value`.
    ///
    /// # Errors
    /// [`DecodeError::Fault`] with the field that the value broke in.
    pub fn read<'a>(&self, value: &'a [u8]) -> Result<PosEvent<'a>, DecodeError> {
        match &self.0 {
            Written::Avro(plan) => Ok(plan.read(value)?),
            Written::Json => json::read_pos_event(value),
        }
    }

    /// Bytes it takes in memory, at most.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.size()
    }
}

impl AccountEventPlan {
    /// Compiles a writer's schema.
    ///
    /// # Errors
    /// Where the text is no schema, or Avro's rules do not let it be read as ours: the reason, with the field.
    pub fn compile(writer: &str) -> Result<Self, String> {
        Plan::compile(writer).map(Written::Avro).map(Self)
    }

    /// For values that the registry says are JSON: the contract is held against them, not the writer's schema.
    #[must_use]
    pub fn of_json() -> Self {
        Self(Written::Json)
    }

    /// Reads one value, the whole of `value`.
    ///
    /// # Errors
    /// [`DecodeError::Fault`] with the field that the value broke in, or that the contract misses.
    pub fn read(&self, value: &[u8]) -> Result<AccountEvent, DecodeError> {
        match &self.0 {
            Written::Avro(plan) => {
                let event: LooseAccountEvent<'_> = plan.read(value)?;
                Ok(event.strict()?)
            }
            Written::Json => json::read_account_event(value),
        }
    }

    /// Bytes it takes in memory, at most.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.size()
    }
}

/// What stands behind a schema's id.
#[derive(Debug)]
enum Written<F> {
    Avro(Plan<F>),
    Json,
}

impl<F> Written<F> {
    fn size(&self) -> usize {
        match self {
            Self::Avro(plan) => plan.size,
            Self::Json => 0,
        }
    }
}

#[derive(Debug)]
struct Plan<F> {
    record: RecordPlan<F>,
    /// Of the writer's types, for what is passed over.
    shapes: Box<[Skip]>,
    size: usize,
}

/// What a type, field, branch or symbol of a schema takes in a plan at most, bytes, its own text apart.
const PART_BYTES_MAX: usize = 256;

impl<F: Fields> Plan<F> {
    fn compile(writer: &str) -> Result<Self, String> {
        let schema = WriterSchema::read(writer)?;
        let record = compile::record(&schema, schema.root()).map_err(|fault| {
            format!("the writer's schema cannot be read as {}: {}", F::NAME, fault.to_text())
        })?;
        let size = writer.len() + PART_BYTES_MAX * schema.parts();
        Ok(Self { record, shapes: schema.shapes(), size })
    }

    #[inline]
    fn read<'a>(&self, datum: &'a [u8]) -> Read<F::Record<'a>> {
        let mut input = Input::new(datum, &self.shapes);
        let mut record = F::Record::default();
        self.record.read_into(&mut input, &mut record)?;
        input.end()?;
        Ok(record)
    }
}
