//! The promises of tillgate, by the ids that `replay --verify`, the simulation, the torture and docs/reliability.md know them by.
//! Judges nothing itself.

use super::enums::symbols;
use std::fmt;

symbols! {
    /// What must hold whatever happens, judged by committed records alone; by its id, as faults and documents name it.
    Promise {
        /// Every event has exactly one answer of its own, in the order of the offsets; a Pending one is ended at most once.
        Once = "P1",
        /// The same inputs give the same bytes.
        SameBytes = "P2",
        /// Balances move by what was posted and paid, and by nothing else.
        Money = "P3",
        /// The journal, whole and trimmed, gives the state that the inputs give.
        Journal = "P4",
        /// Group, journal and outputs stand at the same place of the inputs; no transaction is left open.
        Positions = "P5",
        /// What cannot be used is a dead letter, once, and nothing else is.
        DeadLetters = "P6",
    }
}

impl Promise {
    /// What to say where it is broken.
    #[must_use]
    pub fn broken(self, text: impl fmt::Display) -> String {
        format!("{self}: {text}")
    }
}
