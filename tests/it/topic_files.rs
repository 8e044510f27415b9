//! `tillgate topics export | import` on a real Kafka: what comes out of one topic and goes into another is the same,
//! byte for byte; what does not fit is refused whole; what was killed is told.

use crate::support::proxy::{Hold, Kind, Proxy};
use crate::support::{Kafka, Message, Record, eventually, kafka};
use assert_cmd::Command;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;
use tillgate::archive::{Archive, ArchiveWriter, ArchivedTopic, Encoding, MANIFEST, Manifest};
use tillgate::domain::PartitionId;
use tillgate::domain::record::{RecordHeader, TimestampKind, TopicRecord};
use tillgate::kafka::client::{EventProducer, NewRecord};
use tillgate::kafka::settings::ClusterSettings;

/// Records of old times, which a broker would delete within its first minute.
const KEPT: &[(&str, &str)] = &[("retention.ms", "-1")];
const WITHIN: Duration = Duration::from_secs(120);

fn command(kafka: &Kafka, arguments: &[&str]) -> std::process::Command {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tillgate"));
    command
        .arg("topics")
        .args(arguments)
        .args(["--set", &format!("kafka.bootstrap_servers={}", kafka.bootstrap())])
        .stdin(Stdio::null());
    command
}

fn tillgate(kafka: &Kafka, arguments: &[&str]) -> Output {
    Command::from_std(command(kafka, arguments)).timeout(WITHIN).output().expect("the program")
}

/// What it said on standard output and on standard error.
fn done(kafka: &Kafka, arguments: &[&str]) -> (String, String) {
    let output = tillgate(kafka, arguments);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    (text(&output.stdout), text(&output.stderr))
}

fn refused(kafka: &Kafka, arguments: &[&str], code: i32) -> String {
    let output = tillgate(kafka, arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
    said
}

fn path(folder: &Path) -> &str {
    folder.to_str().expect("a plain path")
}

fn archived(folder: &Path, topic: &str) -> (ArchivedTopic, Vec<Record>) {
    let archive = Archive::open(folder).expect("an archive");
    let topic = archive.topic(topic).expect("the topic").clone();
    let mut records = Vec::new();
    for file in &topic.files {
        let mut reader = archive.read(&topic.topic, file).expect("a file");
        while let Some(record) = reader.next().expect("a record") {
            records.push(Record::from(&record));
        }
    }
    (topic, records)
}

fn without_offsets(records: &[Record]) -> Vec<Record> {
    records.iter().map(|record| Record { offset: 0, ..record.clone() }).collect()
}

/// Records of every odd kind, from a seed.
fn odd_messages(count: usize, seed: u8) -> Vec<Message> {
    use proptest::prelude::*;
    let bytes = || {
        prop_oneof![
            Just(None),
            Just(Some(Vec::new())),
            proptest::collection::vec(any::<u8>(), 0..200).prop_map(Some),
            any::<String>().prop_map(|text| Some(text.into_bytes())),
            Just(Some(b"null".to_vec())),
            Just(Some(b"{\"a\": 1, \"a\":1e400, \"b\":\"\\u00e4\"}".to_vec())),
            Just(Some(b"{\n  \"pretty\": true\n}".to_vec())),
            (1..9_999u32).prop_map(|number| Some(format!("{{\"n\":{number}.10}}").into_bytes())),
        ]
    };
    let message = (
        0..3i32,
        prop_oneof![Just(-1i64), 1..1_700_000_000_000i64],
        bytes(),
        proptest::collection::vec(("[^\u{0}]{0,6}", bytes()), 0..3),
        bytes(),
    )
        .prop_map(|(partition, timestamp, key, headers, value)| Message {
            partition: Some(partition),
            timestamp: Some(timestamp),
            key,
            value,
            headers,
        });
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    (0..count).map(|_| message.new_tree(&mut runner).expect("a message").current()).collect()
}

fn expected(messages: &[Message]) -> Vec<Record> {
    let mut records = Vec::new();
    for partition in 0..3 {
        let own = messages.iter().filter(|message| message.partition == Some(partition));
        records.extend(own.enumerate().map(|(offset, message)| Record {
            partition,
            offset: offset as i64,
            timestamp: message.timestamp.expect("given"),
            key: message.key.clone(),
            value: message.value.clone(),
            headers: message.headers.clone(),
        }));
    }
    records
}

#[test]
fn records_without_gaps_come_back_with_their_offsets_in_every_format() {
    let Some(kafka) = kafka() else { return };
    let source = kafka.topic("files");
    kafka.create_topic(&source, 3, KEPT);
    let messages = odd_messages(3_000, 7);
    kafka.produce(&source, messages.clone());
    for format in ["avro", "jsonl", "jsonl.zst"] {
        let scratch = tempfile::tempdir().expect("a folder");
        let (first, second) = (scratch.path().join("first"), scratch.path().join("second"));
        let target = kafka.topic("files");
        kafka.create_topic(&target, 3, KEPT);
        let rename = format!("{source}={target}");
        done(kafka, &["export", "--to", path(&first), "--topic", &source, "--format", format]);
        let import = ["import", "--from", path(&first), "--rename", &rename];
        let (plan, said) = done(kafka, &import);
        assert_eq!(plan.matches("as they were").count(), 3, "{plan}");
        assert!(said.contains("3,000 records"), "{said}");
        done(kafka, &["export", "--to", path(&second), "--topic", &target, "--format", "avro"]);

        assert_eq!(archived(&first, &source).1, expected(&messages), "{format}");
        assert_eq!(archived(&second, &target).1, expected(&messages), "{format}");
        let archive = Archive::open(&first).expect("an archive");
        assert!(archive.manifest().cluster_id.is_some());
        assert!(archive.topic(&source).expect("the topic").files.iter().all(|file| file.is_without_gaps()));
    }
}

#[test]
fn aborted_and_open_transactions_stay_out_and_offsets_move_up() {
    let Some(kafka) = kafka() else { return };
    let (source, target) = (kafka.topic("files"), kafka.topic("files"));
    for topic in [&source, &target] {
        kafka.create_topic(topic, 3, KEPT);
    }
    let messages = odd_messages(300, 8);
    let (early, late) = messages.split_at(150);
    kafka.produce_committed(&source, &source, early.to_vec());
    kafka.produce_aborted(&source, &source, odd_messages(50, 9));
    kafka.produce_committed(&source, &source, late.to_vec());
    kafka.produce_aborted(&source, &source, odd_messages(50, 10));
    let open: BaseProducer =
        kafka.client().set("transactional.id", format!("{source}-open")).create().expect("a producer");
    open.init_transactions(WITHIN).expect("an id");
    open.begin_transaction().expect("a transaction");
    open.send(BaseRecord::<str, str>::to(&source).partition(1).payload("open")).expect("room");
    open.flush(WITHIN).expect("acknowledgements");

    let scratch = tempfile::tempdir().expect("a folder");
    let (first, second) = (scratch.path().join("first"), scratch.path().join("second"));
    let rename = format!("{source}={target}");
    let (_, said) = done(kafka, &["export", "--to", path(&first), "--topic", &source]);
    assert!(said.contains(&format!("{source}: 1 offsets from open transactions on were left out")), "{said}");
    open.abort_transaction(WITHIN).expect("the end");
    let (entry, records) = archived(&first, &source);
    assert_eq!(records.len(), 300, "{entry:?}, the topic ends at {:?}", kafka.ends(&source));
    let import = ["import", "--from", path(&first), "--rename", &rename];
    let (dry, said) = done(kafka, &[import.as_slice(), &["--dry-run"]].concat());
    assert!(said.contains("300 records would be written; nothing was"), "{said}");
    assert!(kafka.ends(&target).values().all(|end| *end == 0), "a dry run writes nothing");
    let (plan, _) = done(kafka, &import);
    assert_eq!(plan, dry);
    assert_eq!(plan.matches(" records move, the last by -").count(), 3, "{plan}");
    done(kafka, &["export", "--to", path(&second), "--topic", &target]);

    let (entry, records) = archived(&first, &source);
    assert_eq!(without_offsets(&records), without_offsets(&expected(&messages)));
    assert!(entry.files.iter().all(|file| !file.is_without_gaps()));
    assert_eq!(records, kafka.read_committed(&source));
    assert_eq!(archived(&second, &target).1, expected(&messages));
}

#[test]
fn an_export_takes_the_partitions_and_offsets_it_is_asked_for() {
    let Some(kafka) = kafka() else { return };
    let topic = kafka.topic("files");
    kafka.create_topic(&topic, 3, KEPT);
    kafka.produce(&topic, (0..30).map(|number| Message::new("k", number.to_string()).on(number % 3)));
    let scratch = tempfile::tempdir().expect("a folder");
    let to = scratch.path().join("some");
    let base = ["export", "--to", path(&to), "--topic", topic.as_str(), "--format", "jsonl"];
    let of = |more: &[&'static str]| [base.as_slice(), more].concat();
    done(kafka, &of(&["--partition", "1", "--from-offset", "4", "--until-offset", "6"]));
    let (entry, records) = archived(&to, &topic);
    assert_eq!((entry.partitions, entry.files.len()), (3, 1));
    assert_eq!((entry.files[0].begin, entry.files[0].end), (4, 6));
    let texts: Vec<&str> = records.iter().map(Record::text).collect();
    assert_eq!(texts, ["13", "16"]);

    let said = refused(kafka, &of(&[]), 1);
    assert!(said.contains("holds an export: take another folder, or give --force"), "{said}");
    done(kafka, &of(&["--force", "--partition", "0", "--partition", "2"]));
    assert_eq!(archived(&to, &topic).1.len(), 20);
    assert!(!to.join(&topic).join("00001.jsonl").exists(), "force replaces the whole export");
    let said = refused(kafka, &of(&["--force", "--partition", "1", "--until-offset", "11"]), 1);
    assert!(said.contains("partition 1 has the offsets from 0 up to 10, not from 0 up to 11"), "{said}");
    let said = refused(kafka, &of(&["--force", "--partition", "3"]), 1);
    assert!(said.contains("has 3 partitions: there is no partition 3"), "{said}");
    assert_eq!(archived(&to, &topic).1.len(), 20, "what is refused touches nothing");
    let said = refused(kafka, &["export", "--to", path(&to), "--topic", "no.such.topic"], 1);
    assert!(said.contains("there is no topic no.such.topic"), "{said}");
    refused(kafka, &["export", "--to", path(&to), "--from-offset", "4"], 2);
}

#[test]
fn an_import_that_does_not_fit_says_all_that_is_wrong_and_writes_nothing() {
    let Some(kafka) = kafka() else { return };
    let names: Vec<String> = (0..5).map(|_| kafka.topic("files")).collect();
    for name in &names {
        kafka.create_topic(name, 2, KEPT);
        kafka.produce(name, (0..20).map(|number| Message::new("k", number.to_string()).on(number % 2)));
    }
    let keyless = Message { key: None, ..Message::new("", "v") };
    kafka.produce(&names[4], [keyless.on(0), Message::new("k", vec![b'x'; 2_000]).on(1)]);
    let scratch = tempfile::tempdir().expect("a folder");
    let to = scratch.path().join("export");
    let mut arguments = vec!["export", "--to", path(&to), "--format", "jsonl"];
    names.iter().for_each(|name| arguments.extend(["--topic", name.as_str()]));
    done(kafka, &arguments);

    let (narrow, empty, strict) = (kafka.topic("files"), kafka.topic("files"), kafka.topic("files"));
    kafka.create_topic(&narrow, 1, KEPT);
    kafka.create_topic(&empty, 2, &[("message.timestamp.type", "LogAppendTime"), ("retention.ms", "-1")]);
    kafka.create_topic(&strict, 2, &[("cleanup.policy", "compact"), ("max.message.bytes", "2000")]);
    let renames = [
        format!("{}={narrow}", names[1]),
        format!("{}=not.there", names[2]),
        format!("{}={empty}", names[3]),
        format!("{}={strict}", names[4]),
    ];
    let mut import = vec!["import", "--from", path(&to)];
    renames.iter().for_each(|rename| import.extend(["--rename", rename.as_str()]));
    // One digit of a value, which leaves the file as long as it was.
    let file = to.join(&names[0]).join("00001.jsonl");
    let text = std::fs::read_to_string(&file).expect("the file");
    std::fs::write(&file, text.replace("\"value\":19", "\"value\":18")).expect("the file");
    let said = refused(kafka, &import, 1);
    for part in [
        format!("topic {} is not empty, it holds 20 offsets", names[0]),
        format!("topic {narrow} has 1 partitions, the export 2"),
        "topic not.there is missing".to_owned(),
        format!("topic {empty} has message.timestamp.type=LogAppendTime"),
        format!("{} partition 0 offset 10: it has no key, and topic {strict} is compacted", names[4]),
        format!("{} partition 1 offset 10: 2001 bytes, topic {strict}", names[4]),
        format!("{}/00001.jsonl: line 10: the bytes are not those that were written", names[0]),
    ] {
        assert!(said.contains(&part), "{part}: {said}");
    }
    assert!(kafka.ends(&empty).values().all(|end| *end == 0), "nothing was written");

    let said = refused(kafka, &["import", "--from", path(&to), "--topic", "other"], 2);
    assert!(said.contains("the export holds no other, it holds"), "{said}");
    let both = format!("{}={}", names[0], names[2]);
    let said = refused(kafka, &["import", "--from", path(&to), "--rename", &both], 2);
    assert!(said.contains("two topics would go to"), "{said}");
    std::fs::remove_file(to.join(MANIFEST)).expect("the manifest");
    let said = refused(kafka, &import, 1);
    assert!(said.contains("the export did not complete"), "{said}");
}

#[test]
fn records_of_a_time_that_cannot_be_written_are_refused_beforehand() {
    let Some(kafka) = kafka() else { return };
    let topic = kafka.topic("files");
    kafka.create_topic(&topic, 2, KEPT);
    let scratch = tempfile::tempdir().expect("a folder");
    let writer = ArchiveWriter::begin(scratch.path(), Encoding::Avro, false).expect("an empty folder");
    let far_ahead = 32_503_680_000_000;
    let times = [0, far_ahead];
    let files = PartitionId::all(2).zip(times).map(|(partition, timestamp_millis)| {
        let mut file = writer.partition(&topic, partition).expect("a file");
        for (offset, timestamp_millis) in [(0, 1), (1, timestamp_millis)] {
            let record = TopicRecord {
                topic: &topic,
                partition,
                offset,
                timestamp_millis,
                timestamp_kind: TimestampKind::CreateTime,
                key: None,
                headers: Default::default(),
                value: None,
            };
            file.add(&record).expect("room");
        }
        file.finish(0, 2).expect("a file")
    });
    let topics = vec![ArchivedTopic { topic: topic.clone(), partitions: 2, files: files.collect() }];
    let manifest = Manifest::new(None, "read_committed", Encoding::Avro, topics);
    writer.finish(&manifest).expect("a manifest");
    let said = refused(kafka, &["import", "--from", path(scratch.path())], 1);
    for part in ["partition 0 offset 1: its time is 0", "partition 1 offset 1: its time is ahead of now"] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(kafka.ends(&topic).values().all(|end| *end == 0), "nothing was written");
}

#[test]
fn a_topic_that_holds_records_takes_more_only_when_told() {
    let Some(kafka) = kafka() else { return };
    let topic = kafka.topic("files");
    kafka.create_topic(&topic, 1, KEPT);
    kafka.produce(&topic, (0..10).map(|number| Message::new("k", number.to_string())));
    let scratch = tempfile::tempdir().expect("a folder");
    let to = scratch.path().join("export");
    done(kafka, &["export", "--to", path(&to), "--topic", &topic]);
    let said = refused(kafka, &["import", "--from", path(&to)], 1);
    assert!(said.contains("delete and create it again"), "{said}");
    let (plan, _) = done(kafka, &["import", "--from", path(&to), "--append"]);
    assert!(plan.contains("offsets 0 to 9 become 10 to 19: 10 records move, the last by 10"), "{plan}");
    assert_eq!(kafka.read_committed(&topic).len(), 20);
}

#[test]
fn what_is_killed_halfway_never_looks_whole() {
    let Some(kafka) = kafka() else { return };
    let (source, target) = (kafka.topic("files"), kafka.topic("files"));
    for topic in [&source, &target] {
        kafka.create_topic(topic, 1, KEPT);
    }
    let value = vec![b'x'; 1_000];
    kafka.produce(&source, (0..100_000).map(|number: u32| Message::new(number.to_string(), value.clone())));
    let scratch = tempfile::tempdir().expect("a folder");
    let to = scratch.path().join("export");
    let export = ["export", "--to", path(&to), "--topic", source.as_str(), "--format", "jsonl"];
    // However fast the machine is, the rest comes to neither of the two before it is killed.
    let proxy = Proxy::before(kafka.bootstrap());
    let behind = kafka.through(&proxy);
    let held = proxy.hold(Hold { skip: 3, ..Hold::next(Kind::Fetch) });
    let mut running = command(&behind, &export).stderr(Stdio::null()).spawn().expect("the program");
    let part = to.join(&source).join("00000.jsonl.part");
    eventually(WITHIN, "a file under way", || (part.exists() && held.is_caught()).then_some(()));
    running.kill().expect("kill -9");
    running.wait().expect("its end");
    assert!(part.exists());
    let said = refused(kafka, &["import", "--from", path(&to)], 1);
    assert!(said.contains("did not complete"), "{said}");
    let said = refused(kafka, &export, 1);
    assert!(said.contains("an export that did not complete"), "{said}");
    done(kafka, &[export.as_slice(), &["--force"]].concat());
    assert!(!part.exists());

    let rename = format!("{source}={target}");
    let import = ["import", "--from", path(&to), "--rename", rename.as_str()];
    let held = proxy.hold(Hold { skip: 3, ..Hold::next(Kind::Produce) });
    let mut running =
        command(&behind, &import).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("the program");
    let begun = || (held.is_caught() && kafka.ends(&target)[&0] > 0).then_some(());
    eventually(WITHIN, "the first records", begun);
    running.kill().expect("kill -9");
    running.wait().expect("its end");
    assert!(kafka.ends(&target)[&0] < 100_000);
    let said = refused(kafka, &import, 1);
    assert!(said.contains("is not empty") && said.contains("if an import broke off"), "{said}");
}

#[test]
fn headers_whose_names_are_no_text_come_back_in_every_format() {
    let Some(kafka) = kafka() else { return };
    let source = kafka.topic("files");
    kafka.create_topic(&source, 1, KEPT);
    let settings =
        ClusterSettings::default().with(|settings| settings.bootstrap_servers = kafka.bootstrap().to_owned());
    let names: [&[u8]; 4] = [b"trace", b"\xff\xfe", b"", b"\xe4\x1b[2J"];
    let headers = names.map(|name| RecordHeader { name, value: Some(b"\xff") });
    let record = TopicRecord {
        topic: &source,
        partition: 0.into(),
        offset: 0,
        timestamp_millis: 1_700_000_000_000,
        timestamp_kind: TimestampKind::CreateTime,
        key: Some(b"k"),
        headers: headers.into_iter().collect(),
        value: Some(b"{}"),
    };
    let mut sender = EventProducer::new(&settings).expect("a producer");
    sender.send(&NewRecord::as_it_is(&source, &record)).expect("room");
    sender.flush().expect("written");
    // Behind it, so that it is seen whether the export goes on.
    kafka.produce(&source, [Message::new("k", "{}")]);
    for format in ["avro", "jsonl", "jsonl.zst"] {
        let scratch = tempfile::tempdir().expect("a folder");
        let (first, second) = (scratch.path().join("first"), scratch.path().join("second"));
        let target = kafka.topic("files");
        kafka.create_topic(&target, 1, KEPT);
        done(kafka, &["export", "--to", path(&first), "--topic", &source, "--format", format]);
        let rename = format!("{source}={target}");
        done(kafka, &["import", "--from", path(&first), "--rename", &rename]);
        done(kafka, &["export", "--to", path(&second), "--topic", &target, "--format", format]);
        for (folder, topic) in [(&first, &source), (&second, &target)] {
            let archive = Archive::open(folder).expect("an archive");
            let file = &archive.topic(topic).expect("the topic").files[0];
            assert_eq!(file.records, 2);
            let mut reader = archive.read(topic, file).expect("a file");
            let found = reader.next().expect("a record").expect("the first");
            let bytes = |header: &RecordHeader<'_>| (header.name.to_vec(), header.value.map(<[u8]>::to_vec));
            let found: Vec<_> = found.headers.iter().map(bytes).collect();
            assert_eq!(found, headers.iter().map(bytes).collect::<Vec<_>>(), "{format}");
        }
    }
}
