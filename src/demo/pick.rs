//! Which answers are explained: for every kind the first few are kept, and the most telling of them is chosen.

use crate::codec::{KnownSchemas, decode_pos_event};
use crate::domain::enums::Verdict;
use crate::domain::pos_event::PosEvent;
use crate::explain::outcome::ExplainedOutcome;
use crate::kafka::client::Dump;
use crate::kafka::failure::Fault;

/// Answers of a kind that are kept to choose from.
const KEPT: usize = 10;

/// What is explained, in the order of the explanations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PickKind {
    /// Everything adds up.
    Accepted,
    /// A line does not add up.
    LineGross,
    /// The total is not the sum of the lines.
    Total,
    /// More than the limit allows.
    OverLimit,
    /// The customer has to identify first.
    Identify,
}

impl PickKind {
    const ALL: [Self; 5] = [Self::Accepted, Self::LineGross, Self::Total, Self::OverLimit, Self::Identify];

    /// The kind of an answer, by its first message.
    fn of(answer: &ExplainedOutcome) -> Option<Self> {
        match (answer.verdict(), answer.risk_check_messages.as_slice()) {
            (Verdict::Accepted, []) => Some(Self::Accepted),
            (Verdict::Rejected, [message, ..]) => match message.code.as_str() {
                "pos.item.gross" => Some(Self::LineGross),
                "400.102" => Some(Self::Total),
                "200.903" => Some(Self::OverLimit),
                _ => None,
            },
            (Verdict::Pending, [message, ..]) if message.code == "pos.first.amount" => Some(Self::Identify),
            _ => None,
        }
    }
}

/// Answers to choose from.
#[derive(Default)]
pub(super) struct Picks {
    kept: [Vec<ExplainedOutcome>; PickKind::ALL.len()],
}

/// An answer to explain, and the bytes of the event it is for.
pub(super) struct Pick {
    pub(super) kind: PickKind,
    pub(super) answer: ExplainedOutcome,
    event: Vec<u8>,
}

impl Picks {
    /// Keeps the answer where it is of a kind that has room.
    pub(super) fn offer(&mut self, answer: ExplainedOutcome) {
        let Some(kind) = PickKind::of(&answer) else { return };
        let kept = &mut self.kept[kind as usize];
        if kept.len() < KEPT {
            kept.push(answer);
        }
    }

    /// The most telling answer of each kind, with its event read back from where the outcome says it stands.
    ///
    /// # Errors
    /// The broker is gone.
    pub(super) fn choose(&mut self, dump: &mut Dump, schemas: &KnownSchemas) -> Result<Vec<Pick>, Fault> {
        let mut chosen = Vec::new();
        for kind in PickKind::ALL {
            let mut picks = Vec::new();
            for answer in self.kept[kind as usize].drain(..) {
                let at = &answer.source;
                let event = dump.record_at(&at.topic, at.partition, at.offset, |record| {
                    record.value.unwrap_or_default().to_vec()
                })?;
                picks.extend(event.map(|event| Pick { kind, answer, event }));
            }
            chosen.extend(picks.into_iter().max_by_key(|pick| pick.telling(schemas)));
        }
        Ok(chosen)
    }
}

impl Pick {
    /// The event.
    pub(super) fn event(&self, schemas: &KnownSchemas) -> Option<PosEvent<'_>> {
        decode_pos_event(schemas, &self.event, None).ok()
    }

    /// How telling a decision is: one thing and no other, on a few lines with a discount; none where its event cannot be read.
    fn telling(&self, schemas: &KnownSchemas) -> Option<[bool; 3]> {
        let event = self.event(schemas)?;
        let is_alone = self.answer.risk_check_messages.len() < 2;
        let is_short = (2..=5).contains(&event.items.len());
        Some([is_alone, is_short, event.items.iter().any(|item| item.discount.value().is_some())])
    }
}
