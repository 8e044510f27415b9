//! `tillgate load` to files: the command line, the bytes, the compression.

use clap::Parser;
use std::fs;
use std::process::{Command as Process, Stdio};
use tillgate::domain::Micros;
use tillgate::domain::hashing::hash128;
use tillgate::load::args::{ArgsFault, Target};
use tillgate::load::{LoadArgs, LoadError, Mistake, MistakeShares, SettingsFault, SinkError, load};

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: LoadArgs,
}

const NOW: Micros = Micros(1_800_000_000_123_456);

fn args(line: &str) -> LoadArgs {
    Command::try_parse_from(format!("load {line}").split_whitespace()).expect("parses").args
}

fn refusal(line: &str) -> String {
    let parsed = Command::try_parse_from(format!("load {line}").split_whitespace());
    parsed.err().expect("is refused").to_string()
}

fn no_kafka() -> Result<Box<dyn tillgate::load::RecordSink>, SinkError> {
    Err(SinkError::Broker("none here".to_owned()))
}

#[test]
fn writes_the_same_bytes_on_every_machine_and_release() {
    let folder = tempfile::tempdir().expect("a folder");
    let (events, accounts) = (folder.path().join("events.jsonl"), folder.path().join("accounts.jsonl"));
    let args = args(&format!(
        "--count 5000 --accounts 300 --seed 42 --mistakes 200 --to {} --account-events {}",
        events.display(),
        accounts.display()
    ));
    let report = load(&args, NOW, no_kafka).expect("writes");
    let (events, accounts) = (fs::read(events).expect("events"), fs::read(accounts).expect("accounts"));
    assert_eq!(events.iter().filter(|byte| **byte == b'\n').count(), 5_000);
    assert_eq!(accounts.iter().filter(|byte| **byte == b'\n').count() as u64, report.account_events);
    assert_eq!(
        report.bytes + report.pos_events + report.account_events,
        (events.len() + accounts.len()) as u64
    );
    let hashes = [events, accounts].map(|bytes| format!("{:032x}", hash128(&bytes)));
    assert_eq!(hashes, ["4a4b9008f2c8eec360f103183f9193f1", "b6bced252a5d543ccbc1d9508bf9a35d"]);
}

#[test]
fn compresses_where_the_name_ends_in_zst() {
    let folder = tempfile::tempdir().expect("a folder");
    let (plain, compressed) = (folder.path().join("events.jsonl"), folder.path().join("events.jsonl.zst"));
    for path in [&plain, &compressed] {
        load(&args(&format!("--count 500 --to {}", path.display())), NOW, no_kafka).expect("writes");
    }
    let compressed = zstd::decode_all(&fs::read(compressed).expect("compressed")[..]).expect("decodes");
    assert_eq!(compressed, fs::read(plain).expect("plain"));
}

#[test]
fn says_which_file_cannot_be_written() {
    let error = load(&args("--to nowhere/at/all.jsonl"), NOW, no_kafka).expect_err("no folder");
    let text = error.to_string();
    assert!(text.starts_with("cannot write nowhere/at/all.jsonl: "), "{text}");
    assert!(text.ends_with("; choose another place with --to"), "{text}");
    let error = load(&args("--to kafka"), NOW, no_kafka).expect_err("no kafka");
    assert!(matches!(error, LoadError::Sink(SinkError::Broker(_))));
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let mut child = Process::new(env!("CARGO_BIN_EXE_tillgate"))
        .args(["load", "--to", "-", "--count", "20000"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("starts");
    drop(child.stdout.take());
    assert!(child.wait().expect("ends").success());
}

#[test]
fn reads_shares_of_mistakes() {
    let mut shares = MistakeShares::NONE;
    assert_eq!(args("--mistakes 0").mistakes, shares);
    shares.set(Mistake::LineGross, 10);
    shares.set(Mistake::Repeat, 5);
    assert_eq!(args("--mistakes line-gross=10,repeat=5").mistakes, shares);
    let mut shares = MistakeShares::even(50);
    shares.set(Mistake::Repeat, 0);
    assert_eq!(args("--mistakes repeat=0,50").mistakes, shares);
    assert!(
        refusal("--mistakes many").contains("`many` is no share: give a number per mille from 0 to 1000")
    );
    assert!(
        refusal("--mistakes wrong=1").contains("`wrong` is no mistake: use one of undecodable, missing-key")
    );
    let fault = args("--mistakes repeat=600,line-gross=600").settings(NOW);
    assert!(matches!(fault, Err(ArgsFault::Settings(SettingsFault::TooManyMistakes { sum: 1_200 }))));
}

#[test]
fn ends_about_now_on_kafka_and_starts_at_a_fixed_time_in_files() {
    let on_kafka = args("--count 1000 --step 1s").settings(NOW).expect("settings");
    assert_eq!(on_kafka.start, Micros(1_799_999_000_000_000));
    let in_file = args("--count 1000 --step 1s --to events.jsonl").settings(NOW).expect("settings");
    assert_eq!(in_file.start.to_string(), "2025-01-06T06:00:00Z");
    let given = args("--start 2024-02-29T12:00:00+01:00").settings(NOW).expect("settings");
    assert_eq!(given.start.to_string(), "2024-02-29T11:00:00Z");
}

#[test]
fn refuses_flags_that_do_not_go_together() {
    for (line, text) in [
        (
            "--format avro --to events.avro",
            "--format avro has no lines to put into a file: use --format json, or --to kafka",
        ),
        (
            "--account-events a.jsonl",
            "--account-events is for files: with --to kafka account events go to their topic",
        ),
        (
            "--to a.jsonl --account-events a.jsonl",
            "--account-events and --to name the same file: give each its own",
        ),
        ("--schema-id 7", "--schema-id is for avro: add --format avro, or leave it out"),
        ("--format avro --schema-id 7", "--account-schema-id is missing"),
    ] {
        let fault = args(line).settings(NOW).expect_err(line).to_string();
        assert!(fault.starts_with(text), "{fault}");
    }
    assert_eq!(args("--to -").to, Target::StandardOutput);
    assert!(refusal("--step 5").contains("write a whole number and its unit"));
    assert!(refusal("--accounts 0").contains("0 is not in 1..=64000000"));
}
