//! Whether the inputs still have the partitions for which the state was written. Where they have more, keys belong to
//! other partitions than the state of their accounts, and nothing may be decided before the state has followed.
//!
//! At the start the last record of every journal says for how many it was written. While workers run, two signs are
//! looked for, and asking at intervals is not needed: a partition is assigned that was not there at the start; or a
//! record comes whose key does not belong on its partition among as many as there were, which every first event of a
//! moved key is. Such a record alone is no proof, since a sender may divide keys up in its own way, so the broker is
//! asked then.

use std::{
    sync::{Mutex, OnceLock, PoisonError},
    time::Duration,
};

use super::{
    client::Cluster,
    decider::Deciders,
    failure::{Fault, FaultClass, Operation},
    port::Broker,
    transaction::again,
};
use crate::domain::partitioner::partition_of;

/// How often the broker is asked while records come whose keys belong elsewhere.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// How long the first such record waits for a second answer: brokers learn of new partitions one after another.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// How long the journals are asked for again at the start: a broker may be away, and another take over from it.
const VERIFY_FOR: Duration = Duration::from_secs(60);

/// What a process knows of it; shared by its workers.
#[derive(Debug)]
pub struct Layout {
    /// As of the start; 0: not known, and nothing is looked for.
    partitions: u32,
    asked: Mutex<Option<Duration>>,
    grown: OnceLock<String>,
}

impl Layout {
    /// The inputs had so many partitions at the start.
    #[must_use]
    pub fn new(partitions: u32) -> Self {
        Self { partitions, asked: Mutex::new(None), grown: OnceLock::new() }
    }

    /// Why nothing may be decided any more, in words, with what to do.
    #[must_use]
    pub fn grown(&self) -> Option<&str> {
        self.grown.get().map(String::as_str)
    }

    /// Whether a record with this key belongs on this partition, as far as can be told.
    #[must_use]
    pub fn is_home(&self, partition: i32, key: Option<&[u8]>) -> bool {
        // Senders put records without a key, or with an empty one, anywhere.
        let Some(key) = key.filter(|key| self.partitions > 0 && !key.is_empty()) else { return true };
        i32::try_from(partition_of(key, self.partitions)) == Ok(partition)
    }

    /// Notes the highest partition number that the group gave to a worker.
    pub fn owns<B: Broker>(&self, highest: Option<i32>, broker: &B) {
        let Some(count) = highest.and_then(|highest| u32::try_from(highest).ok()?.checked_add(1)) else {
            return;
        };
        if self.partitions > 0 && count > self.partitions {
            // There are at least as many, whatever a broker knows by now.
            self.note(broker.input_partitions().unwrap_or(0).max(count));
        }
    }

    /// Asks whether the inputs have grown: a record has come whose key belongs elsewhere.
    ///
    /// # Errors
    /// The broker cannot be asked, so the record must not be decided now.
    pub fn look<B: Broker>(&self, broker: &B) -> Result<(), Fault> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let first = asked.is_none();
        if asked.is_some_and(|asked| broker.now() < asked + ASK_EVERY) || self.grown().is_some() {
            return Ok(());
        }
        self.note(broker.input_partitions()?);
        if first && self.grown().is_none() {
            broker.wait(ASK_AGAIN_AFTER);
            self.note(broker.input_partitions()?);
            if self.grown().is_none() {
                log::warn!(
                    "records come whose keys do not belong on their partition: their senders divide keys up by \
                     something else than murmur2, or have not learnt of new partitions yet"
                );
            }
        }
        *asked = Some(broker.now());
        Ok(())
    }

    fn note(&self, now: u32) {
        let before = self.partitions;
        if now <= before {
            return;
        }
        let said = self.grown.set(format!(
            "the inputs had {before} partitions when this process started and have {now} now: keys have moved away \
             from the state of their accounts, so nothing is decided any more: stop the senders and every tillgate, \
             then `tillgate topics repartition --partitions {now}` (see \"More partitions\" in docs/operations.md)"
        ));
        if said.is_ok()
            && let Some(why) = self.grown()
        {
            log::error!("{why}");
        }
    }
}

/// Whether the journals were written for the `partitions` that the inputs have now, before a worker starts.
///
/// # Errors
/// The first journal that was not, with what to do; or the journals cannot be read.
pub fn verify<D: Deciders>(cluster: &Cluster, deciders: &D, partitions: u32) -> Result<(), Fault> {
    let records = again(cluster, VERIFY_FOR, || cluster.last_journal_records(partitions))?;
    for record in records.iter().flatten() {
        deciders.check_last(record).map_err(|why| Fault::new(Operation::Check, FaultClass::Setup, why))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_a_key_that_belongs_elsewhere_once_the_number_is_known() {
        let key = b"21".as_slice();
        let home = i32::try_from(partition_of(key, 4)).expect("a partition");
        assert!(Layout::new(4).is_home(home, Some(key)));
        assert!(!Layout::new(4).is_home((home + 1) % 4, Some(key)));
        assert!(Layout::new(4).is_home(3, None) && Layout::new(4).is_home(3, Some(b"")));
        assert!(Layout::new(0).is_home(99, Some(key)));
    }

    #[test]
    fn names_both_numbers_and_the_way_out_and_keeps_to_them() {
        let layout = Layout::new(4);
        layout.note(4);
        assert_eq!(layout.grown(), None);
        layout.note(6);
        layout.note(8);
        let why = layout.grown().expect("it has grown");
        for part in ["had 4 partitions", "have 6 now", "tillgate topics repartition --partitions 6"] {
            assert!(why.contains(part), "{why}");
        }
    }
}
