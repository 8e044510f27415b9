//! What recorded outcomes of POS events tell a replay besides their bytes: how far the inputs were read, what was known of the
//! shared profiles, and in which form they are written.

use super::compare::{OutcomeWords, Verified};
use super::inputs::Named;
use crate::codec::{Schemas, avro, json, recorded, write_bounded};
use crate::domain::outcome::Outcome;
use crate::domain::profile_view::ProfileQuestion;
use crate::domain::{PartitionId, ProfileView};
use crate::pipeline::{DecisionSink, InputRecord, Interrupt};
use crate::pos::{Input, Outside, Partition, Pos, ProfileSource};
use std::cell::Cell;

impl Verified for Pos {
    const WORDS: OutcomeWords = OutcomeWords {
        missing: "an outcome is missing",
        different: "an outcome differs",
        unreadable: "an outcome cannot be read",
        unexpected: UNEXPECTED,
        unanswered: UNEXPECTED,
        of_nothing: "an outcome was recorded, and the input it is of is not there",
    };

    fn named(outcome: &[u8], partition: PartitionId, topics: &[String]) -> Option<Named> {
        let ticks = Input::Ticks as usize;
        // Outcomes name ticks once there are any.
        Named::of(outcome, partition, topics, |place, input| match input {
            input if input == ticks => Some(place.position_of(&topics[ticks]).unwrap_or(0)),
            input => place.position(&topics[input], &topics[ticks]),
        })
    }

    fn decide_again(
        partition: &mut Partition,
        (schemas, recorded): (&dyn Schemas, Option<&[u8]>),
        record: &InputRecord<'_>,
        out: &mut dyn DecisionSink<Self>,
    ) -> Result<(), Interrupt> {
        let profiles = RecordedProfiles::of(recorded);
        partition.on_record(Outside { schemas, profiles: Some(&profiles) }, record, out)
    }

    fn written_like(recorded: &[u8], outcome: &Outcome<'_>, value: &[u8]) -> Option<Vec<u8>> {
        encoded_as(recorded, outcome, value)
    }
}

const UNEXPECTED: &str =
    "an outcome was recorded that the replay does not give: it is there twice, out of order, or of nothing";

/// What the recorded outcome of a record says of the shared profiles; what cannot be read shows as a difference.
pub struct RecordedProfiles<'c> {
    outcome: Option<&'c [u8]>,
    /// Whether it said anything.
    pub said_anything: Cell<bool>,
}

impl<'c> RecordedProfiles<'c> {
    /// By this outcome.
    pub fn of(outcome: Option<&'c [u8]>) -> Self {
        Self { outcome, said_anything: Cell::new(false) }
    }

    /// Whether there is an outcome.
    pub fn is_there(&self) -> bool {
        self.outcome.is_some()
    }
}

impl ProfileSource for RecordedProfiles<'_> {
    fn view(&self, _question: &ProfileQuestion<'_>) -> ProfileView {
        let evidence = self.outcome.map(recorded::evidence).unwrap_or_default();
        let facts = evidence.iter().map(|(fact, value)| (&**fact, &**value));
        let view = ProfileView::of_evidence(facts).unwrap_or_default();
        self.said_anything.set(view != ProfileView::default());
        view
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
