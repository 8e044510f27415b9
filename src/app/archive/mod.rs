//! `tillgate topics export | import`: topics to files and back. Reads and writes Kafka through its client and files
//! through `archive`; knows the format of neither.

pub(crate) mod args;
pub(super) mod export;
pub(super) mod import;

use crate::app::bar;
use indicatif::{HumanBytes, HumanCount, ProgressBar};
use std::time::Duration;

/// Records between two looks at the progress bar.
const STRIDE: u64 = 4_096;

/// A bar over so many units of what is done.
fn bar(units: u64, what: &'static str) -> ProgressBar {
    bar::bar(units, "{prefix} {bar:40} {percent:>3}%  {elapsed} elapsed, {eta} to go").with_prefix(what)
}

/// `12,345 records of 2.30 MiB in 1.25 s (9,876 records/s, 1.84 MiB/s)`
fn speed(records: u64, bytes: u64, took: Duration) -> String {
    let millis = took.as_millis().max(1);
    let per_second = |count: u64| u64::try_from(u128::from(count) * 1_000 / millis).unwrap_or(u64::MAX);
    format!(
        "{} records of {} in {}.{:02} s ({} records/s, {}/s)",
        HumanCount(records),
        HumanBytes(bytes),
        millis / 1_000,
        millis % 1_000 / 10,
        HumanCount(per_second(records)),
        HumanBytes(per_second(bytes))
    )
}
