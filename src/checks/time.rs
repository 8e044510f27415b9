//! Group time (checks 17, 18): events from the future, and events that come too late. How far an event may move stream
//! time, and which local day a time falls on.

use super::Context;
use super::catalogue::Check;
use super::findings::{Effect, Finding, Findings, Rule};
use crate::domain::Micros;
use crate::domain::enums::CountryCode;
use crate::domain::record::RecordTime;
use crate::domain::zones;
use jiff::tz::TimeZone;

/// `checks.time`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameters {
    /// `future.enabled`
    pub future: bool,
    /// `future.skew`: how far an event may lie after its record's timestamp.
    pub skew: Micros,
    /// `late`
    pub late: Rule,
    /// `late.older_than`: how far an event may lie before stream time.
    pub older_than: Micros,
    /// `files`
    pub files: FileTimes,
}

/// `checks.time.files`: when a line of a file, which has no record time, lies too far ahead to be believed alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileTimes {
    /// `ahead`: how far a line may lie after stream time by itself.
    pub ahead: Micros,
    /// `lines`: how many of the lines that follow are looked at, at most [`crate::domain::limits::FILE_LINES_AHEAD_MAX`].
    pub lines: usize,
}

impl FileTimes {
    /// Whether a line of this time lies too far after `now` to be believed alone.
    #[must_use]
    pub fn is_far(&self, time: Micros, now: Micros) -> bool {
        time > now.plus(self.ahead)
    }
}

/// How far an event of this time may move stream time, given what is known of its record; none where not at all.
#[must_use]
pub fn reach(time: Micros, record: RecordTime, skew: Micros) -> Option<Micros> {
    match record {
        RecordTime::None | RecordTime::LineFarAhead => None,
        RecordTime::Written(written) => Some(time.min(written.plus(skew))),
        RecordTime::Line => Some(time),
    }
}

/// Check 17: the event lies after its record's timestamp, by more than the skew, or the record has none. A line of a file
/// has no timestamp to be held against.
#[must_use]
pub fn check_future(time: Option<Micros>, record: RecordTime, parameters: &Parameters) -> Option<Finding> {
    let message = match (record, time) {
        _ if !parameters.future => return None,
        (RecordTime::None, _) => "the record has no time: the event cannot be held against it".to_owned(),
        (RecordTime::Written(written), Some(time)) if time > written.plus(parameters.skew) => {
            let skew = span(parameters.skew);
            format!("time {time} is more than {skew} after its record was written ({written})")
        }
        _ => return None,
    };
    Some(Finding::new(Check::Future, Effect::NotEvaluated, message).at("time"))
}

/// Check 18: the event lies further back than accepted.
pub fn check_late(context: &Context<'_>, findings: &mut Findings) {
    let parameters = &context.parameters.time;
    let event = context.event();
    let (now, bookkeeping) = (context.now, event.is_bookkeeping());
    let remembered = match bookkeeping {
        false => context.parameters.repeat.remember,
        true => context.parameters.correction.originals.max(context.parameters.repeat.remember),
    };
    let is_late = parameters.late.enabled && !bookkeeping && event.time < now.minus(parameters.older_than);
    // Whether it was booked before cannot be told: it waits at least, whatever the parameters say.
    let is_forgotten = event.time < now.minus(remembered);
    if !is_late && !is_forgotten {
        return;
    }
    let (allowed, effect) = match (is_late, is_forgotten) {
        (true, false) => (parameters.older_than, parameters.late.effect),
        (true, true) => (parameters.older_than, parameters.late.effect.max(Effect::Pending)),
        (false, _) => (remembered, Effect::Pending),
    };
    let message = format!(
        "time {} is more than {} before the newest event of the partition ({now})",
        event.time,
        span(allowed),
    );
    let finding = Finding::new(Check::Late, effect, message).at("time");
    findings.add(match is_forgotten {
        false => finding,
        true => finding.detailed(format!(
            "events are remembered for {}: that this one was booked before cannot be ruled out",
            span(remembered)
        )),
    });
}

/// A span as a person says it: `72 h`, `2 min`.
#[must_use]
pub fn span(span: Micros) -> String {
    const UNITS: [(i64, &str); 4] =
        [(3_600_000_000, "h"), (60_000_000, "min"), (1_000_000, "s"), (1_000, "ms")];
    for (unit, name) in UNITS {
        if span.0 != 0 && span.0 % unit == 0 {
            return format!("{} {name}", span.0 / unit);
        }
    }
    format!("{} us", span.0)
}

/// The calendar day in a country's capital, as a count that differs from day to day.
#[must_use]
pub fn local_day(country: CountryCode, time: Micros) -> Option<(i16, i16)> {
    let zone = time_zone(country)?;
    let local = jiff::Timestamp::from_microsecond(time.0).ok()?.to_zoned(zone).date();
    Some((local.year(), local.day_of_year()))
}

/// The time zone of a country's capital.
fn time_zone(country: CountryCode) -> Option<TimeZone> {
    let name = match country {
        CountryCode::No => "Europe/Oslo",
        CountryCode::Se => "Europe/Stockholm",
        CountryCode::Fi => "Europe/Helsinki",
        CountryCode::Dk => "Europe/Copenhagen",
        CountryCode::De => "Europe/Berlin",
        CountryCode::At => "Europe/Vienna",
        CountryCode::Ch => "Europe/Zurich",
        CountryCode::Nl => "Europe/Amsterdam",
        CountryCode::Be => "Europe/Brussels",
        CountryCode::Unrecognized => return None,
    };
    zones::time_zone(name)
}
