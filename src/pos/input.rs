//! The flow's declaration, and its inputs by name.

use crate::codec::journal::FIRST_FLOW;
use crate::domain::flow::{Flow, Positions};

/// POS events, judged by account events.
pub static FLOW: Flow = Flow {
    name: FIRST_FLOW,
    key: "account",
    entries: "accounts",
    inputs: &["pos_events", "account_events"],
    outputs: &["pos_outcomes"],
};

/// Which input topic a record came from; as a number its place in the flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Input {
    /// POS events.
    PosEvents,
    /// Account events.
    AccountEvents,
}

impl Input {
    /// Both, in the order of positions.
    pub const ALL: [Self; 2] = [Self::PosEvents, Self::AccountEvents];

    /// The input at this place of the flow.
    #[must_use]
    pub fn at(place: usize) -> Self {
        Self::ALL[place]
    }

    /// Its name in settings and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        FLOW.inputs[self as usize]
    }

    /// Next offsets, 0 where nothing was read yet.
    #[must_use]
    pub fn offsets(positions: &Positions) -> [i64; 2] {
        Self::ALL.map(|input| positions[input as usize].unwrap_or(0))
    }

    /// The other input of the same partition.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::PosEvents => Self::AccountEvents,
            Self::AccountEvents => Self::PosEvents,
        }
    }
}
