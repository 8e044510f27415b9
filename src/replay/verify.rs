//! `tillgate replay --verify`: partitions decided again, several at a time, from their beginning or from a checkpoint of
//! their journals, and held against what was recorded. Which flow they are of, others know.

use super::begin::begin;
use super::contact;
use super::course::Ground;
use super::letters::{Letters, LettersOf};
use super::replies::RecordedReplies;
use super::report::{PartitionReport, Report};
use super::rulebook::Rulebook;
use super::source::RecordSource;
use super::{ContactReport, ReplayError};
use crate::domain::PartitionId;
use crate::domain::flow::Positions;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Times that a partition is opened at most whose journal is trimmed past its end before it is read.
const OPEN_TRIES: u32 = 10;

/// Where a replay begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ReplayFrom {
    /// With the first record
    Beginning,
    /// Where the journal's oldest complete checkpoint rotation ends
    Checkpoint,
}

/// Opens an input from an offset on, by its place in the flow.
pub type OpenInput<'r> = Box<dyn Fn(usize, i64) -> Result<Box<dyn RecordSource>, ReplayError> + 'r>;

/// What was recorded of one partition of a flow.
pub struct Recorded<'r> {
    /// Opens an input.
    pub input: OpenInput<'r>,
    /// Offsets from which the inputs are there: before them, records were deleted.
    pub starts: Vec<i64>,
    /// What was decided; they reach at least as far as the journal.
    pub outcomes: Box<dyn RecordSource>,
    /// Outcomes below this offset belong to transactions that the journal has.
    pub settled: i64,
    /// Replies to those who asked, where they were recorded.
    pub replies: Option<RecordedReplies>,
    /// The journal, where it was recorded.
    pub journal: Option<Box<dyn RecordSource>>,
    /// Positions that the group had committed before and after the journal's end was looked at, where they are known.
    pub group: Option<[Positions; 2]>,
}

/// How to verify.
pub struct VerifyOptions<'a> {
    /// The partitions.
    pub partitions: Vec<PartitionId>,
    /// How many of them at a time.
    pub threads: usize,
    /// Where to begin.
    pub from: ReplayFrom,
    /// What all partitions share.
    pub ground: Ground<'a>,
    /// Rulesets and dead letters.
    pub beside: Mutex<Beside<'a>>,
    /// Opens what was recorded of a partition.
    pub open: Box<OpenRecorded<'a>>,
}

/// Opens what was recorded of a partition.
pub type OpenRecorded<'a> = dyn Fn(PartitionId) -> Result<Recorded<'a>, ReplayError> + Sync + 'a;

/// What stands in topics of an order of its own. It is read on once a partition is opened: what the journal has is then among
/// it, while processes go on.
pub struct Beside<'a> {
    /// The rulesets.
    pub rulebook: Arc<Rulebook>,
    /// The dead letters.
    pub letters: Letters,
    /// Adds what has come since it was called before.
    pub read_on: Box<ReadOn<'a>>,
}

/// Reads on in topics of rulesets and dead letters.
pub type ReadOn<'a> = dyn FnMut(&mut Rulebook, &mut Letters) -> Result<(), ReplayError> + Send + 'a;

impl Beside<'_> {
    /// Reads on, and gives the rulesets.
    ///
    /// # Errors
    /// What cannot be read.
    pub fn read_on(&mut self) -> Result<Arc<Rulebook>, ReplayError> {
        (self.read_on)(Arc::make_mut(&mut self.rulebook), &mut self.letters)?;
        Ok(Arc::clone(&self.rulebook))
    }
}

/// A partition on its way.
pub trait OnItsWay {
    /// Decides it again to the end; the report says what was found until then.
    ///
    /// # Errors
    /// Why it cannot go on.
    fn run(&mut self, letters: LettersOf) -> Result<(), ReplayError>;

    /// What was found.
    fn report(self) -> PartitionReport;
}

/// Verifies partitions of POS events.
#[must_use]
pub fn verify(options: &VerifyOptions<'_>) -> Report {
    let VerifyOptions { ground, from, .. } = options;
    let (reports, faults) = options.verify_each(|partition, rulebook, recorded| {
        begin(ground, rulebook, partition, *from, recorded).map(Some)
    });
    Report::of(reports, faults)
}

/// Verifies partitions of contact decisions.
#[must_use]
pub fn verify_contact(options: &VerifyOptions<'_>) -> ContactReport {
    let VerifyOptions { ground, from, .. } = options;
    let (reports, faults) = options.verify_each(|partition, rulebook, recorded| {
        contact::begin(ground, rulebook, partition, *from, recorded)
    });
    ContactReport::of(reports, faults)
}

impl<'a> VerifyOptions<'a> {
    fn beside(&self) -> MutexGuard<'_, Beside<'a>> {
        self.beside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens what was recorded of a partition, and begins with it; again where its journal was trimmed past its end meanwhile.
    fn opened<T>(
        &self,
        partition: PartitionId,
        begin: impl Fn(PartitionId, Arc<Rulebook>, Recorded<'a>) -> Result<T, ReplayError>,
    ) -> Result<T, ReplayError> {
        let mut tries = (0..OPEN_TRIES).map(|_| {
            let recorded = (self.open)(partition)?;
            let rulebook = self.beside().read_on()?;
            begin(partition, rulebook, recorded)
        });
        let begun = tries.find(|begun| !matches!(begun, Err(ReplayError::Trimmed)));
        begun.unwrap_or(Err(ReplayError::Trimmed))
    }

    /// Verifies each partition, where there is anything to verify; besides, what is wrong with the topic of dead letters.
    fn verify_each<W: OnItsWay>(
        &self,
        begin: impl Fn(PartitionId, Arc<Rulebook>, Recorded<'a>) -> Result<Option<W>, ReplayError> + Sync,
    ) -> (Vec<PartitionReport>, Vec<String>) {
        let (next, reports) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        let work = || {
            while let Some(&partition) = self.partitions.get(next.fetch_add(1, Ordering::Relaxed)) {
                let inputs = self.ground.topics.inputs.len();
                let mut report = PartitionReport::of(partition, inputs);
                let run = || {
                    let Some(mut way) = self.opened(partition, &begin)? else { return Ok(()) };
                    let letters = self.beside().letters.take(partition, inputs);
                    let result = way.run(letters);
                    report = way.report();
                    result
                };
                match catch_unwind(AssertUnwindSafe(run)) {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => report.stopped = Some(error.to_string()),
                    Err(_panic) => {
                        report.stopped = Some(
                            "a decision panicked: report it with what it said on standard error".to_owned(),
                        )
                    }
                }
                reports.lock().unwrap_or_else(PoisonError::into_inner).push(report);
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..self.threads.clamp(1, self.partitions.len().max(1)) {
                scope.spawn(work);
            }
        });
        let mut reports = reports.into_inner().unwrap_or_else(PoisonError::into_inner);
        reports.sort_by_key(|report| report.partition);
        (reports, std::mem::take(&mut self.beside().letters.faults))
    }
}
