//! Counts how often the decision of a record failed in a way that a retry does not cure, so that the same record cannot
//! stop a partition for ever. Shared by a worker's lives: a rebuilt worker remembers.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use super::port::TopicPartition;

/// Records under suspicion.
#[derive(Debug)]
pub struct Suspects {
    any: AtomicBool,
    counts: Mutex<BTreeMap<(TopicPartition, i64), u32>>,
    limit: u32,
}

impl Suspects {
    /// A record is condemned when it failed `limit` times.
    #[must_use]
    pub fn new(limit: u32) -> Self {
        Self { any: AtomicBool::new(false), counts: Mutex::default(), limit: limit.max(1) }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(TopicPartition, i64), u32>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether any record is under suspicion. Cheap.
    #[must_use]
    pub fn any(&self) -> bool {
        self.any.load(Ordering::Relaxed)
    }

    /// Counts a failure of a record; how many there are now.
    pub fn count(&self, at: TopicPartition, offset: i64) -> u32 {
        let mut counts = self.lock();
        self.any.store(true, Ordering::Relaxed);
        let count = counts.entry((at, offset)).or_default();
        *count += 1;
        *count
    }

    /// The failures of a record, where they condemn it.
    #[must_use]
    pub fn condemned(&self, at: TopicPartition, offset: i64) -> Option<u32> {
        self.lock().get(&(at, offset)).copied().filter(|count| *count >= self.limit)
    }

    /// Forgets the records of `at` before `position`: they are committed.
    pub fn passed(&self, at: TopicPartition, position: i64) {
        let mut counts = self.lock();
        counts.retain(|(suspect, offset), _| *suspect != at || *offset >= position);
        self.any.store(!counts.is_empty(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::{super::port::Input, *};

    #[test]
    fn condemns_the_same_record_at_the_limit_and_forgets_it_once_passed() {
        let suspects = Suspects::new(3);
        let at = TopicPartition { input: Input::PosEvents, partition: 2 };
        assert!(!suspects.any());
        for _ in 0..2 {
            suspects.count(at, 7);
        }
        suspects.count(at, 8);
        assert_eq!(suspects.condemned(at, 7), None);
        assert_eq!(suspects.count(at, 7), 3);
        assert_eq!(suspects.condemned(at, 7), Some(3));
        assert_eq!(suspects.condemned(at, 8), None);
        suspects.passed(at, 8);
        assert!(suspects.any());
        suspects.passed(at, 9);
        assert!(!suspects.any());
    }
}
