//! One partition of any flow decided again, record by record, and held against what was recorded of it. Its outcomes say in which
//! order the inputs were read; how far it is to go, and by which rules, say those who know the flow.

use super::compare::{Met, Replayed, Verified, align};
use super::inputs::{Inputs, Named, Outcomes, next_offsets};
use super::letters::{Letter, LettersOf};
use super::replies::{Asked, RecordedReplies, Replies};
use super::report::{PartitionReport, place};
use super::source::{Feed, RecordBuffer};
use super::verify::OpenInput;
use super::workers::{KEEP_EVERY, once_known};
use super::{ReplayError, stop};
use crate::codec::Schemas;
use crate::domain::PartitionId;
use crate::domain::flow::FlowTopics;
use crate::domain::hashing::Seed;
use crate::pipeline::{Division, Partition};
use std::sync::atomic::{AtomicU64, Ordering};

/// The place of what is decided among the outputs of a flow that is verified.
pub const OUTCOMES: usize = 0;
/// The place of the replies to those who asked.
pub const REPLIES: usize = 1;

/// What all partitions of a flow share.
pub struct Ground<'a> {
    /// Its topics.
    pub topics: FlowTopics,
    /// The schemas of the inputs.
    pub schemas: &'a (dyn Schemas + Sync),
    /// Counts the records that are done.
    pub progress: &'a AtomicU64,
    /// By what keys belong on partitions where there is no journal, which says it.
    pub division: Division,
    /// For tables of the state.
    pub table_seed: Seed,
}

/// One partition on its way.
pub struct Course<'a, M: Verified> {
    /// What all share.
    pub ground: &'a Ground<'a>,
    /// Its number.
    pub partition: PartitionId,
    /// Decides again.
    pub replayed: Partition<M>,
    /// The ruleset that decides now, as differences name it.
    pub ruleset: String,
    /// The inputs.
    pub inputs: Inputs,
    /// The recorded outcomes.
    pub outcomes: Outcomes,
    /// The recorded dead letters.
    pub letters: LettersOf,
    /// What is found.
    pub report: PartitionReport,
    /// Records and recorded outcomes since the last transaction.
    pub since: [u64; 2],
    replies: Replies,
}

impl<'a, M: Verified> Course<'a, M> {
    /// Begins where `replayed` stands: outcomes and replies of what came before are passed over.
    pub fn begin(
        ground: &'a Ground<'a>,
        (partition, replayed): (PartitionId, Partition<M>),
        ruleset: String,
        (input, outcomes, replies): (&OpenInput<'_>, Feed, Option<RecordedReplies>),
    ) -> Result<Self, ReplayError> {
        let topics = &ground.topics;
        let positions = next_offsets(replayed.positions(), M::FLOW);
        let mut outcomes = Outcomes::new(outcomes, partition, topics.inputs.clone(), M::named);
        let is_before = |outcomes: &Outcomes| match outcomes.named() {
            Some(named) => named.offset < positions[named.input],
            // One that cannot be read is told only where it may belong to what is verified.
            None => positions.iter().any(|position| *position > 0),
        };
        while outcomes.head().is_some() && is_before(&outcomes) {
            outcomes.advance()?;
        }
        let may_ask = M::FLOW.asked[0];
        let (records, of_replies) = (topics.inputs[may_ask].clone(), topics.outputs[REPLIES].clone());
        let asked = Asked { replies: of_replies, records, partition };
        Ok(Self {
            ground,
            partition,
            replayed,
            ruleset,
            inputs: Inputs::open(input, &positions)?,
            outcomes,
            letters: LettersOf::default(),
            report: PartitionReport {
                from: positions.to_vec(),
                ..PartitionReport::of(partition, positions.len())
            },
            since: [0; 2],
            replies: Replies::new(asked, replies, positions[may_ask])?,
        })
    }

    /// Next offset of each input.
    pub fn positions(&self) -> &[i64] {
        self.inputs.positions()
    }

    fn place_of(&self, named: &Named) -> String {
        place(&self.ground.topics.inputs[named.input], self.partition, named.offset)
    }

    /// Passes over the next outcome, which the replay does not give.
    pub fn pass_unexpected(&mut self, what: &str) -> Result<(), ReplayError> {
        let topic = &self.ground.topics.outputs[OUTCOMES];
        let at = self.outcomes.head().map(|head| place(topic, self.partition, head.offset));
        let input = self.outcomes.named().map(|named| self.place_of(named));
        self.report.of_outcomes(&self.ruleset).unexpected(what, at, input);
        self.since[1] += 1;
        self.outcomes.advance()
    }

    /// Passes over the next outcome, which stands behind what is verified.
    pub fn pass_beyond(&mut self) -> Result<(), ReplayError> {
        self.report.beyond += 1;
        self.outcomes.advance()
    }

    /// Passes over outcomes of records that were decided before.
    fn pass_stale(&mut self) -> Result<(), ReplayError> {
        let is_stale = |course: &Self| {
            let named = course.outcomes.named();
            named.is_some_and(|named| named.offset < course.positions()[named.input])
        };
        while is_stale(self) {
            self.pass_unexpected(M::WORDS.unexpected)?;
        }
        Ok(())
    }

    /// Decides what stands before `target`, merged by time.
    pub fn take_until(&mut self, target: &[i64]) -> Result<(), ReplayError> {
        while let Some(input) = self.inputs.first_before(target) {
            self.take(input, false)?;
        }
        Ok(())
    }

    /// Decides whatever came before the record that the next outcome is of, no further than `target`; false where that record is
    /// not to come any more, which is told.
    pub fn reach(&mut self, named: &Named, target: &[i64]) -> Result<bool, ReplayError> {
        let own = named.input;
        if named.offset < self.positions()[own] {
            self.pass_unexpected(M::WORDS.unexpected)?;
            return Ok(false);
        }
        let mut before = named.before.clone();
        before.iter_mut().zip(target).for_each(|(before, target)| *before = *target.min(before));
        before[own] = named.offset;
        self.take_until(&before)?;
        let is_there = self.inputs.head(own).is_some_and(|head| head.offset == named.offset);
        if !is_there {
            self.pass_unexpected(M::WORDS.of_nothing)?;
        }
        Ok(is_there)
    }

    /// Decides the next record of an input, and compares what comes of it with what was recorded. `failed`: its outcome says that
    /// the program failed on it, as a dead letter may.
    ///
    /// # Errors
    /// It cannot be decided, or what was recorded cannot be read.
    pub fn take(&mut self, input: usize, failed: bool) -> Result<(), ReplayError> {
        self.pass_stale()?;
        let Some(head) = self.inputs.head(input) else { return Ok(()) };
        let at = (input, head.offset);
        let mut recorded: Vec<Met> = Vec::new();
        while self.outcomes.named().is_some() && self.outcomes.is_next(at) {
            recorded.push(self.outcomes.take()?);
        }
        let record = head.as_input_record(M::FLOW, input, self.partition);
        let letter = self.letters.take(input, head.offset);
        let failed = failed || letter.as_ref().is_some_and(Letter::is_of_a_failure);
        let no_schema = letter.as_ref().and_then(|letter| letter.no_schema(head));
        let schemas: &dyn Schemas = no_schema.as_ref().map_or(self.ground.schemas, |none| none);
        // The record's own comes last, behind those of holds that ended; one that cannot be read is taken for it.
        let unreadable = self.outcomes.head().filter(|_| self.outcomes.named().is_none());
        let own = recorded.last().map(|met| &met.record).or(unreadable).and_then(RecordBuffer::value);
        let mut replayed = Replayed::like(own);
        if failed {
            self.replayed.on_failed_record(&record, &mut replayed);
        } else {
            let decide = || M::decide_again(&mut self.replayed, (schemas, own), &record, &mut replayed);
            once_known(record.offset, decide).or_else(stop)?;
        }
        let Replayed { outcomes: replayed, reply, letter: told, .. } = replayed;
        // One that cannot be read may be of a later record.
        while self.outcomes.is_next(at)
            && (self.outcomes.named().is_some() || recorded.len() < replayed.len())
        {
            recorded.push(self.outcomes.take()?);
        }
        let topics = &self.ground.topics;
        let here = place(&topics.inputs[input], self.partition, head.offset);
        let told = told.as_ref().map(|(code, message)| (*code, &**message));
        let mut findings = self.report.of_letters(&self.ruleset);
        self.letters.compare(letter, told, head, (&topics.dead_letters, here.clone(), input), &mut findings);
        let place = |offset| place(&topics.outputs[OUTCOMES], self.partition, offset);
        let mut findings = self.report.of_outcomes(&self.ruleset);
        align((&recorded, &replayed), &M::WORDS, (&here, place), &mut findings);
        if M::FLOW.asked.contains(&input) {
            let mut findings = self.report.of_replies(&self.ruleset);
            self.replies.meet(head.offset, reply.as_ref(), &mut findings)?;
        }
        self.since[0] += 1;
        self.since[1] += recorded.len() as u64;
        self.outcomes.give_back(recorded);
        self.report.records += 1;
        if self.report.records.is_multiple_of(KEEP_EVERY) {
            self.replayed.committed();
            self.ground.progress.fetch_add(KEEP_EVERY, Ordering::Relaxed);
        }
        self.inputs.pass(input)
    }

    /// Compares what is left once all was decided: replies to records from offset `replies_end` on, and dead letters of records
    /// that were passed over.
    pub fn finish(&mut self, replies_end: i64) -> Result<(), ReplayError> {
        let note = self.replies.finish(replies_end, &mut self.report.of_replies(&self.ruleset))?;
        self.report.notes.extend(note);
        (self.report.replies_gone, self.report.replies_beyond) = (self.replies.gone, self.replies.beyond);
        let (from, topics) = (self.report.from.clone(), &self.ground.topics);
        let between = (&from[..], self.inputs.positions());
        let names = (&*topics.dead_letters, &topics.inputs[..]);
        let mut findings = self.report.of_letters(&self.ruleset);
        let note = self.letters.finish(between, self.partition, names, &mut findings);
        self.report.notes.extend(note);
        self.report.dead_letters_gone = self.letters.gone;
        Ok(())
    }
}
