//! Every metric of the process, each with a typed function; nowhere else are the metric macros used.
//!
//! Labels come from closed lists and partition numbers: never an account, a chip or a message text.

// In this folder alone; elsewhere clippy bans the macros, so that every name and label stands in one place.
#![allow(clippy::disallowed_macros)]

pub mod exporter;
pub mod http;
pub mod log;
mod log_json;
pub mod standing;

use crate::domain::enums::{Verdict, symbols};
use crate::domain::flow::{Flow, InputPartition, Unit};
use standing::PartitionStanding;
use std::fmt;
use std::time::Duration;

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};

symbols! {
    /// How a transaction ended.
    TransactionResult {
        /// Visible, positions with it.
        Committed = "committed",
        /// Undone and done again.
        Aborted = "aborted",
    }
}

symbols! {
    /// Why a worker was rebuilt.
    RebuildReason {
        /// Another producer or member took its place.
        Fenced = "fenced",
        /// The client gave up, or the fate of a transaction is open.
        Fault = "fault",
        /// Our own code panicked.
        Panic = "panic",
    }
}

symbols! {
    /// What a restore began with.
    RestoredFrom {
        /// Nothing: the whole journal was read.
        Journal = "journal",
        /// A copy that the standby kept.
        Standby = "standby",
    }
}

#[rustfmt::skip]
const COUNTERS: &[(&str, &str)] = &[
    ("tillgate_events_total", "Events decided, by outcome"),
    ("tillgate_messages_total", "Messages in outcomes, by code"),
    ("tillgate_contact_decisions_total", "Contact decisions, by result"),
    ("tillgate_contact_reasons_total", "Reasons in contact decisions, by code"),
    ("tillgate_dead_letters_total", "Records that could not be read, by code"),
    ("tillgate_transactions_total", "Transactions, by result"),
    ("tillgate_producer_queue_full_total", "Messages that had to wait because the producer's queue was full"),
    ("tillgate_lost_input_records_total", "Offsets passed over because they were deleted before they were decided, by input"),
    ("tillgate_misplaced_records_total", "Records not decided because their keys belong on another partition, by input"),
    ("tillgate_ticks_total", "Ticks written, so that holds run out where nothing comes"),
    ("tillgate_restore_records_total", "Journal records folded by restores"),
    ("tillgate_restore_accounts_total", "Accounts brought back by restores"),
    ("tillgate_restore_profiles_total", "Shared profiles brought back by restores"),
    ("tillgate_restore_parties_total", "Persons brought back by restores"),
    ("tillgate_worker_rebuilds_total", "Workers rebuilt, by reason"),
    ("tillgate_producer_rebuilds_total", "Producers replaced because requests may have been under way twice"),
    ("tillgate_http_requests_total", "Requests answered, by route, method and status class"),
    ("tillgate_http_refused_total", "Connections and requests refused, by cause"),
];

#[rustfmt::skip]
const GAUGES: &[(&str, &str)] = &[
    ("tillgate_consumer_queue_records", "Records the client has fetched ahead, by worker"),
    ("tillgate_consumer_queue_bytes", "Their keys and values, by worker"),
    ("tillgate_held_records", "Records that wait for the other input, by partition"),
    ("tillgate_consumer_lag_records", "Records not yet decided, by input and partition"),
    ("tillgate_open_transaction_age_seconds", "How long an open transaction of a sender has held back an input, by input and partition"),
    ("tillgate_accounts", "Accounts held, by partition"),
    ("tillgate_profiles", "Shared profiles held, by partition"),
    ("tillgate_parties", "Persons held for contact decisions, by partition"),
    ("tillgate_partitions", "Partitions of this process, by state"),
    ("tillgate_standby_lag_offsets", "Journal offsets that a copy has not folded, by partition"),
    ("tillgate_standby_accounts", "Accounts held in copies of other processes' partitions"),
    ("tillgate_standby_profiles", "Profiles held in copies of other processes' partitions"),
    ("tillgate_standby_parties", "Persons held in copies of other processes' partitions"),
    ("tillgate_http_requests_in_flight", "Requests under way"),
    ("tillgate_http_connections", "Connections open"),
    ("tillgate_gateway_transactions", "Transactions that can be asked for"),
    ("tillgate_gateway_transactions_bytes", "Memory that they take, roughly"),
    ("tillgate_build_info", "Always 1; the version and the ruleset that this process decides by"),
];

#[rustfmt::skip]
const HISTOGRAMS: &[(&str, &str)] = &[
    ("tillgate_transaction_duration_seconds", "From the first record of a batch to the end of its transaction"),
    ("tillgate_batch_records", "Records of a batch, held ones included"),
    ("tillgate_restore_duration_seconds", "Restores, by what they began with"),
    ("tillgate_http_request_duration_seconds", "From the headers of a request to those of its answer, by route and method"),
];

/// Says what each metric is, for the metrics page. Once per process, after the recorder is installed.
fn describe() {
    for (name, meaning) in COUNTERS {
        describe_counter!(*name, *meaning);
    }
    for (name, meaning) in GAUGES {
        describe_gauge!(*name, *meaning);
    }
    for (name, meaning) in HISTOGRAMS {
        describe_histogram!(*name, *meaning);
    }
}

/// A count as the recorder takes it: counts stay far below 2^53.
#[allow(clippy::cast_precision_loss)]
fn float(count: impl TryInto<i64>) -> f64 {
    count.try_into().unwrap_or(i64::MAX) as f64
}

/// The name of the flow of contact decisions, whose answers are counted by themselves.
const CONTACT: &str = "contact";

/// Lets the counters that alerts watch be there with 0: of a counter that appears with its first value nobody can tell
/// that it rose.
fn start_at_zero() {
    for outcome in Verdict::ALL {
        counter!("tillgate_events_total", "outcome" => outcome.symbol()).increment(0);
    }
    for code in ["400.001", "400.003", "pos.state.unavailable", "500"] {
        dead_letters(code, 0);
    }
    for result in TransactionResult::ALL {
        counter!("tillgate_transactions_total", "result" => result.symbol()).increment(0);
    }
    for reason in RebuildReason::ALL {
        counter!("tillgate_worker_rebuilds_total", "reason" => reason.symbol()).increment(0);
    }
    counter!("tillgate_producer_rebuilds_total").increment(0);
    counter!("tillgate_producer_queue_full_total").increment(0);
    counter!("tillgate_ticks_total").increment(0);
    for input in ["pos_events", "account_events", "ticks"] {
        lost_input(input, 0);
        misplaced_records(input, 0);
    }
}

/// `count` records of a flow were decided with this answer, a symbol of the contract.
pub fn answers(flow: &Flow, answer: &'static str, count: u64) {
    match flow.name {
        CONTACT => counter!("tillgate_contact_decisions_total", "result" => answer).increment(count),
        _ => counter!("tillgate_events_total", "outcome" => answer).increment(count),
    }
}

/// `count` times this code was in an answer of a flow. `code` is one of few.
pub fn codes(flow: &Flow, code: impl Into<String>, count: u64) {
    match flow.name {
        CONTACT => counter!("tillgate_contact_reasons_total", "code" => code.into()).increment(count),
        _ => counter!("tillgate_messages_total", "code" => code.into()).increment(count),
    }
}

/// `count` records went to the dead letters. `code` is of the catalogue.
pub fn dead_letters(code: &'static str, count: u64) {
    counter!("tillgate_dead_letters_total", "code" => code).increment(count);
}

/// A tick was written.
pub fn tick() {
    counter!("tillgate_ticks_total").increment(1);
}

/// A transaction ended.
pub fn transaction(result: TransactionResult) {
    counter!("tillgate_transactions_total", "result" => result.symbol()).increment(1);
}

/// How long a transaction took.
pub fn transaction_duration(time: Duration) {
    histogram!("tillgate_transaction_duration_seconds").record(time);
}

/// How many records a batch has.
pub fn batch(records: usize) {
    histogram!("tillgate_batch_records").record(float(records));
}

/// What a worker's consumer has fetched ahead.
pub fn consumer_queue(worker: usize, records: u64, bytes: u64) {
    gauge!("tillgate_consumer_queue_records", "worker" => worker.to_string()).set(float(records));
    gauge!("tillgate_consumer_queue_bytes", "worker" => worker.to_string()).set(float(bytes));
}

/// A message had to wait because the producer's queue was full.
pub fn producer_queue_full() {
    counter!("tillgate_producer_queue_full_total").increment(1);
}

/// Records of a unit that wait for an input.
pub fn held(unit: Unit, records: usize) {
    gauge!("tillgate_held_records", &labels(unit)).set(float(records));
}

/// Offsets of an input were passed over because they were deleted before they were decided.
pub fn lost_input(input: &'static str, offsets: u64) {
    counter!("tillgate_lost_input_records_total", "input" => input).increment(offsets);
}

/// Records of an input were not decided because their keys belong on another partition.
pub fn misplaced_records(input: &'static str, count: u64) {
    counter!("tillgate_misplaced_records_total", "input" => input).increment(count);
}

/// Records of an input partition that are not decided yet.
pub fn consumer_lag(at: InputPartition, records: i64) {
    gauge!("tillgate_consumer_lag_records", &input_labels(at)).set(float(records));
}

/// How long the stable end of an input has stood at one place below its end; 0: it does not.
pub fn open_transaction_age(at: InputPartition, age: Duration) {
    gauge!("tillgate_open_transaction_age_seconds", &input_labels(at)).set(age.as_secs_f64());
}

/// The labels of what is measured of a unit.
fn labels(unit: Unit) -> [(&'static str, String); 2] {
    [("flow", unit.flow.name.to_owned()), ("partition", unit.partition.to_string())]
}

/// The labels of what is measured of an input. Names of inputs are of one flow each.
fn input_labels(at: InputPartition) -> [(&'static str, String); 2] {
    [("input", at.name().to_owned()), ("partition", at.unit.partition.to_string())]
}

/// Entries held for a unit, under the name that its flow has for them.
pub fn entries(unit: Unit, count: usize) {
    gauge!(format!("tillgate_{}", unit.flow.entries), &labels(unit)).set(float(count));
}

/// A restore of a flow's unit ended well, with so many entries.
pub fn restored(flow: &Flow, from: RestoredFrom, entries: usize, time: Duration) {
    histogram!("tillgate_restore_duration_seconds", "from" => from.symbol()).record(time);
    counter!(format!("tillgate_restore_{}_total", flow.entries)).increment(entries as u64);
}

/// Journal records were folded by a restore.
pub fn restore_records(count: u64) {
    counter!("tillgate_restore_records_total").increment(count);
}

/// How far the copy of a unit is behind its journal.
pub fn standby_lag(unit: Unit, offsets: i64) {
    gauge!("tillgate_standby_lag_offsets", &labels(unit)).set(float(offsets));
}

/// Entries held in the copy of a unit, under the name that its flow has for them.
pub fn standby_entries(unit: Unit, count: usize) {
    gauge!(format!("tillgate_standby_{}", unit.flow.entries), &labels(unit)).set(float(count));
}

/// The partitions of this process.
pub fn partitions<'a>(all: impl Iterator<Item = &'a PartitionStanding> + Clone) {
    for state in PartitionStanding::STATES {
        let count = all.clone().filter(|partition| partition.state() == state).count();
        gauge!("tillgate_partitions", "state" => state).set(float(count));
    }
}

/// A worker was rebuilt.
pub fn worker_rebuild(reason: RebuildReason) {
    counter!("tillgate_worker_rebuilds_total", "reason" => reason.symbol()).increment(1);
}

/// A producer was replaced.
pub fn producer_rebuild() {
    counter!("tillgate_producer_rebuilds_total").increment(1);
}

/// What this process is. `ruleset` is the hash of the rules it decides by.
pub fn build_info(ruleset: &str) {
    let version = env!("CARGO_PKG_VERSION");
    gauge!("tillgate_build_info", "version" => version, "ruleset" => ruleset.to_owned()).set(1.0);
}
