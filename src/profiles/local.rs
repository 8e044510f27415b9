//! Shared profiles without a cluster, for files: what one decision saw, the next one knows. Everything is in one partition,
//! and decided by the same model as in a cluster.

use super::board::Board;
use super::key::Key;
use super::model::Profiles;
use super::record::ReferenceRecord;
use super::topics::{OBSERVATIONS, PROFILE_RECORDS};
use crate::domain::PartitionId;
use crate::domain::partitioner::Partitioner;
use crate::domain::record::RecordTime;
use crate::pipeline::{
    DecisionSink, Division, InputRecord, Interrupt, Latest, Outbound, Partition, PartitionSettings,
};

/// How observations for these are divided up: not at all.
pub const UNDIVIDED: Division = Division { partitioner: Partitioner::Murmur2, partitions: 1 };

/// Profiles of one process.
#[derive(Debug)]
pub struct Local {
    board: Board,
    partition: Partition<Profiles>,
    /// The next offset of each input.
    next: [i64; 2],
}

/// What comes of a record besides profiles.
#[derive(Default)]
struct Letter(Option<String>);

impl DecisionSink<Profiles> for Letter {
    fn send(&mut self, (): &(), _outbound: &Outbound<'_>) {}

    fn dead_letter(&mut self, _record: &InputRecord<'_>, code: &'static str, message: &str) {
        self.0.get_or_insert_with(|| format!("{code} {message}"));
    }
}

impl Local {
    /// None yet. Of a terminal so many of the accounts that used it last are known.
    #[must_use]
    pub fn new(terminal_accounts: usize) -> Self {
        let settings = PartitionSettings {
            checkpoint_records_per_entry: u32::MAX,
            rotation_records_min: u32::MAX,
            journal_record_bytes_max: usize::MAX,
            division: UNDIVIDED,
        };
        let partition =
            Partition::of(Profiles::new(terminal_accounts, UNDIVIDED), PartitionId::new(0), settings);
        Self { board: Board::default(), partition, next: [0; 2] }
    }

    /// The profiles as they are now.
    #[must_use]
    pub fn board(&self) -> &Board {
        &self.board
    }

    /// Takes a reference record in, or that there is none any more.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn list(&mut self, key: Key, record: Option<&ReferenceRecord>) -> Result<(), String> {
        let value = record.map(ReferenceRecord::json);
        self.take(PROFILE_RECORDS, key.text().as_bytes(), value.as_deref().map(str::as_bytes))
    }

    /// Takes in what decisions saw.
    ///
    /// # Errors
    /// The state broke: a defect of the program.
    pub fn observe(&mut self, observations: &[u8]) -> Result<(), String> {
        self.take(OBSERVATIONS, b"0", Some(observations))
    }

    fn take(&mut self, input: usize, key: &[u8], value: Option<&[u8]>) -> Result<(), String> {
        let record = InputRecord {
            input,
            partition: PartitionId::new(0),
            offset: self.next[input],
            timestamp_millis: -1,
            time: RecordTime::Line,
            key: Some(key),
            value,
            schema_guid: None,
            request_id: None,
        };
        self.next[input] += 1;
        let mut letter = Letter::default();
        let taken = self.partition.on_record((), &record, &mut letter);
        taken.map_err(|interrupt: Interrupt| interrupt.to_string())?;
        let Self { board, partition, .. } = self;
        let mut published = Ok(());
        partition.end_batch(&mut |outbound| {
            if let Err(why) = board.set(outbound.key, outbound.value) {
                published = Err(why);
            }
        });
        partition.committed();
        published.and(letter.0.map_or(Ok(()), Err))
    }
}
