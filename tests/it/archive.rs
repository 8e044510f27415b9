//! Archives without Kafka: whatever records say, they come back byte for byte from every encoding; a file that was cut,
//! changed or mixed up is an error with its name and place; nothing that is incomplete looks whole.

use proptest::collection::vec;
use proptest::prelude::*;
use std::path::Path;
use tillgate::archive::{
    Archive, ArchiveError, ArchiveWriter, ArchivedPartition, ArchivedTopic, Encoding, LINE_BYTES_MAX,
    MANIFEST, Manifest, read_line, write_line,
};
use tillgate::codec::avro::{
    Codec, Container, TOPIC_RECORD_SCHEMA, TOPIC_RECORD_SCHEMA_1, TopicRecordLayout, take_topic_record,
};
use tillgate::domain::record::{HEADERS_MAX, RecordHeader, TimestampKind, TopicRecord};

const TOPIC: &str = "pos.events";

/// A record that owns its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Owned {
    offset: i64,
    timestamp: i64,
    kind: TimestampKind,
    key: Option<Vec<u8>>,
    headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
    value: Option<Vec<u8>>,
}

impl Owned {
    fn of(record: &TopicRecord<'_>) -> Self {
        let header = |header: &RecordHeader<'_>| (header.name.to_vec(), header.value.map(Vec::from));
        Owned {
            offset: record.offset,
            timestamp: record.timestamp_millis,
            kind: record.timestamp_kind,
            key: record.key.map(Vec::from),
            headers: record.headers.iter().map(header).collect(),
            value: record.value.map(Vec::from),
        }
    }

    fn lent(&self) -> TopicRecord<'_> {
        TopicRecord {
            topic: TOPIC,
            partition: 3.into(),
            offset: self.offset,
            timestamp_millis: self.timestamp,
            timestamp_kind: self.kind,
            key: self.key.as_deref(),
            headers: self
                .headers
                .iter()
                .map(|(name, value)| RecordHeader { name, value: value.as_deref() })
                .collect(),
            value: self.value.as_deref(),
        }
    }
}

fn value(bytes: &[u8]) -> Owned {
    Owned {
        offset: 0,
        timestamp: 1_772_446_500_000,
        kind: TimestampKind::CreateTime,
        key: Some(b"A-1".to_vec()),
        headers: Vec::new(),
        value: Some(bytes.to_vec()),
    }
}

fn some_records(count: i64) -> Vec<Owned> {
    let record = |offset| Owned { offset, ..value(format!("{{\"n\":{offset}}}").as_bytes()) };
    (0..count).map(record).collect()
}

fn entries(file: ArchivedPartition) -> Vec<ArchivedTopic> {
    vec![ArchivedTopic { topic: TOPIC.to_owned(), partitions: 8, files: vec![file] }]
}

fn write(folder: &Path, encoding: Encoding, records: &[Owned]) -> Manifest {
    let writer = ArchiveWriter::begin(folder, encoding, false).expect("an empty folder");
    let mut partition = writer.partition(TOPIC, 3.into()).expect("a file");
    for record in records {
        partition.add(&record.lent()).expect("room");
    }
    let begin = records.first().map_or(0, |record| record.offset);
    let end = records.last().map_or(0, |record| record.offset + 1);
    let file = partition.finish(begin, end).expect("the file");
    let manifest = Manifest::new(None, "read_committed", encoding, entries(file));
    writer.finish(&manifest).expect("the manifest");
    manifest
}

fn read(folder: &Path) -> Result<Vec<Owned>, ArchiveError> {
    let archive = Archive::open(folder)?;
    let topic = archive.topic(TOPIC).expect("the topic");
    let mut reader = archive.read(TOPIC, &topic.files[0])?;
    let mut records = Vec::new();
    while let Some(record) = reader.next()? {
        records.push(Owned::of(&record));
    }
    assert!(reader.next()?.is_none(), "the end stays the end");
    Ok(records)
}

fn lines(bytes: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(bytes).lines().map(|line| format!("{line}\n")).collect()
}

/// What happens to a file.
type Harm = Box<dyn FnOnce(Vec<u8>) -> Vec<u8>>;

/// What is wrong with an archive of ten records, after `harm` to its partition's file.
fn fault(encoding: Encoding, harm: impl FnOnce(Vec<u8>) -> Vec<u8>) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let mut manifest = write(folder.path(), encoding, &some_records(10));
    let file = folder.path().join(&manifest.topics[0].files[0].file);
    let bytes = harm(std::fs::read(&file).expect("the file"));
    std::fs::write(&file, &bytes).expect("the file");
    // The size is looked at when the archive is opened; what is behind it is to be seen.
    manifest.topics[0].files[0].bytes = bytes.len() as u64;
    rewrite(folder.path(), &manifest);
    let said = read(folder.path()).expect_err("a fault").to_string();
    assert!(said.contains("pos.events/00003."), "the file is named: {said}");
    said
}

fn rewrite(folder: &Path, manifest: &Manifest) {
    let text = serde_json::to_vec(manifest).expect("JSON");
    std::fs::write(folder.join(MANIFEST), text).expect("the manifest");
}

fn bytes() -> impl Strategy<Value = Option<Vec<u8>>> {
    prop_oneof![
        Just(None),
        Just(Some(Vec::new())),
        vec(any::<u8>(), 0..40).prop_map(Some),
        any::<String>().prop_map(|text| Some(text.into_bytes())),
        json().prop_map(|text| Some(text.into_bytes())),
    ]
}

/// JSON as nobody would write it: spaces, escapes, names that come twice, numbers beyond every type, and nearly JSON.
fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?(0|[1-9][0-9]{0,40})(\\.[0-9]{1,40})?([eE][+-]?[0-9]{1,5})?",
        "\"(\\\\u[0-9a-fA-F]{4}|\\\\[\\\\/bfnrt\"]|[ a-zäß€]){0,8}\"",
        "[a-z{}\\[\\]\",:0-9 ]{0,12}",
    ];
    let space = "[ \t]{0,2}|\n|\r\n";
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            (vec(inner.clone(), 0..4), space).prop_map(|(items, space)| {
                format!("[{space}{}{space}]", items.join(&format!("{space},")))
            }),
            (vec(inner, 0..4), space).prop_map(|(items, space)| {
                let fields: Vec<String> =
                    items.iter().map(|item| format!("\"a\"{space}:{space}{item}")).collect();
                format!("{{{}{space}}}{space}", fields.join(","))
            }),
        ]
    })
}

/// Text as a rule, and any bytes but nul in fact.
fn header_name() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof!["[^\u{0}]{0,6}".prop_map(String::into_bytes), vec(1..=u8::MAX, 0..6)]
}

prop_compose! {
    fn owned()(
        timestamp in prop_oneof![Just(-1i64), 0..4_000_000_000_000i64],
        appended in any::<bool>(),
        key in bytes(),
        headers in vec((header_name(), bytes()), 0..4),
        value in bytes(),
    ) -> Owned {
        let kind = match (timestamp, appended) {
            (-1, _) => TimestampKind::None,
            (_, true) => TimestampKind::LogAppendTime,
            (_, false) => TimestampKind::CreateTime,
        };
        Owned { offset: 0, timestamp, kind, key, headers, value }
    }
}

proptest! {
    #[test]
    fn any_record_comes_back_from_a_line(record in owned()) {
        let mut line = Vec::new();
        write_line(&record.lent(), &mut line).expect("short enough");
        prop_assert_eq!(line.pop(), Some(b'\n'));
        prop_assert!(!line.contains(&b'\n'), "one line");
        let parsed: Result<serde::de::IgnoredAny, _> = serde_json::from_slice(&line);
        prop_assert!(parsed.is_ok(), "any JSON reader takes it");
        let decoded = read_line(&line).expect("a record");
        prop_assert_eq!(Owned::of(&decoded.record()), record);
    }

    #[test]
    fn no_line_makes_the_reader_panic(line in vec(any::<u8>(), 0..200)) {
        if let Ok(decoded) = read_line(&line) {
            Owned::of(&decoded.record());
        }
    }
}

proptest! {
    #[test]
    fn no_block_makes_the_reader_panic(block in vec(any::<u8>(), 0..200)) {
        let rest = block.as_slice();
        for layout in [TopicRecordLayout::First, TopicRecordLayout::Second] {
            let mut rest = rest;
            while !rest.is_empty() && take_topic_record(&mut rest, layout).is_ok() {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_records_come_back_from_every_encoding(records in vec((owned(), 1..5i64), 0..60)) {
        let mut next = 7;
        let records: Vec<Owned> = records
            .into_iter()
            .map(|(record, step)| {
                next += step;
                Owned { offset: next, ..record }
            })
            .collect();
        for encoding in Encoding::ALL {
            let folder = tempfile::tempdir().expect("a folder");
            let manifest = write(folder.path(), encoding, &records);
            prop_assert_eq!(manifest.topics[0].files[0].records, records.len() as u64);
            prop_assert_eq!(&read(folder.path()).expect("an archive"), &records);
        }
    }

    #[test]
    fn a_byte_that_was_changed_is_found(place in any::<prop::sample::Index>(), bit in 0..8u8) {
        for encoding in Encoding::ALL {
            fault(encoding, |mut bytes| {
                let place = place.index(bytes.len());
                bytes[place] ^= 1 << bit;
                bytes
            });
        }
    }
}

#[test]
fn json_stands_in_the_line_as_it_is_and_all_else_in_base64() {
    for (bytes, expected) in [
        (
            r#"{"a":1,"a":1e9999, "b" : "\u00e4\ud800"}"#,
            r#""value":{"a":1,"a":1e9999, "b" : "\u00e4\ud800"}}"#,
        ),
        ("12.340", r#""value":12.340}"#),
        ("null", r#""valueBase64":"bnVsbA=="}"#),
        (" {}", r#""valueBase64":"IHt9"}"#),
        ("{}\n", r#""valueBase64":"e30K"}"#),
        ("[1,\n2]", r#""valueBase64":"WzEsCjJd"}"#),
        ("text", r#""valueBase64":"dGV4dA=="}"#),
        ("", r#""valueBase64":""}"#),
    ] {
        let mut line = Vec::new();
        write_line(&value(bytes.as_bytes()).lent(), &mut line).expect("short enough");
        let line = String::from_utf8(line).expect("text");
        assert!(line.trim_end().ends_with(expected), "{bytes:?}: {line}");
    }
    let mut line = Vec::new();
    let record = Owned {
        key: Some(vec![0xff]),
        headers: vec![
            ("x".into(), Some(b"\"1\"".to_vec())),
            ("x".into(), None),
            (vec![0xe4], Some(vec![0xc3])),
        ],
        value: None,
        ..value(b"")
    };
    write_line(&record.lent(), &mut line).expect("short enough");
    assert_eq!(
        String::from_utf8(line).expect("text"),
        concat!(
            r#"{"topic":"pos.events","partition":3,"offset":0,"timestamp":1772446500000,"#,
            r#""timestampType":"CreateTime","keyBase64":"/w==","headers":[{"name":"x","value":"\"1\""},"#,
            r#"{"name":"x","value":null},{"nameBase64":"5A==","valueBase64":"ww=="}],"value":null}"#,
            "\n"
        )
    );
}

#[test]
fn other_avro_readers_read_the_files() {
    let folder = tempfile::tempdir().expect("a folder");
    let records: Vec<Owned> = (0..5_000)
        .map(|offset| Owned { offset, headers: vec![("h".into(), None)], ..value(&[0xff; 100]) })
        .collect();
    let manifest = write(folder.path(), Encoding::Avro, &records);
    let bytes = std::fs::read(folder.path().join(&manifest.topics[0].files[0].file)).expect("the file");
    let reader = apache_avro::Reader::new(bytes.as_slice()).expect("a container");
    assert_eq!(
        *reader.writer_schema(),
        apache_avro::Schema::parse_str(TOPIC_RECORD_SCHEMA).expect("a schema")
    );
    let mut seen = 0;
    for datum in reader {
        use apache_avro::types::Value;
        let Value::Record(fields) = datum.expect("a datum") else { panic!("no record") };
        let field = |name: &str| &fields.iter().find(|(found, _)| found == name).expect("a field").1;
        assert_eq!(*field("offset"), Value::Long(seen));
        assert_eq!(*field("timestamp"), Value::TimestampMillis(1_772_446_500_000));
        assert_eq!(*field("timestampType"), Value::Enum(1, "CreateTime".into()));
        assert_eq!(*field("value"), Value::Union(1, Box::new(Value::Bytes(vec![0xff; 100]))));
        seen += 1;
    }
    assert_eq!(seen, 5_000);
}

#[test]
fn files_that_were_cut_or_mixed_up_are_told_with_their_place() {
    use Encoding::{Avro, JsonLines, JsonLinesZstd};
    let cut = |bytes: Vec<u8>| bytes[..bytes.len() - 20].to_vec();
    let swap = |bytes: Vec<u8>| {
        let mut lines = lines(&bytes);
        lines.swap(4, 5);
        lines.concat().into_bytes()
    };
    let without = |bytes: Vec<u8>| lines(&bytes)[..9].concat().into_bytes();
    let reworded = |from: &'static str, to: &'static str| {
        move |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).replacen(from, to, 1).into_bytes()
    };
    let checks: [(Encoding, Harm, &str); 14] = [
        (JsonLines, Box::new(cut), "line 10: the file breaks off in the middle of a line"),
        (JsonLines, Box::new(without), "line 9: the file has 9 records, its manifest says 10"),
        (JsonLines, Box::new(swap), "line 6: offset 4 after 5"),
        (JsonLines, Box::new(reworded("\"n\":7", "\"n\":8")), "line 10: the bytes are not those"),
        (JsonLines, Box::new(reworded("\"offset\":0", "\"offset\":-1")), "line 1: the first offset is -1"),
        (JsonLines, Box::new(reworded("pos.events", "pos.event2")), "line 1: a record of another topic"),
        (JsonLines, Box::new(reworded("\"key\":\"A-1\",", "")), "line 1: key: missing"),
        (JsonLines, Box::new(reworded("\"key\":\"A-1\"", "\"keyBase64\":\"!\"")), "line 1: key: no base64"),
        (JsonLines, Box::new(reworded("1772446500000", "-1")), "line 1: timestamp -1 of type CreateTime"),
        (JsonLines, Box::new(reworded("CreateTime", "Sometime")), "line 1: timestampType is not one of"),
        (JsonLines, Box::new(reworded("{\"topic\"", "[\"topic\"")), "line 1: column 9: not a record"),
        (JsonLinesZstd, Box::new(cut), "line 1: cannot be read"),
        (Avro, Box::new(cut), "the file breaks off"),
        (Avro, Box::new(|bytes| [b"Obj\x02", &bytes[4..]].concat()), "byte 4: no Avro object container file"),
    ];
    for (encoding, harm, expected) in checks {
        let said = fault(encoding, harm);
        assert!(said.contains(expected), "{expected}: {said}");
        assert!(!said.contains("A-1"), "no value of a record in an error: {said}");
    }
}

#[test]
fn a_line_without_an_end_is_given_up() {
    let said = fault(Encoding::JsonLines, |_| vec![b' '; LINE_BYTES_MAX + 10]);
    assert!(said.contains("line 1: the line is longer than"), "{said}");
}

#[test]
fn a_block_that_inflates_without_end_is_given_up() {
    let said = fault(Encoding::Avro, |bytes| {
        use std::io::Write;
        let mut packed = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        let zeros = vec![0; 1 << 20];
        for _ in 0..80 {
            packed.write_all(&zeros).expect("a vector");
        }
        let packed = packed.finish().expect("a vector");
        // The head, up to and with its sync marker, ends before the first block: count 10 is 20 as a zigzag.
        let sync = bytes[bytes.len() - 16..].to_vec();
        let head = bytes.windows(16).position(|window| window == sync).expect("a marker") + 16;
        let mut bomb = bytes[..head].to_vec();
        bomb.push(20);
        let mut length = packed.len() << 1;
        while length >= 0x80 {
            bomb.push(length as u8 | 0x80);
            length >>= 7;
        }
        bomb.push(length as u8);
        [bomb, packed, sync].concat()
    });
    assert!(said.contains("a block of more than"), "{said}");
}

#[test]
fn a_manifest_that_does_not_fit_says_all_that_is_wrong() {
    let folder = tempfile::tempdir().expect("a folder");
    let good = write(folder.path(), Encoding::JsonLines, &some_records(10));
    let faults = |change: &dyn Fn(&mut Manifest)| {
        let mut manifest = good.clone();
        change(&mut manifest);
        rewrite(folder.path(), &manifest);
        match Archive::open(folder.path()) {
            Err(ArchiveError::Manifest { faults, .. }) => faults.join("; "),
            other => panic!("{other:?}"),
        }
    };
    let all = faults(&|manifest| {
        let mut outside = manifest.topics[0].files[0].clone();
        outside.file = "../secret".to_owned();
        let mut beyond = manifest.topics[0].files[0].clone();
        beyond.partition = 8.into();
        manifest.topics[0].files[0].records = 11;
        manifest.topics[0].files.extend([outside, beyond]);
        let nameless = ArchivedTopic { topic: "../x".to_owned(), partitions: 1, files: Vec::new() };
        manifest.topics.push(nameless);
    });
    for part in [
        "11 records from offset 0 to 9 do not fit the offsets from 0 up to 10",
        "pos.events partition 3 twice",
        "its file is pos.events/00003.jsonl, not \"../secret\"",
        "partition 8: the topic has 8 partitions",
        "\"../x\" is no name of a topic",
    ] {
        assert!(all.contains(part), "{part}: {all}");
    }
    let newer = faults(&|manifest| manifest.version = 3);
    assert!(newer.contains("version 3 of the layout, this program reads 1 to 2"), "{newer}");
    let elsewhere = faults(&|manifest| manifest.topics[0].files[0].left_out = vec![10]);
    assert!(elsewhere.contains("leftOut does not fit the offsets from 0 up to 10"), "{elsewhere}");
    let cut = faults(&|manifest| manifest.topics[0].files[0].bytes += 1);
    assert!(cut.contains("pos.events/00003.jsonl has"), "{cut}");
    std::fs::remove_file(folder.path().join(&good.topics[0].files[0].file)).expect("the file");
    let gone = faults(&|_| {});
    assert!(gone.contains("pos.events/00003.jsonl: "), "{gone}");
    std::fs::remove_file(folder.path().join(MANIFEST)).expect("the manifest");
    let none = Archive::open(folder.path()).expect_err("no archive").to_string();
    assert!(none.contains("the export did not complete"), "{none}");
}

#[test]
fn what_is_cut_short_never_looks_whole_and_only_force_replaces() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path();
    let names = || -> Vec<String> {
        let all = std::fs::read_dir(folder.join(TOPIC)).expect("the topic");
        all.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
    };
    let writer = ArchiveWriter::begin(folder, Encoding::Avro, false).expect("an empty folder");
    let whole = writer.partition(TOPIC, 0.into()).expect("a file").finish(0, 0).expect("the file");
    let killed = writer.partition(TOPIC, 1.into()).expect("a file");
    assert!(killed.part().exists());
    // What a killed process leaves: nobody cleans up.
    std::mem::forget(killed);
    let dropped = writer.partition(TOPIC, 2.into()).expect("a file");
    drop(dropped);
    let mut left = names();
    left.sort();
    assert_eq!(left, ["00000.avro", "00001.avro.part"]);
    assert!(matches!(Archive::open(folder), Err(ArchiveError::NoManifest(_))));

    let refused = |folder: &Path| match ArchiveWriter::begin(folder, Encoding::JsonLines, false) {
        Err(error @ ArchiveError::Taken { .. }) => error.to_string(),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("it was taken"),
    };
    assert!(refused(folder).contains("did not complete"));
    std::fs::write(folder.join("notes.txt"), "mine").expect("a file");
    std::fs::write(folder.join(TOPIC).join("0.txt"), "mine").expect("a file");
    let again = ArchiveWriter::begin(folder, Encoding::JsonLines, true).expect("force");
    again.finish(&Manifest::new(None, "read_committed", Encoding::Avro, entries(whole))).expect("a manifest");
    assert_eq!(names(), ["0.txt"], "what is not an archive's stays");
    assert!(folder.join("notes.txt").exists());
    assert!(refused(folder).contains("holds an export"));
}

/// A record's datum of headers alone: so many, each of these bytes.
fn datum_of_headers(count: i64, header: &[u8]) -> Vec<u8> {
    let mut datum = vec![2 * TOPIC.len() as u8];
    datum.extend_from_slice(TOPIC.as_bytes());
    // Partition 3, offset 0, time 1, CreateTime, no key.
    datum.extend_from_slice(&[6, 0, 2, 2, 0]);
    let mut left = (count << 1).unsigned_abs();
    while left >= 0x80 {
        datum.push(left as u8 | 0x80);
        left >>= 7;
    }
    datum.push(left as u8);
    datum.extend(std::iter::repeat_n(header, count as usize).flatten());
    // No further headers, no value.
    datum.extend_from_slice(&[0, 0]);
    datum
}

/// An archive whose one file is this container.
fn archive_of_container(folder: &Path, version: u32, schema: &'static str, datum: &[u8]) {
    let mut bytes = Vec::new();
    let mut container = Container::begin(schema, Codec::Deflate, &mut bytes);
    container.add(datum, &mut bytes);
    container.flush(&mut bytes);
    let mut manifest = write(folder, Encoding::Avro, &some_records(1));
    manifest.version = version;
    let file = &mut manifest.topics[0].files[0];
    std::fs::write(folder.join(&file.file), &bytes).expect("the file");
    file.bytes = bytes.len() as u64;
    file.xxh3 = format!("{:032x}", xxhash_rust::xxh3::xxh3_128(&bytes));
    rewrite(folder, &manifest);
}

#[test]
fn an_export_of_the_first_version_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    // Name "h", value "v".
    let datum = datum_of_headers(2, &[2, b'h', 2, 2, b'v']);
    archive_of_container(folder.path(), 1, TOPIC_RECORD_SCHEMA_1, &datum);
    let records = read(folder.path()).expect("an archive");
    assert_eq!(records[0].headers, vec![(b"h".to_vec(), Some(b"v".to_vec())); 2]);
}

#[test]
fn a_small_file_cannot_ask_for_millions_of_headers() {
    let folder = tempfile::tempdir().expect("a folder");
    // No name, no value, no other name.
    let datum = datum_of_headers(20_000_000, &[0, 0, 0]);
    archive_of_container(folder.path(), 2, TOPIC_RECORD_SCHEMA, &datum);
    let fault = read(folder.path()).expect_err("too many").to_string();
    assert!(fault.contains("headers: more than 1000000 of them"), "{fault}");
    let mut line = br#"{"topic":"t","partition":0,"offset":0,"timestamp":-1,"timestampType":"None","key":null,"headers":[{"name":"","value":null}"#.to_vec();
    line.extend(std::iter::repeat_n(br#",{"name":"","value":null}"#, HEADERS_MAX).flatten());
    line.extend_from_slice(br#"],"value":null}"#);
    let fault = read_line(&line).map(drop).expect_err("too many");
    assert!(fault.contains("headers are too many"), "{fault}");
}

#[test]
fn a_record_with_as_many_headers_as_there_may_be_comes_back() {
    let headers = vec![(Vec::new(), None); HEADERS_MAX];
    let record = Owned { headers, ..value(b"") };
    let folder = tempfile::tempdir().expect("a folder");
    write(folder.path(), Encoding::Avro, std::slice::from_ref(&record));
    assert!(read(folder.path()).expect("an archive") == [record]);
}

#[test]
fn a_record_that_no_archive_takes_is_left_out_by_name_and_ends_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let writer = ArchiveWriter::begin(folder.path(), Encoding::Avro, false).expect("an empty folder");
    let mut partition = writer.partition(TOPIC, 3.into()).expect("a file");
    let headers = vec![(Vec::new(), None); HEADERS_MAX + 1];
    let many = Owned { offset: 1, headers, ..value(b"") };
    let [first, _, last] = &some_records(3)[..] else { unreachable!("there are three") };
    partition.add(&first.lent()).expect("room");
    let refused = partition.add(&many.lent()).expect_err("too many headers");
    assert!(refused.to_string().contains("offset 1: 1000001 headers, an archive takes 1000000"), "{refused}");
    partition.leave_out(refused, 1).expect("the first");
    partition.add(&last.lent()).expect("room");
    let file = partition.finish(0, 3).expect("the file");
    writer
        .finish(&Manifest::new(None, "read_committed", Encoding::Avro, entries(file)))
        .expect("the manifest");
    assert_eq!(read(folder.path()).expect("an archive"), [first.clone(), last.clone()]);
    let archive = Archive::open(folder.path()).expect("an archive");
    assert_eq!(archive.manifest().topics[0].files[0].left_out, [1]);
}
