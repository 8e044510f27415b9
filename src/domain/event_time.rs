//! Event time: microseconds since 1970-01-01T00:00:00Z, and RFC 3339 read strictly.
//!
//! Time in tillgate is data that comes with a record. Nothing here asks a clock.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;

/// A point in time, or a span, in microseconds (`timestamp-micros` of the contract).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(pub i64);

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

impl Micros {
    /// The first point in time that RFC 3339 can say: 0000-01-01T00:00:00Z.
    pub const FIRST: Self = Self(-62_167_219_200 * SECOND);
    /// The last one, to the microsecond: 9999-12-31T23:59:59.999999Z.
    pub const LAST: Self = Self(253_402_300_800 * SECOND - 1);

    /// Whether RFC 3339 can say this point in time: years 0000 to 9999.
    #[must_use]
    pub fn has_a_date(self) -> bool {
        (Self::FIRST..=Self::LAST).contains(&self)
    }

    /// From Kafka's record timestamps.
    #[must_use]
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// As Kafka's record timestamps are.
    #[must_use]
    pub fn millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Later by `span`; stays within range.
    #[must_use]
    pub fn plus(self, span: Self) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// Earlier by `span`; stays within range.
    #[must_use]
    pub fn minus(self, span: Self) -> Self {
        Self(self.0.saturating_sub(span.0))
    }

    /// The day in UTC, counted from 1970.
    #[must_use]
    pub fn utc_day(self) -> i32 {
        // Days of 64 bits of microseconds fit.
        self.0.div_euclid(DAY) as i32
    }

    /// Reads an RFC 3339 date-time, the whole text and nothing else.
    ///
    /// `t` and `z` may be small; a leap second is read where one can be (23:59:60 UTC) and counts as
    /// the first instant of the next minute; digits beyond microseconds are cut off. Years 0000 to 9999, in UTC too.
    #[must_use]
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() < 20 || bytes[4] != b'-' || bytes[7] != b'-' || bytes[13] != b':' || bytes[16] != b':'
        {
            return None;
        }
        if !matches!(bytes[10], b'T' | b't') {
            return None;
        }
        let (year, month, day) = (digits(&bytes[..4])?, digits(&bytes[5..7])?, digits(&bytes[8..10])?);
        let (hour, minute, second) =
            (digits(&bytes[11..13])?, digits(&bytes[14..16])?, digits(&bytes[17..19])?);
        if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
            return None;
        }
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let (fraction, rest) = fraction(&bytes[19..])?;
        let offset_minutes = offset_minutes(rest)?;
        let minutes = days_from_civil(year, month, day) * 1_440 + hour * 60 + minute - offset_minutes;
        if second == 60 && minutes.rem_euclid(1_440) != 1_439 {
            return None;
        }
        let fraction = if second == 60 { 0 } else { fraction };
        Some(Self((minutes * 60 + second) * SECOND + fraction)).filter(|time| time.has_a_date())
    }
}

/// Written as RFC 3339 in UTC, with as many decimals as matter: `2018-06-01T00:01:11Z`. What it cannot say is written as
/// the first or last that it can.
impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(time) = (*self).clamp(Self::FIRST, Self::LAST);
        let (year, month, day) = civil_from_days(time.div_euclid(DAY));
        let of_day = time.rem_euclid(DAY);
        let (seconds, micros) = (of_day / SECOND, of_day % SECOND);
        let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        match micros {
            0 => f.write_str("Z"),
            _ if micros % 1_000 == 0 => write!(f, ".{:03}Z", micros / 1_000),
            _ => write!(f, ".{micros:06}Z"),
        }
    }
}

/// As RFC 3339 has it.
impl Serialize for Micros {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Micros {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(from)?;
        Self::parse_rfc3339(&text).ok_or_else(|| D::Error::custom("a time is not one of RFC 3339"))
    }
}

fn digits(bytes: &[u8]) -> Option<i64> {
    bytes.iter().try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0')))
}

/// Microseconds of an optional `.123...`, and what follows it.
fn fraction(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let [b'.', rest @ ..] = bytes else {
        return Some((0, bytes));
    };
    let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if length == 0 {
        return None;
    }
    let mut micros = 0;
    for place in 0..6 {
        micros = micros * 10 + rest[..length].get(place).map_or(0, |digit| i64::from(digit - b'0'));
    }
    Some((micros, &rest[length..]))
}

fn offset_minutes(bytes: &[u8]) -> Option<i64> {
    let (sign, rest) = match bytes {
        [b'Z' | b'z'] => return Some(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    if rest.len() != 5 || rest[2] != b':' {
        return None;
    }
    let (hours, minutes) = (digits(&rest[..2])?, digits(&rest[3..])?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970-01-01 in the proleptic Gregorian calendar; years are counted from March so that
/// the leap day is the last of its year.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_and_writes_known_times() {
        for (text, micros) in [
            ("1970-01-01T00:00:00Z", 0),
            ("2018-06-01T00:01:11Z", 1_527_811_271_000_000),
            ("1963-06-19T08:30:06.283185Z", -206_292_593_716_815),
            ("2000-02-29T23:59:59.5Z", 951_868_799_500_000),
        ] {
            assert_eq!(Micros::parse_rfc3339(text), Some(Micros(micros)), "{text}");
        }
        assert_eq!(Micros(951_868_799_500_000).to_string(), "2000-02-29T23:59:59.500Z");
        assert_eq!(
            Micros::parse_rfc3339("1998-12-31T23:59:60Z"),
            Micros::parse_rfc3339("1999-01-01T00:00:00Z")
        );
    }

    #[test]
    fn takes_years_0000_to_9999_in_utc_and_writes_no_others() {
        for (text, time) in [
            ("0000-01-01T00:00:00Z", Some(Micros::FIRST)),
            ("0000-01-01T00:59:59+01:00", None),
            ("9999-12-31T23:59:59.999999Z", Some(Micros::LAST)),
            ("9999-12-31T23:00:00-01:00", None),
            ("9999-12-31T23:59:60Z", None),
        ] {
            assert_eq!(Micros::parse_rfc3339(text), time, "{text}");
        }
        assert_eq!(Micros(i64::MIN).to_string(), "0000-01-01T00:00:00Z");
        assert_eq!(Micros(i64::MAX).to_string(), "9999-12-31T23:59:59.999999Z");
    }

    proptest! {
        #[test]
        fn writing_and_reading_give_the_same_time(micros in Micros::FIRST.0..=Micros::LAST.0) {
            prop_assert_eq!(Micros::parse_rfc3339(&Micros(micros).to_string()), Some(Micros(micros)));
        }
    }
}
