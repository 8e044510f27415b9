//! What is fuzzed: a function for each kind of bytes that come from outside. Each takes any bytes at all and holds more
//! than that nothing panics: what is read is written and read alike, what is answered is answered once and within bounds.
//!
//! The crate of cargo-fuzz (`fuzz/`) and the run on stable (`tests/fuzz/main.rs`) include this folder by its path, so that the
//! two cannot differ. Never draws by chance and never asks a clock: the same bytes do the same.
#![allow(clippy::missing_panics_doc, clippy::panic, reason = "a panic is how a target says what is wrong")]

mod avro;
mod config;
mod contact;
mod contact_http;
pub mod contact_judge;
pub mod contact_person;
mod files;
mod journal;
mod json;
mod judge;
mod partition;
mod registry;
pub mod tokens;
mod writer;

/// A kind of bytes, and what is held of it.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name: that of its test, its file in `fuzz/fuzz_targets`, and its folder in `tests/fuzz/found`.
    pub name: &'static str,
    /// Panics where something does not hold.
    pub run: fn(&[u8]),
}

/// Declares the targets, so that the list and the functions cannot differ.
macro_rules! targets {
    ($($name:ident: $run:path;)+) => {
        /// Every target.
        pub const ALL: &[Target] = &[$(Target { name: stringify!($name), run: $run }),+];
    };
}

targets! {
    json_pos_event: json::pos_event;
    json_account_event: json::account_event;
    avro_pos_event: avro::pos_event;
    avro_account_event: avro::account_event;
    avro_written_elsewhere: avro::written_elsewhere;
    avro_schema: avro::schema;
    framing: avro::framing;
    partition: partition::records;
    tick: partition::tick;
    journal_record: journal::record;
    journal_account: journal::account;
    restore: journal::restore;
    container: files::container;
    export_line: files::export_line;
    manifest: files::manifest;
    archive: files::archive;
    recorded_outcome: files::recorded_outcome;
    ruleset_record: files::ruleset_record;
    registry_answer: registry::answer;
    contact_record: contact::record;
    contact_decision: contact::decision;
    contact_partition: contact::partition;
    contact_person: contact_person::person;
    contact_http: contact_http::request;
    access_token: tokens::token;
    key_set: tokens::keys;
    config_file: config::file;
    config_values: config::values;
    ruleset: config::ruleset;
}

/// The target of this name.
#[must_use]
pub fn named(name: &str) -> Target {
    *ALL.iter().find(|target| target.name == name).unwrap_or_else(|| panic!("there is no target {name}"))
}
