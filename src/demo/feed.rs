//! Sends what the generator makes: the accounts first, then the tills, at a pace. Stamps records with the wall clock,
//! as tills would.
//!
//! Event times advance with the sequence, so that the seed alone decides what is made: the burst at the beginning is
//! the last minutes before now, and whatever comes afterwards is sent when its time has come.

use super::clock;
use crate::domain::Micros;
use crate::kafka::client::{EventProducer, NewRecord};
use crate::kafka::failure::Fault;
use crate::kafka::settings::Topics;
use crate::load::{Content, Encoder, Generated, World};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

/// Longest wait at once, so that an end is noticed.
const STEP: Duration = Duration::from_millis(20);

/// How far the feed is. Written by the feed, read by the screen.
#[derive(Default)]
pub(super) struct Progress {
    /// Account events sent.
    pub(super) account_events: AtomicU64,
    /// Whether every account is sent.
    pub(super) accounts_sent: AtomicBool,
    /// POS records sent.
    pub(super) sent: AtomicU64,
    /// Outcomes that they must give.
    pub(super) answers_due: AtomicU64,
    /// Dead letters that they must give.
    pub(super) letters_due: AtomicU64,
    /// Whether the burst is sent.
    pub(super) burst_sent: AtomicBool,
}

impl Progress {
    /// Whether the burst at the beginning is sent.
    pub(super) fn burst_is_sent(&self) -> bool {
        self.burst_sent.load(Ordering::Acquire)
    }
}

/// What to send.
pub(super) struct Feed<'a> {
    pub(super) world: &'a World,
    pub(super) encoder: Encoder,
    pub(super) topics: &'a Topics,
    pub(super) progress: &'a Progress,
    /// Events that are sent at `rate`; further ones when their time has come.
    pub(super) burst: u64,
    /// A second.
    pub(super) rate: u32,
}

/// Why a feed ended early.
#[derive(Debug, thiserror::Error)]
pub(super) enum FeedError {
    /// The broker.
    #[error("{0}")]
    Kafka(#[from] Fault),
    /// The generator.
    #[error("{0}")]
    Encode(#[from] crate::load::EncodeError),
}

impl Feed<'_> {
    /// Sends the accounts and a person at the first word of `go`, the tills' events at the second, until there are no more or
    /// `stop`. Ends where nobody is left to say go. Nothing before: while the workers share the partitions out they may abort
    /// a transaction, of which the demo's broker takes nothing back.
    ///
    /// # Errors
    /// [`FeedError`] of the first record that does not arrive.
    pub(super) fn run(
        &self,
        mut producer: EventProducer,
        go: &Receiver<()>,
        stop: &AtomicBool,
    ) -> Result<(), FeedError> {
        if go.recv().is_err() {
            return Ok(());
        }
        let mut value = Vec::with_capacity(4_096);
        for event in self.world.opening_events() {
            value.clear();
            self.encoder.account_event(&event, &mut value)?;
            let at = millis(self.world.accounts().opened_at());
            let (topic, key) = (self.topics.account_events(), event.account.as_bytes());
            producer.send(&NewRecord::by_key(topic, Some(key), &value, at))?;
            self.progress.account_events.fetch_add(1, Ordering::Relaxed);
        }
        super::contact::send_person(self.topics, &mut producer)?;
        producer.flush()?;
        self.progress.accounts_sent.store(true, Ordering::Release);
        if go.recv().is_err() {
            return Ok(());
        }
        self.tills(&mut producer, &mut value, stop)?;
        producer.flush()?;
        self.progress.burst_sent.store(true, Ordering::Release);
        Ok(())
    }

    fn tills(
        &self,
        producer: &mut EventProducer,
        value: &mut Vec<u8>,
        stop: &AtomicBool,
    ) -> Result<(), FeedError> {
        let begun = clock::now();
        let mut sent: u64 = 0;
        for generated in self.world.generate() {
            value.clear();
            match generated {
                Generated::Account { event, .. } => {
                    self.encoder.account_event(&event, value)?;
                    let (topic, key) = (self.topics.account_events(), event.account.as_bytes());
                    producer.send(&NewRecord::by_key(topic, Some(key), value, clock::millis()))?;
                }
                Generated::Pos(record) => {
                    if sent == self.burst {
                        producer.flush()?;
                        self.progress.burst_sent.store(true, Ordering::Release);
                    }
                    self.wait(sent, begun, record.time, stop);
                    if stop.load(Ordering::Acquire) {
                        return Ok(());
                    }
                    self.encoder.pos_record(&record, value)?;
                    let unreadable = matches!(record.content, Content::Bytes(_));
                    let keyed = record.key.is_some();
                    self.progress.answers_due.fetch_add(u64::from(keyed), Ordering::Relaxed);
                    self.progress.letters_due.fetch_add(u64::from(unreadable || !keyed), Ordering::Relaxed);
                    self.progress.sent.fetch_add(1, Ordering::Relaxed);
                    sent += 1;
                    let (topic, key) = (self.topics.pos_events(), record.key.as_deref());
                    producer.send(&NewRecord::by_key(topic, key, value, clock::millis()))?;
                }
            }
        }
        Ok(())
    }

    /// Waits until event number `sent`, which belongs to `time`, is due.
    fn wait(&self, sent: u64, begun: Instant, time: Micros, stop: &AtomicBool) {
        loop {
            let early = if sent < self.burst {
                let micros = sent * 1_000_000 / u64::from(self.rate.max(1));
                Duration::from_micros(micros).saturating_sub(begun.elapsed())
            } else {
                let millis = millis(time).saturating_sub(clock::millis());
                Duration::from_millis(u64::try_from(millis).unwrap_or(0))
            };
            if early < Duration::from_millis(1) || stop.load(Ordering::Acquire) {
                return;
            }
            std::thread::sleep(early.min(STEP));
        }
    }
}

fn millis(time: Micros) -> i64 {
    time.0.div_euclid(1_000)
}
