//! One partition of POS events decided again, along its journal: each journal record says how far all inputs were, and each
//! change of the ruleset too. Between two such places they are merged as the outcomes say, and by their times.

use super::course::Course;
use super::journal::JournalWalk;
use super::letters::LettersOf;
use super::report::PartitionReport;
use super::rulebook::Rulebook;
use super::state::compare_states;
use super::verify::OnItsWay;
use super::{ReplayError, stop};
use crate::codec::journal::Head;
use crate::codec::rulesets::{RulesetChange, hash_text};
use crate::domain::flow::Positions;
use crate::domain::promise::Promise;
use crate::engine::Engine;
use crate::pipeline::Division;
use crate::pos::{INPUTS, Input, Pos};
use std::collections::VecDeque;
use std::sync::Arc;

/// One partition on its way.
pub struct Walk<'a> {
    /// What is decided again.
    pub course: Course<'a, Pos>,
    /// The rulesets.
    pub rulebook: Arc<Rulebook>,
    /// The engine that decides now.
    pub engine: Arc<Engine>,
    /// Changes of the ruleset that are yet to come.
    pub changes: VecDeque<RulesetChange>,
    /// The journal; none where it was not recorded.
    pub journal: Option<JournalWalk<'a, Pos>>,
    /// Positions that the group had committed before and after the journal's end was looked at.
    pub group: Option<[Positions; 2]>,
    /// Whether a transaction of the journal ends where the walk begins.
    pub at_a_transaction: bool,
    /// Outcomes below this offset belong to transactions that the journal has.
    pub settled: i64,
}

impl OnItsWay for Walk<'_> {
    /// Walks to the end of the journal, or of the inputs where there is none.
    fn run(&mut self, letters: LettersOf) -> Result<(), ReplayError> {
        self.course.letters = letters;
        if self.journal.is_none() {
            self.walk_to([i64::MAX; INPUTS])?;
        }
        while let Some(journal) = &mut self.journal
            && let Some((head, follows)) = journal.next_transaction()?
        {
            // Where it does not, the state that is replayed is not the fold's, which is whole again after a rotation.
            self.at_a_transaction &= follows;
            self.transaction(&head)?;
        }
        if self.journal.as_ref().is_some_and(JournalWalk::lost_its_end) {
            self.walk_on_to_the_group()?;
        }
        self.course.report.to = self.course.positions().to_vec();
        self.compare_group();
        self.leftovers()?;
        match self.journal.take().map(JournalWalk::finish) {
            Some(Ok(Some(journal))) => {
                compare_states(&self.course.replayed, &journal, &mut self.course.report);
            }
            Some(Ok(None)) => {
                let note = "the journal was trimmed meanwhile: the state at the end was not compared";
                self.course.report.notes.push(note.to_owned());
            }
            Some(Err(fault)) => self.problem(Promise::Journal, format!("the journal: {fault}")),
            None => {}
        }
        Ok(())
    }

    fn report(self) -> PartitionReport {
        self.course.report
    }
}

impl Walk<'_> {
    fn problem(&mut self, promise: Promise, text: String) {
        self.course.report.problem(promise, text);
    }

    fn positions(&self) -> [i64; INPUTS] {
        array(self.course.positions())
    }

    /// Where the journal was trimmed past its end as it was seen, what the group had committed by then says how far it went.
    fn walk_on_to_the_group(&mut self) -> Result<(), ReplayError> {
        let from = self.positions();
        let Some([before, _]) = self.group.take().filter(|[before, _]| !before.are_none()) else {
            return stop(format!(
                "from positions {} on its journal was trimmed before it was read, and the group has no positions that say \
                 how far it went: verify again",
                positions_text(from)
            ));
        };
        let mut target = Input::offsets(&before);
        target.iter_mut().zip(from).for_each(|(target, from)| *target = from.max(*target));
        self.walk_all_to(target, || "what the group has committed".to_owned())?;
        self.course.report.notes.push(format!(
            "from positions {} on the journal was trimmed before it was read: where transactions ended was not compared",
            positions_text(from)
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
            self.problem(
                Promise::Positions,
                format!(
                    "torn: the journal ends at positions {}, the group's are {}",
                    positions_text(end),
                    positions_text(after)
                ),
            );
        }
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
            self.course.since = [0; 2];
            return Ok(());
        }
        self.course.replayed.divide_by(Division::of(head));
        if self.at_a_transaction {
            self.decide_as_the_journal_says(head)?;
        }
        self.walk_all_to(target, || format!("transaction {sequence} of the journal"))?;
        let [records, outcomes] = std::mem::take(&mut self.course.since);
        if std::mem::replace(&mut self.at_a_transaction, true) {
            self.course.report.transactions += 1;
            if (records, outcomes) != (head.consumed, head.outcomes) {
                self.course.report.torn += 1;
                self.problem(Promise::Positions, format!(
                    "transaction {sequence} up to positions {} is torn: the journal has {} records and {} outcomes, \
                     the topics have {records} and {outcomes}",
                    positions_text(target),
                    head.consumed,
                    head.outcomes
                ));
            }
        }
        self.course.replayed.committed();
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
        let (what, end, reached) = (what(), positions_text(target), positions_text(self.positions()));
        stop(format!("{what} ends at positions {end}, and the inputs can be read up to {reached} only"))
    }

    fn decide_by(&mut self, ruleset: u128) -> Result<(), ReplayError> {
        self.engine = engine_from(&self.rulebook, ruleset, self.positions())?;
        self.engine.ruleset().clone_into(&mut self.course.ruleset);
        self.course.replayed.decide_by(Arc::clone(&self.engine));
        Ok(())
    }

    /// Decides by the ruleset that the journal names for the transaction that begins here, and says where the rulesets
    /// topic names another.
    fn decide_as_the_journal_says(&mut self, head: &Head) -> Result<(), ReplayError> {
        let here = self.positions();
        while let Some(change) = self.changes.pop_front_if(|change| reached(change, here)) {
            self.decide_by(change.ruleset)?;
        }
        if head.ruleset == 0 || head.ruleset == self.engine.ruleset_hash() {
            return Ok(());
        }
        if !self.rulebook.changes(self.course.partition).is_empty() {
            self.problem(Promise::SameBytes, format!(
                "transaction {} from positions {} on: the journal says it was decided by ruleset {}, the rulesets \
                 topic says by {}",
                head.sequence,
                positions_text(here),
                hash_text(head.ruleset),
                self.engine.ruleset()
            ));
        }
        self.decide_by(head.ruleset)
    }

    fn advance_to(&mut self, target: [i64; INPUTS]) -> Result<(), ReplayError> {
        let course = &mut self.course;
        while course.outcomes.head().is_some() {
            match course.outcomes.named().cloned() {
                Some(named) if named.offset >= target[named.input] => break,
                Some(named) => {
                    if course.reach(&named, &target)? {
                        course.take(named.input, false)?;
                    }
                }
                // It cannot be read: taken for that of the next POS event.
                None => {
                    let input = Input::PosEvents as usize;
                    if course.inputs.head(input).is_none_or(|head| head.offset >= target[input]) {
                        break;
                    }
                    course.take(input, false)?;
                }
            }
        }
        // What led to no outcome.
        course.take_until(&target)
    }

    /// Outcomes and replies behind the end: those below `settled` were visible before the journal was looked at, so they should
    /// have come with a journal record. Dead letters of records that were passed over.
    fn leftovers(&mut self) -> Result<(), ReplayError> {
        let course = &mut self.course;
        while let Some(head) = course.outcomes.head() {
            if head.offset >= self.settled {
                course.pass_beyond()?;
            } else {
                course.pass_unexpected(
                    "an outcome was recorded, and the journal has no transaction that it belongs to",
                )?;
            }
        }
        course.finish(course.positions()[Input::AccountEvents as usize])
    }
}

/// Offsets of all inputs.
pub fn array(offsets: &[i64]) -> [i64; INPUTS] {
    std::array::from_fn(|input| offsets.get(input).copied().unwrap_or(0))
}

/// Whether a partition that stands at these positions is past a change.
pub fn reached(change: &RulesetChange, positions: [i64; INPUTS]) -> bool {
    Input::offsets(&change.positions).iter().zip(positions).all(|(from, position)| *from <= position)
}

/// The engine of a ruleset, which decides from these positions on.
pub fn engine_from(
    rulebook: &Rulebook,
    ruleset: u128,
    positions: [i64; INPUTS],
) -> Result<Arc<Engine>, ReplayError> {
    rulebook.engine(ruleset).or_else(|why| {
        stop(format!("from positions {} on it cannot be decided again: {why}", positions_text(positions)))
    })
}

/// What came before a reset of the state cannot lead to what came after it.
pub fn starts_over(sequence: u64) -> ReplayError {
    ReplayError::Recorded(format!(
        "its state starts over with transaction {sequence} of the journal (topics repartition): what comes after can be \
         verified once a checkpoint rotation is complete, with --from checkpoint"
    ))
}

/// Positions as people read them.
pub fn positions_text([pos, account, ticks]: [i64; INPUTS]) -> String {
    // Where there are no ticks they are not worth a number.
    let ticks = if ticks == 0 { String::new() } else { format!(" / {ticks}") };
    format!("{pos} / {account}{ticks}")
}
