//! How long answers take: from the moment at which an event is sent to the one at which a reader of committed outcomes
//! has its outcome. Exact to the millisecond, in memory of a bounded size. Reads neither a clock nor a topic.

use std::collections::VecDeque;

/// The header in which a record says when it was sent, in milliseconds since 1970: its own time may be the broker's.
pub const SENT_HEADER: &str = "tillgate.sent";

/// Milliseconds up to which times are told apart; whatever takes longer counts as this.
pub const MILLIS_MAX: usize = 120_000;

/// Times that answers took.
#[derive(Clone, Debug)]
pub struct Latencies {
    /// How many took so many milliseconds.
    counts: Vec<u64>,
    total: u64,
}

impl Default for Latencies {
    fn default() -> Self {
        Self { counts: vec![0; MILLIS_MAX + 1], total: 0 }
    }
}

impl Latencies {
    /// Notes a time; one below 0, of clocks that differ, counts as 0.
    pub fn note(&mut self, millis: i64) {
        let at = usize::try_from(millis.max(0)).unwrap_or(MILLIS_MAX).min(MILLIS_MAX);
        self.counts[at] += 1;
        self.total += 1;
    }

    /// How many were noted.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The milliseconds within which `share` of 1,000 answers came; none where none was noted.
    #[must_use]
    pub fn within(&self, share: u64) -> Option<usize> {
        let wanted = (self.total * share).div_ceil(1_000).max(1);
        let mut seen = 0;
        self.counts.iter().position(|count| {
            seen += count;
            seen >= wanted
        })
    }
}

/// Records and answers that wait for one another, of each partition; where more wait, the oldest is given up: 64 MiB.
const WAITING_MAX: usize = 4 << 20;

/// When records were sent, and when their answers came: both in the order of the offsets of a partition's records, and
/// either may be read first.
#[derive(Debug, Default)]
pub struct AnswerTimes {
    /// Offset and milliseconds.
    sent: VecDeque<(i64, i64)>,
    answered: VecDeque<(i64, i64)>,
}

impl AnswerTimes {
    /// The record at `offset` was sent at `millis`.
    pub fn note_sent(&mut self, offset: i64, millis: i64) {
        note(&mut self.sent, offset, millis);
    }

    /// The answer to the record at `offset` came at `millis`.
    pub fn note_answered(&mut self, offset: i64, millis: i64) {
        note(&mut self.answered, offset, millis);
    }

    /// When the next record of which both are known was sent, and when its answer came.
    pub fn pop(&mut self) -> Option<[i64; 2]> {
        while let (Some((sent, from)), Some((answered, to))) = (self.sent.front(), self.answered.front()) {
            let (order, times) = (sent.cmp(answered), [*from, *to]);
            // What has no answer never gets one; an answer alone is to a record of somebody else.
            if order.is_le() {
                self.sent.pop_front();
            }
            if order.is_ge() {
                self.answered.pop_front();
            }
            if order.is_eq() {
                return Some(times);
            }
        }
        None
    }
}

fn note(waiting: &mut VecDeque<(i64, i64)>, offset: i64, millis: i64) {
    if waiting.len() == WAITING_MAX {
        waiting.pop_front();
    }
    waiting.push_back((offset, millis));
}

/// The offset of the record that a JSON outcome answers. None where it is no outcome, or one that replaces an earlier one:
/// its event was answered before.
#[must_use]
pub fn answered_offset(outcome: &[u8]) -> Option<i64> {
    // Quotation marks inside a text are escaped, so these stand for themselves.
    let text = str::from_utf8(outcome).ok()?;
    let (before, source) = text.split_once("\"source\":{")?;
    if before.contains("\"supersedes\":") {
        return None;
    }
    let (_, offset) = source.split_once("\"offset\":")?;
    offset.get(..offset.find([',', '}'])?)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_time_within_which_a_share_came() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.within(500), None);
        (1..=1_000).for_each(|millis| latencies.note(millis));
        assert_eq!(
            [1, 500, 990, 999, 1_000].map(|share| latencies.within(share)),
            [Some(1), Some(500), Some(990), Some(999), Some(1_000)]
        );
    }

    #[test]
    fn bounds_what_it_tells_apart() {
        let mut latencies = Latencies::default();
        [-5, i64::MAX].into_iter().for_each(|millis| latencies.note(millis));
        assert_eq!((latencies.within(500), latencies.within(1_000)), (Some(0), Some(MILLIS_MAX)));
        assert_eq!(latencies.total(), 2);
    }

    #[test]
    fn pairs_records_and_answers_in_whatever_order_they_are_read() {
        let mut waiting = AnswerTimes::default();
        waiting.note_answered(4, 100);
        waiting.note_answered(5, 110);
        assert_eq!(waiting.pop(), None);
        [(5, 10), (7, 20), (8, 30)]
            .into_iter()
            .for_each(|(offset, millis)| waiting.note_sent(offset, millis));
        assert_eq!(waiting.pop(), Some([10, 110]), "4 was sent by somebody else");
        waiting.note_answered(8, 120);
        assert_eq!((waiting.pop(), waiting.pop()), (Some([30, 120]), None), "7 has no answer");
    }

    #[test]
    fn reads_which_record_a_first_answer_is_of() {
        let outcome = |more: &str| {
            format!(
                r#"{{"transactionId":"x","riskCheckMessages":[{{"message":"\"source\":{{\"offset\":7}}"}}],{more}"source":{{"topic":"pos.events","partition":1,"offset":2,"timestamp":1736164800123}},"accountRevision":1}}"#
            )
        };
        assert_eq!(answered_offset(outcome("").as_bytes()), Some(2));
        assert_eq!(answered_offset(outcome(r#""supersedes":"y","#).as_bytes()), None);
        assert_eq!(answered_offset(b"garbage"), None);
    }
}
