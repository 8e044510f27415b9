//! What is refused by the clock in a week, and the first moment that is refused in no zone. Between two changes of any clock all
//! zones go alike, and each week is like the one before: so a year ahead is looked through in few steps, however many times and
//! zones a party record has.

use super::times::{Zones, next_change, number_of, offset_of};
use crate::contact::records::Day;
use crate::domain::Micros;
use jiff::tz::TimeZone;
use std::collections::BTreeSet;

pub const SECOND: i64 = 1_000_000;
pub const DAY: i64 = 86_400 * SECOND;
const WEEK: i64 = 7 * DAY;
/// The day of the week, from Monday on, of 1 January 1970.
const FIRST_DAY: i64 = 3;

/// Stretches of a week in microseconds from Monday on, the first one within and the last one not: in their order, and apart.
#[derive(Debug, PartialEq, Eq)]
pub struct Week(Vec<(i64, i64)>);

impl Week {
    /// Of what is refused, in any order; what goes beyond the week's end is at its beginning.
    #[must_use]
    pub fn of(refused: impl Iterator<Item = (i64, i64)>) -> Self {
        let around = |(from, to): (i64, i64)| {
            let (from, to) = (from.rem_euclid(WEEK), to - from + from.rem_euclid(WEEK));
            [(from, to.min(WEEK)), (0, to - WEEK)]
        };
        let mut all: Vec<(i64, i64)> = refused.flat_map(around).filter(|(from, to)| from < to).collect();
        all.sort_unstable();
        let mut apart: Vec<(i64, i64)> = Vec::new();
        for (from, to) in all {
            match apart.last_mut() {
                Some(before) if from <= before.1 => before.1 = before.1.max(to),
                _ => apart.push((from, to)),
            }
        }
        Self(apart)
    }

    /// How long after a local time, in microseconds from 1970 on, the first one is that is not refused; none where all are.
    fn wait(&self, local: i64) -> Option<i64> {
        let time = (local + FIRST_DAY * DAY).rem_euclid(WEEK);
        let end_of = |time: i64| {
            let place = self.0.partition_point(|(from, _)| *from <= time);
            self.0[..place].last().map(|(_, to)| *to).filter(|to| time < *to)
        };
        match end_of(time) {
            None => Some(0),
            Some(WEEK) => match end_of(0) {
                Some(WEEK) => None,
                next => Some(WEEK + next.unwrap_or(0) - time),
            },
            Some(to) => Some(to - time),
        }
    }

    /// Whether a moment is refused in none of the zones.
    #[must_use]
    pub fn permits(&self, time: Micros, zones: &Zones) -> bool {
        zones.all(|zone| self.wait(time.0 + offset_of(zone, time)) == Some(0))
    }

    /// The first moment from `begin` to `end` that is refused in none of the zones, and is `on` a day in each.
    #[must_use]
    pub fn first(&self, zones: &Zones, [begin, end]: [Micros; 2], on: Option<Day>) -> Option<Micros> {
        let mut clocks: Vec<Clock<'_>> = zones.iter().map(|zone| Clock::at(zone, begin)).collect();
        // Where a week has nothing no other one with the same clocks has.
        let mut without: BTreeSet<Vec<i64>> = BTreeSet::new();
        // No record could say a later time.
        let end = end.min(Micros::LAST);
        let mut time = begin;
        while time <= end {
            for clock in clocks.iter_mut().filter(|clock| clock.until <= time) {
                *clock = Clock::at(clock.zone, time);
            }
            let mut offsets: Vec<i64> = clocks.iter().map(|clock| clock.offset).collect();
            offsets.sort_unstable();
            offsets.dedup();
            let until = clocks.iter().map(|clock| clock.until).min()?;
            let mut within = [time.0, until.0.min(end.0 + 1)];
            if let (Some(Day(date)), Some(first), Some(last)) = (on, offsets.first(), offsets.last()) {
                let midnight = number_of(date) * DAY;
                within = [within[0].max(midnight - first), within[1].min(midnight + DAY - last)];
            }
            if !without.contains(&offsets) {
                match self.first_of(&offsets, within) {
                    Some(found) if found < within[1] => return Some(Micros(found)),
                    Some(_) => {}
                    None => drop(without.insert(offsets)),
                }
            }
            time = until;
        }
        None
    }

    /// The first time that is not refused at any of these offsets from UTC, if it comes before the end, otherwise a later one;
    /// none where a week has none.
    fn first_of(&self, offsets: &[i64], [begin, end]: [i64; 2]) -> Option<i64> {
        let (mut time, mut agreed) = (begin, 0);
        for offset in offsets.iter().cycle() {
            if agreed == offsets.len() || time >= end {
                break;
            }
            let wait = self.wait(time + offset)?;
            if wait > 0 {
                time += wait;
                agreed = 0;
            }
            agreed += 1;
            if time >= begin + WEEK {
                return None;
            }
        }
        Some(time)
    }
}

/// The clock of a zone until it is set.
struct Clock<'z> {
    zone: &'z TimeZone,
    /// Microseconds by which it is ahead of UTC.
    offset: i64,
    until: Micros,
}

impl<'z> Clock<'z> {
    fn at(zone: &'z TimeZone, time: Micros) -> Self {
        Self { zone, offset: offset_of(zone, time), until: next_change(zone, time) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: i64 = 60 * SECOND;

    /// A stream of numbers (splitmix64).
    fn numbers(seed: u64) -> impl FnMut(i64) -> i64 {
        let mut state = seed;
        move |below| {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let value = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            ((value ^ (value >> 29)) % below as u64) as i64
        }
    }

    /// The same minute by minute.
    fn looked_for(
        stretches: &[(i64, i64)],
        zones: &Zones,
        [begin, end]: [Micros; 2],
        on: Option<Day>,
    ) -> Option<Micros> {
        let is_permitted = |zone: &TimeZone, time: i64| {
            let local = time + offset_of(zone, Micros(time));
            let is_on = on.is_none_or(|Day(date)| number_of(date) == local.div_euclid(DAY));
            let clock = (local + FIRST_DAY * DAY).rem_euclid(WEEK);
            let holds = |(from, to): &(i64, i64)| {
                (*from..*to).contains(&clock) || (*from..*to).contains(&(clock + WEEK))
            };
            is_on && !stretches.iter().any(holds)
        };
        let minutes = (begin.0..=end.0).step_by(MINUTE as usize);
        minutes.map(Micros).find(|time| zones.all(|zone| is_permitted(zone, time.0)))
    }

    #[test]
    fn the_first_permitted_moment_is_that_which_a_look_at_every_minute_finds() {
        let all = [
            "America/New_York",
            "America/Los_Angeles",
            "Europe/Oslo",
            "Asia/Kathmandu",
            "Australia/Lord_Howe",
            "Pacific/Apia",
            "Pacific/Kiritimati",
            "America/St_Johns",
            "Africa/Casablanca",
            "America/Santiago",
        ];
        let mut below = numbers(5);
        for _ in 0..60 {
            let names: Vec<&str> = (0..=below(3)).map(|_| all[below(all.len() as i64) as usize]).collect();
            let zones = Zones::of(names.iter().copied());
            let stretches: Vec<(i64, i64)> = (0..1 + below(8))
                .map(|_| {
                    let from = below(7 * 24 * 60) * MINUTE;
                    let longest = [60, 24 * 60, 6 * 24 * 60][below(3) as usize];
                    (from, from + below(longest) * MINUTE)
                })
                .collect();
            let begin = Micros::parse_rfc3339("2011-01-01T00:00:00Z").expect("a time");
            let begin = begin.plus(Micros(below(15 * 365) * DAY + below(24 * 60) * MINUTE));
            let within = [begin, begin.plus(Micros(8 * DAY))];
            let date = super::super::times::date_of(&TimeZone::UTC, begin.plus(Micros(DAY)));
            for on in [None, Some(Day(date))] {
                let found = Week::of(stretches.iter().copied()).first(&zones, within, on);
                let expected = looked_for(&stretches, &zones, within, on);
                assert_eq!(found, expected, "{names:?} from {begin}, {on:?}: {stretches:?}");
            }
        }
    }

    #[test]
    fn far_dates_and_whole_weeks_come_to_an_end() {
        let zones = Zones::of(["Europe/Oslo", "America/New_York", "UTC"].into_iter());
        let year = Micros(400 * DAY);
        for begin in [Micros::FIRST, Micros(0), Micros::LAST.minus(year), Micros::LAST] {
            assert_eq!(
                Week::of([(0, WEEK)].into_iter()).first(&zones, [begin, begin.plus(year)], None),
                None
            );
            let nothing = Week::of(std::iter::empty());
            assert_eq!(nothing.first(&zones, [begin, begin.plus(year)], None), Some(begin));
            // But for a minute, which comes no more in the last hours of the calendar.
            let most = Week::of([(MINUTE, WEEK)].into_iter());
            let found = most.first(&zones, [begin, begin.plus(year)], None);
            assert!(found.is_none_or(|time| time <= Micros::LAST), "{found:?}");
        }
        let around = Week::of([(6 * DAY, 8 * DAY), (DAY, 6 * DAY - MINUTE)].into_iter());
        assert_eq!(around, Week(vec![(0, 6 * DAY - MINUTE), (6 * DAY, WEEK)]));
    }
}
