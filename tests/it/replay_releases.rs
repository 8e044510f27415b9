//! Topics as earlier releases recorded them: each is decided again by this program, and every outcome comes out byte for
//! byte.
//!
//! `tests/recorded/RELEASE` is an export (`tillgate topics export`) of a real cluster: two partitions, two rulesets, JSON
//! outcomes and then Avro ones with a fingerprint, mistakes of the load included. A release that is no longer run cannot
//! record again: a folder is added before what is written changes, and never altered.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

fn recordings() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded");
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .expect("the recordings")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    found.sort();
    found
}

#[test]
fn what_earlier_releases_decided_comes_out_byte_by_byte() {
    let recordings = recordings();
    assert!(!recordings.is_empty());
    for recording in recordings {
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
            assert_eq!((output.status.code(), &report["identical"]), (Some(0), &Value::Bool(true)), "{told}");
            let least = if from == "beginning" { [400, 1, 6] } else { [1, 0, 1] };
            let found = ["/outcomes/identical", "/deadLetters/identical", "/transactions"]
                .map(|place| report.pointer(place).and_then(Value::as_u64).unwrap_or_default());
            assert!(found.iter().zip(least).all(|(found, least)| *found >= least), "from {from}: {found:?}");
        }
    }
}
