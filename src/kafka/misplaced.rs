//! Records that stood on another partition than their keys belong to: counted, and told to whoever runs the process, with
//! the mend. Never says what they are answered, nor anything of a record but where it stands.

use std::{collections::BTreeMap, time::Duration};

use super::health::Health;
use crate::{
    pipeline::{Input, Misplaced, mend},
    telemetry,
};

/// How often the log is told of one partition.
const LOG_EVERY: Duration = Duration::from_secs(60);

/// Such records of one partition.
#[derive(Debug, Default)]
pub struct Astray {
    /// By input.
    records: [u64; 2],
    /// How many of them the other known partitioner would put where they stand.
    fits_other: u64,
    /// The last of them: its input and offset, and where it belongs.
    last: Option<(Input, i64, Misplaced)>,
}

impl Astray {
    /// One more.
    pub fn add(&mut self, input: Input, offset: i64, misplaced: &Misplaced) {
        self.records[input as usize] += 1;
        self.fits_other += u64::from(misplaced.fits_other);
        self.last = Some((input, offset, *misplaced));
    }

    /// Takes over what a batch had, once it is committed.
    pub fn take(&mut self, batch: &mut Self) {
        for input in Input::ALL {
            let count = std::mem::take(&mut batch.records[input as usize]);
            self.records[input as usize] += count;
            telemetry::misplaced_records(input.name(), count);
        }
        self.fits_other += std::mem::take(&mut batch.fits_other);
        self.last = batch.last.take().or(self.last);
    }

    /// What an operator should know of it; none where there was none.
    pub fn warning(&self) -> Option<String> {
        let (input, offset, Misplaced { stands_on, belongs_on, partitioner, .. }) = self.last?;
        let [pos_events, account_events] = self.records;
        let by_other = self.fits_other * 2 > pos_events + account_events;
        Some(format!(
            "partition {stands_on}: {pos_events} POS events and {account_events} account events stood here, since its \
             restore, whose keys belong elsewhere, and were not decided; the last one, {} offset {offset}, belongs on \
             partition {belongs_on} by topics.partitioner = \"{}\": {}",
            input.name(),
            partitioner.name(),
            mend(partitioner, by_other)
        ))
    }
}

/// Tells what partitions should be warned of: the health pages all the time, the log once a minute and partition.
#[derive(Debug, Default)]
pub struct Warnings {
    /// What the log was told last of each partition, and when.
    told: BTreeMap<i32, (Duration, Vec<String>)>,
}

impl Warnings {
    /// `found`: all warnings of a worker's partitions.
    pub fn tell(&mut self, worker: usize, now: Duration, found: BTreeMap<i32, Vec<String>>, health: &Health) {
        self.told.retain(|partition, _| found.contains_key(partition));
        for (partition, warnings) in &found {
            let told = self.told.get(partition);
            if told.is_none_or(|(at, told)| told != warnings && now >= *at + LOG_EVERY) {
                warnings.iter().for_each(|warning| log::warn!("{warning}"));
                self.told.insert(*partition, (now, warnings.clone()));
            }
        }
        health.warn(worker, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::partitioner::Partitioner;

    fn misplaced(fits_other: bool) -> Misplaced {
        Misplaced { stands_on: 3, belongs_on: 5, partitioner: Partitioner::Murmur2, fits_other }
    }

    #[test]
    fn counts_only_what_is_committed_and_names_both_partitions_and_the_mend() {
        let (mut astray, mut batch) = (Astray::default(), Astray::default());
        assert_eq!(astray.warning(), None);
        batch.add(Input::PosEvents, 8, &misplaced(true));
        batch.add(Input::AccountEvents, 2, &misplaced(true));
        batch.add(Input::PosEvents, 9, &misplaced(false));
        assert_eq!(astray.warning(), None, "nothing is committed yet");
        astray.take(&mut batch);
        astray.take(&mut batch);
        let warning = astray.warning().expect("a warning");
        for part in [
            "partition 3: 2 POS events and 1 account events",
            "pos_events offset 9, belongs on partition 5 by topics.partitioner = \"murmur2\"",
            "crc32 (librdkafka's default `consistent_random`)",
            "murmur2_random, or topics.partitioner = \"crc32\" on a fresh start",
        ] {
            assert!(warning.contains(part), "{warning}");
        }
    }

    #[test]
    fn says_nothing_of_crc32_where_most_fit_neither() {
        let mut astray = Astray::default();
        astray.add(Input::PosEvents, 8, &misplaced(true));
        astray.add(Input::PosEvents, 9, &misplaced(false));
        assert!(astray.warning().expect("a warning").contains("neither by murmur2 nor by crc32"));
    }

    #[test]
    fn the_pages_know_all_of_it_and_the_log_is_told_again_after_a_minute() {
        let (mut warnings, health) = (Warnings::default(), Health::new(1));
        let found = |text: &str| BTreeMap::from([(3, vec![text.to_owned()])]);
        let at = |seconds| Duration::from_secs(seconds);
        warnings.tell(0, at(1), found("one"), &health);
        warnings.tell(0, at(2), found("two"), &health);
        assert_eq!(warnings.told[&3], (at(1), vec!["one".to_owned()]));
        assert_eq!(health.warnings(), ["two"]);
        warnings.tell(0, at(61), found("three"), &health);
        assert_eq!(warnings.told[&3], (at(61), vec!["three".to_owned()]));
        warnings.tell(0, at(62), BTreeMap::new(), &health);
        assert!(health.warnings().is_empty() && warnings.told.is_empty());
    }
}
