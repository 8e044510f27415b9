//! Whether a unit's inputs still hold what its state has to read next. Records that were deleted before they were
//! decided must not be passed over in silence: a client on its own would go on at the earliest record that is left.
//!
//! Only positions before the beginning of the topic or behind its end count. Gaps in between are nobody's loss:
//! compaction, markers of transactions and aborted records leave them.

use crate::domain::flow::{Positions, Unit};
use crate::kafka::settings::{ClusterSettings, OnLostInput};
use std::ops::Range;

/// Where a unit goes on, and what is passed over for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResumePoint {
    /// The next offsets to read.
    pub positions: Positions,
    /// Offsets that are gone before they were decided, by input; the loss of them was accepted.
    pub lost: Vec<u64>,
}

impl ResumePoint {
    /// Nothing is passed over.
    #[must_use]
    pub fn at(positions: Positions) -> Self {
        let lost = vec![0; positions.iter().len()];
        Self { positions, lost }
    }
}

/// Why a unit cannot go on at its positions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LostInput {
    /// Offsets before the beginning of a topic: records are lost.
    Lost(String),
    /// Offsets behind the end of a topic. A broker that has just come back may not know better yet.
    BehindTheEnd(String),
}

/// Where `unit` goes on, whose state has read up to `positions`.
///
/// # Errors
/// [`LostInput`], in words that say which offsets and what to do.
pub fn resume_point(
    unit: Unit,
    positions: Positions,
    ends: &[Range<i64>],
    settings: &ClusterSettings,
) -> Result<ResumePoint, LostInput> {
    let topics = settings.topics.of(unit.flow);
    let nothing_read = positions.are_none();
    let mut resume = ResumePoint::at(positions);
    for (input, (topic, ends)) in topics.inputs.iter().zip(ends).enumerate() {
        let Some(position) = resume.positions[input] else {
            if ends.start > 0 && !nothing_read {
                log::warn!(
                    "{unit}: nothing of topic '{topic}' was read yet, and it begins at offset {}: what stood before was \
                     not decided",
                    ends.start
                );
            }
            continue;
        };
        if position > ends.end {
            return Err(LostInput::BehindTheEnd(format!(
                "{unit}: topic '{topic}' ends at offset {}, and the state has read it up to offset {position}: the topic \
                 was created again, or its end is lost; bring it back, or start over with other names for \
                 kafka.group_id and for the topics of journal and outputs",
                ends.end
            )));
        }
        if position >= ends.start {
            continue;
        }
        let text = format!(
            "{unit}: input is lost: topic '{topic}' begins at offset {}, and the state has read it up to offset \
             {position}: the {} offsets from {position} to {} were deleted before they were decided",
            ends.start,
            ends.start - position,
            ends.start - 1
        );
        match settings.kafka.on_lost_input {
            OnLostInput::Stop => {
                return Err(LostInput::Lost(format!(
                    "{text}; send again as new records what is to be found elsewhere, and accept the loss by \
                     kafka.on_lost_input = \"skip\""
                )));
            }
            OnLostInput::Skip => {
                log::error!("{text}; passed over, as kafka.on_lost_input = \"skip\" says");
                resume.positions[input] = Some(ends.start);
                resume.lost[input] = (ends.start - position).unsigned_abs();
            }
        }
    }
    Ok(resume)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::PartitionId;
    use crate::domain::flow::{FlowTopics, TWO as FLOW, Topics};

    const ENDS: [Range<i64>; 2] = [10..20, 0..5];

    fn found(positions: [Option<i64>; 2], on_lost_input: OnLostInput) -> Result<ResumePoint, LostInput> {
        let topics = FlowTopics {
            flow: &FLOW,
            inputs: vec!["the.events".to_owned(), "the.rules".to_owned()],
            outputs: Vec::new(),
            dead_letters: String::new(),
            journal: String::new(),
        };
        let topics = Topics { flows: vec![topics], rulesets: String::new() };
        let unit = Unit { flow: &FLOW, partition: PartitionId::new(3) };
        let settings = ClusterSettings { topics, ..ClusterSettings::default() };
        resume_point(
            unit,
            positions.into(),
            &ENDS,
            &settings.with(|kafka| kafka.on_lost_input = on_lost_input),
        )
    }

    #[test]
    fn goes_on_from_the_beginning_to_the_end_and_wherever_nothing_was_read() {
        for positions in [[Some(10), Some(0)], [Some(20), Some(5)], [None, Some(5)], [None, None]] {
            for setting in [OnLostInput::Stop, OnLostInput::Skip] {
                assert_eq!(found(positions, setting), Ok(ResumePoint::at(positions.into())));
            }
        }
    }

    #[test]
    fn stops_before_the_beginning_and_names_what_is_gone() {
        let Err(LostInput::Lost(text)) = found([Some(7), None], OnLostInput::Stop) else { panic!("goes on") };
        for part in
            ["two partition 3", "'the.events' begins at offset 10", "3 offsets from 7 to 9", "\"skip\""]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn passes_over_what_is_gone_where_the_loss_is_accepted() {
        let resume = ResumePoint { positions: [Some(10), Some(2)].into(), lost: vec![3, 0] };
        assert_eq!(found([Some(7), Some(2)], OnLostInput::Skip), Ok(resume));
    }

    #[test]
    fn never_goes_on_behind_the_end() {
        for setting in [OnLostInput::Stop, OnLostInput::Skip] {
            let Err(LostInput::BehindTheEnd(text)) = found([Some(12), Some(6)], setting) else {
                panic!("goes on")
            };
            assert!(text.contains("'the.rules' ends at offset 5") && text.contains("offset 6"), "{text}");
        }
    }
}
