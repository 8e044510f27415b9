//! `tillgate load --latency`: reads outcomes beside the load, as their readers would, and says how long they took.
//! Changes nothing in what is sent but the record's time.

use super::now_millis;
use crate::domain::Micros;
use crate::kafka::client::Follower;
use crate::kafka::failure::Fault;
use crate::kafka::settings::Settings;
use crate::load::latency::{Latencies, answered_time};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long to wait for one outcome.
const STEP: Duration = Duration::from_millis(100);
/// How long nothing may come, after everything is sent, until the rest counts as unanswered.
pub(super) const SILENCE_MAX: Duration = Duration::from_secs(30);

/// What was sent so far. An event without a key has no account, and so no outcome: it is not counted.
#[derive(Debug, Default)]
pub(super) struct Sent {
    events: AtomicU64,
    first_millis: AtomicI64,
    last_millis: AtomicI64,
    is_all: AtomicBool,
}

impl Sent {
    /// The time of a record that is sent now, in milliseconds since 1970.
    pub(super) fn stamp(&self, has_key: bool) -> i64 {
        let now = now_millis();
        if self.first_millis.load(Ordering::Relaxed) == 0 {
            self.first_millis.store(now, Ordering::Release);
        }
        self.last_millis.store(now, Ordering::Relaxed);
        self.events.fetch_add(u64::from(has_key), Ordering::Relaxed);
        now
    }

    /// Nothing more is sent.
    fn end(&self) {
        self.is_all.store(true, Ordering::Release);
    }

    /// Events a second.
    fn rate(&self) -> u64 {
        let millis = self.last_millis.load(Ordering::Relaxed) - self.first_millis.load(Ordering::Relaxed);
        let events = self.events.load(Ordering::Relaxed).saturating_sub(1);
        events * 1_000 / u64::try_from(millis).unwrap_or(0).max(1)
    }
}

/// What came back.
struct Answers {
    answered: u64,
    latencies: Latencies,
}

/// A reader of outcomes at work.
pub(super) struct Watch {
    sent: Arc<Sent>,
    thread: JoinHandle<Result<Answers, Fault>>,
}

impl Watch {
    /// Reads outcomes from now on; those of the first `warm_up` are not counted.
    pub(super) fn start(
        settings: &Settings,
        partitions: usize,
        sent: Arc<Sent>,
        warm_up: Micros,
    ) -> Result<Self, Fault> {
        let follower = Follower::open_at_end(settings, &[(&settings.topics.pos_outcomes, partitions)])?;
        let its = Arc::clone(&sent);
        let thread = std::thread::spawn(move || watch(&follower, &its, warm_up.0 / 1_000));
        Ok(Self { sent, thread })
    }

    /// Waits for the answers to everything that was sent. Tells of them as one JSON object, and how many did not come.
    pub(super) fn finish(self, rate: u32) -> Result<(String, u64), Fault> {
        self.sent.end();
        let Answers { answered, latencies } = match self.thread.join() {
            Ok(answers) => answers?,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        let events = self.sent.events.load(Ordering::Relaxed);
        let report = json!({
            "rate": rate,
            "rate_reached": self.sent.rate(),
            "events": events,
            "answered": answered,
            "counted": latencies.total(),
            "p50_ms": latencies.within(500),
            "p99_ms": latencies.within(990),
            "p999_ms": latencies.within(999),
            "max_ms": latencies.within(1_000),
        });
        Ok((report.to_string(), events.saturating_sub(answered)))
    }
}

fn watch(follower: &Follower, sent: &Sent, warm_up_millis: i64) -> Result<Answers, Fault> {
    let mut answers = Answers { answered: 0, latencies: Latencies::default() };
    let mut silence = Duration::ZERO;
    while silence < SILENCE_MAX {
        let all = sent.is_all.load(Ordering::Acquire);
        if all && answers.answered >= sent.events.load(Ordering::Relaxed) {
            break;
        }
        let came = follower.next(STEP, |outcome| {
            let first = sent.first_millis.load(Ordering::Acquire);
            // What lies before the first is of another load.
            let Some(time) = answered_time(outcome.value).filter(|time| first > 0 && *time >= first) else {
                return;
            };
            answers.answered += 1;
            if time >= first + warm_up_millis {
                answers.latencies.note(now_millis() - time);
            }
        })?;
        silence = if came || !all { Duration::ZERO } else { silence + STEP };
    }
    Ok(answers)
}
