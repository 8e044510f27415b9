//! The manifest of an archive: which offsets of which partitions it holds, and how each file must be. Says everything
//! that is wrong with it at once. Never believes a path that it finds there.

use super::{ArchiveError, MANIFEST_BYTES_MAX};
use crate::domain::PartitionId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The manifest's name in the folder.
pub const MANIFEST: &str = "manifest.json";
/// The version of the layout that this program writes.
const VERSION: u32 = 2;
/// Those that it reads. In the first, headers' names are texts and no record is left out.
const VERSIONS: std::ops::RangeInclusive<u32> = 1..=VERSION;
/// Records of a partition that an export may leave out.
pub const LEFT_OUT_MAX: usize = 1_000;

/// How records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
pub enum Encoding {
    /// JSON Lines, compressed by zstd
    #[serde(rename = "jsonl.zst")]
    #[value(name = "jsonl.zst")]
    JsonLinesZstd,
    /// JSON Lines
    #[serde(rename = "jsonl")]
    #[value(name = "jsonl")]
    JsonLines,
    /// Avro object container files, compressed by deflate
    #[serde(rename = "avro")]
    Avro,
}

impl Encoding {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Avro, Self::JsonLines, Self::JsonLinesZstd];

    /// The ending of its files.
    #[must_use]
    pub const fn ending(self) -> &'static str {
        match self {
            Self::Avro => "avro",
            Self::JsonLines => "jsonl",
            Self::JsonLinesZstd => "jsonl.zst",
        }
    }
}

/// What an archive holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// Version of the layout.
    pub version: u32,
    /// The program that wrote it.
    pub tool: String,
    /// The cluster it came from, where that says its name.
    pub cluster_id: Option<String>,
    /// `read_committed` or `read_uncommitted`.
    pub isolation: String,
    /// How records are written.
    pub encoding: Encoding,
    /// The topics.
    pub topics: Vec<ArchivedTopic>,
}

/// A topic of an archive.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArchivedTopic {
    /// Topic name.
    pub topic: String,
    /// How many partitions it has; not all of them need be here.
    pub partitions: u32,
    /// Those that are here.
    pub files: Vec<ArchivedPartition>,
}

/// A partition of an archive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArchivedPartition {
    /// Partition number, from 0.
    pub partition: PartitionId,
    /// Its file, from the folder.
    pub file: String,
    /// The first offset that was to be exported.
    pub begin: i64,
    /// The first offset that was not any more.
    pub end: i64,
    /// Records in the file: fewer than offsets where markers, aborted or compacted records stood, or some are left out.
    pub records: u64,
    /// Offset of the first record.
    pub first_offset: Option<i64>,
    /// Offset of the last record.
    pub last_offset: Option<i64>,
    /// Offsets of records that are not here because no archive takes them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<i64>,
    /// Size of the file.
    pub bytes: u64,
    /// XXH3 of the file, 128 bits, as `xxhsum -H128` prints it.
    pub xxh3: String,
}

impl ArchivedPartition {
    /// Whether every offset from `begin` to `end` is a record.
    #[must_use]
    pub fn is_without_gaps(&self) -> bool {
        i64::try_from(self.records).is_ok_and(|records| self.begin.checked_add(records) == Some(self.end))
    }

    fn faults(&self, topic: &ArchivedTopic, encoding: Encoding) -> Vec<String> {
        let mut faults = Vec::new();
        let name = format!("{} partition {}", topic.topic, self.partition);
        if !self.partition.is_among(topic.partitions as usize) {
            faults.push(format!("{name}: the topic has {} partitions", topic.partitions));
        }
        let file = file_name(&topic.topic, self.partition, encoding);
        if self.file != file {
            faults.push(format!("{name}: its file is {file}, not {:?}", self.file));
        }
        let span = i128::from(self.end) - i128::from(self.begin);
        let held = match (self.first_offset, self.last_offset) {
            (Some(first), Some(last)) => {
                let inside = self.begin <= first && first <= last && last < self.end;
                let most = i128::from(last) - i128::from(first) + 1;
                inside && self.records > 0 && i128::from(self.records) <= most
            }
            (None, None) => self.records == 0,
            _ => false,
        };
        let inside = |offset: &i64| (self.begin..self.end).contains(offset);
        if !self.left_out.iter().all(inside) || self.left_out.len() > LEFT_OUT_MAX {
            faults.push(format!(
                "{name}: leftOut does not fit the offsets from {} up to {}",
                self.begin, self.end
            ));
        }
        if self.begin < 0 || span < 0 || !held {
            faults.push(format!(
                "{name}: {} records from offset {} to {} do not fit the offsets from {} up to {}",
                self.records,
                offset_text(self.first_offset),
                offset_text(self.last_offset),
                self.begin,
                self.end
            ));
        }
        faults
    }
}

impl Manifest {
    /// A manifest of this program.
    #[must_use]
    pub fn new(
        cluster_id: Option<String>,
        isolation: &str,
        encoding: Encoding,
        topics: Vec<ArchivedTopic>,
    ) -> Self {
        let tool = concat!("tillgate ", env!("CARGO_PKG_VERSION")).to_owned();
        Self { version: VERSION, tool, cluster_id, isolation: isolation.to_owned(), encoding, topics }
    }

    /// Reads the manifest of the archive in `folder`.
    ///
    /// # Errors
    /// It is missing, cannot be read, or is wrong.
    pub(super) fn read(folder: &Path) -> Result<Self, ArchiveError> {
        let path = folder.join(MANIFEST);
        let mut text = String::new();
        let read = std::fs::File::open(&path)
            .and_then(|file| file.take(MANIFEST_BYTES_MAX).read_to_string(&mut text));
        match read {
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(ArchiveError::NoManifest(path));
            }
            Err(error) => return Err(ArchiveError::file("read", &path)(error)),
        }
        let wrong = |faults| ArchiveError::Manifest { path: path.clone(), faults };
        // A newer layout may have other fields: its version is looked at alone.
        #[derive(Deserialize)]
        struct Version {
            version: u32,
        }
        if let Ok(Version { version }) = serde_json::from_str(&text)
            && !VERSIONS.contains(&version)
        {
            let text = format!("version {version} of the layout, this program reads 1 to {VERSION}");
            return Err(wrong(vec![text]));
        }
        let manifest: Self = serde_json::from_str(&text).map_err(|error| wrong(vec![error.to_string()]))?;
        let faults = manifest.faults(folder);
        if faults.is_empty() { Ok(manifest) } else { Err(wrong(faults)) }
    }

    fn faults(&self, folder: &Path) -> Vec<String> {
        let mut faults = Vec::new();
        let mut seen = BTreeSet::new();
        for topic in &self.topics {
            if !is_topic_name(&topic.topic) {
                faults.push(format!("{:?} is no name of a topic", topic.topic));
                continue;
            }
            for partition in &topic.files {
                if !seen.insert((&topic.topic, partition.partition)) {
                    faults.push(format!("{} partition {} twice", topic.topic, partition.partition));
                }
                let own = partition.faults(topic, self.encoding);
                if own.is_empty() {
                    faults.extend(size_fault(folder, partition));
                }
                faults.extend(own);
            }
        }
        faults
    }
}

fn size_fault(folder: &Path, partition: &ArchivedPartition) -> Option<String> {
    let (file, bytes) = (&partition.file, partition.bytes);
    match std::fs::metadata(folder.join(file)) {
        Ok(found) if found.len() == bytes => None,
        Ok(found) => Some(format!("{file} has {} bytes, not {bytes}: it was cut or changed", found.len())),
        Err(error) => Some(format!("{file}: {error}")),
    }
}

/// An offset, or that there is none.
pub(super) fn offset_text(offset: Option<i64>) -> String {
    offset.map_or_else(|| "none".to_owned(), |offset| offset.to_string())
}

/// Where a partition's file stands, from the folder.
pub(super) fn file_name(topic: &str, partition: PartitionId, encoding: Encoding) -> String {
    format!("{topic}/{partition:05}.{}", encoding.ending())
}

/// Kafka's rule for names of topics; what follows it is safe as the name of a folder.
pub(super) fn is_topic_name(name: &str) -> bool {
    let letter = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    (1..=249).contains(&name.len()) && name != "." && name != ".." && name.chars().all(letter)
}

/// Where something stands under its temporary name.
pub(super) fn part_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    name.into()
}
