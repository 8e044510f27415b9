//! Hours, and times and places that the person called inconvenient (12 CFR 1006.6(b)(1)).

use super::parameters::Policy;
use super::question::Question;
use super::reason;
use super::times::{When, at, clock_changes, clock_of, date_of, first_permitted, plus, start_of};
use crate::contact::decision::Reason;
use crate::contact::records::{DAYS, Day, InconvenientTime};
use crate::domain::Micros;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::collections::BTreeSet;

pub const HOURS: &str = "contact.hours";
pub const LOCATION: &str = "contact.hours.location";
pub const INCONVENIENT: &str = "contact.hours.inconvenient";
pub const PLACE: &str = "contact.place.inconvenient";

/// Days from a request on in which the next permitted time is looked for: inconvenient times come again each week.
const DAYS_AHEAD: &[i64] = &[9];
/// Where zones lie far apart there may be no hour in common before a clock is set.
const DAYS_AHEAD_OF_HOURS: &[i64] = &[9, 400];
const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// Whether clocks show a time from one to the other, both in seconds of the day, both within.
fn is_within([from, to]: [u32; 2], time: Micros, zone: &TimeZone) -> bool {
    (i64::from(from) * SECOND..=i64::from(to) * SECOND).contains(&clock_of(zone, time).1)
}

/// A window of inconvenient times: on which days of the week it begins, and from when to when, in microseconds of a day.
struct InconvenientWindow {
    days: [bool; 7],
    from: i64,
    to: i64,
}

impl InconvenientWindow {
    fn of(time: &InconvenientTime) -> Option<Self> {
        let at = |text: &str| InconvenientTime::seconds(text).map(|seconds| i64::from(seconds) * SECOND);
        let days = DAYS.map(|day| time.days.is_empty() || time.days.iter().any(|word| word == day));
        let (from, to) = (at(&time.from)?, at(&time.to)?);
        // From one time to the same is a whole day.
        Some(Self { days, from, to: if from == to { from + DAY } else { to } })
    }

    /// Whether it holds a time of a day of the week, counted from Monday.
    fn holds(&self, today: usize, clock: i64) -> bool {
        let yesterday = (today + 6) % 7;
        // What ends before it begins, or behind midnight, goes on the next day.
        let ends = if self.from <= self.to { self.to } else { self.to + DAY };
        self.days[today] && (self.from..ends).contains(&clock) || self.days[yesterday] && clock + DAY < ends
    }
}

pub fn judge(policy: &Policy, question: &Question<'_>, is_lifted: bool, reasons: &mut Vec<Reason>) {
    if is_lifted || !policy.hours_channels.contains(&question.channel) {
        return;
    }
    let [from, to] = policy.hours;
    if from != to {
        if !question.zones.are_known {
            let why = "no time zone is known where the person may be";
            reasons.push(reason(LOCATION, why));
        } else if let Some(not_before) =
            refused_until(question, (&[from], DAYS_AHEAD_OF_HOURS), |time, zone| {
                is_within(policy.hours, time, zone)
            })
        {
            let [from, to] = policy.hours.map(clock_time);
            let message = format!("the local time is before {from} or after {to} where the person may be");
            reasons.push(Reason { code: HOURS.into(), message, not_before });
        }
    }
    let Some(record) = question.record() else { return };
    let windows: Vec<InconvenientWindow> =
        record.inconvenient_times.iter().filter_map(InconvenientWindow::of).collect();
    let ends = windows.iter().filter_map(|window| u32::try_from(window.to % DAY / SECOND).ok());
    let ends: Vec<u32> = ends.collect::<BTreeSet<_>>().into_iter().collect();
    if question.zones.are_known
        && !record.inconvenient_times.is_empty()
        && let Some(not_before) = refused_until(question, (&ends, DAYS_AHEAD), |time, zone| {
            let (date, clock) = clock_of(zone, time);
            let today = usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or(0);
            !windows.iter().any(|window| window.holds(today, clock))
        })
    {
        let message = "the person called the time inconvenient".to_owned();
        reasons.push(Reason { code: INCONVENIENT.into(), message, not_before });
    }
    if let Some(place) = question.contact.place()
        && record.inconvenient_places.iter().any(|inconvenient| inconvenient.trim().to_lowercase() == place)
    {
        reasons.push(reason(PLACE, "the person called contacts at this place inconvenient"));
    }
}

/// Where the time of the request is not permitted in each zone, or no moment of its day is: the first one from then on that is.
/// `begins`: when on a day it may begin to be, in seconds of that day besides its beginning.
fn refused_until(
    question: &Question<'_>,
    (begins, days_ahead): (&[u32], &[i64]),
    is_permitted: impl Fn(Micros, &TimeZone) -> bool,
) -> Option<Option<Micros>> {
    let zones = &question.zones;
    let permits = |time: Micros| zones.all(|zone| is_permitted(time, zone));
    let begin = zones.beginning(question.when);
    let moments = |ahead: i64| -> Vec<Micros> {
        let of_day = |zone: &TimeZone, date: Date| {
            let begins = begins.iter().flat_map(|seconds| at(zone, date, *seconds));
            begins.chain([start_of(zone, date)]).collect::<Vec<_>>()
        };
        let last = begin.plus(Micros(ahead * DAY));
        let of_zone = |zone| {
            let first = date_of(zone, begin);
            let days = (-1..=ahead).flat_map(|days| of_day(zone, plus(first, days)));
            // A clock that is set shows a time that it would not come to by itself.
            days.chain(clock_changes(zone, begin, last)).collect::<Vec<_>>()
        };
        zones.iter().flat_map(of_zone).collect()
    };
    let is_now = match question.when {
        When::At(time) => permits(time),
        When::On(Day(date)) => {
            let is_on = |time: Micros| zones.all(|zone| date_of(zone, time) == date);
            first_permitted(begin, moments(1), |time| is_on(time) && permits(time)).is_some()
        }
    };
    (!is_now).then(|| days_ahead.iter().find_map(|ahead| first_permitted(begin, moments(*ahead), permits)))
}

/// `8:00`, or `8:00:30`.
fn clock_time(seconds: u32) -> String {
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match second {
        0 => format!("{hour}:{minute:02}"),
        _ => format!("{hour}:{minute:02}:{second:02}"),
    }
}
