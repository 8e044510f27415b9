//! `tillgate load --latency`: reads outcomes beside the load, as their readers would, and says how long they took.
//! Adds a header to what is sent and changes nothing else.

use super::now_millis;
use crate::domain::{Micros, PartitionId};
use crate::kafka::client::{Cluster, Follower};
use crate::kafka::failure::Fault;
use crate::kafka::port::Followed;
use crate::kafka::settings::ClusterSettings;
use crate::load::latency::{AnswerTimes, Latencies, SENT_HEADER, answered_offset};
use serde_json::json;
use std::collections::BTreeMap;
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
    /// When a record is sent, in milliseconds since 1970: now.
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
struct Answered {
    answered: u64,
    latencies: Latencies,
}

/// A reader of outcomes at work.
pub(super) struct OutcomeWatch {
    sent: Arc<Sent>,
    thread: JoinHandle<Result<Answered, Fault>>,
}

impl OutcomeWatch {
    /// Reads events and outcomes, of so many partitions, from now on; those of the first `warm_up` are not counted.
    pub(super) fn start(
        settings: &Arc<ClusterSettings>,
        partitions: [usize; 2],
        sent: Arc<Sent>,
        warm_up: Micros,
    ) -> Result<Self, Fault> {
        let (events, outcomes) = (settings.topics.pos_events().to_owned(), settings.topics.pos_outcomes());
        let cluster = Cluster::new(Arc::clone(settings))?;
        let mut ends = Vec::new();
        for (topic, count) in [(events.as_str(), partitions[0]), (outcomes, partitions[1])] {
            for partition in PartitionId::all(count) {
                ends.push((topic, partition, cluster.ends(topic, partition)?.stable));
            }
        }
        let follower = Follower::open(settings, ends)?;
        let its = Arc::clone(&sent);
        let thread = std::thread::spawn(move || watch(&follower, &events, &its, warm_up.0 / 1_000));
        Ok(Self { sent, thread })
    }

    /// Waits for the answers to everything that was sent. Tells of them as one JSON object, and how many did not come.
    pub(super) fn finish(self, rate: u32) -> Result<(String, u64), Fault> {
        self.sent.end();
        let Answered { answered, latencies } = match self.thread.join() {
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

fn watch(follower: &Follower, events: &str, sent: &Sent, warm_up_millis: i64) -> Result<Answered, Fault> {
    let mut answers = Answered { answered: 0, latencies: Latencies::default() };
    let mut waiting: BTreeMap<PartitionId, AnswerTimes> = BTreeMap::new();
    let mut silence = Duration::ZERO;
    while silence < SILENCE_MAX {
        let all = sent.is_all.load(Ordering::Acquire);
        if all && answers.answered >= sent.events.load(Ordering::Relaxed) {
            break;
        }
        let came = follower.next(STEP, |record| {
            let first = sent.first_millis.load(Ordering::Acquire);
            // An outcome goes to its event's partition number.
            let waiting = waiting.entry(record.partition).or_default();
            if record.topic == events {
                // What lies before the first is of another load.
                let sent = record.headers.iter().find(|header| header.name == SENT_HEADER.as_bytes());
                let millis = sent.and_then(|header| sent_millis(header.value?));
                let own = millis.filter(|millis| first > 0 && *millis >= first);
                own.into_iter().for_each(|millis| waiting.note_sent(record.offset, millis));
            } else if let Some(offset) = answered_offset(record.value.unwrap_or_default()) {
                waiting.note_answered(offset, now_millis());
            }
            while let Some([from, to]) = waiting.pop() {
                answers.answered += 1;
                if from >= first + warm_up_millis {
                    answers.latencies.note(to - from);
                }
            }
        })?;
        silence = if came == Followed::Nothing && all { silence + STEP } else { Duration::ZERO };
    }
    Ok(answers)
}

/// What [`SENT_HEADER`] says.
fn sent_millis(value: &[u8]) -> Option<i64> {
    str::from_utf8(value).ok()?.parse().ok()
}
