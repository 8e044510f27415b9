//! Files and records that were written before: containers, export lines, manifests, archives, recorded outcomes.

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;
use tillgate::archive::{
    Archive, ArchiveError, ArchivedPartition, ArchivedTopic, Encoding, MANIFEST, Manifest, read_line,
    write_line,
};
use tillgate::codec::avro::{
    ContainerReader, TOPIC_RECORD_SCHEMA, TOPIC_RECORD_SCHEMA_1, TopicRecordLayout, take_topic_record,
    write_topic_record,
};
use tillgate::codec::json::read_reply;
use tillgate::codec::read_outcome::read_outcome;
use tillgate::codec::recorded;
use tillgate::codec::rulesets::read_ruleset_record;
use tillgate::domain::hashing::hash128;
use tillgate::domain::record::TopicRecord;

/// Blocks of a container that is fuzzed.
const BLOCK_BYTES_MAX: usize = 1 << 20;

/// Every record that is read is written and read alike.
pub fn container(bytes: &[u8]) {
    let schemas = [TOPIC_RECORD_SCHEMA_1, TOPIC_RECORD_SCHEMA];
    let Ok((mut reader, schema)) = ContainerReader::begin(bytes, &schemas, BLOCK_BYTES_MAX) else { return };
    let layout = [TopicRecordLayout::First, TopicRecordLayout::Second][schema];
    let mut block = Vec::new();
    while let Ok(Some(count)) = reader.next_block(&mut block) {
        assert!(block.len() <= BLOCK_BYTES_MAX);
        let mut rest = &block[..];
        for _ in 0..count {
            let Ok(record) = take_topic_record(&mut rest, layout) else { break };
            same_record(&record);
        }
    }
}

fn same_record(record: &TopicRecord<'_>) {
    let mut datum = Vec::new();
    write_topic_record(record, &mut datum);
    let mut rest = &datum[..];
    let again = take_topic_record(&mut rest, TopicRecordLayout::Second);
    assert_same(&again.expect("what was written reads"), record);
    assert!(rest.is_empty());
    let mut line = Vec::new();
    write_line(record, &mut line).expect("a line that can be read back");
    assert_eq!(line.pop(), Some(b'\n'));
    assert!(!line.contains(&b'\n'), "one line");
    let decoded = read_line(&line).expect("what was written reads");
    assert_same(&decoded.record(), record);
}

/// Field by field: the two borrow from different places.
fn assert_same(left: &TopicRecord<'_>, right: &TopicRecord<'_>) {
    assert_eq!((left.topic, left.partition, left.offset), (right.topic, right.partition, right.offset));
    assert_eq!((left.timestamp_millis, left.timestamp_kind), (right.timestamp_millis, right.timestamp_kind));
    assert_eq!((left.key, left.value), (right.key, right.value));
    assert_eq!(left.headers.len(), right.headers.len());
    assert!(left.headers.iter().zip(&right.headers).all(|(left, right)| left == right));
}

/// What is read is written and read alike.
pub fn export_line(bytes: &[u8]) {
    match read_line(bytes) {
        Ok(decoded) => same_record(&decoded.record()),
        Err(text) => super::judge::assert_text(&text, 300),
    }
}

thread_local! {
    /// A folder of this thread, in which files are written over and over.
    static FOLDER: TempDir = TempDir::new().unwrap_or_else(|error| panic!("no folder for files: {error}"));
}

/// A path in the folder of this thread.
pub fn in_folder(name: &str) -> PathBuf {
    FOLDER.with(|folder| folder.path().join(name))
}

/// Writes a file in the folder of this thread.
pub fn write_file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = in_folder(name);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    }
    // Recreated: some file systems put on the disk at once what replaces a file's content.
    drop(fs::remove_file(&path));
    fs::write(&path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    path
}

/// A manifest beside two files of its own: it never leads anywhere else.
pub fn manifest(bytes: &[u8]) {
    write_file("manifest/pos.events/00000.jsonl", b"");
    write_file("manifest/pos.events/00001.jsonl", b"\n");
    write_file(&format!("manifest/{MANIFEST}"), bytes);
    match Archive::open(&in_folder("manifest")) {
        Ok(archive) => {
            for topic in &archive.manifest().topics {
                for partition in &topic.files {
                    assert_eq!(partition.file, format!("{}/{:05}.jsonl", topic.topic, partition.partition));
                    read_through(&archive, &topic.topic, partition);
                }
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A file of an archive, by its first byte of one encoding or another, whose manifest says what the file is.
pub fn archive(bytes: &[u8]) {
    let Some((first, file)) = bytes.split_first() else { return };
    let encoding = Encoding::ALL[usize::from(*first) % Encoding::ALL.len()];
    let name = format!("pos.events/00000.{}", encoding.ending());
    write_file(&format!("archive/{name}"), file);
    let partition = ArchivedPartition {
        partition: 0.into(),
        file: name,
        begin: 0,
        end: 100,
        records: 2,
        first_offset: Some(0),
        last_offset: Some(1),
        left_out: Vec::new(),
        bytes: file.len() as u64,
        xxh3: format!("{:032x}", hash128(file)),
    };
    let topic = ArchivedTopic { topic: "pos.events".to_owned(), partitions: 1, files: vec![partition] };
    let manifest = Manifest::new(None, "read_committed", encoding, vec![topic]);
    let text = serde_json::to_vec(&manifest).unwrap_or_else(|error| panic!("{error}"));
    write_file(&format!("archive/{MANIFEST}"), &text);
    let archive = Archive::open(&in_folder("archive")).expect("a manifest that fits");
    let topic = &manifest.topics[0];
    if let Some(records) = read_through(&archive, &topic.topic, &topic.files[0]) {
        assert_eq!(records, 2, "as many as the manifest says");
    }
}

/// How many records the file has; nothing where it is refused.
fn read_through(archive: &Archive, topic: &str, partition: &ArchivedPartition) -> Option<u64> {
    let refused = |error: ArchiveError| assert!(!error.to_string().is_empty());
    let mut reader = archive.read(topic, partition).map_err(refused).ok()?;
    let mut count = 0;
    let mut last = None;
    loop {
        match reader.next() {
            Ok(Some(record)) => {
                assert!(last.is_none_or(|last| last < record.offset), "offsets rise");
                last = Some(record.offset);
                same_record(&record);
                count += 1;
            }
            Ok(None) => return Some(count),
            Err(error) => {
                refused(error);
                return None;
            }
        }
    }
}

/// A recorded outcome, in JSON or in Avro behind its framing. What says where it comes from says it in its fields too.
pub fn recorded_outcome(bytes: &[u8]) {
    let place = recorded::place(bytes);
    let fields = recorded::fields(bytes);
    if let Ok(fields) = &fields {
        let length: usize = fields.iter().map(|(path, value)| path.len() + value.len()).sum();
        assert!(length <= FIELDS_BYTES_MIN + FIELDS_BYTES_PER_BYTE * bytes.len(), "{length} bytes of fields");
    }
    // What a gateway reads of it is no more than its fields.
    let answer = read_outcome(bytes);
    assert!(answer.is_err() || fields.is_ok(), "an answer of what has no fields");
    drop((place, fields, answer, read_reply(bytes)));
}

/// What fields with their paths may take of memory: paths are short where outcomes are ours.
const FIELDS_BYTES_MIN: usize = 64 << 10;
const FIELDS_BYTES_PER_BYTE: usize = 200;

/// A record of the rulesets topic: its key, a line's end, its value.
pub fn ruleset_record(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let (key, value) = text.split_once('\n').unwrap_or((text, ""));
    if let Err(why) = read_ruleset_record(key, value.as_bytes()) {
        assert!(!why.is_empty());
    }
}
