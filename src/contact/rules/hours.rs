//! Hours, and times and places that the person called inconvenient (12 CFR 1006.6(b)(1)).

use super::parameters::Policy;
use super::question::Question;
use super::reason;
use super::times::{When, at, clock_changes, clock_of, date_of, first_permitted, plus, start_of};
use crate::contact::decision::Reason;
use crate::contact::records::{Day, InconvenientTime};
use crate::domain::Micros;
use jiff::civil::Date;
use jiff::tz::TimeZone;

pub const HOURS: &str = "contact.hours";
pub const LOCATION: &str = "contact.hours.location";
pub const INCONVENIENT: &str = "contact.hours.inconvenient";
pub const PLACE: &str = "contact.place.inconvenient";

/// Days from a request on in which the next permitted time is looked for: inconvenient times come again each week, and where
/// zones lie far apart a clock has to be set first.
const DAYS_AHEAD: [i64; 2] = [9, 400];
const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// When contacts are permitted.
trait Times {
    /// Whether a moment is.
    fn permits(&self, time: Micros, zone: &TimeZone) -> bool;
    /// When on a day it may begin to be, in seconds of that day besides its beginning.
    fn begins(&self) -> Vec<u32>;
}

struct Hours([u32; 2]);

impl Times for Hours {
    fn permits(&self, time: Micros, zone: &TimeZone) -> bool {
        let [from, to] = self.0.map(|seconds| i64::from(seconds) * SECOND);
        (from..=to).contains(&clock_of(zone, time).1)
    }

    fn begins(&self) -> Vec<u32> {
        vec![self.0[0]]
    }
}

struct Inconvenient<'r>(&'r [InconvenientTime]);

impl Times for Inconvenient<'_> {
    fn permits(&self, time: Micros, zone: &TimeZone) -> bool {
        let (date, clock) = clock_of(zone, time);
        !self.0.iter().any(|window| holds(window, date, clock))
    }

    fn begins(&self) -> Vec<u32> {
        self.0.iter().filter_map(|window| InconvenientTime::seconds(&window.to)).collect()
    }
}

/// Whether a window holds a moment of a day.
fn holds(window: &InconvenientTime, date: Date, clock: i64) -> bool {
    let seconds = |text: &str| InconvenientTime::seconds(text).map(|seconds| i64::from(seconds) * SECOND);
    let (Some(from), Some(to)) = (seconds(&window.from), seconds(&window.to)) else { return false };
    let on = |date: Date| {
        let day = usize::try_from(date.weekday().to_monday_zero_offset()).unwrap_or(0);
        window.days.is_empty() || window.days.iter().any(|word| word == crate::contact::records::DAYS[day])
    };
    if from <= to {
        return on(date) && (from..to).contains(&clock);
    }
    on(date) && clock >= from || on(plus(date, -1)) && clock < to
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
        } else if let Some(not_before) = refused(question, &Hours(policy.hours)) {
            let [from, to] = policy.hours.map(shown);
            let message = format!("the local time is before {from} or after {to} where the person may be");
            reasons.push(Reason { code: HOURS, message, not_before });
        }
    }
    let Some(record) = question.record() else { return };
    if question.zones.are_known
        && !record.inconvenient_times.is_empty()
        && let Some(not_before) = refused(question, &Inconvenient(&record.inconvenient_times))
    {
        let message = "the person called the time inconvenient".to_owned();
        reasons.push(Reason { code: INCONVENIENT, message, not_before });
    }
    if let Some(place) = question.contact.place()
        && record.inconvenient_places.iter().any(|inconvenient| inconvenient == place)
    {
        reasons.push(reason(PLACE, format!("the person called contacts at {place} inconvenient")));
    }
}

/// Where the time of the request is not permitted in each zone, or no moment of its day is: the first one from then on that is.
fn refused(question: &Question<'_>, times: &impl Times) -> Option<Option<Micros>> {
    let zones = &question.zones;
    let permits = |time: Micros| zones.all(|zone| times.permits(time, zone));
    let begin = zones.beginning(question.when);
    let begins = times.begins();
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
    let is_permitted = match question.when {
        When::At(time) => permits(time),
        When::On(Day(date)) => {
            let is_on = |time: Micros| zones.all(|zone| date_of(zone, time) == date);
            first_permitted(begin, moments(1), |time| is_on(time) && permits(time)).is_some()
        }
    };
    (!is_permitted)
        .then(|| DAYS_AHEAD.into_iter().find_map(|ahead| first_permitted(begin, moments(ahead), permits)))
}

/// `8:00`, or `8:00:30`.
fn shown(seconds: u32) -> String {
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match second {
        0 => format!("{hour}:{minute:02}"),
        _ => format!("{hour}:{minute:02}:{second:02}"),
    }
}
