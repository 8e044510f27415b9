//! Contact decisions without a cluster, by the same model as in one: of files, where everything is in one partition, and of
//! recorded partitions.

use super::decision::Decision;
use super::model::Contacts;
use super::outside::Outside;
use super::rules::Rules;
use super::topics::INPUTS;
use crate::domain::PartitionId;
use crate::domain::hashing::Seed;
use crate::domain::partitioner::Partitioner;
use crate::domain::record::RecordTime;
use crate::pipeline::{
    DecisionSink, Division, InputRecord, Interrupt, Outbound, Partition, PartitionSettings,
};
use std::sync::Arc;

/// Decides the lines of files.
#[derive(Debug)]
pub struct Local {
    partition: Partition<Contacts>,
    /// The next offset of each input.
    next: [i64; INPUTS],
}

/// What comes of a line.
#[derive(Debug, Default)]
pub struct Came {
    /// A decision, as its record has it.
    pub decision: Option<Vec<u8>>,
    /// Why the line could not be used.
    pub dead_letter: Option<String>,
}

impl DecisionSink<Contacts> for Came {
    fn send(&mut self, _: &Decision<'_>, outbound: &Outbound<'_>) {
        self.decision = outbound.value.map(<[u8]>::to_vec);
    }

    fn dead_letter(&mut self, _record: &InputRecord<'_>, code: &'static str, message: &str) {
        self.dead_letter.get_or_insert_with(|| format!("{code} {message}"));
    }
}

impl Local {
    /// Nobody is known yet. `topics` are those of the inputs, as decisions name them.
    #[must_use]
    pub fn new(rules: Arc<Rules>, topics: [String; INPUTS], seed: Seed) -> Self {
        let division = Division { partitioner: Partitioner::Murmur2, partitions: 1 };
        Self::of((PartitionId::new(0), division), rules, topics, seed)
    }

    /// The same of one partition, where keys are divided up among several.
    #[must_use]
    pub fn of(
        (partition, division): (PartitionId, Division),
        rules: Arc<Rules>,
        topics: [String; INPUTS],
        seed: Seed,
    ) -> Self {
        let settings = PartitionSettings {
            checkpoint_records_per_entry: u32::MAX,
            rotation_records_min: u32::MAX,
            journal_record_bytes_max: usize::MAX,
            division,
        };
        Self {
            partition: Partition::of(Contacts::new(rules, topics, seed), partition, settings),
            next: [0; INPUTS],
        }
    }

    /// Takes a line of an input in, with the key that its record would have.
    ///
    /// # Errors
    /// The state broke: a defect of the program.
    pub fn take(&mut self, input: usize, key: &str, value: &[u8]) -> Result<Came, String> {
        let record = InputRecord {
            input,
            partition: PartitionId::new(0),
            offset: self.next[input],
            timestamp_millis: -1,
            time: RecordTime::Line,
            key: Some(key.as_bytes()),
            value: Some(value),
            schema_guid: None,
            request_id: None,
        };
        self.next[input] += 1;
        self.take_record((), &record).map_err(|interrupt| interrupt.to_string())
    }

    /// Takes a record in.
    ///
    /// # Errors
    /// Its schema has yet to come; the state broke: a defect of the program.
    pub fn take_record<'o>(
        &mut self,
        schemas: impl Into<Outside<'o>>,
        record: &InputRecord<'_>,
    ) -> Result<Came, Interrupt> {
        let mut came = Came::default();
        self.partition.on_record(schemas, record, &mut came)?;
        self.partition.committed();
        Ok(came)
    }

    /// Takes a record in that was given up because the program failed on it.
    pub fn give_up(&mut self, record: &InputRecord<'_>) -> Came {
        let mut came = Came::default();
        self.partition.on_failed_record(record, &mut came);
        self.partition.committed();
        came
    }
}
