//! Records that stood on another partition than their keys belong to: counted, and told to whoever runs the process, with
//! the mend. Never says what they are answered, nor anything of a record but where it stands.

use super::health::Health;
use crate::domain::flow::{Flow, Unit};
use crate::pipeline::{Misplaced, mend};
use crate::telemetry;
use std::collections::BTreeMap;
use std::time::Duration;

/// How often the log is told of one unit.
const LOG_EVERY: Duration = Duration::from_secs(60);

/// Such records of one unit.
#[derive(Debug)]
pub struct Astray {
    flow: &'static Flow,
    /// By input.
    records: Vec<u64>,
    /// How many of them the other known partitioner would put where they stand.
    fits_other: u64,
    /// The last of them: its input and offset, and where it belongs.
    last: Option<(usize, i64, Misplaced)>,
}

impl Astray {
    /// None of a unit of this flow.
    pub fn of(flow: &'static Flow) -> Self {
        Self { flow, records: vec![0; flow.inputs.len()], fits_other: 0, last: None }
    }

    /// One more.
    pub fn add(&mut self, input: usize, offset: i64, misplaced: &Misplaced) {
        self.records[input] += 1;
        self.fits_other += u64::from(misplaced.fits_other);
        self.last = Some((input, offset, *misplaced));
    }

    /// Takes over what a batch had, once it is committed.
    pub fn take(&mut self, batch: &mut Self) {
        for (input, name) in self.flow.inputs.iter().enumerate() {
            let count = std::mem::take(&mut batch.records[input]);
            self.records[input] += count;
            telemetry::misplaced_records(name, count);
        }
        self.fits_other += std::mem::take(&mut batch.fits_other);
        self.last = batch.last.take().or(self.last);
    }

    /// What an operator should know of it; none where there was none.
    pub fn warning(&self) -> Option<String> {
        let (input, offset, Misplaced { stands_on, belongs_on, partitioner, .. }) = self.last?;
        let by_other = self.fits_other * 2 > self.records.iter().sum();
        let counts = self.flow.inputs.iter().zip(&self.records);
        let counts: Vec<String> = counts.map(|(name, count)| format!("{count} of {name}")).collect();
        Some(format!(
            "{} partition {stands_on}: records stood here since its restore ({}) whose keys belong elsewhere, and were \
             not decided; the last one, {} offset {offset}, belongs on partition {belongs_on} by \
             topics.partitioner = \"{}\": {}",
            self.flow.name,
            counts.join(", "),
            self.flow.inputs[input],
            partitioner.name(),
            mend(partitioner, by_other)
        ))
    }
}

/// Tells what units should be warned of: the health pages all the time, the log once a minute and unit.
#[derive(Debug, Default)]
pub struct Warnings {
    /// What the log was told last of each unit, and when.
    told: BTreeMap<Unit, (Duration, Vec<String>)>,
}

impl Warnings {
    /// `found`: all warnings of a worker's units.
    pub fn tell(
        &mut self,
        worker: usize,
        now: Duration,
        found: BTreeMap<Unit, Vec<String>>,
        health: &Health,
    ) {
        self.told.retain(|unit, _| found.contains_key(unit));
        for (unit, warnings) in &found {
            let told = self.told.get(unit);
            if told.is_none_or(|(at, told)| told != warnings && now >= *at + LOG_EVERY) {
                warnings.iter().for_each(|warning| log::warn!("{warning}"));
                self.told.insert(*unit, (now, warnings.clone()));
            }
        }
        health.warn(worker, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::PartitionId;
    use crate::domain::flow::TWO as FLOW;
    use crate::domain::partitioner::Partitioner;

    fn misplaced(fits_other: bool) -> Misplaced {
        Misplaced { stands_on: 3.into(), belongs_on: 5.into(), partitioner: Partitioner::Murmur2, fits_other }
    }

    #[test]
    fn counts_only_what_is_committed_and_names_both_partitions_and_the_mend() {
        let (mut astray, mut batch) = (Astray::of(&FLOW), Astray::of(&FLOW));
        assert_eq!(astray.warning(), None);
        batch.add(0, 8, &misplaced(true));
        batch.add(1, 2, &misplaced(true));
        batch.add(0, 9, &misplaced(false));
        assert_eq!(astray.warning(), None, "nothing is committed yet");
        astray.take(&mut batch);
        astray.take(&mut batch);
        let warning = astray.warning().expect("a warning");
        for part in [
            "two partition 3: records stood here since its restore (2 of events, 1 of rules)",
            "events offset 9, belongs on partition 5 by topics.partitioner = \"murmur2\"",
            "crc32 (librdkafka's default `consistent_random`)",
            "murmur2_random, or topics.partitioner = \"crc32\" on a fresh start",
        ] {
            assert!(warning.contains(part), "{warning}");
        }
    }

    #[test]
    fn says_nothing_of_crc32_where_most_fit_neither() {
        let mut astray = Astray::of(&FLOW);
        astray.add(0, 8, &misplaced(true));
        astray.add(0, 9, &misplaced(false));
        assert!(astray.warning().expect("a warning").contains("neither by murmur2 nor by crc32"));
    }

    #[test]
    fn the_pages_know_all_of_it_and_the_log_is_told_again_after_a_minute() {
        let (mut warnings, health) = (Warnings::default(), Health::new(1));
        let unit = Unit { flow: &FLOW, partition: PartitionId::new(3) };
        let found = |text: &str| BTreeMap::from([(unit, vec![text.to_owned()])]);
        let at = |seconds| Duration::from_secs(seconds);
        warnings.tell(0, at(1), found("one"), &health);
        warnings.tell(0, at(2), found("two"), &health);
        assert_eq!(warnings.told[&unit], (at(1), vec!["one".to_owned()]));
        assert_eq!(health.warnings(), ["two"]);
        warnings.tell(0, at(61), found("three"), &health);
        assert_eq!(warnings.told[&unit], (at(61), vec!["three".to_owned()]));
        warnings.tell(0, at(62), BTreeMap::new(), &health);
        assert!(health.warnings().is_empty() && warnings.told.is_empty());
    }
}
