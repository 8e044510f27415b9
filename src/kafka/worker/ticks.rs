//! Ticks: when one is worth writing. A unit's time passes by what is read alone, so where nothing comes, and something waits
//! for time to pass, a record is written that says how much of it has. Clocks only say when to write it; what it does is
//! decided on reading it, from what it says and from the time that its broker gave it.

use crate::domain::flow::Unit;
use crate::kafka::port::InputReach;
use crate::pipeline::NextTick;
use std::time::Duration;

/// Wait for a tick that was written, before another one is.
const UNREAD_MAX: Duration = Duration::from_secs(30);
/// How long nothing must have come of a unit of which nobody knows when its last record was written, before a tick makes
/// that known.
const QUIET: Duration = Duration::from_secs(60);

/// A unit's ticks, as its worker sees them.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ticking {
    /// When anything came of the unit last.
    last_decided: Option<Duration>,
    /// When this worker wrote a tick that it has not read yet.
    unread: Option<Duration>,
    /// How far this machine's clock is ahead of the broker's, in milliseconds: known of ticks that came back.
    ahead: i64,
}

impl Ticking {
    /// Records of the unit were decided; `ticked`: the broker's time of the last tick, where one was among them.
    /// `wall_millis`: what time it is by the clock of this machine.
    pub fn note_decided(&mut self, now: Duration, ticked: Option<i64>, wall_millis: i64) {
        self.last_decided = Some(now);
        if let Some(millis) = ticked
            && self.unread.take().is_some()
        {
            self.ahead = wall_millis.saturating_sub(millis);
        }
    }

    /// Whether the tick that comes next is to be written now. A clock that is wrong leads to one that is too early, which
    /// does no harm and tells by how much, or too late.
    pub fn is_due(&mut self, next: &NextTick, now: Duration, wall_millis: i64) -> bool {
        if self.unread.is_some_and(|since| now < since + UNREAD_MAX) {
            return false;
        }
        match next.due_millis {
            Some(due) => wall_millis.saturating_sub(self.ahead) >= due,
            None => now >= *self.last_decided.get_or_insert(now) + QUIET,
        }
    }

    /// A tick was written.
    pub fn wrote(&mut self, now: Duration) {
        self.unread = Some(now);
    }
}

/// Whether every input of a unit is read to its end, as far as that was said just now. `positions`: its next offsets.
pub fn is_read_to_the_end(
    unit: Unit,
    positions: impl Iterator<Item = Option<i64>>,
    reach: impl Fn(usize) -> Option<InputReach>,
) -> bool {
    unit.inputs()
        .zip(positions)
        .all(|(at, position)| reach(at.input).is_some_and(|reach| reach.lag(position.unwrap_or(0)) == 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::PartitionId;

    const fn next(due_millis: Option<i64>) -> NextTick {
        NextTick { due_millis, value: Vec::new() }
    }

    const fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn waits_for_the_clock_and_then_for_what_it_wrote() {
        let mut ticking = Ticking::default();
        assert!(!ticking.is_due(&next(Some(5_000)), at(1), 4_999));
        assert!(ticking.is_due(&next(Some(5_000)), at(1), 5_000));
        ticking.wrote(at(1));
        assert!(!ticking.is_due(&next(Some(5_000)), at(30), 90_000));
        assert!(ticking.is_due(&next(Some(5_000)), at(31), 90_000), "it may be lost");
    }

    #[test]
    fn goes_by_the_brokers_time_once_a_tick_has_told_it() {
        let mut ticking = Ticking::default();
        assert!(ticking.is_due(&next(Some(9_000)), at(10), 9_000));
        ticking.wrote(at(10));
        // The broker's clock is three seconds behind ours.
        ticking.note_decided(at(10), Some(6_000), 9_000);
        assert!(!ticking.is_due(&next(Some(9_000)), at(12), 11_000));
        assert!(ticking.is_due(&next(Some(9_000)), at(13), 12_000));
        ticking.note_decided(at(14), Some(1_000), 13_000);
        assert!(ticking.is_due(&next(Some(9_000)), at(14), 13_000), "a tick of another says nothing of now");
    }

    #[test]
    fn asks_what_time_it_is_only_once_nothing_has_come_for_a_while() {
        let mut ticking = Ticking::default();
        assert!(!ticking.is_due(&next(None), at(1), 0));
        assert!(!ticking.is_due(&next(None), at(60), 0));
        ticking.note_decided(at(60), None, 0);
        assert!(!ticking.is_due(&next(None), at(119), 0));
        assert!(ticking.is_due(&next(None), at(120), 0));
    }

    #[test]
    fn knows_the_end_only_of_inputs_that_were_asked_for() {
        let unit = Unit { flow: &crate::domain::flow::TWO, partition: PartitionId::new(0) };
        let at_end = InputReach { stable: 8, end: 8, delivered: Some(7), read: Some(8) };
        let positions = || [Some(7), None].into_iter();
        let empty = InputReach { read: Some(0), ..InputReach::default() };
        let read =
            |reach: [Option<InputReach>; 2]| is_read_to_the_end(unit, positions(), |input| reach[input]);
        assert!(read([Some(at_end), Some(empty)]), "offset 7 is a marker");
        assert!(!read([Some(at_end), None]));
        assert!(!read([Some(InputReach { read: Some(7), ..at_end }), Some(empty)]));
    }
}
