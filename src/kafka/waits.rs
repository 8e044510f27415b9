//! Tells in the log of units that wait for a schema: once when it takes long, and once when they go on. Decides
//! nothing.

use crate::domain::flow::Unit;
use std::collections::BTreeMap;

/// Units that waited at the last look, and whether that was told. A registry answers within milliseconds: who waits
/// at two looks in a row, a second apart, waits for one that does not.
#[derive(Debug, Default)]
pub struct Waits(BTreeMap<Unit, bool>);

/// What is to be told of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitNotice {
    /// It waits.
    Waits(Unit),
    /// It no longer does.
    GoesOn(Unit),
}

impl Waits {
    /// Looks at the units that wait now.
    pub fn look(&mut self, waiting: impl Iterator<Item = Unit>) -> Vec<WaitNotice> {
        let before = std::mem::take(&mut self.0);
        self.0 = waiting.map(|unit| (unit, before.contains_key(&unit))).collect();
        let new = |unit: &&Unit| self.0[*unit] && before.get(*unit) == Some(&false);
        let waits = self.0.keys().filter(new).map(|unit| WaitNotice::Waits(*unit));
        let over = before.iter().filter(|(unit, told)| **told && !self.0.contains_key(*unit));
        waits.chain(over.map(|(unit, _)| WaitNotice::GoesOn(*unit))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::flow::TWO as FLOW;

    fn at(partition: i32) -> Unit {
        Unit { flow: &FLOW, partition: partition.into() }
    }

    #[test]
    fn tells_of_a_long_wait_once_and_of_its_end() {
        let mut waits = Waits::default();
        let mut look = |waiting: &[i32]| waits.look(waiting.iter().map(|partition| at(*partition)));
        assert_eq!(look(&[3]), []);
        assert_eq!(look(&[]), [], "a short one");
        assert_eq!(look(&[3]), []);
        assert_eq!(look(&[3, 4]), [WaitNotice::Waits(at(3))]);
        assert_eq!(look(&[3, 4]), [WaitNotice::Waits(at(4))]);
        assert_eq!(look(&[4]), [WaitNotice::GoesOn(at(3))]);
        assert_eq!(look(&[]), [WaitNotice::GoesOn(at(4))]);
        assert_eq!(look(&[]), []);
    }
}
