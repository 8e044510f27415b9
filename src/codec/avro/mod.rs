//! Avro: a writer's schema is compiled to a plan that reads its datums straight into our types; outcomes
//! and events are written as our own schemas have them.
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
mod plan;
mod pos_event;
mod recorded;
mod skip;
mod topic_record;
mod write;

pub use account_event::write_account_event;
pub use container::{Codec, Container};
pub use container_reader::{ContainerFault, ContainerReader};
pub use outcome::write_outcome;
pub use pos_event::write_pos_event;
pub use recorded::{outcome_fields, outcome_place};
pub use topic_record::{TopicRecordLayout, take_topic_record, write_topic_record};
pub use write::Unwritable;

use super::DecodeError;
use super::account_event::LooseAccountEvent;
use super::fault::Read;
use crate::domain::account_event::AccountEvent;
use crate::domain::pos_event::PosEvent;
use account_event::AccountField;
use apache_avro::Schema;
use apache_avro::rabin::Rabin;
use apache_avro::schema::ResolvedSchema;
use compile::{Compiler, mismatch};
use input::Input;
use plan::{Fields, RecordPlan};
use pos_event::EventField;
use skip::Skip;

/// Our schema of POS events.
pub const POS_EVENT_SCHEMA: &str = include_str!("../../../schemas/pos_event.avsc");
/// Our schema of account events.
pub const ACCOUNT_EVENT_SCHEMA: &str = include_str!("../../../schemas/account_event.avsc");
/// Our schema of outcomes; what a registry gets.
pub const POS_OUTCOME_SCHEMA: &str = include_str!("../../../schemas/pos_outcome.avsc");

/// Our schema of archived records.
pub const TOPIC_RECORD_SCHEMA: &str = include_str!("../../../schemas/topic_record.avsc");
/// Its first version, which exports of before have.
pub const TOPIC_RECORD_SCHEMA_1: &str = include_str!("../../../schemas/topic_record_1.avsc");

/// CRC-64-AVRO of a schema's canonical form, as single-object encoding carries it.
///
/// # Errors
/// Where the text is no Avro schema: the reason.
pub fn fingerprint(schema: &str) -> Result<u64, String> {
    let schema = parse(schema)?;
    let bytes = schema.fingerprint::<Rabin>().bytes;
    bytes.try_into().map(u64::from_le_bytes).map_err(|_| "the fingerprint has not 8 bytes".to_owned())
}

/// How datums of one writer's schema are read as [`PosEvent`].
#[derive(Debug)]
pub struct PosEventPlan(Plan<EventField>);

/// How datums of one writer's schema are read as [`AccountEvent`].
#[derive(Debug)]
pub struct AccountEventPlan(Plan<AccountField>);

impl PosEventPlan {
    /// Compiles a writer's schema.
    ///
    /// # Errors
    /// Where the text is no schema, or Avro's rules do not let it be read as ours: the reason, with the field.
    pub fn compile(writer: &str) -> Result<Self, String> {
        Plan::compile(writer).map(Self)
    }

    /// Reads one datum, the whole of `datum`.
    ///
    /// # Errors
    /// [`DecodeError::Fault`] with the field that the datum broke in.
    pub fn read<'a>(&self, datum: &'a [u8]) -> Result<PosEvent<'a>, DecodeError> {
        Ok(self.0.read(datum)?)
    }
}

impl AccountEventPlan {
    /// Compiles a writer's schema.
    ///
    /// # Errors
    /// Where the text is no schema, or Avro's rules do not let it be read as ours: the reason, with the field.
    pub fn compile(writer: &str) -> Result<Self, String> {
        Plan::compile(writer).map(Self)
    }

    /// Reads one datum, the whole of `datum`.
    ///
    /// # Errors
    /// [`DecodeError::Fault`] with the field that the datum broke in, or that the contract misses.
    pub fn read(&self, datum: &[u8]) -> Result<AccountEvent, DecodeError> {
        let event: LooseAccountEvent<'_> = self.0.read(datum)?;
        Ok(event.strict()?)
    }
}

#[derive(Debug)]
struct Plan<F> {
    record: RecordPlan<F>,
    /// Named types that are passed over.
    named: Box<[Skip]>,
}

impl<F: Fields> Plan<F> {
    fn compile(writer: &str) -> Result<Self, String> {
        let schema = parse(writer)?;
        let resolved = ResolvedSchema::new(&schema).map_err(|error| format!("no Avro schema: {error}"))?;
        let mut compiler = Compiler::new(resolved.get_names());
        let record = match &schema {
            Schema::Record(record) => RecordPlan::compile(&mut compiler, record),
            other => Err(mismatch("a record", other)),
        };
        let record = record.map_err(|fault| {
            format!("the writer's schema cannot be read as {}: {}", F::NAME, fault.to_text())
        })?;
        Ok(Self { record, named: compiler.into_skips() })
    }

    #[inline]
    fn read<'a>(&self, datum: &'a [u8]) -> Read<F::Record<'a>> {
        let mut input = Input::new(datum, &self.named);
        let mut record = F::Record::default();
        self.record.read_into(&mut input, &mut record)?;
        input.end()?;
        Ok(record)
    }
}

fn parse(schema: &str) -> Result<Schema, String> {
    Schema::parse_str(schema).map_err(|error| format!("no Avro schema: {error}"))
}
