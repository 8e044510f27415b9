//! Days and hours where a person may be: in one zone, in several, or anywhere.

use crate::contact::records::Day;
use crate::domain::zones::time_zone;
use crate::domain::{Micros, limits};
use jiff::civil::{Date, Time};
use jiff::tz::{Offset, TimeZone};
use jiff::{Span, ToSpan};

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
    /// Of these names, each of which may be that of no zone. Without any, with one that is none, and with too many: everywhere.
    #[must_use]
    pub fn of<'n>(names: impl Iterator<Item = Option<&'n str>>) -> Self {
        let mut zones: Vec<TimeZone> = Vec::new();
        let mut are_known = true;
        for zone in names.map(|name| time_zone(name?)) {
            match zone {
                Some(zone) if !zones.contains(&zone) => zones.push(zone),
                Some(_) => {}
                None => are_known = false,
            }
        }
        are_known &= (1..=limits::ZONES_MAX).contains(&zones.len());
        if !are_known {
            zones.clear();
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

/// The local day of a time, and the microseconds of that day as clocks show them.
#[must_use]
pub fn clock_of(zone: &TimeZone, time: Micros) -> (Date, i64) {
    let local = zone.to_datetime(timestamp(time));
    let time = local.time();
    let seconds = i64::from(time.hour()) * 3_600 + i64::from(time.minute()) * 60 + i64::from(time.second());
    (local.date(), seconds * 1_000_000 + i64::from(time.subsec_nanosecond() / 1_000))
}

/// The first moment of a local day.
#[must_use]
pub fn start_of(zone: &TimeZone, date: Date) -> Micros {
    at(zone, date, 0)[0]
}

/// The moments at which clocks show so many seconds of a local day: the same one twice, unless a clock is set back in
/// between; where they pass over that, the first one after it. 24 hours are the next day's beginning.
#[must_use]
pub fn at(zone: &TimeZone, date: Date, seconds: u32) -> [Micros; 2] {
    let (date, seconds) = if seconds >= 86_400 { (plus(date, 1), seconds - 86_400) } else { (date, seconds) };
    let part = |value: u32| i8::try_from(value).unwrap_or(0);
    let time = Time::constant(part(seconds / 3_600), part(seconds / 60 % 60), part(seconds % 60), 0);
    let found = zone.to_ambiguous_timestamp(date.to_datetime(time));
    [found.compatible(), found.later()]
        .map(|found| found.map_or(Micros::LAST, |time| Micros(time.as_microsecond())))
}

/// The moments between two at which clocks are set.
pub fn clock_changes(zone: &TimeZone, from: Micros, to: Micros) -> impl Iterator<Item = Micros> {
    let changes = zone.following(timestamp(from));
    changes.map(|change| Micros(change.timestamp().as_microsecond())).take_while(move |change| *change <= to)
}

/// A day so many days later.
#[must_use]
pub fn plus(date: Date, days: i64) -> Date {
    let span: Span = days.days();
    date.saturating_add(span)
}

/// A day as a number that grows by one from day to day. Of every day that a calendar has, the last one too.
#[must_use]
pub fn day_of(date: Date) -> i64 {
    i64::from(date.since(Date::ZERO).map_or(0, |span| span.get_days()))
}

/// The earliest of `candidates` from `begin` on, `begin` itself included, that `permits`.
pub fn first_permitted(
    begin: Micros,
    mut candidates: Vec<Micros>,
    permits: impl Fn(Micros) -> bool,
) -> Option<Micros> {
    candidates.push(begin);
    candidates.retain(|time| *time >= begin);
    candidates.sort_unstable();
    candidates.dedup();
    candidates.into_iter().find(|time| permits(*time))
}
