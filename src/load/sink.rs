//! Where generated records go: one trait, so that files and Kafka take the same run.
//!
//! The Kafka side stands outside this folder; nothing here knows a client library.

use super::generator::PosRecord;
use crate::domain::Micros;
use crate::domain::account_event::AccountEvent;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// Takes records in order, each with its value as it is encoded. May block until there is room.
pub trait RecordSink {
    /// Takes an account event.
    ///
    /// # Errors
    /// [`SinkError`] where the record cannot be taken; the run ends with it.
    fn account_event(&mut self, event: &AccountEvent, value: &[u8], time: Micros) -> Result<(), SinkError>;

    /// Takes a record of a till.
    ///
    /// # Errors
    /// [`SinkError`] where the record cannot be taken; the run ends with it.
    fn pos_event(&mut self, record: &PosRecord<'_>, value: &[u8]) -> Result<(), SinkError>;

    /// Waits until everything taken so far is where it belongs: the accounts have to be open before
    /// the first till sends.
    ///
    /// # Errors
    /// [`SinkError`] where something did not arrive.
    fn flush(&mut self) -> Result<(), SinkError>;

    /// Flushes, and ends what has an end. Nothing is put afterwards.
    ///
    /// # Errors
    /// [`SinkError`] where something did not arrive.
    fn finish(&mut self) -> Result<(), SinkError> {
        self.flush()
    }
}

/// Why a record did not get where it belongs.
#[derive(Debug, Error)]
pub enum SinkError {
    /// A file.
    #[error("cannot write {path}: {source}; choose another place with {flag}", path = .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The flag that named it.
        flag: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// Standard output.
    #[error("cannot write to standard output: {0}; give a file with --to")]
    Output(io::Error),
    /// A broker.
    #[error("cannot write to kafka: {0}")]
    Broker(String),
    /// Nobody wants any more.
    #[error("the run was ended before its last record")]
    Ended,
}
