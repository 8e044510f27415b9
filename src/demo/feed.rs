//! Takes what the generator makes to the demo's topics: the accounts first, then the tills, at a pace. Stamps what tills send with
//! the wall clock, as they would.
//!
//! Event times advance with the sequence, so that the seed alone decides what is made: the burst at the beginning is
//! the last minutes before now, and whatever comes afterwards is sent when its time has come.

use super::now;
use crate::app::now_millis;
use crate::domain::Micros;
use crate::domain::account_event::AccountEvent;
use crate::kafka::client::{EventProducer, NewRecord};
use crate::kafka::settings::Topics;
use crate::load::{PosRecord, RecordSink, SinkError, TillContent};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

/// Longest wait at once, so that an end is noticed.
const STEP: Duration = Duration::from_millis(20);

/// How far the feed is. Written by the feed, read by the screen.
#[derive(Default)]
pub(super) struct DemoProgress {
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

impl DemoProgress {
    /// Whether the burst at the beginning is sent.
    pub(super) fn burst_is_sent(&self) -> bool {
        self.burst_sent.load(Ordering::Acquire)
    }
}

/// The topics, as the demo fills them. Nothing is sent before somebody says go: while the workers share the partitions out they
/// may abort a transaction, of which the demo's broker takes nothing back.
pub(super) struct DemoSink<'a> {
    pub(super) producer: EventProducer,
    pub(super) topics: &'a Topics,
    pub(super) progress: &'a DemoProgress,
    /// The first word lets the accounts be sent, the second the tills' events. The run ends where nobody is left to say it.
    pub(super) go: Receiver<()>,
    pub(super) stop: &'a AtomicBool,
    /// Events that are sent at `rate`; further ones when their time has come.
    pub(super) burst: u64,
    /// A second.
    pub(super) rate: u32,
    /// When the first event of a till was sent.
    pub(super) begun: Option<Instant>,
}

impl DemoSink<'_> {
    /// Waits until somebody says go.
    pub(super) fn wait_for_go(&self) -> Result<(), SinkError> {
        self.go.recv().map_err(|_| SinkError::Ended)
    }

    /// Waits until event number `sent`, which belongs to `time`, is due.
    fn wait(&mut self, sent: u64, time: Micros) -> Result<(), SinkError> {
        let begun = *self.begun.get_or_insert_with(now);
        loop {
            if self.stop.load(Ordering::Acquire) {
                return Err(SinkError::Ended);
            }
            let early = if sent < self.burst {
                let micros = sent * 1_000_000 / u64::from(self.rate.max(1));
                Duration::from_micros(micros).saturating_sub(begun.elapsed())
            } else {
                Duration::from_millis(u64::try_from(time.millis().saturating_sub(now_millis())).unwrap_or(0))
            };
            if early < Duration::from_millis(1) {
                return Ok(());
            }
            std::thread::sleep(early.min(STEP));
        }
    }
}

impl RecordSink for DemoSink<'_> {
    fn account_event(&mut self, event: &AccountEvent, value: &[u8], time: Micros) -> Result<(), SinkError> {
        let are_open = self.progress.accounts_sent.load(Ordering::Relaxed);
        self.progress.account_events.fetch_add(1, Ordering::Relaxed);
        let at = if are_open { now_millis() } else { time.millis() };
        let (topic, key) = (self.topics.account_events(), event.account.as_bytes());
        Ok(self.producer.send(&NewRecord::by_key(topic, Some(key), value, at))?)
    }

    fn pos_event(&mut self, record: &PosRecord<'_>, value: &[u8]) -> Result<(), SinkError> {
        let progress = self.progress;
        let sent = progress.sent.load(Ordering::Relaxed);
        if sent == self.burst {
            self.finish()?;
        }
        self.wait(sent, record.time)?;
        let (is_unreadable, is_keyed) =
            (matches!(record.content, TillContent::Bytes(_)), record.key.is_some());
        progress.answers_due.fetch_add(u64::from(is_keyed), Ordering::Relaxed);
        progress.letters_due.fetch_add(u64::from(is_unreadable || !is_keyed), Ordering::Relaxed);
        progress.sent.fetch_add(1, Ordering::Relaxed);
        let (topic, key) = (self.topics.pos_events(), record.key.as_deref());
        Ok(self.producer.send(&NewRecord::by_key(topic, key, value, now_millis()))?)
    }

    /// The accounts are sent: a person besides, and then the tills wait.
    fn flush(&mut self) -> Result<(), SinkError> {
        super::contact::send_person(self.topics, &mut self.producer)?;
        self.producer.flush()?;
        self.progress.accounts_sent.store(true, Ordering::Release);
        self.wait_for_go()
    }

    /// The burst is sent.
    fn finish(&mut self) -> Result<(), SinkError> {
        self.producer.flush()?;
        self.progress.burst_sent.store(true, Ordering::Release);
        Ok(())
    }
}
