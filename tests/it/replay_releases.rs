//! Topics as earlier releases recorded them: each is decided again by this program, and every outcome comes out byte for
//! byte; or, where checks mean something else since, the release to use is named. What was recorded is read in any case.
//!
//! `tests/recorded/RELEASE` is an export (`tillgate topics export`) of a real cluster: two partitions, two rulesets, JSON
//! outcomes and then Avro ones with a fingerprint, mistakes of the load included. A release that is no longer run cannot
//! record again: a folder is added before what is written changes, and never altered.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tillgate::archive::Archive;
use tillgate::checks::catalogue::MEANINGS;
use tillgate::codec::avro::OutcomeLayout;
use tillgate::codec::recorded;

fn recordings() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded");
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the recordings")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    found.sort();
    found
}

/// What is said where checks mean something else since the release.
const OTHER_RELEASE: &str = "checks mean something else since";

/// The release of a recording, and whether its checks mean what they mean today.
fn release(recording: &Path) -> (&str, bool) {
    let release = recording.file_name().and_then(|name| name.to_str()).expect("a release");
    (release, MEANINGS.last() == Some(&release))
}

#[test]
fn what_earlier_releases_decided_comes_out_byte_by_byte() {
    let recordings = recordings();
    assert!(!recordings.is_empty());
    for recording in recordings {
        let (release, is_alike) = release(&recording);
        for from in ["beginning", "checkpoint"] {
            let output = Command::new(env!("CARGO_BIN_EXE_tillgate"))
                .args(["replay", "--verify", "--json", "--from", from, "--files"])
                .arg(&recording)
                .output()
                .expect("the program");
            let told = String::from_utf8_lossy(&output.stdout);
            let report: Value = serde_json::from_str(&told).unwrap_or_else(|why| {
                panic!("{}: {why}: {}", recording.display(), String::from_utf8_lossy(&output.stderr))
            });
            if !is_alike {
                assert_eq!(
                    (output.status.code(), &report["identical"]),
                    (Some(1), &Value::Bool(false)),
                    "{told}"
                );
                let named = format!("replay with a release from {release} on");
                let partitions = report["partitions"].as_array().expect("partitions");
                let stopped = || partitions.iter().filter_map(|partition| partition["stopped"].as_str());
                assert!(stopped().count() > 0, "{told}");
                assert!(stopped().all(|why| why.contains(&named) && why.contains(OTHER_RELEASE)), "{told}");
                continue;
            }
            assert_eq!((output.status.code(), &report["identical"]), (Some(0), &Value::Bool(true)), "{told}");
            let least = if from == "beginning" { [400, 1, 6] } else { [1, 0, 1] };
            let found = ["/outcomes/identical", "/deadLetters/identical", "/transactions"]
                .map(|place| report.pointer(place).and_then(Value::as_u64).unwrap_or_default());
            assert!(found.iter().zip(least).all(|(found, least)| *found >= least), "from {from}: {found:?}");
        }
    }
}

#[test]
fn what_earlier_releases_recorded_is_read() {
    for recording in recordings() {
        let archive = Archive::open(&recording).expect("the recording");
        let (mut of_json, mut of_avro) = (0, 0);
        for topic in archive.manifest().topics.iter().filter(|topic| topic.topic == "pos.outcomes") {
            for partition in &topic.files {
                let mut records = archive.read(&topic.topic, partition).expect("a file");
                while let Some(record) = records.next().expect("a record") {
                    let value = record.value.expect("a value");
                    let (framing, layout) = recorded::form(value).expect("an outcome");
                    assert_eq!(framing.is_empty(), layout.is_none());
                    match layout {
                        None => of_json += 1,
                        Some(_) => of_avro += 1,
                    }
                    if release(&recording).0 == "0.1" {
                        assert_ne!(layout, Some(OutcomeLayout::LATEST), "it had no details");
                    }
                    assert!(
                        recorded::place(value).is_some_and(
                            |place| place.topic == "pos.events" || place.topic == "account.events"
                        )
                    );
                    assert!(recorded::fields(value).is_ok_and(|fields| fields.len() > 10));
                }
            }
        }
        assert!(of_json > 100 && of_avro > 100, "{of_json} {of_avro}");
    }
}
