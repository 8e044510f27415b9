//! Says how far a restore is: to the health pages, to the metrics, and once a second to the log. No part of a restore.

use crate::domain::flow::Unit;
use crate::kafka::health::Health;
use crate::kafka::port::Broker;
use crate::telemetry::{self, RestoredFrom};
use std::time::Duration;

/// How often the log hears of it.
const LOG_EVERY: Duration = Duration::from_secs(1);
/// How often the health pages do.
const NOTE_EVERY: Duration = Duration::from_millis(100);

/// What one restore has done so far.
pub struct RestoreProgress<'a, B> {
    broker: &'a B,
    health: &'a Health,
    unit: Unit,
    source: RestoredFrom,
    begun: Duration,
    logged: Duration,
    noted: Duration,
    /// First offset read, and the end as it was then.
    span: (i64, i64),
    records: u64,
    bytes: u64,
    /// Records that the metrics know of.
    counted: u64,
}

impl<'a, B: Broker> RestoreProgress<'a, B> {
    /// Begins now.
    pub fn new(broker: &'a B, health: &'a Health, unit: Unit, source: RestoredFrom) -> Self {
        let now = broker.now();
        Self {
            broker,
            health,
            unit,
            source,
            begun: now,
            logged: now,
            noted: now,
            span: (0, 0),
            records: 0,
            bytes: 0,
            counted: 0,
        }
    }

    /// It begins with nothing after all.
    pub fn starts_over(&mut self) {
        self.source = RestoredFrom::Journal;
    }

    /// From `from` to `to` is read next.
    pub fn reads(&mut self, from: i64, to: i64) {
        self.span = (from, to);
    }

    /// A record of so many bytes was folded; the next stands at `next` or later.
    pub fn note_folded(&mut self, bytes: usize, next: i64, entries: impl FnOnce() -> usize) {
        self.records += 1;
        self.bytes += bytes as u64;
        let now = self.broker.now();
        if now - self.noted < NOTE_EVERY {
            return;
        }
        self.noted = now;
        let (from, to) = self.span;
        let (done, of, entries) = (next - from, (to - from).max(1), entries());
        self.health.restoring(self.unit, done, of, entries);
        self.count();
        if now - self.logged < LOG_EVERY {
            return;
        }
        self.logged = now;
        let taken = now - self.begun;
        let [percent, rest] = match (u128::try_from(done), u128::try_from(of)) {
            (Ok(done), Ok(of)) => {
                [done * 100 / of, taken.as_millis() * of.saturating_sub(done) / done.max(1)]
            }
            _ => [0, 0],
        };
        log::info!(
            "{}: restoring: {percent} % of its journal, {entries} {}, {}/s, about {} s to go",
            self.unit,
            self.unit.flow.entries,
            per_second(entries as u64, taken),
            rest.div_ceil(1_000)
        );
    }

    /// The state is there.
    pub fn note_end(&mut self, entries: usize) {
        self.count();
        let taken = self.broker.now() - self.begun;
        telemetry::restored(self.unit.flow, self.source, entries, taken);
        let source = match self.source {
            RestoredFrom::Journal => "its journal",
            RestoredFrom::Standby => "the standby's copy and the end of its journal",
        };
        log::info!(
            "{}: restored from {source}: {entries} {} in {} ms, {} records of {} MB, {} MB/s",
            self.unit,
            self.unit.flow.entries,
            taken.as_millis(),
            self.records,
            self.bytes / 1_000_000,
            per_second(self.bytes, taken) / 1_000_000
        );
    }

    fn count(&mut self) {
        telemetry::restore_records(self.records - self.counted);
        self.counted = self.records;
    }
}

fn per_second(count: u64, taken: Duration) -> u128 {
    u128::from(count) * 1_000 / taken.as_millis().max(1)
}
