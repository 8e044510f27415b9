//! What has come back so far: counts, the rate of the last second, and latency from a record's time to the receipt of
//! its committed outcome.

use super::pick::Picks;
use crate::codec::journal;
use crate::domain::enums::Verdict;
use crate::domain::record::TopicRecord;
use crate::explain::outcome::ExplainedOutcome;
use crate::kafka::settings::Topics;
use crate::load::latency::Latencies;
use crate::pos::Input;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// What the rate is taken over.
const RATE_OVER: Duration = Duration::from_secs(1);

/// Counts of a run.
pub(super) struct DemoTally {
    topics: Topics,
    verdicts: BTreeMap<Verdict, u64>,
    codes: BTreeMap<String, u64>,
    dead_letters: u64,
    /// Next offset of the account events, by partition, as the journal has it.
    accounts: Vec<i64>,
    /// From a record's time to the receipt of its outcome.
    pub(super) latencies: Latencies,
    /// When how many answers were there; the first is about a second old.
    marks: VecDeque<(Instant, u64)>,
    first: Option<Instant>,
    last: Option<Instant>,
    /// Answers that are worth a closer look.
    pub(super) picks: Picks,
}

impl DemoTally {
    /// Of nothing yet.
    pub(super) fn new(topics: Topics, partitions: usize) -> Self {
        Self {
            topics,
            verdicts: BTreeMap::new(),
            codes: BTreeMap::new(),
            dead_letters: 0,
            accounts: vec![0; partitions],
            latencies: Latencies::default(),
            marks: VecDeque::new(),
            first: None,
            last: None,
            picks: Picks::default(),
        }
    }

    /// Counts a record that was received at `now`, `now_millis` since the epoch.
    ///
    /// # Errors
    /// A record that says nothing readable: a defect of tillgate.
    pub(super) fn take(
        &mut self,
        record: &TopicRecord<'_>,
        now: Instant,
        now_millis: i64,
    ) -> Result<(), String> {
        let value = record.value.unwrap_or_default();
        if record.topic == self.topics.pos_outcomes() {
            self.answer(ExplainedOutcome::read(value)?, now, now_millis);
        } else if record.topic == self.topics.dead_letters() {
            self.dead_letters += 1;
        } else {
            let head = journal::read_record(value).map_err(|fault| fault.to_string())?.head;
            let position = head.positions[Input::AccountEvents as usize];
            let place = self.accounts.get_mut(record.partition.index());
            if let (Some(place), Some(position)) = (place, position) {
                *place = position;
            }
        }
        Ok(())
    }

    fn answer(&mut self, answer: ExplainedOutcome, now: Instant, now_millis: i64) {
        *self.verdicts.entry(answer.verdict()).or_default() += 1;
        for message in &answer.risk_check_messages {
            *self.codes.entry(message.code.clone()).or_default() += 1;
        }
        self.latencies.note(now_millis.saturating_sub(answer.source.timestamp));
        self.first.get_or_insert(now);
        self.last = Some(now);
        self.picks.offer(answer);
    }

    /// Notes how many answers there are at `now`, for the rate.
    pub(super) fn mark(&mut self, now: Instant) {
        self.marks.push_back((now, self.answers()));
        while self.marks.len() > 2 && now - self.marks[1].0 >= RATE_OVER {
            self.marks.pop_front();
        }
    }

    /// Outcomes.
    pub(super) fn answers(&self) -> u64 {
        self.verdicts.values().sum()
    }

    /// Outcomes with this verdict.
    pub(super) fn of(&self, verdict: Verdict) -> u64 {
        self.verdicts.get(&verdict).copied().unwrap_or(0)
    }

    /// Messages by code.
    pub(super) fn codes(&self) -> &BTreeMap<String, u64> {
        &self.codes
    }

    /// Records that could not be read.
    pub(super) fn dead_letters(&self) -> u64 {
        self.dead_letters
    }

    /// Account events that are decided and in the journal.
    pub(super) fn account_events(&self) -> u64 {
        self.accounts.iter().map(|position| position.unsigned_abs()).sum()
    }

    /// Outcomes a second, over about the last one.
    pub(super) fn rate(&self) -> u64 {
        match (self.marks.front(), self.marks.back()) {
            (Some(first), Some(last)) => per_second(last.1 - first.1, last.0 - first.0),
            _ => 0,
        }
    }

    /// Outcomes a second from the first to the last, and how long that was.
    pub(super) fn overall(&self) -> (u64, Duration) {
        let span = self.first.zip(self.last).map_or(Duration::ZERO, |(first, last)| last - first);
        (per_second(self.answers(), span), span)
    }
}

fn per_second(count: u64, span: Duration) -> u64 {
    let micros = u64::try_from(span.as_micros()).unwrap_or(u64::MAX);
    (count * 1_000_000).checked_div(micros).unwrap_or(0)
}
