//! Inputs whose stable end stands below their end: a transaction of a sender is open there, and nothing behind it is
//! decided before it ends. Measures for how long it has stood at one place. Decides nothing, and reads no clock.

use super::port::{InputPartition, InputReach};
use std::collections::BTreeMap;
use std::time::Duration;

/// Where an input stands still behind a transaction that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeldBack {
    /// Which input partition.
    pub at: InputPartition,
    /// The offset at which the oldest open transaction begins.
    pub offset: i64,
    /// For how long it has been seen there.
    pub time: Duration,
}

/// What one worker has seen of its inputs.
#[derive(Debug, Default)]
pub struct InputWatch {
    /// Stable ends below the end, and since when they stand there.
    since: BTreeMap<InputPartition, (i64, Duration)>,
}

impl InputWatch {
    /// Takes in how far inputs reach at `now`, and forgets all others; what of them is held back.
    pub fn look(&mut self, reaches: &[(InputPartition, InputReach)], now: Duration) -> Vec<HeldBack> {
        let mut since = BTreeMap::new();
        let mut held = Vec::new();
        for (at, reach) in reaches.iter().filter(|(_, reach)| reach.stable < reach.end) {
            // A sender that writes in transactions all the time holds back something whenever it is looked at; only an
            // end that does not move is one that waits.
            let seen = self.since.get(at).filter(|(offset, _)| *offset == reach.stable);
            let begun = seen.map_or(now, |(_, begun)| *begun);
            since.insert(*at, (reach.stable, begun));
            held.push(HeldBack { at: *at, offset: reach.stable, time: now.saturating_sub(begun) });
        }
        self.since = since;
        held
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::PartitionId;
    use crate::domain::flow::{TWO as FLOW, Unit};

    fn look(watch: &mut InputWatch, stable: i64, end: i64, now: u64) -> Vec<(i64, u64)> {
        let at = InputPartition { unit: Unit { flow: &FLOW, partition: PartitionId::new(3) }, input: 0 };
        let reach = InputReach { stable, end, ..InputReach::default() };
        let held = watch.look(&[(at, reach)], Duration::from_secs(now));
        held.iter().map(|held| (held.offset, held.time.as_secs())).collect()
    }

    #[test]
    fn an_end_that_stands_below_the_end_grows_old_until_it_moves() {
        let mut watch = InputWatch::default();
        assert_eq!(look(&mut watch, 10, 10, 0), []);
        assert_eq!(look(&mut watch, 10, 12, 5), [(10, 0)]);
        assert_eq!(look(&mut watch, 10, 90, 10), [(10, 5)]);
        assert_eq!(look(&mut watch, 12, 95, 15), [(12, 0)], "another transaction");
        assert_eq!(look(&mut watch, 96, 96, 20), []);
        assert_eq!(look(&mut watch, 96, 97, 25), [(96, 0)], "starts over");
        assert_eq!(watch.look(&[], Duration::from_secs(30)), [], "somebody else's by now");
        assert_eq!(look(&mut watch, 96, 97, 35), [(96, 0)]);
    }
}
