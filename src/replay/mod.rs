//! Recorded inputs through the same pipeline as live ones: event files in, outcomes out.
//!
//! No Kafka here, and nothing that `run` does not do too: what a file run answers is what the
//! stream would have answered.

mod check;
mod lines;
mod merge;
mod summary;
mod workers;

pub use check::{CheckOptions, CheckSink, check};
pub use lines::{Lines, open};
pub use summary::Summary;

use std::path::PathBuf;

/// Why a file run stopped.
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
    /// The engine's state broke: a defect of the program.
    #[error("partition {partition}: {message}")]
    State {
        /// Which partition.
        partition: i32,
        /// What broke.
        message: String,
    },
}
