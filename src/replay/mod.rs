//! Recorded inputs through the same pipeline as live ones: event files or recorded topics in, outcomes out, and what changed
//! (`check`); recorded topics decided again as they were and compared byte by byte (`verify`).
//!
//! No Kafka here, and nothing that `run` does not do too: what a file run answers is what the
//! stream would have answered.

mod begin;
mod changes;
mod check;
mod chunk;
mod compare;
mod contact;
mod course;
mod differing;
mod inputs;
mod journal;
mod letters;
mod lines;
mod merge;
mod order;
mod outcomes;
mod replies;
mod report;
mod rulebook;
mod source;
mod state;
mod summary;
mod times;
mod topics;
mod verify;
mod walk;
mod workers;

pub use changes::{Answer, CHANGES_TOLD, Changes};
pub use check::{CheckInputs, CheckOptions, CheckSink, check};
pub use chunk::InputPlace;
pub use contact::ContactReport;
pub use course::{Ground, OUTCOMES, REPLIES};
pub use letters::{LETTERS_MAX, Letters, LettersOf};
pub use lines::{Lines, open};
pub use order::{Order, RecordedTopic};
pub use replies::RecordedReplies;
pub use report::{Difference, FieldDifference, PartitionReport, Report, Tally};
pub use rulebook::Rulebook;
pub use source::{RecordBuffer, RecordSource};
pub use summary::Summary;
pub use topics::{OpenPartition, RecordedTopics, find_reset};
pub use verify::{Beside, Recorded, ReplayFrom, VerifyOptions, verify, verify_contact};
pub use walk::starts_over;
pub use workers::once_known;

use crate::archive::ArchiveError;
use crate::domain::PartitionId;
use std::path::{Path, PathBuf};

impl ReplayError {
    /// A file cannot be opened, read or written, as `what` says.
    pub fn file(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { what, path, source }
    }
}

impl From<ArchiveError> for ReplayError {
    fn from(error: ArchiveError) -> Self {
        Self::Recorded(error.to_string())
    }
}

fn stop<T>(why: impl Into<String>) -> Result<T, ReplayError> {
    Err(ReplayError::Recorded(why.into()))
}

/// Why a file run or a replay stopped.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// A file cannot be opened, read or written.
    #[error("cannot {what} {path}: {source}", path = .path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A line is too long to be an event.
    #[error("{path}:{line}: the line is longer than {most} bytes: this is no file of events, one a line", path = .path.display())]
    LineTooLong {
        /// The file.
        path: PathBuf,
        /// Line number, from 1.
        line: u64,
        /// The bound.
        most: usize,
    },
    /// A file is not UTF-8.
    #[error("{path} is UTF-16: write it as UTF-8", path = .path.display())]
    Utf16 {
        /// The file.
        path: PathBuf,
    },
    /// What was recorded cannot be decided again, or not further.
    #[error("{0}")]
    Recorded(String),
    /// A running tillgate trimmed a journal past its end as it was seen, before it was read: to be looked at again.
    #[error("its journal is trimmed faster than it can be read: verify again while less is decided")]
    Trimmed,
    /// The engine's state broke: a defect of the program.
    #[error("partition {partition}: {message}")]
    State {
        /// Which partition.
        partition: PartitionId,
        /// What broke.
        message: String,
    },
}
