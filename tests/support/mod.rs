//! What several integration tests need: the shared data, a real Kafka, waiting for a fact.
//! Never skips in silence: what cannot run says so on standard error, and under CI=true it fails.
#![allow(dead_code, unused_imports, reason = "every test binary uses its own part of this module")]

pub mod acl;
pub mod contacts;
pub mod history;
pub mod kafka;
pub mod process;
pub mod proxy;
mod records;
pub mod scene;
pub mod stream;
pub mod tally;

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub use kafka::{Kafka, kafka, kafka_cluster, secured_kafka};
pub use records::{Message, Record};

/// Says that a test cannot run here, and why. Under CI=true a test that cannot run is a failure.
///
/// # Panics
/// Under CI=true.
pub fn skip(reason: &str) {
    let test = std::thread::current().name().unwrap_or("?").to_owned();
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{test} cannot be skipped under CI=true: {reason}");
    // not by eprintln!, whose text the test runner keeps to itself when the test passes
    let line = format!("\n======== SKIPPED: {test}: {reason} ========\n");
    if let Err(error) = writeln!(std::io::stderr(), "{line}") {
        panic!("{line}: standard error cannot be written: {error}");
    }
}

/// The folder of real events and vectors next to the repository, `../shared`; a loud skip where it is missing.
///
/// # Panics
/// Under CI=true, where it is missing.
pub fn shared() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    if folder.join("data").is_dir() {
        return Some(folder);
    }
    skip(&format!("{} is missing: put the shared data next to the repository", folder.display()));
    None
}

/// The lines of a JSON Lines file, plain or `.zst`, blank ones left out.
///
/// # Panics
/// When the file cannot be read: the message names it.
pub fn read_jsonl(path: impl AsRef<Path>) -> impl Iterator<Item = String> {
    let path = path.as_ref().to_owned();
    let name = path.display().to_string();
    let file = File::open(&path).unwrap_or_else(|error| panic!("cannot open {name}: {error}"));
    let bytes: Box<dyn Read> = if path.extension().is_some_and(|extension| extension == "zst") {
        Box::new(zstd::Decoder::new(file).unwrap_or_else(|error| panic!("cannot read {name}: {error}")))
    } else {
        Box::new(file)
    };
    BufReader::with_capacity(1 << 20, bytes)
        .lines()
        .map(move |line| line.unwrap_or_else(|error| panic!("cannot read {name}: {error}")))
        .filter(|line| !line.trim().is_empty())
}

/// Asks `probe` again and again until it has an answer: how a test waits for another process without guessing how long
/// that takes.
///
/// # Panics
/// When there is no answer within `within`: the message says `what` was waited for.
#[allow(clippy::disallowed_methods, reason = "a deadline of the test itself, nothing that is decided")]
pub fn eventually<T>(within: Duration, what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + within;
    loop {
        if let Some(answer) = probe() {
            return answer;
        }
        assert!(Instant::now() < deadline, "gave up after {within:?} waiting for {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}
