//! Where the walk of a partition of POS events begins, with which state, and by which ruleset: that which decided, never another.

use super::course::{Course, Ground};
use super::journal::JournalWalk;
use super::rulebook::Rulebook;
use super::source::Feed;
use super::verify::{Recorded, ReplayFrom};
use super::walk::{Walk, array, engine_from, positions_text, reached, starts_over};
use super::{ReplayError, stop};
use crate::codec::journal::read_record;
use crate::codec::recorded;
use crate::codec::rulesets::RulesetChange;
use crate::domain::PartitionId;
use crate::engine::Engine;
use crate::pipeline::Division;
use crate::pos::{INPUTS, Input, OutcomeEncoding, Partition, PartitionOptions, Pos};
use std::sync::Arc;

/// Begins with a partition.
///
/// # Errors
/// It cannot be decided again from there.
pub fn begin<'a>(
    ground: &'a Ground<'a>,
    rulebook: Arc<Rulebook>,
    partition: PartitionId,
    from: ReplayFrom,
    recorded: Recorded<'_>,
) -> Result<Walk<'a>, ReplayError> {
    let Recorded { input, starts, outcomes, settled, replies, journal, group } = recorded;
    let outcomes = Feed::new(outcomes)?;
    let framing = outcomes.head().and_then(|head| recorded::framing(head.value()?));
    let encoding = match framing {
        None | Some([]) => OutcomeEncoding::Json,
        Some(framing) => OutcomeEncoding::Avro(framing.to_vec()),
    };
    let division = match journal {
        // It says itself how keys were divided up.
        Some(_) => Division { partitions: 0, ..ground.division },
        None => ground.division,
    };
    let topics = Input::ALL.map(|input| ground.topics.inputs[input as usize].clone());
    let options = PartitionOptions::unjournalled(topics, encoding, division, ground.table_seed);
    let changes = rulebook.changes(partition);
    let beginning = Beginning { rulebook: &rulebook, partition, changes, options, starts: array(&starts) };
    let journal = journal.map(Feed::new).transpose()?;
    let Begun { mut replayed, engine, journal, at_a_transaction } = match from {
        ReplayFrom::Beginning => beginning.of_everything(journal)?,
        ReplayFrom::Checkpoint => beginning.of_a_checkpoint(journal)?,
    };
    replayed.decide_by(Arc::clone(&engine));
    let positions = Input::offsets(replayed.positions());
    let changes = changes.iter().skip_while(|change| reached(change, positions)).cloned().collect();
    let ruleset = engine.ruleset().to_owned();
    let course = Course::begin(ground, (partition, replayed), ruleset, (&input, outcomes, replies))?;
    Ok(Walk { course, rulebook, engine, changes, journal, group, at_a_transaction, settled })
}

/// The journal while the beginning of a walk is looked for.
struct Beginning<'a> {
    rulebook: &'a Rulebook,
    partition: PartitionId,
    changes: &'a [RulesetChange],
    options: PartitionOptions,
    starts: [i64; INPUTS],
}

/// Where a walk begins.
struct Begun {
    replayed: Partition,
    engine: Arc<Engine>,
    journal: Option<JournalWalk<'static, Pos>>,
    /// Whether a transaction of the journal ends there.
    at_a_transaction: bool,
}

impl Beginning<'_> {
    /// A partition that has nothing in it.
    fn empty(&self, engine: &Arc<Engine>) -> impl Fn() -> Partition + 'static {
        let (engine, partition, options) = (Arc::clone(engine), self.partition, self.options.clone());
        move || Partition::new(Arc::clone(&engine), partition, options.clone())
    }

    /// The engine that decided from `positions` on: that of the last change up to there, or the one that `known`.
    fn engine(&self, positions: [i64; INPUTS], known: Option<u128>) -> Result<Arc<Engine>, ReplayError> {
        let change = self.changes.iter().take_while(|change| reached(change, positions)).last();
        let Some(ruleset) = change.map(|change| change.ruleset).or(known) else {
            return stop(format!(
                "which ruleset decided it from positions {} on was not recorded: an older tillgate did; --from \
                 checkpoint begins later",
                positions_text(positions)
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
                Ok(Begun { replayed, .. }) => {
                    let positions = Input::offsets(replayed.positions());
                    format!("--from checkpoint can verify from positions {} on", positions_text(positions))
                }
                Err(ReplayError::Trimmed) => return Err(ReplayError::Trimmed),
                Err(error) => error.to_string(),
            };
            return stop(format!(
                "its inputs begin at offsets {} (POS events, account events, ticks if any), what was before is deleted: {later}",
                positions_text(self.starts)
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
        let empty = self.empty(&engine);
        let replayed = empty();
        let journal = journal.map(|feed| JournalWalk::of(feed, empty));
        Ok(Begun { replayed, engine, journal, at_a_transaction: whole })
    }

    fn of_a_checkpoint(&self, journal: Option<Feed>) -> Result<Begun, ReplayError> {
        let Some(feed) = journal else {
            return stop("there is no journal to begin from");
        };
        let mut journal = JournalWalk::of(feed, self.empty(&self.any_engine()?));
        let Some((replayed, head)) = journal.fold_to_checkpoint(&self.starts)? else {
            if journal.started_over() {
                return Err(ReplayError::Trimmed);
            }
            return stop(format!(
                "its journal has no complete checkpoint rotation that ends at or behind offsets {} (POS events, account \
                 events), where the inputs begin",
                positions_text(self.starts)
            ));
        };
        let positions = Input::offsets(&head.positions);
        let ruleset = Some(head.ruleset).filter(|ruleset| *ruleset != 0);
        let engine = self.engine_or_any(positions, ruleset, journal.is_at_its_end())?;
        Ok(Begun { replayed, engine, journal: Some(journal), at_a_transaction: true })
    }

    /// An engine for a partition that decides nothing before it gets its own.
    fn any_engine(&self) -> Result<Arc<Engine>, ReplayError> {
        self.rulebook.any_engine().map_or_else(|| stop("there is no ruleset that can be read"), Ok)
    }
}
