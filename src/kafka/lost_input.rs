//! Whether a partition's inputs still hold what its state has to read next. Records that were deleted before they were
//! decided must not be passed over in silence: a client on its own would go on at the earliest record that is left.
//!
//! Only positions before the beginning of the topic or behind its end count. Gaps in between are nobody's loss:
//! compaction, markers of transactions and aborted records leave them.

use super::{
    port::{Input, InputEnds, Positions},
    settings::{OnLostInput, Settings},
};

/// Where a partition goes on, and what is passed over for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// The next offsets to read.
    pub positions: Positions,
    /// Offsets that are gone before they were decided, by input; the loss of them was accepted.
    pub lost: [u64; 2],
}

/// Why a partition cannot go on at its positions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misplaced {
    /// Offsets before the beginning of a topic: records are lost.
    Lost(String),
    /// Offsets behind the end of a topic. A broker that has just come back may not know better yet.
    BehindTheEnd(String),
}

/// Where partition `partition` goes on, whose state has read up to `positions`.
///
/// # Errors
/// [`Misplaced`], in words that say which offsets and what to do.
pub fn places(
    partition: i32,
    positions: Positions,
    ends: [InputEnds; 2],
    settings: &Settings,
) -> Result<Places, Misplaced> {
    let mut places = Places { positions, lost: [0; 2] };
    for input in Input::ALL {
        let (at, ends, topic) = (input as usize, ends[input as usize], settings.topics.input(input));
        let Some(position) = positions[at] else {
            if ends.start > 0 && positions != [None, None] {
                log::warn!(
                    "partition {partition}: nothing of topic '{topic}' was read yet, and it begins at offset {}: \
                     what stood before was not decided",
                    ends.start
                );
            }
            continue;
        };
        if position > ends.end {
            return Err(Misplaced::BehindTheEnd(format!(
                "partition {partition}: topic '{topic}' ends at offset {}, and the state has read it up to offset \
                 {position}: the topic was made anew, or its end is lost; bring it back, or start anew with other \
                 names for kafka.group_id, topics.journal and topics.pos_outcomes",
                ends.end
            )));
        }
        if position >= ends.start {
            continue;
        }
        let text = format!(
            "partition {partition}: input is lost: topic '{topic}' begins at offset {}, and the state has read it up \
             to offset {position}: the {} offsets from {position} to {} were deleted before they were decided",
            ends.start,
            ends.start - position,
            ends.start - 1
        );
        match settings.on_lost_input {
            OnLostInput::Stop => {
                return Err(Misplaced::Lost(format!(
                    "{text}; send again as new records what is to be found elsewhere, and accept the loss by \
                     kafka.on_lost_input = \"skip\""
                )));
            }
            OnLostInput::Skip => {
                log::error!("{text}; passed over, as kafka.on_lost_input = \"skip\" says");
                places.positions[at] = Some(ends.start);
                places.lost[at] = (ends.start - position).unsigned_abs();
            }
        }
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDS: [InputEnds; 2] = [InputEnds { start: 10, end: 20 }, InputEnds { start: 0, end: 5 }];

    fn found(positions: Positions, on_lost_input: OnLostInput) -> Result<Places, Misplaced> {
        places(3, positions, ENDS, &Settings { on_lost_input, ..Settings::default() })
    }

    #[test]
    fn goes_on_from_the_beginning_to_the_end_and_wherever_nothing_was_read() {
        for positions in [[Some(10), Some(0)], [Some(20), Some(5)], [None, Some(5)], [None, None]] {
            for setting in [OnLostInput::Stop, OnLostInput::Skip] {
                assert_eq!(found(positions, setting), Ok(Places { positions, lost: [0; 2] }));
            }
        }
    }

    #[test]
    fn stops_before_the_beginning_and_names_what_is_gone() {
        let Err(Misplaced::Lost(text)) = found([Some(7), None], OnLostInput::Stop) else { panic!("goes on") };
        for part in ["partition 3", "'pos.events' begins at offset 10", "3 offsets from 7 to 9", "\"skip\""] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn passes_over_what_is_gone_where_the_loss_is_accepted() {
        let places = Places { positions: [Some(10), Some(2)], lost: [3, 0] };
        assert_eq!(found([Some(7), Some(2)], OnLostInput::Skip), Ok(places));
    }

    #[test]
    fn never_goes_on_behind_the_end() {
        for setting in [OnLostInput::Stop, OnLostInput::Skip] {
            let Err(Misplaced::BehindTheEnd(text)) = found([Some(12), Some(6)], setting) else {
                panic!("goes on")
            };
            assert!(
                text.contains("'account.events' ends at offset 5") && text.contains("offset 6"),
                "{text}"
            );
        }
    }
}
