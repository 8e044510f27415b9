//! Shared profiles without a cluster, for files: what one decision saw, the next one knows. Everything is in one partition,
//! and decided by the same model as in a cluster.

use super::board::Board;
use super::key::ProfileKey;
use super::model::Profiles;
use super::record::ReferenceRecord;
use super::topics::{OBSERVATIONS, PROFILE_RECORDS};
use crate::domain::PartitionId;
use crate::pipeline::{DecisionSink, Division, InputRecord, Latest, Outbound, Partition, PartitionSettings};

/// Profiles of one process.
#[derive(Debug)]
pub struct OfflineProfiles {
    board: Board,
    partition: Partition<Profiles>,
}

/// What comes of a record besides profiles.
#[derive(Default)]
struct OfflineLetter(Option<String>);

impl DecisionSink<Profiles> for OfflineLetter {
    fn send(&mut self, (): &(), _outbound: &Outbound<'_>) {}

    fn dead_letter(&mut self, _record: &InputRecord<'_>, code: &'static str, message: &str) {
        self.0.get_or_insert_with(|| format!("{code} {message}"));
    }
}

impl OfflineProfiles {
    /// None yet. Of a terminal so many of the accounts that used it last are known.
    #[must_use]
    pub fn new(terminal_accounts: usize) -> Self {
        let model = Profiles::new(terminal_accounts, Division::UNDIVIDED);
        let settings = PartitionSettings::unjournalled(Division::UNDIVIDED);
        Self { board: Board::default(), partition: Partition::of(model, PartitionId::new(0), settings) }
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
    pub fn list(&mut self, key: ProfileKey, record: Option<&ReferenceRecord>) -> Result<(), String> {
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
        let Self { board, partition } = self;
        let offset = partition.positions()[input].unwrap_or(0);
        let mut letter = OfflineLetter::default();
        let taken = partition.on_record((), &InputRecord::of_line(input, offset, key, value), &mut letter);
        taken.map_err(|interrupt| interrupt.to_string())?;
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
