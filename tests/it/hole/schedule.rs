//! What the network and the loop do to a few transactions, drawn from a seed: which requests are held back until when,
//! with or without a cut, and which transactions the loop aborts on purpose. The same seed is the same schedule; what
//! comes of it depends on the machine too.

use std::collections::BTreeMap;
use std::fmt;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::bent::AbortAt;
use crate::support::proxy::{Cut, Hold, Kind, Until};

/// Requests that are held, those more often that may end or change a later transaction.
const HELD: &[(Kind, u32)] = &[
    (Kind::Commit, 5),
    (Kind::TxnOffsetCommit, 4),
    (Kind::Abort, 3),
    (Kind::Produce, 2),
    (Kind::AddPartitionsToTxn, 1),
    (Kind::AddOffsetsToTxn, 1),
    (Kind::InitProducerId, 1),
];
/// Later requests by which they are let go, those more often that fall into the middle of a transaction.
const LET_GO_BY: &[(Kind, u32)] = &[
    (Kind::Produce, 4),
    (Kind::TxnOffsetCommit, 3),
    (Kind::Commit, 3),
    (Kind::AddPartitionsToTxn, 2),
    (Kind::AddOffsetsToTxn, 1),
    (Kind::Abort, 1),
];
/// Transactions that may be aborted on purpose.
const ABORTED_AMONG: usize = 6;
const EVENTS_MAX: u32 = 4;
/// The seed of [`Schedule::known`], which is not drawn.
const KNOWN: u64 = 0;

/// One schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    pub seed: u64,
    pub holds: Vec<Hold>,
    /// By number of the transaction, from 1.
    pub aborts: BTreeMap<usize, AbortAt>,
    /// Events of each spurt.
    pub spurts: Vec<usize>,
}

impl Schedule {
    /// Known to tear the loop without the defence: the positions of the first transaction arrive in the third, the
    /// second of the same partition (events go to the two partitions in turn), before its commit.
    pub fn known() -> Self {
        let until = Until::Before { kind: Kind::Commit, nth: 3 };
        let hold = Hold { cut: Cut::Connection, until, ..Hold::next(Kind::TxnOffsetCommit) };
        Schedule { seed: KNOWN, holds: vec![hold], aborts: BTreeMap::new(), spurts: vec![1; 3] }
    }

    pub fn drawn(seed: u64, spurts: usize) -> Self {
        if seed == KNOWN {
            return Self::known();
        }
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut draw = |below: u32| random.next_u32() % below;
        let count = if draw(4) == 0 { 2 } else { 1 };
        let holds: Vec<Hold> = (0..count).map(|_| hold(&mut draw)).collect();
        let mut aborts = BTreeMap::new();
        for number in 1..=ABORTED_AMONG {
            if draw(4) == 0 {
                aborts.insert(number, abort_at(&mut draw));
            }
        }
        let needs_abort = |hold: &Hold| hold.kind == Kind::Abort && hold.skip >= aborts.len();
        if holds.iter().any(needs_abort) {
            aborts.extend([(1, abort_at(&mut draw)), (3, abort_at(&mut draw))]);
        }
        let spurts = (0..spurts).map(|_| 1 + draw(EVENTS_MAX) as usize).collect();
        Schedule { seed, holds, aborts, spurts }
    }
}

fn abort_at(draw: &mut impl FnMut(u32) -> u32) -> AbortAt {
    if draw(3) == 0 { AbortAt::Offsets } else { AbortAt::Commit }
}

fn kind(of: &[(Kind, u32)], draw: &mut impl FnMut(u32) -> u32) -> Kind {
    let mut left = draw(of.iter().map(|(_, weight)| weight).sum());
    for (kind, weight) in of {
        if left < *weight {
            return *kind;
        }
        left -= weight;
    }
    of[0].0
}

fn hold(draw: &mut impl FnMut(u32) -> u32) -> Hold {
    let held = kind(HELD, draw);
    let (end, nth) = (kind(LET_GO_BY, draw), 1 + draw(4) as usize);
    let until = match draw(3) {
        0 => Until::After { kind: end, nth },
        _ => Until::Before { kind: end, nth },
    };
    let cut = if draw(5) < 3 { Cut::Connection } else { Cut::Nothing };
    Hold { kind: held, skip: draw(2) as usize, cut, until }
}

impl fmt::Display for Schedule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "seed {}:", self.seed)?;
        for Hold { kind, skip, cut, until } in &self.holds {
            write!(out, " hold {kind:?} number {} until {until:?}, cut {cut:?};", skip + 1)?;
        }
        write!(out, " aborted on purpose: {:?}; events: {:?}", self.aborts, self.spurts)
    }
}
