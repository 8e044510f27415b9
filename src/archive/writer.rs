//! Writes an archive: partitions in any order and at the same time, the manifest last. What was cut short never looks
//! whole, and nothing that is there already is touched unless that was asked for.

use super::manifest::{LEFT_OUT_MAX, file_name, is_topic_name, part_of};
use super::output::OutputFile;
use super::{ArchiveError, ArchivedPartition, Encoding, MANIFEST, Manifest, RECORD_BYTES_MAX, write_line};
use crate::codec::avro::{Codec, Container, TOPIC_RECORD_SCHEMA, write_topic_record};
use crate::domain::PartitionId;
use crate::domain::record::{HEADERS_MAX, TopicRecord};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Bytes gathered before they go to the file.
const PENDING_BYTES: usize = 256 << 10;

/// A folder that becomes an archive.
pub struct ArchiveWriter {
    folder: PathBuf,
    encoding: Encoding,
}

impl ArchiveWriter {
    /// Begins an archive in a folder that is empty or not there. With `force`, an archive that is there is removed
    /// first, its manifest before everything else; other files are left alone.
    ///
    /// # Errors
    /// The place is taken, or cannot be written.
    pub fn begin(folder: &Path, encoding: Encoding, force: bool) -> Result<Self, ArchiveError> {
        let taken = |text| ArchiveError::Taken { path: folder.to_owned(), text };
        std::fs::create_dir_all(folder).map_err(ArchiveError::file("create", folder))?;
        if force {
            remove_archive(folder)?;
        } else if folder.join(MANIFEST).exists() {
            return Err(taken("holds an export"));
        } else if !list(folder)?.is_empty() {
            return Err(taken("is not empty: an export that did not complete, or other files"));
        }
        Ok(Self { folder: folder.to_owned(), encoding })
    }

    /// Begins the file of a partition.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn partition(&self, topic: &str, partition: PartitionId) -> Result<PartitionWriter, ArchiveError> {
        let file = file_name(topic, partition, self.encoding);
        let path = self.folder.join(&file);
        if !is_topic_name(topic) {
            let source = std::io::Error::other("this is no name of a topic");
            return Err(ArchiveError::file("create", &path)(source));
        }
        let folder = self.folder.join(topic);
        std::fs::create_dir_all(&folder).map_err(ArchiveError::file("create", &folder))?;
        let output = OutputFile::create(path, self.encoding == Encoding::JsonLinesZstd)?;
        let mut pending = Vec::with_capacity(PENDING_BYTES);
        let container = (self.encoding == Encoding::Avro)
            .then(|| Container::begin(TOPIC_RECORD_SCHEMA, Codec::Deflate, &mut pending));
        let entry = ArchivedPartition { partition, file, ..ArchivedPartition::default() };
        Ok(PartitionWriter { output, container, pending, datum: Vec::new(), entry })
    }

    /// Writes the manifest: from then on it is an archive.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn finish(self, manifest: &Manifest) -> Result<(), ArchiveError> {
        let path = self.folder.join(MANIFEST);
        let part = part_of(&path);
        let written = std::fs::File::create(&part).and_then(|mut file| {
            let mut text = serde_json::to_vec_pretty(manifest)?;
            text.push(b'\n');
            file.write_all(&text)?;
            file.sync_all()?;
            std::fs::rename(&part, &path)
        });
        written.map_err(ArchiveError::file("write", &path))
    }
}

/// A partition's file under way; dropped before it is finished, it is removed.
pub struct PartitionWriter {
    output: OutputFile,
    container: Option<Container>,
    pending: Vec<u8>,
    datum: Vec<u8>,
    entry: ArchivedPartition,
}

impl PartitionWriter {
    /// Notes that the record at `offset` is not here, because [`Self::add`] refused it.
    ///
    /// # Errors
    /// So many are left out that this is no export.
    pub fn leave_out(&mut self, refused: ArchiveError, offset: i64) -> Result<(), ArchiveError> {
        if self.entry.left_out.len() >= LEFT_OUT_MAX {
            return Err(refused);
        }
        self.entry.left_out.push(offset);
        Ok(())
    }

    /// Adds the next record of the partition.
    ///
    /// # Errors
    /// It cannot be written; [`ArchiveError::Record`]: it is larger than any reader takes.
    pub fn add(&mut self, record: &TopicRecord<'_>) -> Result<(), ArchiveError> {
        let refused = |text| ArchiveError::Record {
            topic: record.topic.to_owned(),
            partition: record.partition,
            offset: record.offset,
            text,
        };
        let bytes = record.bytes();
        if bytes > RECORD_BYTES_MAX {
            return Err(refused(format!("{bytes} bytes, an archive takes {RECORD_BYTES_MAX}")));
        }
        let headers = record.headers.len();
        if headers > HEADERS_MAX {
            return Err(refused(format!("{headers} headers, an archive takes {HEADERS_MAX}")));
        }
        if let Some(container) = &mut self.container {
            self.datum.clear();
            write_topic_record(record, &mut self.datum);
            container.add(&self.datum, &mut self.pending);
        } else {
            write_line(record, &mut self.pending).map_err(refused)?;
        }
        self.entry.records += 1;
        self.entry.first_offset.get_or_insert(record.offset);
        self.entry.last_offset = Some(record.offset);
        if self.pending.len() >= PENDING_BYTES { self.write_pending() } else { Ok(()) }
    }

    fn write_pending(&mut self) -> Result<(), ArchiveError> {
        self.output.write(&self.pending)?;
        self.pending.clear();
        Ok(())
    }

    /// Where it is written for the time being.
    #[must_use]
    pub fn part(&self) -> &Path {
        self.output.part()
    }

    /// Ends the file, which holds what there was from offset `begin` up to `end`; what the manifest says of it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn finish(mut self, begin: i64, end: i64) -> Result<ArchivedPartition, ArchiveError> {
        if let Some(container) = &mut self.container {
            container.flush(&mut self.pending);
        }
        self.write_pending()?;
        let (bytes, digest) = self.output.finish()?;
        Ok(ArchivedPartition { begin, end, bytes, xxh3: format!("{digest:032x}"), ..self.entry })
    }
}

/// Removes what an archive consists of and nothing else.
fn remove_archive(folder: &Path) -> Result<(), ArchiveError> {
    let remove = |path: &Path| std::fs::remove_file(path).map_err(ArchiveError::file("remove", path));
    for name in [folder.join(MANIFEST), part_of(&folder.join(MANIFEST))] {
        if name.exists() {
            remove(&name)?;
        }
    }
    for topic in list(folder)?.into_iter().filter(|path| path.is_dir()) {
        for file in list(&topic)?.into_iter().filter(|path| is_partition_file(path)) {
            remove(&file)?;
        }
        // Stays where it holds something else.
        drop(std::fs::remove_dir(&topic));
    }
    Ok(())
}

fn is_partition_file(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let name = name.strip_suffix(".part").unwrap_or(name);
    name.split_once('.').is_some_and(|(number, ending)| {
        number.len() >= 5
            && number.bytes().all(|byte| byte.is_ascii_digit())
            && Encoding::ALL.iter().any(|encoding| encoding.ending() == ending)
    })
}

fn list(folder: &Path) -> Result<Vec<PathBuf>, ArchiveError> {
    let entries = std::fs::read_dir(folder).and_then(|entries| {
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<std::io::Result<Vec<_>>>()
    });
    entries.map_err(ArchiveError::file("list", folder))
}
