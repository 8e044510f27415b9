//! Days and hours where a person may be: in one zone, in several, or anywhere.

use crate::contact::records::Day;
use crate::domain::Micros;
use crate::domain::zones::time_zone;
use jiff::civil::{Date, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{Span, ToSpan};

const DAY: i64 = 86_400_000_000;
const EPOCH: Date = Date::constant(1970, 1, 1);

/// When a person is to be contacted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At this time.
    At(Micros),
    /// At some time of this day.
    On(Day),
}

/// Where the person may be.
#[derive(Clone, Debug)]
pub struct Zones {
    zones: Vec<TimeZone>,
    /// Whether that is known at all.
    pub are_known: bool,
}

impl Zones {
    /// Of these names, of which those that are none are passed over. Without any: everywhere.
    #[must_use]
    pub fn of<'n>(names: impl Iterator<Item = &'n str>) -> Self {
        let mut zones: Vec<TimeZone> = Vec::new();
        for zone in names.filter_map(time_zone) {
            if !zones.contains(&zone) {
                zones.push(zone);
            }
        }
        let are_known = !zones.is_empty();
        if !are_known {
            // The first and the last places on earth to have a day.
            zones.extend([-12, 14].map(|hours| TimeZone::fixed(Offset::constant(hours))));
        }
        Self { zones, are_known }
    }

    /// One by one.
    pub fn iter(&self) -> impl Iterator<Item = &TimeZone> + Clone {
        self.zones.iter()
    }

    /// Whether a thing holds in one of them.
    pub fn any(&self, holds: impl FnMut(&TimeZone) -> bool) -> bool {
        self.zones.iter().any(holds)
    }

    /// Whether it holds in each.
    pub fn all(&self, holds: impl FnMut(&TimeZone) -> bool) -> bool {
        self.zones.iter().all(holds)
    }

    /// The first moment at which a contact has begun: of a day, where it begins last.
    #[must_use]
    pub fn beginning(&self, when: When) -> Micros {
        match when {
            When::At(time) => time,
            When::On(Day(date)) => self.last_start(date),
        }
    }

    /// The first moment of a day in the zone where it begins last.
    #[must_use]
    pub fn last_start(&self, date: Date) -> Micros {
        self.iter().map(|zone| start_of(zone, date)).max().unwrap_or(Micros::LAST)
    }
}

impl When {
    /// The day in a zone.
    #[must_use]
    pub fn day(self, zone: &TimeZone) -> Date {
        match self {
            Self::At(time) => date_of(zone, time),
            Self::On(Day(date)) => date,
        }
    }
}

fn timestamp(time: Micros) -> jiff::Timestamp {
    let time = time.clamp(Micros::FIRST, Micros::LAST);
    jiff::Timestamp::from_microsecond(time.0).unwrap_or(jiff::Timestamp::MAX)
}

/// The local day of a time.
#[must_use]
pub fn date_of(zone: &TimeZone, time: Micros) -> Date {
    zone.to_datetime(timestamp(time)).date()
}

/// Microseconds by which the clock of a zone is ahead of UTC.
#[must_use]
pub fn offset_of(zone: &TimeZone, time: Micros) -> i64 {
    i64::from(zone.to_offset(timestamp(time)).seconds()) * 1_000_000
}

/// When the clock of a zone is set next after a time.
#[must_use]
pub fn next_change(zone: &TimeZone, time: Micros) -> Micros {
    let mut changes =
        zone.following(timestamp(time)).map(|change| Micros(change.timestamp().as_microsecond()));
    changes.find(|change| *change > time).unwrap_or(Micros(i64::MAX))
}

/// The local day of a time by its number, from 1 January 1970 on.
#[must_use]
pub fn day_of(zone: &TimeZone, time: Micros) -> i64 {
    let time = time.clamp(Micros::FIRST, Micros::LAST);
    (time.0 + offset_of(zone, time)).div_euclid(DAY)
}

/// The number of a day.
#[must_use]
pub fn number_of(date: Date) -> i64 {
    i64::from(EPOCH.until(date).map_or(0, |span| span.get_days()))
}

/// The first moments of a local day by its number: the same one twice, unless a clock is set back in between.
#[must_use]
pub fn starts_of(zone: &TimeZone, day: i64) -> [Micros; 2] {
    let found = zone.to_ambiguous_timestamp(plus(EPOCH, day).to_datetime(Time::midnight()));
    [found.compatible(), found.later()]
        .map(|found| found.map_or(Micros::LAST, |time| Micros(time.as_microsecond())))
}

/// The first moment of a local day.
#[must_use]
pub fn start_of(zone: &TimeZone, date: Date) -> Micros {
    starts_of(zone, number_of(date))[0]
}

/// A day so many days later.
#[must_use]
pub fn plus(date: Date, days: i64) -> Date {
    let span: Span = days.days();
    date.saturating_add(span)
}
