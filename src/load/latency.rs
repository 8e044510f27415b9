//! How long answers take: from the time of an event's record to the moment at which a reader of committed outcomes has
//! its outcome. Exact to the millisecond, in memory of a fixed size. Reads neither a clock nor a topic.

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

/// The time of the record that a JSON outcome answers, in milliseconds since 1970. None where it is no outcome, or one
/// that replaces an earlier one: its event was answered before.
#[must_use]
pub fn answered_time(outcome: &[u8]) -> Option<i64> {
    // Quotation marks inside of a text are escaped, so these stand for themselves.
    let text = str::from_utf8(outcome).ok()?;
    let (before, source) = text.split_once("\"source\":{")?;
    if before.contains("\"supersedes\":") {
        return None;
    }
    let (_, time) = source.split_once("\"timestamp\":")?;
    time.get(..time.find('}')?)?.parse().ok()
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
    fn reads_the_record_time_of_first_answers_alone() {
        let outcome = |more: &str| {
            format!(
                r#"{{"transactionId":"x","riskCheckMessages":[{{"message":"\"source\":{{\"timestamp\":7}}"}}],{more}"source":{{"topic":"pos.events","partition":1,"offset":2,"timestamp":1736164800123}},"accountRevision":1}}"#
            )
        };
        assert_eq!(answered_time(outcome("").as_bytes()), Some(1_736_164_800_123));
        assert_eq!(answered_time(outcome(r#""supersedes":"y","#).as_bytes()), None);
        assert_eq!(answered_time(b"garbage"), None);
    }
}
