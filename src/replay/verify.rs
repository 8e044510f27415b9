//! `tillgate replay --verify`: partitions decided again, several at a time, from their beginning or from a checkpoint of
//! their journals, and held against what was recorded.

use super::compare::read_up_to;
use super::inputs::{Inputs, Outcomes, array};
use super::letters::Letters;
use super::replies::{Asked, RecordedReplies, Replies};
use super::report::{PartitionReport, Report};
use super::rulebook::Rulebook;
use super::source::{Feed, Kept, Source};
use super::walk::{Ground, Walk, shown, starts_over};
use super::{ReplayError, stop};
use crate::codec::journal::read_record;
use crate::codec::recorded;
use crate::codec::rulesets::RulesetChange;
use crate::domain::PartitionId;
use crate::domain::flow::Positions;
use crate::engine::Engine;
use crate::pipeline::{self, Division, Model};
use crate::pos::{INPUTS, Input, OutcomeEncoding, Partition, PartitionOptions, Restore};
use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Times that a partition is opened at most whose journal is trimmed past its end before it is read.
const OPEN_TRIES: u32 = 10;

/// Where a verification begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum From {
    /// With the first record.
    Beginning,
    /// Where the oldest checkpoint rotation of the journal is complete whose inputs are still there.
    Checkpoint,
}

/// Opens an input from an offset on, by its place in the flow.
pub type OpenInput<'r> = Box<dyn Fn(usize, i64) -> Result<Box<dyn Source>, ReplayError> + 'r>;

/// What was recorded of one partition of a flow.
pub struct Recorded<'r> {
    /// Opens an input.
    pub input: OpenInput<'r>,
    /// Offsets from which the inputs are there: before them, records were deleted.
    pub starts: Vec<i64>,
    /// What was decided; they reach at least as far as the journal.
    pub outcomes: Box<dyn Source>,
    /// Outcomes below this offset belong to transactions that the journal has.
    pub settled: i64,
    /// Replies to those who asked, where they were recorded.
    pub replies: Option<RecordedReplies>,
    /// The journal, where it was recorded.
    pub journal: Option<Box<dyn Source>>,
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
    pub from: From,
    /// What all partitions share.
    pub ground: Ground<'a>,
    /// Rulesets and dead letters.
    pub beside: Beside<'a>,
    /// Opens what was recorded of a partition.
    pub open: &'a (dyn Fn(PartitionId) -> Result<Recorded<'a>, ReplayError> + Sync),
}

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

/// Opens what was recorded of a partition, and begins with it; anew where its journal was trimmed past its end meanwhile.
pub fn opened<T>(open: impl FnMut() -> Result<T, ReplayError>) -> Result<T, ReplayError> {
    let mut tries = std::iter::repeat_with(open).take(OPEN_TRIES as usize);
    let begun = tries.find(|begun| !matches!(begun, Err(ReplayError::Trimmed)));
    begun.unwrap_or(Err(ReplayError::Trimmed))
}

/// Verifies the partitions.
#[must_use]
pub fn verify(options: VerifyOptions<'_>) -> Report {
    let VerifyOptions { partitions, threads, from, ground, beside, open } = options;
    let beside = Mutex::new(beside);
    let beside = || beside.lock().unwrap_or_else(PoisonError::into_inner);
    let (next, reports) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let work = || {
        while let Some(&partition) = partitions.get(next.fetch_add(1, Ordering::Relaxed)) {
            let mut report = PartitionReport { partition, ..PartitionReport::default() };
            let run = || {
                let (mut walk, settled) = opened(|| {
                    let recorded = open(partition)?;
                    let rulebook = beside().read_on()?;
                    start(&ground, rulebook, partition, from, recorded)
                })?;
                walk.letters = beside().letters.take(partition, INPUTS);
                let result = walk.run(settled);
                report = walk.report;
                result
            };
            match catch_unwind(AssertUnwindSafe(run)) {
                Ok(Ok(())) => {}
                Ok(Err(error)) => report.stopped = Some(error.to_string()),
                Err(_panic) => {
                    report.stopped =
                        Some("a decision panicked: report it with what it said on standard error".to_owned())
                }
            }
            reports.lock().unwrap_or_else(PoisonError::into_inner).push(report);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, partitions.len().max(1)) {
            scope.spawn(work);
        }
    });
    let mut reports = reports.into_inner().unwrap_or_else(PoisonError::into_inner);
    reports.sort_by_key(|report| report.partition);
    let faults = std::mem::take(&mut beside().letters.faults);
    Report::of(reports, faults)
}

/// The journal while the beginning of a walk is looked for.
struct Beginning<'a> {
    rulebook: &'a Rulebook,
    partition: PartitionId,
    changes: &'a [RulesetChange],
    options: PartitionOptions,
    starts: [i64; INPUTS],
}

fn start<'a>(
    ground: &'a Ground<'a>,
    rulebook: Arc<Rulebook>,
    partition: PartitionId,
    from: From,
    recorded: Recorded<'_>,
) -> Result<(Walk<'a>, i64), ReplayError> {
    let Recorded { input, starts, outcomes, settled, replies, journal, group } = recorded;
    let outcomes = Feed::new(outcomes)?;
    let framing = outcomes.head().and_then(|head| recorded::framing(head.value()?));
    let encoding = match framing {
        None | Some([]) => OutcomeEncoding::Json,
        Some(framing) => OutcomeEncoding::Avro(framing.to_vec()),
    };
    let Division { partitioner, partitions } = ground.division;
    let options = PartitionOptions {
        topics: ground.topics.clone(),
        encoding,
        checkpoint_events_per_account: u32::MAX,
        rotation_events_min: u32::MAX,
        journal_record_bytes_max: usize::MAX,
        input_partitions: if journal.is_some() { 0 } else { partitions },
        partitioner,
        profiles: None,
        parties: None,
        table_seed: ground.table_seed,
    };
    let changes = rulebook.changes(partition);
    let beginning = Beginning {
        rulebook: &rulebook,
        partition,
        changes,
        options: options.clone(),
        starts: array(&starts),
    };
    let journal = journal.map(Feed::new).transpose()?;
    let (mut replayed, engine, journal, at_a_transaction) = match from {
        From::Beginning => beginning.of_everything(journal)?,
        From::Checkpoint => beginning.of_a_checkpoint(journal)?,
    };
    replayed.decide_by(Arc::clone(&engine));
    let positions = Input::offsets(replayed.positions());
    let mut outcomes = Outcomes::new(outcomes, partition, ground.topics.to_vec(), read_up_to);
    let before = |outcomes: &Outcomes| match outcomes.named() {
        Some(named) => named.offset < positions[named.input],
        // One that cannot be read is told only where it may belong to what is verified.
        None => positions != [0; INPUTS],
    };
    while from == From::Checkpoint && outcomes.head().is_some() && before(&outcomes) {
        outcomes.advance()?;
    }
    let account_events = Input::AccountEvents as usize;
    let records = ground.topics[account_events].clone();
    let asked = Asked { replies: ground.replies_topic.clone(), records, partition };
    let replies = Replies::new(asked, replies, positions[account_events])?;
    let report = PartitionReport { partition, from: positions, ..PartitionReport::default() };
    let inputs = Inputs::open(&input, &positions)?;
    let later = changes.iter().skip_while(|change| reached(change, positions));
    let changes = later.cloned().collect();
    let walk = Walk {
        ground,
        rulebook,
        partition,
        options,
        replayed,
        engine,
        changes,
        inputs,
        outcomes,
        letters: Default::default(),
        replies,
        journal,
        group,
        at_a_transaction,
        report,
        since: [0; 2],
    };
    Ok((walk, settled))
}

fn reached(change: &RulesetChange, positions: [i64; INPUTS]) -> bool {
    Input::offsets(&change.positions).iter().zip(positions).all(|(from, position)| *from <= position)
}

/// The engine of a ruleset, which decides from these positions on.
pub fn engine_from(
    rulebook: &Rulebook,
    ruleset: u128,
    positions: [i64; INPUTS],
) -> Result<Arc<Engine>, ReplayError> {
    rulebook.engine(ruleset).or_else(|why| {
        stop(format!("from positions {} on it cannot be decided again: {why}", shown(positions)))
    })
}

/// Folds a record of a journal.
pub fn fold<M: Model>(restore: &mut pipeline::Restore<M>, record: &Kept) -> Result<(), ReplayError> {
    let folded = restore.on_record(record.value().unwrap_or_default());
    folded.or_else(|fault| unfoldable(record, fault))
}

pub fn unfoldable<T>(record: &Kept, fault: impl Display) -> Result<T, ReplayError> {
    stop(format!("journal at offset {}: {fault}", record.offset))
}

/// State, engine, the journal with its fold, and whether a transaction ends there.
type Begun = (Partition, Arc<Engine>, Option<(Feed, Restore)>, bool);

impl Beginning<'_> {
    fn empty(&self, engine: &Arc<Engine>) -> Partition {
        Partition::new(Arc::clone(engine), self.partition, self.options.clone())
    }

    /// The engine that decided from `positions` on: that of the last change up to there, or the one that `known`.
    fn engine(&self, positions: [i64; INPUTS], known: Option<u128>) -> Result<Arc<Engine>, ReplayError> {
        let change = self.changes.iter().take_while(|change| reached(change, positions)).last();
        let Some(ruleset) = change.map(|change| change.ruleset).or(known) else {
            return stop(format!(
                "which ruleset decided it from positions {} on was not recorded: an older tillgate did; --from \
                 checkpoint begins later",
                shown(positions)
            ));
        };
        engine_from(self.rulebook, ruleset, positions)
    }

    /// The same; where nothing is decided, nothing needs the right one.
    fn engine_or_any(
        &self,
        positions: [i64; INPUTS],
        known: Option<u128>,
        nothing_decided: bool,
    ) -> Result<Arc<Engine>, ReplayError> {
        match self.engine(positions, known) {
            Err(_) if nothing_decided => self.any_engine(),
            found => found,
        }
    }

    fn of_everything(&self, journal: Option<Feed>) -> Result<Begun, ReplayError> {
        if self.starts != [0; INPUTS] {
            let later = match self.of_a_checkpoint(journal) {
                Ok((partition, ..)) => {
                    let positions = Input::offsets(partition.positions());
                    format!("--from checkpoint can verify from positions {} on", shown(positions))
                }
                Err(ReplayError::Trimmed) => return Err(ReplayError::Trimmed),
                Err(error) => error.to_string(),
            };
            return stop(format!(
                "its inputs begin at offsets {} (POS events, account events, ticks if any), what was before is deleted: {later}",
                shown(self.starts)
            ));
        }
        if journal.as_ref().is_some_and(Feed::lost_its_end) {
            return Err(ReplayError::Trimmed);
        }
        let first = journal.as_ref().and_then(Feed::head).and_then(|head| {
            let record = read_record(head.value().unwrap_or_default()).ok()?;
            Some(record.head)
        });
        if let Some(first) = first.as_ref().filter(|first| first.resets) {
            return Err(starts_over(first.sequence));
        }
        let whole = first.is_some_and(|first| first.sequence == 1);
        let nothing_decided = journal.as_ref().is_some_and(|journal| journal.head().is_none());
        let engine = self.engine_or_any([0; INPUTS], None, nothing_decided)?;
        let fold = Restore::new(self.empty(&engine));
        Ok((self.empty(&engine), Arc::clone(&engine), journal.map(|feed| (feed, fold)), whole))
    }

    fn of_a_checkpoint(&self, journal: Option<Feed>) -> Result<Begun, ReplayError> {
        let Some(mut feed) = journal else {
            return stop("there is no journal to begin from");
        };
        let any = self.any_engine()?;
        let [mut begin, mut whole] = [Restore::new(self.empty(&any)), Restore::new(self.empty(&any))];
        while let Some(record) = feed.head() {
            for restore in [&mut begin, &mut whole] {
                fold(restore, record)?;
            }
            if feed.advance_or_start_over()? {
                [begin, whole] = [Restore::new(self.empty(&any)), Restore::new(self.empty(&any))];
                continue;
            }
            let Some(head) = begin.last().filter(|_| begin.is_at_a_checkpoint()) else { continue };
            let positions = Input::offsets(&head.positions);
            if positions.iter().zip(self.starts).all(|(position, start)| *position >= start) {
                let ruleset = Some(head.ruleset).filter(|ruleset| *ruleset != 0);
                let engine = self.engine_or_any(positions, ruleset, feed.head().is_none())?;
                let replayed = begin.finish().or_else(|fault| stop(format!("the journal: {fault}")))?;
                return Ok((replayed, engine, Some((feed, whole)), true));
            }
        }
        if feed.started_over() {
            return Err(ReplayError::Trimmed);
        }
        stop(format!(
            "its journal has no complete checkpoint rotation that ends at or behind offsets {} (POS events, account \
             events), where the inputs begin",
            shown(self.starts)
        ))
    }

    /// An engine for a partition that decides nothing before it gets its own.
    fn any_engine(&self) -> Result<Arc<Engine>, ReplayError> {
        self.rulebook.any_engine().map_or_else(|| stop("there is no ruleset that can be read"), Ok)
    }
}
