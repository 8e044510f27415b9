//! What fuzzing begins with, for each target: events of the golden scenarios and of the generator, journals that were
//! really written, our schemas, our configuration. Few and short ones first: short inputs run often.

use std::fs;
use std::path::{Path, PathBuf};

use tillgate::archive::{ArchivedPartition, ArchivedTopic, Encoding, Manifest, write_line};
use tillgate::codec::avro::{
    ACCOUNT_EVENT_SCHEMA, Codec, Container, POS_EVENT_SCHEMA, TOPIC_RECORD_SCHEMA, write_topic_record,
};
use tillgate::codec::journal::{
    ByteReader, ByteWriter, read_account, read_change, read_record, write_account,
};
use tillgate::codec::rulesets::{RulesetChange, hash_of, hash_text, write_change};
use tillgate::codec::tick::{Tick, UnitTimes, write_tick};
use tillgate::config::{Sources, load};
use tillgate::domain::Micros;
use tillgate::domain::record::{RecordHeader, TimestampKind, TopicRecord};
use tillgate::load::{AvroPrefix, Encoder, Generated, LoadSettings, MistakeShares, World};
use tillgate::pos::{Input, OutcomeEncoding, Partition, PartitionOptions};

use super::contact_seeds;
use super::gateway_seeds;
use super::support::history::{SETS, history};
use super::support::stream::{Published, engine, options};

/// What a target begins with, and words that mean something to it.
pub struct Corpus {
    pub seeds: Vec<Vec<u8>>,
    pub words: Vec<Vec<u8>>,
}

/// The corpus of a target.
pub fn of(target: &str) -> Corpus {
    let (mut seeds, words) = match target {
        "json_pos_event" => (json_events("events.jsonl", Input::PosEvents), json_words()),
        "json_account_event" => (json_events("account_events.jsonl", Input::AccountEvents), json_words()),
        "avro_pos_event" => (avro_events(Input::PosEvents), Vec::new()),
        "avro_account_event" => (avro_events(Input::AccountEvents), Vec::new()),
        "avro_written_elsewhere" => (streams(), Vec::new()),
        "avro_schema" => (schemas(), schema_words()),
        "framing" => (framed(), Vec::new()),
        "partition" => (partitions(), json_words()),
        "tick" => (ticks(), tick_words()),
        "journal_record" => (journals().concat(), Vec::new()),
        "journal_account" => (accounts(), Vec::new()),
        "restore" => (journals().iter().map(|records| behind_lengths(records)).collect(), Vec::new()),
        "container" => (containers(), Vec::new()),
        "export_line" => (lines(), line_words()),
        "manifest" => (manifests(), line_words()),
        "archive" => (archives(), line_words()),
        "recorded_outcome" => (outcomes(), json_words()),
        "ruleset_record" => (ruleset_records(), Vec::new()),
        "registry_answer" => (registry_answers(), json_words()),
        "contact_record" => (contact_seeds::records(), contact_seeds::words()),
        "contact_decision" => (contact_seeds::decisions(), contact_seeds::words()),
        "contact_partition" => (contact_seeds::partitions(), contact_seeds::words()),
        "contact_person" => (streams(), Vec::new()),
        "contact_http" => (gateway_seeds::requests(), contact_seeds::words()),
        "access_token" => (gateway_seeds::tokens(), gateway_seeds::words()),
        "key_set" => (gateway_seeds::key_sets(), gateway_seeds::words()),
        "config_file" => (config_files(), config_words()),
        "config_values" => (config_values(), config_words()),
        "ruleset" => (vec![canonical_text().into_bytes()], config_words()),
        other => panic!("no seeds for {other}"),
    };
    seeds.push(Vec::new());
    Corpus { seeds, words }
}

fn ticks() -> Vec<Vec<u8>> {
    let (stream_time, last_record) = (Micros(1_750_000_000_000_000), Some(Micros(1_750_000_000_000_000)));
    let passed = [None, last_record].map(|last_record| Tick::Passed(UnitTimes { stream_time, last_record }));
    let set = Tick::SetTime { to: stream_time, stands: Some(stream_time), by: "an operator".to_owned() };
    passed.iter().chain([&set]).map(write_tick).collect()
}

fn tick_words() -> Vec<Vec<u8>> {
    let words = ["kind", "passed", "setTime", "streamTime", "lastRecordTime", "to", "by"];
    let times = ["0000-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "2025-06-15T12:00:00Z"];
    words.iter().chain(&times).map(|word| word.as_bytes().to_vec()).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The lines of the files of this name in all golden scenarios.
fn golden(file: &str) -> Vec<Vec<u8>> {
    let mut folders: Vec<PathBuf> = fs::read_dir(root().join("tests/golden"))
        .expect("scenarios")
        .flatten()
        .map(|entry| entry.path())
        .collect();
    folders.sort();
    let texts = folders.iter().filter_map(|folder| fs::read(folder.join(file)).ok());
    texts.flat_map(|text| text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>()).collect()
}

fn json_events(file: &str, input: Input) -> Vec<Vec<u8>> {
    let mut events = golden(file);
    events.retain(|line| !line.is_empty());
    let generated = generated(Encoder::Json);
    events.extend(generated.into_iter().filter(|(of, _)| *of == input).map(|(_, value)| value));
    events
}

fn avro_events(input: Input) -> Vec<Vec<u8>> {
    let framing = AvroPrefix::SchemaId(1);
    let encoder = Encoder::Avro { pos_event: framing, account_event: framing };
    let framed = generated(encoder).into_iter().filter(|(of, _)| *of == input);
    framed.filter_map(|(_, value)| Some(value.get(5..)?.to_vec())).collect()
}

/// A short run of the generator, mistakes and all.
fn generated(encoder: Encoder) -> Vec<(Input, Vec<u8>)> {
    let settings = LoadSettings {
        seed: 8,
        count: 60,
        accounts: 6,
        terminals: 18,
        lines: 2,
        mistakes: MistakeShares::even(400),
        ..LoadSettings::default()
    };
    let world = World::new(settings.validated().expect("settings"));
    let mut made = Vec::new();
    for event in world.opening_events() {
        let mut value = Vec::new();
        encoder.account_event(&event, &mut value).expect("an event of ours");
        made.push((Input::AccountEvents, value));
    }
    for generated in world.generate() {
        let mut value = Vec::new();
        let input = match &generated {
            Generated::Account { event, .. } => {
                encoder.account_event(event, &mut value).expect("an event of ours");
                Input::AccountEvents
            }
            Generated::Pos(record) => {
                encoder.pos_record(record, &mut value).expect("an event of ours");
                Input::PosEvents
            }
        };
        made.push((input, value));
    }
    made
}

/// Bytes that choose: of no form at all.
fn streams() -> Vec<Vec<u8>> {
    let stream = |seed: u64| {
        let mut choices = super::mutate::Choices::new(seed);
        (0..200 + choices.below(400)).map(|_| choices.below(256) as u8).collect()
    };
    (0..200).map(stream).collect()
}

/// Our schemas, each with a datum behind a nul byte.
fn schemas() -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for (schema, input) in
        [(POS_EVENT_SCHEMA, Input::PosEvents), (ACCOUNT_EVENT_SCHEMA, Input::AccountEvents)]
    {
        for datum in avro_events(input).into_iter().take(8) {
            found.push([schema.as_bytes(), &[0], &datum].concat());
        }
    }
    found
}

fn framed() -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let single = Encoder::avro_single_object().expect("our schemas");
    let id = Encoder::Avro { pos_event: AvroPrefix::SchemaId(1), account_event: AvroPrefix::SchemaId(1) };
    for (_, value) in generated(single).into_iter().chain(generated(id)).chain(generated(Encoder::Json)) {
        found.push([&[0], &value[..]].concat());
    }
    for datum in avro_events(Input::PosEvents).into_iter().chain(avro_events(Input::AccountEvents)) {
        found.push([&[17, 1][..], &[1; 16], &datum].concat());
    }
    found
}

/// Histories in JSON and a run of the generator in Avro, a few records each; what is done with a record follows from its
/// place.
fn partitions() -> Vec<Vec<u8>> {
    let engine = engine(&SETS);
    let fed = (0..4).flat_map(|seed| history(&engine, seed, 60, 1));
    let json: Vec<_> = fed.map(|fed| (fed.input, fed.value.unwrap_or_default())).collect();
    let framing = AvroPrefix::SchemaId(1);
    let avro = generated(Encoder::Avro { pos_event: framing, account_event: framing });
    let mut found = Vec::new();
    for (number, records) in json.chunks(10).chain(avro.chunks(10)).enumerate() {
        let mut bytes = vec![number as u8];
        for (place, (input, value)) in records.iter().enumerate() {
            let does = *input as u8 | 4 | ((place as u8 % 3) << 3) | ((place as u8 % 5 / 4) << 7);
            bytes.push(does);
            bytes.extend_from_slice(&(value.len() as u16).to_le_bytes());
            bytes.extend_from_slice(value);
        }
        found.push(bytes);
    }
    found
}

fn small() -> PartitionOptions {
    PartitionOptions { checkpoint_events_per_account: 1, rotation_events_min: 8, ..options() }
}

/// Journals of short histories, and those of every format version that stand in `tests/journals`, in pieces.
fn journals() -> Vec<Vec<Vec<u8>>> {
    let engine = engine(&SETS);
    let mut found = Vec::new();
    for seed in 0..6 {
        let mut partition = Partition::new(engine.clone(), 0.into(), small());
        let mut journal = Vec::new();
        for batch in history(&engine, seed, 12, 1).chunks(7) {
            let mut published = Published::default();
            batch.iter().for_each(|fed| published.feed(&mut partition, fed));
            journal.extend(partition.journal("tillgate-fuzz-0").records);
            partition.committed();
        }
        found.push(journal);
    }
    for version in [1, 2] {
        let file = fs::File::open(root().join(format!("tests/journals/v{version}.zst"))).expect("a journal");
        let bytes = zstd::decode_all(file).expect("compressed by zstd");
        let (mut reader, mut records) = (ByteReader::new(&bytes), Vec::new());
        while !reader.is_empty() && records.len() < 12 {
            let length = reader.count().expect("a length");
            records.push(reader.take(length).expect("a record").to_vec());
        }
        found.push(records);
    }
    found
}

fn behind_lengths(records: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = ByteWriter::default();
    for record in records {
        bytes.unsigned(record.len() as u64);
        bytes.0.extend_from_slice(record);
    }
    bytes.0
}

/// Full states out of the journals.
fn accounts() -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for record in journals().concat() {
        let record = read_record(&record).expect("a record of ours");
        let (count, mut input) = record.changes;
        (0..count).for_each(|_| drop(read_change(&mut input).expect("a change")));
        for _ in 0..record.entries {
            let mut state = ByteWriter::default();
            write_account(&mut state, &read_account(&mut input).expect("an account"));
            found.push(state.0);
        }
    }
    found
}

/// Records of topics, with all that they can have.
fn with_records(mut each: impl FnMut(&TopicRecord<'_>)) {
    for (place, (_, value)) in generated(Encoder::Json).iter().enumerate().take(12) {
        let headers = [("traceparent", Some(&b"00-ab"[..])), ("empty", Some(&b""[..])), ("null", None)];
        let headers = headers
            .into_iter()
            .take(place % 4)
            .map(|(name, value)| RecordHeader { name: name.as_bytes(), value });
        each(&TopicRecord {
            topic: "pos.events",
            partition: 0.into(),
            offset: place as i64,
            timestamp_millis: 1_750_000_000_000 + place as i64,
            timestamp_kind: TimestampKind::CreateTime,
            key: [Some(&b"A-1"[..]), None, Some(&b"\xff"[..])][place % 3],
            headers: headers.collect(),
            value: [Some(&value[..]), None, Some(&b"\x00\x01"[..])][place % 3],
        });
    }
}

fn lines() -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    with_records(|record| {
        let mut line = Vec::new();
        write_line(record, &mut line).expect("a line");
        line.pop();
        found.push(line);
    });
    found
}

fn containers() -> Vec<Vec<u8>> {
    let of = |codec, blocks: usize| {
        let mut file = Vec::new();
        let mut container = Container::begin(TOPIC_RECORD_SCHEMA, codec, &mut file);
        for _ in 0..blocks {
            let mut place = 0;
            with_records(|record| {
                let mut datum = Vec::new();
                write_topic_record(record, &mut datum);
                if place < 2 {
                    container.add(&datum, &mut file);
                }
                place += 1;
            });
            container.flush(&mut file);
        }
        file
    };
    vec![of(Codec::Null, 1), of(Codec::Deflate, 1), of(Codec::Null, 2), of(Codec::Deflate, 2)]
}

fn archives() -> Vec<Vec<u8>> {
    let mut plain = Vec::new();
    for line in lines().iter().take(2) {
        plain.extend_from_slice(line);
        plain.push(b'\n');
    }
    let packed = zstd::encode_all(&*plain, 3).expect("compressed");
    let mut found = vec![[&[1], &plain[..]].concat(), [&[2], &packed[..]].concat()];
    found.extend(containers().iter().map(|file| [&[0], &file[..]].concat()));
    found
}

fn manifests() -> Vec<Vec<u8>> {
    let file = |partition: i32, bytes: u64| ArchivedPartition {
        partition: partition.into(),
        file: format!("pos.events/{partition:05}.jsonl"),
        begin: 0,
        end: bytes as i64,
        records: bytes,
        first_offset: (bytes > 0).then_some(0),
        last_offset: (bytes > 0).then_some(0),
        left_out: Vec::new(),
        bytes,
        xxh3: "99aa06d3014798d86001c324468d497f".to_owned(),
    };
    let of = |files| {
        let topic = ArchivedTopic { topic: "pos.events".to_owned(), partitions: 2, files };
        let manifest =
            Manifest::new(Some("c".to_owned()), "read_committed", Encoding::JsonLines, vec![topic]);
        serde_json::to_vec(&manifest).expect("a manifest")
    };
    vec![of(vec![file(0, 0)]), of(vec![file(0, 0), file(1, 1)]), of(Vec::new())]
}

/// Recorded outcomes of a history in both encodings.
fn outcomes() -> Vec<Vec<u8>> {
    let engine = engine(&SETS);
    let mut found = Vec::new();
    for encoding in [OutcomeEncoding::Json, OutcomeEncoding::Avro(vec![0, 0, 0, 0, 9])] {
        let mut partition =
            Partition::new(engine.clone(), 0.into(), PartitionOptions { encoding, ..options() });
        let mut published = Published::default();
        history(&engine, 3, 60, 1).iter().for_each(|fed| published.feed(&mut partition, fed));
        found.extend(published.outcomes.into_iter().map(|said| said.value));
    }
    found
}

fn ruleset_records() -> Vec<Vec<u8>> {
    let change = RulesetChange { ruleset: hash_of("checks.a = 1\n"), positions: [Some(7), None].into() };
    let (key, value) = write_change("pos", 3.into(), &change);
    let ruleset = format!("{}\nchecks.a = 1\n", hash_text(hash_of("checks.a = 1\n")));
    vec![format!("{key}\n{value}").into_bytes(), ruleset.into_bytes()]
}

/// What registries answer, behind the byte that chooses the status.
fn registry_answers() -> Vec<Vec<u8>> {
    let schema = serde_json::json!({ "schema": POS_EVENT_SCHEMA }).to_string();
    let bodies = [
        schema.as_str(),
        r#"{"schema":"{}","schemaType":"JSON"}"#,
        r#"{"schema":"","schemaType":"PROTOBUF"}"#,
        r#"{"schema":"\"string\"","references":[{"name":"x","subject":"x","version":1}]}"#,
        r#"{"error_code":40403,"message":"Schema 7 not found"}"#,
        r#"{"error_code":42201,"message":"Invalid\u001b[2J"}"#,
        r#"{"error_code":0,"message":"no code"}"#,
        r#"["AVRO","JSON","PROTOBUF"]"#,
        "<html>502</html>",
    ];
    let mut found = Vec::new();
    for first in 0..32 {
        found.extend(bodies.map(|body| [&[first], body.as_bytes()].concat()));
    }
    let raw =
        "\u{0}HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n2\r\n1}\r\n0\r\n\r\n"
            .as_bytes();
    found.push([&[255], &raw[1..]].concat());
    found
}

fn config_texts() -> Vec<String> {
    let texts = ["config/tillgate.toml", "config/checks.toml"];
    texts.map(|file| fs::read_to_string(root().join(file)).expect("a file of ours")).to_vec()
}

/// The default files, whole and in sections.
fn config_files() -> Vec<Vec<u8>> {
    let texts = config_texts();
    let sections = texts.iter().flat_map(|text| text.split("\n[")).map(|section| format!("[{section}"));
    let mut found: Vec<Vec<u8>> = sections.map(String::into_bytes).collect();
    found.extend(texts.into_iter().map(String::into_bytes));
    found
}

fn settings() -> tillgate::config::Settings {
    load(&Sources::default()).unwrap_or_else(|faults| panic!("{faults}"))
}

fn canonical_text() -> String {
    settings().canonical_text().to_owned()
}

/// Every setting with its default, by turns as a flag and as a variable.
fn config_values() -> Vec<Vec<u8>> {
    let settings = settings();
    let line = |(place, row): (usize, &tillgate::config::SettingRow)| {
        let variable = row.key.replace('.', "__").to_ascii_uppercase();
        match place % 2 {
            0 => format!("{}={}\n", row.key, row.value),
            _ => format!("$TILLGATE_{variable}={}\n", row.value.trim_matches('"')),
        }
    };
    let lines: Vec<String> = settings.describe().iter().enumerate().map(line).collect();
    lines.chunks(12).map(|lines| lines.concat().into_bytes()).collect()
}

fn config_words() -> Vec<Vec<u8>> {
    let keys = settings().describe().iter().map(|row| row.key.clone()).collect::<Vec<_>>();
    let forms = [
        "{ EUR = 1 }",
        "[1]",
        "\"\"",
        "true",
        "1s",
        "31d",
        "9999999999d",
        "1e9",
        "env:X",
        "file:/nowhere",
        "'''",
    ];
    keys.into_iter().map(String::into_bytes).chain(forms.map(|form| form.as_bytes().to_vec())).collect()
}

fn words(words: &[&str]) -> Vec<Vec<u8>> {
    words.iter().map(|word| word.as_bytes().to_vec()).collect()
}

fn json_words() -> Vec<Vec<u8>> {
    words(&[
        "null",
        "true",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"a\":",
        "[[[[[[[[",
        "{\"a\":",
        "\"accountNumber\":\"A\",",
        "\"quantity\":-1,",
        "\"Purchase\"",
        "\"Withdrawal\"",
        "\"WithdrawalCorrection\"",
        "\"Correction\"",
        "\"Interest\"",
        "\"Info\"",
        "\"Cancel\"",
        "\"update\":{\"resolve\":{\"transactionId\":\"",
        "\"granted\":true",
        "\"flag\"",
        "\"close\"",
        "\"default\"",
        "\"limit\"",
        "\"reversed\"",
        "\"NOK\"",
        "\"CHF\"",
        "\"accountTransactionId\":\"T\",",
        "\"items\":[],",
        "\"discount\":1,",
        "{},",
        "\"time\":",
        "\"createdAt\":",
    ])
}

fn schema_words() -> Vec<Vec<u8>> {
    words(&[
        "\"null\"",
        "\"int\"",
        "\"long\"",
        "\"bytes\"",
        "\"string\"",
        "[\"null\",",
        "{\"type\":\"array\",\"items\":",
        "}",
        "]",
        "{\"type\":\"map\",\"values\":",
        "\"logicalType\":\"decimal\",",
        "\"scale\":9999,",
        "\"precision\":0,",
        "\"size\":",
        "\"logicalType\":\"timestamp-nanos\"",
        "\"logicalType\":\"uuid\"",
        "\"default\":null",
        "\"aliases\":[\"x\"],",
        "\"namespace\":\"a-b\",",
        "\"PosEvent\"",
        "\"PosItem\"",
        "{\"name\":\"f\",\"type\":\"long\"},",
        "\"symbols\":[",
        "\"type\":\"enum\",",
        "\"type\":\"fixed\",",
        "\"type\":\"record\",",
        "\"fields\":[",
    ])
}

fn line_words() -> Vec<Vec<u8>> {
    words(&[
        "null",
        "\"keyBase64\":\"/w==\"",
        "\"valueBase64\":\"AAE=\"",
        "\"headers\":[]",
        "\"timestampType\":\"None\"",
        "{",
        "}",
        "\"offset\":",
        "\"timestamp\":-1",
        "\n",
        "\"..\"",
        "/",
        "../",
        "\"file\":\"../x\"",
        "\"records\":",
        "\"encoding\":\"avro\"",
    ])
}
