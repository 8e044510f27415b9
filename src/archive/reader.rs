//! Reads an archive back: one partition at a time, record by record, in bounded memory. Every file is held to its
//! manifest; a file that says something else is an error with its place, never a shorter answer.

use super::input::{self, FileDigest, InputFile};
use super::manifest::offset_text;
use super::{
    ArchiveError, ArchivedPartition, ArchivedTopic, BLOCK_BYTES_MAX, DecodedLine, Encoding, FilePlace,
    LINE_BYTES_MAX, Manifest, read_line,
};
use crate::codec::avro::{
    ContainerFault, ContainerReader, TOPIC_RECORD_SCHEMA, TOPIC_RECORD_SCHEMA_1, TopicRecordLayout,
    take_topic_record,
};
use crate::domain::record::{TimestampKind, TopicRecord};
use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

/// The schemas that files may have, and the layouts of their records.
const SCHEMAS: [&str; 2] = [TOPIC_RECORD_SCHEMA_1, TOPIC_RECORD_SCHEMA];
const LAYOUTS: [TopicRecordLayout; 2] = [TopicRecordLayout::First, TopicRecordLayout::Second];

/// An archive whose manifest is sound and whose files have the sizes it says.
///
/// # Example
/// ```no_run
/// # use tillgate::archive::{Archive, ArchiveError};
/// # fn count(folder: &std::path::Path) -> Result<u64, ArchiveError> {
/// let archive = Archive::open(folder)?;
/// let mut count = 0;
/// for topic in &archive.manifest().topics {
///     for partition in &topic.files {
///         let mut records = archive.read(&topic.topic, partition)?;
///         while let Some(record) = records.next()? {
///             count += u64::from(record.value.is_some());
///         }
///     }
/// }
/// # Ok(count)
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Archive {
    folder: PathBuf,
    manifest: Manifest,
}

impl Archive {
    /// Opens the archive in a folder.
    ///
    /// # Errors
    /// There is none, it is not complete, or its manifest does not fit the files.
    pub fn open(folder: &Path) -> Result<Self, ArchiveError> {
        Ok(Self { folder: folder.to_owned(), manifest: Manifest::read(folder)? })
    }

    /// What it holds.
    #[must_use]
    pub const fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// A topic of it.
    #[must_use]
    pub fn topic(&self, name: &str) -> Option<&ArchivedTopic> {
        self.manifest.topics.iter().find(|topic| topic.topic == name)
    }

    /// Begins to read a partition of `topic`.
    ///
    /// # Errors
    /// Its file cannot be opened, or does not begin as it must.
    pub fn read(&self, topic: &str, partition: &ArchivedPartition) -> Result<PartitionReader, ArchiveError> {
        let path = self.folder.join(&partition.file);
        let encoding = self.manifest.encoding;
        let (input, found) = input::open(&path, encoding == Encoding::JsonLinesZstd)?;
        let records: Box<dyn RecordDecoder> = match encoding {
            Encoding::JsonLines | Encoding::JsonLinesZstd => {
                Box::new(LineReader { input, line: Vec::new(), number: 0, decoded: None })
            }
            Encoding::Avro => {
                let (container, schema) = ContainerReader::begin(input, &SCHEMAS, BLOCK_BYTES_MAX)
                    .map_err(|fault| broken_container(&path, fault))?;
                let layout = LAYOUTS[schema];
                Box::new(AvroBlocks { container, layout, block: Vec::new(), at: 0, left: 0 })
            }
        };
        let entry = partition.clone();
        Ok(PartitionReader {
            path,
            topic: topic.to_owned(),
            entry,
            records,
            found,
            seen: 0,
            last: None,
            ended: false,
        })
    }
}

/// The records of a partition, in order.
pub struct PartitionReader {
    path: PathBuf,
    topic: String,
    entry: ArchivedPartition,
    records: Box<dyn RecordDecoder>,
    /// What the file is.
    found: FileDigest,
    seen: u64,
    last: Option<i64>,
    ended: bool,
}

/// The records of a file, whatever it is written in.
trait RecordDecoder: Send {
    /// Reads on until a record is there; false at the end.
    fn advance(&mut self, path: &Path) -> Result<bool, ArchiveError>;

    /// Takes the record that is there.
    fn take(&mut self) -> Result<TopicRecord<'_>, String>;

    /// Where it stands.
    fn place(&self) -> FilePlace;
}

struct LineReader {
    input: InputFile,
    line: Vec<u8>,
    number: u64,
    /// The record that was read last.
    decoded: Option<DecodedLine>,
}

struct AvroBlocks {
    container: ContainerReader<InputFile>,
    layout: TopicRecordLayout,
    block: Vec<u8>,
    /// Where the next datum begins in the block.
    at: usize,
    /// Datums of the block that are left.
    left: u64,
}

impl PartitionReader {
    /// The next record; nothing at the end of a file that is as its manifest says.
    ///
    /// # Errors
    /// The file cannot be read, or is not as it must be: its place, and what is wrong.
    #[allow(clippy::should_implement_trait, reason = "a record is lent until the next one is read")]
    pub fn next(&mut self) -> Result<Option<TopicRecord<'_>>, ArchiveError> {
        if self.ended || !self.records.advance(&self.path)? {
            if !self.ended {
                self.check_end()?;
                self.ended = true;
            }
            return Ok(None);
        }
        self.seen += 1;
        let place = self.records.place();
        let broken = |text| ArchiveError::Broken { path: self.path.clone(), place, text };
        let record = self.records.take().map_err(&broken)?;
        if let Some(text) = fault(&record, &self.topic, &self.entry, self.last) {
            return Err(broken(text));
        }
        self.last = Some(record.offset);
        Ok(Some(record))
    }

    fn check_end(&self) -> Result<(), ArchiveError> {
        let (bytes, digest) = self.found.size_and_digest();
        let entry = &self.entry;
        let text = if self.seen != entry.records {
            format!("the file has {} records, its manifest says {}", self.seen, entry.records)
        } else if self.last != entry.last_offset {
            let [last, entry] = [self.last, entry.last_offset].map(offset_text);
            format!("the last offset is {last}, its manifest says {entry}")
        } else if bytes != entry.bytes || format!("{digest:032x}") != entry.xxh3 {
            format!(
                "the bytes are not those that were written: their XXH3 is {digest:032x}, not {}",
                entry.xxh3
            )
        } else {
            return Ok(());
        };
        Err(ArchiveError::Broken { path: self.path.clone(), place: self.records.place(), text })
    }
}

/// What is wrong with a record in its place.
fn fault(
    record: &TopicRecord<'_>,
    topic: &str,
    entry: &ArchivedPartition,
    last: Option<i64>,
) -> Option<String> {
    let (offset, first) = (record.offset, entry.first_offset);
    if record.topic != topic || record.partition != entry.partition {
        return Some(format!("a record of another topic or partition than {topic} {}", entry.partition));
    }
    match last {
        None if Some(offset) != first => {
            return Some(format!("the first offset is {offset}, its manifest says {}", offset_text(first)));
        }
        Some(last) if offset <= last => return Some(format!("offset {offset} after {last}")),
        _ => {}
    }
    if (record.timestamp_kind == TimestampKind::None) != (record.timestamp_millis == -1) {
        let kind = record.timestamp_kind.symbol();
        return Some(format!("timestamp {} of type {kind}", record.timestamp_millis));
    }
    // The client library ends names in a nul.
    let nul = record.headers.iter().any(|header| header.name.contains(&0));
    nul.then(|| "a header's name holds a nul byte".to_owned())
}

impl RecordDecoder for LineReader {
    fn advance(&mut self, path: &Path) -> Result<bool, ArchiveError> {
        self.line.clear();
        self.number += 1;
        let broken =
            |text| ArchiveError::Broken { path: path.to_owned(), place: FilePlace::Line(self.number), text };
        let read = (&mut self.input).take(LINE_BYTES_MAX as u64 + 1).read_until(b'\n', &mut self.line);
        match read {
            Err(error) => Err(broken(format!("cannot be read: {error}"))),
            Ok(0) => {
                self.number -= 1;
                Ok(false)
            }
            Ok(_) if self.line.pop() == Some(b'\n') => Ok(true),
            Ok(bytes) if bytes > LINE_BYTES_MAX => {
                Err(broken(format!("the line is longer than {LINE_BYTES_MAX} bytes")))
            }
            Ok(_) => Err(broken("the file breaks off in the middle of a line".to_owned())),
        }
    }

    fn take(&mut self) -> Result<TopicRecord<'_>, String> {
        Ok(self.decoded.insert(read_line(&self.line)?).record())
    }

    fn place(&self) -> FilePlace {
        FilePlace::Line(self.number)
    }
}

impl RecordDecoder for AvroBlocks {
    fn advance(&mut self, path: &Path) -> Result<bool, ArchiveError> {
        while self.left == 0 {
            if self.at < self.block.len() {
                let text = format!("{} bytes follow the block's last record", self.block.len() - self.at);
                let place = FilePlace::BlockBefore(self.container.at());
                return Err(ArchiveError::Broken { path: path.to_owned(), place, text });
            }
            self.at = 0;
            let read = self.container.next_block(&mut self.block);
            match read.map_err(|fault| broken_container(path, fault))? {
                Some(count) => self.left = count,
                None => return Ok(false),
            }
        }
        Ok(true)
    }

    fn take(&mut self) -> Result<TopicRecord<'_>, String> {
        let mut rest = &self.block[self.at..];
        let record = take_topic_record(&mut rest, self.layout)?;
        self.at = self.block.len() - rest.len();
        self.left -= 1;
        Ok(record)
    }

    fn place(&self) -> FilePlace {
        FilePlace::BlockBefore(self.container.at())
    }
}

fn broken_container(path: &Path, fault: ContainerFault) -> ArchiveError {
    match fault {
        ContainerFault::Read(source) => ArchiveError::file("read", path)(source),
        ContainerFault::Broken { at, text } => {
            ArchiveError::Broken { path: path.to_owned(), place: FilePlace::Byte(at), text }
        }
    }
}
