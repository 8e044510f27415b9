//! Hours, and times and places that the person called inconvenient (12 CFR 1006.6(b)(1)).

use super::parameters::Policy;
use super::question::Question;
use super::reason;
use super::times::When;
use super::week::{DAY, SECOND, Week};
use crate::contact::decision::Reason;
use crate::contact::records::{DAYS, InconvenientTime};
use crate::domain::Micros;

pub const HOURS: &str = "contact.hours";
pub const LOCATION: &str = "contact.hours.location";
pub const INCONVENIENT: &str = "contact.hours.inconvenient";
pub const PLACE: &str = "contact.place.inconvenient";

/// How far ahead the next permitted time is looked for: past every change of the clocks. Inconvenient times come again each week,
/// but where zones lie far apart a clock has to be set first.
const AHEAD: Micros = Micros(400 * DAY);
/// By when a local day is over that has begun wherever the person may be.
const DAY_IS_OVER: Micros = Micros(3 * DAY);

/// What lies before and after hours of which both ends are permitted, by the seconds of a day.
fn outside(hours: [u32; 2]) -> Week {
    let [from, to] = hours.map(|seconds| i64::from(seconds) * SECOND);
    Week::of((0..7).flat_map(|day| [(day * DAY, day * DAY + from), (day * DAY + to + 1, (day + 1) * DAY)]))
}

/// The times that the person called inconvenient.
fn inconvenient(times: &[InconvenientTime]) -> Week {
    let seconds = |text: &str| InconvenientTime::seconds(text).map(|seconds| i64::from(seconds) * SECOND);
    let of_time = |time: &InconvenientTime| -> Option<Vec<(i64, i64)>> {
        let (from, to) = (seconds(&time.from)?, seconds(&time.to)?);
        // From a later to an earlier hour it goes over midnight.
        let to = if from > to { to + DAY } else { to };
        let is_on = |day: &str| time.days.is_empty() || time.days.iter().any(|word| word == day);
        let days = (0..).zip(DAYS).filter(|(_, day)| is_on(day));
        Some(days.map(|(number, _)| (number * DAY + from, number * DAY + to)).collect())
    };
    Week::of(times.iter().filter_map(of_time).flatten())
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
        } else if let Some(not_before) = refused(question, &outside(policy.hours)) {
            let [from, to] = policy.hours.map(shown);
            let message = format!("the local time is before {from} or after {to} where the person may be");
            reasons.push(Reason { code: HOURS, message, not_before });
        }
    }
    let Some(record) = question.record() else { return };
    if question.zones.are_known
        && !record.inconvenient_times.is_empty()
        && let Some(not_before) = refused(question, &inconvenient(&record.inconvenient_times))
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
fn refused(question: &Question<'_>, week: &Week) -> Option<Option<Micros>> {
    let zones = &question.zones;
    let begin = zones.beginning(question.when);
    let is_permitted = match question.when {
        When::At(time) => week.permits(time, zones),
        When::On(day) => week.first(zones, [begin, begin.plus(DAY_IS_OVER)], Some(day)).is_some(),
    };
    (!is_permitted).then(|| week.first(zones, [begin, begin.plus(AHEAD)], None))
}

/// `8:00`, or `8:00:30`.
fn shown(seconds: u32) -> String {
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match second {
        0 => format!("{hour}:{minute:02}"),
        _ => format!("{hour}:{minute:02}:{second:02}"),
    }
}
