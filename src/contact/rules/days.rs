//! Days that a rule refuses where a person may be, and the first moment that it refuses nowhere. Zones, calls and debts can be as
//! many as their bounds let them: so stretches of days are passed over as a whole, and no day is looked at for each call.

use super::times::{When, Zones, day_of, number_of, starts_of};
use crate::domain::Micros;
use jiff::tz::TimeZone;

/// Days ahead that are looked at: more than any policy spans.
const SPAN_MAX: i64 = 64;

/// Days by their numbers as stretches, first and last day of each: in their order, and apart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stretches(Vec<(i64, i64)>);

impl Stretches {
    /// Adds a stretch that begins no earlier than the last one.
    pub fn add(&mut self, first: i64, last: i64) {
        match self.0.last_mut() {
            _ if first > last => {}
            Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
            _ => self.0.push((first, last)),
        }
    }

    /// The last day of the stretch that a day is in.
    #[must_use]
    pub fn end(&self, day: i64) -> Option<i64> {
        let place = self.0.partition_point(|(first, _)| *first <= day);
        let (_, last) = self.0[..place].last()?;
        (day <= *last).then_some(*last)
    }
}

/// When a request is about, in each zone.
pub struct Calendar<'q> {
    begin: Micros,
    places: Vec<Place<'q>>,
}

struct Place<'q> {
    zone: &'q TimeZone,
    /// The day of the request.
    day: i64,
    /// That of its beginning.
    first: i64,
}

impl<'q> Calendar<'q> {
    pub fn of(zones: &'q Zones, when: When) -> Self {
        let begin = zones.beginning(when);
        let place = |zone| Place { zone, day: number_of(when.day(zone)), first: day_of(zone, begin) };
        Self { begin, places: zones.iter().map(place).collect() }
    }

    /// The day of the request in each zone.
    pub fn days(&self) -> impl Iterator<Item = i64> {
        self.places.iter().map(|place| place.day)
    }

    /// Where the request is on one of the days that are refused in its zone: from when on there is none such in any, where that is
    /// known. `last`: the last day on which something took place.
    pub fn refused<'s>(
        &self,
        of_place: impl Fn(usize) -> &'s Stretches,
        last: Option<i64>,
    ) -> Option<Option<Micros>> {
        let is_refused = |(number, place): (usize, &Place<'_>)| of_place(number).end(place.day).is_some();
        self.places.iter().enumerate().any(is_refused).then(|| self.first_free(of_place, last))
    }

    fn first_free<'s>(&self, of_place: impl Fn(usize) -> &'s Stretches, last: Option<i64>) -> Option<Micros> {
        let (mut time, mut agreed) = (self.begin, 0);
        for (number, place) in self.places.iter().enumerate().cycle() {
            if agreed == self.places.len() {
                break;
            }
            let Some(end) = of_place(number).end(day_of(place.zone, time)) else {
                agreed += 1;
                continue;
            };
            // No call is remembered for longer than these days, and none lies far ahead.
            let span = last.map_or(0, |last| last - place.first).clamp(0, SPAN_MAX) + SPAN_MAX;
            if end >= place.first + span {
                return None;
            }
            // A clock that is set back past midnight begins a day twice.
            time = starts_of(place.zone, end + 1).into_iter().find(|start| *start > time)?;
            agreed = 0;
        }
        Some(time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contact::records::Day;

    const QUARTER: i64 = 15 * 60 * 1_000_000;

    /// The first quarter of an hour on a day that no zone refuses.
    fn looked_for(zones: &Zones, begin: Micros, refused: &Stretches) -> Option<Micros> {
        let quarters =
            (begin.0.div_euclid(QUARTER) + 1..).take(60 * 96).map(|quarter| Micros(quarter * QUARTER));
        std::iter::once(begin)
            .chain(quarters)
            .find(|time| zones.all(|zone| refused.end(day_of(zone, *time)).is_none()))
    }

    #[test]
    fn the_first_free_moment_is_that_which_a_look_at_every_quarter_finds() {
        let names = [
            &["America/New_York"][..],
            &["Pacific/Kiritimati", "Pacific/Pago_Pago"],
            &["Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe"],
            // It had no 30 December 2011.
            &["Pacific/Apia", "Europe/Oslo"],
            &["America/Sao_Paulo", "Africa/Cairo"],
            &[],
        ];
        let begins = ["2011-12-20T03:20:00Z", "2026-03-01T12:00:00Z", "2018-10-30T23:59:59.999999Z"];
        for (number, begin) in begins.iter().enumerate() {
            let begin = Micros::parse_rfc3339(begin).expect("a time");
            for (place, names) in names.iter().enumerate() {
                let zones = Zones::of(names.iter().copied());
                for days in 0..12_i64 {
                    let mut refused = Stretches::default();
                    let first = day_of(&TimeZone::UTC, begin) - 3;
                    let length = days + number as i64;
                    for stretch in 0..3 {
                        // One free day, or two, between stretches.
                        let from = first + stretch * (length + 1 + place as i64 % 2);
                        refused.add(from, from + length - 1);
                    }
                    let calendar = Calendar::of(&zones, When::At(begin));
                    let found = calendar.refused(|_| &refused, None);
                    let expected = looked_for(&zones, begin, &refused);
                    assert_eq!(found.unwrap_or(Some(begin)), expected, "{names:?} from {begin}, {refused:?}");
                }
            }
        }
    }

    #[test]
    fn what_has_no_end_is_not_looked_for_forever() {
        let zones = Zones::of(["Europe/Oslo", "Asia/Tokyo"].into_iter());
        let mut refused = Stretches::default();
        refused.add(i64::MIN, i64::MAX);
        for day in ["0000-01-01", "2026-03-02", "9999-12-31"] {
            let calendar = Calendar::of(&zones, When::On(Day::parse(day).expect("a day")));
            assert_eq!(calendar.refused(|_| &refused, Some(i64::MAX >> 1)), Some(None), "{day}");
        }
    }
}
