//! Recorded outcomes of a record against replayed ones, byte by byte, whatever their flow. Where they differ it looks into both,
//! field by field; where they do not, it looks into neither.

use super::differing::{differing, differing_records};
use super::inputs::Named;
use super::report::Comparison;
use super::source::RecordBuffer;
use crate::codec::Schemas;
use crate::domain::PartitionId;
use crate::pipeline::{DecisionSink, InputRecord, Interrupt, Model, Outbound, Partition};

/// What a flow brings along so that its partitions can be decided again and compared with what was recorded.
pub trait Verified: Model {
    /// What is said of outcomes that are not as they should be.
    const WORDS: OutcomeWords;

    /// Which record a recorded outcome says it is of, and how far the inputs were read before it; none where it does not say
    /// one of this partition.
    fn named(outcome: &[u8], partition: PartitionId, topics: &[String]) -> Option<Named>;

    /// Decides a record again by the writers' schemas and the outcome that was recorded of it, if any.
    ///
    /// # Errors
    /// Its schema has yet to come; the state broke.
    fn decide_again(
        partition: &mut Partition<Self>,
        outside: (&dyn Schemas, Option<&[u8]>),
        record: &InputRecord<'_>,
        out: &mut dyn DecisionSink<Self>,
    ) -> Result<(), Interrupt>;

    /// What was decided in the form of `recorded`; none where `value` has that form already.
    fn written_like(_recorded: &[u8], _decided: &Self::Decided<'_>, _value: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

/// What is said of outcomes, in a few words each.
pub struct OutcomeWords {
    /// Replayed, not recorded.
    pub missing: &'static str,
    /// Other bytes.
    pub different: &'static str,
    /// Other bytes, which are no outcome.
    pub unreadable: &'static str,
    /// Recorded, and not what the replay gives.
    pub unexpected: &'static str,
    /// Recorded of a record that the replay has no outcome of.
    pub unanswered: &'static str,
    /// Recorded of a record that is not there.
    pub of_nothing: &'static str,
}

/// Key and value of a message.
pub type Encoded = (Vec<u8>, Vec<u8>);

fn encoded(outbound: &Outbound<'_>) -> Encoded {
    (outbound.key.to_vec(), outbound.value.unwrap_or_default().to_vec())
}

/// Whether a record has these bytes.
pub fn is_same(recorded: &RecordBuffer, (key, value): &Encoded) -> bool {
    recorded.key() == Some(key) && recorded.value() == Some(value)
}

/// What a replay makes of one record.
pub struct Replayed<'r> {
    /// A recorded outcome, in whose form outcomes are written.
    like: Option<&'r [u8]>,
    /// The outcomes.
    pub outcomes: Vec<Encoded>,
    /// The reply, where the record's sender asked for one.
    pub reply: Option<Encoded>,
    /// Code and message of its dead letter.
    pub letter: Option<(&'static str, String)>,
}

impl<'r> Replayed<'r> {
    /// Nothing yet; outcomes are written in the form of this one.
    pub fn like(like: Option<&'r [u8]>) -> Self {
        Self { like, outcomes: Vec::new(), reply: None, letter: None }
    }
}

impl<M: Verified> DecisionSink<M> for Replayed<'_> {
    fn send(&mut self, decided: &M::Decided<'_>, outbound: &Outbound<'_>) {
        let (key, value) = encoded(outbound);
        let like = self.like.and_then(|like| M::written_like(like, decided, &value));
        self.outcomes.push((key, like.unwrap_or(value)));
    }

    fn reply(&mut self, outbound: &Outbound<'_>) {
        self.reply = Some(encoded(outbound));
    }

    fn dead_letter(&mut self, _: &InputRecord<'_>, code: &'static str, message: &str) {
        self.letter = Some((code, message.to_owned()));
    }
}

/// A recorded outcome of a record, and whether it says so: one that cannot be read is taken for one of it.
pub struct Met {
    /// The outcome.
    pub record: RecordBuffer,
    /// Whether it can be read.
    pub is_readable: bool,
}

/// Holds the outcomes that were recorded of the record at `here` against those that are replayed, so that one that is there twice
/// or not at all does not make others differ. `place` says where an outcome of this offset stands.
pub fn align(
    (mut recorded, mut replayed): (&[Met], &[Encoded]),
    words: &OutcomeWords,
    (here, place): (&str, impl Fn(i64) -> String),
    findings: &mut Comparison<'_>,
) {
    let too_many = if replayed.is_empty() { words.unanswered } else { words.unexpected };
    let is = |met: &Met, other: &Encoded| is_same(&met.record, other);
    let unexpected = |findings: &mut Comparison<'_>, met: &Met| {
        findings.unexpected(too_many, Some(place(met.record.offset)), Some(here.to_owned()));
    };
    let missing = |findings: &mut Comparison<'_>, (_, value): &Encoded| {
        findings.missing(words.missing, here.to_owned(), || differing(&[], value));
    };
    loop {
        match (recorded, replayed) {
            ([], []) => return,
            ([first, rest @ ..], [same, others @ ..]) if is(first, same) => {
                findings.identical();
                (recorded, replayed) = (rest, others);
            }
            ([first, rest @ ..], []) => {
                unexpected(findings, first);
                recorded = rest;
            }
            ([first, rest @ ..], [one, ..]) if rest.iter().any(|later| is(later, one)) => {
                unexpected(findings, first);
                recorded = rest;
            }
            ([], [one, others @ ..]) => {
                missing(findings, one);
                replayed = others;
            }
            ([first, ..], [one, others @ ..]) if others.iter().any(|later| is(first, later)) => {
                missing(findings, one);
                replayed = others;
            }
            ([first, rest @ ..], [one, others @ ..]) => {
                let what = if first.is_readable { words.different } else { words.unreadable };
                let bytes = (first.record.key(), first.record.value().unwrap_or_default());
                findings.different(what, place(first.record.offset), here.to_owned(), || {
                    differing_records(bytes, one)
                });
                (recorded, replayed) = (rest, others);
            }
        }
    }
}
