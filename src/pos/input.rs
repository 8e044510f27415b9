//! The flow's declaration, and its inputs by name.

use crate::codec::journal::FIRST_FLOW;
use crate::contact;
use crate::domain::flow::{Flow, Positions};
use crate::profiles;

/// How many inputs it has.
pub const INPUTS: usize = 3;

/// POS events, judged by account events; ticks, so that time passes where neither comes.
pub static FLOW: Flow = Flow {
    name: FIRST_FLOW,
    key: "account",
    entries: "accounts",
    inputs: &["pos_events", "account_events", "ticks"],
    outputs: &["pos_outcomes", "account_results"],
    latest: &[],
    feeds: &[(&profiles::FLOW, profiles::OBSERVATIONS), (&contact::FLOW, contact::PARTIES)],
    own: &[Input::Ticks as usize],
    numbered: &[Input::Ticks as usize],
    asked: &[Input::AccountEvents as usize],
    ticks: Some(Input::Ticks as usize),
};

/// The places of what decisions send.
pub const OUTCOMES: usize = 0;
pub const ACCOUNT_RESULTS: usize = 1;
pub const OBSERVATIONS: usize = 2;
pub const PARTIES: usize = 3;

/// Which input topic a record came from; as a number its place in the flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Input {
    /// POS events.
    PosEvents,
    /// Account events.
    AccountEvents,
    /// Ticks.
    Ticks,
}

impl Input {
    /// All, in the order of positions.
    pub const ALL: [Self; INPUTS] = [Self::PosEvents, Self::AccountEvents, Self::Ticks];

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
    pub fn offsets(positions: &Positions) -> [i64; INPUTS] {
        let mut offsets = [0; INPUTS];
        for (offset, position) in offsets.iter_mut().zip(positions.iter()) {
            *offset = position.unwrap_or(0);
        }
        offsets
    }

    /// The other inputs of the same partition, in the order of positions.
    pub fn others(self) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |input| *input != self)
    }
}
