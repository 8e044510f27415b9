//! Recorded outcomes and dead letters against replayed ones, byte by byte. Where they differ it looks into both, field
//! by field; where they do not, it looks into neither.

use super::ReplayError;
use super::differing::{differing, differing_records};
use super::inputs::Outcomes;
use super::letters::{Letter, LettersOf};
use super::replies::Replies;
use super::report::{PartitionReport, place};
use super::source::Kept;
use super::walk::Ground;
use crate::codec::recorded::{self, SourcePlace};
use crate::codec::{avro, json, write_bounded};
use crate::domain::outcome::Outcome;
use crate::domain::profile_view::ProfileQuestion;
use crate::domain::{PartitionId, ProfileView};
use crate::pipeline::{DecisionSink, InputRecord, Outbound};
use crate::pos::{INPUTS, Input, Pos, ProfileSource};
use std::cell::RefCell;

/// How far an outcome says that an input was read. It names ticks once there are any.
pub fn read_up_to(place: &SourcePlace<'_>, topics: &[String], input: usize) -> Option<i64> {
    let ticks = Input::Ticks as usize;
    match input {
        input if input == ticks => Some(place.position_of(&topics[ticks]).unwrap_or(0)),
        input => place.position(&topics[input], &topics[ticks]),
    }
}

/// What the outcome of a record says of the shared profiles.
pub struct Told<'a> {
    /// The recorded outcomes; that of the record comes next.
    pub outcomes: &'a RefCell<&'a mut Outcomes>,
    /// The record: its input and offset.
    pub of: (usize, i64),
}

impl ProfileSource for Told<'_> {
    fn view(&self, _question: &ProfileQuestion<'_>) -> ProfileView {
        let outcomes = self.outcomes.borrow();
        let value = outcomes.head().filter(|_| outcomes.is_next(self.of)).and_then(Kept::value);
        value.map(profiles_of).unwrap_or_default()
    }
}

/// What a recorded outcome says of the shared profiles; what cannot be read shows as a difference.
pub fn profiles_of(outcome: &[u8]) -> ProfileView {
    let evidence = recorded::evidence(outcome);
    let facts = evidence.iter().map(|(fact, value)| (&**fact, &**value));
    ProfileView::of_evidence(facts).unwrap_or_default()
}

/// What a difference is told with.
#[derive(Clone, Copy)]
pub struct Around<'a> {
    /// Topics and their names.
    pub ground: &'a Ground<'a>,
    /// The partition.
    pub partition: PartitionId,
    /// The ruleset that decides now.
    pub ruleset: &'a str,
}

impl Around<'_> {
    /// Where an input record stands.
    #[must_use]
    pub fn input(&self, input: usize, offset: i64) -> String {
        place(&self.ground.topics[input], self.partition, offset)
    }

    /// Where an outcome stands.
    #[must_use]
    pub fn outcome(&self, offset: i64) -> String {
        place(&self.ground.outcomes_topic, self.partition, offset)
    }
}

/// Takes what the replay makes of one input record, and holds it against what was recorded.
pub struct Compare<'a> {
    /// What stands around.
    pub around: Around<'a>,
    /// The input record.
    pub record: &'a Kept,
    /// Its input.
    pub input: usize,
    /// The recorded outcomes, which decisions read their evidence of.
    pub outcomes: &'a RefCell<&'a mut Outcomes>,
    /// The recorded dead letter of this record.
    pub letter: Option<Letter>,
    /// Those of the other records.
    pub letters: &'a mut LettersOf,
    /// The recorded replies.
    pub replies: &'a mut Replies,
    /// The replayed reply, where the record's sender asked for one.
    pub reply: Option<Encoded>,
    /// Where differences go.
    pub report: &'a mut PartitionReport,
    /// Next offset of each input as of the replay, before this record.
    pub reached: [i64; INPUTS],
    /// Replayed outcomes from the first on that is not as recorded.
    pub late: Vec<Encoded>,
    /// Recorded outcomes that were met and passed over.
    pub passed: u64,
}

/// What is said of a recorded outcome that the replay does not give.
pub const UNEXPECTED: &str =
    "an outcome was recorded that the replay does not give: it is there twice, out of order, or of nothing";

/// Key and value.
pub type Encoded = (Vec<u8>, Vec<u8>);

/// A recorded outcome that was not met at once, with its offset, and whether it says which record it is of.
struct Waiting {
    offset: i64,
    key: Option<Vec<u8>>,
    value: Vec<u8>,
    readable: bool,
}

impl Waiting {
    fn is(&self, (key, value): &Encoded) -> bool {
        self.value == *value && self.key.as_ref() == Some(key)
    }
}

impl Compare<'_> {
    /// Whether the recorded outcome that comes next is of this record; one that cannot be read is taken for it.
    fn is_next(&self) -> bool {
        self.outcomes.borrow().is_next((self.input, self.record.offset))
    }

    fn here(&self) -> String {
        self.around.input(self.input, self.record.offset)
    }

    /// Passes over recorded outcomes of records that were decided before.
    fn pass_stale(&mut self) -> Result<(), ReplayError> {
        let mut outcomes = self.outcomes.borrow_mut();
        while let Some(named) = outcomes.named() {
            if named.offset >= self.reached[named.input] {
                break;
            }
            let at = outcomes.head().map(|head| self.around.outcome(head.offset));
            let input = Some(self.around.input(named.input, named.offset));
            self.report.of_outcomes(self.around.ruleset).unexpected(UNEXPECTED, at, input);
            self.passed += 1;
            outcomes.advance()?;
        }
        Ok(())
    }

    /// Compares what was not the same at once; gives the number of recorded outcomes of this record.
    ///
    /// # Errors
    /// [`ReplayError`] where the recorded outcomes cannot be read on.
    pub fn finish(mut self) -> Result<u64, ReplayError> {
        self.pass_stale()?;
        let mut recorded = Vec::new();
        while self.is_next() {
            let mut outcomes = self.outcomes.borrow_mut();
            let readable = outcomes.named().is_some();
            // One that cannot be read may be of a later record.
            if !readable && recorded.len() >= self.late.len() {
                break;
            }
            if let Some(head) = outcomes.head() {
                let (key, value) =
                    (head.key().map(<[u8]>::to_vec), head.value().unwrap_or_default().to_vec());
                recorded.push(Waiting { offset: head.offset, key, value, readable });
            }
            outcomes.advance()?;
        }
        self.align(&recorded);
        self.compare_letter(None);
        if self.input == Input::AccountEvents as usize {
            let mut findings = self.report.of_replies(self.around.ruleset);
            self.replies.meet(self.record.offset, self.reply.as_ref(), &mut findings)?;
        }
        Ok(self.passed + recorded.len() as u64)
    }

    /// Holds the recorded dead letter, if it was not yet, against what the replay gives.
    fn compare_letter(&mut self, replayed: Option<(&str, &str)>) {
        let here = self.here();
        let mut findings = self.report.of_letters(self.around.ruleset);
        let place = (&*self.around.ground.letters_topic, here, self.input);
        self.letters.compare(self.letter.take(), replayed, self.record, place, &mut findings);
    }

    /// Holds the rest of the recorded outcomes against the rest of the replayed ones, so that one that is there twice or
    /// not at all does not make others differ.
    fn align(&mut self, recorded: &[Waiting]) {
        let late = std::mem::take(&mut self.late);
        let (mut recorded, mut replayed) = (recorded, &*late);
        loop {
            match (recorded, replayed) {
                ([], []) => return,
                ([first, rest @ ..], [same, others @ ..]) if first.is(same) => {
                    self.report.outcomes.identical += 1;
                    (recorded, replayed) = (rest, others);
                }
                ([first, rest @ ..], []) => {
                    self.unexpected(first);
                    recorded = rest;
                }
                ([first, rest @ ..], [one, ..]) if rest.iter().any(|later| later.is(one)) => {
                    self.unexpected(first);
                    recorded = rest;
                }
                ([], [one, others @ ..]) => {
                    self.missing(one);
                    replayed = others;
                }
                ([first, ..], [one, others @ ..]) if others.iter().any(|later| first.is(later)) => {
                    self.missing(one);
                    replayed = others;
                }
                ([first, rest @ ..], [one, others @ ..]) => {
                    self.different(first, one);
                    (recorded, replayed) = (rest, others);
                }
            }
        }
    }

    fn unexpected(&mut self, recorded: &Waiting) {
        let (at, here) = (Some(self.around.outcome(recorded.offset)), Some(self.here()));
        self.report.of_outcomes(self.around.ruleset).unexpected(UNEXPECTED, at, here);
    }

    fn missing(&mut self, (_, value): &Encoded) {
        let here = self.here();
        let mut findings = self.report.of_outcomes(self.around.ruleset);
        findings.missing("an outcome is missing", here, || differing(&[], value));
    }

    fn different(&mut self, recorded: &Waiting, replayed: &Encoded) {
        let (at, here) = (self.around.outcome(recorded.offset), self.here());
        let what = if recorded.readable { "an outcome differs" } else { "an outcome cannot be read" };
        self.report.of_outcomes(self.around.ruleset).different(what, at, here, || {
            differing_records((recorded.key.as_deref(), &recorded.value), replayed)
        });
    }
}

impl DecisionSink<Pos> for Compare<'_> {
    fn send(&mut self, outcome: &Outcome<'_>, outbound: &Outbound<'_>) {
        let (key, value) = (outbound.key, outbound.value.unwrap_or_default());
        // A fault is met again by `finish`.
        let readable = self.pass_stale().is_ok();
        let mut outcomes = self.outcomes.borrow_mut();
        let here = (self.input, self.record.offset);
        let recorded = outcomes.head().filter(|_| readable && outcomes.is_next(here));
        let recorded_value = recorded.and_then(Kept::value).unwrap_or_default();
        let encoded = encoded_as(recorded_value, outcome, value);
        let replayed = encoded.as_deref().unwrap_or(value);
        let same = self.late.is_empty()
            && recorded.is_some_and(|head| head.key() == Some(key))
            && recorded_value == replayed;
        // Where it cannot be read on, nothing is the same any more, and `finish` meets the fault again.
        if same && outcomes.advance().is_ok() {
            self.report.outcomes.identical += 1;
            self.passed += 1;
        } else {
            self.late.push((key.to_vec(), encoded.unwrap_or_else(|| value.to_vec())));
        }
    }

    fn reply(&mut self, outbound: &Outbound<'_>) {
        self.reply = Some((outbound.key.to_vec(), outbound.value.unwrap_or_default().to_vec()));
    }

    fn dead_letter(&mut self, _record: &InputRecord<'_>, code: &'static str, message: &str) {
        self.compare_letter(Some((code, message)));
    }
}

/// The outcome in the encoding of `recorded`, and by the version of the schema that it has; none where `value` is in that one
/// already, or it has none.
pub fn encoded_as(recorded: &[u8], outcome: &Outcome<'_>, value: &[u8]) -> Option<Vec<u8>> {
    if recorded == value {
        return None;
    }
    let (framing, layout) = recorded::form(recorded)?;
    if recorded::form(value) == Some((framing, layout)) {
        return None;
    }
    let mut encoded = Vec::with_capacity(value.len());
    write_bounded(outcome, &mut encoded, |outcome, out| {
        out.extend_from_slice(framing);
        match layout {
            None => json::write_outcome(outcome, out),
            Some(layout) => avro::write_outcome_as(layout, outcome, out),
        }
    });
    Some(encoded)
}
