//! One partition decided again. The order of its inputs is that of the recorded positions: each outcome says how far
//! the others were, each journal record how far all were, and each change of the ruleset too. Between two such places
//! they are merged by their times, as a batch is.

use super::compare::{Around, Compare, Told, UNEXPECTED};
use super::inputs::{Inputs, Named, Outcomes, array};
use super::letters::{Letter, LettersOf};
use super::replies::Replies;
use super::report::PartitionReport;
use super::rulebook::Rulebook;
use super::source::Feed;
use super::state::compare_states;
use super::verify::{engine_from, fold};
use super::workers::{KEEP_EVERY, once_known};
use super::{ReplayError, stop};
use crate::codec::Schemas;
use crate::codec::journal::Head;
use crate::codec::rulesets::{RulesetChange, hash_text};
use crate::domain::PartitionId;
use crate::domain::flow::Positions;
use crate::domain::hashing::Seed;
use crate::domain::promise::Promise;
use crate::engine::Engine;
use crate::pipeline::Division;
use crate::pos::{FLOW, INPUTS, Input, Outside, Partition, PartitionOptions, Restore};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a walk needs to know, the same for all partitions.
pub struct Ground<'a> {
    /// Topics of the inputs.
    pub topics: [String; INPUTS],
    /// Topic of the outcomes.
    pub outcomes_topic: String,
    /// Topic of the dead letters.
    pub letters_topic: String,
    /// Topic of the replies to account events.
    pub replies_topic: String,
    /// The schemas of the inputs.
    pub schemas: &'a (dyn Schemas + Sync),
    /// Counts the records that are done.
    pub progress: &'a AtomicU64,
    /// By what keys belonged on partitions where there is no journal, which says it.
    pub division: Division,
    /// For account tables.
    pub table_seed: Seed,
}

/// One partition on its way.
pub struct Walk<'a> {
    /// What all share.
    pub ground: &'a Ground<'a>,
    /// The rulesets.
    pub rulebook: Arc<Rulebook>,
    /// Its number.
    pub partition: PartitionId,
    /// How partitions are made.
    pub options: PartitionOptions,
    /// Decides again.
    pub replayed: Partition,
    /// The engine that decides now.
    pub engine: Arc<Engine>,
    /// Changes of the ruleset that are yet to come.
    pub changes: VecDeque<RulesetChange>,
    /// The inputs.
    pub inputs: Inputs,
    /// The recorded outcomes.
    pub outcomes: Outcomes,
    /// The recorded dead letters.
    pub letters: LettersOf,
    /// The recorded replies to account events.
    pub replies: Replies,
    /// The journal, and its fold so far; none where it was not recorded.
    pub journal: Option<(Feed, Restore)>,
    /// Positions that the group had committed before and after the journal's end was looked at.
    pub group: Option<[Positions; 2]>,
    /// Whether a transaction of the journal ends where the walk begins.
    pub at_a_transaction: bool,
    /// What is found.
    pub report: PartitionReport,
    /// Records and recorded outcomes since the last transaction.
    pub since: [u64; 2],
}

impl Walk<'_> {
    /// Next offsets as of the replay.
    fn positions(&self) -> [i64; INPUTS] {
        array(self.inputs.positions())
    }

    /// Walks to the end of the journal, or of the inputs where there is none. Outcomes below `settled` must then all
    /// have been met.
    ///
    /// # Errors
    /// Why it cannot go on; the report says what was found until then.
    pub fn run(&mut self, settled: i64) -> Result<(), ReplayError> {
        if self.journal.is_none() {
            self.walk_to([i64::MAX; INPUTS])?;
        }
        while let Some(head) = self.next_transaction()? {
            self.transaction(&head)?;
        }
        if self.journal.as_ref().is_some_and(|(feed, _)| feed.lost_its_end()) {
            self.walk_on_to_the_group()?;
        }
        self.report.to = self.positions();
        self.compare_group();
        self.leftovers(settled)?;
        if let Some((feed, fold)) = self.journal.take() {
            let whole = fold.last().is_some();
            match fold.finish() {
                Ok(journal) if whole || !feed.started_over() => {
                    compare_states(&self.replayed, &journal, &mut self.report)
                }
                Err(fault) if !feed.started_over() => {
                    self.report.problem(Promise::Journal, format!("the journal: {fault}"));
                }
                _ => {
                    let note = "the journal was trimmed meanwhile: the state at the end was not compared";
                    self.report.notes.push(note.to_owned());
                }
            }
        }
        Ok(())
    }

    /// Where the journal was trimmed past its end as it was seen, what the group had committed by then says how far it went.
    fn walk_on_to_the_group(&mut self) -> Result<(), ReplayError> {
        let from = self.positions();
        let Some([before, _]) = self.group.take().filter(|[before, _]| !before.are_none()) else {
            return stop(format!(
                "from positions {} on its journal was trimmed before it was read, and the group has no positions that say \
                 how far it went: verify again",
                shown(from)
            ));
        };
        let mut target = Input::offsets(&before);
        target.iter_mut().zip(from).for_each(|(target, from)| *target = from.max(*target));
        self.walk_all_to(target, || "what the group has committed".to_owned())?;
        self.report.notes.push(format!(
            "from positions {} on the journal was trimmed before it was read: where transactions ended was not compared",
            shown(from)
        ));
        Ok(())
    }

    /// The group's positions move in the same transactions as the journal's.
    fn compare_group(&mut self) {
        let (Some(group), Some(_)) = (&self.group, &self.journal) else { return };
        let [before, after] = group.each_ref().map(Input::offsets);
        let end = self.positions();
        // A group that was deleted, or has run out, says nothing.
        let known = !group[1].are_none();
        if known && (0..INPUTS).any(|input| before[input] > end[input] || end[input] > after[input]) {
            self.report.problem(
                Promise::Positions,
                format!(
                    "torn: the journal ends at positions {}, the group's are {}",
                    shown(end),
                    shown(after)
                ),
            );
        }
    }

    /// Folds the journal's next transaction; none at its end.
    fn next_transaction(&mut self) -> Result<Option<Head>, ReplayError> {
        let Some((feed, restore)) = &mut self.journal else { return Ok(None) };
        while let Some(record) = feed.head() {
            fold(restore, record)?;
            if feed.advance_or_start_over()? {
                // The state that is replayed is not the fold's: it goes on, and the fold is whole again after a rotation.
                *restore = Restore::new(Partition::new(
                    Arc::clone(&self.engine),
                    self.partition,
                    self.options.clone(),
                ));
                self.at_a_transaction = false;
                continue;
            }
            if let Some(head) = restore.last().filter(|head| head.part + 1 == head.parts) {
                return Ok(Some(head.clone()));
            }
        }
        Ok(None)
    }

    fn transaction(&mut self, head: &Head) -> Result<(), ReplayError> {
        let sequence = head.sequence;
        if head.resets {
            return Err(starts_over(sequence));
        }
        let target = Input::offsets(&head.positions);
        if (0..INPUTS).all(|input| target[input] <= self.positions()[input]) {
            // The journal was started over, further back than the walk is.
            self.at_a_transaction = target == self.positions();
            self.since = [0; 2];
            return Ok(());
        }
        self.replayed.divide_by(Division::of(head));
        if self.at_a_transaction {
            self.decide_as_the_journal_says(head)?;
        }
        self.walk_all_to(target, || format!("transaction {sequence} of the journal"))?;
        let [records, outcomes] = std::mem::take(&mut self.since);
        if std::mem::replace(&mut self.at_a_transaction, true) {
            self.report.transactions += 1;
            if (records, outcomes) != (head.consumed, head.outcomes) {
                self.report.torn += 1;
                self.report.problem(Promise::Positions, format!(
                    "transaction {sequence} up to positions {} is torn: the journal has {} records and {} outcomes, \
                     the topics have {records} and {outcomes}",
                    shown(target),
                    head.consumed,
                    head.outcomes
                ));
            }
        }
        self.replayed.committed();
        Ok(())
    }

    /// Decides everything up to `target`, each part by its ruleset.
    fn walk_to(&mut self, target: [i64; INPUTS]) -> Result<(), ReplayError> {
        while let Some(change) = self.changes.front() {
            let (from, ruleset) = (Input::offsets(&change.positions), change.ruleset);
            // One that stands at the target itself is of what comes after.
            if (0..INPUTS).any(|input| from[input] > target[input]) || from == target {
                break;
            }
            self.advance_to(from)?;
            self.changes.pop_front();
            self.decide_by(ruleset)?;
        }
        self.advance_to(target)
    }

    /// The same; the inputs have to reach as far as `what` says.
    fn walk_all_to(
        &mut self,
        target: [i64; INPUTS],
        what: impl FnOnce() -> String,
    ) -> Result<(), ReplayError> {
        self.walk_to(target)?;
        if self.positions() == target {
            return Ok(());
        }
        let (what, end, reached) = (what(), shown(target), shown(self.positions()));
        stop(format!("{what} ends at positions {end}, and the inputs can be read up to {reached} only"))
    }

    fn decide_by(&mut self, ruleset: u128) -> Result<(), ReplayError> {
        self.engine = engine_from(&self.rulebook, ruleset, self.positions())?;
        self.replayed.decide_by(Arc::clone(&self.engine));
        Ok(())
    }

    /// Decides by the ruleset that the journal names for the transaction that begins here, and says where the rulesets
    /// topic names another.
    fn decide_as_the_journal_says(&mut self, head: &Head) -> Result<(), ReplayError> {
        let here = self.positions();
        while let Some(change) = self.changes.front() {
            let ruleset = change.ruleset;
            if Input::offsets(&change.positions).iter().zip(here).any(|(from, position)| *from > position) {
                break;
            }
            self.changes.pop_front();
            self.decide_by(ruleset)?;
        }
        if head.ruleset == 0 || head.ruleset == self.engine.ruleset_hash() {
            return Ok(());
        }
        if !self.rulebook.changes(self.partition).is_empty() {
            self.report.problem(Promise::SameBytes, format!(
                "transaction {} from positions {} on: the journal says it was decided by ruleset {}, the rulesets \
                 topic says by {}",
                head.sequence,
                shown(here),
                hash_text(head.ruleset),
                self.engine.ruleset()
            ));
        }
        self.decide_by(head.ruleset)
    }

    fn advance_to(&mut self, target: [i64; INPUTS]) -> Result<(), ReplayError> {
        while self.outcomes.head().is_some() {
            match self.outcomes.named().cloned() {
                Some(named) if named.offset >= target[named.input] => break,
                Some(named) => self.decide_named(named, target)?,
                // It cannot be read: taken for that of the next POS event.
                None => {
                    if !self.decide_next(Input::PosEvents as usize, target)? {
                        break;
                    }
                }
            }
        }
        // What led to no outcome.
        self.decide_until(&target)
    }

    /// Decides what stands before `target`, merged by time.
    fn decide_until(&mut self, target: &[i64]) -> Result<(), ReplayError> {
        while let Some(input) = self.inputs.first_before(target) {
            self.decide_next(input, [i64::MAX; INPUTS])?;
        }
        Ok(())
    }

    /// Decides the record that the next outcome is of, and before it whatever came before it.
    fn decide_named(&mut self, named: Named, target: [i64; INPUTS]) -> Result<(), ReplayError> {
        let own = named.input;
        if named.offset < self.inputs.positions()[own] {
            return self.pass_unexpected(&named, UNEXPECTED);
        }
        let mut before = named.before.clone();
        before.iter_mut().zip(target).for_each(|(before, target)| *before = target.min(*before));
        before[own] = named.offset;
        self.decide_until(&before)?;
        let head = self.inputs.head(own).map(|head| head.offset);
        if head != Some(named.offset) {
            return self
                .pass_unexpected(&named, "an outcome was recorded, and the input it is of is not there");
        }
        self.decide_next(own, target)?;
        Ok(())
    }

    fn pass_unexpected(&mut self, named: &Named, what: &str) -> Result<(), ReplayError> {
        let at = self.outcomes.head().map(|head| head.offset);
        let around =
            Around { ground: self.ground, partition: self.partition, ruleset: self.engine.ruleset() };
        let at = at.map(|offset| around.outcome(offset));
        let input = Some(around.input(named.input, named.offset));
        self.report.of_outcomes(around.ruleset).unexpected(what, at, input);
        self.since[1] += 1;
        self.outcomes.advance()
    }

    /// Decides the next record of an input, if it stands before `target`; false where it does not, or there is none.
    fn decide_next(&mut self, input: usize, target: [i64; INPUTS]) -> Result<bool, ReplayError> {
        let reached = self.positions();
        let Some(head) = self.inputs.head(input).filter(|head| head.offset < target[input]) else {
            return Ok(false);
        };
        let record = head.taken(&FLOW, input, self.partition);
        let letter = self.letters.take(input, head.offset);
        let failed = letter.as_ref().is_some_and(Letter::is_of_a_failure);
        let no_schema = letter.as_ref().and_then(|letter| letter.no_schema(head));
        let schemas: &dyn Schemas = no_schema.as_ref().map_or(self.ground.schemas, |none| none);
        let outcomes = RefCell::new(&mut self.outcomes);
        let told = Told { outcomes: &outcomes, of: (input, head.offset) };
        let outside = Outside { schemas, profiles: Some(&told) };
        let mut compare = Compare {
            around: Around { ground: self.ground, partition: self.partition, ruleset: self.engine.ruleset() },
            record: head,
            input,
            outcomes: &outcomes,
            letter,
            letters: &mut self.letters,
            replies: &mut self.replies,
            reply: None,
            report: &mut self.report,
            reached,
            late: Vec::new(),
            passed: 0,
        };
        if failed {
            self.replayed.on_failed_record(&record, &mut compare);
        } else {
            let decide = || self.replayed.on_record(outside, &record, &mut compare);
            once_known(record.offset, decide).or_else(stop)?;
        }
        self.since[1] += compare.finish()?;
        self.since[0] += 1;
        self.report.records += 1;
        if self.report.records.is_multiple_of(KEEP_EVERY) {
            self.replayed.committed();
            self.ground.progress.fetch_add(KEEP_EVERY, Ordering::Relaxed);
        }
        self.inputs.pass(input)?;
        Ok(true)
    }

    /// Outcomes and replies behind the end: those below `settled` were visible before the journal was looked at, so they should
    /// have come with a journal record. Dead letters of records that were passed over.
    fn leftovers(&mut self, settled: i64) -> Result<(), ReplayError> {
        while let Some(head) = self.outcomes.head().filter(|head| head.offset < settled) {
            let around =
                Around { ground: self.ground, partition: self.partition, ruleset: self.engine.ruleset() };
            let what = "an outcome was recorded, and the journal has no transaction that it belongs to";
            let input = self.outcomes.named().map(|named| around.input(named.input, named.offset));
            let at = Some(around.outcome(head.offset));
            self.report.of_outcomes(around.ruleset).unexpected(what, at, input);
            self.outcomes.advance()?;
        }
        while self.outcomes.head().is_some() {
            self.report.beyond += 1;
            self.outcomes.advance()?;
        }
        let ruleset = self.engine.ruleset();
        let (ground, positions) = (self.ground, self.positions());
        let mut findings = self.report.of_replies(ruleset);
        let note = self.replies.finish(positions[Input::AccountEvents as usize], &mut findings)?;
        self.report.notes.extend(note);
        (self.report.replies_gone, self.report.replies_beyond) = (self.replies.gone, self.replies.beyond);
        let from = self.report.from;
        let topics = (&*ground.letters_topic, &ground.topics[..]);
        let mut findings = self.report.of_letters(ruleset);
        let note = self.letters.finish((&from, &positions), self.partition, topics, &mut findings);
        self.report.notes.extend(note);
        self.report.dead_letters_gone = self.letters.gone;
        Ok(())
    }
}

/// What came before a reset of the state cannot lead to what came after it.
pub fn starts_over(sequence: u64) -> ReplayError {
    ReplayError::Recorded(format!(
        "its state starts over with transaction {sequence} of the journal (topics repartition): what comes after can be \
         verified once a checkpoint rotation is complete, with --from checkpoint"
    ))
}

/// Positions as people read them.
pub fn shown([pos, account, ticks]: [i64; INPUTS]) -> String {
    // Where there are no ticks they are not worth a number.
    let ticks = if ticks == 0 { String::new() } else { format!(" / {ticks}") };
    format!("{pos} / {account}{ticks}")
}
