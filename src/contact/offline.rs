//! Contact decisions without a cluster, by the same model as in one: of files, where everything is in one partition, and of
//! recorded partitions.

use super::decision::ContactDecision;
use super::model::Contacts;
use super::rules::Rules;
use super::topics::INPUTS;
use crate::codec::{KnownSchemas, Schemas};
use crate::domain::PartitionId;
use crate::domain::hashing::Seed;
use crate::pipeline::{
    DecisionSink, Division, InputRecord, Interrupt, Outbound, Partition, PartitionSettings,
};
use std::sync::{Arc, LazyLock};

/// A partition of contact decisions whose journal nobody keeps.
#[derive(Debug)]
pub struct OfflineContacts(Partition<Contacts>);

/// What comes of a record.
#[derive(Debug, Default)]
pub struct ContactAnswer {
    /// A decision, as its record has it.
    pub decision: Option<Vec<u8>>,
    /// Why the record could not be used.
    pub dead_letter: Option<String>,
}

impl DecisionSink<Contacts> for ContactAnswer {
    fn send(&mut self, _: &ContactDecision<'_>, outbound: &Outbound<'_>) {
        self.decision = outbound.value.map(<[u8]>::to_vec);
    }

    fn dead_letter(&mut self, _record: &InputRecord<'_>, code: &'static str, message: &str) {
        self.dead_letter.get_or_insert_with(|| format!("{code} {message}"));
    }
}

impl OfflineContacts {
    /// Nobody is known yet. `topics` are those of the inputs, as decisions name them.
    #[must_use]
    pub fn new(rules: Arc<Rules>, topics: [String; INPUTS], seed: Seed) -> Self {
        Self::of((PartitionId::new(0), Division::UNDIVIDED), rules, topics, seed)
    }

    /// The same of one partition, where keys are divided up among several.
    #[must_use]
    pub fn of(
        (partition, division): (PartitionId, Division),
        rules: Arc<Rules>,
        topics: [String; INPUTS],
        seed: Seed,
    ) -> Self {
        let model = Contacts::new(rules, topics, seed);
        Self(Partition::of(model, partition, PartitionSettings::unjournalled(division)))
    }

    /// Takes a line of an input in, with the key that its record would have.
    ///
    /// # Errors
    /// The state broke: a defect of the program.
    pub fn take(&mut self, input: usize, key: &str, value: &[u8]) -> Result<ContactAnswer, String> {
        let offset = self.0.positions()[input].unwrap_or(0);
        let record = InputRecord::of_line(input, offset, key.as_bytes(), Some(value));
        self.take_record((), &record).map_err(|interrupt| interrupt.to_string())
    }

    /// Takes a record in.
    ///
    /// # Errors
    /// Its schema has yet to come; the state broke: a defect of the program.
    pub fn take_record<'o>(
        &mut self,
        schemas: impl Into<&'o dyn Schemas>,
        record: &InputRecord<'_>,
    ) -> Result<ContactAnswer, Interrupt> {
        let mut answer = ContactAnswer::default();
        self.0.on_record(schemas, record, &mut answer)?;
        self.0.committed();
        Ok(answer)
    }

    /// Takes a record in that was given up because the program failed on it.
    pub fn give_up(&mut self, record: &InputRecord<'_>) -> ContactAnswer {
        let mut answer = ContactAnswer::default();
        self.0.on_failed_record(record, &mut answer);
        self.0.committed();
        answer
    }
}

/// Our own schemas, for whoever has no registry.
static OWN: LazyLock<KnownSchemas> = LazyLock::new(|| KnownSchemas::new().unwrap_or_default());

impl From<()> for &dyn Schemas {
    fn from((): ()) -> Self {
        &*OWN
    }
}
