//! Topics as files: what `tillgate topics export` writes, and `topics import` and replays read back, byte for byte.
//!
//! An archive is a folder with a file for each partition, `TOPIC/PARTITION.ENDING`, and `manifest.json`, which is
//! written last: without it there is no export, and with it every file is held to its counts, size and digest.
//! Knows no Kafka. Holds one record and a few hundred kilobytes of a file at a time, whatever files say of themselves.
//! The formats are documented in docs/archive.md.

mod input;
mod jsonl;
mod manifest;
mod output;
mod reader;
mod writer;

pub use jsonl::{DecodedLine, read_line, write_line};
pub use manifest::{ArchivedPartition, ArchivedTopic, Encoding, MANIFEST, Manifest};
pub use reader::{Archive, PartitionReader};
pub use writer::{ArchiveWriter, PartitionWriter};

use crate::domain::PartitionId;
use std::fmt;
use std::path::{Path, PathBuf};

/// Largest record, bytes of key, headers and value: several times what brokers take by default, and small enough that
/// a reader may hold a few.
pub const RECORD_BYTES_MAX: usize = 64 << 20;
/// Longest line: the largest record's value in base64, and room for the rest.
pub const LINE_BYTES_MAX: usize = 96 << 20;
/// Largest block of an Avro file, inflated: a block is closed when it is full, which the largest record may overshoot.
const BLOCK_BYTES_MAX: usize = RECORD_BYTES_MAX + (1 << 20);
/// Largest manifest: some 200 bytes a partition.
const MANIFEST_BYTES_MAX: u64 = 64 << 20;

/// A place in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilePlace {
    /// A line, from 1.
    Line(u64),
    /// A byte, from 0.
    Byte(u64),
    /// The block that ends before this byte.
    BlockBefore(u64),
}

impl fmt::Display for FilePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(line) => write!(f, "line {line}"),
            Self::Byte(byte) => write!(f, "byte {byte}"),
            Self::BlockBefore(byte) => write!(f, "block before byte {byte}"),
        }
    }
}

/// Why an archive cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// A file cannot be made, opened, read or written.
    #[error("cannot {what} {path}: {source}", path = .path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The place is taken.
    #[error("{path} {text}: take another folder, or give --force to replace it", path = .path.display())]
    Taken {
        /// The folder.
        path: PathBuf,
        /// What is there.
        text: &'static str,
    },
    /// There is no manifest.
    #[error(
        "{path} is not there: it is written last, so the export did not complete, or this is none; export again",
        path = .0.display()
    )]
    NoManifest(PathBuf),
    /// The manifest, or what it says of the files, is wrong: all of it.
    #[error("{path}:\n  {}", .faults.join("\n  "), path = .path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong.
        faults: Vec<String>,
    },
    /// A file is not what it should be.
    #[error("{path}: {place}: {text}", path = .path.display())]
    Broken {
        /// The file.
        path: PathBuf,
        /// Where.
        place: FilePlace,
        /// What is wrong.
        text: String,
    },
    /// A record that an archive does not take.
    #[error("topic {topic} partition {partition} offset {offset}: {text}")]
    Record {
        /// Topic name.
        topic: String,
        /// Partition number, from 0.
        partition: PartitionId,
        /// Offset in its partition, from 0.
        offset: i64,
        /// What is wrong.
        text: String,
    },
}

impl ArchiveError {
    fn file(what: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { what, path, source }
    }
}
