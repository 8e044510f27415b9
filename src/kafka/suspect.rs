//! What went wrong with which records, so that none of them can stop a partition for ever. Shared by a worker's lives: a
//! rebuilt worker remembers, or the same record would end it again and again.
//!
//! Two things are known. A *record* whose decision panicked, or whose results no topic takes, is counted, and passed over
//! once it is condemned. A *batch* that failed is tried again in halves until its records are passed, which finds a record
//! that cannot be told from the others; how often a batch failed that began at the same place says whether its partition
//! stands still.

use crate::domain::flow::{InputPartition, Positions, Unit};
use crate::kafka::locked::locked;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};

/// From so many failures in a row at the same place on, batches are halved whatever the reason is.
const FAILURES_BEFORE_HALVING: u32 = 3;
/// After so many failures in a row at the same place a unit is reported as blocked.
pub const FAILURES_BEFORE_BLOCKED: u32 = 5;

/// A batch of one unit that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailedBatch {
    /// The unit.
    pub unit: Unit,
    /// Its positions before the batch.
    pub from: Positions,
    /// Its positions as the batch would have left them.
    pub until: Positions,
}

/// A unit whose last batch failed, or in which one failed that is not passed yet.
#[derive(Clone, Debug)]
struct FailingUnit {
    from: Positions,
    until: Positions,
    /// Failures in a row with the same `from`.
    failures: u32,
    /// Records that its worker takes at once.
    events_max: usize,
}

/// What is suspected, by record and by unit: as many units as fail, and a few records of each.
#[derive(Debug)]
pub struct Suspects {
    any: AtomicBool,
    known: Mutex<Known>,
    limit: u32,
}

#[derive(Debug, Default)]
struct Known {
    records: BTreeMap<(InputPartition, i64), u32>,
    units: BTreeMap<Unit, FailingUnit>,
}

impl Suspects {
    /// A record is condemned when it failed `limit` times.
    #[must_use]
    pub fn new(limit: u32) -> Self {
        Self { any: AtomicBool::new(false), known: Mutex::default(), limit: limit.max(1) }
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        locked(&self.known)
    }

    fn look_again(&self, known: &Known) {
        let any = !known.records.is_empty() || !known.units.is_empty();
        self.any.store(any, Ordering::Relaxed);
    }

    /// Whether anything is suspected. Cheap.
    #[must_use]
    pub fn any(&self) -> bool {
        self.any.load(Ordering::Relaxed)
    }

    /// Counts a failure of a record; how many there are now.
    pub fn count(&self, at: InputPartition, offset: i64) -> u32 {
        let mut known = self.lock();
        let count = known.records.entry((at, offset)).or_default();
        *count += 1;
        let count = *count;
        self.look_again(&known);
        count
    }

    /// Condemns a record at once: another try would fail alike. Once more for one that is condemned already counts on.
    pub fn condemn(&self, at: InputPartition, offset: i64) {
        let mut known = self.lock();
        let count = known.records.entry((at, offset)).or_default();
        *count = (*count + 1).max(self.limit);
        self.look_again(&known);
    }

    /// The failures of a record, where they condemn it.
    #[must_use]
    pub fn condemned(&self, at: InputPartition, offset: i64) -> Option<u32> {
        self.lock().records.get(&(at, offset)).copied().filter(|count| *count >= self.limit)
    }

    /// How often a record failed after it was condemned: its dead letter cannot be delivered either.
    #[must_use]
    pub fn failures_since_condemned(&self, failures: u32) -> u32 {
        failures.saturating_sub(self.limit)
    }

    /// Notes a batch of `events` records that failed; `halve`: one of its records is at fault, nobody knows which. Says how
    /// often batches failed that began there.
    pub fn note_failure(&self, batch: &FailedBatch, events: usize, halve: bool) -> u32 {
        let mut known = self.lock();
        let FailedBatch { unit, from, until } = batch;
        let fresh =
            || FailingUnit { from: from.clone(), until: until.clone(), failures: 0, events_max: usize::MAX };
        let trouble = known.units.entry(*unit).or_insert_with(fresh);
        if trouble.from != *from {
            (trouble.from, trouble.failures) = (from.clone(), 0);
        }
        trouble.failures = trouble.failures.saturating_add(1);
        trouble.until = trouble.until.later(until);
        if halve || trouble.failures >= FAILURES_BEFORE_HALVING {
            trouble.events_max = (events / 2).max(1);
        }
        let failures = trouble.failures;
        self.look_again(&known);
        failures
    }

    /// How many records may be taken at once by who decides these units; none: as many as usual.
    #[must_use]
    pub fn events_max(&self, units: impl Iterator<Item = Unit>) -> Option<usize> {
        let known = self.lock();
        let of = |unit: Unit| known.units.get(&unit).map(|trouble| trouble.events_max);
        units.filter_map(of).min().filter(|most| *most < usize::MAX)
    }

    /// A batch is committed and leaves a unit at `positions`: forgets what is passed. Where it was but a part of the
    /// one that failed, the next may be twice as large; where a condemned record was passed, the fault is found.
    pub fn forget_passed(&self, unit: Unit, positions: &Positions) {
        let mut known = self.lock();
        let before = known.records.len();
        known.records.retain(|(at, offset), _| {
            at.unit != unit || positions[at.input].is_none_or(|position| *offset >= position)
        });
        if known.records.len() < before {
            known.units.clear();
        } else if let Some(trouble) = known.units.get_mut(&unit) {
            let is_passed = positions.iter().zip(trouble.until.iter()).all(|(now, until)| now >= until);
            (trouble.from, trouble.failures) = (positions.clone(), 0);
            trouble.events_max = trouble.events_max.saturating_mul(2);
            if is_passed {
                known.units.remove(&unit);
            }
        }
        self.look_again(&known);
    }

    /// A unit comes (again) with its state at `positions`: what failed elsewhere in it is somebody else's past. Says
    /// whether it failed here.
    pub fn restored(&self, unit: Unit, positions: &Positions) -> bool {
        let mut known = self.lock();
        let here = known.units.get(&unit).is_some_and(|trouble| trouble.from == *positions);
        if !here {
            known.units.remove(&unit);
            self.look_again(&known);
        }
        here
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::PartitionId;
    use crate::domain::flow::TWO as FLOW;

    const ONE: Unit = Unit { flow: &FLOW, partition: PartitionId::new(1) };
    const TWO: Unit = Unit { flow: &FLOW, partition: PartitionId::new(2) };
    const EVENTS: InputPartition = InputPartition { unit: TWO, input: 0 };

    fn at(offset: i64) -> Positions {
        [Some(offset), None].into()
    }

    fn batch(from: i64, until: i64) -> FailedBatch {
        FailedBatch { unit: TWO, from: at(from), until: at(until) }
    }

    #[test]
    fn condemns_the_same_record_at_the_limit_and_forgets_it_once_passed() {
        let suspects = Suspects::new(3);
        assert!(!suspects.any());
        for _ in 0..2 {
            suspects.count(EVENTS, 7);
        }
        suspects.count(EVENTS, 8);
        assert_eq!(suspects.condemned(EVENTS, 7), None);
        assert_eq!(suspects.count(EVENTS, 7), 3);
        assert_eq!(suspects.condemned(EVENTS, 7), Some(3));
        assert_eq!(suspects.condemned(EVENTS, 8), None);
        suspects.forget_passed(TWO, &at(8));
        assert!(suspects.any());
        suspects.forget_passed(TWO, &at(9));
        assert!(!suspects.any());
    }

    #[test]
    fn a_record_that_no_topic_takes_is_condemned_at_once_and_counts_on() {
        let suspects = Suspects::new(3);
        suspects.condemn(EVENTS, 7);
        assert_eq!(suspects.condemned(EVENTS, 7), Some(3));
        suspects.condemn(EVENTS, 7);
        let failures = suspects.condemned(EVENTS, 7).expect("it is condemned");
        assert_eq!((failures, suspects.failures_since_condemned(failures)), (4, 1));
    }

    /// One record of so many cannot be delivered, and nobody knows which: after how many tries it is taken alone.
    fn tries_until_alone(events: i64, poison: i64) -> u32 {
        let suspects = Suspects::new(3);
        let (mut next, mut tries) = (0_i64, 0_u32);
        loop {
            tries += 1;
            let most = suspects.events_max([TWO].into_iter()).map_or(i64::MAX, |most| most as i64);
            let end = events.min(next.saturating_add(most));
            if !(next..end).contains(&poison) {
                suspects.forget_passed(TWO, &at(end));
                next = end;
            } else if end - next == 1 {
                return tries;
            } else {
                suspects.note_failure(&batch(next, end), (end - next) as usize, true);
            }
        }
    }

    #[test]
    fn halves_find_the_record_at_fault_wherever_it_is() {
        let tries = [0, 1, 4_999, 5_000, 7_777, 9_999].map(|poison| tries_until_alone(10_000, poison));
        assert!(tries.iter().all(|tries| *tries <= 60), "{tries:?}");
        assert_eq!(tries_until_alone(1, 0), 1);
    }

    #[test]
    fn a_batch_is_taken_whole_again_once_the_failed_one_is_passed() {
        let suspects = Suspects::new(3);
        suspects.note_failure(&batch(10, 30), 20, true);
        assert_eq!(suspects.events_max([ONE, TWO].into_iter()), Some(10));
        assert_eq!(
            suspects.events_max([ONE].into_iter()),
            None,
            "another worker's partitions are none of it"
        );
        suspects.forget_passed(TWO, &at(20));
        assert_eq!(suspects.events_max([TWO].into_iter()), Some(20));
        suspects.forget_passed(TWO, &at(30));
        assert_eq!(suspects.events_max([TWO].into_iter()), None);
        assert!(!suspects.any());
    }

    #[test]
    fn counts_failures_at_the_same_place_and_starts_over_at_another() {
        let suspects = Suspects::new(3);
        assert_eq!(suspects.note_failure(&batch(10, 30), 20, false), 1);
        assert_eq!(suspects.note_failure(&batch(10, 12), 2, false), 2);
        assert_eq!(suspects.events_max([TWO].into_iter()), None);
        assert_eq!(suspects.note_failure(&batch(10, 30), 20, false), 3);
        assert_eq!(
            suspects.events_max([TWO].into_iter()),
            Some(10),
            "the third time it is halved all the same"
        );
        assert!(suspects.restored(TWO, &at(10)), "it comes back where it failed");
        assert_eq!(suspects.note_failure(&batch(11, 30), 19, false), 1);
        assert!(!suspects.restored(TWO, &at(30)), "somebody else has passed it");
        assert!(!suspects.any());
    }
}
