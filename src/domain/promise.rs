//! The promises of tillgate, by the ids that `replay --verify`, the simulation, the torture and docs/reliability.md know them by.
//! Judges nothing itself.

use std::fmt;

/// What must hold whatever happens, judged by committed records alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Promise {
    /// P1: every event has exactly one answer of its own, in the order of the offsets; a Pending one is ended at most once.
    Once,
    /// P2: the same inputs give the same bytes.
    SameBytes,
    /// P3: balances move by what was posted and paid, and by nothing else.
    Money,
    /// P4: the journal, whole and trimmed, gives the state that the inputs give.
    Journal,
    /// P5: group, journal and outputs stand at the same place of the inputs; no transaction is left open.
    Positions,
    /// P6: what cannot be used is a dead letter, once, and nothing else is.
    DeadLetters,
}

impl Promise {
    /// All, in the order of their ids.
    pub const ALL: [Self; 6] =
        [Self::Once, Self::SameBytes, Self::Money, Self::Journal, Self::Positions, Self::DeadLetters];

    /// As faults and documents name it.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Once => "P1",
            Self::SameBytes => "P2",
            Self::Money => "P3",
            Self::Journal => "P4",
            Self::Positions => "P5",
            Self::DeadLetters => "P6",
        }
    }

    /// What to say where it is broken.
    #[must_use]
    pub fn broken(self, text: impl fmt::Display) -> String {
        format!("{}: {text}", self.id())
    }
}
